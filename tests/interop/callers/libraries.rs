//! What programs are written with.

use super::{CALLER, Caller, Failure, Place, is_served};

const ALL: [&str; 3] = [
    "bob@example.test",
    "carol@example.test",
    "dave@example.test",
];

#[test]
fn php_mail() {
    is_served(&Caller {
        needs: &["/usr/bin/php"],
        script: r#"
            php -n -d sendmail_path="$1 -t -i" -r '
                $headers = ["From" => "alice@example.org", "Cc" => "carol@example.test",
                    "Bcc" => "dave@example.test", "X-Long" => str_repeat("word ", 30),
                    "Content-Type" => "text/plain; charset=utf-8"];
                $text = "Grüße\r\n.\r\n..\nmixed line ends\r\nend";
                exit(mail("bob@example.test", "hello", $text, $headers, "-falice@example.org") ? 0 : 1);'
        "#,
        recipients: &ALL,
        failure: Failure::Status(1),
        ..CALLER
    });
}

#[test]
fn php_mail_as_debian_configures_it() {
    is_served(&Caller {
        needs: &["/usr/bin/php"],
        // Nothing is set, so that php looks along PATH, with its own "-t -i".
        script: r#"
            php -n -r 'exit(mail("bob@example.test", "hello", "text\n") ? 0 : 1);'
        "#,
        place: Place::Host,
        sender: "root@example.org",
        failure: Failure::Status(1),
        ..CALLER
    });
}

#[test]
fn perl_mime_lite() {
    is_served(&Caller {
        needs: &["/usr/share/perl5/MIME/Lite.pm"],
        script: r#"
            perl -MMIME::Lite -e '
                my $mail = MIME::Lite->new(
                    From => "Alice <alice\@example.org>", To => "bob\@example.test",
                    Cc => "carol\@example.test", Bcc => "dave\@example.test",
                    Subject => "hello", Type => "text/plain", Data => "one\n.\n..\ntwo\n");
                $mail->send("sendmail", Sendmail => $ARGV[0], SetSender => 1,
                    FromSender => "alice\@example.org") or die "not sent";' "$1"
        "#,
        recipients: &ALL,
        ..CALLER
    });
}

#[test]
fn perl_email_sender() {
    is_served(&Caller {
        needs: &["/usr/share/perl5/Email/Sender/Transport/Sendmail.pm"],
        script: r#"
            perl -MEmail::Sender::Simple -MEmail::Sender::Transport::Sendmail -e '
                my $way = Email::Sender::Transport::Sendmail->new({sendmail => $ARGV[0]});
                my $mail = "From: alice\@example.org\nTo: bob\@example.test\nSubject: hello\n\none\n.\ntwo\n";
                Email::Sender::Simple->send($mail, {transport => $way, from => "bounce\@example.org",
                    to => ["bob\@example.test", "dave\@example.test"]});' "$1"
        "#,
        sender: "bounce@example.org",
        recipients: &["bob@example.test", "dave@example.test"],
        ..CALLER
    });
}

#[test]
fn perl_mail_mailer() {
    is_served(&Caller {
        needs: &["/usr/share/perl5/Mail/Mailer.pm"],
        script: r#"
            PERL_MAILERS="sendmail:$1" perl -MMail::Mailer -e '
                my $mail = Mail::Mailer->new("sendmail", "-falice\@example.org");
                $mail->open({From => "alice\@example.org", To => "bob\@example.test",
                    Cc => "carol\@example.test", Bcc => "dave\@example.test", Subject => "hello"});
                print $mail "one\ntwo\n";
                exit($mail->close ? 0 : 1);'
        "#,
        recipients: &ALL,
        failure: Failure::Status(1),
        ..CALLER
    });
}

#[test]
fn node_nodemailer() {
    is_served(&Caller {
        needs: &["/usr/bin/node", "/opt/nodemailer/node_modules/nodemailer"],
        script: r#"
            cat > send.js <<'END'
const { createTransport } = require('/opt/nodemailer/node_modules/nodemailer');
const mail = {
    from: 'Alice Ärger <alice@example.org>', to: 'bob@example.test', cc: 'carol@example.test',
    bcc: 'dave@example.test', subject: 'hällo', text: 'Grüße\n.\n..\nend\n',
};
createTransport({ sendmail: true, path: process.argv[2] }).sendMail(mail, (error) => {
    if (error) console.log(error.message);
    process.exit(error ? 1 : 0);
});
END
            node send.js "$1"
        "#,
        recipients: &ALL,
        failure: Failure::Says("exited with code 75"),
        ..CALLER
    });
}

#[test]
fn node_nodemailer_with_more_than_a_pipe_holds() {
    is_served(&Caller {
        needs: &["/usr/bin/node", "/opt/nodemailer/node_modules/nodemailer"],
        script: r#"
            cat > send.js <<'END'
const { createTransport } = require('/opt/nodemailer/node_modules/nodemailer');
const mail = {
    from: 'alice@example.org', to: 'bob@example.test', subject: 'long', newline: 'unix',
    text: 'a line of text\n.\n'.repeat(100000),
};
createTransport({ sendmail: true, path: process.argv[2] }).sendMail(mail, (error) => {
    if (error) console.log(error.message);
    process.exit(error ? 1 : 0);
});
END
            node send.js "$1"
        "#,
        // It writes to a pipe that nobody reads to the end, and does not look further.
        failure: Failure::Status(1),
        ..CALLER
    });
}

//! Programs that people write mail with.

use super::{CALLER, Caller, Failure, Place, is_served};

const ALL: [&str; 3] = [
    "bob@example.test",
    "carol@example.test",
    "dave@example.test",
];

#[test]
fn mutt() {
    is_served(&Caller {
        needs: &["/usr/bin/mutt"],
        script: r#"
            printf 'Grüße\n.\n..\nFrom here\nend\n' |
            mutt -F /dev/null -e "set sendmail='$1 -oem -oi' record='' use_8bitmime=yes charset=utf-8" \
                -e 'set send_charset=utf-8 from=alice@example.org realname="Alice Ärger"' \
                -e 'set use_envelope_from=yes dsn_notify=failure,delay dsn_return=hdrs' \
                -s 'hällo' -c carol@example.test -b dave@example.test -- bob@example.test
        "#,
        recipients: &ALL,
        failure: Failure::Says("Error sending message, child exited 75"),
        ..CALLER
    });
}

#[test]
fn mutt_with_an_attachment() {
    is_served(&Caller {
        needs: &["/usr/bin/mutt"],
        script: r#"
            cat > draft <<'END'
From: Alice <alice@example.org>
To: bob@example.test
Bcc: dave@example.test
Subject: attached
Message-ID: <fixed@example.org>
Mime-Version: 1.0
Content-Type: multipart/mixed; boundary=xxx

--xxx
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Grüße
.
--xxx
Content-Type: application/octet-stream
Content-Disposition: attachment; filename=x.bin
Content-Transfer-Encoding: base64

AAECAwQFBgcICQo=
--xxx--
END
            mutt -F /dev/null -e "set sendmail='$1 -oem -oi' record='' envelope_from_address=bounce@example.org" \
                -e 'set use_envelope_from=yes charset=utf-8' -H draft < /dev/null
        "#,
        sender: "bounce@example.org",
        recipients: &["bob@example.test", "dave@example.test"],
        failure: Failure::Status(1),
        ..CALLER
    });
}

#[test]
fn s_nail() {
    is_served(&Caller {
        needs: &["/usr/bin/s-nail"],
        script: r#"
            printf 'Grüße\n.\nend\n' |
            s-nail -n -S v15-compat -S sendwait -S DEAD=dead -S mta="$1" -r alice@example.org \
                -s 'hällo' -c carol@example.test -b dave@example.test bob@example.test
        "#,
        recipients: &ALL,
        failure: Failure::Status(4),
        ..CALLER
    });
}

#[test]
fn bsd_mailx() {
    is_served(&Caller {
        needs: &["/usr/bin/bsd-mailx"],
        script: r#"
            printf 'set sendmail=%s\n' "$1" > mailrc
            export MAILRC="$PWD/mailrc" DEAD="$PWD/dead"
            printf 'Grüße\n.\nend\n' |
            bsd-mailx -n -s 'hällo' -r alice@example.org \
                -c carol@example.test -b dave@example.test bob@example.test
        "#,
        recipients: &ALL,
        failure: Failure::Status(1),
        ..CALLER
    });
}

const PATCH: &str = r"
    export GIT_AUTHOR_NAME='Alice Ärger' GIT_AUTHOR_EMAIL=alice@example.org
    export GIT_COMMITTER_NAME='Alice Ärger' GIT_COMMITTER_EMAIL=alice@example.org
    rm -rf tree
    git init -q -b main tree && cd tree && printf 'Grüße\n' > file && git add file || exit 99
    git commit -q -m 'Add a file with Grüße' -m 'A text
.
with a dot' || exit 99
";

#[test]
fn git_send_email() {
    is_served(&Caller {
        needs: &["/usr/lib/git-core/git-send-email"],
        script: &format!(
            "{PATCH}
            git send-email --quiet --confirm=never --smtp-server=\"$1\" --suppress-cc=all \
                --from='Alice Ärger <alice@example.org>' --envelope-sender=auto \
                --to=bob@example.test --cc=carol@example.test --bcc=dave@example.test -1"
        ),
        recipients: &ALL,
        ..CALLER
    });
}

#[test]
fn git_send_email_with_a_command_for_the_shell() {
    is_served(&Caller {
        needs: &["/usr/lib/git-core/git-send-email"],
        script: &format!(
            "{PATCH}
            git config sendemail.sendmailCmd \"$1 -v\"
            git send-email --quiet --confirm=never --suppress-cc=all \
                --from=alice@example.org --envelope-sender=bounce@example.org --to=bob@example.test -1"
        ),
        sender: "bounce@example.org",
        ..CALLER
    });
}

#[test]
fn reportbug() {
    is_served(&Caller {
        needs: &["/usr/bin/reportbug", "/usr/bin/script"],
        // It talks to terminals only, and takes no sender from a domain that is reserved.
        script: r#"
            export TERM=dumb EDITOR=true VISUAL=true TMPDIR="$PWD"
            cat > .reportbugrc <<'END'
reportbug_version "12.0.0"
END
            cat > report <<END
reportbug --offline --no-query-bts --no-check-available --no-check-installed --no-bug-script \
    --no-verify --no-config-files --no-debconf --no-cc-menu --no-tags-menu --ui=text --mode=expert \
    --mta=$1 --email=alice@sender.internal --realname=Alice --subject=broken --severity=normal \
    --body='It breaks.' --tag=none --bts=debian --package-version=1 coreutils
END
            printf 'y\n\n\n\n' | script -qec 'sh report' /dev/null
        "#,
        sender: "alice@sender.internal",
        recipients: &["submit@bugs.debian.org"],
        failure: Failure::Says("bug report will be saved"),
        ..CALLER
    });
}

#[test]
fn smartd_through_mail() {
    is_served(&Caller {
        needs: &[
            "/usr/share/smartmontools/smartd_warning.sh",
            "/usr/share/smartmontools/smartd-runner",
            "/usr/bin/bsd-mailx",
        ],
        // As smartd starts it, with Debian's 10mail as the last in the chain.
        script: r"
            ln -sf /usr/bin/bsd-mailx /etc/alternatives/mail
            export DEAD=/mnt/dead SMARTD_MAILER=/usr/share/smartmontools/smartd-runner
            export SMARTD_ADDRESS=root SMARTD_MESSAGE='Device: /dev/sda, FAILED SMART self-check'
            export SMARTD_FAILTYPE=Health SMARTD_PREVCNT=0 SMARTD_DEVICEINFO='A disk, S/N:1'
            /usr/share/smartmontools/smartd_warning.sh
        ",
        place: Place::Host,
        sender: "root@example.org",
        recipients: &["root@example.org"],
        failure: Failure::Says("exited with return code 1"),
    });
}

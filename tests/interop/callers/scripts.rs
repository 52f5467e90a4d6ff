//! Callers that are not here, by the arguments that their sources have.

use super::house::House;
use super::{CALLER, Caller, given_by};
use std::net::TcpListener;
use std::time::{Duration, Instant};

const BOB: [&str; 1] = ["bob@example.test"];
const ROOT: [&str; 1] = ["root@example.org"];

/// What cron says of a job, before the job's own words.
macro_rules! cron_says {
    ($command:literal) => {
        concat!(
            r"printf 'From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@host> job\n",
            r"X-Cron-Env: <SHELL=/bin/sh>\n\none\n.\ntwo\n' | ",
            $command
        )
    };
}

#[test]
fn vixie_cron() {
    let script = cron_says!(r#""$1" -FCronDaemon -odi -oem -or0s root"#);
    given_by(script, "root@example.org", &ROOT);
}

#[test]
fn cronie() {
    let script = cron_says!(r#""$1" -FCronDaemon -i -odi -oem -oi -t -f root"#);
    given_by(script, "root@example.org", &ROOT);
}

#[test]
fn systemd_cron() {
    let script = cron_says!("sendmail -i -B8BITMIME root");
    given_by(script, "root@example.org", &ROOT);
}

#[test]
fn fail2ban() {
    let script = r#"
        printf %b 'Subject: [Fail2Ban] sshd: banned 192.0.2.1 from host
Date: Mon, 20 Nov 2023 10:00:00 +0000
From: Fail2Ban <fail2ban@example.org>
To: bob@example.test\n
Hi,\n
The IP 192.0.2.1 has just been banned by Fail2Ban.\n
Regards,\n
Fail2Ban' | "$1" -f "fail2ban@example.org" "bob@example.test"
    "#;
    given_by(script, "fail2ban@example.org", &BOB);
}

#[test]
fn unattended_upgrades() {
    let script = r#"
        printf 'Subject: [package on hold] unattended-upgrades result for host: SUCCESS
To: bob@example.test
Auto-Submitted: auto-generated
MIME-Version: 1.0
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: quoted-printable

Gr=C3=BC=C3=9Fe
.
end' | "$1" -oi -t
    "#;
    given_by(script, "root@example.org", &BOB);
}

#[test]
fn apt_listchanges() {
    let script = r#"
        printf 'Auto-Submitted: auto-generated
Content-Type: text/plain; charset="utf-8"
MIME-Version: 1.0
Content-Transfer-Encoding: base64
Subject: apt-listchanges: news for host
To: root
From: root

R3LDvMOfZQo=
' | "$1" -oi -t
    "#;
    given_by(script, "root@example.org", &ROOT);
}

#[test]
fn popularity_contest() {
    let script = r#"
        printf 'MIME-Version: 1.0\nTo: bob@example.test\nSubject: popularity-contest submission\n\ntext\n' |
        "$1" -oi -f alice@example.org bob@example.test
    "#;
    given_by(script, "alice@example.org", &BOB);
}

#[test]
fn rkhunter() {
    let script = r#"
        printf 'Subject: [rkhunter] host - Daily report\nTo: root\n\nPlease inspect this machine.\n' |
        "$1" root
    "#;
    given_by(script, "root@example.org", &ROOT);
}

#[test]
fn mass_bug() {
    let script = r#"
        printf 'From: Alice <alice@example.org>\nTo: bob@example.test\nBcc: carol@example.test\nSubject: bug\n\ntext\n' |
        "$1" -t
    "#;
    given_by(
        script,
        "root@example.org",
        &["bob@example.test", "carol@example.test"],
    );
}

#[test]
fn mutt_with_every_flag() {
    let script = r#"
        printf 'From: alice@example.org\nTo: bob@example.test\nSubject: x\n\nGrüße\n.\nend\n' |
        "$1" -oem -oi -B8BITMIME -f alice@example.org -N failure,delay -R hdrs -- bob@example.test
    "#;
    given_by(script, "alice@example.org", &BOB);
}

#[test]
fn a_shell_script_without_a_header() {
    let script = r#"printf 'only a text: no header\n.\nnot this\n' | "$1" bob@example.test"#;
    given_by(script, "root@example.org", &BOB);
}

#[test]
fn a_report_from_nobody() {
    let script = r#"
        printf 'From: MAILER-DAEMON@example.org\nTo: bob@example.test\nSubject: x\n\ntext\n' |
        "$1" -i -f '<>' bob@example.test
    "#;
    given_by(script, "", &BOB);
}

/// Longer than it takes to keep a message, and shorter than any server is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn nobody_waits_for_a_server_that_says_nothing() {
    // A shell reads until everybody has closed the pipe.
    let script = r#"
        said=$(printf 'Subject: x\n\ntext\n' | "$1" -i bob@example.test 2>&1) && [ -z "$said" ]
    "#;
    let caller = Caller { script, ..CALLER };
    let Some(house) = House::start(&caller) else {
        return;
    };
    // Connections are made, and nobody takes them.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    house.relay_to(&server.local_addr().unwrap().to_string());
    let began = Instant::now();
    house.run(&caller).ends_well();
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    assert!(house.keeps_something());
}

//! What was signed before stays valid through `--message`: the bytes between the signer and the
//! verifier are the same.

use crate::parts;
use crate::postfix::Postfix;
use crate::reader::Reader;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const SHELL: [&str; 3] = ["/bin/sh", "-e", "-c"];

/// Runs a script in a directory; fails with what it said.
#[track_caller]
fn shell(directory: &Path, script: &str) {
    let done = shell_command(directory, script).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{script}: {said}");
}

fn shell_command(directory: &Path, script: &str) -> Command {
    let mut command = Reader::command(&[&SHELL[..], &[script]].concat());
    command
        .current_dir(directory)
        .env("GNUPGHOME", directory.join("gnupg"));
    command
}

/// What is signed: lines that travel badly, and no line end at the end.
const TEXT: &str =
    "Content-Type: text/plain\r\n\r\n.\r\n..\r\nFrom me \r\n\t\r\n=20\r\n\r\n\r\nend";

const HEADER: &str = "Date: Mon, 20 Nov 2023 10:00:00 +0000\n\
    from:  Alice   <alice@sender.test>\nTo: bob@example.test\nBCC : carol@example.test,\n\
    \x20carol@example.test\nSubject: odd   blanks\n\tand folds\nMessage-ID: <1@sender.test>\n";

/// Sends `message.eml`, and puts what arrived into `came.eml` as it was on the wire.
#[track_caller]
fn travels(directory: &Path) {
    let Some(postfix) = Postfix::start() else {
        return;
    };
    let arguments = ["--message", "message.eml"];
    postfix.send(directory, &arguments).ends_with(0);
    let came = postfix.receive("bob");
    postfix.receive("carol");
    let text = String::from_utf8_lossy(&came).to_lowercase();
    assert!(!text.contains("\nbcc"), "{text}");
    let mut wire = Vec::new();
    for line in came.split_inclusive(|&byte| byte == b'\n') {
        wire.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
        wire.extend_from_slice(b"\r\n");
    }
    fs::write(directory.join("came.eml"), wire).unwrap();
}

/// Sends the message with both kinds of line ends, and verifies it each time.
#[track_caller]
fn stays_valid(directory: &Path, message: &[u8], verify: &str) {
    let lines: Vec<u8> = message
        .iter()
        .copied()
        .filter(|&byte| byte != b'\r')
        .collect();
    let mut wire = Vec::new();
    for &byte in &lines {
        wire.extend_from_slice(if byte == b'\n' {
            b"\r\n"
        } else {
            std::slice::from_ref(&byte)
        });
    }
    for form in [&lines, &wire] {
        fs::write(directory.join("message.eml"), form).unwrap();
        travels(directory);
        if directory.join("came.eml").exists() {
            shell(directory, verify);
        }
    }
}

fn directory_for(program: &str, package: &str) -> Option<TempDir> {
    let probe = format!("command -v {program}");
    let mut command = Reader::command(&[&SHELL[..], &[&probe]].concat());
    parts::works(&mut command, package).then(|| {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("text"), TEXT).unwrap();
        directory
    })
}

#[test]
fn an_smime_signature_stays_valid() {
    let Some(directory) = directory_for("openssl", "openssl") else {
        return;
    };
    let path = directory.path();
    shell(
        path,
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -days 2 \
         -subj /CN=alice/emailAddress=alice@sender.test \
         -addext extendedKeyUsage=emailProtection
         openssl cms -sign -binary -in text -signer cert -inkey key -out signed -md sha256",
    );
    let signed = fs::read(path.join("signed")).unwrap();
    let message = [HEADER.as_bytes(), &signed].concat();
    let verify = "openssl cms -verify -in came.eml -CAfile cert -out out";
    stays_valid(path, &message, verify);
    // The verifier must be one that notices.
    let came = fs::read(path.join("came.eml")).unwrap_or_default();
    if !came.is_empty() {
        let forged = String::from_utf8_lossy(&came).replacen("From me", "From us", 1);
        fs::write(path.join("came.eml"), forged).unwrap();
        let fooled = shell_command(path, verify).status().unwrap().success();
        assert!(!fooled, "the verifier takes anything");
    }
}

#[test]
fn a_pgp_signature_stays_valid() {
    let Some(directory) = directory_for("gpg", "gnupg") else {
        return;
    };
    let path = directory.path();
    shell(
        path,
        "mkdir -m 700 gnupg
         gpg --batch --quiet --passphrase '' --quick-generate-key alice@sender.test default default never
         gpg --batch --quiet --armor --detach-sign --digest-algo SHA256 --output sig text",
    );
    let signature = fs::read_to_string(path.join("sig")).unwrap();
    let message = format!(
        "{HEADER}MIME-Version: 1.0\nContent-Type: multipart/signed; micalg=pgp-sha256;\n\
         \tprotocol=\"application/pgp-signature\"; boundary=\"b\"\n\npreamble\n--b\n{TEXT}\n--b\n\
         Content-Type: application/pgp-signature\n\n{signature}\n--b--\nepilogue without an end"
    );
    let verify = "python3 -c 'import re
whole = open(\"came.eml\", \"rb\").read()
parts = whole.split(b\"\\r\\n--b\")
open(\"part\", \"wb\").write(parts[1].removeprefix(b\"\\r\\n\"))
open(\"sig2\", \"wb\").write(parts[2].split(b\"\\r\\n\\r\\n\", 1)[1])
assert parts[3] == b\"--\\r\\nepilogue without an end\\r\\n\", parts[3]'
gpg --batch --quiet --verify sig2 part";
    stays_valid(path, message.as_bytes(), verify);
    let _ = shell_command(path, "gpgconf --kill all").status();
}

#[test]
fn a_dkim_signature_stays_valid() {
    let mut probe = Reader::command(&["/usr/bin/python3", "-c", "import dkim"]);
    if !parts::works(&mut probe, "python3-dkim") {
        return;
    }
    let Some(directory) = directory_for("openssl", "openssl") else {
        return;
    };
    let path = directory.path();
    shell(
        path,
        "openssl genrsa -traditional -out key 2048
         openssl rsa -in key -pubout -outform DER -out public",
    );
    let header: String = HEADER.replace("BCC : carol@example.test,\n carol@example.test\n", "");
    for (canonicalization, text) in [("simple", "text \n.\n\n\n\nlast\n"), ("relaxed", "text\n")] {
        let message = format!("{header}\n{text}").replace('\n', "\r\n");
        fs::write(path.join("plain"), message).unwrap();
        shell(
            path,
            &format!(
                "/usr/bin/python3 -c 'import dkim
plain = open(\"plain\", \"rb\").read()
way = (b\"{canonicalization}\", b\"{canonicalization}\")
names = [b\"from\", b\"to\", b\"subject\", b\"date\", b\"message-id\"]
print(dkim.sign(plain, b\"s\", b\"sender.test\", open(\"key\", \"rb\").read(), canonicalize=way, include_headers=names).decode(), end=\"\")' > signature"
            ),
        );
        let signature = fs::read_to_string(path.join("signature")).unwrap();
        let hidden = "Bcc: carol@example.test\n";
        let message = format!("{signature}{hidden}{header}\n{text}");
        let verify = "/usr/bin/python3 -c 'import base64, dkim
key = base64.b64encode(open(\"public\", \"rb\").read())
said = lambda name, timeout=5: b\"v=DKIM1; k=rsa; p=\" + key
assert dkim.verify(open(\"came.eml\", \"rb\").read(), dnsfunc=said)'";
        stays_valid(path, message.as_bytes(), verify);
    }
}

//! S/MIME certificates by CAs with revocation lists, for recipients and for signers, and hidden recipients of every command
//! that makes several messages of one.

use crate::crypt::{LETTER, World, for_one_each};
use crate::receiver::Receiver;
use serde_json::Value;
use std::fs;
use std::process::Command;

/// A CA with a database, which issued certificates for bob that are good, revoked and expired; one of an intermediate CA, with
/// that CA's certificate and without; one of another CA; one that is self-signed; lists that are current and out of date.
const AUTHORITY: &str = "\
mkdir db; : >db/index.txt; echo 01 >db/crlnumber; echo 1000 >db/serial
printf '[ca]\\ndefault_ca=c\\n[c]\\ndatabase=db/index.txt\\ncrlnumber=db/crlnumber\\nserial=db/serial\\nnew_certs_dir=db\\n\
default_md=sha256\\ndefault_crl_days=30\\ndefault_days=30\\ncertificate=ca.crt\\nprivate_key=ca.key\\npolicy=p\\n\
unique_subject=no\\n[p]\\ncommonName=supplied\\n' >ca.cnf
printf 'subjectAltName=email:bob@hamburger.edu\\nkeyUsage=digitalSignature,keyEncipherment\\nextendedKeyUsage=emailProtection\\n' >mail.ext
printf 'basicConstraints=critical,CA:true\\n' >ca.ext
request() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -out $1.csr -subj /CN=$1; }
sign() { n=$1; shift; openssl ca -batch -notext -config ca.cnf -in $n.csr -out $n.crt \"$@\"; }
for n in good rev; do openssl req -newkey rsa:2048 -nodes -keyout $n.key -out $n.csr -subj /CN=$n; sign $n -extfile mail.ext; done
openssl req -newkey rsa:2048 -nodes -keyout exp.key -out exp.csr -subj /CN=exp
sign exp -extfile mail.ext -startdate 20200101000000Z -enddate 20210101000000Z
request between; sign between -extfile ca.ext
openssl req -newkey rsa:2048 -nodes -keyout leaf.key -out leaf.csr -subj /CN=leaf
openssl x509 -req -in leaf.csr -CA between.crt -CAkey between.key -CAcreateserial -out leaf.crt -days 9 -extfile mail.ext
cat leaf.crt between.crt >chain.crt
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other_ca.key -out other_ca.crt -subj /CN=OTHER -days 9
openssl req -newkey rsa:2048 -nodes -keyout other.key -out other.csr -subj /CN=other
openssl x509 -req -in other.csr -CA other_ca.crt -CAkey other_ca.key -CAcreateserial -out other.crt -days 9 -extfile mail.ext
openssl req -x509 -newkey rsa:2048 -nodes -keyout self.key -out self.crt -subj /CN=self -days 9 \
    -addext subjectAltName=email:bob@hamburger.edu -addext keyUsage=keyEncipherment
openssl ca -config ca.cnf -gencrl -out empty.crl
openssl ca -config ca.cnf -revoke rev.crt
openssl ca -config ca.cnf -gencrl -out ca.crl
openssl ca -config ca.cnf -gencrl -out old.crl -crl_lastupdate 20200101000000Z -crl_nextupdate 20200201000000Z
openssl crl -in ca.crl -outform DER -out ca.der
openssl x509 -in ca.crt -outform DER -out ca.crt.der
cat ca.crt other_ca.crt >both.crt
";

fn world() -> Option<World> {
    let world = World::new(1)?;
    world.succeeds(AUTHORITY);
    Some(world)
}

const ENCRYPT: [&str; 2] = ["--encrypt", "smime"];

/// Options of CAs, the certificate, the exit status, and words of the error.
type Case<'a> = (&'a [&'a str], &'a str, i32, &'a str);

#[test]
fn certificate_of_a_recipient_must_be_issued_and_not_revoked_if_cas_are_named() {
    let Some(world) = world() else { return };
    let server = Receiver::start(&["--mbox", "mbox"]);
    let relay = server.relay();
    let (ca, crl) = (["--smime-ca", "ca.crt"], ["--smime-crl", "ca.crl"]);
    let listed = [ca, crl].concat();
    let der = ["--smime-ca", "ca.crt.der", "--smime-crl", "ca.der"];
    let old = ["--smime-ca", "ca.crt", "--smime-crl", "old.crl"];
    let both = ["--smime-ca", "both.crt", "--smime-crl", "ca.crl"];
    let cases: [Case<'_>; 20] = [
        // Trusted as they are named.
        (&[], "self.crt", 0, ""),
        (&[], "rev.crt", 0, ""),
        (&[], "exp.crt", 65, "has expired, for <bob@hamburger.edu>"),
        (&ca, "good.crt", 0, ""),
        (&ca, "rev.crt", 0, ""),
        (&ca, "exp.crt", 65, "has expired, for <bob@hamburger.edu>"),
        (&ca, "chain.crt", 0, ""),
        (
            &ca,
            "leaf.crt",
            65,
            "leaf.crt is not trusted: unable to get",
        ),
        (
            &ca,
            "other.crt",
            65,
            "other.crt is not trusted: unable to get",
        ),
        (&ca, "self.crt", 65, "is not trusted: self"),
        (&listed, "good.crt", 0, ""),
        (
            &listed,
            "rev.crt",
            65,
            "rev.crt is revoked, for <bob@hamburger.edu>",
        ),
        (&der, "good.crt", 0, ""),
        (&der, "rev.crt", 65, "is revoked, for <bob@hamburger.edu>"),
        (&old, "good.crt", 65, "CRL has expired"),
        (&both, "other.crt", 65, "unable to get certificate CRL"),
        (
            &["--smime-ca", "no.crt"],
            "good.crt",
            66,
            "--smime-ca no.crt",
        ),
        (&["--smime-ca", "ca.key"], "good.crt", 65, "no certificate"),
        (
            &["--smime-ca", "ca.crt", "--smime-crl", "ca.crt"],
            "good.crt",
            65,
            "no revocation list",
        ),
        (&crl, "good.crt", 64, "--smime-crl requires --smime-ca"),
    ];
    for (options, certificate, exit, words) in cases {
        let key = ["--encrypt-key", certificate, "--relay", &relay];
        let all = [&LETTER[..], &ENCRYPT, &key, options].concat();
        let ran = world.ehlo(&all, None);
        ran.ends_with(exit).complains(words);
        let mbox = fs::read_to_string(server.path("mbox")).unwrap_or_default();
        assert_eq!(mbox.is_empty(), exit != 0, "{options:?} {certificate}");
        assert!(!mbox.contains("secret text"), "{mbox}");
        let _ = fs::write(server.path("mbox"), "");
    }
    world
        .ehlo(
            &[&LETTER[..], &ca, &["--encrypt", "pgp", "--print"]].concat(),
            None,
        )
        .ends_with(64)
        .complains("require");
}

/// One certificate that must not be used, at each place among ten recipients, named or hidden; by options and a profile.
#[test]
fn one_bad_certificate_of_ten_sends_nothing() {
    let Some(world) = world() else { return };
    let server = Receiver::start(&["--mbox", "mbox"]);
    let path = |name: &str| world.path(name).display().to_string();
    let config = format!(
        "default = \"p\"\n[profile.p]\nrelay = \"{}\"\nencrypt = \"smime\"\nsmime-ca = \"{}\"\nsmime-crl = [\"{}\"]\n",
        server.relay(),
        path("ca.crt"),
        path("ca.crl")
    );
    fs::write(world.path("config.toml"), config).unwrap();
    let config = path("config.toml");
    let bad = [
        ("rev.crt", "is revoked"),
        ("exp.crt", "has expired"),
        ("other.crt", "is not trusted"),
        ("self.crt", "is not trusted"),
        ("leaf.crt", "is not trusted"),
        ("", "there is no certificate"),
    ];
    for place in 0..10 {
        let (name, why) = bad[place % bad.len()];
        let mut options = vec!["-f".to_owned(), "alice@crepes.fr".to_owned()];
        options.extend(["-b".to_owned(), "plain text".to_owned()]);
        for number in 0..10 {
            let recipient = format!("b{number}@hamburger.edu");
            let file = if number == place { name } else { "good.crt" };
            if !file.is_empty() {
                options.push("--encrypt-key".to_owned());
                options.push(format!("{file};for={recipient}"));
            }
            let field = ["--to", "--cc", "--bcc"][(number + place) % 3];
            options.extend([field.to_owned(), recipient]);
        }
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let ran = world.ehlo_with(&options, None, &[("EHLO_CONFIG", &config)]);
        ran.ends_with(65)
            .complains(why)
            .complains(&format!("<b{place}@hamburger.edu>"));
        let mbox = fs::read(server.path("mbox")).unwrap_or_default();
        assert!(mbox.is_empty(), "{options:?}");
    }
}

fn layer(world: &World, arguments: &[&str]) -> Value {
    let ran = world.ehlo(&[&["show", "--json"], arguments].concat(), None);
    ran.ends_with(0);
    let shown: Value = serde_json::from_slice(&ran.stdout).unwrap();
    shown["layers"][0].clone()
}

#[test]
fn signer_with_a_revoked_certificate_is_reported() {
    let Some(world) = world() else { return };
    let sign = ["--sign", "smime", "--sign-key", "alice.pem"];
    world.printed(&[&LETTER[..], &sign].concat(), "s.eml");
    world.succeeds(
        "openssl ca -config ca.cnf -revoke alice.crt; openssl ca -config ca.cnf -gencrl -out now.crl\n\
         printf 'Content-Type: text/plain\\r\\n\\r\\nsecret text\\r\\n' >body\n\
         { printf 'From: alice@crepes.fr\\nContent-Type: application/pkcs7-mime\\nContent-Transfer-Encoding: base64\\n\\n'\n\
         openssl cms -sign -binary -nodetach -outform DER -signer alice.pem -inkey alice.pem -in body | base64; } >o.eml",
    );
    let (yes, no, open): (Value, Value, Value) = (true.into(), false.into(), Value::Null);
    let ca = ["--smime-ca", "ca.crt"];
    let other = ["--smime-ca", "other_ca.crt"];
    let before = [&ca[..], &["--smime-crl", "empty.crl"]].concat();
    let revoked = [&ca[..], &["--smime-crl", "now.crl"]].concat();
    let old = [&ca[..], &["--smime-crl", "old.crl"]].concat();
    for name in ["s.eml", "o.eml"] {
        for (options, ok, valid, words) in [
            (&ca[..], &yes, &yes, "valid, by CN=alice"),
            (&before, &yes, &yes, "valid, by CN=alice"),
            (&revoked, &no, &no, "failed: the certificate is revoked"),
            (&old, &open, &yes, "not trusted: CRL has expired"),
            (&other, &open, &yes, "the certificate is not trusted: "),
            (&[], &open, &yes, "the certificate is not trusted: "),
        ] {
            let layer = layer(&world, &[&[name], options].concat());
            assert_eq!((&layer["ok"], &layer["valid"]), (ok, valid), "{layer}");
            let text = layer["text"].as_str().unwrap();
            assert!(text.contains(words), "{options:?}: {text}");
        }
    }
    let absent = ["show", "s.eml", "--smime-ca", "absent.pem"];
    world
        .ehlo(&absent, None)
        .ends_with(66)
        .complains("--smime-ca absent.pem");
    let both = ["show", "s.eml", "--no-decrypt", "--smime-ca", "ca.crt"];
    world.ehlo(&both, None).ends_with(64);
}

const MERGE: [&str; 10] = [
    "merge",
    "list.csv",
    "--template",
    "letter.txt",
    "--encrypt",
    "smime",
    "--encrypt-key",
    "bob.crt",
    "--encrypt-key",
    "carol.crt",
];

/// A merge resumes with the message of the recipient who was refused, and sends the other one no second time.
#[test]
fn hidden_recipient_of_a_merge_gets_a_message_of_its_own() {
    let Some(world) = World::new(1) else { return };
    fs::write(world.path("list.csv"), "email\nbob@hamburger.edu\n").unwrap();
    let letter = "TO: {{email}}\nBCC: carol@hamburger.edu\nFROM: alice@crepes.fr\nSUBJECT: s\n\nsecret text\n";
    fs::write(world.path("letter.txt"), letter).unwrap();
    world
        .ehlo(&[&MERGE[..], &["--preview=1"]].concat(), None)
        .ends_with(0)
        .hides("secret text")
        .complains("the first of 2 messages of this row");
    let server = Receiver::start(&["--mbox", "mbox"]);
    let relay = server.relay();
    world
        .ehlo(
            &[&MERGE[..], &["-r", &relay, "--journal", "whole"]].concat(),
            None,
        )
        .ends_with(0);
    let mbox = fs::read_to_string(server.path("mbox")).unwrap();
    for_one_each(&world, &mbox);
    for refused in ["bob", "carol"] {
        let fault = format!("rcpt({refused}@hamburger.edu)=550 5.1.1 no");
        let server = Receiver::start(&["--mbox", "mbox", "--fault", &fault]);
        let journal = format!("{refused}.journal");
        let first = ["-r", &server.relay(), "--journal", &journal];
        let ran = world.ehlo(&[&MERGE[..], &first].concat(), None);
        ran.ends_with(79).complains(refused);
        let mut mbox = fs::read_to_string(server.path("mbox")).unwrap();
        let server = Receiver::start(&["--mbox", "mbox"]);
        let again = [
            "-r",
            &server.relay(),
            "--journal",
            &journal,
            "--retry",
            "refused",
        ];
        world
            .ehlo(&[&MERGE[..], &again].concat(), None)
            .ends_with(0);
        mbox += "\n";
        mbox += &fs::read_to_string(server.path("mbox")).unwrap();
        for_one_each(&world, &mbox);
    }
}

/// A server that accepts no large message gets a smaller one for each recipient.
#[test]
fn smaller_mail_of_a_job_is_encrypted_for_each_recipient() {
    let Some(world) = World::new(1) else { return };
    let server = Receiver::start(&["--mbox", "mbox", "--max-size", "20000"]);
    let config = world.config(&server.relay(), "");
    let job = [
        "run",
        "--to",
        "team",
        "--when",
        "always",
        "--no-queue",
        "--",
        "sh",
        "-c",
        "echo secret text; seq -f %050g 1 60000",
    ];
    let home = world.path("home").display().to_string();
    fs::create_dir(&home).unwrap();
    let ran = world.ehlo_with(&job, None, &[("EHLO_CONFIG", &config), ("HOME", &home)]);
    ran.ends_with(0);
    let mbox = fs::read_to_string(server.path("mbox")).unwrap();
    for_one_each(&world, &mbox);
    assert!(!world.path("home/dead.letter").exists());
}

/// A mail that no server accepts is in the dead letter as it was to be sent: encrypted for each recipient.
#[test]
fn dead_letter_is_encrypted_or_not_written() {
    let Some(world) = World::new(1) else { return };
    let server = Receiver::start(&["--fault", "mail=550 no"]);
    let config = world.config(&server.relay(), "");
    // The queue cannot be written.
    fs::write(world.path("queue"), "").unwrap();
    let home = world.path("home");
    fs::create_dir(&home).unwrap();
    let dead = home.join("dead.letter");
    let variables = [
        ("EHLO_CONFIG", config.as_str()),
        ("HOME", home.to_str().unwrap()),
    ];
    let mail = ["mailx", "-s", "hi", "-r", "alice@crepes.fr"];
    let both = ["-b", "carol@hamburger.edu", "bob@hamburger.edu"];
    let ran = world.ehlo_with(
        &[&mail[..], &both].concat(),
        Some(b"secret text\n"),
        &variables,
    );
    assert_ne!(ran.code, 0, "{}", ran.stderr);
    ran.complains("message not sent; it is in ");
    let text = fs::read_to_string(&dead).unwrap();
    assert_eq!(
        text.matches("smime-type=enveloped-data").count(),
        2,
        "{text}"
    );
    assert!(!text.contains("secret text"), "{text}");
    fs::remove_file(&dead).unwrap();
    let nobody = [&mail[..], &["nobody@hamburger.edu"]].concat();
    let ran = world.ehlo_with(&nobody, Some(b"secret text\n"), &variables);
    assert_ne!(ran.code, 0, "{}", ran.stderr);
    ran.complains("there is no certificate for <nobody@hamburger.edu>")
        .complains("message not sent; it is not saved, because it cannot be encrypted");
    assert!(!dead.exists());
}

/// Hidden recipients of S/MIME are as many messages of more than a mebibyte, which do not need as many files.
#[test]
fn many_hidden_recipients_need_few_open_files() {
    let Some(world) = World::new(1) else { return };
    world.succeeds("head -c 900000 /dev/urandom >large.bin");
    let server = Receiver::start(&["--mbox", "mbox"]);
    let relay = server.relay();
    let mut words = vec![
        "-c".to_owned(),
        "ulimit -n 64; exec \"$0\" \"$@\"".to_owned(),
    ];
    words.push(env!("CARGO_BIN_EXE_ehlo").to_owned());
    let more = ["-a", "large.bin", "--relay", &relay];
    let letter = [&LETTER[..], &ENCRYPT, &more].concat();
    words.extend(letter.into_iter().map(str::to_owned));
    words.extend(["--encrypt-key".to_owned(), "bob.crt".to_owned()]);
    for number in 0..80 {
        let recipient = format!("b{number}@hamburger.edu");
        words.push("--encrypt-key".to_owned());
        words.push(format!("carol.crt;for={recipient}"));
        words.extend(["--bcc".to_owned(), recipient]);
    }
    let output = Command::new("/bin/sh")
        .args(&words)
        .current_dir(world.directory.path())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("EHLO_CONFIG", "/dev/null")
        .env("TMPDIR", world.directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let mbox = fs::read_to_string(server.path("mbox")).unwrap();
    assert_eq!(mbox.matches("\nDelivered-To: ").count(), 81);
    assert!(!mbox.contains("secret text"));
}

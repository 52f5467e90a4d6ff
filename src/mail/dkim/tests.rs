use crate::mail::dkim::canonical::{BodyHash, relaxed};
use crate::mail::dkim::key::{KeyError, KeyFault};
use crate::mail::dkim::record::{RecordProblem, check_records, record, zone_lines};
use crate::mail::dkim::signer::{KeyDomain, NamedKey, Signer, SigningError, SigningMode};
use crate::mail::dkim::{SigningKey, ed25519_pem, is_selector};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use ring::digest::{SHA256, digest};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

fn body_hash(body: &[u8], block: usize) -> String {
    let mut hash = BodyHash::default();
    body.chunks(block).for_each(|part| hash.push(part));
    BASE64_STANDARD.encode(hash.finish())
}

/// The relaxed form of a whole body, by the letter of RFC 6376 §3.4.4.
fn relaxed_body(body: &str) -> String {
    let lines = body.strip_suffix("\r\n").unwrap_or(body).split("\r\n");
    let lines = lines.map(|line| {
        let words: Vec<&str> = line.split([' ', '\t']).collect();
        let mut out = String::new();
        for (at, word) in words.iter().enumerate() {
            if at > 0 && !out.ends_with(' ') {
                out.push(' ');
            }
            out.push_str(word);
        }
        out.trim_end_matches(' ').to_owned()
    });
    let mut lines: Vec<String> = lines.collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
        .into_iter()
        .flat_map(|line| [line, "\r\n".to_owned()])
        .collect()
}

#[test]
fn body_hash_is_that_of_the_relaxed_form_for_blocks_of_every_size() {
    let mut random = fastrand::Rng::with_seed(17);
    let pieces = [
        "\r\n", "\r\n", " ", "\t", "a", "bc", "\u{e9}", "=20", "\r\n\r\n", "x\r\n",
    ];
    for _ in 0..500 {
        let count = random.usize(0..40);
        let body: String = (0..count)
            .map(|_| pieces[random.usize(0..pieces.len())])
            .collect();
        let right = BASE64_STANDARD.encode(digest(&SHA256, relaxed_body(&body).as_bytes()));
        for block in [1, 2, 3, 7, 65536] {
            assert_eq!(body_hash(body.as_bytes(), block), right, "{body:?} {block}");
        }
    }
}

#[test]
fn long_bodies_of_lines_and_of_blanks_are_hashed_alike() {
    let base64 = format!("{}\r\n", "A".repeat(76)).repeat(3000);
    let blanks = "a  b \t c \r\n".repeat(30_000);
    let empty = "\r\n".repeat(100_000);
    for body in [
        base64.clone(),
        blanks,
        format!("x{empty}{base64}{empty} \t\r\n"),
        empty,
    ] {
        let right = BASE64_STANDARD.encode(digest(&SHA256, relaxed_body(&body).as_bytes()));
        for block in [1000, 65536, body.len()] {
            assert_eq!(body_hash(body.as_bytes(), block), right, "{block}");
        }
    }
}

#[test]
fn header_fields_are_relaxed() {
    for (field, right) in [
        ("SUBJect: AbC\r\n", "subject:AbC"),
        (
            "Subject \t:\t Your Name\t \r\n  here \r\n",
            "subject:Your Name here",
        ),
        ("To:\r\n", "to:"),
        ("To: \r\n \t\r\n", "to:"),
        ("X:a\r\n\tb\r\n", "x:a b"),
        ("X: a:b\r\n", "x:a:b"),
    ] {
        assert_eq!(relaxed(field.as_bytes()), right.as_bytes(), "{field:?}");
    }
}

/// RFC 8463 appendix A.
const ED25519_SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const ED25519_PUBLIC: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

fn ed25519() -> SigningKey {
    let seed = BASE64_STANDARD.decode(ED25519_SEED).unwrap();
    let der = [
        &b"\x30\x2e\x02\x01\0\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"[..],
        &seed,
    ]
    .concat();
    let der = BASE64_STANDARD.encode(der);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n");
    SigningKey::parse(pem.as_bytes()).unwrap()
}

#[test]
fn ed25519_signature_is_that_of_rfc_8463() {
    let key = ed25519();
    assert_eq!(BASE64_STANDARD.encode(key.public_key()), ED25519_PUBLIC);
    let body = b"Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";
    assert_eq!(
        body_hash(body, 5),
        "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="
    );
    let fields = [
        "From: Joe SixPack <joe@football.example.com>\r\n",
        "To: Suzie Q <suzie@shopping.example.net>\r\n",
        "Subject: Is dinner ready?\r\n",
        "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n",
        "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n",
    ];
    let own = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n \
        d=football.example.com; i=@football.example.com;\r\n \
        q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n \
        subject : date : message-id : from : subject : date;\r\n \
        bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b=";
    let mut header = Vec::new();
    for field in fields {
        header.extend_from_slice(&relaxed(field.as_bytes()));
        header.extend_from_slice(b"\r\n");
    }
    header.extend_from_slice(&relaxed(own.as_bytes()));
    let signature = BASE64_STANDARD.encode(key.sign(&header).unwrap());
    let right =
        "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==";
    assert_eq!(signature, right);
}

fn faults_of(pem: &str) -> KeyFault {
    SigningKey::parse(pem.as_bytes()).err().unwrap()
}

#[test]
fn each_fault_of_a_key_file_has_its_own_sentence() {
    let block = |label: &str, der: &[u8]| {
        let text = BASE64_STANDARD.encode(der);
        format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
    };
    assert_eq!(faults_of(""), KeyFault::NoKey);
    assert_eq!(faults_of("rubbish"), KeyFault::NoKey);
    assert_eq!(
        faults_of(&block("ENCRYPTED PRIVATE KEY", b"x")),
        KeyFault::Encrypted
    );
    let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n";
    assert_eq!(faults_of(legacy), KeyFault::Encrypted);
    assert_eq!(faults_of(&block("PUBLIC KEY", b"x")), KeyFault::Public);
    assert_eq!(faults_of(&block("CERTIFICATE", b"x")), KeyFault::Public);
    assert_eq!(
        faults_of(&block("EC PRIVATE KEY", b"x")),
        KeyFault::Kind("an EC")
    );
    assert_eq!(
        faults_of(&block("OPENSSH PRIVATE KEY", b"x")),
        KeyFault::OpenSsh
    );
    for rubbish in ["PRIVATE KEY", "RSA PRIVATE KEY"] {
        for der in [
            &b""[..],
            b"x",
            b"\x30\x82\xff\xff",
            b"\x30\x84\xff\xff\xff\xff",
            b"\x30\x03\x02\x01\0",
        ] {
            let fault = faults_of(&block(rubbish, der));
            assert!(matches!(fault, KeyFault::Damaged(_)), "{fault}");
        }
    }
    // Modulus of 1024 and of 8192 bits, as PKCS#1 begins.
    for (len, right) in [
        (128, KeyFault::TooShort(1024)),
        (1024, KeyFault::TooLong(8192)),
    ] {
        let modulus = [
            &[
                0x02,
                0x82,
                u8::try_from(len >> 8).unwrap(),
                u8::try_from(len & 255).unwrap(),
            ][..],
            &vec![0xff; len],
        ]
        .concat();
        let inner = [&b"\x02\x01\0"[..], &modulus].concat();
        let size = u16::try_from(inner.len()).unwrap().to_be_bytes();
        let der = [&[0x30, 0x82, size[0], size[1]], &inner[..]].concat();
        assert_eq!(faults_of(&block("RSA PRIVATE KEY", &der)), right);
    }
}

#[test]
fn new_ed25519_key_can_be_read_and_differs_each_time() {
    let (one, other) = (ed25519_pem().unwrap(), ed25519_pem().unwrap());
    assert!(one != other);
    let key = SigningKey::parse(one.expose()).unwrap();
    assert_eq!(key.public_key().len(), 32);
}

struct Directory(tempfile::TempDir);

impl Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn key(&self, name: &str, mode: u32) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, ed25519_pem().unwrap().expose()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }
}

fn named(path: PathBuf, selector: &str, domain: KeyDomain) -> NamedKey {
    NamedKey {
        path,
        selector: selector.to_owned(),
        domain,
    }
}

fn authors(all: &[&str]) -> Vec<String> {
    all.iter().map(|&one| one.to_owned()).collect()
}

/// The domains and selectors of the signatures.
fn signed_by(signer: &Signer, of: &[&str]) -> Vec<String> {
    let chosen = signer.choose(&authors(of)).unwrap();
    let signatures = chosen.signatures(&[("from", b"From: x\r\n")], SystemTime::UNIX_EPOCH);
    let text = signatures.fields(|| Ok([0; 32])).unwrap();
    let text = String::from_utf8(text.to_vec()).unwrap();
    assert_eq!(text.len() as u64, signatures.octets());
    let fields = text.split("DKIM-Signature: ").skip(1);
    let tag = |field: &str, name: &str| {
        let value = field.split(name).nth(1).unwrap();
        value.split(';').next().unwrap().to_owned()
    };
    fields
        .map(|field| format!("{} {}", tag(field, " d="), tag(field, " s=")))
        .collect()
}

#[test]
fn keys_are_chosen_by_the_nearest_domain_of_an_author() {
    let directory = Directory::new();
    let below = |domain: &str| KeyDomain::Below(domain.to_owned());
    let key = |name: &str| directory.key(name, 0o600);
    let keys = vec![
        named(key("a"), "a", below("example.org")),
        named(key("b"), "b", below("example.org")),
        named(key("c"), "c", below("news.example.org")),
    ];
    let signer = Signer::new(SigningMode::Auto, keys);
    for (authors, right) in [
        (
            &["example.org"][..],
            &["example.org a", "example.org b"][..],
        ),
        (&["mail.example.org"], &["example.org a", "example.org b"]),
        (&["x.news.example.org"], &["news.example.org c"]),
        (&["badexample.org"], &[]),
        (&["org"], &[]),
        (&[], &[]),
        (
            &["example.com", "news.example.org", "example.org"],
            &["example.org a", "example.org b", "news.example.org c"],
        ),
    ] {
        assert_eq!(signed_by(&signer, authors), right, "{authors:?}");
    }
    let of_user = signer.for_sender(Some("Example.org"));
    let both = ["example.org a", "example.org b"];
    assert_eq!(signed_by(&of_user, &["example.org"]), both);
    for authors in [
        &["news.example.org"][..],
        &["example.org", "news.example.org"],
    ] {
        assert!(signed_by(&of_user, authors).is_empty(), "{authors:?}");
    }
    assert!(signed_by(&signer.for_sender(None), &["example.org"]).is_empty());
    let of_author = vec![named(key("d"), "d", KeyDomain::OfAuthor)];
    let signer = Signer::new(SigningMode::Auto, of_author);
    assert_eq!(signed_by(&signer, &["a.example"]), ["a.example d"]);
    assert!(signed_by(&signer, &[]).is_empty());
    let fixed = KeyDomain::Fixed("example.net".to_owned());
    let signer = Signer::new(SigningMode::Auto, vec![named(key("e"), "e", fixed)]);
    assert_eq!(signed_by(&signer, &["a.example"]), ["example.net e"]);
    let warnings = signer.choose(&authors(&["a.example"])).unwrap().warnings;
    assert!(warnings[0].contains("for example.net"), "{warnings:?}");
    assert!(
        signer
            .choose(&authors(&["a.example.net"]))
            .unwrap()
            .warnings
            .is_empty()
    );
}

#[test]
fn required_signature_without_a_key_is_an_error() {
    let signer = Signer::new(SigningMode::Require, Vec::new());
    let error = |of: &[&str]| signer.choose(&authors(of)).unwrap_err();
    assert_eq!(error(&[]), SigningError::NoDomain);
    assert_eq!(
        error(&["a.example"]),
        SigningError::NoKey("a.example".to_owned())
    );
    assert!(signer.lenient().choose(&[]).unwrap().is_empty());
    let off = Signer::new(
        SigningMode::Off,
        vec![named("/missing".into(), "s", KeyDomain::OfAuthor)],
    );
    assert!(off.choose(&authors(&["a.example"])).unwrap().is_empty());
}

#[test]
fn faulty_key_file_is_an_error_for_its_domain_only() {
    let directory = Directory::new();
    let path = directory.key("open", 0o644);
    let below = KeyDomain::Below("example.org".to_owned());
    let signer = Signer::new(SigningMode::Auto, vec![named(path.clone(), "s", below)]);
    assert!(
        signer
            .choose(&authors(&["example.com"]))
            .unwrap()
            .is_empty()
    );
    let error = signer.choose(&authors(&["example.org"])).unwrap_err();
    let remedy = format!("; run: chmod 600 {}", path.display());
    assert!(error.to_string().ends_with(&remedy), "{error}");
    assert!(matches!(error, SigningError::Key(KeyError::Exposed { .. })));
    let lenient = signer.lenient().choose(&authors(&["example.org"])).unwrap();
    assert!(lenient.is_empty() && lenient.warnings[0].contains("without its signature"));
    let missing = vec![named("/missing".into(), "s", KeyDomain::OfAuthor)];
    let error = Signer::new(SigningMode::Auto, missing).choose(&authors(&["a.example"]));
    let error = error.unwrap_err();
    assert!(matches!(
        error,
        SigningError::Key(KeyError::Unreadable { .. })
    ));
}

#[test]
fn fields_are_signed_from_the_bottom_and_oversigned() {
    let directory = Directory::new();
    let keys = vec![named(directory.key("k", 0o600), "s", KeyDomain::OfAuthor)];
    let chosen = Signer::new(SigningMode::Auto, keys)
        .choose(&authors(&["x.example"]))
        .unwrap();
    let names = |header: &[(&str, &[u8])]| {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_764_547_200);
        let signatures = chosen.signatures(header, now);
        let text = String::from_utf8(signatures.fields(|| Ok([7; 32])).unwrap().to_vec()).unwrap();
        assert!(text.lines().all(|line| line.len() <= 78), "{text}");
        assert!(text.contains(" t=1764547200;"), "{text}");
        let h = text.split(" h=").nth(1).unwrap().split(';').next().unwrap();
        h.replace("\r\n ", "")
    };
    assert_eq!(
        names(&[("from", b"From: x\r\n")]),
        "from:from:to:cc:subject:reply-to"
    );
    let many: [(&str, &[u8]); 7] = [
        ("received", b"Received: x\r\n"),
        ("from", b"From: x\r\n"),
        ("date", b"Date: x\r\n"),
        ("list-id", b"List-Id: x\r\n"),
        ("list-id", b"List-Id: y\r\n"),
        ("x-possible-duplicate", b"X-Possible-Duplicate: x\r\n"),
        ("bcc", b"Bcc: x\r\n"),
    ];
    let right = "from:from:to:cc:subject:reply-to:date:date:list-id:list-id";
    assert_eq!(names(&many), right);
}

#[test]
fn body_that_cannot_be_read_is_an_error_each_time() {
    let directory = Directory::new();
    let keys = vec![named(directory.key("k", 0o600), "s", KeyDomain::OfAuthor)];
    let chosen = Signer::new(SigningMode::Auto, keys)
        .choose(&authors(&["x.example"]))
        .unwrap();
    let signatures = chosen.signatures(&[], SystemTime::UNIX_EPOCH);
    for _ in 0..2 {
        let failed = signatures.fields(|| Err(std::io::Error::other("it was truncated")));
        assert_eq!(failed.unwrap_err().to_string(), "it was truncated");
    }
}

#[test]
fn record_is_compared_with_the_key() {
    let key = ed25519();
    let right = record(&key);
    assert_eq!(right, format!("v=DKIM1; k=ed25519; p={ED25519_PUBLIC}"));
    let check = |records: &[&str]| {
        let records: Vec<Vec<u8>> = records
            .iter()
            .map(|text| text.as_bytes().to_vec())
            .collect();
        check_records(&records, &key)
    };
    assert_eq!(check(&[&right]), Ok(()));
    let spread = right
        .replace(
            "v=DKIM1; k=",
            "v = DKIM1 ;t=s;h=sha1: sha256;s=email; k =\t",
        )
        .replace("YAY", "Y AY");
    assert_eq!(check(&["v=spf1 -all", &spread]), Ok(()));
    let with = |tag: &str| format!("{right}; {tag}");
    for (text, wrong) in [
        ("v=spf1 -all".to_owned(), RecordProblem::NotDkim),
        ("v=DKIM2; p=x".to_owned(), RecordProblem::NotDkim),
        ("\u{fffd}".to_owned(), RecordProblem::NotDkim),
        ("v=DKIM1; k=ed25519; p=".to_owned(), RecordProblem::Revoked),
        (
            "p=AAAA".to_owned(),
            RecordProblem::Kind {
                expected: "ed25519",
                found: "rsa".to_owned(),
            },
        ),
        ("k=ed25519; p=*".to_owned(), RecordProblem::Damaged),
        ("k=ed25519; p=AAAA".to_owned(), RecordProblem::OtherKey),
        (with("h=sha1"), RecordProblem::Hash("sha1".to_owned())),
        (with("s=web"), RecordProblem::Service("web".to_owned())),
        (with("t=y:s"), RecordProblem::Testing),
    ] {
        assert_eq!(check(&[&text]), Err(wrong), "{text}");
    }
    assert_eq!(check(&[&right, &right]), Err(RecordProblem::Several(2)));
    assert_eq!(check(&[]), Err(RecordProblem::NotDkim));
}

#[test]
fn zone_file_has_strings_of_at_most_255_octets() {
    let text = zone_lines("s._domainkey", &"x".repeat(600));
    let strings: Vec<usize> = text.split('"').skip(1).step_by(2).map(str::len).collect();
    assert_eq!(strings, [255, 255, 90]);
    assert!(text.starts_with("s._domainkey IN TXT ( \"") && text.ends_with("\" )\n"));
}

#[test]
fn selectors_are_names_in_the_dns() {
    for right in ["s2026", "a.b", "X-1", "a_b", "1"] {
        assert!(is_selector(right), "{right}");
    }
    for wrong in [
        "",
        ".",
        "a.",
        "-a",
        "a-",
        "a b",
        "a;b",
        "\u{e9}",
        &"a".repeat(64),
    ] {
        assert!(!is_selector(wrong), "{wrong}");
    }
}

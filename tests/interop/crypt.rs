//! Signed and encrypted messages of a seeded generator, read back by GnuPG, OpenSSL, Python's email and mutt.
//!
//! `EHLO_CRYPT=100` is the number of messages, `EHLO_SEED=7` another seed.

use crate::authority::Authority as Dns;
use crate::executable::write_script;
use crate::network;
use crate::parts;
use crate::policy_host::{PolicyHost, ok};
use crate::reader::Reader;
use crate::receiver::Receiver;
use crate::run::{Ran, Start, ehlo_with};
use crate::sts::certificate;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};
use tempfile::TempDir;

const PATH: &str = "/usr/bin:/bin";

const LEAVES: Reader = Reader {
    interpreter: "/usr/bin/python3",
    script: "leaves.py",
    probe: &[],
    package: "python3",
};

/// Keys without passphrases of alice, bob (RSA) and carol (Curve 25519), in a keyring of the test's own.
const KEYRING: &str = "\
q() { gpg --batch -q --pinentry-mode loopback --passphrase '' \"$@\"; }
make() {
    q --quick-gen-key \"$1 <$2>\" $3 sign,cert never
    fpr=$(gpg --list-keys --with-colons $2 | awk -F: '/^fpr/{print $10;exit}')
    q --quick-add-key $fpr $4 encr never
}
make Alice alice@crepes.fr ed25519 cv25519
make Bob bob@hamburger.edu rsa2048 rsa2048
make Carol carol@hamburger.edu ed25519 cv25519
gpg -a --export carol@hamburger.edu >carol.asc
gpg -a --export-secret-keys carol@hamburger.edu >carol.secret
";

/// Certificates by a CA of the test's own.
const CERTIFICATES: &str = "\
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -subj /CN=CA -days 30
issue() {
    openssl req -newkey $3 -nodes -keyout $1.key -out $1.csr -subj /CN=$1
    printf 'subjectAltName=email:%s\\nkeyUsage=digitalSignature,%s\\nextendedKeyUsage=emailProtection\\n' $2 $4 >$1.ext
    openssl x509 -req -in $1.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out $1.crt -days 30 -extfile $1.ext
    cat $1.key $1.crt ca.crt >$1.pem
    chmod 600 $1.pem
}
issue alice alice@crepes.fr rsa:2048 keyEncipherment
issue bob bob@hamburger.edu rsa:2048 keyEncipherment
issue carol carol@hamburger.edu 'ec -pkeyopt ec_paramgen_curve:P-256' keyAgreement
";

pub struct World {
    pub directory: TempDir,
    random: fastrand::Rng,
}

impl Drop for World {
    /// gpg starts an agent for each keyring, which would stay.
    fn drop(&mut self) {
        let _ = self.shell("gpgconf --kill all").output();
    }
}

impl World {
    /// `None` if a program is missing, with the reason printed.
    pub fn new(seed: u64) -> Option<Self> {
        if !["/usr/bin/gpg", "/usr/bin/openssl", "/usr/bin/python3"]
            .iter()
            .all(|p| parts::has(p))
        {
            return None;
        }
        let world = Self {
            directory: tempfile::tempdir().unwrap(),
            random: fastrand::Rng::with_seed(seed),
        };
        fs::create_dir(world.path("g")).unwrap();
        fs::set_permissions(world.path("g"), fs::Permissions::from_mode(0o700)).unwrap();
        world.succeeds(KEYRING);
        world.succeeds(CERTIFICATES);
        Some(world)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes the configuration of a profile that encrypts by S/MIME for bob and carol, with these lines more, and an
    /// alias for both. Returns its path.
    pub fn config(&self, relay: &str, more: &str) -> String {
        let path = |name: &str| self.path(name).display().to_string();
        let text = format!(
            "default = \"p\"\n[profile.p]\nfrom = \"alice@crepes.fr\"\nrelay = \"{relay}\"\nencrypt = \"smime\"\n{more}\
             encrypt-key = [\"{}\", \"{}\"]\n[queue]\ndir = \"{}\"\n[sendmail]\naliases = \"{}\"\ndomain = \"crepes.fr\"\n",
            path("bob.crt"),
            path("carol.crt"),
            path("queue"),
            path("aliases"),
        );
        let team = "team: bob@hamburger.edu, carol@hamburger.edu\n";
        fs::write(self.path("aliases"), team).unwrap();
        fs::write(self.path("config.toml"), text).unwrap();
        path("config.toml")
    }

    pub fn shell(&self, script: &str) -> Command {
        let mut command = Reader::command(&["/bin/sh", "-e", "-c", script]);
        command
            .current_dir(self.directory.path())
            .env("GNUPGHOME", self.path("g"));
        command
    }

    #[track_caller]
    pub fn succeeds(&self, script: &str) -> Output {
        let output = self.shell(script).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}: {said}");
        output
    }

    pub fn ehlo(&self, arguments: &[&str], input: Option<&[u8]>) -> Ran {
        self.ehlo_with(arguments, input, &[])
    }

    /// The same with more variables.
    pub fn ehlo_with(
        &self,
        arguments: &[&str],
        input: Option<&[u8]>,
        more: &[(&str, &str)],
    ) -> Ran {
        let (home, ca) = (self.path("g"), self.path("ca.pem"));
        let mut variables = vec![
            ("PATH", PATH),
            ("GNUPGHOME", home.to_str().unwrap()),
            ("EHLO_CONFIG", "/dev/null"),
            ("SSL_CERT_FILE", ca.to_str().unwrap()),
            ("TMPDIR", self.directory.path().to_str().unwrap()),
        ];
        variables.extend(more);
        let start = Start {
            stdin: input,
            variables: &variables,
            ..Start::default()
        };
        ehlo_with(self.directory.path(), arguments, &start)
    }

    /// Prints a message in a file, and returns what the program printed.
    pub fn printed(&self, arguments: &[&str], name: &str) -> Vec<u8> {
        let mut ran = self.ehlo(&[arguments, &["--print"]].concat(), None);
        ran.ends_with(0);
        let message = std::mem::take(&mut ran.stdout);
        fs::write(self.path(name), &message).unwrap();
        message
    }

    /// The leaves of a message in a file, one in a line.
    fn leaves(&self, name: &str) -> String {
        LEAVES.read(&[self.path(name)]).remove(0)
    }

    fn pick<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[self.random.usize(0..all.len())]
    }

    /// Lines that transfer and conversion may damage.
    fn text(&mut self) -> String {
        let pieces = [
            "word",
            "two words",
            "  ",
            "\t",
            " \n",
            "\n",
            "\n\n\n \t\n",
            ".",
            "\n.\n",
            "\n..x\n",
            "\nFrom here\n",
            "From ",
            "=20",
            "=",
            "trailing \n",
            "\n-- \n",
            "\n--\n",
            "--",
            "x=y; z",
            "\n-----BEGIN PGP MESSAGE-----\n",
            "\u{fc}ber",
            "\u{65e5}\u{672c}",
            "\u{1f600}",
            "caf\u{e9} \n",
        ];
        let is_ascii = self.random.bool();
        let usable = pieces.len() - if is_ascii { 4 } else { 0 };
        let count = self.random.usize(1..50);
        let mut text: String = (0..count).map(|_| self.pick(&pieces[..usable])).collect();
        if self.random.usize(0..8) == 0 {
            text += &"long line ".repeat(130);
        }
        text
    }

    /// Options of a random message to bob and carol, composed or ready.
    fn message(&mut self) -> Vec<String> {
        let words = |all: &[&str]| all.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let mut all = words(&["-f", "alice@crepes.fr"]);
        let subject = self.pick(&[
            "plan",
            "\u{fc}ber  uns",
            "a long subject that has to be folded, as it is longer than a line may be",
        ]);
        if self.random.usize(0..3) == 0 {
            let body = self.text();
            let mime = self.pick(&[
                "",
                "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n",
                "MIME-Version: 1.0\nContent-Type: text/html;\n charset=\"utf-8\"\nContent-Transfer-Encoding: 8bit\n",
            ]);
            let mime = if body.is_ascii() || !mime.is_empty() {
                mime
            } else {
                "Content-Type: text/plain; charset=utf-8\n"
            };
            let message = format!(
                "From: alice@crepes.fr\nTo: bob@hamburger.edu\nCc: carol@hamburger.edu\nSubject: plan\n{mime}\n{body}"
            );
            fs::write(self.path("ready.eml"), message).unwrap();
            all.extend(words(&["--message", "ready.eml"]));
            return all;
        }
        let text = self.text();
        all.extend(words(&[
            "bob@hamburger.edu",
            "--cc",
            "carol@hamburger.edu",
            "-s",
            subject,
        ]));
        all.extend(["-b".to_owned(), format!(" {text}")]);
        if self.random.bool() {
            let html = self.text();
            all.extend(["--html".to_owned(), format!("<p>{html}</p>")]);
        }
        if self.random.usize(0..3) == 0 {
            let length = self.random.usize(0..90_000);
            let bytes: Vec<u8> = (0..length).map(|_| self.random.u8(..)).collect();
            fs::write(self.path("data.bin"), bytes).unwrap();
            all.extend(words(&["-a", "data.bin"]));
        }
        if self.random.usize(0..3) == 0 {
            let notes = self.text();
            fs::write(self.path("notes.txt"), notes).unwrap();
            all.extend(words(&["-a", "notes.txt"]));
        }
        if self.random.usize(0..4) == 0 {
            let enclosed = format!(
                "From: x@crepes.fr\nSubject: inner\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{}\n",
                self.text()
            );
            fs::write(self.path("enclosed.eml"), enclosed).unwrap();
            all.extend(words(&["--attach-message", "enclosed.eml"]));
        }
        all
    }
}

/// A way to protect a message.
pub struct Way {
    pub options: &'static [&'static str],
    /// Words of the header.
    header: &'static [&'static str],
    /// Makes `inner.eml` of `outer.eml`, or fails.
    script: String,
}

/// The signed part of multipart/signed, as it is on the wire, and the signature.
const SPLIT: &str = r#"
python3 - "$1" <<'END'
import re, sys, email
octets = open(sys.argv[1], "rb").read()
head, body = octets.split(b"\r\n\r\n", 1)
boundary = b"--" + email.message_from_bytes(octets).get_boundary().encode()
first = body.index(boundary + b"\r\n") + len(boundary) + 2
second = body.index(b"\r\n" + boundary + b"\r\n", first)
open("signed.eml", "wb").write(body[first:second])
part = email.message_from_bytes(body[second + len(boundary) + 4:].split(b"\r\n" + boundary + b"--")[0])
open("signature", "wb").write(part.get_payload(decode=True))
END
"#;

const PGP_VERIFY: &str = "gpg --batch --verify signature signed.eml; cp signed.eml inner.eml";
const PGP_DECRYPT: &str = r#"
python3 - <<'END'
import email
message = email.message_from_binary_file(open("outer.eml", "rb"))
version, content = message.get_payload()
assert message.get_param("protocol") == "application/pgp-encrypted", message["content-type"]
assert version.get_content_type() == "application/pgp-encrypted" and version.get_payload().strip() == "Version: 1"
assert content.get_content_type() == "application/octet-stream"
open("cipher", "w").write(content.get_payload())
END
gpg --batch --status-fd 2 -o inner.eml --yes --decrypt cipher 2>status || { cat status >&2; exit 1; }
"#;
const SMIME_VERIFY: &str = "openssl cms -verify -in outer.eml -CAfile ca.crt -signer who -out inner.eml; \
    openssl x509 -in who -noout -ext subjectAltName | grep -q alice@crepes.fr";
const SMIME_DECRYPT: &str = "openssl cms -decrypt -in outer.eml -recip bob.crt -inkey bob.key -out inner.eml; \
    openssl cms -decrypt -in outer.eml -recip carol.crt -inkey carol.key -out other.eml; cmp inner.eml other.eml";

const SIGN_SMIME: [&str; 4] = ["--sign", "smime", "--sign-key", "alice.pem"];
const ENCRYPT_SMIME: [&str; 6] = [
    "--encrypt",
    "smime",
    "--encrypt-key",
    "bob.crt",
    "--encrypt-key",
    "carol.crt",
];
const BOTH_SMIME: [&str; 10] = [
    "--sign",
    "smime",
    "--sign-key",
    "alice.pem",
    "--encrypt",
    "smime",
    "--encrypt-key",
    "bob.crt",
    "--encrypt-key",
    "carol.crt",
];

pub fn ways() -> [Way; 6] {
    let way = |options, header, script| Way {
        options,
        header,
        script,
    };
    let split = SPLIT.replace("\"$1\"", "outer.eml");
    let good = format!("{PGP_DECRYPT}grep -q 'GOODSIG.*alice' status");
    let both = format!("{SMIME_DECRYPT}; mv inner.eml outer.eml; {SMIME_VERIFY}");
    let signed = &["multipart/signed", "pgp-signature", "micalg=pgp-sha"];
    let smime = &["multipart/signed", "pkcs7-signature", "micalg=sha-256"];
    let encrypted = &["multipart/encrypted"];
    let enveloped = &["application/pkcs7-mime", "smime-type=enveloped-data"];
    [
        way(&["--sign", "pgp"], signed, split + PGP_VERIFY),
        way(&["--encrypt", "pgp"], encrypted, PGP_DECRYPT.to_owned()),
        way(&["--encrypt", "pgp", "--sign", "pgp"], encrypted, good),
        way(&SIGN_SMIME, smime, SMIME_VERIFY.to_owned()),
        way(&ENCRYPT_SMIME, enveloped, SMIME_DECRYPT.to_owned()),
        way(&BOTH_SMIME, enveloped, both),
    ]
}

/// Options that add another recipient and the file `large.bin`.
pub fn large_for_carol(relay: &str) -> [&str; 6] {
    [
        "--cc",
        "carol@hamburger.edu",
        "-a",
        "large.bin",
        "--relay",
        relay,
    ]
}

fn count() -> usize {
    std::env::var("EHLO_CRYPT").map_or(4, |count| count.parse().unwrap())
}

fn seed() -> u64 {
    std::env::var("EHLO_SEED").map_or(1, |seed| seed.parse().unwrap())
}

/// The lines of leaves, without signatures.
fn leaves_of(read: &str) -> Vec<&str> {
    let lines = read.lines().filter(|line| line.starts_with("leaf"));
    lines
        .filter(|line| !line.contains("-signature\t"))
        .collect()
}

#[test]
fn generated_messages_are_read_back_with_the_same_content() {
    let Some(mut world) = World::new(seed()) else {
        return;
    };
    let has_mutt = has_mutt();
    if has_mutt {
        world.succeeds(GPGSM);
    }
    for number in 0..count() {
        let message = world.message();
        let message: Vec<&str> = message.iter().map(String::as_str).collect();
        world.printed(&message, "plain.eml");
        let plain = world.leaves("plain.eml");
        for way in ways() {
            let options = [&message, way.options].concat();
            let sent = world.printed(&options, "outer.eml");
            let place = format!("message {number}: {options:?}");
            assert!(sent.is_ascii(), "{place}");
            let text = String::from_utf8(sent).unwrap();
            let (header, body) = text.split_once("\r\n\r\n").unwrap();
            for words in way.header {
                assert!(header.contains(words), "{place}: {header}");
            }
            assert_eq!(header.matches("Content-Type:").count(), 1, "{header}");
            assert_eq!(header.matches("MIME-Version:").count(), 1, "{header}");
            if way.options[0] == "--sign" {
                let lines = body.split("\r\n");
                let fragile =
                    lines.filter(|line| line.starts_with("From ") || line.ends_with([' ', '\t']));
                assert_eq!(fragile.collect::<Vec<_>>(), Vec::<&str>::new(), "{place}");
            }
            world.succeeds(&way.script);
            let read = world.leaves("inner.eml");
            assert_eq!(leaves_of(&read), leaves_of(&plain), "{place}\n{text}");
            if has_mutt {
                fs::write(world.path("outer.eml"), &text).unwrap();
                let saved = world.succeeds(&mutt("save", "outer.eml"));
                fs::write(world.path("saved.eml"), saved.stdout).unwrap();
                // mutt gives the name of the outer part to the inner one.
                let read = world.leaves("saved.eml").replace("smime.p7m", "");
                assert_eq!(leaves_of(&read), leaves_of(&plain), "mutt: {place}\n{text}");
            }
        }
    }
}

/// A message to bob, with a marker that must not be on the wire in clear.
pub const LETTER: [&str; 7] = [
    "-f",
    "alice@crepes.fr",
    "bob@hamburger.edu",
    "-s",
    "secret subject",
    "-b",
    "secret text",
];

#[test]
fn subject_is_hidden_with_the_fields_of_rfc_9788() {
    let Some(world) = World::new(1) else { return };
    for way in ways()
        .into_iter()
        .filter(|way| way.options.contains(&"--encrypt"))
    {
        let options = [
            &LETTER[..],
            way.options,
            &[
                "--hide-subject",
                "-H",
                "Keywords: k",
                "--cc",
                "carol@hamburger.edu",
            ],
        ]
        .concat();
        let sent = String::from_utf8(world.printed(&options, "outer.eml")).unwrap();
        assert!(
            sent.contains("\r\nSubject: [...]\r\n") && !sent.contains("secret"),
            "{sent}"
        );
        assert!(!sent.contains("Keywords"), "{sent}");
        world.succeeds(&way.script);
        let inner = world.leaves("inner.eml");
        // The outer layer of a message that is signed by S/MIME has the fields in the signed part.
        for words in [
            "subject\tsecret subject",
            "hp\tcipher",
            "hp-outer\tSubject: [...]",
            "hp-outer\tFrom: alice@crepes.fr",
        ] {
            assert!(inner.contains(words), "{words}: {inner}");
        }
    }
}

/// bob's key for S/MIME in the keyring, and trust in the CA of the test: mutt uses gpgsm. It is tried again, because gpgsm
/// and its agent sometimes miss each other on a busy machine.
const GPGSM: &str = "\
printf 'disable-crl-checks\\ndisable-dirmngr\\n' >g/gpgsm.conf
openssl pkcs12 -export -in bob.pem -out bob.p12 -passout pass: -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1
keyring() {
    gpgsm -q --batch --import ca.crt &&
    echo | gpgsm -q --batch --pinentry-mode loopback --passphrase-fd 0 --import bob.p12 &&
    gpgsm --list-keys --with-colons CN=CA >listed &&
    awk -F: '/^fpr/{print $10 \" S relax\";exit}' listed >g/trustlist.txt &&
    gpgconf --kill gpg-agent
}
keyring || keyring || keyring
";

fn has_mutt() -> bool {
    ["/usr/bin/mutt", "/usr/bin/gpgsm"]
        .iter()
        .all(|program| parts::has(program))
}

/// A command that opens a message with mutt.
fn mutt(action: &str, name: &str) -> String {
    let readers = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/readers");
    format!(
        "python3 {}/crypt_mutt.py {action} {name}",
        readers.display()
    )
}

/// s-nail decrypts and verifies S/MIME, and shows what was signed with OpenPGP. It knows PKCS #7, and not all of CMS: no
/// keys of elliptic curves.
#[test]
fn s_nail_reads_what_was_signed_and_encrypted() {
    let Some(world) = World::new(1) else { return };
    if !parts::has("/usr/bin/s-nail") {
        return;
    }
    let encrypt = ["--encrypt", "smime", "--encrypt-key", "bob.crt"];
    let decrypt = "decrypt 1 clear.mbox\\nfile clear.mbox\\n";
    let cases: [(&[&str], String); 4] = [
        (&["--sign", "pgp"], String::new()),
        (&SIGN_SMIME, "verify 1\\n".to_owned()),
        (&encrypt, decrypt.to_owned()),
        (
            &[&SIGN_SMIME[..], &encrypt].concat(),
            format!("{decrypt}verify 1\\n"),
        ),
    ];
    for (options, commands) in cases {
        world.printed(&[&LETTER[..], options].concat(), "outer.eml");
        let script = format!(
            "rm -f clear.mbox; {{ echo 'From alice@crepes.fr Tue Dec  1 10:00:00 2026'; tr -d '\\r' <outer.eml; echo; }} >box; \
             printf '{commands}print 1\\nexit\\n' | s-nail -n -# -R -S v15-compat -S smime-ca-no-defaults \
             -S smime-ca-file=ca.crt -S from=bob@hamburger.edu -S smime-sign-cert=bob.pem -f box 2>&1"
        );
        let read = world.succeeds(&script);
        let read = String::from_utf8_lossy(&read.stdout).into_owned();
        assert!(read.contains("secret text"), "{options:?}: {read}");
        let is_verified = read.contains("was verified successfully");
        assert_eq!(
            is_verified,
            commands.contains("verify"),
            "{options:?}: {read}"
        );
    }
}

#[test]
fn mutt_shows_what_was_signed_and_encrypted() {
    let Some(world) = World::new(1) else { return };
    if !has_mutt() {
        return;
    }
    world.succeeds(GPGSM);
    for (number, way) in ways().into_iter().enumerate() {
        let letter = [&LETTER[..], &["--cc", "carol@hamburger.edu"], way.options].concat();
        let name = format!("{number}.eml");
        world.printed(&letter, &name);
        let read = world.succeeds(&mutt("show", &name));
        let read = String::from_utf8(read.stdout).unwrap();
        assert!(read.contains("secret text"), "{:?}: {read}", way.options);
        if way.options.contains(&"--sign") {
            let is_good =
                read.contains("Good signature") || read.contains("Verification successful");
            assert!(is_good, "{:?}: {read}", way.options);
        }
    }
}

#[test]
fn hidden_recipient_is_not_named_in_the_key_list() {
    let Some(world) = World::new(1) else { return };
    let hidden = ["--encrypt", "pgp", "--bcc", "carol@hamburger.edu"];
    let keys = |output: Output| String::from_utf8(output.stderr).unwrap();
    let list =
        "gpg --batch --status-fd 2 --list-only --decrypt cipher 2>&1 >/dev/null | grep ENC_TO >&2";
    for key in [&[][..], &["--encrypt-key", "carol.asc"]] {
        world.printed(&[&LETTER[..], &hidden, key].concat(), "outer.eml");
        world.succeeds(PGP_DECRYPT);
        let listed = keys(world.succeeds(list));
        assert_eq!(
            listed.matches("ENC_TO 0000000000000000").count(),
            1,
            "{listed}"
        );
        assert_eq!(listed.matches("ENC_TO").count(), 2, "{listed}");
    }
}

/// CMS names all recipients in its list: each hidden one gets a message of its own.
#[test]
fn hidden_recipient_of_smime_gets_a_message_of_its_own() {
    let Some(world) = World::new(1) else { return };
    let server = Receiver::start(&["--mbox", "mbox"]);
    let relay = server.relay();
    let bcc = ["--bcc", "carol@hamburger.edu", "--relay", &relay];
    let options = [&LETTER[..], &ENCRYPT_SMIME, &bcc].concat();
    // One without a key: neither gets a message.
    let nobody = ["--bcc", "nobody@hamburger.edu"];
    world
        .ehlo(&[&options[..], &nobody].concat(), None)
        .ends_with(65)
        .complains("<nobody@hamburger.edu>");
    assert!(fs::read(server.path("mbox")).unwrap_or_default().is_empty());
    world.ehlo(&options, None).ends_with(0);
    let mbox = fs::read_to_string(server.path("mbox")).unwrap();
    let messages: Vec<&str> = mbox.split("\nFrom ").collect();
    assert_eq!(messages.len(), 2, "{mbox}");
    assert!(!mbox.contains("secret text"), "{mbox}");
    let header = |message: &str, name: &str| {
        let mut lines = message.lines();
        lines
            .find(|line| line.starts_with(name))
            .unwrap()
            .to_owned()
    };
    for name in ["Message-ID: ", "Date: ", "To: <bob@hamburger.edu>"] {
        let name = name.replace(['<', '>'], "");
        assert_eq!(header(messages[0], &name), header(messages[1], &name));
    }
    for_one_each(&world, &mbox);
}

/// Fails unless the mailbox has a message that only bob can read, and one that only carol can read.
#[track_caller]
pub fn for_one_each(world: &World, mbox: &str) {
    let messages: Vec<&str> = mbox.split("\nFrom ").collect();
    assert_eq!(messages.len(), 2, "{mbox}");
    assert!(!mbox.contains("secret text"), "{mbox}");
    for (own, other) in [("bob", "carol"), ("carol", "bob")] {
        let delivered = format!("\nDelivered-To: {own}@hamburger.edu\n");
        let mut of_own = messages
            .iter()
            .filter(|message| message.contains(&delivered));
        let message = of_own.next().unwrap_or_else(|| panic!("{own}: {mbox}"));
        let (_, message) = message.split_once('\n').unwrap();
        fs::write(world.path("outer.eml"), message).unwrap();
        world.succeeds(&format!(
            "openssl cms -decrypt -in outer.eml -recip {own}.crt -inkey {own}.key | grep -q 'secret text'; \
             ! openssl cms -decrypt -in outer.eml -recip {other}.crt -inkey {other}.key; \
             test $(openssl cms -cmsout -print -in outer.eml | grep -c 'd[.]ktri: \\|d[.]kari: ') = 1"
        ));
    }
}

/// However the message comes in: ready, signed as well, from a job whose recipient is an alias, from a program.
#[test]
fn hidden_recipients_of_smime_get_messages_of_their_own_from_every_command() {
    let Some(world) = World::new(1) else { return };
    let ready = "From: alice@crepes.fr\nTo: bob@hamburger.edu\nSubject: s\n\nsecret text\n";
    fs::write(world.path("ready.eml"), ready).unwrap();
    let to = ["bob@hamburger.edu", "carol@hamburger.edu"];
    let session = format!(
        "EHLO x\r\nMAIL FROM:<alice@crepes.fr>\r\nRCPT TO:<{}>\r\nRCPT TO:<{}>\r\nDATA\r\n{}.\r\nQUIT\r\n",
        to[0],
        to[1],
        ready.replace('\n', "\r\n")
    );
    let ready_options = [&["--message", "ready.eml"], &to[..]].concat();
    let signed = [&ready_options[..], &SIGN_SMIME].concat();
    let submit = [&["sendmail", "-odq", "-f", "alice@crepes.fr"], &to[..]].concat();
    let job = [
        "run",
        "--to",
        "team",
        "--when",
        "always",
        "--no-queue",
        "--",
        "echo",
        "secret text",
    ];
    let cases: [(&[&str], &str); 7] = [
        (&ready_options, ""),
        (&signed, ""),
        (&["--mbox", "box", to[0], to[1]], ""),
        (&job, ""),
        (&["notify", "--to", "team", "--no-queue"], "secret text"),
        (&submit, ready),
        (&["sendmail", "-odq", "-bs"], &session),
    ];
    fs::write(
        world.path("box"),
        format!("From alice@crepes.fr Tue Dec  1 10:00:00 2026\n{ready}"),
    )
    .unwrap();
    for (command, input) in cases {
        let server = Receiver::start(&["--mbox", "mbox"]);
        let file = world.config(&server.relay(), "");
        let config = [("EHLO_CONFIG", file.as_str())];
        let ran = world.ehlo_with(command, Some(input.as_bytes()), &config);
        assert_eq!(ran.code, 0, "{command:?}: {}{}", ran.text(), ran.stderr);
        if command[0] == "sendmail" {
            world
                .ehlo_with(&["queue", "run"], None, &config)
                .ends_with(0);
        }
        let mbox = fs::read_to_string(server.path("mbox")).unwrap_or_default();
        assert!(mbox.contains("pkcs7-mime"), "{command:?}: {mbox}");
        assert!(!mbox.contains("secret text"), "{command:?}: {mbox}");
        for_one_each(&world, &mbox);
    }
    // --print writes one message.
    let print = [&ready_options[..], &ENCRYPT_SMIME, &["--print"]].concat();
    let printed = world.ehlo(&print, None);
    printed
        .ends_with(65)
        .complains("a separate message is required for <carol@hamburger.edu>, who is hidden");
    assert!(printed.stdout.is_empty());
}

#[test]
fn preview_of_a_row_with_a_hidden_recipient_shows_the_first_of_its_messages() {
    let Some(world) = World::new(1) else { return };
    fs::write(world.path("list.csv"), "email\nbob@hamburger.edu\n").unwrap();
    let merge = [
        "merge",
        "list.csv",
        "--to",
        "{{email}}",
        "--bcc",
        "carol@hamburger.edu",
        "-f",
        "alice@crepes.fr",
        "-b",
        "secret text",
        "--preview",
    ];
    let shown = world.ehlo(&[&merge[..], &ENCRYPT_SMIME].concat(), None);
    shown
        .ends_with(0)
        .complains("the first of 2 messages of this row");
    let shown = shown.text();
    assert!(shown.contains("To: bob@hamburger.edu"), "{shown}");
    assert!(shown.contains("pkcs7-mime"), "{shown}");
    assert_eq!(shown.matches("Message-ID: ").count(), 1, "{shown}");
}

#[test]
fn test_message_of_doctor_that_is_accepted_for_some_ends_with_partial_success() {
    let Some(world) = World::new(1) else { return };
    // The first recipient is that of the check.
    for (fault, code) in [
        ("rcpt=550 5.1.1 no@2", 79),
        ("rcpt=550 5.1.1 no@3", 79),
        ("rcpt=550 5.1.1 no@2-3", 69),
    ] {
        let server = Receiver::start(&["--fault", fault]);
        let file = world.config(&server.relay(), "");
        let config = [("EHLO_CONFIG", file.as_str())];
        let command = ["doctor", "--here", "--send-test", "team"];
        let ran = world.ehlo_with(&command, None, &config);
        assert_eq!(ran.code, code, "{fault}: {}{}", ran.text(), ran.stderr);
    }
}

#[test]
fn dkim_signs_the_encrypted_message_and_the_server_gets_nothing_else() {
    let Some(world) = World::new(1) else { return };
    let server = Receiver::start(&["--mbox", "mbox"]);
    world
        .ehlo(
            &[
                "dkim",
                "new",
                "s",
                "--domain",
                "crepes.fr",
                "--ed25519",
                "--out",
                "dkim.pem",
            ],
            None,
        )
        .ends_with(0);
    let relay = server.relay();
    let options = [
        "--encrypt",
        "pgp",
        "--sign",
        "pgp",
        "--dkim-key",
        "dkim.pem;selector=s",
        "--relay",
        &relay,
    ];
    world
        .ehlo(&[&LETTER[..], &options].concat(), None)
        .ends_with(0);
    let text = fs::read_to_string(server.path("mbox")).unwrap();
    assert!(
        text.contains("DKIM-Signature:") && text.contains("BEGIN PGP MESSAGE"),
        "{text}"
    );
    assert!(!text.contains("secret text"), "{text}");
}

#[test]
fn memory_is_constant() {
    let Some(world) = World::new(1) else { return };
    world.succeeds("head -c 6000000 /dev/urandom >large.bin");
    let key = [
        "--encrypt-key",
        "carol.asc",
        "carol@hamburger.edu",
        "-f",
        "alice@crepes.fr",
        "-b",
        "x",
        "-a",
        "large.bin",
        "--print",
    ];
    let ran = world.ehlo(&[&["--encrypt", "pgp"][..], &key].concat(), None);
    ran.ends_with(0);
    assert!(
        ran.stdout.len() > 8_000_000 && ran.peak_kib < 16 * 1024,
        "{} KiB",
        ran.peak_kib
    );
}

/// Keys that must not be used, and what is reported about them.
pub const BAD_KEYS: &str = "\
q() { gpg --batch -q --pinentry-mode loopback --passphrase '' \"$@\"; }
q --quick-gen-key 'Rev <rev@hamburger.edu>' future-default default never
fpr=$(gpg --list-keys --with-colons rev@hamburger.edu | awk -F: '/^fpr/{print $10;exit}')
sed 's/^:---/---/' g/openpgp-revocs.d/$fpr.rev >rev
gpg --batch -q --import rev
q --quick-gen-key 'Signer <signer@hamburger.edu>' ed25519 sign never
q --faked-system-time 20200101T000000 --quick-gen-key 'Exp <exp@hamburger.edu>' future-default default 1d
for name in rev signer exp; do gpg -a --export $name@hamburger.edu >$name.asc; done
gpg --batch --yes --pinentry-mode loopback --passphrase secret --quick-gen-key 'Locked <locked@crepes.fr>' ed25519 sign never
mkdir -m 700 other
GNUPGHOME=other gpg --batch -q --pinentry-mode loopback --passphrase '' --quick-gen-key 'New <new@hamburger.edu>' future-default default never
GNUPGHOME=other gpg -a --export new@hamburger.edu >new.asc
GNUPGHOME=other gpgconf --kill all
gpg --batch -q --import new.asc
echo key >damaged.asc
openssl req -x509 -newkey rsa:2048 -nodes -keyout exp.key -out exp.crt -subj /CN=x -addext subjectAltName=email:bob@hamburger.edu -not_after 20200101000000Z 2>/dev/null ||
    faketime 2020-01-01 true 2>/dev/null || true
openssl req -x509 -newkey rsa:2048 -nodes -keyout sig.key -out sig.crt -subj /CN=x -days 9 \
    -addext subjectAltName=email:bob@hamburger.edu -addext keyUsage=digitalSignature
openssl req -x509 -newkey rsa:2048 -nodes -keyout web.key -out web.crt -subj /CN=x -days 9 \
    -addext subjectAltName=email:bob@hamburger.edu -addext extendedKeyUsage=serverAuth
openssl pkey -in alice.key -aes256 -passout pass:secret -out locked.key
cat locked.key alice.crt >locked.pem; chmod 600 locked.pem
cp alice.pem open.pem; chmod 644 open.pem
";

/// Options of the method, more options, the exit status, and words of the error.
type Case<'a> = (&'a [&'a str], &'a [&'a str], i32, &'a [&'a str]);

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn keys_that_must_not_be_used_send_nothing() {
    let Some(world) = World::new(1) else { return };
    world.succeeds(BAD_KEYS);
    let server = Receiver::start(&["--mbox", "mbox"]);
    let relay = server.relay();
    let ten: Vec<String> = (1..10).map(|n| format!("b{n}@hamburger.edu")).collect();
    let keys_for_nine: Vec<String> = ten.iter().map(|to| format!("carol.asc;for={to}")).collect();
    let mut ten_options: Vec<&str> = ten.iter().map(String::as_str).collect();
    for key in &keys_for_nine {
        ten_options.extend(["--encrypt-key", key]);
    }
    ten_options.push("nobody@hamburger.edu");
    let pgp = ["--encrypt", "pgp"];
    let smime = ["--encrypt", "smime"];
    let cases: [Case<'_>; 22] = [
        (
            &pgp,
            &["nobody@hamburger.edu"],
            65,
            &[
                "there is no key for <nobody@hamburger.edu>",
                "--encrypt-key FILE",
            ],
        ),
        (
            &pgp,
            &["rev@hamburger.edu"],
            65,
            &["is revoked", "<rev@hamburger.edu>"],
        ),
        (
            &pgp,
            &["exp@hamburger.edu"],
            65,
            &["has expired", "<exp@hamburger.edu>"],
        ),
        (
            &pgp,
            &["signer@hamburger.edu"],
            65,
            &["cannot encrypt", "<signer@hamburger.edu>"],
        ),
        (
            &pgp,
            &["new@hamburger.edu"],
            65,
            &["not trusted for <new@hamburger.edu>", "--lsign-key"],
        ),
        (
            &pgp,
            &["rev@hamburger.edu", "--encrypt-key", "rev.asc"],
            65,
            &["is revoked", "<rev@hamburger.edu>"],
        ),
        (
            &pgp,
            &["exp@hamburger.edu", "--encrypt-key", "exp.asc"],
            65,
            &["has expired", "<exp@hamburger.edu>"],
        ),
        (
            &pgp,
            &["signer@hamburger.edu", "--encrypt-key", "signer.asc"],
            65,
            &["cannot encrypt", "<signer@hamburger.edu>"],
        ),
        (
            &pgp,
            &["bob@hamburger.edu", "--encrypt-key", "damaged.asc"],
            65,
            &["damaged.asc", "no OpenPGP key"],
        ),
        (
            &pgp,
            &["bob@hamburger.edu", "--encrypt-key", "absent.asc"],
            66,
            &["absent.asc", "--encrypt-key"],
        ),
        (
            &pgp,
            &["nobody@hamburger.edu", "--encrypt-key", "carol.asc"],
            65,
            &["<nobody@hamburger.edu>", ";for=ADDR"],
        ),
        (
            &pgp,
            &ten_options,
            65,
            &["there is no key for <nobody@hamburger.edu>"],
        ),
        (
            &pgp,
            &["bob@hamburger.edu", "--bcc", "nobody@hamburger.edu"],
            65,
            &["there is no key for <nobody@hamburger.edu>"],
        ),
        (
            &["--sign", "pgp", "--sign-key", "nobody@crepes.fr"],
            &["bob@hamburger.edu"],
            78,
            &["--sign pgp", "nobody@crepes.fr"],
        ),
        (
            &["--sign", "pgp", "--sign-key", "locked@crepes.fr"],
            &["bob@hamburger.edu"],
            78,
            &["--sign pgp", "passphrase"],
        ),
        (
            &[
                "--sign",
                "pgp",
                "--encrypt",
                "pgp",
                "--sign-key",
                "locked@crepes.fr",
            ],
            &["bob@hamburger.edu"],
            78,
            &["--sign pgp", "passphrase"],
        ),
        (
            &["--sign", "smime"],
            &["bob@hamburger.edu"],
            78,
            &["--sign-key FILE"],
        ),
        (
            &["--sign", "smime", "--sign-key", "locked.pem"],
            &["bob@hamburger.edu"],
            78,
            &["the key is encrypted"],
        ),
        (
            &["--sign", "smime", "--sign-key", "open.pem"],
            &["bob@hamburger.edu"],
            78,
            &["chmod 600"],
        ),
        (
            &["--sign", "smime", "--sign-key", "bob.pem"],
            &["bob@hamburger.edu"],
            78,
            &["for <bob@hamburger.edu>, not for the author <alice@crepes.fr>"],
        ),
        (
            &smime,
            &["bob@hamburger.edu", "--encrypt-key", "sig.crt"],
            65,
            &["key usage", "<bob@hamburger.edu>"],
        ),
        (
            &smime,
            &["bob@hamburger.edu", "--encrypt-key", "web.crt"],
            65,
            &["not for email", "<bob@hamburger.edu>"],
        ),
    ];
    for (options, more, exit, words) in cases {
        let letter = [
            "--relay",
            &relay,
            "-f",
            "alice@crepes.fr",
            "-s",
            "hi",
            "-b",
            "plain text",
        ];
        let ran = world.ehlo(&[&letter, options, more].concat(), None);
        ran.ends_with(exit);
        for word in words {
            ran.complains(word);
        }
        assert!(ran.stdout.is_empty(), "{}", ran.text());
        assert!(
            fs::read(server.path("mbox")).unwrap_or_default().is_empty(),
            "{options:?} {more:?}"
        );
    }
}

/// One key that must not be used, at any place among ten recipients, and in the keyring or in a file.
#[test]
fn one_bad_key_of_ten_sends_nothing() {
    let Some(mut world) = World::new(seed()) else {
        return;
    };
    world.succeeds(BAD_KEYS);
    let server = Receiver::start(&["--mbox", "mbox"]);
    let relay = server.relay();
    let words = [
        ("rev", "is revoked"),
        ("exp", "has expired"),
        ("signer", "cannot encrypt"),
        ("new", "is not trusted"),
        ("nobody", "there is no key"),
    ];
    for number in 0..count().max(2) * words.len() {
        let (name, why) = words[number % words.len()];
        let bad = format!("{name}@hamburger.edu");
        let mut recipients: Vec<String> = (1..10).map(|n| format!("b{n}@hamburger.edu")).collect();
        let keys: Vec<String> = recipients
            .iter()
            .map(|to| format!("carol.asc;for={to}"))
            .collect();
        recipients.insert(world.random.usize(0..10), bad.clone());
        let mut options = vec![
            "--relay",
            &relay,
            "-f",
            "alice@crepes.fr",
            "-b",
            "plain text",
        ];
        options.extend(["--encrypt", "pgp"]);
        for key in &keys {
            options.extend(["--encrypt-key", key]);
        }
        let file = format!("{name}.asc");
        let is_file = world.random.bool() && !matches!(name, "new" | "nobody");
        if is_file {
            options.extend(["--encrypt-key", &file]);
        }
        for recipient in &recipients {
            options.push(world.pick(&["--to", "--cc", "--bcc"]));
            options.push(recipient);
        }
        let ran = world.ehlo(&options, None);
        assert_eq!(ran.code, 65, "{options:?}: {}", ran.stderr);
        ran.complains(why).complains(&format!("<{bad}>"));
        let mbox = fs::read(server.path("mbox")).unwrap_or_default();
        assert!(mbox.is_empty(), "{options:?}");
    }
}

/// gpg and openssl are killed at a random moment: the message is sent as a whole, or not at all.
#[test]
fn message_of_a_program_that_is_killed_is_whole_or_not_sent() {
    let Some(mut world) = World::new(seed()) else {
        return;
    };
    fs::create_dir(world.path("bin")).unwrap();
    world.succeeds("head -c 4000000 /dev/urandom >large.bin");
    let path = format!("{}:{PATH}", world.path("bin").display());
    let ways = ways();
    for number in 0..count() * ways.len() {
        let way = &ways[number % ways.len()];
        let after = world.random.usize(1..120);
        for program in ["gpg", "openssl"] {
            let script =
                format!("#!/bin/sh\nexec timeout -s KILL 0.{after:03} /usr/bin/{program} \"$@\"\n");
            write_script(&world.path("bin").join(program), script);
        }
        let server = Receiver::start(&["--mbox", "mbox"]);
        let relay = server.relay();
        let more = large_for_carol(&relay);
        let options = [&LETTER[..], way.options, &more].concat();
        let ran = world.ehlo_with(&options, None, &[("PATH", &path)]);
        let mbox = fs::read(server.path("mbox")).unwrap_or_default();
        let place = format!("{:?} after {after} ms: {}", way.options, ran.stderr);
        if ran.code != 0 {
            assert!(mbox.is_empty(), "{place}");
            continue;
        }
        let start = mbox.iter().position(|octet| *octet == b'\n').unwrap() + 1;
        fs::write(world.path("outer.unix"), &mbox[start..]).unwrap();
        // The mbox has line ends of Unix.
        world.succeeds("sed 's/$/\\r/' outer.unix | head -c -2 >outer.eml");
        world.succeeds(&way.script);
        let is_encrypted = way.options.contains(&"--encrypt");
        let text = String::from_utf8_lossy(&mbox);
        assert_eq!(text.contains("secret text"), !is_encrypted, "{place}");
        assert!(world.leaves("inner.eml").contains("large.bin"), "{place}");
    }
}

#[test]
fn missing_key_is_taken_from_the_web_key_directory() {
    let Some(world) = World::new(1) else { return };
    if !network::enter() {
        return;
    }
    let names = ["openpgpkey.hamburger.edu", "hamburger.edu"].map(str::to_owned);
    let certificate = certificate(world.directory.path(), names.into());
    world.succeeds(BAD_KEYS);
    world.succeeds("GNUPGHOME=other gpg -a --export new@hamburger.edu >published.asc; gpg --batch --yes --delete-keys new@hamburger.edu");
    let published = fs::read_to_string(world.path("published.asc")).unwrap();
    let carol = fs::read_to_string(world.path("carol.asc")).unwrap();
    let hash = "/hu/";
    let web = PolicyHost::start(certificate, move |request, at| match at {
        _ if !request.contains(hash) => "HTTP/1.1 500 x\r\n\r\n".to_owned(),
        0 | 1 => ok(&published),
        2 => ok(&carol),
        3 => ok("no key"),
        4 => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
        _ => "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".to_owned(),
    });
    let advanced = Dns::serve(&["openpgpkey.hamburger.edu A 127.0.0.2"]);
    let direct = Dns::serve(&["hamburger.edu A 127.0.0.2"]);
    let cases: [(&Dns, i32, &str); 6] = [
        (&advanced, 0, ""),
        (&direct, 0, ""),
        (&direct, 65, "does not have the address"),
        (
            &direct,
            65,
            "found is not an OpenPGP key for <New@hamburger.edu>",
        ),
        (&direct, 65, "there is no key for <New@hamburger.edu>"),
        (&direct, 69, "status 503"),
    ];
    for (dns, exit, words) in cases {
        let dns = dns.address.to_string();
        let options = [
            "--encrypt",
            "pgp",
            "--wkd",
            "--dns",
            &dns,
            "New@hamburger.edu",
            "-f",
            "alice@crepes.fr",
            "-b",
            "x",
            "--print",
        ];
        let ran = world.ehlo(&options, None);
        ran.ends_with(exit).complains(words);
        assert_eq!(ran.text().contains("BEGIN PGP MESSAGE"), exit == 0);
    }
    let requests = web.requests.lock().unwrap();
    assert!(
        requests[0].starts_with("GET /.well-known/openpgpkey/hamburger.edu/hu/"),
        "{requests:?}"
    );
    assert!(
        requests[1].starts_with("GET /.well-known/openpgpkey/hu/"),
        "{requests:?}"
    );
    assert!(requests[0].contains("?l=New "), "{requests:?}");
}

#[test]
fn autocrypt_field_has_the_key_of_the_author() {
    let Some(world) = World::new(1) else { return };
    world.printed(&[&LETTER[..], &["--autocrypt"]].concat(), "outer.eml");
    let import = r#"
python3 - <<'END'
import base64, email, re
field = email.message_from_binary_file(open("outer.eml", "rb"))["Autocrypt"]
values = dict(part.strip().split("=", 1) for part in re.sub(r"\s+", " ", field).split(";"))
assert values["addr"] == "alice@crepes.fr", values
assert len(field) < 10240
open("key", "wb").write(base64.b64decode(values["keydata"].replace(" ", "")))
END
gpg --batch --with-colons --show-keys key | grep -q '^uid.*<alice@crepes.fr>'
gpg --batch --list-packets key | grep -c 'public sub key packet'
"#;
    world.succeeds(import);
    let nobody = [
        "-f",
        "nobody@crepes.fr",
        "bob@hamburger.edu",
        "-b",
        "x",
        "--autocrypt",
        "--print",
    ];
    world
        .ehlo(&nobody, None)
        .ends_with(78)
        .complains("<nobody@crepes.fr>");
}

//! OpenPGP by `gpg`. The keyring and its trust are those of the user.

use crate::mail::address::Address;
use crate::mail::crypt::error::CryptError;
use crate::mail::crypt::key_folder::KeyFolder;
use crate::mail::crypt::keys::{ListedKey, listed};
use crate::mail::crypt::options::{CryptOptions, EncryptKey, Method, SignKey};
use crate::mail::crypt::program::{Feed, OutputForm, Pass, Program, failure};
use crate::mail::crypt::recipients::{CryptRecipients, is_address_of};
use crate::system::filter::Filtered;
use crate::system::text::shown;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

const GPG: &str = "gpg";

/// Maximum size of a key file, in octets. Keys may have thousands of signatures.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// The armor of an encrypted message (RFC 9580 §6.2).
const MESSAGE: OutputForm<'_> = OutputForm {
    begin: b"-----BEGIN PGP MESSAGE-----",
    end: b"-----END PGP MESSAGE-----\n",
};

/// What precedes a line for programs on the standard error.
const STATUS: &str = "[GNUPG:] ";

const ENCRYPT: &str = "--encrypt pgp";
const SIGN: &str = "--sign pgp";

/// A detached signature.
#[derive(Debug)]
pub struct PgpSignature {
    /// In ASCII armor, with LF as line ends.
    pub armored: Vec<u8>,
    /// The hash function as `micalg` names it.
    pub micalg: &'static str,
}

/// Signs a content as the author.
pub fn sign(
    options: &CryptOptions,
    author: Option<&Address>,
    feed: &mut Feed<'_>,
) -> Result<PgpSignature, CryptError> {
    let mut program = gpg(SIGN);
    program.command.args(["--armor", "--detach-sign"]);
    program
        .command
        .args(signer(options.sign_key.as_ref(), author)?);
    let (armored, ended) = program.output(feed)?;
    let created = statuses(&ended).find_map(|(word, rest)| (word == "SIG_CREATED").then_some(rest));
    let has_armor = armored.starts_with(b"-----BEGIN PGP SIGNATURE-----")
        && armored.ends_with(b"-----END PGP SIGNATURE-----\n");
    let is_whole = ended.status.success() && has_armor;
    let Some(created) = created.filter(|_| is_whole) else {
        return Err(unsigned(&ended, author));
    };
    Ok(PgpSignature {
        armored,
        micalg: micalg(created.split(' ').nth(2).unwrap_or_default()),
    })
}

/// What is encrypted for whom.
pub struct PgpEncryption<'a> {
    pub options: &'a CryptOptions,
    pub recipients: &'a CryptRecipients,
    pub author: Option<&'a Address>,
    /// True if the content is signed as well.
    pub signs: bool,
}

impl PgpEncryption<'_> {
    /// Encrypts a content in ASCII armor, with LF as line ends. The output is incomplete if there is an error.
    pub fn run(&self, pass: Pass<'_>) -> Result<(), CryptError> {
        let keys = self.keys()?;
        let mut program = gpg(ENCRYPT);
        // Compression takes four times as long as encryption, and most attachments are compressed already.
        program
            .command
            .args(["--armor", "--compress-algo", "none", "--encrypt"]);
        if self.signs {
            let signer = signer(self.options.sign_key.as_ref(), self.author)?;
            program.command.arg("--sign").args(signer);
        }
        program.command.args(&keys.arguments);
        let (ended, is_whole) = program.pass_as(MESSAGE, pass)?;
        let has = |wanted: &str| statuses(&ended).any(|(word, _)| word == wanted);
        let is_complete = is_whole && has("END_ENCRYPTION") && (has("SIG_CREATED") || !self.signs);
        if ended.status.success() && is_complete {
            return Ok(());
        }
        Err(self.failed(&ended, &keys))
    }

    /// The keys of all recipients, as arguments.
    fn keys(&self) -> Result<KeyArguments<'_>, CryptError> {
        let mut keys = KeyArguments::default();
        for key in &self.options.encrypt_keys {
            keys.read(key)?;
        }
        for (recipient, is_hidden) in self.recipients.all() {
            let mut given = keys.given.iter();
            let given = given.find(|one| one.file.is_for(recipient, &one.key.addresses));
            if let Some(one) = given {
                if let Some(fault) = one.key.fault() {
                    return Err(unusable(recipient, &one.key, fault));
                }
                let copy = one.copy.clone();
                keys.add_file(&copy, is_hidden);
            } else if let Some(key) = self.published(recipient)? {
                let copy = published_file(recipient, &key, &mut keys.folder)?;
                keys.add_file(&copy, is_hidden);
            } else {
                keys.add_address(recipient, is_hidden);
            }
        }
        Ok(keys)
    }

    /// The published key of a recipient without a trusted one in the keyring. `None`: the keyring decides.
    fn published(&self, recipient: &Address) -> Result<Option<Vec<u8>>, CryptError> {
        let Some(directory) = &self.options.directory else {
            return Ok(None);
        };
        let is_usable = |key: &ListedKey| key.is_trusted() && key.fault().is_none();
        if of_keyring(recipient)?.iter().any(is_usable) {
            return Ok(None);
        }
        directory
            .find(recipient)
            .map_err(|why| CryptError::Directory {
                recipient: shown(&recipient.to_string()),
                why,
            })
    }

    /// The error of an encryption that failed.
    fn failed(&self, ended: &Filtered, keys: &KeyArguments<'_>) -> CryptError {
        for (word, rest) in statuses(ended) {
            let (code, about) = rest.split_once(' ').unwrap_or((rest, ""));
            match word {
                "INV_RECP" => return self.invalid_recipient(code, keys.named(about)),
                "INV_SGNR" => return unsigned(ended, self.author),
                "FAILURE" if rest.starts_with("sign") && self.signs => {
                    return unsigned(ended, self.author);
                }
                _ => {}
            }
        }
        CryptError::Program {
            option: ENCRYPT.to_owned(),
            program: GPG,
            why: failure(ended, is_message),
        }
    }

    fn invalid_recipient(&self, code: &str, about: &str) -> CryptError {
        let address = about.trim_start_matches('<').trim_end_matches('>');
        let mut all = self.recipients.all();
        let recipient = all.find(|(recipient, _)| is_address_of(address, recipient));
        let Some((recipient, _)) = recipient else {
            return CryptError::KeyFile {
                option: "--encrypt-key",
                path: PathBuf::from(about),
                why: "it cannot be used for encryption".to_owned(),
            };
        };
        if let Some(key) = of_keyring(recipient).unwrap_or_default().first()
            && let Some(fault) = key.fault()
        {
            return unusable(recipient, key, fault);
        }
        let (why, remedy) = match code {
            "10" => (
                "the key in the keyring is not trusted",
                "; sign it with gpg --lsign-key, or give the key with --encrypt-key FILE",
            ),
            "2" => (
                "there are several keys",
                "; give one with --encrypt-key FILE",
            ),
            "3" => ("the key in the keyring cannot encrypt", GIVE),
            "4" => ("the key in the keyring is revoked", GIVE),
            "5" => ("the key in the keyring has expired", GIVE),
            "13" => ("the key in the keyring is disabled", GIVE),
            _ if self.options.encrypt_keys.is_empty() => ("there is no key", GIVE),
            _ => (
                "there is no key",
                "; no --encrypt-key has this address; if one is for it, name it as in --encrypt-key 'FILE;for=ADDR'",
            ),
        };
        CryptError::Recipient {
            method: Method::Pgp,
            recipient: shown(&recipient.to_string()),
            why: why.to_owned(),
            remedy,
        }
    }
}

/// The remedy for a recipient without a key.
const GIVE: &str = "; give it with --encrypt-key FILE";

/// The keys of recipients as arguments of `gpg`.
#[derive(Default)]
struct KeyArguments<'a> {
    arguments: Vec<OsString>,
    /// Those of `--encrypt-key`.
    given: Vec<GivenKey<'a>>,
    /// The folder of the copies, which is removed with this value.
    folder: KeyFolder,
}

/// A key of `--encrypt-key`.
struct GivenKey<'a> {
    file: &'a EncryptKey,
    key: ListedKey,
    copy: PathBuf,
}

impl<'a> KeyArguments<'a> {
    /// Reads the first key in a file, which is the one that `gpg` uses.
    fn read(&mut self, file: &'a EncryptKey) -> Result<(), CryptError> {
        let octets = key_octets(&file.path).map_err(|error| CryptError::Unreadable {
            option: "--encrypt-key",
            path: file.path.clone(),
            error,
        })?;
        let copy = self.folder.add(&octets)?;
        let keys = shown_keys(copy.as_os_str().to_owned())?;
        let key = keys.into_iter().next();
        let key = key.ok_or_else(|| CryptError::KeyFile {
            option: "--encrypt-key",
            path: file.path.clone(),
            why: "it contains no OpenPGP key".to_owned(),
        })?;
        self.given.push(GivenKey { file, key, copy });
        Ok(())
    }

    /// The subject of a message of `gpg`: for a copy, the file that the option names.
    fn named<'n>(&'n self, about: &'n str) -> &'n str {
        let mut given = self.given.iter();
        let given = given.find(|one| one.copy.as_os_str() == about);
        given
            .and_then(|one| one.file.path.to_str())
            .unwrap_or(about)
    }

    /// A key in a file needs no trust.
    fn add_file(&mut self, path: &Path, is_hidden: bool) {
        let option = if is_hidden {
            "--hidden-recipient-file"
        } else {
            "--recipient-file"
        };
        // Named recipients come first.
        if !self.arguments.iter().any(|argument| argument == path) {
            self.arguments.extend([option.into(), path.into()]);
        }
    }

    fn add_address(&mut self, recipient: &Address, is_hidden: bool) {
        let option = if is_hidden {
            "--hidden-recipient"
        } else {
            "--recipient"
        };
        let exact = format!("<{recipient}>");
        self.arguments.extend([option.into(), exact.into()]);
    }
}

fn key_octets(path: &Path) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    let file = File::open(path)?;
    if file.take(MAX_FILE + 1).read_to_end(&mut octets)? as u64 > MAX_FILE {
        return Err(io::Error::other("it is too large for a key"));
    }
    Ok(octets)
}

/// The keys in a file.
fn shown_keys(path: OsString) -> Result<Vec<ListedKey>, CryptError> {
    let mut program = gpg(ENCRYPT);
    program.command.args(["--with-colons", "--show-keys", "--"]);
    program.command.arg(path);
    list(program)
}

/// The keys of a recipient in the keyring.
fn of_keyring(recipient: &Address) -> Result<Vec<ListedKey>, CryptError> {
    let mut program = gpg(ENCRYPT);
    program.command.args(["--with-colons", "--list-keys", "--"]);
    program.command.arg(format!("<{recipient}>"));
    list(program)
}

/// Runs a listing. No key is an exit status of 2 and an empty list.
fn list(program: Program) -> Result<Vec<ListedKey>, CryptError> {
    let (listing, _) = program.output(&mut |_| Ok(()))?;
    Ok(listed(&String::from_utf8_lossy(&listing)))
}

/// Writes a published key to a file. It must have the address of the recipient in a user ID.
fn published_file(
    recipient: &Address,
    octets: &[u8],
    folder: &mut KeyFolder,
) -> Result<PathBuf, CryptError> {
    let wrong = |why: &str| CryptError::Recipient {
        method: Method::Pgp,
        recipient: shown(&recipient.to_string()),
        why: why.to_owned(),
        remedy: "; give the key with --encrypt-key FILE",
    };
    let file = folder.add(octets)?;
    let keys = shown_keys(file.as_os_str().to_owned())?;
    let Some(key) = keys.first() else {
        return Err(wrong("what --wkd found is not an OpenPGP key"));
    };
    let mut addresses = key.addresses.iter();
    if !addresses.any(|address| is_address_of(address, recipient)) {
        return Err(wrong(
            "the key that --wkd found does not have the address, so it is none",
        ));
    }
    match key.fault() {
        Some(fault) => Err(unusable(recipient, key, fault)),
        None => Ok(file),
    }
}

fn unusable(recipient: &Address, key: &ListedKey, fault: &str) -> CryptError {
    CryptError::Recipient {
        method: Method::Pgp,
        recipient: shown(&recipient.to_string()),
        why: format!("the key {} {fault},", key.fingerprint),
        remedy: "; give another with --encrypt-key FILE",
    }
}

/// The public key of the author for the Autocrypt field: binary, with the user ID of this address.
pub fn exported(options: &CryptOptions, author: &Address) -> Result<Vec<u8>, CryptError> {
    let mut program = gpg("--autocrypt");
    let filter = format!("keep-uid=mbox = {}", author.to_string().to_lowercase());
    let key = match &options.sign_key {
        Some(SignKey(key)) if options.sign != Some(Method::Smime) => key.clone(),
        _ => format!("<{author}>").into(),
    };
    program
        .command
        .args(["--export-options", "export-minimal,no-export-attributes"])
        .args(["--export-filter", &filter, "--export", "--"])
        .arg(key);
    let (key, ended) = program.output(&mut |_| Ok(()))?;
    if key.is_empty() || !ended.status.success() {
        let author = shown(&author.to_string());
        return Err(CryptError::Autocrypt(format!(
            "the keyring has no OpenPGP key for <{author}>; create one with gpg --quick-gen-key"
        )));
    }
    Ok(key)
}

/// `gpg` without a terminal, and without looking for keys on the Internet by itself.
pub(in crate::mail) fn gpg(option: &str) -> Program {
    let mut program = Program::new(GPG, option.to_owned());
    program.command.args([
        "--batch",
        "--no-tty",
        "--status-fd",
        "2",
        "--no-auto-key-locate",
    ]);
    program
}

/// The key to sign with, as arguments.
fn signer(key: Option<&SignKey>, author: Option<&Address>) -> Result<[OsString; 2], CryptError> {
    let key = match (key, author) {
        (Some(SignKey(key)), _) => key.clone(),
        (None, Some(author)) => format!("<{author}>").into(),
        (None, None) => {
            let why = "From names no address to sign for; name a key with --sign-key";
            return Err(signing(why.to_owned()));
        }
    };
    Ok(["--local-user".into(), key])
}

fn signing(why: String) -> CryptError {
    CryptError::SigningKey {
        method: Method::Pgp,
        why,
    }
}

/// The error of a signature that was not made.
fn unsigned(ended: &Filtered, author: Option<&Address>) -> CryptError {
    let invalid = statuses(ended).find(|(word, _)| *word == "INV_SGNR");
    if let Some((_, rest)) = invalid {
        let key = rest.split_once(' ').map_or("", |(_, key)| key);
        let author = author.map(|author| format!("<{author}>"));
        let remedy = if author.as_deref() == Some(key) {
            "; name a key with --sign-key KEYID"
        } else {
            ""
        };
        return signing(format!(
            "no usable secret key in the keyring for {}{remedy}",
            shown(key)
        ));
    }
    let has_failed =
        statuses(ended).any(|(word, rest)| word == "FAILURE" && rest.starts_with("sign"));
    if has_failed {
        return signing(format!(
            "{}; a key that is used without a terminal must have no passphrase, or one that gpg-agent knows",
            failure(ended, is_message)
        ));
    }
    CryptError::Program {
        option: SIGN.to_owned(),
        program: GPG,
        why: failure(ended, is_message),
    }
}

/// The lines for programs, as a keyword and the rest.
pub(in crate::mail) fn statuses(ended: &Filtered) -> impl Iterator<Item = (&str, &str)> {
    let lines = ended.messages.split(|octet| *octet == b'\n');
    lines.filter_map(|line| {
        let line = std::str::from_utf8(line).ok()?.strip_prefix(STATUS)?;
        Some(line.split_once(' ').unwrap_or((line, "")))
    })
}

fn is_message(line: &str) -> bool {
    !line.starts_with(STATUS)
}

/// The name of a hash function (RFC 3156 §5) with this number (RFC 9580 §9.5).
fn micalg(number: &str) -> &'static str {
    match number {
        "1" => "pgp-md5",
        "2" => "pgp-sha1",
        "3" => "pgp-ripemd160",
        "9" => "pgp-sha384",
        "10" => "pgp-sha512",
        "11" => "pgp-sha224",
        _ => "pgp-sha256",
    }
}

/// Appends a piece of armor to wire lines.
pub fn push_armor(piece: &[u8], out: &mut Vec<u8>) {
    for line in piece.split_inclusive(|octet| *octet == b'\n') {
        let Some(text) = line.strip_suffix(b"\n") else {
            out.extend_from_slice(line);
            continue;
        };
        out.extend_from_slice(text.strip_suffix(b"\r").unwrap_or(text));
        out.extend_from_slice(b"\r\n");
    }
}

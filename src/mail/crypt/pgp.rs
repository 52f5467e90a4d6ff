//! OpenPGP by `gpg`. The keyring and its trust are those of the user.

use crate::mail::address::Address;
use crate::mail::crypt::error::CryptError;
use crate::mail::crypt::keys::{ListedKey, listed};
use crate::mail::crypt::options::{CryptOptions, EncryptKey, KeyDirectory, Method, SignKey};
use crate::mail::crypt::program::{Feed, Pass, Program, failure};
use crate::mail::crypt::recipients::{CryptRecipients, is_address_of};
use crate::system::filter::Filtered;
use crate::system::text::shown;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

const GPG: &str = "gpg";

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
    let is_whole = ended.status.success() && armored.starts_with(b"-----BEGIN PGP SIGNATURE-----");
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
        let (ended, has_output) = program.pass_marked(b"-----BEGIN PGP MESSAGE-----", pass)?;
        let has = |wanted: &str| statuses(&ended).any(|(word, _)| word == wanted);
        let is_complete =
            has_output && has("END_ENCRYPTION") && (has("SIG_CREATED") || !self.signs);
        if ended.status.success() && is_complete {
            return Ok(());
        }
        Err(self.failed(&ended))
    }

    /// The keys of all recipients, as arguments.
    fn keys(&self) -> Result<KeyArguments, CryptError> {
        let mut files = Vec::new();
        for key in &self.options.encrypt_keys {
            files.push((key, first_key(key)?));
        }
        let mut keys = KeyArguments::default();
        for (recipient, is_hidden) in self.recipients.all() {
            let mut given = files.iter();
            let given = given.find(|(file, key)| file.is_for(recipient, &key.addresses));
            if let Some((file, key)) = given {
                if let Some(fault) = key.fault() {
                    return Err(unusable(recipient, key, fault));
                }
                keys.add_file(&file.path, is_hidden);
            } else if let Some(file) = self.published(recipient)? {
                keys.add_file(file.path(), is_hidden);
                keys.files.push(file);
            } else {
                keys.add_address(recipient, is_hidden);
            }
        }
        Ok(keys)
    }

    /// The published key of a recipient without a trusted one in the keyring. `None`: the keyring decides.
    fn published(&self, recipient: &Address) -> Result<Option<NamedTempFile>, CryptError> {
        let Some(directory) = &self.options.directory else {
            return Ok(None);
        };
        let is_usable = |key: &ListedKey| key.is_trusted() && key.fault().is_none();
        if of_keyring(recipient)?.iter().any(is_usable) {
            return Ok(None);
        }
        published_key(&**directory, recipient)
    }

    /// The error of an encryption that failed.
    fn failed(&self, ended: &Filtered) -> CryptError {
        for (word, rest) in statuses(ended) {
            let (code, about) = rest.split_once(' ').unwrap_or((rest, ""));
            match word {
                "INV_RECP" => return self.invalid_recipient(code, about),
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
struct KeyArguments {
    arguments: Vec<OsString>,
    /// Keys that were looked up. The files are removed when they are dropped.
    files: Vec<NamedTempFile>,
}

impl KeyArguments {
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

/// The first key in a file, which is the one that `gpg` uses.
fn first_key(key: &EncryptKey) -> Result<ListedKey, CryptError> {
    File::open(&key.path).map_err(|error| CryptError::Unreadable {
        option: "--encrypt-key",
        path: key.path.clone(),
        error,
    })?;
    let first = shown_keys(key.path.as_os_str().to_owned())?;
    first.into_iter().next().ok_or_else(|| CryptError::KeyFile {
        path: key.path.clone(),
        why: "it contains no OpenPGP key".to_owned(),
    })
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

/// The key that a directory has for a recipient, in a file. It must have the address in a user ID.
fn published_key(
    directory: &dyn KeyDirectory,
    recipient: &Address,
) -> Result<Option<NamedTempFile>, CryptError> {
    let failed = |why: String| CryptError::Directory {
        recipient: shown(&recipient.to_string()),
        why,
    };
    let wrong = |why: &str| CryptError::Recipient {
        method: Method::Pgp,
        recipient: shown(&recipient.to_string()),
        why: why.to_owned(),
        remedy: "; give the key with --encrypt-key FILE",
    };
    let Some(key) = directory.find(recipient).map_err(failed)? else {
        return Ok(None);
    };
    let mut file = NamedTempFile::new().map_err(CryptError::Content)?;
    file.write_all(&key).map_err(CryptError::Content)?;
    let keys = shown_keys(file.path().as_os_str().to_owned())?;
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
        None => Ok(Some(file)),
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

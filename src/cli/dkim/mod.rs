//! `ehlo dkim`: makes keys for signatures, and checks their records in the DNS.

pub(crate) mod args;

pub(crate) use args::DkimArgs;

use crate::cli::ExitStatus;
use crate::cli::terminal::{complain, write};
use crate::client::dns::{Dns as _, DnsError, Resolver};
use crate::client::events::Silent;
use crate::mail::dkim::{
    RecordProblem, SigningKey, check_records, ed25519_pem, record, rsa_command, zone_lines,
};
use crate::system::exit::{Exit, Health};
use crate::system::quote::for_shell;
use crate::system::secret::Secret;
use crate::system::subprocess::{Task, end};
use crate::system::text::{reason, shown_path};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use zeroize::Zeroizing;

/// Time limit of openssl. It takes a tenth of a second.
const LIMIT: Duration = Duration::from_secs(60);

/// A task of `ehlo dkim`.
#[derive(Debug)]
pub enum DkimTask {
    New(NewKey),
    Record {
        file: PathBuf,
        /// The owner in lines for a zone file. `None`: the text of the record alone.
        owner: Option<String>,
    },
    Check {
        keys: Vec<CheckedKey>,
        dns: Option<SocketAddr>,
    },
}

#[derive(Debug)]
pub struct NewKey {
    pub selector: String,
    pub domain: String,
    pub is_ed25519: bool,
    /// The file to create.
    pub path: PathBuf,
}

/// A key whose record is checked.
#[derive(Debug, PartialEq, Eq)]
pub struct CheckedKey {
    pub path: PathBuf,
    pub selector: String,
    pub domain: String,
}

/// An error and its exit status.
struct Failure(Exit, String);

pub fn run(task: &DkimTask) -> Exit {
    let done = match task {
        DkimTask::New(key) => key.make(),
        DkimTask::Record { file, owner } => print_record(file, owner.as_deref()),
        DkimTask::Check { keys, dns } => check(keys, *dns),
    };
    done.unwrap_or_else(|Failure(exit, text)| {
        complain(&text);
        exit
    })
}

fn printed(text: &str) -> Exit {
    write(text.as_bytes()).err().unwrap_or(Exit::Ok)
}

fn print_record(file: &Path, owner: Option<&str>) -> Result<Exit, Failure> {
    let key = SigningKey::read(file).map_err(|error| Failure(error.exit(), error.to_string()))?;
    let record = record(&key);
    Ok(printed(&match owner {
        Some(owner) => zone_lines(owner, &record),
        None => format!("{record}\n"),
    }))
}

impl NewKey {
    fn make(&self) -> Result<Exit, Failure> {
        let pem = if self.is_ed25519 {
            let failed = || Failure(Exit::Software, "there are no random numbers".to_owned());
            ed25519_pem().ok_or_else(failed)?
        } else {
            rsa_pem()?
        };
        let key = SigningKey::parse(pem.expose());
        let key = key.map_err(|fault| {
            Failure(Exit::Software, format!("the key that openssl made {fault}"))
        })?;
        create(&self.path, &pem)?;
        Ok(printed(&self.instructions(&key)))
    }

    fn instructions(&self, key: &SigningKey) -> String {
        let Self {
            selector, domain, ..
        } = self;
        let absolute = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        let setting = format!("{selector}:{}", absolute.display());
        let setting = crate::system::quote::toml_string(&setting);
        let file = for_shell(&self.path);
        format!(
            "The key is in {}. Publish this record:\n\n\
             Name:  {selector}._domainkey.{domain}\n\
             Type:  TXT\n\
             Value: {}\n\n\
             For a zone file: ehlo dkim record {file} --zone --selector {selector}\n\n\
             Add the key to the configuration:\n\n\
             [dkim]\n\
             \"{domain}\" = {setting}\n\n\
             Then check both: ehlo dkim check {domain}\n\n\
             Keep the record of a key that this one replaces for a week: messages that are on\n\
             their way are verified with it.\n",
            shown_path(&self.path),
            record(key)
        )
    }
}

fn rsa_pem() -> Result<Secret, Failure> {
    let failed = |why: String| {
        let text =
            format!("cannot make an RSA key with openssl: {why}; --ed25519 needs no openssl");
        Failure(Exit::Software, text)
    };
    let mut command = rsa_command();
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let task = Task {
        command,
        input: b"",
        limit: Some(LIMIT),
        stop: None,
    };
    let mut pem = Zeroizing::new(Vec::with_capacity(16 * 1024));
    let status = task.run(&mut |piece| {
        pem.extend_from_slice(piece);
        Ok(())
    });
    let status = status.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => failed("it is not installed".to_owned()),
        _ => failed(reason(&error)),
    })?;
    if !status.success() {
        return Err(failed(end(status)));
    }
    Ok(Secret::new(std::mem::take(&mut *pem)))
}

/// Creates a file that only this user can read. An existing one is not replaced: messages may be signed with its key.
fn create(path: &Path, pem: &Secret) -> Result<(), Failure> {
    let cannot = |error: io::Error| {
        let why = match error.kind() {
            io::ErrorKind::AlreadyExists => {
                "it exists already; choose another name, such as that of the selector".to_owned()
            }
            _ => reason(&error),
        };
        let text = format!("cannot create {}: {why}", shown_path(path));
        Failure(Exit::CantCreate, text)
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(cannot)?;
    let written = file.write_all(pem.expose()).and_then(|()| file.sync_all());
    written.map_err(|error| {
        let _ = fs::remove_file(path);
        cannot(error)
    })
}

/// Prints a line for each key.
fn check(keys: &[CheckedKey], dns: Option<SocketAddr>) -> Result<Exit, Failure> {
    let resolver = Resolver::new(dns);
    let resolver = resolver
        .map_err(|why| Failure(Exit::Temporary, format!("cannot start the resolver: {why}")))?;
    let mut worst = Health::Ok;
    for key in keys {
        let (health, words) = key.check(&resolver);
        worst = worst.max(health);
        let line = format!("{}: {words}\n", key.name());
        if let Err(exit) = write(line.as_bytes()) {
            return Ok(exit);
        }
    }
    Ok(Exit::Health(worst))
}

impl CheckedKey {
    /// The name of the record.
    fn name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    fn check(&self, resolver: &Resolver) -> (Health, String) {
        let key = match SigningKey::read(&self.path) {
            Ok(key) => key,
            Err(error) => return (Health::Critical, error.to_string()),
        };
        let file = shown_path(&self.path);
        let publish = format!(
            "publish that of: ehlo dkim record {}",
            for_shell(&self.path)
        );
        let records = match resolver.txt(&self.name(), &mut Silent) {
            Ok(answer) => answer.records,
            Err(DnsError::Failed(why)) => return (Health::Unknown, why),
            Err(_) => {
                let words = format!("there is no record for the key {file}; {publish}");
                return (Health::Critical, words);
            }
        };
        match check_records(&records, &key) {
            Ok(()) => (Health::Ok, format!("ok, {}, {file}", key.algorithm())),
            Err(problem @ RecordProblem::Testing) => (Health::Warning, problem.to_string()),
            Err(problem @ RecordProblem::Several(_)) => {
                (Health::Critical, format!("{problem}; keep that of {file}"))
            }
            Err(problem) => (Health::Critical, format!("{problem} ({file}); {publish}")),
        }
    }
}

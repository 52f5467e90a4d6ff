//! The tokens of an account between runs: a file in a directory that only this user can enter.
//!
//! A new file is written beside the old one, synced and renamed. If the process is killed before the rename, the
//! next one that has the lock finds the new file and completes the rename: the refresh token in it may be the only
//! one that the provider still accepts.

use crate::client::credentials::file::MAX_SIZE;
use crate::client::credentials::oauth::account::{Account, Grant, Provider};
use crate::client::credentials::oauth::error::OAuthError;
use crate::system::lock::lock_within;
use crate::system::quote::for_shell;
use crate::system::remedy::ErrorText;
use crate::system::secret::Secret;
use crate::system::time::spoken;
use crate::system::trust;
use crate::system::user::{Base, StateDirectory, is_privileged, path_variable};
use rustix::fs::{AtFlags, FallocateFlags, Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;
use zeroize::Zeroizing;

const STATE_DIRECTORY: StateDirectory = StateDirectory {
    base: Base::State,
    system: "/var/lib/ehlo",
    own: "ehlo",
};

/// Time limit for the lock: longer than that of the requests of a refresh.
const LOCK_LIMIT: Duration = Duration::from_secs(90);

const LOCK_INTERVAL: Duration = Duration::from_millis(20);

/// Space that is reserved before a request, because a token that cannot be stored is lost.
const RESERVED: u64 = 32 * 1024;

/// The end of the name of a file with tokens.
const SUFFIX: &str = ".json";

/// A token that is valid for a shorter time is not used any more, in seconds.
const MIN_VALIDITY: i64 = 60;

/// Time before the end of a login at which it is reported, in seconds.
const WARN_BEFORE: i64 = 2 * 86_400;

/// Time without use after which a login of Microsoft is reported, in seconds: 80 of 90 days.
const MAX_UNUSED: i64 = 80 * 86_400;

/// The tokens of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredLogin {
    pub account: Account,
    /// `None`: tokens are obtained without one.
    #[serde(default, with = "secret_text")]
    pub refresh_token: Option<Secret>,
    #[serde(default, with = "secret_text")]
    pub access_token: Option<Secret>,
    /// The end of the validity of the access token. Times are in seconds since 1970.
    pub expires: i64,
    /// The end of the validity of the refresh token, if the provider names it.
    #[serde(default)]
    pub login_expires: Option<i64>,
    /// The time of the login.
    pub logged_in: i64,
    /// The time at which the access token was obtained.
    pub refreshed: i64,
}

impl StoredLogin {
    /// The access token, if it is valid for a while. `rejected`: a token that the server has refused.
    pub fn usable(&self, now: i64, rejected: Option<&Secret>) -> Option<&Secret> {
        // After a change of the clock to the past, the end of the validity is not known.
        let is_valid = self.expires - now >= MIN_VALIDITY && now >= self.refreshed;
        let token = self.access_token.as_ref()?;
        (is_valid && Some(token) != rejected).then_some(token)
    }

    /// The reason for which a person should log in again soon.
    pub fn warning(&self, now: i64) -> Option<String> {
        let unused = now - self.refreshed;
        let left = self.login_expires.map(|end| end - now);
        let is_person = self.account.grant == Grant::User;
        match left {
            Some(left) if left <= 0 => Some("the login has expired".to_owned()),
            Some(left) if left < WARN_BEFORE => Some(format!(
                "the login expires in {}",
                spoken(Duration::from_secs(left.unsigned_abs()))
            )),
            None if is_person
                && self.account.provider == Provider::Microsoft
                && unused > MAX_UNUSED =>
            {
                Some(format!(
                    "the login was not used for {}; Microsoft ends it after 90 days",
                    spoken(Duration::from_secs(unused.unsigned_abs()))
                ))
            }
            _ => None,
        }
    }
}

/// Texts of secrets in the file.
mod secret_text {
    use crate::system::secret::Secret;
    use serde::{Deserialize, Deserializer, Serializer};

    #[allow(clippy::ref_option)] // The form that serde requires.
    pub fn serialize<S: Serializer>(secret: &Option<Secret>, to: S) -> Result<S::Ok, S::Error> {
        match secret {
            None => to.serialize_none(),
            Some(secret) => {
                let text = std::str::from_utf8(secret.expose());
                to.serialize_str(text.map_err(serde::ser::Error::custom)?)
            }
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        Ok(text.map(|text| Secret::new(text.into_bytes())))
    }
}

/// The directory with a file for each account.
pub struct TokenDirectory {
    directory: OwnedFd,
    path: PathBuf,
}

/// The directory below `EHLO_STATE_DIR`, else below the usual one.
fn location() -> Result<PathBuf, OAuthError> {
    let named = path_variable("EHLO_STATE_DIR").filter(|_| !is_privileged());
    let state = named.or_else(|| STATE_DIRECTORY.path());
    Ok(state.ok_or(OAuthError::Homeless)?.join("oauth"))
}

/// A file in the directory.
#[derive(Debug)]
pub struct TokenFile {
    pub path: PathBuf,
    /// Its content, or the reason that it cannot be read.
    pub content: Result<CacheFile, OAuthError>,
}

/// The content of a file.
#[derive(Debug)]
pub enum CacheFile {
    Missing,
    /// It is not a complete JSON object of this form.
    Damaged,
    Login(Box<StoredLogin>),
}

impl TokenDirectory {
    /// Opens the directory if it exists.
    pub fn find() -> Result<Option<Self>, OAuthError> {
        Self::open(location()?, false)
    }

    /// Opens the directory, and creates it if it does not exist.
    pub fn create() -> Result<Self, OAuthError> {
        let path = location()?;
        let missing = |path| OAuthError::Io {
            doing: "create",
            path,
            error: ErrorKind::NotFound.into(),
        };
        Self::open(path.clone(), true)?.ok_or_else(|| missing(path))
    }

    fn open(path: PathBuf, create: bool) -> Result<Option<Self>, OAuthError> {
        let directory = trust::open_directory(&path, create)?;
        Ok(directory.map(|directory| Self { directory, path }))
    }

    /// The file of an account.
    pub fn path(&self, account: &Account) -> PathBuf {
        self.path.join(file_name(account))
    }

    /// The files of all accounts, by name.
    pub fn all(&self) -> Result<Vec<TokenFile>, OAuthError> {
        let failed = |error: Errno| self.failed("read", "", error);
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.directory).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name().to_owned();
            let name = name.to_string_lossy().into_owned();
            if name.ends_with(SUFFIX) {
                names.push(name);
            }
        }
        names.sort();
        let files = names.into_iter().map(|name| TokenFile {
            path: self.path.join(&name),
            content: self.load(&name),
        });
        Ok(files.collect())
    }

    pub fn read(&self, account: &Account) -> Result<CacheFile, OAuthError> {
        self.load(&file_name(account))
    }

    /// Locks the file of an account, and completes a write that was interrupted.
    pub fn lock(&self, account: &Account) -> Result<LockedLogin<'_>, OAuthError> {
        let name = file_name(account);
        let lock = format!("{name}.lock");
        let flags = OFlags::RDWR | OFlags::CREATE;
        let file = self.open_file(&lock, flags)?;
        let file = file.ok_or_else(|| self.failed("open", &lock, Errno::NOENT))?;
        let is_locked = lock_within(&file, LOCK_LIMIT, LOCK_INTERVAL);
        if !is_locked.map_err(|error| self.failed("lock", &lock, error))? {
            return Err(OAuthError::Busy {
                account: account.to_string(),
                seconds: LOCK_LIMIT.as_secs(),
            });
        }
        let locked = LockedLogin {
            directory: self,
            draft: format!("{name}.new"),
            name,
            _lock: file,
        };
        locked.recover()?;
        Ok(locked)
    }

    fn load(&self, name: &str) -> Result<CacheFile, OAuthError> {
        let Some(file) = self.open_file(name, OFlags::RDONLY)? else {
            return Ok(CacheFile::Missing);
        };
        self.check(&file, name)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SIZE));
        let read = file.take(MAX_SIZE as u64).read_to_end(&mut bytes);
        read.map_err(|error| self.failed("read", name, error))?;
        Ok(match serde_json::from_slice(&bytes) {
            Ok(login) => CacheFile::Login(Box::new(login)),
            Err(_) => CacheFile::Damaged,
        })
    }

    /// Refuses a file that another user may have written, or can read.
    fn check(&self, file: &File, name: &str) -> Result<(), OAuthError> {
        let facts = file
            .metadata()
            .map_err(|error| self.failed("examine", name, error))?;
        let path = self.path.join(name);
        let file = for_shell(&path);
        let why = if !facts.is_file() {
            ErrorText::new("is not a regular file").with_advice("remove it, and run: ehlo login")
        } else if !trust::is_own(&facts) {
            ErrorText::new(format!("belongs to user ID {}", facts.uid()))
                .with_command(format!("rm {file}; ehlo login"))
        } else if facts.mode() & 0o077 != 0 {
            let mode = facts.mode() & 0o7777;
            ErrorText::new(format!(
                "contains tokens and is accessible to other users (mode {mode:04o})"
            ))
            .with_command(format!("chmod 600 {file}"))
        } else {
            return Ok(());
        };
        Err(OAuthError::Unsafe { path, why })
    }

    /// Opens a file, readable only by its owner if it is created. `None`: it does not exist.
    fn open_file(&self, name: &str, flags: OFlags) -> Result<Option<File>, OAuthError> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        match rustix::fs::openat(&self.directory, name, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => Ok(Some(File::from(file))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.failed("open", name, error)),
        }
    }

    fn remove_file(&self, name: &str) -> Result<(), OAuthError> {
        match rustix::fs::unlinkat(&self.directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(self.failed("remove", name, error)),
        }
    }

    fn failed(&self, doing: &'static str, name: &str, error: impl Into<io::Error>) -> OAuthError {
        OAuthError::Io {
            doing,
            path: self.path.join(name),
            error: error.into(),
        }
    }
}

/// The file of an account, while no other process refreshes its tokens.
pub struct LockedLogin<'d> {
    directory: &'d TokenDirectory,
    name: String,
    draft: String,
    _lock: File,
}

impl LockedLogin<'_> {
    pub fn read(&self) -> Result<CacheFile, OAuthError> {
        self.directory.load(&self.name)
    }

    /// Makes sure that the tokens of the next request can be stored.
    pub fn reserve(&self) -> Result<Draft<'_>, OAuthError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
        let opened = self.directory.open_file(&self.draft, flags)?;
        let file =
            opened.ok_or_else(|| self.directory.failed("create", &self.draft, Errno::NOENT))?;
        let draft = Draft { locked: self, file };
        let reserved = rustix::fs::fallocate(&draft.file, FallocateFlags::KEEP_SIZE, 0, RESERVED);
        match reserved {
            // The file system does not support it.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(draft),
            Err(error) => {
                let _ = self.directory.remove_file(&self.draft);
                Err(self.directory.failed("write", &self.draft, error))
            }
        }
    }

    /// Removes the tokens.
    pub fn remove(&self) -> Result<(), OAuthError> {
        self.directory.remove_file(&self.name)?;
        self.sync()
    }

    /// Completes a write that was interrupted after its last byte, and removes any other draft.
    fn recover(&self) -> Result<(), OAuthError> {
        match self.directory.load(&self.draft) {
            Ok(CacheFile::Missing) => Ok(()),
            Ok(CacheFile::Login(new)) if self.is_newer(&new) => self.rename(),
            Ok(_) | Err(OAuthError::Unsafe { .. }) => self.directory.remove_file(&self.draft),
            Err(error) => Err(error),
        }
    }

    fn is_newer(&self, new: &StoredLogin) -> bool {
        match self.read() {
            Ok(CacheFile::Login(old)) => new.refreshed >= old.refreshed,
            Ok(CacheFile::Damaged | CacheFile::Missing) => true,
            Err(_) => false,
        }
    }

    fn rename(&self) -> Result<(), OAuthError> {
        let directory = &self.directory.directory;
        rustix::fs::renameat(directory, &self.draft, directory, &self.name)
            .map_err(|error| self.directory.failed("rename", &self.draft, error))?;
        self.sync()
    }

    fn sync(&self) -> Result<(), OAuthError> {
        rustix::fs::fsync(&self.directory.directory)
            .map_err(|error| self.directory.failed("sync", "", error))
    }
}

/// A new file, which has no contents yet.
pub struct Draft<'l> {
    locked: &'l LockedLogin<'l>,
    file: File,
}

impl Draft<'_> {
    /// Replaces the tokens.
    pub fn commit(mut self, login: &StoredLogin) -> Result<(), OAuthError> {
        let failed = |error| {
            self.locked
                .directory
                .failed("write", &self.locked.draft, error)
        };
        // Capacity for all of it, so that no copy is left behind when it grows.
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SIZE));
        serde_json::to_writer_pretty(&mut *bytes, login).map_err(|error| failed(error.into()))?;
        bytes.push(b'\n');
        if bytes.len() > MAX_SIZE {
            return Err(failed(ErrorKind::FileTooLarge.into()));
        }
        self.file.write_all(&bytes).map_err(failed)?;
        self.file.sync_all().map_err(failed)?;
        self.locked.rename()
    }

    /// Nothing is stored.
    pub fn discard(self) {
        let _ = self.locked.directory.remove_file(&self.locked.draft);
    }
}

/// Longest name before the suffix: a file system allows 255 octets.
const MAX_NAME: usize = 180;

/// The name of the file of an account, which a person recognizes: `alice@example.org,google.json`.
fn file_name(account: &Account) -> String {
    let text = format!("{},{}", account.user, account.provider);
    let text = text.trim_end_matches('/').replace("https://", "");
    let mut name = String::new();
    for byte in text.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-_@,+".contains(&byte);
        // A leading dot would hide it.
        if is_plain || byte == b'.' && !name.is_empty() {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02x}"));
        }
    }
    if name.len() > MAX_NAME {
        let checksum = crc32fast::hash(text.as_bytes());
        name.truncate(MAX_NAME);
        name.push_str(&format!("%{checksum:08x}"));
    }
    name + SUFFIX
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;
    use tempfile::TempDir;

    fn account(provider: &str, user: &str) -> Account {
        Account {
            provider: provider.parse().unwrap(),
            user: user.to_owned(),
            grant: Grant::User,
            client_id: Some("id".to_owned()),
            tenant: None,
            scope: None,
            client_secret: None,
            key_file: None,
        }
    }

    fn alice() -> Account {
        account("google", "alice@example.org")
    }

    fn login(token: &str, refreshed: i64) -> StoredLogin {
        let secret = |text: String| Some(Secret::new(text.into_bytes()));
        StoredLogin {
            account: alice(),
            refresh_token: secret(format!("1//{token}")),
            access_token: secret(format!("ya29.{token}")),
            expires: refreshed + 3600,
            login_expires: None,
            logged_in: 0,
            refreshed,
        }
    }

    fn open(top: &TempDir) -> TokenDirectory {
        let directory = TokenDirectory::open(top.path().join("oauth"), true).unwrap();
        directory.unwrap()
    }

    fn store(directory: &TokenDirectory, login: &StoredLogin) {
        let locked = directory.lock(&login.account).unwrap();
        locked.reserve().unwrap().commit(login).unwrap();
    }

    fn stored(directory: &TokenDirectory) -> Option<StoredLogin> {
        match directory.read(&alice()).unwrap() {
            CacheFile::Login(login) => Some(*login),
            CacheFile::Missing => None,
            CacheFile::Damaged => panic!("damaged"),
        }
    }

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn tokens_are_stored_for_this_user_alone() {
        let top = TempDir::new().unwrap();
        let directory = open(&top);
        assert_eq!(stored(&directory), None);
        for token in ["one", "two"] {
            store(&directory, &login(token, 1000));
            assert_eq!(stored(&directory).unwrap(), login(token, 1000));
        }
        assert_eq!(mode(&top.path().join("oauth")), 0o700);
        assert_eq!(mode(&directory.path(&alice())), 0o600);
        let text = fs::read_to_string(directory.path(&alice())).unwrap();
        assert!(
            text.contains("1//two") && !text.contains("client_secret"),
            "{text}"
        );
        directory.lock(&alice()).unwrap().remove().unwrap();
        assert_eq!(stored(&directory), None);
    }

    #[test]
    fn file_that_others_can_read_or_have_written_is_refused() {
        let top = TempDir::new().unwrap();
        let directory = open(&top);
        store(&directory, &login("one", 1000));
        let path = directory.path(&alice());
        for bad in [0o640, 0o604, 0o666] {
            fs::set_permissions(&path, Permissions::from_mode(bad)).unwrap();
            let text = directory.read(&alice()).unwrap_err().to_string();
            assert!(
                text.contains("chmod 600 ") && !text.contains("1//"),
                "{text}"
            );
        }
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        if std::os::unix::fs::chown(&path, Some(12345), None).is_ok() {
            let text = directory.read(&alice()).unwrap_err().to_string();
            assert!(text.contains("user ID 12345"), "{text}");
            assert!(directory.lock(&alice()).unwrap().read().is_err());
        }
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(directory.read(&alice()).is_err());
    }

    #[test]
    fn damaged_file_is_reported_and_can_be_replaced() {
        let top = TempDir::new().unwrap();
        let directory = open(&top);
        store(&directory, &login("one", 1000));
        let path = directory.path(&alice());
        let whole = fs::read(&path).unwrap();
        for damaged in [&b""[..], b"\0\0\0", b"[]", &whole[..whole.len() / 2]] {
            fs::write(&path, damaged).unwrap();
            assert!(matches!(directory.read(&alice()), Ok(CacheFile::Damaged)));
        }
        store(&directory, &login("two", 1001));
        assert_eq!(stored(&directory).unwrap(), login("two", 1001));
    }

    #[test]
    fn write_that_was_interrupted_before_the_rename_is_completed() {
        let top = TempDir::new().unwrap();
        let directory = open(&top);
        store(&directory, &login("old", 1000));
        let path = directory.path(&alice());
        let draft = path.with_extension("json.new");
        let write = |bytes: &[u8]| {
            fs::write(&draft, bytes).unwrap();
            fs::set_permissions(&draft, Permissions::from_mode(0o600)).unwrap();
        };
        let whole = serde_json::to_vec(&login("new", 1001)).unwrap();
        for incomplete in [&b""[..], &whole[..whole.len() - 1]] {
            write(incomplete);
            drop(directory.lock(&alice()).unwrap());
            assert_eq!(stored(&directory).unwrap(), login("old", 1000));
            assert!(!draft.exists());
        }
        write(&whole);
        drop(directory.lock(&alice()).unwrap());
        assert_eq!(stored(&directory).unwrap(), login("new", 1001));
        write(&serde_json::to_vec(&login("old", 1000)).unwrap());
        drop(directory.lock(&alice()).unwrap());
        assert_eq!(stored(&directory).unwrap(), login("new", 1001));
        assert!(!draft.exists());
    }

    #[test]
    fn token_is_used_while_it_is_valid_for_a_minute() {
        let login = login("one", 1000);
        let token = login.access_token.clone().unwrap();
        assert_eq!(login.usable(1000, None), Some(&token));
        assert_eq!(login.usable(4540, None), Some(&token));
        for now in [4541, 5000, 999] {
            assert_eq!(login.usable(now, None), None, "{now}");
        }
        assert_eq!(login.usable(1000, Some(&token)), None);
        let other = Secret::new(b"other".to_vec());
        assert_eq!(login.usable(1000, Some(&other)), Some(&token));
    }

    #[test]
    fn end_of_a_login_is_announced() {
        let day = 86_400;
        let mut login = login("one", 0);
        assert_eq!(login.warning(365 * day), None);
        login.login_expires = Some(7 * day);
        assert_eq!(login.warning(4 * day), None);
        assert_eq!(
            login.warning(5 * day + 3600).unwrap(),
            "the login expires in 47 hours"
        );
        assert_eq!(login.warning(7 * day).unwrap(), "the login has expired");
        login.login_expires = None;
        login.account.provider = Provider::Microsoft;
        assert_eq!(login.warning(79 * day), None);
        assert!(login.warning(81 * day).unwrap().contains("81 days"));
        login.account.grant = Grant::ClientCredentials;
        assert_eq!(login.warning(81 * day), None);
    }

    #[test]
    fn file_names_are_safe_and_unique() {
        let name = |provider: &str, user: &str| file_name(&account(provider, user));
        assert_eq!(
            name("google", "alice@example.org"),
            "alice@example.org,google.json"
        );
        assert_eq!(
            name("https://id.example.org/x", "a"),
            "a,id.example.org%2fx.json"
        );
        let long = "x".repeat(4000);
        let other = format!("{long}y");
        let users = ["", ".", "../x", "a/b", "a%2fb", "\n", &long, &other];
        let names: std::collections::BTreeSet<String> =
            users.iter().map(|user| name("google", user)).collect();
        assert_eq!(names.len(), users.len());
        for name in names {
            assert!(
                !name.contains('/') && !name.starts_with('.') && name.len() < 220,
                "{name}"
            );
        }
    }
}

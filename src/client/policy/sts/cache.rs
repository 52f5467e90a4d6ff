//! The policies that were fetched, one small file for each domain, so that they are known to later runs.
//!
//! A file is replaced by renaming, so that a reader sees the old one or the new one, also after a crash. There is no
//! lock: of two writers, the last wins, and both have fetched the policy. Files are used only if nobody else can
//! have written them.

use crate::client::policy::sts::text::{Fields, PolicyText};
use crate::system::host::is_host_name;
use crate::system::text::reason;
use crate::system::trust;
use crate::system::trust::{DirectoryError, is_own};
use crate::system::user::{Base, StateDirectory, path_variable};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const CACHE_DIRECTORY: StateDirectory = StateDirectory {
    base: Base::Cache,
    system: "/var/cache/ehlo",
    own: "ehlo",
};

/// Maximum size of a file: a policy has 64 KiB at most, and the other lines are short.
const MAX_SIZE: u64 = 80 * 1024;

/// Longest domain, so that `mta-sts.` can be put before it (RFC 1035 §2.3.4).
const MAX_DOMAIN: usize = 253 - "mta-sts.".len();

/// Age of a temporary file whose writer must have ended.
const ABANDONED: Duration = Duration::from_secs(3600);

/// The stored state of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// In lower case.
    pub domain: String,
    pub policy: Option<FetchedPolicy>,
    /// The last attempt to fetch a policy, if it failed.
    pub failure: Option<Failure>,
}

/// A policy, as it was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedPolicy {
    /// The id of the TXT record at that time.
    pub id: String,
    pub at: SystemTime,
    pub text: PolicyText,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The id of the policy that could not be fetched.
    pub id: String,
    pub at: SystemTime,
    pub why: String,
}

/// Errors with the cache. Each is a sentence.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error("there is no home directory for the cache of policies; set EHLO_CACHE_DIR")]
    Homeless,
    #[error("{0}")]
    Directory(#[from] DirectoryError),
    #[error("{} {why}", .path.display())]
    Unusable { path: PathBuf, why: String },
    #[error("cannot {doing} {}: {}", .path.display(), reason(.error))]
    Io {
        doing: &'static str,
        path: PathBuf,
        error: io::Error,
    },
}

/// True if a domain can have a policy: it is a host name, in A-labels.
pub fn is_policy_domain(domain: &str) -> bool {
    domain.len() <= MAX_DOMAIN && is_host_name(domain)
}

/// An open cache.
pub struct StsCache {
    directory: OwnedFd,
    path: PathBuf,
}

impl StsCache {
    /// Opens the cache, below `EHLO_CACHE_DIR` or the usual directory. `None`: there is none, and it is not to be
    /// created.
    pub fn open(create: bool) -> Result<Option<Self>, CacheError> {
        let directory = path_variable("EHLO_CACHE_DIR").or_else(|| CACHE_DIRECTORY.path());
        Self::open_at(directory.ok_or(CacheError::Homeless)?.join("sts"), create)
    }

    pub fn open_at(path: PathBuf, create: bool) -> Result<Option<Self>, CacheError> {
        let directory = trust::open_directory(&path, create)?;
        Ok(directory.map(|directory| Self { directory, path }))
    }

    /// The entry of a domain. `None`: there is none.
    ///
    /// # Errors
    /// It cannot be read, is damaged, or somebody else may have written it.
    pub fn read(&self, domain: &str) -> Result<Option<Entry>, CacheError> {
        let domain = domain.to_ascii_lowercase();
        if !is_policy_domain(&domain) {
            return Ok(None);
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.directory, &*domain, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(self.failed("open", &domain, error)),
        };
        let facts = file.metadata();
        let facts = facts.map_err(|error| self.failed("examine", &domain, error))?;
        if !facts.is_file() || !is_own(&facts) || facts.mode() & 0o022 != 0 {
            return Err(self.unusable(&domain, "may have been written by another user"));
        }
        let mut text = Vec::new();
        let read = file.take(MAX_SIZE).read_to_end(&mut text);
        read.map_err(|error| self.failed("read", &domain, error))?;
        let entry = Entry::parse(&text).filter(|entry| entry.domain == domain);
        entry
            .map(Some)
            .ok_or_else(|| self.unusable(&domain, "is damaged"))
    }

    /// Replaces the entry of its domain.
    pub fn write(&self, entry: &Entry) -> Result<(), CacheError> {
        if !is_policy_domain(&entry.domain) {
            return Ok(());
        }
        self.remove_abandoned();
        let draft = format!(".{:016x}", fastrand::u64(..));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.directory, &*draft, flags, Mode::RUSR | Mode::WUSR);
        let mut file = File::from(file.map_err(|error| self.failed("create", &draft, error))?);
        let written = file.write_all(entry.to_text().as_bytes());
        let written = written.and_then(|()| file.sync_data()).and_then(|()| {
            let renamed =
                rustix::fs::renameat(&self.directory, &*draft, &self.directory, &*entry.domain);
            renamed.map_err(io::Error::from)
        });
        written.map_err(|error| {
            let _ = rustix::fs::unlinkat(&self.directory, &*draft, AtFlags::empty());
            self.failed("write", &entry.domain, error)
        })
    }

    /// Removes the entry of a domain. Returns false if there is none.
    pub fn remove(&self, domain: &str) -> Result<bool, CacheError> {
        let domain = domain.to_ascii_lowercase();
        if !is_policy_domain(&domain) {
            return Ok(false);
        }
        match rustix::fs::unlinkat(&self.directory, &*domain, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(self.failed("remove", &domain, error)),
        }
    }

    /// The domains that have entries, in order.
    pub fn domains(&self) -> Result<Vec<String>, CacheError> {
        let names = self
            .names()
            .map_err(|error| self.failed("read", "", error))?;
        let mut domains: Vec<String> = names
            .into_iter()
            .filter(|name| is_policy_domain(name))
            .collect();
        domains.sort();
        Ok(domains)
    }

    fn names(&self) -> Result<Vec<String>, Errno> {
        let entries = rustix::fs::Dir::read_from(&self.directory)?;
        let name = |entry: Result<rustix::fs::DirEntry, Errno>| {
            Ok(entry?.file_name().to_string_lossy().into_owned())
        };
        entries.map(name).collect()
    }

    /// Removes temporary files of processes that were killed.
    fn remove_abandoned(&self) {
        for name in self.names().unwrap_or_default() {
            if !name.starts_with('.') || name.trim_start_matches('.').is_empty() {
                continue;
            }
            let facts = rustix::fs::statat(&self.directory, &*name, AtFlags::SYMLINK_NOFOLLOW);
            let age = facts.ok().and_then(|facts| {
                let changed = UNIX_EPOCH + Duration::from_secs(u64::try_from(facts.st_mtime).ok()?);
                changed.elapsed().ok()
            });
            if age.is_some_and(|age| age > ABANDONED) {
                let _ = rustix::fs::unlinkat(&self.directory, &*name, AtFlags::empty());
            }
        }
    }

    fn failed(&self, doing: &'static str, name: &str, error: impl Into<io::Error>) -> CacheError {
        CacheError::Io {
            doing,
            path: self.path.join(name),
            error: error.into(),
        }
    }

    fn unusable(&self, domain: &str, why: &str) -> CacheError {
        CacheError::Unusable {
            path: self.path.join(domain),
            why: why.to_owned(),
        }
    }
}

impl Entry {
    pub fn new(domain: &str) -> Self {
        Self {
            domain: domain.to_ascii_lowercase(),
            policy: None,
            failure: None,
        }
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let fields = Fields::of(text);
        let policy = match fields.first("fetched") {
            None => None,
            Some(at) => Some(FetchedPolicy {
                id: fields.first("id")?,
                at: time(&at)?,
                text: PolicyText::parse(text).ok()?,
            }),
        };
        let failure = match fields.first("failed") {
            None => None,
            Some(at) => Some(Failure {
                id: fields.first("failed_id")?,
                at: time(&at)?,
                why: fields.first("failed_reason")?,
            }),
        };
        Some(Self {
            domain: fields.first("domain")?,
            policy,
            failure,
        })
    }

    /// The policy in its own format, with further fields.
    fn to_text(&self) -> String {
        let mut text = format!("domain: {}\n", self.domain);
        if let Some(failure) = &self.failure {
            let why = failure.why.replace(char::is_control, " ");
            let at = of_time(failure.at);
            let _ = write!(
                text,
                "failed: {at}\nfailed_id: {}\nfailed_reason: {why}\n",
                failure.id
            );
        }
        if let Some(policy) = &self.policy {
            let at = of_time(policy.at);
            let _ = write!(text, "fetched: {at}\nid: {}\n{}", policy.id, policy.text);
        }
        text
    }
}

fn time(seconds: &str) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds.parse().ok()?))
}

fn of_time(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::Path;
    use std::thread;

    fn policy(text: &str) -> PolicyText {
        PolicyText::parse(text.as_bytes()).unwrap()
    }

    fn entry(domain: &str) -> Entry {
        let at = UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        Entry {
            policy: Some(FetchedPolicy {
                id: "2026".to_owned(),
                at,
                text: policy(
                    "version: STSv1\nmode: enforce\nmx: *.example.net\nmx: a.example\nmax_age: 9",
                ),
            }),
            failure: Some(Failure {
                id: "2027".to_owned(),
                at: at + Duration::from_secs(7),
                why: "it has \n a failed: 1".to_owned(),
            }),
            ..Entry::new(domain)
        }
    }

    fn open(path: &Path) -> StsCache {
        StsCache::open_at(path.join("ehlo/sts"), true)
            .unwrap()
            .unwrap()
    }

    #[test]
    fn entry_is_read_as_it_was_written() {
        let top = tempfile::tempdir().unwrap();
        assert!(
            StsCache::open_at(top.path().join("ehlo/sts"), false)
                .unwrap()
                .is_none()
        );
        let cache = open(top.path());
        assert_eq!(cache.read("example.org").unwrap(), None);
        let only = Entry {
            failure: None,
            ..entry("c.example")
        };
        let failed = Entry {
            policy: None,
            ..entry("b.example")
        };
        for mut entry in [entry("example.org"), only, failed] {
            cache.write(&entry).unwrap();
            if let Some(failure) = &mut entry.failure {
                failure.why = "it has   a failed: 1".to_owned();
            }
            let domain = entry.domain.to_ascii_uppercase();
            assert_eq!(cache.read(&domain).unwrap(), Some(entry));
        }
        assert_eq!(
            cache.domains().unwrap(),
            ["b.example", "c.example", "example.org"]
        );
        assert!(cache.remove("Example.org").unwrap());
        assert!(!cache.remove("example.org").unwrap());
        assert_eq!(cache.read("example.org").unwrap(), None);
        let mode = |path: &str| {
            fs::metadata(top.path().join(path))
                .unwrap()
                .permissions()
                .mode()
                & 0o777
        };
        assert_eq!(
            (mode("ehlo"), mode("ehlo/sts"), mode("ehlo/sts/b.example")),
            (0o700, 0o700, 0o600)
        );
    }

    #[test]
    fn domain_with_odd_octets_is_never_a_file_name() {
        let top = tempfile::tempdir().unwrap();
        let cache = open(top.path());
        let long = format!("{}.example", "a.".repeat(130));
        for domain in [
            "",
            ".",
            "..",
            "../x",
            "/etc/passwd",
            "a/b",
            "a\0b",
            ".hidden",
            "a..b",
            "a b",
            "b\u{fc}ro.example",
            "-a",
            "a_b",
            "*.example.org",
            "x\n",
            &long,
        ] {
            cache.write(&entry(domain)).unwrap();
            assert_eq!(cache.read(domain).unwrap(), None, "{domain:?}");
            assert!(!cache.remove(domain).unwrap());
        }
        assert_eq!(cache.names().unwrap().len(), 2, "only . and ..");
        assert_eq!(fs::read_dir(top.path().join("ehlo")).unwrap().count(), 1);
    }

    #[test]
    fn file_that_somebody_else_may_have_written_is_not_read() {
        let top = tempfile::tempdir().unwrap();
        let cache = open(top.path());
        let file = top.path().join("ehlo/sts/example.org");
        cache.write(&entry("example.org")).unwrap();
        let refused = |why: &str| {
            let error = cache.read("example.org").unwrap_err().to_string();
            assert_eq!(error, format!("{} {why}", file.display()));
        };
        for mode in [0o620, 0o602, 0o666] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            refused("may have been written by another user");
        }
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(cache.read("example.org").unwrap().is_some());
        fs::rename(&file, top.path().join("elsewhere")).unwrap();
        symlink(top.path().join("elsewhere"), &file).unwrap();
        assert!(cache.read("example.org").is_err());
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        refused("may have been written by another user");
        fs::set_permissions(
            top.path().join("ehlo/sts"),
            fs::Permissions::from_mode(0o777),
        )
        .unwrap();
        let open = StsCache::open_at(top.path().join("ehlo/sts"), true);
        let error = open.err().unwrap().to_string();
        assert!(
            error.contains("is accessible to others; chmod 700"),
            "{error}"
        );
    }

    #[test]
    fn damaged_file_is_not_obeyed() {
        let top = tempfile::tempdir().unwrap();
        let cache = open(top.path());
        let file = top.path().join("ehlo/sts/example.org");
        let whole = entry("example.org").to_text();
        // Cut off inside the policy, the entry has no max_age; before it, it has no policy, or a broken field.
        let fetched = whole.find("fetched").unwrap();
        for length in (0..whole.len() - 1).filter(|&length| length != fetched) {
            fs::write(&file, &whole[..length]).unwrap();
            match cache.read("example.org") {
                Err(CacheError::Unusable { why, .. }) => assert_eq!(why, "is damaged"),
                Ok(Some(read)) => {
                    assert!(read.policy.is_none() && length < fetched + 8, "{length}");
                }
                other => panic!("{length}: {other:?}"),
            }
        }
        for text in [
            whole.replace("domain: example.org", "domain: example.com"),
            whole.replace("fetched: 1", "fetched: -1"),
            whole.replace("fetched: 1", "fetched: 99999999999999999999"),
            whole.replace("mode: enforce", "mode: enforced"),
            whole.replace("id: 2026\n", ""),
            "\0".repeat(4096),
        ] {
            fs::write(&file, &text).unwrap();
            assert!(cache.read("example.org").is_err(), "{text}");
        }
        cache.write(&entry("example.org")).unwrap();
        assert!(cache.read("example.org").unwrap().is_some());
    }

    #[test]
    fn reader_sees_a_whole_entry_while_several_write() {
        let top = tempfile::tempdir().unwrap();
        let cache = open(top.path());
        cache.write(&entry("example.org")).unwrap();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        cache.write(&entry("example.org")).unwrap();
                    }
                });
            }
            for _ in 0..200 {
                assert!(cache.read("example.org").unwrap().unwrap().policy.is_some());
            }
        });
        assert_eq!(cache.names().unwrap().len(), 3, "nothing is left over");
    }

    #[test]
    fn draft_of_a_killed_writer_is_ignored_and_removed_later() {
        let top = tempfile::tempdir().unwrap();
        let cache = open(top.path());
        let [old, new] = [".0123456789abcdef", ".fedcba9876543210"]
            .map(|name| top.path().join("ehlo/sts").join(name));
        fs::write(&old, "domain: exam").unwrap();
        fs::write(&new, "domain: exam").unwrap();
        let long_ago = SystemTime::now() - 2 * ABANDONED;
        File::options()
            .write(true)
            .open(&old)
            .unwrap()
            .set_modified(long_ago)
            .unwrap();
        assert_eq!(cache.domains().unwrap(), [""; 0]);
        cache.write(&entry("example.org")).unwrap();
        assert_eq!((old.exists(), new.exists()), (false, true));
        assert_eq!(cache.domains().unwrap(), ["example.org"]);
    }

    #[test]
    fn cache_that_cannot_be_written_is_an_error() {
        if rustix::process::geteuid().is_root() {
            // Root writes everywhere; the end-to-end tests use a file in place of a directory.
            return;
        }
        let top = tempfile::tempdir().unwrap();
        let cache = open(top.path());
        fs::set_permissions(
            top.path().join("ehlo/sts"),
            fs::Permissions::from_mode(0o500),
        )
        .unwrap();
        let error = cache.write(&entry("example.org")).unwrap_err().to_string();
        assert!(error.contains("Permission denied"), "{error}");
    }
}

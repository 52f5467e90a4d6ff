//! The location of the configuration file, and checks of its owner and mode.

use crate::config::keys::{Keys, may_hold_secret};
use crate::config::{Config, ConfigError, ConfigFault, ConfigPosition, Value, outline, read};
use crate::system::trust::{Danger, keeps_secret, open_file, write_danger};
use crate::system::user::is_privileged;
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Maximum size of the file, in octets.
const MAX_SIZE: u64 = 1 << 20;

/// The configuration of the whole system.
pub const SYSTEM: &str = "/etc/ehlo/config.toml";

/// Locations of the configuration file.
#[derive(Debug, Default)]
pub struct Places {
    /// Value of `$EHLO_CONFIG`.
    variable: Option<PathBuf>,
    /// The user's file and the system's, in this order.
    defaults: Vec<PathBuf>,
    /// True if neither option nor variable can name another file.
    is_fixed: bool,
}

impl Places {
    /// The locations for this environment. A process with more rights than its caller uses the system's
    /// file only, because the caller controls the environment.
    #[must_use]
    pub fn of_this_process() -> Self {
        if is_privileged() {
            return Self::fixed();
        }
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Self::of(set("EHLO_CONFIG"), set("XDG_CONFIG_HOME"), set("HOME"))
    }

    /// The system's file only, regardless of the caller.
    #[must_use]
    pub fn fixed() -> Self {
        Self {
            variable: None,
            defaults: vec![PathBuf::from(SYSTEM)],
            is_fixed: true,
        }
    }

    /// True if the caller cannot choose the file, or anything else that could give access to rights of
    /// another user.
    #[must_use]
    pub fn are_fixed(&self) -> bool {
        self.is_fixed
    }

    /// No location.
    #[must_use]
    pub fn nowhere() -> Self {
        Self::default()
    }

    fn of(variable: Option<OsString>, xdg: Option<OsString>, home: Option<OsString>) -> Self {
        // The XDG specification requires a relative XDG_CONFIG_HOME to be ignored.
        let xdg = xdg.map(PathBuf::from).filter(|path| path.is_absolute());
        let own = xdg.or_else(|| home.map(|home| PathBuf::from(home).join(".config")));
        let own = own.map(|directory| directory.join("ehlo/config.toml"));
        Self {
            variable: variable.map(PathBuf::from),
            defaults: own.into_iter().chain([PathBuf::from(SYSTEM)]).collect(),
            is_fixed: false,
        }
    }

    /// The locations that [`find`] tries.
    #[must_use]
    pub fn candidates(&self, named: Option<&Path>) -> Vec<PathBuf> {
        match self.named_by(named) {
            Some((path, _)) => vec![path.to_owned()],
            None => self.defaults.clone(),
        }
    }

    /// The file that an option or the variable names, and the name of that option or variable.
    fn named_by<'a>(&'a self, named: Option<&'a Path>) -> Option<(&'a Path, &'static str)> {
        let named = named.filter(|_| !self.is_fixed);
        let named = named.map(|path| (path, "--config"));
        let variable = self.variable.as_deref();
        named.or(variable.map(|path| (path, "EHLO_CONFIG")))
    }
}

/// An open file that only this user or root can have written.
#[derive(Debug)]
pub struct FoundFile {
    path: PathBuf,
    file: File,
    /// As it was opened.
    version: FileVersion,
    /// True if users can read it who may not see secrets. A file that root provides for other users is
    /// meant to be read.
    is_shared: bool,
}

/// Time after a change within which another one may have the same time: the coarsest time of a file system.
const SAME_TIME: Duration = Duration::from_secs(2);

/// A state of the file: one that is replaced or changed has another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileVersion {
    path: PathBuf,
    /// Device and inode.
    file: (u64, u64),
    size: u64,
    /// The last change (ctime) in seconds and nanoseconds. No user can set it.
    changed: (i64, i64),
}

impl FileVersion {
    /// True if every later change makes another version.
    #[must_use]
    pub fn is_settled(&self, now: SystemTime) -> bool {
        let changed = u64::try_from(self.changed.0).unwrap_or_default();
        let settled = UNIX_EPOCH.checked_add(Duration::from_secs(changed) + SAME_TIME);
        settled.is_some_and(|settled| settled < now)
    }
}

/// Opens the file that was named, else that of the variable, else the first of the default locations that
/// exists.
pub fn find(named: Option<&Path>, places: &Places) -> Result<Option<FoundFile>, ConfigError> {
    if let Some((path, who)) = places.named_by(named) {
        // Explicit path for no configuration.
        if path == Path::new("/dev/null") {
            return Ok(None);
        }
        let file = open_file(path).map_err(|error| unreadable(path, Some(who), error))?;
        return FoundFile::new(path, file).map(Some);
    }
    for path in &places.defaults {
        match open_file(path) {
            Ok(file) => return FoundFile::new(path, file).map(Some),
            Err(error) if is_missing(error, path) => {}
            Err(error) => return Err(unreadable(path, None, error)),
        }
    }
    Ok(None)
}

impl FoundFile {
    fn new(path: &Path, file: File) -> Result<Self, ConfigError> {
        let facts = file
            .metadata()
            .map_err(|error| unreadable(path, None, error))?;
        let user = rustix::process::geteuid().as_raw();
        if let Some(danger) = write_danger(&facts) {
            return Err(unsafe_file(path, danger));
        }
        let is_private = keeps_secret(&file).map_err(|error| unreadable(path, None, error))?;
        let is_of_root_for_all = facts.uid() == 0 && (user != 0 || path == Path::new(SYSTEM));
        Ok(Self {
            path: path.to_owned(),
            file,
            version: FileVersion {
                path: path.to_owned(),
                file: (facts.dev(), facts.ino()),
                size: facts.size(),
                changed: (facts.ctime(), facts.ctime_nsec()),
            },
            is_shared: !is_of_root_for_all && !is_private,
        })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its state when it was opened.
    #[must_use]
    pub fn version(self) -> FileVersion {
        self.version
    }

    /// The names of the profiles, in the order of the file. If it is not valid TOML, those of the lines
    /// `[profile.NAME]`.
    #[must_use]
    pub fn profile_names(self) -> Vec<String> {
        let text = self.text().unwrap_or_default();
        outline(&text).map_or_else(|_| headings(&text), |outline| outline.profiles)
    }

    /// True if a line sets this key, even if the file is not valid.
    #[must_use]
    pub fn sets(self, key: &str) -> bool {
        let text = self.text().unwrap_or_default();
        text.lines().any(|line| {
            let rest = line.trim_start().trim_start_matches('"').strip_prefix(key);
            rest.is_some_and(|rest| rest.trim_start_matches('"').trim_start().starts_with('='))
        })
    }

    /// Parses the file. Returns all errors in it.
    pub fn read(self, keys: &Keys) -> Result<Config, Vec<ConfigError>> {
        let text = self.text().map_err(|error| vec![error])?;
        let read = read::read(&text, keys);
        let mut errors: Vec<ConfigError> = read
            .faults
            .into_iter()
            .map(|(position, fault)| self.fault(position, fault))
            .collect();
        let config = Config {
            path: self.path.clone(),
            default: read.default,
            profiles: read.profiles,
            sections: read.sections,
        };
        if self.is_shared && may_hold_secrets(&config) {
            errors.insert(0, unsafe_file(&self.path, Danger::Readable));
        }
        if errors.is_empty() {
            Ok(config)
        } else {
            Err(errors)
        }
    }

    fn text(&self) -> Result<String, ConfigError> {
        // One octet more, so that its end is noticed by the first read.
        let expected = self.version.size.min(MAX_SIZE) + 1;
        let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
        let read = (&self.file).take(MAX_SIZE + 1).read_to_end(&mut bytes);
        read.map_err(|error| unreadable(&self.path, None, error))?;
        if bytes.len() as u64 > MAX_SIZE {
            return Err(self.fault(ConfigPosition::default(), ConfigFault::Large(MAX_SIZE)));
        }
        String::from_utf8(bytes)
            .map_err(|_| self.fault(ConfigPosition::default(), ConfigFault::Charset))
    }

    fn fault(&self, position: ConfigPosition, fault: ConfigFault) -> ConfigError {
        ConfigError::Fault {
            path: self.path.clone(),
            position: Box::new(position),
            fault,
        }
    }
}

/// The names in the lines `[profile.NAME]`.
fn headings(text: &str) -> Vec<String> {
    let names = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("[profile.")?.strip_suffix(']'));
    let names = names.map(|name| name.trim_matches(['"', '\'']));
    names.map(str::to_owned).collect()
}

/// True if the file does not exist, or is in a directory that this user may not search: `HOME` may be that
/// of another user.
fn is_missing(error: Errno, path: &Path) -> bool {
    match error {
        Errno::NOENT | Errno::NOTDIR => true,
        Errno::ACCESS => rustix::fs::stat(path).is_err(),
        _ => false,
    }
}

fn may_hold_secrets(config: &Config) -> bool {
    let mut settings = config.profiles.iter().flat_map(|profile| &profile.settings);
    settings.any(|setting| may_hold_secret(&setting.key) && setting.value != Value::Flag(false))
}

fn unreadable(
    path: &Path,
    named_by: Option<&'static str>,
    error: impl Into<io::Error>,
) -> ConfigError {
    ConfigError::Unreadable {
        path: path.to_owned(),
        named_by,
        error: error.into(),
    }
}

fn unsafe_file(path: &Path, danger: Danger) -> ConfigError {
    ConfigError::Unsafe {
        path: path.to_owned(),
        danger,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults(xdg: Option<&str>, home: Option<&str>) -> Vec<String> {
        let places = Places::of(None, xdg.map(Into::into), home.map(Into::into));
        let paths = places.candidates(None).into_iter();
        paths.map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn own_file_precedes_the_system_file() {
        let home = Some("/home/a");
        assert_eq!(
            defaults(None, home),
            ["/home/a/.config/ehlo/config.toml", SYSTEM]
        );
        assert_eq!(defaults(Some("/x"), home), ["/x/ehlo/config.toml", SYSTEM]);
        assert_eq!(defaults(Some("x"), home), defaults(None, home));
        assert_eq!(defaults(None, None), [SYSTEM]);
    }

    #[test]
    fn privileged_process_reads_only_the_system_file() {
        let places = Places::fixed();
        assert_eq!(places.candidates(Some(Path::new("n"))), [Path::new(SYSTEM)]);
        let found = find(Some(Path::new("/etc/passwd")), &places);
        assert!(
            found.is_ok_and(|found| found.is_none_or(|found| found.path() == Path::new(SYSTEM)))
        );
    }

    #[test]
    fn option_precedes_the_variable() {
        let places = Places::of(Some("/v".into()), None, Some("/home/a".into()));
        assert_eq!(places.candidates(None), [Path::new("/v")]);
        assert_eq!(places.candidates(Some(Path::new("n"))), [Path::new("n")]);
    }
}

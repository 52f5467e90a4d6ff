//! Files that hold secrets and must not be readable by other users: password files, and credentials of systemd.

use crate::client::credentials::CredentialsError;
use crate::system::quote::for_shell;
use crate::system::secret::Secret;
use crate::system::text::{name_of, shown_path, without_mark};
use crate::system::trust;
use crate::system::trust::Danger;
use rustix::process::{Resource, Rlimit, setrlimit};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use zeroize::Zeroizing;

/// The secret in the first line of the file of an option. The path may be a pipe, as in `<(pass show x)`.
pub fn secret(option: &str, path: &Path) -> Result<Secret, CredentialsError> {
    let origin = format!("{option} {}", shown_path(path));
    let file = File::open(path).map_err(|error| unread(&origin, error))?;
    check_access(&file, path, &origin)?;
    first_line(&contents(&file, &origin)?, &origin)
}

/// The whole of a file.
pub fn contents(mut file: &File, origin: &str) -> Result<Buffer, CredentialsError> {
    match read(&mut file) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(CredentialsError::TooLong(origin.to_owned())),
        Err(error) => Err(unread(origin, error)),
    }
}

/// Refuses a file that belongs to another user than this one or root, or with a mode that does not protect a
/// secret. The open file is checked and not its name, because the name may be redirected.
pub fn check_access(file: &File, path: &Path, origin: &str) -> Result<(), CredentialsError> {
    let unreadable = |error| unread(origin, error);
    let facts = file.metadata().map_err(unreadable)?;
    if facts.is_dir() {
        let origin = origin.to_owned();
        return Err(CredentialsError::Directory { origin });
    }
    if !facts.is_file() {
        return Ok(());
    }
    let origin = origin.to_owned();
    if let Some(Danger::Foreign { owner, user }) = trust::owner_danger(&facts) {
        return Err(CredentialsError::Foreign {
            origin,
            owner,
            user,
            file: for_shell(path),
        });
    }
    if trust::keeps_secret(file).map_err(unreadable)? {
        return Ok(());
    }
    let can_change = trust::can_change_mode(file).map_err(unreadable)?;
    Err(CredentialsError::Exposed {
        origin,
        mode: facts.mode() & 0o7777,
        chmod: can_change.then(|| format!("chmod 600 {}", for_shell(path))),
    })
}

/// Opens a file if it exists. Does not wait for a writer if it is a pipe.
pub fn open_if_there(path: &Path) -> Result<Option<File>, CredentialsError> {
    match trust::open_file(path).map_err(io::Error::from) {
        Ok(file) => Ok(Some(file)),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(unread(&shown_path(path), error)),
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

pub fn unread(origin: &str, error: io::Error) -> CredentialsError {
    let origin = origin.to_owned();
    match error.kind() {
        io::ErrorKind::IsADirectory => CredentialsError::Directory { origin },
        _ => CredentialsError::Read { origin, error },
    }
}

/// The password of the profile, else, if it may be used, the general one; `None` if the service has neither.
/// Access is controlled by systemd: with an access list, their mode seems to allow the group and does not.
pub fn service(
    directory: &Path,
    profile: Option<&str>,
    nameless: bool,
) -> Result<Option<Secret>, CredentialsError> {
    if !directory.is_absolute() {
        return Ok(None);
    }
    let own = profile.filter(|profile| is_plain(profile));
    let own = own.map(|profile| format!("ehlo.{profile}.password"));
    let all = nameless.then(|| "ehlo.password".to_owned());
    for name in own.into_iter().chain(all) {
        if let Some(secret) = credential(&directory.join(name))? {
            return Ok(Some(secret));
        }
    }
    Ok(None)
}

/// True if the name cannot lead out of the directory.
fn is_plain(profile: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    !profile.is_empty() && profile.bytes().all(is_plain)
}

fn credential(path: &Path) -> Result<Option<Secret>, CredentialsError> {
    let Some(file) = open_if_there(path)? else {
        return Ok(None);
    };
    let origin = shown_path(path);
    let contents = contents(&file, &origin)?;
    if contents.is_empty() {
        return Ok(None);
    }
    first_line(&contents, &origin).map(Some)
}

/// Bytes that are wiped when they are dropped.
pub type Buffer = Zeroizing<Vec<u8>>;

/// Maximum size of a source of secrets, in bytes.
pub const MAX_SIZE: usize = 64 * 1024;

/// Reads to the end; `None` if there is more than the limit.
pub fn read(source: &mut impl Read) -> io::Result<Option<Buffer>> {
    let mut buffer: Buffer = Zeroizing::new(vec![0; MAX_SIZE + 1]);
    let mut length = 0;
    while length < buffer.len() {
        match source.read(&mut buffer[length..]) {
            Ok(0) => {
                buffer.truncate(length);
                return Ok(Some(buffer));
            }
            Ok(more) => length += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// A secret read in pieces, up to the limit.
pub struct SecretReader {
    buffer: Buffer,
    length: usize,
}

impl SecretReader {
    pub fn new() -> Self {
        Self {
            buffer: Zeroizing::new(vec![0; MAX_SIZE]),
            length: 0,
        }
    }

    /// Adds a piece; `FileTooLarge` if that is more than the limit.
    pub fn add(&mut self, piece: &[u8]) -> io::Result<()> {
        let end = self.length + piece.len();
        let room = self.buffer.get_mut(self.length..end);
        room.ok_or(ErrorKind::FileTooLarge)?.copy_from_slice(piece);
        self.length = end;
        Ok(())
    }

    pub fn bytes(mut self) -> Buffer {
        self.buffer.truncate(self.length);
        self.buffer
    }
}

/// The first line, without its LF or CR LF.
fn line(bytes: &[u8]) -> &[u8] {
    let bytes = without_mark(bytes);
    match memchr::memchr(b'\n', bytes) {
        Some(end) => bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]),
        None => bytes,
    }
}

/// The first line as a secret.
pub fn first_line(bytes: &[u8], origin: &str) -> Result<Secret, CredentialsError> {
    checked(Secret::new(line(bytes).to_vec()), origin)
}

/// Checks that a secret can be sent in a session: not empty, and without CR, LF and NUL.
pub fn checked(secret: Secret, origin: &str) -> Result<Secret, CredentialsError> {
    let bytes = secret.expose();
    if bytes.is_empty() {
        return Err(CredentialsError::Empty(origin.to_owned()));
    }
    match bytes.iter().find(|byte| b"\0\r\n".contains(byte)) {
        None => Ok(secret),
        Some(&bad) => Err(CredentialsError::InvalidCharacter {
            origin: origin.to_owned(),
            what: name_of(char::from(bad)),
        }),
    }
}

/// Disables core files and, on Linux, debugging by the same user. Errors are ignored, because this is a
/// second line of defence.
pub fn harden() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = setrlimit(Resource::Core, none);
    // The size limit does not apply to a core that is piped to a program (`core_pattern`).
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::io::{Cursor, repeat};
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;
    use tempfile::TempDir;

    const OPTION: &str = "--password-file";

    fn file(directory: &TempDir, name: &str, mode: u32) -> PathBuf {
        let path = directory.path().join(name);
        fs::write(&path, "hunter2\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn private_file_has_the_password() {
        let directory = TempDir::new().unwrap();
        for mode in [0o600, 0o400, 0o700] {
            let path = file(&directory, &format!("{mode:o}"), mode);
            assert_eq!(secret(OPTION, &path).unwrap().expose(), b"hunter2");
        }
    }

    #[test]
    fn file_open_to_others_is_refused_with_a_chmod_command() {
        let directory = TempDir::new().unwrap();
        for mode in [0o644, 0o660, 0o620, 0o604, 0o602, 0o601, 0o666] {
            let path = file(&directory, &format!("{mode:o}"), mode);
            let error = secret(OPTION, &path).unwrap_err();
            let text = error.to_string();
            assert!(
                text.ends_with(&format!("; run: chmod 600 {}", path.display())),
                "{text}"
            );
            assert!(
                text.starts_with("--password-file ") && !text.contains("hunter2"),
                "{text}"
            );
            assert!(matches!(error, CredentialsError::Exposed { .. }));
        }
    }

    #[test]
    fn file_of_another_user_is_refused() {
        let directory = TempDir::new().unwrap();
        let path = file(&directory, "theirs", 0o600);
        if std::os::unix::fs::chown(&path, Some(12345), None).is_err() {
            // Only root can give a file away.
            return;
        }
        let text = secret(OPTION, &path).unwrap_err().to_string();
        assert!(
            text.contains("user ID 12345") && text.contains("run: chown 0 "),
            "{text}"
        );
    }

    #[test]
    fn unreadable_file_is_told_apart_from_an_empty_one() {
        let directory = TempDir::new().unwrap();
        let missing = secret(OPTION, &directory.path().join("missing")).unwrap_err();
        assert!(missing.to_string().contains("No such file"), "{missing}");
        assert!(matches!(missing, CredentialsError::Read { .. }));
        let folder = secret(OPTION, directory.path()).unwrap_err();
        assert!(folder.to_string().contains("a directory"), "{folder}");
        assert!(matches!(folder, CredentialsError::Directory { .. }));
        let empty = file(&directory, "empty", 0o600);
        fs::write(&empty, "").unwrap();
        let error = secret(OPTION, &empty).unwrap_err();
        assert!(matches!(error, CredentialsError::Empty(_)));
        let long = file(&directory, "long", 0o600);
        fs::write(&long, vec![b'x'; MAX_SIZE + 1]).unwrap();
        assert!(
            secret(OPTION, &long)
                .unwrap_err()
                .to_string()
                .contains("64 KiB")
        );
        assert!(
            secret(OPTION, Path::new("/dev/zero"))
                .unwrap_err()
                .to_string()
                .contains("64 KiB")
        );
    }

    #[test]
    fn pipe_has_no_mode_check() {
        use std::io::Write;
        use std::os::fd::AsRawFd;
        let (read, mut write) = io::pipe().unwrap();
        write.write_all(b"hunter2\n").unwrap();
        drop(write);
        let path = format!("/dev/fd/{}", read.as_raw_fd());
        assert_eq!(
            secret(OPTION, Path::new(&path)).unwrap().expose(),
            b"hunter2"
        );
    }

    #[test]
    fn path_is_escaped_in_errors() {
        let text = secret(OPTION, Path::new("/x\x1b[2J"))
            .unwrap_err()
            .to_string();
        assert!(!text.contains('\x1b'), "{text:?}");
    }

    fn directory(files: &[(&str, &str)]) -> TempDir {
        let directory = TempDir::new().unwrap();
        for (name, text) in files {
            let path = directory.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o440)).unwrap();
        }
        directory
    }

    fn found(directory: &Path, profile: Option<&str>) -> Option<Vec<u8>> {
        let secret = service(directory, profile, true).unwrap();
        secret.map(|secret| secret.expose().to_vec())
    }

    #[test]
    fn credential_of_the_profile_precedes_the_general_one() {
        let both = directory(&[("ehlo.password", "all\n"), ("ehlo.work.password", "work")]);
        let path = both.path();
        assert_eq!(found(path, Some("work")).unwrap(), b"work");
        assert_eq!(found(path, Some("home")).unwrap(), b"all");
        assert_eq!(found(path, None).unwrap(), b"all");
    }

    #[test]
    fn profile_name_cannot_leave_the_directory() {
        let above = directory(&[("x.password", "hunter2")]);
        let inside = above.path().join("ehlo.");
        fs::create_dir(&inside).unwrap();
        assert_eq!(found(above.path(), Some("/../x")), None);
        assert_eq!(found(above.path(), Some("")), None);
    }

    #[test]
    fn missing_or_empty_credential_is_no_password() {
        let empty = directory(&[("ehlo.password", "")]);
        assert_eq!(found(empty.path(), None), None);
        assert_eq!(found(&empty.path().join("missing"), None), None);
        assert_eq!(found(Path::new("relative"), None), None);
    }

    #[test]
    fn invalid_credential_is_named_in_the_error() {
        let bad = directory(&[("ehlo.password", "hunter2\0")]);
        let text = service(bad.path(), None, true).unwrap_err().to_string();
        assert!(
            text.contains("/ehlo.password: ") && !text.contains("hunter2"),
            "{text}"
        );
    }

    #[test]
    fn only_the_first_line_is_the_secret() {
        for (text, right) in [
            (&b"hunter2"[..], &b"hunter2"[..]),
            (b"hunter2\n", b"hunter2"),
            (b"hunter2\r\nlogin: alice\n", b"hunter2"),
            (b" hunter 2 \t\n\n", b" hunter 2 \t"),
            (b"caf\xe9\xff\n", b"caf\xe9\xff"),
            (b"\xef\xbb\xbfhunter2\n", b"hunter2"),
        ] {
            assert_eq!(first_line(text, "x").unwrap().expose(), right);
        }
    }

    #[test]
    fn secret_is_one_non_empty_line() {
        for (text, word) in [
            (&b""[..], "its first line is empty"),
            (b"\n", "its first line is empty"),
            (b"\r\nhunter2\n", "its first line is empty"),
            (b"hunter2\0\n", "a NUL"),
            (b"hunter2\r", "a carriage return"),
            (b"hunter2\r\r\n", "a carriage return"),
        ] {
            let error = first_line(text, "--password-file x").unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains(word) && text.contains("--password-file x"),
                "{text}"
            );
            assert!(!text.contains("hunter2"), "{text}");
        }
        let error = checked(Secret::new(b"hunter2\nx".to_vec()), "EHLO_PASSWORD").unwrap_err();
        assert!(error.to_string().contains("a line feed"), "{error}");
    }

    #[test]
    fn buffer_size_is_limited() {
        let full = |size: usize| read(&mut Cursor::new(vec![b'x'; size])).unwrap();
        assert_eq!(full(MAX_SIZE).map(|buffer| buffer.len()), Some(MAX_SIZE));
        assert!(full(MAX_SIZE + 1).is_none());
        assert!(read(&mut repeat(b'x')).unwrap().is_none());
    }

    #[test]
    fn buffer_is_not_reallocated() {
        let buffer = read(&mut Cursor::new(b"hunter2")).unwrap().unwrap();
        assert_eq!((buffer.len(), buffer.capacity()), (7, MAX_SIZE + 1));
    }

    #[test]
    fn core_files_are_disabled() {
        harden();
        let limit = rustix::process::getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
        #[cfg(target_os = "linux")]
        {
            use rustix::process::{DumpableBehavior, dumpable_behavior};
            assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        }
    }
}

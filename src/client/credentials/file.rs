//! Files that hold secrets and must not be readable by other users.

use crate::client::credentials::CredentialsError;
use crate::client::credentials::buffer;
use crate::client::credentials::buffer::Buffer;
use crate::system::place;
use crate::system::secret::Secret;
use crate::system::text::{for_shell, shown};
use rustix::fs::OFlags;
use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Advice for a file that this user cannot chmod: it is root's, or its mount is read-only.
const UNCHANGEABLE: &str = "this user cannot change that; create it with mode 0400, or give the password by \
                            --password-command or EHLO_PASSWORD";

/// The password in the first line of a file. The path may be a pipe, as in `<(pass show x)`.
pub fn secret(path: &Path) -> Result<Secret, CredentialsError> {
    let place = format!("--password-file {}", name(path));
    let file = File::open(path).map_err(|error| unread(&place, error))?;
    guard(&file, path, &place)?;
    buffer::first_line(&contents(&file, &place)?, &place)
}

/// The whole of a file.
pub fn contents(mut file: &File, place: &str) -> Result<Buffer, CredentialsError> {
    match buffer::read(&mut file) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(CredentialsError::TooLong(place.to_owned())),
        Err(error) => Err(unread(place, error)),
    }
}

/// Refuses a file that belongs to another user than this one or root, or with a mode that does not protect a
/// secret (`faults.md` B8). The open file is checked and not its name, because the name may be redirected.
pub fn guard(file: &File, path: &Path, place: &str) -> Result<(), CredentialsError> {
    let unreadable = |error| unread(place, error);
    let facts = file.metadata().map_err(unreadable)?;
    if facts.is_dir() {
        let place = place.to_owned();
        return Err(CredentialsError::Directory { place });
    }
    let ours = rustix::process::geteuid().as_raw();
    if !facts.is_file() {
        Ok(())
    } else if is_foreign(facts.uid(), ours) {
        Err(CredentialsError::Foreign {
            place: place.to_owned(),
            owner: facts.uid(),
            ours,
            file: for_shell(path),
        })
    } else if place::keeps_secret(file).map_err(unreadable)? {
        Ok(())
    } else {
        let can_change = place::can_change_mode(file).map_err(unreadable)?;
        Err(CredentialsError::Exposed {
            place: place.to_owned(),
            mode: facts.mode() & 0o7777,
            remedy: if can_change {
                format!("do: chmod 600 {}", for_shell(path))
            } else {
                UNCHANGEABLE.to_owned()
            },
        })
    }
}

/// True if the owner is neither this user nor root.
fn is_foreign(owner: u32, ours: u32) -> bool {
    owner != ours && owner != 0
}

/// Opens a file if it exists. Does not wait for a writer if it is a pipe.
pub fn open_if_there(path: &Path) -> Result<Option<File>, CredentialsError> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    match File::options().read(true).custom_flags(flags).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(unread(&name(path), error)),
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn unread(place: &str, error: io::Error) -> CredentialsError {
    let place = place.to_owned();
    match error.kind() {
        io::ErrorKind::IsADirectory => CredentialsError::Directory { place },
        _ => CredentialsError::Read { place, error },
    }
}

/// A path as an error shows it.
pub fn name(path: &Path) -> String {
    shown(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;
    use tempfile::TempDir;

    fn file(directory: &TempDir, name: &str, mode: u32) -> PathBuf {
        let path = directory.path().join(name);
        fs::write(&path, "hunter2\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_file_that_is_ours_alone_has_the_password() {
        let directory = TempDir::new().unwrap();
        for mode in [0o600, 0o400, 0o700] {
            let path = file(&directory, &format!("{mode:o}"), mode);
            assert_eq!(secret(&path).unwrap().expose(), b"hunter2");
        }
    }

    #[test]
    fn a_file_that_others_can_read_or_write_is_refused_with_the_chmod_that_mends_it() {
        let directory = TempDir::new().unwrap();
        for mode in [0o644, 0o660, 0o620, 0o604, 0o602, 0o601, 0o666] {
            let path = file(&directory, &format!("{mode:o}"), mode);
            let said = secret(&path).unwrap_err();
            let text = said.to_string();
            assert!(
                text.ends_with(&format!("; do: chmod 600 {}", path.display())),
                "{text}"
            );
            assert!(
                text.starts_with("--password-file ") && !text.contains("hunter2"),
                "{text}"
            );
            assert_eq!(said.exit().code(), 77);
        }
    }

    #[test]
    fn the_chmod_can_be_typed_as_it_is_shown() {
        for (path, right) in [
            ("/home/a/.netrc", "/home/a/.netrc"),
            ("my password", "'my password'"),
            ("it's", r"'it'\''s'"),
            ("$(x)", "'$(x)'"),
            ("-rf", "./-rf"),
        ] {
            assert_eq!(for_shell(Path::new(path)), right);
        }
    }

    #[test]
    fn a_file_of_another_user_is_refused() {
        assert!(is_foreign(12345, 1000) && is_foreign(1000, 0));
        assert!(!is_foreign(1000, 1000) && !is_foreign(0, 1000));
        let directory = TempDir::new().unwrap();
        let path = file(&directory, "theirs", 0o600);
        if std::os::unix::fs::chown(&path, Some(12345), None).is_err() {
            // Only root can give a file away.
            return;
        }
        let text = secret(&path).unwrap_err().to_string();
        assert!(
            text.contains("the id 12345") && text.contains("do: chown 0 "),
            "{text}"
        );
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_own_status() {
        let directory = TempDir::new().unwrap();
        let missing = secret(&directory.path().join("missing")).unwrap_err();
        assert!(missing.to_string().contains("No such file"), "{missing}");
        assert_eq!(missing.exit().code(), 66);
        let folder = secret(directory.path()).unwrap_err();
        assert!(folder.to_string().contains("a directory"), "{folder}");
        assert_eq!(folder.exit().code(), 66);
        let empty = file(&directory, "empty", 0o600);
        fs::write(&empty, "").unwrap();
        assert_eq!(secret(&empty).unwrap_err().exit().code(), 77);
        let long = file(&directory, "long", 0o600);
        fs::write(&long, vec![b'x'; buffer::LIMIT + 1]).unwrap();
        assert!(secret(&long).unwrap_err().to_string().contains("64 KiB"));
        assert!(
            secret(Path::new("/dev/zero"))
                .unwrap_err()
                .to_string()
                .contains("64 KiB")
        );
    }

    #[test]
    fn a_pipe_has_no_mode_to_look_at() {
        use std::io::Write;
        use std::os::fd::AsRawFd;
        let (read, mut write) = io::pipe().unwrap();
        write.write_all(b"hunter2\n").unwrap();
        drop(write);
        let path = format!("/dev/fd/{}", read.as_raw_fd());
        assert_eq!(secret(Path::new(&path)).unwrap().expose(), b"hunter2");
    }

    #[test]
    fn a_path_cannot_steer_a_terminal() {
        let text = secret(Path::new("/x\x1b[2J")).unwrap_err().to_string();
        assert!(!text.contains('\x1b'), "{text:?}");
    }
}

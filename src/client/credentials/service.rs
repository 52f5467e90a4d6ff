//! The credentials that systemd gives to a service (`LoadCredential=` and similar settings, systemd.exec(5)).

use crate::client::credentials::file;
use crate::client::credentials::{CredentialsError, buffer};
use crate::system::secret::Secret;
use std::path::Path;

/// The password of the profile, else, if it may be used, the general one; `None` if the service has neither.
/// Access is controlled by systemd: with an access list, their mode seems to allow the group and does not.
pub fn secret(
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
        if let Some(secret) = first_line(&directory.join(name))? {
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

fn first_line(path: &Path) -> Result<Option<Secret>, CredentialsError> {
    let Some(file) = file::open_if_there(path)? else {
        return Ok(None);
    };
    let place = file::name(path);
    let contents = file::contents(&file, &place)?;
    if contents.is_empty() {
        return Ok(None);
    }
    buffer::first_line(&contents, &place).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use tempfile::TempDir;

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
        let secret = secret(directory, profile, true).unwrap();
        secret.map(|secret| secret.expose().to_vec())
    }

    #[test]
    fn the_credential_of_the_profile_goes_before_that_of_all() {
        let both = directory(&[("ehlo.password", "all\n"), ("ehlo.work.password", "work")]);
        let path = both.path();
        assert_eq!(found(path, Some("work")).unwrap(), b"work");
        assert_eq!(found(path, Some("home")).unwrap(), b"all");
        assert_eq!(found(path, None).unwrap(), b"all");
    }

    #[test]
    fn a_profile_does_not_lead_out_of_the_directory() {
        let above = directory(&[("x.password", "hunter2")]);
        let inside = above.path().join("ehlo.");
        fs::create_dir(&inside).unwrap();
        assert_eq!(found(above.path(), Some("/../x")), None);
        assert_eq!(found(above.path(), Some("")), None);
    }

    #[test]
    fn no_directory_no_file_and_an_empty_file_are_no_password() {
        let empty = directory(&[("ehlo.password", "")]);
        assert_eq!(found(empty.path(), None), None);
        assert_eq!(found(&empty.path().join("missing"), None), None);
        assert_eq!(found(Path::new("relative"), None), None);
    }

    #[test]
    fn an_unfit_credential_is_named() {
        let bad = directory(&[("ehlo.password", "hunter2\0")]);
        let text = secret(bad.path(), None, true).unwrap_err().to_string();
        assert!(
            text.contains("/ehlo.password: ") && !text.contains("hunter2"),
            "{text}"
        );
    }
}

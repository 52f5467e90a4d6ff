//! The plans of `ehlo queue serve` for messages: each is made once for a sender, until the configuration changes.

use crate::cli::options::usage_error::UsageError;
use crate::cli::sendmail::Sendmail;
use crate::config::FileVersion;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Maximum number of plans. A user may send from any number of addresses.
const MAX: usize = 100;

/// The plans, by sender.
#[derive(Default)]
pub struct Plans(Mutex<KeptPlans>);

#[derive(Default)]
struct KeptPlans {
    /// The configuration that they were made by; `None`: there is no file.
    version: Option<FileVersion>,
    by_sender: HashMap<String, Arc<Sendmail>>,
}

impl Plans {
    /// The plan for a sender by this version of the configuration. One that has just changed is read again, because
    /// another change may look the same.
    pub fn get(
        &self,
        version: Option<&FileVersion>,
        sender: &str,
        now: SystemTime,
        make: impl FnOnce() -> Result<Sendmail, UsageError>,
    ) -> Result<Arc<Sendmail>, UsageError> {
        if version.is_some_and(|version| !version.is_settled(now)) {
            return make().map(Arc::new);
        }
        let mut kept = self.lock();
        if kept.version.as_ref() != version {
            kept.by_sender.clear();
            kept.version = version.cloned();
        }
        if let Some(plan) = kept.by_sender.get(sender) {
            return Ok(Arc::clone(plan));
        }
        drop(kept);
        let plan = Arc::new(make()?);
        let mut kept = self.lock();
        if kept.version.as_ref() == version {
            if kept.by_sender.len() >= MAX {
                kept.by_sender.clear();
            }
            kept.by_sender.insert(sender.to_owned(), Arc::clone(&plan));
        }
        Ok(plan)
    }

    fn lock(&self) -> MutexGuard<'_, KeptPlans> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::sendmail::args::of_submission;
    use crate::config::{Places, find};
    use std::cell::Cell;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;
    use std::time::Duration;

    struct Reader<'p> {
        plans: Plans,
        path: &'p Path,
        made: Cell<usize>,
    }

    impl Reader<'_> {
        /// The domain of local names for this sender at this time, and the number of plans that were made.
        fn read(&self, sender: &str, now: SystemTime) -> (Option<String>, usize) {
            let places = Places::nowhere();
            let found = find(Some(self.path), &places).unwrap().unwrap();
            let version = found.version();
            let plan = self.plans.get(Some(&version), sender, now, || {
                self.made.set(self.made.get() + 1);
                of_submission(Some(self.path.to_owned()), sender, &places)
            });
            let plan = plan.map_err(|error| error.text).unwrap();
            (plan.rewrite.domain.clone(), self.made.get())
        }
    }

    fn write(path: &Path, domain: &str) {
        let text = format!("[sendmail]\ndomain = \"{domain}\"\n");
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    #[test]
    fn the_configuration_is_read_once_until_it_changes() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("config.toml");
        let reader = Reader {
            plans: Plans::default(),
            path: &path,
            made: Cell::new(0),
        };
        let (now, later) = (
            SystemTime::now(),
            SystemTime::now() + Duration::from_secs(3600),
        );
        let one = Some("one.example".to_owned());
        write(&path, "one.example");
        // Within the same moment, a change may leave no trace.
        assert_eq!(reader.read("a@x", now), (one.clone(), 1));
        assert_eq!(reader.read("a@x", now), (one.clone(), 2));
        assert_eq!(reader.read("a@x", later), (one.clone(), 3));
        assert_eq!(reader.read("a@x", later), (one.clone(), 3));
        assert_eq!(reader.read("b@x", later), (one, 4));
        let next = home.path().join("next");
        write(&next, "two.example");
        fs::rename(next, &path).unwrap();
        let two = Some("two.example".to_owned());
        assert_eq!(reader.read("a@x", later), (two.clone(), 5));
        assert_eq!(reader.read("b@x", later), (two, 6));
        write(&path, "three.example");
        let three = Some("three.example".to_owned());
        assert_eq!(reader.read("a@x", later), (three.clone(), 7));
        assert_eq!(reader.read("a@x", later), (three, 7));
        for number in 0..MAX {
            reader.read(&format!("{number}@x"), later);
        }
        assert!(reader.plans.lock().by_sender.len() <= MAX);
    }
}

//! Inheritance between profiles: the `inherit` key.

use crate::config::read::{Faults, WrittenProfile};
use crate::config::{ConfigFault, ConfigKey, ConfigPosition, Profile, Value};
use std::collections::BTreeMap;

/// Maximum depth of inheritance.
const DEEPEST: usize = 32;

/// Resolves inheritance. A profile's own keys override those of its parents, and earlier parents override
/// later ones. `false` removes an inherited key.
pub(super) fn settle(written: &[WrittenProfile], faults: &mut Faults) -> Vec<Profile> {
    let mut family = Inheritance {
        written,
        done: BTreeMap::new(),
        open: Vec::new(),
        faults,
    };
    let profiles = written.iter().map(|one| Profile {
        name: one.name.clone(),
        settings: given(family.settings(one)),
    });
    profiles.collect()
}

fn given(mut settings: Vec<ConfigKey>) -> Vec<ConfigKey> {
    settings.retain(|setting| setting.value != Value::Flag(false));
    settings
}

struct Inheritance<'w> {
    written: &'w [WrittenProfile],
    done: BTreeMap<&'w str, Vec<ConfigKey>>,
    /// The profiles on the way from a child to this parent.
    open: Vec<&'w str>,
    faults: &'w mut Faults,
}

impl<'w> Inheritance<'w> {
    fn settings(&mut self, one: &'w WrittenProfile) -> Vec<ConfigKey> {
        if let Some(done) = self.done.get(one.name.as_str()) {
            return done.clone();
        }
        self.open.push(&one.name);
        let mut all = one.settings.clone();
        let parents = one.parents.as_ref();
        for name in parents.map_or(Vec::new(), |parents| parents.value.texts()) {
            match self.parent(name) {
                Ok(inherited) => add(&mut all, inherited),
                Err(fault) => {
                    let spot = parents.map(ConfigPosition::of).unwrap_or_default();
                    self.faults.push((spot, fault));
                }
            }
        }
        self.open.pop();
        self.done.insert(&one.name, all.clone());
        all
    }

    fn parent(&mut self, name: &str) -> Result<Vec<ConfigKey>, ConfigFault> {
        if let Some(start) = self.open.iter().position(|&open| open == name) {
            let circle = self.open[start..].iter().copied().chain([name]);
            return Err(ConfigFault::Circle(circle.map(str::to_owned).collect()));
        }
        if self.open.len() > DEEPEST {
            return Err(ConfigFault::Deep(DEEPEST));
        }
        let written = self.written;
        let parent = written.iter().find(|one| one.name == name);
        let parent = parent.ok_or_else(|| {
            ConfigFault::no_profile(name, written.iter().map(|one| one.name.as_str()))
        })?;
        Ok(self.settings(parent))
    }
}

/// Adds the keys that are not there yet.
fn add(all: &mut Vec<ConfigKey>, inherited: Vec<ConfigKey>) {
    for setting in inherited {
        if all.iter().all(|own| own.key != setting.key) {
            all.push(setting);
        }
    }
}

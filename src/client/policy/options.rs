//! Options of TLS policies.

/// The use of one kind of policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PolicyMode {
    /// It is not looked up.
    #[default]
    Off,
    /// It is obeyed where there is one.
    Auto,
    /// Nothing is sent without one.
    Require,
}

/// The policies that are looked up. By default, none are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyOptions {
    pub dane: PolicyMode,
    pub sts: PolicyMode,
}

impl PolicyOptions {
    /// True if nothing is sent without a policy.
    pub fn is_required(&self) -> bool {
        [self.dane, self.sts].contains(&PolicyMode::Require)
    }
}

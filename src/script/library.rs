//! The built-in scripts, for running against the user's own server.

/// A built-in script.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    pub name: &'static str,
    pub text: &'static str,
}

pub const ALL: [Shipped; 6] = [
    Shipped {
        name: "conformance",
        text: include_str!("library/conformance.ehlo"),
    },
    Shipped {
        name: "extensions",
        text: include_str!("library/extensions.ehlo"),
    },
    Shipped {
        name: "pipelining",
        text: include_str!("library/pipelining.ehlo"),
    },
    Shipped {
        name: "relay",
        text: include_str!("library/relay.ehlo"),
    },
    Shipped {
        name: "smuggling",
        text: include_str!("library/smuggling.ehlo"),
    },
    Shipped {
        name: "starttls",
        text: include_str!("library/starttls.ehlo"),
    },
];

impl Shipped {
    /// A description in one line.
    #[must_use]
    pub fn about(&self) -> &'static str {
        let first = self.text.lines().next().unwrap_or_default();
        first.trim_start_matches("# ")
    }
}

/// The script of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Shipped> {
    ALL.iter().find(|shipped| shipped.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::parse;

    #[test]
    fn every_script_that_comes_along_has_no_mistake_and_says_whose_server_it_is_for() {
        for shipped in &ALL {
            parse(shipped.name, &[]).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
            let head = shipped.text.split("\n\n").next().unwrap();
            assert!(head.contains("against a server of your own"), "{head}");
            assert!(shipped.about().ends_with('.'), "{}", shipped.about());
        }
    }
}

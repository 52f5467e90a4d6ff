//! What a server offers.

use std::collections::BTreeSet;

/// What the server has offered in its reply to EHLO.
#[derive(Clone, Debug, Default)]
pub struct Offers {
    pub starttls: bool,
    pub prdr: bool,
    pub pipelining: bool,
    pub smtputf8: bool,
    /// The mechanisms, in upper case; `None`: no AUTH.
    pub auth: Option<BTreeSet<String>>,
    /// The attributes, in upper case; `None`: no XCLIENT.
    pub xclient: Option<BTreeSet<String>>,
}

/// The lines of a reply without their codes.
fn lines_of(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n')
        .map(|line| line.char_indices().nth(4).map_or("", |(at, _)| &line[at..]))
}

impl Offers {
    pub fn read(&mut self, text: &str) {
        for line in lines_of(text) {
            if let Some(names) = line.strip_prefix("AUTH") {
                let names = names.strip_prefix('=').unwrap_or(names);
                self.auth.get_or_insert_default().extend(words(names));
            } else if let Some(names) = line.strip_prefix("XCLIENT") {
                self.xclient = Some(words(names).collect());
            }
            self.starttls |= line == "STARTTLS";
            self.prdr |= line == "PRDR";
            self.pipelining |= line == "PIPELINING";
            self.smtputf8 |= line == "SMTPUTF8";
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split_ascii_whitespace().map(str::to_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_read_from_all_lines() {
        let mut offers = Offers::default();
        offers.read("250-mx\n250-AUTH plain\n250-AUTH=login\n250-XCLIENT ADDR\n250 STARTTLS");
        let names: Vec<String> = offers.auth.unwrap().into_iter().collect();
        assert_eq!(names, ["LOGIN", "PLAIN"]);
        assert!(offers.xclient.unwrap().contains("ADDR"));
        assert!(offers.starttls && !offers.prdr);
    }
}

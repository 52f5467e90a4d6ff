//! Checks of DKIM signatures that need no DNS, and of the fields of lists.

use crate::mail::dkim::{Signature, Verification, read_header};
use crate::mail::message::Source;
use crate::mail::view::MessageView;
use std::io;

/// Fields with addresses of a list (RFC 2369).
const ADDRESS_FIELDS: [&str; 6] = [
    "List-Help",
    "List-Unsubscribe",
    "List-Subscribe",
    "List-Post",
    "List-Owner",
    "List-Archive",
];

/// Longest identifier of a list in octets (RFC 2919 §3).
const MAX_LIST_ID: usize = 255;

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldCheck {
    pub field: &'static str,
    /// `None`: it cannot be decided.
    pub is_ok: Option<bool>,
    pub text: String,
}

/// A DKIM signature, as far as it was checked.
#[derive(Clone, Debug)]
pub struct SignatureCheck {
    /// `None`: it cannot be parsed.
    pub signature: Option<Signature>,
    /// `None`: it cannot be decided.
    pub is_ok: Option<bool>,
    pub text: String,
}

impl SignatureCheck {
    fn of_field(&self) -> FieldCheck {
        let name = self.signature.as_ref().map(|signature| {
            let Signature {
                domain,
                selector,
                algorithm,
                ..
            } = signature;
            format!("d={domain} s={selector} a={algorithm}: ")
        });
        FieldCheck {
            field: "DKIM-Signature",
            is_ok: self.is_ok,
            text: name.unwrap_or_default() + &self.text,
        }
    }

    /// True if the signature covers these fields and is not known to be wrong.
    fn covers(&self, names: &[&str]) -> bool {
        let signed = self.signature.iter().flat_map(|one| &one.names);
        let signed: Vec<&str> = signed.map(String::as_str).collect();
        self.is_ok != Some(false) && names.iter().all(|name| signed.contains(name))
    }
}

/// Checks the tags and the body hash of each DKIM signature (RFC 6376). The signatures themselves are not verified,
/// because that needs the public keys.
pub fn check_signatures(message: &Source) -> io::Result<Vec<SignatureCheck>> {
    let (fields, body) = match read_header(message.reader()) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(Vec::new()),
        read => read?,
    };
    let mut verification = Verification::new(&fields);
    if !verification.signatures.is_empty() {
        body.read(&mut |block| verification.push(block))?;
    }
    let (signatures, hashed) = verification.finish();
    let checks = signatures.into_iter().map(|(_, parsed)| {
        let fault = match &parsed {
            Err(why) => Some(why.clone()),
            Ok(signature) => signature
                .key_kind()
                .err()
                .or_else(|| Some(hashed.body_fault(signature)?.why)),
        };
        SignatureCheck {
            signature: parsed.ok(),
            is_ok: Some(fault.is_none()),
            text: fault.unwrap_or_else(|| "the body is unchanged".to_owned()),
        }
    });
    Ok(checks.collect())
}

/// The results for the signatures, and for the fields of lists (RFC 2369, RFC 2919, RFC 8058).
pub fn check_fields(view: &MessageView, signatures: &[SignatureCheck]) -> Vec<FieldCheck> {
    let mut all: Vec<FieldCheck> = signatures.iter().map(SignatureCheck::of_field).collect();
    let mut add = |field, checked: Result<String, String>| {
        all.push(FieldCheck {
            field,
            is_ok: Some(checked.is_ok()),
            text: checked.unwrap_or_else(|problem| problem),
        });
    };
    if let Some(value) = view.value("list-id") {
        add("List-ID", list_id(value));
    }
    for field in ADDRESS_FIELDS {
        if let Some(value) = view.value(field) {
            let is_closed = field == "List-Post" && value.trim().eq_ignore_ascii_case("no");
            let checked = if is_closed {
                Ok("nobody may post".to_owned())
            } else {
                addresses(value).map(|all| all.join(", "))
            };
            add(field, checked);
        }
    }
    if let Some(value) = view.value("list-unsubscribe-post") {
        add("List-Unsubscribe-Post", one_click(view, value, signatures));
    }
    all
}

/// The identifier of a list, after an optional name.
fn list_id(value: &str) -> Result<String, String> {
    let id = value.trim().strip_suffix('>');
    let Some((_, id)) = id.and_then(|value| value.rsplit_once('<')) else {
        return Err("no identifier in angle brackets".to_owned());
    };
    let is_word = id.contains('.') && !id.contains(char::is_whitespace) && id.len() <= MAX_LIST_ID;
    if is_word {
        Ok(id.to_owned())
    } else {
        Err(format!(
            "{id:?} is not an identifier such as list.example.org"
        ))
    }
}

/// The addresses in angle brackets, between which are commas and comments (RFC 2369 §2).
fn addresses(value: &str) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        if let Some(comment) = rest.strip_prefix('(') {
            rest = comment.split_once(')').map_or("", |(_, after)| after);
            continue;
        }
        if rest.is_empty() {
            break;
        }
        let parted = rest.strip_prefix('<').and_then(|rest| rest.split_once('>'));
        let (address, after) =
            parted.ok_or("expected addresses in angle brackets, separated by commas")?;
        // Blanks are ignored: they may come from folding.
        let address: String = address.split_whitespace().collect();
        if !is_address(&address) {
            return Err(format!("{address:?} is not a web or mail address"));
        }
        found.push(address);
        rest = after;
    }
    if found.is_empty() {
        return Err("no address".to_owned());
    }
    Ok(found)
}

fn is_address(text: &str) -> bool {
    let (scheme, rest) = text.split_once(':').unwrap_or_default();
    match scheme.to_ascii_lowercase().as_str() {
        "mailto" => rest.contains('@'),
        "http" | "https" | "ftp" => rest
            .strip_prefix("//")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_alphanumeric() || c == '[')),
        _ => false,
    }
}

/// The conditions of RFC 8058 §3.1 and §4 for unsubscribing by one request.
fn one_click(
    view: &MessageView,
    value: &str,
    signatures: &[SignatureCheck],
) -> Result<String, String> {
    if !value
        .trim()
        .eq_ignore_ascii_case("List-Unsubscribe=One-Click")
    {
        return Err("the value is not List-Unsubscribe=One-Click".to_owned());
    }
    let unsubscribe = addresses(view.value("list-unsubscribe").unwrap_or_default());
    let is_https = |address: &&String| address.to_ascii_lowercase().starts_with("https:");
    match unsubscribe.iter().flatten().filter(is_https).count() {
        1 => {}
        0 => return Err("List-Unsubscribe has no https address".to_owned()),
        _ => return Err("List-Unsubscribe has more than one https address".to_owned()),
    }
    let covering = signatures
        .iter()
        .find(|one| one.covers(&["list-unsubscribe", "list-unsubscribe-post"]));
    let signature = covering.and_then(|one| one.signature.as_ref());
    let domain = signature.map(|signature| &signature.domain);
    let domain = domain
        .ok_or("no valid DKIM signature covers List-Unsubscribe and List-Unsubscribe-Post")?;
    Ok(format!("one-click, signed by {domain}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::view::{Limits, Parser};

    fn checks(message: &str) -> Vec<(&'static str, Option<bool>, String)> {
        let source = Source::memory("m".to_owned(), message.as_bytes().to_vec());
        let view = Parser::view(&source, Limits::Whole).unwrap();
        let signatures = check_signatures(&source).unwrap();
        let checks = check_fields(&view, &signatures).into_iter();
        checks
            .map(|check| (check.field, check.is_ok, check.text))
            .collect()
    }

    /// The hash of the empty body in the simple form is known (RFC 6376 §3.4.3).
    const EMPTY: &str = "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=";

    fn signed(canonical: &str, rest: &str) -> String {
        format!(
            "DKIM-Signature: v=1; a=rsa-sha256; c={canonical}; d=crepes.fr; s=m;\r\n h=from:list-unsubscribe:\r\n \
             list-unsubscribe-post; bh={EMPTY}; b=eA==\r\nFrom: a@crepes.fr\r\n{rest}"
        )
    }

    #[test]
    fn body_hash_is_compared_and_tags_are_checked() {
        let of = |message: &str| checks(message).remove(0);
        let whole = of(&signed("relaxed/simple", "\r\n\r\n\r\n"));
        assert_eq!(whole.1, Some(true), "{whole:?}");
        assert_eq!(
            whole.2,
            "d=crepes.fr s=m a=rsa-sha256: the body is unchanged"
        );
        let changed = of(&signed("relaxed/simple", "\nx\n"));
        assert!(
            changed
                .2
                .ends_with("the body was changed after it was signed")
        );
        assert_eq!(changed.1, Some(false));
        let bare = of("DKIM-Signature: v=1\r\n\r\n");
        assert_eq!((bare.1, bare.2.as_str()), (Some(false), "it has no d="));
    }

    #[test]
    fn one_click_needs_https_and_a_signature() {
        let list = "List-Unsubscribe: <mailto:u@crepes.fr>, <https://crepes.fr/u>\r\n\
                    List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n";
        let post = |message: &str| checks(message).pop().unwrap();
        let (_, is_ok, text) = post(list);
        assert_eq!(is_ok, Some(false));
        assert!(text.starts_with("no valid DKIM signature covers"), "{text}");
        let (_, is_ok, text) = post(&signed("simple", list));
        assert_eq!(
            (is_ok, text.as_str()),
            (Some(true), "one-click, signed by crepes.fr")
        );
        // The signature does not count if the body was changed.
        assert_eq!(
            post(&signed("simple", &format!("{list}x\r\n"))).1,
            Some(false)
        );
        for (from, to, words) in [
            ("https:", "http:", "no https address"),
            ("<mailto:", "<https://x/?", "more than one https"),
            ("One-Click", "Two", "is not List-Unsubscribe=One-Click"),
        ] {
            let (_, is_ok, text) = post(&signed("simple", &list.replace(from, to)));
            assert_eq!(is_ok, Some(false), "{from}");
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn addresses_of_lists_are_shown_or_named_as_wrong() {
        for (field, value, is_ok, text) in [
            ("List-ID", "News <news.crepes.fr>", true, "news.crepes.fr"),
            (
                "List-ID",
                "news.crepes.fr",
                false,
                "no identifier in angle brackets",
            ),
            (
                "List-ID",
                "<news>",
                false,
                "\"news\" is not an identifier such as list.example.org",
            ),
            ("List-Post", "NO", true, "nobody may post"),
            (
                "List-Help",
                "(web) <https://crepes.fr/h>\r\n (FTP), <ftp://h/x>",
                true,
                "https://crepes.fr/h, ftp://h/x",
            ),
            (
                "List-Owner",
                "<mailto: bob@hamburger.edu>",
                true,
                "mailto:bob@hamburger.edu",
            ),
            (
                "List-Unsubscribe",
                "none",
                false,
                "expected addresses in angle brackets, separated by commas",
            ),
            (
                "List-Archive",
                "<javascript:alert(1)>",
                false,
                "\"javascript:alert(1)\" is not a web or mail address",
            ),
            (
                "List-Subscribe",
                "<https:///>",
                false,
                "\"https:///\" is not a web or mail address",
            ),
            ("List-Subscribe", "()", false, "no address"),
        ] {
            let checked = checks(&format!("{field}: {value}\r\n\r\n"));
            assert_eq!(checked, [(field, Some(is_ok), text.to_owned())]);
        }
    }
}

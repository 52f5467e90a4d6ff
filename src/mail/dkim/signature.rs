//! A `DKIM-Signature` as it was received (RFC 6376 §3.5).

use crate::mail::dkim::public::LENIENT;
use crate::mail::tag_list::TagList;
use crate::system::text::shown;
use base64::prelude::Engine as _;

/// Maximum number of names in `h=`.
const MAX_NAMES: usize = 1000;

/// The canonical form of the header or of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Simple,
    Relaxed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// `a=`, in lower case.
    pub algorithm: String,
    pub header_form: Form,
    pub body_form: Form,
    /// `d=`, in lower case.
    pub domain: String,
    pub selector: String,
    /// The domain in `i=`, in lower case.
    pub identity: String,
    /// The names in `h=`, in lower case.
    pub names: Vec<String>,
    /// `l=`: the number of octets of the body that are signed.
    pub length: Option<u64>,
    /// `t=` and `x=`, in seconds since 1970.
    pub time: Option<u64>,
    pub expires: Option<u64>,
    pub body_hash: Vec<u8>,
    pub signature: Vec<u8>,
    /// The first characters of `b=`, which tell signatures apart (RFC 6008).
    pub tag: String,
}

impl Signature {
    /// Parses the value of the field.
    ///
    /// # Errors
    /// A clause about the signature, which makes it a permanent error.
    pub fn parse(value: &str) -> Result<Self, String> {
        let unfolded: String = value
            .chars()
            .filter(|c| !matches!(c, '\r' | '\n'))
            .collect();
        let tags = TagList::parse(&unfolded)
            .map_err(|part| format!("it has \"{}\", which is not a tag", shown(part)))?;
        if let Some(name) = tags.repeated() {
            return Err(format!("it has the tag {name} more than once"));
        }
        if required(&tags, "v")? != "1" {
            return Err("its version is not 1".to_owned());
        }
        let mut methods = tags.items("q").into_iter().flatten().peekable();
        if methods.peek().is_some() && methods.all(|method| method != "dns/txt") {
            return Err("its q= is not dns/txt".to_owned());
        }
        let domain = required(&tags, "d")?.to_ascii_lowercase();
        let (header_form, body_form) = forms(tags.get("c").unwrap_or("simple"))?;
        let (time, expires) = (number(&tags, "t")?, number(&tags, "x")?);
        if time
            .zip(expires)
            .is_some_and(|(time, expires)| expires <= time)
        {
            return Err("it expires before it was made".to_owned());
        }
        let signature: String = required(&tags, "b")?.split_ascii_whitespace().collect();
        Ok(Self {
            algorithm: required(&tags, "a")?.to_ascii_lowercase(),
            header_form,
            body_form,
            identity: identity(&tags, &domain)?,
            domain,
            selector: required(&tags, "s")?.to_ascii_lowercase(),
            names: names(&tags)?,
            length: number(&tags, "l")?,
            time,
            expires,
            body_hash: base64(required(&tags, "bh")?).ok_or("its bh= is not base64")?,
            signature: base64(&signature).ok_or("its b= is not base64")?,
            tag: signature.chars().take(8).collect(),
        })
    }

    /// The name of the record with the key.
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// The value of `k=` that belongs to the algorithm; an error for algorithms that are not accepted (RFC 8301 §3.1).
    pub fn key_kind(&self) -> Result<&'static str, String> {
        match self.algorithm.as_str() {
            "rsa-sha256" => Ok("rsa"),
            "ed25519-sha256" => Ok("ed25519"),
            other => Err(format!("the algorithm {} is not accepted", shown(other))),
        }
    }
}

fn forms(text: &str) -> Result<(Form, Form), String> {
    let form = |word: &str| match word.to_ascii_lowercase().as_str() {
        "simple" => Ok(Form::Simple),
        "relaxed" => Ok(Form::Relaxed),
        _ => Err(format!("its c= has the unknown form {}", shown(word))),
    };
    match text.split_once('/') {
        Some((header, body)) => Ok((form(header)?, form(body)?)),
        None => Ok((form(text)?, Form::Simple)),
    }
}

fn required<'t>(tags: &TagList<'t>, name: &str) -> Result<&'t str, String> {
    let value = tags.get(name).filter(|value| !value.is_empty());
    value.ok_or_else(|| format!("it has no {name}="))
}

/// The domain in `i=`, which is that of `d=` or below it.
fn identity(tags: &TagList<'_>, domain: &str) -> Result<String, String> {
    let Some(identity) = tags.get("i") else {
        return Ok(domain.to_owned());
    };
    let (_, identity) = identity.rsplit_once('@').ok_or("its i= has no domain")?;
    let identity = identity.to_ascii_lowercase();
    if identity != domain && !identity.ends_with(&format!(".{domain}")) {
        return Err("the domain of i= is not that of d=".to_owned());
    }
    Ok(identity)
}

fn names(tags: &TagList<'_>) -> Result<Vec<String>, String> {
    let names = required(tags, "h")?.split(':');
    let names: Vec<String> = names.map(|name| name.trim().to_ascii_lowercase()).collect();
    if names.len() > MAX_NAMES {
        return Err(format!("its h= has more than {MAX_NAMES} names"));
    }
    if names.iter().all(|name| name != "from") {
        return Err("it does not sign the field From".to_owned());
    }
    Ok(names)
}

fn number(tags: &TagList<'_>, name: &str) -> Result<Option<u64>, String> {
    let Some(text) = tags.get(name) else {
        return Ok(None);
    };
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number);
    number
        .map(Some)
        .ok_or_else(|| format!("its {name}= is not a number"))
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.split_ascii_whitespace().collect();
    LENIENT.decode(text).ok()
}

/// The field without the value of its `b=`, as it was signed (RFC 6376 §3.7).
pub(super) fn without_signature(field: &[u8]) -> Vec<u8> {
    let colon = memchr::memchr(b':', field).map_or(0, |at| at + 1);
    let (name, value) = field.split_at(colon);
    let mut out = name.to_vec();
    for (at, part) in value.split(|octet| *octet == b';').enumerate() {
        if at > 0 {
            out.push(b';');
        }
        let equals = memchr::memchr(b'=', part);
        match equals.filter(|&equals| part[..equals].trim_ascii() == b"b") {
            Some(equals) => out.extend_from_slice(&part[..=equals]),
            None => out.extend_from_slice(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = " v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n d=Example.org; s=s1; h=From:to : subject; bh=AAAA;\r\n\tb=BB\r\n BB";

    #[test]
    fn tags_are_read() {
        let signature = Signature::parse(GOOD).unwrap();
        assert_eq!(signature.record_name(), "s1._domainkey.example.org");
        assert_eq!(signature.names, ["from", "to", "subject"]);
        assert_eq!(
            (signature.header_form, signature.body_form),
            (Form::Relaxed, Form::Relaxed)
        );
        assert_eq!(signature.tag, "BBBB");
        assert_eq!(signature.key_kind(), Ok("rsa"));
    }

    #[test]
    fn signatures_that_are_not_valid_are_refused() {
        for (from, to, why) in [
            ("v=1", "v=2", "its version is not 1"),
            ("v=1;", "", "it has no v="),
            ("h=From", "h=Date", "it does not sign the field From"),
            ("s=s1", "s=", "it has no s="),
            (
                "s=s1",
                "s=s1; i=a@example.net",
                "the domain of i= is not that of d=",
            ),
            ("s=s1", "s=s1; i=a", "its i= has no domain"),
            ("s=s1", "s=s1; l=-1", "its l= is not a number"),
            ("s=s1", "s=s1; t=2; x=1", "it expires before it was made"),
            ("s=s1", "s=s1; q=x", "its q= is not dns/txt"),
            ("s=s1", "s=s1; s=s2", "it has the tag s more than once"),
            ("s=s1", "s=s1; x y", "it has \"x y\", which is not a tag"),
            ("c=relaxed", "c=nofws", "its c= has the unknown form nofws"),
            ("bh=AAAA", "bh=!", "its bh= is not base64"),
        ] {
            assert_eq!(
                Signature::parse(&GOOD.replacen(from, to, 1)),
                Err(why.to_owned())
            );
        }
    }

    #[test]
    fn only_the_value_of_b_is_removed() {
        let field = b"DKIM-Signature: v=1; bh=AA; b=BB\r\n BB; d=x";
        assert_eq!(
            without_signature(field),
            b"DKIM-Signature: v=1; bh=AA; b=; d=x"
        );
        let field = b"DKIM-Signature: v=1; b =BB==\r\n BB";
        assert_eq!(without_signature(field), b"DKIM-Signature: v=1; b =");
    }
}

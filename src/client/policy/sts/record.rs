//! The TXT record of `_mta-sts.DOMAIN` (RFC 8461 §3.1).

/// Maximum length of an id.
const MAX_ID: usize = 32;

/// The id in the TXT records of a name. `None`: no record is one of MTA-STS, or one is not valid, or there are
/// several; then the domain has no policy.
pub fn id_of(texts: &[Vec<u8>]) -> Option<String> {
    let mut records = texts.iter().filter_map(|text| fields_of(text));
    match (records.next(), records.next()) {
        (Some(fields), None) => id_in(fields),
        _ => None,
    }
}

/// The fields after `v=STSv1;`. `None`: it is another record.
fn fields_of(text: &[u8]) -> Option<&[u8]> {
    let rest = text.strip_prefix(b"v=STSv1")?;
    rest.trim_ascii_start().strip_prefix(b";")
}

fn id_in(fields: &[u8]) -> Option<String> {
    let mut id = None;
    let mut fields = fields.split(|byte| *byte == b';').peekable();
    while let Some(field) = fields.next() {
        let field = field.trim_ascii();
        if field.is_empty() && fields.peek().is_none() {
            break;
        }
        let at = field.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (&field[..at], &field[at + 1..]);
        if !is_name(name) || !value.iter().all(u8::is_ascii_graphic) || value.is_empty() {
            return None;
        }
        if name == b"id" && id.is_none() {
            id = Some(value);
        }
    }
    let id = id.filter(|id| id.len() <= MAX_ID && id.iter().all(u8::is_ascii_alphanumeric))?;
    String::from_utf8(id.to_vec()).ok()
}

/// `sts-ext-name` of RFC 8461 §3.1.
fn is_name(name: &[u8]) -> bool {
    let is_inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    name.len() <= 32
        && name.first().is_some_and(u8::is_ascii_alphanumeric)
        && name.iter().all(is_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(texts: &[&str]) -> Option<String> {
        let texts: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
        id_of(&texts)
    }

    #[test]
    fn id_is_that_of_the_only_record() {
        for (texts, expected) in [
            (&["v=STSv1; id=20160831085700Z;"][..], "20160831085700Z"),
            (&["v=STSv1;id=1"], "1"),
            (&["v=STSv1 ;\tid=1 ; "], "1"),
            (&["v=STSv1; id=1; x-y.z=a,b:c; id=2"], "1"),
            (&["v=STSv1; before=x; id=1"], "1"),
            (
                &["v=STSv1; id=12345678901234567890123456789012"],
                "12345678901234567890123456789012",
            ),
            (&["v=spf1 -all", "v=STSv1; id=1", "v=STSv2; id=2", ""], "1"),
        ] {
            assert_eq!(id(texts).as_deref(), Some(expected), "{texts:?}");
        }
    }

    #[test]
    fn record_that_is_not_valid_is_no_policy() {
        for texts in [
            &[][..],
            &["v=spf1 -all"],
            &["v=STSv1"],
            &["v=STSv1;"],
            &["v=STSv1; id="],
            &["v=STSv1; id=1; ; x=y"],
            &["v=STSv1; id=a-b"],
            &["v=STSv1; id=\u{fc}"],
            &["v=STSv1; id=123456789012345678901234567890123"],
            &["v=STSv1; id 1"],
            &["v=STSv1; id=1; x"],
            &["v=STSv1; id=1; x="],
            &["v=STSv1; id=1; =x"],
            &["v=STSv1; id=1; _x=y"],
            &["v=STSv1; id=1; x=a b"],
            &["v=stsv1; id=1"],
            &["V=STSv1; id=1"],
            &[" v=STSv1; id=1"],
            &["id=1; v=STSv1"],
            &["v=STSv10; id=1"],
            &["v=STSv1; id=1", "v=STSv1; id=2"],
            &["v=STSv1; id=1", "v=STSv1; broken"],
        ] {
            assert_eq!(id(texts), None, "{texts:?}");
        }
    }
}

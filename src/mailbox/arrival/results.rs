//! The Authentication-Results fields of a message (RFC 8601).

use crate::mailbox::arrival::trace::without_comments;
use crate::mailbox::search::fields;

/// Maximum number of results that are kept.
const MAX_RESULTS: usize = 50;

/// The results of the receiving side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthenticationResults {
    /// The server that has found them (authserv-id); `None`: there are none.
    pub server: Option<String>,
    pub methods: Vec<MethodResult>,
}

/// The result of a method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodResult {
    /// `spf`, `dkim`, `dmarc` and others, in lower case.
    pub method: String,
    /// `pass`, `fail`, `none` and others, in lower case.
    pub result: String,
    /// What was checked, as in `smtp.mailfrom=alice@crepes.fr`.
    pub properties: Vec<String>,
}

impl AuthenticationResults {
    /// The result of a method. Of several, one that passes: one valid DKIM signature is enough.
    pub fn of(&self, method: &str) -> Option<&MethodResult> {
        let all = || self.methods.iter().filter(|one| one.method == method);
        all()
            .find(|one| one.result == "pass")
            .or_else(|| all().next())
    }
}

/// The results in the topmost field, and in the others of the same server. Fields of other servers are further down,
/// and may be forged (RFC 8601 §5).
pub fn results(header: &[u8]) -> AuthenticationResults {
    let mut found = AuthenticationResults::default();
    for (name, value) in fields(header) {
        if !name.eq_ignore_ascii_case("authentication-results") {
            continue;
        }
        let plain = without_comments(&value);
        let mut parts = plain.split(';');
        // A version may follow the name.
        let server = parts
            .next()
            .and_then(|part| part.split_ascii_whitespace().next());
        let server = server.unwrap_or_default().to_owned();
        let known = found.server.get_or_insert_with(|| server.clone());
        if !known.eq_ignore_ascii_case(&server) {
            break;
        }
        found.methods.extend(parts.filter_map(method));
        found.methods.truncate(MAX_RESULTS);
    }
    found
}

/// `spf=pass smtp.mailfrom=example.org`.
fn method(part: &str) -> Option<MethodResult> {
    let mut words = part.split_ascii_whitespace();
    let (method, result) = words.next()?.split_once('=')?;
    let (method, _) = method.split_once('/').unwrap_or((method, ""));
    Some(MethodResult {
        method: method.to_ascii_lowercase(),
        result: result.to_ascii_lowercase(),
        properties: words.take(MAX_RESULTS).map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_those_of_the_topmost_server() {
        let header = b"Authentication-Results: mx.example.net 1;\r\n dkim=fail (bad (x;y)) header.d=a.example;\r\n \
            DKIM=Pass header.d=crepes.fr;\r\n spf/1=pass smtp.mailfrom=crepes.fr\r\n\
            Authentication-Results: MX.example.net; dmarc=pass header.from=crepes.fr\r\n\
            Received: x\r\n\
            Authentication-Results: evil.example; arc=pass\r\n\r\n";
        let found = results(header);
        assert_eq!(found.server.as_deref(), Some("mx.example.net"));
        let result = |method: &str| found.of(method).map(|one| one.result.as_str());
        assert_eq!(result("dkim"), Some("pass"));
        assert_eq!(result("spf"), Some("pass"));
        assert_eq!(result("dmarc"), Some("pass"));
        assert_eq!(result("arc"), None);
        assert_eq!(
            found.of("spf").unwrap().properties,
            ["smtp.mailfrom=crepes.fr"]
        );
    }

    #[test]
    fn without_results_there_are_none() {
        assert_eq!(
            results(b"Subject: x\r\n\r\n"),
            AuthenticationResults::default()
        );
        let none = results(b"Authentication-Results: mx.example.net; none\r\n\r\n");
        assert_eq!(none.methods, []);
        assert_eq!(none.server.as_deref(), Some("mx.example.net"));
    }
}

//! Calendar invitations (RFC 5545, RFC 6047): recognition, and their METHOD.

/// The method of a calendar file.
#[derive(Debug, PartialEq, Eq)]
pub struct Calendar {
    /// The value of METHOD, in upper case. `None`: no method.
    pub method: Option<String>,
}

/// Checks a calendar file and finds its method.
///
/// # Errors
/// In words, what is wrong with it, with the line.
pub fn examine(bytes: &[u8]) -> Result<Calendar, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut open: Vec<String> = Vec::new();
    let mut method = None;
    let mut seen_version = false;
    let mut closed = false;
    for (number, line) in logical_lines(text) {
        let wrong = |what: &str| format!("line {number}: {what}");
        let (name, value) = property(&line).ok_or_else(|| wrong("expected NAME:value"))?;
        match name.as_str() {
            "BEGIN" if open.is_empty() && (closed || value != "VCALENDAR") => {
                return Err(wrong(
                    "BEGIN:VCALENDAR must be the first line and must not be repeated",
                ));
            }
            "BEGIN" => open.push(value),
            "END" if open.pop() != Some(value.clone()) => {
                return Err(wrong("END without BEGIN"));
            }
            "END" => closed |= open.is_empty(),
            _ if open.is_empty() => return Err(wrong("is outside VCALENDAR")),
            "METHOD" if open.len() == 1 => {
                method = Some(token(&value).ok_or_else(|| wrong("METHOD"))?);
            }
            "VERSION" if open.len() == 1 => seen_version = true,
            _ => {}
        }
    }
    if !open.is_empty() || !closed {
        return Err("END:VCALENDAR is missing".to_owned());
    }
    if !seen_version {
        return Err("VERSION:2.0 is missing".to_owned());
    }
    Ok(Calendar { method })
}

/// Lines with their continuations (RFC 5545 §3.1), each with the number of its first.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(more), Some((_, last))) => last.push_str(more),
            _ if line.is_empty() => {}
            _ => lines.push((at + 1, line.trim_end_matches('\r').to_owned())),
        }
    }
    lines
}

/// The name, in upper case and without parameters, and the value.
fn property(line: &str) -> Option<(String, String)> {
    let end = line.find([':', ';'])?;
    let name = line[..end].to_ascii_uppercase();
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    // A colon within a quoted parameter does not end the parameters.
    let mut quoted = false;
    let colon = line[end..].find(|c: char| {
        quoted ^= c == '"';
        c == ':' && !quoted
    })?;
    let value = line[end + colon + 1..].trim().to_owned();
    let value = if matches!(name.as_str(), "BEGIN" | "END") {
        value.to_ascii_uppercase()
    } else {
        value
    };
    is_name.then_some((name, value))
}

fn token(value: &str) -> Option<String> {
    let plain = (1..=60).contains(&value.len())
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-');
    plain.then(|| value.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(inside: &str) -> String {
        format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{inside}END:VCALENDAR\r\n")
    }

    #[test]
    fn the_method_is_that_of_the_file() {
        let event = "METHOD:request\r\nBEGIN:VEVENT\r\nSUMMARY;X=\"a:b\":Ketchup\r\n  tasting\r\nEND:VEVENT\r\n";
        let found = examine(calendar(event).as_bytes()).unwrap();
        assert_eq!(found.method.as_deref(), Some("REQUEST"));
        assert_eq!(examine(calendar("").as_bytes()).unwrap().method, None);
    }

    #[test]
    fn invalid_calendar_is_refused_with_the_line() {
        for (text, reason) in [
            ("hello\n".to_owned(), "line 1: no property"),
            (calendar("BEGIN:VEVENT\r\n"), "line 5: END without BEGIN"),
            (calendar("METHOD:a b\r\n"), "line 4: METHOD"),
            (
                "BEGIN:VCALENDAR\nVERSION:2.0\n".to_owned(),
                "END:VCALENDAR is missing",
            ),
            ("BEGIN:VCALENDAR\nEND:VCALENDAR\n".to_owned(), "VERSION"),
            ("X:y\n".to_owned(), "outside"),
            (String::new(), "END:VCALENDAR is missing"),
        ] {
            let error = examine(text.as_bytes()).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
        assert!(examine(b"\xff").is_err());
    }
}

//! Expected lines with holes: `Date: {date}`.

/// Whether a line is what the pattern says. The holes are `{date}`, `{id}` (an identifier without
/// spaces and brackets), `{n}` (a number) and `{*}` (anything).
pub fn fits(pattern: &str, line: &str) -> bool {
    let hole = pattern.match_indices('{').find_map(|(start, _)| {
        let end = start + pattern[start..].find('}')?;
        let allowed = allowed(&pattern[start + 1..end])?;
        Some((start, end + 1, allowed))
    });
    let Some((start, end, allowed)) = hole else {
        return pattern == line;
    };
    let Some(rest) = line.strip_prefix(&pattern[..start]) else {
        return false;
    };
    let filled = rest.find(|c| !allowed(c)).unwrap_or(rest.len());
    (0..=filled)
        .filter(|&at| rest.is_char_boundary(at))
        .any(|at| fits(&pattern[end..], &rest[at..]))
}

fn allowed(hole: &str) -> Option<fn(char) -> bool> {
    match hole {
        "date" => Some(|c| c.is_ascii_alphanumeric() || " ,:+-".contains(c)),
        "id" => Some(|c| c.is_ascii_alphanumeric() || ".-_".contains(c)),
        "n" => Some(|c| c.is_ascii_digit() || c == '.'),
        "*" => Some(|_| true),
        _ => None,
    }
}

#[test]
fn holes_take_what_they_are_for() {
    assert!(fits(
        "Date: {date}",
        "Date: Fri, 30 Jul 2010 09:00:00 +0000"
    ));
    assert!(fits("<{id}@{id}>", "<20.ab@x.org>"));
    assert!(fits(
        "{\"ms\":{n},\"x\":\"{*}\"}",
        "{\"ms\":0.4,\"x\":\"y z\"}"
    ));
    assert!(!fits("<{id}@{id}>", "<a b@x.org>"));
    assert!(!fits("a{n}b", "a1c"));
    assert!(!fits("a", "ab"));
}

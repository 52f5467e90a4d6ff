//! Patterns with `*` and `?`, for addresses in the configuration.

/// True if a text is a pattern.
#[must_use]
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// True if a pattern matches the whole text, without regard to case.
#[must_use]
pub fn fits(pattern: &str, text: &str) -> bool {
    let lower = |text: &str| text.to_lowercase().chars().collect::<Vec<char>>();
    glob(&lower(pattern), &lower(text))
}

/// `*` matches any text, `?` any character. Only the last `*` is backtracked to, so that the time is
/// bounded by the product of both lengths.
fn glob(pattern: &[char], text: &[char]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star = None;
    while from < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == text[from] => {
                at += 1;
                from += 1;
            }
            _ => {
                let Some((back, skipped)) = star else {
                    return false;
                };
                star = Some((back, skipped + 1));
                at = back + 1;
                from = skipped + 1;
            }
        }
    }
    pattern[at..].iter().all(|&rest| rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_stars_fits_itself_in_any_case() {
        for (pattern, text, is_fit) in [
            ("Root", "rOOT", true),
            ("root", "roo", false),
            ("r??t", "root", true),
            ("*", "", true),
            ("", "", true),
            ("?", "", false),
        ] {
            assert_eq!(fits(pattern, text), is_fit, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_takes_no_longer() {
        let pattern: Vec<char> = "*a".repeat(500).chars().chain(['b']).collect();
        let text: Vec<char> = "a".repeat(5000).chars().collect();
        assert!(!glob(&pattern, &text));
    }
}

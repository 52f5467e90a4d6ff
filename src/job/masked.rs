//! Passwords that stand on a command line, where a mail shows it: the mail is read by more people than `ps` is.

/// What stands instead.
const MASK: &str = "********";

/// What the names of options and variables with a secret end in.
const SECRET: [&str; 9] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "secret-key",
    "token",
    "apikey",
    "api-key",
    "access-key",
];

/// The words of a command line, without the secrets that can be told from their looks: values of options and
/// variables that are called so, passwords in URLs, and `-p` of mysql and its like.
pub fn masked(words: &[String]) -> Vec<String> {
    let is_mysql = words.first().is_some_and(|program| {
        let name = program.rsplit('/').next().unwrap_or_default();
        ["mysql", "mariadb"]
            .iter()
            .any(|client| name.starts_with(client))
    });
    let before = [None].into_iter().chain(words.iter().map(Some));
    let mask = |(before, word): (Option<&String>, &String)| {
        let is_value = before.is_some_and(|option| option.starts_with("--") && is_secret(option));
        if is_value && !word.starts_with('-') {
            return MASK.to_owned();
        }
        match word.strip_prefix("-p") {
            Some(password) if is_mysql && !password.is_empty() => format!("-p{MASK}"),
            _ => word_masked(word),
        }
    };
    before.zip(words).map(mask).collect()
}

fn word_masked(word: &str) -> String {
    if word.contains(' ') {
        let words: Vec<String> = word.split(' ').map(str::to_owned).collect();
        return masked(&words).join(" ");
    }
    match word.split_once('=') {
        Some((name, value)) if is_secret(name) && !value.is_empty() => format!("{name}={MASK}"),
        _ => url_masked(word),
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let is_plain = |c: char| c.is_alphanumeric() || c == '-';
    name.chars().all(is_plain) && SECRET.iter().any(|word| name.ends_with(word))
}

/// `https://user:********@host/`.
fn url_masked(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else {
        return word.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((login, host)) if login.contains(':') => {
            let (user, _) = login.split_once(':').unwrap_or_default();
            format!("{scheme}://{user}:{MASK}@{host}{path}")
        }
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> String {
        let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        masked(&words).join(" ")
    }

    #[test]
    fn what_is_called_a_secret_is_not_shown() {
        for (typed, shown) in [
            ("x --password hunter2 -v", "x --password ******** -v"),
            ("x --db-password=hunter2", "x --db-password=********"),
            ("env API_TOKEN=abc x", "env API_TOKEN=******** x"),
            (
                "curl https://bob:pw@h.org/a:b@c",
                "curl https://bob:********@h.org/a:b@c",
            ),
            (
                "/usr/bin/mysqldump -psecret db",
                "/usr/bin/mysqldump -p******** db",
            ),
        ] {
            assert_eq!(line(typed), shown);
        }
        let script = ["sh", "-c", "mysql -psecret db; x --token abc"].map(str::to_owned);
        assert_eq!(
            masked(&script)[2],
            "mysql -p******** db; x --token ********"
        );
    }

    #[test]
    fn everything_else_is_as_it_was_typed() {
        for typed in [
            "rsync -pv --password-file=/etc/rsync.pw a b",
            "x --password-command pass --max-tokens 5",
            "x --password -v",
            "git clone https://example.org:8443/x@y",
            "a  b= =c",
        ] {
            assert_eq!(line(typed), typed);
        }
    }
}

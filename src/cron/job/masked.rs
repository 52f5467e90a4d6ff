//! Masks passwords on a command line that is shown in a mail: more people read the mail than see the output
//! of ps.
//!
//! In case of doubt, a word is masked: a mail that hides too much still reports the failure.

use regex_lite::Regex;
use std::sync::LazyLock;

const MASK: &str = "********";

/// The ends of the names of options, variables and fields with a secret.
const SECRET: [&str; 13] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "storepass",
    "keypass",
    "sshpass",
    "secret",
    "secret-key",
    "token",
    "apikey",
    "bearer",
    "credentials",
];

/// The same for words that are ends of other words: they must be the whole name, or its last part.
const SECRET_PART: [&str; 6] = ["pass", "pwd", "pw", "api-key", "access-key", "auth-key"];

/// Commands that have a shell command as an argument.
const SHELL_COMMANDS: [&str; 8] = [
    "eval", "parallel", "runuser", "ssh", "su", "trap", "watch", "xargs",
];

/// Options with a secret as their value, by the program that has them. A program ends in `*` if this is the
/// begin of its name.
const SECRET_OPTIONS: &[(&[&str], &[&str], SecretForm)] = &[
    (
        &["mysql*", "mariadb*", "7z*", "rar", "unrar"],
        &["-p"],
        SecretForm::Attached,
    ),
    (
        &[
            "sshpass",
            "mongo*",
            "login",
            "ncftp*",
            "rdesktop",
            "xfreerdp*",
        ],
        &["-p"],
        SecretForm::Any,
    ),
    (&["redis-cli", "valkey-cli"], &["-a"], SecretForm::Any),
    (&["ldap*"], &["-w"], SecretForm::Any),
    (
        &[
            "zip",
            "unzip",
            "sqlcmd",
            "bcp",
            "isql",
            "mosquitto*",
            "ipmitool",
        ],
        &["-P"],
        SecretForm::Any,
    ),
    (&["snmp*"], &["-A", "-X", "-c"], SecretForm::Any),
    (&["openssl"], &["-k", "-K"], SecretForm::Any),
    (&["swaks"], &["-ap"], SecretForm::Any),
    (
        &["curl", "wget"],
        &["-u", "-U", "--user", "--proxy-user"],
        SecretForm::After(':'),
    ),
    (
        &["http", "https", "xh", "xhs"],
        &["-a", "--auth"],
        SecretForm::After(':'),
    ),
    (
        &["skopeo", "podman", "buildah"],
        &["--creds", "--src-creds", "--dest-creds"],
        SecretForm::After(':'),
    ),
    (
        &["smbclient", "rpcclient", "net", "smbget"],
        &["-U", "--user"],
        SecretForm::After('%'),
    ),
    (&["lftp"], &["-u", "--user"], SecretForm::After(',')),
];

/// Programs with `user/password@database` as an argument.
const ORACLE: [&str; 5] = ["sqlplus", "expdp", "impdp", "rman", "sqlldr"];

/// Syntax of a secret option value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SecretForm {
    /// `-pSECRET`
    Attached,
    /// `-pSECRET`, `-p SECRET`
    Any,
    /// `-u user:SECRET`, `-uuser:SECRET`, `--user=user:SECRET`
    After(char),
}

/// The words of a command line, with secrets masked that are recognized by their form or from the program.
pub fn masked(words: &[String]) -> Vec<String> {
    let simple: Vec<ShellWord> = words.iter().map(|word| ShellWord::argument(word)).collect();
    let masked = mask_command(&simple).into_iter().zip(&simple);
    masked
        .map(|(masked, word)| mask_text(&masked.unwrap_or_else(|| word.source.clone())))
        .collect()
}

struct ShellWord {
    /// The text as written.
    source: String,
    /// Without the quotes of a shell.
    value: String,
    /// The quote that begins in it, and its position.
    quote: Option<(usize, char)>,
    /// True if the word may be a command of its own.
    may_be_script: bool,
}

impl ShellWord {
    fn argument(text: &str) -> Self {
        Self {
            source: text.to_owned(),
            value: text.to_owned(),
            quote: None,
            may_be_script: true,
        }
    }

    fn is_script(&self) -> bool {
        let is_special = |c: char| c.is_whitespace() || ";|&`(".contains(c);
        self.may_be_script && self.value.contains(is_special)
    }

    fn with_quotes(&self, masked: String) -> String {
        match self.quote {
            Some((_, quote)) => format!("{quote}{masked}{quote}"),
            None => masked,
        }
    }

    /// The word as a command for the shell, with its secrets masked.
    fn masked_script(&self) -> String {
        let Some((at, quote)) = self.quote else {
            return mask_script(&self.value);
        };
        let (before, text) = self.value.split_at(at.min(self.value.len()));
        let masked = mask_script(text);
        if masked == text {
            return self.source.clone();
        }
        format!("{before}{quote}{masked}{quote}")
    }
}

/// Masks a text for the shell: each of its commands for itself.
fn mask_script(text: &str) -> String {
    let mut out = String::new();
    let mut words: Vec<ShellWord> = Vec::new();
    let mut gaps: Vec<String> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let gap = separator(rest);
        if gap
            .replace("\\\n", "")
            .contains([';', '&', '|', '\n', '(', ')', '`'])
        {
            flush(&mut out, &mut words, &mut gaps);
        }
        gaps.push(gap.to_owned());
        rest = &rest[gap.len()..];
        let length = word_length(rest);
        if length > 0 {
            words.push(parse_word(&rest[..length]));
            rest = &rest[length..];
        }
    }
    flush(&mut out, &mut words, &mut gaps);
    out
}

/// Writes a command, each word after its gap.
fn flush(out: &mut String, words: &mut Vec<ShellWord>, gaps: &mut Vec<String>) {
    let mut masked = mask_command(words).into_iter().zip(words.drain(..));
    for gap in gaps.drain(..) {
        out.push_str(&gap);
        if let Some((masked, word)) = masked.next() {
            out.push_str(&masked.unwrap_or(word.source));
        }
    }
}

/// The text between two words: white space and command separators.
fn separator(text: &str) -> &str {
    let mut before = ' ';
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        let is_gap = match c {
            ';' | '|' | '(' | ')' | '`' | '\n' => true,
            // `&>file` does not end the command.
            '&' => next != Some('>'),
            '\\' => next == Some('\n'),
            c => c.is_whitespace(),
        };
        if !is_gap || before == '\\' && c != '\n' {
            return &text[..at];
        }
        before = c;
    }
    text
}

/// Length of the first word of the text, including quotes.
fn word_length(text: &str) -> usize {
    let (mut quote, mut before) = (None, ' ');
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (Some('"') | None, '\\') => {
                if quote.is_none() && text[at..].starts_with("\\\n") {
                    return at;
                }
                chars.next();
            }
            (Some(open), c) if open == c => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            // `2>&1` is one word.
            (None, '&') if before == '>' || before == '<' || text[at..].starts_with("&>") => {}
            (None, ';' | '&' | '|' | '(' | ')' | '`') => return at,
            (None, c) if c.is_whitespace() => return at,
            _ => {}
        }
        before = c;
    }
    text.len()
}

fn parse_word(source: &str) -> ShellWord {
    let (mut value, mut quote, mut first) = (String::new(), None, None);
    let mut chars = source.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some('"') | None, '\\') => value.extend(chars.next()),
            (Some(open), c) if open == c => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                first.get_or_insert((value.len(), c));
            }
            _ => value.push(c),
        }
    }
    ShellWord {
        source: source.to_owned(),
        // Other words have been examined before.
        may_be_script: value != source,
        value,
        quote: first,
    }
}

/// The words of one command, masked. `None`: a word without a secret.
fn mask_command(words: &[ShellWord]) -> Vec<Option<String>> {
    let mut context = Context::default();
    let mask = |word: &ShellWord| {
        let masked = context.mask(word);
        let is_shown = masked.is_none();
        context.add(if is_shown { &word.value } else { "" });
        masked
    };
    words.iter().map(mask).collect()
}

/// The context of a word: the words before it.
#[derive(Default)]
struct Context {
    last: String,
    before_last: String,
    /// Indices in [`SECRET_OPTIONS`] of programs among the words. A program that is run is not distinguished from a
    /// wrapper in front of it.
    programs: Vec<usize>,
    has_shell_command: bool,
    is_oracle: bool,
}

impl Context {
    fn add(&mut self, word: &str) {
        let name = word.rsplit('/').next().unwrap_or_default();
        for (index, (programs, ..)) in SECRET_OPTIONS.iter().enumerate() {
            if programs
                .iter()
                .any(|program| matches_program(name, program))
            {
                self.programs.push(index);
            }
        }
        self.programs.dedup();
        self.has_shell_command |= SHELL_COMMANDS.contains(&name);
        self.is_oracle |= ORACLE.contains(&name);
        self.before_last = std::mem::replace(&mut self.last, word.to_owned());
    }

    fn mask(&self, word: &ShellWord) -> Option<String> {
        let is_script = self.has_shell_command || is_option_with_text(&self.last);
        if word.is_script() && is_script && !word.value.starts_with('-') {
            return Some(word.masked_script());
        }
        self.by_name(word)
            .or_else(|| self.by_option(&word.value))
            .or_else(|| mask_header(&word.value).map(|masked| word.with_quotes(masked)))
            .or_else(|| word.is_script().then(|| word.masked_script()))
    }

    /// Masks values of options and variables with the name of a secret.
    fn by_name(&self, word: &ShellWord) -> Option<String> {
        let value = &word.value;
        if let Some((name, secret)) = value.split_once('=')
            && is_secret(name)
            && !secret.is_empty()
        {
            return Some(format!("{name}={MASK}"));
        }
        if value.starts_with("pass:") {
            return Some(format!("pass:{MASK}"));
        }
        let last = self.last.as_str();
        let is_last = |word: &str| last.eq_ignore_ascii_case(word);
        let is_value = last.starts_with('-') && is_secret(last) && !value.starts_with('-');
        let is_sql = is_last("by") && self.before_last.eq_ignore_ascii_case("identified")
            || is_last("password") && word.quote.is_some();
        (is_value || is_sql || is_last("bearer")).then(|| MASK.to_owned())
    }

    /// Values of options that only some programs have.
    fn by_option(&self, value: &str) -> Option<String> {
        for &index in &self.programs {
            let (_, options, form) = SECRET_OPTIONS[index];
            let mut options = options.iter();
            let masked = options.find_map(|option| mask_option(&self.last, value, option, form));
            if masked.is_some() {
                return masked;
            }
        }
        let (user, secret) = value.split_once('/').filter(|_| self.is_oracle)?;
        let database = secret.rsplit_once('@').map(|(_, database)| database);
        let database = database.map_or(String::new(), |database| format!("@{database}"));
        (!user.is_empty() && !secret.starts_with('/')).then(|| format!("{user}/{MASK}{database}"))
    }
}

fn matches_program(name: &str, program: &str) -> bool {
    match program.strip_suffix('*') {
        Some(begin) => name.starts_with(begin),
        None => name == program,
    }
}

/// `-c` of a shell, and the like.
fn is_option_with_text(option: &str) -> bool {
    let letters = option.strip_prefix('-').unwrap_or_default();
    let is_short = letters.chars().all(|c| c.is_ascii_alphabetic()) && letters.ends_with('c');
    is_short || option == "--command" || option == "--shell"
}

/// True if an option, a variable or a field of this name holds a secret.
fn is_secret(name: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || "-_.:".contains(c);
    let is_key = name.ends_with("_KEY");
    let name = name.to_ascii_lowercase().replace(['_', '.', ':'], "-");
    let is_part = |part: &&str| {
        let rest = name.strip_suffix(*part);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('-'))
    };
    name.chars().all(is_plain)
        && (is_key
            || SECRET.iter().any(|word| name.ends_with(word))
            || SECRET_PART.iter().any(is_part))
}

fn mask_option(before: &str, value: &str, option: &str, form: SecretForm) -> Option<String> {
    let is_short = !option.starts_with("--");
    // `-su` is `-s -u`.
    let is_before = before == option
        || option.len() == 2
            && before.starts_with('-')
            && before[1..].bytes().all(|byte| byte.is_ascii_alphabetic())
            && before.ends_with(&option[1..]);
    let attached = value.strip_prefix(option).filter(|rest| !rest.is_empty());
    let attached = attached.filter(|rest| is_short || rest.starts_with('='));
    match form {
        SecretForm::Attached => attached.map(|_| format!("{option}{MASK}")),
        SecretForm::Any if is_before => Some(MASK.to_owned()),
        SecretForm::Any => attached.map(|_| format!("{option}{MASK}")),
        SecretForm::After(separator) if is_before || attached.is_some() => {
            let (user, _) = value.split_once(separator)?;
            Some(format!("{user}{separator}{MASK}"))
        }
        SecretForm::After(_) => None,
    }
}

/// `Authorization: Bearer ********`, as an argument of its own or after `-H`.
fn mask_header(value: &str) -> Option<String> {
    static HEADER: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"(?is)^((?:-H|--header[= ])?\s*(?:(?:proxy-)?authorization|(?:set-)?cookie|[\w-]*(?:token|key|secret|password|auth))\s*:\s*(?:(?:basic|bearer|token|digest|apikey|negotiate|key)\s+)?)\S.*$",
        )
        .ok()
    });
    let found = HEADER.as_ref()?.captures(value)?;
    Some(format!("{}{MASK}", &found[1]))
}

/// Masks secrets in any text: logins in URLs, fields of a query or of JSON.
fn mask_text(text: &str) -> String {
    static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
        const NAME: &str =
            r"[\w.-]*(?:passw(?:or)?d|passphrase|secret|token|api_?-?key|access_?-?key)";
        let patterns = [
            r#"([A-Za-z][\w+.-]*://[^\s/:@'"]*:)[^\s/'"]*()@"#.to_owned(),
            r#"([A-Za-z][\w+.-]*://)[^\s/:@'"]{20,}()@"#.to_owned(),
            format!(r#"(?i)([?&,;]{NAME}=)[^\s&,;'"]+"#),
            format!(r#"(?i)(["']{NAME}["']\s*:\s*["'])[^"']*"#),
        ];
        let regexes = patterns.iter().map(|pattern| Regex::new(pattern));
        regexes.filter_map(Result::ok).collect()
    });
    let mut text = text.to_owned();
    for (index, pattern) in PATTERNS.iter().enumerate() {
        let end = if index < 2 { "@" } else { "" };
        let with = format!("${{1}}{MASK}{end}");
        text = pattern.replace_all(&text, with.as_str()).into_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> String {
        let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        masked(&words).join(" ")
    }

    /// As `sh -c` gets it.
    fn shell(text: &str) -> String {
        masked(&["sh", "-c", text].map(str::to_owned))[2].clone()
    }

    #[test]
    fn values_named_as_secrets_are_masked() {
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
        let mask_script = ["sh", "-c", "mysql -psecret db; x --token abc"].map(str::to_owned);
        assert_eq!(
            masked(&mask_script)[2],
            "mysql -p******** db; x --token ********"
        );
    }

    #[test]
    fn other_words_are_unchanged() {
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

    #[test]
    fn each_command_of_a_script_is_masked() {
        for (typed, shown) in [
            (
                "set -e; mysqldump -pS3 db",
                "set -e; mysqldump -p******** db",
            ),
            ("nice mysqldump -pS3", "nice mysqldump -p********"),
            ("a && mysql -pS3|gzip -p", "a && mysql -p********|gzip -p"),
            (
                "x\nPGPASSWORD=S3\npg_dump",
                "x\nPGPASSWORD=********\npg_dump",
            ),
            ("PGPASSWORD=S3 pg_dump a", "PGPASSWORD=******** pg_dump a"),
            ("export A=1 PW='S3 S4'; b", "export A=1 PW=********; b"),
            ("x --password='S3 S4' -v", "x --password=******** -v"),
            ("x --password=\"S3 \\\" S4\" -v", "x --password=******** -v"),
            ("x --password S3\\ S4 -v", "x --password ******** -v"),
            ("mysql 2>&1 -pS3 db", "mysql 2>&1 -p******** db"),
            ("mysql \\\n  -pS3 db", "mysql \\\n  -p******** db"),
            (
                "$(mysql -pS3) `mysql -pS3`",
                "$(mysql -p********) `mysql -p********`",
            ),
            ("A=\"$(mysql -pS3 x)\"", "A=\"$(mysql -p******** x)\""),
            (
                "ssh h 'mysql -pS3 db' | x",
                "ssh h 'mysql -p******** db' | x",
            ),
            (
                "flock f -c 'mysql -pS3 db'",
                "flock f -c 'mysql -p******** db'",
            ),
            (
                "sh -c 'PGPASSWORD=S3 x; y'",
                "sh -c 'PGPASSWORD=******** x; y'",
            ),
            ("env 'PGPASSWORD=S3 S4' x", "env PGPASSWORD=******** x"),
            (
                "mysql -e \"ALTER USER x IDENTIFIED BY 'S3'\"",
                "mysql -e \"ALTER USER x IDENTIFIED BY ********\"",
            ),
            (
                "curl -d '{\"password\": \"S3\"}' h",
                "curl -d '{\"password\": \"********\"}' h",
            ),
            (
                "curl -H 'Authorization: Bearer S3' h",
                "curl -H 'Authorization: Bearer ********' h",
            ),
            (
                "curl 'https://h/x?token=S3&b=1'",
                "curl 'https://h/x?token=********&b=1'",
            ),
        ] {
            assert_eq!(shell(typed), shown);
        }
        for typed in [
            "cd /srv && ./backup --full | gzip > x 2>&1",
            "if [ -p /x ]; then echo 'a b' \"$x\"; fi",
            "mkdir -pv /srv/mysql; tar c . &>/dev/null",
        ] {
            assert_eq!(shell(typed), typed);
        }
    }

    #[test]
    fn secret_options_of_known_programs_are_masked() {
        for (typed, shown) in [
            ("nice -n 5 mysql -pS3", "nice -n 5 mysql -p********"),
            ("env X=1 mysql -pS3", "env X=1 mysql -p********"),
            (
                "sudo -u x /bin/mysql -pS3",
                "sudo -u x /bin/mysql -p********",
            ),
            ("sshpass -p S3 ssh h", "sshpass -p ******** ssh h"),
            ("sshpass -pS3 ssh h", "sshpass -p******** ssh h"),
            ("curl -u bob:S3 h", "curl -u bob:******** h"),
            ("curl -sSu bob:S3 h", "curl -sSu bob:******** h"),
            ("curl -ubob:S3 h", "curl -ubob:******** h"),
            ("curl --user=bob:S3 h", "curl --user=bob:******** h"),
            (
                "curl --oauth2-bearer S3 h",
                "curl --oauth2-bearer ******** h",
            ),
            ("docker login -u x -p S3", "docker login -u x -p ********"),
            ("redis-cli -a S3 ping", "redis-cli -a ******** ping"),
            (
                "openssl enc -pass pass:S3",
                "openssl enc -pass pass:********",
            ),
            (
                "openssl x -passin pass:S3",
                "openssl x -passin pass:********",
            ),
            ("keytool -storepass S3", "keytool -storepass ********"),
            ("java -Ddb.password=S3 x", "java -Ddb.password=******** x"),
            (
                "mount -o user=u,password=S3 x",
                "mount -o user=u,password=******** x",
            ),
            ("sqlplus bob/S3@db x", "sqlplus bob/********@db x"),
            (
                "git clone https://ghp_0123456789abcdefghij@h/x",
                "git clone https://********@h/x",
            ),
        ] {
            assert_eq!(line(typed), shown);
        }
        assert_eq!(
            line("docker run -p 80:80 -u 1:1 x"),
            "docker run -p 80:80 -u 1:1 x"
        );
    }

    #[test]
    fn value_with_blanks_is_masked_completely() {
        let words = ["x", "--password=a b;c", "--token", "d e", "PW=f g"].map(str::to_owned);
        let shown = [
            "x",
            "--password=********",
            "--token",
            "********",
            "PW=********",
        ];
        assert_eq!(masked(&words), shown);
    }
}

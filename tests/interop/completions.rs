//! The completions, in the shells that they are for: every line is typed at a terminal, and completed there.

use crate::parts;
use crate::terminal::Typist;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A line, and what is offered at its end: these words among others, or only these. QUEUE, STATE and ID stand for
/// those of the fixture.
const LINES: &[(&str, Offer)] = &[
    (
        "ehlo --tls ",
        Offer::Only(&["auto", "implicit", "off", "starttls"]),
    ),
    ("ehlo --tls st", Offer::Only(&["starttls"])),
    ("ehlo --tls=st", Offer::Only(&["--tls=starttls"])),
    (
        "ehlo -b x -r localhost --priority ",
        Offer::Only(&["high", "low", "normal"]),
    ),
    (
        "ehlo -H 'X-A: b' --transcript s",
        Offer::Only(&["stevens", "swaks"]),
    ),
    ("ehlo --attach-m", Offer::Only(&["--attach-message"])),
    ("ehlo --proxy-proto", Offer::Only(&["--proxy-protocol"])),
    ("ehlo que", Offer::Only(&["queue"])),
    (
        "ehlo ",
        Offer::Among(&["completions", "config", "mailq", "probe", "run", "sink"]),
    ),
    (
        "ehlo queue ",
        Offer::Among(&["hold", "list", "release", "run", "show"]),
    ),
    ("ehlo queue list --js", Offer::Only(&["--json"])),
    ("ehlo queue list ", Offer::Among(&["--json", "--queue-dir"])),
    (
        "ehlo config ",
        Offer::Among(&["check", "init", "path", "show"]),
    ),
    (
        "ehlo sink --tls ",
        Offer::Only(&["implicit", "off", "starttls"]),
    ),
    ("ehlo bob@example.org --prio", Offer::Only(&["--priority"])),
    ("ehlo bob@example.org --priority l", Offer::Only(&["low"])),
    ("ehlo bob@example.org que", Offer::Only(&[])),
    ("ehlo -s queue --prio", Offer::Only(&["--priority"])),
    (
        "ehlo sink --max",
        Offer::Only(&["--max", "--max-age", "--max-connections", "--max-size"]),
    ),
    ("ehlo run --log ", Offer::Only(&["always", "auto", "never"])),
    ("ehlo --attach let", Offer::Only(&["letter.txt"])),
    ("ehlo -b @let", Offer::Only(&["@letter.txt"])),
    ("ehlo --body=@let", Offer::Only(&["--body=@letter.txt"])),
    ("ehlo queue list --queue-dir dr", Offer::Only(&["drawer"])),
    ("ehlo --profile ", Offer::Only(&["home-office", "work"])),
    ("ehlo --profile=w", Offer::Only(&["--profile=work"])),
    ("ehlo config show h", Offer::Only(&["home-office"])),
    ("ehlo --auth PLAIN,LOG", Offer::Only(&["PLAIN,LOGIN"])),
    (
        "ehlo --quit-after ",
        Offer::Among(&["connect", "mail", "rcpt"]),
    ),
    (
        "ehlo probe --expect starttls,veri",
        Offer::Only(&["starttls,verified"]),
    ),
    ("ehlo script smug", Offer::Only(&["smuggling"])),
    (
        "ehlo script --show ",
        Offer::Among(&["conformance", "relay"]),
    ),
    ("ehlo help exit", Offer::Only(&["exit-status"])),
    ("ehlo help queue ho", Offer::Only(&["hold"])),
    (
        "ehlo completions ",
        Offer::Only(&["bash", "elvish", "fish", "zsh"]),
    ),
    ("ehlo queue show --queue-dir QUEUE ", Offer::Only(&["ID"])),
    (
        "ehlo queue hold --queue-dir QUEUE ID ",
        Offer::Only(&["ID"]),
    ),
    ("ehlo digest --state-dir STATE ", Offer::Only(&["nightly"])),
    ("ehlo run --digest nig", Offer::Only(&[])),
    ("ehlo run -- basenam", Offer::Only(&["basename"])),
    (
        "ehlo run --to bob@example.org -- basename let",
        Offer::Only(&["letter.txt"]),
    ),
];

#[derive(Clone, Copy, Debug)]
enum Offer {
    Only(&'static [&'static str]),
    Among(&'static [&'static str]),
}

/// A home directory with a file, a configuration, a queue with one item, and a digest.
struct Fixture {
    home: TempDir,
    own: TempDir,
    id: String,
}

impl Fixture {
    fn new() -> Self {
        let mut fixture = Self {
            home: tempfile::tempdir().unwrap(),
            own: tempfile::tempdir().unwrap(),
            id: String::new(),
        };
        let home = fixture.home.path();
        fs::write(home.join("letter.txt"), "").unwrap();
        fs::create_dir(home.join("drawer")).unwrap();
        // The second half is not valid TOML.
        fixture.configure(
            "[profile.work]\nrelay = 'localhost'\n[profile.home-office]\nrelay = oops\n",
        );
        let queue = fixture.own.path().join("queue");
        let state = fixture.own.path().join("state");
        fixture.ehlo(
            &[
                "--config",
                "/dev/null",
                "--queue-only",
                "-r",
                "localhost",
                "-b",
                "x",
            ],
            |ehlo| {
                ehlo.arg("--queue-dir").arg(&queue).arg("bob@hamburger.edu");
            },
        );
        fixture.ehlo(
            &["run", "--config", "/dev/null", "--to", "bob@hamburger.edu"],
            |ehlo| {
                ehlo.arg("--state-dir")
                    .arg(&state)
                    .args(["--digest", "nightly", "--", "true"]);
            },
        );
        let list = fixture.ehlo(&["queue", "list", "--json"], |ehlo| {
            ehlo.args(["--config", "/dev/null"])
                .arg("--queue-dir")
                .arg(&queue);
        });
        let item: serde_json::Value = serde_json::from_str(&list).unwrap();
        item["id"].as_str().unwrap().clone_into(&mut fixture.id);
        fixture
    }

    fn configure(&self, text: &str) {
        let directory = self.home.path().join(".config/ehlo");
        fs::create_dir_all(&directory).unwrap();
        let file = directory.join("config.toml");
        fs::write(&file, text).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn ehlo(&self, words: &[&str], more: impl FnOnce(&mut Command)) -> String {
        let mut command = self.command(env!("CARGO_BIN_EXE_ehlo"));
        command.args(words);
        more(&mut command);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A program without the files of any user, that finds ehlo in its PATH.
    fn command(&self, program: &str) -> Command {
        let directory = Path::new(env!("CARGO_BIN_EXE_ehlo")).parent().unwrap();
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", directory.display()))
            .env("HOME", self.home.path())
            .env("TERM", "dumb")
            .env("LC_ALL", "C.UTF-8")
            .current_dir(self.home.path());
        command
    }

    fn replaced(&self, text: &str) -> String {
        let path = |name: &str| self.own.path().join(name).display().to_string();
        text.replace("QUEUE", &path("queue"))
            .replace("STATE", &path("state"))
            .replace("ID", &self.id)
    }

    /// Compares what a shell offers for each line; anything else that it writes is an offer that is not expected.
    fn check(&self, mut offered: impl FnMut(&str) -> String) {
        let mut wrong = String::new();
        for (line, offer) in LINES {
            let line = self.replaced(line);
            let text = offered(&line);
            let words = text.split_whitespace();
            let mut words: Vec<&str> = words.map(|word| word.trim_end_matches('/')).collect();
            words.sort_unstable();
            words.dedup();
            let expected = |list: &[&str]| -> Vec<String> {
                list.iter().map(|word| self.replaced(word)).collect()
            };
            let is_right = match offer {
                Offer::Only(right) => words == expected(right),
                Offer::Among(some) => {
                    let some = expected(some);
                    some.iter().all(|word| words.contains(&word.as_str()))
                        && !text.contains("ehlo:")
                }
            };
            if !is_right {
                wrong.push_str(&format!(
                    "{line:?} is completed by {words:?}, not {offer:?}\n"
                ));
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    }
}

fn completions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("completions")
}

fn without_word(line: &str) -> usize {
    line.rfind(' ').map_or(0, |blank| blank + 1)
}

/// TAB inserts all candidates; Ctrl-T writes the line to a file.
const BASH: &str = "PS1='ready> '
    bind 'set enable-bracketed-paste off'
    bind '\"\\C-i\": insert-completions'
    bind -x '\"\\C-t\": printf \"%s\" \"$READLINE_LINE\" >\"$LINE_FILE\"; echo @written@'
    source \"$SCRIPT\"\n";

#[test]
fn bash_completes_each_line_at_a_terminal() {
    if !parts::works(Command::new("bash").arg("--version"), "bash") {
        return;
    }
    let fixture = Fixture::new();
    let rc = fixture.own.path().join("rc");
    fs::write(&rc, BASH).unwrap();
    let written = fixture.own.path().join("line");
    let mut command = fixture.command("/usr/bin/setsid");
    command
        .args(["--ctty", "--wait", "bash", "--noprofile", "--rcfile"])
        .arg(&rc)
        .arg("-i")
        .env("SCRIPT", completions().join("ehlo.bash"))
        .env("LINE_FILE", &written);
    let mut bash = Typist::start(command);
    bash.wait_for("ready> ");
    fixture.check(|line| {
        bash.type_keys(&format!("{line}\t\x14"));
        bash.wait_for("@written@\r\n");
        bash.type_keys("\x01\x0b");
        let completed = fs::read_to_string(&written).unwrap();
        let rest = completed
            .get(without_word(line)..)
            .unwrap_or_default()
            .to_owned();
        // Without candidates, the line stays as it was typed.
        if completed == line {
            String::new()
        } else {
            rest
        }
    });
    bash.type_keys("exit\n");
}

/// Ctrl-T lists the candidates of the line.
const FISH: &str = "function fish_prompt; echo -n 'ready> '; end
    function fish_greeting; end
    source $SCRIPT
    function list
        complete --do-complete (commandline) | string replace --regex '\\t.*' '' >$LINE_FILE
        commandline ''
        echo @written@
    end
    bind \\ct list\n";

#[test]
fn fish_completes_each_line_at_a_terminal() {
    if !parts::works(Command::new("fish").arg("--version"), "fish") {
        return;
    }
    let fixture = Fixture::new();
    let rc = fixture.own.path().join("rc");
    fs::write(&rc, FISH).unwrap();
    let written = fixture.own.path().join("line");
    let mut command = fixture.command("/usr/bin/setsid");
    command
        .args(["--ctty", "--wait", "fish", "--no-config", "--init-command"])
        .arg(format!("source {}", rc.display()))
        .env("SCRIPT", completions().join("ehlo.fish"))
        .env("LINE_FILE", &written);
    let mut fish = Typist::start(command);
    fish.wait_for("ready> ");
    fixture.check(|line| {
        fish.type_keys(&format!("{line}\x14"));
        fish.wait_for("@written@");
        fs::read_to_string(&written).unwrap()
    });
    fish.type_keys("exit\n");
}

#[test]
fn zsh_completes_each_line_at_a_terminal() {
    if !parts::works(
        Command::new("zsh").args(["-fc", "zmodload zsh/zpty"]),
        "zsh",
    ) {
        return;
    }
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/completions/capture.zsh");
    let fixture = Fixture::new();
    fixture.check(|line| {
        let mut command = fixture.command("zsh");
        command.arg("-f").arg(&script).arg(completions());
        command.arg(fixture.home.path()).arg(line);
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text + &String::from_utf8_lossy(&output.stderr)
    });
}

/// Writes the candidates of a line to a file.
const ELVISH: &str = "eval (slurp <$E:SCRIPT)
    set edit:prompt = { put 'ready> ' }
    fn candidates {|@words|
        for one [($edit:completion:arg-completer[ehlo] $@words)] { echo $one[stem] } >$E:LINE_FILE
        echo '@written@'
    }\n";

#[test]
fn elvish_completes_lines_at_a_terminal() {
    if !parts::works(Command::new("elvish").arg("-version"), "elvish") {
        return;
    }
    let fixture = Fixture::new();
    let written = fixture.own.path().join("line");
    let rc = fixture.own.path().join("rc");
    fs::write(&rc, ELVISH).unwrap();
    let mut command = fixture.command("/usr/bin/setsid");
    command
        .args(["--ctty", "--wait", "elvish", "-rc"])
        .arg(&rc)
        .env("TERM", "xterm")
        .env("SCRIPT", completions().join("ehlo.elv"))
        .env("LINE_FILE", &written);
    let mut elvish = Typist::start(command);
    elvish.wait_for("ready> ");
    for (words, offered) in [
        ("ehlo --tls st", "starttls\n"),
        ("ehlo que", "queue\n"),
        ("ehlo --profile ''", "home-office\nwork\n"),
        ("ehlo --attach let", "letter.txt\n"),
        ("ehlo zzz", ""),
    ] {
        elvish.type_keys(&format!("candidates {words}\r"));
        elvish.wait_for("@written@");
        let lines = fs::read_to_string(&written).unwrap();
        let mut lines: Vec<&str> = lines.lines().filter(|line| *line != "drawer/").collect();
        lines.sort_unstable();
        assert_eq!(lines, offered.lines().collect::<Vec<_>>(), "{words}");
    }
    elvish.type_keys("exit\r");
}

#[test]
fn a_script_is_what_the_program_prints_and_works_when_sourced() {
    let fixture = Fixture::new();
    for (shell, name) in [
        ("bash", "ehlo.bash"),
        ("zsh", "_ehlo"),
        ("fish", "ehlo.fish"),
        ("elvish", "ehlo.elv"),
    ] {
        let printed = fixture.ehlo(&["completions", shell], |_| {});
        assert_eq!(
            printed,
            fs::read_to_string(completions().join(name)).unwrap()
        );
    }
    if parts::works(Command::new("zsh").args(["-fc", "true"]), "zsh") {
        let source = "autoload -U compinit && compinit -u -D && source <(ehlo completions zsh) && print $_comps[ehlo]";
        let output = fixture
            .command("zsh")
            .args(["-fc", source])
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "_ehlo\n",
            "{output:?}"
        );
    }
}

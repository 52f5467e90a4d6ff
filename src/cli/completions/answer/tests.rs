use super::*;
use crate::cli::parse::command;

fn answer(words: &[&str]) -> String {
    let mut command = command();
    command.build();
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let (word, before) = words.split_last().unwrap();
    let line = Line::parse(&command, before);
    Answer::new(&line, word, &Places::nowhere()).to_string()
}

fn names(words: &[&str]) -> Vec<String> {
    let answer = answer(words);
    let names = answer.lines().map(|line| line.split('\t').next().unwrap());
    names.map(str::to_owned).collect()
}

#[test]
fn value_of_an_option_is_not_a_subcommand() {
    assert_eq!(names(&["-s", "queue", "--prio"]), ["--priority"]);
    assert_eq!(names(&["-squeue", "--prio"]), ["--priority"]);
    assert_eq!(names(&["-qs", "queue", "--prio"]), ["--priority"]);
    assert_eq!(names(&["bob@hamburger.edu", "que"]), [""; 0]);
}

#[test]
fn values_follow_their_option_in_each_spelling() {
    assert_eq!(names(&["--tls", "st"]), ["starttls"]);
    assert_eq!(names(&["--tls=st"]), ["--tls=starttls"]);
    assert_eq!(
        names(&["--require-tls="]),
        ["--require-tls=yes", "--require-tls=no", "--require-tls=?"]
    );
    assert_eq!(
        names(&["--auth=plain,", "--auth", "PLAIN,LOG"]),
        ["PLAIN,LOGIN"]
    );
}

#[test]
fn shell_completes_files_and_commands() {
    assert_eq!(answer(&["-a", "x"]), ":files \n");
    assert_eq!(answer(&["-ax"]), ":files -a\n");
    assert_eq!(answer(&["--attach=x"]), ":files --attach=\n");
    assert_eq!(answer(&["-b", "@x"]), ":files @\n");
    assert_eq!(answer(&["-b", "x"]), "");
    assert_eq!(answer(&["--profile", "x"]), "");
    assert_eq!(
        answer(&["queue", "list", "--queue-dir", "x"]),
        ":directories \n"
    );
    assert_eq!(answer(&["run", "--", ""]), ":command 3\n");
    assert_eq!(answer(&["run", "--", "ls", "-l"]), ":command 3\n");
    assert_eq!(answer(&["run", "--tee", "ls", "-l"]), ":command 3\n");
    assert!(answer(&["run", "--to", ""]).is_empty());
    assert!(names(&["run", ""]).contains(&"--tee".to_owned()));
}

#[test]
fn option_that_was_given_is_not_offered_again() {
    assert_eq!(names(&["--subject", "x", "--subj"]), [""; 0]);
    assert_eq!(
        names(&["--attach", "x", "--attach-m", "--att"]),
        ["--attach", "--attach-message"]
    );
}

#[test]
fn every_command_and_subcommand_is_completed() {
    let mut command = command();
    command.build();
    for inner in command.get_subcommands() {
        assert!(
            names(&[""]).contains(&inner.get_name().to_owned()),
            "{}",
            inner.get_name()
        );
        assert!(
            answer(&[inner.get_name(), "--"]).contains("--help\t")
                || inner.get_name() == "help"
                || inner.is_disable_help_flag_set(),
            "{}",
            inner.get_name()
        );
        for inmost in inner.get_subcommands() {
            assert_eq!(
                names(&[inner.get_name(), inmost.get_name()]),
                [inmost.get_name()]
            );
        }
    }
}

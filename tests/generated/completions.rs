//! What `clap_complete` makes of the command line, where the shells would not understand it.

use clap::Command;
use clap_complete::Shell;
use ehlo::cli::parse::command;

/// The completions of a shell.
pub fn script(shell: Shell) -> String {
    let mut command = without_recipients();
    if shell == Shell::Zsh {
        command = with_quoted_names(command);
    }
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, "ehlo", &mut text);
    let text = String::from_utf8(text).unwrap();
    let verbs: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
    match shell {
        Shell::Zsh => with_options_of_one_verb(&text, &verbs),
        Shell::Fish => with_value_to_come(&text, &verbs),
        _ => text,
    }
}

/// A recipient or a verb may come first, and zsh would take every verb for a recipient.
fn without_recipients() -> Command {
    let mut whole = command();
    whole.build();
    let options = whole.get_arguments().filter(|arg| !arg.is_positional());
    Command::new("ehlo")
        .version(whole.get_version().unwrap_or_default().to_owned().leak() as &str)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .args(options.cloned())
        .subcommands(whole.get_subcommands().cloned())
}

/// In a specification of zsh's, a colon ends the name of a value, and it is all in single quotes.
fn with_quoted_names(command: Command) -> Command {
    let command = command.mut_args(|arg| {
        let names = arg.get_value_names().unwrap_or_default().to_vec();
        let quoted = names.iter().map(|name| {
            let quoted = name.replace('\'', "'\\''").replace(':', "\\:");
            // clap wants names that last.
            &*quoted.leak()
        });
        if names.is_empty() {
            return arg;
        }
        arg.value_names(quoted.collect::<Vec<&'static str>>())
    });
    command.mut_subcommands(with_quoted_names)
}

/// zsh would complete the options of sending after a verb, too. What is not a verb is a recipient, and more
/// options may follow it.
fn with_options_of_one_verb(text: &str, verbs: &[&str]) -> String {
    let all = "_arguments \"${_arguments_options[@]}\" : ";
    let verbs = verbs.join("|");
    let up_to_verb = format!("_arguments \"${{_arguments_options[@]}}\" -A \"^({verbs})\" : ");
    replaced(text, all, &up_to_verb)
}

/// fish asks whether a verb has come already, of words that may end with an option whose value is being
/// typed. argparse takes that for a mistake, and no option would be completed. Nor would one be after a
/// recipient, which is taken for a verb.
fn with_value_to_come(text: &str, verbs: &[&str]) -> String {
    let parse = "argparse -s (__fish_ehlo_global_optspecs) -- $cmd";
    let once = format!("{parse} 2>/dev/null\n    or return");
    let twice = format!("{parse} 2>/dev/null\n    or {parse} '' 2>/dev/null\n    or return");
    let text = replaced(text, &once, &twice);
    let verb = format!("if contains -- \"$argv[1]\" {}\n", verbs.join(" "));
    replaced(&text, "if set -q argv[1]\n", &verb)
}

/// The text with the first of these replaced.
fn replaced(text: &str, old: &str, new: &str) -> String {
    assert!(
        text.contains(old),
        "clap_complete writes something else now"
    );
    text.replacen(old, new, 1)
}

//! The language of scripts: errors are few, single lines, and within the text; a script without errors has
//! bounded size and no variable that is not set. The script of a recorded session has no error.

#![no_main]

use ehlo::client::events::{Event, Observer};
use ehlo::script::{ScriptError, ScriptRecorder, ScriptSource, TestCase, Variables, parse_source};
use ehlo::smtp::stage::Stage;
use ehlo::system::text::printable;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    read(text);
    record(text);
});

fn parsed(text: &str) -> Result<ehlo::script::Script, Vec<ScriptError>> {
    let source = ScriptSource {
        name: "fuzz".to_owned(),
        text: text.to_owned(),
        // It includes no file of this host.
        directory: None,
    };
    parse_source(&source, &["helo", "from", "to"])
}

fn read(text: &str) {
    let lines = text.lines().count();
    match parsed(text) {
        Ok(script) => {
            let largest = lines.max(1);
            assert!(text.contains("include") || script.statements.len() <= largest);
            // Loops around tests multiply them.
            if text.matches("for").count() <= 2 {
                let cases = TestCase::all_of(&script, &Variables::default());
                assert!(!cases.is_empty());
            }
        }
        Err(errors) => {
            assert!((1..=20).contains(&errors.len()));
            for error in errors {
                let said = error.to_string();
                assert!(!said.chars().any(char::is_control), "{said:?}");
                if let ScriptError::Line { at, .. } = &error
                    && &*at.file == "fuzz"
                {
                    assert!((1..=lines + 1).contains(&at.line), "{said}");
                }
            }
        }
    }
}

struct Silent;

impl Observer for Silent {
    fn on_event(&mut self, _: Event<'_>) {}
}

/// Records a session in which each line of the text was said and answered.
fn record(text: &str) {
    let mut nobody = Silent;
    let mut scribe = ScriptRecorder::new(&mut nobody, "message.eml", true);
    let peer = ehlo::client::peer::PeerAddress::Tcp("127.0.0.1:25".parse().unwrap());
    scribe.on_event(Event::Connected(&peer));
    for line in text.lines() {
        let line = printable(line.as_bytes());
        scribe.on_event(Event::Sent {
            line: &line,
            stage: Stage::Mail,
        });
        if line.len() % 3 == 0 {
            scribe.on_event(Event::Received {
                code: 250,
                enhanced: None,
                lines: &[],
                stage: Stage::Mail,
            });
        }
    }
    let script = scribe.into_script();
    if let Err(errors) = parsed(&script) {
        panic!("{errors:?} in\n{script}");
    }
}

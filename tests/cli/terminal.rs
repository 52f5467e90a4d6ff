//! The program at a real terminal, which python3 makes: a process gets one only by what std calls unsafe.

use crate::program::Ehlo;
use serde_json::Value;
use std::process::{Command, Stdio};

/// Runs a program at a new terminal, types when this text has come, and tells what was seen, whether typing was
/// shown then and after the end, and how the program ended (minus the signal).
const TERMINAL: &str = r#"
import fcntl, json, os, pty, select, signal, struct, sys, termios
until, keys, program = bytes.fromhex(sys.argv[1]), bytes.fromhex(sys.argv[2]), sys.argv[3:]
person, terminal = pty.openpty()
columns = int(os.environ.get("COLUMNS", 0))
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24 if columns else 0, columns, 0, 0))
child = os.fork()
if child == 0:
    # Whoever runs the tests in the background ignores it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for place in (0, 1, 2):
        os.dup2(terminal, place)
    os.close(person)
    os.execv(program[0], program)
def echoes():
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
seen = b""
while until not in seen:
    seen += os.read(person, 4096)
while_asked = echoes()
if keys:
    os.write(person, keys)
else:
    os.kill(child, signal.SIGTERM)
ended = 0
while not ended:
    ended, status = os.waitpid(child, os.WNOHANG)
    while select.select([person], [], [], 0.02)[0]:
        seen += os.read(person, 65536)
after = echoes()
end = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
print(json.dumps({"seen": seen.decode(), "asked": while_asked, "after": after, "exit": end}))
"#;

/// Runs the program with the arguments that are added, and types these keys when this text has come; without
/// keys, the program gets SIGTERM. `None` if no python3 can make a terminal.
pub fn at_terminal(until: &str, keys: &str, prepare: impl FnOnce(Ehlo) -> Ehlo) -> Option<Value> {
    let can = Command::new("python3")
        .args(["-c", "import fcntl, pty, termios"])
        .env_clear()
        .stderr(Stdio::null())
        .status();
    if !can.is_ok_and(|status| status.success()) {
        println!("skipped: there is no python3 with the module pty");
        return None;
    }
    let hex = |text: &str| {
        let digits: Vec<String> = text.bytes().map(|key| format!("{key:02x}")).collect();
        digits.concat()
    };
    let program = env!("CARGO_BIN_EXE_ehlo");
    let ehlo = Ehlo::through("python3").args(["-c", TERMINAL, &hex(until), &hex(keys), program]);
    let run = prepare(ehlo).run();
    run.exits(0);
    assert_eq!(run.stderr, "");
    Some(serde_json::from_str(&run.stdout).unwrap())
}

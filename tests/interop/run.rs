//! One run of the program, as a script would start it.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// After this time, a run counts as hanging.
const LIMIT: Duration = Duration::from_secs(20);

/// How a run ended.
pub struct Ran {
    /// The exit status.
    pub code: i32,
    /// The transcript, or the message of `--print`.
    pub stdout: Vec<u8>,
    /// What failed.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
    /// The most memory that was resident, in KiB, as far as it was seen.
    pub peak_kib: u64,
}

/// What else a run begins with.
#[derive(Default)]
pub struct Start<'s> {
    /// What stands on its standard input.
    pub stdin: Option<&'s [u8]>,
    /// The file or FIFO that is its standard input instead.
    pub stdin_file: Option<File>,
    /// Variables of its environment.
    pub variables: &'s [(&'s str, &'s str)],
}

impl Ran {
    /// The transcript as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Fails with all that was said unless the run ended with this status.
    #[track_caller]
    pub fn ends_with(&self, code: i32) -> &Self {
        let text: String = self.text().chars().take(4000).collect();
        assert_eq!(self.code, code, "{text}\n{}", self.stderr);
        self
    }

    /// Fails unless the transcript says this.
    #[track_caller]
    pub fn shows(&self, words: &str) -> &Self {
        let text = self.text();
        assert!(text.contains(words), "no {words:?} in {text}");
        self
    }

    /// Fails unless stderr says this.
    #[track_caller]
    pub fn complains(&self, words: &str) -> &Self {
        assert!(
            self.stderr.contains(words),
            "no {words:?} in {}",
            self.stderr
        );
        self
    }

    /// Fails if the transcript says this.
    #[track_caller]
    pub fn hides(&self, words: &str) -> &Self {
        let text = self.text();
        assert!(!text.contains(words), "{words:?} in {text}");
        self
    }
}

/// Runs the program in this directory, with nothing of this environment.
pub fn ehlo(directory: &Path, arguments: &[&str]) -> Ran {
    ehlo_with(directory, arguments, &Start::default())
}

/// The same with more to begin with.
pub fn ehlo_with(directory: &Path, arguments: &[&str], start: &Start) -> Ran {
    let home = tempfile::tempdir().unwrap();
    let (out, err) = (home.path().join("out"), home.path().join("err"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_ehlo"))
        .args(arguments)
        .env_clear()
        .env("TZ", "UTC")
        .env("HOME", home.path())
        .envs(start.variables.iter().copied())
        .current_dir(directory)
        .stdin(match (start.stdin, &start.stdin_file) {
            (Some(bytes), _) => {
                let path = home.path().join("in");
                std::fs::write(&path, bytes).unwrap();
                File::open(path).unwrap().into()
            }
            (None, Some(file)) => file.try_clone().unwrap().into(),
            (None, None) => Stdio::null(),
        })
        .stdout(File::create(&out).unwrap())
        .stderr(File::create(&err).unwrap())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let mut peak_kib = 0;
    let status = loop {
        peak_kib = peak_kib.max(resident_peak(child.id()));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > LIMIT {
            child.kill().unwrap();
            child.wait().unwrap();
            let said = std::fs::read(&out).unwrap();
            let said = String::from_utf8_lossy(&said);
            panic!("ehlo {arguments:?} hangs; it said:\n{said}");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    Ran {
        code: status.code().unwrap_or(-1),
        stdout: std::fs::read(out).unwrap(),
        stderr: std::fs::read_to_string(err).unwrap(),
        took: began.elapsed(),
        peak_kib,
    }
}

/// The most memory that the process has had resident so far, in KiB, without the pages of files: those of the program
/// grow with each capability. 0: it still has the memory of the test, because the kernel lets a parent go on shortly
/// before the child changes to the memory of its program.
fn resident_peak(pid: u32) -> u64 {
    let process = format!("/proc/{pid}");
    let program = std::fs::read_link(format!("{process}/exe")).ok();
    if program == std::fs::read_link("/proc/self/exe").ok() {
        return 0;
    }
    let status = std::fs::read_to_string(format!("{process}/status")).unwrap_or_default();
    let figure = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        number.map_or(0, |number| number.parse::<u64>().unwrap())
    };
    figure("VmHWM:").saturating_sub(figure("RssFile:"))
}

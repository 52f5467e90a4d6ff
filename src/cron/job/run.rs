//! Runs a command: reads its output, passes signals on to it, and enforces its time limit.

use crate::cron::job::log::Recorder;
use crate::cron::job::signals::{FORWARDED, JobSignals};
use crate::cron::job::tee::{Interleaver, Tee, start_drain};
use crate::cron::job::{CommandSpec, FinishedJob, JobEnding, OutputStream};
use crate::system::text::{reason, shown, shown_path};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use signal_hook::consts::{SIGINT, SIGKILL, SIGQUIT, SIGTERM};
use std::fs;
use std::io::{self, IsTerminal as _, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// Time to wait for further output after the command has ended: a background process may hold the pipe open
/// forever.
const GRACE: Duration = Duration::from_secs(1);

/// More than two pipes hold: a process that has written this since the end of the command will not stop.
const MAX_AFTER_END: usize = 1 << 20;

/// Size of a read, in octets.
const BLOCK: usize = 64 * 1024;

/// Runs the command to its end. The consumer gets the output immediately, and must not block. Signals that
/// arrive after the end of the job are kept until the caller releases them. `None`: they have their default
/// effect.
pub fn run(
    spec: &CommandSpec,
    tee: Option<&mut Tee>,
    consumer: &mut dyn FnMut(OutputStream, &[u8]),
) -> (FinishedJob, Option<JobSignals>) {
    let (started, start) = (SystemTime::now(), Instant::now());
    let none = |error| FinishedJob::not_run(spec, not_started(spec, &error));
    // Before the job begins, so that even an immediate end is noticed.
    let signals = match JobSignals::caught() {
        Ok(signals) => signals,
        Err(error) => return (none(error), None),
    };
    // On a terminal, it must stay in the foreground to read from it.
    let has_group = !io::stdin().is_terminal();
    let separate = spec.mark_stderr || tee.as_deref().is_some_and(Tee::are_separate);
    let mut running = match spawn(spec, has_group, separate) {
        Ok((child, pipes)) => RunningJob {
            has_group,
            start,
            deadline: spec.timeout.map(|limit| start + limit),
            kill_after: spec.kill_after,
            ..RunningJob::new(child, pipes, signals)
        },
        Err(error) => return (none(error), Some(signals)),
    };
    let mut output = Interleaver::new(Recorder::new(spec.log_limit));
    let ended = running.read_to_end(tee, &mut |from, bytes| {
        consumer(from, bytes);
        output.push(from, bytes);
    });
    let ending = match ended {
        Ok(status) => running.ending(status, spec),
        Err(error) => not_started(spec, &error),
    };
    running.signals.job_ended(&ending, running.forwarded);
    let finished = FinishedJob {
        dumped_core: running
            .ended
            .is_some_and(|(_, status)| status.core_dumped()),
        started,
        took: running.took(),
        ending,
        log: output.finish(),
        processor: child_cpu_time(),
        forwarded: running.forwarded,
        has_background: running.drain_pipes(),
        ..FinishedJob::not_run(spec, JobEnding::Exited(0))
    };
    (finished, Some(running.signals))
}

/// Status 127 if the program does not exist, else 126, as in shells.
fn not_started(spec: &CommandSpec, error: &io::Error) -> JobEnding {
    let program = spec.command.first().cloned().unwrap_or_default();
    let path = Path::new(&program);
    let program = shown_path(&program);
    let (status, why) = match error.kind() {
        io::ErrorKind::NotFound if spec.command.len() == 1 && program.contains(' ') => {
            let why = format!(
                "command not found: \"{program}\"; for shell syntax, use: ehlo run -- sh -c '...'"
            );
            (127, why)
        }
        io::ErrorKind::NotFound if program.contains('/') => (127, missing_file(path)),
        io::ErrorKind::NotFound => {
            let path = shown(&std::env::var("PATH").unwrap_or_default());
            let why = format!("{program} was not found in PATH={path}; use its full path");
            (127, why)
        }
        io::ErrorKind::PermissionDenied if path.is_dir() => {
            (126, format!("{program} is a directory"))
        }
        io::ErrorKind::PermissionDenied => {
            (126, format!("{program} is not executable; try chmod +x"))
        }
        _ => (126, format!("{program}: {}", reason(error))),
    };
    JobEnding::NotStarted { status, why }
}

/// Reports which file is missing: the program or its interpreter.
fn missing_file(path: &Path) -> String {
    let program = shown_path(path);
    if !path.exists() {
        return format!("{program} does not exist");
    }
    let Some(interpreter) = interpreter(path) else {
        return format!("{program} exists, but its interpreter does not");
    };
    match interpreter.strip_suffix('\r') {
        Some(_) => format!(
            "{program} has CRLF line endings, so its interpreter is not found; fix it with: sed -i 's/\\r$//'"
        ),
        None => format!(
            "the interpreter {}, named in the first line of {program}, does not exist",
            shown(&interpreter)
        ),
    }
}

/// The interpreter named in the first line of a script.
fn interpreter(path: &Path) -> Option<String> {
    let mut begin = [0; 256];
    let count = fs::File::open(path).ok()?.read(&mut begin).ok()?;
    let text = String::from_utf8_lossy(&begin[..count]);
    let line = text.strip_prefix("#!")?.split('\n').next()?;
    let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
    words.next().map(str::to_owned)
}

/// Pipes for stdout, and for stderr unless it uses the same one. `None`: at end of file.
type Pipes = [Option<OwnedFd>; 2];

struct RunningJob {
    child: Child,
    /// True if it has a process group of its own, which signals are sent to.
    has_group: bool,
    pipes: Pipes,
    signals: JobSignals,
    start: Instant,
    ended: Option<(Instant, ExitStatus)>,
    /// Number of octets read since the end of the command.
    read_after_end: usize,
    /// Time of SIGTERM. `kill_after` is counted from there.
    deadline: Option<Instant>,
    kill_after: Duration,
    stop_sent: StopSignal,
    forwarded: Option<i32>,
}

/// Signals sent because of the time limit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StopSignal {
    None,
    Term,
    Kill,
}

impl RunningJob {
    fn new(child: Child, pipes: Pipes, signals: JobSignals) -> Self {
        Self {
            child,
            has_group: false,
            pipes,
            signals,
            start: Instant::now(),
            ended: None,
            read_after_end: 0,
            deadline: None,
            kill_after: Duration::ZERO,
            stop_sent: StopSignal::None,
            forwarded: None,
        }
    }

    /// Reads until the command and its output have ended, or the grace period is over.
    fn read_to_end(
        &mut self,
        mut tee: Option<&mut Tee>,
        consumer: &mut dyn FnMut(OutputStream, &[u8]),
    ) -> io::Result<ExitStatus> {
        let mut block = vec![0; BLOCK];
        loop {
            let ready = self.wait(tee.as_deref())?;
            for (at, from) in [OutputStream::Out, OutputStream::Err]
                .into_iter()
                .enumerate()
            {
                if ready[at] {
                    self.read(from, &mut block, &mut |from, bytes| {
                        consumer(from, bytes);
                        if let Some(tee) = &mut tee {
                            tee.push(from, bytes);
                        }
                    });
                }
            }
            if let Some(tee) = &mut tee {
                tee.write();
            }
            if ready[2] {
                self.handle_signals()?;
            }
            self.enforce_limit();
            let is_readable = ready[0] || ready[1];
            if let Some(status) = self.final_status(is_readable) {
                return Ok(status);
            }
        }
    }

    /// The status, once no more output is expected. A full tee may have stopped reads for longer than the
    /// grace period, so pending output is read in any case.
    fn final_status(&self, is_readable: bool) -> Option<ExitStatus> {
        let (at, status) = self.ended?;
        let is_closed = self.pipes.iter().all(Option::is_none);
        let has_more = is_readable && self.read_after_end < MAX_AFTER_END;
        let is_late = at.elapsed() >= GRACE && !has_more;
        (is_closed || is_late).then_some(status)
    }

    /// Polls output, error and signals, and returns which of them are ready. Returns as well when the tee can
    /// be written to. While the tee is full, a running job is not read.
    fn wait(&self, tee: Option<&Tee>) -> io::Result<[bool; 3]> {
        let descriptor = self.signals.descriptor();
        let mut indices = [None; 3];
        let mut all = Vec::with_capacity(5);
        let is_paused = self.ended.is_none() && tee.is_some_and(Tee::is_full);
        for (at, pipe) in self.pipes.iter().enumerate() {
            if let Some(pipe) = pipe.as_ref().filter(|_| !is_paused) {
                indices[at] = Some(all.len());
                all.push(PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN));
            }
        }
        indices[2] = Some(all.len());
        all.push(PollFd::from_borrowed_fd(descriptor, PollFlags::IN));
        let unwritten = tee.into_iter().flat_map(Tee::descriptors);
        all.extend(unwritten.map(|unwritten| PollFd::from_borrowed_fd(unwritten, PollFlags::OUT)));
        let wait = self.next_event().map(|at| {
            let left = at.saturating_duration_since(Instant::now());
            // Rounded up, to avoid a poll that ends too early.
            Timespec::try_from(left + Duration::from_millis(1)).unwrap_or_default()
        });
        match poll(&mut all, wait.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(indices.map(|index| index.is_some_and(|index| !all[index].revents().is_empty())))
    }

    fn next_event(&self) -> Option<Instant> {
        match self.ended {
            Some((at, _)) => Some(at + GRACE),
            None => self.deadline,
        }
    }

    fn read(
        &mut self,
        from: OutputStream,
        block: &mut [u8],
        consumer: &mut dyn FnMut(OutputStream, &[u8]),
    ) {
        let Some(pipe) = &self.pipes[from as usize] else {
            return;
        };
        match rustix::io::read(pipe, &mut *block) {
            Ok(0) => self.pipes[from as usize] = None,
            Ok(count) => {
                self.read_after_end += if self.ended.is_some() { count } else { 0 };
                consumer(from, &block[..count]);
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => self.pipes[from as usize] = None,
        }
    }

    fn handle_signals(&mut self) -> io::Result<()> {
        for signal in self.signals.pending() {
            match self.ended {
                _ if !FORWARDED.contains(&signal) => {}
                None => self.forward(signal),
                Some(_) => self.signals.keep(signal),
            }
        }
        if self.ended.is_none()
            && let Some(status) = self.child.try_wait()?
        {
            self.ended = Some((Instant::now(), status));
        }
        Ok(())
    }

    /// A signal typed on a terminal reaches the foreground process group directly, and is not sent again.
    fn forward(&mut self, signal: i32) {
        let is_from_terminal = !self.has_group && matches!(signal, SIGINT | SIGQUIT);
        self.forwarded = Some(signal);
        if !is_from_terminal {
            self.send(signal);
        }
    }

    /// Sends a signal to the command. After its end, its process ID may belong to another process.
    fn send(&self, signal: i32) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let Some((pid, signal)) = pid.zip(Signal::from_named_raw(signal)) else {
            return;
        };
        if self.ended.is_some() {
            return;
        }
        let _ = if self.has_group {
            kill_process_group(pid, signal)
        } else {
            kill_process(pid, signal)
        };
    }

    fn enforce_limit(&mut self) {
        let is_late = self.deadline.is_some_and(|at| at <= Instant::now());
        if !is_late || self.ended.is_some() {
            return;
        }
        if self.stop_sent == StopSignal::None {
            self.stop_sent = StopSignal::Term;
            self.send(SIGTERM);
            self.deadline = Some(Instant::now() + self.kill_after);
        } else {
            self.stop_sent = StopSignal::Kill;
            self.send(SIGKILL);
            self.deadline = None;
        }
    }

    /// Passes pipes that background processes still hold to a process that reads them to their end. If it
    /// cannot be started, they get SIGPIPE when they write. Returns true if there are such pipes.
    fn drain_pipes(&mut self) -> bool {
        let left: Vec<OwnedFd> = self.pipes.iter_mut().filter_map(Option::take).collect();
        let has_background = !left.is_empty();
        for pipe in left {
            let _ = start_drain(pipe);
        }
        has_background
    }

    fn took(&self) -> Duration {
        let end = self.ended.map_or_else(Instant::now, |(at, _)| at);
        end - self.start
    }

    fn ending(&self, status: ExitStatus, spec: &CommandSpec) -> JobEnding {
        if self.stop_sent != StopSignal::None {
            return JobEnding::TimedOut {
                limit: spec.timeout.unwrap_or_default(),
                killed: self.stop_sent == StopSignal::Kill,
            };
        }
        match (status.code(), status.signal()) {
            (Some(code), _) => JobEnding::Exited(code),
            (None, signal) => JobEnding::Signalled(signal.unwrap_or(SIGKILL)),
        }
    }
}

/// Uses one pipe for both streams, which keeps the order of lines, or one pipe for each.
fn spawn(spec: &CommandSpec, has_group: bool, separate: bool) -> io::Result<(Child, Pipes)> {
    let (program, arguments) = spec
        .command
        .split_first()
        .ok_or(io::ErrorKind::InvalidInput)?;
    let (out, writer) = io::pipe()?;
    let (err, error_writer) = if separate {
        let (err, writer) = io::pipe()?;
        (Some(err.into()), writer)
    } else {
        (None, writer.try_clone()?)
    };
    let start = |mut command: Command| {
        if has_group {
            command.process_group(0);
        }
        command
            .args(arguments)
            .stdin(Stdio::inherit())
            .stdout(writer.try_clone()?)
            .stderr(error_writer.try_clone()?)
            .spawn()
    };
    let started = start(Command::new(program));
    let child = match started {
        // A script without `#!`: shells run it, and so does cron.
        Err(error) if error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) => {
            let mut shell = Command::new("/bin/sh");
            shell.arg(program);
            start(shell)
        }
        started => started,
    };
    Ok((child?, [Some(out.into()), err]))
}

/// The processor time of all children that were waited for.
fn child_cpu_time() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    // proc_pid_stat(5): cutime and cstime are the fields 16 and 17; the third is the first here.
    let ticks = fields.get(13)?.parse::<u64>().ok()? + fields.get(14)?.parse::<u64>().ok()?;
    // USER_HZ is 100 on all systems that Linux runs on today.
    Some(Duration::from_millis(ticks * 10))
}

#[cfg(test)]
mod tests;

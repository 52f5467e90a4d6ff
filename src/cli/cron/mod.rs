//! `ehlo cron`: lists the jobs of a crontab, and puts `ehlo run` before their commands.

pub(crate) mod args;

mod units;

pub(crate) use args::Args;

use crate::cli::cron::units::{UnitFile, UnitJob, UnitPlace, unit_name, units, write_units};
use crate::cli::terminal::{complain, print, write};
use crate::cron::crontab::{
    CrontabEntry, CrontabKind, RunPrefix, entries, unwrapped, wrapped, wrapped_words,
};
use crate::cron::job::job_name;
use crate::system::exit::Exit;
use crate::system::figures::counted;
use crate::system::subprocess::{Task, end};
use crate::system::text::{reason, shown, shown_path};
use crate::system::user::login;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Time limit for crontab(1).
const LIMIT: Duration = Duration::from_secs(30);

/// Maximum size of a crontab in octets.
const MAX_SIZE: u64 = 1 << 20;

#[derive(Debug)]
pub struct CronOptions {
    /// A file. `None`: the crontab of the user.
    pub file: Option<PathBuf>,
    pub task: CronTask,
}

#[derive(Debug)]
pub enum CronTask {
    List,
    /// Print the changed crontab.
    Print(CronChange),
    Install(CronChange),
    Remove(JobSelection),
    /// Print the systemd units of the jobs.
    PrintUnits(CronChange),
    /// Write the systemd units of a new job.
    InstallUnits(CronChange),
    /// Remove the systemd units of these jobs.
    RemoveUnits(Vec<String>),
}

/// A change of a crontab.
#[derive(Debug)]
pub struct CronChange {
    pub jobs: JobSelection,
    /// `None`: each job is named after its program.
    pub name: Option<String>,
    /// Options of `ehlo run`.
    pub options: Vec<String>,
}

#[derive(Debug)]
pub enum JobSelection {
    All,
    /// Names or line numbers.
    These(Vec<String>),
    New(NewJob),
}

/// A job that is added.
#[derive(Debug)]
pub struct NewJob {
    pub schedule: String,
    /// For a system crontab. `None`: root.
    pub user: Option<String>,
    pub command: Vec<String>,
}

/// An error in one line, with the exit status.
type Failure = (String, Exit);

pub fn run(options: &CronOptions) -> Exit {
    let done = done(options);
    done.unwrap_or_else(|(text, exit)| {
        complain(&text);
        exit
    })
}

fn done(options: &CronOptions) -> Result<Exit, Failure> {
    let file = options.file.as_deref();
    match &options.task {
        CronTask::List => Ok(list(&Crontab::read(file)?)),
        CronTask::Print(change) => {
            let (text, _) = Crontab::read(file)?.with(change)?;
            Ok(write(text.as_bytes()).err().unwrap_or(Exit::Ok))
        }
        CronTask::Install(change) => {
            let crontab = Crontab::read(file)?;
            let (text, changed) = crontab.with(change)?;
            crontab.install(&text, &changed)
        }
        CronTask::Remove(jobs) => {
            let crontab = Crontab::read(file)?;
            let (text, changed) = crontab.without_runs(jobs)?;
            crontab.install(&text, &changed)
        }
        CronTask::PrintUnits(change) => Crontab::for_units(file, change)?.print_units(change),
        CronTask::InstallUnits(change) => Crontab::for_units(file, change)?.install_units(change),
        CronTask::RemoveUnits(jobs) => remove_units(jobs),
    }
}

fn list(crontab: &Crontab) -> Exit {
    let entries = crontab.entries();
    if entries.is_empty() {
        complain(&format!("no jobs in {}", crontab.place()));
    }
    print(|out| {
        for entry in &entries {
            let how = if unwrapped(entry.command).is_some() {
                "ehlo run"
            } else {
                "-"
            };
            let (line, schedule, name) = (entry.line, entry.schedule, shown(&entry.name()));
            let command = shown(entry.command);
            writeln!(
                out,
                "{line:>4}  {name:<16}  {how:<8}  {schedule:<14}  {command}"
            )?;
        }
        Ok(())
    })
}

/// A crontab with its place.
struct Crontab {
    file: Option<PathBuf>,
    user: String,
    text: String,
}

impl Crontab {
    fn read(file: Option<&Path>) -> Result<Self, Failure> {
        let text = match file {
            Some(path) => read_file(path)?,
            None => read_own()?,
        };
        Ok(Self {
            file: file.map(Path::to_owned),
            user: login(),
            text,
        })
    }

    /// The crontab whose jobs become units. A host without cron has none, and a new job needs none.
    fn for_units(file: Option<&Path>, change: &CronChange) -> Result<Self, Failure> {
        match change.jobs {
            JobSelection::New(_) => Ok(Self {
                file: file.map(Path::to_owned),
                user: login(),
                text: String::new(),
            }),
            _ => Self::read(file),
        }
    }

    fn kind(&self) -> CrontabKind<'_> {
        let is_system = self.file.as_deref().is_some_and(|file| {
            let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
            file == Path::new("/etc/crontab")
                || file
                    .parent()
                    .is_some_and(|parent| parent.ends_with("cron.d"))
        });
        if is_system {
            CrontabKind::System
        } else {
            CrontabKind::User(&self.user)
        }
    }

    fn entries(&self) -> Vec<CrontabEntry<'_>> {
        entries(&self.text, self.kind())
    }

    /// The place for people.
    fn place(&self) -> String {
        match &self.file {
            Some(file) => shown_path(file),
            None => format!("the crontab of {}", shown(&self.user)),
        }
    }

    /// The entries that are selected.
    fn selected<'e, 't>(
        &self,
        entries: &'e [CrontabEntry<'t>],
        jobs: &[String],
    ) -> Result<Vec<&'e CrontabEntry<'t>>, Failure> {
        let mut selected: Vec<&CrontabEntry<'_>> = Vec::new();
        for job in jobs {
            let number: Option<usize> = job.parse().ok();
            let is_meant = |entry: &&CrontabEntry<'_>| match number {
                Some(number) => entry.line == number,
                None => entry.name() == *job,
            };
            let meant: Vec<&CrontabEntry<'_>> = entries.iter().filter(is_meant).collect();
            match meant.as_slice() {
                [one] if selected.iter().any(|other| other.line == one.line) => {}
                [one] => selected.push(one),
                [] => {
                    let (job, place) = (shown(job), self.place());
                    return Err((
                        format!("no job {job} in {place}; ehlo cron show lists the jobs"),
                        Exit::NoInput,
                    ));
                }
                several => {
                    let lines: Vec<String> =
                        several.iter().map(|entry| entry.line.to_string()).collect();
                    let (job, lines) = (shown(job), lines.join(" and "));
                    return Err((
                        format!(
                            "{job} is the name of the jobs in lines {lines}; use a line number"
                        ),
                        Exit::Data,
                    ));
                }
            }
        }
        Ok(selected)
    }

    /// The text after a change, and the names of the changed jobs.
    fn with(&self, change: &CronChange) -> Result<(String, Vec<String>), Failure> {
        let entries = self.entries();
        let selected = match &change.jobs {
            JobSelection::All => entries
                .iter()
                .filter(|entry| unwrapped(entry.command).is_none())
                .collect(),
            JobSelection::These(jobs) => self.selected(&entries, jobs)?,
            JobSelection::New(job) => return self.with_job(job, change),
        };
        let program = program()?;
        let mut names = taken_names(&entries);
        let mut edits = Edits::default();
        for entry in selected {
            if unwrapped(entry.command).is_some() {
                continue;
            }
            let name = change
                .name
                .clone()
                .unwrap_or_else(|| free_name(&entry.name(), &names));
            let prefix = RunPrefix {
                program: &program,
                name: &name,
                options: &change.options,
            };
            let line = wrapped(entry, &prefix).ok_or_else(not_in_crontab)?;
            edits.add(entry, line, name.clone());
            names.insert(name);
        }
        Ok(edits.apply(&self.text))
    }

    /// The text with another job at its end.
    fn with_job(
        &self,
        job: &NewJob,
        change: &CronChange,
    ) -> Result<(String, Vec<String>), Failure> {
        let words: Vec<OsString> = job.command.iter().map(OsString::from).collect();
        let names = taken_names(&self.entries());
        let name = change
            .name
            .clone()
            .unwrap_or_else(|| free_name(&job_name(&words), &names));
        let user = match self.kind() {
            CrontabKind::System => format!("{} ", job.user.as_deref().unwrap_or("root")),
            CrontabKind::User(_) => String::new(),
        };
        let program = program()?;
        let prefix = RunPrefix {
            program: &program,
            name: &name,
            options: &change.options,
        };
        let command = wrapped_words(&job.command, &prefix).ok_or_else(not_in_crontab)?;
        let mut text = self.text.clone();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&format!("{} {user}{command}\n", job.schedule));
        Ok((text, vec![name]))
    }

    fn without_runs(&self, jobs: &JobSelection) -> Result<(String, Vec<String>), Failure> {
        let entries = self.entries();
        let selected = match jobs {
            JobSelection::These(jobs) => self.selected(&entries, jobs)?,
            _ => entries.iter().collect(),
        };
        let mut edits = Edits::default();
        for entry in selected {
            if let Some(command) = unwrapped(entry.command) {
                edits.add(entry, command, entry.name());
            }
        }
        Ok(edits.apply(&self.text))
    }

    /// The units of the selected jobs, two files each.
    fn units(&self, change: &CronChange, place: &UnitPlace) -> Result<Vec<UnitFile>, Failure> {
        let entries = self.entries();
        let selected = match &change.jobs {
            JobSelection::New(job) => return self.units_of_new(job, change, place),
            JobSelection::These(jobs) => self.selected(&entries, jobs)?,
            JobSelection::All => entries.iter().collect(),
        };
        let mut names = BTreeSet::new();
        let mut files = Vec::new();
        for entry in selected {
            if self.text[entry.range.end..].starts_with('%') {
                let (line, place) = (entry.line, self.place());
                let text = format!(
                    "{place}: line {line}: standard input after % cannot be a part of a unit; write it to a file"
                );
                return Err((text, Exit::Data));
            }
            let name = change.name.clone().unwrap_or_else(|| entry.name());
            let name = free_name(&name, &names);
            let words = match unwrapped(entry.command) {
                Some(_) => entry.words(),
                None => run_words(&name, change, entry.words())?,
            };
            let settings = [("PATH", entry.path), ("MAILTO", entry.mailto)].into_iter();
            let unit = UnitJob {
                name: &name,
                schedule: entry.schedule,
                user: place.manager.is_system.then_some(entry.user),
                environment: settings
                    .filter_map(|(name, value)| Some((name, value?)))
                    .collect(),
                words,
            };
            files.extend(units(&unit, &place.directory)?);
            names.insert(name);
        }
        Ok(files)
    }

    fn units_of_new(
        &self,
        job: &NewJob,
        change: &CronChange,
        place: &UnitPlace,
    ) -> Result<Vec<UnitFile>, Failure> {
        let words: Vec<OsString> = job.command.iter().map(OsString::from).collect();
        let name = change.name.clone().unwrap_or_else(|| job_name(&words));
        let user = job.user.as_deref().unwrap_or(&self.user);
        let unit = UnitJob {
            name: &name,
            schedule: &job.schedule,
            user: place.manager.is_system.then_some(user),
            environment: Vec::new(),
            words: run_words(&name, change, job.command.clone())?,
        };
        units(&unit, &place.directory).map(Vec::from)
    }

    fn unit_place(&self, change: &CronChange) -> Result<UnitPlace, Failure> {
        let has_user = matches!(&change.jobs, JobSelection::New(job) if job.user.is_some());
        UnitPlace::of(has_user || matches!(self.kind(), CrontabKind::System))
    }

    fn print_units(&self, change: &CronChange) -> Result<Exit, Failure> {
        let files = self.units(change, &self.unit_place(change)?)?;
        Ok(print(|out| {
            for file in &files {
                writeln!(out, "# {}\n{}", shown_path(&file.path), file.text)?;
            }
            Ok(())
        }))
    }

    fn install_units(&self, change: &CronChange) -> Result<Exit, Failure> {
        let place = self.unit_place(change)?;
        let files = self.units(change, &place)?;
        if !write_units(&files)? {
            complain("nothing to change: the units exist");
        }
        let ctl = place.manager.ctl;
        Ok(print(|out| {
            for file in &files {
                writeln!(out, "{}", shown_path(&file.path))?;
            }
            let names = files.iter().map(|file| file.path.as_path());
            let timers = names.filter(|path| path.extension().is_some_and(|is| is == "timer"));
            let timers: Vec<&str> = timers
                .filter_map(|path| path.file_name()?.to_str())
                .collect();
            writeln!(
                out,
                "To start: {ctl} daemon-reload && {ctl} enable --now {}",
                timers.join(" ")
            )
        }))
    }

    /// Writes the text, if a job has changed.
    fn install(&self, text: &str, changed: &[String]) -> Result<Exit, Failure> {
        let place = self.place();
        if changed.is_empty() {
            complain(&format!("nothing to change in {place}"));
            return Ok(Exit::Ok);
        }
        match &self.file {
            Some(file) => write_file(file, text)?,
            None => write_own(text)?,
        }
        let names: Vec<String> = changed.iter().map(|name| shown(name)).collect();
        let jobs = counted(names.len() as u64, "job");
        Ok(print(|out| {
            writeln!(out, "{place}: changed {jobs}: {}", names.join(", "))
        }))
    }
}

/// The words of `ehlo run` before those of a job.
fn run_words(name: &str, change: &CronChange, job: Vec<String>) -> Result<Vec<String>, Failure> {
    let program = program()?;
    let program = program.to_str().ok_or_else(|| {
        let text = "the path of this program is not UTF-8";
        (text.to_owned(), Exit::Software)
    })?;
    let mut words = [program, "run", "--name", name].map(str::to_owned).to_vec();
    words.extend(change.options.iter().cloned());
    words.push("--".to_owned());
    words.extend(job);
    Ok(words)
}

/// Removes the units of these jobs. systemd stops their timers when they are disabled.
fn remove_units(jobs: &[String]) -> Result<Exit, Failure> {
    let place = UnitPlace::of(false)?;
    let mut removed = Vec::new();
    for job in jobs {
        removed.extend(units::remove_units(job, &place.directory)?);
    }
    let timers = jobs.iter().map(|job| format!("{}.timer", unit_name(job)));
    let timers: Vec<String> = timers.collect();
    let ctl = place.manager.ctl;
    Ok(print(|out| {
        writeln!(out, "removed {}", removed.join(" "))?;
        writeln!(
            out,
            "To stop: {ctl} disable --now {}; {ctl} daemon-reload",
            timers.join(" ")
        )
    }))
}

/// Replacements of commands, in the order of the text.
#[derive(Default)]
struct Edits {
    commands: Vec<(Range<usize>, String)>,
    names: Vec<String>,
}

impl Edits {
    fn add(&mut self, entry: &CrontabEntry<'_>, command: String, name: String) {
        self.commands.push((entry.range.clone(), command));
        self.names.push(name);
    }

    fn apply(mut self, text: &str) -> (String, Vec<String>) {
        self.commands.sort_by_key(|(range, _)| range.start);
        let mut text = text.to_owned();
        for (range, command) in self.commands.into_iter().rev() {
            text.replace_range(range, &command);
        }
        (text, self.names)
    }
}

/// The names of the jobs that `ehlo run` already runs.
fn taken_names(entries: &[CrontabEntry<'_>]) -> BTreeSet<String> {
    let run = entries
        .iter()
        .filter(|entry| unwrapped(entry.command).is_some());
    run.map(CrontabEntry::name).collect()
}

/// The name, or the name with a number if another job has it.
fn free_name(name: &str, taken: &BTreeSet<String>) -> String {
    let name = if name.is_empty() { "job" } else { name };
    let numbered = (2_u32..).map(|number| format!("{name}-{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| !taken.contains(name)).unwrap_or_default()
}

fn program() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| {
        let text = format!(
            "cannot determine the path of this program: {}",
            reason(&error)
        );
        (text, Exit::Software)
    })
}

fn not_in_crontab() -> Failure {
    let text = "a word that contains a line break cannot be used in a crontab";
    (text.to_owned(), Exit::Data)
}

fn read_file(path: &Path) -> Result<String, Failure> {
    let failed = |why: String| (format!("{}: {why}", shown_path(path)), Exit::NoInput);
    let size = fs::metadata(path)
        .map_err(|error| failed(reason(&error)))?
        .len();
    if size > MAX_SIZE {
        return Err(failed("it is too large for a crontab".to_owned()));
    }
    fs::read_to_string(path).map_err(|error| failed(reason(&error)))
}

/// Replaces the file by rename. Its mode and owner are kept.
fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        let text = format!("cannot write {}: {}", shown_path(path), reason(&error));
        (text, Exit::CantCreate)
    };
    let path = fs::canonicalize(path).map_err(failed)?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    // cron skips a name with a dot, and so does not run the jobs of an unfinished file.
    let mut file = tempfile::Builder::new()
        .prefix(".ehlo-")
        .tempfile_in(directory)
        .map_err(failed)?;
    let facts = fs::metadata(&path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file()
        .set_permissions(facts.permissions())
        .map_err(failed)?;
    {
        use std::os::unix::fs::MetadataExt as _;
        std::os::unix::fs::fchown(file.as_file(), Some(facts.uid()), Some(facts.gid()))
            .map_err(failed)?;
    }
    file.as_file().sync_all().map_err(failed)?;
    file.persist(&path)
        .map(drop)
        .map_err(|error| failed(error.error))
}

/// The output of `crontab -l`; empty if there is no crontab.
fn read_own() -> Result<String, Failure> {
    let (success, text, errors) = crontab(&["-l"], "")?;
    if success || errors.contains("no crontab for") {
        return Ok(text);
    }
    Err((
        format!("crontab -l: {}", shown(errors.trim())),
        Exit::NoInput,
    ))
}

fn write_own(text: &str) -> Result<(), Failure> {
    match crontab(&["-"], text)? {
        (true, ..) => Ok(()),
        (false, _, errors) => {
            let errors = shown(errors.lines().next().unwrap_or("it failed"));
            Err((
                format!("crontab: {errors}; the crontab was not changed"),
                Exit::CantCreate,
            ))
        }
    }
}

/// Runs crontab(1). Returns true for success, the output and the error messages.
fn crontab(arguments: &[&str], input: &str) -> Result<(bool, String, String), Failure> {
    let failed = |why: String| (format!("crontab: {why}"), Exit::Temporary);
    let (reader, writer) = std::io::pipe().map_err(|error| failed(reason(&error)))?;
    let mut command = Command::new("crontab");
    command
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(writer);
    let task = Task {
        command,
        input: input.as_bytes(),
        limit: Some(LIMIT),
        stop: None,
    };
    let mut output = Vec::new();
    let status = task.run(&mut |block| {
        output.extend_from_slice(block);
        if output.len() as u64 > MAX_SIZE {
            return Err(std::io::Error::other(
                "its output is too large for a crontab",
            ));
        }
        Ok(())
    });
    let status = status.map_err(|error| failed(reason(&error)))?;
    let mut errors = String::new();
    let read = std::io::Read::read_to_string(&mut std::io::Read::take(reader, 4096), &mut errors);
    if read.is_err() || (errors.is_empty() && !status.success()) {
        errors = end(status);
    }
    let text = String::from_utf8(output).map_err(|_| failed("it is not UTF-8".to_owned()))?;
    Ok((status.success(), text, errors))
}

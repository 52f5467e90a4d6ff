//! A job as units of systemd: a service that runs it by `ehlo run`, and a timer with the times of its crontab line.

use crate::cli::cron::Failure;
use crate::cron::calendar::Schedule;
use crate::system::exit::Exit;
use crate::system::quote::systemd_word;
use crate::system::systemd::{self, SystemdManager, exec_start};
use crate::system::text::{reason, shown, shown_path};
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A job, as the units have it.
pub(super) struct UnitJob<'a> {
    pub name: &'a str,
    pub schedule: &'a str,
    /// The user that it runs as. `None`: that of the manager.
    pub user: Option<&'a str>,
    /// Variables that the crontab sets.
    pub environment: Vec<(&'static str, &'a str)>,
    /// The path of ehlo, its command and options, and the words of the job.
    pub words: Vec<String>,
}

/// A unit file.
pub(super) struct UnitFile {
    pub path: PathBuf,
    pub text: String,
}

/// A directory for unit files, and the systemd manager that reads it.
pub(super) struct UnitPlace {
    pub manager: &'static SystemdManager,
    pub directory: PathBuf,
}

impl UnitPlace {
    /// That of the system for its jobs, else that of the user.
    pub fn of(is_system_job: bool) -> Result<Self, Failure> {
        let manager = if is_system_job {
            &systemd::SYSTEM
        } else {
            SystemdManager::of_this_process()
        };
        let missing = || {
            let text = "no home directory for the units of your systemd manager";
            (text.to_owned(), Exit::Config)
        };
        let directory = manager.path().ok_or_else(missing)?;
        Ok(Self { manager, directory })
    }
}

/// The names of service and timer, without their suffix.
pub(super) fn unit_name(job: &str) -> String {
    let plain = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '.' | '-' => c,
        _ => '-',
    };
    format!("job-{}", job.chars().map(plain).collect::<String>())
}

/// The service and the timer of a job.
pub(super) fn units(job: &UnitJob<'_>, directory: &Path) -> Result<[UnitFile; 2], Failure> {
    let unit = unit_name(job.name);
    let file = |suffix: &str, text| UnitFile {
        path: directory.join(format!("{unit}.{suffix}")),
        text,
    };
    let schedule = Schedule::parse(job.schedule).ok_or_else(|| {
        let text = format!("{}: not a time of crontab(5)", shown(job.schedule));
        (text, Exit::Data)
    })?;
    Ok([
        file("service", service(job)),
        file("timer", timer(job, &schedule)),
    ])
}

fn service(job: &UnitJob<'_>) -> String {
    let mut text = format!(
        "[Unit]\nDescription=Run {} by ehlo\nDocumentation=man:ehlo-run(1)\n\n[Service]\nType=oneshot\n",
        description(job.name)
    );
    if let Some(user) = job.user {
        text.push_str(&format!("User={}\n", systemd_word(Path::new(user), "$")));
    }
    text.push_str("WorkingDirectory=~\n");
    for (name, value) in &job.environment {
        let setting = format!("{name}={value}");
        let setting = systemd_word(Path::new(&setting), "$");
        text.push_str(&format!("Environment={setting}\n"));
    }
    text + &format!("ExecStart={}\n", exec_start(&job.words))
}

fn timer(job: &UnitJob<'_>, schedule: &Schedule) -> String {
    let times = match schedule {
        Schedule::Start => "OnStartupSec=1s\n".to_owned(),
        Schedule::Calendar(events) => {
            let lines = events.iter().map(|event| format!("OnCalendar={event}\n"));
            lines.collect::<String>() + "AccuracySec=1s\n"
        }
    };
    format!(
        "[Unit]\nDescription=Start {}\n\n[Timer]\n{times}\n[Install]\nWantedBy=timers.target\n",
        description(job.name)
    )
}

/// A name in a description, where `%` begins a specifier.
fn description(name: &str) -> String {
    shown(name).replace('%', "%%")
}

/// Writes the files, none of which may exist with another text. Returns false if all existed.
pub(super) fn write_units(files: &[UnitFile]) -> Result<bool, Failure> {
    let mut missing = Vec::new();
    for file in files {
        match fs::read_to_string(&file.path) {
            Ok(text) if text == file.text => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(file),
            _ => {
                let path = shown_path(&file.path);
                let text = format!(
                    "{path} exists already; choose another --name, or remove the unit first"
                );
                return Err((text, Exit::CantCreate));
            }
        }
    }
    for file in &missing {
        write_unit(file).map_err(|error| {
            let path = shown_path(&file.path);
            let text = format!("cannot write {path}: {}", reason(&error));
            (text, Exit::CantCreate)
        })?;
    }
    Ok(!missing.is_empty())
}

fn write_unit(file: &UnitFile) -> io::Result<()> {
    let directory = file.path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(directory)?;
    let mut written = tempfile::Builder::new()
        .prefix(".ehlo-")
        .tempfile_in(directory)?;
    written.write_all(file.text.as_bytes())?;
    let readable = fs::Permissions::from_mode(0o644);
    written.as_file().set_permissions(readable)?;
    written.as_file().sync_all()?;
    written.persist_noclobber(&file.path)?;
    Ok(())
}

/// Removes the units of a job, if they are those of `ehlo run`. Returns the names of the files.
pub(super) fn remove_units(job: &str, directory: &Path) -> Result<Vec<String>, Failure> {
    let unit = unit_name(job);
    let service = directory.join(format!("{unit}.service"));
    let text = fs::read_to_string(&service).map_err(|error| {
        let path = shown_path(&service);
        (format!("{path}: {}", reason(&error)), Exit::NoInput)
    })?;
    if !text.contains("\nDocumentation=man:ehlo-run(1)\n") {
        let path = shown_path(&service);
        return Err((
            format!("{path} was not written by ehlo cron; it was not removed"),
            Exit::Data,
        ));
    }
    let mut removed = Vec::new();
    // The timer first: a timer without a service would be an error of systemd.
    for suffix in ["timer", "service"] {
        let path = directory.join(format!("{unit}.{suffix}"));
        match fs::remove_file(&path) {
            Ok(()) => removed.push(format!("{unit}.{suffix}")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let text = format!("cannot remove {}: {}", shown_path(&path), reason(&error));
                return Err((text, Exit::CantCreate));
            }
        }
    }
    Ok(removed)
}

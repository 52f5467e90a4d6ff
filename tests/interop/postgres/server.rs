//! A PostgreSQL server of the test, in a directory of its own. It listens on a unix socket, and ends with this process.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Where Debian has the programs of version 15.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

/// Runs the server until the standard input ends; "stop" and "kill" in it end the server earlier.
const WRAPPER: &str = r#"
"$@" 2>>"$0" & server=$!
while read -r word; do
    case $word in
        stop) kill -INT $server; break ;;
        kill) kill -QUIT $server; break ;;
    esac
done
kill -INT $server 2>/dev/null
wait $server
"#;

/// A server. The directory is removed when it is dropped.
pub struct Server {
    directory: TempDir,
    options: Vec<String>,
    /// The number in the name of its socket.
    port: u16,
    process: Child,
}

/// True if the programs are installed, and there is a user who may run them.
pub fn is_installed() -> bool {
    Path::new(PROGRAMS).join("postgres").exists() && user().is_some()
}

/// The options of setpriv for the user who runs the server, which refuses root; none for another user.
fn user() -> Option<(Vec<&'static str>, u32)> {
    if !rustix::process::geteuid().is_root() {
        return Some((Vec::new(), rustix::process::geteuid().as_raw()));
    }
    let passwd = fs::read_to_string("/etc/passwd").ok()?;
    let line = passwd.lines().find(|line| line.starts_with("postgres:"))?;
    let id = line.split(':').nth(2)?.parse().ok()?;
    let options = vec![
        "setpriv",
        "--reuid=postgres",
        "--regid=postgres",
        "--clear-groups",
    ];
    Some((options, id))
}

/// A command with the rights of that user.
fn command(program: &str) -> Command {
    let (mut words, _) = user().unwrap();
    let path = Path::new(PROGRAMS).join(program);
    let path = path.to_str().unwrap().to_owned();
    words.push(&path);
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}

impl Server {
    /// Starts a server with these settings, such as `fsync=off`.
    pub fn start(settings: &[&str]) -> Self {
        let options = settings
            .iter()
            .flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]);
        let mut initdb = command("initdb");
        initdb.args([
            "--auth=trust",
            "--username=ehlo",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
        ]);
        Self::start_with(initdb, options.collect())
    }

    /// Starts a server with the data that a command makes.
    fn start_with(mut make: Command, options: Vec<String>) -> Self {
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        chown(directory.path(), Some(user().unwrap().1), None).unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        make.arg("-D").arg(directory.path().join("data"));
        let made = make.current_dir("/").output().unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let mut server = Self {
            options,
            port: 5432,
            process: Command::new("true").spawn().unwrap(),
            directory,
        };
        server.run();
        server
    }

    /// Starts a standby of this server, which confirms a commit from then on only when the standby has it too.
    pub fn start_standby(&self) -> Self {
        let mut copy = command("pg_basebackup");
        copy.args([
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
            "--no-sync",
            "-U",
            "ehlo",
        ])
        .arg("-h")
        .arg(self.directory.path());
        let standby = Self::start_with(copy, self.options.clone());
        self.sql("alter system set synchronous_standby_names = '*'");
        self.sql("select pg_reload_conf()");
        while self.sql("select count(*) from pg_stat_replication where sync_state = 'sync'") != "1"
        {
        }
        standby
    }

    /// Starts the server again after [`Self::end`], and waits until it accepts connections.
    pub fn run(&mut self) {
        let _ = self.process.wait();
        let directory = self.directory.path();
        let server = command("postgres");
        self.process = Command::new("sh")
            .args(["-c", WRAPPER])
            .arg(directory.join("log"))
            .arg(server.get_program())
            .args(server.get_args())
            .arg("-D")
            .arg(directory.join("data"))
            .arg("-k")
            .arg(directory)
            .args(["-c", "listen_addresses="])
            .args(&self.options)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while !self.is_ready() {
            assert!(self.process.try_wait().unwrap().is_none(), "{}", self.log());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    fn is_ready(&self) -> bool {
        let psql = self
            .psql("select 1")
            .stderr(Stdio::null())
            .output()
            .unwrap();
        psql.status.success()
    }

    /// Ends the server by "stop", or without saving anything by "kill".
    pub fn end(&mut self, how: &str) {
        use std::io::Write as _;
        let mut input = self.process.stdin.take().unwrap();
        writeln!(input, "{how}").unwrap();
        let _ = self.process.wait();
    }

    /// The directory of its socket.
    pub fn directory(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// The log of the server.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// The URL of the database, over a socket in this directory, with these parameters in addition.
    pub fn url_over(directory: &Path, parameters: &str) -> String {
        format!(
            "postgres://ehlo@/postgres?host={}{parameters}",
            directory.display()
        )
    }

    pub fn url(&self, parameters: &str) -> String {
        Self::url_over(self.directory.path(), parameters)
    }

    fn psql(&self, text: &str) -> Command {
        let mut psql = Command::new(Path::new(PROGRAMS).join("psql"));
        psql.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "ehlo",
            "-d",
            "postgres",
            "-h",
        ])
        .arg(self.directory.path())
        .args(["-p", &self.port.to_string(), "-c", text])
        .current_dir("/");
        psql
    }

    /// The output of a statement.
    #[track_caller]
    pub fn sql(&self, text: &str) -> String {
        let done = self.psql(text).output().unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        String::from_utf8(done.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }
}

impl Server {
    /// Listens on these addresses as well, for clients of the same networks.
    pub fn accept_from(&mut self, addresses: &[String]) {
        let rules = self.directory.path().join("data/pg_hba.conf");
        let mut text = fs::read_to_string(&rules).unwrap();
        for address in addresses {
            text.push_str(&format!("host all all {address}/30 trust\n"));
        }
        fs::write(rules, text).unwrap();
        let addresses = format!("listen_addresses={}", addresses.join(","));
        self.options.extend(["-c".to_owned(), addresses]);
        self.end("stop");
        self.run();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

impl Server {
    /// Listens on TCP as well, with TLS and passwords only.
    pub fn listen(&mut self, keys: &Path, port: u16) {
        let data = self.directory.path().join("data");
        for name in ["server.pem", "server.key"] {
            let file = data.join(name);
            fs::copy(keys.join(name), &file).unwrap();
            chown(&file, Some(user().unwrap().1), None).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let rules = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\nhostssl all all ::1/128 scram-sha-256\n";
        fs::write(data.join("pg_hba.conf"), rules).unwrap();
        for setting in [
            "ssl=on",
            "ssl_cert_file=server.pem",
            "ssl_key_file=server.key",
        ] {
            self.options.extend(["-c".to_owned(), setting.to_owned()]);
        }
        // The socket has the port in its name.
        self.options
            .extend(["-c".to_owned(), "listen_addresses=localhost".to_owned()]);
        self.options
            .extend(["-c".to_owned(), format!("port={port}")]);
        self.port = port;
        self.end("stop");
        self.run();
    }
}

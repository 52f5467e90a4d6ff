//! A queue in a PostgreSQL database, on a server of the test.

mod clocks;
mod mailbox;
mod model;
mod network;
mod proxy;
mod server;
mod sharing;
mod socket;
mod standby;

use crate::parts;
use mailbox::Mailbox;
use rustix::process::{Pid, Signal, kill_process};
use server::Server;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// A host with files of its own, whose queue is in a database.
struct Host {
    home: TempDir,
    /// The URL of the queue.
    url: String,
}

impl Host {
    fn new(url: String) -> Self {
        let host = Self {
            home: tempfile::tempdir().unwrap(),
            url,
        };
        host.configure("retry = [\"1s\"]\nspread = 0\nhost-down = \"1s\"\nper-host = 16\n");
        host
    }

    /// Writes the configuration with these keys in [queue].
    fn configure(&self, keys: &str) {
        let text = format!("[queue]\ndir = \"{}\"\n{keys}", self.url);
        fs::write(self.home.path().join("config.toml"), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ehlo"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.home.path())
            .env("EHLO_CONFIG", self.home.path().join("config.toml"))
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The standard output of a command that succeeds.
    #[track_caller]
    fn output(&self, arguments: &[&str]) -> String {
        let done = self.run(arguments);
        assert_eq!(
            done.status.code(),
            Some(0),
            "{arguments:?}: {}",
            errors(&done)
        );
        String::from_utf8(done.stdout).unwrap()
    }

    /// The errors of a command that ends with this status.
    #[track_caller]
    fn error(&self, arguments: &[&str], status: i32) -> String {
        let done = self.run(arguments);
        assert_eq!(
            done.status.code(),
            Some(status),
            "{arguments:?}: {}",
            errors(&done)
        );
        errors(&done)
    }

    /// The arguments that queue a message with this number.
    fn message<'a>(relay: &'a str, subject: &'a str) -> Vec<&'a str> {
        vec![
            "--queue-only",
            "-q",
            "--relay",
            relay,
            "--tls",
            "off",
            "-f",
            "alice@crepes.fr",
            "-s",
            subject,
            "-b",
            "hello",
            "bob@hamburger.edu",
        ]
    }

    /// Queues a message with this number.
    #[track_caller]
    fn queue(&self, mailbox: &Mailbox, number: usize) {
        self.output(&Self::message(
            &mailbox.relay(),
            &format!("number {number}"),
        ));
    }

    fn worker(&self) -> Worker {
        let mut command = self.command(&["queue", "run", "--watch"]);
        Worker(command.stdout(Stdio::null()).spawn().unwrap())
    }
}

fn errors(done: &Output) -> String {
    String::from_utf8_lossy(&done.stderr).into_owned()
}

/// A process that delivers, killed at the end of the test.
struct Worker(Child);

impl Worker {
    fn send(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.0), signal);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server with the tables of a queue, and a host; `None`: PostgreSQL is not installed.
fn world(settings: &[&str]) -> Option<(Server, Host)> {
    if !server::is_installed() {
        parts::skip("PostgreSQL 15 is not installed");
        return None;
    }
    let server = Server::start(settings);
    let host = Host::new(server.url("&lease=2s"));
    host.output(&["queue", "database", "init"]);
    Some((server, host))
}

#[test]
fn messages_pass_a_database_by_all_commands() {
    let Some((server, host)) = world(&["fsync=off"]) else {
        return;
    };
    let mailbox = Mailbox::start(0);
    assert!(
        host.error(&["queue", "database", "init"], 73)
            .contains("exists already")
    );
    assert!(
        host.output(&["queue", "database", "upgrade"])
            .contains("needs no upgrade")
    );
    host.queue(&mailbox, 1);
    let id = server.sql("select id from ehlo.item");
    assert!(host.output(&["queue", "list", "--json"]).contains(&id));
    assert!(
        host.output(&["queue", "show", &id])
            .contains("bob@hamburger.edu")
    );
    assert!(
        host.output(&["queue", "show", "--message", &id])
            .contains("Subject: number 1")
    );
    host.output(&["queue", "hold", &id]);
    host.output(&["queue", "run"]);
    assert!(mailbox.arrived().is_empty());
    host.output(&["queue", "release", &id]);
    assert!(host.output(&["queue", "status"]).starts_with("OK: 1 item,"));
    host.output(&["queue", "run"]);
    assert_eq!(mailbox.arrived().len(), 1);
    assert!(
        host.output(&["queue", "list"])
            .contains("The queue is empty")
    );
    // The sendmail front, which is run again for the one that cannot be delivered.
    let config = fs::read_to_string(host.home.path().join("config.toml")).unwrap();
    let profile = format!(
        "default = \"a\"\n{config}[profile.a]\nrelay = \"{}\"\ntls = \"off\"\n",
        mailbox.relay()
    );
    fs::write(host.home.path().join("config.toml"), profile).unwrap();
    let mail = host.home.path().join("mail");
    fs::write(&mail, "From: alice@crepes.fr\nSubject: number 2\n\nhi\n").unwrap();
    let mut sendmail = host.command(&[
        "sendmail",
        "-odq",
        "-f",
        "alice@crepes.fr",
        "bob@hamburger.edu",
    ]);
    let done = sendmail
        .stdin(fs::File::open(&mail).unwrap())
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", errors(&done));
    assert_eq!(server.sql("select count(*) from ehlo.item"), "1");
    // The route of a profile is that of the host that delivers.
    host.output(&["queue", "run"]);
    let numbers: Vec<_> = mailbox
        .arrived()
        .iter()
        .map(|arrived| arrived.number)
        .collect();
    assert_eq!(numbers, [Some(1), Some(2)]);
    let shown = host.output(&["queue", "database", "show"]);
    assert!(
        shown.contains("PostgreSQL 15") && shown.contains("version 1"),
        "{shown}"
    );
}

#[test]
fn a_worker_that_was_stopped_for_longer_than_its_lease_does_not_send_the_end_of_data() {
    let Some((server, host)) = world(&["fsync=off"]) else {
        return;
    };
    let mailbox = Mailbox::start(0);
    mailbox.hold_data();
    host.queue(&mailbox, 1);
    let stopped = host.worker();
    mailbox.wait_until_held();
    stopped.send(Signal::STOP);
    let _other = host.worker();
    mailbox.wait_for(1);
    mailbox.release();
    stopped.send(Signal::CONT);
    mailbox.wait_until_aborted();
    assert_eq!(mailbox.arrived().len(), 1);
    // Nothing was sent by the first worker, so that the message is not marked.
    assert!(!mailbox.arrived()[0].is_marked);
    while server.sql("select count(*) from ehlo.item") != "0" {}
}

#[test]
fn workers_wait_for_a_database_that_restarts_and_senders_do_not() {
    let Some((mut server, host)) = world(&["fsync=off"]) else {
        return;
    };
    let mailbox = Mailbox::start(0);
    let _worker = host.worker();
    host.queue(&mailbox, 1);
    mailbox.wait_for(1);
    server.end("kill");
    let relay = mailbox.relay();
    let error = host.error(&Host::message(&relay, "number 2"), 75);
    assert!(error.contains("neither queued nor sent"), "{error}");
    server.run();
    host.queue(&mailbox, 3);
    mailbox.wait_for(2);
    // The first message comes again if the database was killed before its delivery was recorded.
    if mailbox.arrived()[1].number == Some(1) {
        mailbox.wait_for(3);
    }
    let last = mailbox.arrived().last().map(|message| message.number);
    assert_eq!(last, Some(Some(3)));
}

#[test]
fn a_database_without_connections_or_with_read_only_access_is_temporary() {
    let Some((server, host)) = world(&["fsync=off"]) else {
        return;
    };
    let mailbox = Mailbox::start(0);
    server.sql("create role mail login; grant all on schema ehlo to mail; grant all on all tables in schema ehlo to mail");
    let mail = Host::new(host.url.replace("ehlo@", "mail@"));
    mail.queue(&mailbox, 1);
    server.sql("alter role mail connection limit 0");
    let error = mail.error(&["queue", "list"], 75);
    assert!(error.contains("too many connections"), "{error}");
    server.sql("alter role mail connection limit 10; alter role mail set default_transaction_read_only = on");
    let relay = mailbox.relay();
    let error = mail.error(&Host::message(&relay, "number 2"), 75);
    assert!(error.contains("accepts no changes"), "{error}");
    assert!(mail.output(&["queue", "list"]).contains("1 item"));
    server.sql("alter role mail reset default_transaction_read_only; alter role mail nologin");
    let error = mail.error(&["queue", "list"], 78);
    assert!(error.contains("not permitted to log in"), "{error}");
}

#[test]
fn a_pooler_in_transaction_mode_is_enough() {
    let Some((server, host)) = world(&["fsync=off"]) else {
        return;
    };
    if !parts::has("/usr/sbin/pgbouncer") {
        return;
    }
    let mailbox = Mailbox::start(0);
    let pooler = Pooler::start(&server);
    let pooled = Host::new(Server::url_over(pooler.directory.path(), "&lease=2s"));
    while !pooled.run(&["queue", "list"]).status.success() {}
    let _workers = [pooled.worker(), pooled.worker()];
    for number in 0..50 {
        pooled.queue(&mailbox, number);
    }
    mailbox.wait_for(50);
    drop(host);
    while server.sql("select count(*) from ehlo.item") != "0" {}
    assert_eq!(mailbox.arrived().len(), 50);
}

/// PgBouncer before a server, on a socket of its own.
struct Pooler {
    directory: TempDir,
    process: Child,
}

impl Pooler {
    fn start(server: &Server) -> Self {
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        let path = directory.path().display();
        let text = format!(
            "[databases]\npostgres = host={} user=ehlo\n[pgbouncer]\nlisten_addr =\nunix_socket_dir = {path}\n\
             listen_port = 5432\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 5\n\
             logfile = {path}/log\nignore_startup_parameters = extra_float_digits\n",
            server.directory().display()
        );
        let file = directory.path().join("pgbouncer.ini");
        fs::write(&file, text).unwrap();
        let mut command = Command::new("/usr/sbin/pgbouncer");
        if rustix::process::geteuid().is_root() {
            let owner = fs::metadata(server.directory().join("data")).unwrap();
            let owner = std::os::unix::fs::MetadataExt::uid(&owner);
            chown(directory.path(), Some(owner), None).unwrap();
            chown(&file, Some(owner), None).unwrap();
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
            command.args(["-u", "postgres"]);
        }
        let process = command
            .arg("-q")
            .arg(&file)
            .current_dir("/")
            .spawn()
            .unwrap();
        Self { directory, process }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_message_of_64_mib_passes_in_constant_memory() {
    let Some((server, host)) = world(&["fsync=off"]) else {
        return;
    };
    let mailbox = Mailbox::start(0);
    let large = host.home.path().join("large");
    let line = [b"x".repeat(70), b"\r\n".to_vec()].concat();
    let mut text = b"From: alice@crepes.fr\r\nSubject: number 1\r\n\r\n".to_vec();
    text.extend(line.repeat((64 << 20) / line.len()));
    fs::write(&large, &text).unwrap();
    let relay = mailbox.relay();
    let message = large.to_str().unwrap();
    let queue = [
        "--queue-only",
        "-q",
        "--relay",
        &relay,
        "--tls",
        "off",
        "--message",
        message,
        "bob@hamburger.edu",
    ];
    let most = 48 << 10;
    let queued = peak(&mut host.command(&queue));
    assert!(queued < most, "{queued} KiB");
    let parts: usize = server
        .sql("select count(*) from ehlo.body")
        .parse()
        .unwrap();
    assert!(parts >= 256, "{parts}");
    let delivered = peak(&mut host.command(&["queue", "run"]));
    assert!(delivered < most, "{delivered} KiB");
    assert!(mailbox.arrived()[0].octets >= text.len());
    assert_eq!(server.sql("select count(*) from ehlo.body"), "0");
}

/// Runs a command to its successful end, and returns the most memory that was resident, in KiB.
fn peak(command: &mut Command) -> u64 {
    let mut timed = Command::new("python3");
    let script = "import os,resource,subprocess,sys\nr=subprocess.run(sys.argv[1:]).returncode\n\
         print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\nsys.exit(r)";
    timed
        .args(["-c", script])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            timed.env(name, value);
        }
    }
    let done = timed.output().unwrap();
    assert!(done.status.success(), "{}", errors(&done));
    String::from_utf8_lossy(&done.stdout)
        .lines()
        .last()
        .unwrap()
        .parse()
        .unwrap()
}

/// Makes a certificate for localhost, and its key, by a CA that is made as well.
fn certificates(directory: &Path) {
    let script = "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=test -days 2 &&\
         openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost &&\
         printf 'subjectAltName=DNS:localhost' >ext &&\
         openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out server.pem";
    let made = Command::new("sh")
        .args(["-c", script])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", errors(&made));
}

#[test]
fn a_connection_over_the_network_is_encrypted_verified_and_logged_in() {
    if !server::is_installed() {
        return parts::skip("PostgreSQL 15 is not installed");
    }
    let mut server = Server::start(&["fsync=off"]);
    let keys = tempfile::tempdir().unwrap();
    certificates(keys.path());
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    server.sql(
        "create role mail login password 'sec:ret'; grant create on database postgres to mail",
    );
    server.listen(keys.path(), port);
    let ca = keys.path().join("ca.pem");
    let url = format!(
        "postgres://mail@localhost:{port}/postgres?sslrootcert={}",
        ca.display()
    );
    let host = Host::new(url.clone());
    let error = host.error(&["queue", "database", "init"], 78);
    assert!(error.contains("password"), "{error}");
    let secret = host.home.path().join("secret");
    fs::write(&secret, "wrong\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    host.configure(&format!("password-file = \"{}\"\n", secret.display()));
    let error = host.error(&["queue", "database", "init"], 78);
    assert!(error.contains("password authentication failed"), "{error}");
    fs::write(&secret, "sec:ret\n").unwrap();
    host.output(&["queue", "database", "init"]);
    host.configure("password-command = \"echo sec:ret\"\n");
    host.output(&["queue", "list"]);
    host.configure("");
    let passes = host.home.path().join(".pgpass");
    fs::write(
        &passes,
        format!("localhost:{port}:postgres:mail:sec\\:ret\n"),
    )
    .unwrap();
    fs::set_permissions(&passes, fs::Permissions::from_mode(0o644)).unwrap();
    host.error(&["queue", "list"], 78);
    fs::set_permissions(&passes, fs::Permissions::from_mode(0o600)).unwrap();
    host.output(&["queue", "list"]);
    let encrypted = server.sql("select bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'mail'");
    assert!(["", "t"].contains(&encrypted.as_str()), "{encrypted}");
    // A certificate of another CA, and no certificate at all.
    let other = Host::new(format!("postgres://mail@localhost:{port}/postgres"));
    let error = other.error(&["queue", "list"], 78);
    assert!(
        error.contains("certificate") || error.contains("issuer") || error.contains("Issuer"),
        "{error}"
    );
    let plain = Host::new(url.replace('?', "?sslmode=disable&"));
    fs::copy(&passes, plain.home.path().join(".pgpass")).unwrap();
    let error = plain.error(&["queue", "list"], 78);
    assert!(error.contains("no encryption"), "{error}");
}

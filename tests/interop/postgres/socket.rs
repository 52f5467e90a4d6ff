//! The submission socket over a database: users of a host without a disk queue mail without access to the database.

use crate::postgres::mailbox::Mailbox;
use crate::postgres::{Host, Worker, errors, world};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Output, Stdio};

/// A host whose socket is served, with a relay for its users.
struct Served {
    host: Host,
    _server: Worker,
}

impl Served {
    fn start(url: &str, relay: &str) -> Self {
        let host = Host::new(url.to_owned());
        let config = host.home.path().join("config.toml");
        let text = fs::read_to_string(&config).unwrap();
        let more = format!(
            "[profile.out]\nrelay = \"{relay}\"\ntls = \"off\"\n[sendmail]\naliases = \"/dev/null\"\n"
        );
        fs::write(&config, format!("default = \"out\"\n{text}{more}")).unwrap();
        let socket = socket(&host);
        let mut serve = host.command(&["queue", "serve", "--socket", socket.to_str().unwrap()]);
        let mut server = serve.stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(server.stderr.take().unwrap())
            .read_line(&mut said)
            .unwrap();
        assert!(said.contains("accepting mail on"), "{said}");
        Self {
            host,
            _server: Worker(server),
        }
    }

    /// Calls sendmail as a user who knows the socket only.
    fn sendmail(&self, number: usize) -> Output {
        let message = self.host.home.path().join(format!("message{number}"));
        fs::write(&message, format!("Subject: number {number}\n\nhello\n")).unwrap();
        let home = self.host.home.path().join("user");
        fs::create_dir_all(&home).unwrap();
        let config = home.join("config.toml");
        let text = format!(
            "[queue]\ndir = \"{}\"\n[sendmail]\naliases = \"/dev/null\"\n",
            home.join("own").display()
        );
        fs::write(&config, text).unwrap();
        let arguments = ["sendmail", "-f", "alice@crepes.fr", "bob@hamburger.edu"];
        let mut command = self.host.command(&arguments);
        command
            .env("HOME", home)
            .env("EHLO_CONFIG", config)
            .env("EHLO_SUBMIT_SOCKET", socket(&self.host))
            .stdin(fs::File::open(message).unwrap());
        command.output().unwrap()
    }

    /// The items in the queue that the user has without the service.
    fn own_items(&self) -> usize {
        let files = fs::read_dir(self.host.home.path().join("user/own/items"));
        let names = files
            .into_iter()
            .flatten()
            .flatten()
            .map(|file| file.file_name());
        names
            .filter(|name| !name.to_string_lossy().contains('.'))
            .count()
    }
}

fn socket(host: &Host) -> PathBuf {
    host.home.path().join("submit.sock")
}

#[test]
fn the_submission_socket_queues_in_a_database() {
    let Some((mut server, host)) = world(&["fsync=off"]) else {
        return;
    };
    let mailbox = Mailbox::start(0);
    let served = Served::start(&host.url, &mailbox.relay());
    for number in 0..3 {
        let done = served.sendmail(number);
        assert_eq!(done.status.code(), Some(0), "{}", errors(&done));
    }
    // The service starts a run for each message, as there is no worker.
    mailbox.wait_for(3);
    while server.sql("select count(*) from ehlo.item") != "0" {}
    // With a worker on any host, it starts none.
    let _worker = served.host.worker();
    while server.sql("select count(*) from ehlo.worker where role = 'watch'") != "1" {}
    assert_eq!(served.sendmail(3).status.code(), Some(0));
    mailbox.wait_for(4);
    // While the database is down, the user keeps the message.
    server.end("stop");
    let done = served.sendmail(4);
    assert_eq!(done.status.code(), Some(0), "{}", errors(&done));
    assert_ne!(served.own_items(), 0);
    server.run();
    assert_eq!(served.sendmail(5).status.code(), Some(0));
    mailbox.wait_for(5);
    assert_eq!(served.own_items(), 1);
}

#[test]
fn messages_that_arrive_while_a_run_ends_are_delivered() {
    let Some((server, host)) = world(&["fsync=off"]) else {
        return;
    };
    let mailbox = Mailbox::start(0);
    let served = Served::start(&host.url, &mailbox.relay());
    // No worker waits for items: each message is found by a run that goes on, or by one that it starts.
    for burst in 0..8 {
        for number in 0..=burst {
            let done = served.sendmail(number);
            assert_eq!(done.status.code(), Some(0), "{}", errors(&done));
        }
        mailbox.wait_for((0..=burst).map(|before| before + 1).sum());
    }
    while server.sql("select count(*) from ehlo.item") != "0" {}
}

//! Eight workers in four network namespaces, which are killed, stopped for longer than their lease, and cut off from the
//! network for as long, at random, while messages are queued over connections that are cut as well, and the server is killed. Each message is delivered
//! once, or every delivery but one is announced as a possible duplicate; no message that was reported as queued is lost;
//! and the claims of an item follow each other.

use crate::postgres::mailbox::Mailbox;
use crate::postgres::network::Network;
use crate::postgres::proxy::Proxy;
use crate::postgres::server::Server;
use crate::postgres::{Host, Worker, world};
use fastrand::Rng;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Messages, unless `EHLO_WORKERS` has another number.
const MESSAGES: usize = 150;

/// Processes that queue messages at one time.
const SENDERS: usize = 4;

const WORKERS: usize = 8;

/// Longer than a lease.
const STOPPED: Duration = Duration::from_secs(3);

/// Messages that arrive between two faults, at most.
const BETWEEN: usize = 20;

fn number(variable: &str) -> Option<usize> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Queues messages until all numbers are given, and returns those that were reported as queued.
fn send(host: &Host, mailbox: &Mailbox, next: &AtomicUsize, messages: usize) -> Vec<usize> {
    let (mut queued, relay) = (Vec::new(), mailbox.relay());
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= messages {
            return queued;
        }
        let done = host.run(&Host::message(&relay, &format!("number {number}")));
        match done.status.code() {
            Some(0) => queued.push(number),
            // Its queueing may have succeeded, or not.
            Some(75) => {}
            other => panic!("{other:?}: {}", String::from_utf8_lossy(&done.stderr)),
        }
    }
}

/// Where the workers run.
struct Places {
    /// `None`: all of them here.
    network: Option<Network>,
    /// The hosts, whose URL of the database differs.
    hosts: Vec<Host>,
    proxy: Proxy,
}

impl Places {
    fn start(server: &mut Server) -> Self {
        let proxy = Proxy::start(&server.directory());
        let network = Network::start();
        let urls = match &network {
            Some(network) => {
                let gateways = network.gateways();
                server.accept_from(&gateways);
                let url = |address| {
                    format!("postgres://ehlo@{address}/postgres?sslmode=disable&lease=2s")
                };
                gateways.iter().map(url).collect()
            }
            None => vec![Server::url_over(&proxy.directory(), "&lease=2s")],
        };
        Self {
            network,
            hosts: urls.into_iter().map(Host::new).collect(),
            proxy,
        }
    }

    fn start_worker(&self, number: usize) -> Worker {
        let Some(network) = &self.network else {
            return self.hosts[0].worker();
        };
        let host = Network::host_of(number);
        let plain = self.hosts[host].command(&["queue", "run", "--watch"]);
        let mut command = network.command(host, &plain);
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
        Worker(quiet.stderr(Stdio::null()).spawn().unwrap())
    }
}

/// The workers, and the faults that they suffer.
struct Faults<'a> {
    places: &'a Places,
    workers: Vec<Worker>,
    /// Workers that were stopped, and hosts that were cut off.
    stopped: Vec<(usize, Instant)>,
    cut_off: Vec<(usize, Instant)>,
    counts: BTreeMap<&'static str, usize>,
    rng: Rng,
}

impl Faults<'_> {
    fn make(&mut self, server: &mut Server) {
        let worker = self.rng.usize(..WORKERS);
        let fault = match self.rng.u32(..100) {
            0..=34 => {
                self.workers[worker] = self.places.start_worker(worker);
                self.stopped.retain(|(stopped, _)| *stopped != worker);
                "killed"
            }
            35..=59 => {
                self.workers[worker].send(Signal::STOP);
                self.stopped.push((worker, Instant::now()));
                "stopped"
            }
            60..=77 if self.places.network.is_some() => {
                let host = Network::host_of(worker);
                self.set_link(host, false);
                self.cut_off.push((host, Instant::now()));
                "cut off"
            }
            60..=96 => {
                self.places.proxy.cut();
                "cut"
            }
            _ if self.counts.get("restarted").is_none_or(|count| *count < 3) => {
                server.end("kill");
                server.run();
                "restarted"
            }
            _ => "none",
        };
        *self.counts.entry(fault).or_default() += 1;
    }

    fn set_link(&self, host: usize, is_up: bool) {
        if let Some(network) = &self.places.network {
            network.set_link(host, is_up);
        }
    }

    /// Continues the workers that were stopped, and mends the links that were cut, if it was for long enough, or all.
    fn go_on(&mut self, all: bool) {
        let mut over = |list: fn(&mut Self) -> &mut Vec<(usize, Instant)>| {
            let is_over = |(_, since): &mut (usize, Instant)| all || since.elapsed() > STOPPED;
            list(self).extract_if(.., is_over).collect::<Vec<_>>()
        };
        let (workers, hosts) = (
            over(|faults| &mut faults.stopped),
            over(|faults| &mut faults.cut_off),
        );
        for (worker, _) in workers {
            self.workers[worker].send(Signal::CONT);
        }
        for (host, _) in hosts {
            self.set_link(host, true);
        }
    }
}

#[test]
fn eight_workers_deliver_each_message_once_or_announce_a_duplicate() {
    let Some((mut server, direct)) = world(&[]) else {
        return;
    };
    let messages = number("EHLO_WORKERS").unwrap_or(MESSAGES);
    let seed = number("EHLO_SEED").map_or_else(|| fastrand::u64(..), |seed| seed as u64);
    eprintln!("EHLO_SEED={seed}");
    server.sql(
        "create table history(number bigserial, id text, epoch bigint, entry text); \
         create function note() returns trigger language plpgsql as $$ begin \
           insert into history(id, epoch, entry) values (new.id, new.epoch, new.entry); return null; end $$; \
         create trigger note after insert on ehlo.note for each row execute function note()",
    );
    let (mailbox, places) = (Mailbox::start(2), Places::start(&mut server));
    // Those who queue messages are on this host.
    let host = Host::new(Server::url_over(&places.proxy.directory(), "&lease=2s"));
    drop(direct);
    let mut faults = Faults {
        places: &places,
        workers: (0..WORKERS)
            .map(|number| places.start_worker(number))
            .collect(),
        stopped: Vec::new(),
        cut_off: Vec::new(),
        counts: BTreeMap::new(),
        rng: Rng::with_seed(seed),
    };
    let (next, queued, begun) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Instant::now());
    thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                scope.spawn(|| {
                    let sent = send(&host, &mailbox, &next, messages);
                    queued.lock().unwrap().extend(sent);
                })
            })
            .collect();
        while !senders.iter().all(thread::ScopedJoinHandle::is_finished) {
            mailbox.wait_some(faults.rng.usize(1..=BETWEEN), Duration::from_secs(1));
            faults.go_on(false);
            faults.make(&mut server);
        }
    });
    faults.go_on(true);
    while server.sql("select count(*) from ehlo.item where failed is null") != "0" {
        mailbox.wait_some(BETWEEN, Duration::from_secs(1));
    }
    let queued = queued.into_inner().unwrap();
    let arrived = mailbox.arrived();
    eprintln!(
        "{} of {messages} queued; {} arrived, {} of them marked, {} reports, in {:?}; {:?}{}",
        queued.len(),
        arrived.len(),
        arrived.iter().filter(|message| message.is_marked).count(),
        arrived.iter().filter(|message| message.is_report).count(),
        begun.elapsed(),
        faults.counts,
        if places.network.is_some() {
            ""
        } else {
            "; without namespaces"
        },
    );
    check_deliveries(&mailbox, &queued);
    check_claims(&server);
}

/// No message that was queued is lost, and at most one copy of each is not announced as a duplicate.
pub fn check_deliveries(mailbox: &Mailbox, queued: &[usize]) {
    let (mut plain, mut all) = (BTreeMap::new(), BTreeMap::new());
    for arrived in mailbox.arrived() {
        let number = arrived.number.unwrap();
        *all.entry(number).or_insert(0) += 1;
        // After three crashes in a row, the sender is told that the message was given up.
        if !arrived.is_marked && !arrived.is_report {
            *plain.entry(number).or_insert(0) += 1;
        }
    }
    let lost: Vec<_> = queued
        .iter()
        .filter(|number| !all.contains_key(number))
        .collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    let twice: Vec<_> = plain.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "not announced: {twice:?}");
}

/// Once another claim has written a record of an item, the one before it writes no more.
fn check_claims(server: &Server) {
    let mixed = server.sql(
        "select id from (select id, epoch, number, \
           lag(epoch) over (partition by id order by number) is distinct from epoch as is_new from history) h \
         where is_new group by id, epoch having count(*) > 1",
    );
    assert_eq!(mixed, "", "records of two claims are mixed");
    assert_ne!(server.sql("select count(*) from history"), "0");
}

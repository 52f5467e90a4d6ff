//! End-to-end tests: the program against a scripted server that plays fair, and against servers that
//! do not.

// A test may panic if there are no threads.
#![allow(clippy::disallowed_methods)]

mod authority;
#[allow(dead_code)]
#[path = "../dns/authority.rs"]
mod dns;
mod encrypted;
mod executable;
mod mailbox;
mod mailbox_starttls;
mod message;
#[path = "../dns/network.rs"]
mod network;
mod policy_host;
mod program;
mod provider;
mod receiver;
mod relay;
mod sasl;
mod schema;
mod server;
mod spool;
mod terminal;

mod alerts;
mod arguments;
mod auth;
mod bench;
mod bodies;
mod breaks;
mod cases;
mod certificates;
mod check;
mod check_hosts;
mod chunks;
mod config;
mod converted;
mod copies;
mod courier;
mod cron;
mod crypt;
mod deviations;
mod discover;
mod dkim;
mod doctor;
mod examples;
mod fallback;
mod fetch;
mod files;
mod first_setup;
mod floods;
mod help;
mod import;
mod jobs;
mod load;
mod mail;
mod mail_log;
mod merge;
mod msmtp;
mod notify;
mod oauth;
mod output;
mod pattern;
mod ping;
mod pipes;
mod probe;
mod probe_dane;
mod prompt;
mod proxy;
mod queue;
mod queue_damage;
mod queue_relays;
mod queue_runs;
mod refusals;
mod replies;
mod roundtrip;
mod run;
mod script;
mod secrets;
mod seen;
mod several;
mod severed;
mod show;
mod sink;
mod sink_faults;
mod sink_web;
mod starttls;
mod strays;
mod sts;
mod submit;
mod swaks;
mod systemd;
mod texts;
mod tls;
mod tls_scan;
mod units;
mod verify;
mod ways;

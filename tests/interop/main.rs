//! Against real parts: Postfix takes the mail, smtp-sink misbehaves, and other people's readers read
//! what we compose. Where a part is not installed its tests are skipped with a reason, unless
//! `EHLO_INTEROP=required`.

// A test may panic if there are no threads.
#![allow(clippy::disallowed_methods)]

#[expect(dead_code, reason = "the tests of routing ask more of it")]
#[path = "../dns/authority.rs"]
mod authority;
mod ca;
mod crypt;
mod dovecot;
mod entity;
mod exchanger;
#[path = "../cli/executable.rs"]
mod executable;
mod keeper;
mod mailbox_server;
#[path = "../dns/network.rs"]
mod network;
mod package;
mod parts;
#[path = "../cli/policy_host.rs"]
mod policy_host;
mod postfix;
mod reader;
#[expect(dead_code, reason = "the tests of the program alone ask more of it")]
#[path = "../cli/receiver.rs"]
mod receiver;
mod run;
mod s_server;
mod smtp_sink;
mod submission;
mod submit;
mod terminal;

mod abilities;
mod auth;
mod bench;
mod callers;
mod certificates;
mod command_lines;
mod completions;
mod crash;
mod cron;
mod crypt_faults;
mod dane;
mod delivery;
mod discover;
mod dkim;
mod domains;
mod encryption;
mod exim;
mod faults;
mod fetch;
mod git_credential;
mod host;
mod hostile_page;
mod hosts;
mod import;
mod jobs;
mod large;
mod layers;
mod load;
mod mail_log;
mod mailpit;
mod matrix;
mod netrc;
mod oauth;
mod odd_tls;
mod page;
mod pipes;
#[cfg(feature = "postgres")]
mod postgres;
mod proxy;
mod reading;
mod refusals;
mod reports;
mod roundtrip;
mod script;
mod signed;
mod sink;
mod smime;
mod stand_ins;
mod sts;
mod swaks;
mod swaks_stand_in;
mod tls_scan;
mod verify;

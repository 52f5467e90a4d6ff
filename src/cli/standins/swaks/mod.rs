//! `ehlo swaks`, and this program by the name of swaks: the command line, the output and the session of swaks
//! 20240103.0. It uses neither the configuration nor the profiles of this program.
//!
//! - `options.rs`, `getopt.rs`, `sources.rs`, `given.rs`: the options, how they are parsed, where they come from, and
//!   how their arguments are obtained.
//! - `plan.rs`: every default decided, with `stages.rs`, `link.rs`, `mx.rs`, `tls_options.rs`, `auth_options.rs`,
//!   `xclient.rs`, `proxy.rs`, and `additions.rs` for what swaks does not have.
//! - `message.rs`, `mime.rs`: the message.
//! - `dump.rs`: the plan as text.
//! - `steps.rs`: the session, on `talk.rs` (commands and replies), `connect.rs`, `starttls.rs` with `certificate.rs`,
//!   and
//!   `login.rs` with `digest_md5.rs` and `ntlm.rs`.
//! - `printer.rs`: the output.
//! - `octets.rs`: texts of octets.

mod additions;
mod auth_options;
mod certificate;
mod command_line;
mod connect;
mod digest_md5;
mod dump;
mod getopt;
mod given;
mod identity;
mod link;
mod login;
mod message;
mod mime;
mod mx;
mod ntlm;
mod octets;
mod offers;
mod options;
mod plan;
mod printer;
mod proxy;
mod run;
mod sources;
mod stages;
mod starttls;
mod steps;
mod talk;
mod tls_options;
mod xclient;

pub use run::option_rows;
pub(crate) use run::{Swaks, run};

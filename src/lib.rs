//! `ehlo` builds a mail from arguments and files, finds the server that takes it, delivers it while
//! printing the conversation, and tells the caller what became of every recipient.
//!
//! # How a message walks through the house
//!
//! ```text
//! arguments -> plan -> message -> route -> wire -> session -> outcome -> exit code
//!                                    \       \        \-> watch -> transcript
//! ```
//!
//! One that is kept goes from `message` into the `queue`, and on from there, now or later, in the hands of
//! the `courier`.
//!
//! | room | what lives there | the only room that knows |
//! |---|---|---|
//! | [`args`] | what was said: one `clap::Args` struct per help heading | clap |
//! | [`config`] | the configuration file: where it is, who may write it, its profiles | toml |
//! | [`plan`] | what will be done: plain data, defaults decided once | |
//! | [`message`] | headers, MIME tree, attachments, line ends; out comes an envelope and a stream of blocks that can be read again | `mime_guess` |
//! | [`rewrite`] | what becomes of addresses: aliases, missing domains, those that a relay does not take | |
//! | [`route`] | MX order, null MX, fallback to A and AAAA, relay | hickory, tokio |
//! | [`wire`] | TCP, unix sockets, commands, the race of addresses, TLS, buffers, deadlines | rustls's client side |
//! | [`session`] | the SMTP dialogue (pure), and the one loop that drives it over a wire | rsasl |
//! | [`credentials`] | where passwords and tokens come from, and how they stay secret | termios |
//! | [`outcome`] | a fate per recipient, and which exit status they make together | |
//! | [`queue`] | the durable spool: items, their journals, the schedule of retries | |
//! | [`deliver`] | the recipe: message, route, wire and session, outcome | |
//! | [`ready`] | a way with all that it needs: keys, trust, password | |
//! | [`courier`] | takes items out of the queue and delivers them; tells senders of failures | |
//! | [`transcript`] | what a person or a program sees: Stevens text, that of swaks, octets, times, JSON lines | |
//! | [`check`] | what can be found out about a server without sending mail | |
//! | [`doctor`] | what this host would do with a mail from cron, step by step, without sending it | |
//! | [`job`] | commands that are run for somebody who is not there, what they write, and how that is told | flate2, `regex_lite` |
//! | [`alert`] | what is known of a job between its runs: whom to tell what, and when; digests | `regex_lite` |
//! | [`script`] | a language to hold a conversation and check it, and the scripts that come along | `regex_lite` |
//! | [`sink`] | a receiving server for demos, tests and people's own scripts | rustls's server side, rcgen |
//! | [`verbs`] | one file a verb; the only code that touches stdout and stderr | anyhow |
//!
//! Leaves, free to all: [`address`], [`blocks`], [`certificate`], [`envelope`], [`exit`], [`figures`], [`host`], [`mbox`], [`pattern`], [`peer`], [`place`], [`process`], [`program`], [`secret`], [`stop`], [`text`], [`time`], [`watch`].
//!
//! # Who may use whom
//!
//! Each room uses some of those above it. `tests/layers.rs` reads this table and the `use crate::` lines.
//!
//! ```text
//! config      ->
//! rewrite     ->
//! route       ->
//! wire        ->
//! credentials ->
//! job         ->
//! alert       ->
//! message     -> rewrite
//! session     -> wire
//! sink        -> wire
//! script      -> route wire session
//! outcome     -> route wire session
//! transcript  -> session outcome
//! queue       -> outcome
//! deliver     -> route wire message session outcome
//! check       -> route wire session outcome deliver
//! plan        -> config rewrite route wire credentials job alert message session sink script transcript queue check
//! args        -> config rewrite route wire credentials job alert message session sink script transcript queue check plan
//! ready       -> route wire credentials deliver plan
//! courier     -> route message session outcome queue deliver plan ready
//! doctor      -> rewrite route credentials session outcome queue deliver check plan ready
//! verbs       -> rewrite route wire credentials job alert message session sink script outcome transcript queue deliver check plan ready courier doctor
//! ```

// A test may panic if there are no threads.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod address;
pub mod alert;
pub mod args;
pub mod blocks;
pub mod certificate;
pub mod check;
pub mod config;
pub mod courier;
pub mod credentials;
pub mod deliver;
pub mod doctor;
pub mod envelope;
pub mod exit;
pub mod figures;
pub mod host;
pub mod job;
pub mod mbox;
pub mod message;
pub mod outcome;
pub mod pattern;
pub mod peer;
pub mod place;
pub mod plan;
pub mod process;
pub mod program;
pub mod queue;
pub mod ready;
pub mod rewrite;
pub mod route;
pub mod script;
pub mod secret;
pub mod session;
pub mod sink;
pub mod stop;
pub mod text;
pub mod time;
pub mod transcript;
pub mod verbs;
pub mod watch;
pub mod wire;

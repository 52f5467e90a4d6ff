//! Routing against a real DNS: hickory's authority on loopback answers, scripted SMTP servers on
//! 127.0.0.2 and its neighbours take the mail, and `ehlo` runs as people run it.

// A test may panic if there are no threads.
#![allow(clippy::disallowed_methods)]

mod authority;
mod batches;
mod exchangers;
mod network;
mod run;

mod addresses;
mod aliases;
mod answers;
mod dane;
mod envelope;
mod failover;
mod model;
mod order;
mod ourselves;
mod probe;
mod proxy;
mod resolver;

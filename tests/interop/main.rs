//! Against real parts: Postfix takes the mail, smtp-sink misbehaves, and other people's readers read
//! what we compose. Where a part is not installed its tests are skipped with a reason, unless
//! `EHLO_INTEROP=required`.

mod entity;
mod parts;
mod postfix;
mod reader;
mod run;
mod smtp_sink;

mod abilities;
mod delivery;
mod faults;
mod large;
mod matrix;
mod reading;
mod refusals;
mod signed;

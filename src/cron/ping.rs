//! Messages to a monitoring service about the start and the end of a job, as healthchecks.io and its relatives
//! expect them: `URL/start`, `URL`, and `URL/fail`. Who gets none in time raises an alarm.

use crate::client::events::Silent;
use crate::client::http::{HttpClient, Request, Response, Url, tls_options};
use crate::client::route::{RouteOptions, Router};
use crate::client::wire::Tls;
use crate::client::wire::tls::TlsOptions;
use crate::cron::job::JobEnding;
use crate::system::secret::Secret;
use crate::system::text::reason;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

/// Time limit of each message.
const LIMIT: Duration = Duration::from_secs(10);

/// Maximum size of an answer, which is not read.
const MAX_BODY: usize = 64 * 1024;

/// A message that is sent while the job runs.
pub struct Pending(Option<JoinHandle<Result<(), String>>>);

/// Sends the message that the job starts. The job does not wait for it.
pub fn job_starts(url: &Url) -> Pending {
    let url = url.below("start");
    let sending = thread::Builder::new().spawn(move || send(&Request::get(&url)));
    Pending(sending.ok())
}

impl Pending {
    /// Waits until the message was sent.
    ///
    /// # Errors
    /// It could not be sent. A sentence.
    pub fn finish(self) -> Result<(), String> {
        match self.0.map(JoinHandle::join) {
            Some(Ok(sent)) => sent,
            _ => Err("cannot start a thread".to_owned()),
        }
    }
}

/// Sends the message that the job has ended, with its exit status if it failed.
///
/// # Errors
/// It could not be sent. A sentence.
pub fn job_ended(url: &Url, ending: &JobEnding) -> Result<(), String> {
    if ending.is_success() {
        return send(&Request::get(url));
    }
    let text = format!("exit status {}\n", ending.status());
    let body = Secret::new(text.into_bytes());
    send(&Request::post(&url.below("fail"), "text/plain", body))
}

/// The path of the URL is known to its owner only, and is not part of errors.
fn send(request: &Request<'_>) -> Result<(), String> {
    let route = RouteOptions::direct();
    let tls = Tls::new(&tls_options(&TlsOptions::default()));
    let client = HttpClient {
        router: &Router::new(&route),
        proxy_login: None,
        tls: &tls.map_err(|error| reason(&error))?,
        limit: LIMIT,
        max_body: MAX_BODY,
    };
    match client.send(request, &mut Silent) {
        Ok(Response {
            status: 200..=299, ..
        }) => Ok(()),
        Ok(Response {
            status: status @ 300..=399,
            ..
        }) => Err(format!(
            "it redirects (status {status}), which is not followed"
        )),
        Ok(Response { status, .. }) => Err(format!("it returned status {status}")),
        Err(error) => Err(error.to_string()),
    }
}

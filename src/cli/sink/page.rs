//! Runs the page and the API beside the server.

use crate::cli::sink::SinkFailure;
use crate::cli::sink::{MessageOutput, MessagePlan, WebOptions};
use crate::cli::terminal::complain;
use crate::server::web::{Catcher, SessionLogs, WebServer};
use crate::server::{MessageStore, Server, ServerError, ServerObserver};
use std::sync::Arc;
use std::thread;

/// The store of the page. `None`: no page was requested.
pub fn catcher<'e>(
    plan: &MessagePlan,
    events: &'e dyn ServerObserver,
) -> Result<Option<Catcher<'e>>, SinkFailure> {
    let Some(web) = &plan.web else {
        return Ok(None);
    };
    let sessions = SessionLogs::new(events);
    let (what, opened) = match &plan.output {
        MessageOutput::Maildir(path) => (
            format!("read the Maildir {}", path.display()),
            Catcher::in_maildir(path, web.retention, sessions),
        ),
        _ => (
            format!(
                "create a temporary file in {}",
                std::env::temp_dir().display()
            ),
            Catcher::in_memory(web.retention, sessions),
        ),
    };
    let failed = |source| SinkFailure::File { what, source };
    opened.map(Some).map_err(failed)
}

/// Serves mail and HTTP until the server for mail ends. Returns the number of accepted messages.
pub fn serve(
    sink: Server,
    (options, catcher): (&WebOptions, &Catcher<'_>),
    store: &dyn MessageStore,
) -> Result<u64, SinkFailure> {
    let allow_remote = sink.allows_remote();
    let web = WebServer::bind(&options.listen, options.names.clone(), allow_remote)?;
    for place in web.places() {
        complain(&format!("page and API at http://{place}/"));
    }
    let faults = sink.faults();
    let stopper = web.stopper().map_err(SinkFailure::Signals)?;
    thread::scope(|scope| {
        let failed = |error| SinkFailure::Sink(ServerError::Accept(error));
        let answering = thread::Builder::new()
            .spawn_scoped(scope, || {
                let served = web.serve(catcher, &Arc::clone(&faults));
                if let Err(error) = served {
                    complain(&error.to_string());
                }
            })
            .map_err(failed)?;
        // Without this thread, the first request after many messages takes longer.
        let _ = thread::Builder::new().spawn_scoped(scope, || catcher.summarize());
        let accepted = sink.serve(store, &catcher.sessions);
        stopper.stop();
        let _ = answering.join();
        Ok(accepted?)
    })
}

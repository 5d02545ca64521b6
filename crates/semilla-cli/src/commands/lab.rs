//! `semilla lab`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;

use semilla_lab::DataSpec;
use semilla_page::lab::{Own, Setup, complaint, page, preview, train};
use semilla_page::text::Text;

use crate::args::lab::LabArgs;
use crate::failure::Failure;
use crate::serve::{Events, Request, Response, Server};
use crate::show::output::Output;

/// Serves the lab until the user interrupts.
pub(crate) fn run(args: &LabArgs, output: &mut Output) -> Result<(), Failure> {
    let own = args.data.as_ref().map(|data| {
        Own::of(DataSpec {
            labels: args.labels.clone(),
            ..DataSpec::of(data)
        })
    });
    let own = own.transpose()?;
    let server = Server::listen(args.port)?;
    let (interrupt, interrupted) = channel();
    // Without a handler an interrupt ends the process all the same.
    let _ = ctrlc::set_handler(move || {
        let _ = interrupt.send(());
    });
    let address = server.address();
    output.line(format_args!("the lab is at {address}; Ctrl-C ends it"))?;
    if !args.no_open {
        // Where there is no browser, the address has been said.
        let _ = open::that_detached(&address);
    }
    let latest = Arc::new(AtomicU64::new(0));
    std::thread::spawn(move || {
        server.serve(move |request, events| answer(request, events, own.as_ref(), &latest));
    });
    // An error means that there is no handler: then the process waits to be ended.
    if interrupted.recv().is_err() {
        loop {
            std::thread::park();
        }
    }
    Ok(())
}

/// `latest` is the number of the training that goes on: a new one ends it.
fn answer(
    request: &Request,
    events: &mut Events<'_>,
    own: Option<&Own>,
    latest: &AtomicU64,
) -> Option<Response> {
    match request.path.as_str() {
        "/" => Some(Response::html(page(own))),
        "/preview" => Some(Response::json(followed(&request.query, own))),
        "/train" => {
            trained(&request.query, events, own, latest);
            None
        }
        "/favicon.ico" => Some(Response::nothing()),
        _ => Some(Response::not_found()),
    }
}

/// What follows the settings, or what is wrong with them.
fn followed(query: &str, own: Option<&Own>) -> String {
    let parts = Setup::from_query(query, own).and_then(|setup| preview(&setup));
    parts.unwrap_or_else(|said| complaint(&said)).to_json()
}

fn trained(query: &str, events: &mut Events<'_>, data: Option<&Own>, latest: &AtomicU64) {
    let own = latest.fetch_add(1, Ordering::Relaxed) + 1;
    let is_latest = || latest.load(Ordering::Relaxed) == own;
    let mut listens = true;
    let result = Setup::from_query(query, data).and_then(|setup| {
        let mut show = |json: String| {
            listens = listens && events.send(&json);
            listens && is_latest()
        };
        // A defect in one training leaves the lab open for the next.
        let run = catch_unwind(AssertUnwindSafe(|| {
            train(&setup, |parts| show(parts.to_json()))
        }));
        run.unwrap_or_else(|_| Err(defect()))
    });
    if let Err(said) = result {
        listens = listens && events.send(&complaint(&said).to_json());
    }
    if listens {
        events.name(if is_latest() { "done" } else { "elsewhere" });
    }
}

fn defect() -> Text {
    Text::new(
        "This training failed by a defect of Semilla; other settings may work.",
        "Este entrenamiento falló por un defecto de Semilla; con otros ajustes puede funcionar.",
    )
}

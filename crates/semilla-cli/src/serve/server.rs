//! Listening and answering.

use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::events::Events;
use super::guard::is_allowed;
use super::request::Request;
use super::response::Response;

/// Connections at a time.
const MOST: usize = 32;
/// The time that a browser may take to ask, and to take what it is sent.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why nothing can be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error("port {0} is in use; give another with --port, or --port 0 for any that is free")]
    InUse(u16),
    #[error("cannot listen on port {port}; give another with --port")]
    Listen {
        port: u16,
        #[source]
        error: io::Error,
    },
}

/// A server that listens on this machine only.
pub(crate) struct Server {
    listener: TcpListener,
    port: u16,
}

impl Server {
    /// Listens on a port; on any that is free if it is 0.
    pub(crate) fn listen(port: u16) -> Result<Self, ServeError> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::AddrInUse => ServeError::InUse(port),
            _ => ServeError::Listen { port, error },
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        Ok(Self { listener, port })
    }

    /// Where its page is.
    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Answers until the process ends, a thread per connection. `answer` gives an answer at once, or
    /// takes the stream for events and gives none.
    pub(crate) fn serve(
        self,
        answer: impl Fn(&Request, &mut Events<'_>) -> Option<Response> + Send + Sync + 'static,
    ) {
        let (answer, open) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
        for stream in self.listener.incoming().flatten() {
            if open.fetch_add(1, Ordering::Relaxed) >= MOST {
                open.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let (answer, open, port) = (Arc::clone(&answer), Arc::clone(&open), self.port);
            std::thread::spawn(move || {
                converse(stream, port, &*answer);
                open.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }
}

fn converse(
    mut stream: TcpStream,
    port: u16,
    answer: &dyn Fn(&Request, &mut Events<'_>) -> Option<Response>,
) {
    let is_ready = stream.set_read_timeout(Some(PATIENCE)).is_ok()
        && stream.set_write_timeout(Some(PATIENCE)).is_ok()
        && stream.set_nodelay(true).is_ok();
    let request = is_ready.then(|| Request::read(&mut stream)).flatten();
    let Some(request) = request else {
        return;
    };
    let response = match request.method.as_str() {
        _ if !is_allowed(&request, port) => Some(Response::forbidden()),
        "GET" => answer(&request, &mut Events::new(&mut stream)),
        _ => Some(Response::only_get()),
    };
    // A browser that has gone needs no answer.
    let _ = response.map(|response| response.write(&mut stream));
    let _ = stream.shutdown(Shutdown::Both);
}

//! Answers.

use std::io::{self, Write};

/// An answer that is there at once.
pub(crate) struct Response {
    status: &'static str,
    kind: &'static str,
    body: String,
}

/// What every answer says: that nobody keeps it, frames it, or takes it for something else.
const HEADERS: &str = "Cache-Control: no-store\r\nConnection: close\r\n\
    Content-Security-Policy: frame-ancestors 'none'\r\nCross-Origin-Resource-Policy: same-origin\r\n\
    Referrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n";

impl Response {
    pub(crate) fn html(body: String) -> Self {
        Self::new("200 OK", "text/html; charset=utf-8", body)
    }

    pub(crate) fn json(body: String) -> Self {
        Self::new("200 OK", "application/json", body)
    }

    pub(crate) fn nothing() -> Self {
        Self::new("204 No Content", "text/plain", String::new())
    }

    pub(crate) fn not_found() -> Self {
        Self::plain("404 Not Found", "there is nothing here; the lab is at /")
    }

    pub(super) fn forbidden() -> Self {
        Self::plain(
            "403 Forbidden",
            "the lab answers only its own page, opened on this machine",
        )
    }

    pub(super) fn only_get() -> Self {
        Self::plain("405 Method Not Allowed", "the lab answers GET only")
    }

    fn plain(status: &'static str, said: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", format!("{said}\n"))
    }

    fn new(status: &'static str, kind: &'static str, body: String) -> Self {
        Self { status, kind, body }
    }

    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let Self { status, kind, body } = self;
        let length = body.len();
        write!(
            to,
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{HEADERS}\r\n{body}"
        )?;
        to.flush()
    }
}

/// The head of an answer that goes on.
pub(super) fn write_stream_head(to: &mut impl Write) -> io::Result<()> {
    write!(
        to,
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{HEADERS}\r\n"
    )?;
    to.flush()
}

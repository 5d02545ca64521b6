//! Server-sent events (WHATWG HTML, section 9.2).

use std::io::Write;
use std::net::TcpStream;

use super::response::write_stream_head;

/// A stream of events to one browser. It begins with the first event.
pub(crate) struct Events<'a> {
    stream: &'a mut TcpStream,
    has_begun: bool,
}

impl<'a> Events<'a> {
    pub(super) fn new(stream: &'a mut TcpStream) -> Self {
        Self {
            stream,
            has_begun: false,
        }
    }

    /// Sends JSON of one line; whether the browser still listens.
    pub(crate) fn send(&mut self, json: &str) -> bool {
        self.write(&format!("data: {json}\n\n"))
    }

    /// Sends an event that is only a name; whether the browser still listens.
    pub(crate) fn name(&mut self, name: &str) -> bool {
        self.write(&format!("event: {name}\ndata: {{}}\n\n"))
    }

    fn write(&mut self, text: &str) -> bool {
        if !self.has_begun {
            self.has_begun = true;
            if write_stream_head(self.stream).is_err() {
                return false;
            }
        }
        let sent = self.stream.write_all(text.as_bytes());
        sent.and_then(|()| self.stream.flush()).is_ok()
    }
}

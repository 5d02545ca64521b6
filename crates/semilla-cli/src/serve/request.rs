//! Reading a request.

use std::io::Read;

/// The head of a request may have so many bytes.
const MOST: usize = 16 * 1024;
/// And so many headers.
const HEADERS: usize = 64;

/// What a browser asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    /// `GET`, if it is one that is answered.
    pub(super) method: String,
    /// The path, without the query.
    pub(crate) path: String,
    /// What stands behind the question mark.
    pub(crate) query: String,
    /// To whom it was sent.
    pub(super) host: Option<String>,
    /// The page that sends it, where the browser says so.
    pub(super) origin: Option<String>,
    /// How that page is related, where the browser says so.
    pub(super) site: Option<String>,
}

impl Request {
    /// Reads the head of a request; `None` of what is none, too long, or breaks off.
    pub(super) fn read(from: &mut impl Read) -> Option<Self> {
        let mut head = Vec::new();
        let mut piece = [0; 2048];
        loop {
            let read = from.read(&mut piece).ok().filter(|&read| read > 0)?;
            head.extend_from_slice(&piece[..read]);
            if head.len() > MOST {
                return None;
            }
            let mut headers = [httparse::EMPTY_HEADER; HEADERS];
            let mut parsed = httparse::Request::new(&mut headers);
            if parsed.parse(&head).ok()?.is_complete() {
                return Self::of(&parsed);
            }
        }
    }

    fn of(parsed: &httparse::Request<'_, '_>) -> Option<Self> {
        let (path, query) = match parsed.path?.split_once('?') {
            Some((path, query)) => (path, query),
            None => (parsed.path?, ""),
        };
        let header = |name: &str| {
            let mut found = parsed.headers.iter();
            let found = found.find(|header| header.name.eq_ignore_ascii_case(name))?;
            Some(String::from_utf8_lossy(found.value).into_owned())
        };
        Some(Self {
            method: parsed.method?.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            host: header("host"),
            origin: header("origin"),
            site: header("sec-fetch-site"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_in_pieces_and_what_is_none() {
        let text = "GET /train?a=1&b=%20 HTTP/1.1\r\nHost: localhost:1\r\nORIGIN: http://x\r\n\r\n";
        let read = Request::read(&mut text.as_bytes()).unwrap();
        assert_eq!((&*read.path, &*read.query), ("/train", "a=1&b=%20"));
        assert_eq!(read.origin.as_deref(), Some("http://x"));
        for none in [
            "",
            "GET / HTTP/1.1\r\nHost: x\r\n",
            "\0\0\0\r\n\r\n",
            &format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(MOST)),
        ] {
            assert_eq!(Request::read(&mut none.as_bytes()), None, "{none:.40}");
        }
    }
}

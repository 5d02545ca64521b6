//! `semilla lab`: what it answers, to whom, and how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The lab, running; it ends with the test.
struct Lab {
    child: Child,
    port: u16,
}

impl Lab {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_semilla"))
            .args(["lab", "--port", "0", "--no-open"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut said).unwrap();
        let port = said
            .split("127.0.0.1:")
            .nth(1)
            .unwrap()
            .split('/')
            .next()
            .unwrap();
        Self {
            port: port.parse().unwrap(),
            child,
        }
    }

    fn ask(&self, head: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream
    }

    /// The whole answer to a request of the lab's own page.
    fn get(&self, path: &str) -> String {
        let port = self.port;
        self.whole(&format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nSec-Fetch-Site: same-origin\r\n\r\n"
        ))
    }

    fn whole(&self, head: &str) -> String {
        let mut answer = String::new();
        self.ask(head).read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const QUICK: &str = "depth=2&width=8&start=he&activation=relu&steps=20&batch=32";

#[test]
fn it_shows_its_page_and_what_follows_the_settings() {
    let lab = Lab::start();
    let page = lab.get("/");
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("connect-src 'self'"));
    assert!(page.contains("frame-ancestors 'none'"));
    let preview = lab.get("/preview?depth=30&width=64&start=xavier&activation=relu");
    for said in [
        "shrink",
        "se reducirán",
        "semilla compare mlp:64-",
        "xavier_normal",
    ] {
        assert!(preview.contains(said), "{said}: {preview}");
    }
    let wrong = lab.get("/preview?depth=1e9");
    assert!(
        wrong.contains("complaint") && wrong.contains("depth must be"),
        "{wrong}"
    );
    assert!(lab.get("/elsewhere").starts_with("HTTP/1.1 404"));
}

#[test]
fn it_trains_and_shows_how() {
    let lab = Lab::start();
    let answer = lab.get(&format!("/train?{QUICK}"));
    assert!(answer.contains("text/event-stream"), "{answer}");
    assert!(
        answer.matches("\ndata: {\"layers\"").count() >= 10,
        "{answer}"
    );
    assert!(answer.contains("Step 20 of 20") && answer.contains("\"outcome\""));
    assert!(answer.ends_with("event: done\ndata: {}\n\n"));
    let wrong = lab.get("/train?activation=none");
    assert!(wrong.contains("not on offer"), "{wrong}");
}

#[test]
fn a_new_training_ends_the_one_before() {
    let lab = Lab::start();
    let port = lab.port;
    let mut first = lab.ask(&format!(
        "GET /train?{QUICK}&steps=5000 HTTP/1.1\r\nHost: localhost:{port}\r\n\
         Origin: http://localhost:{port}\r\n\r\n"
    ));
    let mut begun = [0; 64];
    first.read_exact(&mut begun).unwrap();
    assert!(lab.get(&format!("/train?{QUICK}")).contains("event: done"));
    let mut rest = String::new();
    first.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("event: elsewhere\ndata: {}\n\n"));
}

#[test]
fn pages_of_others_are_refused() {
    let lab = Lab::start();
    let port = lab.port;
    for head in [
        format!("GET / HTTP/1.1\r\nHost: evil.example:{port}\r\n\r\n"),
        format!("GET /train?{QUICK} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"),
        format!(
            "GET /train?{QUICK} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\
             Origin: http://evil.example\r\nSec-Fetch-Site: cross-site\r\n\r\n"
        ),
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
    ] {
        let answer = lab.whole(&head);
        assert!(answer.starts_with("HTTP/1.1 403"), "{head}: {answer}");
    }
    let posted = format!(
        "POST /train HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nSec-Fetch-Site: same-origin\r\n\r\n"
    );
    assert!(lab.whole(&posted).starts_with("HTTP/1.1 405"));
}

#[test]
fn a_port_in_use_is_one_sentence() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let done = Command::new(env!("CARGO_BIN_EXE_semilla"))
        .args(["lab", "--port", &port, "--no-open"])
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(2));
    let error = String::from_utf8(done.stderr).unwrap();
    assert_eq!(
        error.trim(),
        format!(
            "error: port {port} is in use; give another with --port, or --port 0 for any that is free"
        )
    );
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_cleanly() {
    let mut lab = Lab::start();
    let pid = lab.child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(lab.child.wait().unwrap().code(), Some(0));
}

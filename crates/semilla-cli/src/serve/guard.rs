//! Who may ask: the page of this server, and the address bar.

use super::request::Request;

/// Whether a request is answered. A name of another machine that points here (DNS rebinding) has
/// the wrong host; another site's page has the wrong origin, or no right one.
pub(super) fn is_allowed(request: &Request, port: u16) -> bool {
    let hosts = ["127.0.0.1", "localhost"].map(|name| format!("{name}:{port}"));
    let Some(host) = request.host.as_ref().filter(|host| hosts.contains(host)) else {
        return false;
    };
    let own_origin = format!("http://{host}");
    match (&request.origin, request.site.as_deref()) {
        (Some(origin), _) => *origin == own_origin,
        (None, Some("same-origin")) => true,
        (None, site) => match request.path.as_str() {
            // Typed, or a bookmark, or a link from elsewhere: it shows the page and does nothing.
            "/" => true,
            "/favicon.ico" => site != Some("cross-site"),
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(path: &str, host: &str, origin: Option<&str>, site: Option<&str>) -> bool {
        let request = Request {
            path: path.to_owned(),
            host: Some(host.to_owned()),
            origin: origin.map(str::to_owned),
            site: site.map(str::to_owned),
            ..Request::default()
        };
        is_allowed(&request, 80)
    }

    #[test]
    fn only_the_page_itself_may_drive_the_lab() {
        let own = Some("http://localhost:80");
        assert!(allowed("/", "localhost:80", None, Some("none")));
        assert!(allowed("/", "127.0.0.1:80", None, None));
        assert!(allowed("/train", "localhost:80", None, Some("same-origin")));
        assert!(allowed("/train", "localhost:80", own, None));

        assert!(!allowed("/", "evil.example:80", None, None));
        assert!(!allowed("/", "localhost:81", None, None));
        assert!(!allowed("/train", "localhost:80", None, None));
        assert!(!allowed("/train", "localhost:80", None, Some("cross-site")));
        assert!(!allowed("/train", "localhost:80", None, Some("none")));
        // Another port of this machine is another origin.
        assert!(!allowed("/train", "localhost:80", None, Some("same-site")));
        assert!(!allowed(
            "/train",
            "localhost:80",
            Some("http://localhost:81"),
            None
        ));
        assert!(!allowed(
            "/train",
            "localhost:80",
            Some("null"),
            Some("same-origin")
        ));
    }
}

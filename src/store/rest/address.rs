//! The address of a tracking server, and what may be shown of it.

use std::fmt;

use percent_encoding::percent_decode_str;
use ureq::http::Uri;

use super::secret::Secret;
use crate::shown::shown;

/// Where a tracking server answers. User and password that stood in the URI are kept apart and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// Scheme, host, port and path prefix, without a slash at the end.
    base: String,
    login: Option<(String, Secret)>,
}

impl Address {
    /// From an `http:` or `https:` URI. The error is a sentence that shows no password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let masked = super::masked(text);
        let fail = |why: &str| format!("{masked} is no address of a tracking server: {why}");
        let uri: Uri = text.trim().parse().map_err(|_| fail("it cannot be read as a URI"))?;
        let scheme = uri.scheme_str().unwrap_or_default().to_ascii_lowercase();
        if !matches!(scheme.as_str(), "http" | "https") {
            return Err(fail("it has to begin with http:// or https://"));
        }
        let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        let (login, host) = match authority.rsplit_once('@') {
            Some((login, host)) => (Some(login), host),
            None => (None, authority),
        };
        if host.is_empty() || host.starts_with(':') {
            return Err(fail("it names no host"));
        }
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let login = login.map(|login| {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            (decoded(user), Secret::new(decoded(password)))
        });
        let base = format!("{scheme}://{}{}", host.to_ascii_lowercase(), uri.path().trim_end_matches('/'));
        Ok(Self { base, login })
    }

    /// Scheme, host, port and path prefix.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// What to call it in the header and in messages.
    pub fn title(&self) -> String {
        shown(&self.base).into_string()
    }

    /// User and password that stood in the URI.
    pub fn login(&self) -> Option<&(String, Secret)> {
        self.login.as_ref()
    }

    /// Whether requests and answers are encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.base.starts_with("https:")
    }

    /// The host without its port.
    pub fn host(&self) -> &str {
        let authority = origin(&self.base).split_once("://").map_or("", |(_, authority)| authority);
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => authority,
        }
    }

    /// The port, also where it is the usual one.
    pub fn port(&self) -> u16 {
        let authority = origin(&self.base);
        let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        port.unwrap_or(if self.is_encrypted() { 443 } else { 80 })
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").field("base", &self.base).finish_non_exhaustive()
    }
}

/// Scheme, host and port of a URL.
pub fn origin(url: &str) -> &str {
    let from = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(from..).and_then(|rest| rest.find(['/', '?', '#'])).map_or(url.len(), |at| from + at);
    url.get(..end).unwrap_or(url)
}

/// Where a redirect leads, from the URL that answered it. None for anything but `http:` and `https:`.
pub fn redirected(from: &str, location: &str) -> Option<String> {
    let location = location.split('#').next().unwrap_or_default();
    let scheme = from.split_once("://").map_or("http", |(scheme, _)| scheme);
    let absolute = if location.contains("://") && !location.starts_with('/') {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{}{location}", origin(from))
    } else {
        let path = from.split(['?', '#']).next().unwrap_or(from);
        let folder = path.rsplit_once('/').map_or(path, |(folder, _)| folder);
        format!("{}/{location}", if folder.len() < origin(from).len() { origin(from) } else { folder })
    };
    let lower = absolute.get(..8).unwrap_or(&absolute).to_ascii_lowercase();
    (lower.starts_with("http://") || lower.starts_with("https://")).then_some(absolute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_every_spelling() {
        for (text, base, host, port) in [
            ("http://localhost:5000", "http://localhost:5000", "localhost", 5000),
            ("http://localhost:5000/", "http://localhost:5000", "localhost", 5000),
            (
                "HTTPS://MLflow.Example.com/team/x/",
                "https://mlflow.example.com/team/x",
                "mlflow.example.com",
                443,
            ),
            ("http://[::1]:5000", "http://[::1]:5000", "[::1]", 5000),
            ("http://[::1]", "http://[::1]", "[::1]", 80),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.base(), address.host(), address.port()), (base, host, port), "{text}");
            assert_eq!(address.login(), None);
        }
        for text in ["http://", "http://:5000", "ftp://x", "http://a b", ""] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_is_kept_and_never_shown() {
        let address = Address::parse("https://me%40x:SECRET%2F1@host:8443/p").unwrap();
        let (user, password) = address.login().unwrap();
        assert_eq!((user.as_str(), password.reveal()), ("me@x", "SECRET/1"));
        assert_eq!(address.title(), "https://host:8443/p");
        assert!(!format!("{address:?}").contains("SECRET"));
        let error = Address::parse("https://me:SECRET@ho st/").unwrap_err();
        assert!(!error.contains("SECRET"), "{error}");
    }

    #[test]
    fn redirects_in_every_spelling() {
        let from = "http://a:1/x/y?z=1";
        for (location, to) in [
            ("http://b/c", Some("http://b/c")),
            ("//b/c", Some("http://b/c")),
            ("/c?d=1#e", Some("http://a:1/c?d=1")),
            ("c", Some("http://a:1/x/c")),
            ("file:///etc/passwd", None),
            ("ftp://a/", None),
        ] {
            assert_eq!(redirected(from, location).as_deref(), to, "{location}");
        }
        assert_eq!(redirected("http://a", "c").as_deref(), Some("http://a/c"));
        assert_eq!(origin("https://h:1?x"), "https://h:1");
    }
}

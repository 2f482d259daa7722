//! One request and its answer: bounded in time and in bytes, whatever the server does.
//!
//! Only `GET`, and `POST` of searches, which change nothing. Redirects are followed by ourselves, since a login must not
//! go to another origin.

use std::io::{self, Read};
use std::time::Duration;

use ureq::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use ureq::http::{HeaderMap, HeaderName, Request, Response};
use ureq::{Agent, Body, Timeout};

use super::address::{Address, origin, redirected};
use super::failure::{Failure, words};
use super::settings::Settings;
use crate::shown::shown;

/// Until a connection stands, TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// Until the head of the answer is there.
const FIRST: Duration = Duration::from_secs(15);
/// Until the whole answer is there.
const WHOLE: Duration = Duration::from_secs(60);
/// Bytes of an answer after decompression.
pub const LARGEST: usize = 64 << 20;
/// Redirects in a row.
const REDIRECTS: usize = 5;
/// Bytes of an error's body that are looked at.
const ERROR: usize = 64 << 10;
/// `Retry-After` is obeyed up to here.
const PATIENCE: Duration = Duration::from_secs(300);
/// A connection that was not used for so long may have been closed by the server.
const IDLE: Duration = Duration::from_secs(4);

/// What is asked of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Path and query below the server's address.
    pub path: String,
    /// JSON that is posted; without it the call is a `GET`.
    pub body: Option<String>,
    /// Bytes of the answer that are wanted; the rest is not read. None for all of an answer in JSON.
    pub first: Option<usize>,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The body, or its beginning.
    pub body: Vec<u8>,
    /// Bytes of the whole body, where the server says it.
    pub size: Option<u64>,
}

/// Sends requests to one server. Clones share connections.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    address: Address,
    settings: Settings,
}

impl Client {
    /// A client; nothing is sent yet.
    pub fn new(address: Address, settings: Settings) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("mltop/", env!("CARGO_PKG_VERSION")))
            .accept("application/json, */*;q=0.5")
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_send_request(Some(FIRST))
            .timeout_send_body(Some(FIRST))
            .timeout_recv_response(Some(FIRST))
            .timeout_global(Some(WHOLE))
            .max_response_header_size(64 << 10)
            .max_idle_age(IDLE)
            .tls_config(settings.tls.clone())
            .proxy(settings.proxy.clone())
            .build();
        Self { agent: config.new_agent(), address, settings }
    }

    /// Asks and reads the answer.
    pub fn call(&self, call: &Call) -> Result<Reply, Failure> {
        let mut url = format!("{}{}", self.address.base(), call.path);
        for _ in 0..=REDIRECTS {
            let response = self.send(&url, call)?;
            if !response.status().is_redirection() {
                return self.taken(response, &url, call);
            }
            let location = text_of(response.headers(), &LOCATION);
            url =
                redirected(&url, &location).ok_or_else(|| Failure::Astray(cut(&super::masked(&location))))?;
        }
        Err(Failure::Redirects(REDIRECTS))
    }

    fn send(&self, url: &str, call: &Call) -> Result<Response<Body>, Failure> {
        let is_ours = origin(url).eq_ignore_ascii_case(origin(self.address.base()));
        let mut request = Request::builder().uri(url);
        if let Some(header) = self.settings.authorization.as_ref().filter(|_| is_ours) {
            request = request.header(AUTHORIZATION, header.reveal());
        }
        if let Some(workspace) = self.settings.workspace.as_ref().filter(|_| is_ours) {
            request = request.header(HeaderName::from_static("x-mlflow-workspace"), workspace);
        }
        let sent = match &call.body {
            Some(body) => {
                let request =
                    request.method("POST").header(CONTENT_TYPE, "application/json").body(body.as_str());
                request.map(|request| self.agent.run(request))
            }
            None => request.method("GET").body(()).map(|request| self.agent.run(request)),
        };
        match sent {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(self.failed(error)),
            Err(_) => Err(Failure::Unreachable("the address or a header cannot be sent as it is".to_owned())),
        }
    }

    /// The answer, when it is a good one.
    fn taken(&self, mut response: Response<Body>, url: &str, call: &Call) -> Result<Reply, Failure> {
        let status = response.status().as_u16();
        let headers = response.headers();
        let after = retry_after(&text_of(headers, &RETRY_AFTER));
        let is_html = text_of(headers, &CONTENT_TYPE).to_ascii_lowercase().starts_with("text/html");
        let size = text_of(headers, &CONTENT_LENGTH).parse().ok();
        if (200..300).contains(&status) {
            if is_html && call.first.is_none() {
                return Err(Failure::Foreign("a web page"));
            }
            let body = self.body(&mut response, call.first)?;
            return Ok(Reply { body, size });
        }
        let told = self.body(&mut response, Some(ERROR)).unwrap_or_default();
        let message = words(&told, |text| self.settings.masked(text));
        Err(match status {
            401 => Failure::Login(self.login_wanted(url, &message)),
            403 => Failure::Forbidden(self.forbidden(&told, &message)),
            404 => Failure::Missing(message),
            408 | 429 | 503 => Failure::Busy { status, after },
            500.. => Failure::Broken { status, message },
            _ => Failure::Refused { status, message },
        })
    }

    /// Reads a body: all of it, or its first bytes.
    fn body(&self, response: &mut Response<Body>, first: Option<usize>) -> Result<Vec<u8>, Failure> {
        let limit = first.unwrap_or(LARGEST);
        let mut reader = response.body_mut().with_config().limit(u64::MAX).reader();
        let mut bytes = Vec::new();
        let mut piece = vec![0; 64 << 10];
        while bytes.len() < limit + usize::from(first.is_none()) {
            match reader.read(&mut piece) {
                Ok(0) => return Ok(bytes),
                Ok(read) => bytes.extend_from_slice(piece.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(ureq::Error::from(error))),
            }
        }
        if first.is_none() {
            return Err(Failure::Large(LARGEST as u64));
        }
        bytes.truncate(limit);
        Ok(bytes)
    }

    fn login_wanted(&self, url: &str, message: &str) -> String {
        let what = "the server wants a login (401)";
        if !origin(url).eq_ignore_ascii_case(origin(self.address.base())) {
            let there = shown(origin(url));
            return format!(
                "{what} at {there}, where it redirects to: name that address, the login is sent to no other"
            );
        }
        match self.settings.source {
            "" => format!(
                "{what}: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
            ),
            source => format!("{what} and does not take the one in {source}{message}"),
        }
    }

    fn forbidden(&self, body: &[u8], message: &str) -> String {
        // MLflow 3 answers so to names that it does not know itself by (`mlflow.server.security`).
        if body.starts_with(b"Invalid Host header") {
            let host = shown(self.address.host());
            return format!(
                "the server does not know itself as {host} (403): use localhost through a tunnel, or start it with \
                 --allowed-hosts"
            );
        }
        let source = match self.settings.source {
            "" => {
                "without a login; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
            }
            source => source,
        };
        let with = if self.settings.source.is_empty() { "" } else { "with the login in " };
        format!("the server forbids it (403) {with}{source}{message}")
    }

    fn failed(&self, error: ureq::Error) -> Failure {
        use ureq::Error as E;
        let hidden = |text: String| cut(&self.settings.masked(&text));
        match error {
            E::Timeout(Timeout::Resolve | Timeout::Connect) => Failure::Slow("no connection within 5 s"),
            E::Timeout(Timeout::Global | Timeout::PerCall | Timeout::RecvBody) => {
                Failure::Slow("it was not complete after 60 s")
            }
            E::Timeout(_) => Failure::Slow("nothing within 15 s"),
            E::HostNotFound => {
                Failure::Unreachable(format!("nobody knows the host {}", shown(self.address.host())))
            }
            E::Tls(what) => Failure::Tls(what.to_owned()),
            E::Rustls(error) => Failure::Tls(hidden(certificate_advice(&error.to_string()))),
            E::ConnectProxyFailed(what) => {
                Failure::Unreachable(format!("the proxy refuses: {}", hidden(what)))
            }
            E::Decompress(..) => Failure::Damaged("it cannot be decompressed".to_owned()),
            E::LargeResponseHeader(..) => Failure::Damaged("its head is too large".to_owned()),
            E::Protocol(error) => Failure::Damaged(hidden(error.to_string())),
            E::Io(error) => self.io_failed(&error),
            other => Failure::Unreachable(hidden(other.to_string())),
        }
    }

    fn io_failed(&self, error: &io::Error) -> Failure {
        use io::ErrorKind as K;
        // What ureq says from within a body comes wrapped.
        if let Some(ureq::Error::Timeout(_)) =
            error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>())
        {
            return Failure::Slow("it was not complete after 60 s");
        }
        let text = error.to_string();
        match error.kind() {
            K::ConnectionRefused => Failure::Unreachable(format!(
                "nobody listens at {}:{}",
                shown(self.address.host()),
                self.address.port()
            )),
            K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe | K::UnexpectedEof => Failure::Cut,
            K::TimedOut => Failure::Slow("it was not complete after 60 s"),
            _ if text.contains("certificate") || text.contains("tls") => {
                Failure::Tls(cut(&self.settings.masked(&certificate_advice(&text))))
            }
            K::InvalidData | K::InvalidInput => Failure::Damaged(cut(&self.settings.masked(&text))),
            _ => Failure::Unreachable(cut(&self.settings.masked(&text))),
        }
    }
}

fn certificate_advice(text: &str) -> String {
    if text.contains("UnknownIssuer") {
        return "its certificate is of an issuer that nobody here trusts: name the issuer's certificate in \
                MLFLOW_TRACKING_SERVER_CERT_PATH"
            .to_owned();
    }
    text.to_owned()
}

/// A text of a header; nothing when there is none.
fn text_of(headers: &HeaderMap, name: &HeaderName) -> String {
    headers.get(name).map_or(String::new(), |value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Seconds, or a date as in `Sun, 06 Nov 1994 08:49:37 GMT`.
fn retry_after(text: &str) -> Option<Duration> {
    let seconds = text.trim().parse::<u64>().ok().map(Duration::from_secs);
    let until = || {
        let at = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
        Duration::try_from(at.timestamp() - jiff::Timestamp::now()).ok()
    };
    seconds.or_else(until).map(|wait| wait.min(PATIENCE))
}

fn cut(text: &str) -> String {
    shown(&text.chars().take(200).collect::<String>()).into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_read_and_bounded() {
        assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("3600"), Some(PATIENCE));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), None, "it is over");
        assert_eq!(retry_after("Sat, 06 Nov 2094 08:49:37 GMT"), Some(PATIENCE));
        assert_eq!(retry_after("soon"), None);
        assert_eq!(retry_after(""), None);
    }
}

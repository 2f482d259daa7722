//! Why a server gave no answer, each in one clear line.

use std::time::Duration;

use crate::shown::shown;

/// Letters of a server's own words that are shown.
const WORDS: usize = 160;

/// Why there is no answer. All texts of the server in it can be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No connection.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// It took too long.
    #[error("no answer: {0}")]
    Slow(&'static str),
    /// The connection ended within the answer.
    #[error("the connection ended within the answer")]
    Cut,
    /// It asks for patience: 408, 429 or 503.
    #[error("the server is busy ({status})")]
    Busy {
        /// The HTTP status.
        status: u16,
        /// `Retry-After`.
        after: Option<Duration>,
    },
    /// It failed: any other 5xx.
    #[error("the server failed ({status}){message}")]
    Broken {
        /// The HTTP status.
        status: u16,
        /// Its own words, with a colon before them.
        message: String,
    },
    /// 401: it wants to know who asks. The text says what to set.
    #[error("{0}")]
    Login(String),
    /// 403: who asks may not. The text says what to look at.
    #[error("{0}")]
    Forbidden(String),
    /// 404: what was asked for, or the whole call, is not there.
    #[error("not found (404){0}")]
    Missing(String),
    /// It does not take the request: any other 4xx.
    #[error("the server refuses the request ({status}){message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its own words, with a colon before them.
        message: String,
    },
    /// It is no MLflow server: HTML, or anything else that is no answer of MLflow's.
    #[error(
        "the answer is {0}, so this is no MLflow tracking server. Look at the address, and whether a login page or a proxy stands before it"
    )]
    Foreign(&'static str),
    /// The answer is damaged JSON.
    #[error("the answer is damaged: {0}")]
    Damaged(String),
    /// The answer is larger than is read at once.
    #[error("the answer is larger than {}", crate::format::bytes(*.0))]
    Large(u64),
    /// It sends elsewhere, and elsewhere.
    #[error("the server redirects more than {0} times")]
    Redirects(usize),
    /// It sends to an address that is none.
    #[error("the server redirects to {0}, which is no address of a server")]
    Astray(String),
    /// The certificate, or no TLS at all.
    #[error("no encrypted connection: {0}")]
    Tls(String),
}

impl Failure {
    /// Whether asking again may help by itself.
    pub fn passes(&self) -> bool {
        !self.needs_somebody() && !self.is_about_the_request()
    }

    /// Whether only the user can do something: nothing more is asked until a key says so.
    pub fn needs_somebody(&self) -> bool {
        matches!(self, Self::Login(_) | Self::Forbidden(_))
    }

    /// Whether it says something about what was asked, and nothing about the server.
    pub fn is_about_the_request(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::Refused { .. } | Self::Large(_))
    }

    /// Whether the connection may simply have been closed while nobody used it.
    pub fn may_be_an_idle_connection(&self) -> bool {
        matches!(self, Self::Cut)
    }
}

/// A server's own words behind a colon: the message of MLflow's error JSON, or nothing.
pub fn words(body: &[u8], hide: impl Fn(&str) -> String) -> String {
    #[derive(serde::Deserialize)]
    struct Told {
        message: Option<String>,
    }
    let text = String::from_utf8_lossy(body);
    let told: Option<Told> = serde_json::from_str(&text).ok();
    let message = told.and_then(|told| told.message).unwrap_or_default();
    let line = message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    if line.is_empty() {
        return String::new();
    }
    // Hidden before it is cut: half a secret is none that is found.
    let line = hide(line);
    let mut short: String = line.chars().take(WORDS).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    format!(": {}", shown(&short))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_words_are_one_short_line() {
        let same = str::to_owned;
        let body = br#"{"error_code": "X", "message": "\n  bad \u001b[31mfilter\nsecond line"}"#;
        assert_eq!(words(body, same), ": bad ␛[31mfilter");
        assert_eq!(words(b"<html>", same), "");
        assert_eq!(words(br#"{"message": 7}"#, same), "");
        let long = format!(r#"{{"message": "{}"}}"#, "x".repeat(9000));
        assert!(words(long.as_bytes(), same).chars().count() < 170);
        let hide = |text: &str| text.replace("SECRET", "***");
        assert_eq!(words(br#"{"message": "you sent SECRET"}"#, hide), ": you sent ***");
    }

    #[test]
    fn a_failure_is_of_one_kind() {
        for failure in [
            Failure::Unreachable("refused".into()),
            Failure::Slow("15 s"),
            Failure::Cut,
            Failure::Busy { status: 503, after: None },
            Failure::Broken { status: 500, message: String::new() },
            Failure::Login(String::new()),
            Failure::Forbidden(String::new()),
            Failure::Missing(String::new()),
            Failure::Refused { status: 400, message: String::new() },
            Failure::Foreign("a web page"),
            Failure::Damaged(String::new()),
            Failure::Large(1 << 26),
            Failure::Redirects(5),
            Failure::Astray(String::new()),
            Failure::Tls(String::new()),
        ] {
            let kinds = [failure.passes(), failure.needs_somebody(), failure.is_about_the_request()];
            assert_eq!(kinds.into_iter().filter(|is| *is).count(), 1, "{failure:?}");
            assert!(!failure.to_string().contains('\n'));
        }
        assert_eq!(Failure::Large(64 << 20).to_string(), "the answer is larger than 67 MB");
    }
}

//! Passwords and tokens: text that shows itself to nobody.

use std::fmt;

/// A password, a token, or a header made of them. It has no `Display`, and `Debug` prints `***`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `text` without the secret: a server may send back what it was sent.
    pub fn hidden_in(&self, text: &str) -> String {
        // Very short ones would tear up the text and are guessed anyway.
        if self.0.len() < 4 { text.to_owned() } else { text.replace(&self.0, "***") }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_stars() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "*** Some(***)");
        assert_eq!(secret.hidden_in("bad token hunter2!"), "bad token ***!");
        assert_eq!(Secret::default().hidden_in("abc"), "abc");
    }
}

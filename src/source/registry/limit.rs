//! The rate limit of Docker Hub.

use hyper::header::HeaderMap;

/// Requests that are left, as Docker Hub says in its headers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RateLimit {
    /// Pulls in a window.
    pub limit: Option<u64>,
    /// Pulls that are left.
    pub remaining: Option<u64>,
    /// Seconds of the window.
    pub window: Option<u64>,
    /// Whom the limit is counted for: an address or an account.
    pub counted_for: Option<String>,
}

impl RateLimit {
    /// The limit that an answer states in its headers: `100;w=21600` pulls in a window of seconds.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let number = |name: &str| -> Option<(u64, Option<u64>)> {
            let text = headers.get(name)?.to_str().ok()?;
            let (first, rest) = text.split_once(';').unwrap_or((text, ""));
            Some((first.trim().parse().ok()?, rest.trim().strip_prefix("w=").and_then(|window| window.parse().ok())))
        };
        let (limit, remaining) = (number("ratelimit-limit"), number("ratelimit-remaining"));
        let (_, window) = limit.or(remaining)?;
        let source = headers.get("docker-ratelimit-source").and_then(|value| value.to_str().ok());
        Some(Self {
            limit: limit.map(|(limit, _)| limit),
            remaining: remaining.map(|(remaining, _)| remaining),
            window,
            counted_for: source.map(crate::bytes::shown_text),
        })
    }

    /// In words: `3 of 100 pulls in 6 hours are left`.
    pub fn words(&self) -> String {
        let number = |number: Option<u64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
        let window = self.window.map(|seconds| format!(" in {} hours", (seconds / 3600).max(1))).unwrap_or_default();
        let whose = self.counted_for.as_ref().map(|whose| format!(", counted for {whose}")).unwrap_or_default();
        format!("{} of {} pulls{window} are left{whose}", number(self.remaining), number(self.limit))
    }
}

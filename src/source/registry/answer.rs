//! What answers say besides their content: when to try again, and why they refuse.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::{HeaderMap, RETRY_AFTER};

use super::client::{Answer, Client};

/// Bytes of an error's body that are read.
const MAX_ERROR: usize = 16 * 1024;

/// Whether a refusal may be over in a moment: too many requests, a server that is overloaded or starts.
pub(super) fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// Waits longer each time, and not all at the same time.
pub(super) fn backoff(tries: u32) -> Duration {
    let random = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    let base = 250_u64 << tries.saturating_sub(1).min(6);
    Duration::from_millis(base + u64::from(random) % (base / 2))
}

/// When to try again (RFC 9110, section 10.2.3): seconds, a date, or what some servers write instead.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = String::from_utf8_lossy(headers.get(RETRY_AFTER)?.as_bytes()).into_owned();
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds.max(0.0)).ok();
    }
    if let Ok(date) = httpdate::parse_http_date(text) {
        return Some(date.duration_since(now).unwrap_or_default());
    }
    // `880µs`, `1.5s`, as Go prints durations.
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let number: f64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim() {
        "ms" => 1e-3,
        "µs" | "us" | "μs" => 1e-6,
        "ns" => 1e-9,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * unit).ok()
}

/// Reads a small body whole.
pub(super) async fn collect(mut body: Incoming, limit: usize, silence: Duration) -> Result<Bytes, String> {
    let mut bytes = Vec::new();
    loop {
        match tokio::time::timeout(silence, body.frame()).await {
            Err(_) => return Err(format!("has stopped for {} seconds", silence.as_secs())),
            Ok(None) => return Ok(bytes.into()),
            Ok(Some(Err(error))) => return Err(format!("breaks off ({error})")),
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    if bytes.len() + data.len() > limit {
                        return Err(format!("is larger than {limit} bytes"));
                    }
                    bytes.extend_from_slice(&data);
                }
            }
        }
    }
}

/// What a refusal says of itself: the first error of its JSON (distribution specification, "Error Codes").
pub(super) async fn problem(answer: Answer, client: &Client) -> Option<String> {
    let body = collect(answer.body, MAX_ERROR, Duration::from_secs(5)).await.ok()?;
    error_in(&body).map(|text| client.scrubbed(&text))
}

pub(super) fn error_in(body: &[u8]) -> Option<String> {
    let json: serde_json::Value = serde_json::from_slice(body).ok()?;
    let first = json.get("errors").and_then(|errors| errors.get(0));
    let text = |value: &serde_json::Value, key: &str| value.get(key).and_then(|text| text.as_str()).map(str::to_owned);
    let words = match first {
        Some(error) => text(error, "message").filter(|text| !text.is_empty()).or_else(|| text(error, "code")),
        None => text(&json, "details").or_else(|| text(&json, "message")).or_else(|| text(&json, "error")),
    };
    words.map(|words| words.chars().take(200).collect())
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn when_to_try_again() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (text, want) in [
            ("12", Some(Duration::from_secs(12))),
            ("0.5", Some(Duration::from_millis(500))),
            ("880.123µs", Some(Duration::from_nanos(880_123))),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(Duration::from_secs(10))),
            ("Sun, 06 Nov 1994 08:49:27 GMT", Some(Duration::ZERO)),
            ("-5", Some(Duration::ZERO)),
            ("soon", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
                headers.insert(RETRY_AFTER, value);
            }
            assert_eq!(retry_after(&headers, now), want, "{text}");
        }
    }
}

//! Challenges and tokens (RFC 9110, section 11; distribution's token specification).

use std::collections::HashMap;

use hyper::HeaderMap;
use hyper::header::WWW_AUTHENTICATE;
use url::Url;

/// One challenge of a `WWW-Authenticate` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    /// In lower case.
    pub(super) scheme: String,
    /// Keys in lower case.
    pub(super) parameters: HashMap<String, String>,
}

impl Challenge {
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.parameters.get(key).map(String::as_str)
    }
}

/// The challenge to answer: Bearer before Basic, others are not understood.
pub(super) fn choose(headers: &HeaderMap) -> Option<Challenge> {
    let mut all: Vec<Challenge> = headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .flat_map(|value| challenges(&String::from_utf8_lossy(value.as_bytes())))
        .collect();
    let bearer = all.iter().position(|one| one.scheme == "bearer" && one.get("realm").is_some());
    let at = bearer.or_else(|| all.iter().position(|one| one.scheme == "basic"))?;
    Some(all.swap_remove(at))
}

/// Takes a header value apart: several challenges may stand in one, each with parameters that are separated by commas, too.
fn challenges(text: &str) -> Vec<Challenge> {
    let mut all: Vec<Challenge> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find(|c: char| !is_token(c)).unwrap_or(rest.len());
        if end == 0 {
            // Nothing that stands at the beginning of a challenge or a parameter.
            let Some(next) = rest.chars().next() else { return all };
            rest = &rest[next.len_utf8()..];
            continue;
        }
        let (word, after) = rest.split_at(end);
        let after = after.trim_start_matches([' ', '\t']);
        if let Some(value) = after.strip_prefix('=').filter(|_| !all.is_empty()) {
            let (value, after) = parameter(value.trim_start_matches([' ', '\t']));
            if let Some(last) = all.last_mut() {
                last.parameters.entry(word.to_ascii_lowercase()).or_insert(value);
            }
            rest = after;
        } else {
            all.push(Challenge { scheme: word.to_ascii_lowercase(), parameters: HashMap::new() });
            rest = after;
        }
    }
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

/// A value, quoted or not, and what follows it.
fn parameter(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(letters.next().map(|(_, escaped)| escaped)),
            letter => value.push(letter),
        }
    }
    (value, "")
}

/// Whether a token may be asked of `realm` for a registry at `registry`: over HTTPS unless the registry itself is not, and
/// of no address inside of this network unless the registry is there, too.
///
/// # Errors
/// Why not.
pub(super) fn check_realm(realm: &str, registry: &Url) -> Result<Url, String> {
    let url = registry.join(realm).map_err(|_| "its token server has no valid address".to_owned())?;
    let shown = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() {
        return Err(format!("its token server has the address {shown}, which is neither https nor http"));
    }
    if url.scheme() == "http" && registry.scheme() == "https" {
        return Err(format!("its token server is {shown}, without TLS; no credentials are sent there"));
    }
    let same = url.host_str() == registry.host_str();
    if !same && is_inside(&url) && !is_inside(registry) {
        return Err(format!("its token server is {shown}, an address inside of this network; nothing is sent there"));
    }
    Ok(url)
}

/// A loopback, private or link-local address, or a name for one.
pub(super) fn is_inside(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => {
            address.is_loopback() || address.is_private() || address.is_link_local() || address.is_unspecified()
        }
        Some(url::Host::Ipv6(address)) => match address.to_ipv4_mapped() {
            Some(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
            None => {
                address.is_loopback()
                    || address.is_unspecified()
                    || address.is_unique_local()
                    || address.is_unicast_link_local()
            }
        },
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// Whether it is this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_challenges() {
        let mut headers = HeaderMap::new();
        let mut chosen = |values: &[&str]| {
            headers.clear();
            for value in values {
                headers.append(WWW_AUTHENTICATE, value.parse().unwrap_or_else(|_| panic!("{value}")));
            }
            choose(&headers).map(|one| (one.scheme.clone(), one.get("realm").unwrap_or_default().to_owned(), one))
        };
        for (values, scheme, realm) in [
            (
                &[r#"Bearer realm="https://a/t",service="s",scope="repository:x:pull,push""#][..],
                "bearer",
                "https://a/t",
            ),
            (&[r#"Basic realm="x", Bearer realm="https://a/t?y=\"z\"""#], "bearer", "https://a/t?y=\"z\""),
            (&["Basic realm=x", "bEARER REALM=https://a/t"], "bearer", "https://a/t"),
            (&["Negotiate", "Digest realm=\"d\", nonce=\"a,b\"", "Basic"], "basic", ""),
            (&["Bearer error=\"x\", Basic realm=\"y\""], "basic", "y"),
            (&[",, Bearer  realm = \"q\" ,"], "bearer", "q"),
        ] {
            let got = chosen(values);
            assert_eq!(got.as_ref().map(|(a, b, _)| (a.as_str(), b.as_str())), Some((scheme, realm)), "{values:?}");
        }
        let scope = chosen(&[r#"Bearer realm="r",scope="repository:x:pull,push",error="insufficient_scope""#]);
        let scope = scope.and_then(|(_, _, one)| one.get("scope").map(str::to_owned));
        assert_eq!(scope.as_deref(), Some("repository:x:pull,push"));
        assert_eq!((chosen(&["Negotiate"]), chosen(&["\"=,\\"])), (None, None));
    }

    #[test]
    fn where_tokens_are_asked_for() {
        let allowed = |realm: &str, registry: &str| {
            Url::parse(registry).is_ok_and(|registry| check_realm(realm, &registry).is_ok())
        };
        for (realm, registry, want) in [
            ("https://auth.docker.io/token", "https://registry-1.docker.io", true),
            ("http://auth.io/token", "https://reg.io", false),
            ("https://169.254.169.254/x", "https://reg.io", false),
            ("https://127.0.0.1/x", "https://reg.io", false),
            ("https://10.0.0.1/x", "https://reg.io", false),
            ("https://[::ffff:127.0.0.1]/x", "https://reg.io", false),
            ("http://127.0.0.1:5001/x", "http://127.0.0.1:5000", true),
            ("http://localhost/x", "http://127.0.0.1:5000", true),
            ("/token", "https://reg.io", true),
            ("file:///etc/passwd", "https://reg.io", false),
        ] {
            assert_eq!(allowed(realm, registry), want, "{realm} for {registry}");
        }
    }
}

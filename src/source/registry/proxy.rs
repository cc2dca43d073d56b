//! Which proxy a connection goes through: the variables `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.

use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use url::Url;

/// A proxy. Its login is not shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Proxy {
    pub(super) host: String,
    pub(super) port: u16,
    /// TLS to the proxy itself.
    pub(super) secure: bool,
    socks: bool,
    login: Option<(String, String)>,
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

impl Proxy {
    /// Parses `[SCHEME://][USER:PASSWORD@]HOST[:PORT]`; None for what is not one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&whole).ok()?;
        let (secure, socks, port) = match url.scheme() {
            "http" => (false, false, 80),
            "https" => (true, false, 443),
            "socks5" | "socks5h" | "socks" => (false, true, 1080),
            _ => return None,
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let login = (!url.username().is_empty())
            .then(|| (decoded(url.username()), decoded(url.password().unwrap_or_default())));
        let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_owned();
        Some(Self { host, port: url.port().unwrap_or(port), secure, socks, login })
    }

    pub(super) fn is_socks(&self) -> bool {
        self.socks
    }

    pub(super) fn login(&self) -> Option<(&str, &str)> {
        self.login.as_ref().map(|(user, password)| (user.as_str(), password.as_str()))
    }

    /// The value of the header that logs in.
    pub(super) fn authorization(&self) -> Option<String> {
        self.login().map(|(user, password)| format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
    }
}

/// The proxies of the environment.
#[derive(Debug, Clone, Default)]
pub(super) struct Proxies {
    https: Option<Proxy>,
    http: Option<Proxy>,
    except: Vec<String>,
}

impl Proxies {
    /// Reads the variables through `var`.
    pub(super) fn new(var: &dyn Fn(&str) -> Option<String>) -> Self {
        let either = |name: &str| {
            let lower = var(&name.to_ascii_lowercase()).filter(|value| !value.is_empty());
            lower.or_else(|| var(name).filter(|value| !value.is_empty()))
        };
        let all = either("ALL_PROXY");
        let proxy = |name: &str| either(name).or_else(|| all.clone()).and_then(|text| Proxy::parse(&text));
        let except = either("NO_PROXY").unwrap_or_default();
        let except = except.split([',', ' ']).map(|part| part.trim().to_ascii_lowercase());
        Self {
            https: proxy("HTTPS_PROXY"),
            http: proxy("HTTP_PROXY"),
            except: except.filter(|part| !part.is_empty()).collect(),
        }
    }

    /// The proxy for a connection, if it goes through one. Loopback addresses never do.
    pub(super) fn choose(&self, secure: bool, host: &str, port: u16) -> Option<Proxy> {
        let host = host.to_ascii_lowercase();
        let address: Option<IpAddr> = host.parse().ok();
        let own = host == "localhost" || address.is_some_and(|address| address.is_loopback());
        if own || self.except.iter().any(|rule| excepts(rule, &host, address, port)) {
            return None;
        }
        if secure { self.https.clone() } else { self.http.clone() }
    }
}

/// Whether a part of `NO_PROXY` names the host: `*`, a host, a suffix with or without a dot, an address, a range of
/// addresses; with a port or without.
fn excepts(rule: &str, host: &str, address: Option<IpAddr>, port: u16) -> bool {
    if rule == "*" {
        return true;
    }
    if let (Some((network, bits)), Some(address)) = (rule.split_once('/'), address) {
        return network.parse().is_ok_and(|network| bits.parse().is_ok_and(|bits| in_network(address, network, bits)));
    }
    if let (Ok(rule), Some(address)) = (rule.trim_matches(['[', ']']).parse::<IpAddr>(), address) {
        return rule == address;
    }
    let (rule, own) = match rule.rsplit_once(':') {
        Some((name, number)) if !name.contains(':') => (name, number.parse().is_ok_and(|number: u16| number == port)),
        _ => (rule, true),
    };
    let suffix = rule.trim_start_matches('*').trim_start_matches('.');
    let below = host.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.'));
    // `.example.com` names what is below it and, as curl has it, itself.
    own && !suffix.is_empty() && (host == suffix || below)
}

fn in_network(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let (address, network, width) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => (u128::from(a.to_bits()), u128::from(n.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(n)) => (a.to_bits(), n.to_bits(), 128),
        _ => return false,
    };
    bits <= width && (bits == 0 || address >> (width - bits) == network >> (width - bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_proxy() {
        let proxies = Proxies::new(&|name| {
            Some(
                match name {
                    "HTTPS_PROXY" => "http://user:p%40ss@proxy:3128",
                    "all_proxy" => "socks5h://socks",
                    "no_proxy" => "internal, .corp.example,10.0.0.0/8,[fd00::1],reg.io:5000",
                    _ => return None,
                }
                .to_owned(),
            )
        });
        let chosen = |secure, host, port| proxies.choose(secure, host, port).map(|proxy| proxy.to_string());
        let http = Some("proxy:3128".to_owned());
        assert_eq!(chosen(true, "ghcr.io", 443), http);
        assert_eq!(chosen(false, "ghcr.io", 80), Some("socks:1080".to_owned()));
        for host in [
            "internal",
            "a.internal",
            "corp.example",
            "a.corp.example",
            "10.1.2.3",
            "fd00::1",
            "localhost",
            "127.0.0.1",
            "::1",
        ] {
            assert_eq!(chosen(true, host, 443), None, "{host}");
        }
        for host in ["notinternal", "11.0.0.1", "fd00::2"] {
            assert_eq!(chosen(true, host, 443), http, "{host}");
        }
        assert_eq!((chosen(true, "reg.io", 5000), chosen(true, "reg.io", 443)), (None, http));
        let proxy = Proxy::parse("http://user:p%40ss@proxy:3128");
        assert_eq!(proxy.as_ref().and_then(Proxy::authorization).as_deref(), Some("Basic dXNlcjpwQHNz"));
        assert_eq!(format!("{proxy:?}"), "Some(Proxy(proxy:3128))");
    }
}

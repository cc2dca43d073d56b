//! Requests: sent, redirected and retried. What is asked for is in `repository` and `blob`; credentials are in `login`.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, PROXY_AUTHORIZATION, RANGE, USER_AGENT};
use hyper::{Method, StatusCode};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};
use url::Url;

use super::answer::{backoff, may_pass, problem, retry_after};
use super::auth::choose;
use super::credentials::Secret;
use super::error::{RegistryError, RegistryFault};
use super::limit::RateLimit;
use super::login::{Authorization, LoginState};
use super::proxy::Proxies;
use super::session::{Known, Session};
use super::tls::Trust;
use super::transport::{ConnectError, Connector, speaks_tls};

/// How long a registry may be silent.
const SILENCE: Duration = Duration::from_secs(60);
/// How often a request is sent at most.
pub(super) const TRIES: u32 = 5;
/// The longest time that a registry may ask to wait before the next try.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Redirects that are followed.
const MAX_REDIRECTS: usize = 10;
/// Requests to one host at the same time.
const AT_ONCE: usize = 6;

/// How registries are reached, as flags and variables say.
#[derive(Debug, Clone, Default)]
pub struct RegistrySettings {
    /// `HOST[:PORT]` that are spoken to without TLS.
    pub plain_http: Vec<String>,
    /// `HOST[:PORT]` whose certificates are not checked.
    pub insecure_tls: Vec<String>,
    /// A file with further CAs.
    pub ca: Option<PathBuf>,
    /// User and password, instead of those of files.
    pub login: Option<(String, Secret)>,
    /// How long a registry may be silent, and retries may take.
    pub timeout: Option<Duration>,
    /// Nothing is asked of the network.
    pub offline: bool,
    /// What all clients with these settings know.
    pub session: Session,
}

/// A registry as it is spoken to: where, and by which names credentials know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// `https://HOST[:PORT]/v2/`.
    pub(super) base: Url,
    /// Host and port, as references and credentials have it.
    pub(super) registry: String,
    /// The repository there.
    pub(super) repository: String,
}

impl Endpoint {
    pub(super) fn scope(&self) -> String {
        format!("repository:{}:pull", self.repository)
    }

    /// The address of something of the repository.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("/v2/{}/{path}", self.repository));
        url
    }
}

/// What is asked for.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) accept: &'static str,
    /// First and last byte.
    pub(super) range: Option<(u64, u64)>,
    /// Whether credentials may go with it.
    pub(super) with_login: bool,
    /// What is read, for messages.
    pub(super) what: String,
}

/// What came back, its body not read yet.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Incoming,
    /// Holds a place among the requests of the host while the body is read.
    pub(super) permit: Option<tokio::sync::OwnedSemaphorePermit>,
}

/// Talks to registries. Everything of it ends when [`Client::stop`] is called.
pub struct Client {
    pub(super) settings: RegistrySettings,
    runtime: Runtime,
    connector: Connector,
    pub(super) http: HttpClient<Connector, Full<Bytes>>,
    pub(super) stop: watch::Sender<bool>,
    /// What it waits for, and why.
    waiting: Mutex<Option<String>>,
    limit: Mutex<Option<RateLimit>>,
    since: Instant,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Client {
    /// A client of its own connections.
    ///
    /// # Errors
    /// When no thread can be started for it.
    pub fn new(settings: RegistrySettings, certs_d: Vec<PathBuf>) -> Result<Arc<Self>, RegistryError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| RegistryError::network(format!("no thread to talk to the registry: {error}")))?;
        let trust =
            Trust { ca: settings.ca.clone(), insecure: settings.insecure_tls.clone(), certs_d, ..Trust::default() };
        let connector = Connector::new(trust, Proxies::new(&variable));
        let http = HttpClient::builder(TokioExecutor::new())
            .pool_max_idle_per_host(AT_ONCE)
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_timer(TokioTimer::new())
            .http1_ignore_invalid_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .build(connector.clone());
        Ok(Arc::new(Self {
            settings,
            runtime,
            connector,
            http,
            stop: watch::channel(false).0,
            waiting: Mutex::default(),
            limit: Mutex::default(),
            since: Instant::now(),
        }))
    }

    pub(super) fn session(&self) -> &Known {
        self.settings.session.known()
    }

    /// Ends all that is under way.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// What is waited for, and why; for people.
    pub fn waiting(&self) -> Option<String> {
        self.waiting.lock().ok()?.clone()
    }

    pub(super) fn set_waiting(&self, text: Option<String>) {
        if let Ok(mut waiting) = self.waiting.lock() {
            *waiting = text;
        }
    }

    /// What Docker Hub last said of its limit.
    pub fn rate_limit(&self) -> Option<RateLimit> {
        self.limit.lock().ok()?.clone()
    }

    /// Files of certificates and credentials that could not be used.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.connector.notes();
        if let Ok(logins) = self.session().logins.lock() {
            notes.extend(logins.values().flat_map(|found| found.notes.clone()));
        }
        notes.sort();
        notes.dedup();
        notes
    }

    /// How long a registry may be silent.
    pub(super) fn silence(&self) -> Duration {
        self.settings.timeout.map_or(SILENCE, |timeout| timeout.min(SILENCE))
    }

    /// Does it, on the calling thread, until the client is stopped.
    pub(super) fn wait<T>(&self, work: impl Future<Output = Result<T, RegistryError>>) -> Result<T, RegistryError> {
        self.wait_until(None, work)
    }

    /// The same, also until `stopped` is true.
    pub(super) fn wait_until<T>(
        &self,
        stopped: Option<&AtomicBool>,
        work: impl Future<Output = Result<T, RegistryError>>,
    ) -> Result<T, RegistryError> {
        const STEP: Duration = Duration::from_millis(50);
        self.runtime.block_on(async {
            let mut stop = self.stop.subscribe();
            let told = async {
                let Some(stopped) = stopped else { return std::future::pending().await };
                while !stopped.load(Ordering::Relaxed) {
                    tokio::time::sleep(STEP).await;
                }
            };
            tokio::select! {
                biased;
                _ = stop.wait_for(|stopped| *stopped) => Err(RegistryError::stopped()),
                () = told => Err(RegistryError::stopped()),
                done = work => done,
            }
        })
    }

    /// Whether the registry at `authority` is spoken to with TLS.
    pub(super) async fn is_secure(&self, authority: &str, allowed: bool) -> Result<bool, RegistryError> {
        if let Some(known) = self.session().schemes.lock().ok().and_then(|known| known.get(authority).copied()) {
            return Ok(known);
        }
        let plain = self.settings.plain_http.iter().any(|host| host == authority);
        let url = Url::parse(&format!("https://{authority}/"));
        let url = url.map_err(|_| RegistryError::invalid(format!("`{authority}` is not an address")))?;
        let own = super::auth::is_loopback(&url);
        let secure = if plain {
            false
        } else if own || allowed {
            let with_port = if url.port().is_some() || url.host_str().is_some_and(|host| host == authority) {
                authority.to_owned()
            } else {
                format!("{authority}:443")
            };
            match speaks_tls(&self.connector, &with_port).await {
                Ok(Some(answer)) => answer,
                // Too slow to tell: HTTP says at once what it is.
                Ok(None) => !self.speaks_http(authority).await,
                // Nothing listens at the port of HTTPS: then at that of HTTP, if anywhere.
                Err(_) if url.port().is_none() => false,
                // Many proxies make no tunnels but to port 443.
                Err(ConnectError::Proxy(_)) => false,
                Err(error) => return Err(unreachable(&error, authority)),
            }
        } else {
            true
        };
        if let Ok(mut known) = self.session().schemes.lock() {
            known.insert(authority.to_owned(), secure);
        }
        Ok(secure)
    }

    async fn speaks_http(&self, authority: &str) -> bool {
        let Ok(request) = hyper::Request::get(format!("http://{authority}/v2/")).body(Full::default()) else {
            return false;
        };
        match tokio::time::timeout(Duration::from_secs(5), self.http.request(request)).await {
            // A TLS server says 400 to what is not a handshake.
            Ok(Ok(answer)) => answer.status() != StatusCode::BAD_REQUEST,
            _ => false,
        }
    }

    fn host(&self, url: &Url) -> Arc<Semaphore> {
        let key = format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(0));
        match self.session().hosts.lock() {
            Ok(mut hosts) => Arc::clone(hosts.entry(key).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE)))),
            Err(_) => Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Sends a request until it is answered for good: logs in where that is asked for, follows redirects, and tries again
    /// what may pass. Statuses that the caller has to judge come back as they are: 2xx, 400, 404, 416.
    pub(super) async fn send(&self, endpoint: &Endpoint, request: &Request) -> Result<Answer, RegistryError> {
        if self.settings.offline {
            return Err(RegistryError::network(format!(
                "{} is not in the cache, and with --offline nothing is asked of {}",
                request.what, endpoint.registry
            )));
        }
        let mut login = LoginState::default();
        let mut tries = 0;
        let mut other_host_refused = false;
        loop {
            tries += 1;
            let authorization =
                if request.with_login { self.authorization(endpoint, &login.scope).await } else { None };
            let (answer, url) = match self.follow(endpoint, request, authorization.as_ref()).await {
                Ok(answered) => answered,
                Err((error, again)) => {
                    if !again || tries >= TRIES || self.is_late() {
                        return Err(error);
                    }
                    self.pause(backoff(tries), &error.message).await;
                    login.begin_again();
                    continue;
                }
            };
            self.note_limit(&answer.headers);
            let own = url.origin() == endpoint.base.origin();
            let status = answer.status;
            match status.as_u16() {
                200..=299 | 400 | 404 | 416 => return Ok(answer),
                401 if own && request.with_login => {
                    let challenge = choose(&answer.headers);
                    let problem = problem(answer, self).await;
                    self.log_in(endpoint, authorization.as_ref(), challenge, &mut login, problem.as_deref()).await?;
                    tries -= 1;
                }
                // An address that was signed for a time has expired.
                401 | 403 if !own && !other_host_refused => other_host_refused = true,
                401 | 403 => {
                    let problem = problem(answer, self).await;
                    return Err(self.denied(endpoint, status, problem.as_deref()));
                }
                407 => {
                    return Err(RegistryError::network(format!(
                        "the proxy asks for a login (407) on the way to {}; write it as http://USER:PASSWORD@HOST:PORT in \
                         the variable of the proxy",
                        endpoint.registry
                    )));
                }
                _ if may_pass(status) => {
                    let wait = retry_after(&answer.headers, SystemTime::now());
                    let exhausted = status == StatusCode::TOO_MANY_REQUESTS
                        && wait.is_none()
                        && (answer.headers.contains_key("ratelimit-limit")
                            || endpoint.registry == super::super::name::DOCKER_HUB);
                    let too_long = wait.is_some_and(|wait| wait > LONGEST_WAIT);
                    if exhausted || too_long || tries >= TRIES || self.is_late() {
                        let problem = problem(answer, self).await;
                        return Err(self.overloaded(endpoint, status, wait, problem.as_deref(), tries));
                    }
                    drop(answer);
                    let why = format!("{} answers {}", endpoint.registry, status.as_u16());
                    self.pause(wait.unwrap_or_else(|| backoff(tries)), &why).await;
                    login.begin_again();
                }
                other => {
                    let problem = problem(answer, self).await.map(|text| format!(": {text}")).unwrap_or_default();
                    return Err(RegistryError::invalid(format!(
                        "{} answers {other} for {}{problem}",
                        endpoint.registry, request.what
                    )));
                }
            }
        }
    }

    pub(super) fn is_late(&self) -> bool {
        self.settings.timeout.is_some_and(|timeout| self.since.elapsed() >= timeout)
    }

    pub(super) async fn pause(&self, wait: Duration, why: &str) {
        let seconds = wait.as_secs_f64().ceil();
        self.set_waiting(Some(format!("{why}: waiting {seconds} s")));
        tokio::time::sleep(wait).await;
        self.set_waiting(None);
    }

    /// One request and its redirects. The error says whether it is worth another try.
    pub(super) async fn follow(
        &self,
        endpoint: &Endpoint,
        request: &Request,
        authorization: Option<&Authorization>,
    ) -> Result<(Answer, Url), (RegistryError, bool)> {
        let mut url = request.url.clone();
        let secured = |url: &Url| url.scheme() == "https";
        for _ in 0..=MAX_REDIRECTS {
            let permit = self.host(&url).acquire_owned().await.ok();
            let mut builder = hyper::Request::builder()
                .method(request.method.clone())
                .uri(url.as_str())
                .header(USER_AGENT, concat!("explore/", env!("CARGO_PKG_VERSION")));
            if let Some(value) = self.proxy_login(&url) {
                builder = builder.header(PROXY_AUTHORIZATION, value);
            }
            if !request.accept.is_empty() {
                builder = builder.header(ACCEPT, request.accept);
            }
            if let Some((first, last)) = request.range {
                builder = builder.header(RANGE, format!("bytes={first}-{last}"));
            }
            // Only for whom it is meant.
            if let Some(authorization) = authorization.filter(|_| url.origin() == endpoint.base.origin()) {
                let value = HeaderValue::from_str(&authorization.value);
                let value = value
                    .map_err(|_| (RegistryError::invalid("the token has characters that no header has"), false))?;
                builder = builder.header(AUTHORIZATION, value);
            }
            let built = builder.body(Full::default());
            let built =
                built.map_err(|error| (RegistryError::invalid(format!("{}: {error}", endpoint.registry)), false))?;
            let answer = match tokio::time::timeout(self.silence(), self.http.request(built)).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(error)) => return Err(self.broken(&error, &url)),
                Err(_) => {
                    let host = shown_host(&url);
                    let seconds = self.silence().as_secs();
                    return Err((
                        RegistryError::network(format!("{host} has not answered for {seconds} seconds")),
                        true,
                    ));
                }
            };
            let (parts, body) = answer.into_parts();
            if !matches!(parts.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok((Answer { status: parts.status, headers: parts.headers, body, permit }, url));
            }
            let target = parts.headers.get(LOCATION).and_then(|value| value.to_str().ok());
            let next = target
                .and_then(|target| url.join(target).ok())
                .ok_or_else(|| (RegistryError::invalid(format!("{} redirects to nowhere", shown_host(&url))), false))?;
            let is_web = matches!(next.scheme(), "https" | "http");
            if !is_web || secured(&url) && !secured(&next) {
                let what = if is_web { ", without TLS" } else { ", which is not an address of the web" };
                let message = format!(
                    "{} redirects to {}://{}{what}; that is not followed",
                    shown_host(&url),
                    next.scheme(),
                    shown_host(&next)
                );
                return Err((RegistryError::invalid(message), false));
            }
            url = next;
        }
        Err((RegistryError::invalid(format!("{} redirects in circles", endpoint.registry)), false))
    }

    pub(super) fn proxy_login(&self, url: &Url) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&self.connector.proxy_authorization(url)?).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    pub(super) fn broken(&self, error: &hyper_util::client::legacy::Error, url: &Url) -> (RegistryError, bool) {
        let mut inner: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
        let host = shown_host(url);
        while let Some(cause) = inner {
            if let Some(connect) = cause.downcast_ref::<ConnectError>() {
                // A name that is not there now is not there in a second.
                let again = matches!(connect, ConnectError::Unreachable(why) if !why.contains("resolved"));
                return (unreachable(connect, &host), again);
            }
            inner = cause.source();
        }
        let mut words = error.to_string();
        let mut inner = std::error::Error::source(error);
        while let Some(cause) = inner {
            words = format!("{words}: {cause}");
            inner = cause.source();
        }
        (RegistryError::network(format!("{host}: {}", crate::bytes::shown_text(&words))), true)
    }

    fn overloaded(
        &self,
        endpoint: &Endpoint,
        status: StatusCode,
        wait: Option<Duration>,
        problem: Option<&str>,
        tries: u32,
    ) -> RegistryError {
        let registry = &endpoint.registry;
        let problem = problem.map(|text| format!(": {text}")).unwrap_or_default();
        let when = wait.map(|wait| format!("; it says to try again in {} seconds", wait.as_secs())).unwrap_or_default();
        if status == StatusCode::TOO_MANY_REQUESTS {
            let limit = self.rate_limit().map(|limit| format!("; {}", limit.words())).unwrap_or_default();
            return RegistryError::new(
                RegistryFault::RateLimited,
                format!(
                    "{registry} takes no more requests for now (429{problem}){limit}{when}; logging in may raise the limit"
                ),
            );
        }
        let tried = if tries > 1 { format!(", {tries} times") } else { String::new() };
        RegistryError::network(format!("{registry} answers {}{tried}{problem}{when}", status.as_u16()))
    }

    fn note_limit(&self, headers: &HeaderMap) {
        if let Some(limit) = RateLimit::of(headers)
            && let Ok(mut known) = self.limit.lock()
        {
            *known = Some(limit);
        }
    }

    /// Text of a registry without what it may have repeated of a secret.
    pub(super) fn scrubbed(&self, text: &str) -> String {
        let mut text = crate::bytes::shown_text(text);
        for secret in self.session().secrets.lock().iter().flat_map(|secrets| secrets.iter()) {
            text = text.replace(secret.as_str(), "…");
        }
        text
    }
}

pub(super) fn shown_host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn unreachable(error: &ConnectError, host: &str) -> RegistryError {
    RegistryError::network(match error {
        ConnectError::NotTls => format!(
            "{host} answers without TLS; if that is meant to be, allow it: `--plain-http {host}`, or `insecure = true` in \
             registries.conf"
        ),
        ConnectError::Tls(why) if !why.contains(host) => format!("{host}: {why}"),
        other => other.to_string(),
    })
}

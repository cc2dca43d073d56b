//! Requests: sent, logged in for, redirected and retried. What is asked for is in `repository` and `blob`.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, PROXY_AUTHORIZATION, RANGE, RETRY_AFTER,
    USER_AGENT,
};
use hyper::{Method, StatusCode};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};
use url::Url;

use super::auth::{Challenge, check_realm, choose};
use super::credentials::{Found, Login, Places, Secret};
use super::error::{RegistryError, RegistryFault};
use super::proxy::Proxies;
use super::tls::Trust;
use super::transport::{ConnectError, Connector, speaks_tls};

/// How long a registry may be silent.
const SILENCE: Duration = Duration::from_secs(60);
/// How often a request is sent at most.
const TRIES: u32 = 5;
/// The longest time that a registry may ask to wait before the next try.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Redirects that are followed.
const MAX_REDIRECTS: usize = 10;
/// Bytes of a token server's answer, and of an error's body that are looked at.
const MAX_TOKEN: usize = 256 * 1024;
const MAX_ERROR: usize = 16 * 1024;
/// Requests to one host at the same time.
const AT_ONCE: usize = 6;
/// Tokens that do not say how long they hold.
const TOKEN_TIME: Duration = Duration::from_secs(60);

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
    fn scope(&self) -> String {
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

/// What requests carry, once it is known.
#[derive(Clone, PartialEq, Eq)]
struct Authorization {
    value: String,
    until: Option<Instant>,
}

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

/// Talks to registries. Everything of it ends when [`Client::stop`] is called.
pub struct Client {
    pub(super) settings: RegistrySettings,
    runtime: Runtime,
    connector: Connector,
    http: HttpClient<Connector, Full<Bytes>>,
    stop: watch::Sender<bool>,
    /// By host and scope.
    authorizations: tokio::sync::Mutex<HashMap<String, Authorization>>,
    /// By host and repository: found once.
    logins: Mutex<HashMap<String, Arc<Found>>>,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
    schemes: Mutex<HashMap<String, bool>>,
    /// What it waits for, and why.
    waiting: Mutex<Option<String>>,
    limit: Mutex<Option<RateLimit>>,
    secrets: Mutex<Vec<String>>,
    since: Instant,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

fn variable(name: &str) -> Option<String> {
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
            authorizations: tokio::sync::Mutex::default(),
            logins: Mutex::default(),
            hosts: Mutex::default(),
            schemes: Mutex::default(),
            waiting: Mutex::default(),
            limit: Mutex::default(),
            secrets: Mutex::default(),
            since: Instant::now(),
        }))
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
        if let Ok(logins) = self.logins.lock() {
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
        if let Some(known) = self.schemes.lock().ok().and_then(|known| known.get(authority).copied()) {
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
        if let Ok(mut known) = self.schemes.lock() {
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
        match self.hosts.lock() {
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
                408 | 429 | 500 | 502 | 503 | 504 => {
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

    fn is_late(&self) -> bool {
        self.settings.timeout.is_some_and(|timeout| self.since.elapsed() >= timeout)
    }

    async fn pause(&self, wait: Duration, why: &str) {
        let seconds = wait.as_secs_f64().ceil();
        self.set_waiting(Some(format!("{why}: waiting {seconds} s")));
        tokio::time::sleep(wait).await;
        self.set_waiting(None);
    }

    /// One request and its redirects. The error says whether it is worth another try.
    async fn follow(
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
            if !matches!(next.scheme(), "https" | "http") || secured(&url) && !secured(&next) {
                let message = format!(
                    "{} redirects to {}, without TLS; that is not followed",
                    shown_host(&url),
                    shown_host(&next)
                );
                return Err((RegistryError::invalid(message), false));
            }
            url = next;
        }
        Err((RegistryError::invalid(format!("{} redirects in circles", endpoint.registry)), false))
    }

    fn proxy_login(&self, url: &Url) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&self.connector.proxy_authorization(url)?).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    fn broken(&self, error: &hyper_util::client::legacy::Error, url: &Url) -> (RegistryError, bool) {
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

    async fn authorization(&self, endpoint: &Endpoint, scope: &Option<String>) -> Option<Authorization> {
        let scope = scope.clone().unwrap_or_else(|| endpoint.scope());
        let known = self.authorizations.lock().await.get(&format!("{} {scope}", endpoint.base)).cloned();
        known.filter(|known| known.until.is_none_or(|until| Instant::now() < until))
    }

    /// Gets what the registry asked for in its challenge. One at a time: who comes second finds what the first one got.
    async fn log_in(
        &self,
        endpoint: &Endpoint,
        used: Option<&Authorization>,
        challenge: Option<Challenge>,
        state: &mut LoginState,
        problem: Option<&str>,
    ) -> Result<(), RegistryError> {
        let challenge = match challenge {
            Some(challenge) => challenge,
            None => self.ping(endpoint).await?.ok_or_else(|| {
                self.denied(endpoint, StatusCode::UNAUTHORIZED, Some("it does not say how to log in"))
            })?,
        };
        let wants_more = challenge.get("error") == Some("insufficient_scope");
        if state.rounds >= 2 || state.rounds >= 1 && !wants_more {
            return Err(self.denied(endpoint, StatusCode::UNAUTHORIZED, problem));
        }
        state.rounds += 1;
        if wants_more && used.is_some() {
            state.scope = challenge.get("scope").map(str::to_owned);
        }
        let scope = state.scope.clone().unwrap_or_else(|| endpoint.scope());
        let key = format!("{} {scope}", endpoint.base);
        let mut known = self.authorizations.lock().await;
        if known.get(&key).is_some_and(|own| Some(own) != used && own.until.is_none_or(|until| Instant::now() < until))
        {
            return Ok(());
        }
        let found = self.credentials(endpoint).await;
        if found.login.is_some() && self.is_overheard(endpoint) {
            let registry = &endpoint.registry;
            return Err(RegistryError::new(
                RegistryFault::Denied,
                format!(
                    "{registry} asks for a login, and without TLS everyone on the way can read it; if that is meant to be, \
                     allow it with `--plain-http {registry}`"
                ),
            ));
        }
        let new = if challenge.scheme == "basic" {
            match &found.login {
                Some(Login::Basic(user, password)) => self.basic(user, password),
                _ => return Err(self.denied(endpoint, StatusCode::UNAUTHORIZED, problem)),
            }
        } else if let Some(Login::Bearer(token)) = &found.login {
            self.bearer(token.reveal(), None)
        } else {
            self.token(endpoint, &challenge, &scope, found.login.as_ref()).await?
        };
        if used == Some(&new) {
            return Err(self.denied(endpoint, StatusCode::UNAUTHORIZED, problem));
        }
        known.insert(key, new);
        Ok(())
    }

    /// Whether what is sent leaves this machine without TLS, and nobody said that it may.
    fn is_overheard(&self, endpoint: &Endpoint) -> bool {
        endpoint.base.scheme() == "http"
            && !super::auth::is_loopback(&endpoint.base)
            && !self.settings.plain_http.contains(&endpoint.registry)
    }

    /// What `/v2/` asks for.
    async fn ping(&self, endpoint: &Endpoint) -> Result<Option<Challenge>, RegistryError> {
        let request = Request {
            method: Method::GET,
            url: endpoint.base.clone(),
            accept: "",
            range: None,
            with_login: false,
            what: "/v2/".to_owned(),
        };
        let (answer, _) = self.follow(endpoint, &request, None).await.map_err(|(error, _)| error)?;
        Ok(choose(&answer.headers))
    }

    fn keep_secret(&self, secret: &str) {
        if let Ok(mut secrets) = self.secrets.lock()
            && secret.len() >= 4
            && !secrets.iter().any(|known| known == secret)
        {
            secrets.push(secret.to_owned());
        }
    }

    fn basic(&self, user: &str, password: &Secret) -> Authorization {
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{}", password.reveal()));
        self.keep_secret(password.reveal());
        self.keep_secret(&encoded);
        Authorization { value: format!("Basic {encoded}"), until: None }
    }

    fn bearer(&self, token: &str, time: Option<Duration>) -> Authorization {
        self.keep_secret(token);
        Authorization { value: format!("Bearer {token}"), until: time.map(|time| Instant::now() + time) }
    }

    /// Asks the token server.
    async fn token(
        &self,
        endpoint: &Endpoint,
        challenge: &Challenge,
        scope: &str,
        login: Option<&Login>,
    ) -> Result<Authorization, RegistryError> {
        let realm = challenge.get("realm").unwrap_or_default();
        let realm = check_realm(realm, &endpoint.base)
            .map_err(|why| RegistryError::new(RegistryFault::Denied, format!("{}: {why}", endpoint.registry)))?;
        let named =
            self.settings.plain_http.iter().any(|host| *host == shown_host(&realm) || *host == endpoint.registry);
        if login.is_some() && realm.scheme() == "http" && !super::auth::is_loopback(&realm) && !named {
            let host = shown_host(&realm);
            return Err(RegistryError::new(
                RegistryFault::Denied,
                format!(
                    "{}: its token server {host} asks for a login without TLS; if that is meant to be, allow it with \
                     `--plain-http {host}`",
                    endpoint.registry
                ),
            ));
        }
        let service = challenge.get("service");
        let mut url = realm.clone();
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = service {
                query.append_pair("service", service);
            }
            query.append_pair("scope", scope);
        }
        let (status, body) = match login {
            Some(Login::Identity(token)) => {
                self.keep_secret(token.reveal());
                let form = url::form_urlencoded::Serializer::new(String::new())
                    .append_pair("grant_type", "refresh_token")
                    .append_pair("service", service.unwrap_or_default())
                    .append_pair("scope", scope)
                    .append_pair("client_id", "explore")
                    .append_pair("refresh_token", token.reveal())
                    .finish();
                match self.ask_for_token(&realm, None, Some(form)).await? {
                    (status, _) if matches!(status.as_u16(), 404 | 405) => {
                        // Registries without OAuth take the token as a password.
                        let user = self.basic("<token>", token);
                        self.ask_for_token(&url, Some(user), None).await?
                    }
                    answer => answer,
                }
            }
            Some(Login::Basic(user, password)) => {
                self.ask_for_token(&url, Some(self.basic(user, password)), None).await?
            }
            _ => self.ask_for_token(&url, None, None).await?,
        };
        let host = shown_host(&realm);
        if !status.is_success() {
            let words = error_in(&body).map(|text| format!(": {}", self.scrubbed(&text))).unwrap_or_default();
            let who = if login.is_some() { "the credentials" } else { "access without credentials" };
            if matches!(status.as_u16(), 400 | 401 | 403 | 404) {
                let why = format!("its token server {host} refuses {who} ({}{words})", status.as_u16());
                return Err(self.denied(endpoint, StatusCode::UNAUTHORIZED, Some(&why)));
            }
            return Err(RegistryError::network(format!("the token server {host} answers {}{words}", status.as_u16())));
        }
        let answer: serde_json::Value = serde_json::from_slice(&body)
            .map_err(|_| RegistryError::invalid(format!("the answer of the token server {host} is not JSON")))?;
        let text = |key: &str| answer.get(key).and_then(serde_json::Value::as_str).filter(|text| !text.is_empty());
        let Some(token) = text("token").or_else(|| text("access_token")) else {
            return Err(RegistryError::invalid(format!("the answer of the token server {host} has no token")));
        };
        let seconds =
            answer.get("expires_in").and_then(serde_json::Value::as_u64).map_or(TOKEN_TIME, Duration::from_secs);
        Ok(self.bearer(token, Some(seconds.max(TOKEN_TIME).min(Duration::from_secs(86_400)))))
    }

    async fn ask_for_token(
        &self,
        url: &Url,
        login: Option<Authorization>,
        form: Option<String>,
    ) -> Result<(StatusCode, Bytes), RegistryError> {
        let host = shown_host(url);
        let mut tries = 0;
        loop {
            tries += 1;
            let mut builder = hyper::Request::builder()
                .uri(url.as_str())
                .header(USER_AGENT, concat!("explore/", env!("CARGO_PKG_VERSION")));
            if let Some(value) = self.proxy_login(url) {
                builder = builder.header(PROXY_AUTHORIZATION, value);
            }
            if let Some(value) = login.as_ref().and_then(|login| HeaderValue::from_str(&login.value).ok()) {
                builder = builder.header(AUTHORIZATION, value);
            }
            let built = match &form {
                Some(form) => builder
                    .method(Method::POST)
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(Full::from(form.clone())),
                None => builder.body(Full::default()),
            };
            let built = built.map_err(|error| RegistryError::invalid(format!("{host}: {error}")))?;
            let error = match tokio::time::timeout(self.silence(), self.http.request(built)).await {
                Ok(Ok(answer)) => {
                    let (parts, body) = answer.into_parts();
                    let wait = retry_after(&parts.headers, SystemTime::now());
                    let passing = matches!(parts.status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504);
                    if !passing || tries >= TRIES || self.is_late() || wait.is_some_and(|wait| wait > LONGEST_WAIT) {
                        let body = collect(body, MAX_TOKEN, self.silence()).await.map_err(|why| {
                            RegistryError::network(format!("the answer of the token server {host} {why}"))
                        })?;
                        return Ok((parts.status, body));
                    }
                    let why = format!("the token server {host} answers {}", parts.status.as_u16());
                    self.pause(wait.unwrap_or_else(|| backoff(tries)), &why).await;
                    continue;
                }
                Ok(Err(error)) => {
                    let (error, again) = self.broken(&error, url);
                    if !again || tries >= TRIES || self.is_late() {
                        return Err(error);
                    }
                    error
                }
                Err(_) => return Err(RegistryError::network(format!("the token server {host} does not answer"))),
            };
            self.pause(backoff(tries), &error.message).await;
        }
    }

    async fn credentials(&self, endpoint: &Endpoint) -> Arc<Found> {
        let key = format!("{}/{}", endpoint.registry, endpoint.repository);
        if let Some(known) = self.logins.lock().ok().and_then(|known| known.get(&key).cloned()) {
            return known;
        }
        let (registry, repository) = (endpoint.registry.clone(), endpoint.repository.clone());
        let given = self.settings.login.clone();
        let stop = self.stop.subscribe();
        let found = tokio::task::spawn_blocking(move || {
            let stopped = || *stop.borrow();
            Places { var: &variable, given, stopped: &stopped }.find(&registry, &repository)
        });
        let found = Arc::new(found.await.unwrap_or_default());
        if let Ok(mut known) = self.logins.lock() {
            known.insert(key, Arc::clone(&found));
        }
        found
    }

    fn known_login(&self, endpoint: &Endpoint) -> Option<Arc<Found>> {
        self.logins.lock().ok()?.get(&format!("{}/{}", endpoint.registry, endpoint.repository)).cloned()
    }

    /// Says of a refusal which registry, for what, with which credentials, and what to do.
    pub(super) fn denied(&self, endpoint: &Endpoint, status: StatusCode, problem: Option<&str>) -> RegistryError {
        let Endpoint { registry, repository, .. } = endpoint;
        let problem = problem.map(|text| format!(": {text}")).unwrap_or_default();
        let scope = format!("repository:{repository}:pull");
        let found = self.known_login(endpoint).unwrap_or_default();
        let why = match &found.login {
            Some(_) if status == StatusCode::FORBIDDEN => {
                format!("the credentials of {} are known there, and may not read it", found.from)
            }
            Some(_) => format!("the credentials of {} are not accepted, or not for this repository", found.from),
            None if found.looked.is_empty() => format!("no credentials for {registry} were found"),
            None => format!("no credentials for {registry} were found; looked in {}", found.looked.join(", ")),
        };
        let trouble: String = found.notes.iter().map(|note| format!("; {note}")).collect();
        RegistryError::new(
            RegistryFault::Denied,
            format!(
                "{registry} refuses {repository} ({}{problem}; scope {scope}); {why}{trouble}. If it is there, log in: \
                 `docker login {registry}`",
                status.as_u16()
            ),
        )
    }

    /// Whether credentials were sent for the repository, and what was found.
    pub(super) fn login_words(&self, endpoint: &Endpoint) -> String {
        match self.known_login(endpoint) {
            Some(found) if found.login.is_some() => format!("the credentials of {} were sent", found.from),
            Some(found) => format!(
                "no credentials for {} were found{}",
                endpoint.registry,
                found.notes.iter().map(|note| format!("; {note}")).collect::<String>()
            ),
            None => "no credentials were asked for".to_owned(),
        }
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
        let number = |name: &str| -> Option<(u64, Option<u64>)> {
            let text = headers.get(name)?.to_str().ok()?;
            let (first, rest) = text.split_once(';').unwrap_or((text, ""));
            Some((first.trim().parse().ok()?, rest.trim().strip_prefix("w=").and_then(|window| window.parse().ok())))
        };
        let (limit, remaining) = (number("ratelimit-limit"), number("ratelimit-remaining"));
        if limit.is_none() && remaining.is_none() {
            return;
        }
        let source = headers.get("docker-ratelimit-source").and_then(|value| value.to_str().ok());
        if let Ok(mut known) = self.limit.lock() {
            *known = Some(RateLimit {
                limit: limit.map(|(limit, _)| limit),
                remaining: remaining.map(|(remaining, _)| remaining),
                window: limit.or(remaining).and_then(|(_, window)| window),
                counted_for: source.map(crate::bytes::shown_text),
            });
        }
    }

    /// Text of a registry without what it may have repeated of a secret.
    fn scrubbed(&self, text: &str) -> String {
        let mut text = crate::bytes::shown_text(text);
        for secret in self.secrets.lock().iter().flat_map(|secrets| secrets.iter()) {
            text = text.replace(secret.as_str(), "…");
        }
        text
    }
}

impl RateLimit {
    /// In words: `3 of 100 pulls in 6 hours are left`.
    pub fn words(&self) -> String {
        let number = |number: Option<u64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
        let window = self.window.map(|seconds| format!(" in {} hours", (seconds / 3600).max(1))).unwrap_or_default();
        let whose = self.counted_for.as_ref().map(|whose| format!(", counted for {whose}")).unwrap_or_default();
        format!("{} of {} pulls{window} are left{whose}", number(self.remaining), number(self.limit))
    }
}

/// How often it was tried to log in for one request, and the scope that the registry named.
#[derive(Default)]
struct LoginState {
    rounds: u32,
    scope: Option<String>,
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

/// Waits longer each time, and not all at the same time.
pub(super) fn backoff(tries: u32) -> Duration {
    let random = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    let base = 250_u64 << tries.saturating_sub(1).min(6);
    Duration::from_millis(base + u64::from(random) % (base / 2))
}

/// When to try again (RFC 9110, section 10.2.3): seconds, a date, or what some servers write instead.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
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
async fn problem(answer: Answer, client: &Client) -> Option<String> {
    let body = collect(answer.body, MAX_ERROR, Duration::from_secs(5)).await.ok()?;
    error_in(&body).map(|text| client.scrubbed(&text))
}

fn error_in(body: &[u8]) -> Option<String> {
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

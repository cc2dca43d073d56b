//! Logging in: Basic credentials, and tokens of a registry's token server (distribution specification, "Token
//! Authentication").

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use hyper::{Method, StatusCode};
use url::Url;

use super::answer::{backoff, collect, error_in, may_pass, retry_after};
use super::auth::{Challenge, check_realm, choose};
use super::client::{Client, Endpoint, LONGEST_WAIT, Request, TRIES, shown_host, variable};
use super::credentials::{Found, Login, Places, Secret};
use super::error::{RegistryError, RegistryFault};

/// Bytes of a token server's answer that are read.
const MAX_TOKEN: usize = 256 * 1024;
/// Lifetime of tokens that do not state one (and the shortest one that is believed).
const TOKEN_TIME: Duration = Duration::from_secs(60);

/// What requests carry, once it is known.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Authorization {
    pub(super) value: String,
    until: Option<Instant>,
}

impl Authorization {
    fn holds(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }
}

/// How often it was tried to log in for one request, and the scope that the registry named.
#[derive(Default)]
pub(super) struct LoginState {
    rounds: u32,
    pub(super) scope: Option<String>,
}

impl LoginState {
    /// After a wait a token may have expired: that does not refuse the credentials.
    pub(super) fn begin_again(&mut self) {
        self.rounds = 0;
    }
}

impl Client {
    pub(super) async fn authorization(&self, endpoint: &Endpoint, scope: &Option<String>) -> Option<Authorization> {
        let scope = scope.clone().unwrap_or_else(|| endpoint.scope());
        let known = self.session().authorizations.lock().await.get(&format!("{} {scope}", endpoint.base)).cloned();
        known.filter(Authorization::holds)
    }

    /// Gets what the registry asked for in its challenge. One at a time: who comes second finds what the first one got.
    pub(super) async fn log_in(
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
        let mut known = self.session().authorizations.lock().await;
        if known.get(&key).is_some_and(|own| Some(own) != used && own.holds()) {
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
        if let Ok(mut secrets) = self.session().secrets.lock()
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
                    let passing = may_pass(parts.status);
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
        if let Some(known) = self.session().logins.lock().ok().and_then(|known| known.get(&key).cloned()) {
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
        // A helper that was stopped says nothing about the credentials, and other clients ask again.
        if !*self.stop.borrow()
            && let Ok(mut known) = self.session().logins.lock()
        {
            known.insert(key, Arc::clone(&found));
        }
        found
    }

    fn known_login(&self, endpoint: &Endpoint) -> Option<Arc<Found>> {
        self.session().logins.lock().ok()?.get(&format!("{}/{}", endpoint.registry, endpoint.repository)).cloned()
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
}

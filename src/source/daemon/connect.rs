use std::sync::Arc;
use std::time::Duration;

use bollard::errors::Error as BollardError;
use bollard::{API_DEFAULT_VERSION, Docker};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::super::endpoint::{Address, Endpoint, Engine};
use super::super::tunnel::Tunnel;
use super::error::EngineError;
use super::export::BEGIN;
use super::podman::Service;
use super::socket::{connect_pipe, connect_socket, try_socket};

/// How long an engine may take to answer a question.
const ANSWER: Duration = Duration::from_secs(20);

/// An engine that answers.
pub struct Daemon {
    pub(super) docker: Docker,
    pub(super) runtime: Arc<Runtime>,
    /// Which one.
    pub endpoint: Endpoint,
    /// A service that was started for the time needed.
    service: Option<Service>,
    /// The way to another machine.
    _tunnel: Option<Tunnel>,
}

impl std::fmt::Debug for Daemon {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Daemon({})", self.endpoint)
    }
}

impl Daemon {
    /// Reaches an engine and agrees with it on a version of the API.
    ///
    /// # Errors
    /// Why it can't be reached, and what to do.
    pub fn connect(endpoint: Endpoint) -> Result<Self, EngineError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(EngineError::Runtime)?;
        let inside = runtime.enter();
        let seconds = BEGIN.as_secs();
        let mut service = None;
        let mut tunnel: Option<Tunnel> = None;
        let docker = match &endpoint.address {
            Address::Unix(path) => {
                try_socket(path)?;
                connect_socket(path)?
            }
            Address::Pipe(path) => connect_pipe(path)?,
            Address::Tcp(host, None) => Docker::connect_with_http(host, seconds, API_DEFAULT_VERSION)?,
            Address::Tcp(host, Some(tls)) => {
                Docker::connect_with_ssl(host, &tls.key, &tls.cert, &tls.ca, seconds, API_DEFAULT_VERSION)?
            }
            Address::Ssh(url) => {
                let opened = Tunnel::open(url, endpoint.engine).map_err(EngineError::Tunnel)?;
                let socket = opened.socket();
                tunnel = Some(opened);
                connect_socket(&socket)?
            }
            Address::Command => {
                let started = Service::start()?;
                let socket = started.socket();
                service = Some(started);
                connect_socket(&socket)?
            }
            Address::Unknown(what) => return Err(EngineError::Address(what.clone())),
        };
        let docker = runtime.block_on(async {
            match timeout(ANSWER, docker.negotiate_version()).await {
                Ok(answer) => answer.map_err(EngineError::from),
                Err(_) => Err(EngineError::Timeout(ANSWER.as_secs())),
            }
        });
        let complaint = || tunnel.as_ref().and_then(Tunnel::complaint);
        let docker = docker.map_err(|error| complaint().map_or(error, EngineError::Tunnel))?;
        drop(inside);
        Ok(Self { docker, runtime: Arc::new(runtime), endpoint, service, _tunnel: tunnel })
    }

    /// Asks a question and waits for its answer.
    pub(super) fn ask<T>(&self, question: impl Future<Output = Result<T, BollardError>>) -> Result<T, EngineError> {
        self.runtime.block_on(async {
            match timeout(ANSWER, question).await {
                Ok(answer) => answer.map_err(EngineError::from),
                Err(_) => Err(EngineError::Timeout(ANSWER.as_secs())),
            }
        })
    }

    /// Whether the API has what came with version 1.`minor`.
    pub(super) fn has_api(&self, minor: usize) -> bool {
        let version = self.docker.client_version();
        (version.major_version, version.minor_version) >= (1, minor)
    }

    /// Whether it runs only for the time needed.
    pub fn is_started(&self) -> bool {
        self.service.is_some()
    }

    /// The engine and where it is, for messages.
    pub fn title(&self) -> String {
        title(&self.endpoint)
    }
}

/// An endpoint's engine and where it is, for messages.
pub(super) fn title(endpoint: &Endpoint) -> String {
    let engine = match endpoint.engine {
        Engine::Docker => "Docker",
        Engine::Podman => "Podman",
    };
    format!("{engine} at {endpoint}")
}

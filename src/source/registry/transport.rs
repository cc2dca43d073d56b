//! Connections to registries: TCP, TLS with the right trust, and proxies. What goes over them is in `exchange`.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use url::Url;

use super::proxy::{Proxies, Proxy};
use super::tls;

/// How long a connection, with TLS, may take.
const CONNECT: Duration = Duration::from_secs(20);
/// Bytes of a proxy's answer to CONNECT.
const MAX_PROXY_ANSWER: usize = 16 * 1024;

/// What a connection can be made of.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A connection, as hyper wants it.
pub(super) struct Link {
    io: TokioIo<Box<dyn Wire>>,
    /// It goes to a proxy, which wants to know the whole address.
    by_proxy: bool,
}

impl Connection for Link {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.by_proxy)
    }
}

impl Read for Link {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl Write for Link {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Makes connections. TLS settings are found once for each host and port.
#[derive(Clone)]
pub(super) struct Connector {
    shared: Arc<Shared>,
}

struct Shared {
    trust: tls::Trust,
    proxies: Proxies,
    configs: Mutex<HashMap<String, Arc<ClientConfig>>>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// No address, nobody listens, or no answer.
    #[error("{0}")]
    Unreachable(String),
    /// What answers does not speak TLS.
    #[error("it does not speak TLS")]
    NotTls,
    /// The TLS handshake failed for another reason.
    #[error("{0}")]
    Tls(String),
    /// The proxy refused.
    #[error("{0}")]
    Proxy(String),
}

impl Connector {
    pub(super) fn new(trust: tls::Trust, proxies: Proxies) -> Self {
        Self { shared: Arc::new(Shared { trust, proxies, configs: Mutex::default() }) }
    }

    fn config(&self, authority: &str) -> Result<Arc<ClientConfig>, ConnectError> {
        if let Some(known) = self.shared.configs.lock().ok().and_then(|known| known.get(authority).cloned()) {
            return Ok(known);
        }
        let config = Arc::new(self.shared.trust.config(authority).map_err(ConnectError::Tls)?);
        if let Ok(mut known) = self.shared.configs.lock() {
            known.insert(authority.to_owned(), Arc::clone(&config));
        }
        Ok(config)
    }

    /// Files of `certs.d` that could not be used.
    pub(super) fn notes(&self) -> Vec<String> {
        self.shared.trust.notes()
    }

    /// The value of `Proxy-Authorization` for a request that an HTTP proxy reads itself, which is one without TLS.
    pub(super) fn proxy_authorization(&self, url: &Url) -> Option<String> {
        let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']');
        let port = url.port_or_known_default()?;
        let proxy = (url.scheme() == "http").then(|| self.shared.proxies.choose(false, host, port))??;
        if proxy.is_socks() { None } else { proxy.authorization() }
    }

    async fn connect(&self, uri: &Uri) -> Result<Link, ConnectError> {
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let proxy = self.shared.proxies.choose(secure, &host, port);
        let (wire, by_proxy): (Box<dyn Wire>, bool) = match &proxy {
            None => (Box::new(tcp(&host, port).await?), false),
            Some(proxy) => {
                let failed = |error: ConnectError| ConnectError::Proxy(format!("the proxy {proxy}: {error}"));
                let mut wire = self.to_proxy(proxy).await.map_err(failed)?;
                if proxy.is_socks() {
                    socks(&mut wire, proxy, &host, port).await.map_err(failed)?;
                    (wire, false)
                } else if secure {
                    tunnel(&mut wire, proxy, &host, port).await.map_err(failed)?;
                    (wire, false)
                } else {
                    (wire, true)
                }
            }
        };
        let wire = if secure { self.secure(wire, &host, &format!("{host}:{port}")).await? } else { wire };
        Ok(Link { io: TokioIo::new(wire), by_proxy })
    }

    async fn to_proxy(&self, proxy: &Proxy) -> Result<Box<dyn Wire>, ConnectError> {
        let wire: Box<dyn Wire> = Box::new(tcp(&proxy.host, proxy.port).await?);
        if proxy.secure {
            self.secure(wire, &proxy.host, &format!("{}:{}", proxy.host, proxy.port)).await
        } else {
            Ok(wire)
        }
    }

    async fn secure(&self, wire: Box<dyn Wire>, host: &str, authority: &str) -> Result<Box<dyn Wire>, ConnectError> {
        let connector = self.clone();
        let own = authority.to_owned();
        // Reading the system's certificates takes some milliseconds.
        let config = tokio::task::spawn_blocking(move || connector.config(&own))
            .await
            .map_err(|error| ConnectError::Tls(error.to_string()))??;
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| ConnectError::Tls(format!("{host} is not a name that a certificate can have")))?;
        match TlsConnector::from(config).connect(name, wire).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(tls::explain(&error, host)),
        }
    }
}

async fn tcp(host: &str, port: u16) -> Result<TcpStream, ConnectError> {
    let stream = TcpStream::connect((host, port)).await.map_err(|error| {
        ConnectError::Unreachable(match error.kind() {
            io::ErrorKind::ConnectionRefused => format!("nothing listens at {host}:{port}"),
            _ if error.raw_os_error().is_none() => format!("the name {host} cannot be resolved ({error})"),
            _ => format!("{host}:{port} cannot be reached ({error})"),
        })
    })?;
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// Opens a tunnel through an HTTP proxy (RFC 9110, section 9.3.6).
async fn tunnel(wire: &mut Box<dyn Wire>, proxy: &Proxy, host: &str, port: u16) -> Result<(), ConnectError> {
    let broke = |error: io::Error| ConnectError::Unreachable(error.to_string());
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let login = proxy.authorization().map(|value| format!("Proxy-Authorization: {value}\r\n")).unwrap_or_default();
    let request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{login}\r\n");
    wire.write_all(request.as_bytes()).await.map_err(broke)?;
    wire.flush().await.map_err(broke)?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() > MAX_PROXY_ANSWER {
            return Err(ConnectError::Unreachable("its answer is too long".to_owned()));
        }
        match wire.read_u8().await {
            Ok(byte) => answer.push(byte),
            Err(error) => return Err(ConnectError::Unreachable(format!("it closed the connection ({error})"))),
        }
    }
    let status = answer.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    match status {
        [b'2', ..] => Ok(()),
        b"407" => Err(ConnectError::Unreachable(
            "it asks for a login (407); write it as http://USER:PASSWORD@HOST:PORT in the variable of the proxy"
                .to_owned(),
        )),
        other => Err(ConnectError::Unreachable(format!(
            "it answers {} to a connection to {host}:{port}",
            crate::bytes::shown(other)
        ))),
    }
}

/// Opens a connection through a SOCKS5 proxy (RFC 1928, RFC 1929). The proxy resolves the name.
async fn socks(wire: &mut Box<dyn Wire>, proxy: &Proxy, host: &str, port: u16) -> Result<(), ConnectError> {
    let broke = |error: io::Error| ConnectError::Unreachable(error.to_string());
    let refused = |what: &str| ConnectError::Unreachable(what.to_owned());
    let login = proxy.login();
    wire.write_all(if login.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] }).await.map_err(broke)?;
    let mut answer = [0; 2];
    wire.read_exact(&mut answer).await.map_err(broke)?;
    match (answer, login) {
        ([5, 0], _) => {}
        ([5, 2], Some((user, password))) => {
            let mut request = vec![1, user.len().min(255) as u8];
            request.extend_from_slice(&user.as_bytes()[..user.len().min(255)]);
            request.push(password.len().min(255) as u8);
            request.extend_from_slice(&password.as_bytes()[..password.len().min(255)]);
            wire.write_all(&request).await.map_err(broke)?;
            wire.read_exact(&mut answer).await.map_err(broke)?;
            if answer[1] != 0 {
                return Err(refused("it refuses the login"));
            }
        }
        ([5, _], _) => return Err(refused("it asks for a login")),
        _ => return Err(refused("it is not a SOCKS5 proxy")),
    }
    let name = host.as_bytes();
    if name.len() > 255 {
        return Err(refused("the name of the host is too long"));
    }
    let mut request = vec![5, 1, 0, 3, name.len() as u8];
    request.extend_from_slice(name);
    request.extend_from_slice(&port.to_be_bytes());
    wire.write_all(&request).await.map_err(broke)?;
    let mut head = [0; 4];
    wire.read_exact(&mut head).await.map_err(broke)?;
    if head[1] != 0 {
        return Err(refused(&format!("it cannot connect to {host}:{port} (code {})", head[1])));
    }
    let rest = match head[3] {
        1 => 4,
        4 => 16,
        _ => usize::from(wire.read_u8().await.map_err(broke)?),
    };
    let mut bound = vec![0; rest + 2];
    wire.read_exact(&mut bound).await.map_err(broke)?;
    Ok(())
}

impl tower_service::Service<Uri> for Connector {
    type Response = Link;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Link, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            match tokio::time::timeout(CONNECT, connector.connect(&uri)).await {
                Ok(link) => link,
                Err(_) => Err(ConnectError::Unreachable(format!(
                    "{} does not answer within {} seconds",
                    uri.authority().map_or("", |authority| authority.as_str()),
                    CONNECT.as_secs()
                ))),
            }
        })
    }
}

/// Whether a loopback registry speaks TLS: a handshake is tried, for as long as it takes to see that it does not. None
/// when it says neither yes nor no in that time.
pub(super) async fn speaks_tls(connector: &Connector, authority: &str) -> Result<Option<bool>, ConnectError> {
    const PATIENCE: Duration = Duration::from_millis(300);
    let Ok(uri) = format!("https://{authority}/").parse::<Uri>() else { return Ok(Some(false)) };
    match tokio::time::timeout(PATIENCE, connector.connect(&uri)).await {
        Err(_) => Ok(None),
        Ok(Ok(_)) => Ok(Some(true)),
        Ok(Err(ConnectError::NotTls)) => Ok(Some(false)),
        // It speaks TLS, and its certificate is not accepted.
        Ok(Err(ConnectError::Tls(_))) => Ok(Some(true)),
        Ok(Err(error)) => Err(error),
    }
}

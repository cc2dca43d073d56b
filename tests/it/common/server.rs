//! A real registry (Debian's docker-registry), and a proxy before it that counts and breaks what passes.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use explore::image::Digest;

use super::{Folder, ImageBuilder, folder};

/// Whether docker-registry is installed. With `CI=true` it has to be.
pub fn has_registry() -> bool {
    let there = Command::new("docker-registry").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = there.is_ok_and(|status| status.success());
    assert!(there || std::env::var("CI").as_deref() != Ok("true"), "docker-registry is not installed");
    if !there {
        eprintln!("left out: docker-registry is not installed");
    }
    there
}

/// A running registry; it ends with this.
pub struct Registry {
    child: Child,
    pub port: u16,
    pub files: Folder,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Registry {
    /// Starts one without TLS and without users.
    pub fn start() -> Self {
        Self::with("", "")
    }

    /// Starts one; `http` is added to the configuration below `http`, `rest` at the top. `@` stands for its own folder.
    pub fn with(http: &str, rest: &str) -> Self {
        let files = folder();
        let port = free_port();
        let own = files.path().display().to_string();
        let configuration = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {own}/data}}}}\n\
             http:\n  addr: 127.0.0.1:{port}\n{}\n{}\n",
            http.replace('@', &own),
            rest.replace('@', &own)
        );
        let file = files.write("config.yml", configuration.as_bytes());
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let registry = Self { child, port, files };
        registry.wait();
        registry
    }

    fn wait(&self) {
        let since = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(since.elapsed() < Duration::from_secs(60), "docker-registry does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Stores an image as `REPOSITORY:TAG`, and returns the digest of its manifest.
    pub fn push(&self, repository: &str, tag: &str, image: &ImageBuilder) -> String {
        let (manifest, members) = image.manifest();
        for (_, bytes) in &members {
            self.push_blob(repository, bytes);
        }
        self.push_manifest(repository, tag, &manifest)
    }

    /// Stores a blob where docker-registry keeps it.
    pub fn push_blob(&self, repository: &str, bytes: &[u8]) {
        let digest = Digest::of(bytes);
        let root = self.files.path().join("data/docker/registry/v2");
        let hex = digest.hex();
        write(&root.join(format!("blobs/sha256/{}/{hex}/data", &hex[..2])), bytes);
        let link = format!("repositories/{repository}/_layers/sha256/{hex}/link");
        write(&root.join(link), digest.as_str().as_bytes());
    }

    /// Stores a manifest or index where docker-registry keeps it. The same as a push of it, without its checks: an index
    /// may name manifests that are not there.
    pub fn push_manifest(&self, repository: &str, tag: &str, manifest: &[u8]) -> String {
        let digest = Digest::of(manifest);
        let root = self.files.path().join("data/docker/registry/v2");
        let hex = digest.hex();
        write(&root.join(format!("blobs/sha256/{}/{hex}/data", &hex[..2])), manifest);
        let below = root.join(format!("repositories/{repository}/_manifests"));
        let link = digest.as_str().as_bytes();
        write(&below.join(format!("revisions/sha256/{hex}/link")), link);
        write(&below.join(format!("tags/{tag}/current/link")), link);
        write(&below.join(format!("tags/{tag}/index/sha256/{hex}/link")), link);
        fs::create_dir_all(root.join(format!("repositories/{repository}/_layers"))).unwrap();
        digest.to_string()
    }
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A request that passed the proxy.
#[derive(Debug, Clone)]
pub struct Passed {
    pub method: String,
    pub path: String,
    pub range: Option<String>,
    pub authorization: Option<String>,
    pub proxy_authorization: Option<String>,
    pub host: String,
    /// Bytes of the body that went back.
    pub bytes: u64,
}

/// What the proxy does to a request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Answers by itself: status, headers, body.
    Answer(u16, Vec<(String, String)>, Vec<u8>),
    /// Closes the connection after so many bytes of the body.
    Cut(usize),
    /// Turns a byte of the body over.
    Damage(usize),
    /// Passes the request without its Range.
    Whole,
    /// Answers a Range with the bytes one further on, and says so.
    OtherRange,
    /// Sends the body in small pieces, with pauses.
    Drip(usize, Duration),
    /// Sends nothing at all.
    Silence,
}

/// Decides for each request, by what it is and how many of its method and path came before it.
type Rule = dyn Fn(&Passed, usize) -> Option<Fault> + Send + Sync;

/// A proxy before a registry.
pub struct Proxy {
    pub port: u16,
    passed: Arc<Mutex<Vec<Passed>>>,
    over: Arc<AtomicBool>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Proxy {
    /// Passes all on to `upstream`.
    pub fn before(upstream: u16) -> Self {
        Self::with(upstream, |_, _| None)
    }

    /// Passes on what `rule` does not break.
    pub fn with(upstream: u16, rule: impl Fn(&Passed, usize) -> Option<Fault> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let passed: Arc<Mutex<Vec<Passed>>> = Arc::default();
        let over = Arc::new(AtomicBool::new(false));
        let (shared, ended) = (Arc::clone(&passed), Arc::clone(&over));
        let rule: Arc<Rule> = Arc::new(rule);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (shared, rule) = (Arc::clone(&shared), Arc::clone(&rule));
                std::thread::spawn(move || {
                    let _ = serve(stream, upstream, &shared, &*rule);
                });
            }
        });
        Self { port, passed, over }
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn requests(&self) -> Vec<Passed> {
        self.passed.lock().unwrap().clone()
    }

    /// Requests that came since the last time, and the bytes of their bodies.
    pub fn count(&self) -> (usize, u64) {
        let all = std::mem::take(&mut *self.passed.lock().unwrap());
        (all.len(), all.iter().map(|one| one.bytes).sum())
    }
}

fn serve(mut client: TcpStream, upstream: u16, all: &Mutex<Vec<Passed>>, rule: &Rule) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    loop {
        let mut lines = Vec::new();
        loop {
            // What is no HTTP, such as a TLS handshake, is not understood and answered by closing.
            let first = reader.fill_buf()?;
            if first.is_empty() || lines.is_empty() && !first[0].is_ascii_uppercase() {
                return Ok(());
            }
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let line = line.trim_end().to_owned();
            if line.is_empty() {
                break;
            }
            lines.push(line);
        }
        let mut words = lines[0].split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let headers: HashMap<String, String> = lines[1..]
            .iter()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut body = vec![0; headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0)];
        reader.read_exact(&mut body)?;
        let get = |name: &str| headers.get(name).cloned();
        let (range, authorization, host) = (get("range"), get("authorization"), get("host").unwrap_or_default());
        let proxy_authorization = get("proxy-authorization");
        let (own_method, own_path) = (method.clone(), path.clone());
        let request =
            Passed { method: own_method, path: own_path, range, authorization, proxy_authorization, host, bytes: 0 };
        let (place, before) = {
            let mut all = all.lock().unwrap();
            let before = all.iter().filter(|one| one.method == method && one.path == path).count();
            all.push(request.clone());
            (all.len() - 1, before)
        };
        let fault = rule(&request, before);
        let add = |bytes: usize| {
            if let Some(own) = all.lock().unwrap().get_mut(place) {
                own.bytes += bytes as u64;
            }
        };
        if let Some(Fault::Answer(status, headers, body)) = &fault {
            let mut head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n", body.len());
            for (name, value) in headers {
                head += &format!("{name}: {value}\r\n");
            }
            client.write_all(format!("{head}\r\n").as_bytes())?;
            if method != "HEAD" {
                client.write_all(body)?;
                add(body.len());
            }
            continue;
        }
        if matches!(fault, Some(Fault::Silence)) {
            std::thread::sleep(Duration::from_secs(30));
            return Ok(());
        }
        let mut server = TcpStream::connect(("127.0.0.1", upstream))?;
        let mut forward = format!("{}\r\nConnection: close\r\n", lines[0]);
        for line in &lines[1..] {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            let dropped = name == "connection" || name == "range" && matches!(fault, Some(Fault::Whole));
            if !dropped {
                forward += &format!("{}\r\n", shifted(line, matches!(fault, Some(Fault::OtherRange))));
            }
        }
        server.write_all(format!("{forward}\r\n").as_bytes())?;
        server.write_all(&body)?;
        let mut back = BufReader::new(server);
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            if back.read_until(b'\n', &mut answer)? == 0 {
                break;
            }
        }
        // The body ends with the connection, so that what is left out shows.
        let head = String::from_utf8_lossy(&answer).replace("Connection: close\r\n", "");
        let length: Option<usize> = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length:").map(|text| text.trim().to_owned())
            })
            .and_then(|text| text.parse().ok());
        client.write_all(head.as_bytes())?;
        if method == "HEAD" {
            continue;
        }
        let mut left = length.unwrap_or(usize::MAX);
        let mut sent = 0;
        let mut piece = vec![0; 16 * 1024];
        while left > 0 {
            let room = piece.len().min(left);
            let got = back.read(&mut piece[..room])?;
            if got == 0 {
                break;
            }
            left -= got;
            let bytes = &mut piece[..got];
            match &fault {
                Some(Fault::Cut(after)) if sent + got > *after => {
                    client.write_all(&bytes[..after.saturating_sub(sent)])?;
                    add(after.saturating_sub(sent));
                    return Ok(());
                }
                Some(Fault::Damage(at)) if (sent..sent + got).contains(at) => bytes[*at - sent] ^= 0x55,
                _ => {}
            }
            if let Some(Fault::Drip(size, pause)) = &fault {
                for part in bytes.chunks(*size) {
                    client.write_all(part)?;
                    add(part.len());
                    std::thread::sleep(*pause);
                }
            } else {
                client.write_all(bytes)?;
                add(got);
            }
            sent += got;
        }
        if length.is_none() {
            return Ok(());
        }
    }
}

/// A Range that begins one byte later.
fn shifted(line: &str, shift: bool) -> String {
    let Some(rest) = line.to_ascii_lowercase().strip_prefix("range: bytes=").map(str::to_owned).filter(|_| shift)
    else {
        return line.to_owned();
    };
    let first: u64 = rest.split('-').next().and_then(|text| text.parse().ok()).unwrap_or(0);
    format!("Range: bytes={}-{}", first + 1, rest.split('-').nth(1).unwrap_or_default())
}

//! A daemon on another machine, by way of `ssh`: a socket here, and for each connection to it a command there that passes
//! everything on to the daemon's socket, as Docker's own client does it.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::endpoint::Engine;

/// A socket that leads to a daemon elsewhere, as long as this lives.
#[derive(Debug)]
pub(super) struct Tunnel {
    folder: tempfile::TempDir,
    closed: Arc<AtomicBool>,
    complaint: Arc<Mutex<Option<String>>>,
}

/// `ssh://[USER@]HOST[:PORT][/SOCKET]` as arguments of `ssh`.
fn arguments(url: &str, engine: Engine) -> Option<Vec<String>> {
    let rest = url.strip_prefix("ssh://")?;
    let (place, socket) = rest.split_once('/').map_or((rest, ""), |(place, socket)| (place, socket));
    let (user, host) = place.rsplit_once('@').map_or((None, place), |(user, host)| (Some(user), host));
    let end = host.rfind(']').map_or(0, |bracket| bracket);
    let (host, port) = match host[end..].rfind(':') {
        Some(colon) => (&host[..end + colon], Some(&host[end + colon + 1..])),
        None => (host, None),
    };
    let host = host.trim_matches(['[', ']']);
    // What begins with a hyphen would be an option.
    if host.is_empty() || host.starts_with('-') || user.is_some_and(|user| user.starts_with('-')) {
        return None;
    }
    // Nobody can be asked for a password here.
    let mut words: Vec<String> = ["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15"].map(str::to_owned).into();
    words.extend(user.into_iter().flat_map(|user| ["-l".to_owned(), user.to_owned()]));
    words.extend(port.into_iter().flat_map(|port| ["-p".to_owned(), port.to_owned()]));
    words.extend(["--".to_owned(), host.to_owned(), engine.name().to_owned()]);
    if engine == Engine::Podman && !socket.is_empty() {
        words.extend(["--url".to_owned(), format!("unix:///{socket}")]);
    }
    words.extend(["system", "dial-stdio"].map(str::to_owned));
    Some(words)
}

impl Tunnel {
    /// Opens the socket; nothing is connected yet.
    pub(super) fn open(url: &str, engine: Engine) -> Result<Self, String> {
        let words = arguments(url, engine).ok_or_else(|| format!("{url} names no host"))?;
        let failed = |error: io::Error| format!("no socket for the tunnel: {error}");
        let folder = tempfile::Builder::new().prefix("explore-ssh-").tempdir().map_err(failed)?;
        let listener = UnixListener::bind(folder.path().join("socket")).map_err(failed)?;
        let tunnel = Self { folder, closed: Arc::default(), complaint: Arc::default() };
        let (closed, complaint) = (Arc::clone(&tunnel.closed), Arc::clone(&tunnel.complaint));
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                if closed.load(Ordering::Relaxed) {
                    return;
                }
                let (words, complaint) = (words.clone(), Arc::clone(&complaint));
                thread::spawn(move || {
                    if let Err(why) = pass(&connection, &words)
                        && let Ok(mut complaint) = complaint.lock()
                    {
                        *complaint = Some(why);
                    }
                });
            }
        });
        Ok(tunnel)
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// What `ssh` said when it failed, as soon as it has: a connection breaks before its command ends.
    pub(super) fn complaint(&self) -> Option<String> {
        for _ in 0..40 {
            if let Some(said) = self.complaint.lock().ok()?.clone() {
                return Some(said);
            }
            thread::sleep(std::time::Duration::from_millis(50));
        }
        None
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        // The thread that listens wakes up and ends.
        let _ = UnixStream::connect(self.socket());
    }
}

/// Passes one connection on, until either side ends it.
fn pass(connection: &UnixStream, words: &[String]) -> Result<(), String> {
    let started =
        Command::new("ssh").args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut ssh = started.map_err(|error| format!("ssh can't be run: {error}"))?;
    let (Some(mut there), Some(mut back), Some(errors)) = (ssh.stdin.take(), ssh.stdout.take(), ssh.stderr.take())
    else {
        return end(&mut ssh);
    };
    let mut from_here = connection.try_clone().map_err(|error| error.to_string())?;
    let feeder = thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(got @ 1..) = from_here.read(&mut buffer) {
            if there.write_all(&buffer[..got]).and_then(|()| there.flush()).is_err() {
                return;
            }
        }
    });
    let said = thread::spawn(move || {
        let mut said = String::new();
        let _ = errors.take(4000).read_to_string(&mut said);
        said
    });
    let mut to_here = connection;
    let mut buffer = vec![0; 64 * 1024];
    let mut passed = 0;
    while let Ok(got @ 1..) = back.read(&mut buffer) {
        passed += got;
        if to_here.write_all(&buffer[..got]).is_err() {
            break;
        }
    }
    let _ = connection.shutdown(std::net::Shutdown::Both);
    let _ = feeder.join();
    end(&mut ssh)?;
    let said = said.join().unwrap_or_default();
    let last = said.trim().lines().last().unwrap_or_default();
    if passed == 0 { Err(format!("ssh: {last}")) } else { Ok(()) }
}

fn end(ssh: &mut Child) -> Result<(), String> {
    let _ = ssh.kill();
    ssh.wait().map(|_| ()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_ssh_is_to_go() {
        let words = |url: &str, engine| arguments(url, engine).map(|words| words[5..].join(" "));
        assert_eq!(words("ssh://u@h:22", Engine::Docker).as_deref(), Some("-l u -p 22 -- h docker system dial-stdio"));
        assert_eq!(words("ssh://h", Engine::Docker).as_deref(), Some("-- h docker system dial-stdio"));
        assert_eq!(
            words("ssh://c@[::1]:7/run/p.sock", Engine::Podman).as_deref(),
            Some("-l c -p 7 -- ::1 podman --url unix:///run/p.sock system dial-stdio")
        );
        for bad in ["ssh://", "ssh://-oProxyCommand=x", "ssh://-l@h", "tcp://h"] {
            assert_eq!(arguments(bad, Engine::Docker), None, "{bad}");
        }
    }
}

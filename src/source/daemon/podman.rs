//! Podman has no daemon: its service is started for the time that it is needed.

use std::io::Read as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::error::EngineError;
use super::socket::try_socket;

/// Runs the service, and ends it when standard input does: that is a pipe whose other end this process holds, so the service
/// does not outlive it, however it ends. `--time` ends a service that nobody has asked anything for so many seconds.
const SCRIPT: &str = r#"exec 3<&0
(read -r _ <&3; kill "$$"; rm -f "$1/podman.sock"; rmdir "$1") >/dev/null 2>&1 &
exec podman system service --time=60 "unix://$1/podman.sock" 3<&- </dev/null"#;

/// How long the service may take to begin and to end.
const START: Duration = Duration::from_secs(5);
const END: Duration = Duration::from_secs(2);

/// Podman's service, and the folder of its socket; both end with this.
#[derive(Debug)]
pub(super) struct Service {
    child: Child,
    folder: PathBuf,
}

impl Service {
    /// Starts `podman system service` on a socket of its own, and waits until it listens.
    pub(super) fn start() -> Result<Self, EngineError> {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let nanos = since.map_or(0, |since| since.subsec_nanos());
        let folder = std::env::temp_dir().join(format!("explore-podman-{}-{nanos}", std::process::id()));
        let failed = |what: &str, error: std::io::Error| EngineError::Podman(format!("{what}: {error}"));
        // Nobody else may talk to it.
        let created = std::fs::DirBuilder::new().mode(0o700).create(&folder);
        created.map_err(|error| failed(&folder.display().to_string(), error))?;
        let child = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let child = child.map_err(|error| {
            let _ = std::fs::remove_dir_all(&folder);
            failed("podman can't be started", error)
        })?;
        let mut service = Self { child, folder };
        let started = Instant::now();
        while started.elapsed() < START {
            if service.socket().exists() && try_socket(&service.socket()).is_ok() {
                return Ok(service);
            }
            if let Ok(Some(status)) = service.child.try_wait() {
                let mut said = String::new();
                if let Some(errors) = &mut service.child.stderr {
                    let _ = errors.take(2000).read_to_string(&mut said);
                }
                let last = said.trim().lines().last().unwrap_or_default().to_owned();
                return Err(EngineError::Podman(format!("`podman system service` ended with {status}: {last}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let seconds = START.as_secs();
        Err(EngineError::Podman(format!("`podman system service` does not listen after {seconds} seconds")))
    }

    pub(super) fn socket(&self) -> PathBuf {
        Path::new(&self.folder).join("podman.sock")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // The end of the pipe is what ends it; a kill would leave behind the child that rootless podman runs in.
        drop(self.child.stdin.take());
        let since = Instant::now();
        while since.elapsed() < END {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::connect::Daemon;
use super::error::EngineError;
use super::inspect::{EnginePlatform, query, with_query};

/// How long an engine may take to begin an export: older ones write the whole image to a file first.
pub(super) const BEGIN: Duration = Duration::from_secs(1800);
/// How long it may be silent in the middle of one, when `EXPLORE_DAEMON_TIMEOUT` (seconds) does not say.
const SILENCE: Duration = Duration::from_secs(60);

fn silence() -> Duration {
    let said = std::env::var("EXPLORE_DAEMON_TIMEOUT").ok().and_then(|text| text.parse().ok());
    said.filter(|seconds| *seconds > 0).map_or(SILENCE, Duration::from_secs)
}

impl Daemon {
    /// Starts an export: of one platform, or of all that the engine has. What is read is added to `count`; when `stop` is
    /// set it ends with an error.
    pub(super) fn export(
        self: &Arc<Self>,
        id: &str,
        platform: Option<&EnginePlatform>,
        count: Arc<AtomicU64>,
        stop: &Arc<Stop>,
    ) -> Export {
        let (sender, chunks) = mpsc::channel(16);
        let stopped = Arc::clone(stop);
        let (daemon, id) = (Arc::clone(self), id.to_owned());
        let docker = platform.map_or_else(|| self.docker.clone(), |platform| with_query(&self.docker, query(platform)));
        self.runtime.spawn(async move {
            let mut stream = std::pin::pin!(docker.export_image(&id));
            let mut patience = BEGIN;
            loop {
                let next = tokio::select! {
                    () = stopped.bell.notified() => return,
                    next = timeout(patience, stream.next()) => next,
                };
                let message = match next {
                    Ok(None) => return,
                    Ok(Some(Ok(chunk))) => Ok(chunk),
                    Ok(Some(Err(error))) => Err(EngineError::from(error)),
                    Err(_) => Err(EngineError::Silent(patience.as_secs())),
                };
                let last = message.is_err();
                if sender.send(message).await.is_err() || last {
                    return;
                }
                patience = silence();
            }
        });
        Export { chunks, chunk: bytes::Bytes::new(), count, stop: Arc::clone(stop), _daemon: daemon }
    }
}

/// Ends an export, also while it waits for the engine.
#[derive(Debug, Default)]
pub struct Stop {
    is_set: AtomicBool,
    bell: tokio::sync::Notify,
    problem: Mutex<Option<String>>,
}

impl Stop {
    /// What ended the export before its time, where the engine or the way to it did.
    pub fn problem(&self) -> Option<String> {
        self.problem.lock().ok()?.clone()
    }

    /// No more of it is needed.
    pub fn set(&self) {
        self.is_set.store(true, Ordering::Relaxed);
        self.bell.notify_one();
    }
}

/// An image as it streams: a tar. Dropped, it is not sent any further.
pub struct Export {
    chunks: mpsc::Receiver<Result<bytes::Bytes, EngineError>>,
    chunk: bytes::Bytes,
    count: Arc<AtomicU64>,
    stop: Arc<Stop>,
    _daemon: Arc<Daemon>,
}

impl Read for Export {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            let chunk = self.chunks.blocking_recv();
            if self.stop.is_set.load(Ordering::Relaxed) {
                return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "no more of it is needed"));
            }
            match chunk {
                None => return Ok(0),
                Some(Ok(chunk)) => self.chunk = chunk,
                Some(Err(error)) => {
                    // Who reads meets it somewhere in a layer, and goes on elsewhere.
                    let problem = error.to_string();
                    if let Ok(mut slot) = self.stop.problem.lock() {
                        *slot = Some(problem.clone());
                    }
                    return Err(io::Error::other(problem));
                }
            }
        }
        let step = self.chunk.len().min(buffer.len());
        buffer[..step].copy_from_slice(&self.chunk[..step]);
        self.chunk = self.chunk.slice(step..);
        self.count.fetch_add(step as u64, Ordering::Relaxed);
        Ok(step)
    }
}

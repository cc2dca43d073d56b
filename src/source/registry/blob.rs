//! A blob as it streams: checked, resumed after a cut, and bounded.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::header::CONTENT_RANGE;
use hyper::{Method, StatusCode};
use url::Url;

use super::answer::{backoff, collect};
use super::client::Request;
use super::error::{RegistryError, RegistryFault};
use super::repository::Repository;
use crate::bytes::Checksum;
use crate::source::Digest;

/// How often reading may break off without so much progress in between.
const CUTS: u32 = 5;
const PROGRESS: u64 = 1024 * 1024;
/// A blob whose size nobody says.
const MAX_BLOB: u64 = 1 << 41;

/// A blob, as its descriptor has it.
#[derive(Debug, Clone)]
pub struct BlobRef {
    /// Its digest.
    pub digest: Digest,
    /// Bytes.
    pub size: Option<u64>,
    /// Where it is, too, when the registry does not have it (a foreign layer).
    pub urls: Vec<String>,
}

/// Reads a blob from its first byte to its last. At the end its digest is checked: what differs is an error, after all
/// bytes were handed out.
pub struct BlobReader<'s> {
    stop: Option<&'s std::sync::atomic::AtomicBool>,
    repository: Repository,
    blob: BlobRef,
    source: Place,
    hash: Option<Checksum>,
    /// Bytes handed out or waiting in `chunk`.
    received: u64,
    body: Option<(Incoming, Option<tokio::sync::OwnedSemaphorePermit>)>,
    chunk: Bytes,
    count: Arc<AtomicU64>,
    cuts: u32,
    cut_at: u64,
    outcome: Option<Outcome>,
    failure: Option<RegistryError>,
}

/// Where the bytes are from.
#[derive(Debug, Clone)]
enum Place {
    Registry,
    Foreign(Url),
}

/// What became of the check.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Verified,
    Differs(Digest),
}

/// What came in answer to a request for a part.
enum Part {
    From(Incoming, Option<tokio::sync::OwnedSemaphorePermit>),
    /// The whole, from the first byte.
    Whole(Incoming, Option<tokio::sync::OwnedSemaphorePermit>),
    /// It does not give parts.
    Refused(String),
}

impl<'s> BlobReader<'s> {
    /// Begins to read. Bytes received are added to `count`.
    ///
    /// # Errors
    /// When the digest is of an algorithm that cannot be checked.
    pub fn new(repository: &Repository, blob: BlobRef, count: Arc<AtomicU64>) -> Result<Self, RegistryError> {
        let hash = blob.digest.computable().map(Checksum::new).ok_or_else(|| {
            RegistryError::invalid(format!("{}: digests of that algorithm are not supported", blob.digest))
        })?;
        Ok(Self {
            stop: None,
            repository: repository.clone(),
            blob,
            source: Place::Registry,
            hash: Some(hash),
            received: 0,
            body: None,
            chunk: Bytes::new(),
            count,
            cuts: 0,
            cut_at: 0,
            outcome: None,
            failure: None,
        })
    }

    /// Ends with an error once `stop` is true.
    #[must_use]
    pub fn until(mut self, stop: &'s std::sync::atomic::AtomicBool) -> Self {
        self.stop = Some(stop);
        self
    }

    /// Whether all bytes were read and have the digest.
    pub fn is_verified(&self) -> bool {
        self.outcome == Some(Outcome::Verified)
    }

    /// The digest that all bytes have instead of the one that was asked for.
    pub fn other_digest(&self) -> Option<&Digest> {
        match &self.outcome {
            Some(Outcome::Differs(own)) => Some(own),
            _ => None,
        }
    }

    /// What ended reading before its time.
    pub fn failure(&self) -> Option<&RegistryError> {
        self.failure.as_ref()
    }

    fn limit(&self) -> u64 {
        self.blob.size.unwrap_or(MAX_BLOB)
    }

    /// Receives the next piece; false at the end.
    fn receive(&mut self) -> Result<bool, RegistryError> {
        loop {
            if self.body.is_none() {
                if self.blob.size == Some(self.received) && self.received > 0 {
                    return Ok(false);
                }
                self.open()?;
                // The whole was sent again: the end of what was passed over is new.
                if !self.chunk.is_empty() {
                    return Ok(true);
                }
            }
            let silence = self.repository.client.silence();
            let client = Arc::clone(&self.repository.client);
            let Some((body, _)) = &mut self.body else { continue };
            let next = client.wait_until(self.stop, async {
                let frame = tokio::time::timeout(silence, async {
                    loop {
                        match body.frame().await {
                            None => return Ok(None),
                            Some(Err(error)) => return Err(error.to_string()),
                            Some(Ok(frame)) => match frame.into_data() {
                                Ok(data) if !data.is_empty() => return Ok(Some(data)),
                                _ => {}
                            },
                        }
                    }
                });
                Ok(frame.await.unwrap_or_else(|_| Err(format!("nothing has come for {} seconds", silence.as_secs()))))
            })?;
            match next {
                Ok(Some(data)) => {
                    let received = self.received + data.len() as u64;
                    if received > self.limit() {
                        return Err(RegistryError::invalid(format!(
                            "{} sends more than the {} bytes that the manifest gives the blob {}",
                            self.repository.endpoint.registry,
                            self.limit(),
                            self.blob.digest
                        )));
                    }
                    self.received = received;
                    self.count.fetch_add(data.len() as u64, Ordering::Relaxed);
                    if let Some(hash) = &mut self.hash {
                        hash.update(&data);
                    }
                    self.chunk = data;
                    return Ok(true);
                }
                Ok(None) if self.blob.size.is_none_or(|size| size == self.received) => return Ok(false),
                Ok(None) => self.cut(&format!("it ends after {} of {} bytes", self.received, self.limit()))?,
                Err(why) => self.cut(&why)?,
            }
        }
    }

    /// Reading broke off: it is tried again from there, unless nothing comes of it.
    fn cut(&mut self, why: &str) -> Result<(), RegistryError> {
        self.body = None;
        if self.received >= self.cut_at + PROGRESS {
            self.cuts = 0;
        }
        self.cut_at = self.received;
        self.cuts += 1;
        let registry = &self.repository.endpoint.registry;
        let client = &self.repository.client;
        if self.cuts > CUTS
            || client.settings.timeout.is_some_and(|timeout| self.cuts > 1 && timeout < backoff(self.cuts))
        {
            return Err(RegistryError::network(format!(
                "{registry} breaks off the blob {} again and again: {}; try again later",
                self.blob.digest,
                crate::bytes::shown_text(why)
            )));
        }
        client.set_waiting(Some(format!("{registry} broke off; trying again")));
        let wait = backoff(self.cuts);
        let done = client.wait_until(self.stop, async {
            tokio::time::sleep(wait).await;
            Ok(())
        });
        client.set_waiting(None);
        done
    }

    fn open(&mut self) -> Result<(), RegistryError> {
        let from = self.received;
        let part = loop {
            match self.request((from > 0).then_some(from)) {
                // Then the whole again.
                Ok(Part::Refused(_)) if from > 0 => break self.request(None)?,
                Ok(part) => break part,
                // The registry does not have it: perhaps one of the addresses does.
                Err(error) if error.fault == RegistryFault::NotFound && from == 0 => {
                    let next = self.blob.urls.iter().find_map(|url| Url::parse(url).ok());
                    let Some(next) = next.filter(|_| matches!(self.source, Place::Registry)) else { return Err(error) };
                    self.blob.urls.clear();
                    self.source = Place::Foreign(next);
                }
                Err(error) => return Err(error),
            }
        };
        let (body, permit, skip) = match part {
            Part::From(body, permit) => (body, permit, 0),
            Part::Whole(body, permit) => {
                if let (Some(sent), Some(size)) = (body.size_hint().exact(), self.blob.size)
                    && sent != size
                {
                    return Err(RegistryError::invalid(format!(
                        "{} sends {sent} bytes as the blob {}, and the manifest says {size}",
                        self.repository.endpoint.registry, self.blob.digest
                    )));
                }
                (body, permit, from)
            }
            Part::Refused(why) => return Err(RegistryError::network(why)),
        };
        self.body = Some((body, permit));
        if skip > 0 { self.skip(skip) } else { Ok(()) }
    }

    /// Passes over what was received before, where a registry sends the whole again.
    fn skip(&mut self, bytes: u64) -> Result<(), RegistryError> {
        let client = Arc::clone(&self.repository.client);
        let silence = client.silence();
        let Some((body, _)) = &mut self.body else { return Ok(()) };
        let mut left = bytes;
        let rest = client.wait_until(self.stop, async {
            while left > 0 {
                let frame = tokio::time::timeout(silence, body.frame()).await;
                match frame {
                    Ok(Some(Ok(frame))) => {
                        let Ok(data) = frame.into_data() else { continue };
                        let step = left.min(data.len() as u64);
                        left -= step;
                        if left == 0 {
                            return Ok(data.slice(step as usize..));
                        }
                    }
                    _ => return Err(RegistryError::network("the blob broke off again")),
                }
            }
            Ok(Bytes::new())
        });
        match rest {
            Ok(rest) => {
                self.count.fetch_add(bytes, Ordering::Relaxed);
                if rest.is_empty() {
                    return Ok(());
                }
                self.received += rest.len() as u64;
                self.count.fetch_add(rest.len() as u64, Ordering::Relaxed);
                if let Some(hash) = &mut self.hash {
                    hash.update(&rest);
                }
                self.chunk = rest;
                Ok(())
            }
            Err(error) if error.fault == RegistryFault::Network => self.cut("it ends early"),
            Err(error) => Err(error),
        }
    }

    fn request(&self, from: Option<u64>) -> Result<Part, RegistryError> {
        let last = self.limit().saturating_sub(1);
        let request = match &self.source {
            Place::Registry => self.repository.blob_request(&self.blob.digest),
            Place::Foreign(url) => Request {
                method: Method::GET,
                url: url.clone(),
                accept: "",
                range: None,
                with_login: false,
                what: format!("the blob {}", self.blob.digest),
            },
        };
        let request = Request { range: from.map(|from| (from, last)), ..request };
        self.repository.client.wait_until(self.stop, self.repository.part(&request))
    }
}

impl Repository {
    fn blob_request(&self, digest: &Digest) -> Request {
        Request {
            method: Method::GET,
            url: self.endpoint.url(&format!("blobs/{digest}")),
            accept: "",
            range: None,
            with_login: true,
            what: format!("the blob {digest}"),
        }
    }

    async fn part(&self, request: &Request) -> Result<Part, RegistryError> {
        let answer = self.client.send(&self.endpoint, request).await?;
        let range = answer.headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok()).and_then(content_range);
        match (answer.status, request.range) {
            (StatusCode::PARTIAL_CONTENT, Some((first, last))) => match range {
                Some((from, to)) if from == first && to <= last => Ok(Part::From(answer.body, answer.permit)),
                _ => Ok(Part::Refused(format!(
                    "{} sends another part of {} than it was asked for",
                    self.endpoint.registry, request.what
                ))),
            },
            (StatusCode::OK, _) => Ok(Part::Whole(answer.body, answer.permit)),
            (StatusCode::NOT_FOUND, _) => Err(self.not_found(&request.what)),
            (status, Some(_)) => Ok(Part::Refused(format!(
                "{} answers {} to a request for a part of {}",
                self.endpoint.registry,
                status.as_u16(),
                request.what
            ))),
            (status, None) => Err(RegistryError::invalid(format!(
                "{} answers {} for {}",
                self.endpoint.registry,
                status.as_u16(),
                request.what
            ))),
        }
    }

    /// Bytes `from` to `from + length` of a blob; None with the reason, when the registry does not give parts. They are
    /// not verified: the caller knows by which digest.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn range(
        &self,
        blob: &BlobRef,
        from: u64,
        length: u64,
        count: &AtomicU64,
    ) -> Result<Result<Vec<u8>, String>, RegistryError> {
        let Some(last) = length.checked_sub(1).and_then(|length| from.checked_add(length)) else {
            return Ok(Ok(Vec::new()));
        };
        let request = Request { range: Some((from, last)), ..self.blob_request(&blob.digest) };
        let mut why = String::new();
        for tries in 1..=CUTS {
            let body = match self.client.wait(self.part(&request))? {
                Part::From(body, _) => body,
                Part::Whole(..) => {
                    return Ok(Err(format!("{} sends the whole instead of a part", self.endpoint.registry)));
                }
                Part::Refused(why) => return Ok(Err(why)),
            };
            let limit = usize::try_from(length).unwrap_or(usize::MAX);
            let silence = self.client.silence();
            let got = self.client.wait(async { Ok(collect(body, limit, silence).await) })?;
            match got {
                Ok(bytes) if bytes.len() as u64 == length => {
                    count.fetch_add(length, Ordering::Relaxed);
                    return Ok(Ok(bytes.to_vec()));
                }
                Ok(bytes) => why = format!("has {} of {length} bytes", bytes.len()),
                Err(error) => why = error,
            }
            self.client.wait(async {
                tokio::time::sleep(backoff(tries).min(Duration::from_secs(2))).await;
                Ok(())
            })?;
        }
        Err(RegistryError::network(format!("{}: {} {why}", self.endpoint.registry, request.what)))
    }
}

/// `bytes 5-9/20`: the first and the last byte (RFC 9110, section 14.4).
fn content_range(text: &str) -> Option<(u64, u64)> {
    let (range, _) = text.trim().strip_prefix("bytes")?.trim_start().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last).then_some((first, last))
}

impl Read for BlobReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if let Some(error) = &self.failure {
            return Err(io::Error::other(error.clone()));
        }
        while self.chunk.is_empty() {
            if self.outcome.is_some() {
                return Ok(0);
            }
            match self.receive() {
                Ok(true) => {}
                Ok(false) => {
                    self.body = None;
                    let own = self.hash.take().map(|hash| Digest::from(hash.finish()));
                    if own.as_ref() == Some(&self.blob.digest) {
                        self.outcome = Some(Outcome::Verified);
                        return Ok(0);
                    }
                    let own = own.unwrap_or_else(|| Digest::of(&[]));
                    let error = RegistryError::invalid(format!(
                        "its bytes should have the digest {} and have {own}",
                        self.blob.digest
                    ));
                    self.outcome = Some(Outcome::Differs(own));
                    self.failure = Some(error.clone());
                    return Err(io::Error::other(error));
                }
                Err(error) => {
                    self.body = None;
                    self.failure = Some(error.clone());
                    return Err(io::Error::other(error));
                }
            }
        }
        let step = self.chunk.len().min(buffer.len());
        buffer[..step].copy_from_slice(&self.chunk[..step]);
        self.chunk = self.chunk.slice(step..);
        Ok(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_part_came() {
        for (text, want) in [
            ("bytes 5-9/20", Some((5, 9))),
            ("bytes 5-9/*", Some((5, 9))),
            ("bytes=5-9/20", None),
            ("bytes 9-5/20", None),
            ("bytes */20", None),
            ("items 1-2/3", None),
        ] {
            assert_eq!(content_range(text), want, "{text}");
        }
    }
}

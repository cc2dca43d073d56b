//! Reads the blobs of some layers a second time, from whichever source they came.

use std::collections::HashMap;
use std::io::{BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::reader::ReadError;
use crate::bytes::{Flowing, Sniffed, Stopping, Window};
use crate::inspect::{Inspection, Remote, may_be_layer};
use crate::source::registry::BlobReader;
use crate::source::{EngineImage, Member, Members, Opened, Pass, SourceError, Stop, Stream, Target, open};

/// The bytes of a blob, as stored.
pub(super) enum Bytes<'b> {
    /// They can be read in any order.
    At(Window),
    /// They pass once.
    Flow(&'b mut (dyn Read + Send)),
}

/// A blob, read a second time.
pub(super) struct StoredBlob<'b> {
    /// The name of the member that it is.
    pub(super) name: &'b str,
    /// The layers that it is, or may be.
    pub(super) layers: &'b [u16],
    /// False for what a daemon exports: which layer it is shows only by what is in it.
    pub(super) sure: bool,
    pub(super) bytes: Bytes<'b>,
}

/// Whether the callback wants more blobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Read the next blob.
    More,
    /// Stop.
    Enough,
}

/// Callback invoked for each blob.
pub(super) type Visit<'v> = dyn FnMut(StoredBlob<'_>) -> Result<Next, ReadError> + 'v;

/// Calls `visit` once for each blob of `layers`, in the order that is cheapest to read, until it returns
/// [`Next::Enough`] or `stop` is true. A missing blob is an error, returned after all other blobs were visited.
pub(super) fn for_each_blob(
    target: &Target,
    inspection: &Inspection,
    layers: &[u16],
    stop: &AtomicBool,
    visit: &mut Visit<'_>,
) -> Result<(), ReadError> {
    if let Some(remote) = &inspection.remote {
        return over_registry(remote, layers, stop, visit);
    }
    let opened = open(target, &Arc::default())?;
    let done = match &opened {
        Opened::Members(members) => over_members(members, members_of(inspection, layers), visit),
        Opened::Stream(stream) => over_stream(stream, members_of(inspection, layers), stop, visit),
        Opened::Engine(engine) if is_in_place(engine, inspection) => {
            let members = engine.content.clone().map(Members::Content);
            members.map_or(Ok(()), |members| over_members(&members, members_of(inspection, layers), visit))
        }
        Opened::Engine(engine) => over_export(engine, inspection, layers, stop, visit),
        // It is read through its inspection.
        Opened::Registry(_) => Err(ReadError::Missing(layers.first().copied().unwrap_or_default())),
    };
    // What was broken off on purpose failed somewhere, for no reason that matters.
    done.map_err(|error| if stop.load(Ordering::Relaxed) { ReadError::Stopped } else { error })
}

/// Whether an engine's image was read in place, and still can be.
fn is_in_place(engine: &EngineImage, inspection: &Inspection) -> bool {
    let same = inspection.image.engine_id.as_deref() == Some(engine.facts.id.as_str());
    same && engine.content.is_some() && inspection.image.layers.iter().all(|layer| layer.member.starts_with("blobs/"))
}

/// The members that some layers are, and which: an image may name one blob several times.
fn members_of(inspection: &Inspection, layers: &[u16]) -> Vec<(String, Vec<u16>)> {
    let mut members: Vec<(String, Vec<u16>)> = Vec::new();
    for layer in layers {
        let name = &inspection.image.layers[usize::from(*layer)].member;
        match members.iter_mut().find(|(own, _)| own == name) {
            Some((_, layers)) => layers.push(*layer),
            None => members.push((name.clone(), vec![*layer])),
        }
    }
    members
}

fn over_members(members: &Members, wanted: Vec<(String, Vec<u16>)>, visit: &mut Visit<'_>) -> Result<(), ReadError> {
    let mut missing = None;
    for (name, layers) in wanted {
        let Some(window) = members.get(&name)? else {
            missing = missing.or_else(|| layers.first().copied());
            continue;
        };
        if visit(StoredBlob { name: &name, layers: &layers, sure: true, bytes: Bytes::At(window) })? == Next::Enough {
            return Ok(());
        }
    }
    missing.map_or(Ok(()), |layer| Err(ReadError::Missing(layer)))
}

fn over_stream(
    stream: &Stream,
    wanted: Vec<(String, Vec<u16>)>,
    stop: &AtomicBool,
    visit: &mut Visit<'_>,
) -> Result<(), ReadError> {
    if !stream.repeatable() {
        return Err(ReadError::Once);
    }
    let mut wanted: HashMap<String, Vec<u16>> = wanted.into_iter().collect();
    loop {
        let mut links = HashMap::new();
        let next = std::thread::scope(|scope| -> Result<Next, ReadError> {
            let mut pass = stream.pass_until(scope, stop)?;
            while let Some(member) = pass.next_member()? {
                match member {
                    Member::File { name, mut content, .. } => {
                        let Some(layers) = wanted.remove(&name) else { continue };
                        let bytes = Bytes::Flow(&mut content);
                        let next = visit(StoredBlob { name: &name, layers: &layers, sure: true, bytes })?;
                        if next == Next::Enough || wanted.is_empty() {
                            return Ok(Next::Enough);
                        }
                    }
                    Member::Link { name, target } => {
                        links.insert(name, target);
                    }
                }
            }
            Ok(Next::More)
        })?;
        if next == Next::Enough {
            return Ok(());
        }
        // A link comes before or after what it names, whose own pass may be over.
        let mut named: HashMap<String, Vec<u16>> = HashMap::new();
        for (name, layers) in wanted {
            let real = real_name(&links, &name).filter(|real| *real != name).ok_or(ReadError::Missing(layers[0]))?;
            named.entry(real.to_owned()).or_default().extend(layers);
        }
        wanted = named;
    }
}

/// The name that a chain of links ends in; None when it leads around in circles.
fn real_name<'n>(links: &'n HashMap<String, String>, name: &'n str) -> Option<&'n str> {
    let mut name = name;
    for _ in 0..128 {
        match links.get(name) {
            Some(target) => name = target,
            None => return Some(name),
        }
    }
    None
}

/// Downloads the layers again, each once. Who asks for parts of them stops early.
fn over_registry(remote: &Remote, layers: &[u16], stop: &AtomicBool, visit: &mut Visit<'_>) -> Result<(), ReadError> {
    let mut left: Vec<u16> = layers.to_vec();
    while let Some(first) = left.first().copied() {
        let blob = remote.blobs.get(usize::from(first)).ok_or(ReadError::Missing(first))?;
        let same = |layer: &u16| remote.blobs.get(usize::from(*layer)).is_some_and(|other| other.digest == blob.digest);
        let own: Vec<u16> = left.iter().copied().filter(same).collect();
        left.retain(|layer| !same(layer));
        let reader = BlobReader::new(&remote.repository, blob.clone(), Arc::default()).map_err(SourceError::from)?;
        let mut reader = reader.until(stop);
        let bytes = Bytes::Flow(&mut reader);
        let next = visit(StoredBlob { name: blob.digest.as_str(), layers: &own, sure: true, bytes });
        let failure = reader.failure().cloned();
        match (next, failure) {
            (_, Some(_)) if stop.load(Ordering::Relaxed) => return Err(ReadError::Stopped),
            (Err(_), Some(failure)) => return Err(SourceError::from(failure).into()),
            (Err(error), None) => return Err(error),
            (Ok(Next::Enough), _) => return Ok(()),
            (Ok(Next::More), _) => {}
        }
    }
    Ok(())
}

/// Shows all that may be a layer of what a daemon exports; which is which has to be found out from what is in it.
fn over_export(
    engine: &EngineImage,
    inspection: &Inspection,
    layers: &[u16],
    stop: &AtomicBool,
    visit: &mut Visit<'_>,
) -> Result<(), ReadError> {
    let was = inspection.image.engine_id.as_deref().unwrap_or(inspection.image.id.as_str());
    if engine.facts.id != was {
        return Err(ReadError::Retagged {
            name: inspection.reference.clone(),
            was: was.to_owned(),
            now: engine.facts.id.clone(),
        });
    }
    let bell = Arc::new(Stop::default());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            // A daemon may take a minute to begin, and no read returns meanwhile.
            while !over.load(Ordering::Relaxed) {
                if stop.load(Ordering::Relaxed) {
                    bell.set();
                }
                std::thread::park_timeout(Duration::from_millis(20));
            }
        });
        let done = (|| -> Result<(), ReadError> {
            let platform = inspection.image.platform.for_engine();
            let stream = engine.export(Some(&platform), Arc::default(), &bell);
            let mut pass = Pass::over(engine.daemon.title(), Box::new(stream), scope)?;
            while let Some(member) = pass.next_member()? {
                let Member::File { name, content, .. } = member else { continue };
                let Ok(content) = Sniffed::new(content, 512) else { continue };
                if !may_be_layer(content.head()) {
                    continue;
                }
                let mut whole = content.whole();
                let bytes = Bytes::Flow(&mut whole);
                if visit(StoredBlob { name: &name, layers, sure: false, bytes })? == Next::Enough {
                    break;
                }
            }
            Ok(())
        })();
        over.store(true, Ordering::Relaxed);
        bell.set();
        watcher.thread().unpark();
        done
    })
}

/// What a blob inflates to, until `stop` is true.
pub(super) fn inflate<'b>(
    stored: impl Read + Send + 'b,
    stop: &'b AtomicBool,
) -> std::io::Result<Flowing<BufReader<impl Read + 'b>>> {
    let plain = Sniffed::new(stored, 6)?.plain()?;
    Ok(Flowing::new(BufReader::with_capacity(256 * 1024, Stopping::new(plain, stop))))
}

//! Reading the layers of an archive on disk or a layout, several side by side.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};

use super::blob::Blob;
use super::builder::{Builder, WAITING};
use super::kept::{CACHE_LIMIT, Sharing};
use super::loaded::Loaded;
use super::{Clock, InspectError, Options, Progress, Shared, Timing, threads};
use crate::bytes::{Algorithm, Compression, Window};
use crate::image::{Digest, Image, Lookup, PlaceKind, Request, resolve};
use crate::layer::Batch;
use crate::source::{Members, SourceError, Target, unlike_an_image};

/// What the workers tell the one that builds the tree.
enum Message {
    Batch(usize, Batch),
    End(usize, Box<Blob>),
}

pub(super) struct MembersLookup<'m>(pub(super) &'m Members);

impl Lookup for MembersLookup<'_> {
    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, SourceError> {
        self.0.document(name)
    }

    fn shape(&self) -> String {
        match self.0 {
            Members::Archive(archive) => unlike_an_image(archive.names()),
            Members::Layout(_) | Members::Content(_) | Members::Storage(_) => {
                "the directory has no index.json".to_owned()
            }
        }
    }

    fn damage(&self) -> Option<String> {
        match self.0 {
            Members::Archive(archive) => archive.damage.as_ref().map(ToString::to_string),
            Members::Layout(_) | Members::Content(_) | Members::Storage(_) => None,
        }
    }

    fn kind(&self) -> PlaceKind {
        match self.0 {
            Members::Archive(_) | Members::Storage(_) => PlaceKind::Archive,
            Members::Layout(layout) if layout.is_skopeo_dir() => PlaceKind::Directory,
            Members::Layout(_) | Members::Content(_) => PlaceKind::Layout,
        }
    }
}

/// Reads the layers of an archive on disk or a layout.
#[allow(clippy::too_many_arguments, reason = "one call, by one caller")]
pub(super) fn from_members(
    members: &Members,
    target: &Target,
    request: &Request,
    options: &Options,
    shared: &Shared,
    clock: &mut Clock<'_>,
    timings: &mut Vec<Timing>,
    tell: &mut dyn FnMut(Progress<'_>) -> bool,
) -> Result<Loaded, InspectError> {
    let failed = |error| InspectError::Image { name: target.typed.clone(), error };
    let mut image = resolve(&MembersLookup(members), request).map_err(failed)?;
    match members {
        Members::Content(content) => {
            image.source = content.source;
            image.tags = crate::image::short_names(&content.names);
            image.notes.push(content.note.clone());
        }
        Members::Storage(storage) => {
            image.source = "containers-storage";
            image.notes.push(storage.note.clone());
        }
        Members::Archive(_) | Members::Layout(_) => {}
    }
    timings.push(clock.lap("documents"));
    read_members(members, image, options, shared, tell)
}

/// Reads the layers of an image whose documents are known.
pub(super) fn read_members(
    members: &Members,
    mut image: Image,
    options: &Options,
    shared: &Shared,
    tell: &mut dyn FnMut(Progress<'_>) -> bool,
) -> Result<Loaded, InspectError> {
    if !tell(Progress::Image(&image)) {
        return Err(InspectError::Stopped);
    }
    // One slot for each blob; an image may name one blob several times.
    let mut slots: Vec<Option<Window>> = Vec::new();
    let mut slot_of_member: HashMap<&str, usize> = HashMap::new();
    let mut diff_ids: Vec<Option<&str>> = Vec::new();
    let mut algorithms: Vec<Vec<Algorithm>> = Vec::new();
    let mut order = Vec::new();
    for layer in &image.layers {
        let known = slot_of_member.get(layer.member.as_str()).copied();
        if known.is_none() {
            slot_of_member.insert(&layer.member, slots.len());
            let window = members.get(&layer.member)?;
            if let (None, Members::Content(content)) = (&window, members) {
                return Err(SourceError::NoBlob { digest: layer.label().to_owned(), hint: content.hint.clone() }.into());
            }
            slots.push(window);
            diff_ids.push(layer.diff_id.as_ref().map(Digest::as_str));
            algorithms.push(Vec::new());
        }
        let slot = known.unwrap_or(slots.len() - 1);
        for algorithm in [&layer.digest, &layer.diff_id].into_iter().flatten().filter_map(Digest::computable) {
            if !algorithms[slot].contains(&algorithm) {
                algorithms[slot].push(algorithm);
            }
        }
        order.push(slot);
    }
    let of = slots.iter().flatten().map(Window::len).sum();
    let mut builder = Builder::new(slots.len(), shared, Some(of), tell);
    // The largest first, so that no thread is left with it at the end.
    let mut queue: Vec<usize> = (0..slots.len()).filter(|slot| slots[*slot].is_some()).collect();
    queue.sort_by_key(|slot| std::cmp::Reverse(slots[*slot].as_ref().map_or(0, Window::len)));
    let next = AtomicUsize::new(0);
    let sharing = Sharing::new(options);
    shared.indexed.fetch_add(sharing.indexed(&diff_ids), Ordering::Relaxed);
    let mut windows: Vec<Option<Window>> = vec![None; slots.len()];
    std::thread::scope(|scope| -> Result<(), InspectError> {
        let (sender, messages) = sync_channel(WAITING);
        for _ in 0..threads(options).min(queue.len()) {
            let (sender, queue, next, slots) = (sender.clone(), &queue, &next, &slots);
            let (sharing, diff_ids, algorithms) = (&sharing, &diff_ids, &algorithms);
            scope.spawn(move || {
                while let Some(slot) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Some(window) = &slots[*slot] else { continue };
                    let blob = sharing.read(window, diff_ids[*slot], &algorithms[*slot], &mut |batch| {
                        sender.send(Message::Batch(*slot, batch)).is_ok() && !shared.stop.load(Ordering::Relaxed)
                    });
                    if sender.send(Message::End(*slot, Box::new(blob))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let done = stack_as_they_come(&mut builder, &messages, &order);
        if done.is_err() {
            shared.stop.store(true, Ordering::Relaxed);
        }
        done
    })?;
    for (slot, window) in windows.iter_mut().enumerate() {
        let plain = builder.slots[slot].blob.as_ref().is_some_and(|blob| blob.compression == Compression::None);
        *window = slots[slot].take().filter(|_| plain);
    }
    let Builder { tree, slots, .. } = builder;
    image.notes.extend(sharing.trouble.into_inner().unwrap_or_default());
    if let Some(cache) = options.cache.as_ref().filter(|_| options.share_layers) {
        // Another process may prune at the same time.
        let _ = cache.prune(CACHE_LIMIT, None);
    }
    Ok(Loaded::new(image, tree, slots, &order, &windows, options))
}

/// Takes the workers' records, and stacks each layer as soon as all below it are there.
fn stack_as_they_come(
    builder: &mut Builder<'_>,
    messages: &Receiver<Message>,
    order: &[usize],
) -> Result<(), InspectError> {
    let mut stacked = 0;
    let mut ended = vec![false; builder.slots.len()];
    for message in messages {
        match message {
            Message::Batch(slot, batch) => builder.batch(slot, &batch)?,
            Message::End(slot, blob) => {
                builder.slots[slot].blob = Some(*blob);
                ended[slot] = true;
                for (layer, _) in order.iter().enumerate().filter(|(_, own)| **own == slot) {
                    builder.say_layer(layer, slot)?;
                }
            }
        }
        while order.get(stacked).is_some_and(|slot| ended[*slot]) {
            builder.push(order, stacked)?;
            stacked += 1;
        }
    }
    // Blobs that the archive lacks are empty layers.
    for layer in stacked..order.len() {
        builder.push(order, layer)?;
    }
    Ok(())
}

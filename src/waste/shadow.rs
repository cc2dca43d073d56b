//! Dead bytes: content that is stored and not there in the end, each byte charged once.

use rustc_hash::{FxHashMap, FxHashSet};

use super::kind::{Charge, Kind};
use crate::layer::ContentId;
use crate::tree::{EventRef, NodeId, Tree};

/// Dead bytes, and what became of content that was stored again.
#[derive(Debug, Clone, Default)]
pub struct Dead {
    /// Each charged file, in the order (layer, position).
    pub charges: Vec<Charge>,
    /// Content that was stored again: (after, before), in the order of `after`.
    pub(super) before: Vec<(EventRef, EventRef)>,
}

impl Dead {
    /// The first copy of the content whose last copy is `file`, through every time that it was stored again.
    pub fn carrier(&self, file: EventRef) -> EventRef {
        let mut first = file;
        while let Ok(place) = self.before.binary_search_by_key(&first, |(after, _)| *after) {
            first = self.before[place].1;
        }
        first
    }
}

/// Files that died in a layer, and files that it brought.
struct Exchange {
    died: Vec<EventRef>,
    born: Vec<EventRef>,
}

/// What layer `layer` took away from lower layers, and what it brought that outlives it; files with content only, in the
/// order (layer, position).
fn exchange(tree: &Tree, layer: u16) -> Exchange {
    let has_content = |file: &EventRef| tree.event_at(*file).size > 0;
    let events = &tree.layers[usize::from(layer)];
    let mut died: Vec<EventRef> =
        events.deaths.iter().copied().filter(|file| file.layer < layer).filter(has_content).collect();
    died.sort_unstable();
    if died.is_empty() {
        return Exchange { died, born: Vec::new() };
    }
    let stillborn: FxHashSet<EventRef> = events.deaths.iter().copied().filter(|file| file.layer == layer).collect();
    let born = (0..events.listed as u32)
        .map(|index| EventRef { layer, index })
        .filter(|at| tree.copy_of(*at) == Some(*at) && has_content(at) && !stillborn.contains(at))
        .collect();
    Exchange { died, born }
}

/// Files whose content must be known to tell the kinds of dead bytes apart: what a layer took away and what it brought,
/// where sizes are equal. Those whose content is known already are not asked for.
pub fn questions(tree: &Tree) -> Vec<EventRef> {
    let mut asked = Vec::new();
    for layer in 0..tree.layers.len() as u16 {
        let Exchange { died, born } = exchange(tree, layer);
        let size = |file: &EventRef| tree.event_at(*file).size;
        let gone: FxHashSet<u64> = died.iter().map(size).collect();
        let came: FxHashSet<u64> = born.iter().map(size).filter(|size| gone.contains(size)).collect();
        let unknown = |file: &EventRef| came.contains(&size(file)) && tree.content(*file).is_none();
        asked.extend(died.into_iter().chain(born).filter(unknown));
    }
    // A file may be born in one layer and die in another.
    asked.sort_unstable();
    asked.dedup();
    asked
}

/// Content as far as equality goes: size and identity.
type Known = (u64, ContentId);

/// A file's content as far as equality goes; None when it is not known, and then it equals nothing.
fn content(tree: &Tree, file: EventRef) -> Option<Known> {
    Some((tree.event_at(file).size, tree.content(file)?))
}

/// Charges every dead byte once. Content that [`questions`] asked for should be known by now; what is not is taken to
/// differ from everything.
pub fn dead(tree: &Tree) -> Dead {
    let mut links: FxHashMap<EventRef, Vec<EventRef>> = FxHashMap::default();
    for (file, link) in tree.links() {
        links.entry(file).or_default().push(link);
    }
    // (before, after), in the order of before: lists, since an image may store a million files twice.
    let mut successors: Vec<(EventRef, EventRef)> = Vec::new();
    let mut charges = Vec::new();
    for layer in 0..tree.layers.len() as u16 {
        let start = charges.len();
        let charge = |file: EventRef, kind, first_in| Charge::new(file, kind, layer, first_in);
        let exchange = exchange(tree, layer);
        match_copies(tree, layer, &exchange, &links, &mut |before, after, kind| {
            successors.push((before, after));
            // What was charged so far is in order, since layers are.
            let known = charges[..start].binary_search_by_key(&before, |charge: &Charge| charge.file);
            let first_in = known.map_or(before.layer, |at| charges[at].first_in);
            charges.push(charge(after, kind, first_in));
        });
        let stillborn = tree.layers[usize::from(layer)].deaths.iter().filter(|file| file.layer == layer);
        charges.extend(
            stillborn.filter(|file| tree.event_at(**file).size > 0).map(|file| charge(*file, Kind::Shadowed, layer)),
        );
        charges[start..].sort_unstable_by_key(|charge| charge.file);
    }
    successors.sort_unstable();
    let later_copies = charges.len();
    let successor = |file: EventRef| {
        successors.binary_search_by_key(&file, |(before, _)| *before).ok().map(|place| successors[place].1)
    };
    // The layer that ended a lineage, its first copy and its last.
    let mut ended: Vec<(u16, EventRef, EventRef)> = Vec::new();
    for carrier in tree.layers.iter().flat_map(|layer| &layer.deaths) {
        let known = charges[..later_copies].binary_search_by_key(carrier, |charge| charge.file).is_ok();
        if known || tree.event_at(*carrier).size == 0 {
            continue;
        }
        let mut last = *carrier;
        while let Some(next) = successor(last) {
            last = next;
        }
        // A lineage may live on in its last copy.
        if !tree.event_at(last).is_dead() {
            continue;
        }
        ended.push((end_of(tree, last, &links), *carrier, last));
    }
    ended.sort_unstable();
    for lineages in ended.chunk_by(|a, b| a.0 == b.0) {
        let end = lineages[0].0;
        let brought = brought(tree, end);
        for (_, carrier, last) in lineages {
            let mut lost = names_lost(tree, *last, end, &links);
            let replaced = lost.any(|at| brought.contains_key(&tree.event_at(at).node));
            let kind = if replaced { Kind::Overwritten } else { Kind::Deleted };
            charges.push(Charge::new(*carrier, kind, end, carrier.layer));
        }
    }
    charges.sort_unstable_by_key(|charge| charge.file);
    let mut before = successors;
    for pair in &mut before {
        *pair = (pair.1, pair.0);
    }
    before.sort_unstable();
    Dead { charges, before }
}

/// The layer in which the last name of a dead file died.
fn end_of(tree: &Tree, file: EventRef, links: &FxHashMap<EventRef, Vec<EventRef>>) -> u16 {
    let names = std::iter::once(&file).chain(links.get(&file).into_iter().flatten());
    names.map(|name| tree.event_at(*name).until).max().unwrap_or_default()
}

/// The names of a file that a layer took away: events, its own and those of hard links.
fn names_lost(
    tree: &Tree,
    file: EventRef,
    layer: u16,
    links: &FxHashMap<EventRef, Vec<EventRef>>,
) -> impl Iterator<Item = EventRef> {
    std::iter::once(file)
        .chain(links.get(&file).into_iter().flatten().copied())
        .filter(move |at| tree.event_at(*at).until == layer)
}

/// What a layer brought that outlives it, by path. Where the path's last event ended in that layer, it is also what the path
/// is afterwards; asking the path's own history would cost as much as the path has versions.
fn brought(tree: &Tree, layer: u16) -> FxHashMap<NodeId, EventRef> {
    let events = tree.layers[usize::from(layer)].events.iter().enumerate();
    let lasting = events.filter(|(_, event)| event.until > layer);
    lasting.map(|(index, event)| (event.node, EventRef { layer, index: index as u32 })).collect()
}

/// Finds content that the layer took away and stored again, one to one.
fn match_copies(
    tree: &Tree,
    layer: u16,
    exchange: &Exchange,
    links: &FxHashMap<EventRef, Vec<EventRef>>,
    found: &mut impl FnMut(EventRef, EventRef, Kind),
) {
    if exchange.died.is_empty() {
        return;
    }
    let brought = brought(tree, layer);
    // By place in the layer.
    let mut taken = vec![false; tree.layers[usize::from(layer)].listed];
    let mut rest = Vec::new();
    for before in &exchange.died {
        let Some(wanted) = content(tree, *before) else { continue };
        let mut names: Vec<EventRef> = names_lost(tree, *before, layer, links).collect();
        if names.len() > 1 {
            names.sort_by_cached_key(|at| tree.paths.path(tree.event_at(*at).node));
        }
        let same_path = names
            .iter()
            .filter_map(|at| brought.get(&tree.event_at(*at).node))
            .filter_map(|at| tree.copy_of(*at))
            .find(|after| {
                after.layer == layer && !taken[after.index as usize] && content(tree, *after) == Some(wanted)
            });
        match same_path {
            Some(after) => {
                taken[after.index as usize] = true;
                let same = tree.same_attributes(*before, after);
                found(*before, after, if same { Kind::Rewritten } else { Kind::Metadata });
            }
            None => rest.push((*before, wanted)),
        }
    }
    let asked: FxHashSet<Known> = rest.iter().map(|(_, wanted)| *wanted).collect();
    // By content and by content and last name, both in tar order; what is taken meanwhile is passed over.
    let mut any: FxHashMap<Known, Vec<EventRef>> = FxHashMap::default();
    let mut named: FxHashMap<(Known, &[u8]), Vec<EventRef>> = FxHashMap::default();
    let name = |file: EventRef| tree.paths.name(tree.event_at(file).node);
    for after in exchange.born.iter().rev() {
        let Some(known) = content(tree, *after).filter(|known| asked.contains(known)) else { continue };
        any.entry(known).or_default().push(*after);
        // A file that has further names can be met by each of them.
        for own in std::iter::once(*after).chain(links.get(after).into_iter().flatten().copied()) {
            named.entry((known, name(own))).or_default().push(*after);
        }
    }
    for (before, wanted) in rest {
        let mut free = |queue: Option<&mut Vec<EventRef>>| {
            let queue = queue?;
            while let Some(after) = queue.pop() {
                if !std::mem::replace(&mut taken[after.index as usize], true) {
                    return Some(after);
                }
            }
            None
        };
        let after = free(named.get_mut(&(wanted, name(before)))).or_else(|| free(any.get_mut(&wanted)));
        if let Some(after) = after {
            found(before, after, Kind::Moved);
        }
    }
}

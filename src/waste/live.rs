//! Live bytes that should not be there: masked by a mount, left over, or stored twice.

use std::cmp::Reverse;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Evidence;
use super::guards::{Guards, Verdict};
use super::kind::{Charge, Kind, RuleId};
use super::named::{Named, rooted};
use super::rules::{Computed, Level, Rules};
use super::shadow::Dead;
use crate::image::Image;
use crate::layer::ContentId;
use crate::tree::{Event, EventKind, EventRef, NodeId, Tree};

/// Live files with content, in the order (layer, position), each with its hard links.
pub(super) fn live_files(tree: &Tree) -> impl Iterator<Item = EventRef> {
    tree.layers.iter().enumerate().flat_map(|(layer, events)| {
        let events = events.events[..events.listed].iter().enumerate();
        events
            .filter(|(_, event)| event.kind() == EventKind::File && event.size > 0 && !event.is_dead())
            .map(move |(index, _)| EventRef { layer: layer as u16, index: index as u32 })
    })
}

/// Live files of a size that another live file has too: their content must be known to find duplicates. Those whose content
/// is known already are not asked for.
pub fn lookalikes(tree: &Tree) -> Vec<EventRef> {
    let mut sizes: FxHashMap<u64, bool> = FxHashMap::default();
    for file in live_files(tree) {
        sizes.entry(tree.event_at(file).size).and_modify(|several| *several = true).or_insert(false);
    }
    live_files(tree).filter(|file| sizes[&tree.event_at(*file).size] && tree.content(*file).is_none()).collect()
}

/// Masked, cruft, duplicate and, when asked for, advised files, in the order (layer, position); and for the largest
/// duplicate of each layer the live file that has the same content.
pub(super) fn live(
    tree: &Tree,
    image: &Image,
    rules: &Rules,
    named: &Named,
    evidence: &Evidence,
    dead: &Dead,
    advice: bool,
) -> (Vec<Charge>, Vec<(EventRef, EventRef)>) {
    let mut links: FxHashMap<EventRef, Vec<EventRef>> = FxHashMap::default();
    for (file, link) in tree.links() {
        links.entry(file).or_default().push(link);
    }
    let live_names = |file: EventRef| {
        std::iter::once(file)
            .chain(links.get(&file).into_iter().flatten().copied())
            .filter(|at| tree.event_at(*at).until == Event::HOLDS)
    };
    let mut guards = Guards::new(tree, image, rules, named);
    let mut charges = Vec::new();
    let mut unclaimed: Vec<(EventRef, Option<RuleId>)> = Vec::new();
    let mut path = Vec::new();
    // Layers in which a rule has waste.
    let mut met: FxHashSet<(RuleId, u16)> = FxHashSet::default();
    for file in live_files(tree) {
        let carrier = dead.carrier(file);
        let charge = |kind, rule| Charge::new(carrier, kind, carrier.layer, carrier.layer).named(rule);
        let mut masked = live_names(file).next().is_some();
        for name in live_names(file) {
            rooted(tree, tree.event_at(name).node, &mut path);
            masked &= [&b"/proc/"[..], b"/sys/", b"/dev/"].iter().any(|top| path.starts_with(top));
        }
        if masked {
            charges.push(charge(Kind::Masked, None));
            continue;
        }
        let seen = evidence.seen.get(&file).copied().unwrap_or_default();
        let mut verdict: Option<Verdict> = None;
        for name in live_names(file) {
            match (guards.verdict(name, file, carrier.layer, seen), verdict) {
                (None, _) => {
                    verdict = None;
                    break;
                }
                (Some(own), None) => verdict = Some(own),
                (Some(Verdict::Advises(rule)), Some(Verdict::Counts(_))) => verdict = Some(Verdict::Advises(rule)),
                (Some(_), Some(_)) => {}
            }
        }
        match verdict {
            Some(Verdict::Counts(rule)) => {
                met.insert((rule, carrier.layer));
                charges.push(charge(Kind::Cruft, Some(rule)));
            }
            other => unclaimed.push((file, other.map(Verdict::rule))),
        }
    }
    // Files that are left alone by themselves, and not beside others.
    let mut beside: FxHashMap<EventRef, RuleId> = FxHashMap::default();
    for (at, rule) in &named.together {
        beside.entry(*at).or_insert(*rule);
    }
    if !beside.is_empty() {
        unclaimed.retain(|(file, _)| {
            let carrier = dead.carrier(*file);
            let rule = live_names(*file).map(|name| beside.get(&name).copied()).collect::<Option<Vec<_>>>();
            let rule = rule.and_then(|rules| rules.first().copied());
            let Some(rule) = rule.filter(|rule| met.contains(&(*rule, carrier.layer))) else { return true };
            charges.push(Charge::new(carrier, Kind::Cruft, carrier.layer, carrier.layer).named(Some(rule)));
            false
        });
    }
    // A rule that no path can be matched by, and that is made to count.
    let computed_rule = |file: EventRef| {
        let symbols = || rules.computed(Computed::Symbols).filter(|_| evidence.symbols.contains_key(&file));
        evidence.computed.get(&file).copied().or_else(symbols)
    };
    unclaimed.retain(|(file, _)| {
        let rule = computed_rule(*file).filter(|rule| rules.rule(*rule).level == Level::On);
        let carrier = dead.carrier(*file);
        charges.extend(rule.map(|_| Charge::new(carrier, Kind::Cruft, carrier.layer, carrier.layer).named(rule)));
        rule.is_none()
    });
    let twice = duplicates(tree, &unclaimed, dead, &mut |file| {
        let mut first: Option<Vec<u8>> = None;
        for name in live_names(file) {
            let own = tree.paths.path(tree.event_at(name).node);
            if first.as_ref().is_none_or(|first| own < *first) {
                first = Some(own);
            }
        }
        first.unwrap_or_default()
    });
    let (twice, kept) = twice;
    let advised = |file: EventRef| twice.binary_search(&file).is_err();
    let tagged = tagged(tree, rules, &unclaimed);
    unclaimed.retain(|(file, _)| advice && advised(*file));
    unclaimed.shrink_to_fit();
    charges.extend(twice.iter().map(|file| {
        let carrier = dead.carrier(*file);
        Charge::new(carrier, Kind::Duplicate, carrier.layer, carrier.layer)
    }));
    for (file, rule) in unclaimed {
        let symbols = rules.computed(Computed::Symbols).filter(|_| evidence.symbols.contains_key(&file));
        let rule = rule.or_else(|| evidence.computed.get(&file).copied()).or_else(|| tagged(file)).or(symbols);
        let Some(rule) = rule else { continue };
        let carrier = dead.carrier(file);
        charges.push(Charge::new(carrier, Kind::Advice, carrier.layer, carrier.layer).named(Some(rule)));
    }
    charges.sort_unstable_by_key(|charge| charge.file);
    (charges, kept)
}

/// Files below directories that declare themselves a cache: those with a `CACHEDIR.TAG` that is one.
fn tagged<'t>(
    tree: &'t Tree,
    rules: &Rules,
    unclaimed: &[(EventRef, Option<RuleId>)],
) -> impl Fn(EventRef) -> Option<RuleId> + 't {
    let rule = rules.whole_directory();
    let tags = unclaimed.iter().filter(|(_, named)| named.is_some() && *named == rule);
    let folders: FxHashSet<NodeId> =
        tags.filter_map(|(file, _)| tree.paths.parent(tree.event_at(*file).node)).collect();
    move |file| {
        let above = std::iter::successors(Some(tree.event_at(file).node), |node| tree.paths.parent(*node));
        rule.filter(|_| !folders.is_empty() && above.skip(1).any(|folder| folders.contains(&folder)))
    }
}

/// Files whose contents are compared at a time: some 8 MB.
const AT_ONCE: usize = 250_000;

/// Files that are stored twice, sorted; and for the largest carrier of each layer among them the file that is kept, sorted.
type Twice = (Vec<EventRef>, Vec<(EventRef, EventRef)>);

/// Of the files with one content all but the one whose carrier is lowest and whose first name comes first.
fn duplicates(
    tree: &Tree,
    files: &[(EventRef, Option<RuleId>)],
    dead: &Dead,
    first_name: &mut dyn FnMut(EventRef) -> Vec<u8>,
) -> Twice {
    let mut twice = Vec::new();
    // By the carrier's layer: there may be a million pairs, and only the largest is told.
    let mut largest: FxHashMap<u16, (u64, Reverse<EventRef>, EventRef)> = FxHashMap::default();
    // Of a million files not all at a time.
    let parts = files.len() / AT_ONCE + 1;
    let mut known: Vec<(u64, ContentId, EventRef)> = Vec::new();
    for part in 0..parts {
        known.clear();
        known.extend(files.iter().filter_map(|(file, _)| {
            let content = tree.content(*file).filter(|content| usize::from(content[0]) % parts == part)?;
            Some((tree.event_at(*file).size, content, *file))
        }));
        known.sort_unstable();
        for same in known.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            if same.len() < 2 {
                continue;
            }
            let lowest = same.iter().map(|(.., file)| dead.carrier(*file).layer).min();
            let in_lowest = same.iter().filter(|(.., file)| Some(dead.carrier(*file).layer) == lowest);
            let Some((.., kept)) = in_lowest.min_by_key(|(.., file)| first_name(*file)) else { continue };
            for (size, _, file) in same.iter().filter(|(.., file)| file != kept) {
                twice.push(*file);
                let carrier = dead.carrier(*file);
                let own = (*size, Reverse(carrier), *kept);
                largest.entry(carrier.layer).and_modify(|known| *known = own.max(*known)).or_insert(own);
            }
        }
    }
    twice.sort_unstable();
    let mut kept: Vec<_> = largest.into_values().map(|(_, carrier, kept)| (carrier.0, kept)).collect();
    kept.sort_unstable();
    (twice, kept)
}

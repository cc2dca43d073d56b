//! Folders that are stored twice as a whole.

use super::kind::Charge;
use crate::tree::{EventKind, EventRef, NodeId, Tree};

/// The folder that has all the duplicates and the one that has the same, when both hold the same under the same names: the
/// topmost such pair. `twin` is one of the duplicates and the file that has its content.
pub(super) fn twin_folders(tree: &Tree, twin: (EventRef, EventRef), charges: &[Charge]) -> Option<(NodeId, NodeId)> {
    let node = |file: EventRef| tree.event_at(file).node;
    let above = |node: NodeId| std::iter::successors(Some(node), |node| tree.paths.parent(*node));
    let (own, kept) = (node(twin.0), node(twin.1));
    let pairs = above(own).zip(above(kept));
    let same_name = |(own, kept): &(NodeId, NodeId)| tree.paths.name(*own) == tree.paths.name(*kept);
    // Of every name that both paths end with the folders that hold it.
    let pairs: Vec<(NodeId, NodeId)> = pairs
        .take_while(|pair| pair.0 != pair.1 && same_name(pair))
        .filter_map(|(own, kept)| Some((tree.paths.parent(own)?, tree.paths.parent(kept)?)))
        .collect();
    let within = |node: NodeId, folder: NodeId| above(node).any(|above| above == folder);
    pairs.into_iter().rev().find(|(own, kept)| {
        !within(*own, *kept)
            && !within(*kept, *own)
            && charges.iter().all(|charge| within(node(charge.file), *own))
            && hold_the_same(tree, *own, *kept)
    })
}

/// Whether two folders of the final file system hold the same: names, contents, and what links say.
fn hold_the_same(tree: &Tree, one: NodeId, other: NodeId) -> bool {
    let Some(top) = tree.top() else { return false };
    let mut stack = vec![(one, other)];
    while let Some((one, other)) = stack.pop() {
        if tree.entries(one, top).count() != tree.entries(other, top).count() {
            return false;
        }
        for (node, at) in tree.entries(one, top) {
            let twin = tree.paths.child(other, tree.paths.name(node));
            let Some((twin, twin_at)) = twin.and_then(|twin| Some((twin, tree.state(twin, top)?))) else {
                return false;
            };
            let (event, twin_event) = (tree.event_at(at), tree.event_at(twin_at));
            match (event.kind(), twin_event.kind()) {
                (EventKind::Directory, EventKind::Directory) => stack.push((node, twin)),
                (EventKind::Symlink, EventKind::Symlink) if tree.symlink(event) == tree.symlink(twin_event) => {}
                _ if same_file(tree, at, twin_at) => {}
                _ => return false,
            }
        }
    }
    true
}

fn same_file(tree: &Tree, one: EventRef, other: EventRef) -> bool {
    let (Some(one), Some(other)) = (tree.copy_of(one), tree.copy_of(other)) else { return false };
    let size = tree.event_at(one).size;
    let same = || one == other || tree.content(one).is_some_and(|content| tree.content(other) == Some(content));
    size == tree.event_at(other).size && (size == 0 || same())
}

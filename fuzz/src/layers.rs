//! Layers into a tree: sums hold whatever the entries are. The input is cut into layers at a byte that is given first.

use explore::bytes::{Flowing, Walker};
use explore::layer::{Hashing, Passing, index};
use explore::tree::{LayerEvents, Tree};
use explore::waste;

/// Runs one input.
pub fn run(data: &[u8]) {
    let [first, rest @ ..] = data else { return };
    let blocks = usize::from(*first).max(2) * 512;
    let passing = Passing { hashing: Hashing::Identity, keep: &[], watch: None };
    let mut tree = Tree::default();
    let rest = super::with_checksums(rest);
    for layer in rest.chunks(blocks).take(64) {
        let mut events = LayerEvents::default();
        index(&mut Walker::new(Flowing::new(layer), 0), passing, &mut |batch| {
            tree.collect(&mut events, &batch).is_ok()
        });
        tree.push(events);
    }
    let dead = waste::dead(&tree);
    assert_eq!(dead.charges.iter().map(|charge| charge.bytes(&tree)).sum::<u64>(), tree.dead_bytes());
    assert!(tree.dead_bytes() <= tree.content_bytes());
}

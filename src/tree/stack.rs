//! Putting one layer on top of those below: whiteouts first, then entries in tar order
//! (OCI image spec, "Applying Changesets").

use super::path::NodeId;
use super::timeline::{Attributes, Change, Event, EventKind, EventRef, LayerEvents, Tree};
use super::view::Lookup;

impl Tree {
    /// A layer once more, for images that name one blob twice.
    pub fn duplicate(&mut self, layer: &LayerEvents) -> LayerEvents {
        let mut events = layer.events.clone();
        self.events += events.len();
        for event in &mut events {
            if event.kind() == EventKind::HardLink {
                self.hard_links.push(self.hard_links[event.extra.get() as usize]);
                event.extra.set(self.hard_links.len() as u32 - 1);
            }
        }
        LayerEvents {
            events,
            listed: layer.listed,
            whiteouts: layer.whiteouts.clone(),
            pull: layer.pull.clone(),
            pull_estimated: layer.pull_estimated,
            content_bytes: layer.content_bytes,
            ..LayerEvents::default()
        }
    }

    /// Stacks a layer. Costs what the layer says and what it takes away, whatever is below.
    pub fn push(&mut self, mut layer: LayerEvents) {
        let own = self.layers.len() as u16;
        self.last.resize(self.paths.len(), EventRef::NONE);
        let whiteouts = std::mem::take(&mut layer.whiteouts);
        let entries = std::mem::take(&mut layer.events);
        layer.links.settle();
        self.layers.push(LayerEvents { events: entries, ..layer });
        let mut work = Stacking { tree: self, own, ended: Vec::new() };
        for (node, opaque) in &whiteouts {
            work.take_away(*node, *opaque);
        }
        for (node, opaque) in &whiteouts {
            if *opaque {
                work.imply_to(*node);
            } else {
                work.imply_parents(*node);
            }
        }
        for index in 0..work.tree.layers[usize::from(own)].listed {
            work.enter(index as u32);
        }
        work.count();
    }
}

struct Stacking<'t> {
    tree: &'t mut Tree,
    own: u16,
    /// Events of lower layers that this layer ended.
    ended: Vec<EventRef>,
}

impl Stacking<'_> {
    /// The event that makes a path be there now.
    fn now(&self, node: NodeId) -> Option<EventRef> {
        self.tree.last[node.index()].some().filter(|at| self.tree.event_at(*at).until == Event::HOLDS)
    }

    fn is_directory(&self, node: NodeId) -> bool {
        node == NodeId::ROOT || self.now(node).is_some_and(|at| self.tree.event_at(at).kind() == EventKind::Directory)
    }

    fn take_away(&mut self, node: NodeId, opaque: bool) {
        if self.is_directory(node) {
            self.empty(node);
        }
        if !opaque && let Some(at) = self.now(node) {
            self.end(at);
        }
    }

    /// Ends everything below a directory. A directory's children are looked through once in all; after that only those
    /// that came back are, so emptying it again and again costs no more than filling it did.
    fn empty(&mut self, directory: NodeId) {
        let mut stack = vec![directory];
        while let Some(directory) = stack.pop() {
            let children = if let Some(reborn) = self.tree.reborn.get_mut(&directory) {
                std::mem::take(reborn)
            } else {
                self.tree.reborn.insert(directory, Vec::new());
                self.tree.paths.children(directory).collect()
            };
            for child in children {
                if let Some(at) = self.now(child) {
                    if self.tree.event_at(at).kind() == EventKind::Directory {
                        stack.push(child);
                    }
                    self.end(at);
                }
            }
        }
    }

    fn end(&mut self, at: EventRef) {
        self.tree.event_mut(at).until = self.own;
        if at.layer < self.own {
            self.ended.push(at);
        }
        let Some(copy) = self.tree.copy_of(at) else { return };
        if let Some(names) = self.tree.names.get_mut(&copy) {
            *names -= 1;
            if *names > 0 {
                return;
            }
        }
        self.tree.event_mut(copy).set_dead();
        self.tree.layers[usize::from(self.own)].deaths.push(copy);
    }

    /// Makes `at` what its path is now.
    fn begin(&mut self, at: EventRef) {
        let node = self.tree.event_at(at).node;
        let before = self.tree.last[node.index()];
        let was_there = self.now(node);
        if let Some(before) = was_there {
            self.end(before);
        } else if !self.tree.reborn.is_empty()
            && let Some(parent) = self.tree.paths.parent(node)
            && let Some(reborn) = self.tree.reborn.get_mut(&parent)
        {
            reborn.push(node);
        }
        self.tree.event_mut(at).set_previous(before);
        self.tree.last[node.index()] = at;
    }

    /// Makes every directory above `node` be one.
    fn imply_parents(&mut self, node: NodeId) {
        if let Some(parent) = self.tree.paths.parent(node) {
            self.imply_to(parent);
        }
    }

    /// Makes `node` and every directory above it be one: whatever else is in the way gives way, symbolic links too,
    /// since layers are unpacked one by one.
    fn imply_to(&mut self, node: NodeId) {
        let mut missing = Vec::new();
        let mut at = node;
        while !self.is_directory(at) {
            missing.push(at);
            match self.tree.paths.parent(at) {
                Some(parent) => at = parent,
                None => break,
            }
        }
        for node in missing.into_iter().rev() {
            let attributes =
                self.tree.attributes.number(Attributes { mode: 0o755, uid: 0, gid: 0, xattrs: Box::default() }, 0);
            let events = &mut self.tree.layers[usize::from(self.own)].events;
            events.push(Event::implied(node, attributes));
            let at = EventRef { layer: self.own, index: events.len() as u32 - 1 };
            self.tree.events += 1;
            self.begin(at);
        }
    }

    fn enter(&mut self, index: u32) {
        let at = EventRef { layer: self.own, index };
        let (node, kind, extra) = {
            let event = self.tree.event_at(at);
            (event.node, event.kind(), event.extra.get() as usize)
        };
        if kind == EventKind::HardLink {
            // Resolved before anything gives way: a link may name the path that it replaces.
            let target = self.tree.hard_links[extra].target;
            // Its own layer's links were followed when it was read. Where that leads nowhere, lower layers' may lead to it.
            let found = self.now(target).or_else(|| {
                let path = self.tree.paths.path(target);
                match self.tree.lookup(&path, self.own, false) {
                    Lookup::Found(_, at) => Some(at),
                    _ => None,
                }
            });
            let found = found.map(|found| {
                let event = self.tree.event_at(found);
                match event.kind() {
                    EventKind::HardLink => self.tree.hard_links[event.extra.get() as usize].copy,
                    _ => found,
                }
            });
            // A directory has one name only.
            let copy =
                found.and_then(EventRef::some).filter(|copy| self.tree.event_at(*copy).kind() != EventKind::Directory);
            let link = &mut self.tree.hard_links[extra];
            link.own = at;
            link.copy = copy.unwrap_or(EventRef::NONE);
            if let Some(copy) = self.tree.copy_of(at) {
                *self.tree.names.entry(copy).or_insert(1) += 1;
            }
        }
        self.imply_parents(node);
        if kind != EventKind::Directory && self.is_directory(node) {
            self.empty(node);
        }
        self.begin(at);
    }

    /// Says of each path that this layer speaks of what it does to it.
    fn count(self) {
        let Self { tree, own, ended } = self;
        let (mut added, mut modified) = (0, 0);
        for index in 0..tree.layers[usize::from(own)].events.len() {
            let at = EventRef { layer: own, index: index as u32 };
            let event = tree.event_at(at);
            if event.until != Event::HOLDS || event.node == NodeId::ROOT && event.is_implied() {
                continue;
            }
            let mut below = event.previous();
            while below.layer == own {
                below = tree.event_at(below).previous();
            }
            let change = match below.some().map(|below| tree.event_at(below)) {
                Some(below) if below.until == own => {
                    let same = event.kind() == EventKind::Directory
                        && below.kind() == EventKind::Directory
                        && event.same_attributes(below)
                        && event.same_mtime(below);
                    if same { Change::None } else { Change::Modified }
                }
                _ => Change::Added,
            };
            tree.event_mut(at).set_change(change);
            // The root is there in every file system, so no layer adds it.
            if event_counts(tree, at) {
                added += u64::from(change == Change::Added);
                modified += u64::from(change == Change::Modified);
            }
        }
        let removed: Vec<NodeId> = ended
            .into_iter()
            .map(|at| tree.event_at(at).node)
            .filter(|node| tree.last[node.index()].some().is_none_or(|at| tree.event_at(at).until != Event::HOLDS))
            .collect();
        let layer = &mut tree.layers[usize::from(own)];
        layer.added = added;
        layer.modified = modified;
        layer.removed = removed;
        layer.events.shrink_to_fit();
    }
}

fn event_counts(tree: &Tree, at: EventRef) -> bool {
    tree.event_at(at).node != NodeId::ROOT
}

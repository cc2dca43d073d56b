//! What lies over a screen: help, the list of paths to go to, a path's history, what can be copied, where to save.

use crossterm::event::KeyCode;

use super::app::{App, Effect};
use super::cursor::Cursor;
use super::keymap::{Action, Place};
use super::keys::Key;
use super::line::Line;
use super::viewer::Viewer;
use super::work::{Job, JumpJob};
use crate::tree::{Change, Event, EventRef, NodeId, Range, Tree};

/// Something that lies over the screen and has the keys.
#[derive(Debug)]
pub(super) enum Overlay {
    /// Every key; what is typed narrows it.
    Help { line: Line, top: usize },
    /// Paths that have the letters of what is typed.
    Jump(Jump),
    /// What the layers did to one path.
    History(PathHistory),
    /// What can be copied: what it is, and its text.
    Copy { items: Vec<(&'static str, String)>, cursor: Cursor },
    /// Where a file or folder is to be saved.
    Save { line: Line, node: NodeId, layer: u16 },
    /// A file's content.
    Viewer(Box<Viewer>),
}

/// Paths to go to.
#[derive(Debug, Default)]
pub(super) struct Jump {
    pub(super) line: Line,
    pub(super) paths: Vec<NodeId>,
    pub(super) count: usize,
    pub(super) cursor: Cursor,
    /// The answer to what was typed last has not come.
    pub(super) waiting: bool,
}

/// What one layer did to a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) layer: u16,
    pub(super) change: Change,
    /// What it became, or was before it was removed.
    pub(super) at: Option<EventRef>,
}

/// What the layers did to a path, the first on top.
#[derive(Debug)]
pub(super) struct PathHistory {
    pub(super) node: NodeId,
    pub(super) moments: Vec<Moment>,
    pub(super) cursor: Cursor,
}

impl PathHistory {
    /// Reads the path's timeline; the cursor is on the moment that a layer shows.
    pub(super) fn of(tree: &Tree, node: NodeId, layer: u16) -> Self {
        let mut layers: Vec<u16> = Vec::new();
        for (at, event) in tree.events_of(node) {
            layers.push(at.layer);
            if event.until != Event::HOLDS {
                layers.push(event.until);
            }
        }
        layers.sort_unstable();
        layers.dedup();
        let moments: Vec<Moment> = layers
            .into_iter()
            .map(|layer| {
                let (change, at) = tree.difference(node, Range::one(layer));
                Moment { layer, change, at }
            })
            .filter(|moment| moment.change != Change::None)
            .collect();
        let at = moments.iter().rposition(|moment| moment.layer <= layer).unwrap_or(0);
        Self { node, moments, cursor: Cursor::on(at) }
    }
}

impl App {
    /// A key while something lies over the screen.
    pub(super) fn key_in_overlay(&mut self, key: Key) {
        let action = self.keys.action(self.place(), key);
        let Some(overlay) = self.overlays.last_mut() else { return };
        match overlay {
            Overlay::Help { .. } => self.key_in_help(key, action),
            Overlay::Jump(_) => self.key_in_jump(key),
            Overlay::Copy { .. } => self.key_in_copy(key, action),
            Overlay::Save { .. } => self.key_in_save(key),
            Overlay::History(_) => self.act_in_history(action),
            Overlay::Viewer(_) => self.key_in_viewer(key, action),
        }
    }

    fn key_in_help(&mut self, key: Key, action: Option<Action>) {
        let Some(Overlay::Help { line, top }) = self.overlays.last_mut() else { return };
        let empty = line.text().is_empty();
        match (key.code(), action) {
            (KeyCode::Esc, _) if !empty => *line = Line::default(),
            (KeyCode::Esc | KeyCode::Enter, _) => self.close(),
            (_, Some(Action::Suspend)) => self.effect(Effect::Suspend),
            (_, Some(Action::Quit | Action::Help)) if empty => self.close(),
            (KeyCode::Up, _) => *top = top.saturating_sub(1),
            (KeyCode::Down, _) => *top += 1,
            (KeyCode::PageUp, _) => *top = top.saturating_sub(10),
            (KeyCode::PageDown, _) => *top += 10,
            (KeyCode::Home, _) => *top = 0,
            (KeyCode::End, _) => *top = usize::MAX,
            // Who is used to `/` before a search need not unlearn it.
            _ if empty && key.letter() == Some('/') => {}
            _ => {
                if line.takes(key) {
                    *top = 0;
                }
            }
        }
    }

    fn key_in_jump(&mut self, key: Key) {
        let page = self.page().max(1) as isize;
        let Some(Overlay::Jump(jump)) = self.overlays.last_mut() else { return };
        let step = |jump: &mut Jump, by| jump.cursor.step(by, jump.paths.len());
        match key.code() {
            KeyCode::Esc => self.close(),
            KeyCode::Enter => {
                let goal = jump.paths.get(jump.cursor.at).copied();
                if let Some(node) = goal {
                    self.close();
                    self.go_to_found(node);
                }
            }
            KeyCode::Up => step(jump, -1),
            KeyCode::Down => step(jump, 1),
            KeyCode::PageUp => step(jump, -page),
            KeyCode::PageDown => step(jump, page),
            _ if key.is_ctrl('p') => step(jump, -1),
            _ if key.is_ctrl('n') => step(jump, 1),
            _ if key.is_ctrl('c') => self.close(),
            _ => {
                if jump.line.takes(key) {
                    self.ask_jump();
                }
            }
        }
    }

    /// Goes to a path where it is: in the selected layer's files if it is there, else in the layer that had it last.
    fn go_to_found(&mut self, node: NodeId) {
        let range = self.range();
        let Some(tree) = self.tree() else { return };
        let here = tree.difference(node, range).0 != Change::None || tree.state(node, range.last).is_some();
        let last = tree.events_of(node).next().map(|(at, _)| usize::from(at.layer));
        if let Some(layer) = last.filter(|_| !here) {
            self.tell(&format!("layer {layer} is the last that has it"));
        }
        self.go_to(node, last.filter(|_| !here));
    }

    /// Asks for the paths that have what is typed.
    pub(super) fn ask_jump(&mut self) {
        let Some(tree) = self.tree().cloned() else { return };
        self.jump_number += 1;
        let number = self.jump_number;
        let Some(Overlay::Jump(jump)) = self.overlays.last_mut() else { return };
        jump.waiting = true;
        let text = jump.line.text().to_owned();
        self.effect(Effect::Work(Job::Jump(number, JumpJob { tree, text })));
    }

    pub(super) fn take_jump(&mut self, number: u64, paths: Vec<NodeId>, count: usize) {
        let newest = number == self.jump_number;
        if let Some(Overlay::Jump(jump)) = self.overlays.last_mut()
            && newest
        {
            *jump = Jump { line: std::mem::take(&mut jump.line), paths, count, ..Jump::default() };
        }
    }

    fn key_in_copy(&mut self, key: Key, action: Option<Action>) {
        let Some(Overlay::Copy { items, cursor }) = self.overlays.last_mut() else { return };
        let digit = key.letter().and_then(|letter| letter.to_digit(10)).map(|digit| digit as usize);
        match (action, digit) {
            (_, Some(digit)) if (1..=items.len()).contains(&digit) => {
                cursor.at = digit - 1;
                self.copy_selected();
            }
            (Some(Action::Up), _) => cursor.step(-1, items.len()),
            (Some(Action::Down), _) => cursor.step(1, items.len()),
            (Some(Action::Open | Action::Copy | Action::Right), _) => self.copy_selected(),
            (Some(Action::Back | Action::Quit | Action::Left), _) => self.close(),
            _ => {}
        }
    }

    fn copy_selected(&mut self) {
        let Some(Overlay::Copy { items, cursor }) = self.overlays.pop() else { return };
        let Some((what, text)) = items.into_iter().nth(cursor.at) else { return };
        self.copy(what, &text);
    }

    fn act_in_history(&mut self, action: Option<Action>) {
        let page = self.page().max(1) as isize;
        let Some(Overlay::History(history)) = self.overlays.last_mut() else { return };
        let len = history.moments.len();
        let moment = history.moments.get(history.cursor.at).cloned();
        let node = history.node;
        match action {
            Some(Action::Up) => history.cursor.step(-1, len),
            Some(Action::Down) => history.cursor.step(1, len),
            Some(Action::PageUp) => history.cursor.step(-page, len),
            Some(Action::PageDown) => history.cursor.step(page, len),
            Some(Action::First) => history.cursor.at = 0,
            Some(Action::Last) => history.cursor.at = len.saturating_sub(1),
            Some(Action::Back | Action::Quit | Action::Left) => self.close(),
            Some(Action::Open | Action::Right) => {
                self.overlays.clear();
                if let Some(moment) = moment {
                    self.go_to(node, Some(moment.layer.into()));
                }
            }
            Some(Action::Save) => {
                if let Some(at) = moment.and_then(|moment| moment.at) {
                    self.ask_where_to_save(node, at.layer);
                }
            }
            Some(Action::Copy) => {
                let Some(tree) = self.tree() else { return };
                let path = super::work::path_of(tree, node);
                self.copy("path", &path);
            }
            Some(Action::Help) => self.show_help(),
            Some(Action::Suspend) => self.effect(Effect::Suspend),
            _ => {}
        }
    }

    /// Shows the history of the selected path.
    pub(super) fn show_history(&mut self) {
        let Some(node) = self.browse.selected().map(|row| row.node) else { return };
        if self.pair.is_some() {
            return self.tell("two images have no common history; `explore IMAGE` shows that of one");
        }
        let Some(tree) = self.tree() else { return };
        let history = PathHistory::of(tree, node, self.layers.at as u16);
        self.overlays.push(Overlay::History(history));
    }

    pub(super) fn show_help(&mut self) {
        self.overlays.push(Overlay::Help { line: Line::default(), top: 0 });
    }

    /// Offers what can be copied here; a single thing is copied at once.
    pub(super) fn offer_copies(&mut self) {
        let mut items = self.copies();
        match items.len() {
            0 => self.tell("there is nothing to copy here"),
            1 => {
                let (what, text) = items.remove(0);
                self.copy(what, &text);
            }
            _ => self.overlays.push(Overlay::Copy { items, cursor: Cursor::default() }),
        }
    }

    /// Hands text to the terminal's clipboard.
    fn copy(&mut self, what: &str, text: &str) {
        self.tell(&format!("copied the {what}, if the terminal takes it (OSC 52)"));
        // Who pastes it may paste it into a shell.
        self.effect(Effect::Copy(crate::bytes::shown_text(text)));
    }

    /// What can be copied where the cursor is, what is wanted most first.
    fn copies(&self) -> Vec<(&'static str, String)> {
        let mut items = Vec::new();
        let Some(image) = self.image() else { return items };
        let layer = |items: &mut Vec<(&'static str, String)>, layer: usize| {
            items.extend(image.instruction_line(layer).map(|text| ("instruction", text)));
            let Some(layer) = image.layers.get(layer) else { return };
            items.extend(layer.diff_id.as_ref().map(|digest| ("diff ID", digest.to_string())));
            items.extend(layer.digest.as_ref().map(|digest| ("blob's digest", digest.to_string())));
        };
        match self.place() {
            _ if self.pair.is_some() => items.extend(self.copies_of_pair()),
            Place::Layers | Place::Details => layer(&mut items, self.layers.at),
            Place::Files | Place::Map | Place::History | Place::Viewer => {
                let node = self.selected_node();
                if let (Some(tree), Some(node)) = (self.tree(), node) {
                    items.push(("path", super::work::path_of(tree, node)));
                }
                layer(&mut items, self.layers.at);
            }
            Place::Waste | Place::Cause => {
                let found = self.found.as_ref();
                let finding = found.and_then(|found| Some((found, self.findings.finding(found)?)));
                if let Some((found, finding)) = finding {
                    items.push(("fix", finding.fix.clone()));
                    items.extend(finding.fix_mount.clone().map(|fix| ("fix with a mount", fix)));
                    let path = finding.paths.first().map(|path| path.node);
                    items.extend(path.map(|node| ("path", super::work::path_of(&found.tree, node))));
                    items.push(("finding in words", finding.message.clone()));
                    layer(&mut items, finding.stored_in.into());
                }
            }
            Place::Image => {
                items.push(("image's id", image.id.to_string()));
                items.extend(image.digest.as_ref().map(|digest| ("manifest's digest", digest.to_string())));
                items.extend(image.tags.first().map(|tag| ("name", tag.clone())));
            }
        }
        items
    }

    /// The path that the cursor is on, wherever that is.
    pub(super) fn selected_node(&self) -> Option<NodeId> {
        match self.overlays.last() {
            Some(Overlay::History(history)) => return Some(history.node),
            Some(Overlay::Viewer(viewer)) => return Some(viewer.node()),
            _ => {}
        }
        match self.place() {
            Place::Files => self.browse.selected().map(|row| row.node),
            Place::Map => self.map.selected().map(|row| row.node),
            _ => None,
        }
    }

    fn key_in_save(&mut self, key: Key) {
        let Some(Overlay::Save { line, node, layer }) = self.overlays.last_mut() else { return };
        let (node, layer) = (*node, *layer);
        match key.code() {
            KeyCode::Esc => self.close(),
            _ if key.is_ctrl('c') => self.close(),
            KeyCode::Enter => {
                let into = match line.text().trim() {
                    "" => ".".to_owned(),
                    text => text.to_owned(),
                };
                self.close();
                self.save(node, layer, &into);
            }
            _ => {
                line.takes(key);
            }
        }
    }

    /// Asks where a path is to be saved.
    pub(super) fn ask_where_to_save(&mut self, node: NodeId, layer: u16) {
        self.overlays.push(Overlay::Save { line: Line::default(), node, layer });
    }

    /// Closes what lies on top.
    pub(super) fn close(&mut self) {
        self.overlays.pop();
    }

    /// Pasted text goes where letters would.
    pub(super) fn paste(&mut self, text: &str) {
        match self.overlays.last_mut() {
            Some(Overlay::Help { line, .. } | Overlay::Save { line, .. }) => line.paste(text),
            Some(Overlay::Jump(jump)) => {
                jump.line.paste(text);
                self.ask_jump();
            }
            Some(Overlay::Viewer(viewer)) => viewer.paste(text),
            None if self.browse.typing => {
                self.browse.filter.paste(text);
                self.filter_typed();
            }
            // Nothing is being typed: letters would be keys.
            Some(Overlay::History(_) | Overlay::Copy { .. }) | None => {}
        }
    }
}

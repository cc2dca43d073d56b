use std::fmt::Write as _;
use std::sync::Arc;

use crossterm::event::{Event, KeyEvent, KeyEventKind};

use super::browse::{Browse, Of};
use super::cursor::Cursor;
use super::findings::FindingList;
use super::keymap::{Action, Keymap, Place};
use super::keys::Key;
use super::map::{Level, Map};
use super::overlay::Overlay;
use super::pair::{Pair, SECOND};
use super::theme::Theme;
use super::viewer::Viewed;
use super::work::Job;
use crate::bytes::shown;
use crate::content::Saved;
use crate::image::Image;
use crate::inspect::{InspectError, Inspection};
use crate::report::{bytes, exact};
use crate::tree::{NodeId, Range, Rows, Tree};
use crate::waste::Waste;

/// What can happen.
#[derive(Debug)]
pub enum Msg {
    /// From the terminal: a key, the mouse, pasted text, a new size.
    Terminal(Event),
    /// Documents are read: names, history and platform are known.
    Image(Box<Image>),
    /// How far reading is, in words, and in thousandths where that is known.
    Progress(String, Option<u16>),
    /// A layer was read to its end.
    Layer {
        /// Its index.
        layer: usize,
        /// Content of its files, bytes.
        bytes: u64,
    },
    /// All is read, and not judged yet.
    Stacked(Box<Inspection>),
    /// All is read and judged.
    Ready(Box<Inspection>),
    /// It can't be read.
    Failed(InspectError),
    /// The answer to a job: rows of the tree of files.
    View(u64, Box<Rows>),
    /// The answer to a job: what is in a folder.
    Map(u64, Level),
    /// The answer to a job: paths, and how many more there are.
    Jump(u64, Vec<NodeId>, usize),
    /// The answer to a job: what was read of a file, or why it can't be.
    Content(u64, Box<Result<Viewed, String>>),
    /// The answer to a job: what was saved, or why not.
    Saved(Result<Saved, String>),
    /// Two images were read and held against each other.
    Pair(Box<Pair>),
    /// Someone asks the program to end.
    Terminate,
    /// A thread of the program broke.
    Broken(String),
}

/// What the loop has to do outside of the state.
#[derive(Debug)]
pub enum Effect {
    /// Leave.
    Quit,
    /// Give the terminal back until the program is continued.
    Suspend,
    /// Do something that may take long, and send the answer.
    Work(Job),
    /// Put text into the terminal's clipboard.
    Copy(String),
    /// Take the mouse, or let go of it.
    Mouse(bool),
}

/// Which pane has the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focus {
    /// The list of layers.
    Layers,
    /// The tree of files.
    Files,
    /// What is to be said of the selected layer.
    Details,
}

/// What fills the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// Layers and their files.
    Layers,
    /// What is wasted.
    Waste,
    /// Bytes as areas.
    Map,
    /// What the documents say.
    Image,
}

impl Screen {
    /// All of them with their titles, in the order of their number keys.
    pub(super) const ALL: [(Self, &'static str); 4] =
        [(Self::Layers, "1 Layers"), (Self::Waste, "2 Waste"), (Self::Map, "3 Map"), (Self::Image, "4 Image")];
}

/// What the user chose about the screen.
#[derive(Debug, Clone)]
pub struct Look {
    /// Colours.
    pub theme: Theme,
    /// Keys.
    pub keys: Keymap,
    /// Whether the mouse is taken from the start.
    pub mouse: bool,
    /// Whether folders that hold nothing but one folder share its row from the start.
    pub chains: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self { theme: Theme::terminal(), keys: Keymap::default(), mouse: true, chains: false }
    }
}

/// A word to the user, until the next key.
#[derive(Debug)]
pub(super) struct Toast {
    pub(super) text: String,
    pub(super) error: bool,
}

/// Everything that is on the screen. Only [`App::update`] changes it.
pub struct App {
    pub(super) reference: String,
    pub(super) theme: Theme,
    pub(super) keys: Keymap,
    image: Option<Box<Image>>,
    pub(super) found: Option<Arc<Inspection>>,
    /// Two images that are held against each other; `found` is the second of them then.
    pub(super) pair: Option<Arc<Pair>>,
    /// The waste is known too.
    pub(super) judged: bool,
    pub(super) progress: String,
    /// How much of it, in thousandths.
    pub(super) part: Option<u16>,
    /// Content of layers that were read while others are not.
    pub(super) ready: Vec<Option<u64>>,
    pub(super) screen: Screen,
    pub(super) focus: Focus,
    pub(super) layers: Cursor,
    /// The layer that was marked: what is between it and the selected one is shown as one change.
    pub(super) mark: Option<usize>,
    /// Bytes that joining the layers of that stretch would save.
    pub(super) joined: u64,
    pub(super) browse: Browse,
    pub(super) findings: FindingList,
    pub(super) map: Map,
    /// What is seen of the selected layer's details.
    pub(super) details: Cursor,
    /// What is seen of the image's documents.
    pub(super) documents: Cursor,
    pub(super) overlays: Vec<Overlay>,
    pub(super) jump_number: u64,
    pub(super) toast: Option<Toast>,
    pub(super) size: (u16, u16),
    /// Columns of the left pane in percent.
    pub(super) split: u16,
    pub(super) mouse: bool,
    pub(super) dragging: bool,
    /// What is being saved just now.
    pub(super) saving: usize,
    effects: Vec<Effect>,
    /// Why it ended, when something went wrong.
    pub failure: Option<InspectError>,
    /// A thread broke.
    pub broken: Option<String>,
}

impl App {
    /// Nothing known but what was typed.
    pub fn new(reference: String, look: Look) -> Self {
        Self {
            reference,
            theme: look.theme,
            keys: look.keys,
            image: None,
            found: None,
            pair: None,
            judged: false,
            progress: "opening".to_owned(),
            part: None,
            ready: Vec::new(),
            screen: Screen::Layers,
            focus: Focus::Layers,
            layers: Cursor::default(),
            mark: None,
            joined: 0,
            browse: Browse::new(look.chains),
            findings: FindingList::default(),
            map: Map::default(),
            details: Cursor::default(),
            documents: Cursor::default(),
            overlays: Vec::new(),
            jump_number: 0,
            toast: None,
            size: (80, 24),
            split: 45,
            mouse: look.mouse,
            dragging: false,
            saving: 0,
            effects: Vec::new(),
            failure: None,
            broken: None,
        }
    }

    /// Takes a message; the one place where anything changes. Returns what is to be done outside.
    pub fn update(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Terminal(Event::Key(key)) if key.kind != KeyEventKind::Release => self.key(key),
            Msg::Terminal(Event::Mouse(event)) => self.mouse_event(event),
            Msg::Terminal(Event::Paste(text)) => self.paste(&text),
            Msg::Terminal(Event::Resize(width, height)) => self.size = (width, height),
            Msg::Terminal(_) => {}
            Msg::Image(image) => {
                self.ready = vec![None; image.layers.len()];
                self.image = Some(image);
            }
            Msg::Progress(text, part) => (self.progress, self.part) = (text, part),
            Msg::Layer { layer, bytes } => {
                if let Some(ready) = self.ready.get_mut(layer) {
                    *ready = Some(bytes);
                }
            }
            Msg::Stacked(found) => self.take(found, false),
            Msg::Ready(found) => self.take(found, true),
            Msg::View(number, rows) => {
                if let Some(tree) = self.tree().cloned() {
                    self.browse.take(number, rows, &tree);
                }
            }
            Msg::Map(number, level) => self.map.take(number, level),
            Msg::Jump(number, paths, count) => self.take_jump(number, paths, count),
            Msg::Pair(pair) => self.take_pair(*pair),
            Msg::Content(number, read) => self.take_content(number, *read),
            Msg::Saved(saved) => self.saved(saved),
            Msg::Failed(error) => {
                self.failure = Some(error);
                self.effect(Effect::Quit);
            }
            Msg::Terminate => self.effect(Effect::Quit),
            Msg::Broken(what) => {
                self.broken = Some(what);
                self.effect(Effect::Quit);
            }
        }
        self.scroll();
        std::mem::take(&mut self.effects)
    }

    /// Something was asked for that should be there before the screen is drawn again, if it does not take too long.
    pub fn is_waiting(&self) -> bool {
        self.found.is_some() && (self.browse.is_waiting() || self.screen == Screen::Map && self.map.waiting)
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    fn saved(&mut self, saved: Result<Saved, String>) {
        self.saving = self.saving.saturating_sub(1);
        let (text, error) = match saved {
            Ok(saved) => {
                let path = shown(saved.path.as_os_str().as_encoded_bytes());
                let files = if saved.files == 1 { String::new() } else { format!("{} files, ", exact(saved.files)) };
                let mut text = format!("saved {path} ({files}{})", bytes(saved.bytes));
                if let Some((path, why)) = saved.skipped.first() {
                    let _ = write!(text, "; {} left out: {path}: {why}", saved.skipped.len());
                }
                (text, saved.is_short())
            }
            Err(why) => (why, true),
        };
        self.toast = Some(Toast { text, error });
    }

    pub(super) fn tell(&mut self, text: &str) {
        self.toast = Some(Toast { text: text.to_owned(), error: false });
    }

    /// The image as far as it is known.
    pub(super) fn image(&self) -> Option<&Image> {
        self.found.as_ref().map(|found| &found.image).or(self.image.as_deref())
    }

    pub(super) fn layer_count(&self) -> usize {
        match &self.pair {
            Some(pair) => pair.comparison.layers.len(),
            None => self.image().map_or(0, |image| image.layers.len()),
        }
    }

    /// The tree, once all layers are stacked; of two images that of what differs.
    pub(super) fn tree(&self) -> Option<&Arc<Tree>> {
        match &self.pair {
            Some(pair) => Some(&pair.comparison.tree),
            None => self.found.as_ref().map(|found| &found.tree),
        }
    }

    /// Takes what was found. When only the judgement is new, everything stays where the user put it.
    fn take(&mut self, found: Box<Inspection>, judged: bool) {
        let first = self.found.is_none();
        let found: Arc<Inspection> = Arc::from(found);
        self.judged = judged;
        if judged {
            self.findings.update(&found);
        }
        self.found = Some(found);
        self.layers.at = self.layers.at.min(self.layer_count().saturating_sub(1));
        if first {
            self.show_layer();
        } else {
            self.show_again();
        }
    }

    fn key(&mut self, event: KeyEvent) {
        self.toast = None;
        let key = Key::of(event);
        if !self.overlays.is_empty() {
            self.key_in_overlay(key);
        } else if self.browse.typing {
            self.key_in_filter(key);
        } else if let Some(action) = self.keys.action(self.place(), key) {
            self.act(action);
        } else if key.is_ctrl('c') {
            // Whatever settings say of keys, this one leads out.
            self.act(Action::Quit);
        }
    }

    /// Where the keys go.
    pub(super) fn place(&self) -> Place {
        match (self.overlays.last(), self.screen, self.focus) {
            (Some(Overlay::Viewer(_)), ..) => Place::Viewer,
            (Some(Overlay::History(_)), ..) => Place::History,
            (_, Screen::Layers, Focus::Layers) => Place::Layers,
            (_, Screen::Layers, Focus::Files) => Place::Files,
            (_, Screen::Layers, Focus::Details) => Place::Details,
            (_, Screen::Waste, Focus::Details) => Place::Cause,
            (_, Screen::Waste, _) => Place::Waste,
            (_, Screen::Map, _) => Place::Map,
            (_, Screen::Image, _) => Place::Image,
        }
    }

    /// The layers whose changes are shown.
    pub(super) fn range(&self) -> Range {
        if self.pair.is_some() {
            return Range::one(SECOND);
        }
        let at = self.layers.at as u16;
        let mark = self.mark.map_or(at, |mark| mark as u16);
        Range { first: at.min(mark), last: at.max(mark) }
    }

    /// Asks for something of the files of the selected layer.
    fn ask(&mut self, job: impl FnOnce(&mut Browse, &Of<'_>) -> Job) {
        let range = self.range();
        let Some(tree) = self.tree().filter(|tree| usize::from(range.last) < tree.layers.len()).cloned() else {
            return;
        };
        // Asked for once and not for each frame: it goes over all files that die in the stretch.
        self.joined = if range.first < range.last { Waste::squashed(&tree, range.first, range.last) } else { 0 };
        let of = Of { tree: &tree, judged: self.judged, layer: range.last.into(), range };
        let job = job(&mut self.browse, &of);
        self.effects.push(Effect::Work(job));
        self.show_map();
    }

    /// The selected layer is another one.
    pub(super) fn show_layer(&mut self) {
        self.ask(Browse::show_layer);
    }

    /// Something else of the same is to be shown.
    pub(super) fn show_again(&mut self) {
        self.ask(Browse::show_again);
    }

    pub(super) fn unfold_to(&mut self, depth: u16) {
        self.ask(|browse, of| browse.unfold_to(depth, of));
    }

    /// Goes to a path in the files, after another layer when one is named.
    pub(super) fn go_to(&mut self, node: NodeId, layer: Option<usize>) {
        (self.screen, self.focus) = (Screen::Layers, Focus::Files);
        if let Some(layer) = layer.filter(|layer| *layer < self.layer_count()) {
            (self.layers.at, self.mark) = (layer, None);
        }
        self.ask(|browse, of| browse.go_to(node, of));
    }

    /// The map is of the layers that are selected.
    pub(super) fn show_map(&mut self) {
        let (range, tree) = (self.range(), self.tree());
        let Some(tree) = tree.filter(|tree| usize::from(range.last) < tree.layers.len()).cloned() else { return };
        // Of everything what is there in the end, of a layer what it stores.
        let range = if self.map.all { Range::one(tree.layers.len() as u16 - 1) } else { range };
        if self.screen == Screen::Map
            && let Some(job) = self.map.show(&tree, range)
        {
            self.effects.push(Effect::Work(job));
        }
    }

    /// Rows of what has the keys.
    pub(super) fn page(&self) -> usize {
        super::view::page(self)
    }

    fn scroll(&mut self) {
        let heights = super::view::Heights::of(self);
        // Text scrolls no further than to its end, also when there is more room for it now.
        if self.screen == Screen::Image {
            let (height, len) = super::view::documents_size(self);
            self.documents.scroll(0, height, len);
        }
        if self.details.top > 0 {
            let (height, len) = super::view::details_size(self);
            self.details.scroll(0, height, len);
        }
        if let Some(Overlay::Help { line, top }) = self.overlays.last() {
            let end = super::view::help_end(self, line);
            let top = (*top).min(end);
            if let Some(Overlay::Help { top: own, .. }) = self.overlays.last_mut() {
                *own = top;
            }
        }
        self.layers.follow(heights.layers, self.layer_count());
        self.browse.cursor.follow(heights.files, self.browse.rows().len());
        self.findings.cursor.follow(heights.findings, self.findings.entries.len());
        for overlay in &mut self.overlays {
            match overlay {
                Overlay::Jump(jump) => jump.cursor.follow(heights.jump, jump.paths.len()),
                Overlay::History(history) => history.cursor.follow(heights.history, history.moments.len()),
                Overlay::Copy { items, cursor } => cursor.follow(items.len(), items.len()),
                Overlay::Viewer(viewer) => viewer.fit(heights.viewer),
                Overlay::Help { .. } | Overlay::Save { .. } => {}
            }
        }
    }
}

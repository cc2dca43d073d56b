use rustc_hash::FxHashSet;

use super::keymap::{Action, action};
use super::theme::Theme;
use crate::image::Image;
use crate::inspect::{InspectError, Inspection};
use crate::tree::{NodeId, Range, Rows};
use crossterm::event::{Event, KeyEventKind};

/// What can happen.
#[derive(Debug)]
pub enum Msg {
    /// From the terminal: a key, a new size.
    Terminal(Event),
    /// Documents are read: names, history and platform are known.
    Image(Box<Image>),
    /// How far reading is, in words.
    Progress(String),
    /// All is read, and not judged yet.
    Stacked(Box<Inspection>),
    /// All is read and judged.
    Ready(Box<Inspection>),
    /// It can't be read.
    Failed(InspectError),
    /// Someone asks the program to end.
    Terminate,
    /// A thread of the program broke.
    Broken(String),
}

/// What the loop has to do outside of the state.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Leave.
    Quit,
    /// Give the terminal back until the program is continued.
    Suspend,
}

/// Which pane has the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focus {
    /// The list of layers.
    Layers,
    /// The tree of files.
    Files,
}

/// What fills the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// Layers and their files.
    Layers,
    /// What is wasted.
    Waste,
}

/// A cursor in a list, and what of the list is seen.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cursor {
    pub(super) at: usize,
    pub(super) top: usize,
}

impl Cursor {
    fn step(&mut self, by: isize, len: usize) {
        self.at = self.at.saturating_add_signed(by).min(len.saturating_sub(1));
    }

    /// Scrolls as little as it takes to have the cursor in a window of `height` rows.
    fn follow(&mut self, height: usize, len: usize) {
        self.at = self.at.min(len.saturating_sub(1));
        self.top = self.top.min(len.saturating_sub(height)).min(self.at);
        if height > 0 && self.at >= self.top + height {
            self.top = self.at + 1 - height;
        }
    }
}

/// Everything that is on the screen. Only [`App::update`] changes it.
pub struct App {
    pub(super) reference: String,
    pub(super) theme: Theme,
    pub(super) image: Option<Box<Image>>,
    pub(super) found: Option<Box<Inspection>>,
    pub(super) progress: String,
    pub(super) screen: Screen,
    pub(super) focus: Focus,
    pub(super) findings: Cursor,
    pub(super) layers: Cursor,
    pub(super) files: Cursor,
    pub(super) rows: Option<Rows>,
    /// What is unfolded, by layer; a layer that was not touched unfolds itself as far as fits.
    open: Vec<Option<FxHashSet<NodeId>>>,
    pub(super) all_files: bool,
    /// The layer that was marked: what is between it and the selected one is shown as one change.
    pub(super) mark: Option<usize>,
    pub(super) help: bool,
    pub(super) size: (u16, u16),
    /// The waste is known too.
    pub(super) judged: bool,
    /// Why it ended, when something went wrong.
    pub failure: Option<InspectError>,
    /// A thread broke.
    pub broken: Option<String>,
}

/// Rows that a layer unfolds by itself.
const UNFOLD: usize = 40;

impl App {
    /// Nothing known but what was typed.
    pub fn new(reference: String, theme: Theme) -> Self {
        Self {
            reference,
            theme,
            image: None,
            found: None,
            progress: "opening".to_owned(),
            screen: Screen::Layers,
            focus: Focus::Layers,
            findings: Cursor::default(),
            layers: Cursor::default(),
            files: Cursor::default(),
            rows: None,
            open: Vec::new(),
            all_files: false,
            mark: None,
            help: false,
            size: (80, 24),
            judged: false,
            failure: None,
            broken: None,
        }
    }

    /// Takes a message; the one place where anything changes.
    pub fn update(&mut self, msg: Msg) -> Option<Effect> {
        let effect = match msg {
            Msg::Terminal(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                action(key).and_then(|action| self.act(action))
            }
            Msg::Terminal(Event::Resize(width, height)) => {
                self.size = (width, height);
                None
            }
            Msg::Terminal(_) => None,
            Msg::Image(image) => {
                self.image = Some(image);
                None
            }
            Msg::Progress(text) => {
                self.progress = text;
                None
            }
            Msg::Stacked(found) => {
                self.judged = false;
                self.take(found);
                None
            }
            Msg::Ready(found) => {
                self.judged = true;
                self.take(found);
                None
            }
            Msg::Failed(error) => {
                self.failure = Some(error);
                Some(Effect::Quit)
            }
            Msg::Terminate => Some(Effect::Quit),
            Msg::Broken(what) => {
                self.broken = Some(what);
                Some(Effect::Quit)
            }
        };
        self.scroll();
        effect
    }

    /// The image as far as it is known.
    pub(super) fn image(&self) -> Option<&Image> {
        self.found.as_ref().map(|found| &found.image).or(self.image.as_deref())
    }

    /// Takes what was found. When only the judgement is new, everything stays where the user put it.
    fn take(&mut self, found: Box<Inspection>) {
        let first = self.found.is_none();
        if first {
            self.open = vec![None; found.image.layers.len()];
            self.image = None;
        }
        self.found = Some(found);
        if first {
            self.show_layer();
        }
    }

    fn act(&mut self, action: Action) -> Option<Effect> {
        if self.help {
            match action {
                Action::Help | Action::Quit => self.help = false,
                Action::Suspend => return Some(Effect::Suspend),
                _ => {}
            }
            return None;
        }
        let page = self.page().max(1) as isize;
        match action {
            Action::Up => self.step(-1),
            Action::Down => self.step(1),
            Action::PageUp => self.step(-page),
            Action::PageDown => self.step(page),
            Action::First => self.step(isize::MIN + 1),
            Action::Last => self.step(isize::MAX),
            Action::LayersScreen => self.screen = Screen::Layers,
            Action::WasteScreen => self.screen = Screen::Waste,
            Action::Fold | Action::Into if self.screen == Screen::Waste => self.open_finding(),
            Action::OutOf if self.screen == Screen::Waste => self.screen = Screen::Layers,
            Action::SwitchPane | Action::AllFiles | Action::MarkLayer if self.screen == Screen::Waste => {}
            Action::MarkLayer => {
                self.mark = if self.mark.is_some() { None } else { Some(self.layers.at) };
                self.show_rows(true);
            }
            Action::SwitchPane => {
                self.focus = if self.focus == Focus::Layers { Focus::Files } else { Focus::Layers };
            }
            Action::Fold => self.fold(),
            Action::Into => self.into(),
            Action::OutOf => self.out_of(),
            Action::AllFiles => {
                self.all_files = !self.all_files;
                self.show_rows(true);
            }
            Action::Help => self.help = true,
            Action::Quit => return Some(Effect::Quit),
            Action::Suspend => return Some(Effect::Suspend),
        }
        None
    }

    fn step(&mut self, by: isize) {
        if self.screen == Screen::Waste {
            self.findings.step(by, self.finding_count());
            return;
        }
        match self.focus {
            Focus::Layers => {
                let before = self.layers.at;
                self.layers.step(by, self.image().map_or(0, |image| image.layers.len()));
                if self.layers.at != before {
                    self.show_layer();
                }
            }
            Focus::Files => self.files.step(by, self.row_count()),
        }
    }

    pub(super) fn finding_count(&self) -> usize {
        self.found.as_ref().map_or(0, |found| found.waste.findings.len())
    }

    /// Goes to the files of the layer that stores the bytes, and to the path with the most of them.
    fn open_finding(&mut self) {
        let finding = self.found.as_ref().and_then(|found| found.waste.findings.get(self.findings.at));
        let Some(place) = finding.and_then(|finding| Some((finding.stored_in, finding.paths.first()?.node))) else {
            return;
        };
        (self.screen, self.focus) = (Screen::Layers, Focus::Files);
        self.mark = None;
        self.layers.at = usize::from(place.0);
        self.show_layer();
        if let (Some(found), Some(rows)) = (&self.found, &mut self.rows) {
            rows.reveal(&found.tree, place.1);
            self.files.at = rows.position(place.1).unwrap_or(0);
        }
    }

    pub(super) fn row_count(&self) -> usize {
        self.rows.as_ref().map_or(0, |rows| rows.rows().len())
    }

    fn fold(&mut self) {
        if self.focus == Focus::Layers {
            self.focus = Focus::Files;
            return;
        }
        let (Some(found), Some(rows)) = (&self.found, &mut self.rows) else { return };
        let Some(row) = rows.rows().get(self.files.at).filter(|row| row.folder) else { return };
        rows.toggle(&found.tree, row.node);
        self.open[self.layers.at] = Some(rows.open().clone());
    }

    fn into(&mut self) {
        let row = self.rows.as_ref().and_then(|rows| rows.rows().get(self.files.at));
        match (self.focus, row) {
            (Focus::Layers, _) => self.focus = Focus::Files,
            (Focus::Files, Some(row)) if row.folder && !row.open => self.fold(),
            (Focus::Files, Some(row)) if row.folder => self.step(1),
            _ => {}
        }
    }

    fn out_of(&mut self) {
        let (Focus::Files, Some(rows)) = (self.focus, &self.rows) else { return };
        match rows.rows().get(self.files.at) {
            Some(row) if row.open => self.fold(),
            Some(row) if row.depth > 0 => {
                let depth = row.depth;
                let above = rows.rows()[..self.files.at].iter().rposition(|other| other.depth < depth);
                self.files.at = above.unwrap_or(0);
            }
            _ => self.focus = Focus::Layers,
        }
    }

    /// The layers whose changes are shown.
    pub(super) fn range(&self) -> Range {
        let at = self.layers.at as u16;
        let mark = self.mark.map_or(at, |mark| mark as u16);
        Range { first: at.min(mark), last: at.max(mark) }
    }

    fn show_layer(&mut self) {
        self.files = Cursor::default();
        self.show_rows(false);
    }

    /// Works out the rows of the selected layer. `keep`: the cursor stays on its path, or near it.
    fn show_rows(&mut self, keep: bool) {
        let Some(found) = &self.found else { return };
        let Some(open) = self.open.get(self.layers.at) else { return };
        let node = self.rows.as_ref().and_then(|rows| rows.rows().get(self.files.at)).map(|row| row.node);
        let range = self.range();
        let mut rows = Rows::new(&found.tree, range, self.all_files, open.clone().unwrap_or_default());
        if open.is_none() {
            rows.unfold_some(&found.tree, UNFOLD);
        }
        let mut at = node.filter(|_| keep);
        if let Some(node) = at {
            rows.reveal(&found.tree, node);
        }
        self.files.at = loop {
            match at {
                Some(node) => match rows.position(node) {
                    Some(place) => break place,
                    None => at = found.tree.paths.parent(node),
                },
                None => break 0,
            }
        };
        self.rows = Some(rows);
    }

    /// Rows of the pane that has the keys.
    fn page(&self) -> usize {
        let (layers, files) = super::view::heights(self.size);
        if self.screen == Screen::Waste {
            return super::view::findings_height(self.size);
        }
        if self.focus == Focus::Layers { layers } else { files }
    }

    fn scroll(&mut self) {
        let (layers, files) = super::view::heights(self.size);
        let count = self.image().map_or(0, |image| image.layers.len());
        self.layers.follow(layers, count);
        self.files.follow(files, self.row_count());
        self.findings.follow(super::view::findings_height(self.size), self.finding_count());
    }
}

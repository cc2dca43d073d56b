//! The state of the screen, and the one place where it changes.

use std::fmt::Write as _;
use std::sync::Arc;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind};

use super::browse::{Browse, Of};
use super::jobs::{Answer, Job, Work};
use super::jumps::Jumps;
use super::keymap::{Action, Keymap, Place};
use super::keys::Key;
use super::layout::Focus;
use super::map::Map;
use super::overlays::Overlay;
use super::pair::{Half, Pair, SECOND};
use super::screens::{self, ImageState, LayersState, PickerState, Screen, WasteState};
use super::text::bytes;
use super::theme::Theme;
use crate::bytes::shown;
use crate::content::Saved;
use crate::image::Image;
use crate::inspect::{InspectError, Inspection};
use crate::report::count;
use crate::source::Target;
use crate::tree::{NodeId, Range, Sort, Tree};
use crate::waste::Waste;

/// What can happen.
#[derive(Debug)]
pub enum Msg {
    /// From the terminal: a key, the mouse, pasted text, a new size.
    Terminal(Event),
    /// The manifest and the config were read: names, history and platform are known.
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
    /// All layers were read; the waste is not known yet.
    Stacked(Box<Inspection>),
    /// All layers were read and judged.
    Ready(Box<Inspection>),
    /// The image can't be read.
    Failed(InspectError),
    /// The result of a job, by the job's number.
    Answer(u64, Answer),
    /// One of two images that are compared.
    Half(Half),
    /// Two images were read and compared.
    Pair(Box<Pair>),
    /// An image can't be opened, or two can't be compared; why.
    Refused(String),
    /// Images of one engine, or why it lists none.
    Listed(screens::EngineList),
    /// What a tag of the list stands for.
    Described(screens::Described),
    /// A message about the image that was opened as number so-and-so; ignored when another one is open by now.
    Of(u32, Box<Msg>),
    /// A signal asks the program to end.
    Terminate(i32),
    /// The terminal was closed.
    Hangup,
    /// A thread of the program panicked.
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
    /// Capture the mouse, or release it.
    Mouse(bool),
    /// Open an image: what the user would type, the platform where one is chosen, and the number that its messages carry.
    Open(String, Option<String>, u32),
    /// Compare two images.
    OpenPair([String; 2], u32),
    /// Ask what a tag of the list stands for.
    Describe(String),
    /// Stop reading what is open.
    Stop,
}

/// The order of files of that name: `size`, `change` or `name`.
pub fn sort_named(name: &str) -> Option<Sort> {
    match name {
        "size" => Some(Sort::Size),
        "change" => Some(Sort::Change),
        "name" => Some(Sort::Name),
        _ => None,
    }
}

/// What the user set about the screen.
#[derive(Debug, Clone)]
pub struct Preferences {
    /// Colours.
    pub theme: Theme,
    /// Keys.
    pub keys: Keymap,
    /// Capture the mouse from the start.
    pub mouse: bool,
    /// Show directories that hold nothing but one directory in one row.
    pub chains: bool,
    /// How files are sorted.
    pub sort: Sort,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { theme: Theme::terminal(), keys: Keymap::default(), mouse: true, chains: true, sort: Sort::Size }
    }
}

/// A short message in the footer, until the next key.
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
    /// The image; of two that are compared, the second.
    pub(super) found: Option<Arc<Inspection>>,
    /// The waste is known, too.
    pub(super) judged: bool,
    pub(super) pair: Option<Arc<Pair>>,
    pub(super) progress: String,
    /// The same in thousandths, where that is known.
    pub(super) part: Option<u16>,
    /// Content of the layers that were read while others were not, in bytes.
    pub(super) ready: Vec<Option<u64>>,
    pub(super) screen: Screen,
    pub(super) layers: LayersState,
    pub(super) browse: Browse,
    pub(super) waste: WasteState,
    pub(super) map: Map,
    pub(super) documents: ImageState,
    pub(super) picker: PickerState,
    pub(super) overlays: Vec<Box<dyn Overlay>>,
    pub(super) jumps: Jumps,
    pub(super) toast: Option<Toast>,
    pub(super) size: (u16, u16),
    pub(super) mouse: bool,
    /// Jobs that save something just now.
    pub(super) saving: usize,
    number: u64,
    /// Which of the images that were opened one after the other.
    opened: u32,
    effects: Vec<Effect>,
    /// Why the image could not be read.
    pub failure: Option<InspectError>,
    /// Why an image could not be opened, or two not compared.
    pub refused: Option<String>,
    /// Which thread panicked.
    pub broken: Option<String>,
    /// The terminal was closed.
    pub closed: bool,
    /// The signal that ended the program.
    pub signal: Option<i32>,
}

impl App {
    /// A screen for one image, of which nothing is known but its name.
    pub fn new(reference: String, preferences: Preferences) -> Self {
        Self {
            reference,
            theme: preferences.theme,
            keys: preferences.keys,
            image: None,
            found: None,
            judged: false,
            pair: None,
            progress: "opening".to_owned(),
            part: None,
            ready: Vec::new(),
            screen: Screen::Layers,
            layers: LayersState::default(),
            browse: Browse::new(preferences.chains, preferences.sort),
            waste: WasteState::default(),
            map: Map::default(),
            documents: ImageState::default(),
            picker: PickerState::default(),
            overlays: Vec::new(),
            jumps: Jumps::default(),
            toast: None,
            size: (80, 24),
            mouse: preferences.mouse,
            saving: 0,
            number: 0,
            opened: 0,
            effects: Vec::new(),
            failure: None,
            refused: None,
            broken: None,
            closed: false,
            signal: None,
        }
    }

    /// A screen that lets the user choose an image.
    pub fn picker(preferences: Preferences) -> Self {
        let mut app = Self { screen: Screen::Picker, ..Self::new(String::new(), preferences) };
        app.picker.in_use = true;
        app
    }

    /// A screen for two images that are going to be compared.
    pub fn comparing(names: [String; 2], preferences: Preferences) -> Self {
        let halves = names.map(screens::HalfState::new);
        let mut app = Self { screen: Screen::Pair, ..Self::new(String::new(), preferences) };
        app.layers.halves = Some(halves);
        app
    }

    /// Takes a message; the one place where anything changes. Returns what has to be done outside.
    pub fn update(&mut self, msg: Msg) -> Vec<Effect> {
        self.take(msg);
        self.fit();
        std::mem::take(&mut self.effects)
    }

    fn take(&mut self, msg: Msg) {
        match msg {
            Msg::Terminal(Event::Key(key)) if key.kind != KeyEventKind::Release => self.key(key),
            Msg::Terminal(Event::Mouse(event)) => self.mouse_event(event),
            Msg::Terminal(Event::Paste(text)) => self.paste(&text),
            Msg::Terminal(Event::Resize(width, height)) => self.size = (width, height),
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
            Msg::Stacked(found) => self.take_image(found, false),
            Msg::Ready(found) => self.take_image(found, true),
            Msg::Answer(number, answer) => self.take_answer(number, answer),
            Msg::Half(half) => screens::take_half(self, half),
            Msg::Pair(pair) => screens::take_pair(self, *pair),
            Msg::Refused(why) if self.picker.in_use => {
                self.leave_image();
                self.toast = Some(Toast { text: why, error: true });
            }
            Msg::Refused(why) => {
                self.refused = Some(why);
                self.effect(Effect::Quit);
            }
            Msg::Listed(list) => self.picker.take(list),
            Msg::Described(described) => self.picker.take_described(described),
            Msg::Of(opened, msg) if opened == self.opened => self.take(*msg),
            Msg::Of(..) | Msg::Terminal(_) => {}
            Msg::Failed(error) if super::overlays::choose_image(self, &error) => {
                "several images".clone_into(&mut self.progress);
                self.failure = Some(error);
            }
            Msg::Failed(error) if self.picker.in_use => {
                self.leave_image();
                self.toast = Some(Toast { text: error.to_string(), error: true });
            }
            Msg::Failed(error) => {
                self.failure = Some(error);
                self.effect(Effect::Quit);
            }
            Msg::Terminate(signal) => {
                self.signal = Some(signal);
                self.effect(Effect::Quit);
            }
            Msg::Hangup => {
                self.closed = true;
                self.effect(Effect::Quit);
            }
            Msg::Broken(what) => {
                self.broken = Some(what);
                self.effect(Effect::Quit);
            }
        }
    }

    /// The layer that the cursor is on.
    pub(super) fn selected_layer(&self) -> usize {
        self.layers.cursor.at
    }

    /// Something was asked for that should be there before the screen is drawn again, if it does not take too long.
    pub fn is_waiting(&self) -> bool {
        self.found.is_some() && (self.browse.is_waiting() || self.screen == Screen::Map && self.map.waiting)
    }

    /// Two images that were compared, once they were.
    pub fn compared(&self) -> Option<&Arc<Pair>> {
        self.pair.as_ref()
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Asks for work beside the loop. Returns the number that the answer carries.
    pub(super) fn ask(&mut self, work: Work) -> u64 {
        self.number += 1;
        self.effects.push(Effect::Work(Job { number: self.number, work }));
        self.number
    }

    fn take_answer(&mut self, number: u64, answer: Answer) {
        match answer {
            Answer::Saved(saved) => self.saved(saved),
            Answer::Rows(rows) => {
                if let Some(tree) = self.tree().cloned() {
                    self.browse.take(number, rows, &tree);
                    screens::ask_details(self);
                }
            }
            Answer::Level(level) => self.map.take(number, level),
            Answer::Cost(cost) if self.layers.cost_number == number => self.layers.cost = Some(*cost),
            answer => {
                let mut answer = Some(answer);
                for place in 0..self.overlays.len() {
                    self.with_overlay(place, |overlay, app| overlay.answer(app, number, &mut answer));
                }
            }
        }
    }

    fn saved(&mut self, saved: Result<Saved, String>) {
        self.saving = self.saving.saturating_sub(1);
        let (text, error) = match saved {
            Ok(saved) => {
                let path = shown(saved.path.as_os_str().as_encoded_bytes());
                let files = if saved.files == 1 { String::new() } else { format!("{}, ", count(saved.files, "file")) };
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

    /// Shows a short message in the footer.
    pub(super) fn notify(&mut self, text: &str) {
        self.toast = Some(Toast { text: text.to_owned(), error: false });
    }

    /// The first key of an action, for messages that name it.
    pub(super) fn key_of(&self, action: Action) -> String {
        self.keys.key_of(action)
    }

    /// The image as far as it is known.
    pub(super) fn image(&self) -> Option<&Image> {
        self.found.as_ref().map(|found| &found.image).or(self.image.as_deref())
    }

    /// Rows of the list of layers.
    pub(super) fn layer_count(&self) -> usize {
        match &self.pair {
            Some(pair) => pair.comparison.layers.len(),
            None => self.image().map_or(0, |image| image.layers.len()),
        }
    }

    /// The tree, once all layers are stacked; of two images, that of what differs.
    pub(super) fn tree(&self) -> Option<&Arc<Tree>> {
        match &self.pair {
            Some(pair) => Some(&pair.comparison.tree),
            None => self.found.as_ref().map(|found| &found.tree),
        }
    }

    /// How many of the first layers belong to the base image, once that is known.
    pub(super) fn base_layers(&self) -> usize {
        self.found.as_ref().filter(|_| self.judged && self.pair.is_none()).map_or(0, |found| found.waste.base.layers)
    }

    /// The layers whose changes are shown.
    pub(super) fn range(&self) -> Range {
        if self.pair.is_some() {
            return Range::one(SECOND);
        }
        let at = self.layers.cursor.at as u16;
        let mark = self.layers.mark.map_or(at, |mark| mark as u16);
        Range { first: at.min(mark), last: at.max(mark) }
    }

    /// Takes what was found. When only the judgement is new, everything stays where the user put it.
    fn take_image(&mut self, found: Box<Inspection>, judged: bool) {
        let first = self.found.is_none();
        let found: Arc<Inspection> = Arc::from(found);
        self.judged = judged;
        if judged {
            self.waste.list.update(&found);
        }
        self.found = Some(found);
        self.layers.cursor.at = self.layers.cursor.at.min(self.layer_count().saturating_sub(1));
        if first {
            self.show_layer();
        } else {
            self.show_again();
        }
    }

    /// Starts with the list of a repository's tags.
    pub fn tags(preferences: Preferences) -> Self {
        let mut app = Self::picker(preferences);
        app.picker.of_tags();
        app
    }

    /// Opens an image from the picker, or two to compare.
    pub(super) fn open_image(&mut self, name: String) {
        self.opened += 1;
        self.reference.clone_from(&name);
        self.screen = Screen::Layers;
        self.effect(Effect::Open(name, None, self.opened));
    }

    pub(super) fn open_pair(&mut self, names: [String; 2]) {
        self.opened += 1;
        self.screen = Screen::Pair;
        self.layers.halves = Some(names.clone().map(screens::HalfState::new));
        self.effect(Effect::OpenPair(names, self.opened));
    }

    /// Opens another image, or another platform of the same, in the place of this one.
    pub(super) fn reopen(&mut self, name: String, platform: Option<String>) {
        let in_use = self.picker.in_use;
        self.leave_image();
        self.picker.in_use = in_use;
        self.reference.clone_from(&name);
        self.screen = Screen::Layers;
        self.effects.retain(|effect| !matches!(effect, Effect::Stop));
        self.effect(Effect::Open(name, platform, self.opened));
    }

    /// Goes back to the picker.
    pub(super) fn leave_image(&mut self) {
        self.opened += 1;
        let preferences = Preferences {
            theme: self.theme,
            keys: self.keys.clone(),
            mouse: self.mouse,
            chains: self.browse.chains,
            sort: self.browse.sort,
        };
        let fresh = Self::picker(preferences);
        let (picker, effects) = (std::mem::take(&mut self.picker), std::mem::take(&mut self.effects));
        let (number, opened, size) = (self.number, self.opened, self.size);
        *self = Self { picker, size, number, opened, effects, ..fresh };
        self.effect(Effect::Stop);
    }

    fn key(&mut self, event: KeyEvent) {
        self.toast = None;
        self.press(Key::of(event));
    }

    /// A key, typed or clicked.
    pub(super) fn press(&mut self, key: Key) {
        let view = self.screen.view();
        let is_letter = key.letter().is_some_and(|letter| letter != '?') || key.code() == KeyCode::Backspace;
        if let Some(top) = self.overlays.len().checked_sub(1) {
            self.with_overlay(top, |overlay, app| overlay.key(app, key));
        } else if screens::is_typing(self) {
            view.type_key(self, key);
        } else if view.takes_letters() && is_letter {
            view.other_key(self, key);
        } else if let Some(action) = self.keys.action(self.place(), key) {
            self.act(action);
        } else if key.is_ctrl('c') {
            // Whatever settings say about keys, this one leads out.
            self.act(Action::Quit);
        } else {
            view.other_key(self, key);
        }
    }

    /// Hands an overlay and the rest of the state to a function. The overlay is not in the stack meanwhile.
    pub(super) fn with_overlay(&mut self, place: usize, run: impl FnOnce(&mut dyn Overlay, &mut Self)) {
        if place >= self.overlays.len() {
            return;
        }
        let mut overlay = self.overlays.remove(place);
        run(&mut *overlay, self);
        if !overlay.is_closed() {
            let place = place.min(self.overlays.len());
            self.overlays.insert(place, overlay);
        }
    }

    /// Where the keys go.
    pub(super) fn place(&self) -> Place {
        match self.overlays.last() {
            Some(overlay) => overlay.place(),
            None => self.screen.view().place(self),
        }
    }

    /// What a key or a click on a hint does.
    pub(super) fn act(&mut self, action: Action) {
        if self.screen.view().act(self, action) {
            return;
        }
        match action {
            Action::Quit => self.effect(Effect::Quit),
            Action::Back => self.back(),
            Action::JumpBack | Action::JumpForward => {
                if !self.jump(action == Action::JumpForward) {
                    self.notify("there is no other place to go to");
                }
            }
            Action::NextPane => self.next_tab(),
            _ => {
                self.act_anywhere(action);
            }
        }
    }

    /// Actions that work in every place, also while something lies over the screen. False for all others.
    pub(super) fn act_anywhere(&mut self, action: Action) -> bool {
        match action {
            Action::LayersScreen => self.go_to_tab(0),
            Action::WasteScreen => self.go_to_tab(1),
            Action::MapScreen => self.go_to_tab(2),
            Action::ImageScreen => self.go_to_tab(3),
            Action::Find => super::overlays::find(self),
            Action::Copy => super::overlays::offer_copies(self),
            Action::Theme => {
                self.theme = self.theme.next();
                self.notify(&format!("theme: {}", self.theme.name));
            }
            Action::Mouse => {
                self.mouse = !self.mouse;
                self.effect(Effect::Mouse(self.mouse));
                let key = self.key_of(Action::Mouse);
                let text = if self.mouse {
                    "the mouse is captured".to_owned()
                } else {
                    format!("the mouse is released: the terminal selects text; {key} captures it again")
                };
                self.notify(&text);
            }
            Action::Help => super::overlays::help(self),
            Action::Platform => super::overlays::choose_platform(self),
            Action::Suspend => self.effect(Effect::Suspend),
            _ => return false,
        }
        true
    }

    fn next_tab(&mut self) {
        let tabs = self.tabs();
        let at = tabs.iter().position(|tab| *tab == self.screen).unwrap_or(0);
        if !tabs.is_empty() {
            self.go_to_tab((at + 1) % tabs.len());
        }
    }

    fn go_to_tab(&mut self, tab: usize) {
        if let Some(screen) = self.tabs().get(tab).copied() {
            self.overlays.clear();
            self.go_to_screen(screen);
        }
    }

    /// Shows another screen; Esc leads back.
    pub(super) fn go_to_screen(&mut self, screen: Screen) {
        if self.screen != screen {
            self.remember();
            self.screen = screen;
        }
        self.show_map();
    }

    /// One step back: what is nearest is closed first; quitting takes another key.
    fn back(&mut self) {
        if self.jump(false) {
            return;
        }
        if self.tabs().first().is_some_and(|first| *first != self.screen) {
            self.screen = self.tabs()[0];
            return;
        }
        if self.picker.in_use && self.screen != Screen::Picker {
            return self.leave_image();
        }
        if self.found.is_none() {
            return self.effect(Effect::Quit);
        }
        let key = self.key_of(Action::Quit);
        self.notify(&format!("{key} quits"));
    }

    /// Asks for the rows of the files of the selected layers.
    pub(super) fn ask_rows(&mut self, work: impl FnOnce(&mut Browse, &Of<'_>) -> Work) {
        let range = self.range();
        let Some(tree) = self.tree().filter(|tree| usize::from(range.last) < tree.layers.len()).cloned() else {
            return;
        };
        // Once, and not in each frame: it goes over all files that die in the range.
        self.layers.joined = if range.first < range.last { Waste::squashed(&tree, range.first, range.last) } else { 0 };
        self.layers.killers = killers(&tree, range);
        let of = Of { tree: &tree, judged: self.judged, layer: range.last.into(), range };
        let work = work(&mut self.browse, &of);
        let number = self.ask(work);
        self.browse.asked = number;
        self.show_map();
    }

    /// Another layer is selected.
    pub(super) fn show_layer(&mut self) {
        self.ask_rows(Browse::show_layer);
    }

    /// The same layers are shown in another way.
    pub(super) fn show_again(&mut self) {
        self.ask_rows(Browse::show_again);
    }

    /// Goes to a path in the files, after another layer when one is named; Esc leads back.
    pub(super) fn go_to(&mut self, node: NodeId, layer: Option<usize>) {
        self.remember();
        self.overlays.clear();
        self.screen = self.tabs().first().copied().unwrap_or(Screen::Layers);
        self.layers.focus = Focus::Files;
        if let Some(layer) = layer.filter(|layer| *layer < self.layer_count() && self.pair.is_none()) {
            (self.layers.cursor.at, self.layers.mark) = (layer, None);
        }
        self.ask_rows(|browse, of| browse.go_to(node, of));
    }

    /// The map shows the layers that are selected.
    pub(super) fn show_map(&mut self) {
        if self.screen != Screen::Map {
            return;
        }
        let (range, tree) = (self.range(), self.tree());
        let Some(tree) = tree.filter(|tree| usize::from(range.last) < tree.layers.len()).cloned() else { return };
        // Of everything what is there in the end, of a layer what it stores.
        let range = if self.map.all { Range::one(tree.layers.len() as u16 - 1) } else { range };
        let found = self.found.clone().filter(|_| self.judged && self.pair.is_none());
        if let Some(work) = self.map.show(&tree, range, found) {
            self.map.asked = self.ask(work);
        }
    }

    /// Rows that a page key moves.
    pub(super) fn page(&self) -> isize {
        self.screen.view().page(self).max(1) as isize
    }

    /// Cursors go into what is seen of their lists.
    fn fit(&mut self) {
        self.screen.view().fit(self);
        for place in 0..self.overlays.len() {
            self.with_overlay(place, |overlay, app| overlay.fit(app));
        }
    }

    /// Pasted text goes where typed letters would.
    fn paste(&mut self, text: &str) {
        if let Some(top) = self.overlays.len().checked_sub(1) {
            self.with_overlay(top, |overlay, app| overlay.paste(app, text));
        } else {
            // Where nothing is typed, letters would be keys.
            self.screen.view().paste(self, text);
        }
    }

    /// Where files of the image are read from: of two images, from the one that has the path.
    pub(super) fn source_of(&self, layer: u16) -> Option<(Arc<Inspection>, Option<Target>)> {
        match &self.pair {
            None => Some((self.found.clone()?, None)),
            Some(pair) => {
                let (found, target) = pair.side(layer);
                Some((found, Some(target)))
            }
        }
    }
}

/// By which later layers the files that a layer stores are hidden, and how many bytes; the most first. Empty for a range.
fn killers(tree: &Tree, range: Range) -> Vec<(u16, u64)> {
    let mut killers = Vec::new();
    if range.first == range.last {
        for (by, layer) in tree.layers.iter().enumerate().skip(range.last.into()) {
            let own = layer.deaths.iter().filter(|file| file.layer == range.last);
            let bytes = own.fold(0_u64, |sum, file| sum.saturating_add(tree.event_at(*file).size));
            if bytes > 0 {
                killers.push((by as u16, bytes));
            }
        }
    }
    killers.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    killers
}

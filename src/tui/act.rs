//! What each action does, by where the keys go.

use crossterm::event::KeyCode;

use super::app::{App, Effect, Focus, Screen, Toast};
use super::cursor::Cursor;
use super::findings::Entry;
use super::keymap::{Action, Place};
use super::keys::Key;
use super::overlay::{Jump, Overlay};
use crate::tree::{Change, Sort};

/// Levels that are more than any tree has.
const ALL_LEVELS: u16 = u16::MAX;

impl App {
    pub(super) fn act(&mut self, action: Action) {
        let page = self.page().max(1) as isize;
        match action {
            Action::Up => self.step(-1),
            Action::Down => self.step(1),
            Action::PageUp => self.step(-page),
            Action::PageDown => self.step(page),
            Action::First => self.step(isize::MIN + 1),
            Action::Last => self.step(isize::MAX),
            Action::LayersScreen => self.go_to_screen(Screen::Layers),
            Action::WasteScreen => self.go_to_screen(Screen::Waste),
            Action::MapScreen => self.go_to_screen(Screen::Map),
            Action::ImageScreen => self.go_to_screen(Screen::Image),
            Action::Right => self.right(),
            Action::Left => self.left(),
            Action::Open => self.open(),
            Action::Back => self.back(),
            Action::NextPane => self.next_pane(),
            Action::PreviousLayer => self.step_layer(-1),
            Action::NextLayer => self.step_layer(1),
            Action::Mark | Action::Aggregate | Action::OneLayer if self.pair.is_some() => {
                self.tell("the files are those of both images as they are in the end");
            }
            Action::Mark => {
                self.mark = if self.mark.is_some() { None } else { Some(self.layers.at) };
                self.show_again();
            }
            Action::Aggregate => {
                self.mark = Some(0);
                self.show_again();
            }
            Action::OneLayer => {
                self.mark = None;
                self.show_again();
            }
            Action::Filter => self.start_filter(),
            Action::Jump => self.start_jump(),
            Action::Blame => self.show_history(),
            Action::View => self.view_file(),
            Action::Save => self.save_selected(),
            Action::Copy => self.offer_copies(),
            Action::Theme => {
                self.theme = self.theme.next();
                self.tell(&format!("theme: {}", self.theme.name));
            }
            Action::Mouse => {
                self.mouse = !self.mouse;
                self.effect(Effect::Mouse(self.mouse));
                let key = self.keys.key_of(Action::Mouse);
                let text = if self.mouse {
                    "the mouse is taken".to_owned()
                } else {
                    format!("the mouse is the terminal's; {key} takes it again")
                };
                self.tell(&text);
            }
            Action::Help => self.show_help(),
            Action::Quit => self.effect(Effect::Quit),
            Action::Suspend => self.effect(Effect::Suspend),
            action => self.act_on_files(action),
        }
    }

    /// What is about the tree of files, or what stands in its place on another screen.
    fn act_on_files(&mut self, action: Action) {
        match (self.place(), action) {
            (Place::Waste, Action::Sort) => {
                self.findings.grouping = self.findings.grouping.next();
                self.update_findings();
                let words = self.findings.grouping.words();
                self.tell(&format!("grouped {words}"));
            }
            (Place::Waste, Action::Fold) => self.fold_group(),
            (Place::Map, Action::AllFiles) => {
                self.map.all = !self.map.all;
                self.show_map();
            }
            (_, Action::AllFiles) => {
                self.browse.all = !self.browse.all;
                self.show_again();
            }
            (Place::Files, Action::Fold) => self.fold(),
            (_, Action::FoldAll) => self.unfold_to(0),
            (_, Action::UnfoldAll) => self.unfold_to(ALL_LEVELS),
            (_, Action::UnfoldLevel) => {
                let deepest = self.browse.rows().iter().map(|row| row.depth + 1).max().unwrap_or(0);
                self.unfold_to(self.browse.depth().min(deepest) + 1);
            }
            (_, Action::FoldLevel) => {
                let deepest = self.browse.rows().iter().map(|row| row.depth).max().unwrap_or(0);
                self.unfold_to(self.browse.depth().min(deepest + 1).saturating_sub(1));
            }
            (_, Action::Sort) => {
                let (sort, words) = match self.browse.sort {
                    Sort::Name => (Sort::Size, "by size"),
                    Sort::Size => (Sort::Change, "by change, then by size"),
                    Sort::Change => (Sort::Name, "by name"),
                };
                self.browse.sort = sort;
                self.show_again();
                self.tell(&format!("sorted {words}"));
            }
            (_, Action::ShowAdded) => self.show_or_hide(Change::Added, "what is added"),
            (_, Action::ShowModified) => self.show_or_hide(Change::Modified, "what is changed"),
            (_, Action::ShowMetadata) => {
                self.show_or_hide(Change::Metadata, "what has only other mode, owner or times");
            }
            (_, Action::ShowRemoved) => self.show_or_hide(Change::Removed, "what is removed"),
            (_, Action::ShowUnchanged) => self.show_or_hide(Change::None, "what is unchanged"),
            (_, Action::Attributes) => {
                let shown = super::view::shows_attributes(self);
                self.browse.attributes = Some(!shown);
            }
            (_, Action::Chains) => {
                self.browse.chains = !self.browse.chains;
                self.show_again();
            }
            (_, Action::NextChange | Action::PreviousChange) => {
                let forward = action == Action::NextChange;
                if !self.browse.go_to_change(forward) {
                    self.tell(if forward { "no change below; unfold with Z" } else { "no change above" });
                }
            }
            _ => {}
        }
    }

    fn show_or_hide(&mut self, change: Change, what: &str) {
        self.browse.shown.toggle(change);
        let verb = if self.browse.shown.has(change) { "shown" } else { "hidden" };
        self.show_again();
        self.tell(&format!("{what} is {verb}"));
    }

    pub(super) fn go_to_screen(&mut self, screen: Screen) {
        if self.screen != screen && self.focus == Focus::Details {
            self.focus = Focus::Layers;
        }
        (self.screen, self.details) = (screen, Cursor::default());
        self.show_map();
    }

    /// Moves the cursor of what has the keys.
    pub(super) fn step(&mut self, by: isize) {
        match self.place() {
            Place::Layers => self.step_layer(by),
            Place::Files => {
                let rows = self.browse.rows().len();
                self.browse.cursor.step(by, rows);
            }
            Place::Waste => {
                self.findings.cursor.step(by, self.findings.entries.len());
                self.details = Cursor::default();
            }
            Place::Map => {
                let area = super::view::map_area(self);
                match by {
                    1 => self.map.go((0, 1), area),
                    -1 => self.map.go((0, -1), area),
                    by => self.map.step(by),
                }
            }
            Place::Image => {
                let (height, len) = super::view::documents_size(self);
                self.documents.scroll(by, height, len);
            }
            Place::Details | Place::Cause => {
                let (height, len) = super::view::details_size(self);
                self.details.scroll(by, height, len);
            }
            Place::Viewer | Place::History => {}
        }
    }

    pub(super) fn step_layer(&mut self, by: isize) {
        let before = self.layers.at;
        self.layers.step(by, self.layer_count());
        if self.layers.at != before {
            self.layer_changed();
        }
    }

    pub(super) fn layer_changed(&mut self) {
        self.details = Cursor::default();
        if self.pair.is_some() {
            return;
        }
        // From the files one looks at a path, from the layers at a layer.
        if self.focus == Focus::Files || self.screen != Screen::Layers {
            self.show_again();
        } else {
            self.show_layer();
        }
    }

    fn next_pane(&mut self) {
        match self.screen {
            Screen::Layers => {
                self.focus = match self.focus {
                    Focus::Layers => Focus::Files,
                    Focus::Files => Focus::Details,
                    Focus::Details => Focus::Layers,
                };
            }
            Screen::Waste => {
                self.focus = if self.focus == Focus::Details { Focus::Layers } else { Focus::Details };
            }
            // The other screens have one pane; the next one is the next screen.
            screen => {
                let place = Screen::ALL.iter().position(|(known, _)| *known == screen).unwrap_or(0);
                self.go_to_screen(Screen::ALL[(place + 1) % Screen::ALL.len()].0);
            }
        }
    }

    fn open(&mut self) {
        match self.place() {
            Place::Layers => self.focus = Focus::Files,
            Place::Files => match self.browse.selected().map(|row| row.folder) {
                Some(true) => self.fold(),
                Some(false) => self.view_file(),
                None => {}
            },
            Place::Waste => self.open_finding(),
            Place::Map => self.open_tile(),
            Place::Details | Place::Cause | Place::Image | Place::Viewer | Place::History => {}
        }
    }

    fn right(&mut self) {
        match (self.place(), self.browse.selected()) {
            (Place::Files, Some(row)) if row.folder && !row.open => self.fold(),
            (Place::Files, Some(row)) if row.folder => self.step(1),
            (Place::Files, _) => {}
            (Place::Map, _) => self.map.go((1, 0), super::view::map_area(self)),
            _ => self.open(),
        }
    }

    fn left(&mut self) {
        match (self.place(), self.browse.selected()) {
            (Place::Files, Some(row)) if row.open => self.fold(),
            (Place::Files, _) => {
                let at_root = !self.browse.go_out();
                self.focus = if at_root { Focus::Layers } else { Focus::Files };
            }
            (Place::Map, _) => self.map.go((-1, 0), super::view::map_area(self)),
            (Place::Waste | Place::Image, _) => self.go_to_screen(Screen::Layers),
            (Place::Details | Place::Cause, _) => self.focus = Focus::Layers,
            _ => {}
        }
    }

    /// One step back: what is nearest is closed, and only what is still being read is left for that.
    fn back(&mut self) {
        let out_of_folder = self.screen == Screen::Map && self.tree().cloned().is_some_and(|tree| self.map.out(&tree));
        if out_of_folder {
            self.show_map();
        } else if self.screen == Screen::Waste && self.focus == Focus::Details {
            self.focus = Focus::Layers;
        } else if self.screen != Screen::Layers {
            self.go_to_screen(Screen::Layers);
        } else if self.browse.clear_filter() || self.mark.take().is_some() {
            self.show_again();
        } else if self.focus != Focus::Layers {
            self.focus = Focus::Layers;
        } else if self.found.is_none() {
            self.effect(Effect::Quit);
        } else {
            let key = self.keys.key_of(Action::Quit);
            self.tell(&format!("{key} quits"));
        }
    }

    fn fold(&mut self) {
        if let Some(tree) = self.tree().cloned() {
            self.browse.fold(&tree);
        }
    }

    fn update_findings(&mut self) {
        if let Some(found) = self.found.clone().filter(|_| self.judged && self.pair.is_none()) {
            self.findings.update(&found);
        }
    }

    fn fold_group(&mut self) {
        if let Some(found) = self.found.clone().filter(|_| self.judged) {
            self.findings.fold(&found);
        }
    }

    /// Goes to the files of the layer that stores the bytes, and to the path with the most of them.
    fn open_finding(&mut self) {
        if let Some(Entry::Head(_)) = self.findings.selected() {
            return self.fold_group();
        }
        if self.pair.is_some() {
            return self.open_finding_of_pair();
        }
        let finding = self.found.as_ref().and_then(|found| self.findings.finding(found));
        let place = finding.and_then(|finding| Some((finding.stored_in, finding.paths.first()?.node)));
        match place {
            Some((layer, node)) => self.go_to(node, Some(layer.into())),
            None => self.tell("this is not about a path"),
        }
    }

    fn open_tile(&mut self) {
        if self.map.go_in() {
            self.show_map();
        } else if let Some(node) = self.map.selected().map(|row| row.node) {
            self.go_to(node, None);
        }
    }

    fn start_filter(&mut self) {
        if self.found.is_none() {
            return self.tell("nothing to filter yet: the layers are being read");
        }
        self.focus = Focus::Files;
        self.browse.typing = true;
    }

    pub(super) fn key_in_filter(&mut self, key: Key) {
        let rows = self.browse.rows().len();
        match key.code() {
            KeyCode::Esc => {
                if self.browse.clear_filter() {
                    self.show_again();
                }
            }
            _ if key.is_ctrl('c') => {
                if self.browse.clear_filter() {
                    self.show_again();
                }
            }
            KeyCode::Enter | KeyCode::Tab => self.browse.typing = false,
            KeyCode::Up => self.browse.cursor.step(-1, rows),
            KeyCode::Down => self.browse.cursor.step(1, rows),
            KeyCode::PageUp => self.browse.cursor.step(-(self.page() as isize), rows),
            KeyCode::PageDown => self.browse.cursor.step(self.page() as isize, rows),
            // Taking back what is not there ends it.
            KeyCode::Backspace if self.browse.filter.text().is_empty() => self.browse.typing = false,
            _ => {
                if self.browse.filter.takes(key) {
                    self.filter_typed();
                }
            }
        }
    }

    pub(super) fn filter_typed(&mut self) {
        if self.browse.typed() {
            self.show_again();
        }
        // In a narrow pane there is no room for it beside what is typed.
        if let Some(wrong) = &self.browse.wrong {
            self.toast = Some(Toast { text: wrong.clone(), error: true });
        }
    }

    fn start_jump(&mut self) {
        if self.found.is_none() {
            return self.tell("no paths yet: the layers are being read");
        }
        self.overlays.push(Overlay::Jump(Jump::default()));
        self.ask_jump();
    }

    fn save_selected(&mut self) {
        let Some(row) = self.browse.selected() else { return };
        // What a layer removes is there after the one below.
        let layer = match (row.change, row.at) {
            (Change::Removed, Some(at)) => at.layer.max(self.range().first.saturating_sub(1)),
            _ => self.range().last,
        };
        let node = row.node;
        self.ask_where_to_save(node, layer);
    }
}

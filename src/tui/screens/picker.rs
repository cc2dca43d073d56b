//! Images to choose from: those of the container engines, which come as the engines answer, or those of one archive. What is
//! typed narrows them.

use std::cmp::Reverse;

use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;
use unicode_width::UnicodeWidthStr as _;

use super::{View, row_at};
use crate::bytes::shown_text;
use crate::report::{ago, count, exact, rfc3339};
use crate::source::Listed;
use crate::source::registry::TagFacts;
use crate::tui::app::{App, Effect};
use crate::tui::chrome::{frame, select};
use crate::tui::cursor::Cursor;
use crate::tui::keymap::{Action, Place};
use crate::tui::keys::Key;
use crate::tui::layout::{Page, inner, skip_rows};
use crate::tui::line::Line as Typed;
use crate::tui::text::{bytes, cut_end, cut_middle, wrap};

/// A row of the list.
#[derive(Debug, Clone)]
pub struct Choice {
    name: String,
    id: String,
    /// Bytes.
    size: u64,
    /// Unix time.
    created: Option<i64>,
    /// Where it comes from; of an archive what tells its images apart.
    from: String,
    /// What to open, as the user would type it.
    reference: String,
    /// Its layers are in the cache, so it opens at once.
    cached: bool,
    /// Nothing but its name is known yet.
    bare: bool,
    /// What its row has no room for.
    more: String,
}

impl Choice {
    /// An image of an engine.
    pub fn of_engine(image: Listed, cached: bool) -> Self {
        let from = image.engine.name().to_owned();
        let reference = format!("{from}:{}", image.name);
        let Listed { name, id, size, created, .. } = image;
        Self { name, id, size, created: Some(created), from, reference, cached, bare: false, more: String::new() }
    }

    /// An image of the archive that the user typed as `place`.
    pub fn of_archive(place: &str, image: &crate::image::Choice) -> Self {
        let platforms: Vec<String> = image.platforms.iter().map(ToString::to_string).collect();
        let digest = image.digest.as_ref().map(|digest| digest.short().to_owned());
        let facts = digest.into_iter().chain(platforms).chain(image.named_by.map(|by| format!("named by {by} alone")));
        // After a prefix that names a format, `@` needs a colon of its own.
        let colon = if place.contains(':') { ":" } else { "" };
        Self {
            name: if image.names.is_empty() { "(no name)".to_owned() } else { image.names.join(", ") },
            id: image.digest.as_ref().map(ToString::to_string).unwrap_or_default(),
            size: image.bytes.unwrap_or(0),
            created: None,
            from: facts.collect::<Vec<_>>().join("  "),
            reference: format!("{place}{colon}@{}", image.number),
            cached: false,
            bare: false,
            more: String::new(),
        }
    }

    /// A tag of the repository that the user typed as `place`.
    pub fn of_tag(place: &str, tag: &str) -> Self {
        Self {
            name: tag.to_owned(),
            id: String::new(),
            size: 0,
            created: None,
            from: String::new(),
            reference: format!("{place}:{tag}"),
            cached: false,
            bare: true,
            more: String::new(),
        }
    }

    /// Takes what a tag stands for.
    fn describe(&mut self, facts: Result<TagFacts, String>) {
        self.bare = facts.is_err();
        match facts {
            Ok(facts) => {
                self.id = facts.digest.to_string();
                self.size = facts.bytes;
                let created = facts.created.and_then(|text| text.parse::<jiff::Timestamp>().ok());
                self.created = created.map(jiff::Timestamp::as_second);
                self.from = facts.platforms.join(", ");
                let referrers = match facts.referrers {
                    None | Some(0) => String::new(),
                    Some(found) => format!("  {}", count(found as u64, "referrer")),
                };
                self.more = format!("{}{referrers}  {}", count(facts.layers as u64, "layer"), self.id);
            }
            Err(why) => self.more = why,
        }
    }
}

/// What one engine or archive lists.
#[derive(Debug)]
pub struct EngineList {
    /// Which engine or archive: its name, and where it is.
    pub engine: String,
    /// Its images; None while it has not answered.
    pub images: Option<Result<Vec<Choice>, String>>,
    /// What else there is to say of it.
    pub note: String,
}

/// What a tag stands for, once it was asked for.
#[derive(Debug)]
pub struct Described {
    /// The tag.
    pub tag: String,
    /// What it stands for, or why that is not known.
    pub facts: Result<TagFacts, String>,
    /// Requests that are left, where the registry counts them.
    pub limit: Option<String>,
}

/// How images are sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Order {
    #[default]
    Created,
    Name,
    Size,
    /// As the registry has them, the highest version first.
    Listed,
}

/// The state of the picker.
#[derive(Debug, Default)]
pub(in crate::tui) struct PickerState {
    /// The program was started with the picker, so that leaving an image leads back to it.
    pub(in crate::tui) in_use: bool,
    engines: Vec<EngineList>,
    /// Rows that the filter leaves, in order: which engine, and which of its images.
    rows: Vec<(usize, usize)>,
    line: Typed,
    cursor: Cursor,
    order: Order,
    /// The image that another one is going to be compared with.
    compare: Option<String>,
    /// The rows are tags of a repository, of which more is asked when they are selected.
    tags: bool,
    /// The tag that was asked for last.
    asked: Option<String>,
}

impl PickerState {
    /// Takes what an engine lists. The cursor stays on its image.
    pub(in crate::tui) fn take(&mut self, list: EngineList) {
        let selected = self.selected().map(|choice| choice.reference.clone());
        match self.engines.iter_mut().find(|known| known.engine == list.engine) {
            Some(known) => *known = list,
            None => self.engines.push(list),
        }
        self.update();
        if let Some(reference) = selected {
            let same = |choice: &Choice| choice.reference == reference;
            let place = (0..self.rows.len()).find(|place| self.row(*place).is_some_and(same));
            self.cursor.at = place.unwrap_or(0);
        }
    }

    /// The rows are tags of a repository.
    pub(in crate::tui) fn of_tags(&mut self) {
        self.tags = true;
        self.order = Order::Listed;
    }

    /// Takes what a tag stands for. Its row stays where it is.
    pub(in crate::tui) fn take_described(&mut self, described: Described) {
        for list in &mut self.engines {
            let Some(Ok(images)) = &mut list.images else { continue };
            if let Some(choice) = images.iter_mut().find(|choice| choice.name == described.tag) {
                choice.describe(described.facts);
                if let Some(limit) = described.limit {
                    list.note = limit;
                }
                return;
            }
        }
    }

    fn images(&self, engine: usize) -> &[Choice] {
        match self.engines.get(engine).and_then(|list| list.images.as_ref()) {
            Some(Ok(images)) => images,
            _ => &[],
        }
    }

    fn row(&self, place: usize) -> Option<&Choice> {
        let (engine, image) = *self.rows.get(place)?;
        self.images(engine).get(image)
    }

    fn selected(&self) -> Option<&Choice> {
        self.row(self.cursor.at)
    }

    /// Works out the rows.
    fn update(&mut self) {
        let words: Vec<String> = self.line.text().split_whitespace().map(str::to_lowercase).collect();
        let mut rows = Vec::new();
        for engine in 0..self.engines.len() {
            for (place, choice) in self.images(engine).iter().enumerate() {
                let text = format!("{} {}", choice.name, choice.from).to_lowercase();
                if words.iter().all(|word| text.contains(word)) {
                    rows.push((engine, place));
                }
            }
        }
        let image = |row: &(usize, usize)| &self.images(row.0)[row.1];
        match self.order {
            Order::Listed => {}
            // Those of an archive stay in its order.
            Order::Created if rows.iter().all(|row| image(row).created.is_none()) => {}
            Order::Created => rows.sort_by_key(|row| (Reverse(image(row).created), image(row).name.clone())),
            Order::Name => rows.sort_by_key(|row| image(row).name.clone()),
            Order::Size => rows.sort_by_key(|row| (Reverse(image(row).size), image(row).name.clone())),
        }
        self.rows = rows;
        self.cursor.at = self.cursor.at.min(self.rows.len().saturating_sub(1));
    }

    fn total(&self) -> usize {
        (0..self.engines.len()).map(|engine| self.images(engine).len()).sum()
    }
}

/// Rows of the list: a prompt and a header stand above, one row for each engine below.
fn rows(app: &App) -> Rect {
    let inside = inner(Page::of(app.size).body);
    let above = if inside.height > 6 { 3 } else { 1 };
    let below = (app.picker.engines.len() as u16 + u16::from(app.picker.tags)).min(inside.height / 3);
    let rest = skip_rows(inside, above);
    Rect { height: rest.height.saturating_sub(below), ..rest }
}

/// The picker.
pub(super) struct Picker;

impl View for Picker {
    fn title(&self) -> &'static str {
        ""
    }

    fn place(&self, _app: &App) -> Place {
        Place::Picker
    }

    fn act(&self, app: &mut App, action: Action) -> bool {
        let len = app.picker.rows.len();
        let page = app.page();
        match action {
            Action::Up => app.picker.cursor.step(-1, len),
            Action::Down => app.picker.cursor.step(1, len),
            Action::PageUp => app.picker.cursor.step(-page, len),
            Action::PageDown => app.picker.cursor.step(page, len),
            Action::First => app.picker.cursor.step(isize::MIN + 1, len),
            Action::Last => app.picker.cursor.step(isize::MAX, len),
            Action::Open => open(app),
            Action::Diff => {
                let Some(name) = app.picker.selected().map(|choice| choice.reference.clone()) else { return true };
                app.notify(&format!("choose the image to compare with {name}"));
                app.picker.compare = Some(name);
            }
            Action::Sort if app.picker.tags => {}
            Action::Sort => {
                let (order, words) = match app.picker.order {
                    Order::Listed => (Order::Listed, "version"),
                    Order::Created => (Order::Name, "name"),
                    Order::Name => (Order::Size, "size"),
                    Order::Size => (Order::Created, "age"),
                };
                app.picker.order = order;
                app.picker.update();
                app.picker.cursor = Cursor::default();
                app.notify(&format!("sorted by {words}"));
            }
            Action::Back => {
                if !app.picker.line.text().is_empty() {
                    app.picker.line = Typed::default();
                    app.picker.update();
                } else if app.picker.compare.take().is_none() {
                    app.effect(Effect::Quit);
                }
            }
            Action::NextPane => {}
            Action::Copy => return app.picker.rows.is_empty(),
            _ => return false,
        }
        true
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        draw(app, area, buffer);
    }

    fn click(&self, app: &mut App, _area: Rect, at: Position) {
        let area = rows(app);
        if let Some(place) = row_at(area, at, app.picker.cursor.top, app.picker.rows.len()) {
            let again = app.picker.cursor.at == place;
            app.picker.cursor.at = place;
            if again {
                open(app);
            }
        } else if at.y + 1 == area.y {
            self.act(app, Action::Sort);
        }
    }

    fn scroll(&self, app: &mut App, _area: Rect, _at: Position, by: isize) {
        let height = rows(app).height.into();
        let len = app.picker.rows.len();
        app.picker.cursor.scroll(by, height, len);
    }

    fn fit(&self, app: &mut App) {
        let height = rows(app).height.into();
        let len = app.picker.rows.len();
        app.picker.cursor.follow(height, len);
        let selected = app.picker.selected().filter(|choice| choice.bare && choice.more.is_empty());
        if let Some(tag) = selected.map(|choice| choice.name.clone()).filter(|_| app.picker.tags)
            && app.picker.asked.as_ref() != Some(&tag)
        {
            app.picker.asked = Some(tag.clone());
            app.effect(Effect::Describe(tag));
        }
    }

    fn page(&self, app: &App) -> usize {
        rows(app).height.into()
    }

    fn copies(&self, app: &App) -> Vec<(&'static str, String)> {
        app.picker
            .selected()
            .map_or_else(Vec::new, |choice| vec![("name", choice.name.clone()), ("image ID", choice.id.clone())])
    }

    fn offers(&self, app: &App, action: Action) -> bool {
        match action {
            Action::Sort => !app.picker.rows.is_empty() && !app.picker.tags,
            Action::Open | Action::Diff => !app.picker.rows.is_empty(),
            Action::NextPane | Action::Copy | Action::Find => false,
            _ => true,
        }
    }

    fn takes_letters(&self) -> bool {
        true
    }

    fn other_key(&self, app: &mut App, key: Key) {
        // Deleting and letters go into the filter; keys that move its cursor have other uses here.
        let edits = matches!(key.code(), KeyCode::Char(_) | KeyCode::Backspace);
        if edits && app.picker.line.takes(key) {
            app.picker.cursor.at = 0;
            app.picker.update();
        }
    }

    fn paste(&self, app: &mut App, text: &str) {
        app.picker.line.paste(text);
        app.picker.update();
    }
}

fn open(app: &mut App) {
    let Some(choice) = app.picker.selected().map(|choice| choice.reference.clone()) else { return };
    match app.picker.compare.take() {
        Some(first) => app.open_pair([first, choice]),
        None => app.open_image(choice),
    }
}

fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    let picker = &app.picker;
    let (shown, total) = (picker.rows.len(), picker.total());
    let how_many = if shown == total { exact(total as u64) } else { format!("{shown} of {total}") };
    let title = match &picker.compare {
        Some(name) => format!("Compare {} with", shown_text(name)),
        None if picker.tags => format!("Tags ({how_many})"),
        None => format!("Images ({how_many})"),
    };
    let note = match picker.order {
        Order::Created => "by created",
        Order::Name => "by name",
        Order::Size => "by size",
        Order::Listed => "by version",
    };
    let inside = frame(app, &title, note, true, area, buffer);
    let width = usize::from(inside.width);
    let prompt = if picker.line.text().is_empty() {
        vec![Span::styled("> ", app.theme.key), Span::styled("type to filter", app.theme.faint)]
    } else {
        let text = cut_end(&shown_text(picker.line.text()), width.saturating_sub(2));
        vec![Span::styled("> ", app.theme.key), Span::styled(text, app.theme.title)]
    };
    Line::from(prompt).render(inside, buffer);
    let list = rows(app);
    let now = jiff::Timestamp::now();
    // Columns: size, age, engine, and whether it opens at once. Names get the rest, at least as much as they need.
    let wide = width >= 76;
    let fixed = 1 + 9 + 2 + if wide { 17 } else { 0 } + 2 + 8 + 2;
    let longest = picker.rows.iter().filter_map(|row| picker.images(row.0).get(row.1));
    let longest = longest.map(|choice| choice.name.width()).max().unwrap_or(0);
    let names = width.saturating_sub(fixed).clamp(8, longest.max(20));
    if list.y > inside.y + 2 && shown > 0 {
        let age = if wide { format!("{:<17}", "CREATED") } else { String::new() };
        let (name, from) = if picker.tags { ("TAG", "PLATFORMS") } else { ("NAME", "FROM") };
        let text = format!(" {name:<names$}{:>9}  {age}  {from}", "SIZE");
        let header = Rect { y: list.y - 1, height: 1, ..inside };
        Line::styled(cut_end(&text, width), app.theme.faint).render(header, buffer);
    }
    if shown == 0 {
        let waiting = picker.engines.iter().any(|list| list.images.is_none());
        let text = match (total, waiting) {
            (0, true) if picker.tags => "waiting for the registry".to_owned(),
            (0, false) if picker.tags => "the repository has no tags".to_owned(),
            (0, true) => "waiting for the container engines".to_owned(),
            (0, false) => "no images: build or pull one, or name a file: `explore image.tar`".to_owned(),
            _ => "no name matches; Esc clears the filter".to_owned(),
        };
        for (line, text) in list.rows().zip(wrap(&text, width.saturating_sub(2))) {
            Line::styled(format!(" {text}"), app.theme.faint).render(line, buffer);
        }
    }
    for (place, line) in (picker.cursor.top..shown).zip(list.rows()) {
        let Some(choice) = picker.row(place) else { continue };
        let name = cut_middle(&shown_text(&choice.name), names);
        let pad = " ".repeat(names.saturating_sub(name.width()));
        let age = choice.created.filter(|_| wide).map(|created| ago(Some(&rfc3339(created)), now)).unwrap_or_default();
        let age = if wide { format!("{age:<17}") } else { age };
        let cached = if choice.cached { " ●" } else { "" };
        Line::from(vec![
            Span::raw(format!(" {name}{pad}{:>9}  ", if choice.bare { String::new() } else { bytes(choice.size) })),
            Span::styled(age, app.theme.faint),
            Span::raw(format!("  {}", shown_text(&choice.from))),
            Span::styled(cached, app.theme.added),
        ])
        .render(line, buffer);
        if place == picker.cursor.at {
            select(app, true, line, None, buffer);
        }
    }
    engines(app, Rect { y: list.bottom(), height: inside.bottom() - list.bottom(), ..inside }, buffer);
}

/// How each engine stands.
fn engines(app: &App, area: Rect, buffer: &mut Buffer) {
    let cached = app
        .picker
        .engines
        .iter()
        .any(|list| matches!(&list.images, Some(Ok(images)) if images.iter().any(|choice| choice.cached)));
    for (place, (list, line)) in app.picker.engines.iter().zip(area.rows()).enumerate() {
        let (text, style) = match &list.images {
            None => ("waiting for an answer".to_owned(), app.theme.faint),
            Some(Ok(images)) if images.len() == 1 => ("1 image".to_owned(), app.theme.faint),
            Some(Ok(images)) => (format!("{} images", exact(images.len() as u64)), app.theme.faint),
            Some(Err(why)) => (shown_text(why), app.theme.faint),
        };
        let note = if place == 0 && cached { "   ● opens at once" } else { "" };
        let what = if app.picker.tags { text.replace("image", "tag") } else { text };
        let text = if list.note.is_empty() { what } else { format!("{what}; {}", list.note) };
        let text = cut_end(&format!(" {}: {text}{note}", shown_text(&list.engine)), usize::from(line.width));
        Line::styled(text, style).render(line, buffer);
    }
    if let Some(choice) = app.picker.selected().filter(|_| app.picker.tags && area.height > 1) {
        let line = Rect { y: area.bottom() - 1, height: 1, ..area };
        let text = if choice.more.is_empty() { "asking what the tag stands for" } else { &choice.more };
        Line::styled(cut_end(&format!(" {}", shown_text(text)), line.width.into()), app.theme.faint)
            .render(line, buffer);
    }
}

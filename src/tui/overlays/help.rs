//! Every key, sign and word; what is typed narrows them.

use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line as Text, Span};
use ratatui::widgets::Widget as _;
use unicode_width::UnicodeWidthStr as _;

use super::Overlay;
use crate::tui::app::{App, Effect};
use crate::tui::chrome::{Hint, frame};
use crate::tui::keymap::{Action, Binding, Place};
use crate::tui::keys::Key;
use crate::tui::layout::{centred, inner};
use crate::tui::line::Line;
use crate::tui::text::{cut_end, wrap};

/// Where keys work, in words.
const PLACES: &[(Place, &str)] = &[
    (Place::Layers, "In the layers"),
    (Place::Files, "In the files"),
    (Place::Details, "In the details"),
    (Place::Waste, "In the findings"),
    (Place::Cause, "In the change"),
    (Place::Map, "In the map"),
    (Place::Image, "On the image's page"),
    (Place::Find, "In the search through all layers"),
    (Place::Viewer, "In a file"),
    (Place::Diff, "In a comparison of two files"),
    (Place::History, "In a path's history"),
    (Place::Fix, "In a fix"),
    (Place::Picker, "In the list of images"),
];

/// Signs and words of the screen, and what they mean.
const WORDS: &[(&str, &str)] = &[
    ("+", "the layer adds the path"),
    ("~", "the layer changes it; of a folded directory: something below it changes"),
    ("@", "the layer stores it again with the same content, for another mode, owner or time"),
    ("-", "the layer removes it"),
    ("▾ ▸", "a directory, open or folded; without a mark there is nothing in it"),
    ("━", "the share of the parent, or of the largest layer"),
    ("● ", "all layers of the image are cached, so it opens at once"),
    (
        "dead",
        "bytes that a layer stores and a later one deletes or replaces: they are downloaded, and nobody can use them",
    ),
    ("live", "bytes of the final file system"),
    ("left over", "live bytes that should not be there: package caches, build leftovers"),
    ("wasted", "dead and left over bytes together"),
    ("own", "what the layers of this image's own Dockerfile store; the rest is the base image's"),
    ("deleted", "dead because a later layer deletes it"),
    ("replaced", "dead because a later layer stores other content at the same path"),
    ("stored again", "dead because a later layer stores the same content once more"),
    ("moved", "dead because a later layer stores the same content at another path"),
    ("there", "the copy is in the final file system"),
    ("diff ID", "the SHA-256 digest of a layer's uncompressed tar"),
    ("filter", "text, *.glob, re:regex, >10MB, <1kB, is:removed, is:exec, is:setuid, !not; words must all hold"),
];

/// Help.
#[derive(Debug)]
struct Help {
    line: Line,
    top: usize,
    /// Where the keys were when it was opened.
    place: Place,
    closed: bool,
}

/// Opens the help.
pub(in crate::tui) fn help(app: &mut App) {
    let place = app.place();
    app.overlays.push(Box::new(Help { line: Line::default(), top: 0, place, closed: false }));
}

impl Overlay for Help {
    fn place(&self) -> Place {
        Place::Help
    }

    fn is_closed(&self) -> bool {
        self.closed
    }

    fn close(&mut self) {
        self.closed = true;
    }

    fn key(&mut self, app: &mut App, key: Key) {
        let action = app.keys.action(Place::Help, key);
        let empty = self.line.text().is_empty();
        match (key.code(), action) {
            (KeyCode::Esc, _) if !empty => self.line = Line::default(),
            (KeyCode::Esc | KeyCode::Enter, _) => self.close(),
            (_, Some(Action::Suspend)) => app.effect(Effect::Suspend),
            (_, Some(Action::Quit | Action::Help)) if empty => self.close(),
            (KeyCode::Up, _) => self.top = self.top.saturating_sub(1),
            (KeyCode::Down, _) => self.top += 1,
            (KeyCode::PageUp, _) => self.top = self.top.saturating_sub(10),
            (KeyCode::PageDown, _) => self.top += 10,
            (KeyCode::Home, _) => self.top = 0,
            (KeyCode::End, _) => self.top = usize::MAX,
            // `/` begins a search elsewhere, and is not part of one here.
            _ if empty && key.letter() == Some('/') => {}
            _ if key.is_ctrl('c') => self.close(),
            _ => {
                if self.line.takes(key) {
                    self.top = 0;
                }
            }
        }
    }

    fn scroll(&mut self, by: isize) {
        self.top = self.top.saturating_add_signed(by);
    }

    fn paste(&mut self, _app: &mut App, text: &str) {
        self.line.paste(text);
        self.top = 0;
    }

    fn fit(&mut self, app: &mut App) {
        let area = inner(self.area(app.size));
        let height = usize::from(area.height.saturating_sub(1));
        let lines = self.lines(app, usize::from(area.width)).len();
        self.top = self.top.min(lines.saturating_sub(height));
    }

    fn area(&self, size: (u16, u16)) -> Rect {
        centred(size, 104, size.1.saturating_sub(if size.1 < 30 { 1 } else { 4 }))
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        let note = format!("theme: {}", app.theme.name);
        let inside = frame(app, "Help", &note, true, area, buffer);
        let search = if self.line.text().is_empty() {
            Text::from(vec![
                Span::styled("/ ", app.theme.key),
                Span::styled("type to search keys, signs and words", app.theme.faint),
            ])
        } else {
            Text::from(vec![
                Span::styled("/ ", app.theme.key),
                Span::styled(self.line.text().to_owned(), app.theme.title),
            ])
        };
        let mut rows = inside.rows();
        if let Some(row) = rows.next() {
            search.render(row, buffer);
        }
        let lines = self.lines(app, usize::from(inside.width));
        if lines.is_empty() {
            if let Some(row) = rows.next() {
                Text::styled("no key, sign or word matches; Esc shows all", app.theme.faint).render(row, buffer);
            }
            return;
        }
        for (row, line) in rows.zip(lines.into_iter().skip(self.top)) {
            line.render(row, buffer);
        }
    }

    fn hints(&self, _app: &App) -> Vec<Hint> {
        vec![
            Hint::new(Key::plain(KeyCode::Esc), "close"),
            Hint { label: "a-z".to_owned(), ..Hint::new(Key::plain(KeyCode::Null), "search") },
            Hint { label: "↑↓".to_owned(), ..Hint::new(Key::plain(KeyCode::Down), "scroll") },
        ]
    }

    fn typing(&self, area: Rect) -> Option<(&Line, Position)> {
        let inside = inner(area);
        Some((&self.line, Position::new(inside.x + 2, inside.y)))
    }
}

impl Help {
    /// All that matches, the keys of the current pane first.
    fn lines(&self, app: &App, width: usize) -> Vec<Text<'static>> {
        let wanted = self.line.text().to_lowercase();
        let rows: Vec<_> = app.keys.rows().collect();
        let label = rows.iter().map(|(_, label)| label.width()).max().unwrap_or(0).min(18);
        let mut lines = Vec::new();
        let mut section = |title: &str, here: &dyn Fn(&Binding) -> bool| {
            let found: Vec<_> = rows
                .iter()
                .filter(|(binding, _)| here(binding))
                .filter(|(binding, keys)| {
                    let text = format!("{keys} {} {}", binding.help, binding.action.name()).to_lowercase();
                    text.contains(&wanted)
                })
                .collect();
            if found.is_empty() {
                return;
            }
            lines.push(Text::styled(title.to_owned(), app.theme.title));
            for (binding, keys) in found {
                lines.extend(entry(&cut_end(keys, label), app.theme.key, binding.help, label, width));
            }
        };
        let own = PLACES.iter().find(|(place, _)| *place == self.place);
        if let Some((place, title)) = own {
            section(title, &|binding: &Binding| binding.places.contains(place));
        }
        section("Everywhere", &|binding: &Binding| binding.places.is_empty());
        let mut shown: Vec<Place> = own.iter().map(|(place, _)| *place).collect();
        for (place, title) in PLACES {
            // A row of several places stands once, and not again below the current pane's.
            let known = shown.clone();
            section(title, &|binding: &Binding| {
                binding.places.contains(place) && !binding.places.iter().any(|place| known.contains(place))
            });
            shown.push(*place);
        }
        let words: Vec<_> =
            WORDS.iter().filter(|(word, means)| format!("{word} {means}").to_lowercase().contains(&wanted)).collect();
        if !words.is_empty() {
            lines.push(Text::styled("Signs and words", app.theme.title));
        }
        for (word, means) in words {
            let style = match *word {
                "+" => app.theme.added,
                "~" => app.theme.modified,
                "@" => app.theme.metadata,
                "-" => app.theme.removed,
                "━" => app.theme.bar,
                _ => app.theme.key,
            };
            lines.extend(entry(word, style, means, label, width));
        }
        lines
    }
}

/// A key or word, and what it does or means; long texts go on below themselves.
fn entry(word: &str, style: Style, text: &str, label: usize, width: usize) -> Vec<Text<'static>> {
    let gap = label.saturating_sub(word.width()) + 2;
    let mut lines = Vec::new();
    for (place, part) in wrap(text, width.saturating_sub(label + 4)).into_iter().enumerate() {
        let front = if place == 0 {
            Span::styled(format!("  {word}{}", " ".repeat(gap)), style)
        } else {
            Span::raw(" ".repeat(label + 4))
        };
        lines.push(Text::from(vec![front, Span::raw(part)]));
    }
    lines
}

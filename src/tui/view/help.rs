use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line as Text, Span};
use ratatui::widgets::Widget as _;
use unicode_width::UnicodeWidthStr as _;

use super::frame::noted_pane;
use crate::tui::app::App;
use crate::tui::keymap::Place;
use crate::tui::line::Line;
use crate::tui::overlay::Overlay;
use crate::tui::text::cut_end;

/// Where keys work, in words; None is everywhere.
const PLACES: &[(Option<Place>, &str)] = &[
    (None, "Everywhere"),
    (Some(Place::Layers), "In the layers"),
    (Some(Place::Files), "In the files"),
    (Some(Place::Waste), "In what is wasted"),
    (Some(Place::Map), "In the map"),
    (Some(Place::Viewer), "In a file"),
];

/// The first row that is seen when the end is.
pub(in crate::tui) fn help_end(app: &App, line: &Line) -> usize {
    let area = super::overlay_area(&Overlay::Help { line: Line::default(), top: 0 }, app.size);
    let height = usize::from(super::inner(area).height.saturating_sub(1));
    lines(app, &line.text().to_lowercase()).len().saturating_sub(height)
}

/// Every key and every sign, over the rest of the screen; what is typed narrows it.
pub(super) fn popup(app: &App, line: &Line, top: usize, area: Rect, buffer: &mut Buffer) {
    let wanted = line.text().to_lowercase();
    let lines = lines(app, &wanted);
    let note = format!("theme: {}", app.theme.name);
    let inside = noted_pane(app, "Keys", &note, true, area, buffer);
    let search = if wanted.is_empty() {
        Text::from(vec![Span::styled("/ ", app.theme.key), Span::styled("type to search", app.theme.faint)])
    } else {
        Text::from(vec![Span::styled("/ ", app.theme.key), Span::styled(line.text().to_owned(), app.theme.title)])
    };
    let mut rows = inside.rows();
    if let Some(row) = rows.next() {
        search.render(row, buffer);
    }
    if lines.is_empty() {
        if let Some(row) = rows.next() {
            Text::styled("no key does that; Esc shows all", app.theme.faint).render(row, buffer);
        }
        return;
    }
    for (row, line) in rows.zip(lines.into_iter().skip(top)) {
        line.render(row, buffer);
    }
}

fn lines(app: &App, wanted: &str) -> Vec<Text<'static>> {
    let rows: Vec<_> = app.keys.rows().collect();
    let label = rows.iter().map(|(_, label)| label.width()).max().unwrap_or(0).min(20);
    let mut lines = Vec::new();
    for (place, title) in PLACES {
        let here = |places: &[Place]| match place {
            None => places.is_empty(),
            Some(place) => places.first() == Some(place),
        };
        let found: Vec<_> = rows
            .iter()
            .filter(|(binding, _)| here(binding.places))
            .filter(|(binding, keys)| {
                let text = format!("{keys} {} {}", binding.help, binding.action.name()).to_lowercase();
                text.contains(wanted)
            })
            .collect();
        if found.is_empty() {
            continue;
        }
        lines.push(Text::styled((*title).to_owned(), app.theme.title));
        for (binding, keys) in found {
            let keys = cut_end(keys, label);
            let gap = " ".repeat(label - keys.width() + 2);
            lines
                .push(Text::from(vec![Span::styled(format!("  {keys}{gap}"), app.theme.key), Span::raw(binding.help)]));
        }
    }
    let theme = &app.theme;
    let signs = [
        ("+", theme.added, "added by the layer"),
        ("~", theme.modified, "changed by it"),
        ("@", theme.metadata, "stored again with the same content: other mode, owner or times"),
        ("-", theme.removed, "removed by it"),
        ("━", theme.bar, "the part of its folder, of the largest layer"),
        ("DEAD", theme.wasted, "bytes that a layer stores and a later one hides"),
    ];
    let signs: Vec<_> = signs.iter().filter(|(.., means)| means.contains(wanted)).collect();
    if !signs.is_empty() {
        lines.push(Text::styled("Signs", theme.title));
    }
    for (sign, style, means) in signs {
        let gap = " ".repeat(label.saturating_sub(sign.width()) + 2);
        lines
            .push(Text::from(vec![Span::styled(format!("  {sign}{gap}"), *style), Span::styled(*means, Style::new())]));
    }
    lines
}

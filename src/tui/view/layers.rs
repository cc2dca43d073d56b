use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::frame::{bar, noted_pane, pane, select};
use super::{Areas, inner, layer_rows};
use crate::bytes::shown_text;
use crate::image::Image;
use crate::inspect::Inspection;
use crate::report::{bytes, exact};
use crate::tree::NodeId;
use crate::tui::app::{App, Focus, Screen};
use crate::tui::text::{cut_end, wrap};

/// What stands in the place of an instruction that nobody recorded.
pub(super) const NO_HISTORY: &str = "(no history)";

/// Columns of the size bar.
const BAR: usize = 6;

/// Which columns of the list there is room for.
struct Columns {
    digits: usize,
    bar: bool,
    pull: bool,
    dead: bool,
}

impl Columns {
    fn of(app: &App, width: u16) -> Self {
        let digits = app.layer_count().saturating_sub(1).to_string().len().max(2);
        let compressed = app.found.as_ref().is_some_and(|found| found.compressed_bytes().is_some());
        Self { digits, bar: width >= 52, pull: compressed && width >= 62, dead: width >= 44 }
    }

    fn head(&self) -> String {
        let mut text = format!("{:>digits$} {:>8} ", "#", "SIZE", digits = self.digits);
        if self.bar {
            text.insert_str(self.digits + 1, &" ".repeat(BAR + 1));
        }
        if self.pull {
            text += "    PULL ";
        }
        if self.dead {
            text += "    DEAD ";
        }
        text + "INSTRUCTION"
    }
}

/// The layers with their sizes and instructions, the base on top.
pub(super) fn list(app: &App, area: Rect, buffer: &mut Buffer) {
    if area.width == 0 || area.height == 0 {
        return;
    }
    if let Some(pair) = &app.pair {
        return super::pair::layers(app, pair, area, buffer);
    }
    let focused = app.focus == Focus::Layers;
    let count = app.layer_count();
    let title = if app.image().is_some() { format!("Layers ({count})") } else { "Layers".to_owned() };
    let note = match app.mark {
        Some(_) => {
            let range = app.range();
            format!("{} to {} as one change", range.first, range.last)
        }
        None => String::new(),
    };
    let inside = noted_pane(app, &title, &note, focused, area, buffer);
    let rows = layer_rows(area);
    let Some(image) = app.image() else {
        Line::styled(cut_end(&app.progress, usize::from(inside.width)), app.theme.faint).render(inside, buffer);
        return;
    };
    if count == 0 {
        Line::styled("the image has no layers", app.theme.faint).render(rows, buffer);
    }
    let columns = Columns::of(app, inside.width);
    if rows.y > inside.y {
        let head = Rect { height: 1, ..inside };
        Line::styled(cut_end(&columns.head(), usize::from(head.width)), app.theme.faint).render(head, buffer);
    }
    let largest = (0..count).filter_map(|layer| size(app, image, layer)).max().unwrap_or(0);
    for (line, layer) in rows.rows().zip(app.layers.top..count) {
        let spans = row(app, image, layer, largest, &columns, usize::from(line.width));
        Line::from(spans).render(line, buffer);
        let range = app.range();
        let marked = app.mark.is_some() && (usize::from(range.first)..=usize::from(range.last)).contains(&layer);
        if marked && layer != app.layers.at {
            buffer.set_style(line, app.theme.marked);
        }
        if layer == app.layers.at {
            select(app, focused, line, 0, buffer);
        }
    }
}

/// Content of a layer, as far as it is known: what was read, else what a daemon says of it.
fn size(app: &App, image: &Image, layer: usize) -> Option<u64> {
    match &app.found {
        Some(found) => found.tree.layers.get(layer).map(|events| events.content_bytes),
        None => app.ready.get(layer).copied().flatten().or(image.layers.get(layer)?.told_bytes),
    }
}

fn row(app: &App, image: &Image, layer: usize, largest: u64, columns: &Columns, width: usize) -> Vec<Span<'static>> {
    let theme = &app.theme;
    let facts = app.found.as_ref().and_then(|found| found.layers.get(layer));
    let size = size(app, image, layer);
    let digits = columns.digits;
    let mut spans = vec![Span::styled(format!("{layer:>digits$} "), theme.faint)];
    if columns.bar {
        let text = size.map_or_else(|| " ".repeat(BAR), |size| bar(size, largest, BAR));
        spans.push(Span::styled(format!("{text} "), theme.bar));
    }
    let text = match (size, facts) {
        (_, Some(facts)) if facts.missing => "absent".to_owned(),
        (Some(size), _) => bytes(size),
        (None, _) => "…".to_owned(),
    };
    let dead = app.found.as_ref().and_then(|found| found.waste.dead_of_layer.get(layer).copied()).unwrap_or(0);
    // Without a column of its own, dead bytes show by the colour of the size.
    let style = match (size, dead) {
        (None | Some(0), _) => theme.faint,
        (_, dead) if dead > 0 && !columns.dead => theme.wasted,
        _ => theme.title,
    };
    spans.push(Span::styled(format!("{text:>8} "), style));
    if columns.pull {
        let pull = facts.and_then(|facts| facts.compressed_bytes).map(bytes).unwrap_or_default();
        spans.push(Span::styled(format!("{pull:>8} "), theme.faint));
    }
    if columns.dead {
        let text = if dead > 0 { bytes(dead) } else { String::new() };
        spans.push(Span::styled(format!("{text:>8} "), theme.wasted));
    }
    let used: usize = spans.iter().map(Span::width).sum();
    let text = image.instruction_line(layer).unwrap_or_else(|| NO_HISTORY.to_owned());
    // Most instructions are RUN: the word would push out what differs.
    let text = shown_text(text.strip_prefix("RUN ").unwrap_or(&text));
    let base = app.found.as_ref().is_some_and(|found| app.judged && layer < found.waste.base.layers);
    let style = if base { theme.faint } else { ratatui::style::Style::new() };
    spans.push(Span::styled(cut_end(&text, width.saturating_sub(used)), style));
    spans
}

/// Rows of the details that are seen, and rows that there are.
pub(in crate::tui) fn details_size(app: &App) -> (usize, usize) {
    if app.screen == Screen::Waste {
        let inside = inner(super::waste_areas(app)[1]);
        return (inside.height.into(), super::waste::detail_lines(app, inside.width.into()).len());
    }
    let inside = inner(Areas::of(app).details);
    (inside.height.into(), detail_lines(app, inside.width.into()).len())
}

/// What the list has no room for, of the selected layer.
pub(super) fn details(app: &App, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 || area.width == 0 {
        return;
    }
    let layer = app.layers.at;
    let range = app.range();
    let title = if app.pair.is_some() {
        if app.focus == Focus::Files { "Path".to_owned() } else { "Layer".to_owned() }
    } else if range.first == range.last {
        format!("Layer {layer}")
    } else {
        format!("Layers {} to {}", range.first, range.last)
    };
    let focused = app.focus == Focus::Details;
    let width = usize::from(area.width.saturating_sub(2));
    let lines = detail_lines(app, width);
    let hidden = lines.len().saturating_sub(usize::from(area.height.saturating_sub(2)));
    let inside = if hidden > 0 && !focused {
        noted_pane(app, &title, "Tab Tab for more", focused, area, buffer)
    } else {
        pane(app, &title, focused, area, buffer)
    };
    for (row, line) in inside.rows().zip(lines.into_iter().skip(app.details.top)) {
        line.render(row, buffer);
    }
}

fn detail_lines(app: &App, width: usize) -> Vec<Line<'static>> {
    if let Some(pair) = &app.pair {
        return super::pair::detail_lines(app, pair, width);
    }
    let theme = &app.theme;
    let layer = app.layers.at;
    let Some(image) = app.image() else { return Vec::new() };
    let Some(about) = image.layers.get(layer) else { return Vec::new() };
    let mut lines: Vec<Line<'static>> = Vec::new();
    if let Some(found) = &app.found {
        lines.extend(numbers(app, found, layer, width));
    }
    for own in usize::from(app.range().first)..=usize::from(app.range().last) {
        let text = image.instruction_line(own).unwrap_or_else(|| NO_HISTORY.to_owned());
        let front = if app.range().first < app.range().last { format!("{own}: ") } else { String::new() };
        lines.extend(wrap(&format!("{front}{}", shown_text(&text)), width).into_iter().map(Line::raw));
    }
    if app.range().first < app.range().last {
        return lines;
    }
    // What to change, of the largest waste that this layer stores.
    let finding = app.found.as_ref().and_then(|found| {
        found.waste.findings.iter().find(|finding| usize::from(finding.stored_in) == layer && finding.kind.counts())
    });
    if let Some(finding) = finding {
        lines.push(Line::raw(""));
        let text = format!("{}: {}", bytes(finding.bytes), finding.message);
        lines.extend(wrap(&text, width).into_iter().map(|line| Line::styled(line, theme.wasted)));
        let fix = format!("fix: {}", finding.fix);
        let parts = fix.lines().flat_map(|line| wrap(line, width));
        lines.extend(parts.map(|line| Line::styled(line, theme.key)));
    }
    lines.push(Line::raw(""));
    let created = image.row(layer).and_then(|row| row.created.as_deref()).map(shown_text);
    let comment = image.row(layer).and_then(|row| row.comment.as_deref()).filter(|text| !text.is_empty());
    let named = [
        ("created", created),
        ("comment", comment.map(shown_text)),
        ("diff ID", about.diff_id.as_ref().map(ToString::to_string)),
        ("blob", about.digest.as_ref().map(ToString::to_string)),
        ("media type", about.media_type.as_deref().map(shown_text)),
    ];
    for (name, text) in named {
        let Some(text) = text else { continue };
        for (place, part) in wrap(&text, width.saturating_sub(11)).into_iter().enumerate() {
            let head = if place == 0 { name } else { "" };
            lines.push(Line::from(vec![Span::styled(format!("{head:<11}"), theme.faint), Span::raw(part)]));
        }
    }
    lines
}

fn numbers(app: &App, found: &Inspection, layer: usize, width: usize) -> Vec<Line<'static>> {
    let theme = &app.theme;
    let mut lines = Vec::new();
    let (Some(events), Some(facts)) = (found.tree.layers.get(layer), found.layers.get(layer)) else { return lines };
    let range = app.range();
    if range.first < range.last {
        let saved = bytes(app.joined);
        lines.push(Line::styled(format!("joined into one they would save {saved}"), theme.wasted));
    }
    let base = if app.judged && layer < found.waste.base.layers { "  base image" } else { "" };
    // Of a stretch what it comes to, once that is known; of a layer its own.
    let own = [events.added, events.modified, events.removed.len() as u64];
    let of_range = app.browse.shown_rows().filter(|rows| rows.view().range == range && range.first < range.last);
    let of_range =
        of_range.map(|rows| rows.view().folders.sum(NodeId::ROOT).map_or([0; 3], |sum| sum.changes.map(u64::from)));
    let [added, modified, removed] = of_range.unwrap_or(own);
    let words = if width >= 44 { [" added", " stored again", " removed"] } else { ["", "", ""] };
    lines.push(Line::from(vec![
        Span::styled(format!("+{}{}  ", exact(added), words[0]), theme.added),
        Span::styled(format!("~{}{}  ", exact(modified), words[1]), theme.modified),
        Span::styled(format!("-{}{}", exact(removed), words[2]), theme.removed),
        Span::styled(base, theme.faint),
    ]));
    if range.first < range.last {
        let stretch = usize::from(range.first)..=usize::from(range.last);
        let stored = found.tree.layers.get(stretch).into_iter().flatten();
        let stored = stored.fold(0_u64, |sum, layer| sum.saturating_add(layer.content_bytes));
        lines.push(Line::styled(format!("{} of files in all of them", bytes(stored)), theme.faint));
        return lines;
    }
    let mut text = format!("{} of files, {} as tar", bytes(events.content_bytes), bytes(facts.tar_bytes));
    if let Some(compressed) = facts.compressed_bytes {
        let _ = write!(text, ", {} {}", bytes(compressed), facts.compression.name());
    }
    lines.push(Line::styled(text, theme.faint));
    let (dead, hides) = (found.waste.dead_of_layer[layer], found.waste.hidden_by_layer[layer]);
    if dead > 0 {
        lines.push(Line::styled(format!("{} of it dead in the end", bytes(dead)), theme.wasted));
    }
    if hides > 0 {
        lines.push(Line::styled(format!("hides {} of earlier layers", bytes(hides)), theme.wasted));
    }
    let notes = found.notes.iter().filter(|note| note.layer == Some(layer));
    lines.extend(notes.map(|note| Line::styled(shown_text(&note.message), theme.error)));
    if let Some(damage) = &facts.damage {
        lines.push(Line::styled(shown_text(damage), theme.error));
    }
    lines
}

//! The details of what is selected: of a path where the files have the keys, else of a layer.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::files::sign;
use super::layers::NO_HISTORY;
use super::waste::fate_words;
use crate::bytes::{shown, shown_text};
use crate::inspect::Inspection;
use crate::report::{count, exact};
use crate::tree::{Change, NodeId, Tree};
use crate::tui::app::App;
use crate::tui::chrome::{frame, text};
use crate::tui::jobs::{CostJob, LayerCost, PathCost, Work, path_of};
use crate::tui::keymap::Action;
use crate::tui::layout::{Focus, inner};
use crate::tui::text::{bytes, cut_end, cut_middle, wrap};
use crate::waste::Finding;

/// Dead parts of a layer that are listed.
const PARTS: usize = 5;

/// Asks what the selected path costs, when the answer is not there.
pub(in crate::tui) fn ask(app: &mut App) {
    if app.layers.focus != Focus::Files || app.pair.is_some() {
        return;
    }
    let Some((tree, node)) = app.tree().cloned().zip(app.browse.selected().map(|row| row.node)) else { return };
    if app.layers.cost.as_ref().is_some_and(|cost| cost.node == node) {
        return;
    }
    app.layers.details.top = 0;
    app.layers.cost_number = app.ask(Work::Cost(CostJob { tree, node }));
}

/// What a key means in the pane.
pub(super) fn act(app: &mut App, action: Action) -> bool {
    let area = super::layers::panes(app).details;
    let page = isize::from(inner(area).height.max(1) as i16);
    match action {
        Action::Up => scroll(app, area, -1),
        Action::Down => scroll(app, area, 1),
        Action::PageUp => scroll(app, area, -page),
        Action::PageDown => scroll(app, area, page),
        Action::First => scroll(app, area, isize::MIN + 1),
        Action::Last => scroll(app, area, isize::MAX),
        Action::Left => app.layers.focus = Focus::List,
        Action::Open | Action::Right => {}
        _ => return false,
    }
    true
}

/// Moves the lines in the pane.
pub(super) fn scroll(app: &mut App, area: Rect, by: isize) {
    let inside = inner(area);
    let len = lines(app, inside.width.into()).len();
    app.layers.details.scroll(by, inside.height.into(), len);
}

/// Text scrolls no further than to its end, also when there is more room for it now.
pub(super) fn fit(app: &mut App, area: Rect) {
    if app.layers.details.top > 0 {
        scroll(app, area, 0);
    }
}

/// Whether the pane is about a path.
fn is_about_path(app: &App) -> bool {
    app.layers.focus == Focus::Files && app.browse.selected().is_some()
}

fn title(app: &App) -> String {
    let range = app.range();
    match (app.pair.is_some(), is_about_path(app)) {
        (_, true) => "Path".to_owned(),
        (true, _) => "Layer".to_owned(),
        _ if range.first == range.last => format!("Layer {}", app.layers.cursor.at),
        _ => format!("Layers {} to {}", range.first, range.last),
    }
}

/// Draws the pane.
pub(super) fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 || area.width == 0 {
        return;
    }
    let focused = app.layers.focus == Focus::Details;
    let lines = lines(app, usize::from(area.width.saturating_sub(2)));
    let hidden = lines.len().saturating_sub(usize::from(area.height.saturating_sub(2)));
    let note = match (hidden, focused) {
        (0, _) => String::new(),
        (hidden, true) => format!(
            "{} to {} of {}",
            app.layers.details.top + 1,
            lines.len() - hidden + app.layers.details.top,
            lines.len()
        ),
        (hidden, false) => format!("{hidden} more: {}", app.key_of(Action::NextPane)),
    };
    let inside = frame(app, &title(app), &note, focused, area, buffer);
    text(lines, app.layers.details.top, inside, buffer);
}

fn lines(app: &App, width: usize) -> Vec<Line<'static>> {
    if let Some(pair) = &app.pair {
        return super::pair::detail_lines(app, pair, width);
    }
    let mut lines = if is_about_path(app) { path_lines(app, width) } else { Vec::new() };
    if lines.is_empty() {
        return layer_lines(app, width);
    }
    if !lines.is_empty() && width >= 60 {
        lines.push(Line::raw(""));
        lines.push(Line::styled(format!("Layer {}", app.layers.cursor.at), app.theme.title));
        lines.extend(layer_lines(app, width));
    }
    lines
}

/// What one path is, and what it costs over all layers.
fn path_lines(app: &App, width: usize) -> Vec<Line<'static>> {
    let (Some(tree), Some(row)) = (app.tree(), app.browse.selected()) else { return Vec::new() };
    let theme = &app.theme;
    let mut path = path_of(tree, row.node);
    if row.folder {
        path.push('/');
    }
    let mut lines: Vec<Line<'static>> =
        wrap_path(&path, width).into_iter().map(|line| Line::styled(line, theme.title)).collect();
    let kind = row.at.map_or("directory", |at| tree.event_at(at).kind().name());
    let target = super::target(tree, row);
    let Some(cost) = app.layers.cost.as_ref().filter(|cost| cost.node == row.node) else {
        lines.push(Line::styled(kind.to_owned(), theme.faint));
        return lines;
    };
    let files = if cost.folder { format!(", {}", count(cost.files, "file")) } else { String::new() };
    lines.push(Line::styled(cut_end(&format!("{kind}{target}{files}"), width), theme.faint));
    if cost.stored > 0 {
        let (text, style) = match cost.dead() {
            0 => (format!("{} over all layers, none of it dead", bytes(cost.stored)), Style::new()),
            dead => (format!("{} over all layers, {} of it dead", bytes(cost.stored), bytes(dead)), theme.wasted),
        };
        lines.extend(wrap(&text, width).into_iter().map(|line| Line::styled(line, style)));
    }
    let digits = tree.layers.len().saturating_sub(1).to_string().len().max(2);
    for layer in &cost.layers {
        lines.push(cost_line(app, tree, cost, layer, digits, width));
    }
    if let Some(finding) = finding_of(app, row.node) {
        lines.extend(wrap(&finding.message, width).into_iter().map(|line| Line::styled(line, theme.wasted)));
        if finding.fix_in.is_some() || !finding.in_base {
            let fix = format!("fix: {}", finding.fix);
            let parts = fix.lines().flat_map(|line| wrap(line, width));
            lines.extend(parts.map(|line| Line::styled(line, theme.key)));
        }
    }
    lines
}

/// What one layer does to a path: `  3 +  23.5 MB  94 files  apt-get install`.
fn cost_line(app: &App, tree: &Tree, cost: &PathCost, layer: &LayerCost, digits: usize, width: usize) -> Line<'static> {
    // Below a directory that stays, what happens counts.
    let change = match layer.change {
        Change::None | Change::Metadata | Change::Modified if cost.folder => match layer.counts {
            [_, 0, 0] => Change::Added,
            [0, 0, _] => Change::Removed,
            _ => Change::Modified,
        },
        change => change,
    };
    let (mark, style) = sign(app, change);
    let size = if layer.bytes > 0 || layer.change == Change::Added && !cost.folder {
        bytes(layer.bytes)
    } else if layer.growth < 0 {
        format!("-{}", bytes(layer.growth.unsigned_abs()))
    } else {
        String::new()
    };
    let what = if cost.folder { counts_words(layer.counts) } else { fate(tree, cost.node, layer) };
    let text = app.image().and_then(|image| image.instruction_line(layer.layer.into()));
    let text = shown_text(&text.unwrap_or_else(|| NO_HISTORY.to_owned()));
    let text = text.strip_prefix("RUN ").unwrap_or(&text).to_owned();
    let front = format!("{:>digits$} ", layer.layer);
    let middle = if width >= 50 { format!(" {size:>9}  {what:<16} ") } else { format!(" {size:>9}  ") };
    let room = width.saturating_sub(front.len() + 1 + middle.chars().count());
    let last = if width >= 50 { text } else { format!("{what}  {text}") };
    Line::from(vec![
        Span::styled(front, app.theme.faint),
        Span::styled(mark, style),
        Span::raw(middle),
        Span::styled(cut_end(&last, room), app.theme.faint),
    ])
}

/// How many paths a layer adds, changes and removes.
pub(in crate::tui) fn counts_words(counts: [u32; 3]) -> String {
    let parts: Vec<String> = [('+', counts[0]), ('~', counts[1]), ('-', counts[2])]
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(sign, count)| format!("{sign}{}", exact(u64::from(*count))))
        .collect();
    parts.join(" ")
}

/// What became of the copy that a layer stored.
pub(in crate::tui) fn fate(tree: &Tree, node: NodeId, layer: &LayerCost) -> String {
    match (layer.change, layer.at) {
        (Change::Removed, _) => "removed".to_owned(),
        (_, Some(at)) if at.layer == layer.layer => copy_fate(tree, node, tree.event_at(at).until),
        _ => String::new(),
    }
}

/// What became of a stored copy, by the layer that ended it.
pub(in crate::tui) fn copy_fate(tree: &Tree, node: NodeId, until: u16) -> String {
    if until == crate::tree::Event::HOLDS {
        return "there".to_owned();
    }
    let replaced = tree.state(node, until).is_some();
    format!("{} {until}", if replaced { "replaced in" } else { "deleted in" })
}

/// The largest finding that a path, or what is below it, belongs to.
fn finding_of(app: &App, node: NodeId) -> Option<&Finding> {
    let found = app.found.as_deref().filter(|_| app.judged)?;
    let paths = &found.tree.paths;
    let above =
        |node: NodeId, of: NodeId| std::iter::successors(Some(of), |below| paths.parent(*below)).any(|own| own == node);
    found.waste.findings.iter().filter(|finding| finding.kind.counts()).find(|finding| {
        finding.paths.iter().any(|path| above(path.node, node) || node != NodeId::ROOT && above(node, path.node))
    })
}

/// A path in lines, broken at its slashes.
fn wrap_path(path: &str, width: usize) -> Vec<String> {
    let mut lines = wrap(path, width);
    if lines.len() > 3 {
        lines = vec![cut_middle(path, width * 2)];
        lines = lines.iter().flat_map(|line| wrap(line, width)).collect();
    }
    lines
}

/// What the list has no room for, of the selected layer or range.
fn layer_lines(app: &App, width: usize) -> Vec<Line<'static>> {
    let theme = &app.theme;
    let layer = app.layers.cursor.at;
    let Some(image) = app.image() else { return Vec::new() };
    let Some(about) = image.layers.get(layer) else { return Vec::new() };
    let range = app.range();
    let mut lines: Vec<Line<'static>> = Vec::new();
    if let Some(found) = &app.found {
        lines.extend(numbers(app, found, layer, width));
    }
    let instructions = (range.first..=range.last).flat_map(|own| {
        let text = image.instruction_line(own.into()).unwrap_or_else(|| NO_HISTORY.to_owned());
        let front = if range.first < range.last { format!("{own}: ") } else { String::new() };
        wrap(&format!("{front}{}", shown_text(&text)), width).into_iter().map(Line::raw).collect::<Vec<_>>()
    });
    if range.first < range.last {
        lines.extend(instructions);
        return lines;
    }
    // What to change, for the largest waste that this layer stores.
    let finding = app.found.as_ref().filter(|_| app.judged).and_then(|found| {
        let own = |finding: &&Finding| usize::from(finding.stored_in) == layer && finding.kind.counts();
        found.waste.findings.iter().find(own)
    });
    if let Some(finding) = finding {
        let fix = format!("fix: {}", finding.fix);
        let parts = fix.lines().flat_map(|line| wrap(line, width));
        lines.extend(parts.map(|line| Line::styled(line, theme.key)));
    }
    if !lines.is_empty() {
        lines.push(Line::raw(""));
    }
    lines.extend(instructions);
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
        let saved = bytes(app.layers.joined);
        lines.push(Line::styled(format!("joined into one layer they would save {saved}"), theme.wasted));
    }
    // Of a range what it comes to, once that is known; of a layer its own.
    let own = [events.added, events.modified, events.removed.len() as u64];
    let of_range = app.browse.shown_rows().filter(|rows| rows.view().range == range && range.first < range.last);
    let of_range =
        of_range.map(|rows| rows.view().folders.sum(NodeId::ROOT).map_or([0; 3], |sum| sum.changes.map(u64::from)));
    let [added, modified, removed] = of_range.unwrap_or(own);
    let words = if width >= 44 { [" added", " changed", " removed"] } else { ["", "", ""] };
    let base = if layer < app.base_layers() { "  base image" } else { "" };
    lines.push(Line::from(vec![
        Span::styled(format!("+{}{}  ", exact(added), words[0]), theme.added),
        Span::styled(format!("~{}{}  ", exact(modified), words[1]), theme.modified),
        Span::styled(format!("-{}{}", exact(removed), words[2]), theme.removed),
        Span::styled(base, theme.faint),
    ]));
    if range.first < range.last {
        let layers = usize::from(range.first)..=usize::from(range.last);
        let stored = found.tree.layers.get(layers).into_iter().flatten();
        let stored = stored.fold(0_u64, |sum, layer| sum.saturating_add(layer.content_bytes));
        lines.push(Line::styled(format!("{} of files in all of them", bytes(stored)), theme.faint));
        return lines;
    }
    let mut text = format!("{} of files", bytes(events.content_bytes));
    if width >= 44 {
        let _ = write!(text, ", {} as tar", bytes(facts.tar_bytes));
    }
    if let Some(compressed) = facts.compressed_bytes {
        let _ = write!(text, ", {} {}", bytes(compressed), facts.compression.name());
    }
    lines.push(Line::styled(text, theme.faint));
    let (dead, hides) = (found.waste.dead_of_layer[layer], found.waste.hidden_by_layer[layer]);
    if dead > 0 {
        lines.push(Line::styled(format!("{} of it dead in the end:", bytes(dead)), theme.wasted));
        lines.extend(dead_parts(app, found, layer, width));
    }
    if hides > 0 {
        lines.push(Line::styled(format!("hides {} of earlier layers", bytes(hides)), theme.wasted));
    }
    let notes = found.notes.iter().filter(|note| note.layer == Some(layer));
    lines.extend(notes.flat_map(|note| {
        wrap(&shown_text(&note.message), width)
            .into_iter()
            .map(|line| Line::styled(line, theme.error))
            .collect::<Vec<_>>()
    }));
    if let Some(damage) = &facts.damage {
        lines.extend(wrap(&shown_text(damage), width).into_iter().map(|line| Line::styled(line, theme.error)));
    }
    lines
}

/// The dead bytes of a layer: by which layer, and, once that is judged, why.
fn dead_parts(app: &App, found: &Inspection, layer: usize, width: usize) -> Vec<Line<'static>> {
    let theme = &app.theme;
    let mut parts: Vec<(u64, String)> = Vec::new();
    if app.judged {
        let own = |finding: &&Finding| usize::from(finding.stored_in) == layer && finding.kind.is_dead();
        for finding in found.waste.findings.iter().filter(own) {
            let path = finding.paths.first().map(|path| shown(found.tree.paths.name(path.node))).unwrap_or_default();
            let name = finding.rule.clone().unwrap_or(path);
            parts.push((finding.bytes, format!("{name}, {}", fate_words(finding))));
        }
    }
    if parts.is_empty() {
        parts = app.layers.killers.iter().map(|(by, bytes)| (*bytes, format!("hidden by layer {by}"))).collect();
    }
    parts.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    let rest: u64 = parts.iter().skip(PARTS).map(|(bytes, _)| bytes).sum();
    let more = parts.len().saturating_sub(PARTS);
    parts.truncate(PARTS);
    if more > 0 {
        parts.push((rest, format!("{more} more")));
    }
    let line = |(size, text): (u64, String)| {
        Line::from(vec![
            Span::styled(format!("{:>9}  ", bytes(size)), theme.wasted),
            Span::raw(cut_end(&text, width.saturating_sub(11))),
        ])
    };
    parts.into_iter().map(line).collect()
}

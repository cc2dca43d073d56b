//! Two images: their layers side by side, what became of findings, other settings.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;
use unicode_width::UnicodeWidthStr as _;

use super::files::sign;
use super::frame::{noted_pane, pane, select};
use super::layer_rows;
use super::layers::NO_HISTORY;
use crate::bytes::{shown, shown_text};
use crate::compare::{Aligned, Fate, Pairing};
use crate::report::{aspects, bytes, exact, signed};
use crate::tree::Change;
use crate::tui::app::{App, Focus};
use crate::tui::findings::Entry;
use crate::tui::pair::Pair;
use crate::tui::text::{cut_end, cut_middle, wrap};
use crate::waste::Kind;

/// Columns that a row of layers needs before sizes are shown as well as changes.
const WIDE: u16 = 50;

/// The layers of both, those together that belong together.
pub(super) fn layers(app: &App, pair: &Pair, area: Rect, buffer: &mut Buffer) {
    let aligned = &pair.comparison.layers;
    let focused = app.focus == Focus::Layers;
    let counts = [pair.before.image.layers.len(), pair.after.image.layers.len()];
    let inside = pane(app, &format!("Layers ({} and {})", counts[0], counts[1]), focused, area, buffer);
    let rows = layer_rows(area);
    if rows.y > inside.y {
        let head = Rect { height: 1, ..inside };
        let text = if head.width < WIDE {
            "    A   B    CHANGE INSTRUCTION"
        } else {
            "    A   B     SIZE    CHANGE INSTRUCTION"
        };
        let text = cut_end(text, usize::from(head.width));
        Line::styled(text, app.theme.faint).render(head, buffer);
    }
    for ((place, layer), line) in aligned.iter().enumerate().skip(app.layers.top).zip(rows.rows()) {
        let (mark, style) = pairing(app, layer.pairing);
        let number = |layer: Option<usize>| layer.map_or_else(|| "-".to_owned(), |layer| layer.to_string());
        let [before, after] = sizes(pair, layer);
        let growth = match layer.pairing {
            Pairing::Same => String::new(),
            _ => signed(i128::from(after.unwrap_or(0)) - i128::from(before.unwrap_or(0)), bytes),
        };
        let size =
            if line.width < WIDE { String::new() } else { format!("{:>8} ", bytes(after.or(before).unwrap_or(0))) };
        let front = format!("{:>3} {:>3} {size}", number(layer.before), number(layer.after));
        let text = instruction(pair, layer);
        let text = shown_text(text.strip_prefix("RUN ").unwrap_or(&text));
        let room = usize::from(line.width).saturating_sub(front.len() + 2 + 10);
        let spans = vec![
            Span::styled(format!("{mark} "), style),
            Span::styled(front, app.theme.faint),
            Span::styled(format!("{growth:>9} "), style),
            Span::styled(
                cut_end(&text, room),
                if layer.pairing == Pairing::Same { app.theme.faint } else { Style::new() },
            ),
        ];
        Line::from(spans).render(line, buffer);
        if place == app.layers.at {
            select(app, focused, line, 2, buffer);
        }
    }
}

fn pairing(app: &App, pairing: Pairing) -> (&'static str, Style) {
    match pairing {
        Pairing::Same => ("=", app.theme.faint),
        Pairing::Rebuilt => sign(app, Change::Modified),
        Pairing::Gone => sign(app, Change::Removed),
        Pairing::New => sign(app, Change::Added),
    }
}

fn sizes(pair: &Pair, layer: &Aligned) -> [Option<u64>; 2] {
    [(&pair.before, layer.before), (&pair.after, layer.after)]
        .map(|(found, layer)| layer.and_then(|layer| found.tree.layers.get(layer)).map(|events| events.content_bytes))
}

fn instruction(pair: &Pair, layer: &Aligned) -> String {
    let text = match (layer.after, layer.before) {
        (Some(layer), _) => pair.after.image.instruction_line(layer),
        (None, Some(layer)) => pair.before.image.instruction_line(layer),
        (None, None) => None,
    };
    text.unwrap_or_else(|| NO_HISTORY.to_owned())
}

/// What the list has no room for: of the selected file where the files have the keys, else of the layer.
pub(super) fn detail_lines(app: &App, pair: &Pair, width: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<Line<'static>> = Vec::new();
    let selected = app.browse.selected().filter(|_| app.focus == Focus::Files);
    if let Some(row) = selected {
        let path = super::super::work::path_of(&pair.comparison.tree, row.node);
        lines.push(Line::styled(cut_middle(&path, width), app.theme.title));
        // They stand in the byte order of paths.
        let paths = &pair.comparison.tree.paths;
        let own = paths.path(row.node);
        let files = &pair.comparison.files;
        match files.binary_search_by(|file| paths.path(file.node).cmp(&own)).map(|place| &files[place]) {
            Ok(file) => {
                let size = match file.change {
                    Change::Added => bytes(file.after_bytes),
                    Change::Removed => bytes(file.before_bytes),
                    _ => format!("{} to {}", bytes(file.before_bytes), bytes(file.after_bytes)),
                };
                let (mark, style) = sign(app, file.change);
                lines.push(Line::from(vec![Span::styled(format!("{mark} "), style), Span::raw(size)]));
                let text = aspects(&pair.comparison.tree, file);
                lines.extend(wrap(&text, width).into_iter().map(Line::raw));
            }
            Err(_) => lines.push(Line::styled("the same in both", app.theme.faint)),
        }
        return lines;
    }
    let Some(layer) = pair.comparison.layers.get(app.layers.at) else { return lines };
    let (mark, style) = pairing(app, layer.pairing);
    let words = match layer.pairing {
        Pairing::Same => "the same bytes in both images",
        Pairing::Rebuilt => "the same instruction, other bytes",
        Pairing::Gone => "only in the first image",
        Pairing::New => "only in the second image",
    };
    lines.push(Line::styled(format!("{mark} {words}"), style));
    for (name, found, layer) in [("A", &pair.before, layer.before), ("B", &pair.after, layer.after)] {
        let Some(layer) = layer else { continue };
        let text = found.image.instruction_line(layer).unwrap_or_else(|| NO_HISTORY.to_owned());
        let size = found.tree.layers.get(layer).map(|events| bytes(events.content_bytes)).unwrap_or_default();
        lines.push(Line::styled(format!("{name}: layer {layer}, {size}"), app.theme.faint));
        lines.extend(wrap(&shown_text(&text), width).into_iter().map(Line::raw));
        let digest = found.image.layers.get(layer).and_then(|layer| layer.diff_id.as_ref());
        let digest = digest.map(ToString::to_string).unwrap_or_default();
        lines.extend(wrap(&digest, width).into_iter().map(|line| Line::styled(line, app.theme.faint)));
    }
    lines
}

/// What became of findings, the largest change first.
pub(super) fn findings(app: &App, pair: &Pair, area: Rect, buffer: &mut Buffer) {
    let totals = [&pair.before, &pair.after].map(|found| bytes(found.waste.total_bytes()));
    let title = format!("Waste: {} to {}", totals[0], totals[1]);
    let inside =
        noted_pane(app, &title, "what is new, grown, shrunk or gone", app.focus != Focus::Details, area, buffer);
    if pair.comparison.findings.is_empty() {
        let why = "the same in both images: nothing more is wasted, and nothing less";
        for (row, text) in inside.rows().zip(wrap(why, usize::from(inside.width))) {
            Line::styled(text, app.theme.faint).render(row, buffer);
        }
    }
    let entries = app.findings.entries.iter().enumerate().skip(app.findings.cursor.top);
    let changes = entries.filter_map(|(place, entry)| match entry {
        Entry::Finding(number) => Some((place, pair.comparison.findings.get(*number)?)),
        _ => None,
    });
    for ((place, change), line) in changes.zip(inside.rows()) {
        let (mark, style) = match change.fate {
            Fate::New => sign(app, Change::Added),
            Fate::Grown | Fate::Shrunk => sign(app, Change::Modified),
            Fate::Gone => sign(app, Change::Removed),
        };
        let about = pair.finding(change);
        let secret = about.is_some_and(|(_, finding)| finding.kind == Kind::Secret);
        let growth = if secret { "secret".to_owned() } else { signed(change.growth(), bytes) };
        let front = format!("{growth:>10}  {:<7} ", change.fate.name());
        let name = about.map(|(_, finding)| finding.rule.as_deref().unwrap_or(finding.kind.name()).to_owned());
        let path = about.and_then(|(found, finding)| Some(shown(&found.tree.paths.path(finding.paths.first()?.node))));
        let name = format!("{}  ", name.unwrap_or_default());
        let room = usize::from(line.width).saturating_sub(2 + front.width() + name.width());
        let spans = vec![
            Span::styled(format!("{mark} "), style),
            Span::styled(front, style),
            Span::styled(name, app.theme.title),
            Span::raw(cut_middle(&path.unwrap_or_default(), room)),
        ];
        Line::from(spans).render(line, buffer);
        if place == app.findings.cursor.at {
            select(app, app.focus != Focus::Details, line, 2, buffer);
        }
    }
}

/// The selected finding, as the image has it that has it.
pub(super) fn about_finding(app: &App, pair: &Pair, width: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<Line<'static>> = Vec::new();
    let Some(change) = app.finding_of_pair() else { return lines };
    let Some((found, finding)) = pair.finding(change) else { return lines };
    let mut say = |text: &str, style: Style| {
        lines.extend(wrap(text, width).into_iter().map(|line| Line::styled(line, style)));
    };
    say(&finding.message, app.theme.title);
    if finding.kind != Kind::Secret {
        say(&format!("{} before, {} after", bytes(change.before_bytes), bytes(change.after_bytes)), Style::new());
    }
    let which = if change.after.is_some() { Pair::name(&pair.after) } else { Pair::name(&pair.before) };
    let own = found.image.instruction_line(finding.stored_in.into()).unwrap_or_default();
    say(&format!("{}, layer {}: {}", shown_text(which), finding.stored_in, shown_text(&own)), Style::new());
    if change.fate != Fate::Gone {
        for line in format!("fix: {}", finding.fix).lines() {
            say(line, app.theme.key);
        }
    }
    lines
}

/// Settings that differ.
pub(super) fn settings(app: &App, pair: &Pair, width: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (name, found) in [("A", &pair.before), ("B", &pair.after)] {
        let image = &found.image;
        let text = format!("{name}  {}  {}", shown_text(Pair::name(found)), image.platform);
        lines.push(Line::styled(cut_end(&text, width), app.theme.title));
        let layers = image.layers.len();
        let size = bytes(found.waste.content_bytes);
        let files = exact(found.tree.final_counts().files);
        lines.push(Line::raw(format!("   {size} in {layers} layers, {files} files")));
        lines.push(Line::styled(cut_end(&format!("   {}", image.id), width), app.theme.faint));
    }
    lines.push(Line::raw(""));
    lines.push(Line::styled("What containers are started with", app.theme.title));
    if pair.comparison.settings.is_empty() {
        lines.push(Line::styled("is the same in both", app.theme.faint));
    }
    for change in &pair.comparison.settings {
        lines.push(Line::raw(shown_text(&change.key)));
        for (text, kind) in [(&change.before, Change::Removed), (&change.after, Change::Added)] {
            let (mark, style) = sign(app, kind);
            let Some(text) = text else { continue };
            for (place, part) in wrap(&shown_text(text), width.saturating_sub(4)).into_iter().enumerate() {
                let mark = if place == 0 { mark } else { " " };
                lines.push(Line::styled(format!("  {mark} {part}"), style));
            }
        }
    }
    lines
}

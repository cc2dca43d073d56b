//! Two images: their layers side by side with the files that differ, what became of findings, and other settings.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;
use unicode_width::UnicodeWidthStr as _;

use super::files::sign;
use super::layers::NO_HISTORY;
use super::{View, details, files, image, layers, waste};
use crate::bytes::{shown, shown_text};
use crate::compare::{Aligned, Fate, FindingChange, Pairing};
use crate::image::Image;
use crate::report::{aspects, exact, signed};
use crate::tree::{Change, NodeId};
use crate::tui::app::App;
use crate::tui::chrome::{bar, frame, select, text};
use crate::tui::cursor::Cursor;
use crate::tui::findings::{Entry, name};
use crate::tui::jobs::path_of;
use crate::tui::keymap::{Action, Place};
use crate::tui::keys::Key;
use crate::tui::layout::{Focus, Page, below_header, waste_panes};
use crate::tui::line::Line as Typed;
use crate::tui::pair::{Half, HalfProgress, Pair as Compared};
use crate::tui::text::{bytes, cut_end, cut_middle, wrap};
use crate::waste::Kind;

/// Columns that a row of layers needs before sizes are shown as well as changes.
const WIDE: u16 = 50;

/// How far one of two images is read.
#[derive(Debug)]
pub(in crate::tui) struct HalfState {
    pub(in crate::tui) name: String,
    image: Option<Box<Image>>,
    progress: String,
    part: Option<u16>,
}

impl HalfState {
    pub(in crate::tui) fn new(name: String) -> Self {
        Self { name, image: None, progress: "opening".to_owned(), part: None }
    }
}

/// Takes what is known of one of the images by now.
pub(in crate::tui) fn take_half(app: &mut App, half: Half) {
    let Some(halves) = &mut app.layers.halves else { return };
    let Some(own) = halves.get_mut(half.place) else { return };
    match half.progress {
        HalfProgress::Image(image) => {
            if let Some(tag) = image.tags.first() {
                own.name.clone_from(tag);
            }
            own.image = Some(image);
        }
        HalfProgress::Reading(text, part) => (own.progress, own.part) = (text, part),
        HalfProgress::Read(found) => {
            let stored = bytes(found.waste.content_bytes);
            (own.progress, own.part) = (format!("{stored} read"), Some(1000));
        }
    }
    let all_read = halves.iter().all(|half| half.part == Some(1000));
    app.progress = if all_read { "comparing".to_owned() } else { "reading".to_owned() };
}

/// Shows two images that were compared.
pub(in crate::tui) fn take_pair(app: &mut App, pair: Compared) {
    app.found = Some(Arc::clone(&pair.after));
    app.judged = true;
    let mut changes: Vec<usize> = (0..pair.comparison.findings.len()).collect();
    // Secrets have no bytes, and matter most.
    changes.sort_by_key(|place| {
        let finding = pair.finding(&pair.comparison.findings[*place]);
        finding.is_none_or(|(_, finding)| finding.kind != Kind::Secret)
    });
    app.waste.list.entries = changes.into_iter().map(Entry::Finding).collect();
    app.waste.list.cursor = Cursor::default();
    app.map.all = false;
    app.pair = Some(Arc::new(pair));
    if app.screen == super::Screen::Layers {
        app.screen = super::Screen::Pair;
    }
    app.show_layer();
}

/// The layers of both images, and the files that differ.
pub(super) struct Pair;

impl View for Pair {
    fn title(&self) -> &'static str {
        "1 Layers"
    }

    fn place(&self, app: &App) -> Place {
        layers::Layers.place(app)
    }

    fn act(&self, app: &mut App, action: Action) -> bool {
        match action {
            Action::Blame => {
                app.notify("two images have no common history; `explore IMAGE` shows the history of one");
                true
            }
            _ => layers::act(app, action),
        }
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        let Some(pair) = &app.pair else { return reading(app, area, buffer) };
        let panes = layers::panes(app);
        list(app, pair, panes.list, buffer);
        details::draw(app, panes.details, buffer);
        files::draw(app, panes.files, app.layers.focus == Focus::Files, buffer);
    }

    fn click(&self, app: &mut App, _area: Rect, at: Position) {
        layers::click(app, at);
    }

    fn scroll(&self, app: &mut App, _area: Rect, at: Position, by: isize) {
        layers::scroll(app, at, by);
    }

    fn fit(&self, app: &mut App) {
        layers::fit(app);
    }

    fn page(&self, app: &App) -> usize {
        layers::page(app)
    }

    fn drag(&self, app: &mut App, at: Option<Position>) {
        layers::drag(app, at);
    }

    fn selected(&self, app: &App) -> Option<NodeId> {
        layers::Layers.selected(app)
    }

    fn copies(&self, app: &App) -> Vec<(&'static str, String)> {
        let Some(pair) = &app.pair else { return Vec::new() };
        if let Some(node) = self.selected(app) {
            return vec![("path", path_of(&pair.comparison.tree, node))];
        }
        let Some(aligned) = pair.comparison.layers.get(app.layers.cursor.at) else { return Vec::new() };
        let instruction = |what, found: &crate::inspect::Inspection, layer: Option<usize>| {
            layer.and_then(|layer| found.image.instruction_line(layer)).map(|text| (what, text))
        };
        [
            instruction("instruction before", &pair.before, aligned.before),
            instruction("instruction after", &pair.after, aligned.after),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn offers(&self, app: &App, action: Action) -> bool {
        !matches!(action, Action::Mark | Action::Blame) && layers::Layers.offers(app, action)
    }

    fn typing<'a>(&self, app: &'a App, area: Rect) -> Option<(&'a Typed, Position)> {
        layers::Layers.typing(app, area)
    }

    fn type_key(&self, app: &mut App, key: Key) {
        files::type_key(app, key);
    }

    fn paste(&self, app: &mut App, text: &str) {
        layers::Layers.paste(app, text);
    }
}

/// How far the two images are read.
fn reading(app: &App, area: Rect, buffer: &mut Buffer) {
    let inside = frame(app, "Comparing two images", "", true, area, buffer);
    let Some(halves) = &app.layers.halves else { return };
    let width = usize::from(inside.width);
    let mut lines = Vec::new();
    for (mark, half) in ["A", "B"].into_iter().zip(halves) {
        lines.push(Line::from(vec![
            Span::styled(format!("{mark}  "), app.theme.key),
            Span::styled(cut_middle(&shown_text(&half.name), width.saturating_sub(3)), app.theme.title),
        ]));
        if let Some(image) = &half.image {
            let text = format!("   {} layers  {}", image.layers.len(), image.platform);
            lines.push(Line::raw(cut_end(&shown_text(&text), width)));
        }
        let mut spans = vec![Span::styled(format!("   {}", half.progress), app.theme.faint)];
        if let Some(part) = half.part {
            lines.push(Line::from(std::mem::take(&mut spans)));
            let length = width.saturating_sub(10).min(60);
            spans.push(Span::styled(format!("   {}", bar(part.into(), 1000, length)), app.theme.bar));
            spans.push(Span::styled(format!(" {:>3} %", part / 10), app.theme.faint));
        }
        lines.push(Line::from(spans));
        lines.push(Line::raw(""));
    }
    if app.progress == "comparing" {
        lines.push(Line::styled("comparing", app.theme.faint));
    }
    text(lines, 0, inside, buffer);
}

/// The layers of both, those together that belong together.
fn list(app: &App, pair: &Compared, area: Rect, buffer: &mut Buffer) {
    if area.width == 0 || area.height == 0 {
        return;
    }
    let aligned = &pair.comparison.layers;
    let focused = app.layers.focus == Focus::List;
    let counts = [pair.before.image.layers.len(), pair.after.image.layers.len()];
    let inside = frame(app, &format!("Layers ({} and {})", counts[0], counts[1]), "", focused, area, buffer);
    let rows = below_header(inside);
    if rows.y > inside.y {
        let header = Rect { height: 1, ..inside };
        let text = if header.width < WIDE {
            "    A   B    CHANGE INSTRUCTION"
        } else {
            "    A   B     SIZE    CHANGE INSTRUCTION"
        };
        let text = cut_end(text, usize::from(header.width));
        Line::styled(text, app.theme.faint).render(header, buffer);
    }
    for ((place, layer), line) in aligned.iter().enumerate().skip(app.layers.cursor.top).zip(rows.rows()) {
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
        let style_of_text = if layer.pairing == Pairing::Same { app.theme.faint } else { Style::new() };
        let spans = vec![
            Span::styled(format!("{mark} "), style),
            Span::styled(front, app.theme.faint),
            Span::styled(format!("{growth:>9} "), style),
            Span::styled(cut_end(&text, room), style_of_text),
        ];
        Line::from(spans).render(line, buffer);
        if place == app.layers.cursor.at {
            select(app, focused, line, Some(0..2), buffer);
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

fn sizes(pair: &Compared, layer: &Aligned) -> [Option<u64>; 2] {
    [(&pair.before, layer.before), (&pair.after, layer.after)]
        .map(|(found, layer)| layer.and_then(|layer| found.tree.layers.get(layer)).map(|events| events.content_bytes))
}

fn instruction(pair: &Compared, layer: &Aligned) -> String {
    let text = match (layer.after, layer.before) {
        (Some(layer), _) => pair.after.image.instruction_line(layer),
        (None, Some(layer)) => pair.before.image.instruction_line(layer),
        (None, None) => None,
    };
    text.unwrap_or_else(|| NO_HISTORY.to_owned())
}

/// What the list has no room for: of the selected file where the files have the keys, else of the layer.
pub(super) fn detail_lines(app: &App, pair: &Compared, width: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<Line<'static>> = Vec::new();
    let selected = app.browse.selected().filter(|_| app.layers.focus == Focus::Files);
    if let Some(row) = selected {
        let path = path_of(&pair.comparison.tree, row.node);
        lines.extend(wrap(&path, width).into_iter().map(|line| Line::styled(line, app.theme.title)));
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
    let Some(layer) = pair.comparison.layers.get(app.layers.cursor.at) else { return lines };
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

/// What became of findings.
pub(super) struct PairWaste;

impl View for PairWaste {
    fn title(&self) -> &'static str {
        "2 Waste"
    }

    fn place(&self, app: &App) -> Place {
        waste::Waste.place(app)
    }

    fn act(&self, app: &mut App, action: Action) -> bool {
        !matches!(action, Action::Sort | Action::Fold) && waste::act(app, action)
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        let Some(pair) = &app.pair else { return reading(app, area, buffer) };
        let [list, about] = waste_panes(Page::of(app.size).body, app.waste.focus);
        findings(app, pair, list, buffer);
        if about.height > 0 {
            let focused = app.waste.focus == Focus::Details;
            let inside = frame(app, "The change", "", focused, about, buffer);
            text(about_finding(app, pair, usize::from(inside.width)), 0, inside, buffer);
        }
    }

    fn click(&self, app: &mut App, _area: Rect, at: Position) {
        waste::click(app, at);
    }

    fn scroll(&self, app: &mut App, _area: Rect, at: Position, by: isize) {
        waste::scroll(app, at, by);
    }

    fn fit(&self, app: &mut App) {
        waste::fit(app);
    }

    fn page(&self, app: &App) -> usize {
        waste::Waste.page(app)
    }

    fn copies(&self, app: &App) -> Vec<(&'static str, String)> {
        let about = app.pair.as_ref().zip(selected_change(app)).and_then(|(pair, change)| pair.finding(change));
        about.map_or_else(Vec::new, |(_, finding)| {
            vec![("fix", finding.fix.clone()), ("finding in words", finding.message.clone())]
        })
    }

    fn offers(&self, _app: &App, action: Action) -> bool {
        !matches!(action, Action::Sort | Action::Fold)
    }
}

/// The selected change of a finding.
fn selected_change(app: &App) -> Option<&FindingChange> {
    let Some(Entry::Finding(place)) = app.waste.list.selected() else { return None };
    app.pair.as_ref()?.comparison.findings.get(*place)
}

/// Goes to the path with the most bytes of the selected finding.
pub(super) fn open_finding(app: &mut App) {
    let path = app.pair.as_ref().zip(selected_change(app)).and_then(|(pair, change)| {
        let (found, finding) = pair.finding(change)?;
        let path = found.tree.paths.path(finding.paths.first()?.node);
        pair.comparison.tree.paths.find(&path)
    });
    match path {
        Some(node) => app.go_to(node, None),
        None => app.notify("its path is in the final file system of neither image"),
    }
}

/// What became of findings, the largest change first.
fn findings(app: &App, pair: &Compared, area: Rect, buffer: &mut Buffer) {
    let totals = [&pair.before, &pair.after].map(|found| bytes(found.waste.total_bytes()));
    let title = format!("Waste: {} to {}", totals[0], totals[1]);
    let inside =
        frame(app, &title, "what is new, grown, shrunk or gone", app.waste.focus != Focus::Details, area, buffer);
    if pair.comparison.findings.is_empty() {
        let why = "the same in both images: nothing more is wasted, and nothing less";
        for (row, text) in inside.rows().zip(wrap(why, usize::from(inside.width))) {
            Line::styled(text, app.theme.faint).render(row, buffer);
        }
    }
    let entries = app.waste.list.entries.iter().enumerate().skip(app.waste.list.cursor.top);
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
        let name = about.map(|(_, finding)| name(finding).to_owned());
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
        if place == app.waste.list.cursor.at {
            select(app, app.waste.focus != Focus::Details, line, Some(0..2), buffer);
        }
    }
}

/// The selected finding, as the image has it that has it.
fn about_finding(app: &App, pair: &Compared, width: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<Line<'static>> = Vec::new();
    let Some(change) = selected_change(app) else { return lines };
    let Some((found, finding)) = pair.finding(change) else { return lines };
    let mut say = |text: &str, style: Style| {
        lines.extend(wrap(text, width).into_iter().map(|line| Line::styled(line, style)));
    };
    say(&finding.message, app.theme.title);
    if finding.kind != Kind::Secret {
        say(&format!("{} before, {} after", bytes(change.before_bytes), bytes(change.after_bytes)), Style::new());
    }
    let which = if change.after.is_some() { Compared::name(&pair.after) } else { Compared::name(&pair.before) };
    let own = found.image.instruction_line(finding.stored_in.into()).unwrap_or_default();
    say(&format!("{}, layer {}: {}", shown_text(which), finding.stored_in, shown_text(&own)), Style::new());
    if change.fate != Fate::Gone {
        format!("fix: {}", finding.fix).lines().for_each(|line| say(line, app.theme.key));
    }
    lines
}

/// Settings that differ.
fn settings(app: &App, width: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<Line<'static>> = Vec::new();
    let Some(pair) = &app.pair else { return lines };
    for (name, found) in [("A", &pair.before), ("B", &pair.after)] {
        let image = &found.image;
        let text = format!("{name}  {}  {}", shown_text(Compared::name(found)), image.platform);
        lines.push(Line::styled(cut_end(&text, width), app.theme.title));
        let layers = image.layers.len();
        let size = bytes(found.waste.content_bytes);
        let files = exact(found.tree.final_counts().files);
        lines.push(Line::raw(format!("   {size} in {layers} layers, {files} files")));
        lines.push(Line::styled(cut_end(&format!("   {}", image.id), width), app.theme.faint));
    }
    lines.push(Line::raw(""));
    lines.push(Line::styled("How containers are started", app.theme.title));
    if pair.comparison.settings.is_empty() {
        lines.push(Line::styled("the same in both", app.theme.faint));
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

/// The settings of both images that differ.
pub(super) struct PairImages;

impl View for PairImages {
    fn title(&self) -> &'static str {
        "4 Images"
    }

    fn place(&self, _app: &App) -> Place {
        Place::Image
    }

    fn act(&self, app: &mut App, action: Action) -> bool {
        image::act(app, action, &settings)
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        if app.pair.is_none() {
            return reading(app, area, buffer);
        }
        image::draw(app, "Images", &settings, area, buffer);
    }

    fn click(&self, _app: &mut App, _area: Rect, _at: Position) {}

    fn scroll(&self, app: &mut App, _area: Rect, _at: Position, by: isize) {
        image::scroll(app, by, &settings);
    }

    fn fit(&self, app: &mut App) {
        image::scroll(app, 0, &settings);
    }

    fn copies(&self, app: &App) -> Vec<(&'static str, String)> {
        let Some(pair) = &app.pair else { return Vec::new() };
        vec![("image ID before", pair.before.image.id.to_string()), ("image ID after", pair.after.image.id.to_string())]
    }

    fn offers(&self, _app: &App, action: Action) -> bool {
        !matches!(action, Action::Open | Action::NextPane)
    }
}

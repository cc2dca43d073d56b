//! What is wasted, one row for each thing to change, and the change itself.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;
use unicode_width::UnicodeWidthStr as _;

use super::files::waiting;
use super::layers::copies_of_layer;
use super::{View, change, row_at};
use crate::bytes::{shown, shown_text};
use crate::inspect::Inspection;
use crate::report::{count, exact};
use crate::tui::app::App;
use crate::tui::chrome::{frame, select};
use crate::tui::cursor::Cursor;
use crate::tui::findings::{BASE, Entry, FindingList, Group, Grouping};
use crate::tui::jobs::path_of;
use crate::tui::keymap::{Action, Place};
use crate::tui::layout::{Focus, Page, below_header, inner, skip_rows, waste_panes};
use crate::tui::overlays;
use crate::tui::text::{bytes, cut_end, cut_middle, wrap};
use crate::waste::{Finding, Kind};

/// The state of the Waste screen.
#[derive(Debug)]
pub(in crate::tui) struct WasteState {
    pub(in crate::tui) list: FindingList,
    pub(in crate::tui) focus: Focus,
    /// How far the details are scrolled.
    pub(super) details: Cursor,
}

impl Default for WasteState {
    fn default() -> Self {
        Self { list: FindingList::default(), focus: Focus::List, details: Cursor::default() }
    }
}

/// Rows of the list that explain the number: words and a bar.
const EXPLAINED: u16 = 3;
/// In a lower list the findings need every row.
const LOW: u16 = 9;

/// Why the bytes of a finding are waste, in plain words.
pub(super) fn fate_words(finding: &Finding) -> String {
    let by = finding.caused_by;
    match finding.kind {
        Kind::Deleted => format!("deleted in layer {by}"),
        Kind::Overwritten => format!("replaced in layer {by}"),
        Kind::Rewritten => format!("stored again unchanged in layer {by}"),
        Kind::Metadata => format!("stored again in layer {by} for a new mode or owner"),
        Kind::Moved => format!("moved in layer {by}"),
        Kind::Shadowed => "made and deleted in one layer".to_owned(),
        Kind::Masked => "hidden by a mount".to_owned(),
        Kind::Cruft => "left over".to_owned(),
        Kind::Duplicate => "stored twice".to_owned(),
        Kind::Advice => "worth a look".to_owned(),
        Kind::Secret => "secret".to_owned(),
    }
}

/// The same without the layer.
fn kind_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Deleted => "deleted later",
        Kind::Overwritten => "replaced later",
        Kind::Rewritten => "stored again unchanged",
        Kind::Metadata => "new mode or owner",
        Kind::Moved => "moved later",
        Kind::Shadowed => "made and deleted at once",
        Kind::Masked => "hidden by a mount",
        Kind::Cruft => "left over",
        Kind::Duplicate => "stored twice",
        Kind::Advice => "worth a look",
        Kind::Secret => "secret",
    }
}

fn panes(app: &App) -> [Rect; 2] {
    waste_panes(Page::of(app.size).body, app.waste.focus)
}

/// The rows of the list.
fn rows(app: &App, area: Rect) -> Rect {
    let inside = inner(area);
    if app.pair.is_some() || inside.height < LOW || !app.judged {
        return inside;
    }
    below_header(skip_rows(inside, EXPLAINED))
}

/// The Waste screen.
pub(super) struct Waste;

impl View for Waste {
    fn title(&self) -> &'static str {
        "2 Waste"
    }

    fn place(&self, app: &App) -> Place {
        if app.waste.focus == Focus::Details { Place::Cause } else { Place::Waste }
    }

    fn act(&self, app: &mut App, action: Action) -> bool {
        act(app, action)
    }

    fn draw(&self, app: &App, _area: Rect, buffer: &mut Buffer) {
        let [list, change] = panes(app);
        draw_list(app, list, buffer);
        change::draw(app, change, buffer);
    }

    fn click(&self, app: &mut App, _area: Rect, at: Position) {
        click(app, at);
    }

    fn scroll(&self, app: &mut App, _area: Rect, at: Position, by: isize) {
        scroll(app, at, by);
    }

    fn fit(&self, app: &mut App) {
        fit(app);
    }

    fn page(&self, app: &App) -> usize {
        rows(app, panes(app)[0]).height.into()
    }

    fn copies(&self, app: &App) -> Vec<(&'static str, String)> {
        let mut items = Vec::new();
        let found = app.found.as_ref();
        let Some((found, finding)) = found.and_then(|found| Some((found, app.waste.list.finding(found)?))) else {
            return items;
        };
        items.push(("fix", finding.fix.clone()));
        items.extend(change::edit_of(found, finding).map(|(plan, edit)| ("diff", plan.diff(&[edit]))));
        items.extend(finding.fix_mount.clone().map(|fix| ("fix with a mount", fix)));
        let path = finding.paths.first().map(|path| path.node);
        items.extend(path.map(|node| ("path", path_of(&found.tree, node))));
        items.push(("finding in words", finding.message.clone()));
        items.extend(copies_of_layer(app, finding.stored_in.into()));
        items
    }

    fn offers(&self, app: &App, action: Action) -> bool {
        match action {
            Action::Open => app.waste.focus == Focus::List && app.waste.list.selected().is_some(),
            Action::Fold => matches!(app.waste.list.selected(), Some(Entry::Group(_))),
            Action::Copy => !self.copies(app).is_empty(),
            Action::Fix => app.found.as_ref().is_some_and(|found| {
                let finding = app.waste.list.finding(found);
                app.judged
                    && app.pair.is_none()
                    && finding.is_some_and(|finding| change::edit_of(found, finding).is_some())
            }),
            _ => true,
        }
    }
}

/// What a key means in the list or in the change.
pub(super) fn act(app: &mut App, action: Action) -> bool {
    let page = app.page();
    match action {
        Action::Fix => {
            overlays::fix_selected(app);
            return true;
        }
        Action::NextPane => {
            app.waste.focus = if app.waste.focus == Focus::Details { Focus::List } else { Focus::Details };
            return true;
        }
        Action::Back | Action::Left if app.waste.focus == Focus::Details => {
            app.waste.focus = Focus::List;
            return true;
        }
        _ => {}
    }
    if app.waste.focus == Focus::Details {
        let height = isize::from(inner(panes(app)[1]).height.max(1) as i16);
        match action {
            Action::Up => scroll_change(app, -1),
            Action::Down => scroll_change(app, 1),
            Action::PageUp => scroll_change(app, -height),
            Action::PageDown => scroll_change(app, height),
            Action::First => scroll_change(app, isize::MIN + 1),
            Action::Last => scroll_change(app, isize::MAX),
            Action::Open | Action::Right => {}
            _ => return false,
        }
        return true;
    }
    match action {
        Action::Up => step(app, -1),
        Action::Down => step(app, 1),
        Action::PageUp => step(app, -page),
        Action::PageDown => step(app, page),
        Action::First => step(app, isize::MIN + 1),
        Action::Last => step(app, isize::MAX),
        Action::Open | Action::Right => open(app),
        Action::Left => fold_or_leave(app),
        Action::Sort if app.pair.is_none() => {
            app.waste.list.grouping = app.waste.list.grouping.next();
            if let Some(found) = app.found.clone().filter(|_| app.judged) {
                app.waste.list.update(&found);
            }
            let words = app.waste.list.grouping.words();
            app.notify(&format!("grouped {words}"));
        }
        Action::Fold => fold(app),
        _ => return false,
    }
    true
}

fn step(app: &mut App, by: isize) {
    let len = app.waste.list.entries.len();
    app.waste.list.cursor.step(by, len);
    app.waste.details = Cursor::default();
}

fn fold(app: &mut App) {
    if let Some(found) = app.found.clone().filter(|_| app.judged && app.pair.is_none()) {
        app.waste.list.fold(&found);
    }
}

fn fold_or_leave(app: &mut App) {
    match app.waste.list.selected() {
        Some(Entry::Group(group)) if !group.folded => fold(app),
        _ => app.act(Action::Back),
    }
}

/// Goes to the files of the layer that stores the bytes, and to the path with the most of them.
fn open(app: &mut App) {
    if let Some(Entry::Group(group)) = app.waste.list.selected()
        && !(group.one_change && group.folded)
    {
        return fold(app);
    }
    if app.pair.is_some() {
        return super::pair::open_finding(app);
    }
    let finding = app.found.as_ref().and_then(|found| app.waste.list.finding(found));
    match finding.and_then(|finding| Some((finding.stored_in, finding.paths.first()?.node))) {
        Some((layer, node)) => app.go_to(node, Some(layer.into())),
        None => app.notify("this is not about a path"),
    }
}

pub(super) fn click(app: &mut App, at: Position) {
    let [list, _] = panes(app);
    app.waste.focus = if list.contains(at) { Focus::List } else { Focus::Details };
    let rows = rows(app, list);
    if let Some(place) = row_at(rows, at, app.waste.list.cursor.top, app.waste.list.entries.len()) {
        app.waste.details = Cursor::default();
        let again = app.waste.list.cursor.at == place;
        app.waste.list.cursor.at = place;
        if again {
            open(app);
        }
    }
}

pub(super) fn scroll(app: &mut App, at: Position, by: isize) {
    let [list, _] = panes(app);
    if list.contains(at) {
        let height = rows(app, list).height.into();
        let len = app.waste.list.entries.len();
        app.waste.list.cursor.scroll(by, height, len);
    } else {
        scroll_change(app, by);
    }
}

fn scroll_change(app: &mut App, by: isize) {
    if app.pair.is_some() {
        return;
    }
    let inside = inner(panes(app)[1]);
    let len = change::lines(app, inside.width.into()).len();
    app.waste.details.scroll(by, inside.height.into(), len);
}

pub(super) fn fit(app: &mut App) {
    let height = rows(app, panes(app)[0]).height.into();
    let len = app.waste.list.entries.len();
    app.waste.list.cursor.follow(height, len);
    if app.waste.details.top > 0 {
        scroll_change(app, 0);
    }
}

/// The list.
fn draw_list(app: &App, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 || area.width == 0 {
        return;
    }
    let Some(found) = app.found.as_ref().filter(|_| app.judged) else {
        let inside = frame(app, "Waste", "", true, area, buffer);
        return waiting(app, inside, buffer);
    };
    let list = &app.waste.list;
    let focused = app.waste.focus != Focus::Details;
    let things = list.entries.iter().filter(|entry| match entry {
        Entry::Group(group) => group.one_change,
        Entry::Finding(place) => {
            let finding = &found.waste.findings[*place];
            finding.kind.counts() && !finding.in_base
        }
        Entry::Notice(_) => false,
    });
    let title = match list.grouping {
        Grouping::Change => match things.count() {
            0 => "Waste: nothing to change".to_owned(),
            1 => "Waste: 1 thing to change".to_owned(),
            count => format!("Waste: {count} things to change"),
        },
        _ => format!("Waste: {} findings", exact(found.waste.findings.len() as u64)),
    };
    let inside = frame(app, &title, list.grouping.words(), focused, area, buffer);
    let rows = rows(app, area);
    if rows.y > inside.y {
        explain(app, found, inside, buffer);
    }
    if rows.y > inside.y + EXPLAINED {
        let header = Rect { y: rows.y - 1, height: 1, ..inside };
        let text = match list.grouping {
            Grouping::Change => "    BYTES  FIX",
            Grouping::Rule => "    BYTES  RULE",
            Grouping::Layer => "    BYTES  LAYER",
        };
        Line::styled(text, app.theme.faint).render(header, buffer);
    }
    if list.entries.is_empty() {
        let why = if found.damage().next().is_some() || found.missing().is_some() {
            "no waste was found, but the image could not be read whole"
        } else {
            "nothing is wasted: no layer hides what another stores, and no rule names what is left"
        };
        for (row, text) in rows.rows().zip(wrap(why, usize::from(rows.width))) {
            Line::styled(text, app.theme.faint).render(row, buffer);
        }
    }
    let entries = list.entries.iter().enumerate().skip(list.cursor.top);
    for ((place, entry), line) in entries.zip(rows.rows()) {
        let width = usize::from(line.width);
        let spans = match entry {
            Entry::Group(group) => group_row(app, found, group, width),
            Entry::Finding(place) => finding_row(app, found, &found.waste.findings[*place], width),
            Entry::Notice(place) => {
                let notice = &found.waste.notices[*place];
                let size = notice.bytes.map(bytes).unwrap_or_default();
                let text = crate::report::notice_words(found, notice);
                vec![
                    Span::styled(format!("{size:>9}  "), app.theme.faint),
                    Span::raw(cut_end(&text, width.saturating_sub(11))),
                ]
            }
        };
        Line::from(spans).render(line, buffer);
        if place == list.cursor.at {
            select(app, focused, line, None, buffer);
        }
    }
}

/// What the number of wasted bytes is made of, in words and as a bar.
fn explain(app: &App, found: &Inspection, area: Rect, buffer: &mut Buffer) {
    let waste = &found.waste;
    let (dead, left_over, total) = (waste.sums.dead(), waste.sums.cruft(), waste.total_bytes());
    let width = usize::from(area.width);
    let long = format!(
        "wasted {} = {} dead (deleted or replaced later) + {} left over",
        bytes(total),
        bytes(dead),
        bytes(left_over)
    );
    let short = format!("{} = {} dead + {} left over", bytes(total), bytes(dead), bytes(left_over));
    let text = if long.width() <= width { long } else { cut_end(&short, width) };
    let mut rows = area.rows();
    if let Some(row) = rows.next() {
        Line::styled(text, app.theme.title).render(row, buffer);
    }
    let Some(row) = rows.next() else { return };
    let words = format!(" own {}, base {} (not yours)", bytes(waste.own_bytes), bytes(waste.base_bytes()));
    let words = if waste.base_bytes() == 0 { format!(" own {}", bytes(waste.own_bytes)) } else { words };
    let room = width.saturating_sub(words.width()).min(60);
    let part = |part: u64| (part as f64 / total.max(1) as f64 * room as f64).round() as usize;
    let base = waste.base_bytes();
    let own_dead = dead.min(waste.own_bytes);
    let mut columns = [part(own_dead), part(waste.own_bytes.saturating_sub(own_dead)), part(base)];
    columns[1] = columns[1].min(room.saturating_sub(columns[0]));
    columns[2] = columns[2].min(room.saturating_sub(columns[0] + columns[1]));
    Line::from(vec![
        Span::styled("█".repeat(columns[0]), app.theme.wasted),
        Span::styled("▒".repeat(columns[1]), app.theme.wasted),
        Span::styled("░".repeat(columns[2]), app.theme.faint),
        Span::styled(cut_end(&words, width), app.theme.faint),
    ])
    .render(row, buffer);
}

/// `203.3 MB  apt-pkgcache  apt's binary cache   layers 2 3 4`
fn group_row(app: &App, found: &Inspection, group: &Group, width: usize) -> Vec<Span<'static>> {
    let mark = if group.folded { "▸" } else { "▾" };
    let size = if group.bytes > 0 { bytes(group.bytes) } else { String::new() };
    let counts = group.findings.first().is_none_or(|place| found.waste.findings[*place].kind.counts());
    let style = if counts && group.title != BASE { app.theme.wasted } else { app.theme.faint };
    let size = Span::styled(format!("{size:>9}  "), style);
    if group.one_change {
        let first = group.findings.first().map(|place| &found.waste.findings[*place]);
        let what =
            first.and_then(|finding| found.waste.rules.get(finding.rule.as_deref()?)).map(|rule| rule.what.clone());
        let layers = layers_of(found, &group.findings);
        let title = format!("{mark} {}", shown_text(&group.title));
        return thing(app, size, &title, &shown_text(&what.unwrap_or_default()), &layers, width);
    }
    let findings = if group.folded && !group.findings.is_empty() {
        format!("  {}", count(group.findings.len() as u64, "finding"))
    } else {
        String::new()
    };
    let title = cut_end(&format!("{mark} {}", shown_text(&group.title)), width.saturating_sub(11 + findings.width()));
    vec![size, Span::styled(title, app.theme.title), Span::styled(findings, app.theme.faint)]
}

fn thing(app: &App, size: Span<'static>, title: &str, what: &str, layers: &str, width: usize) -> Vec<Span<'static>> {
    let room = width.saturating_sub(size.width());
    let layers = if room > layers.width() + 24 { layers } else { "" };
    // Two blanks stand behind the title, and two before the layers.
    let room = room.saturating_sub(layers.width() + 4);
    let title = cut_middle(title, room.min(title.width()));
    let what = cut_end(what, room.saturating_sub(title.width()));
    let gap = room.saturating_sub(title.width() + what.width());
    vec![
        size,
        Span::styled(title, app.theme.title),
        Span::raw(format!("  {what}{}", " ".repeat(gap))),
        Span::styled(format!("  {layers}"), app.theme.faint),
    ]
}

/// The layers that store the bytes, and where one hides them all: `layers 2 3 4`, `layer 2 → 5`.
fn layers_of(found: &Inspection, places: &[usize]) -> String {
    let mut stored: Vec<u16> = places.iter().map(|place| found.waste.findings[*place].stored_in).collect();
    stored.sort_unstable();
    stored.dedup();
    let mut causes: Vec<u16> = places.iter().map(|place| found.waste.findings[*place].caused_by).collect();
    causes.sort_unstable();
    causes.dedup();
    let word = if stored.len() == 1 { "layer" } else { "layers" };
    let mut text = word.to_owned();
    for layer in stored.iter().take(5) {
        let _ = write!(text, " {layer}");
    }
    if stored.len() > 5 {
        text.push('…');
    }
    if let [cause] = causes.as_slice()
        && !stored.contains(cause)
    {
        let _ = write!(text, " → {cause}");
    }
    text
}

fn finding_row(app: &App, found: &Inspection, finding: &Finding, width: usize) -> Vec<Span<'static>> {
    let secret = finding.kind == Kind::Secret;
    let size = if secret { String::new() } else { bytes(finding.bytes) };
    let style = match finding.kind {
        Kind::Secret => app.theme.error,
        kind if finding.in_base || !kind.counts() => app.theme.faint,
        _ => app.theme.wasted,
    };
    let size = Span::styled(format!("{size:>9}  "), style);
    let path = finding.paths.first().map(|path| format!("/{}", shown(&found.tree.paths.path(path.node))));
    let more = match finding.paths.len() {
        0 | 1 => String::new(),
        several => format!(" +{}", several - 1),
    };
    let path = path.unwrap_or_default() + &more;
    let layers = if secret {
        finding.kept_by()
    } else if finding.caused_by == finding.stored_in {
        format!("layer {}", finding.stored_in)
    } else {
        format!("layer {} → {}", finding.stored_in, finding.caused_by)
    };
    let title = match (&finding.rule, app.waste.list.grouping) {
        (Some(rule), Grouping::Change | Grouping::Layer) => rule.clone(),
        _ => kind_words(finding.kind).to_owned(),
    };
    let title = format!("  {}", shown_text(&title));
    // The path says most where it is short enough; else its end does.
    let room = width.saturating_sub(11 + title.width() + 2 + layers.width() + 2);
    thing(app, size, &title, &cut_middle(&path, room), &layers, width)
}

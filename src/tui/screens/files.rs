//! The file tree, as the Layers screen and the comparison of two images show it.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;
use unicode_width::UnicodeWidthStr as _;

use super::row_at;
use crate::bytes::{shown, shown_text};
use crate::report::{exact, permissions};
use crate::tree::{Change, EventKind, EventRef, Row, Rows, Sort, Tree};
use crate::tui::app::{App, Toast};
use crate::tui::chrome::{bar, frame, select};
use crate::tui::jobs::Unfold;
use crate::tui::keymap::Action;
use crate::tui::keys::Key;
use crate::tui::layout::{Focus, below_header, inner, last_row};
use crate::tui::line::Line as Typed;
use crate::tui::overlays;
use crate::tui::pair::Pair;
use crate::tui::text::{bytes, cut_end, cut_middle, wrap};

/// Columns that the pane needs before mode and owner are shown as well.
const WIDE: u16 = 76;
/// Columns that the pane needs before the share of the parent is drawn as a bar.
const BARRED: u16 = 60;
/// Columns of that bar.
const BAR: usize = 5;

/// Whether mode and owner are shown: as the user said, else where there is room.
fn shows_attributes(app: &App, area: Rect) -> bool {
    app.browse.attributes.unwrap_or(area.width >= WIDE)
}

/// The rows of the tree: the last row of the pane is the filter's while there is one.
fn rows_area(app: &App, area: Rect) -> Rect {
    let inside = below_header(inner(area));
    let filter = u16::from(app.browse.has_filter() && inside.height > 1);
    Rect { height: inside.height - filter, ..inside }
}

/// Rows that are seen.
pub(super) fn height(app: &App, area: Rect) -> usize {
    rows_area(app, area).height.into()
}

/// The sign of a change, and its style.
pub(in crate::tui) fn sign(app: &App, change: Change) -> (&'static str, Style) {
    match change {
        Change::Added => ("+", app.theme.added),
        Change::Modified => ("~", app.theme.modified),
        Change::Metadata => ("@", app.theme.metadata),
        Change::Removed => ("-", app.theme.removed),
        Change::None => (" ", Style::new()),
    }
}

/// Does what a key means in the tree; false for all others.
pub(super) fn act(app: &mut App, action: Action) -> bool {
    let rows = app.browse.rows().len();
    let page = height(app, files_area(app)).max(1) as isize;
    match action {
        Action::Up => app.browse.cursor.step(-1, rows),
        Action::Down => app.browse.cursor.step(1, rows),
        Action::PageUp => app.browse.cursor.step(-page, rows),
        Action::PageDown => app.browse.cursor.step(page, rows),
        Action::First => app.browse.cursor.step(isize::MIN + 1, rows),
        Action::Last => app.browse.cursor.step(isize::MAX, rows),
        Action::Open => match app.browse.selected().map(|row| row.folder) {
            Some(true) => fold(app),
            Some(false) => overlays::view_selected(app),
            None => {}
        },
        Action::Right => match app.browse.selected() {
            // Into it, to what it holds most of.
            Some(row) if row.folder => {
                if !row.open {
                    fold(app);
                }
                let place = app.browse.cursor.at;
                let rows = app.browse.rows();
                if rows.get(place + 1).is_some_and(|next| next.depth > rows[place].depth) {
                    app.browse.cursor.at = place + 1;
                }
            }
            _ => {}
        },
        Action::Left => match app.browse.selected() {
            Some(row) if row.folder && row.open => fold(app),
            _ => {
                if !app.browse.go_out() {
                    app.layers.focus = Focus::List;
                }
            }
        },
        Action::Fold => fold(app),
        Action::FoldAll => unfold(app, Unfold::All(false)),
        Action::UnfoldAll => unfold(app, Unfold::All(true)),
        Action::UnfoldLevel => unfold(app, Unfold::Level(true)),
        Action::FoldLevel => unfold(app, Unfold::Level(false)),
        Action::View => overlays::view_selected(app),
        Action::Blame => overlays::history_of_selected(app),
        Action::Diff => overlays::diff_selected(app),
        Action::Save => overlays::save_selected(app),
        Action::SaveFinal => overlays::save_final(app),
        Action::Sort => {
            let (sort, words) = match app.browse.sort {
                Sort::Size => (Sort::Change, "change, then by size"),
                Sort::Change => (Sort::Name, "name"),
                Sort::Name => (Sort::Size, "size"),
            };
            app.browse.sort = sort;
            app.ask_rows(crate::tui::browse::Browse::show_sorted);
            app.notify(&format!("sorted by {words}"));
        }
        Action::ShowAdded => show_or_hide(app, Change::Added, "added paths"),
        Action::ShowModified => show_or_hide(app, Change::Modified, "changed paths"),
        Action::ShowMetadata => {
            show_or_hide(app, Change::Metadata, "paths with only another mode, owner or time");
        }
        Action::ShowRemoved => show_or_hide(app, Change::Removed, "removed paths"),
        Action::ShowUnchanged => show_or_hide(app, Change::None, "unchanged paths"),
        Action::Attributes => {
            let shown = shows_attributes(app, files_area(app));
            app.browse.attributes = Some(!shown);
        }
        Action::Chains => {
            if let Some(tree) = app.tree().cloned() {
                app.browse.toggle_chains(&tree);
            }
            app.show_again();
        }
        Action::NextChange | Action::PreviousChange => {
            let forward = action == Action::NextChange;
            if !app.browse.go_to_hit(forward) {
                let what = if app.browse.query().is_empty() { "change" } else { "match" };
                let key = app.key_of(Action::UnfoldAll);
                let text =
                    if forward { format!("no {what} below; {key} unfolds all") } else { format!("no {what} above") };
                app.notify(&text);
            }
        }
        _ => return false,
    }
    true
}

/// Actions on the files that work in the other panes of their screen, too.
pub(super) fn act_beside(app: &mut App, action: Action) -> bool {
    match action {
        Action::AllFiles => {
            app.browse.all = !app.browse.all;
            app.show_again();
        }
        Action::Range => overlays::range(app),
        Action::Filter => {
            if app.tree().is_none() {
                app.notify("there is nothing to filter yet: the layers are still being read");
                return true;
            }
            app.layers.focus = Focus::Files;
            app.browse.typing = true;
        }
        _ => return false,
    }
    true
}

fn files_area(app: &App) -> Rect {
    super::layers::panes(app).files
}

fn fold(app: &mut App) {
    if let Some(tree) = app.tree().cloned() {
        app.browse.fold(&tree);
    }
}

fn unfold(app: &mut App, unfold: Unfold) {
    app.ask_rows(|browse, of| browse.unfold(unfold, of));
}

fn show_or_hide(app: &mut App, change: Change, what: &str) {
    app.browse.shown.toggle(change);
    let verb = if app.browse.shown.has(change) { "are shown" } else { "are hidden" };
    app.show_again();
    app.notify(&format!("{what} {verb}"));
}

/// Whether an action does something on the selected row.
pub(super) fn offers(app: &App, action: Action) -> bool {
    let row = app.browse.selected();
    let folder = row.is_some_and(|row| row.folder);
    match action {
        Action::View | Action::Diff => row.is_some() && !folder,
        Action::Fold => folder,
        Action::Blame | Action::Save | Action::Open => row.is_some(),
        Action::NextChange => app.browse.has_filter(),
        _ => true,
    }
}

/// A key while the filter is typed.
pub(super) fn type_key(app: &mut App, key: Key) {
    use crossterm::event::KeyCode;
    let rows = app.browse.rows().len();
    let page = height(app, files_area(app)).max(1) as isize;
    match key.code() {
        KeyCode::Esc => clear_filter(app),
        _ if key.is_ctrl('c') => clear_filter(app),
        KeyCode::Enter | KeyCode::Tab => app.browse.typing = false,
        KeyCode::Up => app.browse.cursor.step(-1, rows),
        KeyCode::Down => app.browse.cursor.step(1, rows),
        KeyCode::PageUp => app.browse.cursor.step(-page, rows),
        KeyCode::PageDown => app.browse.cursor.step(page, rows),
        // Deleting where nothing is left ends it.
        KeyCode::Backspace if app.browse.filter.text().is_empty() => app.browse.typing = false,
        _ => {
            if app.browse.filter.takes(key) {
                typed(app);
            }
        }
    }
}

/// Ends the filter. True when there was one.
pub(super) fn end_filter(app: &mut App) -> bool {
    let had = app.browse.clear_filter();
    if had {
        app.ask_rows(crate::tui::browse::Browse::show_filtered);
    }
    had
}

fn clear_filter(app: &mut App) {
    end_filter(app);
}

/// The filter was typed or pasted into.
pub(super) fn typed(app: &mut App) {
    if app.browse.typed() {
        app.ask_rows(crate::tui::browse::Browse::show_filtered);
    }
    // A narrow pane has no room for it beside what is typed.
    if let Some(wrong) = &app.browse.wrong {
        app.toast = Some(Toast { text: wrong.clone(), error: true });
    }
}

/// The filter while it is typed, and where its cursor is.
pub(super) fn typing(app: &App, area: Rect) -> Option<(&Typed, Position)> {
    let line = last_row(inner(area));
    app.browse.typing.then(|| (&app.browse.filter, Position::new(line.x + 2, line.y)))
}

/// A click; a second one on the same row opens it, one on the mark of a directory folds it.
pub(super) fn click(app: &mut App, area: Rect, at: Position) {
    let focused = app.layers.focus == Focus::Files;
    app.layers.focus = Focus::Files;
    let rows = app.browse.rows().len();
    if let Some(place) = row_at(rows_area(app, area), at, app.browse.cursor.top, rows) {
        let again = focused && app.browse.cursor.at == place;
        app.browse.cursor.at = place;
        if again {
            act(app, Action::Open);
        }
    } else if below_header(inner(area)).y > inner(area).y && at.y == inner(area).y {
        act(app, Action::Sort);
    }
}

/// The wheel.
pub(super) fn scroll(app: &mut App, area: Rect, by: isize) {
    let height = height(app, area);
    let rows = app.browse.rows().len();
    app.browse.cursor.scroll(by, height, rows);
}

/// Draws the pane.
pub(super) fn draw(app: &App, area: Rect, focused: bool, buffer: &mut Buffer) {
    if area.width == 0 || area.height == 0 {
        return;
    }
    let inside = frame(app, &title(app), &note(app), focused, area, buffer);
    let (Some(tree), Some(rows)) = (app.tree(), app.browse.shown_rows()) else {
        if app.found.as_ref().is_some_and(|found| found.image.layers.is_empty()) {
            Line::styled("the image has no layers, so it has no files", app.theme.faint).render(inside, buffer);
            return;
        }
        return waiting(app, inside, buffer);
    };
    let area = rows_area(app, area);
    let columns = Columns::of(app, inside);
    if area.y > inside.y && !rows.rows().is_empty() {
        Line::styled(columns.header(), app.theme.faint).render(Rect { height: 1, ..inside }, buffer);
    }
    if rows.rows().is_empty() {
        for (line, text) in area.rows().zip(wrap(&nothing(app), usize::from(area.width))) {
            Line::styled(text, app.theme.faint).render(line, buffer);
        }
    }
    for (place, line) in (app.browse.cursor.top..rows.rows().len()).zip(area.rows()) {
        let signs = draw_row(app, tree, rows, place, columns, line, buffer);
        if place == app.browse.cursor.at {
            select(app, focused, line, Some(signs), buffer);
        }
    }
    if app.browse.has_filter() && inside.height > 1 {
        filter(app, rows, last_row(inside), buffer);
    }
}

fn title(app: &App) -> String {
    let range = app.browse.shown_rows().map_or_else(|| app.range(), |rows| rows.view().range);
    let all = app.browse.shown_rows().map_or(app.browse.all, |rows| rows.view().all);
    if let Some(pair) = &app.pair {
        let name = cut_middle(&shown_text(Pair::name(&pair.after)), 40);
        return if all { format!("All files of B, {name}") } else { format!("What differs in B, {name}") };
    }
    match (&app.found, all) {
        (None, _) => "Files".to_owned(),
        (_, false) if range.first == range.last => format!("Changes of layer {}", range.last),
        (_, false) => format!("Changes of layers {} to {}", range.first, range.last),
        (_, true) => format!("All files after layer {}", range.last),
    }
}

/// What is hidden, how rows are sorted, and where the cursor is.
fn note(app: &App) -> String {
    let browse = &app.browse;
    let mut parts = Vec::new();
    let hidden: String = [
        (Change::Added, '+'),
        (Change::Modified, '~'),
        (Change::Metadata, '@'),
        (Change::Removed, '-'),
        (Change::None, '='),
    ]
    .iter()
    .filter(|(change, _)| !browse.shown.has(*change))
    .map(|(_, sign)| *sign)
    .collect();
    if !hidden.is_empty() {
        parts.push(format!("hidden: {hidden}"));
    }
    let rows = browse.rows().len();
    if rows > 0 {
        parts.push(
            match browse.sort {
                Sort::Name => "by name",
                Sort::Size => "by size",
                Sort::Change => "by change",
            }
            .to_owned(),
        );
        parts.push(format!("{} of {}", exact(browse.cursor.at as u64 + 1), exact(rows as u64)));
    }
    parts.join("  ")
}

/// How far reading is, in words and as a bar.
pub(super) fn waiting(app: &App, inside: Rect, buffer: &mut Buffer) {
    let width = usize::from(inside.width);
    let mut lines = vec![Line::styled(cut_end(&app.progress, width), app.theme.faint)];
    if let Some(part) = app.part {
        let length = width.min(60);
        lines.push(Line::from(vec![
            Span::styled(bar(part.into(), 1000, length.saturating_sub(6)), app.theme.bar),
            Span::styled(format!(" {:>3} %", part / 10), app.theme.faint),
        ]));
    }
    if inside.height > 4 {
        let key = app.key_of(Action::Quit);
        lines.push(Line::raw(""));
        lines.push(Line::styled(format!("{key} stops"), app.theme.faint));
    }
    for (row, line) in inside.rows().zip(lines) {
        line.render(row, buffer);
    }
}

/// Why there are no rows, and what to do.
fn nothing(app: &App) -> String {
    let browse = &app.browse;
    let all = app.key_of(Action::AllFiles);
    if app.pair.is_some() && browse.query().is_empty() && browse.shown.is_all() && !browse.all {
        return format!("no path differs; {all} shows all files");
    }
    let layer = app.layers.cursor.at;
    let missing = app.found.as_ref().is_some_and(|found| found.layers.get(layer).is_some_and(|facts| facts.missing));
    if missing {
        return "the archive does not have this layer; save the image again".to_owned();
    }
    if !browse.query().is_empty() {
        let find = app.key_of(Action::Find);
        return format!("nothing here matches the filter; Esc clears it, {find} searches all layers for the same");
    }
    if !browse.shown.is_all() {
        return "everything that would be here is hidden (+ ~ @ - = show it again)".to_owned();
    }
    if browse.all {
        format!("no files; {all} shows what the layer changes")
    } else {
        format!("this layer changes no files; {all} shows all files")
    }
}

fn filter(app: &App, rows: &Rows, line: Rect, buffer: &mut Buffer) {
    let right = match (&app.browse.wrong, &rows.view().matches) {
        (Some(wrong), _) => Span::styled(format!(" {wrong} "), app.theme.error),
        (None, Some(matches)) => {
            let text = format!(" {} found, {} ", exact(matches.count as u64), bytes(matches.bytes));
            Span::styled(text, app.theme.faint)
        }
        (None, None) => Span::styled(" text  *.glob  re:regex  >10MB  is:removed  !not ", app.theme.faint),
    };
    let width = usize::from(line.width);
    let text = app.browse.filter.text();
    let room = width.saturating_sub(2);
    let right_width = right.content.width();
    let spans = vec![Span::styled("/ ", app.theme.key), Span::styled(cut_end(text, room), app.theme.title)];
    Line::from(spans).render(line, buffer);
    if text.width() + 2 + right_width <= width {
        let x = line.x + (width - right_width) as u16;
        Line::from(right).render(Rect { x, width: right_width as u16, ..line }, buffer);
    }
}

/// Which columns there are.
#[derive(Clone, Copy)]
struct Columns {
    attributes: bool,
    bar: bool,
}

impl Columns {
    fn of(app: &App, inside: Rect) -> Self {
        let attributes = shows_attributes(app, Rect { width: inside.width + 2, ..inside });
        Self { attributes, bar: inside.width >= BARRED }
    }

    fn header(self) -> String {
        let mut text = String::new();
        if self.attributes {
            text += "MODE           OWNER    ";
        }
        text += "    SIZE   % ";
        if self.bar {
            text += &" ".repeat(BAR + 1);
        }
        text + "NAME"
    }
}

/// Draws a row; returns the columns that keep their colours when the row is selected.
fn draw_row(
    app: &App,
    tree: &Tree,
    rows: &Rows,
    place: usize,
    columns: Columns,
    area: Rect,
    buffer: &mut Buffer,
) -> std::ops::Range<u16> {
    let row = &rows.rows()[place];
    let change = shown_change(tree, rows, row);
    let (sign, style) = sign(app, change);
    let mut spans = Vec::new();
    let mut used = 0;
    if columns.attributes {
        let text = row.at.map_or_else(String::new, |at| {
            let about = tree.attributes(at);
            format!("{} {:>5}:{:<5}", permissions(tree.event_at(at).kind(), about.mode), about.uid, about.gid)
        });
        let text = format!("{text:<23} ");
        used += text.width();
        spans.push(Span::styled(text, app.theme.faint));
    }
    let is_file = row.at.is_some_and(|at| tree.event_at(at).kind() == EventKind::File);
    let size = if row.bytes == 0 && !is_file { String::new() } else { bytes(row.bytes) };
    spans.push(Span::styled(format!("{size:>8} "), Style::new()));
    let percent = match row.parent_bytes {
        0 => String::new(),
        _ if row.bytes == 0 => String::new(),
        whole => format!("{}", (row.bytes.min(whole) as f64 * 100.0 / whole as f64).round()),
    };
    spans.push(Span::styled(format!("{percent:>3} "), app.theme.faint));
    used += 13;
    if columns.bar {
        let text = if row.bytes == 0 { " ".repeat(BAR) } else { bar(row.bytes, row.parent_bytes, BAR) };
        spans.push(Span::styled(format!("{text} "), app.theme.bar));
        used += BAR + 1;
    }
    let room = usize::from(area.width).saturating_sub(used);
    let mark = match (row.folder && !is_empty(tree, rows, place), row.open) {
        (true, true) => "▾",
        (true, false) => "▸",
        _ => " ",
    };
    let lead = format!("{}{mark} ", indent(row.depth, room));
    used += lead.width();
    spans.push(Span::styled(lead, app.theme.faint));
    let at_sign = used as u16;
    spans.push(Span::styled(format!("{sign} "), style));
    used += 2;
    let room = usize::from(area.width).saturating_sub(used);
    let name = cut_middle(&name(tree, row), room);
    let room = room - name.width();
    spans.extend(highlighted(app, tree, rows, row, name, style));
    spans.push(Span::styled(cut_end(&target(tree, row), room), app.theme.faint));
    Line::from(spans).render(area, buffer);
    at_sign..at_sign + 1
}

/// The name, with what the filter's plain words match in it marked.
fn highlighted(app: &App, tree: &Tree, rows: &Rows, row: &Row, name: String, style: Style) -> Vec<Span<'static>> {
    let words = app.browse.query().words();
    let own = rows.view().matches.as_ref().is_some_and(|matches| matches.has(row.node));
    let _ = tree;
    if !own || words.is_empty() {
        return vec![Span::styled(name, style)];
    }
    let lower = name.to_lowercase();
    let mut hits = words.split(' ').filter_map(|word| {
        let word = word.rsplit('/').next().unwrap_or(word).to_lowercase();
        let at = lower.rfind(&word).filter(|_| !word.is_empty() && lower.len() == name.len())?;
        Some(at..at + word.len())
    });
    match hits.find(|hit| name.is_char_boundary(hit.start) && name.is_char_boundary(hit.end)) {
        None => vec![Span::styled(name, style)],
        Some(hit) => vec![
            Span::styled(name[..hit.start].to_owned(), style),
            Span::styled(name[hit.clone()].to_owned(), app.theme.found),
            Span::styled(name[hit.end..].to_owned(), style),
        ],
    }
}

/// What the sign of a row says: of a directory that was there before, what is true below it. An open directory leaves that
/// to its rows; a moved time alone is not a change.
fn shown_change(tree: &Tree, rows: &Rows, row: &Row) -> Change {
    if !row.folder || matches!(row.change, Change::Added | Change::Removed) {
        return row.change;
    }
    let view = rows.view();
    let below = view.folders.sum(row.node).is_some_and(|sum| sum.changes != [0; 3]);
    match row.change {
        Change::Modified if !is_directory_before(tree, rows, row) => Change::Modified,
        _ if below && row.open => Change::None,
        _ if below => Change::Modified,
        Change::Metadata | Change::Modified if has_new_attributes(tree, rows, row) => Change::Metadata,
        _ => Change::None,
    }
}

/// What a path was before the layers that are shown.
fn before(tree: &Tree, rows: &Rows, row: &Row) -> Option<EventRef> {
    rows.view().range.first.checked_sub(1).and_then(|below| tree.state(row.node, below))
}

fn is_directory_before(tree: &Tree, rows: &Rows, row: &Row) -> bool {
    before(tree, rows, row).is_some_and(|at| tree.event_at(at).kind() == EventKind::Directory)
}

/// Whether mode, owner or attributes are not what they were.
fn has_new_attributes(tree: &Tree, rows: &Rows, row: &Row) -> bool {
    before(tree, rows, row).zip(row.at).is_some_and(|(old, new)| !tree.same_attributes(old, new))
}

/// A directory that shows no row below it has no mark: there is nothing to unfold.
fn is_empty(tree: &Tree, rows: &Rows, place: usize) -> bool {
    let row = &rows.rows()[place];
    if row.open {
        return rows.rows().get(place + 1).is_none_or(|next| next.depth <= row.depth);
    }
    let view = rows.view();
    if view.folders.sum(row.node).is_some_and(|sum| sum.changes != [0; 3]) {
        return false;
    }
    !view.all || tree.entries(row.node, view.range.last).next().is_none()
}

/// The name, with those of the directories that share the row.
fn name(tree: &Tree, row: &Row) -> String {
    let mut names = vec![shown(tree.paths.name(row.node))];
    let mut at = row.node;
    for _ in 0..row.chain {
        let Some(parent) = tree.paths.parent(at) else { break };
        names.push(shown(tree.paths.name(parent)));
        at = parent;
    }
    names.reverse();
    let mut name = names.join("/");
    if row.folder {
        name.push('/');
    }
    name
}

/// Where a link leads; a device's major and minor number.
pub(in crate::tui) fn target(tree: &Tree, row: &Row) -> String {
    let Some(event) = row.at.map(|at| tree.event_at(at)) else { return String::new() };
    let symlink = tree.symlink(event).map(|target| format!(" → {}", shown(target)));
    let hard = || tree.link_target(event).map(|node| format!(" = {}", shown(&tree.paths.path(node))));
    let device = || tree.device(event).map(|(major, minor)| format!(" {major}:{minor}"));
    symlink.or_else(hard).or_else(device).unwrap_or_default()
}

/// A line for each level above. Where they would take more than a third of the room, the first ones are left out: what is far
/// up says least about a deep path.
fn indent(depth: u16, room: usize) -> String {
    let levels = usize::from(depth);
    let most = (room / 3 / 2).max(1);
    if levels <= most { "│ ".repeat(levels) } else { format!("… {}", "│ ".repeat(most - 1)) }
}

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Widget as _};
use unicode_width::UnicodeWidthStr as _;

use super::files::sign;
use super::frame::{noted_pane, select};
use super::map_area;
use crate::bytes::shown;
use crate::report::{bytes, exact, percent};
use crate::tree::{NodeId, Row, Tree};
use crate::tui::app::App;
use crate::tui::map::{Level, Tile};
use crate::tui::text::{cut_end, cut_middle};

/// One folder as tiles, each as large as its bytes.
pub(super) fn map(app: &App, area: Rect, buffer: &mut Buffer) {
    let Some(tree) = app.tree() else {
        let inside = noted_pane(app, "Map", "", true, area, buffer);
        Line::styled(cut_end(&app.progress, usize::from(inside.width)), app.theme.faint).render(inside, buffer);
        return;
    };
    let map = &app.map;
    let path =
        if map.folder == NodeId::ROOT { "/".to_owned() } else { format!("/{}/", shown(&tree.paths.path(map.folder))) };
    let range = app.range();
    let what = match (map.all, range.first == range.last) {
        (true, _) => "the final file system".to_owned(),
        (false, _) if app.pair.is_some() => "what B has that A has not".to_owned(),
        (false, true) => format!("what layer {} stores", range.last),
        (false, false) => format!("what layers {} to {} store", range.first, range.last),
    };
    let title = format!("{}  {}", cut_middle(&path, usize::from(area.width / 2)), bytes(map.level.bytes()));
    let inside = noted_pane(app, &title, &what, true, area, buffer);
    let tiles = map.level.tiles(map_area(app));
    if tiles.is_empty() && !map.waiting {
        let why = if map.all {
            "nothing here has any bytes; Esc goes out of the folder"
        } else {
            "nothing here is stored by this layer; a shows all files, ] and [ go to other layers"
        };
        Line::styled(cut_end(why, usize::from(inside.width)), app.theme.faint).render(inside, buffer);
    }
    for tile in &tiles {
        draw_tile(app, tree, &map.level, tile, Some(tile.holds(map.at)), buffer);
    }
    if inside.height > 0 {
        let line = Rect { y: inside.bottom() - 1, height: 1, ..inside };
        about(app, tree, line, buffer);
    }
}

/// The smallest tile that shows what is in it: columns and rows inside of its frame.
const NESTED: (u16, u16) = (14, 4);

/// A tile with what is in it. `selected` is None for a tile inside of another, which can't be selected.
fn draw_tile(app: &App, tree: &Tree, level: &Level, tile: &Tile, selected: Option<bool>, buffer: &mut Buffer) {
    let Some(row) = level.rows.get(tile.row) else { return };
    let several = tile.count > 1;
    let name = if several { format!("{} more", exact(tile.count as u64)) } else { label(tree, row) };
    let rows = &level.rows[tile.row..(tile.row + tile.count).min(level.rows.len())];
    let size = bytes(rows.iter().fold(0_u64, |sum, row| sum.saturating_add(row.bytes)));
    let area = tile.area;
    // A frame takes two rows and columns; where there is no room for it, the name alone must do.
    let framed = area.width >= 6 && area.height >= 3;
    let inside = if framed {
        let (kind, style) = match selected {
            Some(true) => (BorderType::Thick, app.theme.focus),
            Some(false) if row.folder && !several => (BorderType::Plain, app.theme.bar),
            _ => (BorderType::Plain, app.theme.faint),
        };
        let block = Block::bordered().border_type(kind).border_style(style);
        let inside = block.inner(area);
        block.render(area, buffer);
        inside
    } else {
        area
    };
    let width = usize::from(inside.width);
    let style = if several { app.theme.faint } else { sign(app, row.change).1 };
    // In one row both, when they fit.
    let lines = if name.width() + size.width() < width {
        vec![Line::from(vec![Span::styled(name, style), Span::styled(format!(" {size}"), app.theme.faint)])]
    } else {
        vec![Line::styled(cut_middle(&name, width), style), Line::styled(cut_end(&size, width), app.theme.faint)]
    };
    let used = lines.len() as u16;
    for (row, line) in inside.rows().zip(lines) {
        line.render(row, buffer);
    }
    if selected == Some(true) {
        let marked = if framed { Rect { height: inside.height.min(1), ..inside } } else { area };
        select(app, true, marked, 0, buffer);
    }
    let Some(deeper) = level.inside.get(tile.row).filter(|deeper| !several && !deeper.rows.is_empty()) else { return };
    let rest = Rect { y: inside.y + used, height: inside.height.saturating_sub(used), ..inside };
    if rest.width >= NESTED.0 && rest.height >= NESTED.1 {
        for tile in deeper.tiles(rest) {
            draw_tile(app, tree, deeper, &tile, None, buffer);
        }
    }
}

fn label(tree: &Tree, row: &Row) -> String {
    let name = shown(tree.paths.name(row.node));
    if row.folder { format!("{name}/") } else { name }
}

/// The selected path in words.
fn about(app: &App, tree: &Tree, line: Rect, buffer: &mut Buffer) {
    let Some(row) = app.map.selected() else { return };
    let sum = app.map.level.bytes();
    let share = if sum == 0 { 0.0 } else { row.bytes as f64 * 100.0 / sum as f64 };
    let text = format!("  {}  {} of the folder", bytes(row.bytes), percent(share));
    let empty = match app.map.level.empty {
        0 => String::new(),
        some => format!("  ({} without bytes are not shown)", exact(some as u64)),
    };
    let path = format!("/{}", shown(&tree.paths.path(row.node)));
    let path = cut_middle(&path, usize::from(line.width).saturating_sub(text.width()));
    let spans = vec![Span::styled(path, app.theme.title), Span::raw(text), Span::styled(empty, app.theme.faint)];
    Line::from(spans).render(line, buffer);
}

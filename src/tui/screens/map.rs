//! The bytes of a directory as areas.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;
use unicode_width::UnicodeWidthStr as _;

use super::View;
use super::files::waiting;
use super::layers::copies_of_layer;
use crate::bytes::shown;
use crate::report::{exact, percent};
use crate::tree::{NodeId, Row, Tree};
use crate::tui::app::App;
use crate::tui::chrome::frame;
use crate::tui::jobs::path_of;
use crate::tui::keymap::{Action, Place};
use crate::tui::layout::{Page, inner};
use crate::tui::map::{Colours, Level, Tile};
use crate::tui::overlays;
use crate::tui::text::{bytes, cut_end, cut_middle};

/// The smallest tile that shows what is in it: columns and rows.
const NESTED: (u16, u16) = (14, 4);

/// Where the tiles are: the last row says what is selected.
fn tiles_area(app: &App) -> Rect {
    let inside = inner(Page::of(app.size).body);
    Rect { height: inside.height.saturating_sub(1), ..inside }
}

/// The Map screen.
pub(super) struct Map;

impl View for Map {
    fn title(&self) -> &'static str {
        "3 Map"
    }

    fn place(&self, _app: &App) -> Place {
        Place::Map
    }

    fn act(&self, app: &mut App, action: Action) -> bool {
        let area = tiles_area(app);
        match action {
            Action::Up => app.map.go((0, -1), area),
            Action::Down => app.map.go((0, 1), area),
            Action::Left => app.map.go((-1, 0), area),
            Action::Right => app.map.go((1, 0), area),
            Action::PageUp => app.map.step(-5, area),
            Action::PageDown => app.map.step(5, area),
            Action::First => app.map.step(isize::MIN + 1, area),
            Action::Last => app.map.step(isize::MAX, area),
            Action::Open => open(app),
            Action::Back => {
                let out = app.tree().cloned().is_some_and(|tree| app.map.out(&tree));
                if !out {
                    return false;
                }
                app.show_map();
            }
            Action::AllFiles => {
                app.map.all = !app.map.all;
                app.show_map();
            }
            Action::PreviousLayer | Action::NextLayer => {
                super::layers::act(app, action);
                app.show_map();
            }
            Action::Blame => {
                if let Some(node) = self.selected(app) {
                    overlays::history_of(app, node);
                }
            }
            Action::Colours => {
                app.map.colours = app.map.colours.next();
            }
            Action::Files => {
                if let Some(node) = self.selected(app) {
                    app.go_to(node, None);
                }
            }
            _ => return false,
        }
        true
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        draw(app, area, buffer);
    }

    fn click(&self, app: &mut App, _area: Rect, at: Position) {
        let tiles = app.map.level.tiles(tiles_area(app));
        if let Some(tile) = tiles.iter().find(|tile| tile.area.contains(at)) {
            let again = tile.row == app.map.at;
            app.map.at = tile.row;
            if again {
                open(app);
            }
        }
    }

    fn scroll(&self, app: &mut App, _area: Rect, _at: Position, by: isize) {
        let area = tiles_area(app);
        app.map.step(by.signum(), area);
    }

    fn selected(&self, app: &App) -> Option<NodeId> {
        app.map.selected().map(|row| row.node)
    }

    fn copies(&self, app: &App) -> Vec<(&'static str, String)> {
        let mut items = Vec::new();
        if let (Some(tree), Some(node)) = (app.tree(), self.selected(app)) {
            items.push(("path", path_of(tree, node)));
        }
        items.extend(copies_of_layer(app, app.layers.cursor.at));
        items
    }
}

/// Goes into a directory, or to a file in the tree.
fn open(app: &mut App) {
    if app.map.go_in() {
        app.show_map();
    } else if let Some(node) = app.map.selected().map(|row| row.node) {
        app.go_to(node, None);
    }
}

fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    let Some(tree) = app.tree() else {
        let inside = frame(app, "Map", "", true, area, buffer);
        return waiting(app, inside, buffer);
    };
    let map = &app.map;
    let path = match map.folder {
        NodeId::ROOT => "/".to_owned(),
        folder => format!("/{}/", shown(&tree.paths.path(folder))),
    };
    let range = app.range();
    let what = match (map.all, range.first == range.last) {
        (true, _) => "the final file system".to_owned(),
        (false, _) if app.pair.is_some() => "what B has that A has not".to_owned(),
        (false, true) => format!("what layer {} stores", range.last),
        (false, false) => format!("what layers {} to {} store", range.first, range.last),
    };
    let title = format!("{}  {} in {what}", cut_middle(&path, usize::from(area.width / 3)), bytes(map.level.bytes()));
    let space = tiles_area(app);
    let note = match map.level.too_small(space) {
        (0, _) => String::new(),
        (1, size) => format!("+ 1 path of {}: too small to draw", bytes(size)),
        (count, size) => format!("+ {} paths, {} in all: too small to draw", exact(count as u64), bytes(size)),
    };
    let inside = frame(app, &title, &note, true, area, buffer);
    let legend = Line::from(legend(app)).right_aligned();
    if usize::from(area.width) > title.width() + legend.width() + 8 {
        legend.render(Rect { height: 1, width: area.width - 2, ..area }, buffer);
    }
    let tiles = map.level.tiles(space);
    if tiles.is_empty() && !map.waiting {
        let all = app.key_of(Action::AllFiles);
        let why = if !map.level.rows.is_empty() {
            let files = app.key_of(Action::Files);
            format!("each path here is too small to draw; {files} shows them in the files")
        } else if map.all {
            "nothing here has any bytes; Esc leaves the directory".to_owned()
        } else {
            format!("this layer stores nothing here; {all} shows the final file system")
        };
        Line::styled(cut_end(&why, usize::from(inside.width)), app.theme.faint).render(inside, buffer);
    }
    let whole = map.level.bytes();
    for tile in &tiles {
        draw_tile(app, tree, &map.level, tile, space, 0, whole, tile.row == map.at, buffer);
    }
    if inside.height > 0 {
        let line = Rect { y: inside.bottom() - 1, height: 1, ..inside };
        about(app, tree, line, buffer);
    }
}

/// Draws a tile with what is in it. Only the tiles of the first level can be selected.
#[allow(clippy::too_many_arguments, reason = "a tile is drawn from all of it")]
fn draw_tile(
    app: &App,
    tree: &Tree,
    level: &Level,
    tile: &Tile,
    within: Rect,
    depth: usize,
    whole: u64,
    selected: bool,
    buffer: &mut Buffer,
) {
    let Some(row) = level.rows.get(tile.row) else { return };
    // A gap tells a tile from the next one.
    let area = Rect {
        width: tile.area.width - u16::from(tile.area.width > 3 && tile.area.right() < within.right()),
        height: tile.area.height - u16::from(tile.area.height > 2 && tile.area.bottom() < within.bottom()),
        ..tile.area
    };
    let fill = if selected { app.theme.selected } else { colour(app, level, tile.row, depth) };
    let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let inside = level.inside.get(tile.row).filter(|_| area.width >= NESTED.0 && area.height >= NESTED.1);
    // A directory of which nothing is large enough to be drawn is one piece.
    let nested = inside.filter(|inside| !inside.tiles(below).is_empty());
    let filled = if nested.is_some() { Rect { height: 1, ..area } } else { area };
    buffer.set_style(filled, fill);
    if nested.is_none() && area.height > 0 && area.width > 0 {
        // Where a theme has no colours, a tile is still one piece.
        for line in filled.rows() {
            Line::raw(" ".repeat(usize::from(line.width))).render(line, buffer);
        }
    }
    let width = usize::from(area.width);
    let name = label(tree, row);
    let size = bytes(row.bytes);
    let share = format!("{:.0} %", row.bytes as f64 * 100.0 / whole.max(1) as f64);
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let lines: Vec<Line<'_>> = if name.width() + size.width() + share.width() + 3 <= width {
        vec![Line::from(vec![Span::styled(name, bold), Span::raw(format!(" {size}  {share}"))])]
    } else if name.width() + size.width() < width {
        vec![Line::from(vec![Span::styled(name, bold), Span::raw(format!(" {size}"))])]
    } else {
        vec![Line::styled(cut_middle(&name, width), bold), Line::raw(cut_end(&size, width))]
    };
    let used = if nested.is_some() { 1 } else { lines.len() as u16 };
    for (row, line) in area.rows().zip(lines.into_iter().take(used.into())) {
        line.render(row, buffer);
    }
    let Some(nested) = nested else { return };
    for tile in nested.tiles(below) {
        draw_tile(app, tree, nested, &tile, below, depth + 1, whole, false, buffer);
    }
}

/// The colour of a tile: by depth, by whose its bytes are, or by how many of them are left over.
fn colour(app: &App, level: &Level, row: usize, depth: usize) -> Style {
    let shares = level.shares.get(row).copied().unwrap_or_default();
    let bytes = level.rows.get(row).map_or(0, |row| row.bytes);
    match app.map.colours {
        Colours::Depth => app.theme.tiles[depth.min(app.theme.tiles.len() - 1)],
        Colours::Owner => app.theme.tiles[usize::from(shares.base * 2 <= bytes)],
        Colours::Waste => {
            let part = match shares.left_over {
                0 => 0,
                some if some * 2 > bytes => 2,
                _ => 1,
            };
            app.theme.waste_tiles[part]
        }
    }
}

/// What the colours say.
fn legend(app: &App) -> Vec<Span<'static>> {
    let mark = |style: Style, text: &'static str| [Span::styled("  ", style), Span::styled(text, app.theme.faint)];
    let (tiles, waste) = (app.theme.tiles, app.theme.waste_tiles);
    let marks = match app.map.colours {
        Colours::Depth => {
            [mark(tiles[0], " first level "), mark(tiles[1], " second "), mark(tiles[2], " deeper ")].concat()
        }
        Colours::Owner => [mark(tiles[0], " base image "), mark(tiles[1], " own layers ")].concat(),
        Colours::Waste => {
            [mark(waste[2], " left over "), mark(waste[1], " in part "), mark(waste[0], " needed ")].concat()
        }
    };
    marks.into_iter().collect()
}

fn label(tree: &Tree, row: &Row) -> String {
    let mut names = vec![shown(tree.paths.name(row.node))];
    let mut at = row.node;
    for _ in 0..row.chain {
        let Some(parent) = tree.paths.parent(at) else { break };
        names.push(shown(tree.paths.name(parent)));
        at = parent;
    }
    names.reverse();
    let name = names.join("/");
    if row.folder { format!("{name}/") } else { name }
}

/// The selected path in words.
fn about(app: &App, tree: &Tree, line: Rect, buffer: &mut Buffer) {
    let Some(row) = app.map.selected() else { return };
    let sum = app.map.level.bytes();
    let share = if sum == 0 { 0.0 } else { row.bytes as f64 * 100.0 / sum as f64 };
    let text = format!("  {}  {} of the directory", bytes(row.bytes), percent(share));
    let empty = match app.map.level.empty {
        0 => String::new(),
        some => format!("  ({} without bytes are not shown)", exact(some as u64)),
    };
    let path = cut_middle(&path_of(tree, row.node), usize::from(line.width).saturating_sub(text.width()));
    let spans = vec![Span::styled(path, app.theme.title), Span::raw(text), Span::styled(empty, app.theme.faint)];
    Line::from(spans).render(line, buffer);
}

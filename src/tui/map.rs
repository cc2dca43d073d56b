//! The map of one directory: what it holds as tiles, each as large as its bytes.

use std::sync::Arc;

use ratatui::layout::Rect;

use super::jobs::{MapJob, Work};
use crate::inspect::Inspection;
use crate::tree::{Change, NodeId, Range, Row, Rows, Tree, View};

/// What a directory holds, the largest first, and what the directories among it hold. Paths without bytes are only counted.
#[derive(Debug, Default)]
pub struct Level {
    pub(super) rows: Vec<Row>,
    /// Beside the first of the rows: what they hold; empty for files.
    pub(super) inside: Vec<Level>,
    pub(super) empty: usize,
    /// Beside the rows, once the image is judged: bytes of the base image, and bytes left over.
    pub(super) shares: Vec<Shares>,
}

/// Of the bytes of a path in the final file system, those of the base image and those that should not be there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Shares {
    pub(super) base: u64,
    pub(super) left_over: u64,
}

/// What the colours of tiles say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Colours {
    #[default]
    Depth,
    Owner,
    Waste,
}

impl Colours {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Depth => Self::Owner,
            Self::Owner => Self::Waste,
            Self::Waste => Self::Depth,
        }
    }
}

impl Level {
    /// Adds what the rows are made of.
    pub(super) fn add_shares(&mut self, shares: &dyn Fn(NodeId) -> Shares) {
        self.shares = self.rows.iter().map(|row| shares(row.node)).collect();
        for inside in &mut self.inside {
            inside.add_shares(shares);
        }
    }

    /// Of a directory; about `budget` directories are looked into, `depth` levels down.
    pub(super) fn of(tree: &Tree, view: &View, folder: NodeId, budget: usize, depth: usize) -> Self {
        // A chain of directories that hold one directory each is one tile.
        let view = View { chains: true, ..view.clone() };
        let mut rows = Rows::level(tree, view.clone(), folder);
        // What the layers take away takes no room in the end.
        rows.retain(|row| row.change != Change::Removed);
        let count = rows.len();
        rows.retain(|row| row.bytes > 0);
        let empty = count - rows.len();
        let sum = rows.iter().fold(0_u64, |sum, row| sum.saturating_add(row.bytes)).max(1);
        let mut inside = Vec::new();
        if depth > 0 {
            for row in rows.iter().take(MOST) {
                // Each gets its part, so that a deep directory does not take what a large one needs.
                let part = (budget as f64 * (row.bytes as f64 / sum as f64)) as usize;
                let looked_into = row.folder && part > 0;
                inside.push(if looked_into {
                    Self::of(tree, &view, row.node, part, depth - 1)
                } else {
                    Self::default()
                });
            }
        }
        Self { rows, inside, empty, shares: Vec::new() }
    }

    /// Where the tiles are. What is too small to be drawn has none.
    pub(super) fn tiles(&self, area: Rect) -> Vec<Tile> {
        let sizes: Vec<u64> = self.rows.iter().map(|row| row.bytes).collect();
        tiles(&sizes, area)
    }

    /// Bytes of all rows.
    pub(super) fn bytes(&self) -> u64 {
        self.rows.iter().fold(0, |sum, row| sum.saturating_add(row.bytes))
    }

    /// How many rows have no tile in an area, and their bytes.
    pub(super) fn too_small(&self, area: Rect) -> (usize, u64) {
        let drawn = self.tiles(area).len();
        let rest = &self.rows[drawn.min(self.rows.len())..];
        (rest.len(), rest.iter().fold(0, |sum, row| sum.saturating_add(row.bytes)))
    }
}

/// The state of the Map screen.
#[derive(Debug)]
pub(super) struct Map {
    /// All files after the layer, and not only its changes.
    pub(super) all: bool,
    pub(super) folder: NodeId,
    pub(super) level: Level,
    pub(super) at: usize,
    of: Option<(Range, bool, NodeId, bool)>,
    /// The number of the job that was asked for last.
    pub(super) asked: u64,
    /// Where the cursor goes when the rows come.
    goal: Option<NodeId>,
    pub(super) waiting: bool,
    pub(super) colours: Colours,
}

impl Default for Map {
    fn default() -> Self {
        Self {
            all: true,
            folder: NodeId::ROOT,
            level: Level::default(),
            at: 0,
            of: None,
            asked: 0,
            goal: None,
            waiting: false,
            colours: Colours::default(),
        }
    }
}

/// A tile of the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tile {
    /// Place of the path among the rows.
    pub(super) row: usize,
    pub(super) area: Rect,
}

/// The smallest tile in which anything can be read.
const LEAST: (u16, u16) = (6, 2);
/// Nobody looks at more tiles than this.
const MOST: usize = 60;

impl Map {
    /// What to ask for, when the rows of the directory are not there.
    pub(super) fn show(&mut self, tree: &Arc<Tree>, range: Range, found: Option<Arc<Inspection>>) -> Option<Work> {
        let wanted = (range, self.all, self.folder, found.is_some());
        if self.of == Some(wanted) {
            return None;
        }
        self.goal = self.goal.or_else(|| self.selected().map(|row| row.node));
        self.of = Some(wanted);
        self.waiting = true;
        Some(Work::Level(MapJob { tree: Arc::clone(tree), range, all: self.all, folder: self.folder, found }))
    }

    pub(super) fn take(&mut self, number: u64, level: Level) {
        if number != self.asked {
            return;
        }
        let goal = self.goal.take();
        self.at = goal.and_then(|goal| level.rows.iter().position(|row| row.node == goal)).unwrap_or(0);
        self.level = level;
        self.waiting = false;
    }

    pub(super) fn selected(&self) -> Option<&Row> {
        self.level.rows.get(self.at)
    }

    /// Goes into the selected directory; false for a file.
    pub(super) fn go_in(&mut self) -> bool {
        let Some(row) = self.selected().filter(|row| row.folder) else { return false };
        self.folder = row.node;
        self.level = Level::default();
        self.at = 0;
        true
    }

    /// Goes to the directory that holds this one; false at the root.
    pub(super) fn out(&mut self, tree: &Tree) -> bool {
        let Some(parent) = tree.paths.parent(self.folder) else { return false };
        self.goal = Some(self.folder);
        self.folder = parent;
        self.level = Level::default();
        true
    }

    /// The tile next to the selected one, in steps of a column or row.
    pub(super) fn go(&mut self, (x, y): (i32, i32), area: Rect) {
        let tiles = self.level.tiles(area);
        let Some(own) = tiles.iter().find(|tile| tile.row == self.at) else { return };
        let middle = |area: Rect| {
            (2 * i32::from(area.x) + i32::from(area.width), 2 * (2 * i32::from(area.y) + i32::from(area.height)))
        };
        let from = middle(own.area);
        let beyond = |tile: &&Tile| {
            let (a, b) = (own.area, tile.area);
            match (x, y) {
                (1, _) => b.x >= a.right(),
                (-1, _) => b.right() <= a.x,
                (_, 1) => b.y >= a.bottom(),
                _ => b.bottom() <= a.y,
            }
        };
        let distance = |tile: &&Tile| {
            let to = middle(tile.area);
            let (across, along) = ((to.0 - from.0).abs(), (to.1 - from.1).abs());
            // What lies straight ahead comes before what is near but aside.
            if x != 0 { across + 3 * along } else { along + 3 * across }
        };
        if let Some(next) = tiles.iter().filter(beyond).min_by_key(distance) {
            self.at = next.row;
        }
    }

    /// Moves through the tiles, the largest first.
    pub(super) fn step(&mut self, by: isize, area: Rect) {
        let drawn = self.level.tiles(area).len();
        self.at = self.at.saturating_add_signed(by).min(drawn.saturating_sub(1));
    }
}

/// Lays sizes, the largest first, out in rows and columns whose tiles are as square as can be ("Squarified Treemaps", Bruls,
/// Huizing and van Wijk, 2000). What would be too small to be read is left out, so all tiles have the same bytes to a cell.
fn tiles(sizes: &[u64], area: Rect) -> Vec<Tile> {
    let total: f64 = sizes.iter().map(|size| *size as f64).sum();
    let cells = f64::from(area.width) * f64::from(area.height);
    if total <= 0.0 || cells < 1.0 {
        return Vec::new();
    }
    let readable = f64::from(LEAST.0) * f64::from(LEAST.1);
    let large = sizes.iter().take(MOST).take_while(|size| **size as f64 / total * cells >= readable).count();
    let large = if sizes.len() == 1 { 1 } else { large };
    let shares: Vec<f64> = sizes[..large].iter().map(|size| *size as f64 / total).collect();
    let sum: f64 = shares.iter().sum();
    let mut tiles = Vec::new();
    let (mut left, mut row) = (area, 0);
    let mut rest: f64 = sum;
    while row < shares.len() && left.width > 0 && left.height > 0 {
        // A cell is about twice as high as wide.
        let wide = f64::from(left.width) >= 2.0 * f64::from(left.height);
        let mut count = 1;
        while row + count < shares.len()
            && worst(&shares[row..=row + count], rest, left, wide) <= worst(&shares[row..row + count], rest, left, wide)
        {
            count += 1;
        }
        let strip: f64 = shares[row..row + count].iter().sum();
        let last = row + count == shares.len();
        let length = |of: u16| if last { of } else { ((strip / rest * f64::from(of)).round() as u16).clamp(1, of) };
        let (part, remains) =
            if wide { cut(left, length(left.width), true) } else { cut(left, length(left.height), false) };
        let mut part = part;
        let mut strip_rest = strip;
        for (place, share) in shares[row..row + count].iter().enumerate() {
            let along = if wide { part.height } else { part.width };
            let length = if place + 1 == count {
                along
            } else {
                ((share / strip_rest * f64::from(along)).round() as u16).clamp(1, along.max(1)).min(along)
            };
            let (tile, after) = cut(part, length, !wide);
            if tile.width > 0 && tile.height > 0 {
                tiles.push(Tile { row: row + place, area: tile });
            }
            part = after;
            strip_rest -= share;
        }
        rest -= strip;
        row += count;
        left = remains;
    }
    tiles
}

/// The worst ratio of sides among tiles that share a strip.
fn worst(shares: &[f64], rest: f64, area: Rect, wide: bool) -> f64 {
    let (width, height) = (f64::from(area.width), 2.0 * f64::from(area.height));
    let strip: f64 = shares.iter().sum();
    let (across, along) = if wide { (width * strip / rest, height) } else { (height * strip / rest, width) };
    let ratio = |share: &f64| {
        let length = along * share / strip;
        f64::max(length / across, across / length)
    };
    shares.iter().map(ratio).fold(0.0, f64::max)
}

/// Cuts a piece off the left, or off the top.
fn cut(area: Rect, length: u16, left: bool) -> (Rect, Rect) {
    if left {
        let rest = Rect { x: area.x + length, width: area.width - length, ..area };
        (Rect { width: length, ..area }, rest)
    } else {
        let rest = Rect { y: area.y + length, height: area.height - length, ..area };
        (Rect { height: length, ..area }, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_the_area_and_do_not_overlap() {
        for (width, height) in [(80, 20), (20, 5), (200, 60), (6, 2), (3, 40), (1, 1)] {
            let sizes: Vec<u64> = (0..200_u64).map(|n| 1_000_000 / (n * n + 1)).collect();
            let area = Rect::new(3, 2, width, height);
            let tiles = tiles(&sizes, area);
            // Where nothing is large enough to be read, nothing is drawn.
            if tiles.is_empty() {
                assert!(width * height < 40, "{width}x{height}");
                continue;
            }
            let mut seen = vec![0_u8; usize::from(width) * usize::from(height)];
            for tile in &tiles {
                for position in tile.area.positions() {
                    seen[usize::from(position.y - 2) * usize::from(width) + usize::from(position.x - 3)] += 1;
                }
            }
            assert!(seen.iter().all(|count| *count == 1), "{width}x{height}: {tiles:?}");
            assert!(tiles.len() <= sizes.len());
        }
        assert!(tiles(&[], Rect::new(0, 0, 9, 9)).is_empty());
        assert!(tiles(&[5], Rect::new(0, 0, 0, 9)).is_empty());
    }

    #[test]
    fn areas_are_as_large_as_their_bytes() {
        let sizes = [500_u64, 300, 200];
        let tiles = tiles(&sizes, Rect::new(0, 0, 100, 50));
        for (tile, size) in tiles.iter().zip(sizes) {
            let share = f64::from(tile.area.area()) / 5000.0;
            assert!((share - size as f64 / 1000.0).abs() < 0.02, "{tile:?}: {share}");
        }
    }
}

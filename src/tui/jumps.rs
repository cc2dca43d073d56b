//! Places that the user came from: Esc and the jump keys lead back to them, as in editors.

use super::app::App;
use super::browse::Of;
use super::layout::Focus;
use super::screens::Screen;
use crate::tree::NodeId;

/// A place on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    screen: Screen,
    focus: Focus,
    layer: usize,
    mark: Option<usize>,
    all: bool,
    node: Option<NodeId>,
    map: NodeId,
    finding: usize,
}

/// Places before the current one, and those that the user went back from.
#[derive(Debug, Default)]
pub(super) struct Jumps {
    past: Vec<Spot>,
    future: Vec<Spot>,
}

/// Places that are remembered.
const MOST: usize = 100;

impl App {
    fn spot(&self) -> Spot {
        Spot {
            screen: self.screen,
            focus: self.layers.focus,
            layer: self.layers.cursor.at,
            mark: self.layers.mark,
            all: self.browse.all,
            node: self.browse.selected().map(|row| row.node),
            map: self.map.folder,
            finding: self.waste.list.cursor.at,
        }
    }

    /// Remembers the current place before going to another one.
    pub(super) fn remember(&mut self) {
        let spot = self.spot();
        self.jumps.future.clear();
        if self.jumps.past.last() != Some(&spot) {
            self.jumps.past.push(spot);
        }
        let surplus = self.jumps.past.len().saturating_sub(MOST);
        self.jumps.past.drain(..surplus);
    }

    /// Goes back to the place before this one, or forward again. False when there is none.
    pub(super) fn jump(&mut self, forward: bool) -> bool {
        let here = self.spot();
        let jumps = &mut self.jumps;
        let (from, to) =
            if forward { (&mut jumps.future, &mut jumps.past) } else { (&mut jumps.past, &mut jumps.future) };
        let Some(spot) = from.pop() else { return false };
        to.push(here.clone());
        self.overlays.clear();
        self.screen = spot.screen;
        self.layers.focus = spot.focus;
        self.waste.list.cursor.at = spot.finding;
        self.map.folder = spot.map;
        let rows = (here.layer, here.mark, here.all) != (spot.layer, spot.mark, spot.all);
        (self.layers.cursor.at, self.layers.mark, self.browse.all) = (spot.layer, spot.mark, spot.all);
        if rows || spot.node != here.node {
            match spot.node {
                Some(node) => {
                    let all = spot.all;
                    self.ask_rows(|browse, of: &Of<'_>| {
                        let work = browse.go_to(node, of);
                        browse.all |= all;
                        work
                    });
                }
                None => self.show_layer(),
            }
        } else {
            self.show_map();
        }
        true
    }
}

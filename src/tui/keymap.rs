//! Every key, once: handling, footer, help, README and settings all read this table.

use std::fmt;

use super::keys::Key;

/// Where a key works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// The list of layers.
    Layers,
    /// The tree of files.
    Files,
    /// What is to be said of the selected layer.
    Details,
    /// The list of findings.
    Waste,
    /// The cause and fix of the selected finding.
    Cause,
    /// The map.
    Map,
    /// What the documents say.
    Image,
    /// A file's content.
    Viewer,
    /// The history of one path.
    History,
}

use Place::{Details, Files, History, Layers, Map, Viewer, Waste};

macro_rules! actions {
    ($($action:ident $name:literal,)*) => {
        /// What a key does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the table says it in words")]
        pub enum Action { $($action,)* }

        impl Action {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$action,)*];

            /// As settings call it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$action => $name,)* }
            }
        }
    };
}

actions! {
    Up "up", Down "down", PageUp "page-up", PageDown "page-down", First "first", Last "last",
    Left "left", Right "right", Open "open", Back "back", NextPane "next-pane",
    LayersScreen "layers", WasteScreen "waste", MapScreen "map", ImageScreen "image",
    PreviousLayer "previous-layer", NextLayer "next-layer",
    Mark "mark", Aggregate "aggregate", OneLayer "one-layer", AllFiles "all-files",
    Fold "fold", FoldAll "fold-all", UnfoldAll "unfold-all", FoldLevel "fold-level", UnfoldLevel "unfold-level",
    Filter "filter", Jump "jump", NextChange "next-change", PreviousChange "previous-change",
    View "view", Blame "history", Save "save", Copy "copy", Sort "sort",
    ShowAdded "show-added", ShowModified "show-modified", ShowMetadata "show-metadata", ShowRemoved "show-removed",
    ShowUnchanged "show-unchanged", Attributes "attributes", Chains "chains",
    Hex "hex", Wrap "wrap", FindNext "find-next", FindPrevious "find-previous",
    Mouse "mouse", Theme "theme", Help "help", Quit "quit", Suspend "suspend",
}

/// A row of the table.
#[derive(Debug)]
pub struct Binding {
    /// Where it works; everywhere when there is no place.
    pub places: &'static [Place],
    /// What it does.
    pub action: Action,
    /// The keys that do it unless settings say otherwise, as settings have them.
    keys: &'static str,
    /// In words.
    pub help: &'static str,
    /// In a word or two, for the footer; empty where there is no room for it.
    pub hint: &'static str,
}

const fn bind(
    places: &'static [Place],
    action: Action,
    keys: &'static str,
    hint: &'static str,
    help: &'static str,
) -> Binding {
    Binding { places, action, keys, help, hint }
}

const TREES: &[Place] = &[Layers, Files, Details];
/// Where a layer is selected.
const LAYERED: &[Place] = &[Layers, Files, Details, Map];

/// All keys. Hints stand in the footer in this order.
pub const BINDINGS: &[Binding] = &[
    bind(&[], Action::Up, "up k", "", "the row above"),
    bind(&[], Action::Down, "down j", "", "the row below"),
    bind(&[], Action::PageUp, "pgup ctrl+b ctrl+u u", "", "a page up"),
    bind(&[], Action::PageDown, "pgdn ctrl+f ctrl+d d", "", "a page down"),
    bind(&[], Action::First, "home g", "", "the first row"),
    bind(&[], Action::Last, "end G", "", "the last row"),
    bind(&[], Action::Right, "right l", "", "into: the files of a layer, a folder, a finding's path"),
    bind(&[], Action::Left, "left h", "", "out: fold the folder, its parent, back to the layers"),
    bind(&[], Action::Open, "enter", "open", "open: a layer's files, a folder, a file, a finding's path"),
    bind(&[], Action::Back, "esc backspace", "", "close what is open, clear the filter, end the mark"),
    bind(
        &[],
        Action::NextPane,
        "tab backtab",
        "pane",
        "from layers to files, to the details of the layer, and back; else the next screen",
    ),
    bind(&[], Action::LayersScreen, "1", "", "the layers and their files"),
    bind(&[], Action::WasteScreen, "2 w", "", "what is wasted, and what to change"),
    bind(&[], Action::MapScreen, "3", "", "a map of the bytes"),
    bind(&[], Action::ImageScreen, "4 i", "", "what the image's documents say, and its whole history"),
    bind(&[Layers], Action::Mark, "space", "mark", "mark a layer: all up to the selected one is shown as one change"),
    bind(TREES, Action::AllFiles, "a", "all files", "all files after the layer, or only its changes"),
    bind(&[Files], Action::Fold, "space", "fold", "fold or unfold the folder"),
    bind(&[Waste], Action::Fold, "space", "fold", "fold or unfold the group"),
    bind(TREES, Action::Filter, "/", "filter", "filter: text, *.glob, re:regex, >10MB, is:removed, !not"),
    bind(&[Viewer], Action::Filter, "/", "search", "search in the file"),
    bind(&[Files], Action::View, "v", "view", "look into the file"),
    bind(&[Files], Action::Blame, "b", "history", "the path's history through the layers"),
    bind(&[Files, Viewer, History], Action::Save, "x ctrl+e", "save", "save the file or folder to disk"),
    bind(&[Files], Action::Sort, "s ctrl+o", "sort", "sort by name, size or change"),
    bind(&[Waste], Action::Sort, "s", "group", "group by whose it is, by rule or by layer"),
    bind(&[], Action::Copy, "y", "copy", "copy a path, a digest, a command or a fix"),
    bind(LAYERED, Action::PreviousLayer, "[", "", "the layer above, from any pane"),
    bind(LAYERED, Action::NextLayer, "]", "", "the layer below, from any pane"),
    bind(&[Viewer], Action::PreviousLayer, "[", "", "the version of the file before this one"),
    bind(&[Viewer], Action::NextLayer, "]", "", "the version of the file after this one"),
    bind(&[Layers], Action::Aggregate, "ctrl+a", "", "everything from the first layer on as one change"),
    bind(&[Layers], Action::OneLayer, "ctrl+l", "", "only the selected layer's own changes"),
    bind(&[Map], Action::AllFiles, "a", "all/changes", "the whole file system after the layer, or only its changes"),
    bind(&[], Action::Jump, "ctrl+p", "", "go to a path: type some letters of it"),
    bind(&[Files], Action::NextChange, "n", "", "the next file that is changed"),
    bind(&[Files], Action::PreviousChange, "N", "", "the one before"),
    bind(&[Files], Action::FoldAll, "z ctrl+space", "", "fold all folders"),
    bind(&[Files], Action::UnfoldAll, "Z", "", "unfold all folders"),
    bind(&[Files], Action::UnfoldLevel, ">", "", "unfold one level more"),
    bind(&[Files], Action::FoldLevel, "<", "", "unfold one level less"),
    bind(&[Files], Action::ShowAdded, "+ ctrl+a", "", "show or hide what is added"),
    bind(&[Files], Action::ShowModified, "~", "", "show or hide what is changed"),
    bind(&[Files], Action::ShowMetadata, "@", "", "show or hide what has only other mode, owner or times"),
    bind(&[Files], Action::ShowRemoved, "- ctrl+r", "", "show or hide what is removed"),
    bind(&[Files], Action::ShowUnchanged, "=", "", "show or hide what is unchanged"),
    bind(&[Files], Action::Attributes, "A", "", "show or hide mode and owner"),
    bind(&[Files], Action::Chains, "c", "", "folders that hold one folder only: in one row, or each in its own"),
    bind(&[Viewer], Action::Hex, "tab", "hex", "as text or as bytes"),
    bind(&[Viewer], Action::Wrap, "w", "wrap", "wrap long lines, or cut them"),
    bind(&[Viewer], Action::FindNext, "n", "next", "the next place that was searched for"),
    bind(&[Viewer], Action::FindPrevious, "N", "", "the place before"),
    bind(&[], Action::Mouse, "m", "", "let go of the mouse, so that the terminal selects text; again takes it"),
    bind(&[], Action::Theme, "T", "", "the next theme"),
    bind(&[], Action::Help, "? f1", "help", "every key"),
    bind(&[], Action::Quit, "q ctrl+c", "quit", "quit, or close what is open"),
    bind(&[], Action::Suspend, "ctrl+z", "", "put it aside; `fg` brings it back"),
];

/// What settings say of keys and can't mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeymapError {
    /// The action as it was written.
    pub action: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for KeymapError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "keys.{}: {}", self.action, self.message)
    }
}

impl std::error::Error for KeymapError {}

/// The table, with what settings changed.
#[derive(Debug, Clone)]
pub struct Keymap {
    /// Beside [`BINDINGS`].
    keys: Vec<Vec<Key>>,
}

impl Default for Keymap {
    fn default() -> Self {
        // A test holds that all of them are keys.
        let keys = |binding: &Binding| binding.keys.split(' ').filter_map(|text| Key::parse(text).ok()).collect();
        Self { keys: BINDINGS.iter().map(keys).collect() }
    }
}

impl Keymap {
    /// Gives actions other keys: name of the action and its keys, none to leave it without. An action that has keys in
    /// several places has the new ones in all of them.
    ///
    /// # Errors
    /// For an unknown action or key, and when two actions would have one key in the same place.
    pub fn with<'s>(changes: impl IntoIterator<Item = (&'s str, Vec<String>)>) -> Result<Self, KeymapError> {
        let mut map = Self::default();
        let mut given = Vec::new();
        for (name, keys) in changes {
            let failed = |message| KeymapError { action: name.to_owned(), message };
            let action = Action::ALL.iter().copied().find(|action| action.name() == name);
            let action = action.ok_or_else(|| failed(format!("there is no such action{}", nearest(name))))?;
            let keys: Vec<Key> = keys.iter().map(|key| Key::parse(key)).collect::<Result<_, _>>().map_err(failed)?;
            for (bound, binding) in map.keys.iter_mut().zip(BINDINGS) {
                if binding.action == action {
                    bound.clone_from(&keys);
                }
            }
            given.push(action);
        }
        // A key that is given to an action is taken from those that had it by default.
        for (place, binding) in BINDINGS.iter().enumerate() {
            for (other, rival) in BINDINGS.iter().enumerate() {
                if place == other || binding.action == rival.action || !given.contains(&binding.action) {
                    continue;
                }
                let taken = map.keys[place].clone();
                // What was said of both must hold of both, also where one would only hide the other.
                let both = given.contains(&rival.action) && (binding.meets(rival) || binding.places.is_empty());
                if !both && !binding.meets(rival) {
                    continue;
                }
                if both || given.contains(&rival.action) && rival.action != binding.action {
                    if let Some(key) = taken.iter().find(|key| map.keys[other].contains(key)) {
                        let message = format!("{} is also the key of `{}`", key.label(), rival.action.name());
                        return Err(KeymapError { action: binding.action.name().to_owned(), message });
                    }
                } else if rival.action != binding.action {
                    let had = !map.keys[other].is_empty();
                    map.keys[other].retain(|key| !taken.contains(key));
                    if had && map.keys[other].is_empty() {
                        let key = taken.first().map(|key| key.label()).unwrap_or_default();
                        let message =
                            format!("{key} is the only key of `{0}`; give `{0}` another one, too", rival.action.name());
                        return Err(KeymapError { action: binding.action.name().to_owned(), message });
                    }
                }
            }
        }
        Ok(map)
    }

    /// What a key does in a place; None for keys that do nothing there.
    pub(super) fn action(&self, place: Place, key: Key) -> Option<Action> {
        let bound = |own: bool| {
            let mut rows = BINDINGS.iter().zip(&self.keys);
            rows.find(|(binding, keys)| {
                keys.contains(&key) && if own { binding.places.contains(&place) } else { binding.places.is_empty() }
            })
        };
        bound(true).or_else(|| bound(false)).map(|(binding, _)| binding.action)
    }

    /// Every row that has keys, with them as they are shown.
    pub fn rows(&self) -> impl Iterator<Item = (&'static Binding, String)> {
        BINDINGS.iter().zip(&self.keys).filter(|(_, keys)| !keys.is_empty()).map(|(binding, keys)| {
            let labels: Vec<String> = keys.iter().map(|key| key.label()).collect();
            (binding, labels.join(" "))
        })
    }

    /// Key and hint of what works in a place, its own first.
    pub(super) fn hints(&self, place: Place) -> impl Iterator<Item = (String, &'static str)> {
        let rows = || BINDINGS.iter().zip(&self.keys).filter(|(binding, _)| !binding.hint.is_empty());
        let own = rows().filter(move |(binding, _)| binding.places.contains(&place));
        let rest = rows().filter(|(binding, _)| binding.places.is_empty());
        own.chain(rest).filter_map(|(binding, keys)| Some((keys.first()?.label(), binding.hint)))
    }

    /// The first key of an action, as it is shown.
    pub(super) fn key_of(&self, action: Action) -> String {
        let keys = BINDINGS.iter().zip(&self.keys).find(|(binding, _)| binding.action == action);
        keys.and_then(|(_, keys)| keys.first()).map(|key| key.label()).unwrap_or_default()
    }
}

impl Binding {
    /// Whether a key of one would hide the same key of the other.
    fn meets(&self, other: &Self) -> bool {
        self.places.is_empty() && other.places.is_empty()
            || self.places.iter().any(|place| other.places.contains(place))
    }
}

/// What may have been meant.
fn nearest(name: &str) -> String {
    let best = Action::ALL.iter().map(|action| (strsim::damerau_levenshtein(name, action.name()), action.name())).min();
    match best {
        Some((distance, best)) if distance <= best.len() / 2 => format!("; did you mean `{best}`?"),
        _ => format!("; there are {}", Action::ALL.iter().map(|action| action.name()).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_table_is_one() {
        for binding in BINDINGS {
            for key in binding.keys.split(' ') {
                assert!(Key::parse(key).is_ok(), "{key}");
            }
        }
    }

    #[test]
    fn no_two_actions_share_a_key_in_one_place() {
        let map = Keymap::default();
        for (place, binding) in BINDINGS.iter().enumerate() {
            for (other, rival) in BINDINGS.iter().enumerate().skip(place + 1) {
                let shared = map.keys[place].iter().find(|key| map.keys[other].contains(key));
                assert!(!binding.meets(rival) || shared.is_none(), "{:?} and {:?}", binding.action, rival.action);
            }
        }
    }

    #[test]
    fn every_action_has_a_row() {
        for action in Action::ALL {
            assert!(BINDINGS.iter().any(|binding| binding.action == *action), "{action:?}");
        }
    }

    #[test]
    fn keys_are_given_away() {
        let key = |text| Key::parse(text).unwrap();
        let map = Keymap::with([("quit", vec!["Q".to_owned()]), ("view", vec!["enter".to_owned(), "f3".to_owned()])]);
        let map = map.unwrap();
        assert_eq!(map.action(Place::Files, key("Q")), Some(Action::Quit));
        assert_eq!(map.action(Place::Files, key("q")), None);
        assert_eq!(map.action(Place::Files, key("enter")), Some(Action::View), "the own place comes first");
        assert_eq!(map.action(Place::Layers, key("enter")), Some(Action::Open));
        // What had the key by default loses it.
        let map = Keymap::with([("jump", vec!["q".to_owned()])]).unwrap();
        assert_eq!(map.action(Place::Map, key("q")), Some(Action::Jump));
        assert_eq!(map.key_of(Action::Quit), "^c");
    }

    #[test]
    fn what_keys_cannot_be_is_told() {
        let error =
            |name: &'static str, key: &str| Keymap::with([(name, vec![key.to_owned()])]).unwrap_err().to_string();
        assert_eq!(error("qiut", "x"), "keys.qiut: there is no such action; did you mean `quit`?");
        assert!(error("quit", "hyper+x").starts_with("keys.quit: `hyper+x` is no key"));
        let twice = Keymap::with([("quit", vec!["x".to_owned()]), ("jump", vec!["x".to_owned()])]).unwrap_err();
        assert!(twice.to_string().contains("x is also the key of `"), "{twice}");
        // In one place the one would hide the other.
        let hidden = Keymap::with([("quit", vec!["f".to_owned()]), ("filter", vec!["f".to_owned()])]).unwrap_err();
        assert!(hidden.to_string().contains("f is also the key of `"), "{hidden}");
        assert!(error("save", "b").contains("b is the only key of `history`; give `history` another one, too"));
        assert!(error("quit", "\u{1b}").contains("is no key"));
    }
}

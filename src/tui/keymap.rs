//! Every key, once: handling, footer, help, README and settings all read this table.

use std::fmt;

use super::chrome::Hint;
use super::keys::Key;

/// Where a key works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// The list of layers.
    Layers,
    /// The file tree.
    Files,
    /// The details of what is selected.
    Details,
    /// The list of findings.
    Waste,
    /// The change that ends the selected waste.
    Cause,
    /// The map.
    Map,
    /// The page of the manifest and the config.
    Image,
    /// The search through all layers.
    Find,
    /// A file's content.
    Viewer,
    /// Two files compared.
    Diff,
    /// The history of a path.
    History,
    /// The list of images.
    Picker,
    /// The list of texts to copy.
    Copy,
    /// The question where to save.
    Save,
    /// An edit of the Dockerfile.
    Fix,
    /// The help.
    Help,
}

use Place::{Cause, Details, Files, Find, History, Layers, Map, Picker, Viewer, Waste};

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
    JumpBack "jump-back", JumpForward "jump-forward", Files "files", Range "range", SaveFinal "save-final", Colours "colours", Platform "platform",
    Mark "mark", Aggregate "aggregate", OneLayer "one-layer", AllFiles "all-files",
    Fold "fold", FoldAll "fold-all", UnfoldAll "unfold-all", FoldLevel "fold-level", UnfoldLevel "unfold-level",
    Filter "filter", Find "find", Diff "diff", NextChange "next-change", PreviousChange "previous-change",
    View "view", Blame "history", Save "save", Fix "fix", Prove "prove", Copy "copy", Sort "sort",
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
    bind(&[], Action::PageDown, "pgdn d", "", "a page down"),
    bind(&[], Action::First, "home g", "", "the first row"),
    bind(&[], Action::Last, "end G", "", "the last row"),
    bind(&[], Action::Right, "right l", "", "into: the files of a layer, a directory, a finding's path"),
    bind(&[], Action::Left, "left h", "", "out: fold the directory, its parent, back to the layers"),
    bind(&[], Action::Open, "enter", "open", "open: a layer's files, a directory, a file, a finding's path"),
    bind(&[], Action::Back, "esc backspace", "", "close what is open, clear the filter, go back to the previous place"),
    bind(&[], Action::JumpBack, "ctrl+o alt+left", "", "back to the previous place, as in editors"),
    bind(&[], Action::JumpForward, "alt+o alt+right", "", "forward again"),
    bind(&[], Action::LayersScreen, "1", "", "the layers and their files"),
    bind(&[], Action::WasteScreen, "2 w", "", "what is wasted, and what to change"),
    bind(&[], Action::MapScreen, "3", "", "a map of the bytes"),
    bind(&[], Action::ImageScreen, "4 i", "", "the image's config and its whole history"),
    bind(
        &[Layers],
        Action::Mark,
        "space",
        "mark",
        "mark a layer: it and all up to the selected one are shown as one change",
    ),
    bind(&[Files], Action::View, "v", "view", "view the file"),
    bind(TREES, Action::Filter, "/", "filter", "filter: text, *.glob, re:regex, >10MB, is:removed, !not"),
    bind(
        &[],
        Action::Find,
        "ctrl+f ctrl+p",
        "find",
        "find in all layers, deleted files too; the words of the filter work here",
    ),
    bind(&[Find], Action::View, "ctrl+v", "view", "view the copy"),
    bind(&[Find], Action::Blame, "ctrl+b", "history", "the history of the path"),
    bind(&[Find], Action::Sort, "ctrl+s", "sort", "sort by match or by size"),
    bind(&[Find], Action::Save, "ctrl+x", "save", "save the copy"),
    bind(&[Viewer], Action::Filter, "/", "search", "search in the file"),
    bind(&[Viewer], Action::FindNext, "n", "next", "the next match"),
    bind(&[Files, Map, History, Viewer], Action::Blame, "b", "history", "the path's history through the layers"),
    bind(
        &[Files, Viewer, History],
        Action::Diff,
        "d",
        "diff",
        "compare with the version before, or with the other image",
    ),
    bind(&[Viewer, Place::Diff], Action::FindPrevious, "N", "", "the match or change before"),
    bind(&[Place::Diff], Action::FindNext, "n", "next", "the next change"),
    bind(&[Place::Diff], Action::Diff, "d", "", "close the comparison"),
    bind(&[Files, Viewer, History], Action::Save, "x ctrl+e", "save", "save the file or directory to disk"),
    bind(&[Files], Action::Sort, "s", "sort", "sort by size, by change or by name"),
    bind(&[Files], Action::Fold, "space", "fold", "fold or unfold the directory"),
    bind(TREES, Action::AllFiles, "a", "all files", "all files after the layer, or only its changes"),
    bind(&[Waste], Action::Fold, "space", "fold", "fold or unfold the group"),
    bind(&[Waste, Cause], Action::Fix, "f", "fix", "apply the change to the Dockerfile, or prove it"),
    bind(
        &[Place::Fix],
        Action::Prove,
        "p",
        "prove",
        "build the original and the edited Dockerfile, and compare the images",
    ),
    bind(&[Waste], Action::Sort, "s", "group", "group by what to change, by rule or by layer"),
    bind(
        &[Layers, Files, Details, Waste, Cause, Map, Place::Image, History, Viewer],
        Action::Copy,
        "y",
        "copy",
        "copy a path, a digest, a command or a fix",
    ),
    bind(TREES, Action::Range, "r", "", "go to a layer or a range of layers by number: 7, 2-5"),
    bind(&[Files], Action::SaveFinal, "X", "", "save the file or directory as it is in the end"),
    bind(&[Map], Action::Colours, "c", "colours", "colour by depth, by base image and own layers, or by waste"),
    bind(LAYERED, Action::PreviousLayer, "[", "", "the layer above, from any pane"),
    bind(LAYERED, Action::NextLayer, "]", "", "the layer below, from any pane"),
    bind(&[Viewer], Action::PreviousLayer, "[", "", "the version of the file before this one"),
    bind(&[Viewer], Action::NextLayer, "]", "", "the version of the file after this one"),
    bind(&[Layers], Action::Aggregate, "ctrl+a", "", "everything from the first layer on as one change"),
    bind(&[Layers], Action::OneLayer, "ctrl+l", "", "only the selected layer's own changes"),
    bind(&[Map], Action::AllFiles, "a", "all/changes", "the whole file system after the layer, or only its changes"),
    bind(&[Map], Action::Files, "f", "files", "show the path in the files"),
    bind(&[Files], Action::NextChange, "n", "next match", "the next match of the filter; without one the next change"),
    bind(&[Files], Action::PreviousChange, "N", "", "the match or change before"),
    bind(&[Files], Action::FoldAll, "z ctrl+space", "", "fold all directories"),
    bind(&[Files], Action::UnfoldAll, "Z", "", "unfold all directories"),
    bind(&[Files], Action::UnfoldLevel, ">", "", "unfold one level more"),
    bind(&[Files], Action::FoldLevel, "<", "", "fold the deepest level"),
    bind(&[Files], Action::ShowAdded, "+ ctrl+a", "", "show or hide added paths"),
    bind(&[Files], Action::ShowModified, "~", "", "show or hide changed paths"),
    bind(&[Files], Action::ShowMetadata, "@", "", "show or hide paths with only another mode, owner or time"),
    bind(&[Files], Action::ShowRemoved, "- ctrl+r", "", "show or hide removed paths"),
    bind(&[Files], Action::ShowUnchanged, "=", "", "show or hide unchanged paths"),
    bind(&[Files], Action::Attributes, "A", "", "show or hide mode and owner"),
    bind(
        &[Files],
        Action::Chains,
        "c",
        "",
        "show directories that hold one directory only in one row, or each in its own",
    ),
    bind(&[Viewer], Action::Hex, "tab", "hex", "as text or as bytes"),
    bind(&[Viewer], Action::Wrap, "w", "wrap", "wrap long lines, or cut them"),
    bind(&[History], Action::View, "v", "view", "view this version"),
    bind(&[Picker], Action::Diff, "ctrl+d", "compare with", "choose another image to compare this one with"),
    bind(&[Picker], Action::Sort, "ctrl+s", "sort", "sort by age, name or size"),
    bind(
        &[],
        Action::NextPane,
        "tab backtab",
        "pane",
        "the next pane: layers, files, details; on a screen with one pane, the next screen",
    ),
    bind(&[], Action::Mouse, "m", "", "release the mouse so that the terminal selects text, or capture it again"),
    bind(&[], Action::Platform, "P", "", "choose another platform of the image"),
    bind(&[], Action::Theme, "T", "", "the next theme"),
    bind(&[], Action::Help, "? f1", "help", "every key, sign and word"),
    bind(&[], Action::Quit, "q ctrl+c", "quit", "quit, or close what is open"),
    bind(&[], Action::Suspend, "ctrl+z", "", "suspend; `fg` continues"),
];

/// Keys of the settings that can't be.
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

    /// Actions and hints of what works in a place, in the order of the table.
    pub(super) fn hints(&self, place: Place) -> impl Iterator<Item = (Action, Hint)> {
        let rows = || BINDINGS.iter().zip(&self.keys).filter(|(binding, _)| !binding.hint.is_empty());
        // What lies over a screen has no panes, and a file's content nothing to open.
        let over =
            matches!(place, Place::Find | Viewer | Place::Diff | History | Place::Copy | Place::Save | Place::Fix);
        let hidden = move |binding: &Binding| match binding.action {
            Action::NextPane | Action::Find => over,
            Action::Open => matches!(place, Viewer | Place::Diff),
            // A place's own row hides the one that works everywhere.
            action => BINDINGS.iter().any(|own| own.action == action && own.places.contains(&place)),
        };
        let works = rows().filter(move |(binding, _)| {
            binding.places.contains(&place) || binding.places.is_empty() && !hidden(binding)
        });
        let typed = matches!(place, Place::Picker | Place::Find);
        works.filter_map(move |(binding, keys)| {
            // Where letters are typed they are not keys.
            let works =
                |key: &&Key| !typed || key.letter().is_none_or(|letter| letter == '?' && place == Place::Picker);
            let key = keys.iter().find(works)?;
            Some((binding.action, Hint::new(*key, binding.hint)))
        })
    }

    /// The first key of an action.
    pub(super) fn first_key(&self, action: Action) -> Option<Key> {
        let keys = BINDINGS.iter().zip(&self.keys).find(|(binding, _)| binding.action == action);
        keys.and_then(|(_, keys)| keys.first()).copied()
    }

    /// The first key of an action, as it is shown.
    pub(super) fn key_of(&self, action: Action) -> String {
        self.first_key(action).map(Key::label).unwrap_or_default()
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
        let map = Keymap::with([("find", vec!["q".to_owned()])]).unwrap();
        assert_eq!(map.action(Place::Map, key("q")), Some(Action::Find));
        assert_eq!(map.key_of(Action::Quit), "^c");
    }

    #[test]
    fn invalid_keys_are_reported() {
        let error =
            |name: &'static str, key: &str| Keymap::with([(name, vec![key.to_owned()])]).unwrap_err().to_string();
        assert_eq!(error("qiut", "x"), "keys.qiut: there is no such action; did you mean `quit`?");
        assert!(error("quit", "hyper+x").starts_with("keys.quit: `hyper+x` is not a key"));
        let twice = Keymap::with([("quit", vec!["x".to_owned()]), ("find", vec!["x".to_owned()])]).unwrap_err();
        assert!(twice.to_string().contains("x is also the key of `"), "{twice}");
        // In one place the one would hide the other.
        let hidden = Keymap::with([("quit", vec!["f".to_owned()]), ("filter", vec!["f".to_owned()])]).unwrap_err();
        assert!(hidden.to_string().contains("f is also the key of `"), "{hidden}");
        assert!(error("save", "b").contains("b is the only key of `history`; give `history` another one, too"));
        assert!(error("quit", "\u{1b}").contains("is not a key"));
    }
}

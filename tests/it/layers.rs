//! The folders of `src/` stand in the order that data travels, and a folder uses only those before it.

use std::path::{Path, PathBuf};

const ORDER: [&str; 14] = [
    "bytes", "secret", "source", "image", "layer", "tree", "build", "waste", "fix", "inspect", "content", "compare",
    "prove", "gate",
];
/// Side by side at the end of the way: neither uses the other's insides, both use all before.
const ENDS: [&str; 2] = ["report", "tui"];

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|end| end == "rs") {
            out.push(path);
        }
    }
}

/// The files of a folder, or of a module that is a file with a folder beside it.
fn module(name: &str) -> Vec<(PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    if src.join(name).is_dir() {
        sources(&src.join(name), &mut files);
    }
    let file = src.join(format!("{name}.rs"));
    if file.is_file() {
        files.push(file);
    }
    assert!(!files.is_empty(), "src/{name} is gone");
    files.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn uses_point_one_way() {
    for (place, folder) in ORDER.iter().chain(&ENDS).enumerate() {
        let later: Vec<&str> = match ORDER.get(place) {
            Some(_) => ORDER[place + 1..].iter().chain(&ENDS).copied().collect(),
            // The screen shows sizes and dates as reports do.
            None if *folder == "tui" => Vec::new(),
            None => vec!["tui"],
        };
        for (path, text) in module(folder) {
            for other in later.iter().chain(&["cli", "settings"]) {
                assert!(!text.contains(&format!("crate::{other}")), "{} uses {other}", path.display());
            }
        }
    }
}

#[test]
fn libraries_of_the_edges_stay_at_the_edges() {
    for (library, home) in [("ratatui", "tui"), ("crossterm", "tui"), ("bollard", "source"), ("clap", "cli")] {
        for folder in ORDER.iter().chain(&ENDS).filter(|folder| **folder != home) {
            for (path, text) in module(folder) {
                assert!(!text.contains(&format!("{library}::")), "{} uses {library}", path.display());
            }
        }
    }
}

#[test]
fn every_folder_says_what_it_owns() {
    for folder in ORDER.iter().chain(&ENDS) {
        let (path, text) = module(folder)
            .into_iter()
            .find(|(path, _)| path.ends_with(format!("{folder}/mod.rs")) || path.ends_with(format!("{folder}.rs")))
            .unwrap();
        let opening: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
        assert!(opening.contains("Owns"), "{} does not say what it owns", path.display());
    }
}

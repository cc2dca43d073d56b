//! The catalogue of rules, held against the list of paths that came with it.

use explore::waste::{Level, Rules};

/// What live bytes are looked up in; a rule that only labels is found for dead ones.
const LIVE: [Level; 3] = [Level::On, Level::Confirmed, Level::Advice];
const DEAD: [Level; 4] = [Level::On, Level::Confirmed, Level::Advice, Level::Label];

#[test]
fn every_path_is_named_by_the_rule_that_should() {
    let rules = Rules::built_in();
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in include_str!("waste-paths.txt").lines().filter(|line| !line.trim().is_empty()) {
        let (want, path) = line.split_once(' ').unwrap();
        let levels: &[Level] = match rules.get(want).map(|rule| rule.level) {
            _ if want == "secret-none" => &[Level::Secret],
            Some(Level::Secret) => &[Level::Secret],
            Some(Level::Label) => &DEAD,
            _ => &LIVE,
        };
        let want = Some(want).filter(|want| !["-", "secret-none"].contains(want));
        let got = rules.first(path.as_bytes(), levels).map(|rule| rule.id.as_str());
        if got != want {
            wrong.push(format!("{path}: {got:?}, not {want:?}"));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 190, "only {count} paths were tried");
}

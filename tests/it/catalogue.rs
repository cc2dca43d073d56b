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

#[test]
fn every_rule_says_why_in_two_plain_sentences() {
    let rules = Rules::built_in();
    for rule in rules.all() {
        let sentences = rule.why.matches(". ").count() + 1;
        assert!(rule.why.ends_with('.') && (1..=3).contains(&sentences), "{}: {}", rule.id, rule.why);
        assert!(rule.why.len() < 320, "{}: {} characters", rule.id, rule.why.len());
        // Codes and orders are for whoever changes the catalogue.
        for word in ["G-", "Say ", "print ", "Never ", "level", "finding", "guard"] {
            assert!(!rule.why.contains(word), "{}: `{word}` in {}", rule.id, rule.why);
        }
        let mut page = Vec::new();
        explore::report::write_rule(rules, rule, &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words(&page).contains(&words(&rule.why)) && !page.contains("G-"), "{page}");
        assert!(!page.contains("\n\n\n"), "{page}");
    }
}

fn sources(directory: &std::path::Path, all: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else {
            all.push(path);
        }
    }
}

#[test]
fn no_code_asks_for_a_rule_by_its_id() {
    let mut files = Vec::new();
    sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    assert!(files.len() > 100);
    let rules = Rules::built_in();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        // What a user may write in a limit is an example, and in the table of settings.
        let is_help = path.ends_with("settings/table.rs") || path.ends_with("cli.rs");
        for rule in rules.all().iter().filter(|_| !is_help) {
            assert!(!code.contains(&format!("\"{}\"", rule.id)), "{} names {}", path.display(), rule.id);
        }
    }
}

//! What is outside of the program: addresses, the changelog, the plugin for docker.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every text file outside of the sources.
fn texts() -> Vec<String> {
    let mut found: Vec<String> =
        ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "action.yml"].map(str::to_owned).into();
    let mut left = vec!["docs".to_owned(), "packaging".to_owned(), ".github".to_owned()];
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).expect("a directory of the repository").flatten() {
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() { left.push(path) } else { found.push(path) }
        }
    }
    found.retain(|path| std::fs::read(root().join(path)).is_ok_and(|bytes| std::str::from_utf8(&bytes).is_ok()));
    found
}

#[test]
fn every_address_of_the_project_is_that_of_cargo_toml() {
    let cargo: toml::Table = read("Cargo.toml").parse().expect("TOML");
    let address = cargo["package"]["repository"].as_str().expect("an address").to_owned();
    let (home, name) = address.rsplit_once('/').expect("OWNER/NAME");
    let owner = home.rsplit('/').next().expect("an owner");
    let ours = regex::Regex::new(r"github\.com/([A-Za-z0-9_-]+)/explore\b").expect("a pattern");
    let mut count = 0;
    for file in texts() {
        for found in ours.captures_iter(&read(&file)) {
            assert_eq!((&found[1], "explore"), (owner, name), "{file}: {}", &found[0]);
            count += 1;
        }
    }
    assert!(count > 10, "{count} addresses were found");
}

#[test]
fn the_changelog_has_the_form_that_a_release_needs() {
    let text = read("CHANGELOG.md");
    let headings: Vec<&str> = text.lines().filter(|line| line.starts_with("## ")).collect();
    assert_eq!(headings[0], "## [Unreleased]");
    let version = regex::Regex::new(r"^## \[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d$").expect("a pattern");
    assert!(headings[1..].iter().all(|heading| version.is_match(heading)), "{headings:?}");
    let kinds = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];
    for heading in text.lines().filter_map(|line| line.strip_prefix("### ")) {
        assert!(kinds.contains(&heading), "{heading}");
    }
    assert!(text.contains("\n[Unreleased]: https://"), "the last lines say where the changes are");
}

/// docs/flags.md has what `--help` prints; `packaging/flags BINARY` writes it anew.
#[test]
fn the_guide_lists_every_flag() {
    let folder = super::common::folder();
    let page = folder.path().join("flags.md");
    let made = Command::new(root().join("packaging/flags"))
        .args([Path::new(env!("CARGO_BIN_EXE_explore")), &page])
        .status()
        .expect("bash runs it");
    assert!(made.success());
    let now = std::fs::read_to_string(&page).expect("a page");
    assert!(now.contains("## `explore extract`") && now.contains("--max-own-wasted-percent"), "{now}");
    assert!(read("docs/flags.md") == now, "docs/flags.md is not what --help prints: run packaging/flags");
}

/// The page people land on.
#[test]
fn the_readme_is_short_and_its_pages_exist() {
    let readme = read("README.md");
    assert!(readme.lines().count() <= 150, "{} lines", readme.lines().count());
    let link = regex::Regex::new(r"\]\(([a-zA-Z][^):#]*)").expect("a pattern");
    for found in link.captures_iter(&readme).filter(|found| !found[1].starts_with("http")) {
        assert!(root().join(&found[1]).exists(), "README.md links to {}", &found[1]);
    }
    let summary = read("docs/SUMMARY.md");
    for entry in std::fs::read_dir(root().join("docs")).expect("docs").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_page = entry.path().extension().is_some_and(|end| end == "md") && name != "SUMMARY.md";
        assert!(!is_page || summary.contains(&format!("({name})")), "docs/SUMMARY.md lacks {name}");
    }
}

#[test]
fn docker_takes_the_program_for_a_plugin() {
    let folder = super::common::folder();
    let plugins = folder.path().join("cli-plugins");
    std::fs::create_dir(&plugins).expect("a directory");
    let plugin = plugins.join(if cfg!(windows) { "docker-explore.exe" } else { "docker-explore" });
    std::fs::copy(env!("CARGO_BIN_EXE_explore"), &plugin).expect("a copy");
    let asked = Command::new(&plugin).arg("docker-cli-plugin-metadata").output().expect("it runs");
    let about: Value = serde_json::from_slice(&asked.stdout).expect("JSON");
    assert_eq!((&about["SchemaVersion"], asked.status.code()), (&Value::from("0.1.0"), Some(0)));
    assert!(["Vendor", "Version", "ShortDescription", "URL"].iter().all(|key| about[key].is_string()), "{about}");
    let demo = root().join("assets/demo.tar").display().to_string();
    // As docker calls it, and docker itself where it is installed.
    let has_docker = Command::new("docker").arg("--version").output().is_ok_and(|done| done.status.success());
    let docker = has_docker.then(|| Command::new("docker"));
    for mut command in [Some(Command::new(&plugin)), docker].into_iter().flatten() {
        command.env("DOCKER_CONFIG", folder.path()).env_remove("CI").args(["--log-level", "error", "explore"]);
        let done = command.args(["--ci", "--max-own-wasted-bytes", "1B", &demo]).output().expect("it runs");
        let printed = String::from_utf8_lossy(&done.stdout).into_owned();
        assert_eq!(done.status.code(), Some(1), "{printed}{}", String::from_utf8_lossy(&done.stderr));
        assert!(printed.contains("own-wasted-bytes"), "{printed}");
    }
}

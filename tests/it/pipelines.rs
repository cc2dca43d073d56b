//! The examples of docs/ci.md and the GitHub Action, run as their services would run them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use saphyr::{LoadableYamlNode as _, Yaml};

use crate::common::{Folder, Shape, file, folder, gone, image, text, undisturbed};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Code blocks of a page: their language and text.
fn blocks(page: &str) -> Vec<(String, String)> {
    use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
    let (mut found, mut open) = (Vec::new(), None);
    for event in Parser::new(page) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                open = Some((language.to_string(), String::new()));
            }
            Event::Text(words) => {
                if let Some((_, block)) = &mut open {
                    block.push_str(&words);
                }
            }
            Event::End(TagEnd::CodeBlock) => found.extend(open.take()),
            _ => {}
        }
    }
    found
}

/// Every command of a pipeline, in order: whatever stands below a key that services run.
fn commands(yaml: &Yaml<'_>, found: &mut Vec<String>) {
    const KEYS: [&str; 6] = ["run", "script", "command", "commands", "before_script", "after_script"];
    if let Some(map) = yaml.as_mapping() {
        for (key, value) in map {
            let runs = key.as_str().is_some_and(|key| KEYS.contains(&key));
            match (runs, value.as_str(), value.as_vec()) {
                (true, Some(one), _) => found.push(one.to_owned()),
                (true, None, Some(many)) => found.extend(many.iter().filter_map(|one| one.as_str().map(str::to_owned))),
                _ => commands(value, found),
            }
        }
    }
    for item in yaml.as_vec().into_iter().flatten() {
        commands(item, found);
    }
}

/// A directory as a runner has it: an image under the name that examples use, which `explore` takes for the path that it is,
/// and stand-ins for docker and for what downloads the install script.
fn runner(waste: usize) -> Folder {
    let folder = folder();
    let image = image()
        .layer([file("bin/sh", "base")])
        .layer([file("app/data", vec![7; waste]), file("app/main", vec![8; 1000])])
        .layer([gone("app/data")])
        .save(Shape::Docker);
    folder.write("app:ci", &image);
    folder.write("image.tar", &image);
    folder.write("Dockerfile", b"FROM scratch\n");
    for name in ["docker", "curl", "wget"] {
        let stand_in = folder.write(&format!("tools/{name}"), b"#!/bin/sh\necho \"$0 $*\" >>\"$CALLS\"\n");
        set_executable(&stand_in);
    }
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_explore"), folder.path().join("tools/explore")).unwrap();
    folder
}

fn set_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn in_runner(folder: &Folder, program: &str) -> Command {
    let mut command = Command::new(program);
    undisturbed(&mut command)
        .current_dir(folder.path())
        .env("CALLS", folder.path().join("calls"))
        .env("HOME", folder.path())
        .env("CI_REGISTRY_PASSWORD", "word")
        .env("CI_REGISTRY_USER", "user")
        .env("CI_REGISTRY", "registry.example")
        .env("PATH", format!("{}:{}", folder.path().join("tools").display(), std::env::var("PATH").unwrap()));
    command
}

#[test]
fn every_example_of_the_page_runs() {
    let page = read("docs/ci.md");
    let mut seen = BTreeSet::new();
    for (language, block) in blocks(&page) {
        let name = match language.as_str() {
            "yaml" => {
                block.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap_or_else(|| panic!("{block}"))
            }
            "groovy" => "jenkins",
            "sh" => "shell",
            _ => continue,
        };
        seen.insert(name.to_owned());
        let script: Vec<String> = match name {
            "jenkins" => {
                let sh = regex::Regex::new(r"(?m)^\s*sh '(.*)'$").unwrap();
                sh.captures_iter(&block).map(|found| found[1].to_owned()).collect()
            }
            "shell" => vec![block.clone()],
            _ => {
                let yaml = Yaml::load_from_str(&block).unwrap_or_else(|error| panic!("{name}: {error}"));
                let mut found = Vec::new();
                commands(&yaml[0], &mut found);
                found
            }
        };
        match name {
            // What runs there is the action, the component, or the hook.
            "github" | "gitlab-component" | "pre-commit" => {
                assert!(script.is_empty(), "{name}");
                continue;
            }
            _ => assert!(script.iter().any(|line| line.contains("explore --ci")), "{name}: {script:?}"),
        }
        // A good image passes, a wasteful one fails the pipeline.
        for (waste, code) in [(1000, 0), (30_000_000, 1)] {
            let folder = runner(waste);
            let mut all = String::from("set -e\n");
            for line in &script {
                // Each of them is a shell of its own.
                writeln!(all, "sh -e <<'EXPLORE_LINE'\n{}\nEXPLORE_LINE", line.trim_end()).unwrap();
            }
            std::fs::create_dir_all(folder.path().join("reports")).unwrap();
            let done = in_runner(&folder, "sh").args(["-c", &all]).output().unwrap();
            let said = format!("{name}: {}{}", text(&done.stdout), text(&done.stderr));
            assert_eq!(done.status.code(), Some(code), "{said}");
            assert!(said.contains("verdict:"), "{said}");
            // Reports that later steps take are there.
            let report = regex::Regex::new(r"--report \w+=(\S+)").unwrap();
            for found in report.captures_iter(&script.join("\n")) {
                assert!(folder.path().join(&found[1]).exists(), "{name}: {} is not written", &found[1]);
            }
        }
    }
    let services = "azure circleci github gitlab gitlab-component jenkins pre-commit shell tekton woodpecker";
    assert_eq!(seen.into_iter().collect::<Vec<_>>().join(" "), services);
}

fn keys(yaml: &Yaml<'_>) -> BTreeSet<String> {
    let map = yaml.as_mapping().into_iter().flatten();
    map.filter_map(|(key, _)| key.as_str().map(str::to_owned)).collect()
}

#[test]
fn examples_use_inputs_that_the_action_and_the_component_have() {
    let action = read("action.yml");
    let action = Yaml::load_from_str(&action).unwrap();
    let inputs = keys(&action[0]["inputs"]);
    let page = read("docs/ci.md");
    let block = |name: &str| blocks(&page).into_iter().find(|(_, block)| block.starts_with(name)).unwrap().1;
    let github = block("# github\n");
    let github = Yaml::load_from_str(&github).unwrap();
    let steps = github[0]["jobs"]["image"]["steps"].as_vec().unwrap();
    let with = keys(&steps.last().unwrap()["with"]);
    assert!(!with.is_empty() && with.is_subset(&inputs), "{with:?}");
    for output in keys(&action[0]["outputs"]) {
        assert!(page.contains(&format!("`{output}`")), "docs/ci.md does not name the output {output}");
    }
    let component = read("templates/explore.yml");
    let component = Yaml::load_from_str(&component).unwrap();
    let gitlab = block("# gitlab-component\n");
    let gitlab = Yaml::load_from_str(&gitlab).unwrap();
    let given = keys(&gitlab[0]["include"][0]["inputs"]);
    assert!(!given.is_empty() && given.is_subset(&keys(&component[0]["spec"]["inputs"])), "{given:?}");
    // The component's own commands, with its inputs filled in.
    let mut script = Vec::new();
    commands(&component[1], &mut script);
    for (waste, code) in [(1000, 0), (30_000_000, 1)] {
        let folder = runner(waste);
        let all =
            script.join("\n").replace("$[[ inputs.flags ]]", "--deny-secrets").replace("$[[ inputs.image ]]", "app:ci");
        let done = in_runner(&folder, "sh").args(["-e", "-c", &all]).output().unwrap();
        assert_eq!(done.status.code(), Some(code), "{}{}", text(&done.stdout), text(&done.stderr));
    }
}

/// Runs the action's own step in `folder`, and returns its exit code and what it wrote to `GITHUB_OUTPUT`.
fn judge(folder: &Folder, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    folder.write("output", b"");
    let mut command = in_runner(folder, "bash");
    command
        .arg(root().join("packaging/action/judge"))
        .arg(folder.path().join("tools"))
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", folder.path().join("summary.md"))
        .env("GITHUB_OUTPUT", folder.path().join("output"));
    let done = command.envs(variables.iter().copied()).output().unwrap();
    let said = std::fs::read_to_string(folder.path().join("output")).unwrap();
    (done.status.code(), format!("{said}{}{}", text(&done.stdout), text(&done.stderr)))
}

#[test]
fn the_action_judges_and_has_an_output_for_every_number() {
    let folder = runner(30_000_000);
    let (code, said) = judge(&folder, &[("EXPLORE_ACTION_IMAGES", "\n  app:ci \n\n  image.tar\n")]);
    assert_eq!(code, Some(1), "{said}");
    for line in ["code=1", "verdict=failed", "wasted-bytes=60000000", "html=explore-reports/explore.html"] {
        assert!(said.lines().any(|found| found == line), "{line}: {said}");
    }
    for output in ["own-wasted-bytes", "own-wasted-percent", "efficiency", "json", "sarif", "junit", "markdown"] {
        assert!(said.contains(&format!("\n{output}=")), "{output}: {said}");
    }
    for report in ["json", "sarif", "xml", "html", "md"] {
        assert!(folder.path().join(format!("explore-reports/explore.{report}")).exists(), "{report}");
    }
    assert!(std::fs::read_to_string(folder.path().join("summary.md")).unwrap().contains("explore"));
    let flags = [("EXPLORE_ACTION_IMAGES", "app:ci"), ("EXPLORE_ACTION_FLAGS", "  --max-own-wasted-bytes=100MB \n\n")];
    assert_eq!(judge(&folder, &flags).0, Some(0));
    let bad = [("EXPLORE_ACTION_IMAGES", "app:ci"), ("EXPLORE_ACTION_FLAGS", "--max-layer=3")];
    let (code, said) = judge(&folder, &bad);
    assert!(code == Some(2) && said.contains("verdict=unread"), "{said}");
    let hostile = "$(touch hacked).tar\n`touch hacked`.tar\n'; touch hacked; '\n\"; touch hacked; \"";
    assert_eq!(judge(&folder, &[("EXPLORE_ACTION_IMAGES", hostile), ("EXPLORE_ACTION_BUILD", "")]).0, Some(2));
    assert!(!folder.path().join("hacked").exists(), "what is in an input is not a script");
}

/// Answers like the part of GitHub's API that comments need, and returns the requests it got.
fn api(
    listener: TcpListener,
    comments: &'static str,
    requests: usize,
) -> std::thread::JoinHandle<Vec<(String, String)>> {
    std::thread::spawn(move || {
        let mut seen = Vec::new();
        for stream in listener.incoming().take(requests) {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut first, mut length) = (String::new(), 0);
            reader.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line == "\r\n" {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let answer = if first.starts_with("GET") { comments } else { "{}" };
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}", answer.len())
                .unwrap();
            seen.push((first.trim().to_owned(), text(&body)));
        }
        seen
    })
}

#[test]
fn one_comment_is_written_and_then_updated() {
    for tool in ["jq", "curl"] {
        if Command::new(tool).arg("--version").output().is_err() {
            assert!(std::env::var_os("EXPLORE_TEST_ENGINES").is_none(), "{tool} is not installed");
            eprintln!("left out: {tool} is not installed");
            return;
        }
    }
    let old = r#"[{"id": 6, "body": "other"}, {"id": 7, "body": "<!-- explore: CI / image -->\nold"}]"#;
    for (comments, text_of_report, requests, method) in [
        ("[]", "**waste**\n", 2, Some("POST /repos/o/r/issues/12/comments ")),
        (old, "**waste**\n", 2, Some("PATCH /repos/o/r/issues/comments/7 ")),
        (old, "", 2, Some("PATCH /repos/o/r/issues/comments/7 ")),
        ("[]", "", 1, None),
    ] {
        let folder = folder();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = api(listener, comments, requests);
        let report = folder.write("explore.md", text_of_report.as_bytes());
        let event = folder.write("event.json", br#"{"pull_request": {"number": 12}}"#);
        let mut command = Command::new("bash");
        let done = undisturbed(&mut command)
            .arg(root().join("packaging/action/comment"))
            .arg(&report)
            .env("GITHUB_EVENT_PATH", event)
            .env("GITHUB_API_URL", address)
            .env("GITHUB_REPOSITORY", "o/r")
            .env("GITHUB_WORKFLOW", "CI")
            .env("GITHUB_JOB", "image")
            .env("GITHUB_TOKEN", "secret")
            .env("no_proxy", "127.0.0.1")
            .output()
            .unwrap();
        assert!(done.status.success(), "{}{}", text(&done.stdout), text(&done.stderr));
        let seen = server.join().unwrap();
        assert!(seen[0].0.starts_with("GET /repos/o/r/issues/12/comments?"), "{seen:?}");
        let Some(method) = method else { continue };
        let (first, body) = &seen[1];
        assert!(first.starts_with(method), "{first}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        let body = body["body"].as_str().unwrap();
        assert!(body.starts_with("<!-- explore: CI / image -->\n"), "{body}");
        assert!(body.contains(if text_of_report.is_empty() { "every limit holds" } else { "**waste**" }), "{body}");
    }
}

//! Every report, read back: by an official schema, a reader of its format or a browser, and with hostile names in it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::{Folder, ImageBuilder, Shape, file, folder, gone, image, text};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde_json::{Value, json};

/// Names that mean something to a terminal, a browser, a runner, a spreadsheet or a reader of Markdown.
const HOSTILE: [&[u8]; 14] = [
    b"\x1b]0;pwned\x07\x1b[31mred",
    b"</script><script>document.title='pwned'</script>",
    b"<img src=x onerror=document.title='pwned'>",
    b"::error title=pwned::pwned",
    b"new\nline\r::warning::pwned",
    b"##[error]pwned%0A::error::pwned",
    b"a|b`c*d_e_[x](javascript:pwned)",
    b"@everyone #1 www.pwned.example",
    b"=cmd|' /C calc'!A0",
    b"inv\xff\xfealid",
    b"]]>&amp;<!-- pwned -->",
    "\u{202e}gnp.\u{200b}exe".as_bytes(),
    b"{{7*7}}{% raw %}$(pwned)",
    b"quote\"'\\x1b\\u003c",
];

/// Each hostile name is written in a layer of its own, by an instruction that names it, and replaced in the last.
fn hostile() -> ImageBuilder {
    let mut built = image().name("evil</title><script>document.title='pwned'</script>::error::|:latest");
    let mut rows = Vec::new();
    let path = |name: &[u8]| [b"d/", name].concat();
    for (place, name) in HOSTILE.iter().enumerate() {
        built = built.layer([file(path(name), vec![place as u8; 1_000_000 + place])]);
        rows.push(json!({"created": "2026-01-02T03:04:05Z", "created_by": format!("RUN make {}", String::from_utf8_lossy(name))}));
    }
    let last: Vec<_> = HOSTILE.iter().map(|name| file(path(name), "other")).collect();
    rows.push(json!({"created": "2026-01-02T03:04:05Z", "created_by": "RUN ::error::pwned </script>"}));
    built.layer(last).history(Value::Array(rows))
}

/// A package index that is deleted too late, a key, and a file that is needed.
fn wasteful() -> ImageBuilder {
    let base = [file("etc/os-release", "ID=debian"), file("usr/bin/app", vec![7; 3_000_000])];
    image()
        .name("shop:1.2")
        .layer(base)
        .layer([file("var/lib/apt/lists/x_Packages", vec![1; 2_000_000])])
        .layer([file("srv/key.pem", "-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAKj34GkxFhD90vcN\n")])
        .layer([gone("var/lib/apt/lists")])
        .history(json!([
            {"created_by": "ADD rootfs.tar /"},
            {"created_by": "RUN /bin/sh -c apt-get update # buildkit"},
            {"created_by": "COPY . /srv # buildkit"},
            {"created_by": "RUN /bin/sh -c rm -rf /var/lib/apt/lists # buildkit"},
        ]))
}

fn tidy() -> ImageBuilder {
    image().name("tidy:1").layer([file("usr/bin/app", vec![7; 3_000_000])])
}

struct Run {
    folder: Folder,
    output: Output,
}

/// Every format at once, into files of their names.
const FORMATS: [&str; 7] = ["json", "sarif", "junit", "gitlab", "github", "markdown", "html"];

/// Judges an image with the real program and writes every report.
fn reports_with(images: &[(&str, &ImageBuilder)], flags: &[&str], variables: &[(&str, &str)]) -> Run {
    let folder = folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_explore"));
    command.current_dir(folder.path()).arg("--ci").arg("--no-cache");
    for (name, built) in images {
        folder.write(name, &built.save(Shape::Docker));
        command.arg(name);
    }
    for format in FORMATS {
        command.arg("--report").arg(format!("{format}=out.{format}"));
    }
    for name in ["GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "SOURCE_DATE_EPOCH", "CI"] {
        command.env_remove(name);
    }
    let output = command.args(flags).envs(variables.iter().copied()).output().unwrap();
    Run { folder, output }
}

fn reports(built: &ImageBuilder, flags: &[&str]) -> Run {
    reports_with(&[("image.tar", built)], flags, &[])
}

impl Run {
    fn path(&self, format: &str) -> PathBuf {
        self.folder.path().join(format!("out.{format}"))
    }

    fn read(&self, format: &str) -> String {
        let bytes = std::fs::read(self.path(format)).unwrap_or_else(|error| {
            panic!("{format}: {error}: {}{}", text(&self.output.stdout), text(&self.output.stderr))
        });
        String::from_utf8(bytes).unwrap_or_else(|error| panic!("{format} is no UTF-8: {error}"))
    }

    fn json(&self, format: &str) -> Value {
        serde_json::from_str(&self.read(format)).unwrap()
    }

    fn code(&self) -> Option<i32> {
        self.output.status.code()
    }
}

const STRICT: [&str; 4] = ["--max-own-wasted-bytes", "1MB", "--base-layers", "0"];

// ---------------------------------------------------------------------------------------------------------- hostile

#[test]
fn no_report_has_a_raw_control_character() {
    let run = reports(&hostile(), &STRICT);
    assert_eq!(run.code(), Some(1), "{}", text(&run.output.stderr));
    let outputs = [("stdout", text(&run.output.stdout)), ("stderr", text(&run.output.stderr))];
    let files = FORMATS.map(|format| (format, run.read(format)));
    for (name, text) in files.into_iter().chain(outputs) {
        let bad = text.chars().find(|letter| {
            // The contract has the history as the image has it; what reads it makes it harmless.
            let deceives = matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}') && name != "json";
            letter.is_control() && *letter != '\n' || deceives
        });
        assert_eq!(bad, None, "{name}");
    }
}

// ------------------------------------------------------------------------------------------------------------ SARIF

/// The OASIS schema, as the crate `serde-sarif` ships it.
fn sarif_schema() -> Value {
    // Only packages of this platform: the sources of others are not there before somebody runs `cargo fetch`.
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let rustc = text(&rustc.stdout);
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let packages: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = packages["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "serde-sarif").unwrap();
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    let schema = std::fs::read_to_string(manifest.with_file_name("src").join("schema.json")).unwrap();
    let mut schema: Value = serde_json::from_str(&schema).unwrap();
    // This copy has a bracket too many in a pattern of languages, which later prints of the schema have set right.
    for (part, key) in [("run", "language"), ("toolComponent", "language")] {
        let pattern = &mut schema["definitions"][part]["properties"][key]["pattern"];
        assert_eq!(*pattern, "^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$");
        *pattern = json!("^[a-zA-Z]{2}(-[a-zA-Z]{2})?$");
    }
    assert_eq!(schema["title"], "Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema");
    schema
}

#[test]
fn sarif_holds_against_the_official_schema() {
    let schema = jsonschema::validator_for(&sarif_schema()).unwrap();
    for built in [hostile(), wasteful(), tidy()] {
        let run = reports(&built, &STRICT);
        let log = run.json("sarif");
        let errors: Vec<String> =
            schema.iter_errors(&log).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(errors, Vec::<String>::new());
        let typed: serde_sarif::sarif::Sarif = serde_json::from_value(log.clone()).unwrap();
        let rules = typed.runs[0].tool.driver.rules.as_ref().unwrap();
        let ids: HashSet<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
        assert_eq!(ids.len(), rules.len(), "each rule once");
        for result in typed.runs[0].results.iter().flatten() {
            let place = result.rule_index.unwrap() as usize;
            assert_eq!(Some(rules[place].id.as_str()), result.rule_id.as_deref());
        }
    }
}

#[test]
fn sarif_names_rule_line_and_fingerprint() {
    let dockerfile =
        "FROM scratch\nADD rootfs.tar /\n\nRUN apt-get update\nCOPY . /srv\nRUN rm -rf /var/lib/apt/lists\n";
    let place = folder();
    let path = place.write("Dockerfile", dockerfile.as_bytes());
    let flags = [&STRICT[..], &["--dockerfile", path.to_str().unwrap(), "--deny-secrets"]].concat();
    let run = reports(&wasteful(), &flags);
    let log = run.json("sarif");
    let results = log["runs"][0]["results"].as_array().unwrap();
    let of = |rule: &str| results.iter().find(|result| result["ruleId"] == rule).unwrap_or_else(|| panic!("{rule}"));
    let lists = of("apt-lists");
    assert_eq!(lists["level"], "warning");
    assert_eq!(lists["locations"][0]["physicalLocation"]["region"]["startLine"], 4);
    assert_eq!(lists["locations"][0]["logicalLocations"][0]["fullyQualifiedName"], "shop:1.2/layers/1");
    assert_eq!(lists["partialFingerprints"]["wasteFinding/v1"].as_str().unwrap().len(), 16);
    assert_eq!(lists["properties"]["bytes"], 2_000_000);
    assert_eq!((&lists["properties"]["storedIn"], &lists["properties"]["causedBy"]), (&json!(1), &json!(3)));
    let key = of("secret-private-key");
    assert_eq!(key["level"], "error");
    assert!(!run.read("sarif").contains("MIIBOg"), "no report has the content of a secret");
}

#[test]
fn sarif_names_the_layer_to_change_as_json_does() {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo.tar");
    let folder = folder();
    let (json, sarif) = (folder.path().join("json"), folder.path().join("sarif"));
    let reports = [format!("json={}", json.display()), format!("sarif={}", sarif.display())];
    let flags = ["--ci", "--max-own-wasted-bytes", "1B", "--report", &reports[0], "--report", &reports[1]];
    crate::common::explore(&[&[demo.to_str().unwrap()], &flags[..]].concat());
    let read = |path: &Path| serde_json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap();
    let (json, sarif) = (read(&json), read(&sarif));
    let findings = json["waste"]["findings"].as_array().unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let mut compared = 0;
    for result in results.iter().filter(|result| result["properties"]["storedIn"].is_number()) {
        let print = &result["partialFingerprints"]["wasteFinding/v1"];
        let finding = findings.iter().find(|finding| finding["fingerprint"] == *print).unwrap();
        assert_eq!(result["properties"]["fixIn"], finding["fix_in"], "{finding}");
        compared += 1;
    }
    assert!(compared > 5, "{compared}");
    // A chown stores files again: its instruction is to change or that of the COPY before it.
    let metadata = findings.iter().find(|finding| finding["kind"] == "metadata").unwrap();
    assert_ne!(metadata["stored_in"], metadata["fix_in"]);
}

#[test]
fn an_image_that_passes_opens_nothing_in_a_service() {
    let mut built = wasteful();
    built.tars.remove(2);
    built.history.as_mut().unwrap().as_array_mut().unwrap().remove(2);
    for flags in [&[][..], &["--max-own-wasted-bytes", "3MB", "--base-layers", "0"]] {
        let run = reports(&built, flags);
        assert_eq!(run.code(), Some(0), "{}", text(&run.output.stdout));
        assert_eq!(run.json("gitlab"), json!([]), "{flags:?}");
        assert_eq!(run.json("sarif")["runs"][0]["results"], json!([]), "{flags:?}");
    }
    // A secret is one all the same.
    let run = reports(&wasteful(), &["--max-own-wasted-bytes", "3MB"]);
    assert_eq!(run.code(), Some(0));
    assert_eq!(run.json("gitlab").as_array().unwrap().len(), 1, "{}", run.read("gitlab"));
}

#[test]
fn a_broken_limit_is_a_result() {
    let run = reports(&wasteful(), &STRICT);
    let sarif = run.json("sarif");
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let limit = results.iter().find(|result| result["ruleId"] == "max-own-wasted-bytes").unwrap();
    assert_eq!((&limit["level"], &limit["properties"]["excessBytes"]), (&json!("error"), &json!(1_000_000)));
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    let index = limit["ruleIndex"].as_u64().unwrap() as usize;
    assert_eq!(rules[index]["id"], "max-own-wasted-bytes");
    let names: Vec<String> =
        run.json("gitlab").as_array().unwrap().iter().map(|each| each["check_name"].to_string()).collect();
    assert!(names.contains(&"\"max-own-wasted-bytes\"".to_owned()), "{names:?}");
}

#[test]
fn each_finding_and_image_has_a_fingerprint_of_its_own_that_no_tag_changes() {
    let prints = |run: &Run| -> Vec<(String, String)> {
        let sarif = run.json("sarif");
        let results = sarif["runs"][0]["results"].as_array().unwrap().clone();
        let print =
            |result: &Value| result["partialFingerprints"]["primaryLocationLineHash"].as_str().unwrap().to_owned();
        results.iter().map(|result| (result["ruleId"].as_str().unwrap().to_owned(), print(result))).collect()
    };
    let (one, two, newer) = (wasteful(), wasteful().name("web:1.2"), wasteful().name("shop:1.3"));
    let both = prints(&reports_with(&[("one.tar", &one), ("two.tar", &two)], &STRICT, &[]));
    let distinct: HashSet<&String> = both.iter().map(|(_, print)| print).collect();
    assert_eq!(distinct.len(), both.len(), "{both:?}");
    assert!(both.iter().all(|(_, print)| print.contains(':')), "{both:?}");
    assert_eq!(prints(&reports(&one, &STRICT)), prints(&reports(&newer, &STRICT)));
}

#[test]
fn a_dockerfile_is_named_from_the_top_of_the_repository() {
    let folder = folder();
    let repository = folder.path().join("repo");
    std::fs::create_dir_all(repository.join("services/shop")).unwrap();
    let dockerfile = "FROM scratch\nADD rootfs.tar /\nRUN apt-get update\nCOPY . /srv\nRUN rm -rf /var/lib/apt/lists\n";
    std::fs::write(repository.join("services/shop/Dockerfile"), dockerfile).unwrap();
    std::fs::write(repository.join("services/image.tar"), wasteful().save(Shape::Docker)).unwrap();
    let uris = |variables: &[(&str, &Path)]| -> HashSet<String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_explore"));
        crate::common::undisturbed(&mut command).current_dir(repository.join("services"));
        command.args(["image.tar", "--ci", "--no-cache", "--dockerfile", "shop/Dockerfile", "--report", "sarif=out"]);
        command
            .args(STRICT)
            .env_remove("GITHUB_WORKSPACE")
            .env_remove("CI_PROJECT_DIR")
            .envs(variables.iter().copied());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        let sarif: Value = serde_json::from_slice(&std::fs::read(repository.join("services/out")).unwrap()).unwrap();
        let results = sarif["runs"][0]["results"].as_array().unwrap().clone();
        let uri = |result: &Value| result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].clone();
        results.iter().map(|result| uri(result).as_str().unwrap().to_owned()).collect()
    };
    let only = |path: &str| HashSet::from([path.to_owned()]);
    assert_eq!(uris(&[]), only("shop/Dockerfile"));
    assert_eq!(uris(&[("GITHUB_WORKSPACE", &repository)]), only("services/shop/Dockerfile"));
    assert_eq!(uris(&[("CI_PROJECT_DIR", &repository)]), only("services/shop/Dockerfile"));
    std::fs::create_dir(repository.join(".git")).unwrap();
    assert_eq!(uris(&[]), only("services/shop/Dockerfile"));
}

#[test]
fn what_is_excused_is_suppressed_and_not_told_again() {
    let place = folder();
    let baseline = place.path().join("baseline.json");
    let known = [&STRICT[..], &["--baseline", baseline.to_str().unwrap()]].concat();
    assert_eq!(reports(&wasteful(), &[&known[..], &["--write-baseline"]].concat()).code(), Some(0));
    let run = reports(&wasteful(), &known);
    assert_eq!(run.code(), Some(0), "{}", text(&run.output.stdout));
    let log = run.json("sarif");
    let results = log["runs"][0]["results"].as_array().unwrap();
    let lists = results.iter().find(|result| result["ruleId"] == "apt-lists").unwrap();
    assert_eq!(lists["suppressions"][0]["kind"], "external");
    assert_eq!(lists["suppressions"][0]["justification"], "the baseline knows it, with 2 MB");
    let issues = run.json("gitlab");
    assert!(issues.as_array().unwrap().iter().all(|issue| issue["check_name"] != "apt-lists"), "{issues}");
    // The key keeps the comment from being silent; what is known is folded away.
    let markdown = run.read("markdown");
    let (open, folded) = markdown.split_once("<details>").unwrap();
    assert!(!open.contains("apt-lists") && folded.contains("apt-lists"), "{markdown}");
    assert!(run.read("html").contains("Not counted: the baseline knows it, with 2 MB."));
}

// ------------------------------------------------------------------------------------------------------------ JUnit

/// A Python that has the module; None where that may be left out.
fn python_with(module: &str) -> Option<&'static str> {
    let has = |python: &&str| {
        let run = Command::new(python).args(["-c", &format!("import {module}")]).output();
        run.is_ok_and(|run| run.status.success())
    };
    let python = ["python3", "/usr/bin/python3"].into_iter().find(has);
    if python.is_none() {
        assert!(std::env::var("EXPLORE_TEST_ENGINES").as_deref() != Ok("required"), "no Python has {module}");
        eprintln!("left out: no Python has {module}");
    }
    python
}

#[test]
fn junit_is_read_by_two_readers() {
    for (built, failures) in [(hostile(), 1), (wasteful(), 1), (tidy(), 0)] {
        let run = reports(&built, &STRICT);
        let xml = run.read("junit");
        let report = quick_junit::Report::deserialize_from_str(&xml).unwrap();
        assert_eq!((report.failures, report.errors), (failures, 0));
        assert_eq!(report.test_suites.len(), 1);
        let Some(python) = python_with("junitparser") else { return };
        let script = "import sys, json, junitparser\n\
                      xml = junitparser.JUnitXml.fromfile(sys.argv[1])\n\
                      print(json.dumps([[s.name, s.tests, s.failures, [[c.name, [type(r).__name__ for r in c.result]] for c in s]] for s in xml]))";
        let output = Command::new(python).args(["-c", script]).arg(run.path("junit")).output().unwrap();
        let suites: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
        assert_eq!(suites[0][2], failures);
        let cases = suites[0][3].as_array().unwrap();
        assert_eq!(suites[0][1], cases.len());
        let failed: Vec<&Value> =
            cases.iter().filter(|case| case[1] == json!(["Failure"])).map(|case| &case[0]).collect();
        assert_eq!(failed.len(), failures);
        assert!(failed.iter().all(|name| *name == "max-own-wasted-bytes"), "{failed:?}");
    }
}

/// What Jenkins' schema allows (jenkinsci/xunit-plugin, `junit-10.xsd`): elements with their attributes and their parents.
const JENKINS: [(&str, &[&str], &[&str]); 8] = [
    ("testsuites", &["name", "time", "tests", "failures", "errors"], &[""]),
    (
        "testsuite",
        &["name", "tests", "failures", "errors", "group", "time", "skipped", "timestamp", "hostname", "id", "package"],
        &["testsuites", "testsuite"],
    ),
    ("testcase", &["name", "time", "classname", "group"], &["testsuite"]),
    ("failure", &["type", "message"], &["testcase"]),
    ("error", &["type", "message"], &["testcase"]),
    ("skipped", &["type", "message"], &["testcase"]),
    ("system-out", &[], &["testcase", "testsuite"]),
    ("system-err", &[], &["testcase", "testsuite"]),
];

#[test]
fn junit_holds_against_the_schema_of_jenkins() {
    for built in [hostile(), wasteful(), tidy()] {
        let run = reports(&built, &STRICT);
        let xml = run.read("junit");
        let mut open = vec![String::new()];
        // Text has no bare `<`, so each one begins a tag.
        for tag in xml.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
            if tag.starts_with(['?', '!']) {
                continue;
            }
            if tag.starts_with('/') {
                open.pop();
                continue;
            }
            let name = tag.split([' ', '/']).next().unwrap();
            let (_, attributes, parents) =
                JENKINS.iter().find(|(known, ..)| *known == name).unwrap_or_else(|| panic!("{tag}"));
            assert!(parents.contains(&open.last().unwrap().as_str()), "{name} in {open:?}");
            for attribute in tag.split('"').step_by(2).filter_map(|part| part.trim().strip_suffix('=')) {
                let attribute = attribute.split_whitespace().last().unwrap();
                assert!(attributes.contains(&attribute), "{name} {attribute}");
            }
            if !tag.ends_with('/') {
                open.push(name.to_owned());
            }
        }
        assert_eq!(open.len(), 1, "{open:?}");
    }
}

#[test]
fn the_page_shows_findings_first_and_can_be_read_by_all() {
    let page = reports(&wasteful(), &STRICT).read("html");
    let at = |words: &str| page.find(words).unwrap_or_else(|| panic!("{words}"));
    assert!(at("<h2>Limits</h2>") < at("<h2>Findings</h2>") && at("<h2>Findings</h2>") < at("<h2>Layers</h2>"));
    assert!(!page.contains("<th>") && !page.contains("<th class"), "each header says what it is the header of");
    // The words of a command stay whole.
    assert!(page.contains("<span>-rf</span>"), "{page}");
    // Contrast (WCAG 2.2, 1.4.3): 4.5 to 1.
    let style = include_str!("../../assets/report/style.css");
    let luminance = |colour: &str| {
        let wide = if colour.len() == 3 {
            colour.chars().flat_map(|digit| [digit, digit]).collect()
        } else {
            colour.to_owned()
        };
        let part = |from: usize| {
            let share = f64::from(u8::from_str_radix(&wide[from..from + 2], 16).unwrap()) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
    };
    for theme in style.lines().filter(|line| line.contains("--bg:#")) {
        let colour = |name: &str| {
            let rest = theme.split(&format!("--{name}:#")).nth(1).unwrap_or_else(|| panic!("{name}"));
            luminance(rest.split([';', '}']).next().unwrap())
        };
        let pairs = ["fg", "soft", "accent", "bad", "good"].iter().flat_map(|text| [(*text, "bg"), (*text, "card")]);
        let tiles = ["k0", "k1", "k2"].map(|tile| ("tile", tile));
        for (text, ground) in pairs.chain(tiles) {
            let (a, b) = (colour(text), colour(ground));
            let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.2}: {theme}");
        }
    }
}

#[test]
fn junit_tells_what_is_behind_a_limit() {
    let xml = reports(&wasteful(), &STRICT).read("junit");
    let report = quick_junit::Report::deserialize_from_str(&xml).unwrap();
    let case =
        report.test_suites[0].test_cases.iter().find(|case| case.name.as_str() == "max-own-wasted-bytes").unwrap();
    let quick_junit::TestCaseStatus::NonSuccess { description, .. } = &case.status else { panic!("it holds: {xml}") };
    let description = description.as_ref().unwrap().as_str();
    for words in ["limit 1 MB, found 2 MB", "apt-lists", "RUN apt-get update", "fix: RUN apt-get update && "] {
        assert!(description.contains(words), "{words}: {description}");
    }
}

// ----------------------------------------------------------------------------------------------------------- GitLab

#[test]
fn gitlab_has_what_code_quality_asks_for() {
    for built in [hostile(), wasteful()] {
        let run = reports(&built, &STRICT);
        let issues = run.json("gitlab");
        let mut fingerprints = HashSet::new();
        for issue in issues.as_array().unwrap() {
            let word = |key: &str| issue[key].as_str().unwrap_or_else(|| panic!("{key}: {issue}"));
            assert!(!word("description").is_empty() && !word("check_name").is_empty());
            assert!(fingerprints.insert(word("fingerprint").to_owned()), "GitLab shows only one of these: {issue}");
            assert!(["info", "minor", "major", "critical", "blocker"].contains(&word("severity")));
            let path = issue["location"]["path"].as_str().unwrap();
            assert!(!path.starts_with('/') && !path.starts_with("./"), "{path}");
            assert!(issue["location"]["lines"]["begin"].as_u64().unwrap() > 0);
        }
        assert!(!fingerprints.is_empty());
    }
    assert_eq!(reports(&tidy(), &STRICT).json("gitlab"), json!([]));
}

#[test]
fn gitlab_keeps_equal_causes_of_two_images_apart() {
    let run = reports_with(&[("a.tar", &wasteful()), ("b.tar", &wasteful())], &STRICT, &[]);
    let issues = run.json("gitlab");
    let all: Vec<&str> =
        issues.as_array().unwrap().iter().map(|issue| issue["fingerprint"].as_str().unwrap()).collect();
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    assert_eq!(all.len() % 2, 0);
}

// ----------------------------------------------------------------------------------------------------------- GitHub

/// A workflow command as the runner reads it: level, properties, message.
fn command(line: &str) -> (String, Vec<(String, String)>, String) {
    let (head, message) =
        line.strip_prefix("::").and_then(|rest| rest.split_once("::")).unwrap_or_else(|| panic!("{line}"));
    let undo = |text: &str| text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%");
    let undo_property = |text: &str| undo(&text.replace("%3A", ":").replace("%2C", ","));
    let (level, properties) = head.split_once(' ').unwrap();
    let properties = properties
        .split(',')
        .map(|each| each.split_once('=').unwrap())
        .map(|(key, value)| (key.to_owned(), undo_property(value)));
    (level.to_owned(), properties.collect(), undo(message))
}

#[test]
fn annotations_are_one_command_a_line() {
    let run = reports(&hostile(), &STRICT);
    let lines = run.read("github");
    let mut levels = Vec::new();
    for line in lines.lines() {
        let (level, properties, message) = command(line);
        assert!(["error", "warning"].contains(&level.as_str()), "{line}");
        for (key, value) in properties {
            assert!(["file", "line", "endLine", "title"].contains(&key.as_str()), "{line}");
            assert!(!value.contains("pwned"), "{line}");
        }
        assert!(message.contains("evil") || message.contains(" more, "), "{message}");
        levels.push(level);
    }
    let warnings = levels.iter().filter(|level| *level == "warning").count();
    assert_eq!((levels.len() - warnings, warnings), (1, 10), "the runner shows ten of a level: {lines}");
    assert!(lines.contains("5 more, 5.0 MB"), "{lines}");
    assert_eq!(reports(&tidy(), &STRICT).read("github"), "");
}

#[test]
fn a_workflow_gets_annotations_and_a_summary_by_itself() {
    let summary = tempfile::NamedTempFile::new().unwrap();
    let variables = [("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", summary.path().to_str().unwrap())];
    let folder = folder();
    let path = folder.write("image.tar", &wasteful().save(Shape::Docker));
    let mut run = Command::new(env!("CARGO_BIN_EXE_explore"));
    run.arg("--ci").arg(&path).arg("--no-cache").args(STRICT).envs(variables);
    let output = run.output().unwrap();
    let stdout = text(&output.stdout);
    assert!(stdout.lines().any(|line| line.starts_with("::error title=max-own-wasted-bytes::shop:1.2: ")), "{stdout}");
    let summary = std::fs::read_to_string(summary.path()).unwrap();
    assert!(summary.contains("### explore: ") && summary.contains("**failed**"), "{summary}");
}

// --------------------------------------------------------------------------------------------------------- Markdown

/// Checks that a reader of Markdown sees only what is meant: tables of even rows, no link, picture or foreign HTML, and
/// nothing outside of code that means something to GitHub.
fn check_markdown(markdown: &str) {
    let mut cells = 0;
    let mut head = 0;
    let mut in_code = false;
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        match event {
            Event::Html(html) | Event::InlineHtml(html) => {
                let html = html.trim();
                let known = ["<!-- explore -->", "<code>", "</code>", "</details>"].contains(&html)
                    || html.starts_with("<details><summary>");
                assert!(known && !html.contains("pwned"), "{html}");
                in_code = html == "<code>";
            }
            Event::Start(Tag::Link { .. } | Tag::Image { .. }) => panic!("a link in {markdown}"),
            Event::Start(Tag::TableHead | Tag::TableRow) => cells = 0,
            Event::Start(Tag::TableCell) => cells += 1,
            Event::End(TagEnd::TableHead) => head = cells,
            Event::End(TagEnd::TableRow) => assert_eq!(cells, head, "{markdown}"),
            Event::Text(text) if !in_code => {
                for word in ["@", "#", "www.", "::", "<", "](", "|"] {
                    assert!(!text.contains(word), "`{word}` in `{text}`");
                }
            }
            _ => {}
        }
    }
}

#[test]
fn markdown_survives_hostile_names() {
    let markdown = reports(&hostile(), &STRICT).read("markdown");
    check_markdown(&markdown);
    assert!(markdown.contains("**failed**"));
    // Every cell is there as it is in the image, made harmless.
    assert!(markdown.contains("d/\\x1b]0;pwned\\x07\\x1b[31mred"), "{markdown}");
    assert!(markdown.contains("d/inv\\xff\\xfealid"), "{markdown}");
}

#[test]
fn markdown_is_silent_when_there_is_nothing_to_say() {
    let run = reports(&tidy(), &STRICT);
    assert_eq!(run.code(), Some(0));
    assert_eq!(run.read("markdown"), "");
    let little = tidy().layer([file("root/.cache/pip/http/x", vec![1; 500_000])]);
    assert_eq!(reports(&little, &STRICT).read("markdown"), "", "waste below the limit is nobody's duty");
    let said = reports(&wasteful(), &STRICT).read("markdown");
    check_markdown(&said);
    let row = said.lines().find(|line| line.contains("apt-lists")).unwrap();
    assert!(row.starts_with("| 2 MB | "), "{row}");
    assert!(row.contains("| 1 `RUN apt-get update` |"), "{row}");
    assert!(row.ends_with("`RUN apt-get update && rm -rf /var/lib/apt/lists` |"), "{row}");
    assert!(said.contains("secret-private-key"), "{said}");
}

// ------------------------------------------------------------------------------------------------------------- HTML

/// The page as Chromium has it after its script ran; None where there is no Chromium and that may be left out.
fn in_chromium(page: &Path, flags: &[&str]) -> Option<String> {
    let browser = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|run| run.status.success()));
    let Some(browser) = browser else {
        assert!(std::env::var("EXPLORE_TEST_ENGINES").as_deref() != Ok("required"), "chromium is not there");
        eprintln!("left out: chromium is not there");
        return None;
    };
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"])
        .args(["--disable-component-update", "--disable-sync", "--virtual-time-budget=5000", "--dump-dom"])
        .args(flags)
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let dom = text(&output.stdout);
    assert!(dom.contains("<html"), "{}", text(&output.stderr));
    Some(dom)
}

#[test]
fn the_page_asks_nothing_of_a_network() {
    let html = reports(&hostile(), &STRICT).read("html");
    for word in [" src=", "url(", "@import", "http:", "https:", "<link", "<iframe", "fetch(", "XMLHttp"] {
        // A name of the image may spell it, but only as text.
        let text = html.replace("&lt;img src=x", "").replace("&#60;img src=x", "").replace("\\u003cimg src=x", "");
        assert!(!text.contains(word), "{word}");
    }
    assert!(html.contains("default-src &#39;none&#39;") || html.contains("default-src &#x27;none&#x27;"));
    assert!(!html.contains("unsafe-inline"));
}

#[test]
fn the_page_runs_its_own_script_and_nobody_elses() {
    let run = reports(&hostile(), &STRICT);
    let Some(dom) = in_chromium(&run.path("html"), &[]) else { return };
    assert!(dom.contains("data-ready=\"true\""), "the policy lets the page's own script run");
    let title = &dom[dom.find("<title>").unwrap()..dom.find("</title>").unwrap()];
    assert!(title.starts_with("<title>evil&lt;/title&gt;&lt;script&gt;"), "{title}");
    // The data, the script and nothing else.
    assert_eq!(dom.matches("<script").count(), 2, "{dom}");
    assert!(!dom.contains("<img"));
    assert!(dom.contains("class=\"tile "), "there is a map");
}

#[test]
fn the_page_of_a_comparison_runs_its_own_script_alone() {
    let folder = folder();
    let before = folder.write("before.tar", &tidy().save(Shape::Docker));
    let after = folder.write("after.tar", &hostile().save(Shape::Docker));
    let page = folder.path().join("diff.html");
    let paths = [&before, &after].map(|path| path.to_str().unwrap());
    let flags = ["--no-cache", "--format", "html", "-o", page.to_str().unwrap()];
    let output = crate::common::explore(&[&["diff"][..], &paths[..], &flags[..]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let Some(dom) = in_chromium(&page, &[]) else { return };
    assert!(
        dom.contains("data-ready=\"true\"") && dom.contains("<th scope=\"col\" class=\"num\"><button"),
        "its script ran"
    );
    assert_eq!((dom.matches("<script").count(), dom.matches("<img").count()), (1, 0));
    assert!(!dom.contains("<title>pwned"));
}

/// The page with one more script, which its policy allows by hash: it does what a reader does, and writes down what comes.
fn walked(run: &Run, script: &str) -> Option<Value> {
    use base64::Engine as _;
    use sha2::Digest as _;
    let html = run.read("html");
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(script.as_bytes()));
    let at = html.find("script-src ").unwrap() + "script-src ".len();
    let html = format!("{}'sha256-{hash}' {}", &html[..at], &html[at..]);
    let html = html.replace("</body>", &format!("<script>{script}</script></body>"));
    let page = run.folder.write("walked.html", html.as_bytes());
    let dom = in_chromium(&page, &["--window-size=1280,900"])?;
    let start =
        dom.find("<pre id=\"result\">").unwrap_or_else(|| panic!("no result: {dom}")) + "<pre id=\"result\">".len();
    let end = dom[start..].find("</pre>").unwrap() + start;
    let text = dom[start..end].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    Some(serde_json::from_str(&text).unwrap())
}

const WALK: &str = r#"
const told = {};
const map = document.querySelector("section.map");
const tiles = () => Array.from(map.querySelectorAll(".tile[data-node]"), (tile) => tile.textContent.split("  ")[0]);
const crumbs = () => Array.from(map.querySelectorAll(".crumbs button"), (crumb) => crumb.textContent);
const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
told.top = tiles();
map.querySelector(".tile[data-node]").focus();
told.focused = document.activeElement.textContent.split("  ")[0];
press("Enter");
told.below = [tiles(), crumbs()];
press("Backspace");
told.again = [tiles(), document.activeElement.textContent.split("  ")[0]];
const box = map.querySelector(".tile[data-node]").getBoundingClientRect();
map.querySelector(".tree").dispatchEvent(new MouseEvent("click", { clientX: box.left + 5, clientY: box.top + 5 }));
told.clicked = crumbs();
map.querySelector(".measure").value = "w";
map.querySelector(".measure").dispatchEvent(new Event("change"));
told.wasted = tiles();
const table = document.querySelector("[id$=-findings]");
const column = (place) => Array.from(table.tBodies[0].rows).filter((row) => !row.hidden).map((row) => row.cells[place].textContent);
const head = table.tHead.rows[0].cells[0];
head.querySelector("button").click();
told.falling = column(0);
head.querySelector("button").click();
told.rising = [column(0), head.getAttribute("aria-sort")];
const filter = document.querySelector("[data-filter$=-findings]");
filter.value = "APT-LISTS deleted";
filter.dispatchEvent(new Event("input"));
told.filtered = [column(2), filter.closest(".filter").querySelector("output").textContent];
const pre = document.createElement("pre");
pre.id = "result";
pre.textContent = JSON.stringify(told);
document.body.append(pre);
"#;

#[test]
fn the_map_can_be_walked_and_the_tables_sorted_and_filtered() {
    let built = wasteful().layer([file("srv/data/a", vec![3; 1_000_000]), file("srv/data/b", vec![4; 500_000])]);
    let built = built.layer([file("srv/data/b", vec![5; 500_000])]).history(json!([]));
    let run = reports(&built, &STRICT);
    let Some(told) = walked(&run, WALK) else { return };
    assert_eq!(told["top"], json!(["usr/", "srv/", ""]), "{told}");
    assert_eq!(told["focused"], "usr/");
    assert_eq!(told["below"][0], json!(["bin/"]), "{told}");
    assert_eq!(told["again"], json!([["usr/", "srv/", ""], "usr/"]), "{told}");
    assert_eq!(told["clicked"].as_array().unwrap().len(), 2, "{told}");
    assert_eq!(told["wasted"], json!(["var/", "srv/"]), "{told}");
    let sizes = told["falling"].as_array().unwrap();
    assert_eq!((&sizes[0], &told["rising"][1]), (&json!("2 MB"), &json!("ascending")), "{told}");
    let mut turned = told["rising"][0].as_array().unwrap().clone();
    assert_eq!(turned.pop(), Some(json!("2 MB")), "{told}");
    assert_eq!(told["filtered"][0], json!(["apt-lists"]), "{told}");
}

#[test]
fn the_page_stays_small_whatever_the_image_holds() {
    let many: Vec<_> =
        (0..60_000).map(|place| file(format!("app/{}/{}/f{place}", place % 300, place % 7), [1; 40])).collect();
    let run = reports(&image().layer(many), &STRICT);
    let html = run.read("html");
    assert!(html.len() < 1_000_000, "{} bytes", html.len());
    assert!(html.contains("is folded into its folder"), "what is left out is told");
    assert!(html.contains("smaller files, "), "what is left out is told");
    let start = "id=\"image-0-data\">";
    let data = &html[html.find(start).unwrap() + start.len()..];
    let data: Value = serde_json::from_str(&data[..data.find("</script>").unwrap()]).unwrap();
    let live: Vec<u64> = data["b"].as_array().unwrap().iter().map(|bytes| bytes.as_u64().unwrap()).collect();
    let parents: Vec<usize> = data["p"].as_array().unwrap().iter().map(|at| at.as_u64().unwrap() as usize).collect();
    assert_eq!(live[0], 60_000 * 40);
    // What a folder that is opened holds adds up, whatever is folded.
    for folder in 0..live.len() {
        let below: Vec<u64> = (1..live.len()).filter(|node| parents[*node] == folder).map(|node| live[node]).collect();
        assert!(below.is_empty() || below.iter().sum::<u64>() == live[folder], "folder {folder}");
    }
}

#[test]
fn a_page_can_be_made_again_to_the_byte() {
    let variables = [("SOURCE_DATE_EPOCH", "1000000000")];
    let page = || reports_with(&[("image.tar", &wasteful())], &STRICT, &variables).read("html");
    let html = page();
    assert!(html.contains("2001-09-09 01:46"));
    assert_eq!(html, page());
}

#[test]
fn several_images_share_a_page() {
    let run = reports_with(&[("a.tar", &wasteful()), ("b.tar", &tidy())], &STRICT, &[]);
    let html = run.read("html");
    assert!(html.contains("href=\"#image-1\"") && html.contains("id=\"image-1\""));
    assert!(html.contains("2 images"));
    let markdown = run.read("markdown");
    check_markdown(&markdown);
    assert!(markdown.contains("1 of 2 images have nothing to tell."), "{markdown}");
    let junit = quick_junit::Report::deserialize_from_str(&run.read("junit")).unwrap();
    assert_eq!(junit.test_suites.iter().map(|suite| suite.name.as_str()).collect::<Vec<_>>(), ["shop:1.2", "tidy:1"]);
}

//! Settings: who wins, what is an error and where, `explore config`, and dive's file.

use std::path::Path;
use std::process::Output;

use crate::common::*;
use explore::settings::{Group, SETTINGS, Takes};

fn run(folder: &Path, arguments: &[&str]) -> Output {
    explore_in(folder).args(arguments).output().unwrap()
}

fn good(output: &Output) -> String {
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// The line of `config show` that says a setting.
fn shown(out: &str, key: &str) -> String {
    let says = |line: &&str| line.trim_start_matches("# ").starts_with(&format!("{key} ="));
    let line = out.lines().find(says).unwrap_or_else(|| panic!("{key}: {out}"));
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A folder with its own, a near and a far settings file.
fn places() -> Folder {
    let folder = folder();
    folder
        .write("home/.config/explore/config.toml", b"max-layers = 1\nfloor = \"1MB\"\nthreads = 1\nno_cache = true\n");
    folder.write(
        "work/.explore.toml",
        b"max-layers = 2\nfloor = \"2MB\"\nforbid = [\"a\", \"b\"]\n[limit]\napt-lists = 2\npip-cache = 2\n",
    );
    std::fs::create_dir_all(folder.path().join("work/deep/down")).unwrap();
    folder
}

#[test]
fn flags_variables_and_files_of_dive_are_understood() {
    let folder = folder();
    // 40 % of the image is dead.
    let built = image().layer([file("keep", vec![1; 60_000]), file("old", vec![2; 40_000])]).layer([gone("old")]);
    folder.write("app.tar", &built.save(Shape::Docker));
    let code = |arguments: &[&str], variables: &[(&str, &str)]| {
        let output = explore_in(folder.path()).args(arguments).envs(variables.iter().copied()).output().unwrap();
        (output.status.code().unwrap(), text(&output.stdout) + &text(&output.stderr))
    };
    for (flag, want) in [
        ("--lowestEfficiency=0.9", 1),
        ("--lowestEfficiency=0.5", 0),
        ("--highestWastedBytes=30KB", 1),
        ("--highestWastedBytes=50KB", 0),
        ("--highestUserWastedPercent=0.1", 1),
        ("--highestUserWastedPercent=0.5", 0),
        ("--highestUserWastedPercent=40", 2),
        ("--lowestEfficiency=disabled", 0),
    ] {
        let (got, said) = code(&["app.tar", "--ci", "-i", flag], &[]);
        assert_eq!(got, want, "{flag}: {said}");
    }
    assert_eq!(code(&["app.tar", "--ci"], &[("DIVE_RULES_LOWEST_EFFICIENCY", "0.9")]).0, 1);
    let (got, said) = code(&["app.tar", "--source", "docker-archive", "-j", "out.json"], &[]);
    assert_eq!(got, 0, "{said}");
    assert!(folder.path().join("out.json").is_file());
    folder.write(".dive.yaml", b"container-engine: docker\nrules:\n  lowest-efficiency: 0.9\n");
    let (got, said) = code(&["app.tar", "--ci"], &[]);
    assert_eq!(got, 1, "{said}");
    folder.write(".dive-ci", b"team: web\nrules:\n  lowestEfficiency: 0.5\n  highestUserWastedPercent:\n");
    let (got, said) = code(&["app.tar", "--ci"], &[]);
    assert!(
        said.contains("warning: .dive-ci:1: team: this key is ignored") || said.contains("/.dive-ci:1: team"),
        "{said}"
    );
    // Without a value dive's default holds.
    assert_eq!(got, 1, "{said}");
    assert!(said.contains("max-own-wasted-percent"), "{said}");
}

#[test]
fn a_settings_file_without_end_is_refused() {
    let folder = folder();
    folder.write("app.tar", &image().layer([file("a", "a")]).save(Shape::Docker));
    let output = explore_in(folder.path()).args(["app.tar", "--ci", "--config", "/dev/zero"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("larger than 16 MiB"), "{}", text(&output.stderr));
}

#[test]
fn an_exception_that_ended_is_reported_by_config_check() {
    let folder = folder();
    folder.write(".explore.toml", b"[[ignore]]\nrule = \"apt-lists\"\nreason = \"later\"\nuntil = 2020-01-31\n");
    let output = explore_in(folder.path()).args(["config", "check"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("ended on 2020-01-31"), "{}", text(&output.stderr));
}

#[test]
fn flag_then_variable_then_near_file_then_own_file_then_default() {
    let folder = places();
    let show = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = explore_in(&folder.path().join("work/deep/down"));
        command.env("HOME", folder.path().join("home")).envs(variables.iter().copied());
        good(&command.args(["config", "show"]).args(arguments).output().unwrap())
    };
    let out = show(&[("EXPLORE_MAX_LAYERS", "3")], &["--max-layers=4"]);
    assert_eq!(shown(&out, "max-layers"), "max-layers = 4 # --max-layers");
    let out = show(&[("EXPLORE_MAX_LAYERS", "3")], &[]);
    assert_eq!(shown(&out, "max-layers"), "max-layers = 3 # EXPLORE_MAX_LAYERS");
    let out = show(&[("EXPLORE_MAX_LAYERS", "")], &[]);
    assert!(shown(&out, "max-layers").ends_with("work/.explore.toml:1"), "{out}");
    assert!(shown(&out, "floor").starts_with("floor = \"2MB\""), "{out}");
    assert!(shown(&out, "threads").ends_with("config.toml:3"), "{out}");
    assert!(shown(&out, "no-cache").starts_with("no-cache = true"), "`_` is `-`: {out}");
    assert_eq!(shown(&out, "pull"), "pull = \"never\" # default");
    // Limits of rules are merged one by one; other lists are replaced.
    let out = show(&[], &["--limit=apt-lists=9", "--forbid=c"]);
    assert!(shown(&out, "limit").starts_with("limit = { apt-lists = 9, pip-cache = 2 }"), "{out}");
    assert_eq!(shown(&out, "forbid"), "forbid = [\"c\"] # --forbid");
    // A file that is named is the only one.
    folder.write("other.toml", b"max-image-size = 5\n");
    let out = show(&[], &["--config=../../../other.toml"]);
    assert_eq!(shown(&out, "max-layers"), "# max-layers = # default");
    assert!(shown(&out, "max-image-size").ends_with("other.toml:1"), "{out}");
    let out = show(&[("EXPLORE_CONFIG", "../../../other.toml")], &[]);
    assert!(shown(&out, "max-image-size").ends_with("other.toml:1"), "{out}");
    let own = folder.path().join("xdg");
    folder.write("xdg/explore/config.toml", b"threads = 7\n");
    let out = show(&[("XDG_CONFIG_HOME", own.to_str().unwrap())], &[]);
    assert!(shown(&out, "threads").starts_with("threads = 7"), "{out}");
}

#[test]
fn what_is_shown_says_the_same_again() {
    let folder = places();
    let show = |arguments: &[&str]| good(&run(&folder.path().join("work"), &[&["config", "show"], arguments].concat()));
    let first = show(&["--max-own-wasted-bytes=1.5 GB", "--require=q\"uote", "--min-efficiency=95%"]);
    folder.write("again.toml", first.as_bytes());
    let again = show(&["--config=../again.toml"]);
    let values = |out: &str| -> Vec<String> {
        let lines = out.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        lines.map(|line| line.rsplit_once("  # ").map_or(line, |(value, _)| value).trim().to_owned()).collect()
    };
    assert_eq!(values(&first), values(&again));
    assert!(first.contains("min-efficiency = 0.95") && first.contains("require = [\"q\\\"uote\"]"), "{first}");
}

#[test]
fn the_default_limit_says_that_it_gives_way() {
    let folder = folder();
    let out = good(&run(folder.path(), &["config", "show"]));
    assert_eq!(shown(&out, "max-own-wasted-percent"), "max-own-wasted-percent = 5 # default");
    let out = good(&run(folder.path(), &["config", "show", "--max-wasted-bytes=1"]));
    assert!(shown(&out, "max-own-wasted-percent").contains("gives way"), "{out}");
}

#[test]
fn mistakes_name_file_line_key_and_what_was_meant() {
    let folder = folder();
    for (file, says) in [
        ("max-layer = 3", "config.toml:1: max-layer: there is no such setting; did you mean max-layers?"),
        (
            "\n\n  max_own_wasted_byte = 3",
            "config.toml:3: max_own_wasted_byte: there is no such setting; did you mean max-own-wasted-bytes?",
        ),
        ("zzz = 1", "config.toml:1: zzz: there is no such setting"),
        ("max-layers = \"many\"", "config.toml:1: max-layers: `many` is not a whole number"),
        ("max-layers = [1]", "config.toml:1: max-layers: a number is expected, not a TOML array"),
        ("floor = \"20 apples\"", "config.toml:1: floor: `20 apples` is not a size; write it as 20MB"),
        ("min-efficiency = 1.1", "config.toml:1: min-efficiency: `1.1` is not a ratio"),
        ("forbid = [\n  \"ok\",\n  \"a[\"\n]", "forbid: `a[` is not a pattern"),
        ("deny-secrets = \"perhaps\"", "config.toml:1: deny-secrets: `perhaps` is neither true nor false"),
        (
            "report = [\"json=x\"]",
            "config.toml:1: report: a settings file can't say this; use --report or EXPLORE_REPORT",
        ),
        ("write-baseline = true", "a settings file can't say this"),
        ("json = \"x\"", "a settings file can't say this"),
        ("[limit]\napt-lists = \"x\"", "config.toml:2: limit.apt-lists: `x` is not a size"),
        ("[limit]\napt-lits = 0", "config.toml:2: there is no rule apt-lits; did you mean apt-lists?"),
        ("limit = 3", "config.toml:1: limit: a table is expected"),
        ("[limits]\napt-lists = 0", "config.toml:1: limits: there is no such setting; did you mean limit?"),
        ("[[ignore]]\nrule = \"apt-lists\"", "config.toml:1: ignore: an exception says why"),
        ("[[ignore]]\nreason = \"r\"", "config.toml:1: ignore: an exception says for what"),
        (
            "[[ignore]]\nreason = \"r\"\nrul = \"apt-lists\"",
            "config.toml:3: rul: there is no such field of an exception; did you mean rule?",
        ),
        (
            "[[ignore]]\nreason = \"r\"\nrule = \"apt-lits\"",
            "config.toml:1: there is no rule apt-lits; did you mean apt-lists?",
        ),
        (
            "[[ignore]]\nreason = \"r\"\nrule = \"apt-lists\"\nuntil = \"soon\"",
            "config.toml:4: ignore.until: `soon` is not a date; write 2027-01-31",
        ),
        ("[[ignore]]\nreason = \" \"\nrule = \"apt-lists\"", "config.toml:2: ignore.reason: it is empty"),
        ("[screen]\nthem = \"x\"", "config.toml:2: them: there is no such setting of the screen; did you mean theme?"),
        ("[screen]\nmouse = 3", "config.toml:2: screen.mouse: `3` is neither true nor false"),
        ("[screen]\ntheme = \"drak\"", "config.toml:2: screen.theme: there is no theme `drak`; did you mean dark?"),
        ("[keys]\nquitt = \"x\"", "config.toml:2: keys.quitt: there is no such action"),
        ("[keys]\nquit = \"no such key\"", "config.toml:2: keys.quit: "),
        ("[keys]\nquit = 3", "config.toml:2: keys.quit: a key or a list of keys is expected"),
        ("max-layers = 1\nmax-layers = 2", "config.toml:2: it is no TOML: duplicate key"),
        ("max-layers = ", "config.toml:1: it is no TOML"),
        ("\"max\\u001b[31m\" = 1", "config.toml:1: max\\x1b[31m: there is no such setting"),
    ] {
        folder.write("config.toml", file.as_bytes());
        for arguments in [&["config", "check", "config.toml"][..], &["config", "show", "--config=config.toml"][..]] {
            let output = run(folder.path(), arguments);
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{file}: {said}");
            assert!(said.contains(says), "{file}: {said}\nwanted: {says}");
            assert!(!said.contains('\u{1b}') && output.stdout.is_empty(), "{said}");
        }
    }
    // All of it is told at once.
    folder.write("config.toml", b"max-layer = 3\nfloor = \"x\"\n");
    let said = text(&run(folder.path(), &["config", "check", "config.toml"]).stderr);
    assert_eq!(said.lines().count(), 2, "{said}");
    // And in the order of the lines, whatever is found out first.
    let file = "[keys]\nquitt = \"x\"\nhelp = \"no such key\"\nmark = 3\n[screen]\ntheme = \"drak\"\n\
                [[ignore]]\nrule = \"apt-lits\"\nreason = \"r\"\n[limit]\napt-lists = \"x\"\n";
    folder.write("config.toml", &[b"zzz = 1\nmax-layers = \"many\"\n", file.as_bytes()].concat());
    for arguments in [&["config", "check", "config.toml"][..], &["config", "show", "--config=config.toml"][..]] {
        let said = text(&run(folder.path(), arguments).stderr);
        let lines: Vec<usize> = said
            .lines()
            .filter_map(|line| line.split("config.toml:").nth(1)?.split(':').next()?.parse().ok())
            .collect();
        assert_eq!(lines, [1, 2, 4, 5, 6, 8, 9, 13], "{said}");
        assert!(said.contains("keys.quitt: there is no such action; did you mean `quit`?"), "{said}");
    }
}

#[test]
fn a_misspelt_command_is_told() {
    let folder = folder();
    let said = |arguments: &[&str]| {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        text(&output.stderr)
    };
    for (arguments, meant) in [
        (&["dif", "a", "b"][..], "did you mean `explore diff`?"),
        (&["histroy", "a"], "did you mean `explore history`?"),
        (&["extrct", "a", "b"], "did you mean `explore extract`?"),
    ] {
        assert!(said(arguments).contains(meant), "{}", said(arguments));
    }
    let plain = said(&["redis", "a"]);
    assert!(plain.contains("several images are judged with --ci") && !plain.contains("did you mean"), "{plain}");
    // A file of that name is what is meant.
    folder.write("dif", b"");
    assert!(!said(&["dif", "a", "b"]).contains("did you mean"));
}

#[test]
fn mistakes_of_flags_and_variables_name_them() {
    let folder = folder();
    let with = |variables: &[(&str, &str)], arguments: &[&str]| {
        let output = explore_in(folder.path()).envs(variables.iter().copied()).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{variables:?} {arguments:?}");
        text(&output.stderr)
    };
    let said = with(&[], &["--ci", "--max-layers=many", "x"]);
    assert!(said.contains("--max-layers: `many` is not a whole number"), "{said}");
    let said = with(&[("EXPLORE_MAX_LAYERS", "many")], &["--ci", "x"]);
    assert!(said.contains("EXPLORE_MAX_LAYERS: `many` is not a whole number"), "{said}");
    let said = with(&[("EXPLORE_MAX_LAYER", "3")], &["--ci", "x"]);
    assert!(said.contains("EXPLORE_MAX_LAYER: there is no such setting; did you mean EXPLORE_MAX_LAYERS?"), "{said}");
    let said = with(&[("EXPLORE_THEME", "drak")], &["--ci", "x"]);
    assert!(said.contains("EXPLORE_THEME: screen.theme: there is no theme `drak`; did you mean dark?"), "{said}");
    let said = with(&[("EXPLORE_VERIFY", "perhaps")], &["ls", "x"]);
    assert!(said.contains("EXPLORE_VERIFY: `perhaps` is neither true nor false"), "{said}");
    let said = with(&[], &["--ci", "--max-layer=3", "x"]);
    assert!(said.contains("'--max-layers'"), "{said}");
    let said = with(&[], &["--ci", "--report=juint=x", "x"]);
    assert!(said.contains("did you mean junit?"), "{said}");
    let said = with(&[], &["--base=a", "--base-layers=1", "x.tar"]);
    assert!(!said.is_empty());
    // Variables of others are none of our business.
    let output = explore_in(folder.path()).env("EXPLORE_THE_WORLD", "1").args(["config", "show"]).output().unwrap();
    good(&output);
}

#[test]
fn a_broken_file_above_stops_every_command() {
    let folder = folder();
    folder.write("app.tar", &image().layer([file("a", "a")]).save(Shape::Docker));
    folder.write(".explore.toml", b"max-layer = 3\n");
    for arguments in [&["app.tar", "--summary"][..], &["--ci", "app.tar"][..], &["ls", "app.tar"][..]] {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_commented_file_to_begin_with() {
    let folder = folder();
    good(&run(folder.path(), &["config", "init"]));
    let written = std::fs::read_to_string(folder.path().join(".explore.toml")).unwrap();
    assert!(written.lines().all(|line| line.is_empty() || line.starts_with('#')), "{written}");
    assert!(written.lines().all(|line| line.chars().count() <= 130), "{written}");
    good(&run(folder.path(), &["config", "check"]));
    let output = run(folder.path(), &["config", "init"]);
    assert_eq!(output.status.code(), Some(2), "what someone wrote is not lost");
    assert!(text(&output.stderr).contains(".explore.toml exists"));
    // Every setting that a file can say is in it, and what stands behind the hash is right.
    let is_setting = |line: &str| {
        let line = line.trim_start_matches("# ");
        line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
    };
    let lines = written.lines().filter(|line| is_setting(line)).map(|line| line.trim_start_matches("# "));
    let uncommented: Vec<&str> = lines.collect();
    for setting in SETTINGS.iter().filter(|setting| setting.in_file) {
        let key = setting.key.trim_start_matches("screen.");
        assert!(uncommented.iter().any(|line| line.starts_with(&format!("{key} = "))), "{key}: {written}");
    }
    folder.write("rules.toml", b"");
    folder.write("all.toml", uncommented.join("\n").as_bytes());
    let output = run(folder.path(), &["config", "check", "all.toml"]);
    assert!(output.status.success(), "{}\n{}", text(&output.stderr), uncommented.join("\n"));
    let out = good(&run(folder.path(), &["config", "init", "-"]));
    assert_eq!(out, written);
}

#[test]
fn every_flag_has_its_variable() {
    let folder = folder();
    // What `--rules 7` reads.
    folder.write("7", b"");
    let help = good(&run(folder.path(), &["--help"]));
    for setting in SETTINGS.iter().filter(|setting| setting.has_flag()) {
        let variable = setting.variable();
        assert!(help.contains(&format!("--{}", setting.key)), "{}", setting.key);
        assert!(
            help.contains(&format!("[env: {variable}]"))
                || help.replace('\n', " ").split_whitespace().any(|word| word == format!("{variable}]")),
            "{variable}"
        );
        if setting.group == Group::Sources {
            continue;
        }
        let value = match setting.takes {
            Takes::Switch => "true",
            Takes::Ratio => "0.5",
            Takes::Platform => "linux/arm64",
            Takes::Choice(words) => words[0],
            Takes::Stretches => "1..2",
            Takes::Reports => "json=x",
            Takes::RuleLimits => "apt-lists=7",
            _ => "7",
        };
        let output = explore_in(folder.path()).env(&variable, value).args(["config", "show"]).output().unwrap();
        let out = if setting.key == "count" { continue } else { good(&output) };
        assert!(shown(&out, setting.key).ends_with(&format!("# {variable}")), "{variable}: {out}");
    }
}

#[test]
fn paths_of_a_file_are_beside_it() {
    let folder = places();
    folder.write("work/.explore.toml", b"baseline = \"known/base.json\"\nmax-own-wasted-bytes = 0\n");
    std::fs::create_dir(folder.path().join("work/known")).unwrap();
    folder.write(
        "app.tar",
        &image().layer([file("a", "a")]).layer([file("b", "b")]).layer([gone("b")]).save(Shape::Docker),
    );
    let deep = folder.path().join("work/deep/down");
    let output = run(&deep, &["--ci", "--write-baseline", "../../../app.tar"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(folder.path().join("work/known/base.json").is_file());
    assert!(run(&deep, &["--ci", "../../../app.tar"]).status.success());
}

#[test]
fn what_is_said_of_the_screen_is_carried() {
    let folder = folder();
    let file = "[screen]\ntheme = \"dark\"\nmouse = false\nsingle_child_folders = true\n[keys]\nquit = \"x\"\nhelp = [\"F1\", \"?\"]\n";
    let path = folder.write(".explore.toml", file.as_bytes());
    let screen = explore::settings::check(&path).unwrap().screen();
    assert_eq!(screen.theme.as_ref().map(|(theme, _)| theme.as_str()), Some("dark"));
    assert!(screen.theme.unwrap().1.to_string().ends_with(".explore.toml:2"));
    assert_eq!((screen.mouse, screen.single_child_folders), (Some(false), Some(true)));
    let keys: Vec<(&str, &[String])> =
        screen.keys.iter().map(|key| (key.action.as_str(), key.keys.as_slice())).collect();
    assert_eq!(keys, [("help", &["F1".to_owned(), "?".to_owned()][..]), ("quit", &["x".to_owned()][..])]);
    assert!(screen.keys.iter().any(|key| key.origin.to_string().ends_with(".explore.toml:6")));
}

/// `.dive-ci` as people have it, and images on each side of its limits.
#[test]
fn dives_file_is_read_as_dive_reads_it() {
    let folder = folder();
    // 100 kB of 400 kB in own layers, and of 1 MB in all.
    let wasteful = image()
        .layer([file("os", vec![b'o'; 600_000])])
        .layer([file("big", vec![b'b'; 100_000]), file("keep", vec![b'k'; 300_000])])
        .layer([gone("big")]);
    folder.write("app.tar", &wasteful.save(Shape::Docker));
    let with = |rules: &str, more: &[&str]| {
        folder.write(".dive-ci", format!("# as dive has it\nrules:\n{rules}").as_bytes());
        let output = run(folder.path(), &[&["--ci", "--base-layers=1", "app.tar"], more].concat());
        (output.status.code().unwrap(), text(&output.stdout) + &text(&output.stderr))
    };
    let off = "  highestUserWastedPercent: disabled\n";
    for (rules, want) in [
        ("  lowestEfficiency: 0.9\n  highestUserWastedPercent: disabled\n".to_owned(), 0),
        ("  lowestEfficiency: 0.90001\n  highestUserWastedPercent: disabled\n".to_owned(), 1),
        ("  lowestEfficiency: \"0.95\"\n  highestUserWastedPercent: disabled\n".to_owned(), 1),
        (format!("{off}  highestWastedBytes: 100000\n"), 0),
        (format!("{off}  highestWastedBytes: 100kB\n"), 0),
        (format!("{off}  highestWastedBytes: 99kB\n"), 1),
        (format!("{off}  highestWastedBytes: \"97 KiB\"\n"), 1),
        ("  highestUserWastedPercent: 0.25\n".to_owned(), 0),
        ("  highestUserWastedPercent: 0.2499\n".to_owned(), 1),
        ("  highestUserWastedPercent: \"0.20\"\n".to_owned(), 1),
        // dive's own default for what is not said: 0.1.
        ("  highestWastedBytes: 20MB\n".to_owned(), 1),
        (format!("{off}  lowestEfficiency: disabled\n  highestWastedBytes: disabled\n"), 0),
    ] {
        let (code, out) = with(&rules, &[]);
        assert_eq!(code, want, "{rules}\n{out}");
    }
    // Flags win over it, and so does our own file.
    assert_eq!(with("  highestUserWastedPercent: 0.2\n", &["--max-own-wasted-percent=30"]).0, 0);
    assert_eq!(with(off, &["--max-wasted-bytes=1"]).0, 1);
    folder.write(".explore.toml", b"max-own-wasted-percent = 30\n");
    assert_eq!(with("  highestUserWastedPercent: 0.2\n", &[]).0, 0);
    std::fs::remove_file(folder.path().join(".explore.toml")).unwrap();
    for (rules, says) in [
        (
            "  lowestEficiency: 0.9\n",
            ".dive-ci:3: lowestEficiency: there is no such key; did you mean lowestEfficiency?",
        ),
        ("  lowestEfficiency: 1.1\n", ".dive-ci:3: lowestEfficiency: `1.1` is not a ratio"),
        ("  highestWastedBytes: lots\n", ".dive-ci:3: highestWastedBytes: `lots` is not a size"),
    ] {
        let (code, out) = with(rules, &[]);
        assert!(code == 2 && out.contains(says), "{out}");
    }
    let named = run(folder.path(), &["--ci", "--ci-config=../none", "app.tar"]);
    assert_eq!(named.status.code(), Some(2));
    folder.write("other.yaml", b"rules:\n  highestUserWastedPercent: 0.25\n");
    let named = run(folder.path(), &["--ci", "--base-layers=1", "--ci-config=other.yaml", "app.tar"]);
    assert_eq!(named.status.code(), Some(0), "{}", text(&named.stderr));
    let out = good(&run(folder.path(), &["config", "show", "--ci-config=other.yaml"]));
    assert!(shown(&out, "max-own-wasted-percent").ends_with("other.yaml:2"), "{out}");
    assert!(shown(&out, "min-efficiency").ends_with("other.yaml, default of that format"), "{out}");
    good(&run(folder.path(), &["config", "check", "other.yaml"]));
}

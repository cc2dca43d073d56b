//! No output prints the value of a secret that the documents of an image hold.

use serde_json::json;

use crate::common::{Shape, explore, file, folder, image, text};

/// Obviously false values, each in a place of its own.
const VALUES: [&str; 16] = [
    "hunter2-Env-Value",
    "two words of a passphrase",
    "labelSecret-55",
    "commandPw-33",
    "healthPw-22",
    "onbuildPw-11",
    "entryPw-00",
    "cmdAfterEntry-44",
    "buildArg-99",
    "bearerToken-88",
    "urlPass-77",
    "mysqlPw-66",
    "commentPw-12",
    "annotationSecret-13",
    "shellPw-14",
    "dockerfilePw-15",
];

#[test]
fn no_output_prints_the_value_of_a_secret() {
    let built = image()
        .layer([file("a", "a")])
        .layer([file("b", "b")])
        .run(json!({
            "Env": ["DB_PASSWORD=hunter2-Env-Value", "VAULT_PASSPHRASE=two words of a passphrase", "PATH=/bin"],
            "Labels": { "api_token": "labelSecret-55", "note": "the password is hunter2-Env-Value" },
            "Entrypoint": ["app", "--token", "entryPw-00", "--password"],
            "Cmd": ["cmdAfterEntry-44", "--api-key=commandPw-33"],
            "Healthcheck": { "Test": ["CMD-SHELL", "curl -u admin:healthPw-22 localhost"] },
            "OnBuild": ["RUN docker login -u me -p onbuildPw-11 registry.example"],
            "Shell": ["sh", "-c", "sshpass -p shellPw-14 ssh h"],
        }))
        .history(json!([
            {
                "created_by": "RUN |1 TOKEN=buildArg-99 /bin/sh -c curl -H \"Authorization: Bearer bearerToken-88\" https://u:urlPass-77@h/",
                "comment": "made with PASSWORD=commentPw-12"
            },
            { "created_by": "/bin/sh -c mysql -pmysqlPw-66 && echo hunter2-Env-Value" },
            { "created_by": "ENV DB_PASSWORD=hunter2-Env-Value", "empty_layer": true },
            { "created_by": "LABEL api_token=labelSecret-55", "empty_layer": true },
            { "created_by": "HEALTHCHECK &{[\"CMD-SHELL\" \"curl -u admin:healthPw-22 localhost\"]}", "empty_layer": true },
        ]));
    let folder = folder();
    let path = folder.write("image.tar", &built.save(Shape::Oci));
    let plain = folder.write("plain.tar", &image().layer([file("a", "a")]).save(Shape::Docker));
    let dockerfile = folder.write("Dockerfile", b"FROM x\nRUN mysql -pdockerfilePw-15 && true\n");
    let (path, plain) = (path.to_str().unwrap(), plain.to_str().unwrap());
    let mut runs: Vec<Vec<String>> = Vec::new();
    let words = |line: &[&str]| line.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    for format in explore::report::ReportFormat::ALL {
        let report = format!("{}={}", format.name(), folder.path().join("report").display());
        runs.push(words(&[path, "--ci", "--report", &report]));
        runs.push(words(&[path, "--ci", "--report", &report, "--dockerfile", dockerfile.to_str().unwrap()]));
    }
    for line in [&[path, "--summary"][..], &[path, "--json"], &["history", path, "--no-trunc"]] {
        runs.push(words(line));
    }
    runs.push(words(&["history", path, "--no-trunc", "--format", "json"]));
    for format in ["text", "json", "markdown", "html"] {
        runs.push(words(&["diff", path, plain, "--all", "--format", format]));
        runs.push(words(&["diff", plain, path, "--all", "--format", format]));
    }
    let mut hidden = 0;
    for arguments in runs {
        let report = folder.path().join("report");
        let _ = std::fs::remove_file(&report);
        let output = explore(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let written = std::fs::read(&report).unwrap_or_default();
        let all = [text(&output.stdout), text(&output.stderr), text(&written)].concat();
        assert!(!all.is_empty(), "{arguments:?}");
        hidden += all.matches("(hidden, ").count();
        for value in VALUES {
            assert!(!all.contains(value), "{arguments:?} prints {value}:\n{all}");
        }
    }
    assert!(hidden > 50, "{hidden}");
}

#[test]
fn an_error_does_not_print_what_it_found_in_a_config() {
    let built = image().layer([file("a", "a")]).run(json!({ "Volumes": "DB_PASSWORD=hunter2-Env-Value" }));
    let folder = folder();
    let path = folder.write("image.tar", &built.save(Shape::Docker));
    let output = explore(&[path.to_str().unwrap(), "--json"]);
    let all = [text(&output.stdout), text(&output.stderr)].concat();
    assert!(!all.contains("hunter2"), "{all}");
}

#[test]
fn every_place_of_the_config_is_accused() {
    let built = image().layer([file("a", "a")]).run(json!({
        "Env": ["DB_PASSWORD=hunter2-Env-Value"],
        "Labels": { "api_token": "labelSecret-55" },
        "Cmd": ["app", "--password=commandPw-33"],
        "Healthcheck": { "Test": ["CMD", "curl", "-u", "admin:healthPw-22", "localhost"] },
        "OnBuild": ["RUN docker login -u me -p onbuildPw-11 registry.example"],
    }));
    let folder = folder();
    let path = folder.write("image.tar", &built.save(Shape::Docker));
    let found = crate::common::look(&path);
    let messages: Vec<&str> = found.waste.findings.iter().map(|finding| finding.message.as_str()).collect();
    for name in ["DB_PASSWORD", "api_token", "--password", "curl -u", "docker -p"] {
        assert!(messages.iter().any(|message| message.contains(name)), "{name}: {messages:?}");
    }
}

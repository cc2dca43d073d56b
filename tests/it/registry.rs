//! Images straight from a registry: a real one, behind a proxy that counts and breaks what passes.

use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::common::server::{Fault, Passed, Proxy, Registry, has_registry};
use super::common::{Folder, ImageBuilder, dir, explore_in, file, folder, gone, gzip, image, text, zstd};

/// Two layers: the second removes a file of the first and stores another one again.
fn two_layers() -> ImageBuilder {
    let noise: Vec<u8> = (0..300_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    image()
        .layer([dir("etc"), file("etc/hello", "hello\n"), file("data", &noise), file("same", "the same")])
        .layer([gone("data"), file("same", "the same"), file("etc/world", "world\n")])
        .compress(gzip)
        .media_type("application/vnd.oci.image.layer.v1.tar+gzip")
}

/// Runs the program in a home of its own, without any engine.
pub fn run(home: &Folder, arguments: &[&str]) -> Output {
    run_with(home, arguments, &[])
}

pub fn run_with(home: &Folder, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = explore_in(home.path());
    for name in [
        "REGISTRY_AUTH_FILE",
        "DOCKER_AUTH_CONFIG",
        "DOCKER_CONFIG",
        "XDG_RUNTIME_DIR",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "SSL_CERT_FILE",
    ] {
        command.env_remove(name);
    }
    command
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
        .env("CONTAINER_HOST", "unix:///nonexistent/podman.sock")
        .env("CONTAINERS_REGISTRIES_CONF", home.path().join("registries.conf"))
        .env("EXPLORE_CACHE_DIR", home.path().join("cache"))
        .envs(variables.iter().copied())
        .args(arguments)
        .output()
        .unwrap()
}

pub fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
}

/// What does not depend on where an image is read.
pub fn facts(mut document: Value) -> Value {
    for key in ["tool", "image", "verification", "notes"] {
        document[key] = Value::Null;
    }
    // Where an entry begins in compressed bytes is known to some kilobytes only.
    document["waste"]["pull_bytes"] = Value::Null;
    for finding in document["waste"]["findings"].as_array_mut().into_iter().flatten() {
        finding["pull_bytes"] = Value::Null;
    }
    document
}

#[test]
fn an_image_is_the_same_from_a_registry_and_from_a_file() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    let home = folder();
    for (name, built) in [("plain", two_layers()), ("packed", two_layers().compress(zstd))] {
        let digest = registry.push("team/app", name, &built);
        let layout = home.layout(name, &built.members(super::common::Shape::Oci));
        let want = json_of(&run(&home, &[layout.to_str().unwrap(), "--json", "--files"]));
        for typed in [
            format!("registry:{}/team/app:{name}", registry.host()),
            format!("{}/team/app:{name}", registry.host()),
            format!("docker://{}/team/app:{name}", registry.host()),
            format!("registry://{}/team/app@{digest}", registry.host()),
        ] {
            let output = run(&home, &[&typed, "--json", "--files"]);
            assert!(output.status.success(), "{typed}: {}", text(&output.stderr));
            let got = json_of(&output);
            assert_eq!(got["image"]["source"], "registry", "{typed}");
            assert_eq!(got["image"]["digest"], json!(digest), "{typed}");
            assert_eq!(got["image"]["id"], want["image"]["id"]);
            assert!(facts(got.clone()) == facts(want.clone()), "{typed}: {got:#} instead of {want:#}");
        }
    }
}

#[test]
fn the_bytes_and_requests_that_reading_costs() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    let built = two_layers();
    registry.push("team/app", "1", &built);
    let proxy = Proxy::before(registry.port);
    let home = folder();
    let name = format!("registry:{}/team/app:1", proxy.host());
    let (manifest, _) = built.manifest();
    let documents = (manifest.len() + built.config().len()) as u64;
    let layers: u64 = built.blobs().iter().map(|blob| blob.len() as u64).sum();
    let first = json_of(&run(&home, &[&name, "--json"]));
    assert_eq!(first["verification"]["state"], "verified");
    assert_eq!(proxy.count(), (4, documents + layers), "each document and each layer once");
    // The tag is asked for again, and nothing else.
    let second = json_of(&run(&home, &[&name, "--json"]));
    assert_eq!(proxy.count(), (1, 0), "what has a digest is cached");
    assert_eq!(facts(second), facts(first));
    let offline = run(&home, &[&name, "--json", "--offline"]);
    assert!(offline.status.success(), "{}", text(&offline.stderr));
    assert_eq!(proxy.count(), (0, 0));
    let unknown = run(&folder(), &[&name, "--json", "--offline"]);
    assert_eq!((unknown.status.code(), proxy.count()), (Some(2), (0, 0)));
}

#[test]
fn files_are_read_from_a_registry() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    registry.push("app", "1", &two_layers());
    let home = folder();
    let name = format!("{}/app:1", registry.host());
    let output = run(&home, &["cat", &name, "etc/world"]);
    assert_eq!((text(&output.stdout).as_str(), output.status.code()), ("world\n", Some(0)), "{}", text(&output.stderr));
    let output = run(&home, &["cat", &name, "/etc/hello"]);
    assert_eq!(text(&output.stdout), "hello\n", "{}", text(&output.stderr));
    let output = run(&home, &["cat", &name, "data"]);
    assert_eq!(output.status.code(), Some(2));
    let output = run(&home, &["ls", &name, "etc"]);
    assert!(text(&output.stdout).contains("etc/world"), "{}", text(&output.stderr));
    let out = home.path().join("out");
    let output = run(&home, &["extract", &name, "/", "--output", out.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let saved = std::process::Command::new("find").arg(&out).args(["-name", "hello"]).output().unwrap();
    assert!(!saved.stdout.is_empty());
    let output = run(&home, &["history", &name]);
    assert!(text(&output.stdout).contains("step 1"), "{}", text(&output.stderr));
    let output = run(&home, &["diff", &name, &name]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let output = run(&home, &["--ci", &name]);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", text(&output.stderr));
}

/// A blob of the larger layer.
fn is_data(request: &Passed, built: &ImageBuilder) -> bool {
    request.path.contains("/blobs/") && request.path.ends_with(explore::image::Digest::of(&built.blobs()[0]).as_str())
}

#[test]
fn what_may_pass_is_tried_again() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    let built = two_layers();
    registry.push("app", "1", &built);
    let answer = |status, headers: &[(&str, &str)]| {
        Fault::Answer(status, headers.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(), Vec::new())
    };
    let first = |fault: Fault| move |_: usize, before: usize| (before == 0).then(|| fault.clone());
    // The answer to the first request after a cut, which asks for the rest.
    let then_refused = |refusal: Fault| {
        move |_: usize, before: usize| match before {
            0 => Some(Fault::Cut(200_000)),
            1 => Some(refusal.clone()),
            _ => None,
        }
    };
    let faults: Vec<(&str, Box<dyn Fn(usize, usize) -> Option<Fault> + Send + Sync>)> = vec![
        ("503", Box::new(first(answer(503, &[("Retry-After", "0")])))),
        ("429", Box::new(first(answer(429, &[("Retry-After", "1")])))),
        ("500", Box::new(first(answer(500, &[])))),
        ("a cut", Box::new(first(Fault::Cut(200_000)))),
        ("two cuts", Box::new(|_, before| (before < 2).then_some(Fault::Cut(100_000)))),
        (
            "a cut, and no ranges",
            Box::new(|_, before| match before {
                0 => Some(Fault::Cut(200_000)),
                _ => Some(Fault::Whole),
            }),
        ),
        ("a cut, and 416 for ranges", Box::new(then_refused(answer(416, &[])))),
        ("a cut, and 400 for ranges", Box::new(then_refused(answer(400, &[])))),
        ("a cut, and 206 without a range", Box::new(then_refused(answer(206, &[])))),
        ("an early end", Box::new(first(Fault::Cut(0)))),
    ];
    for (what, fault) in faults {
        let like = built.clone();
        let proxy = Proxy::with(
            registry.port,
            move |request, before| {
                if is_data(request, &like) { fault(0, before) } else { None }
            },
        );
        let output = run(&folder(), &[&format!("{}/app:1", proxy.host()), "--json", "--source", "registry"]);
        assert!(output.status.success(), "{what}: {}", text(&output.stderr));
        assert_eq!(json_of(&output)["verification"]["state"], "verified", "{what}");
        let ranges: Vec<_> = proxy.requests().into_iter().filter_map(|one| one.range).collect();
        if what == "a cut" {
            let rest = built.blobs()[0].len() - 1;
            assert_eq!(ranges, [format!("bytes=200000-{rest}")], "only what is missing is asked for again");
        }
    }
}

#[test]
fn wrong_bytes_are_an_error_and_are_not_cached() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    let built = two_layers();
    registry.push("app", "1", &built);
    let last = built.blobs()[0].len() - 1;
    let home = folder();
    for at in [100_000, last] {
        let like = built.clone();
        let proxy = Proxy::with(registry.port, move |request, _| is_data(request, &like).then_some(Fault::Damage(at)));
        let name = format!("registry:{}/app:1", proxy.host());
        let output = run(&home, &[&name, "--json"]);
        assert_eq!(output.status.code(), Some(2), "{at}");
        assert_eq!(json_of(&output)["verification"]["state"], "failed");
        assert!(text(&output.stderr).contains("digest"), "{}", text(&output.stderr));
        let output = run(&home, &["--ci", &name]);
        assert_eq!(output.status.code(), Some(2), "a gate does not pass what it has not seen");
    }
    // Nothing of it was cached: it is downloaded again.
    let proxy = Proxy::before(registry.port);
    let output = run(&home, &[&format!("registry:{}/app:1", proxy.host()), "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(proxy.requests().iter().any(|request| is_data(request, &built)));
    // A manifest with other bytes than its tag says is not an image.
    let proxy =
        Proxy::with(registry.port, |request, _| request.path.contains("/manifests/").then_some(Fault::Damage(30)));
    let output = run(&folder(), &[&format!("registry:{}/app:1", proxy.host()), "--json"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_registry_that_fails_is_exit_code_2() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    let built = two_layers();
    registry.push("app", "1", &built);
    for (status, headers, says) in [
        (429, vec![("Retry-After".to_owned(), "3600".to_owned())], "3600 seconds"),
        (403, vec![], "docker login"),
        (404, vec![], "docker login"),
    ] {
        let like = built.clone();
        let proxy = Proxy::with(registry.port, move |request, _| {
            is_data(request, &like).then(|| Fault::Answer(status, headers.clone(), Vec::new()))
        });
        let since = Instant::now();
        let output = run(&folder(), &["--ci", &format!("registry:{}/app:1", proxy.host())]);
        assert_eq!(output.status.code(), Some(2), "{status}");
        assert!(text(&output.stderr).contains(says), "{status}: {}", text(&output.stderr));
        assert!(since.elapsed() < Duration::from_secs(20), "{status}");
    }
    for name in
        [format!("{}/none:1", registry.host()), format!("{}/app:none", registry.host()), "127.0.0.1:1/app".to_owned()]
    {
        let output = run(&folder(), &["--ci", &format!("registry:{name}")]);
        assert_eq!(output.status.code(), Some(2), "{name}");
    }
}

#[test]
fn documents_alone_cost_two_requests() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    let built = two_layers();
    registry.push("app", "1", &built);
    let proxy = Proxy::before(registry.port);
    let name = format!("registry:{}/app:1", proxy.host());
    let output = run(&folder(), &["history", &name]);
    assert!(text(&output.stdout).contains("step 1"), "{}", text(&output.stderr));
    let (manifest, _) = built.manifest();
    assert_eq!(proxy.count(), (2, (manifest.len() + built.config().len()) as u64));
}

/// Whoever looks at a layer waits for no other; else the largest comes first.
#[test]
fn the_layer_that_is_looked_at_is_downloaded_first() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    let content = |bytes: usize| file("data", vec![b'x'; bytes]);
    let built = image().layer([content(20_000)]).layer([content(300_000)]).layer([content(5_000)]);
    registry.push("app", "1", &built);
    let blobs: Vec<String> = built.blobs().iter().map(|blob| explore::source::Digest::of(blob).to_string()).collect();
    for (looked_at, want) in [(None, [1, 0, 2]), (Some(2), [2, 1, 0]), (Some(0), [0, 1, 2])] {
        let proxy = Proxy::before(registry.port);
        let target = explore::source::Target::parse(format!("registry:{}/app:1", proxy.host()).as_ref()).unwrap();
        let first = looked_at.map(|layer| std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(layer)));
        let options = explore::inspect::Options { first, threads: 1, ..explore::inspect::Options::default() };
        explore::inspect::inspect(&target, &options, &mut |_| true).unwrap();
        let asked: Vec<usize> = proxy
            .requests()
            .iter()
            .filter_map(|request| blobs.iter().position(|blob| request.path.ends_with(blob.as_str())))
            .collect();
        assert_eq!(asked, want, "{looked_at:?}");
    }
}

#[test]
fn a_file_costs_the_layers_above_it_and_then_a_span() {
    if !has_registry() {
        return;
    }
    let mut state = 1_u32;
    let letter = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b"etaoin shrdlu\n"[(state >> 24) as usize % 14]
    };
    let letters: Vec<u8> = std::iter::repeat_with(letter).take(24_000_000).collect();
    let registry = Registry::start();
    let built = image()
        .layer([file("large/a", &letters), file("etc/deep", "deep\n"), file("large/b", &letters)])
        .layer([file("etc/top", "top\n"), gone("etc/deep")])
        .compress(gzip)
        .media_type("application/vnd.oci.image.layer.v1.tar+gzip");
    registry.push("app", "1", &built);
    let blobs = built.blobs();
    let proxy = Proxy::before(registry.port);
    let name = format!("registry:{}/app:1", proxy.host());
    let home = folder();
    let output = run(&home, &["cat", &name, "etc/top"]);
    assert_eq!(text(&output.stdout), "top\n", "{}", text(&output.stderr));
    let (_, bytes) = proxy.count();
    assert!(bytes < 5000 + 2 * blobs[1].len() as u64, "only the last layer is read: {bytes}");
    // What the last layer takes away is looked for no further.
    let output = run(&home, &["cat", &name, "etc/deep"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(proxy.count().1 < 5000);
    let output = run(&home, &["cat", &name, "large/b"]);
    assert!(output.stdout == letters, "{}", text(&output.stderr));
    proxy.count();
    // The layer passed once: from now on a file of it costs what is stored around it.
    let output = run(&home, &["cat", &name, "etc/deep", "--layer", "0"]);
    assert_eq!(text(&output.stdout), "deep\n", "{}", text(&output.stderr));
    let (requests, bytes) = proxy.count();
    assert!(
        requests <= 4 && bytes < blobs[0].len() as u64 / 4,
        "{requests} requests, {bytes} of {} bytes",
        blobs[0].len()
    );
    // Damaged parts are not shown.
    let broken = Proxy::with(registry.port, |request, _| request.range.is_some().then_some(Fault::Damage(5000)));
    let output = run(&home, &["cat", &format!("registry:{}/app:1", broken.host()), "etc/deep", "--layer", "0"]);
    assert!(text(&output.stdout) == "deep\n" || output.status.code() == Some(2) && output.stdout.is_empty());
}

#[test]
fn tags_of_a_repository_are_listed() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    let built = two_layers();
    for tag in ["1.9", "1.10", "latest"] {
        registry.push("team/app", tag, &built);
    }
    let hex = "ab".repeat(32);
    registry.push("team/app", &format!("sha256-{hex}.sig"), &built);
    let name = format!("registry:{}/team/app", registry.host());
    let output = run(&folder(), &[&name]);
    assert_eq!(text(&output.stdout), "1.9\n1.10\nlatest\n", "{}", text(&output.stderr));
    let listed = json_of(&run(&folder(), &[&name, "--json"]));
    assert_eq!((&listed["tags"], &listed["signatures"]), (&json!(["1.9", "1.10", "latest"]), &json!(1)));
    // Pages are followed to their end, and a registry that never ends is left.
    let pages = Proxy::with(registry.port, |request, _| {
        request.path.contains("/tags/list").then(|| {
            let last: u32 = request.path.split("last=").nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
            let tags: Vec<String> = (last..last + 100).map(|number| format!("v{number}")).collect();
            let next = format!("</v2/team/app/tags/list?last={}>; rel=\"next\"", last + 100);
            let headers = if last < 4900 { vec![("Link".to_owned(), next)] } else { Vec::new() };
            Fault::Answer(200, headers, json!({"name": "team/app", "tags": tags}).to_string().into_bytes())
        })
    });
    let listed = json_of(&run(&folder(), &[&format!("registry:{}/team/app", pages.host()), "--json"]));
    assert_eq!(listed["tags"].as_array().map(Vec::len), Some(5000));
}

#[test]
fn two_platforms_of_one_index_are_compared() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    let mut rows = Vec::new();
    for (architecture, word) in [("amd64", "one"), ("arm64", "two")] {
        let built = image().layer([file("word", word)]).platform("linux", architecture, None);
        let digest = registry.push("app", architecture, &built);
        rows.push(json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": built.manifest().0.len(),
            "platform": {"os": "linux", "architecture": architecture},
        }));
    }
    let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": rows});
    registry.push_manifest("app", "all", index.to_string().as_bytes());
    let name = format!("registry:{}/app:all", registry.host());
    let output = run(&folder(), &["diff", &format!("{name}@linux/amd64"), &format!("{name}@linux/arm64")]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("word"), "{}", text(&output.stdout));
}

#[test]
fn a_slow_registry_is_waited_for_and_a_silent_one_is_not() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    let built = two_layers();
    registry.push("app", "1", &built);
    let like = built.clone();
    let slow = Proxy::with(registry.port, move |request, _| {
        is_data(request, &like).then_some(Fault::Drip(16_000, Duration::from_millis(20)))
    });
    let output = run(&folder(), &[&format!("registry:{}/app:1", slow.host()), "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let like = built.clone();
    let silent = Proxy::with(registry.port, move |request, _| is_data(request, &like).then_some(Fault::Silence));
    let since = Instant::now();
    let output = run(&folder(), &["--ci", &format!("registry:{}/app:1", silent.host()), "--timeout", "1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    // Whoever does not want to wait is not kept waiting.
    let mut child = super::common::explore_in(folder().path())
        .args(["--json", &format!("registry:{}/app:1", silent.host())])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let since = Instant::now();
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    child.wait().unwrap();
    assert!(since.elapsed() < Duration::from_millis(500), "{:?}", since.elapsed());
}

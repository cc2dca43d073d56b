//! Who may read: credentials, tokens, TLS, proxies; and which image a name means.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::common::server::{Fault, Proxy, Registry, has_registry};
use super::common::{Folder, ImageBuilder, file, folder, gzip, image, text};
use super::registry::{json_of, run, run_with};

/// bcrypt of `secret`.
const HTPASSWD: &str = "user:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

fn small() -> ImageBuilder {
    image()
        .layer([file("etc/hello", "hello\n")])
        .compress(gzip)
        .media_type("application/vnd.oci.image.layer.v1.tar+gzip")
}

fn succeeded(output: &Output) -> bool {
    let secrets = ["secret", "dXNlcjpzZWNyZXQ", "tok-"];
    let all = text(&output.stdout) + &text(&output.stderr);
    for secret in secrets {
        assert!(!all.contains(secret), "a secret is shown: {all}");
    }
    output.status.success()
}

fn with_password() -> Registry {
    let files = folder();
    let htpasswd = files.write("htpasswd", HTPASSWD.as_bytes());
    let registry =
        Registry::with("", &format!("auth: {{htpasswd: {{realm: test, path: \"{}\"}}}}", htpasswd.display()));
    registry.push("team/app", "1", &small());
    // The file is read when the registry starts.
    std::mem::forget(files);
    registry
}

#[test]
fn credentials_of_docker_and_podman_are_found() {
    if !has_registry() {
        return;
    }
    let registry = with_password();
    let host = registry.host();
    let name = format!("registry:{host}/team/app:1");
    let auth = "dXNlcjpzZWNyZXQ=";
    let none = run(&folder(), &[&name, "--json"]);
    assert_eq!(none.status.code(), Some(2));
    let says = text(&none.stderr);
    assert!(says.contains(&format!("docker login {host}")) && says.contains("repository:team/app:pull"), "{says}");
    for (file, content) in [
        (".docker/config.json", json!({"auths": {host.clone(): {"auth": auth}}})),
        (
            ".docker/config.json",
            json!({"auths": {format!("https://{host}/v2/"): {"username": "user", "password": "secret"}}}),
        ),
        (
            ".config/containers/auth.json",
            json!({"auths": {format!("{host}/team"): {"auth": auth}, host.clone(): {"auth": "eDp5"}}}),
        ),
        (".docker/config.json", json!({"credHelpers": {host.clone(): "mine"}})),
        (".docker/config.json", json!({"credsStore": "mine", "auths": {host.clone(): {}}})),
        (".dockercfg", json!({host.clone(): {"auth": auth}})),
    ] {
        let home = folder();
        home.write(&format!("home/{file}"), content.to_string().as_bytes());
        let helper = home.write(
            "bin/docker-credential-mine",
            b"#!/bin/sh\ncat >/dev/null\necho '{\"ServerURL\":\"x\",\"Username\":\"user\",\"Secret\":\"secret\"}'\n",
        );
        std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:/usr/bin:/bin", home.path().join("bin").display());
        let output = run_with(&home, &[&name, "--json"], &[("PATH", &path)]);
        assert!(succeeded(&output), "{file} {content}: {}", text(&output.stderr));
    }
    // As an editor of Windows saves it.
    let home = folder();
    let config = format!("\u{feff}{}", json!({"auths": {host.clone(): {"auth": auth}}}));
    home.write("home/.docker/config.json", config.as_bytes());
    assert!(succeeded(&run(&home, &[&name, "--json"])));
    let inline = json!({"auths": {host.clone(): {"auth": auth}}}).to_string();
    assert!(succeeded(&run_with(&folder(), &[&name, "--json"], &[("DOCKER_AUTH_CONFIG", &inline)])));
    let flags = [&name, "--json", "--registry-user", "user"];
    assert!(succeeded(&run_with(&folder(), &flags, &[("EXPLORE_REGISTRY_PASSWORD", "secret")])));
    let wrong = run_with(&folder(), &flags, &[("EXPLORE_REGISTRY_PASSWORD", "wrong-one")]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("--registry-user") && !text(&wrong.stderr).contains("wrong-one"));
}

#[test]
fn a_helper_that_is_missing_matters_only_when_it_is_needed() {
    if !has_registry() {
        return;
    }
    let open = Registry::start();
    open.push("team/app", "1", &small());
    let home = folder();
    home.write("home/.docker/config.json", br#"{"credsStore": "nowhere"}"#);
    let output = run(&home, &[&format!("registry:{}/team/app:1", open.host()), "--json"]);
    assert!(succeeded(&output), "{}", text(&output.stderr));
    let closed = with_password();
    let output = run(&home, &[&format!("registry:{}/team/app:1", closed.host()), "--json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("docker-credential-nowhere"), "{}", text(&output.stderr));
}

/// A registry that asks for tokens, which hold for so many requests.
fn with_tokens(upstream: u16, challenge: &'static str, holds: usize) -> (Proxy, Arc<AtomicUsize>) {
    let given = Arc::new(AtomicUsize::new(0));
    let used = Arc::new(AtomicUsize::new(0));
    let tokens = Arc::clone(&given);
    let proxy = Proxy::with(upstream, move |request, _| {
        let answer = |status, header: Option<(&str, String)>, body: &str| {
            let headers = header.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            Some(Fault::Answer(status, headers, body.as_bytes().to_vec()))
        };
        if request.path.starts_with("/token") {
            assert!(request.path.contains("scope=repository%3Ateam%2Fapp%3Apull"), "{}", request.path);
            let number = tokens.fetch_add(1, Ordering::Relaxed) + 1;
            used.store(0, Ordering::Relaxed);
            return answer(200, None, &json!({"token": format!("tok-{number}")}).to_string());
        }
        let own = format!("Bearer tok-{}", tokens.load(Ordering::Relaxed));
        if request.authorization.as_deref() == Some(own.as_str()) && used.fetch_add(1, Ordering::Relaxed) < holds {
            return None;
        }
        answer(401, Some(("WWW-Authenticate", challenge.replace("HOST", &request.host))), "{}")
    });
    (proxy, given)
}

#[test]
fn tokens_are_asked_for_and_renewed() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    registry.push("team/app", "1", &small());
    for challenge in [
        r#"Bearer realm="http://HOST/token",service="reg",scope="repository:team/app:pull,push""#,
        r#"bearer realm="http://HOST/token?x=y""#,
        r#"Basic realm="no", Bearer Realm="http://HOST/token",service="a \"b\"""#,
    ] {
        let (proxy, given) = with_tokens(registry.port, challenge, 100);
        let output = run(&folder(), &[&format!("registry:{}/team/app:1", proxy.host()), "--json"]);
        assert!(succeeded(&output), "{challenge}: {}", text(&output.stderr));
        assert_eq!(given.load(Ordering::Relaxed), 1, "{challenge}");
    }
    // A token that is refused in the middle is replaced once, and the request sent again.
    let (proxy, given) = with_tokens(registry.port, r#"Bearer realm="http://HOST/token""#, 1);
    let output = run(&folder(), &[&format!("registry:{}/team/app:1", proxy.host()), "--json"]);
    assert!(succeeded(&output), "{}", text(&output.stderr));
    assert!(given.load(Ordering::Relaxed) >= 3);
}

#[test]
fn two_images_of_one_repository_take_one_token() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    registry.push("team/app", "1", &small());
    registry.push("team/app", "2", &image().layer([file("b", "another")]));
    let (proxy, given) = with_tokens(registry.port, r#"Bearer realm="http://HOST/token""#, 100);
    let name = |tag: &str| format!("registry:{}/team/app:{tag}", proxy.host());
    let output = run(&folder(), &["diff", &name("1"), &name("2")]);
    assert_eq!(output.status.code(), Some(1), "they differ: {}", text(&output.stderr));
    assert_eq!(given.load(Ordering::Relaxed), 1);
}

/// A token may expire while a registry that is overloaded is waited for: that does not refuse the credentials.
#[test]
fn a_token_that_expires_during_a_wait_is_replaced() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    registry.push("team/app", "1", &small());
    // Its first token is used up by the request that has to wait.
    let busy = Proxy::with(registry.port, |_, before| {
        (before == 0).then(|| Fault::Answer(503, vec![("Retry-After".to_owned(), "0".to_owned())], Vec::new()))
    });
    let (proxy, given) = with_tokens(busy.port, r#"Bearer realm="http://HOST/token""#, 1);
    let output = run(&folder(), &[&format!("registry:{}/team/app:1", proxy.host()), "--json"]);
    assert!(succeeded(&output), "{}", text(&output.stderr));
    assert!(given.load(Ordering::Relaxed) >= 2);
}

#[test]
fn credentials_go_to_no_other_host() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    registry.push("team/app", "1", &small());
    let storage = Proxy::before(registry.port);
    let elsewhere = storage.port;
    let (asked, given) = (r#"Basic realm="x""#, "Basic dXNlcjpzZWNyZXQ=");
    let proxy = Proxy::with(registry.port, move |request, _| {
        if request.authorization.as_deref() != Some(given) {
            let header = ("WWW-Authenticate".to_owned(), asked.to_owned());
            return Some(Fault::Answer(401, vec![header], Vec::new()));
        }
        request.path.contains("/blobs/").then(|| {
            let to = format!("http://localhost:{elsewhere}{}", request.path);
            Fault::Answer(307, vec![("Location".to_owned(), to)], Vec::new())
        })
    });
    let output = run_with(
        &folder(),
        &[&format!("registry:{}/team/app:1", proxy.host()), "--json", "--registry-user", "user"],
        &[("EXPLORE_REGISTRY_PASSWORD", "secret")],
    );
    assert!(succeeded(&output), "{}", text(&output.stderr));
    let requests = storage.requests();
    assert!(!requests.is_empty() && requests.iter().all(|request| request.authorization.is_none()));
    // Nor to a token server inside of another network.
    let lured = Proxy::with(registry.port, |_, _| {
        let realm = r#"Bearer realm="http://10.255.255.1/token""#.to_owned();
        Some(Fault::Answer(401, vec![("WWW-Authenticate".to_owned(), realm)], Vec::new()))
    });
    let output = run(&folder(), &[&format!("registry:{}/team/app:1", lured.host()), "--json", "--timeout", "2"]);
    assert_eq!(output.status.code(), Some(2));
}

/// Without TLS and beyond this machine, a password is only sent where that was allowed; the proxy on the way gets its own login.
#[test]
fn a_password_is_not_sent_in_the_clear() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    registry.push("team/app", "1", &small());
    let given = "Basic dXNlcjpzZWNyZXQ=";
    let proxy = Proxy::with(registry.port, move |request, _| {
        if request.method == "CONNECT" {
            return Some(Fault::Answer(403, Vec::new(), Vec::new()));
        }
        (request.authorization.as_deref() != Some(given)).then(|| {
            let header = ("WWW-Authenticate".to_owned(), r#"Basic realm="x""#.to_owned());
            Fault::Answer(401, vec![header], Vec::new())
        })
    });
    let home = folder();
    home.write("registries.conf", b"[[registry]]\nlocation = \"registry.test:5000\"\ninsecure = true\n");
    let through = format!("http://me:p%40ss@{}", proxy.host());
    let variables =
        [("EXPLORE_REGISTRY_PASSWORD", "secret"), ("HTTP_PROXY", through.as_str()), ("HTTPS_PROXY", through.as_str())];
    let name = "registry:registry.test:5000/team/app:1";
    let user = ["--json", "--registry-user", "user"];
    let output = run_with(&home, &[&[name][..], &user].concat(), &variables);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("`--plain-http registry.test:5000`"), "{said}");
    let requests = proxy.requests();
    assert!(requests.iter().all(|request| request.authorization.is_none()), "{requests:?}");
    let plain = requests.iter().filter(|request| request.method != "CONNECT");
    let logins: Vec<_> = plain.map(|request| request.proxy_authorization.as_deref()).collect();
    assert!(!logins.is_empty() && logins.iter().all(|login| *login == Some("Basic bWU6cEBzcw==")), "{requests:?}");
    let allowed = [&[name, "--plain-http", "registry.test:5000"][..], &user].concat();
    let output = run_with(&home, &allowed, &variables);
    assert!(succeeded(&output), "{}", text(&output.stderr));
    assert!(proxy.requests().iter().any(|request| request.authorization.as_deref() == Some(given)));
}

/// Nor to a token server elsewhere that a registry on this machine names.
#[test]
fn a_password_is_not_sent_in_the_clear_to_a_token_server() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    registry.push("team/app", "1", &small());
    let elsewhere =
        Proxy::with(registry.port, |_, _| Some(Fault::Answer(200, Vec::new(), br#"{"token":"t"}"#.to_vec())));
    let lured = Proxy::with(registry.port, |request, _| {
        let realm = r#"Bearer realm="http://token.test:8099/token",service="s""#.to_owned();
        let given = request.authorization.as_deref() == Some("Bearer t");
        (!given).then(|| Fault::Answer(401, vec![("WWW-Authenticate".to_owned(), realm)], Vec::new()))
    });
    let through = format!("http://{}", elsewhere.host());
    let variables = [("EXPLORE_REGISTRY_PASSWORD", "secret"), ("HTTP_PROXY", through.as_str())];
    let name = format!("registry:{}/team/app:1", lured.host());
    let output = run_with(&folder(), &[&name, "--json", "--registry-user", "user"], &variables);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("`--plain-http token.test:8099`"), "{said}");
    assert!(elsewhere.requests().is_empty(), "{:?}", elsewhere.requests());
}

/// A certificate of a CA of its own, for 127.0.0.1 and localhost; None without openssl.
fn certificates(files: &Folder) -> Option<()> {
    let run = |arguments: &[&str]| {
        Command::new("openssl")
            .args(arguments)
            .current_dir(files.path())
            .output()
            .ok()
            .filter(|done| done.status.success())
    };
    files.write("ext", b"subjectAltName=IP:127.0.0.1,DNS:localhost\n");
    run(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "ca.key",
        "-out",
        "ca.crt",
        "-days",
        "2",
        "-subj",
        "/CN=Our own CA",
    ])?;
    run(&["req", "-newkey", "rsa:2048", "-nodes", "-keyout", "own.key", "-out", "own.csr", "-subj", "/CN=registry"])?;
    run(&[
        "x509",
        "-req",
        "-in",
        "own.csr",
        "-CA",
        "ca.crt",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        "ext",
        "-out",
        "own.crt",
    ])?;
    Some(())
}

#[test]
fn a_private_ca_is_trusted_where_it_is_named() {
    if !has_registry() {
        return;
    }
    let files = folder();
    let Some(()) = certificates(&files) else {
        eprintln!("left out: openssl is not installed");
        return;
    };
    let own = files.path().display();
    let registry = Registry::with(&format!("  tls: {{certificate: \"{own}/own.crt\", key: \"{own}/own.key\"}}"), "");
    registry.push("team/app", "1", &small());
    let host = registry.host();
    let name = format!("registry:{host}/team/app:1");
    let ca = files.path().join("ca.crt");
    let ca = ca.to_str().unwrap();
    let refused = run(&folder(), &[&name, "--json"]);
    assert_eq!(refused.status.code(), Some(2));
    let says = text(&refused.stderr);
    assert!(says.contains("Our own CA") && says.contains("127.0.0.1") && says.contains("certs.d"), "{says}");
    for (arguments, variables) in [
        (vec![name.as_str(), "--json", "--ca", ca], vec![]),
        (vec![name.as_str(), "--json"], vec![("SSL_CERT_FILE", ca)]),
        (vec![name.as_str(), "--json", "--insecure-tls", host.as_str()], vec![]),
    ] {
        let output = run_with(&folder(), &arguments, &variables);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    }
    let home = folder();
    home.write(&format!("home/.config/containers/certs.d/{host}/ca.crt"), &std::fs::read(ca).unwrap());
    let output = run(&home, &[&name, "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    // The name of the host has to be that of the certificate, whoever signed it.
    let other = run(&folder(), &[&format!("registry:localhost:{}/team/app:1", registry.port), "--json", "--ca", ca]);
    assert!(other.status.success(), "{}", text(&other.stderr));
}

#[test]
fn mirrors_and_aliases_of_registries_conf() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    registry.push("mirrored/library/app", "1", &small());
    let host = registry.host();
    let home = folder();
    home.write(
        "registries.conf",
        format!(
            "[[registry]]\nprefix = \"docker.io\"\nlocation = \"docker.io\"\nblocked = false\n\
             [[registry.mirror]]\nlocation = \"{host}/mirrored\"\ninsecure = true\n\
             [[registry]]\nprefix = \"no.example\"\nblocked = true\n\
             [aliases]\nshort = \"docker.io/library/app\"\n"
        )
        .as_bytes(),
    );
    for name in ["registry:app:1", "registry:docker.io/library/app:1", "registry:short:1"] {
        let output = run(&home, &[name, "--json"]);
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        let got = json_of(&output);
        assert!(got["notes"].to_string().contains("mirror"), "{}", got["notes"]);
        assert_eq!(got["image"]["registry"], json!(host));
    }
    let output = run(&home, &["registry:no.example/a", "--json"]);
    assert!(text(&output.stderr).contains("blocked"), "{}", text(&output.stderr));
}

#[test]
fn platforms_of_an_index() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    let mut rows = Vec::new();
    for (architecture, variant) in [("amd64", None), ("arm64", None), ("arm", Some("v6"))] {
        let built = small().platform("linux", architecture, variant);
        let digest = registry.push("app", architecture, &built);
        let (manifest, _) = built.manifest();
        let mut platform = json!({"os": "linux", "architecture": architecture});
        if let Some(variant) = variant {
            platform["variant"] = json!(variant);
        }
        rows.push(json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": manifest.len(), "platform": platform}));
    }
    rows.push(json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": format!("sha256:{}", "1".repeat(64)), "size": 5,
        "platform": {"os": "unknown", "architecture": "unknown"},
        "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
    }));
    let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": rows});
    registry.push_manifest("app", "all", index.to_string().as_bytes());
    let proxy = Proxy::before(registry.port);
    let name = format!("registry:{}/app:all", proxy.host());
    for (wanted, got) in
        [("linux/amd64", "linux/amd64"), ("linux/arm64", "linux/arm64"), ("linux/arm/v7", "linux/arm/v6")]
    {
        let output = run(&folder(), &[&name, "--json", "--platform", wanted]);
        assert!(output.status.success(), "{wanted}: {}", text(&output.stderr));
        assert_eq!(json_of(&output)["image"]["platform"], got);
        let manifests = proxy.requests().iter().filter(|request| request.path.contains("/manifests/")).count();
        assert_eq!(manifests, 2, "the index, and one manifest of it");
        proxy.count();
    }
    let output = run(&folder(), &[&name, "--json", "--platform", "linux/s390x"]);
    let says = text(&output.stderr);
    assert!(output.status.code() == Some(2) && says.contains("linux/arm64") && !says.contains("unknown"), "{says}");
    // One that has no index is shown with a note, unless another platform is asked for.
    let arm = format!("registry:{}/app:arm64", registry.host());
    assert_eq!(run(&folder(), &[&arm, "--json", "--platform", "linux/amd64"]).status.code(), Some(2));
    let digest = json_of(&run(&folder(), &[&arm, "--json", "--platform", "linux/arm64"]))["image"]["digest"].clone();
    let by_digest = format!("registry:{}/app@{}", registry.host(), digest.as_str().unwrap());
    let output = run(&folder(), &[&by_digest, "--json", "--platform", "linux/amd64"]);
    assert!(output.status.success(), "a digest is unambiguous: {}", text(&output.stderr));
}

#[test]
fn what_is_not_an_image_is_named() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    let chart = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": format!("sha256:{}", "2".repeat(64)), "size": 2},
        "layers": [{"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "digest": format!("sha256:{}", "3".repeat(64)), "size": 7}],
    });
    registry.push_manifest("chart", "1", chart.to_string().as_bytes());
    let output = run(&folder(), &["--ci", &format!("registry:{}/chart:1", registry.host())]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("Helm chart"), "{}", text(&output.stderr));
}

#[test]
fn the_base_image_that_annotations_name() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    let base = small();
    let digest = registry.push("base", "1", &base);
    let built = small().layer([file("etc/own", "own\n")]);
    let (manifest, members) = built.manifest();
    for (_, bytes) in &members {
        registry.push_blob("app", bytes);
    }
    let mut manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    manifest["annotations"] = json!({
        "org.opencontainers.image.base.name": format!("{}/base:1", registry.host()),
        "org.opencontainers.image.base.digest": digest,
    });
    registry.push_manifest("app", "1", manifest.to_string().as_bytes());
    let name = format!("registry:{}/app:1", registry.host());
    let got = json_of(&run(&folder(), &[&name, "--json"]));
    assert_eq!((&got["base"]["layers"], &got["base"]["evidence"]), (&json!(1), &json!("annotation")));
    assert!(!got["notes"].to_string().contains("newer"), "{}", got["notes"]);
    registry.push("base", "1", &base.layer([file("etc/newer", "newer\n")]));
    let got = json_of(&run(&folder(), &[&name, "--json"]));
    assert_eq!(got["base"]["layers"], json!(1));
    assert!(got["notes"].to_string().contains("newer"), "{}", got["notes"]);
}

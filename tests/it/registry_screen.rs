//! The tags of a repository on the screen, in a real terminal before a real registry.

#![cfg(unix)]

use serde_json::json;

use super::common::server::{Fault, Proxy, Registry, has_registry};
use super::common::{dir, file, gzip, image};
use super::terminal::Tmux;

#[test]
fn a_tag_is_chosen_among_those_of_a_repository() {
    if !has_registry() {
        return;
    }
    let Some(tmux) = Tmux::shell() else { return };
    let registry = Registry::start();
    let built = image()
        .layer([dir("etc"), file("etc/hello", "hello\n")])
        .layer([file("etc/world", "world\n")])
        .compress(gzip)
        .media_type("application/vnd.oci.image.layer.v1.tar+gzip");
    for tag in ["1.9", "1.10", "latest"] {
        registry.push("team/app", tag, &built);
    }
    let hex = "ab".repeat(32);
    registry.push("team/app", &format!("sha256-{hex}.sig"), &built);
    let proxy = Proxy::before(registry.port);
    tmux.explore(&format!("--no-cache registry:{}/team/app", proxy.host()));
    let screen = tmux.until("2 layers");
    let rows: Vec<usize> =
        ["latest", "1.10", "1.9"].iter().map(|tag| screen.find(&format!(" {tag} ")).unwrap()).collect();
    assert!(screen.contains("Tags (3)") && rows.is_sorted(), "the highest version comes first:\n{screen}");
    assert!(screen.contains("linux/amd64") && screen.contains("not shown: 1 signature"), "{screen}");
    // The list of tags, and for the selected one its manifest, its config, and what refers to it.
    let asked: Vec<String> = proxy.requests().iter().map(|request| request.path.clone()).collect();
    assert_eq!(asked.iter().filter(|path| path.contains("/manifests/latest")).count(), 1, "{asked:?}");
    assert!(!asked.iter().any(|path| path.contains("/manifests/1.")), "{asked:?}");
    // What is typed narrows them; Enter opens, and Escape leads back.
    tmux.keys(&["1", ".", "1"]);
    tmux.until("Tags (1 of 3)");
    tmux.keys(&["Enter"]);
    tmux.until("Changes of layer 0");
    tmux.keys(&["Escape"]);
    tmux.until("Tags (1 of 3)");
    tmux.keys(&["C-c"]);
    tmux.until("left with 0");
    tmux.is_given_back();
}

#[test]
fn fifty_thousand_tags_are_listed_and_only_where_one_stays_it_is_asked_for() {
    if !has_registry() {
        return;
    }
    let Some(tmux) = Tmux::shell() else { return };
    let registry = Registry::start();
    let proxy = Proxy::with(registry.port, |request, _| {
        request.path.contains("/tags/list").then(|| {
            let last: u32 = request.path.split("last=").nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
            let tags: Vec<String> = (last..last + 1000).map(|number| format!("v{number}")).collect();
            let next = format!("</v2/team/app/tags/list?last={}>; rel=\"next\"", last + 1000);
            let headers = if last < 49_000 { vec![("Link".to_owned(), next)] } else { Vec::new() };
            Fault::Answer(200, headers, json!({"name": "team/app", "tags": tags}).to_string().into_bytes())
        })
    });
    tmux.explore(&format!("--no-cache registry:{}/team/app", proxy.host()));
    let screen = tmux.until("Tags (50,000)");
    assert!(screen.contains("v49999"), "{screen}");
    tmux.keys(&["Down"; 40]);
    // There is no such manifest, and that is said of the tag.
    tmux.until("v49959");
    tmux.wait("the reason", |screen| screen.lines().any(|line| line.contains("has no") || line.contains("not found")));
    let asked = proxy.requests();
    let asked = asked.iter().filter(|request| request.path.contains("/manifests/")).count();
    assert!(asked <= 6, "{asked} manifests were asked for");
    tmux.keys(&["v", "4", "2", "0", "0", "7"]);
    tmux.until("Tags (1 of ");
    tmux.keys(&["Escape", "C-c"]);
    tmux.until("left with 0");
}

//! Runs that are ended at any moment while they write: nothing that they leave behind makes another run wrong.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Numbers, is_long};
use crate::common::{Shape, file, folder, gzip, image};

fn command(cache: &std::path::Path, images: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_explore"));
    crate::common::undisturbed(&mut command)
        .arg("--ci")
        .args(images)
        .arg("--json")
        .env("XDG_CACHE_HOME", cache)
        .env("HOME", cache)
        .stdin(Stdio::null());
    command
}

#[test]
fn killed_runs_leave_a_sound_cache() {
    let folder = folder();
    let mut numbers = Numbers(3);
    let layers: Vec<Vec<_>> = (0..4)
        .map(|layer| (0..3000).map(|n| file(format!("{layer}/{n}"), numbers.next().to_le_bytes().repeat(8))).collect())
        .collect();
    let built = image().layers(&layers).compress(gzip);
    let one = folder.write("one.tar", &built.save(Shape::Docker));
    let two = folder.write("two.tar", &built.clone().layer([file("more", "1")]).save(Shape::Docker));
    let images = [one.to_str().expect("a plain path"), two.to_str().expect("a plain path")];
    let want = command(&folder.path().join("fresh"), &images).output().expect("the program starts");
    assert!(matches!(want.status.code(), Some(0 | 1)), "{want:?}");
    let cache = folder.path().join("cache");
    for _ in 0..if is_long() { 200 } else { 8 } {
        let mut child =
            command(&cache, &images).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
        std::thread::sleep(Duration::from_millis(numbers.below(400) as u64));
        let _ = child.kill();
        let _ = child.wait();
    }
    // Several at once, on what is left.
    let runs: Vec<_> = (0..3)
        .map(|_| {
            let mut command = command(&cache, &images);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
        })
        .collect();
    for run in runs {
        let output = run.wait_with_output().expect("the program ends");
        assert_eq!(output.status.code(), want.status.code());
        assert!(output.stdout == want.stdout, "the same result from whatever was left in the cache");
    }
}

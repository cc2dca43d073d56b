//! The real program in a real terminal: tmux types the keys and tells what is on the screen.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on has failed")]
#![allow(clippy::print_stderr, reason = "what is left out must be told")]
#![cfg(unix)]

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

struct Tmux {
    socket: String,
    work: tempfile::TempDir,
}

impl Tmux {
    /// A shell in a terminal of 80 by 24; None where tmux is not there and may be left out.
    fn shell() -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "tmux is not there");
            eprintln!("left out: tmux is not there");
            return None;
        }
        let work = tempfile::tempdir().unwrap();
        let tmux = Self { socket: work.path().join("tmux").to_str().unwrap().to_owned(), work };
        tmux.run(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "80",
            "-y",
            "24",
            "env PS1='ready> ' bash --norc --noprofile",
        ]);
        tmux.until("ready>");
        Some(tmux)
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux").args(["-S", &self.socket]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn keys(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
    }

    fn screen(&self) -> String {
        self.run(&["capture-pane", "-p"])
    }

    fn until(&self, text: &str) -> String {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let screen = self.screen();
            if screen.contains(text) {
                return screen;
            }
            assert!(Instant::now() < end, "`{text}` never came:\n{screen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts the program in the shell, so that its process has the pid that is written down.
    fn explore(&self, image: &str) -> PathBuf {
        let pid = self.work.path().join("pid");
        let program = env!("CARGO_BIN_EXE_explore");
        let line = format!("clear; bash -c 'echo $$ > {}; exec {program} {image}'; echo left with $?", pid.display());
        self.keys(&[&line, "Enter"]);
        pid
    }

    /// The shell has the terminal again, as it was: no alternate screen, the cursor there, and letters are echoed.
    fn is_given_back(&self) {
        let end = Instant::now() + Duration::from_secs(10);
        while self.run(&["display-message", "-p", "#{alternate_on}#{cursor_flag}"]).trim() != "01" {
            assert!(Instant::now() < end, "the terminal was not given back:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(20));
        }
        self.keys(&["echo sum $((20+3))", "Enter"]);
        let screen = self.until("sum 23");
        assert!(screen.contains("echo sum"), "what is typed is not shown:\n{screen}");
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-S", &self.socket, "kill-server"]).output();
    }
}

fn demo() -> String {
    format!("{}/assets/demo.tar", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn opens_moves_and_gives_the_terminal_back() {
    let Some(tmux) = Tmux::shell() else { return };
    tmux.explore(&demo());
    tmux.until("Changes of layer 0");
    tmux.keys(&["j", "j", "Tab", "Space"]);
    tmux.until("Changes of layer 2");
    tmux.run(&["resize-window", "-x", "170", "-y", "30"]);
    tmux.until("0:0");
    tmux.keys(&["q"]);
    tmux.until("left with 0");
    tmux.is_given_back();
}

#[test]
fn a_signal_ends_it_cleanly() {
    let Some(tmux) = Tmux::shell() else { return };
    for signal in ["TERM", "HUP", "INT"] {
        let pid = tmux.explore(&demo());
        tmux.until("Changes of layer 0");
        let pid = std::fs::read_to_string(pid).unwrap();
        assert!(Command::new("kill").args(["-s", signal, pid.trim()]).status().unwrap().success());
        tmux.until("left with 0");
        tmux.is_given_back();
    }
}

#[test]
fn it_is_put_aside_and_brought_back() {
    let Some(tmux) = Tmux::shell() else { return };
    let program = env!("CARGO_BIN_EXE_explore");
    tmux.keys(&[&format!("clear; {program} {}", demo()), "Enter"]);
    tmux.until("Changes of layer 0");
    tmux.keys(&["C-z"]);
    tmux.until("Stopped");
    tmux.is_given_back();
    tmux.keys(&["fg", "Enter"]);
    tmux.until("Changes of layer 0");
    tmux.keys(&["j"]);
    tmux.until("Changes of layer 1");
    tmux.keys(&["C-c"]);
    tmux.is_given_back();
}

#[test]
fn an_error_is_told_after_the_terminal_is_given_back() {
    let Some(tmux) = Tmux::shell() else { return };
    tmux.explore("/dev/zero");
    let screen = tmux.until("left with 2");
    assert!(screen.contains("explore: /dev/zero is no tar archive"), "{screen}");
    tmux.is_given_back();
}

#[test]
fn idle_it_uses_no_processor() {
    let Some(tmux) = Tmux::shell() else { return };
    let pid = tmux.explore(&demo());
    tmux.until("Changes of layer 0");
    let pid = std::fs::read_to_string(pid).unwrap();
    let ticks = || -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    std::thread::sleep(Duration::from_millis(300));
    let before = ticks();
    std::thread::sleep(Duration::from_secs(2));
    assert!(ticks() <= before + 1, "{} ticks in two idle seconds", ticks() - before);
}

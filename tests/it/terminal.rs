//! The real program in a real terminal: tmux types the keys, moves the mouse and tells what is on the screen.

#![cfg(unix)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::{Shape, file, image};

pub(crate) struct Tmux {
    socket: String,
    work: tempfile::TempDir,
}

impl Tmux {
    /// A shell in a terminal of 80 by 24; None where tmux is not there and may be left out.
    pub(crate) fn shell() -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "tmux is not there");
            eprintln!("left out: tmux is not there");
            return None;
        }
        let work = tempfile::tempdir().unwrap();
        let tmux = Self { socket: work.path().join("tmux").to_str().unwrap().to_owned(), work };
        let shell = "env PS1='ready> ' bash --norc --noprofile";
        tmux.run(&["-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", shell]);
        // A second window keeps the server when the terminal with the program is closed.
        tmux.run(&["new-window", "-d", "sleep 1000"]);
        tmux.run(&["set-option", "-s", "set-clipboard", "on"]);
        tmux.until("ready>");
        Some(tmux)
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux").args(["-S", &self.socket]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(crate) fn keys(&self, keys: &[&str]) {
        // What comes at once after Escape is a letter with Alt, in every terminal.
        for keys in keys.split_inclusive(|key| *key == "Escape") {
            self.run(&[&["send-keys", "-t", ":0"], keys].concat());
            if keys.ends_with(&["Escape"]) {
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }

    /// Sends bytes as a terminal would.
    fn bytes(&self, bytes: &[u8]) {
        let words: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.run(&[&["send-keys", "-t", ":0", "-H"], &words[..]].concat());
    }

    /// What a mouse does, in the coding that the program asks for (SGR, 1006); columns and rows from 1.
    fn mouse(&self, button: u8, column: usize, row: usize, pressed: bool) {
        let end = if pressed { 'M' } else { 'm' };
        self.bytes(format!("\x1b[<{button};{column};{row}{end}").as_bytes());
    }

    fn click(&self, column: usize, row: usize) {
        self.mouse(0, column, row, true);
        self.mouse(0, column, row, false);
    }

    fn screen(&self) -> String {
        self.run(&["capture-pane", "-t", ":0", "-p"])
    }

    fn told(&self, what: &str) -> String {
        self.run(&["display-message", "-t", ":0", "-p", what]).trim().to_owned()
    }

    /// Waits until what is on the screen is as wanted.
    pub(crate) fn wait(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let screen = self.screen();
            if wanted(&screen) {
                return screen;
            }
            assert!(Instant::now() < end, "{what} never came:\n{screen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn until(&self, text: &str) -> String {
        self.wait(&format!("`{text}`"), |screen| screen.contains(text))
    }

    fn resize(&self, width: u16, height: u16) {
        self.run(&["resize-window", "-t", ":0", "-x", &width.to_string(), "-y", &height.to_string()]);
    }

    /// Starts the program in the shell, so that its process has the pid that is written down.
    pub(crate) fn explore(&self, words: &str) -> PathBuf {
        self.explore_after("", words)
    }

    /// The same after another command; what that sets for the shell (limits, variables) holds for the program.
    fn explore_after(&self, before: &str, words: &str) -> PathBuf {
        let pid = self.work.path().join("pid");
        let _ = std::fs::remove_file(&pid);
        let program = env!("CARGO_BIN_EXE_explore");
        let script = self.work.path().join("script");
        let line = format!("export RUST_BACKTRACE=0\n{before}\necho $$ > {}\nexec {program} {words}\n", pid.display());
        std::fs::write(&script, line).unwrap();
        self.keys(&[&format!("clear; bash {}; echo left with $?", script.display()), "Enter"]);
        pid
    }

    /// The shell has the terminal again, as it was: no alternate screen, the cursor there, the mouse let go, and letters
    /// are echoed.
    pub(crate) fn is_given_back(&self) {
        let end = Instant::now() + Duration::from_secs(10);
        let flags = "#{alternate_on}#{cursor_flag}#{mouse_any_flag}#{mouse_button_flag}#{mouse_sgr_flag}";
        while self.told(flags) != "01000" {
            assert!(Instant::now() < end, "not given back ({}):\n{}", self.told(flags), self.screen());
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

fn pid(file: &Path) -> String {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        match std::fs::read_to_string(file) {
            Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
            _ => assert!(Instant::now() < end, "it did not start"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn kill(signal: &str, pid: &str) {
    assert!(Command::new("kill").args(["-s", signal, pid]).status().unwrap().success());
}

/// Time of the processor that a process has taken, in ticks (hundredths of a second).
fn ticks(pid: &str) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Waits until a process is gone.
fn is_gone(pid: &str) {
    let end = Instant::now() + Duration::from_secs(5);
    while Path::new("/proc").join(pid).exists() {
        assert!(Instant::now() < end, "{pid} is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn opens_moves_and_gives_the_terminal_back() {
    let Some(tmux) = Tmux::shell() else { return };
    tmux.explore(&demo());
    tmux.until("Changes of layer 0");
    tmux.keys(&["j", "j", "Tab", "Space"]);
    tmux.until("Changes of layer 2");
    tmux.keys(&["q"]);
    tmux.until("left with 0");
    tmux.is_given_back();
}

#[test]
fn a_signal_ends_it_cleanly() {
    let Some(tmux) = Tmux::shell() else { return };
    for (signal, number) in [("TERM", 15), ("HUP", 1), ("INT", 2), ("QUIT", 3)] {
        let file = tmux.explore(&demo());
        tmux.until("Changes of layer 0");
        kill(signal, &pid(&file));
        // As if it had no handler, so that whoever started it sees which signal it was.
        // A shell that sees SIGINT stops its own list of commands, too.
        let text = if signal == "INT" { "ready>".to_owned() } else { format!("left with {}", 128 + number) };
        tmux.until(&text);
        tmux.is_given_back();
    }
}

#[test]
fn a_terminal_that_is_closed_ends_it() {
    let Some(tmux) = Tmux::shell() else { return };
    let file = tmux.explore(&demo());
    tmux.until("Changes of layer 0");
    let pid = pid(&file);
    tmux.run(&["kill-pane", "-t", ":0"]);
    is_gone(&pid);
}

/// An engine that takes connections and never answers.
fn silent_engine(folder: &Path) -> (std::os::unix::net::UnixListener, String) {
    let socket = folder.join("engine.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let before =
        format!("export DOCKER_HOST=unix://{0} CONTAINER_HOST=unix://{0}\nunset DOCKER_CONTEXT", socket.display());
    (listener, before)
}

#[test]
fn the_list_of_images_is_there_before_any_engine_answers() {
    let Some(tmux) = Tmux::shell() else { return };
    let (_listener, before) = silent_engine(tmux.work.path());
    let file = tmux.explore_after(&before, "");
    let screen = tmux.until("waiting for an answer");
    assert!(screen.contains("docker: ") && screen.contains("podman: "), "{screen}");
    // Letters narrow the list at once, `?` is the help, and what waits uses no processor.
    tmux.keys(&["a", "p", "p"]);
    tmux.until("> app");
    tmux.keys(&["?"]);
    tmux.until("In the list of images");
    let pid = pid(&file);
    let before = ticks(&pid);
    std::thread::sleep(Duration::from_secs(1));
    assert!(ticks(&pid) <= before + 2, "it waits busily");
    tmux.keys(&["Escape"]);
    tmux.until("> app");
    tmux.keys(&["C-c"]);
    tmux.until("left with 0");
    tmux.is_given_back();
}

#[test]
fn a_terminal_that_is_closed_ends_the_list_of_images_and_a_comparison() {
    let Some(tmux) = Tmux::shell() else { return };
    let (_listener, before) = silent_engine(tmux.work.path());
    let file = tmux.explore_after(&before, "");
    tmux.until("waiting for an answer");
    let picker = pid(&file);
    tmux.run(&["kill-pane", "-t", ":0"]);
    is_gone(&picker);
    let Some(tmux) = Tmux::shell() else { return };
    let file = tmux.explore(&format!("diff {} {}", demo(), demo()));
    tmux.until("no path differs");
    let pair = pid(&file);
    tmux.run(&["kill-pane", "-t", ":0"]);
    is_gone(&pair);
}

#[test]
fn two_images_are_on_the_screen_before_either_is_read() {
    let Some(tmux) = Tmux::shell() else { return };
    let pipe = tmux.work.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    tmux.explore(&format!("diff {} {}", demo(), pipe.display()));
    let screen = tmux.until("Comparing two images");
    assert!(screen.contains("pipe"), "{screen}");
    tmux.until("580 kB read");
    tmux.keys(&["q"]);
    // Nobody knows whether they differ.
    tmux.until("left with 2");
    tmux.is_given_back();
}

#[test]
fn a_terminal_without_a_name_gets_text() {
    let Some(tmux) = Tmux::shell() else { return };
    tmux.explore_after("export TERM=", &demo());
    tmux.until("left with 0");
    assert_eq!(tmux.told("#{alternate_on}"), "0");
}

#[test]
fn it_is_put_aside_and_brought_back() {
    let Some(tmux) = Tmux::shell() else { return };
    let program = env!("CARGO_BIN_EXE_explore");
    tmux.keys(&[&format!("clear; {program} {}", demo()), "Enter"]);
    tmux.until("Changes of layer 0");
    for round in 1..3 {
        tmux.keys(&["C-z"]);
        tmux.until("Stopped");
        tmux.is_given_back();
        tmux.keys(&["clear; fg", "Enter"]);
        tmux.until(&format!("Changes of layer {}", round - 1));
        assert_eq!(tmux.told("#{alternate_on}#{mouse_sgr_flag}"), "11");
        tmux.keys(&["j"]);
        tmux.until(&format!("Changes of layer {round}"));
    }
    // The window changes while it is away.
    tmux.keys(&["C-z"]);
    tmux.until("Stopped");
    tmux.resize(140, 40);
    tmux.keys(&["fg", "Enter"]);
    tmux.wait("the whole width", |screen| screen.lines().next().is_some_and(|line| line.chars().count() > 120));
    tmux.keys(&["C-c"]);
    tmux.is_given_back();
}

#[test]
fn an_error_is_told_after_the_terminal_is_given_back() {
    let Some(tmux) = Tmux::shell() else { return };
    tmux.explore("/dev/zero");
    let screen = tmux.until("left with 2");
    assert!(screen.contains("explore: /dev/zero is not a tar archive"), "{screen}");
    tmux.is_given_back();
}

/// A thread that can't be started is a panic of the standard library, in whichever thread starts it, so stacks that are
/// larger than the memory that may be used bring one about from outside.
#[test]
fn a_panic_gives_the_terminal_back() {
    let Some(tmux) = Tmux::shell() else { return };
    // The first thread of all: the one that has the screen breaks.
    tmux.explore_after("export RUST_MIN_STACK=100000000000000", &demo());
    let screen = tmux.until("left with 2");
    assert!(screen.contains("failed to spawn thread"), "{screen}");
    tmux.is_given_back();
    // There is room for the screen's own threads, and not for those that read forty layers side by side.
    let many = (0..40).fold(image(), |image, n| image.layer([file(format!("f{n}"), "x")]));
    let path = tmux.work.path().join("many.tar");
    std::fs::write(&path, many.save(Shape::Docker)).unwrap();
    let words = format!("--threads 40 {}", path.display());
    tmux.explore_after("export RUST_MIN_STACK=1000000000 MALLOC_ARENA_MAX=1; ulimit -v 25000000", &words);
    // The one before left with the same, and may still be on the screen.
    tmux.until("reading the image failed");
    let screen = tmux.until("left with 2");
    assert!(screen.contains("failed to spawn thread"), "{screen}");
    tmux.is_given_back();
}

#[test]
fn any_size_at_any_time() {
    let Some(tmux) = Tmux::shell() else { return };
    let file = tmux.explore(&demo());
    tmux.until("Changes of layer 0");
    for keys in [&["1"][..], &["Tab"], &["2"], &["3"], &["4"], &["?"], &["Escape"], &["1"]] {
        tmux.keys(keys);
        for (width, height) in [(20, 5), (400, 120), (2, 1), (80, 24), (61, 9), (200, 60)] {
            tmux.resize(width, height);
            std::thread::sleep(Duration::from_millis(60));
        }
    }
    let pid = pid(&file);
    assert!(Path::new("/proc").join(&pid).exists(), "it is still there:\n{}", tmux.screen());
    // All of a large window is used, and nothing of it is left in a small one.
    tmux.resize(400, 120);
    let wide = tmux.wait("a large screen", |screen| {
        screen.lines().next().is_some_and(|line| line.chars().count() > 380)
            && screen.lines().last().is_some_and(|line| line.contains("quit"))
    });
    assert_eq!(wide.lines().count(), 120);
    tmux.resize(20, 5);
    tmux.wait("a small screen", |screen| screen.lines().all(|line| line.chars().count() <= 20));
    tmux.resize(80, 24);
    tmux.until("Changes of layer 0");
    tmux.keys(&["q"]);
    tmux.until("left with 0");
    tmux.is_given_back();
}

/// Opens the other end of a pipe as soon as the program has opened its own.
fn writer(pipe: &Path) -> std::fs::File {
    std::fs::OpenOptions::new().write(true).open(pipe).unwrap()
}

#[test]
fn the_screen_is_there_before_anything_is_read_and_leaves_at_once() {
    let Some(tmux) = Tmux::shell() else { return };
    let pipe = tmux.work.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let noise: Vec<u8> = (0..200_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let built = image().layer([file("first", "x")]).layer([file("large", noise)]);
    let archive = built.save(Shape::V1);
    for key in ["q", "Escape", "C-c"] {
        // Nobody writes: the source can't even be opened.
        let file = tmux.explore(pipe.to_str().unwrap());
        tmux.until("opening");
        let pid = pid(&file);
        let before = ticks(&pid);
        tmux.keys(&["j", "Tab", "2", "1"]);
        std::thread::sleep(Duration::from_millis(300));
        assert!(ticks(&pid) <= before + 5, "it waits busily");
        let asked = Instant::now();
        tmux.keys(&[if key == "Escape" { "q" } else { key }]);
        is_gone(&pid);
        assert!(asked.elapsed() < Duration::from_secs(1), "{key} took {:?}", asked.elapsed());
        tmux.until("left with 0");
        tmux.is_given_back();
        // Half of it comes, and then nothing.
        let file = tmux.explore(pipe.to_str().unwrap());
        let mut other = writer(&pipe);
        other.write_all(&archive[..archive.len() / 2]).unwrap();
        tmux.until("1 layer");
        let pid = self::pid(&file);
        let asked = Instant::now();
        tmux.keys(&[key]);
        is_gone(&pid);
        assert!(asked.elapsed() < Duration::from_secs(1), "{key} took {:?}", asked.elapsed());
        drop(other);
        tmux.until("left with 0");
        tmux.is_given_back();
    }
    // All of it comes, a little later.
    tmux.explore(pipe.to_str().unwrap());
    tmux.until("opening");
    let mut other = writer(&pipe);
    other.write_all(&archive[..archive.len() / 2]).unwrap();
    tmux.until("1 layer");
    other.write_all(&archive[archive.len() / 2..]).unwrap();
    drop(other);
    tmux.until("Changes of layer 0");
    tmux.keys(&["q"]);
    tmux.until("left with 0");
}

#[test]
fn idle_it_uses_no_processor() {
    let Some(tmux) = Tmux::shell() else { return };
    let file = tmux.explore(&demo());
    tmux.until("Changes of layer 0");
    let pid = pid(&file);
    for keys in [&["j"][..], &["2"], &["3"], &["4"], &["1", "/", "x"]] {
        tmux.keys(keys);
        std::thread::sleep(Duration::from_millis(500));
        let before = ticks(&pid);
        std::thread::sleep(Duration::from_secs(2));
        assert!(ticks(&pid) <= before + 1, "{} ticks in two idle seconds after {keys:?}", ticks(&pid) - before);
    }
}

/// Column and row (from 1) of a text on the screen.
fn place(screen: &str, text: &str) -> (usize, usize) {
    let (row, line) = screen.lines().enumerate().find(|(_, line)| line.contains(text)).expect("it is on the screen");
    let before = line.split(text).next().unwrap();
    (before.chars().count() + 1, row + 1)
}

#[test]
fn the_mouse_selects_scrolls_and_is_let_go() {
    let Some(tmux) = Tmux::shell() else { return };
    tmux.explore(&demo());
    let screen = tmux.until("Changes of layer 0");
    assert!(tmux.told("#{mouse_any_flag}#{mouse_button_flag}#{mouse_sgr_flag}").contains('1'));
    // A click on the third layer, which is two rows below the first.
    let (column, first) = place(&screen, "ADD file");
    tmux.click(column, first + 2);
    tmux.until("Changes of layer 2");
    // The wheel over the list of layers.
    tmux.mouse(65, column, first, true);
    tmux.wait("the end of the list", |screen| !screen.contains("ADD file"));
    tmux.mouse(64, column, first, true);
    tmux.until("ADD file");
    tmux.click(column, first);
    tmux.until("Changes of layer 0");
    // A click on a title.
    let screen = tmux.screen();
    let (column, row) = place(&screen, "2 Waste");
    tmux.click(column + 2, row);
    tmux.until("things to change");
    let (column, row) = place(&tmux.screen(), "1 Layers");
    tmux.click(column + 2, row);
    let screen = tmux.until("Changes of layer 0");
    // The divider is dragged.
    let edge = |screen: &str| place(screen, "Changes of layer").0;
    let before = edge(&screen);
    tmux.mouse(0, before - 3, 10, true);
    tmux.mouse(32, before + 12, 10, true);
    tmux.mouse(0, before + 12, 10, false);
    tmux.wait("a wider pane", |screen| screen.contains("Changes of layer") && edge(screen) > before);
    tmux.keys(&["m"]);
    let end = Instant::now() + Duration::from_secs(5);
    while tmux.told("#{mouse_any_flag}#{mouse_button_flag}#{mouse_sgr_flag}") != "000" {
        assert!(Instant::now() < end, "the mouse is not let go");
    }
    tmux.keys(&["m"]);
    while !tmux.told("#{mouse_any_flag}#{mouse_button_flag}#{mouse_sgr_flag}").contains('1') {
        assert!(Instant::now() < end, "the mouse is not taken again");
    }
    tmux.keys(&["q"]);
    tmux.is_given_back();
}

#[test]
fn what_is_pasted_is_no_key() {
    let Some(tmux) = Tmux::shell() else { return };
    tmux.explore(&demo());
    tmux.until("Changes of layer 0");
    // Letters that would quit, go elsewhere and save.
    tmux.run(&["set-buffer", "q2x\nq"]);
    tmux.run(&["paste-buffer", "-p", "-t", ":0"]);
    std::thread::sleep(Duration::from_millis(200));
    tmux.until("Changes of layer 0");
    tmux.keys(&["/"]);
    tmux.run(&["set-buffer", "os-release\n"]);
    tmux.run(&["paste-buffer", "-p", "-t", ":0"]);
    tmux.until("os-release");
    // Still there to be typed on.
    tmux.keys(&["z"]);
    tmux.until("os-releasez");
    tmux.keys(&["Escape"]);
    tmux.wait("no filter", |screen| !screen.contains("os-releasez"));
    tmux.keys(&["q"]);
    tmux.until("left with 0");
    tmux.is_given_back();
}

#[test]
fn what_is_copied_is_in_the_clipboard() {
    let Some(tmux) = Tmux::shell() else { return };
    tmux.explore(&demo());
    tmux.until("Changes of layer 0");
    tmux.keys(&["2"]);
    let screen = tmux.until("+ RUN");
    let fix = screen.lines().find_map(|line| line.split(" + RUN ").nth(1)).unwrap();
    // Its first line, as the Dockerfile has it.
    let fix = fix.trim_end_matches(['│', '┃', ' ', '\\']);
    tmux.keys(&["y"]);
    tmux.until("Enter copy");
    tmux.keys(&["Enter"]);
    tmux.until("copied the fix");
    let buffer = tmux.run(&["show-buffer"]);
    let start = format!("RUN {fix}");
    assert!(buffer.starts_with(&start), "{buffer:?} should start with {start:?}");
    tmux.keys(&["q"]);
    tmux.is_given_back();
}

#[test]
fn a_file_is_looked_into_and_saved() {
    let Some(tmux) = Tmux::shell() else { return };
    let built = image().layer([file("etc/motd", "#!/bin/sh\necho \"welcome\"\n\x1b[31mnot red\n")]);
    let path = tmux.work.path().join("image.tar");
    std::fs::write(&path, built.save(Shape::Docker)).unwrap();
    tmux.explore_after(&format!("cd {}", tmux.work.path().display()), path.to_str().unwrap());
    tmux.until("motd");
    tmux.keys(&["Tab", "G", "v"]);
    let screen = tmux.until("welcome");
    assert!(screen.contains("\\x1b[31mnot red"), "{screen}");
    tmux.keys(&["Escape", "x"]);
    tmux.until("Enter save");
    tmux.keys(&["Enter"]);
    let saved = tmux.work.path().join("motd");
    let end = Instant::now() + Duration::from_secs(10);
    while !saved.exists() {
        assert!(Instant::now() < end, "nothing was saved:\n{}", tmux.screen());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(std::fs::read_to_string(saved).unwrap().starts_with("#!/bin/sh\necho"));
    tmux.keys(&["q"]);
    tmux.until("left with 0");
    tmux.is_given_back();
}

#[test]
fn leaving_while_something_is_saved_leaves_nothing() {
    let Some(tmux) = Tmux::shell() else { return };
    let entries: Vec<_> = (0..30_000).map(|n| file(format!("d/{n}"), "x")).collect();
    let path = tmux.work.path().join("image.tar");
    std::fs::write(&path, image().layer(entries).save(Shape::Docker)).unwrap();
    let into = tmux.work.path().join("into");
    std::fs::create_dir(&into).unwrap();
    for end in ["q", "TERM"] {
        let file = tmux.explore_after(&format!("cd {}", into.display()), path.to_str().unwrap());
        tmux.until("▸ + d/");
        tmux.keys(&["Tab", "g", "x"]);
        tmux.until("Enter save");
        tmux.keys(&["Enter"]);
        let late = Instant::now() + Duration::from_secs(10);
        while std::fs::read_dir(&into).unwrap().count() == 0 {
            assert!(Instant::now() < late, "nothing is saved:\n{}", tmux.screen());
        }
        let pid = pid(&file);
        if end == "q" {
            tmux.keys(&["q"]);
        } else {
            kill(end, &pid);
        }
        is_gone(&pid);
        let left: Vec<_> = std::fs::read_dir(&into).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.is_empty(), "{end}: {left:?} is left");
        tmux.is_given_back();
    }
}

#[test]
fn without_colour_there_is_none() {
    let Some(tmux) = Tmux::shell() else { return };
    tmux.explore_after("export NO_COLOR=1", &demo());
    tmux.until("Changes of layer 0");
    let painted = tmux.run(&["capture-pane", "-t", ":0", "-p", "-e"]);
    for code in painted.split("\x1b[").skip(1).filter_map(|rest| rest.split('m').next()) {
        let colours = code
            .split(';')
            .any(|part| part.parse::<u8>().is_ok_and(|part| matches!(part, 30..=38 | 40..=48 | 90..=97 | 100..=107)));
        assert!(!colours, "a colour: {code}");
    }
    tmux.keys(&["q"]);
    tmux.is_given_back();
}

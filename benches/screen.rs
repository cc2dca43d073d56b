//! From a key press to a finished frame, on an image of a million files in a hundred layers that is made here.
//!
//!     cargo bench --bench screen [-- WORD…]      only the rows that have one of the words
//!
//! Prints a table and exits 1 when the promise is missed: a finished frame in 16 ms after each key. `max` is the time until
//! everything on the screen is true again, what the key asks of the threads beside the loop done and drawn. Where that is
//! work on a million paths (searching, sorting and unfolding all of them), the loop draws without it after its patience, and
//! the promise is held against `first max`, the time until that frame.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench that can't go on has failed"
)]

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use explore::image::Digest;
use explore::inspect::{Options, Progress, inspect};
use explore::source::Target;
use explore::tui::{App, Effect, Msg, Preferences, QUEUES, Worker, draw};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde_json::json;

const LAYERS: usize = 100;
/// Files of the first layer, and of each other one.
const FIRST: usize = 505_000;
const OTHER: usize = 5_000;
/// What is promised for a key press.
const PROMISE: Duration = Duration::from_millis(16);
/// How long the loop waits for what it asked for before it draws without it (`tui/run.rs`).
const PATIENCE: Duration = Duration::from_millis(10);

/// A layer's tar: small files of which some are in one large folder, some deep, and most as `node_modules` has them. Later
/// layers add, store again and delete.
fn layer(number: usize) -> Vec<u8> {
    let mut tar = Vec::new();
    let mut file = |path: &str, size: usize| {
        let mut header = tar::Header::new_ustar();
        header.set_path(path).unwrap();
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_700_000_000 + number as u64);
        header.set_size(size as u64);
        header.set_cksum();
        tar.extend_from_slice(header.as_bytes());
        let content = format!("{path}\n").into_bytes();
        let start = tar.len();
        tar.extend(content.iter().cycle().take(size));
        tar.resize(start + size.next_multiple_of(512), 0);
    };
    let base = if number == 0 { 0 } else { FIRST + (number - 1) * OTHER };
    let count = if number == 0 { FIRST } else { OTHER };
    for at in base..base + count {
        let size = 1 + at * 37 % 500;
        match at % 10 {
            0 => file(&format!("var/lib/flat/file{at}.dat"), size),
            1 => file(&format!("usr/share/doc/{}/{}/{}/{}/file{at}", at % 7, at % 11, at % 13, at % 17), size),
            _ => file(&format!("srv/app/node_modules/package{}/lib/file{at}.js", at / 50), size),
        }
    }
    if number > 0 {
        for again in 0..200 {
            let at = (number * 7919 + again * 331) % FIRST;
            file(&format!("var/lib/flat/file{}.dat", at / 10 * 10), 1 + at * 41 % 500);
        }
        for gone in 0..100 {
            let at = (number * 104_729 + gone * 977) % FIRST;
            file(&format!("srv/app/node_modules/package{}/lib/.wh.file{}.js", at / 50, at / 10 * 10 + 5), 0);
        }
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

/// Writes the image as a layout with compressed layers, once.
fn make(folder: &Path) {
    if folder.join("index.json").is_file() {
        return;
    }
    println!("making an image of {} files in {LAYERS} layers: {}", FIRST + (LAYERS - 1) * OTHER, folder.display());
    let blobs = folder.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let keep = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        std::fs::write(folder.join(digest.blob()), bytes).unwrap();
        digest.to_string()
    };
    let (mut layers, mut diff_ids, mut history) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..LAYERS {
        let tar = layer(number);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&tar).unwrap();
        let blob = encoder.finish().unwrap();
        let kind = "application/vnd.oci.image.layer.v1.tar+gzip";
        layers.push(json!({"mediaType": kind, "digest": keep(&blob), "size": blob.len()}));
        diff_ids.push(Digest::of(&tar).to_string());
        history.push(json!({"created": "2026-01-02T03:04:05Z", "created_by": format!("RUN /bin/sh -c step {number}")}));
    }
    let config = json!({"os": "linux", "architecture": "amd64", "config": {}, "history": history,
        "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let config = config.to_string();
    let config_kind = "application/vnd.oci.image.config.v1+json";
    let manifest = json!({"schemaVersion": 2, "layers": layers,
        "config": {"mediaType": config_kind, "digest": keep(config.as_bytes()), "size": config.len()}})
    .to_string();
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let index = json!({"schemaVersion": 2,
        "manifests": [{"mediaType": kind, "digest": keep(manifest.as_bytes()), "size": manifest.len()}]});
    std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
}

/// The screen without its loop: what the loop hands to threads is done at once.
struct Bench {
    app: App,
    terminal: Terminal<TestBackend>,
    /// By kind of job, as the loop has them.
    workers: [Worker; QUEUES],
    rows: Vec<Row>,
    only: Vec<String>,
}

/// A line of the table.
struct Row {
    name: String,
    /// Until a frame shows that the key was taken.
    first: Vec<Duration>,
    /// Until everything on the screen is true.
    whole: Vec<Duration>,
    /// It is work on all paths, which goes on after the frame.
    on_all: bool,
}

impl Bench {
    fn key(text: &str) -> Event {
        let (code, modifiers) = match text {
            "enter" => (KeyCode::Enter, KeyModifiers::NONE),
            "esc" => (KeyCode::Esc, KeyModifiers::NONE),
            "tab" => (KeyCode::Tab, KeyModifiers::NONE),
            "space" => (KeyCode::Char(' '), KeyModifiers::NONE),
            "pgdn" => (KeyCode::PageDown, KeyModifiers::NONE),
            "backspace" => (KeyCode::Backspace, KeyModifiers::NONE),
            text if text.starts_with("ctrl+") => (KeyCode::Char(text.chars().last().unwrap()), KeyModifiers::CONTROL),
            letter => (KeyCode::Char(letter.chars().next().unwrap()), KeyModifiers::NONE),
        };
        Event::Key(KeyEvent::new(code, modifiers))
    }

    fn draw(&mut self) {
        self.terminal.draw(|frame| draw(&self.app, frame)).unwrap();
    }

    /// Presses a key; the times until the first frame and the last one.
    fn press(&mut self, key: &str) -> (Duration, Duration) {
        let begun = Instant::now();
        let mut effects: VecDeque<Effect> = self.app.update(Msg::Terminal(Self::key(key))).into();
        let mut first = None;
        if effects.is_empty() {
            self.draw();
            return (begun.elapsed(), begun.elapsed());
        }
        while let Some(effect) = effects.pop_front() {
            let Effect::Work(job) = effect else { continue };
            let queue = job.queue();
            // The loop draws without the answer when it takes too long. Here the frame is drawn before, and its time is
            // added to the patience.
            let late = Instant::now();
            self.draw();
            let frame = late.elapsed();
            let asked = Instant::now();
            let answer = self.workers[queue].perform(job, &AtomicBool::new(false));
            let (took, before) = (asked.elapsed(), late - begun);
            first = first.or((took > PATIENCE).then_some(before + PATIENCE + frame));
            effects.extend(answer.map(|answer| self.app.update(answer)).into_iter().flatten());
        }
        self.draw();
        let whole = begun.elapsed();
        (first.unwrap_or(whole), whole)
    }

    /// Presses keys without a look at the clock.
    fn go(&mut self, keys: &str) {
        for key in keys.split_whitespace() {
            self.press(key);
        }
    }

    /// Presses each of the keys, again and again, and notes how long it takes.
    fn measure(&mut self, name: &str, keys: &str, times: usize) {
        self.note(name, keys, times, false);
    }

    /// The same of what is work on all paths.
    fn measure_on_all(&mut self, name: &str, keys: &str, times: usize) {
        self.note(name, keys, times, true);
    }

    fn note(&mut self, name: &str, keys: &str, times: usize, on_all: bool) {
        let wanted = self.only.is_empty() || self.only.iter().any(|word| name.contains(word.as_str()));
        let times = if wanted { times } else { 1 };
        let mut row = Row { name: name.to_owned(), first: Vec::new(), whole: Vec::new(), on_all };
        for _ in 0..times {
            for key in keys.split_whitespace() {
                let (first, whole) = self.press(key);
                row.first.push(first);
                row.whole.push(whole);
            }
        }
        if wanted {
            self.rows.push(row);
        }
    }

    fn table(&mut self) -> (String, bool) {
        let mut text = format!(
            "{:<46} {:>5} {:>10} {:>10} {:>10} {:>10}\n",
            "milliseconds", "keys", "p50", "p99", "max", "first max"
        );
        let mut held = true;
        for row in &mut self.rows {
            row.whole.sort_unstable();
            row.first.sort_unstable();
            let at = |times: &[Duration], part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1000.0;
            let (p50, p99, max) = (at(&row.whole, 50), at(&row.whole, 99), at(&row.whole, 100));
            let first = at(&row.first, 100);
            let promised = if row.on_all { &row.first } else { &row.whole };
            let over = promised.last().is_some_and(|max| *max > PROMISE);
            held = held && !over;
            let mark = match (over, row.on_all) {
                (true, _) => "  over",
                (false, true) => "  on all paths",
                (false, false) => "",
            };
            let keys = row.whole.len();
            let _ =
                writeln!(text, "{:<46} {keys:>5} {p50:>10.2} {p99:>10.2} {max:>10.2} {first:>10.2}{mark}", row.name);
        }
        (text, held)
    }
}

fn main() -> ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench/screen");
    make(&folder);
    let target = Target::parse(folder.as_os_str()).unwrap();
    let begun = Instant::now();
    let mut stacked = None;
    let found = inspect(&target, &Options::default(), &mut |progress| {
        if matches!(progress, Progress::Stacked(_)) {
            stacked = Some(begun.elapsed());
        }
        true
    })
    .unwrap();
    let paths = found.tree.paths.len();
    println!(
        "{paths} paths, {} layers; stacked after {:.1?}, judged after {:.1?}",
        found.tree.layers.len(),
        stacked.unwrap(),
        begun.elapsed()
    );
    let mut code = ExitCode::SUCCESS;
    for (width, height) in [(80, 24), (160, 45)] {
        let mut app = App::new("screen".to_owned(), Preferences::default());
        app.update(Msg::Terminal(Event::Resize(width, height)));
        let workers = Worker::for_queues(Some(&target));
        let only = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
        let terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let mut bench = Bench { app, terminal, workers, rows: Vec::new(), only };
        let found = inspect(&target, &Options::default(), &mut |_| true).unwrap();
        let begun = Instant::now();
        for effect in bench.app.update(Msg::Ready(Box::new(found))) {
            if let Effect::Work(job) = effect
                && let Some(answer) = bench.workers[job.queue()].perform(job, &AtomicBool::new(false))
            {
                bench.app.update(answer);
            }
        }
        bench.draw();
        println!("\n{width}x{height}: the first frame of the whole image took {:.1?}", begun.elapsed());
        journey(&mut bench);
        let (table, held) = bench.table();
        println!("{table}");
        if !held {
            code = ExitCode::FAILURE;
        }
    }
    code
}

fn journey(bench: &mut Bench) {
    bench.measure("layers: down, the first time", "j", LAYERS - 1);
    bench.measure("layers: up, seen before", "k", LAYERS - 1);
    bench.go("g");
    bench.measure("layers: first to last and back", "G g", 10);
    bench.go("a");
    bench.measure("layers: down, all files", "j", LAYERS - 1);
    bench.measure("layers: first to last and back, all files", "g G", 5);
    bench.go("tab");
    bench.measure("files: down, all files", "j", 200);
    bench.measure("files: pages, all files", "pgdn", 100);
    bench.measure_on_all("files: fold all, unfold all", "z Z", 3);
    bench.measure("files: down in a million rows", "j", 200);
    bench.measure("files: last and first of a million rows", "G g", 10);
    bench.measure_on_all("files: sort with a million rows", "s", 3);
    bench.go("z");
    bench.measure_on_all("files: a level more, a level less", "> > > < < <", 3);
    bench.measure_on_all("filter: a name, letter by letter, all files", "/ f i l e 9 9 9", 1);
    bench.measure_on_all("filter: taken back", "backspace backspace backspace esc", 1);
    bench.measure_on_all("filter: by size, all files", "/ > 4 9 0", 1);
    bench.go("esc esc a");
    bench.measure("filter: a name, changes of a layer", "/ f i l e 9 9 9", 1);
    bench.go("esc esc tab");
    bench.measure_on_all("screens: there and back", "2 3 4 1", 10);
    bench.go("2");
    bench.measure("waste: down", "j", 50);
    bench.measure("waste: group", "s", 6);
    bench.go("3");
    bench.measure("map: move, into, out of", "j enter l enter h esc", 5);
    bench.measure_on_all("map: the whole file system or changes", "a", 4);
    bench.go("1");
    bench.measure_on_all("find: letter by letter", "ctrl+p p a c k 7 7 f 3", 1);
    bench.go("esc");
    bench.measure("help: open and close", "? esc", 10);
}

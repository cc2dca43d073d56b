//! Damaged and hostile archives by the thousand, made here: none may pass a gate wrongly, panic, hang, or take much memory.
//!
//! `cargo test` runs a few of each kind; `tests/run --long` (or `EXPLORE_LONG=1`) runs all of them.

mod bombs;
mod damage;
mod kills;

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Whether everything is to be run.
fn is_long() -> bool {
    std::env::var_os("EXPLORE_LONG").is_some()
}

/// Numbers that are the same in every run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// What a run of the program took.
struct Run {
    output: Output,
    took: Duration,
    /// The most memory that was resident, bytes.
    peak: u64,
}

/// Runs the program and watches its memory; it is ended after a minute.
fn run(arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_explore"));
    crate::common::undisturbed(&mut command).args(arguments).env("HOME", "/nonexistent").env_remove("XDG_CACHE_HOME");
    let started = Instant::now();
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let status = format!("/proc/{}/status", child.id());
    let read = |mut stream: Box<dyn std::io::Read + Send>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // What the program leaves behind when it is ended is enough.
            let _ = stream.read_to_end(&mut bytes);
            bytes
        })
    };
    let stdout = read(Box::new(child.stdout.take().expect("a pipe")));
    let stderr = read(Box::new(child.stderr.take().expect("a pipe")));
    let mut peak = 0;
    let code = loop {
        let line = std::fs::read_to_string(&status).ok();
        let now = line.as_deref().and_then(|text| text.lines().find_map(|line| line.strip_prefix("VmHWM:")));
        let now = now.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0);
        peak = peak.max(now * 1024);
        if let Some(code) = child.try_wait().expect("the program ends") {
            break code;
        }
        if started.elapsed() > Duration::from_secs(60) {
            let _ = child.kill();
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let output =
        Output { status: code, stdout: stdout.join().expect("a reader"), stderr: stderr.join().expect("a reader") };
    Run { output, took: started.elapsed(), peak }
}

//! `explore extract`: what is saved, told in a line; progress on standard error.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use explore::bytes::shown;
use explore::cli::Extract;
use explore::content::{SaveProgress, Saved, save};
use explore::inspect::Options;
use explore::report::{bytes, count, exact};
use explore::tree::NodeId;

use super::contents::{find, kept, state};
use super::failure::Failure;
use super::look::{end, look, options, settings, target};
use super::output::{print, say};

/// Paths that were left out which are told one by one.
const TOLD: usize = 20;

/// Saves what is asked for, and says where it is.
pub(super) fn extract(wanted: &Extract) -> Result<ExitCode, Failure> {
    let settings = settings(&wanted.reading.given)?;
    let target = target(&wanted.image, &settings)?;
    let found = look(&target, &Options { keep: Some(kept(&wanted.path)), ..options(&settings)? })?;
    let absent =
        || Failure::NoPath { path: shown(wanted.path.as_encoded_bytes()), when: ", which has no layers".to_owned() };
    let layer = state(&found, wanted.layer)?.ok_or_else(absent)?;
    let node = find(&found, &wanted.path, layer, true)?.map_or(NodeId::ROOT, |(node, _)| node);
    let made = std::fs::create_dir(&wanted.output).is_ok();
    // What is half written is removed before the program ends; who can't wait for that asks twice.
    let stop = Arc::new(AtomicBool::new(false));
    #[cfg(unix)]
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        // Without them it is saved all the same.
        let _ = signal_hook::flag::register_conditional_shutdown(signal, 2, Arc::clone(&stop));
        let _ = signal_hook::flag::register(signal, Arc::clone(&stop));
    }
    let mut line = Line { since: Instant::now(), shown: false };
    let done = save(&target, &found, node, layer, &wanted.output, &stop, &mut |progress| {
        line.show(progress);
        true
    });
    line.clear();
    let saved = done.inspect_err(|_| {
        if made {
            // Only when it is empty.
            let _ = std::fs::remove_dir(&wanted.output);
        }
    })?;
    tell(&saved)?;
    let code = end(&found, &settings);
    Ok(if saved.is_short() { ExitCode::from(2) } else { code })
}

fn tell(saved: &Saved) -> Result<(), Failure> {
    for (path, why) in saved.skipped.iter().take(TOLD) {
        say(&format!("explore: {path}: {why}"));
    }
    if saved.skipped.len() > TOLD {
        say(&format!("explore: and {} more were left out", exact((saved.skipped.len() - TOLD) as u64)));
    }
    let path = shown(saved.path.as_os_str().as_encoded_bytes());
    let files = count(saved.files, "file");
    print(|out| writeln!(out, "{path}: {files}, {}", bytes(saved.bytes)))
}

/// One line that is drawn over, after a moment in which most is saved.
struct Line {
    since: Instant,
    shown: bool,
}

impl Line {
    fn show(&mut self, progress: SaveProgress) {
        let pause = Duration::from_millis(if self.shown { 100 } else { 500 });
        if self.since.elapsed() < pause || !io::stderr().is_terminal() {
            return;
        }
        (self.since, self.shown) = (Instant::now(), true);
        let (files, of) = (exact(progress.files), exact(progress.of_files));
        let done = format!("{files} of {of} files, {} of {}", bytes(progress.bytes), bytes(progress.of_bytes));
        let _ = write!(io::stderr(), "\r\x1b[Kexplore: {done}");
    }

    fn clear(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

//! What is in an image: history, lists, files.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufWriter, Write as _};
use std::process::ExitCode;

use explore::bytes::shown;
use explore::cli::Reading;
use explore::content::read_file;
use explore::inspect::{Inspection, Options};
use explore::layer::Keep;
use explore::report::{self, HistoryFormat, ListFormat};
use explore::tree::{EventKind, Lookup, NodeId};

use super::failure::Failure;
use super::look::{end, look, options, settings, target};
use super::output::{print, say};

/// Prints the history.
pub(super) fn history(
    image: &OsStr,
    reading: &Reading,
    format: HistoryFormat,
    whole: bool,
) -> Result<ExitCode, Failure> {
    let settings = settings(&reading.given)?;
    let options = Options { documents_only: !settings.switch("full"), ..options(&settings)? };
    let found = look(&target(image, &settings)?, &options)?;
    if found.layers.iter().any(|layer| layer.unread) {
        say("explore: the layers were not read: sizes are those of their compressed blobs; `--full` reads them");
    }
    let now = jiff::Timestamp::now();
    print(|out| report::write_history(&found, format, whole, now, out))?;
    Ok(end(&found, &settings))
}

/// How a list is written.
pub(super) fn list_format(long: bool, print0: bool, json: bool) -> ListFormat {
    match (long, print0, json) {
        (true, ..) => ListFormat::Long,
        (_, true, _) => ListFormat::Nul,
        (.., true) => ListFormat::Json,
        _ => ListFormat::Paths,
    }
}

/// Lists files.
pub(super) fn ls(
    image: &OsStr,
    path: Option<OsString>,
    reading: &Reading,
    layer: Option<usize>,
    depth: Option<usize>,
    format: ListFormat,
) -> Result<ExitCode, Failure> {
    let settings = settings(&reading.given)?;
    let found = look(&target(image, &settings)?, &options(&settings)?)?;
    let path = path.unwrap_or_default();
    // A link that is named itself is listed, as `ls -d` would; one that ends in a slash is followed.
    let follow = path.as_encoded_bytes().ends_with(b"/");
    let Some(layer) = state(&found, layer)? else {
        print(|out| if format == ListFormat::Json { writeln!(out, "[]") } else { Ok(()) })?;
        return Ok(end(&found, &settings));
    };
    let top = match find(&found, &path, layer, follow)? {
        Some((node, at)) => (node, Some(at)),
        None => (NodeId::ROOT, None),
    };
    let depth = depth.unwrap_or(usize::MAX);
    print(|out| report::write_listing(&found.tree, top, layer, depth, format, out))?;
    Ok(end(&found, &settings))
}

/// What is kept of a source that passes only once, when a path of it is asked for.
pub(super) fn kept(path: &OsStr) -> Keep {
    let mut normal = Vec::new();
    explore::layer::normal_path(path.as_encoded_bytes(), &mut normal);
    Keep { path: normal, limit: 64 * 1024 * 1024 }
}

/// Writes a file's content.
pub(super) fn cat(image: &OsStr, path: &OsStr, reading: &Reading, layer: Option<usize>) -> Result<ExitCode, Failure> {
    let settings = settings(&reading.given)?;
    let target = target(image, &settings)?;
    let keep = kept(path);
    // The state after another layer than the last needs all below it.
    let only = layer.is_none().then(|| keep.path.clone());
    let found = look(&target, &Options { keep: Some(keep), only, ..options(&settings)? })?;
    let shown_path = shown(path.as_encoded_bytes());
    let no_path = |when: String| Failure::NoPath { path: shown_path.clone(), when };
    let Some(layer) = state(&found, layer)? else { return Err(no_path(", which has no layers".to_owned())) };
    let no_file = |kind| Failure::NoFile { path: shown_path.clone(), kind };
    let (_, at) = find(&found, path, layer, true)?.ok_or(no_file("directory"))?;
    let kind = found.tree.event_at(at).kind();
    let Some(file) = found.tree.copy_of(at) else {
        return Err(match kind {
            EventKind::HardLink => no_path(": it is a hard link to nothing".to_owned()),
            kind => no_file(kind.name()),
        });
    };
    let mut out = BufWriter::with_capacity(64 * 1024, io::stdout());
    read_file(&target, &found, file, &mut out)?;
    out.flush().map_err(|error| Failure::Write { name: "standard output".into(), error })?;
    Ok(end(&found, &settings))
}

/// The layer that is asked for, or the last; None when there is none at all.
pub(super) fn state(found: &Inspection, asked: Option<usize>) -> Result<Option<u16>, Failure> {
    let has = found.image.layers.len();
    match asked {
        Some(wanted) if wanted >= has => Err(Failure::NoLayer { wanted, has }),
        Some(wanted) => Ok(Some(wanted as u16)),
        None => Ok(found.tree.top()),
    }
}

/// None is the root.
pub(super) fn find(
    found: &Inspection,
    path: &OsStr,
    layer: u16,
    follow: bool,
) -> Result<Option<(NodeId, explore::tree::EventRef)>, Failure> {
    let text = || shown(path.as_encoded_bytes());
    match found.tree.lookup(path.as_encoded_bytes(), layer, follow) {
        Lookup::Found(node, at) => Ok(Some((node, at))),
        Lookup::Root => Ok(None),
        Lookup::Loop => Err(Failure::Circle(text())),
        Lookup::Absent => {
            let last = usize::from(layer) + 1 == found.image.layers.len();
            let when = if last { String::new() } else { format!(" after layer {layer}") };
            let known = found.tree.paths.find(path.as_encoded_bytes());
            let ended = known.and_then(|node| found.tree.events_of(node).next());
            let hint = match ended {
                Some((at, event)) if event.until <= layer => format!(
                    "{when}: layer {} takes it away; `--layer {}` shows it",
                    event.until,
                    event.until.saturating_sub(1).max(at.layer)
                ),
                _ => when,
            };
            Err(Failure::NoPath { path: text(), when: hint })
        }
    }
}

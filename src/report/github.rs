//! GitHub's workflow commands, which become annotations
//! (<https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>).

use std::io::{self, Write};

use super::judged::{FindingView, Judged};
use super::words;
use crate::gate::CheckKind;

/// GitHub shows as many annotations of a level for each step.
const SHOWN: usize = 10;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Error,
    Warning,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

struct Annotation {
    level: Level,
    title: String,
    message: String,
    /// File, first and last line.
    place: Option<(String, usize, usize)>,
    bytes: u64,
}

/// Writes nothing for an image that is well: an annotation is for what somebody has to do.
pub(super) fn write(images: &[Judged<'_>], unread: usize, out: &mut dyn Write) -> io::Result<()> {
    let lacking = words::unread_words(unread).map(|message| Annotation {
        level: Level::Error,
        title: "explore".to_owned(),
        message,
        place: None,
        bytes: 0,
    });
    let all: Vec<Annotation> = lacking.into_iter().chain(images.iter().flat_map(annotations)).collect();
    for level in [Level::Error, Level::Warning] {
        let own: Vec<&Annotation> = all.iter().filter(|each| each.level == level).collect();
        let shown = if own.len() > SHOWN { SHOWN - 1 } else { own.len() };
        for each in &own[..shown] {
            write_one(each, out)?;
        }
        if let Some(rest) = own.get(shown..).filter(|rest| !rest.is_empty()) {
            let bytes = rest.iter().map(|each| each.bytes).sum();
            let message = format!("{} more, {}: the summary of the job has them all", rest.len(), super::bytes(bytes));
            write_one(&Annotation { level, title: "explore".to_owned(), message, place: None, bytes }, out)?;
        }
    }
    Ok(())
}

fn annotations(each: &Judged<'_>) -> Vec<Annotation> {
    let name = words::image_name(each.found);
    let failed = each.failed();
    let plain = |level, title: &str, message: String| Annotation {
        level,
        title: title.to_owned(),
        message,
        place: None,
        bytes: 0,
    };
    let mut all: Vec<Annotation> = failed
        .iter()
        .map(|check| plain(Level::Error, &check.kind.name(), format!("{name}: {}", check.message)))
        .collect();
    for damage in each.found.incomplete() {
        all.push(plain(Level::Error, "explore", format!("{name}: {}", crate::bytes::shown_text(&damage))));
    }
    for secret in each.secrets() {
        let denied = each.verdict.is_none() || failed.iter().any(|check| check.kind == CheckKind::Secrets);
        all.push(of(&name, &secret, if denied { Level::Error } else { Level::Warning }));
    }
    // Below the limits waste is nobody's duty.
    if each.verdict.is_none_or(|verdict| !verdict.pass()) {
        let waste = each.counted().into_iter().filter(|view| !view.is_secret());
        all.extend(waste.map(|view| of(&name, &view, Level::Warning)));
    }
    for note in each.verdict.iter().flat_map(|verdict| &verdict.notes) {
        all.push(plain(Level::Warning, "explore", format!("{name}: {}", crate::bytes::shown_text(note))));
    }
    all
}

fn of(image: &str, view: &FindingView<'_>, level: Level) -> Annotation {
    let place = view.place();
    let pull = view.pull().map(|pull| format!(" (to pull: {pull})")).unwrap_or_default();
    Annotation {
        level,
        title: view.name().to_owned(),
        message: format!("{image}: {}{}{pull}\nfix: {}", view.size_prefix(), view.finding.message, view.finding.fix),
        place: place.is_known.then_some((place.path, place.line, place.end_line)),
        bytes: view.finding.bytes,
    }
}

fn write_one(each: &Annotation, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "::{} ", each.level.name())?;
    if let Some((file, line, end)) = &each.place {
        write!(out, "file={},line={line},endLine={end},", property(file))?;
    }
    writeln!(out, "title={}::{}", property(&each.title), data(&each.message))
}

/// What the runner undoes in a message.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What the runner undoes in a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

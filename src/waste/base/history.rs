//! What the history says about the base image.

use jiff::Timestamp;

use super::{Base, Evidence, layers_below};
use crate::image::HistoryRow;

/// A base image is built hours to months before the image; the steps of one build follow each other within minutes.
const GAP_SECONDS: i64 = 3600;

/// Files without a time have one of 1980 at the latest; what claims to be built before says nothing.
const FIRST_TIME: i64 = 631_152_000; // 1990-01-01T00:00:00Z

/// Something that the history shows: the first so many rows are the base image's.
struct Seen {
    rows: usize,
    name: Option<String>,
    what: String,
}

/// The base by the history and, where that shows none, by whether the first layer is a root file system.
pub(super) fn base(history: &[HistoryRow], is_root_file_system: impl FnOnce() -> bool) -> Base {
    let layers = |rows| layers_below(history, rows);
    let (by_gap, by_chance) = by_end(history);
    let sure = [recorded_by_buildah(history), by_builder(history), by_gap].into_iter().flatten();
    // Each of them says "at least": an image may have a base of a base.
    let sure = sure.max_by_key(|seen| (layers(seen.rows), seen.name.is_some()));
    let mut found = match sure {
        // A base that leaves no own layer would leave nothing to judge.
        Some(Seen { rows, name, what }) if layers(rows) == layers(history.len()) => {
            Base { evidence: Evidence::Guess, name, seen: what, maybe: Some(layers(rows)), ..Base::none() }
        }
        Some(Seen { rows, name, what }) => {
            Base { layers: layers(rows), evidence: Evidence::History, name, seen: what, ..Base::none() }
        }
        None => by_content(history, is_root_file_system),
    };
    let supposed = found.maybe.unwrap_or(found.layers);
    if let Some(Seen { rows, what, .. }) = by_chance.filter(|seen| layers(seen.rows) > supposed) {
        found.maybe = Some(layers(rows));
        if found.layers == 0 {
            (found.evidence, found.seen) = (Evidence::Guess, what);
        }
    }
    found
}

/// Whether a row ends what most images end with.
pub(super) fn is_end(row: &HistoryRow) -> bool {
    let instruction = row.instruction().unwrap_or_default();
    row.layer.is_none() && (instruction.starts_with("CMD ") || instruction.starts_with("ENTRYPOINT "))
}

/// Seconds since 1970, where the time can be that of a build. Engines keep no parts of a second.
fn time(row: &HistoryRow) -> Option<i64> {
    let time: Timestamp = row.created.as_deref()?.parse().ok()?;
    Some(time.as_second()).filter(|second| *second >= FIRST_TIME)
}

/// What the times of neighbouring rows say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    /// So many seconds lie between them: two builds.
    Gap(i64),
    /// They follow each other at once: one build.
    OneBuild,
    /// They are equal or absent.
    Unknown,
}

/// The longest gap between the neighbours among `rows`.
fn between(rows: &[HistoryRow]) -> (usize, Between) {
    let mut best = (0, Between::Unknown);
    for (at, pair) in rows.windows(2).enumerate() {
        let (Some(before), Some(after)) = (time(&pair[0]), time(&pair[1])) else { continue };
        let this = match after - before {
            gap if gap >= GAP_SECONDS => Between::Gap(gap),
            gap if gap > 0 => Between::OneBuild,
            _ => Between::Unknown,
        };
        let is_better = match (best.1, this) {
            (Between::Gap(old), Between::Gap(new)) => new > old,
            (_, Between::Gap(_)) | (Between::Unknown, Between::OneBuild) => true,
            _ => false,
        };
        if is_better {
            best = (at, this);
        }
    }
    best
}

/// An image ends with `CMD` or `ENTRYPOINT`, so what comes up to one that a layer follows may be a base image. It is one if
/// the rest was built much later. Returns that, and a larger base that the times do not decide.
fn by_end(history: &[HistoryRow]) -> (Option<Seen>, Option<Seen>) {
    let mut by_chance = None;
    let mut last = history.len();
    while let Some(end) = history[..last].iter().rposition(is_end) {
        last = end;
        let Some(next) = history[end..].iter().position(|row| row.layer.is_some()) else { continue };
        let instruction = history[end].instruction().unwrap_or_default();
        let seen = |rows, what| Some(Seen { rows, name: None, what });
        match between(&history[end..=end + next]) {
            (at, Between::Gap(seconds)) => {
                let what = format!("its history ({instruction}, and {} later the next step)", duration(seconds));
                return (seen(end + at + 1, what), by_chance);
            }
            (_, Between::OneBuild) => {}
            (_, Between::Unknown) => {
                let what = format!("its history ({instruction} before the last layer, and times that say nothing)");
                by_chance = by_chance.or_else(|| seen(end + 1, what));
            }
        }
    }
    (None, by_chance)
}

/// Podman and Buildah note the base image at the first row of a build, or at its only layer; later rows name the step before by
/// its id.
fn recorded_by_buildah(history: &[HistoryRow]) -> Option<Seen> {
    let name = |row: &HistoryRow| {
        let name = row.comment.as_deref()?.strip_prefix("FROM ")?.trim();
        let is_id = name.len() >= 12 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some(name.to_owned()).filter(|name| !name.is_empty() && !is_id && name != "scratch")
    };
    let (rows, name) = history.iter().enumerate().rev().find_map(|(at, row)| Some((at, name(row)?)))?;
    Some(Seen { rows, what: format!("its history (FROM {name})"), name: Some(name) })
}

/// What writes rows of the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Builder {
    BuildKit,
    /// The classic builder of Docker, Podman and Buildah: they write alike.
    Classic,
    /// Only the instruction, as kaniko writes it.
    Kaniko,
    Jib,
    Ko,
    Bazel,
    Nix,
    Debuerreotype,
}

impl Builder {
    fn name(self) -> &'static str {
        match self {
            Self::BuildKit => "BuildKit",
            Self::Classic => "another builder",
            Self::Kaniko => "kaniko",
            Self::Jib => "Jib",
            Self::Ko => "ko",
            Self::Bazel => "Bazel",
            Self::Nix => "Nix",
            Self::Debuerreotype => "debuerreotype",
        }
    }

    /// The builder that wrote a row; None where it can't be told.
    fn of(row: &HistoryRow) -> Option<Self> {
        let text = row.created_by.as_deref().unwrap_or_default().trim();
        let comment = row.comment.as_deref().unwrap_or_default();
        let word = text.split(' ').next().unwrap_or_default();
        let is_shell = text.starts_with(['/', '|']) && row.instruction().is_some_and(|text| text.starts_with("RUN "));
        Some(match word {
            _ if comment.starts_with("buildkit.") || text.ends_with("# buildkit") => Self::BuildKit,
            _ if comment.starts_with("debuerreotype") || text.starts_with("# debian.sh") => Self::Debuerreotype,
            _ if comment.starts_with("store paths:") => Self::Nix,
            _ if word.starts_with("jib-") => Self::Jib,
            "ko" => Self::Ko,
            "bazel" => Self::Bazel,
            _ if text.contains("#(nop)") || is_shell => Self::Classic,
            "ADD" | "COPY" | "RUN" if comment.is_empty() => Self::Kaniko,
            _ => return None,
        })
    }
}

/// Whether several builders write a row in this form, so that it does not tell them apart.
fn is_common(row: &HistoryRow) -> bool {
    const WORDS: [&str; 14] = [
        "ARG",
        "CMD",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "HEALTHCHECK",
        "LABEL",
        "MAINTAINER",
        "ONBUILD",
        "SHELL",
        "STOPSIGNAL",
        "USER",
        "VOLUME",
        "WORKDIR",
    ];
    let text = row.created_by.as_deref().unwrap_or_default().trim_start();
    row.comment.as_deref().unwrap_or_default().is_empty()
        && WORDS.contains(&text.split([' ', '[']).next().unwrap_or_default())
}

/// One build uses one builder: rows before those of the last builder are of another image.
fn by_builder(history: &[HistoryRow]) -> Option<Seen> {
    let mut rows = history.iter().enumerate().rev().filter(|(_, row)| !is_common(row));
    let last = Builder::of(rows.next()?.1)?;
    let (at, row) = rows.find(|(_, row)| Builder::of(row) != Some(last))?;
    Builder::of(row)?;
    let what = format!("its history ({} wrote only the later rows)", last.name());
    Some(Seen { rows: at + 1, name: None, what })
}

/// A distribution's root file system in the first layer is a base image if the rest was built much later.
fn by_content(history: &[HistoryRow], is_root_file_system: impl FnOnce() -> bool) -> Base {
    let (Some(first), Some(next)) =
        (history.iter().position(|row| row.layer == Some(0)), history.iter().position(|row| row.layer == Some(1)))
    else {
        return Base::none();
    };
    let instruction = history[first].instruction().unwrap_or_default();
    // What a RUN leaves is not a root file system that was brought as such.
    if instruction.starts_with("RUN ") || !is_root_file_system() {
        return Base::none();
    }
    let what = "its first layer, a distribution's root file system".to_owned();
    let found = Base { seen: what, ..Base::none() };
    match between(&history[first..=next]).1 {
        Between::Gap(seconds) => Base {
            layers: 1,
            evidence: Evidence::Content,
            seen: format!("{}, built {} before the next step", found.seen, duration(seconds)),
            ..found
        },
        Between::Unknown => Base { evidence: Evidence::Guess, maybe: Some(1), ..found },
        Between::OneBuild => Base::none(),
    }
}

fn duration(seconds: i64) -> String {
    match (seconds / 86_400, seconds / 3600) {
        (0, 1) => "1 hour".to_owned(),
        (0, hours) => format!("{hours} hours"),
        (1, _) => "1 day".to_owned(),
        (days, _) => format!("{days} days"),
    }
}

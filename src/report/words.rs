//! What several formats say of findings, in the same words.

use super::judged::Judged;
use super::size::{bytes, exact};
use crate::bytes::shown_text;
use crate::gate::{Check, Excuse, Quantity};
use crate::inspect::Inspection;

/// What to call an image: its first name, else as the user typed it.
pub(super) fn image_name(found: &Inspection) -> String {
    let name = shown_text(found.image.tags.first().unwrap_or(&found.reference));
    // Lines begin with it, and one that begins so is a command to GitHub's runner.
    if name.trim_start().starts_with("::") { name.replacen(':', "\\x3a", 1) } else { name }
}

/// A fix in parts, each with whether it is code: what it quotes, and the instruction that it ends with, are.
pub(super) fn parts_of(fix: &str) -> Vec<(bool, &str)> {
    let starts = ["RUN ", "COPY ", "ADD "];
    let begins = |at: &usize| starts.iter().any(|word| fix[*at..].starts_with(word));
    let after_colons = fix.match_indices(": ").map(|(at, _)| at + 2);
    let command = std::iter::once(0).chain(after_colons).find(begins).unwrap_or(fix.len());
    let (sentence, command) = fix.split_at(command);
    let quoted = sentence.split('`').enumerate().map(|(place, part)| (place % 2 == 1, part));
    quoted.chain([(true, command)]).filter(|(_, part)| !part.is_empty()).collect()
}

/// What a limit allows and what was found; both exact where the rounded ones would look alike.
pub(super) fn amounts(check: &Check) -> (String, String) {
    let rounded = |quantity: Quantity| match quantity {
        Quantity::Bytes(number) => bytes(number),
        Quantity::Percent(share) => format!("{share:.1} %"),
        Quantity::Ratio(share) => format!("{:.1} %", share * 100.0),
        Quantity::Count(number) => exact(number),
    };
    let whole = |quantity: Quantity| match quantity {
        Quantity::Bytes(number) => format!("{} B", exact(number)),
        Quantity::Percent(share) => format!("{share} %"),
        Quantity::Ratio(share) => format!("{} %", share * 100.0),
        Quantity::Count(number) => exact(number),
    };
    let pair = |text: &dyn Fn(Quantity) -> String| (text(check.limit), text(check.value));
    let (limit, value) = pair(&rounded);
    // `12 MB` and `12.0 MB` are as good as the same.
    let look_alike = limit.replace(".0 ", " ") == value.replace(".0 ", " ");
    if look_alike && check.limit != check.value { pair(&whole) } else { (limit, value) }
}

/// How much must go for a check to hold; None where it holds or is not about waste.
pub(super) fn excess(check: &Check) -> Option<String> {
    let excess = check.excess.filter(|excess| *excess > 0)?;
    Some(format!("to pass, {} of it must go", bytes(excess)))
}

/// Why a finding does not count, in words.
pub(super) fn excuse(why: &Excuse) -> String {
    match why {
        Excuse::Base => "the base image has it".to_owned(),
        Excuse::Ignored(reason) if reason.is_empty() => "an exception of the settings".to_owned(),
        Excuse::Ignored(reason) => format!("an exception of the settings: {}", shown_text(reason)),
        Excuse::Baseline(known) => format!("the baseline knows it, with {}", bytes(*known)),
        Excuse::Against(known) => format!("the image that is compared with has it too, with {}", bytes(*known)),
        Excuse::Uncounted => "no limit is about it".to_owned(),
        Excuse::Floor => "so little is wasted in all that nothing is said".to_owned(),
    }
}

/// That some images are not in a report; None when all are.
pub(super) fn unread_words(unread: usize) -> Option<String> {
    match unread {
        0 => None,
        1 => Some("1 image could not be looked at, and is not here".to_owned()),
        some => Some(format!("{some} images could not be looked at, and are not here")),
    }
}

/// What the whole comes to, in one line.
pub(super) fn headline(judged: &Judged<'_>) -> String {
    let waste = &judged.found.waste;
    format!(
        "{} of {} wasted, {} of it in this image's own layers",
        bytes(waste.total_bytes()),
        bytes(waste.content_bytes),
        bytes(waste.own_bytes)
    )
}

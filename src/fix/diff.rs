//! Unified diffs that `patch -p0` and `git apply -p0` take.

use similar::TextDiff;

/// The diff of a file; empty when nothing changed. `before` is None for a file that is new.
pub(super) fn unified(path: &str, before: Option<&str>, after: &str) -> String {
    let old = before.unwrap_or_default();
    if before.is_some() && old == after {
        return String::new();
    }
    let from = if before.is_some() { path } else { "/dev/null" };
    TextDiff::from_lines(old, after).unified_diff().context_radius(3).header(from, path).to_string()
}

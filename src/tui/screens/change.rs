//! The pane of the Waste screen that shows what to change: the edit of the Dockerfile, who stores the bytes, and where.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use super::layers::NO_HISTORY;
use super::waste::fate_words;
use crate::bytes::shown_text;
use crate::fix::Plan;
use crate::inspect::Inspection;
use crate::report::count;
use crate::tui::app::App;
use crate::tui::chrome::{frame, text};
use crate::tui::findings::{Entry, Group, Grouping, name};
use crate::tui::jobs::path_of;
use crate::tui::keymap::Action;
use crate::tui::layout::Focus;
use crate::tui::text::{bytes, cut_end, cut_middle, wrap};
use crate::waste::{Finding, Kind};

/// The change that ends the selected waste, who stores it, and where.
pub(super) fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 || area.width == 0 {
        return;
    }
    let focused = app.waste.focus == Focus::Details;
    let lines = lines(app, usize::from(area.width.saturating_sub(2)));
    let hidden = lines.len() > usize::from(area.height.saturating_sub(2));
    let note = if hidden && !focused { format!("{} for more", app.key_of(Action::NextPane)) } else { String::new() };
    let inside = frame(app, "The change", &note, focused, area, buffer);
    text(lines, app.waste.details.top, inside, buffer);
}

pub(super) fn lines(app: &App, width: usize) -> Vec<Line<'static>> {
    let Some(found) = app.found.as_ref().filter(|_| app.judged) else { return Vec::new() };
    match app.waste.list.selected() {
        Some(Entry::Group(group)) if !group.one_change => about_group(app, found, group, width),
        Some(Entry::Group(_) | Entry::Finding(_)) => {
            let finding = app.waste.list.finding(found);
            let all = app.waste.list.findings(found);
            finding.map(|finding| about(app, found, finding, &all, width)).unwrap_or_default()
        }
        Some(Entry::Notice(place)) => {
            let words = found.waste.notices.get(*place).map(|notice| crate::report::notice_words(found, notice));
            wrap(&words.unwrap_or_default(), width).into_iter().map(Line::raw).collect()
        }
        None => Vec::new(),
    }
}

/// What changing all of a group would save.
fn about_group(app: &App, found: &Inspection, group: &Group, width: usize) -> Vec<Line<'static>> {
    let findings = app.waste.list.findings(found);
    let own: u64 = findings.iter().filter(|f| f.kind.counts() && !f.in_base).map(|finding| finding.bytes).sum();
    let base: u64 = findings.iter().filter(|f| f.kind.counts() && f.in_base).map(|finding| finding.bytes).sum();
    let mut lines: Vec<Line<'static>> = Vec::new();
    let mut say = |text: &str, style: Style| {
        lines.extend(wrap(text, width).into_iter().map(|line| Line::styled(line, style)));
    };
    say(&shown_text(&group.title), app.theme.title);
    if own > 0 {
        say(&format!("Fixing all of it saves {} on disk.", bytes(own)), app.theme.wasted);
    }
    if base > 0 {
        say(&format!("Only another base image saves {} of it.", bytes(base)), app.theme.faint);
    }
    if let Some(rule) = found.waste.rules.get(&group.title).filter(|_| app.waste.list.grouping == Grouping::Rule) {
        say(&rule.what, Style::new());
    }
    if let Grouping::Layer = app.waste.list.grouping
        && let Some(layer) = findings.first().map(|finding| usize::from(finding.stored_in))
    {
        let text = found.image.instruction_line(layer).unwrap_or_else(|| NO_HISTORY.to_owned());
        say(&shown_text(&text), Style::new());
    }
    lines
}

fn about(app: &App, found: &Inspection, finding: &Finding, all: &[&Finding], width: usize) -> Vec<Line<'static>> {
    let theme = &app.theme;
    let mut lines: Vec<Line<'static>> = Vec::new();
    let mut say = |text: &str, style: Style| {
        lines.extend(wrap(text, width).into_iter().map(|line| Line::styled(line, style)));
    };
    say(&finding.message, theme.title);
    let instruction = |layer: u16| found.image.instruction_line(layer.into()).unwrap_or_else(|| NO_HISTORY.to_owned());
    match edit_of(found, finding) {
        Some((plan, edit)) => lines.extend(diff_lines(app, plan, edit, width)),
        None => {
            if let Some(place) = &finding.dockerfile {
                say(&format!("{}:{}", shown_text(&place.path), place.line), theme.faint);
            }
            format!("fix: {}", finding.fix).lines().for_each(|line| say(line, theme.key));
        }
    }
    let mut say = |text: &str, style: Style| {
        lines.extend(wrap(text, width).into_iter().map(|line| Line::styled(line, style)));
    };
    if let Some(mount) = &finding.fix_mount {
        format!("or:  {mount}").lines().for_each(|line| say(line, theme.key));
    }
    if finding.kind != Kind::Secret {
        say(&size_words(found, finding, all), Style::new());
    }
    let own = finding.instruction.clone().unwrap_or_else(|| instruction(finding.stored_in));
    say(&format!("{} stores it: {}", finding.kept_by(), shown_text(&own)), theme.faint);
    if finding.caused_by != finding.stored_in {
        let by = finding.caused_by;
        say(&format!("layer {by} hides it: {}", shown_text(&instruction(by))), theme.faint);
    }
    let mut fates: Vec<String> = all.iter().map(|finding| fate_words(finding)).collect();
    fates.dedup();
    for finding in all {
        lines.extend(finding.paths.iter().map(|path| {
            let files = if path.files == 1 { String::new() } else { format!("  {}", count(path.files, "file")) };
            let front = format!("{:>3} {:>9}  ", finding.stored_in, bytes(path.bytes));
            let told = width >= 70 && fates.len() > 1;
            let fate = if told { format!("  {}", fate_words(finding)) } else { String::new() };
            let room = width.saturating_sub(front.width() + files.width() + fate.width());
            Line::from(vec![
                Span::styled(front, theme.faint),
                Span::raw(cut_middle(&path_of(&found.tree, path.node), room)),
                Span::styled(files + &fate, theme.faint),
            ])
        }));
    }
    lines
}

/// The edit that ends a finding, and the plan that it is of.
pub(in crate::tui) fn edit_of<'f>(found: &'f Inspection, finding: &Finding) -> Option<(&'f Plan, usize)> {
    let plan = found.plan.as_ref()?;
    let place = found.waste.findings.iter().position(|own| std::ptr::eq(own, finding))?;
    Some((plan, plan.edit_of(place)?))
}

/// The lines that an edit takes out and puts in, with their numbers in the file.
pub(in crate::tui) fn diff_lines(app: &App, plan: &Plan, edit: usize, width: usize) -> Vec<Line<'static>> {
    let theme = &app.theme;
    let mut lines = Vec::new();
    let (mut old, mut new) = (0, 0);
    for line in plan.diff(&[edit]).lines() {
        let start =
            |text: Option<&str>| text.and_then(|text| text.get(1..)?.split(',').next()?.parse().ok()).unwrap_or(1);
        if line.starts_with("--- ") {
        } else if let Some(name) = line.strip_prefix("+++ ") {
            let mark = if plan.is_reconstructed { " (reconstructed from the history)" } else { "" };
            lines.push(Line::styled(cut_end(&(shown_text(name) + mark), width), theme.faint));
        } else if line.starts_with("@@ ") {
            let mut words = line.split(' ').skip(1);
            (old, new) = (start(words.next()), start(words.next()));
        } else {
            let (number, sign, style) = match line.chars().next() {
                Some('-') => (old, '-', theme.removed),
                Some('+') => (new, '+', theme.added),
                _ => (new, ' ', theme.faint),
            };
            old += usize::from(sign != '+');
            new += usize::from(sign != '-');
            if sign == ' ' {
                continue;
            }
            let text = line.get(1..).unwrap_or_default();
            let indent = " ".repeat(text.len() - text.trim_start().len());
            let room = width.saturating_sub(7 + indent.len());
            let mut pieces = wrap(&shown_text(text.trim_start()), room).into_iter();
            let first = indent + &pieces.next().unwrap_or_default();
            lines.push(Line::from(vec![
                Span::styled(format!("{number:>4} "), theme.faint),
                Span::styled(format!("{sign} {first}"), style),
            ]));
            lines.extend(pieces.map(|piece| Line::styled(format!("{:>7}{piece}", ""), style)));
        }
    }
    lines
}

fn size_words(found: &Inspection, finding: &Finding, all: &[&Finding]) -> String {
    let sum: u64 = all.iter().map(|finding| finding.bytes).sum();
    let pull: Option<u64> = all.iter().map(|finding| finding.pull_bytes).sum();
    let estimated = all.iter().any(|finding| finding.pull_estimated);
    let pull = pull.map(|pull| format!(", {}{} to pull", if estimated { "about " } else { "" }, bytes(pull)));
    let other = found.waste.by_rule().into_iter().find(|(rule, ..)| *rule == name(finding)).map(|(_, all, _)| all);
    let other = other.filter(|all| *all > sum && finding.kind.counts());
    let other = other.map(|all| format!("; all of {}: {}", name(finding), bytes(all))).unwrap_or_default();
    let counted = if finding.kind.counts() { "" } else { " (not counted)" };
    format!("saves {} on disk{}{other}{counted}", bytes(sum), pull.unwrap_or_default())
}

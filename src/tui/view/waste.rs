use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;
use unicode_width::UnicodeWidthStr as _;

use super::frame::{noted_pane, pane, select};
use super::layers::NO_HISTORY;
use crate::bytes::{shown, shown_text};
use crate::inspect::Inspection;
use crate::report::{bytes, exact};
use crate::tui::app::{App, Focus};
use crate::tui::findings::{Entry, Grouping, Head};
use crate::tui::text::{cut_end, cut_middle, wrap};
use crate::waste::{Finding, Kind};

/// What is wasted, in groups, the largest first.
pub(super) fn list(app: &App, area: Rect, buffer: &mut Buffer) {
    let Some(found) = app.found.as_ref().filter(|_| app.judged) else {
        let inside = pane(app, "Waste", true, area, buffer);
        Line::styled(cut_end(&app.progress, usize::from(inside.width)), app.theme.faint).render(inside, buffer);
        return;
    };
    if let Some(pair) = &app.pair {
        return super::pair::findings(app, pair, area, buffer);
    }
    let total = bytes(found.waste.total_bytes());
    let title = format!("Waste: {total}, {} findings", found.waste.findings.len());
    let inside = noted_pane(app, &title, app.findings.grouping.words(), app.focus != Focus::Details, area, buffer);
    if app.findings.entries.is_empty() {
        let why = "nothing is wasted: no layer hides what another stores, and no rule names what is left";
        for (row, text) in inside.rows().zip(wrap(why, usize::from(inside.width))) {
            Line::styled(text, app.theme.faint).render(row, buffer);
        }
    }
    let entries = app.findings.entries.iter().enumerate().skip(app.findings.cursor.top);
    for ((place, entry), line) in entries.zip(inside.rows()) {
        let width = usize::from(line.width);
        let spans = match entry {
            Entry::Head(head) => Some(group(app, head, width)),
            Entry::Finding(place) => found.waste.findings.get(*place).map(|f| finding(app, found, f, width)),
            Entry::Notice(place) => found.waste.notices.get(*place).map(|notice| {
                let size = notice.bytes.map(bytes).unwrap_or_default();
                let text = crate::report::notice_words(found, notice);
                vec![
                    Span::styled(format!("{size:>8}  "), app.theme.faint),
                    Span::raw(cut_end(&text, width.saturating_sub(10))),
                ]
            }),
        };
        Line::from(spans.unwrap_or_default()).render(line, buffer);
        if place == app.findings.cursor.at {
            select(app, app.focus != Focus::Details, line, 0, buffer);
        }
    }
}

fn group(app: &App, head: &Head, width: usize) -> Vec<Span<'static>> {
    let mark = if head.folded { "▸" } else { "▾" };
    let size = if head.bytes > 0 { bytes(head.bytes) } else { String::new() };
    let count = if head.folded { format!("  {} findings", exact(head.count as u64)) } else { String::new() };
    let title = cut_end(&format!("{mark} {}", shown_text(&head.title)), width.saturating_sub(10 + count.width()));
    vec![
        Span::styled(format!("{size:>8}  "), app.theme.title),
        Span::styled(title, app.theme.title),
        Span::styled(count, app.theme.faint),
    ]
}

fn finding(app: &App, found: &Inspection, finding: &Finding, width: usize) -> Vec<Span<'static>> {
    let size = if finding.kind == Kind::Secret { String::new() } else { bytes(finding.bytes) };
    let front = format!("{size:>8}  ");
    let layer = if app.findings.grouping == Grouping::Layer {
        String::new()
    } else {
        format!("layer {:<3} ", finding.stored_in)
    };
    let owner = match (app.findings.grouping, finding.in_base) {
        (Grouping::Whose, _) => "",
        (_, true) => "base ",
        (_, false) => "own  ",
    };
    let kind = format!("{:<11} ", finding.kind.name());
    let path = finding.paths.first().map(|path| shown(&found.tree.paths.path(path.node))).unwrap_or_default();
    let more = match finding.paths.len() {
        0 | 1 => String::new(),
        several => format!(" +{}", several - 1),
    };
    let rule = match (&finding.rule, app.findings.grouping) {
        (Some(rule), Grouping::Whose | Grouping::Layer) => format!("{rule}  "),
        _ => String::new(),
    };
    let used = [&front, &layer, owner, &kind, &rule, &more].iter().map(|text| text.width()).sum::<usize>();
    let path = cut_middle(&path, width.saturating_sub(used));
    let size = match finding.kind {
        Kind::Secret => app.theme.error,
        kind if finding.in_base || !kind.counts() => app.theme.faint,
        _ => app.theme.wasted,
    };
    vec![
        Span::styled(front, size),
        Span::styled(layer, app.theme.faint),
        Span::styled(owner, app.theme.faint),
        Span::raw(kind),
        Span::styled(rule, app.theme.title),
        Span::raw(path),
        Span::styled(more, app.theme.faint),
    ]
}

/// The selected finding: what it is, who did it, what to change, and where.
pub(super) fn details(app: &App, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 || area.width == 0 {
        return;
    }
    let focused = app.focus == Focus::Details;
    let lines = detail_lines(app, usize::from(area.width.saturating_sub(2)));
    let hidden = lines.len() > usize::from(area.height.saturating_sub(2));
    let note = if hidden && !focused { "Tab for more" } else { "" };
    let inside = noted_pane(app, "Cause and fix", note, focused, area, buffer);
    for (row, line) in inside.rows().zip(lines.into_iter().skip(app.details.top)) {
        line.render(row, buffer);
    }
}

/// The same in lines.
pub(super) fn detail_lines(app: &App, width: usize) -> Vec<Line<'static>> {
    let Some(found) = app.found.as_ref().filter(|_| app.judged) else { return Vec::new() };
    if let Some(pair) = &app.pair {
        return super::pair::about_finding(app, pair, width);
    }
    match app.findings.selected() {
        Some(Entry::Head(head)) => about_group(app, found, head, width),
        Some(Entry::Finding(_)) => {
            let finding = app.findings.finding(found);
            finding.map(|finding| about(app, found, finding, width)).unwrap_or_default()
        }
        Some(Entry::Notice(place)) => {
            let words = found.waste.notices.get(*place).map(|notice| crate::report::notice_words(found, notice));
            wrap(&words.unwrap_or_default(), width).into_iter().map(Line::raw).collect()
        }
        None => Vec::new(),
    }
}

/// What fixing all of a group would bring.
fn about_group(app: &App, found: &Inspection, head: &Head, width: usize) -> Vec<Line<'static>> {
    let group = app.findings.group(head, found);
    let own: u64 = group.iter().filter(|f| f.kind.counts() && !f.in_base).map(|finding| finding.bytes).sum();
    let base: u64 = group.iter().filter(|f| f.kind.counts() && f.in_base).map(|finding| finding.bytes).sum();
    let mut lines: Vec<Line<'static>> = Vec::new();
    let mut say = |text: &str, style: Style| {
        lines.extend(wrap(text, width).into_iter().map(|line| Line::styled(line, style)));
    };
    say(&shown_text(&head.title), app.theme.title);
    if own > 0 {
        say(&format!("Fixing all of it saves {} on disk.", bytes(own)), app.theme.wasted);
    }
    if base > 0 {
        say(&format!("{} of it only another base image would save.", bytes(base)), app.theme.faint);
    }
    if let Some(rule) = found.waste.rules.get(&head.title).filter(|_| app.findings.grouping == Grouping::Rule) {
        say(&rule.what, Style::new());
    }
    if let Grouping::Layer = app.findings.grouping
        && let Some(layer) = group.first().map(|finding| usize::from(finding.stored_in))
    {
        let text = found.image.instruction_line(layer).unwrap_or_else(|| NO_HISTORY.to_owned());
        say(&shown_text(&text), Style::new());
    }
    lines
}

fn about(app: &App, found: &Inspection, finding: &Finding, width: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<Line<'static>> = Vec::new();
    let mut say = |text: &str, style: Style| {
        lines.extend(wrap(text, width).into_iter().map(|line| Line::styled(line, style)));
    };
    say(&finding.message, app.theme.title);
    if finding.kind != Kind::Secret {
        say(&size_words(found, finding), Style::new());
    }
    let place = finding.dockerfile.as_ref();
    let place = place.map(|place| format!("{}:{}: ", shown_text(&place.path), place.line)).unwrap_or_default();
    for line in format!("fix: {place}{}", finding.fix).lines() {
        say(line, app.theme.key);
    }
    if let Some(mount) = &finding.fix_mount {
        say(&format!("or:  {mount}"), app.theme.key);
    }
    let instruction = |layer: u16| found.image.instruction_line(layer.into()).unwrap_or_else(|| NO_HISTORY.to_owned());
    let own = finding.instruction.clone().unwrap_or_else(|| instruction(finding.stored_in));
    say(&format!("{} stores it: {}", finding.kept_by(), shown_text(&own)), Style::new());
    if finding.caused_by != finding.stored_in {
        let by = finding.caused_by;
        say(&format!("layer {by} hides it: {}", shown_text(&instruction(by))), Style::new());
    }
    for path in &finding.paths {
        let files = if path.files == 1 { String::new() } else { format!("  {} files", exact(path.files)) };
        let text = shown(&found.tree.paths.path(path.node));
        lines.push(Line::from(vec![
            Span::styled(format!("{:>8}  ", bytes(path.bytes)), app.theme.faint),
            Span::raw(cut_middle(&text, width.saturating_sub(10 + files.len()))),
            Span::styled(files, app.theme.faint),
        ]));
    }
    lines
}

fn size_words(found: &Inspection, finding: &Finding) -> String {
    let pull = finding
        .pull_bytes
        .map(|pull| format!(", {}{} to pull", if finding.pull_estimated { "~" } else { "" }, bytes(pull)));
    let name = finding.rule.as_deref().unwrap_or(finding.kind.name());
    let all = found.waste.by_rule().into_iter().find(|(rule, ..)| *rule == name).map(|(_, all, _)| all);
    let all = all.filter(|all| *all > finding.bytes && finding.kind.counts());
    let all = all.map(|all| format!("; all of {name}: {}", bytes(all))).unwrap_or_default();
    let counted = if finding.kind.counts() { "" } else { " (not counted)" };
    format!("{} on disk{}{all}{counted}", bytes(finding.bytes), pull.unwrap_or_default())
}

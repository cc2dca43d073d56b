use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::frame::{pane, select};
use crate::bytes::{shown, shown_text};
use crate::report::{bytes, exact};
use crate::tui::app::App;
use crate::tui::text::{cut_end, cut_middle, wrap};
use crate::waste::Kind;

/// What is wasted, the largest first.
pub(super) fn list(app: &App, area: Rect, buffer: &mut Buffer) {
    let count = app.finding_count();
    let inside = pane(app, &format!("Waste ({count})"), true, area, buffer);
    let Some(found) = app.found.as_ref().filter(|_| app.judged) else {
        Line::styled(cut_end(&app.progress, usize::from(inside.width)), app.theme.faint).render(inside, buffer);
        return;
    };
    if count == 0 {
        let why = "nothing is wasted: no layer hides what another stores, and no rule names what is left";
        Line::styled(cut_end(why, usize::from(inside.width)), app.theme.faint).render(inside, buffer);
    }
    let findings = found.waste.findings.iter().enumerate().skip(app.findings.top);
    for ((place, finding), line) in findings.zip(inside.rows()) {
        let owner = if finding.in_base { "base" } else { "" };
        let front = format!("{:>8}  layer {:<3} {owner:<4} ", bytes(finding.bytes), finding.stored_in);
        let kind = format!("{:<11} ", finding.kind.name());
        let path = finding.paths.first().map(|path| shown(&found.tree.paths.path(path.node))).unwrap_or_default();
        let more = match finding.paths.len() {
            0 | 1 => String::new(),
            several => format!(" +{}", several - 1),
        };
        let rule = finding.rule.as_ref().map(|rule| format!("{rule}  ")).unwrap_or_default();
        let used = front.len() + kind.len() + rule.len() + more.len();
        let path = cut_middle(&path, usize::from(line.width).saturating_sub(used));
        let size = if finding.in_base || !finding.kind.counts() { app.theme.faint } else { app.theme.wasted };
        let spans = vec![
            Span::styled(front, size),
            Span::raw(kind),
            Span::styled(rule, app.theme.title),
            Span::raw(path),
            Span::styled(more, app.theme.faint),
        ];
        Line::from(spans).render(line, buffer);
        if place == app.findings.at {
            select(app, true, line, 0, buffer);
        }
    }
}

/// The selected finding: what it is, who did it, what to change, and where.
pub(super) fn details(app: &App, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let inside = pane(app, "Cause and fix", false, area, buffer);
    let Some(found) = &app.found else { return };
    let Some(finding) = found.waste.findings.get(app.findings.at) else { return };
    let width = usize::from(inside.width);
    let mut lines: Vec<Line<'_>> = Vec::new();
    let mut say = |text: &str, style: Style| {
        lines.extend(wrap(text, width).into_iter().map(|line| Line::styled(line, style)));
    };
    say(&finding.message, app.theme.title);
    if finding.kind != Kind::Secret {
        let pull = finding
            .pull_bytes
            .map(|pull| format!(", {}{} to pull", if finding.pull_estimated { "~" } else { "" }, bytes(pull)));
        let name = finding.rule.as_deref().unwrap_or(finding.kind.name());
        let all = found.waste.by_rule().into_iter().find(|(rule, ..)| *rule == name).map(|(_, all, _)| all);
        let all = all.filter(|all| *all > finding.bytes && finding.kind.counts());
        let all = all.map(|all| format!("; all of {name}: {}", bytes(all))).unwrap_or_default();
        let counted = if finding.kind.counts() { "" } else { " (not counted)" };
        say(&format!("{} on disk{}{all}{counted}", bytes(finding.bytes), pull.unwrap_or_default()), Style::new());
    }
    let place = finding.dockerfile.as_ref();
    let place = place.map(|place| format!("{}:{}: ", shown_text(&place.path), place.line)).unwrap_or_default();
    say(&format!("fix: {place}{}", finding.fix), app.theme.key);
    if let Some(mount) = &finding.fix_mount {
        say(&format!("or:  {mount}"), app.theme.key);
    }
    let instruction = |layer: u16| found.image.instruction(layer.into()).unwrap_or_else(|| "(no history)".to_owned());
    let own = finding.instruction.clone().unwrap_or_else(|| instruction(finding.stored_in));
    let stored = format!("layer {} stores it: {}", finding.stored_in, shown_text(&own));
    say(&stored, Style::new());
    if finding.caused_by != finding.stored_in {
        let by = finding.caused_by;
        say(&format!("layer {by} hides it: {}", shown_text(&instruction(by))), Style::new());
    }
    for path in finding.paths.iter().take(usize::from(inside.height)) {
        let files = if path.files == 1 { String::new() } else { format!("  {} files", exact(path.files)) };
        let text = shown(&found.tree.paths.path(path.node));
        lines.push(Line::from(vec![
            Span::styled(format!("{:>8}  ", bytes(path.bytes)), app.theme.faint),
            Span::raw(cut_middle(&text, width.saturating_sub(10 + files.len()))),
            Span::styled(files, app.theme.faint),
        ]));
    }
    for (row, line) in inside.rows().zip(lines) {
        line.render(row, buffer);
    }
}

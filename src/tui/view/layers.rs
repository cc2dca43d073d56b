use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::frame::{pane, select};
use crate::bytes::shown_text;
use crate::report::{bytes, exact};
use crate::tui::app::{App, Focus};
use crate::tui::text::{cut_end, wrap};
use crate::waste::Waste;

/// The layers with their sizes and instructions, the base on top.
pub(super) fn list(app: &App, area: Rect, buffer: &mut Buffer) {
    let focused = app.focus == Focus::Layers;
    let image = app.image();
    let count = image.map_or(0, |image| image.layers.len());
    let title = match image {
        Some(_) => format!("Layers ({count})"),
        None => "Layers".to_owned(),
    };
    let inside = pane(app, &title, focused, area, buffer);
    let Some(image) = image else {
        Line::styled(cut_end(&app.progress, usize::from(inside.width)), app.theme.faint).render(inside, buffer);
        return;
    };
    if count == 0 {
        Line::styled("the image has no layers", app.theme.faint).render(inside, buffer);
    }
    let digits = count.saturating_sub(1).to_string().len();
    for (line, layer) in inside.rows().zip(app.layers.top..count) {
        let size = match &app.found {
            Some(found) if found.layers[layer].missing => "absent".to_owned(),
            Some(found) => bytes(found.tree.layers[layer].content_bytes),
            // What the daemon says of it, until it was read.
            None => image.layers[layer].told_bytes.map_or_else(|| "…".to_owned(), bytes),
        };
        let text = image.instruction(layer).unwrap_or_else(|| "(no history)".to_owned());
        // Most instructions are RUN: the word would push out what differs.
        let text = shown_text(text.strip_prefix("RUN ").unwrap_or(&text));
        let front = format!("{layer:>digits$} {size:>8} ");
        let room = usize::from(line.width).saturating_sub(front.len());
        let text = cut_end(&text, room);
        let dead = app.found.as_ref().is_some_and(|found| found.waste.dead_of_layer[layer] > 0);
        let spans = vec![
            Span::styled(format!("{layer:>digits$}"), app.theme.faint),
            Span::styled(format!(" {size:>8} "), if dead { app.theme.wasted } else { app.theme.title }),
            Span::raw(text),
        ];
        Line::from(spans).render(line, buffer);
        let range = app.range();
        let marked = app.mark.is_some() && (usize::from(range.first)..=usize::from(range.last)).contains(&layer);
        if marked && layer != app.layers.at {
            buffer.set_style(line, app.theme.marked);
        }
        if layer == app.layers.at {
            select(app, focused, line, 0, buffer);
        }
    }
}

/// What the list has no room for, of the selected layer.
pub(super) fn details(app: &App, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let layer = app.layers.at;
    let range = app.range();
    let title = if range.first == range.last {
        format!("Layer {layer}")
    } else {
        format!("Layers {} to {}", range.first, range.last)
    };
    let inside = pane(app, &title, false, area, buffer);
    let Some(image) = app.image().filter(|image| layer < image.layers.len()) else { return };
    let mut lines: Vec<Line<'_>> = Vec::new();
    if let Some(found) = &app.found {
        let events = &found.tree.layers[layer];
        if range.first < range.last {
            let saved = bytes(Waste::squashed(&found.tree, range.first, range.last));
            lines.push(Line::styled(format!("joined into one they would save {saved}"), app.theme.wasted));
        }
        let changes = vec![
            Span::styled(format!("+{} ", exact(events.added)), app.theme.added),
            Span::styled(format!("~{} ", exact(events.modified)), app.theme.modified),
            Span::styled(format!("-{} ", exact(events.removed.len() as u64)), app.theme.removed),
            Span::styled(if layer < found.waste.base.layers { " base image" } else { "" }, app.theme.faint),
        ];
        lines.push(Line::from(changes));
        let (dead, hides) = (found.waste.dead_of_layer[layer], found.waste.hidden_by_layer[layer]);
        if dead > 0 {
            lines.push(Line::styled(format!("{} of it dead in the end", bytes(dead)), app.theme.wasted));
        }
        if hides > 0 {
            lines.push(Line::styled(format!("hides {} of earlier layers", bytes(hides)), app.theme.wasted));
        }
        let notes = found.notes.iter().filter(|note| note.layer == Some(layer));
        lines.extend(notes.map(|note| Line::styled(shown_text(&note.message), app.theme.removed)));
    }
    let width = usize::from(inside.width);
    let paragraph = |text: &str| wrap(text, width).into_iter().map(Line::raw).collect::<Vec<_>>();
    let text = image.instruction(layer).unwrap_or_else(|| "(no history)".to_owned());
    lines.extend(paragraph(&shown_text(&text)));
    // What to change, of the largest waste that this layer stores.
    let finding = app
        .found
        .as_ref()
        .and_then(|found| found.waste.findings.iter().find(|finding| usize::from(finding.stored_in) == layer));
    if let Some(finding) = finding {
        lines.push(Line::raw(""));
        lines.extend(paragraph(&format!("{}: {}", bytes(finding.bytes), finding.message)));
        lines.extend(paragraph(&format!("fix: {}", finding.fix)).into_iter().map(|line| line.style(app.theme.key)));
    }
    for (row, line) in inside.rows().zip(lines) {
        line.render(row, buffer);
    }
}

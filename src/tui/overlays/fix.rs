//! An edit of the Dockerfile: its diff, and the choice to apply or to prove it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::{Overlay, act_alike};
use crate::bytes::shown_text;
use crate::content::apply;
use crate::fix::Plan;
use crate::inspect::Inspection;
use crate::prove::Proof;
use crate::report::{exact, exact_signed};
use crate::tui::app::{App, Toast};
use crate::tui::chrome::{Hint, frame, text};
use crate::tui::cursor::Cursor;
use crate::tui::jobs::{Answer, ProveJob, Work};
use crate::tui::keymap::{Action, Place};
use crate::tui::keys::Key;
use crate::tui::layout::{inner, large};
use crate::tui::screens::{diff_lines, edit_of};
use crate::tui::text::{bytes, wrap};

/// An edit.
#[derive(Debug)]
struct Fix {
    found: Arc<Inspection>,
    /// Its place in the plan.
    edit: usize,
    proof: State,
    /// What is built for the proof: 0 the original, 1 the edited Dockerfile.
    stage: Arc<AtomicUsize>,
    cursor: Cursor,
    closed: bool,
}

#[derive(Debug)]
enum State {
    NotAsked,
    /// The number of the job.
    Building(u64),
    Done(Result<Proof, String>),
}

/// Shows the edit that ends the selected waste.
pub(in crate::tui) fn fix_selected(app: &mut App) {
    let found = app.found.clone().filter(|_| app.judged && app.pair.is_none());
    let Some(found) = found else { return };
    let edit = app.waste.list.finding(&found).and_then(|finding| edit_of(&found, finding)).map(|(_, edit)| edit);
    let Some(edit) = edit else { return app.notify("no change of the Dockerfile is known to be safe for this") };
    let (stage, cursor) = (Arc::default(), Cursor::default());
    app.overlays.push(Box::new(Fix { found, edit, proof: State::NotAsked, stage, cursor, closed: false }));
}

impl Fix {
    fn plan(&self) -> Option<&Plan> {
        self.found.plan.as_ref()
    }

    /// Writes the files.
    fn apply(&mut self, app: &mut App) {
        let Some(plan) = self.plan() else { return };
        if plan.is_reconstructed {
            return app.notify("the Dockerfile is not at hand; start with --dockerfile FILE to apply changes");
        }
        match apply(plan, &[self.edit]) {
            Ok(files) => {
                let files: Vec<String> = files.iter().map(|file| shown_text(file)).collect();
                app.notify(&format!("changed {}; build the image again to see what it saves", files.join(" and ")));
                self.closed = true;
            }
            Err(error) => app.toast = Some(Toast { text: error.to_string(), error: true }),
        }
    }

    fn prove(&mut self, app: &mut App) {
        if self.plan().is_none_or(|plan| plan.is_reconstructed) {
            return app.notify("the Dockerfile is not at hand; start with --dockerfile FILE to prove changes");
        }
        if !matches!(self.proof, State::Building(_)) {
            self.stage.store(0, Ordering::Relaxed);
            let job = ProveJob { found: Arc::clone(&self.found), edit: self.edit, stage: Arc::clone(&self.stage) };
            self.proof = State::Building(app.ask(Work::Prove(Box::new(job))));
        }
    }

    fn lines(&self, app: &App, width: usize) -> Vec<Line<'static>> {
        let Some(plan) = self.plan() else { return Vec::new() };
        let (edit, theme) = (&plan.edits[self.edit], &app.theme);
        let mut lines = Vec::new();
        let mut say = |text: &str, style: Style| {
            lines.extend(text.lines().flat_map(|line| wrap(line, width)).map(|line| Line::styled(line, style)));
        };
        say(&shown_text(&edit.message), theme.title);
        say(&format!("saves {} on disk, as predicted", bytes(edit.bytes)), theme.wasted);
        if let Some(needs) = &edit.needs {
            say(&format!("needs {needs}"), Style::new());
        }
        match &self.proof {
            State::NotAsked if plan.is_reconstructed => {
                say("start explore with --dockerfile FILE to apply the change to it, or to prove it", theme.faint);
            }
            State::NotAsked => {}
            State::Building(_) => {
                let what = if self.stage.load(Ordering::Relaxed) == 0 { "original" } else { "edited" };
                say(&format!("building the {what} Dockerfile to prove it …"), theme.key);
            }
            State::Done(Err(why)) => say(&format!("not proven: {}", shown_text(why)), theme.removed),
            State::Done(Ok(proof)) => {
                let measured = format!("promised {} bytes, measured {}", exact(edit.bytes), exact_signed(proof.bytes));
                if proof.same {
                    say(&format!("proven: {measured}, and the result is the same"), theme.added);
                } else {
                    say(&format!("another result: {measured}; what differs:"), theme.removed);
                    proof.differences.iter().for_each(|each| say(&format!("  {}", shown_text(each)), Style::new()));
                }
            }
        }
        lines.push(Line::raw(""));
        lines.extend(diff_lines(app, plan, self.edit, width));
        lines
    }
}

impl Overlay for Fix {
    fn place(&self) -> Place {
        Place::Fix
    }

    fn is_closed(&self) -> bool {
        self.closed
    }

    fn close(&mut self) {
        self.closed = true;
    }

    fn key(&mut self, app: &mut App, key: Key) {
        let area = inner(self.area(app.size));
        let (height, len) = (usize::from(area.height), self.lines(app, area.width.into()).len());
        let page = height.max(1) as isize;
        match app.keys.action(Place::Fix, key) {
            Some(Action::Open) => self.apply(app),
            Some(Action::Prove) => self.prove(app),
            Some(Action::Up) => self.cursor.scroll(-1, height, len),
            Some(Action::Down) => self.cursor.scroll(1, height, len),
            Some(Action::PageUp) => self.cursor.scroll(-page, height, len),
            Some(Action::PageDown) => self.cursor.scroll(page, height, len),
            Some(Action::Left) => self.close(),
            action => {
                act_alike(self, app, action);
            }
        }
    }

    fn scroll(&mut self, by: isize) {
        self.cursor.top = self.cursor.top.saturating_add_signed(by);
    }

    fn answer(&mut self, _app: &mut App, number: u64, answer: &mut Option<Answer>) {
        if matches!(self.proof, State::Building(asked) if asked == number)
            && let Some(Answer::Proof(proof)) = answer.take_if(|answer| matches!(answer, Answer::Proof(_)))
        {
            self.proof = State::Done(proof);
        }
    }

    fn fit(&mut self, app: &mut App) {
        let area = inner(self.area(app.size));
        let len = self.lines(app, area.width.into()).len();
        self.cursor.scroll(0, area.height.into(), len);
    }

    fn area(&self, size: (u16, u16)) -> Rect {
        large(size)
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        let inside = frame(app, "Fix", "", true, area, buffer);
        text(self.lines(app, inside.width.into()), self.cursor.top, inside, buffer);
    }

    fn hints(&self, app: &App) -> Vec<Hint> {
        let at_hand = self.plan().is_some_and(|plan| !plan.is_reconstructed);
        let open = app.keys.first_key(Action::Open).filter(|_| at_hand);
        let mut hints: Vec<Hint> = open.map(|key| Hint::new(key, "apply")).into_iter().collect();
        let works = |action: Action| action != Action::Open && (at_hand || action != Action::Prove);
        hints.extend(app.keys.hints(Place::Fix).filter(|(action, _)| works(*action)).map(|(_, hint)| hint));
        hints
    }
}

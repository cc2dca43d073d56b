//! A list of images to choose from: what is typed narrows it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::theme::Theme;
use crate::bytes::shown_text;
use crate::report::{ago, bytes};
use crate::source::Listed;
use crate::tui::text::{cut_end, cut_middle};

/// A row of the list.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The image.
    pub image: Listed,
    /// Its layers are in the cache, so it opens at once.
    pub known: bool,
}

/// The list, as it is on the screen.
pub(super) struct Picker {
    choices: Vec<Choice>,
    /// Why daemons gave none.
    silent: Vec<String>,
    theme: Theme,
    filter: String,
    at: usize,
    now: jiff::Timestamp,
}

/// What a key did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Picked {
    /// Nothing that ends it.
    Nothing,
    /// Leave.
    Quit,
    /// This one: what to open.
    Image(String),
}

impl Picker {
    /// A list with nothing typed.
    pub(super) fn new(choices: Vec<Choice>, silent: Vec<String>, theme: &Theme, now: jiff::Timestamp) -> Self {
        Self { choices, silent, theme: *theme, filter: String::new(), at: 0, now }
    }

    fn rows(&self) -> Vec<&Choice> {
        let words: Vec<String> = self.filter.split_whitespace().map(str::to_lowercase).collect();
        let fits = |choice: &&Choice| {
            let name = format!("{} {}", choice.image.name.to_lowercase(), choice.image.engine.name());
            words.iter().all(|word| name.contains(word))
        };
        self.choices.iter().filter(fits).collect()
    }

    /// Takes a key.
    pub(super) fn press(&mut self, code: KeyCode, modifiers: KeyModifiers) -> Picked {
        let rows = self.rows().len();
        let control = modifiers.contains(KeyModifiers::CONTROL);
        match code {
            KeyCode::Esc if !self.filter.is_empty() => self.filter.clear(),
            KeyCode::Esc => return Picked::Quit,
            KeyCode::Char('c' | 'q') if control => return Picked::Quit,
            KeyCode::Char('u') if control => self.filter.clear(),
            KeyCode::Char('n') if control => self.at += 1,
            KeyCode::Char('p') if control => self.at = self.at.saturating_sub(1),
            KeyCode::Up => self.at = self.at.saturating_sub(1),
            KeyCode::Down => self.at += 1,
            KeyCode::PageUp => self.at = self.at.saturating_sub(10),
            KeyCode::PageDown => self.at += 10,
            KeyCode::Home => self.at = 0,
            KeyCode::End => self.at = rows,
            KeyCode::Enter => {
                let Some(choice) = self.rows().get(self.at).copied() else { return Picked::Nothing };
                return Picked::Image(format!("{}:{}", choice.image.engine.name(), choice.image.name));
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(typed) if !control => {
                self.filter.push(typed);
                self.at = 0;
            }
            _ => {}
        }
        self.at = self.at.min(self.rows().len().saturating_sub(1));
        Picked::Nothing
    }

    /// Draws the list.
    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let layout =
            Layout::vertical([Constraint::Length(1), Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)]);
        let [title, prompt, list, footer] = frame.area().layout(&layout);
        let width = usize::from(list.width);
        let buffer = frame.buffer_mut();
        let rows = self.rows();
        let count = format!(" {} of {} images", rows.len(), self.choices.len());
        Line::styled(cut_end(&count, width), self.theme.title).render(title, buffer);
        let filter =
            vec![Span::styled(" filter: ", self.theme.key), Span::raw(shown_text(&self.filter)), Span::raw("▏")];
        Line::from(filter).render(prompt, buffer);
        if rows.is_empty() {
            let mut lines = vec![if self.choices.is_empty() {
                "no images: build or pull one, or name a file: `explore image.tar`".to_owned()
            } else {
                "no name has what was typed; Esc takes the filter away".to_owned()
            }];
            lines.extend(self.silent.iter().cloned());
            let lines = lines.iter().flat_map(|line| super::text::wrap(&shown_text(line), width.saturating_sub(2)));
            for (line, area) in lines.zip(list.rows()) {
                Line::styled(format!(" {line}"), self.theme.faint).render(area, buffer);
            }
        }
        let height = usize::from(list.height);
        let top = self.at - self.at.checked_rem(height).unwrap_or(self.at);
        // Name, size, age, engine, whether it is known: the columns stand where they stand.
        let fixed = 1 + 9 + 1 + 17 + 2 + 6 + 6;
        let names = width.saturating_sub(fixed).max(8);
        for (place, (choice, area)) in rows.iter().skip(top).zip(list.rows()).enumerate() {
            let Choice { image, known } = choice;
            let name = cut_middle(&shown_text(&image.name), names);
            let pad = names.saturating_sub(unicode_width::UnicodeWidthStr::width(name.as_str()));
            let age = ago(Some(&crate::report::rfc3339(image.created)), self.now);
            let known = if *known { " known" } else { "" };
            let text =
                format!(" {name}{:pad$}{:>9} {:>17}  {:<6}{known}", "", bytes(image.size), age, image.engine.name());
            let style = if top + place == self.at { self.theme.selected } else { ratatui::style::Style::new() };
            Line::styled(cut_end(&text, width), style).render(area, buffer);
            if top + place == self.at {
                buffer.set_style(area, self.theme.selected);
            }
        }
        let hints = [("↑↓", "choose"), ("Enter", "open"), ("type", "filter"), ("Esc", "leave")];
        let mut spans = Vec::new();
        for (key, what) in hints {
            spans.push(Span::styled(format!(" {key}"), self.theme.key));
            spans.push(Span::styled(format!(" {what} "), self.theme.faint));
        }
        Line::from(spans).render(footer, buffer);
    }
}

/// Shows the list and waits for a choice; None when the user leaves.
///
/// # Errors
/// When the terminal can't be used.
pub fn pick(choices: Vec<Choice>, silent: Vec<String>, theme: Theme) -> io::Result<Option<String>> {
    let mut picker = Picker::new(choices, silent, &theme, jiff::Timestamp::now());
    let asked_to_end = Arc::new(AtomicBool::new(false));
    #[cfg(unix)]
    let signals = super::run::SIGNALS.map(|signal| signal_hook::flag::register(signal, Arc::clone(&asked_to_end)));
    let mut terminal = ratatui::try_init()?;
    let chosen = 'all: loop {
        if let Err(error) = terminal.draw(|frame| picker.draw(frame)) {
            break Err(error);
        }
        // A signal may come between two looks at it, so waiting ends now and then.
        loop {
            if asked_to_end.load(Ordering::Relaxed) {
                break 'all Ok(None);
            }
            match crossterm::event::poll(Duration::from_millis(200)) {
                Ok(false) => {}
                Ok(true) => break,
                Err(error) => break 'all Err(error),
            }
        }
        match crossterm::event::read() {
            Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => match picker.press(key.code, key.modifiers) {
                Picked::Nothing => {}
                Picked::Quit => break Ok(None),
                Picked::Image(image) => break Ok(Some(image)),
            },
            Ok(_) => {}
            Err(error) => break Err(error),
        }
    };
    ratatui::try_restore()?;
    #[cfg(unix)]
    for signal in signals.into_iter().flatten() {
        signal_hook::low_level::unregister(signal);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Engine;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn picker() -> Picker {
        let image = |engine, name: &str, size| Choice {
            image: Listed { engine, name: name.to_owned(), id: "sha256:00".to_owned(), size, created: 0 },
            known: size > 50,
        };
        let choices = vec![
            image(Engine::Docker, "app:latest", 100),
            image(Engine::Docker, "registry.example.com/team/app:1.0", 20),
            image(Engine::Podman, "localhost/base:1", 30),
        ];
        let now = jiff::Timestamp::from_second(86_400 * 3).unwrap_or_default();
        Picker::new(choices, vec!["Podman at x: no socket".to_owned()], &Theme::terminal(), now)
    }

    fn screen(picker: &Picker, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap_or_else(|error| panic!("{error}"));
        let _ = terminal.draw(|frame| picker.draw(frame));
        terminal.backend().to_string()
    }

    #[test]
    fn what_is_typed_narrows_the_list_and_enter_opens() {
        let mut picker = picker();
        assert!(screen(&picker, 80, 10).contains("3 of 3 images"));
        for key in "app 1".chars() {
            assert_eq!(picker.press(KeyCode::Char(key), KeyModifiers::NONE), Picked::Nothing);
        }
        assert!(screen(&picker, 80, 10).contains("1 of 3 images"));
        let opened = picker.press(KeyCode::Enter, KeyModifiers::NONE);
        assert_eq!(opened, Picked::Image("docker:registry.example.com/team/app:1.0".to_owned()));
        picker.press(KeyCode::Char('z'), KeyModifiers::NONE);
        assert!(screen(&picker, 80, 10).contains("no name has what was typed"));
        assert_eq!(picker.press(KeyCode::Enter, KeyModifiers::NONE), Picked::Nothing);
        picker.press(KeyCode::Esc, KeyModifiers::NONE);
        picker.press(KeyCode::End, KeyModifiers::NONE);
        assert_eq!(
            picker.press(KeyCode::Enter, KeyModifiers::NONE),
            Picked::Image("podman:localhost/base:1".to_owned())
        );
        assert_eq!(picker.press(KeyCode::Esc, KeyModifiers::NONE), Picked::Quit);
    }

    #[test]
    fn it_fits_everywhere() {
        for (width, height) in [(20, 5), (80, 24), (1, 1), (400, 120)] {
            screen(&picker(), width, height);
        }
        let empty = Picker::new(
            Vec::new(),
            vec!["Docker at y: no socket".to_owned()],
            &Theme::terminal(),
            jiff::Timestamp::UNIX_EPOCH,
        );
        let text = screen(&empty, 80, 10);
        assert!(text.contains("build or pull one") && text.contains("Docker at y"), "{text}");
    }
}

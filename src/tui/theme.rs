use ratatui::style::{Color, Modifier, Style};

/// What colours mean. They come from the terminal's own palette, and a sign carries the meaning too.
#[derive(Debug, Clone, Copy)]
pub struct Theme {
    /// A path that is new.
    pub added: Style,
    /// A path that is changed.
    pub modified: Style,
    /// A path that is gone.
    pub removed: Style,
    /// Bytes that are wasted.
    pub wasted: Style,
    /// What matters less.
    pub faint: Style,
    /// Titles.
    pub title: Style,
    /// The selected row of the pane that has the keys.
    pub selected: Style,
    /// The selected row of the other pane.
    pub marked: Style,
    /// Keys in the footer and help.
    pub key: Style,
}

impl Theme {
    /// The terminal's sixteen colours, or none when `NO_COLOR` asks for that (no-color.org).
    pub fn from_environment() -> Self {
        if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) { Self::plain() } else { Self::ansi() }
    }

    /// The terminal's sixteen colours.
    pub fn ansi() -> Self {
        let colour = |colour| Style::new().fg(colour);
        Self {
            added: colour(Color::Green),
            modified: colour(Color::Yellow),
            removed: colour(Color::Red),
            wasted: colour(Color::Magenta),
            key: colour(Color::Cyan),
            ..Self::plain()
        }
    }

    /// No colours at all.
    pub fn plain() -> Self {
        let style = Style::new();
        Self {
            added: style,
            modified: style,
            removed: style,
            wasted: style,
            faint: style.add_modifier(Modifier::DIM),
            title: style.add_modifier(Modifier::BOLD),
            selected: style.add_modifier(Modifier::REVERSED),
            marked: style.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            key: style.add_modifier(Modifier::BOLD),
        }
    }
}

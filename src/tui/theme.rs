use ratatui::style::{Color, Modifier, Style};

/// What colours mean. A sign carries the meaning too, so that none of them is needed.
#[derive(Debug, Clone, Copy)]
pub struct Theme {
    /// As settings call it.
    pub name: &'static str,
    /// All that has no other style; the background, too.
    pub base: Style,
    /// A path that is new.
    pub added: Style,
    /// A path that is changed.
    pub modified: Style,
    /// A path with only other mode, owner or times.
    pub metadata: Style,
    /// A path that is gone.
    pub removed: Style,
    /// Bytes that are wasted.
    pub wasted: Style,
    /// Something that went wrong.
    pub error: Style,
    /// What matters less.
    pub faint: Style,
    /// Titles.
    pub title: Style,
    /// The frame of the pane that has the keys.
    pub focus: Style,
    /// The selected row of the pane that has the keys.
    pub selected: Style,
    /// The selected row of the other pane.
    pub marked: Style,
    /// Keys in the footer and help, and what to type.
    pub key: Style,
    /// Bars and the tiles of folders.
    pub bar: Style,
    /// What was searched for.
    pub found: Style,
    /// Tiles of the map, by depth.
    pub tiles: [Style; 3],
    /// Tiles without waste, with some, and of waste.
    pub waste_tiles: [Style; 3],
    /// Keywords, text, numbers, comments of files that are viewed.
    pub syntax: [Style; 4],
}

/// The colours of a theme.
struct Palette {
    base: (Color, Color),
    added: Color,
    modified: Color,
    metadata: Color,
    removed: Color,
    wasted: Color,
    faint: Color,
    key: Color,
    bar: Color,
    selected: (Color, Color),
    marked: Color,
    found: (Color, Color),
}

/// How long a terminal may take to say what its background is. Those that do not know the question say so at once.
const ANSWER: std::time::Duration = std::time::Duration::from_millis(100);

/// `0xRRGGBB`.
const fn rgb(hex: u32) -> Color {
    Color::Rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

const DARK: Palette = Palette {
    base: (rgb(0xd8_d8_d8), rgb(0x17_19_1c)),
    added: rgb(0x8f_c7_6b),
    modified: rgb(0xe5_c0_6c),
    metadata: rgb(0x6f_c1_c9),
    removed: rgb(0xe8_71_6e),
    wasted: rgb(0xd8_8b_d8),
    faint: rgb(0x85_8c_96),
    key: rgb(0x7a_b3_ef),
    bar: rgb(0x5a_86_b8),
    selected: (rgb(0xff_ff_ff), rgb(0x2f_51_7d)),
    marked: rgb(0x2a_2f_36),
    found: (rgb(0x17_19_1c), rgb(0xe5_c0_6c)),
};

const LIGHT: Palette = Palette {
    base: (rgb(0x24_29_2f), rgb(0xfc_fc_fa)),
    added: rgb(0x2b_7a_1f),
    modified: rgb(0x96_60_00),
    metadata: rgb(0x00_70_78),
    removed: rgb(0xbf_26_26),
    wasted: rgb(0x93_2a_93),
    faint: rgb(0x6b_72_7b),
    key: rgb(0x0b_5c_b5),
    bar: rgb(0x6d_9d_d1),
    selected: (rgb(0xff_ff_ff), rgb(0x2d_6c_b8)),
    marked: rgb(0xe4_e8_ee),
    found: (rgb(0x24_29_2f), rgb(0xff_dd_77)),
};

/// Black and white, and colours that are at least seven times as light or dark as the black.
const CONTRAST: Palette = Palette {
    base: (rgb(0xff_ff_ff), rgb(0x00_00_00)),
    added: rgb(0x5f_ff_5f),
    modified: rgb(0xff_ff_00),
    metadata: rgb(0x5f_ff_ff),
    removed: rgb(0xff_9d_9d),
    wasted: rgb(0xff_af_ff),
    faint: rgb(0xc8_c8_c8),
    key: rgb(0x9f_d0_ff),
    bar: rgb(0xff_ff_ff),
    selected: (rgb(0x00_00_00), rgb(0xff_ff_ff)),
    marked: rgb(0x40_40_40),
    found: (rgb(0x00_00_00), rgb(0xff_ff_00)),
};

/// Blue and orange in place of green and red, after Okabe and Ito's palette (jfly.uni-koeln.de/color).
const COLOUR_BLIND: Palette = Palette {
    base: (rgb(0xdd_dd_dd), rgb(0x16_18_1b)),
    added: rgb(0x56_b4_e9),
    modified: rgb(0xf0_e4_42),
    metadata: rgb(0x9a_d7_c4),
    removed: rgb(0xe6_9f_00),
    wasted: rgb(0xd5_8e_b4),
    faint: rgb(0x8c_92_9b),
    key: rgb(0x8c_c8_ee),
    bar: rgb(0x4f_8f_b8),
    selected: (rgb(0xff_ff_ff), rgb(0x00_55_86)),
    marked: rgb(0x2b_30_38),
    found: (rgb(0x16_18_1b), rgb(0xf0_e4_42)),
};

/// A colour between two fixed ones.
fn mix(from: Color, to: Color, part: f64) -> Color {
    let parts = |colour| match colour {
        Color::Rgb(red, green, blue) => [red, green, blue],
        _ => [0; 3],
    };
    let (from, to) = (parts(from), parts(to));
    let [red, green, blue] = [0, 1, 2].map(|at: usize| {
        let (from, to) = (f64::from(from[at]), f64::from(to[at]));
        (from + (to - from) * part).round() as u8
    });
    Color::Rgb(red, green, blue)
}

impl Palette {
    fn theme(&self, name: &'static str) -> Theme {
        let colour = |colour| Style::new().fg(colour);
        let pair = |(front, back): (Color, Color)| Style::new().fg(front).bg(back);
        Theme {
            name,
            base: pair(self.base),
            added: colour(self.added),
            modified: colour(self.modified),
            metadata: colour(self.metadata),
            removed: colour(self.removed),
            wasted: colour(self.wasted),
            error: colour(self.removed).add_modifier(Modifier::BOLD),
            faint: colour(self.faint),
            title: colour(self.base.0).add_modifier(Modifier::BOLD),
            focus: colour(self.key),
            selected: pair(self.selected),
            marked: Style::new().bg(self.marked),
            key: colour(self.key),
            bar: colour(self.bar),
            found: pair(self.found),
            tiles: [0.55, 0.38, 0.24].map(|part| pair((self.base.0, mix(self.base.1, self.bar, part)))),
            waste_tiles: [(self.bar, 0.24), (self.modified, 0.4), (self.wasted, 0.5)]
                .map(|(tile, part)| pair((self.base.0, mix(self.base.1, tile, part)))),
            syntax: [colour(self.key), colour(self.added), colour(self.modified), colour(self.faint)],
        }
    }
}

impl Theme {
    /// All that can be chosen by name.
    pub const NAMES: &[&str] = &["terminal", "dark", "light", "high-contrast", "colour-blind", "plain"];

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "terminal" => Self::terminal(),
            "dark" => DARK.theme("dark"),
            "light" => LIGHT.theme("light"),
            "high-contrast" => CONTRAST.theme("high-contrast"),
            "colour-blind" | "color-blind" => COLOUR_BLIND.theme("colour-blind"),
            "plain" => Self::plain(),
            _ => return None,
        })
    }

    /// The one after this, in the order of [`Self::NAMES`].
    #[must_use]
    pub fn next(&self) -> Self {
        let place = Self::NAMES.iter().position(|name| *name == self.name).unwrap_or(0);
        Self::named(Self::NAMES[(place + 1) % Self::NAMES.len()]).unwrap_or(*self)
    }

    /// The name of no theme of its own: it asks the terminal.
    pub const AUTO: &str = "auto";

    /// Without colours when `NO_COLOR` asks for that (no-color.org), else the one that settings name, else what suits the
    /// terminal.
    pub fn from_environment(name: Option<&str>) -> Self {
        if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
            return Self::plain();
        }
        match name {
            None | Some(Self::AUTO) => Self::of_terminal(),
            Some(name) => Self::named(name).unwrap_or_else(Self::terminal),
        }
    }

    /// Dark or light colours, as the terminal's background is, which stays as it is. The terminal's own palette where it
    /// has no 24-bit colours or does not say (OSC 11).
    fn of_terminal() -> Self {
        let colours = std::env::var("COLORTERM").unwrap_or_default();
        if colours != "truecolor" && colours != "24bit" {
            return Self::terminal();
        }
        let mut options = terminal_colorsaurus::QueryOptions::default();
        options.timeout = ANSWER;
        let theme = match terminal_colorsaurus::theme_mode(options) {
            Ok(terminal_colorsaurus::ThemeMode::Dark) => DARK.theme("dark"),
            Ok(terminal_colorsaurus::ThemeMode::Light) => LIGHT.theme("light"),
            Err(_) => return Self::terminal(),
        };
        Self { base: Style::new(), ..theme }
    }

    /// The terminal's sixteen colours, which its user chose to be readable on its background.
    pub fn terminal() -> Self {
        let colour = |colour| Style::new().fg(colour);
        Self {
            name: "terminal",
            added: colour(Color::Green),
            modified: colour(Color::Yellow),
            metadata: colour(Color::Cyan),
            removed: colour(Color::Red),
            wasted: colour(Color::Magenta),
            error: colour(Color::Red).add_modifier(Modifier::BOLD),
            focus: colour(Color::Cyan),
            key: colour(Color::Cyan),
            bar: colour(Color::Blue),
            // Reversed, they are as easy to read as text in these colours.
            tiles: [Color::Gray, Color::Cyan, Color::Green].map(|tile| colour(tile).add_modifier(Modifier::REVERSED)),
            waste_tiles: [Color::Gray, Color::Yellow, Color::Magenta]
                .map(|tile| colour(tile).add_modifier(Modifier::REVERSED)),
            syntax: [
                colour(Color::Blue),
                colour(Color::Green),
                colour(Color::Yellow),
                Style::new().add_modifier(Modifier::DIM),
            ],
            ..Self::plain()
        }
    }

    /// No colours at all.
    pub fn plain() -> Self {
        let style = Style::new();
        Self {
            name: "plain",
            base: style,
            added: style,
            modified: style,
            metadata: style,
            removed: style,
            wasted: style,
            error: style.add_modifier(Modifier::BOLD),
            faint: style.add_modifier(Modifier::DIM),
            title: style.add_modifier(Modifier::BOLD),
            focus: style,
            selected: style.add_modifier(Modifier::REVERSED),
            marked: style.add_modifier(Modifier::BOLD),
            key: style.add_modifier(Modifier::BOLD),
            bar: style,
            found: style.add_modifier(Modifier::REVERSED),
            tiles: [style.add_modifier(Modifier::REVERSED); 3],
            waste_tiles: [style, style.add_modifier(Modifier::UNDERLINED), style.add_modifier(Modifier::REVERSED)],
            syntax: [style.add_modifier(Modifier::BOLD), style, style, style.add_modifier(Modifier::DIM)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_theme_and_they_go_round() {
        let mut theme = Theme::terminal();
        for name in Theme::NAMES {
            assert_eq!(theme.name, *name);
            theme = theme.next();
        }
        assert_eq!(theme.name, "terminal");
        assert!(Theme::named("mauve").is_none());
    }

    /// Relative luminance (WCAG 2.2, "relative luminance").
    fn luminance(colour: Color) -> f64 {
        let Color::Rgb(red, green, blue) = colour else { panic!("{colour:?} is not a fixed colour") };
        let part = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue)
    }

    #[test]
    fn text_can_be_told_from_its_background() {
        // WCAG 2.2: 4.5 for text, 7 for enhanced contrast.
        for (palette, least) in [(DARK, 4.5), (LIGHT, 4.5), (COLOUR_BLIND, 4.5), (CONTRAST, 7.0)] {
            let ratio = |a, b| {
                let (a, b) = (luminance(a), luminance(b));
                (f64::max(a, b) + 0.05) / (f64::min(a, b) + 0.05)
            };
            let Palette { added, modified, metadata, removed, wasted, faint, key, .. } = palette;
            for colour in [palette.base.0, added, modified, metadata, removed, wasted, faint, key] {
                let (ratio, colour) = (ratio(colour, palette.base.1), colour);
                assert!(ratio >= least, "{colour:?}: {ratio:.1}");
            }
            assert!(ratio(palette.selected.0, palette.selected.1) >= 4.5);
            assert!(ratio(palette.found.0, palette.found.1) >= 4.5);
        }
    }
}

//! What settings say of the screen, as the screen takes it.

use explore::settings::Settings;
use explore::tui::{Keymap, Look, Theme};

use super::failure::Failure;

/// Colours, keys and the mouse.
pub(super) fn look_of_screen(settings: &Settings) -> Result<Look, Failure> {
    let screen = settings.screen();
    let theme = screen.theme.as_ref().map(|(theme, _)| theme.as_str());
    let keys = screen.keys.iter().map(|binding| (binding.action.as_str(), binding.keys.clone()));
    let default = Look::default();
    Ok(Look {
        theme: Theme::from_environment(theme),
        keys: Keymap::with(keys)?,
        mouse: screen.mouse.unwrap_or(default.mouse),
        chains: screen.single_child_folders.unwrap_or(default.chains),
    })
}

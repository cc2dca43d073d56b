//! Settings files, `.dive-ci`, baselines and rules.

use explore::gate::Known;
use explore::settings::{DIVE_FILE, FILE_NAME, check};
use explore::waste::Rules;

/// Runs one input.
pub fn run(data: &[u8]) {
    let [first, rest @ ..] = data else { return };
    if first % 4 == 0 || first % 4 == 1 {
        let name = if first % 4 == 0 { FILE_NAME } else { DIVE_FILE };
        let folder = std::env::temp_dir().join(format!("explore-fuzz-{}", std::process::id()));
        let file = folder.join(name);
        if std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, rest)).is_ok()
            && let Err(error) = check(&file)
        {
            let _ = error.to_string();
        }
        return;
    }
    let Ok(text) = std::str::from_utf8(rest) else { return };
    if first % 4 == 2 {
        let _ = Known::parse(text);
    } else {
        let _ = Rules::with(text, &[]).map_err(|error| error.to_string());
    }
}

//! File names of an image that Windows can't hold.

/// Names of devices, which Windows takes for the device in every directory and with any extension.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

/// Why Windows can't hold a file of this name, or None when it can. It drops dots and spaces at the end and takes `:` for a
/// stream of the file, so such names would become other ones.
pub(super) fn windows_problem(name: &[u8]) -> Option<&'static str> {
    let Ok(text) = std::str::from_utf8(name) else { return Some("Windows can't hold a name that is not UTF-8") };
    if text.chars().any(|letter| letter < ' ' || r#"<>:"/\|?*"#.contains(letter)) {
        return Some("Windows can't hold a name with one of < > : \" \\ | ? * or a control character");
    }
    if text.ends_with(['.', ' ']) {
        return Some("Windows can't hold a name that ends with a dot or a space");
    }
    let stem = text.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    let port = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    let is_port = port.is_some_and(|number| matches!(number, "¹" | "²" | "³") || is_one_digit(number));
    (DEVICES.contains(&stem.as_str()) || is_port).then_some("Windows reserves this name for a device")
}

fn is_one_digit(text: &str) -> bool {
    matches!(text.as_bytes(), [b'0'..=b'9'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_windows_reads_as_something_else() {
        for good in ["a", "con-fig", "COM10", "console", ".bashrc", "a b", "größe", "LPT", "x.con"] {
            assert_eq!(windows_problem(good.as_bytes()), None, "{good}");
        }
        for bad in
            ["con", "Con.tar.gz", "NUL", "aux .txt", "com1", "LPT9.log", "COM¹", "a:b", "a\\b", "x.", "x ", "a\nb"]
        {
            assert!(windows_problem(bad.as_bytes()).is_some(), "{bad}");
        }
        assert!(windows_problem(b"\xff").is_some());
    }
}

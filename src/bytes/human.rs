use humansize::{DECIMAL, FormatSizeOptions, format_size};

/// A size for people: `1.2 MB`, `340 kB`, `12 B`; thousands, not 1,024s.
pub fn human(bytes: u64) -> String {
    let places = usize::from(bytes >= 1_000_000);
    format_size(bytes, FormatSizeOptions::from(DECIMAL).decimal_places(places))
}

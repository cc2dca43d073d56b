pub use crate::bytes::human as bytes;

/// A size as `docker history` writes it: three digits and no blank, `1.09MB`.
pub(super) fn docker(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1000.0 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    // Go's %.3g: three significant digits, zeros at the end dropped.
    let places = if size < 10.0 { 2 } else { usize::from(size < 100.0) };
    let text = format!("{size:.places$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "1000" && unit + 1 < UNITS.len() {
        return format!("1e+03{}", UNITS[unit]);
    }
    format!("{text}{}", UNITS[unit])
}

/// A number with a comma at each thousand.
pub fn exact(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number that may be below zero, with a comma at each thousand.
pub fn exact_signed(number: i64) -> String {
    format!("{}{}", if number < 0 { "-" } else { "" }, exact(number.unsigned_abs()))
}

/// A number with what it counts: `1 file`, `2,000 files`.
pub fn count(number: u64, what: &str) -> String {
    format!("{} {what}{}", exact(number), if number == 1 { "" } else { "s" })
}

/// A share in percent with one digit after the point.
pub fn percent(value: f64) -> String {
    format!("{value:.1} %")
}

/// Bytes as people write them: `20MB`, `20 MiB`, `1.5 GB`, `1000`. Units are decimal unless they have an `i`.
///
/// # Errors
/// With what is expected instead.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..end], text[end..].trim().to_ascii_lowercase());
    let wrong = || format!("`{text}` is not a size; write it as 20MB, 1.5 GiB or 1000");
    let power = |base: u64, power: u32| Some(base.pow(power));
    let factor = match unit.as_str() {
        "" | "b" => Some(1),
        "k" | "kb" => power(1000, 1),
        "m" | "mb" => power(1000, 2),
        "g" | "gb" => power(1000, 3),
        "t" | "tb" => power(1000, 4),
        "ki" | "kib" => power(1024, 1),
        "mi" | "mib" => power(1024, 2),
        "gi" | "gib" => power(1024, 3),
        "ti" | "tib" => power(1024, 4),
        _ => None,
    };
    let factor = factor.ok_or_else(wrong)?;
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor).ok_or_else(wrong);
    }
    let part: f64 = number.parse().map_err(|_| wrong())?;
    let bytes = part * factor as f64;
    if bytes.is_finite() && bytes < u64::MAX as f64 { Ok(bytes.round() as u64) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_people_read_them() {
        assert_eq!([bytes(0), bytes(999), bytes(6405), bytes(1_220_598)], ["0 B", "999 B", "6 kB", "1.2 MB"]);
        assert_eq!(
            [0, 999, 1092, 6405, 1_154_361, 12_000_000, 123_456_789].map(docker),
            ["0B", "999B", "1.09kB", "6.41kB", "1.15MB", "12MB", "123MB"]
        );
        assert_eq!([exact(1), exact(1000), exact(1_234_567)], ["1", "1,000", "1,234,567"]);
    }

    #[test]
    fn sizes_as_people_write_them() {
        for (text, bytes) in [
            ("20MB", 20_000_000),
            ("20 MiB", 20 << 20),
            ("1.5 GB", 1_500_000_000),
            ("0", 0),
            ("7k", 7000),
            (" 3 B ", 3),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MB", "-1", "1.5.2MB", "3 apples", "99999999999TB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}

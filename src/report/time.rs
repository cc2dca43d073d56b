use jiff::Timestamp;

/// Seconds since 1970 as RFC 3339 in UTC; the nearest time that can be written when it is out of range.
pub fn rfc3339(seconds: i64) -> String {
    timestamp(seconds).to_string()
}

/// Seconds since 1970 as RFC 3339 in UTC; `None` if that cannot say them, as after the year 9999.
pub(super) fn exact_rfc3339(seconds: i64) -> Option<String> {
    Timestamp::from_second(seconds)
        .ok()
        .filter(|time| (0..=LAST_YEAR_END).contains(&(time.as_second() - YEAR_0)))
        .map(|time| time.to_string())
}

/// The first second of the year 0, and how many follow until the year 10000.
const YEAR_0: i64 = -62_167_219_200;
const LAST_YEAR_END: i64 = 253_402_300_799 - YEAR_0;

/// Seconds since 1970 as `2026-11-01 10:00` in UTC, of any year.
pub fn date(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days from 1 March of the year 0, in eras of 400 years (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    let (era, day) = ((days + 719_468).div_euclid(146_097), (days + 719_468).rem_euclid(146_097));
    let year_of_era = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", second / 3600, second / 60 % 60)
}

fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// A time of a document, when it is one.
pub(super) fn valid(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| text.parse::<Timestamp>().is_ok())
}

/// Seconds since 1970 that a report is dated with: `SOURCE_DATE_EPOCH`, so that a report can be made again to the byte
/// (<https://reproducible-builds.org/specs/source-date-epoch/>), else now.
pub(super) fn now() -> i64 {
    let fixed = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.trim().parse().ok());
    fixed.unwrap_or_else(|| Timestamp::now().as_second())
}

/// How long ago a time of a document was, as Docker says it: `3 weeks ago`. `N/A` where there is no time.
pub fn ago(text: Option<&String>, now: Timestamp) -> String {
    // Builders that leave the time out write the year 1, or 1970.
    let then = text.and_then(|text| text.parse::<Timestamp>().ok()).filter(|then| then.as_second() > 0);
    let Some(then) = then else { return "N/A".to_owned() };
    let seconds = now.as_second().saturating_sub(then.as_second());
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    let days = hours / 24;
    let many = |number: i64, unit: &str| format!("{number} {unit} ago");
    match (seconds, minutes, hours) {
        (..1, ..) => "Less than a second ago".to_owned(),
        (1, ..) => "1 second ago".to_owned(),
        (..60, ..) => many(seconds, "seconds"),
        (_, 1, _) => "About a minute ago".to_owned(),
        (_, ..60, _) => many(minutes, "minutes"),
        (.., 1) => "About an hour ago".to_owned(),
        (.., ..48) => many(hours, "hours"),
        _ if hours < 24 * 7 * 2 => many(days, "days"),
        _ if hours < 24 * 30 * 2 => many(days / 7, "weeks"),
        _ if hours < 24 * 365 * 2 => many(days / 30, "months"),
        _ => many(days / 365, "years"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_ago() {
        let now: Timestamp = "2026-11-24T00:00:00Z".parse().unwrap_or_default();
        for (then, says) in [
            ("2026-11-23T23:59:30Z", "30 seconds ago"),
            ("2026-11-23T23:00:00Z", "About an hour ago"),
            ("2026-11-20T00:00:00Z", "4 days ago"),
            ("2026-11-03T00:00:00Z", "3 weeks ago"),
            ("2024-01-01T00:00:00Z", "2 years ago"),
            ("0001-01-01T00:00:00Z", "N/A"),
            ("nonsense", "N/A"),
        ] {
            assert_eq!(ago(Some(&then.to_owned()), now), says, "{then}");
        }
    }

    #[test]
    fn times_out_of_range_are_written_all_the_same() {
        for (seconds, says) in [
            (0, "1970-01-01 00:00"),
            (951_782_400, "2000-02-29 00:00"),
            (-1, "1969-12-31 23:59"),
            (253_402_300_800, "10000-01-01 00:00"),
            (1_793_527_200, "2026-11-01 10:00"),
        ] {
            assert_eq!(date(seconds), says);
        }
        assert_eq!(exact_rfc3339(0).as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(exact_rfc3339(253_402_300_800), None);
        assert!(rfc3339(i64::MAX).starts_with("9999"));
    }
}

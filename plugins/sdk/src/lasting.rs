//! Spans of time as people type and read them.

use std::time::Duration;

/// Longer than this is for good: a hundred years.
const LONGEST_S: u64 = 100 * 366 * 86_400;

/// Reads `45s`, `90m`, `24h`, `30d`; `None` for anything else, for nothing, and for more than a hundred years.
pub fn lasting(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let seconds = digits.parse::<u64>().ok()?.checked_mul(unit)?;
    (1..=LONGEST_S).contains(&seconds).then(|| Duration::from_secs(seconds))
}

/// A number of things as a person reads it: `1 message`, `2 messages`.
pub fn count(many: usize, one: &str) -> String {
    if many == 1 { format!("1 {one}") } else { format!("{many} {one}s") }
}

/// As a person reads a span: `40 s`, `12 min`, `5 h 30 min`, `12 d 4 h`.
pub fn spell_span(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min", seconds / 60),
        seconds @ 3_600..172_800 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        seconds => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_needs_its_unit() {
        for (text, seconds) in
            [("1h", 3_600), (" 24H ", 86_400), ("30d", 2_592_000), ("90m", 5_400)]
        {
            assert_eq!(lasting(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "24", "h", "0h", "-1h", "1.5h", "1w", "99999999999999999999d", "1000000d"]
        {
            assert_eq!(lasting(text), None, "{text}");
        }
    }

    #[test]
    fn a_span_is_read_aloud() {
        for (seconds, encoded) in
            [(5, "5 s"), (61, "1 min"), (5_400, "1 h 30 min"), (1_036_800, "12 d 0 h")]
        {
            assert_eq!(spell_span(Duration::from_secs(seconds)), encoded);
        }
    }
}

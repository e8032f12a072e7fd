//! What channels share: each piece is a plain function or a small value, and a channel takes what fits.

pub mod api;
pub mod backoff;
pub mod bounded;
pub mod child;
pub mod config;
pub mod daemon;
pub mod directory;
pub mod draft;
pub mod fetch;
pub mod handle;
pub mod history;
pub mod ids;
pub mod inbox;
pub mod json_rpc;
pub mod jwt;
pub mod limits;
pub mod rich;
pub mod socket;
pub mod sse;
pub mod standing;
pub mod thoughts;
pub mod token;
pub mod webhook;

/// The commands `(name, summary)` that a platform lists: names of small letters, digits, `_` and what it takes `also`,
/// with their summaries cut to its `longest`.
pub fn listed<'a>(
    commands: &'a [(String, String)],
    also: &'static str,
    longest: usize,
) -> impl Iterator<Item = (&'a str, String)> {
    let fits =
        move |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || also.contains(c);
    let listed = commands.iter().filter(move |(name, summary)| {
        (1..=32).contains(&name.len()) && name.chars().all(fits) && !summary.trim().is_empty()
    });
    listed.map(move |(name, summary)| (name.as_str(), summary.chars().take(longest).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_a_platform_does_not_take_is_left_out() {
        let all = |also, name: &str, summary: &str| {
            let commands = [(name.to_owned(), summary.to_owned())];
            listed(&commands, also, 256).map(|(_, summary)| summary).next()
        };
        assert_eq!(all("", "pairing", "Requests").as_deref(), Some("Requests"));
        assert_eq!(all("-", "device-pair", "Devices").as_deref(), Some("Devices"));
        for name in ["", "device-pair", "Pair", "a b", &"x".repeat(33)] {
            assert_eq!(all("", name, "x"), None, "{name:?}");
        }
        assert_eq!(all("", "pair", " "), None);
        assert_eq!(all("", "pair", &"ä".repeat(300)).map(|it| it.chars().count()), Some(256));
    }
}

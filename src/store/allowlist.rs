//! Grants on disk: one list of sender ids an account.

use std::{borrow::Cow, fmt};

use openclaw_plugin_sdk::SenderId;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, Visitor},
};

use super::{ParseSender, StoreError, doc::Doc, file::Found};
use crate::rules::allowlist::Allowlist;

const LIST: &str = "allowFrom";

/// The grants of one file, as they stand there.
pub(super) type Grants<'a> = Doc<Entry<'a>>;

/// One entry. Not copied out of the file's text without need: there may be very many.
#[derive(Debug, Serialize)]
pub(super) struct Entry<'a>(Cow<'a, str>);

impl Entry<'_> {
    /// True where the entry means this sender, in the channel's eyes.
    fn means(&self, sender: &SenderId, channel: &str, parse: ParseSender) -> bool {
        self.0 == sender.as_str() || parse(channel, &self.0).is_ok_and(|entry| entry == *sender)
    }
}

/// Reads one file.
pub(super) fn grants(found: &Found) -> Result<Grants<'_>, StoreError> {
    Doc::parse(LIST, found)
}

/// All approved senders of an account, from all its files.
pub(super) fn approved(
    found: &[Found],
    channel: &str,
    parse: ParseSender,
) -> Result<Allowlist, StoreError> {
    let files = found.iter().map(grants).collect::<Result<Vec<_>, _>>()?;
    let entries: Vec<&str> =
        files.iter().flat_map(|file| &file.rows).map(|entry| &*entry.0).collect();
    Ok(Allowlist::approved(entries, |entry| parse(channel, entry)))
}

/// The entries of an account's files that are no sender's id, as another gateway may have kept them: they admit nobody.
pub(super) fn strays(
    found: &[Found],
    channel: &str,
    parse: ParseSender,
) -> Result<Vec<String>, StoreError> {
    let files = found.iter().map(grants).collect::<Result<Vec<_>, _>>()?;
    let entries = files.iter().flat_map(|file| &file.rows).map(|entry| &*entry.0);
    let strays = entries.filter(|entry| !entry.trim().is_empty() && parse(channel, entry).is_err());
    Ok(strays.map(str::to_owned).collect())
}

/// What becomes of a file's text that gets an entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Spliced {
    /// It has one more.
    Added(String),
    /// It has it already.
    There,
}

/// The text of a file that this store has rendered, with one more entry at the end of its list: what rendering it
/// anew would give, without the entries that may be very many. `None` where the list is not laid out as expected.
pub(super) fn with_entry(text: &str, sender: &SenderId) -> Option<Spliced> {
    // Only a key of the file itself stands two spaces in, and no text has a line break.
    let start = text.find(&format!("\n  \"{LIST}\": [\n"))?;
    let end = start + 1 + text[start + 1..].find("\n  ]")?;
    let entry = serde_json::to_string(sender.as_str()).ok()?;
    let line = format!("\n    {entry}");
    let list = &text[start..end];
    if list.ends_with(&line) || list.contains(&format!("{line},\n")) {
        return Some(Spliced::There);
    }
    Some(Spliced::Added([&text[..end], ",", &line, &text[end..]].concat()))
}

impl Grants<'_> {
    /// True if the file has the sender.
    pub(super) fn names(&self, sender: &SenderId, channel: &str, parse: ParseSender) -> bool {
        self.rows.iter().any(|entry| entry.means(sender, channel, parse))
    }

    /// Adds an entry at the end.
    pub(super) fn add(&mut self, sender: &SenderId) {
        self.rows.push(Entry(Cow::Owned(sender.as_str().to_owned())));
    }

    /// Takes out every entry that means the sender. False where there is none.
    pub(super) fn remove(&mut self, sender: &SenderId, channel: &str, parse: ParseSender) -> bool {
        let before = self.rows.len();
        self.rows.retain(|entry| !entry.means(sender, channel, parse));
        self.rows.len() < before
    }
}

impl<'de> Deserialize<'de> for Entry<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sender id")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Entry<'de>, E> {
        Ok(Entry(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Entry<'de>, E> {
        Ok(Entry(Cow::Owned(text.to_owned())))
    }

    // The field reads a number in a list as its digits.
    fn visit_u64<E: Error>(self, number: u64) -> Result<Entry<'de>, E> {
        Ok(Entry(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Entry<'de>, E> {
        Ok(Entry(Cow::Owned(number.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{doc::to_text, file};

    #[test]
    fn an_entry_stands_where_rendering_the_file_anew_would_put_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("telegram-allowFrom.json");
        let check = |text: &str, fits: bool| {
            std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), text.as_bytes())
                .unwrap();
            let found = file::read(&path).unwrap();
            let ours = to_text(&grants(&found).unwrap(), &path).unwrap();
            for sender in ["7", "a\"b\\c", "é"].map(|id| SenderId::new(id).unwrap()) {
                let mut anew = grants(&found).unwrap();
                anew.add(&sender);
                let anew = fits.then(|| to_text(&anew, &path).unwrap());
                assert_eq!(with_entry(&ours, &sender), anew.clone().map(Spliced::Added));
                if let Some(anew) = anew {
                    assert_eq!(with_entry(&anew, &sender), Some(Spliced::There));
                }
            }
        };
        check(r#"{"version":1,"allowFrom":["1"]}"#, true);
        check(r#"{"allowFrom":[1,"]","\n  ]"],"version":1,"note":"x"}"#, true);
        check(r#"{"a":{"allowFrom":["1"]},"version":1,"allowFrom":["2"],"z":[["3"]]}"#, true);
        check(r#"{"version":1,"allowFrom":["17","71","7 7"]}"#, true);
        check(r#"{"version":1,"b":"\n  \"allowFrom\": [\n","allowFrom":[]}"#, false);
    }

    #[test]
    fn a_file_in_another_layout_is_rendered_anew() {
        let sender = SenderId::new("7").unwrap();
        for text in ["{\"version\":1,\"allowFrom\":[\"1\"]}", "{}", ""] {
            assert_eq!(with_entry(text, &sender), None);
        }
    }
}

//! Grants on disk: one list of sender ids an account.

use std::{borrow::Cow, fmt};

use openclaw_plugin_sdk::SenderId;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, Visitor},
};

use super::{StoreError, doc::Doc, file::Found, files::ParseSender};
use crate::access::allowlist::Allowlist;

const LIST: &str = "allowFrom";

/// The grants of one file, as they stand there.
pub(super) type Grants<'a> = Doc<Entry<'a>>;

/// One entry. Not copied out of the file's text where that is not needed: there may be very many.
#[derive(Debug, Serialize)]
pub(super) struct Entry<'a>(Cow<'a, str>);

impl Entry<'_> {
    /// True where the entry means this sender, in the channel's eyes.
    fn means(&self, sender: &SenderId, channel: &str, parse: ParseSender) -> bool {
        self.0 == sender.as_str() || parse(channel, &self.0).is_ok_and(|entry| entry == *sender)
    }
}

/// Reads one file.
pub(super) fn grants(found: Option<&Found>) -> Result<Grants<'_>, StoreError> {
    Doc::parse(LIST, found)
}

/// All approved senders of an account, from all its files.
pub(super) fn approved(
    found: &[Found],
    channel: &str,
    parse: ParseSender,
) -> Result<Allowlist, StoreError> {
    let files = found.iter().map(|found| grants(Some(found)));
    let files = files.collect::<Result<Vec<_>, _>>()?;
    let entries = files.iter().flat_map(|file| &file.rows).map(|entry| &*entry.0);
    Ok(Allowlist::approved(entries, |entry| parse(channel, entry)))
}

impl Grants<'_> {
    /// True where the file has the sender.
    pub(super) fn name(&self, sender: &SenderId, channel: &str, parse: ParseSender) -> bool {
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

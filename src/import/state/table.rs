//! What becomes of people and devices, one line each.

use openclaw_rules::AccountKey;
use openclaw_store::imports::{Entry, Left};

use super::{Found, name};
use crate::{
    report::{Item, Kind},
    text,
};

/// The lines of a report, in the order of what was found; `became` is what a preview or the import itself has said.
/// `accounts` are those that are configured, where that is known.
pub fn items(found: &Found, became: &[Option<Left>], accounts: Option<&[AccountKey]>) -> Vec<Item> {
    let is_missing = |entry: &Entry| {
        let key = match entry {
            Entry::Sender(who) | Entry::Shared(who) => &who.key,
            Entry::Request(request) => &request.key,
            Entry::Device(_) | Entry::Node(_) => return false,
        };
        accounts.is_some_and(|accounts| !accounts.contains(key))
    };
    let entries = found.entries.iter().zip(became).map(|(entry, left)| {
        if matches!(left, None | Some(Left::Known)) && is_missing(entry) {
            return Item::new(Kind::Changed, text::entry(entry, &name(entry)), text::NO_ACCOUNT);
        }
        if left.is_none() && matches!(entry, Entry::Shared(_)) {
            return Item::new(Kind::Changed, text::entry(entry, &name(entry)), text::SHARED);
        }
        let kind = match left {
            None | Some(Left::Known) => Kind::Taken,
            Some(Left::Blocked | Left::OneAccount | Left::TakenAway | Left::Removed) => {
                Kind::Changed
            }
            Some(Left::Expired | Left::Full) => Kind::Ignored,
        };
        Item::new(kind, text::entry(entry, &name(entry)), left.map_or("", text::left))
    });
    let refused = found.refused.iter();
    let refused =
        refused.map(|(name, why)| Item::new(Kind::Ignored, name.clone(), text::refused(*why)));
    let newer = found.database.as_ref().filter(|schema| schema.is_newer()).map(|schema| {
        Item::new(Kind::Changed, super::DATABASE, text::newer_schema(schema.version))
    });
    newer.into_iter().chain(entries).chain(refused).collect()
}

/// How many people, requests and devices would be taken over, or were.
pub fn counts(found: &Found, became: &[Option<Left>]) -> [usize; 3] {
    let taken = || found.entries.iter().zip(became).filter(|(_, left)| left.is_none());
    let of = |is: fn(&Entry) -> bool| taken().filter(|(entry, _)| is(entry)).count();
    [
        of(|entry| matches!(entry, Entry::Sender(_) | Entry::Shared(_))),
        of(|entry| matches!(entry, Entry::Request(_))),
        of(|entry| matches!(entry, Entry::Device(_) | Entry::Node(_))),
    ]
}

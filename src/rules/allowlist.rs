//! Lists of senders. Equality of normalised ids only; a blank matches nobody, and names do not exist here.

use std::collections::HashSet;

use openclaw_plugin_sdk::{InvalidSenderId, SenderId};

/// The senders of one list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowlist {
    everyone: bool,
    senders: HashSet<SenderId>,
}

impl Allowlist {
    /// A list as the configuration writes it: `*` means everyone; what is no sender id matches nobody.
    pub fn configured<'a>(
        entries: impl IntoIterator<Item = &'a (impl AsRef<str> + ?Sized + 'a)>,
        parse: impl Fn(&str) -> Result<SenderId, InvalidSenderId>,
    ) -> Self {
        let mut list = Self::default();
        for entry in entries {
            let entry = entry.as_ref();
            list.everyone |= entry.trim() == "*";
            list.senders.extend(parse(entry));
        }
        list
    }

    /// A list as the store keeps it: `*` and blanks in a file admit nobody.
    pub fn approved(
        entries: impl IntoIterator<Item = impl AsRef<str>>,
        parse: impl Fn(&str) -> Result<SenderId, InvalidSenderId>,
    ) -> Self {
        let entries = entries.into_iter();
        // There may be very many: one table, not one after the other.
        let mut senders = HashSet::with_capacity(entries.size_hint().0);
        senders.extend(entries.filter_map(|entry| parse(entry.as_ref()).ok()));
        Self { everyone: false, senders }
    }

    /// Adds one sender.
    pub fn add(&mut self, sender: SenderId) {
        self.senders.insert(sender);
    }

    /// True where the list says `*`.
    pub fn everyone(&self) -> bool {
        self.everyone
    }

    /// True where the list has this very id.
    pub fn names(&self, sender: &SenderId) -> bool {
        self.senders.contains(sender)
    }

    /// True where the list admits this sender.
    pub fn admits(&self, sender: &SenderId) -> bool {
        self.everyone || self.names(sender)
    }

    /// True where nobody is listed and everyone is not meant.
    pub fn is_empty(&self) -> bool {
        !self.everyone && self.senders.is_empty()
    }

    /// The listed ids, in no order.
    pub fn senders(&self) -> impl Iterator<Item = &SenderId> {
        self.senders.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_010_a_wildcard_in_a_state_file_admits_nobody() {
        let list = Allowlist::approved(["*", "", " ", "ann"], SenderId::new);
        assert!(!list.everyone());
        assert!(
            list.names(&SenderId::new("ann").unwrap())
                && !list.admits(&SenderId::new("bob").unwrap())
        );
    }

    #[test]
    fn case_085_only_the_whole_id_matches() {
        let list = Allowlist::configured(&["4711"], SenderId::new);
        for other in ["471", "47110", "711", "4711x", "04711"] {
            assert!(!list.admits(&SenderId::new(other).unwrap()), "{other}");
        }
    }
}

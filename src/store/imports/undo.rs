//! Taking back what an import let in, where nothing has changed it since.

use openclaw_plugin_sdk::UnixMs;

use super::{Imported, line};
use crate::{
    Store, StoreError,
    audit::{Fates, action},
    replay,
    rules::{Contact, approver::Approver},
    transaction::Transaction,
};

/// What became of one thing that was taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone {
    /// A person, a device or a legacy node, as the record names it.
    pub what: String,
    /// False where something has changed it since, or it is gone.
    pub taken_back: bool,
}

impl Store {
    /// Takes back everything that imports let in, each as one decision. An empty list where nothing was taken over.
    pub fn undo_imports(&self, by: &Approver, now: UnixMs) -> Result<Vec<Undone>, StoreError> {
        let (mut undone, mut fates) = (Vec::new(), Fates::new(&self.state));
        let sources = Imported::read(&self.state)?.sources;
        let is_cut = sources.iter().any(|source| !source.finished);
        for source in sources {
            for what in source.senders {
                let who = Contact::parse(&what);
                let taken_back = match &who {
                    Some(who) => self.undo_sender(by, who, &mut fates, now)?,
                    None => false,
                };
                undone.push(Undone { what, taken_back });
            }
            for what in source.devices {
                let taken_back = self.undo_imported_device(by, &what, now, &mut fates)?;
                undone.push(Undone { what, taken_back });
            }
            for what in source.nodes {
                let taken_back = self.undo_imported_node(by, &what, now, &mut fates)?;
                undone.push(Undone { what, taken_back });
            }
        }
        if is_cut {
            // An import that was cut off has written down nothing of what it let in: the log knows it.
            fates.follow()?;
            let rest: Vec<String> = fates.as_imported().cloned().collect();
            for what in rest {
                let taken_back = match Contact::parse(&what) {
                    Some(who) => self.undo_sender(by, &who, &mut fates, now)?,
                    None => {
                        self.undo_imported_device(by, &what, now, &mut fates)?
                            || self.undo_imported_node(by, &what, now, &mut fates)?
                    }
                };
                undone.push(Undone { what, taken_back });
            }
        }
        if self.state.imported().exists() {
            self.forget_imports()?;
        }
        Ok(undone)
    }

    fn undo_sender(
        &self,
        by: &Approver,
        who: &Contact,
        fates: &mut Fates,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let tx = Transaction::open(self, Some(by.authority()), now)?;
        fates.follow()?;
        let is_untouched = fates.is_as_imported(&who.to_string());
        if !is_untouched || !self.approved(&who.key)?.names(&who.sender) {
            return Ok(false);
        }
        let line = line(action::REVOKE, tx.now).of(&who.key).about(who.sender.as_str());
        replay::carry_out(tx, line).map(|()| true)
    }
}

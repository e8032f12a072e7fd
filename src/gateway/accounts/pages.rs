//! Who waits where conversations are gone with the process, such as those of the page, and who was welcomed.

use std::collections::{HashMap, VecDeque};

use openclaw_plugin_sdk::SenderId;

use crate::rules::pairing::RequestId;

/// Of so many requests it is remembered that their senders were welcomed.
const REMEMBERED: usize = 1024;

/// Who waits on such an account, and who was welcomed.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    pub(crate) waiting: HashMap<RequestId, SenderId>,
    welcomed: VecDeque<RequestId>,
}

impl Pages {
    /// True for the first who welcomes the sender of this request.
    pub(crate) fn welcomes(&mut self, request: &RequestId) -> bool {
        let first = !self.welcomed.contains(request);
        if first {
            self.welcomed.push_back(request.clone());
            let surplus = self.welcomed.len().saturating_sub(REMEMBERED);
            self.welcomed.drain(..surplus);
        }
        first
    }

    /// The same, where only the sender is known.
    pub(crate) fn welcomes_sender(&mut self, sender: &SenderId) -> bool {
        self.request_of(sender).is_none_or(|request| self.welcomes(&request))
    }

    /// The request of a person who waits.
    pub(crate) fn request_of(&self, sender: &SenderId) -> Option<RequestId> {
        let known = self.waiting.iter().find(|(_, waits)| *waits == sender);
        known.map(|(request, _)| request.clone())
    }
}

//! What stands in the journal, as it stands on disk.

use openclaw_plugin_sdk::{
    Attachment, ChatId, ChatKind, Conversation, EventId, InboundMessage, Link, Sender, SenderId,
    ThreadId, UnixMs,
};
use serde::{Deserialize, Serialize};

use super::EventKey;
use crate::gateway::delivery::mail::{Address, Mail};

/// One line.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub(super) enum Line {
    /// A responder begins.
    Begun {
        key: EventKey,
    },
    /// A clean stop has cut the responder off: that try does not count.
    Cut {
        key: EventKey,
    },
    /// Nothing is owed any more.
    Done {
        key: EventKey,
    },
    /// A message is to be answered.
    Job {
        key: EventKey,
        job: Task,
        /// Its place in the order of what is owed; zero where it was not written.
        #[serde(default)]
        n: u64,
    },
    /// The platform has taken so many pieces of what is sent.
    Part {
        key: EventKey,
        taken: usize,
    },
    /// A command begins; if nothing follows, this person hears that it was cut off.
    Run {
        key: EventKey,
        to: Address,
        #[serde(default)]
        n: u64,
    },
    Seen {
        key: EventKey,
    },
    /// This is to be sent. It takes the place of what was owed under the key before.
    Send {
        key: EventKey,
        mail: Mail,
        #[serde(default)]
        n: u64,
    },
    Told {
        request: String,
    },
    /// Written by older versions; it says nothing any more.
    Try {
        key: EventKey,
    },
}

/// A message that is to be answered. Older versions wrote `tries`, which counted something else.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Task {
    #[serde(default)]
    pub(super) begun: u32,
    pub(super) message: Kept,
}

/// The counterpart of an [`InboundMessage`] on disk.
#[derive(Clone, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of the message")]
pub(crate) struct Kept {
    id: String,
    chat: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thread: Option<String>,
    direct: bool,
    sender: String,
    name: Option<String>,
    sent_at: u64,
    pub(crate) text: String,
    no_text: bool,
    mentions_us: bool,
    private: bool,
}

/// As it stands on disk.
pub(crate) fn keep(message: &InboundMessage) -> Kept {
    Kept {
        id: message.id.as_str().to_owned(),
        chat: message.conversation.id.as_str().to_owned(),
        thread: message.conversation.thread.as_ref().map(|thread| thread.as_str().to_owned()),
        direct: message.conversation.kind == ChatKind::Direct,
        sender: message.sender.id.as_str().to_owned(),
        name: message.sender.name.clone(),
        sent_at: message.sent_at.0,
        text: message.text.clone(),
        no_text: message.attachment.is_some(),
        mentions_us: message.mentions_us,
        private: message.link == Link::Private,
    }
}

/// As it came; `None` where its ids are none.
pub(crate) fn revive(kept: Kept) -> Option<InboundMessage> {
    let sender = Sender { id: SenderId::new(&kept.sender).ok()?, name: kept.name, meta: [].into() };
    let kind = if kept.direct { ChatKind::Direct } else { ChatKind::Group };
    Some(InboundMessage {
        id: EventId::new(kept.id),
        conversation: Conversation::new(ChatId::new(kept.chat), kind)
            .in_thread(kept.thread.map(ThreadId::new)),
        sender,
        sent_at: UnixMs(kept.sent_at),
        text: kept.text,
        attachment: kept.no_text.then_some(Attachment::File),
        mentions_us: kept.mentions_us,
        reply_to: None,
        link: if kept.private { Link::Private } else { Link::Exposed },
    })
}

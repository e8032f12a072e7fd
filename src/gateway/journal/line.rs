//! What stands in the journal, as it stands on disk.

use std::{borrow::Cow, sync::Arc};

use openclaw_plugin_sdk::{
    Attachment, ChatId, ChatKind, Conversation, EventId, FileRef, InboundMessage, Link, Sender,
    SenderId, ThreadId, UnixMs,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::journal::{
    EventKey,
    mail::{Address, Mail, Stands},
};

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
    /// The answer that is being written stands in this message.
    Begins {
        key: EventKey,
        stands: Stands,
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

/// A responder begins an answer at most so often: once, and once more after a crash.
const TRIES: u32 = 2;

/// A message that is to be answered. Older versions wrote `tries`, which counted something else.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Task {
    #[serde(default)]
    pub(super) begun: u32,
    pub(crate) message: JournaledMessage,
    /// What was shown of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) shown: Option<Stands>,
}

impl Task {
    /// The assistant was cut off too often by it.
    pub(crate) fn is_given_up(&self) -> bool {
        self.begun >= TRIES
    }
}

/// A message that is lent to the journal, and its counterpart on disk.
#[derive(Clone)]
pub(crate) struct JournaledMessage(pub(crate) Arc<InboundMessage>);

/// An [`InboundMessage`] as it stands on disk.
#[derive(Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of the message")]
struct Stored<'a> {
    id: Cow<'a, str>,
    chat: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thread: Option<Cow<'a, str>>,
    direct: bool,
    sender: Cow<'a, str>,
    name: Option<Cow<'a, str>>,
    sent_at: u64,
    text: Cow<'a, str>,
    no_text: bool,
    #[serde(default, skip_serializing_if = "<[FileRef]>::is_empty")]
    files: Cow<'a, [FileRef]>,
    mentions_us: bool,
    private: bool,
}

impl Serialize for JournaledMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = &*self.0;
        let Conversation { id: chat, thread, kind, .. } = &message.conversation;
        let stored = Stored {
            id: message.id.as_str().into(),
            chat: chat.as_str().into(),
            thread: thread.as_ref().map(|thread| thread.as_str().into()),
            direct: *kind == ChatKind::Direct,
            sender: message.sender.id.as_str().into(),
            name: message.sender.name.as_deref().map(Cow::from),
            sent_at: message.sent_at.0,
            text: (&*message.text).into(),
            no_text: message.attachment.is_some(),
            files: (&*message.files).into(),
            mentions_us: message.mentions_us,
            private: message.link == Link::Private,
        };
        stored.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JournaledMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        let id = SenderId::new(&stored.sender).map_err(D::Error::custom)?;
        let name = stored.name.map(Cow::into_owned);
        let kind = if stored.direct { ChatKind::Direct } else { ChatKind::Group };
        Ok(Self(Arc::new(InboundMessage {
            id: EventId::new(stored.id),
            conversation: Conversation::new(ChatId::new(stored.chat), kind)
                .in_thread(stored.thread.map(ThreadId::new)),
            sender: Sender::new(id, name.as_deref(), &[]),
            sent_at: UnixMs(stored.sent_at),
            text: stored.text.into_owned(),
            attachment: stored.no_text.then_some(Attachment::File),
            files: stored.files.into_owned(),
            mentions_us: stored.mentions_us,
            reply_to: None,
            link: if stored.private { Link::Private } else { Link::Exposed },
        })))
    }
}

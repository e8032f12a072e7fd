//! A message that the gateway owes to one person, as the journal keeps it: never with a code. It is written anew when
//! it is sent.

use openclaw_plugin_sdk::{
    Body, ChatId, ChatKind, Conversation, EventId, InboundMessage, InboundRef, Link, Opaque, Reply,
    SenderId, SentRef, Span, Text, ThreadId,
};
use serde::{Deserialize, Serialize};

use crate::{network::setup_code::Minted, rules::pairing::RequestId, world};

/// Where a message goes, and who reads it there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Address {
    chat: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thread: Option<String>,
    direct: bool,
    sender: String,
    /// The person's link to the gateway is private.
    private: bool,
}

impl Address {
    /// Where a person reads.
    pub(crate) fn new(conversation: &Conversation, sender: &SenderId, link: Link) -> Self {
        Self {
            chat: conversation.id.as_str().to_owned(),
            thread: conversation.thread.as_ref().map(|thread| thread.as_str().to_owned()),
            direct: conversation.kind == ChatKind::Direct,
            sender: sender.as_str().to_owned(),
            private: link == Link::Private,
        }
    }

    /// Where a message is answered.
    pub(crate) fn of(message: &InboundMessage) -> Self {
        Self::new(&message.conversation, &message.sender.id, message.link)
    }

    /// The conversation.
    pub(crate) fn conversation(&self) -> Conversation {
        let kind = if self.direct { ChatKind::Direct } else { ChatKind::Group };
        Conversation::new(ChatId::new(&self.chat), kind)
            .in_thread(self.thread.clone().map(ThreadId::new))
    }

    /// The person; `None` where the file names nobody.
    pub(crate) fn sender(&self) -> Option<SenderId> {
        SenderId::new(&self.sender).ok()
    }

    /// Who can read along.
    pub(crate) fn link(&self) -> Link {
        if self.private { Link::Private } else { Link::Exposed }
    }
}

/// A message that stands on the platform: what is whole takes its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stands {
    chat: String,
    id: String,
}

impl Stands {
    /// What the platform calls it.
    pub(crate) fn at(sent: &SentRef) -> Self {
        Self { chat: sent.chat.as_str().to_owned(), id: sent.id.as_str().to_owned() }
    }

    /// As the channel knows it.
    pub(crate) fn sent(&self) -> SentRef {
        SentRef { chat: ChatId::new(&self.chat), id: EventId::new(&self.id) }
    }
}

/// What must be true of the person for each piece to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Only {
    /// The gate lets them in.
    Admitted,
    /// They are not blocked.
    #[serde(rename = "anybody")]
    Everyone,
    /// They are an owner.
    Owner,
    /// Their request waits for a decision.
    Waiting(String),
}

/// What is owed.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Mail {
    pub(crate) to: Address,
    pub(crate) only: Only,
    /// Names it on a platform that knows a message again.
    pub(crate) key: String,
    /// When it was written, in milliseconds since the epoch.
    pub(crate) made: u64,
    /// The message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answers: Option<String>,
    /// The message that its first piece takes the place of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) replaces: Option<Stands>,
    pub(crate) parts: Vec<Part>,
    /// What its opaque codes stand for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) codes: Vec<CodeOf>,
    /// So many pieces of it were taken.
    #[serde(default)]
    pub(crate) taken: usize,
}

/// One message of it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Part {
    /// The challenge of the request that it is sent for.
    Challenge,
    /// A code to be scanned.
    Qr {
        code: usize,
        caption: Vec<Run>,
    },
    /// One of the files of an answer, by its place among them: they are known while the gateway runs.
    File(usize),
    /// An answer as its responder wrote it.
    Markdown(String),
    Text(Vec<Run>),
}

/// A run of a text.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Run {
    Code(String),
    Opaque(usize),
    Plain(String),
}

/// A code that the plugin may place, but not read.
pub(crate) enum Secret {
    /// Of a person who waits: looked up when it is sent.
    Pairing { channel: String, request: RequestId },
    /// For a device.
    Setup(Box<Minted>),
    /// A ticket, or a link that sends it.
    Ticket(String),
}

impl Secret {
    /// What the journal keeps of it.
    pub(crate) fn id(&self) -> CodeOf {
        match self {
            Self::Pairing { channel, request } => {
                CodeOf::Request { channel: channel.clone(), id: request.as_str().to_owned() }
            }
            Self::Setup(minted) => CodeOf::Setup(minted.setup.id.as_str().to_owned()),
            Self::Ticket(_) => CodeOf::Ticket,
        }
    }
}

/// The id of a code.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CodeOf {
    /// The code of a request that waits.
    Request { channel: String, id: String },
    /// A setup code.
    Setup(String),
    /// An invitation or a link: it is known while the gateway runs.
    Ticket,
}

impl Mail {
    /// A text to a person who must have access.
    pub(crate) fn text(to: Address, text: impl Into<Text>) -> Self {
        Self::new(to, Only::Admitted, vec![Part::text(&text.into())])
    }

    /// A text to a person who needs no access.
    pub(crate) fn to_everyone(to: Address, text: impl Into<Text>) -> Self {
        Self::new(to, Only::Everyone, vec![Part::text(&text.into())])
    }

    /// A text to an owner.
    pub(crate) fn to_owner(to: Address, text: impl Into<Text>) -> Self {
        Self::new(to, Only::Owner, vec![Part::text(&text.into())])
    }

    /// The challenge of a request.
    pub(crate) fn challenge(to: Address, request: &RequestId) -> Self {
        let only = Only::Waiting(request.as_str().to_owned());
        // Shown again, it is the same message.
        let key = format!("challenge-{}", request.as_str());
        Self { key, ..Self::new(to, only, vec![Part::Challenge]) }
    }

    /// The answer of a command.
    pub(crate) fn replies(
        to: Address,
        only: Only,
        (replies, secrets): (&[Reply], &[Secret]),
    ) -> Self {
        let parts = replies.iter().map(Part::reply).collect();
        Self { codes: secrets.iter().map(Secret::id).collect(), ..Self::new(to, only, parts) }
    }

    /// What an assistant answers, shown as the answer to a message of a group.
    pub(crate) fn answer(message: &InboundMessage, parts: Vec<Part>) -> Self {
        let in_group = message.conversation.kind == ChatKind::Group;
        let answers = in_group.then(|| message.id.as_str().to_owned());
        Self { answers, ..Self::new(Address::of(message), Only::Admitted, parts) }
    }

    /// True for what a channel may keep: its reader has access, and it shows no code.
    pub(crate) fn is_kept(&self) -> bool {
        matches!(self.only, Only::Admitted | Only::Owner) && self.codes.is_empty()
    }

    /// What takes the place of a message, where there is one.
    pub(crate) fn in_place_of(self, stands: Option<Stands>) -> Self {
        Self { replaces: stands, ..self }
    }

    fn new(to: Address, only: Only, parts: Vec<Part>) -> Self {
        let made = world::now().0;
        // Without randomness the platform does not know it again, and it is sent all the same.
        let key = world::random::<16>().map_or_else(|_| made.to_string(), |bytes| hex(&bytes));
        Self {
            to,
            only,
            key,
            made,
            answers: None,
            replaces: None,
            parts,
            codes: Vec::new(),
            taken: 0,
        }
    }

    /// The event that it answers.
    pub(crate) fn answers(&self) -> Option<InboundRef> {
        self.answers.clone().map(|id| InboundRef::Message(EventId::new(id)))
    }
}

impl Part {
    /// A text.
    pub(crate) fn text(text: &Text) -> Self {
        Self::Text(runs(text))
    }

    fn reply(reply: &Reply) -> Self {
        match reply {
            Reply::Qr { code, caption } => Self::Qr { code: code.0, caption: runs(caption) },
            Reply::Body(Body::Text(text)) => Self::text(text),
            Reply::Body(Body::Card(card)) => Self::text(&card.to_text()),
            Reply::Body(Body::Image(image)) => Self::text(&image.caption),
            Reply::Body(Body::File(_) | Body::Gone | Body::Typing) => Self::Text(Vec::new()),
        }
    }
}

fn runs(text: &Text) -> Vec<Run> {
    let run = |span: &Span| match span {
        Span::Code(text) => Run::Code(text.clone()),
        Span::Opaque(code) => Run::Opaque(code.0),
        Span::Plain(text) | Span::Marked(text, _) => Run::Plain(text.clone()),
    };
    text.spans().iter().map(run).collect()
}

/// As a text again.
pub(crate) fn text(runs: &[Run]) -> Text {
    runs.iter().fold(Text::default(), |text, run| match run {
        Run::Code(code) => text.code(code.clone()),
        Run::Opaque(code) => text.opaque(Opaque(*code)),
        Run::Plain(plain) => text.and(plain.clone()),
    })
}

/// The opaque codes in a text.
pub(crate) fn opaques(runs: &[Run]) -> impl Iterator<Item = usize> + '_ {
    runs.iter().filter_map(|run| match run {
        Run::Opaque(code) => Some(*code),
        Run::Code(_) | Run::Plain(_) => None,
    })
}

/// In small letters.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

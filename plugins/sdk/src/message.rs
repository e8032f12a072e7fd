//! What arrives and what leaves, as values. Who may be answered is decided elsewhere.

use std::{collections::BTreeMap, fmt};

use crate::{ChannelError, ChatId, EventId, File, FileRef, SenderId, Text, ThreadId, UnixMs};

/// What kind of place a message was written in. `Unknown` is dropped by the gateway, never guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChatKind {
    /// One person and the account, nobody else.
    Direct,
    /// More than one person can read it, or write in it.
    Group,
    /// The platform did not say, or said something new.
    Unknown,
}

/// Where a message was written, and where its answer goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Conversation {
    /// Stable id of the place. A direct one can also be written to by the id of the person in it.
    pub id: ChatId,
    /// What kind of place it is.
    pub kind: ChatKind,
    /// The topic or thread of that place, where the message was written in one: the answer goes there, whole.
    pub thread: Option<ThreadId>,
}

impl Conversation {
    /// The place itself, outside of any thread.
    pub fn new(id: ChatId, kind: ChatKind) -> Self {
        Self { id, kind, thread: None }
    }

    /// The message of ours with this id.
    pub fn sent(&self, id: impl Into<String>) -> SentRef {
        SentRef { chat: self.id.clone(), id: EventId::new(id) }
    }

    /// This thread of it, or the place itself.
    #[must_use]
    pub fn in_thread(self, thread: Option<ThreadId>) -> Self {
        Self { thread, ..self }
    }
}

/// Who wrote, as the platform vouches for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The stable id; it and what stands in `also` are all that decides anything.
    pub id: SenderId,
    /// Further ids of the same person that the platform vouches for in this very event, at most four. A block of any
    /// of them blocks; an approval of one counts for the person once the two are joined, which the gateway does by
    /// itself.
    pub also: Vec<SenderId>,
    /// A name to show, chosen by the sender, not neutralised.
    pub name: Option<String>,
    /// What the field's pairing files keep beside the id (`username`, `firstName`), not neutralised.
    pub meta: BTreeMap<String, String>,
}

impl Sender {
    /// With a name to show, and what is known of these parts beside it.
    pub fn new(id: SenderId, name: Option<&str>, meta: &[(&str, Option<&str>)]) -> Self {
        let name = name.filter(|name| !name.is_empty()).map(str::to_owned);
        let part = |(key, part): &(&str, Option<&str>)| {
            Some((*key).to_owned()).zip(part.map(str::to_owned))
        };
        Self { id, also: Vec::new(), name, meta: meta.iter().filter_map(part).collect() }
    }
}

/// Who can read along between the sender and us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Encrypted by the platform or by TLS, or never left this machine.
    Private,
    /// Plain text over a network: no secret may pass, and no owner is recognised.
    Exposed,
}

/// Content that is not text. Only its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// Any other file.
    File,
    /// A picture or an animation.
    Picture,
    /// A sticker.
    Sticker,
    /// A voice message, audio or video.
    Voice,
}

impl Attachment {
    /// A file of this media type, such as `image/png`.
    pub fn of(media_type: Option<&str>) -> Self {
        match media_type.and_then(|kind| kind.split('/').next()) {
            Some("image") => Self::Picture,
            Some("audio" | "video") => Self::Voice,
            _ => Self::File,
        }
    }
}

/// A message that a person sent to the account.
#[derive(Clone, Debug)]
pub struct InboundMessage {
    /// The platform's id of the message.
    pub id: EventId,
    /// Where it was written.
    pub conversation: Conversation,
    /// Who wrote it.
    pub sender: Sender,
    /// When, by the platform's clock.
    pub sent_at: UnixMs,
    /// Its text or caption; never that of a quoted message.
    pub text: String,
    /// What it carries besides text.
    pub attachment: Option<Attachment>,
    /// The files of it that [`crate::Channel::fetch`] can fetch. None is fetched before the gate has admitted its sender.
    pub files: Vec<FileRef>,
    /// In a group: the account was mentioned, or one of its messages answered.
    pub mentions_us: bool,
    /// The message it answers by the platform's reply function.
    pub reply_to: Option<SentRef>,
    /// Who can read along.
    pub link: Link,
}

impl InboundMessage {
    /// A text alone, that mentions nobody, answers nothing, and that nobody else can read.
    pub fn new(
        id: EventId,
        conversation: Conversation,
        sender: Sender,
        sent_at: UnixMs,
        text: impl Into<String>,
    ) -> Self {
        Self {
            id,
            conversation,
            sender,
            sent_at,
            text: text.into(),
            attachment: None,
            files: Vec::new(),
            mentions_us: false,
            reply_to: None,
            link: Link::Private,
        }
    }
}

/// A button of one of our cards was pressed.
#[derive(Clone, Debug)]
pub struct ButtonPress {
    /// The platform's id of the press.
    pub id: EventId,
    /// Where the card is shown.
    pub conversation: Conversation,
    /// Who pressed.
    pub sender: Sender,
    /// When, by the platform's clock, or when it arrived where the platform does not say.
    pub pressed_at: UnixMs,
    /// The card.
    pub on: SentRef,
    /// The button's data, as the sender of the press claims it.
    pub data: String,
    /// Who can read along.
    pub link: Link,
}

/// A person has put a reaction on a message of ours. That one was taken away is no event.
#[derive(Clone, Debug)]
pub struct Reaction {
    /// The platform's id of the reaction, or one that the channel makes of its parts.
    pub id: EventId,
    /// Where the message stands.
    pub conversation: Conversation,
    /// Whose reaction it is.
    pub sender: Sender,
    /// The message.
    pub on: SentRef,
    /// The emoji, as a text.
    pub emoji: String,
    /// Who can read along.
    pub link: Link,
}

/// A message of ours that the platform had taken, and then did not deliver. Said by the platform itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendFailed {
    /// What [`crate::Channel::send`] gave for it.
    pub sent: SentRef,
    /// What would have been the answer of `send`.
    pub error: ChannelError,
}

/// A person has another id, where ids go with what they use, such as a number. Said by the platform itself, never by a
/// person: it lets nobody in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonChanged {
    /// The ids that they had.
    pub was: Vec<SenderId>,
    /// The one that they have.
    pub is: SenderId,
}

/// The platform has given a group another id. Said by the platform itself, never by a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMoved {
    /// The id it had.
    pub from: ChatId,
    /// The id it has.
    pub to: ChatId,
}

/// Everything that a channel can announce.
#[derive(Clone, Debug)]
pub enum InboundEvent {
    /// A person has another id.
    Changed(PersonChanged),
    /// A message of ours was not delivered after all.
    Failed(SendFailed),
    /// A group has another id.
    Moved(GroupMoved),
    /// A person wrote.
    Message(InboundMessage),
    /// A person pressed a button.
    Press(ButtonPress),
    /// A person reacted to a message of ours: 👍 or 👎 of an owner on a card decides.
    Reaction(Reaction),
}

/// A message that we sent; enough to edit it and to recognise replies to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SentRef {
    /// The conversation it stands in.
    pub chat: ChatId,
    /// The platform's id of it.
    pub id: EventId,
}

/// An event that a message answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum InboundRef {
    /// A later piece of the answer to this message: in its thread where an answer begins one, and otherwise not
    /// shown as a reply again.
    Further(EventId),
    /// Shown as a reply where the platform has replies.
    Message(EventId),
    /// Shown as the answer to a press: the platform's toast, where it has one.
    Press(EventId),
}

/// One message to send.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboundMessage {
    /// Where to.
    pub to: Conversation,
    /// What.
    pub body: Body,
    /// The message it takes the place of: an edit, where the platform has edits.
    pub replaces: Option<SentRef>,
    /// The event it answers.
    pub answers: Option<InboundRef>,
    /// Names a new message: sent again, it is the same one, where the platform is
    /// [`idempotent`](crate::Abilities::idempotent). Random.
    pub key: Option<String>,
    /// It is for a person with access and shows no code: a channel that keeps conversations keeps it.
    pub is_kept: bool,
}

impl OutboundMessage {
    /// A new message that answers nothing in particular.
    pub fn new(to: Conversation, body: impl Into<Body>) -> Self {
        Self { to, body: body.into(), replaces: None, answers: None, key: None, is_kept: false }
    }

    /// The press that this text answers, which only the person who pressed needs to read.
    pub fn pressed(&self) -> Option<&EventId> {
        let is_new_text = matches!(self.body, Body::Text(_)) && self.replaces.is_none();
        match &self.answers {
            Some(InboundRef::Press(press)) if is_new_text => Some(press),
            _ => None,
        }
    }

    /// Takes a sent message away, where the platform can.
    pub fn removal(to: Conversation, sent: SentRef) -> Self {
        Self { replaces: Some(sent), ..Self::new(to, Body::Gone) }
    }
}

/// What a message shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A card, perhaps with buttons.
    Card(Card),
    /// A file of an answer, without a text. Only where [`crate::Abilities::files`].
    File(File),
    /// Nothing: the message that it takes the place of goes away.
    Gone,
    /// A picture with a caption.
    Image(Image),
    /// Text.
    Text(Text),
    /// The sign that an answer is being written: shown for as long as [`crate::Abilities::typing`] says, and no
    /// message. What [`crate::Channel::send`] gives back for it refers to nothing.
    Typing,
}

impl From<Text> for Body {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<Card> for Body {
    fn from(card: Card) -> Self {
        Self::Card(card)
    }
}

/// A picture that we made.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    /// A PNG file.
    pub png: Vec<u8>,
    /// What stands below it.
    pub caption: Text,
}

/// Only the size: a setup code may be drawn in it.
impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({} bytes)", self.png.len())
    }
}

/// A notice with labelled lines and buttons.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Card {
    /// The first line.
    pub title: String,
    /// Label and value, a line each, in order.
    pub fields: Vec<(String, Text)>,
    /// What stands below the fields.
    pub footer: Option<Text>,
    /// None, or as many rows as given. At most [`crate::Abilities::buttons`] in all.
    pub buttons: Vec<Vec<Button>>,
}

/// A button of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// What stands on it.
    pub label: String,
    /// Comes back with the press; opaque, at most 64 bytes.
    pub data: String,
}

impl Card {
    /// The card as text: title, a line per field, footer.
    pub fn to_text(&self) -> Text {
        let mut text = Text::plain(self.title.clone());
        for (label, value) in &self.fields {
            text = text.and(format!("\n{label}: ")).join(value);
        }
        if let Some(footer) = &self.footer {
            text = text.and("\n\n").join(footer);
        }
        text
    }
}

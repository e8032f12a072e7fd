//! All that a plugin of the gateway may import.
//!
//! A plugin is a constant: facts, and a function that opens it. It translates between a platform's
//! wire and the values here; it owns no policy, no store, no clock and no retry.

mod access;
mod channel;
mod client;
mod clock;
mod command;
pub mod console;
#[cfg(feature = "contract")]
#[expect(clippy::panic, reason = "a clause that does not hold fails the test")]
pub mod contract;
mod device;
mod error;
mod file;
pub mod http_client;
mod id;
mod inbox;
pub mod kit;
mod lasting;
mod message;
pub mod own_file;
mod proxy;
mod responder;
mod secret;
mod settings;
pub mod socket_client;
#[cfg(feature = "contract")]
#[expect(clippy::expect_used, clippy::panic, reason = "a failed set-up fails the test")]
pub mod testing;
mod text;

pub use access::{
    AccessChange, AccessChanged, AccessControl, AccessEntry, AccessState, Invited, Linked,
    OpenInvitation,
};
pub use channel::{
    Abilities, Channel, ChannelPlugin, Ingress, LinkedAccount, Linking, Login, Manifest, Step,
    TextLimit, TextUnit, WriteManifest,
};
pub use client::{Client, ClientAddress};
pub use clock::now;
pub use command::{
    Access, Choice, Command, CommandFuture, CommandPlugin, Decided, Decision, Gateway, Invocation,
    Reply, Waiting,
};
pub use device::{
    DeviceChoice, DeviceDecided, NotYet, Notify, Offered, Setup, SetupWish, WaitingDevice,
};
pub use error::{ChannelError, CommandError, ResponderError, SettingsError};
pub use file::{FetchError, File, FileKind, FileRef};
pub use id::{
    AccountId, ChatId, EventId, InvalidGroupId, InvalidSenderId, SenderId, ThreadId, UnixMs,
    no_groups,
};
pub use inbox::{
    Delivery, Exchange, Handed, Inbox, LONGEST_NOTE, MOST_NOTES, Notes, Over, Reader, Readers, Row,
    Stream, Unread, Upgrade,
};
pub use lasting::{count, lasting, spell_span};
pub use message::{
    Attachment, Body, Button, ButtonPress, Card, ChatKind, Conversation, GroupMoved, Image,
    InboundEvent, InboundMessage, InboundRef, Link, OutboundMessage, PersonChanged, Reaction,
    SendFailed, Sender, SentRef,
};
pub use responder::{Answer, PersonRole, Prompt, Responder, ResponderPlugin, Takes};
pub use secret::Secret;
pub use settings::Settings;
pub use text::{
    Frame, Marks, Opaque, Span, Text, is_unseen, neutral, pasted, pasted_capitals, whole,
};

/// The parts of other crates that the plugin API is written in.
pub use {async_trait::async_trait, bytes::Bytes, http, reqwest, toml};

//! What was decided: one value for each line of the access log on which something depends, whichever process wrote it.

use openclaw_plugin_sdk::UnixMs;

use crate::{
    rules::{
        Contact,
        device::{identity::DeviceId, role::Role},
        pairing::RequestId,
    },
    store::audit::Line,
    world,
};

/// A committed decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The person or thing it is about.
    pub subject: Subject,
    /// What became of the subject.
    pub outcome: Outcome,
    /// The actor, as the access log names them.
    pub by: String,
    /// `chat`, `cli`, `socket`; `channel` where the person did it themselves.
    pub surface: String,
    /// When, as the access log says.
    pub at: UnixMs,
    /// When temporary access ends, as state files write it.
    pub until: Option<String>,
    /// The word of the access log.
    pub word: &'static str,
}

/// What a decision is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A setup code.
    Code,
    /// A device.
    Device {
        /// The device.
        id: Option<DeviceId>,
        /// The request that was decided.
        request: Option<String>,
        /// The role of its token.
        role: Option<Role>,
    },
    /// A node of the legacy store.
    Node,
    /// An owner.
    Owner,
    /// A person on an account.
    Person {
        /// The person.
        contact: Option<Contact>,
        /// The request that was decided.
        request: Option<RequestId>,
    },
}

/// What became of the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An owner was added, or claimed ownership.
    Added,
    /// Access without a request: by an invitation, or by the configuration.
    Admitted,
    /// An owner approved the request.
    Approved,
    /// Messages are ignored from now on.
    Blocked,
    /// A setup code changed its state.
    Changed,
    /// An owner rejected the request.
    Denied,
    /// A newer request took the place.
    Evicted,
    /// Another end of the access.
    Extended,
    /// The device, node or owner is gone.
    Removed,
    /// Another name.
    Renamed,
    /// The access or the role is gone.
    Revoked,
    /// Another token.
    Rotated,
    /// The block is gone.
    Unblocked,
}

#[derive(Clone, Copy)]
enum Kind {
    Code,
    Device,
    Node,
    Owner,
    Person,
}

/// The words of the access log that decide something.
const WORDS: [(&str, Kind, Outcome); 24] = [
    ("accept", Kind::Person, Outcome::Admitted),
    ("approve", Kind::Person, Outcome::Approved),
    ("block", Kind::Person, Outcome::Blocked),
    ("claim", Kind::Owner, Outcome::Added),
    ("code-bind", Kind::Code, Outcome::Changed),
    ("code-cancel", Kind::Code, Outcome::Changed),
    ("code-fetch", Kind::Code, Outcome::Changed),
    ("deny", Kind::Person, Outcome::Denied),
    ("device-admit", Kind::Device, Outcome::Admitted),
    ("device-approve", Kind::Device, Outcome::Approved),
    ("device-reject", Kind::Device, Outcome::Denied),
    ("device-remove", Kind::Device, Outcome::Removed),
    ("device-rename", Kind::Device, Outcome::Renamed),
    ("evict", Kind::Person, Outcome::Evicted),
    ("extend", Kind::Person, Outcome::Extended),
    ("node-approve", Kind::Node, Outcome::Approved),
    ("node-reject", Kind::Node, Outcome::Denied),
    ("node-remove", Kind::Node, Outcome::Removed),
    ("owner-add", Kind::Owner, Outcome::Added),
    ("owner-remove", Kind::Owner, Outcome::Removed),
    ("revoke", Kind::Person, Outcome::Revoked),
    ("token-revoke", Kind::Device, Outcome::Revoked),
    ("token-rotate", Kind::Device, Outcome::Rotated),
    ("unblock", Kind::Person, Outcome::Unblocked),
];

impl Decided {
    /// The decision that a line records; nothing where it records none.
    pub fn of(line: &Line) -> Option<Self> {
        let (word, kind, outcome) = *WORDS.iter().find(|(word, ..)| *word == line.action)?;
        let request = line.request.as_deref();
        let subject = match kind {
            Kind::Code => Subject::Code,
            Kind::Node => Subject::Node,
            Kind::Owner => Subject::Owner,
            Kind::Device => Subject::Device {
                id: line.subject.as_deref().and_then(DeviceId::parse),
                request: line.request.clone(),
                role: line.role.as_deref().and_then(Role::parse),
            },
            Kind::Person => Subject::Person {
                contact: line.contact(),
                request: request.map(RequestId::from_text),
            },
        };
        Some(Self {
            subject,
            outcome,
            by: line.actor.clone(),
            surface: line.surface.clone(),
            at: world::from_iso(&line.at)?,
            until: line.until.clone(),
            word,
        })
    }

    /// The person's request that was decided.
    pub fn request(&self) -> Option<&RequestId> {
        match &self.subject {
            Subject::Person { request, .. } => request.as_ref(),
            _ => None,
        }
    }

    /// The person it is about.
    pub fn contact(&self) -> Option<&Contact> {
        match &self.subject {
            Subject::Person { contact, .. } => contact.as_ref(),
            _ => None,
        }
    }
}

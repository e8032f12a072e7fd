//! What commands learn and wish about devices and setup codes. Texts are neutralised; codes are opaque.

use std::{fmt, time::Duration};

use crate::{Opaque, Text};

/// A device that waits for a decision.
#[derive(Clone, Debug, Default)]
pub struct WaitingDevice {
    /// The opaque name of its request.
    pub request: String,
    /// The name it gives itself, else the beginning of its id.
    pub name: String,
    /// Its system and kind, as it says.
    pub platform: Option<String>,
    /// Where it came from.
    pub address: Option<String>,
    /// The profile of the setup code it came with.
    pub profile: Option<String>,
    /// Of that code and this device.
    pub words: Option<String>,
    /// The roles that an approval gives it.
    pub roles: Vec<String>,
    /// The scopes of its operator then.
    pub scopes: Vec<String>,
    /// The commands that its node may get then.
    pub commands: Vec<String>,
    /// So many commands are not among those.
    pub commands_left_out: usize,
    /// The other capabilities of its node.
    pub offers: Vec<String>,
    /// One of its commands runs programs or reaches files.
    pub runs_programs: bool,
    /// Another key claims to be the same installation.
    pub conflicts: bool,
    /// It is known already, and asks again or for more.
    pub known: bool,
    /// Since when it waits.
    pub age: Duration,
    /// Until when, unless it comes again.
    pub left: Duration,
}

impl WaitingDevice {
    /// Everything that an approval would grant and that the owner can compare: label and value, a line each.
    /// The gateway counts a device as shown where all of these were.
    pub fn lines(&self) -> Vec<(&'static str, Text)> {
        let mut lines = vec![("Name (not verified)", Text::plain(self.name.clone()))];
        let mut line = |label, value: Option<String>| {
            lines.extend(value.filter(|text| !text.is_empty()).map(|text| (label, text.into())));
        };
        line("System", self.platform.clone());
        line("From", self.address.clone());
        line("Words", self.words.clone());
        let code = |profile: &String| format!("came with your setup code ({profile})");
        line("Code", Some(self.profile.as_ref().map_or_else(|| "none".to_owned(), code)));
        line("Roles", Some(self.roles.join(" and ")));
        line("Scopes", Some(self.scopes.join(", ")));
        line("Commands", Some(self.all_commands()));
        line("Capabilities", Some(self.offers.join(", ")));
        let warn = "this device can run programs or open its files on command";
        line("⚠️ Warning", self.runs_programs.then(|| warn.to_owned()));
        let twin = "another waiting device claims to be the same installation";
        line("⚠️ Conflict", self.conflicts.then(|| twin.to_owned()));
        let known = "it was paired before, and asks again or for more";
        line("Known", self.known.then(|| known.to_owned()));
        line("Request", Some(self.request.clone()));
        lines
    }

    fn all_commands(&self) -> String {
        let listed = self.commands.join(", ");
        match self.commands_left_out {
            0 => listed,
            more => format!("{listed}, and {more} more that are not shown"),
        }
    }
}

/// Which waiting device is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChoice<'a> {
    /// The request with this name.
    Id(&'a str),
    /// The only one there is.
    Only,
}

/// What became of a decision about a device.
#[derive(Clone, Debug)]
pub enum DeviceDecided {
    /// Nothing was changed: an owner in a chat may not grant this scope, or not what was not listed (`None`).
    Denied(Option<String>),
    /// It is done and durable.
    Done(Box<WaitingDevice>),
    /// Nothing was changed, and this is what waits.
    NotYet(NotYet, Vec<WaitingDevice>),
}

/// Why nothing was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotYet {
    /// It is not what this chat was shown any more.
    Changed,
    /// Nothing waits, or nothing of that name.
    None,
    /// This chat was not shown it.
    NotShown,
    /// Several wait, and none was named.
    Several,
}

/// What a setup code is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetupWish {
    /// Also to administer.
    pub full: bool,
    /// By a program on this machine.
    pub local: bool,
}

/// What became of the wish for a setup code.
#[derive(Clone, Debug)]
pub enum Setup {
    /// It can be given away.
    Made(Offered),
    /// None was made: no device could reach this gateway, for this reason.
    NoWayIn(String),
}

/// A setup code, and what its owner should know.
#[derive(Clone)]
pub struct Offered {
    /// The code, to be placed in a reply of its own.
    pub code: Opaque,
    /// Where it leads.
    pub url: String,
    /// `limited` or `full`.
    pub access: String,
    /// Full access was wished for, and cannot be given over this way.
    pub downgraded: bool,
    /// How long an unused one is good.
    pub lasts: Duration,
    /// What else is to be known of the way there.
    pub notes: Vec<String>,
}

impl fmt::Debug for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offered").field("access", &self.access).finish_non_exhaustive()
    }
}

/// Whether this chat is told of devices that come without a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notify {
    /// No.
    Off,
    /// Yes.
    On,
    /// Of the next one.
    Once,
}

//! A command plugin: several commands, each with who may run it. The gateway checks; the plugin never does.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use async_trait::async_trait;

use crate::{
    AccessControl, Body, CommandError, DeviceChoice, DeviceDecided, Notify, Opaque, Setup,
    SetupWish, Text, WaitingDevice,
};

/// A command plugin as the registry lists it.
#[derive(Debug)]
pub struct CommandPlugin {
    /// The folder and what `plugins list` shows.
    pub id: &'static str,
    /// What it brings.
    pub commands: &'static [Command],
}

/// One command.
pub struct Command {
    /// Without prefix: `pairing`.
    pub name: &'static str,
    /// One line for `/help`.
    pub summary: &'static str,
    /// Who may run it.
    pub access: Access,
    /// Runs it, after the gateway has checked the access.
    pub run: for<'a> fn(Invocation<'a>) -> CommandFuture<'a>,
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("name", &self.name)
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}

/// Who may run a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone who may talk at all.
    Admitted,
    /// The owner, in a direct chat.
    Owner,
}

/// What a command's future gives: the messages to answer with, in order.
pub type CommandFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Vec<Reply>, CommandError>> + Send + 'a>>;

/// One message of a command's answer.
#[derive(Clone, Debug)]
pub enum Reply {
    /// As it stands, once its codes are filled in.
    Body(Body),
    /// A code to be scanned: a picture where the channel takes pictures, else drawn with letters, else,
    /// where that is too wide, the code itself.
    Qr {
        /// What is drawn.
        code: Opaque,
        /// What stands with it.
        caption: Text,
    },
}

impl From<Text> for Reply {
    fn from(text: Text) -> Self {
        Self::Body(Body::Text(text))
    }
}

/// A permitted command that is about to run.
pub struct Invocation<'a> {
    /// What stands before a command's name in this channel, for texts that name one.
    pub prefix: &'static str,
    /// What was written after the command's name, trimmed.
    pub args: &'a str,
    /// What the gateway does for commands, in the name of the person who runs this one.
    pub gateway: &'a dyn Gateway,
}

impl fmt::Debug for Invocation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invocation")
    }
}

/// What the gateway lets a command do: this and nothing else. Every call is made in the name of the
/// person whose command runs, with that person's rights.
#[async_trait]
pub trait Gateway: Send + Sync {
    /// The channels that know pairing, by id.
    fn pairing_channels(&self) -> Vec<&'static str>;
    /// Who waits, on one channel or all.
    async fn pairing_list(&self, channel: Option<&str>) -> Result<Vec<Waiting>, CommandError>;
    /// Approves or denies the one request that has the code.
    async fn pairing_decide(
        &self,
        decision: Decision,
        choice: Choice<'_>,
    ) -> Result<Decided, CommandError>;
    /// The devices that wait, the newest first. The caller shows all of them, with every line.
    async fn device_list(&self) -> Result<Vec<WaitingDevice>, CommandError>;
    /// Approves or rejects a device, as this chat was shown it.
    async fn device_decide(
        &self,
        decision: Decision,
        choice: DeviceChoice<'_>,
    ) -> Result<DeviceDecided, CommandError>;
    /// Makes a setup code for one device.
    async fn setup_code(&self, wish: SetupWish) -> Result<Setup, CommandError>;
    /// Takes back every setup code that nobody has used; how many there were.
    async fn setup_cancel(&self) -> Result<usize, CommandError>;
    /// Whether this chat is told of devices without a code, after a change where one is wished for.
    async fn device_notify(&self, wish: Option<Notify>) -> Result<Notify, CommandError>;
    /// What the checks of the set-up find, a line each: what it is about, and no message, secret or place on the disk.
    async fn doctor(&self) -> Result<String, CommandError>;
    /// What it does about permissions.
    fn access(&self) -> &dyn AccessControl;
}

/// Which way a decision goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Give access.
    Approve,
    /// Ignore the sender on this channel until an owner removes the block.
    Block,
    /// Do not.
    Deny,
}

/// Which request is meant, as the owner typed it.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// One channel, or all.
    pub channel: Option<&'a str>,
    /// The code, in any case.
    pub code: &'a str,
    /// How long an approval lasts; for good where nothing stands there.
    pub lasting: Option<Duration>,
}

/// What became of a decision.
#[derive(Clone, Debug)]
pub enum Decided {
    /// It is not what was shown, or its claim was not shown; nothing was changed.
    Changed,
    /// The person the sender claims to be no longer has access. Nothing was changed.
    ClaimIsOver,
    /// It is done and durable.
    Done(Waiting),
    /// Nobody waits with that code.
    NoMatch,
    /// Several do; nothing was changed.
    Several(Vec<Waiting>),
    /// Too many wrong codes from this person: nothing was looked up.
    Slow(Duration),
    /// No channel of that name knows pairing.
    UnknownChannel,
}

/// A person who waits for a decision.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The channel's id.
    pub channel: String,
    /// The account's id.
    pub account: String,
    /// The person's stable id.
    pub sender: String,
    /// The name the request came with, neutralised.
    pub name: Option<String>,
    /// A name given later, neutralised.
    pub later_name: Option<String>,
    /// Whose other id this is said to be; shown whole, for an approval joins the two.
    pub claims: Option<String>,
    /// What is said of the held first message.
    pub first_message: Option<String>,
    /// The code, to be placed in a reply.
    pub code: Opaque,
    /// Since when.
    pub age: Duration,
    /// Until when.
    pub left: Duration,
}

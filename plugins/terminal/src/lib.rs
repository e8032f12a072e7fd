//! The console of a foreground gateway. Its user is the owner; there are no strangers.
//! Ctrl-C and Ctrl-D raise `SIGINT` in this process, as Ctrl-C does where no editor runs.

mod editor;
mod mode;
mod printer;
mod text;

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicU64, Ordering},
};

use nix::{
    sys::signal::Signal,
    unistd::{Uid, User, getpid},
};
use openclaw_plugin_sdk::{
    Abilities, Body, Channel, ChannelError, ChannelPlugin, ChatId, ChatKind, Conversation, EventId,
    InboundEvent, InboundMessage, Inbox, Ingress, InvalidSenderId, OutboundMessage, Sender,
    SenderId, SentRef, Settings, SettingsError, TextLimit, TextUnit, async_trait, kit::rich,
    no_groups, now,
};
use serde::Deserialize;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{Mutex, mpsc},
};

/// The console, as the registry lists it.
pub const PLUGIN: ChannelPlugin = ChannelPlugin {
    id: "terminal",
    label: "Terminal",
    id_label: "localUserId",
    id_line: "Your user on this machine",
    ingress: Ingress::Connect,
    text_limit: TextLimit { max: 16 * 1024, unit: TextUnit::Chars },
    abilities: Abilities { console: true, ..Abilities::NONE },
    keys: &[],
    secret_keys: &[],
    env_keys: &[],
    login: None,
    manifest: None,
    parse_sender,
    parse_group: no_groups,
    open,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {}

/// What a terminal's thread reads.
#[derive(Debug)]
pub enum Input {
    /// Nothing more will be read.
    Gone(String),
    /// A line without its end.
    Line(String),
}

/// A terminal at which a user reads and types.
pub trait Tty: Send + Sync {
    /// Begins to read, in a thread of its own.
    fn start(&self) -> Result<mpsc::Receiver<Input>, ChannelError>;
    /// From now on typed lines are read. Called again and again, each time after [`Tty::leave`].
    fn attend(&self) {}
    /// Typed lines are no longer read: the terminal is as it was found.
    fn leave(&self) {}
    /// The process was stopped, by Ctrl-Z or otherwise, and continues.
    fn resume(&self) {}
    /// It shows bold and coloured letters.
    fn has_styles(&self) -> bool {
        false
    }
    /// Shows lines, each with its end.
    fn print(&self, lines: String) -> Result<(), ChannelError>;
}

/// A terminal, and what is read there.
struct Session {
    tty: Box<dyn Tty>,
    reading: Mutex<Reading>,
    /// Makes the ids of this run different from those of any other.
    run: String,
    sent: AtomicU64,
}

#[derive(Default)]
struct Reading {
    input: Option<mpsc::Receiver<Input>>,
    count: u64,
}

struct Terminal(Arc<Session>);

/// One process has one console, however often it is opened.
static CONSOLE: LazyLock<Arc<Session>> =
    LazyLock::new(|| Arc::new(Session::new(Box::new(editor::Console::default()))));

#[expect(clippy::needless_pass_by_value, reason = "the registry's signature")]
fn open(settings: Settings) -> Result<Box<dyn Channel>, SettingsError> {
    let Keys {} = settings.parse()?;
    Ok(Box::new(Terminal(Arc::clone(&CONSOLE))))
}

/// The same channel on another terminal: tests have one without prompt and editor.
pub fn over(tty: Box<dyn Tty>) -> Box<dyn Channel> {
    Box::new(Terminal(Arc::new(Session::new(tty))))
}

fn parse_sender(text: &str) -> Result<SenderId, InvalidSenderId> {
    let text = text.trim().to_ascii_lowercase();
    let id = text.strip_prefix("terminal:").unwrap_or(&text);
    let number = id.strip_prefix("local:").ok_or(text::NO_SENDER)?;
    let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let uid = number.parse::<u32>().ok().filter(|_| plain).ok_or(text::NO_SENDER)?;
    SenderId::new(&sender(Uid::from_raw(uid)))
}

/// Names the person who runs this process, and the one conversation with them.
fn sender(uid: Uid) -> String {
    format!("local:{uid}")
}

/// Leaves the terminal when `receive` ends or is dropped.
struct Attended<'a>(&'a dyn Tty);

impl Drop for Attended<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Session {
    fn new(tty: Box<dyn Tty>) -> Self {
        let run = format!("{:x}-{:x}", now().0, getpid().as_raw());
        Self { tty, reading: Mutex::default(), run, sent: AtomicU64::new(0) }
    }

    async fn next(&self, reading: &mut Reading) -> Result<InboundMessage, ChannelError> {
        while let Some(input) = &mut reading.input {
            match input.recv().await {
                Some(Input::Line(text)) if text.trim().is_empty() => {}
                Some(Input::Line(text)) => {
                    reading.count += 1;
                    return self.message(reading.count, text);
                }
                Some(Input::Gone(why)) => {
                    reading.input = None;
                    return Err(ChannelError::Disconnected(why));
                }
                None => reading.input = None,
            }
        }
        Err(ChannelError::Disconnected(text::GONE.to_owned()))
    }

    fn message(&self, count: u64, text: String) -> Result<InboundMessage, ChannelError> {
        let uid = Uid::effective();
        let id = SenderId::new(&sender(uid))
            .map_err(|error| ChannelError::Unauthorized(error.to_string()))?;
        let name = User::from_uid(uid).ok().flatten().map(|user| user.name);
        let conversation = Conversation::new(ChatId::new(sender(uid)), ChatKind::Direct);
        let sender = Sender::new(id, name.as_deref(), &[]);
        let id = EventId::new(format!("{}-{count}", self.run));
        Ok(InboundMessage::new(id, conversation, sender, now(), text))
    }
}

#[async_trait]
impl Channel for Terminal {
    async fn receive(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        let session = &self.0;
        let reading = &mut *session.reading.lock().await;
        if reading.input.is_none() {
            reading.input = Some(session.tty.start()?);
        }
        let mut resumed = signal(SignalKind::from_raw(Signal::SIGCONT as i32))
            .map_err(|error| ChannelError::Disconnected(format!("cannot hear signals: {error}")))?;
        session.tty.attend();
        let _attended = Attended(&*session.tty);
        inbox.caught_up();
        inbox.connected();
        loop {
            let message = tokio::select! {
                message = session.next(reading) => message?,
                _ = resumed.recv() => {
                    session.tty.resume();
                    continue;
                }
            };
            if inbox.deliver(InboundEvent::Message(message)).await.is_err() {
                // The user is at the terminal and can type it again.
                session.tty.print(text::NOT_TAKEN.to_owned())?;
            }
        }
    }

    async fn send(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        let refused = |why: &str| Err(ChannelError::Undeliverable(why.to_owned()));
        if message.to.id.as_str() != sender(Uid::effective()) {
            return refused(text::ELSEWHERE);
        }
        let text = match &message.body {
            Body::Card(card) if card.buttons.iter().flatten().next().is_some() => {
                return refused(text::NO_BUTTONS);
            }
            Body::Card(card) => card.to_text(),
            Body::Gone => return refused(text::STAYS),
            Body::File(_) | Body::Image(_) => return refused(text::NO_PICTURES),
            Body::Text(text) => text.clone(),
            Body::Typing => return refused(text::NO_TYPING),
        };
        if PLUGIN.text_limit.measure(&text.to_plain()) > PLUGIN.text_limit.max {
            return refused(text::TOO_LONG);
        }
        let shown = rich::terminal(&text, self.0.tty.has_styles());
        self.0.tty.print(shown + "\n")?;
        let number = self.0.sent.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(message.to.sent(number.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_of_this_machine_is_a_number() {
        for text in ["local:1000", " LOCAL:1000 ", "terminal:local:1000", "local:01000"] {
            assert_eq!(parse_sender(text).unwrap().as_str(), "local:1000", "{text:?}");
        }
        for text in
            ["ann", "1000", "local:", "local:ann", "local:-1", "local:+1", "local:4294967296"]
        {
            assert!(parse_sender(text).is_err(), "{text:?}");
        }
    }
}

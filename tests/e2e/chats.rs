//! The platforms of a story beside Telegram and the page: people by name, and what the bot shows them.
//!
//! A fake that is to play in stories implements [`Chats`] and has a line in [`PLATFORMS`].

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    pin::Pin,
};

use async_trait::async_trait;
use openclaw_plugin_sdk::{EventId, SentRef, contract::Seen};
use tokio::sync::watch;

use super::{
    discord::Discord, fake_bluebubbles::FakeBlueBubbles, fake_feishu::FakeFeishu,
    fake_imessage::FakeMessages, fake_msteams::FakeTeams, fake_signal::FakeSignal,
    fake_slack::FakeSlack, googlechat, process::PATIENCE, whatsapp,
};

/// A platform on which the people of a story write. The bot's chat with a person bears that person's name; `group` is
/// the group that all are in.
#[async_trait]
pub(crate) trait Chats: Send + Sync {
    /// What stands in a configuration for what the platform alone knows, such as `{discord.token}`, and
    /// `{discord.owner}` for the id of the person called so.
    fn fill(&self, config: &str) -> String;

    /// What must never stand in a log.
    fn secrets(&self) -> Vec<String>;

    /// The gateway is at this port from now on, and the account at its usual path with this behind it: for a platform
    /// that calls it.
    fn is_called_at(&self, _port: u16, _suffix: &str) {}

    /// A person writes: directly, in the group, or as an answer to the bot's newest message. The event's id,
    /// as the channel spells it.
    async fn say(&self, name: &str, how: How, text: &str) -> EventId;

    /// A person presses a button of this message, which they say carries this. The event's id.
    async fn press(&self, name: &str, on: &SentRef, data: &str) -> EventId;

    /// A person reacts with an emoji to this message. The event's id.
    async fn react(&self, _name: &str, _on: &SentRef, _emoji: &str) -> EventId {
        unreachable!("no reaction arrives here")
    }

    /// The chats that the bot has written to, by name.
    fn written_to(&self) -> Vec<String>;

    /// What the bot shows in a chat, oldest first; short answers to presses among it.
    fn shown(&self, name: &str) -> Vec<Seen>;

    /// How often the bot was shown typing; never where there is no such sign.
    fn typed(&self) -> usize;

    /// A number that changes with every change.
    fn changes(&self) -> watch::Receiver<u64>;
}

/// How a person writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// To the bot, alone.
    Directly,
    /// By the platform's own way of giving a command, in the direct chat.
    ByCommand,
    /// In the group; a text that begins with `@bot` mentions the bot.
    InGroup,
    /// Answering the bot's newest message.
    Replying,
}

/// How a platform is started.
type Start = fn() -> Pin<Box<dyn Future<Output = Box<dyn Chats>> + Send>>;

/// Every platform that plays in stories, by channel: `("discord", || Box::pin(async { .. }))`.
const PLATFORMS: &[(&str, Start)] = &[
    ("bluebubbles", || {
        Box::pin(async { Box::new(FakeBlueBubbles::start().await) as Box<dyn Chats> })
    }),
    ("discord", || Box::pin(async { Box::new(Discord::start().await) as Box<dyn Chats> })),
    ("feishu", || Box::pin(async { Box::new(FakeFeishu::start().await) as Box<dyn Chats> })),
    ("googlechat", || Box::pin(async { Box::new(googlechat::start().await) as Box<dyn Chats> })),
    ("imessage", || Box::pin(async { Box::new(FakeMessages::start().await) as Box<dyn Chats> })),
    ("msteams", || Box::pin(async { Box::new(FakeTeams::start().await) as Box<dyn Chats> })),
    ("signal", || Box::pin(async { Box::new(FakeSignal::start().await) as Box<dyn Chats> })),
    ("slack", || Box::pin(async { Box::new(FakeSlack::start().await) as Box<dyn Chats> })),
    ("whatsapp", || Box::pin(async { Box::new(whatsapp::start().await) as Box<dyn Chats> })),
];

/// A channel, the owner there, and how its table begins.
pub(crate) const CHANNELS: [(&str, &str, &str); 9] = [
    (
        "discord",
        "discord:{discord.owner}",
        "token = \"{discord.token}\"\napi_root = \"{discord.root}\"\n",
    ),
    (
        "feishu",
        "feishu:{feishu.owner}",
        "app_id = \"{feishu.app_id}\"\napp_secret = \"{feishu.app_secret}\"\ndomain = \"{feishu.domain}\"\n",
    ),
    ("signal", "signal:{signal.owner}", "account = \"{signal.account}\"\nurl = \"{signal.url}\"\n"),
    (
        "slack",
        "slack:{slack.owner}",
        "bot_token = \"{slack.bot_token}\"\napp_token = \"{slack.app_token}\"\napi_url = \"{slack.api}\"\n",
    ),
    (
        "googlechat",
        "googlechat:{googlechat.owner}",
        "service_account = '''{googlechat.account}'''\naudience_type = \"project-number\"\n\
         audience = \"{googlechat.project}\"\napi_root = \"{googlechat.root}\"\nkeys_root = \"{googlechat.root}\"\n",
    ),
    (
        "msteams",
        "msteams:{msteams.owner}",
        "{msteams.keys}\napp_password = \"{msteams.password}\"\n",
    ),
    (
        "bluebubbles",
        "bluebubbles:{bluebubbles.owner}",
        "server_url = \"{bluebubbles.url}\"\npassword = \"{bluebubbles.password}\"\n\
         callback_url = \"{bluebubbles.callback}\"\n",
    ),
    ("imessage", "imessage:{imessage.owner}", "cli_path = \"{imessage.cli}\"\n"),
    (
        "whatsapp",
        "whatsapp:{whatsapp.owner}",
        "{whatsapp.keys}\naccess_token = \"{whatsapp.token}\"\n",
    ),
];

/// One owner on every chat channel, Telegram too, who gets every card at once.
pub(crate) fn everywhere() -> String {
    let owners = CHANNELS.iter().map(|(_, owner, _)| format!("\"{owner}\", "));
    let owners: String = owners.collect();
    let tables = CHANNELS.iter().map(|(channel, _, keys)| format!("[channels.{channel}]\n{keys}"));
    let tables: String = tables.collect();
    format!(
        "[owner]\nallow_from = [{owners}\"telegram:1001\"]\ncards = {{ burst = 50 }}\n{tables}\
         [channels.telegram]\nbot_token = \"{{token}}\"\napi_root = \"{{root}}\"\n"
    )
}

/// The platform of this channel, started; `None` for one that plays in no story.
pub(crate) async fn start(channel: &str) -> Option<Talk> {
    let (_, start) = PLATFORMS.iter().find(|(id, _)| *id == channel)?;
    Some(Talk {
        channel: channel.to_owned(),
        chats: start().await,
        read: HashSet::new(),
        told: HashMap::new(),
    })
}

/// A platform, and what the story has told of it.
pub(crate) struct Talk {
    channel: String,
    pub(crate) chats: Box<dyn Chats>,
    read: HashSet<(String, EventId)>,
    /// How many short answers a person had when they last pressed.
    told: HashMap<String, usize>,
}

impl Talk {
    /// The line that a gateway logs when it is done with an event.
    pub(crate) fn settled(&self, event: &EventId) -> String {
        format!("event={} channel=\"{}\"", event.as_str(), self.channel)
    }

    /// The bot's next message in a chat that the story has not told.
    pub(crate) async fn next(&mut self, name: &str) -> String {
        let (id, text) =
            self.until("a message of the bot", || self.untold(name).into_iter().next()).await;
        self.read.insert((name.to_owned(), id));
        text
    }

    /// The bot's messages in a chat that the story has not told.
    pub(crate) fn unread(&self, name: &str) -> Vec<String> {
        self.untold(name).into_iter().map(|(_, text)| text).collect()
    }

    fn untold(&self, name: &str) -> Vec<(EventId, String)> {
        let untold = |seen: &Seen| {
            let id = seen.id.clone().filter(|_| !seen.toast)?;
            (!self.read.contains(&(name.to_owned(), id.clone()))).then(|| (id, text(seen)))
        };
        self.chats.shown(name).iter().filter_map(untold).collect()
    }

    /// A person presses the button with this label in their chat, on the newest message that has one.
    pub(crate) async fn press(&mut self, name: &str, label: &str) -> EventId {
        let told = self.toasts(name).len();
        let find = || {
            let shown = self.chats.shown(name);
            shown.into_iter().rev().find_map(|seen| {
                let button = seen.buttons.iter().flatten().find(|button| button.label == label)?;
                Some((
                    SentRef { chat: seen.chat.clone()?, id: seen.id.clone()? },
                    button.data.clone(),
                ))
            })
        };
        let (on, data) = self.until(label, find).await;
        self.told.insert(name.to_owned(), told);
        self.chats.press(name, &on, &data).await
    }

    /// A person reacts to the bot's newest message in their chat.
    pub(crate) async fn react(&self, name: &str, emoji: &str) -> EventId {
        let newest = || {
            let seen = self.chats.shown(name).pop()?;
            Some(SentRef { chat: seen.chat?, id: seen.id? })
        };
        let on = self.until("a message to react to", newest).await;
        self.chats.react(name, &on, emoji).await
    }

    /// What was said to a person on the button that they pressed last.
    pub(crate) async fn told(&self, name: &str) -> String {
        let before = self.told.get(name).copied().unwrap_or_default();
        let toast = || self.toasts(name).into_iter().skip(before).last();
        self.until("an answer to a press", toast).await.text
    }

    fn toasts(&self, name: &str) -> Vec<Seen> {
        self.chats.shown(name).into_iter().filter(|seen| seen.toast).collect()
    }

    /// Waits until a message in a chat shows this.
    pub(crate) async fn shows(&self, name: &str, what: &str) {
        let shows =
            || self.chats.shown(name).iter().any(|seen| text(seen).contains(what)).then_some(());
        self.until(what, shows).await;
    }

    /// Waits until no message in a chat shows this.
    pub(crate) async fn gone(&self, name: &str, what: &str) {
        let gone =
            || (!self.chats.shown(name).iter().any(|seen| text(seen).contains(what))).then_some(());
        self.until(what, gone).await;
    }

    async fn until<T>(&self, what: &str, find: impl Fn() -> Option<T>) -> T {
        let mut changes = self.chats.changes();
        let found = async {
            loop {
                if let Some(found) = find() {
                    return found;
                }
                changes.changed().await.expect("the platform runs");
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.unwrap_or_else(|_| panic!("{}: `{what}` does not come", self.channel))
    }
}

/// A message as a story tells it: a picture says that it is one.
fn text(seen: &Seen) -> String {
    let picture = if seen.image.is_some() { "(picture) " } else { "" };
    format!("{picture}{}", seen.text)
}

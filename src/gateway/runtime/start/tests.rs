//! A gateway with a channel that does what no real one does yet: reactions, messages that are taken only later or not
//! delivered after all, further ids, notes.

use std::sync::{
    LazyLock,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use openclaw_plugin_sdk::{
    Abilities, Body, Channel, ChannelError, ChatId, ChatKind, Conversation, EventId, InboundEvent,
    InboundMessage, Inbox, Link, OutboundMessage, Reaction, SendFailed, Sender, SenderId, SentRef,
    Settings, SettingsError, TextLimit, TextUnit, async_trait, no_groups,
};
use tokio::sync::{Mutex as Turn, mpsc};

mod ready;

use super::*;
use crate::{
    accounts::status::State,
    config,
    rules::{approver::Approver, owner::Owner},
};

const OWNER: &str = "1";
const GUEST: &str = "7";

static PLUGIN: ChannelPlugin = ChannelPlugin {
    id: "telegram",
    label: "Stand-in",
    id_label: "id",
    id_line: "Your id",
    ingress: Ingress::Connect,
    text_limit: TextLimit { max: 4000, unit: TextUnit::Chars },
    abilities: Abilities { buttons: Some(8), edits: true, reactions: true, ..Abilities::NONE },
    keys: &["bot_token"],
    secret_keys: &["bot_token"],
    env_keys: &[("bot_token", "TELEGRAM_BOT_TOKEN")],
    login: None,
    manifest: None,
    parse_sender: SenderId::new,
    parse_group: no_groups,
    open,
};

/// The platform of the stand-in.
struct Platform {
    events: mpsc::Sender<InboundEvent>,
    arriving: Turn<mpsc::Receiver<InboundEvent>>,
    sent: Mutex<Vec<(OutboundMessage, SentRef)>>,
    number: AtomicUsize,
    /// A chat that takes nothing until its person has written.
    shut: Mutex<Option<&'static str>>,
    noted: Mutex<Option<String>>,
    /// The channel panics at the next event.
    panics: AtomicBool,
}

static PLATFORM: LazyLock<Platform> = LazyLock::new(|| {
    let (events, arriving) = mpsc::channel(16);
    let (arriving, sent, number) = (Turn::new(arriving), Mutex::default(), AtomicUsize::new(0));
    let (shut, noted, panics) = (Mutex::default(), Mutex::default(), AtomicBool::new(false));
    Platform { events, arriving, sent, number, shut, noted, panics }
});

struct StandIn;

#[expect(clippy::needless_pass_by_value, reason = "the registry's signature")]
fn open(settings: Settings) -> Result<Box<dyn Channel>, SettingsError> {
    settings.parse::<openclaw_plugin_sdk::toml::Table>().map(|_| Box::new(StandIn) as Box<_>)
}

#[async_trait]
impl Channel for StandIn {
    async fn receive(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        inbox.caught_up();
        inbox.connected();
        *PLATFORM.noted.lock() = inbox.noted("cursor");
        let mut arriving = PLATFORM.arriving.lock().await;
        while let Some(event) = arriving.recv().await {
            assert!(!PLATFORM.panics.swap(false, Ordering::Relaxed), "as the test wants it");
            inbox.deliver(event).await?;
            inbox.note("cursor", PLATFORM.number.load(Ordering::Relaxed).to_string()).await?;
        }
        Ok(())
    }

    async fn send(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        if *PLATFORM.shut.lock() == Some(message.to.id.as_str()) {
            return Err(ChannelError::Later("their window is closed".to_owned()));
        }
        let id = EventId::new(PLATFORM.next());
        let sent = SentRef { chat: message.to.id.clone(), id };
        PLATFORM.sent.lock().push((message.clone(), sent.clone()));
        Ok(sent)
    }
}

impl Platform {
    fn next(&self) -> String {
        self.number.fetch_add(1, Ordering::Relaxed).to_string()
    }

    async fn happens(&self, event: InboundEvent) {
        self.events.send(event).await.unwrap();
    }

    async fn write(&self, from: &str, also: &[&str], text: &str) {
        let mut sender = sender(from);
        sender.also = also.iter().map(|id| SenderId::new(id).unwrap()).collect();
        let (id, at) = (EventId::new(self.next()), openclaw_plugin_sdk::now());
        let message = InboundMessage::new(id, direct(from), sender, at, text);
        self.happens(InboundEvent::Message(message)).await;
    }

    async fn react(&self, from: &str, on: &SentRef, emoji: &str) {
        let (id, conversation) = (EventId::new(self.next()), direct(from));
        let (on, emoji) = (on.clone(), emoji.to_owned());
        let sender = sender(from);
        let reaction = Reaction { id, conversation, sender, on, emoji, link: Link::Private };
        self.happens(InboundEvent::Reaction(reaction)).await;
    }

    /// Waits for so many messages like this to a chat; the last one.
    async fn shows(&self, to: &str, count: usize, is: impl Fn(&Body) -> bool) -> SentRef {
        for _ in 0..600 {
            let sent = self.sent.lock().clone();
            let like = |(message, _): &&(OutboundMessage, SentRef)| {
                message.to.id.as_str() == to && message.replaces.is_none() && is(&message.body)
            };
            let found: Vec<_> = sent.iter().filter(like).collect();
            if found.len() >= count {
                return found[count - 1].1.clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{count} such messages to {to}: {:?}", self.sent.lock())
    }

    fn count(&self) -> usize {
        self.sent.lock().len()
    }
}

fn sender(id: &str) -> Sender {
    Sender::new(SenderId::new(id).unwrap(), None, &[])
}

fn direct(id: &str) -> Conversation {
    Conversation::new(ChatId::new(id), ChatKind::Direct)
}

/// The reference that this message would have in another chat.
fn elsewhere(sent: &SentRef) -> SentRef {
    SentRef { chat: ChatId::new("2"), ..sent.clone() }
}

fn is_card(body: &Body) -> bool {
    matches!(body, Body::Card(_))
}

fn says(what: &'static str) -> impl Fn(&Body) -> bool {
    move |body| matches!(body, Body::Text(text) if text.to_plain().contains(what))
}

fn start_in(state: &StateDir) -> Start {
    let plugins = config::Plugins { channels: &[&PLUGIN], responders: registry::RESPONDERS };
    let env = |name: &str| match name {
        "TELEGRAM_BOT_TOKEN" => Some("1:a".to_owned()),
        "OPENCLAW_GATEWAY_PORT" => Some("0".to_owned()),
        _ => None,
    };
    let source = config::Source { flag: None, env: &env, state };
    let config = config::load(&source, plugins).unwrap();
    let load = Box::new(|| Err("never".to_owned()));
    let origin = Arc::new(Origin::new(
        state.config(),
        load,
        Arc::new(|| unreachable!("nothing is checked")),
    ));
    Start { config, state: state.clone(), origin, console: false, terminal: false }
}

fn running(state: &StateDir) -> Arc<Gateway> {
    let store = Store::new(state.clone(), |_, id| SenderId::new(id));
    store.start(world::now()).unwrap();
    let owner = Owner { channel: "telegram".to_owned(), sender: SenderId::new(OWNER).unwrap() };
    store.add_owner(&Approver::on_host(0), &owner, world::now()).unwrap();
    let (start, store) = (start_in(state), Arc::new(store));
    let entry = OpenPort::open(&start.config, (state, &store), world::now()).unwrap();
    let gateway = Arc::new(super::gateway(&start, &store, (entry, false)).unwrap());
    decisions::catch_up(&gateway);
    keep(&gateway);
    gateway
}

async fn stop(gateway: &Gateway) {
    gateway.stop.cancel();
    gateway.tracker.close();
    tokio::time::timeout(STOP_WITHIN, gateway.tracker.wait()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_channel_does_yet_goes_the_way_of_all_events() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::at(dir.path());
    let gateway = running(&state);
    let platform = &*PLATFORM;

    // The owner's chat takes a card only after they have written.
    *platform.shut.lock() = Some(OWNER);
    platform.write(GUEST, &[], "hello").await;
    platform.shows(GUEST, 1, says("Your id")).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    *platform.shut.lock() = None;
    platform.write(OWNER, &[], "here I am").await;
    let card = platform.shows(OWNER, 1, is_card).await;

    // It was taken, and is not delivered after all.
    let error = ChannelError::Later("their window is closed".to_owned());
    let first = card.clone();
    platform.happens(InboundEvent::Failed(SendFailed { sent: card, error })).await;
    platform.write(OWNER, &[], "here I am again").await;
    let card = platform.shows(OWNER, 2, is_card).await;
    platform.shows(OWNER, 2, says("here I am")).await;

    // A reaction decides where an owner puts 👍 or 👎 on the card as it stands, and nowhere else. case_014 case_121
    let before = platform.count();
    platform.react(OWNER, &first, "👍").await;
    platform.shows(OWNER, 1, says("does not show how it stands now")).await;
    platform.react(OWNER, &card, "🎉").await;
    platform.react(OWNER, &elsewhere(&card), "👍").await;
    platform.react(GUEST, &card, "👍").await;
    platform.react("99", &card, "👍").await;
    platform.write("99", &[], "hello").await;
    platform.shows("99", 1, says("Your id")).await;
    let waiting = gateway.store.waiting("telegram", world::now()).unwrap();
    let to_the_guest = platform.sent.lock()[before..]
        .iter()
        .filter(|(message, _)| message.to.id.as_str() == GUEST)
        .count();
    assert_eq!((waiting.len(), to_the_guest), (2, 0));
    platform.react(OWNER, &card, "👍🏽").await;
    platform.shows(GUEST, 1, says("access approved")).await;
    platform.shows(OWNER, 1, says("✅ Approved telegram sender 7")).await;
    platform.react(OWNER, &card, "👎").await;
    platform.shows(OWNER, 1, says("✅ Approved by you")).await;

    // An approval counts for the first who bears the id, and for no other.
    platform.write("700", &[GUEST], "the same person").await;
    platform.shows("700", 1, says("the same person")).await;
    platform.write("701", &[GUEST], "another person").await;
    platform.shows("701", 1, says("Your id")).await;

    // Notes outlive the gateway.
    assert_eq!(*platform.noted.lock(), None);
    stop(&gateway).await;
    drop(gateway);
    let gateway = running(&state);
    platform.write(OWNER, &[], "and once more").await;
    platform.shows(OWNER, 1, says("and once more")).await;
    assert!(platform.noted.lock().is_some());
    a_panic_is_noticed(&gateway, platform).await;
    stop(&gateway).await;
}

/// The account stops and says so, the gateway goes on, and the account begins anew where it is told to.
async fn a_panic_is_noticed(gateway: &Arc<Gateway>, platform: &Platform) {
    platform.panics.store(true, Ordering::Relaxed);
    platform.write(OWNER, &[], "panic").await;
    let account = gateway.accounts.on().into_iter().next().unwrap();
    for round in 0..600 {
        let status = account.status.get();
        if status.state == State::Stopped {
            assert!(status.last_error.unwrap().contains("restart the gateway"));
            break;
        }
        assert!(round < 599, "{status:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    account.again();
    platform.write(OWNER, &[], "after the panic").await;
    platform.shows(OWNER, 1, says("after the panic")).await;
    platform.shows(OWNER, 1, says("works again")).await;
}

//! A stand-in for a platform with a window in which a person may be written to, and for channels to it.

use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::{sync::mpsc, task::JoinSet};

use super::*;
use crate::{
    Abilities, Channel, ChatId, ChatKind, Conversation, EventId, InboundEvent, InboundMessage,
    Inbox, Ingress, Sender, SenderId, SentRef, Settings, SettingsError, TextLimit, TextUnit,
    contract::Seen, no_groups, now,
};

/// What the channel does with a message that the platform takes only later.
#[derive(Clone, Copy)]
enum Conduct {
    SaysLater,
    SaysUndeliverable,
    SendsAllTheSame,
    SaysLaterForEver,
}

/// What happens at the platform, and what it shows.
struct Platform {
    conduct: Conduct,
    events: mpsc::UnboundedSender<InboundEvent>,
    arriving: tokio::sync::Mutex<mpsc::UnboundedReceiver<InboundEvent>>,
    is_closed: AtomicBool,
    number: AtomicI64,
    seen: Mutex<Vec<Seen>>,
}

/// A platform by its number, which is all that stands in the settings of its channel.
struct StandIn(i64, Arc<Platform>);

static PLATFORMS: LazyLock<Mutex<HashMap<i64, Arc<Platform>>>> = LazyLock::new(Mutex::default);

static PLUGIN: ChannelPlugin = ChannelPlugin {
    id: "standin",
    label: "Stand-in",
    id_label: "standInUserId",
    id_line: "Your id",
    ingress: Ingress::Connect,
    text_limit: TextLimit { max: 100, unit: TextUnit::Chars },
    abilities: Abilities::NONE,
    keys: &["platform"],
    secret_keys: &[],
    env_keys: &[],
    login: None,
    manifest: None,
    parse_sender: SenderId::new,
    parse_group: no_groups,
    open,
};

#[expect(clippy::needless_pass_by_value, reason = "the signature of a plugin")]
fn open(settings: Settings) -> Result<Box<dyn Channel>, SettingsError> {
    let number = settings.table.get("platform").and_then(crate::toml::Value::as_integer);
    let platform = number.and_then(|number| PLATFORMS.lock().get(&number).cloned());
    platform
        .map(|platform| Box::new(ToPlatform(platform)) as Box<dyn Channel>)
        .ok_or_else(|| SettingsError::new("platform", "is no platform"))
}

struct ToPlatform(Arc<Platform>);

#[async_trait]
impl Channel for ToPlatform {
    async fn receive(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        inbox.connected();
        let mut arriving = self.0.arriving.lock().await;
        while let Some(event) = arriving.recv().await {
            inbox.deliver(event).await?;
        }
        Ok(())
    }

    async fn send(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        let later = || Err(ChannelError::Later("their window is closed".to_owned()));
        match (self.0.is_closed.load(Ordering::Acquire), self.0.conduct) {
            (true, Conduct::SaysUndeliverable) => {
                return Err(ChannelError::Undeliverable("their window is closed".to_owned()));
            }
            (true, Conduct::SaysLater | Conduct::SaysLaterForEver) => return later(),
            (false, Conduct::SaysLaterForEver) if self.0.number.load(Ordering::Acquire) > 1 => {
                return later();
            }
            _ => {}
        }
        let crate::Body::Text(text) = &message.body else {
            return Err(ChannelError::Undeliverable("no text".to_owned()));
        };
        let sent = SentRef { chat: message.to.id.clone(), id: EventId::new("1") };
        self.0.seen.lock().push(Seen { text: text.to_plain(), ..Seen::default() });
        Ok(sent)
    }
}

#[async_trait]
impl FakePlatform for StandIn {
    fn settings(&self) -> crate::toml::Table {
        [("platform".to_owned(), self.0.into())].into_iter().collect()
    }

    async fn happen(&self, event: Event) -> Happened {
        match event {
            Event::Direct(Person::Ann, text) => {
                self.1.is_closed.store(false, Ordering::Release);
                let number = self.1.number.fetch_add(1, Ordering::AcqRel);
                let (id, ann) = (EventId::new(number.to_string()), SenderId::new("ann").unwrap());
                let conversation = Conversation::new(ChatId::new("ann"), ChatKind::Direct);
                let sender = Sender::new(ann, None, &[]);
                let message = InboundMessage::new(id, conversation, sender, now(), text);
                self.1.events.send(InboundEvent::Message(message)).unwrap();
            }
            Event::WindowCloses => self.1.is_closed.store(true, Ordering::Release),
            _ => return Happened::Impossible,
        }
        Happened::Announced
    }

    async fn seen(&self) -> Vec<Seen> {
        self.1.seen.lock().clone()
    }

    fn fetched(&self) -> usize {
        0
    }

    fn keeps(&self) -> bool {
        false
    }
}

/// How the clause ends for a channel that behaves so: the words that it fails with.
async fn failure(conduct: Conduct) -> Option<String> {
    let (events, arriving) = mpsc::unbounded_channel();
    let platform = Arc::new(Platform {
        conduct,
        events,
        arriving: tokio::sync::Mutex::new(arriving),
        is_closed: AtomicBool::new(false),
        number: AtomicI64::new(0),
        seen: Mutex::default(),
    });
    let number = conduct as i64;
    PLATFORMS.lock().insert(number, Arc::clone(&platform));
    let mut clause = JoinSet::new();
    clause.spawn(async move {
        let mut bench = Bench::start(&PLUGIN, StandIn(number, platform)).await;
        what_is_allowed_only_later_is_later(&mut bench, &PLUGIN).await;
    });
    let failed = clause.join_next().await?.err()?.into_panic();
    Some(failed.downcast::<String>().map_or_else(|_| "no words".to_owned(), |words| *words))
}

#[tokio::test]
async fn a_channel_passes_that_says_later_and_sends_once_the_person_has_written() {
    assert_eq!(failure(Conduct::SaysLater).await, None);
}

#[tokio::test]
async fn a_channel_fails_that_drops_sends_or_never_sends_what_is_allowed_only_later() {
    for (conduct, words) in [
        (Conduct::SaysUndeliverable, "later, not Err(Undeliverable("),
        (Conduct::SendsAllTheSame, "later, not Ok("),
        (Conduct::SaysLaterForEver, "standin sends: Later("),
    ] {
        let failed = failure(conduct).await.unwrap();
        assert!(failed.contains(words), "{words}: {failed}");
    }
}

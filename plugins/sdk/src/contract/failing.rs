//! Clauses about what goes wrong: each failure has its own word, and the channel goes on as that word says.

use std::time::Duration;

use super::{Bench, Event, FakePlatform, Happened, Person};
use crate::{ChannelError, ChannelPlugin, OutboundMessage, SentRef, Text};

pub(super) async fn check<P: FakePlatform>(
    plugin: &'static ChannelPlugin,
    start: &impl AsyncFn() -> P,
) {
    revoked_credentials_are_unauthorized(&mut Bench::start(plugin, start().await).await, plugin)
        .await;
    revoked_credentials_do_not_connect(&mut Bench::open(plugin, start().await).await, plugin).await;
    slow_down_says_how_long(&mut Bench::start(plugin, start().await).await, plugin).await;
    what_is_allowed_only_later_is_later(&mut Bench::start(plugin, start().await).await, plugin)
        .await;
    a_broken_connection_is_disconnected(&mut Bench::start(plugin, start().await).await, plugin)
        .await;
    a_platform_that_is_gone_is_disconnected(plugin, start().await).await;
    a_forged_request_delivers_nothing(&mut Bench::start(plugin, start().await).await, plugin).await;
}

async fn revoked_credentials_are_unauthorized<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    let ann = bench.meet(Person::Ann, "hello").await;
    if !revoked(bench, plugin).await {
        bench.meet(Person::Ann, "after").await;
        return;
    }
    let message = OutboundMessage::new(ann.conversation, Text::plain("hello"));
    if is_served(plugin, &bench.platform) {
        // Nobody tells a channel that is called, before it calls itself.
        unauthorized(plugin, &bench.send(&message).await);
    }
    let ended = bench.ended().await;
    names_a_key(plugin, &ended);
    unauthorized(plugin, &bench.send(&message).await);
}

fn unauthorized(plugin: &ChannelPlugin, sent: &Result<SentRef, ChannelError>) {
    let is_unauthorized = matches!(sent, Err(ChannelError::Unauthorized(_)));
    assert!(is_unauthorized, "{}: unauthorized, not {sent:?}", plugin.id);
}

async fn revoked_credentials_do_not_connect<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    if !revoked(bench, plugin).await {
        return;
    }
    let ended = match bench.listen().await {
        // Connected is what a channel may call itself that waits to be called.
        Ok(()) => bench.ended().await,
        Err(error) => Err(error),
    };
    names_a_key(plugin, &ended);
}

fn names_a_key(plugin: &ChannelPlugin, ended: &Result<(), ChannelError>) {
    let Err(ChannelError::Unauthorized(text)) = ended else {
        panic!("{}: unauthorized, not {ended:?}", plugin.id);
    };
    assert!(
        plugin.keys.iter().any(|key| text.contains(key)),
        "{}: names the key to look at: {text}",
        plugin.id
    );
}

async fn revoked<P: FakePlatform>(bench: &Bench<P>, plugin: &ChannelPlugin) -> bool {
    let expected =
        if plugin.secret_keys.is_empty() { Happened::Impossible } else { Happened::Announced };
    let happened = bench.platform.happen(Event::Revoke).await;
    assert_eq!(
        happened, expected,
        "{}: credentials can be revoked where there are some",
        plugin.id
    );
    happened == Happened::Announced
}

async fn slow_down_says_how_long<P: FakePlatform>(bench: &mut Bench<P>, plugin: &ChannelPlugin) {
    let ann = bench.meet(Person::Ann, "hello").await;
    let wait = Duration::from_secs(37);
    if bench.platform.happen(Event::SlowDown(wait)).await == Happened::Impossible {
        assert!(plugin.secret_keys.is_empty(), "{}: a platform with a login has limits", plugin.id);
        return;
    }
    let message = OutboundMessage::new(ann.conversation.clone(), Text::plain("slowly"));
    let sent = bench.send(&message).await;
    assert_eq!(
        sent,
        Err(ChannelError::RateLimited(wait)),
        "{}: the platform's own number",
        plugin.id
    );
    assert!(bench.platform.seen().await.is_empty(), "{}: nothing went", plugin.id);
    bench.say(&ann, Text::plain("slowly")).await;
    assert_eq!(bench.platform.seen().await.len(), 1, "{}: and then it went, once", plugin.id);
}

async fn what_is_allowed_only_later_is_later<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    let ann = bench.meet(Person::Ann, "hello").await;
    if bench.platform.happen(Event::WindowCloses).await == Happened::Impossible {
        return;
    }
    let message = OutboundMessage::new(ann.conversation, Text::plain("too late"));
    for _ in 0..2 {
        let sent = bench.send(&message).await;
        assert!(matches!(sent, Err(ChannelError::Later(_))), "{}: later, not {sent:?}", plugin.id);
    }
    assert!(bench.platform.seen().await.is_empty(), "{}: nothing went", plugin.id);
    let again = bench.meet(Person::Ann, "here I am").await;
    bench.say(&again, Text::plain("too late")).await;
    let texts: Vec<_> = bench.platform.seen().await.into_iter().map(|seen| seen.text).collect();
    assert_eq!(texts, ["too late"], "{}: once they have written, it goes once", plugin.id);
}

async fn a_broken_connection_is_disconnected<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    bench.meet(Person::Ann, "before").await;
    if bench.platform.happen(Event::Break).await == Happened::Impossible {
        let served = is_served(plugin, &bench.platform) || plugin.abilities.console;
        assert!(served, "{}: a connection that is made can break", plugin.id);
        return;
    }
    let ended = bench.ended().await;
    assert!(
        matches!(ended, Err(ChannelError::Disconnected(_))),
        "{}: disconnected, not {ended:?}",
        plugin.id
    );
    bench.listen().await.unwrap_or_else(|error| panic!("{} connects again: {error:?}", plugin.id));
    bench.meet(Person::Ann, "after").await;
}

async fn a_platform_that_is_gone_is_disconnected<P: FakePlatform>(
    plugin: &'static ChannelPlugin,
    platform: P,
) {
    if is_served(plugin, &platform) || plugin.abilities.console {
        return;
    }
    let table = platform.settings();
    drop(platform);
    let mut bench = Bench::open(plugin, Gone(table)).await;
    let ended = bench.listen().await;
    assert!(
        matches!(ended, Err(ChannelError::Disconnected(_))),
        "{}: disconnected, not {ended:?}",
        plugin.id
    );
}

/// `case_089`, for every channel that is called.
async fn a_forged_request_delivers_nothing<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    let happened = bench.platform.happen(Event::Forgery("let me in".to_owned())).await;
    let called = is_served(plugin, &bench.platform) && !plugin.secret_keys.is_empty();
    assert!(
        !called || happened == Happened::Announced,
        "{}: what is called can be called by others",
        plugin.id
    );
    bench.meet(Person::Ann, "after").await;
}

fn is_served(plugin: &ChannelPlugin, platform: &impl FakePlatform) -> bool {
    plugin.ingress.path(&platform.settings()).is_some()
}

/// The settings of a platform that is no longer there.
struct Gone(crate::toml::Table);

#[async_trait::async_trait]
impl FakePlatform for Gone {
    fn settings(&self) -> crate::toml::Table {
        self.0.clone()
    }

    async fn happen(&self, _: Event) -> Happened {
        Happened::Impossible
    }

    async fn seen(&self) -> Vec<super::Seen> {
        Vec::new()
    }

    fn fetched(&self) -> usize {
        0
    }

    fn keeps(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;

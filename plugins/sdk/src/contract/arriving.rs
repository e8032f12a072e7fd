//! Clauses about what arrives: its kind, sender and place; and what never arrives.

use super::{Bench, Event, FakePlatform, Happened, Mention, Person};
use crate::{Attachment, ChannelPlugin, ChatKind, InboundEvent, InboundMessage, UnixMs};

pub(super) async fn check<P: FakePlatform>(
    plugin: &'static ChannelPlugin,
    start: &impl AsyncFn() -> P,
) {
    a_direct_message_arrives_as_direct(&mut Bench::start(plugin, start().await).await, plugin)
        .await;
    a_namesake_is_another_person(&mut Bench::start(plugin, start().await).await, plugin).await;
    a_group_message_arrives_as_group(&mut Bench::start(plugin, start().await).await, plugin).await;
    an_unknown_kind_of_chat_is_never_direct(&mut Bench::start(plugin, start().await).await, plugin)
        .await;
    what_is_no_message_is_none(&mut Bench::start(plugin, start().await).await, plugin).await;
    content_that_is_no_text_is_named_and_not_fetched(
        &mut Bench::start(plugin, start().await).await,
        plugin,
    )
    .await;
    a_reply_says_to_which_message(&mut Bench::start(plugin, start().await).await, plugin).await;
    a_reaction_names_our_message(&mut Bench::start(plugin, start().await).await, plugin).await;
    what_was_not_delivered_is_named(&mut Bench::start(plugin, start().await).await, plugin).await;
    quoted_text_stays_out(&mut Bench::start(plugin, start().await).await, plugin).await;
}

async fn a_direct_message_arrives_as_direct<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    let id = plugin.id;
    let first = bench.meet(Person::Ann, "hello, Ärger & <b>wonder</b> 😀").await;
    let second = bench.meet(Person::Ann, "hello").await;
    assert_eq!(first.conversation.kind, ChatKind::Direct, "{id}");
    assert_eq!(first.conversation, second.conversation, "{id}: one person, one conversation");
    assert_eq!(first.sender.id, second.sender.id, "{id}: one person, one id");
    assert_ne!(first.id, second.id, "{id}: each message has an id");
    assert_eq!(first.reply_to, None, "{id}: it answers nothing");
    assert_eq!(first.attachment, None, "{id}: it is a text");
    assert!(
        bench.tells_old_from_new(),
        "{id}: says what time it is there, or that it has caught up"
    );
    let read = (plugin.parse_sender)(first.sender.id.as_str());
    assert_eq!(read.as_ref(), Ok(&first.sender.id), "{id}: a sender id reads back as itself");
    for also in &first.sender.also {
        assert_ne!(also, &first.sender.id, "{id}: another id of the same person");
        let read = (plugin.parse_sender)(also.as_str());
        assert_eq!(read.as_ref(), Ok(also), "{id}: it reads back as itself, too");
    }
    assert!(first.sender.also.len() <= 4, "{id}: few further ids");
    assert_eq!(first.sender.also, second.sender.also, "{id}: one person, the same ids");
    let (from, to) = (UnixMs(1_577_836_800_000), UnixMs(4_102_444_800_000));
    assert!(
        (from..to).contains(&first.sent_at),
        "{id}: a time in milliseconds: {:?}",
        first.sent_at
    );
}

/// `case_080`, for every channel.
async fn a_namesake_is_another_person<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    let ann = bench.meet(Person::Ann, "it is me").await;
    let happened =
        bench.platform.happen(Event::Direct(Person::Namesake, "it is me".to_owned())).await;
    if plugin.abilities.console {
        assert_eq!(happened, Happened::Impossible, "{}: one console, one person", plugin.id);
        return;
    }
    assert_eq!(happened, Happened::Announced, "{}: two people can have one name", plugin.id);
    let namesake = bench.message().await;
    assert_ne!(ann.sender.id, namesake.sender.id, "{}: a name is no identity", plugin.id);
    assert_ne!(
        ann.conversation.id, namesake.conversation.id,
        "{}: nor are their conversations one",
        plugin.id
    );
}

async fn a_group_message_arrives_as_group<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    let id = plugin.id;
    let ann = bench.meet(Person::Ann, "hello").await;
    for mention in [Mention::Others, Mention::Us] {
        let happened = bench.platform.happen(Event::Group(mention, "you there".to_owned())).await;
        if !plugin.abilities.groups {
            assert_eq!(
                happened,
                Happened::Impossible,
                "{id}: the facts say that there are no groups"
            );
            continue;
        }
        assert_eq!(happened, Happened::Announced, "{id}: the facts say that there are groups");
        let message = bench.message().await;
        assert_eq!(message.conversation.kind, ChatKind::Group, "{id}");
        assert_ne!(message.conversation.id, ann.conversation.id, "{id}: a group is another place");
        assert_eq!(message.sender.id, ann.sender.id, "{id}: a person has one id everywhere");
        assert_eq!(message.mentions_us, mention == Mention::Us, "{id}: {mention:?}");
        assert!(
            message.text.ends_with("you there"),
            "{id}: what was written arrives: {}",
            message.text
        );
    }
}

/// `case_088`, for every channel: dropped, or delivered as what it is.
async fn an_unknown_kind_of_chat_is_never_direct<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    if bench.platform.happen(Event::UnknownChat("psst".to_owned())).await == Happened::Impossible {
        assert!(
            plugin.secret_keys.is_empty(),
            "{}: a platform with a login can grow new kinds",
            plugin.id
        );
        return;
    }
    bench.happen(Event::Direct(Person::Ann, "after".to_owned())).await;
    let mut message = bench.message().await;
    if message.text != "after" {
        assert_eq!(message.conversation.kind, ChatKind::Unknown, "{}: not guessed", plugin.id);
        message = bench.message().await;
    }
    assert_eq!(message.text, "after", "{}: and the next message arrives", plugin.id);
}

/// `case_092`, for every channel.
async fn what_is_no_message_is_none<P: FakePlatform>(bench: &mut Bench<P>, plugin: &ChannelPlugin) {
    let text = || "not for us".to_owned();
    let events = [
        Event::Echo(text()),
        Event::Bot(text()),
        Event::Edit(text()),
        Event::Join,
        Event::Reaction,
        Event::UnknownEvent,
    ];
    bench.meet(Person::Ann, "before").await;
    for event in events {
        let about = format!("{event:?}");
        let unknown = matches!(event, Event::UnknownEvent);
        if bench.platform.happen(event).await == Happened::Impossible {
            assert!(
                !unknown || plugin.abilities.console,
                "{}: any wire can grow new events",
                plugin.id
            );
            continue;
        }
        bench.happen(Event::Direct(Person::Ann, format!("after {about}"))).await;
        let message = bench.message().await;
        assert_eq!(message.text, format!("after {about}"), "{}: {about} is no message", plugin.id);
    }
}

/// `case_094`, for every channel.
async fn content_that_is_no_text_is_named_and_not_fetched<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    for kind in [Attachment::Picture, Attachment::Voice, Attachment::Sticker, Attachment::File] {
        let caption = if kind == Attachment::Sticker { "" } else { "look" };
        if bench.platform.happen(Event::Attachment(kind, caption.to_owned())).await
            == Happened::Impossible
        {
            continue;
        }
        let message = bench.message().await;
        assert_eq!(message.attachment, Some(kind), "{}", plugin.id);
        assert!(
            message.text.is_empty() || message.text == caption,
            "{}: a caption is the text",
            plugin.id
        );
        assert_eq!(message.conversation.kind, ChatKind::Direct, "{}", plugin.id);
    }
    bench.meet(Person::Ann, "after").await;
    assert_eq!(bench.platform.fetched(), 0, "{} fetches no file", plugin.id);
}

async fn a_reply_says_to_which_message<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    let ann = bench.meet(Person::Ann, "hello").await;
    let first = bench.say(&ann, crate::Text::plain("one")).await;
    let second = bench.say(&ann, crate::Text::plain("two")).await;
    assert_ne!(first, second, "{}: each message has a reference of its own", plugin.id);
    let happened = bench.platform.happen(Event::Reply(first.clone(), "yes".to_owned())).await;
    if !plugin.abilities.replies {
        assert_eq!(
            happened,
            Happened::Impossible,
            "{}: the facts say that there are no replies",
            plugin.id
        );
        return;
    }
    assert_eq!(
        happened,
        Happened::Announced,
        "{}: the facts say that there are replies",
        plugin.id
    );
    let reply = bench.message().await;
    assert_eq!(reply.reply_to, Some(first), "{}: the reference that `send` gave", plugin.id);
    assert_eq!(reply.text, "yes", "{}: the reply alone", plugin.id);
    assert_eq!(bench.meet(Person::Ann, "no reply").await.reply_to, None, "{}", plugin.id);
}

async fn a_reaction_names_our_message<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    let (id, ann) = (plugin.id, bench.meet(Person::Ann, "hello").await);
    let sent = bench.say(&ann, crate::Text::plain("one")).await;
    let event = Event::ReactionTo(sent.clone(), "👍".to_owned());
    let happened = bench.platform.happen(event).await;
    if !plugin.abilities.reactions {
        assert_eq!(happened, Happened::Impossible, "{id}: the facts say that none arrives");
        return;
    }
    match bench.event().await {
        InboundEvent::Reaction(it) => {
            assert_eq!((it.on, it.emoji.as_str()), (sent, "👍"), "{id}");
            assert_eq!(it.sender.id, ann.sender.id, "{id}: a person has one id everywhere");
            assert_eq!(it.conversation, ann.conversation, "{id}");
        }
        other => panic!("{id}: a reaction, not {other:?}"),
    }
}

async fn what_was_not_delivered_is_named<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    let ann = bench.meet(Person::Ann, "hello").await;
    let sent = bench.say(&ann, crate::Text::plain("one")).await;
    let event = Event::Undelivered(sent.clone());
    if bench.platform.happen(event).await == Happened::Impossible {
        return;
    }
    match bench.event().await {
        InboundEvent::Failed(failed) => assert_eq!(failed.sent, sent, "{}", plugin.id),
        other => panic!("{}: that a message failed, not {other:?}", plugin.id),
    }
}

/// `case_095`, for every channel.
async fn quoted_text_stays_out<P: FakePlatform>(bench: &mut Bench<P>, plugin: &ChannelPlugin) {
    let quote =
        Event::Quote { text: "see above".to_owned(), quoted: "STRANGER'S WORDS".to_owned() };
    if bench.platform.happen(quote).await == Happened::Impossible {
        assert!(
            !plugin.abilities.replies || plugin.secret_keys.is_empty(),
            "{}: replies quote",
            plugin.id
        );
        return;
    }
    let event = bench.event().await;
    let InboundEvent::Message(InboundMessage { text, .. }) = &event else {
        panic!("{}: {event:?}", plugin.id)
    };
    assert_eq!(text, "see above", "{}", plugin.id);
    assert!(
        !format!("{event:?}").contains("STRANGER'S WORDS"),
        "{}: a quoted text is nowhere",
        plugin.id
    );
}

//! What leaves, where to, and what is heard of servers.
#![allow(clippy::expect_used, clippy::panic, reason = "a failed set-up fails the test")]

mod fake;

use std::time::Duration;

use fake::{ANN, ChannelKind, FakeDiscord, GUILD, NAMESAKE, ROOM, THREAD, person};
use openclaw_plugin_sdk::{
    AccountId, Attachment, Body, Button, Card, Channel, ChannelError, ChatId, ChatKind,
    Conversation, Image, OutboundMessage, Settings, Text, ThreadId, async_trait,
    contract::{Bench, Event, FakePlatform, Happened, Person, Seen},
    toml,
};
use serde_json::json;

async fn bench() -> Bench<FakeDiscord> {
    Bench::start(&channel_discord::PLUGIN, FakeDiscord::start().await).await
}

fn to_ann(body: impl Into<Body>) -> OutboundMessage {
    OutboundMessage::new(Conversation::new(ChatId::new(ANN), ChatKind::Direct), body)
}

fn opened(table: toml::Table) -> Box<dyn Channel> {
    let account = AccountId::default_account();
    let settings = Settings { account, table, key: [0; 32], commands: Vec::new() };
    (channel_discord::PLUGIN.open)(settings).expect("it opens")
}

fn image() -> Image {
    Image { png: b"\x89PNG...".to_vec(), caption: Text::plain("scan @everyone") }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_has_not_written_can_be_written_to() {
    let fake = FakeDiscord::start().await;
    fake.with(|state| state.people.insert(ANN.to_owned()));
    let channel = opened(fake.settings());
    for text in ["one", "two"] {
        channel.send(&to_ann(Text::plain(text))).await.expect("it goes");
    }
    let opened = |call: &(String, serde_json::Value)| call.0 == "POST users/@me/channels";
    assert_eq!(fake.with(|state| state.calls.iter().filter(|call| opened(call)).count()), 1);
    assert_eq!(fake.seen().await[0].chat, Some(ChatId::new(ANN)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_takes_nothing_from_the_bot_is_told_apart() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| state.blocked.insert(ANN.to_owned()));
    let refused = bench.send(&to_ann(Text::plain("hello"))).await;
    let Err(ChannelError::Undeliverable(text)) = &refused else {
        panic!("undeliverable, not {refused:?}")
    };
    assert!(text.contains("share a server"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_111_nothing_that_is_sent_mentions_a_person() {
    let mut bench = bench().await;
    let ann = bench.meet(Person::Ann, "hello").await;
    let text = Text::plain("@everyone @here <@1> <@&2> **bold** ").code("<@3>");
    let sent = bench.say(&ann, text.clone()).await;
    bench.say(&ann, Body::Image(image())).await;
    let mut edit = to_ann(text.clone());
    edit.replaces = Some(sent);
    bench.send(&edit).await.expect("it goes");
    bench.say(&ann, Text::plain("*".repeat(2000))).await;
    let calls = bench.platform.with(|state| state.calls.clone());
    let bodies: Vec<_> = calls.iter().filter(|(_, body)| body["content"].is_string()).collect();
    assert_eq!(bodies.len(), 4);
    for (call, body) in bodies {
        assert_eq!(body["allowed_mentions"]["parse"], json!([]), "{call}");
        assert_eq!(body["allowed_mentions"]["users"], json!([]), "{call}");
        assert_eq!(body["allowed_mentions"]["replied_user"], false, "{call}");
    }
    let seen = bench.platform.seen().await;
    assert_eq!(seen[0].text, text.to_plain(), "and nothing that is marked is obeyed");
    assert_eq!(seen[2].text, "*".repeat(2000));
}

#[tokio::test(flavor = "multi_thread")]
async fn case_049_a_picture_that_is_replaced_is_gone() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    let sent = bench.send(&to_ann(Body::Image(image()))).await.expect("it goes");
    for (body, picture) in [(Body::Text(Text::plain("used")), false), (Body::Image(image()), true)]
    {
        let mut new = to_ann(body);
        new.replaces = Some(sent.clone());
        assert_eq!(bench.send(&new).await, Ok(sent.clone()));
        let seen = bench.platform.seen().await;
        assert_eq!((seen.len(), seen[0].image.is_some()), (1, picture));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_takes_the_buttons_away_in_so_many_words() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    let button = Button { label: "Yes".to_owned(), data: "a:1".to_owned() };
    let card = Card { title: "In?".to_owned(), buttons: vec![vec![button]], ..Card::default() };
    let sent = bench.send(&to_ann(card)).await.expect("it goes");
    let mut edit = to_ann(Card { title: "Approved.".to_owned(), ..Card::default() });
    edit.replaces = Some(sent);
    bench.send(&edit).await.expect("it goes");
    let (_, body) = bench.platform.with(|state| state.calls.last().cloned()).expect("a call");
    assert_eq!((&body["components"], &body["attachments"]), (&json!([]), &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn case_036_a_card_of_four_thousand_characters_does_not_lose_its_id() {
    let bench = bench().await;
    bench.platform.with(|state| state.people.insert(ANN.to_owned()));
    let fields = vec![("Name".to_owned(), Text::plain("x".repeat(4096)))];
    let card = Card { title: "A sender waits".to_owned(), fields, ..Card::default() };
    bench.refuses(&to_ann(card), "nothing is cut").await;
    let name = format!("{}`*_", "*".repeat(900));
    let fields = vec![
        ("Name".to_owned(), Text::plain(name.clone())),
        ("Id".to_owned(), Text::default().code(NAMESAKE)),
    ];
    let card = Card { title: "A sender waits".to_owned(), fields, ..Card::default() };
    bench.send(&to_ann(card)).await.expect("it goes");
    let text = bench.platform.seen().await.pop().expect("a card").text;
    assert!(text.contains(&name) && text.ends_with(&format!("Id: {NAMESAKE}")), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_094_a_strangers_voice_is_not_fetched() {
    let mut bench = bench().await;
    bench.happen(Event::Attachment(Attachment::Voice, "listen".to_owned())).await;
    bench.message().await;
    bench.meet(Person::Ann, "after").await;
    assert_eq!(bench.platform.fetched(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_belongs_to_its_channel_and_is_answered_in_itself() {
    let mut bench = bench().await;
    let ann = person(ANN, "Ann");
    for said in [true, false] {
        bench.platform.with(|state| state.no_channel_type = !said);
        bench.platform.write(&ChannelKind::Room, &ann, json!({ "content": "room" }));
        let room = bench.message().await.conversation;
        assert_eq!((room.id.as_str(), room.thread), (ROOM, None));
        bench.platform.write(&ChannelKind::Thread, &ann, json!({ "content": "thread" }));
        let asked = bench.message().await;
        let thread = asked.conversation.thread.as_ref().map(ThreadId::as_str);
        assert_eq!((asked.conversation.id.as_str(), thread), (ROOM, Some(THREAD)));
        let sent = bench.say(&asked, Text::plain("here")).await;
        let mut edit = OutboundMessage::new(asked.conversation.clone(), Text::plain("edited"));
        edit.replaces = Some(sent);
        bench.send(&edit).await.expect("it is edited there");
        let seen = bench.platform.seen().await.pop().expect("an answer");
        assert_eq!((seen.chat, seen.text.as_str()), (Some(ChatId::new(THREAD)), "edited"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_bucket_is_kept_to() {
    let mut bench = bench().await;
    let ann = bench.meet(Person::Ann, "hello").await;
    let limits = [
        ("x-ratelimit-bucket", "b"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset-after", "60.0"),
    ];
    bench.platform.with(|state| {
        state.headers = limits.map(|(name, value)| (name, value.to_owned())).to_vec();
    });
    bench.say(&ann, Text::plain("one")).await;
    let refused = bench.send(&to_ann(Text::plain("two"))).await;
    let Err(ChannelError::RateLimited(wait)) = refused else { panic!("limited, not {refused:?}") };
    assert!(wait > Duration::from_secs(50), "{wait:?}");
    assert_eq!(bench.platform.seen().await.len(), 1, "and Discord was not asked");
    let room = Conversation::new(ChatId::new(ROOM), ChatKind::Group);
    let elsewhere = OutboundMessage::new(room, Text::plain("elsewhere"));
    bench.send(&elsewhere).await.expect("another channel has a bucket of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_107_a_wrong_token_is_named_by_its_key_alone_and_no_error_has_a_url() {
    let fake = FakeDiscord::start().await;
    let mut table = fake.settings();
    table.insert("token".to_owned(), "MTk4.not.this-one".into());
    let refused = opened(table).send(&to_ann(Text::plain("x"))).await;
    let Err(ChannelError::Unauthorized(text)) = &refused else {
        panic!("unauthorized, not {refused:?}")
    };
    assert!(text.contains("`token`") && !text.contains("MTk4") && !text.contains("http"), "{text}");
    let mut table = fake.settings();
    table.insert("api_root".to_owned(), "http://127.0.0.1:1".into());
    let gone = opened(table).send(&to_ann(Text::plain("x"))).await;
    let Err(ChannelError::Disconnected(text)) = &gone else { panic!("disconnected, not {gone:?}") };
    assert!(
        !text.contains("MTk4") && !text.contains("127.0.0.1") && !text.contains("http"),
        "{text}"
    );
}

/// The servers that count, and what was heard of them.
async fn heard(guilds: &str) -> Vec<String> {
    let fake = FakeDiscord::start().await;
    let mut table = fake.settings();
    table.insert("guilds".to_owned(), guilds.parse::<toml::Table>().expect("a table").into());
    let mut bench = Bench::start(&channel_discord::PLUGIN, WithTable(fake, table)).await;
    let fake = &bench.platform.0;
    let ann = person(ANN, "Ann");
    let elsewhere =
        json!({ "content": "elsewhere", "guild_id": "800000000000000002", "channel_id": "5" });
    fake.write(&ChannelKind::Room, &ann, elsewhere);
    fake.write(&ChannelKind::Room, &ann, json!({ "content": "room" }));
    fake.write(&ChannelKind::Thread, &ann, json!({ "content": "thread" }));
    fake.write(
        &ChannelKind::Room,
        &ann,
        json!({ "content": "other room", "channel_id": "810000000000000002" }),
    );
    fake.command(&ChannelKind::Thread, &ann, "thread", "");
    fake.direct(ANN, "Ann", "direct");
    let mut heard = Vec::new();
    loop {
        let message = bench.message().await;
        heard.push(message.text);
        if message.conversation.kind == ChatKind::Direct {
            return heard;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_081_only_the_listed_servers_and_channels_are_heard() {
    let all = heard(&format!("[{GUILD}]")).await;
    assert_eq!(all, ["room", "thread", "other room", "/thread", "direct"]);
    let one = heard(&format!("[{GUILD}]\nchannels = ['{ROOM}']")).await;
    assert_eq!(one, ["room", "thread", "/thread", "direct"], "with the threads that hang on it");
    let thread = heard(&format!("[{GUILD}]\nchannels = ['{THREAD}']")).await;
    assert_eq!(thread, ["thread", "/thread", "direct"]);
    let none = heard("[800000000000000009]").await;
    assert_eq!(none, ["direct"]);
}

/// The fake, with another table.
struct WithTable(FakeDiscord, toml::Table);

#[async_trait]
impl FakePlatform for WithTable {
    fn settings(&self) -> toml::Table {
        self.1.clone()
    }

    async fn happen(&self, event: Event) -> Happened {
        self.0.happen(event).await
    }

    async fn seen(&self) -> Vec<Seen> {
        self.0.seen().await
    }

    fn fetched(&self) -> usize {
        self.0.fetched()
    }

    fn keeps(&self) -> bool {
        true
    }
}

//! What the contract does not ask of every channel: Telegram's own ways, on its wire.
#![expect(clippy::expect_used, reason = "a failed set-up fails the test")]

mod fake;

use std::time::Duration;

use fake::{ANN, FakeTelegram, GROUP, TOKEN};
use openclaw_plugin_sdk::{
    AccountId, Body, Button, Card, Channel, ChannelError, ChatId, ChatKind, Conversation, Image,
    InboundRef, OutboundMessage, Settings, Text,
    contract::{Bench, Event, FakePlatform, Happened, LIMIT, Mention, Person, Seen},
    http_client, toml,
};
use serde_json::json;

/// The scope of all private chats.
const EVERYONE: &str = "all_private_chats";

async fn bench() -> Bench<FakeTelegram> {
    Bench::start(&channel_telegram::PLUGIN, FakeTelegram::start().await).await
}

fn opened(table: toml::Table) -> Box<dyn Channel> {
    let commands = Vec::new();
    let settings =
        Settings { account: AccountId::default_account(), table, key: [0; 32], commands };
    (channel_telegram::PLUGIN.open)(settings).expect("it opens")
}

fn to_ann(body: impl Into<Body>) -> OutboundMessage {
    let to = Conversation::new(ChatId::new(ANN.to_string()), ChatKind::Direct);
    OutboundMessage::new(to, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_that_polls_is_named_and_polling_goes_on() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "before").await;
    // Acknowledged: the poll that did it waits by now.
    bench.platform.until("it polls", |state| state.updates.is_empty()).await;
    let other = http_client::local_client(LIMIT)
        .expect("a client")
        .post(format!("{}/bot{TOKEN}/getUpdates", bench.platform.root()));
    assert!(
        other.json(&json!({ "offset": 1 })).send().await.expect("it answers").status().is_success()
    );
    let Err(ChannelError::Contended(text)) = bench.ended().await else {
        panic!("it ends, recoverably")
    };
    assert!(text.contains("another program polls this bot"), "{text}");
    bench.listen().await.expect("it connects again");
    bench.happen(Event::Direct(Person::Ann, "after".to_owned())).await;
    while bench.message().await.text != "after" {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_of_another_program_is_removed_and_what_waits_is_kept() {
    let fake = FakeTelegram::start().await;
    fake.with(|state| state.webhook = true);
    fake.direct(ANN, "Ann", "I wrote before");
    let mut bench = Bench::start(&channel_telegram::PLUGIN, fake).await;
    assert_eq!(bench.message().await.text, "I wrote before");
    let calls = bench.platform.with(|state| state.calls.clone());
    let removed =
        calls.iter().find(|(method, _)| method == "deletewebhook").expect("it is removed");
    assert_ne!(removed.1["drop_pending_updates"], json!(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_touched_only_where_one_keeps_the_bot_from_polling() {
    let fake = FakeTelegram::start().await;
    fake.with(|state| state.keeps_webhook = true);
    let mut bench = Bench::start(&channel_telegram::PLUGIN, fake).await;
    bench.meet(Person::Ann, "it polls all the same").await;
    let called = |state: &mut fake::State, name: &str| {
        state.calls.iter().filter(|(method, _)| method == name).count()
    };
    assert_eq!(bench.platform.with(|state| called(state, "deletewebhook")), 0);
    bench.platform.with(|state| (state.webhook, state.broken) = (true, true));
    assert!(bench.ended().await.is_err());
    assert_eq!(bench.listen().await, Err(ChannelError::RateLimited(Duration::from_secs(30))));
    bench.platform.with(|state| state.keeps_webhook = false);
    bench.listen().await.expect("it is taken away");
    assert_eq!(bench.platform.with(|state| called(state, "deletewebhook")), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_set_only_where_others_are_listed() {
    let mut bench = bench().await;
    let set = |state: &mut fake::State| {
        state.calls.iter().filter(|(method, _)| method == "setmycommands").count()
    };
    bench.platform.until("they are listed", |state| state.commands.contains_key(EVERYONE)).await;
    bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| state.broken = true);
    assert!(bench.ended().await.is_err());
    bench.listen().await.expect("it connects again");
    bench.meet(Person::Ann, "hello").await;
    assert_eq!(bench.platform.with(set), 1, "after another connection");
    bench.stop().await;
    let mut bench = Bench::start(&channel_telegram::PLUGIN, bench.platform).await;
    bench.meet(Person::Ann, "hello").await;
    assert_eq!(bench.platform.with(set), 1, "after another start");
    bench.stop().await;
    bench.platform.with(|state| {
        // What may come again waits for nobody here.
        state.updates.clear();
        state.commands.clear();
    });
    let bench = Bench::start(&channel_telegram::PLUGIN, bench.platform).await;
    bench.platform.until("they are set anew", |state| state.commands.contains_key(EVERYONE)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_clock_of_telegrams_what_waited_is_told_by_its_order() {
    let fake = FakeTelegram::start().await;
    fake.with(|state| state.clock = fake::Clock::Silent);
    for number in 0..101 {
        fake.direct(ANN, "Ann", &number.to_string());
    }
    let mut bench = Bench::start(&channel_telegram::PLUGIN, fake).await;
    for number in 0..101 {
        assert_eq!(bench.inbox().ahead_by(), None);
        assert!(!bench.inbox().is_caught_up(), "before number {number}");
        assert_eq!(bench.message().await.text, number.to_string());
    }
    bench.meet(Person::Ann, "new").await;
    assert!(bench.inbox().is_caught_up());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_is_not_shown_all_of_a_group_says_how_to_mend_it() {
    let fake = FakeTelegram::start().await;
    fake.with(|state| state.private = true);
    let mut bench = Bench::start(&channel_telegram::PLUGIN, fake).await;
    let said = bench.inbox().mentions_only().expect("it says so");
    assert!(said.contains("/setprivacy") && said.contains("BotFather"), "{said}");
    bench.stop().await;
    bench.platform.with(|state| state.private = false);
    bench.listen().await.expect("it connects");
    assert_eq!(bench.inbox().mentions_only(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn polls_are_long_and_ask_for_messages_and_presses_only() {
    let bench = bench().await;
    bench.platform.until("a second poll", |state| polls(state).count() >= 2).await;
    let polls: Vec<_> = bench.platform.with(|state| polls(state).cloned().collect());
    assert_eq!(polls[0]["timeout"], 0, "the first shows whether it may poll at all");
    assert!(polls[1]["timeout"].as_u64() >= Some(10), "{}", polls[1]);
    for poll in polls {
        assert_eq!(poll["allowed_updates"], json!(["message", "callback_query"]));
    }
}

fn polls(state: &fake::State) -> impl Iterator<Item = &serde_json::Value> {
    state
        .calls
        .iter()
        .filter(|(method, _)| method == "getupdates")
        .map(|(_, parameters)| parameters)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_is_acknowledged_when_the_gateway_has_it_and_not_before() {
    let mut bench = bench().await;
    bench.happen(Event::Direct(Person::Ann, "one".to_owned())).await;
    let delivery = bench.delivery().await;
    assert_eq!(
        bench.platform.with(|state| state.updates.len()),
        1,
        "kept while the gateway writes"
    );
    assert!(delivery.done.send(()).is_ok(), "it waits");
    bench.platform.until("it is acknowledged", |state| state.updates.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_of_more_than_one_answer_comes_whole_and_in_order() {
    let fake = FakeTelegram::start().await;
    for number in 0..250 {
        fake.direct(ANN, "Ann", &number.to_string());
    }
    let mut bench = Bench::start(&channel_telegram::PLUGIN, fake).await;
    for number in 0..250 {
        assert_eq!(bench.message().await.text, number.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_finds_start_alone_and_an_owner_every_command() {
    let mut bench = bench().await;
    bench.platform.until("they are listed", |state| state.commands.contains_key(EVERYONE)).await;
    bench.meet(Person::Ann, "hello").await;
    bench.send(&to_ann(Text::plain("no card"))).await.expect("it goes");
    bench.platform.with(|state| {
        assert_eq!(state.commands.len(), 1);
        let start = json!([{ "command": "start", "description": "begin" }]);
        assert_eq!(state.commands[EVERYONE], start);
    });
    let card = Card {
        title: "A sender asks".to_owned(),
        fields: Vec::new(),
        footer: None,
        buttons: Vec::new(),
    };
    for _ in 0..2 {
        let mut message = to_ann(Text::default());
        message.body = card.clone().into();
        bench.send(&message).await.expect("it goes");
    }
    bench.platform.with(|state| {
        assert_eq!(state.commands.len(), 2);
        let help = json!([{ "command": "help", "description": "Says what can be done" }]);
        let of_ann = state.commands.iter().find(|(scope, _)| *scope != EVERYONE).expect("the chat");
        assert_eq!(*of_ann.1, help);
        let set = state.calls.iter().filter(|(method, _)| method == "setmycommands");
        assert_eq!(set.count(), 2, "once for each menu");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn text_goes_plain_where_its_html_is_not_understood() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| state.no_html = true);
    let text = Text::markdown("a < b & `AB<>CD`, **bold** [c](https://d.example/)");
    let sent = bench.send(&to_ann(text)).await.expect("it goes");
    let mut edit = to_ann(Text::plain("c > d"));
    edit.replaces = Some(sent);
    let texts = |seen: Vec<Seen>| seen.into_iter().map(|seen| seen.text).collect::<Vec<_>>();
    assert_eq!(texts(bench.platform.seen().await), ["a < b & AB<>CD, bold c (https://d.example/)"]);
    bench.send(&edit).await.expect("an edit goes too");
    let image = Image { png: b"\x89PNG...".to_vec(), caption: Text::plain("e < f") };
    bench.send(&to_ann(Body::Image(image))).await.expect("a caption goes too");
    assert_eq!(texts(bench.platform.seen().await), ["c > d", "e < f"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_link_is_looked_up_for_a_preview() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    bench.send(&to_ann(Text::plain("https://once.example/secret"))).await.expect("it goes");
    let calls = bench.platform.with(|state| state.calls.clone());
    let sent = calls.iter().find(|(method, _)| method == "sendmessage").expect("a call");
    assert_eq!(sent.1["link_preview_options"]["is_disabled"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_blocked_the_bot_gets_nothing_and_the_account_goes_on() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| state.blocked.insert(ANN));
    bench.refuses(&to_ann(Text::plain("hello?")), "a person who blocked the bot").await;
    bench.meet(Person::Namesake, "still here").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caption_over_its_own_limit_is_refused() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    let image =
        |length| Image { png: b"\x89PNG...".to_vec(), caption: Text::plain("x".repeat(length)) };
    bench.send(&to_ann(Body::Image(image(1024)))).await.expect("the limit itself goes");
    bench.refuses(&to_ann(Body::Image(image(1025))), "a caption over the limit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_follows_a_group_to_its_new_number() {
    let mut bench = bench().await;
    bench.happen(Event::Group(Mention::Us, "hello".to_owned())).await;
    let message = bench.message().await;
    bench.platform.with(|state| state.migrated = Some(GROUP - 1));
    let sent = bench.say(&message, Text::plain("hello, all")).await;
    assert_eq!(sent.chat.as_str(), (GROUP - 1).to_string(), "the reference names where it is");
    assert_eq!(bench.platform.seen().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_piece_card_and_picture_goes_to_the_topic_of_the_question() {
    let mut bench = bench().await;
    let from = fake::person(ANN, "Ann");
    let content = json!({ "text": "hi", "message_thread_id": 7, "is_topic_message": true });
    bench.platform.message(fake::private(ANN), from, content);
    let message = bench.message().await;
    let sent = bench.say(&message, Text::plain("first piece")).await;
    let mut further = OutboundMessage::new(message.conversation.clone(), Text::plain("second"));
    further.answers = Some(InboundRef::Further(message.id.clone()));
    bench.send(&further).await.expect("it goes");
    bench.say(&message, card()).await;
    let image = Image { png: b"\x89PNG...".to_vec(), caption: Text::plain("scan") };
    bench.say(&message, Body::Image(image)).await;
    let shown = |state: &mut fake::State| {
        state.messages.iter().map(|shown| (shown.topic, shown.answers)).collect::<Vec<_>>()
    };
    assert_eq!(bench.platform.with(shown), [(Some(7), None); 4]);
    let mut edit = OutboundMessage::new(message.conversation.clone(), Text::plain("better"));
    edit.replaces = Some(sent.clone());
    assert_eq!(bench.send(&edit).await, Ok(sent), "an edit stays where it is");
    bench.platform.with(|state| state.no_topics = true);
    bench.say(&message, Text::plain("the topic was deleted")).await;
    assert_eq!(bench.platform.with(shown).pop(), Some((None, None)), "then to the chat itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_049_a_picture_that_is_replaced_is_gone() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    let image = Image { png: b"\x89PNG...".to_vec(), caption: Text::plain("scan") };
    let sent = bench.send(&to_ann(Body::Image(image.clone()))).await.expect("it goes");
    let mut used = to_ann(Text::plain("used"));
    used.replaces = Some(sent.clone());
    let sent = bench.send(&used).await.expect("it is replaced");
    let shown = |seen: Vec<Seen>| {
        seen.into_iter().map(|seen| (seen.text, seen.image.is_some(), seen.id)).collect::<Vec<_>>()
    };
    assert_eq!(
        shown(bench.platform.seen().await),
        [("used".to_owned(), false, Some(sent.id.clone()))]
    );
    let mut again = to_ann(Body::Image(image));
    again.replaces = Some(sent);
    let sent = bench.send(&again).await.expect("and the other way round");
    assert_eq!(shown(bench.platform.seen().await), [("scan".to_owned(), true, Some(sent.id))]);
}

fn card() -> Card {
    let button = Button { label: "Yes".to_owned(), data: "a:1".to_owned() };
    Card { title: "Approve?".to_owned(), buttons: vec![vec![button]], ..Card::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_that_nobody_answers_loses_its_spinner() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    let sent = bench.send(&to_ann(card())).await.expect("it goes");
    bench.happen(Event::Press(Person::Ann, sent, "a:1".to_owned())).await;
    bench.press().await;
    bench.platform.until("the spinner ends", |state| state.open_presses.is_empty()).await;
    assert_eq!(bench.platform.seen().await.len(), 1, "without a word");
    bench.meet(Person::Ann, "and it goes on").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_a_press_stands_on_the_button_where_it_fits() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    let sent = bench.send(&to_ann(card())).await.expect("it goes");
    for (text, toast) in [("done".to_owned(), true), ("x".repeat(201), false)] {
        bench.happen(Event::Press(Person::Ann, sent.clone(), "a:1".to_owned())).await;
        let press = bench.press().await;
        let mut answer = to_ann(Text::plain(text.clone()));
        answer.answers = Some(InboundRef::Press(press.id));
        bench.send(&answer).await.expect("it goes");
        let seen = bench.platform.seen().await.pop().expect("something");
        assert_eq!((seen.text, seen.toast), (text, toast));
        assert!(
            bench.platform.with(|state| state.open_presses.is_empty()),
            "either way, the spinner ends"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_answers_a_press_edits_and_ends_the_spinner() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    let sent = bench.send(&to_ann(card())).await.expect("it goes");
    bench.happen(Event::Press(Person::Ann, sent.clone(), "a:1".to_owned())).await;
    let press = bench.press().await;
    let mut edit = to_ann(Card { title: "Approved.".to_owned(), ..Card::default() });
    edit.replaces = Some(sent);
    edit.answers = Some(InboundRef::Press(press.id));
    bench.send(&edit).await.expect("it goes");
    let seen = bench.platform.seen().await;
    assert_eq!((seen.len(), seen[0].text.as_str(), seen[0].buttons.len()), (1, "Approved.", 0));
    assert!(bench.platform.with(|state| state.open_presses.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn case_107_a_wrong_token_is_named_by_its_key_alone() {
    let fake = FakeTelegram::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    tokio::fs::write(&file, "7000001:AAF-not-this-one\n").await.expect("a file");
    let mut in_table = fake.settings();
    in_table.insert("bot_token".to_owned(), "7000001:AAF-not-this-one".into());
    let mut in_file = fake.settings();
    in_file.remove("bot_token");
    in_file.insert("token_file".to_owned(), file.display().to_string().into());
    for (table, key) in [(in_table, "`bot_token`"), (in_file, "`token_file`")] {
        let refused = opened(table).send(&to_ann(Text::plain("x"))).await;
        let Err(ChannelError::Unauthorized(text)) = &refused else {
            panic!("unauthorized, not {refused:?}")
        };
        assert!(text.contains(key) && !text.contains("AAF") && !text.contains("http"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_107_no_error_of_a_request_has_the_url_with_the_token() {
    let fake = FakeTelegram::start().await;
    let mut table = fake.settings();
    fake.with(|state| state.broken = true);
    let broken = opened(table.clone()).send(&to_ann(Text::plain("x"))).await;
    table.insert("api_root".to_owned(), "http://127.0.0.1:1".into());
    let gone = opened(table).send(&to_ann(Text::plain("x"))).await;
    for error in [broken, gone] {
        let Err(ChannelError::Disconnected(text)) = &error else {
            panic!("disconnected, not {error:?}")
        };
        assert!(
            !text.contains("AAF") && !text.contains("127.0.0.1") && !text.contains("http"),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_file_that_changes_counts_at_the_next_connection() {
    let fake = FakeTelegram::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    let mut table = fake.settings();
    table.remove("bot_token");
    table.insert("token_file".to_owned(), file.display().to_string().into());
    tokio::fs::write(&file, "7000001:AAF-not-this-one").await.expect("a file");
    let mut bench = Bench::open(&channel_telegram::PLUGIN, WithTable(fake, table)).await;
    assert!(matches!(bench.listen().await, Err(ChannelError::Unauthorized(_))));
    tokio::fs::write(&file, TOKEN).await.expect("a file");
    bench.listen().await.expect("it connects");
    bench.platform.0.direct(ANN, "Ann", "hello");
    assert_eq!(bench.message().await.text, "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_094_a_strangers_voice_is_not_fetched() {
    let mut bench = bench().await;
    bench
        .happen(Event::Attachment(openclaw_plugin_sdk::Attachment::Voice, "listen".to_owned()))
        .await;
    bench.message().await;
    bench.meet(Person::Ann, "after").await;
    let calls = bench.platform.with(|state| state.calls.clone());
    assert!(!calls.iter().any(|(method, _)| method == "getfile"), "{calls:?}");
    assert_eq!(bench.platform.fetched(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn telegrams_wish_to_wait_holds_for_polls_too() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "before").await;
    bench.platform.with(|state| state.slow_polls = Some(11));
    assert_eq!(bench.ended().await, Err(ChannelError::RateLimited(Duration::from_secs(11))));
    bench.listen().await.expect("it connects again");
}

/// The fake, with another table.
struct WithTable(FakeTelegram, toml::Table);

#[openclaw_plugin_sdk::async_trait]
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

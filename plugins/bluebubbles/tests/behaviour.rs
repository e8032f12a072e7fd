//! What the contract does not ask: webhooks of others, servers that are wrong or away, senders that nobody vouches for,
//! messages that come late, and secrets in what a server says.
#![allow(clippy::expect_used, clippy::panic, reason = "a failed set-up fails the test")]

mod fake;

use std::time::Duration;

use fake::{
    CALLBACK, Failing, FakeBlueBubbles, GROUP, PASSWORD, State, chat, direct, group, handle,
};
use openclaw_plugin_sdk::{
    ChannelError, ChatId, ChatKind, Conversation, EventId, InboundRef, Link, OutboundMessage, Text,
    contract::{Bench, FakePlatform, Person},
};
use serde_json::{Value, json};

async fn bench() -> Bench<FakeBlueBubbles> {
    with(|_| {}).await
}

/// A channel on a server that was changed so before.
async fn with(change: impl FnOnce(&mut State)) -> Bench<FakeBlueBubbles> {
    let fake = FakeBlueBubbles::start().await;
    fake.with(change);
    Bench::start(&channel_bluebubbles::PLUGIN, fake).await
}

fn to(name: &str, text: &str) -> OutboundMessage {
    let chat = Conversation::new(ChatId::new(handle(name)), ChatKind::Direct);
    OutboundMessage::new(chat, Text::plain(text))
}

fn event(state: &mut State, more: Value) -> String {
    let message = state.message("ann", direct("ann"), more);
    json!({ "type": "new-message", "data": message }).to_string()
}

/// Waits until so many calls of the server are answered: what they brought is durable.
async fn settled(bench: &Bench<FakeBlueBubbles>, calls: usize) {
    bench.platform.until("it is acknowledged", |state| state.answered.len() >= calls).await;
}

/// How `receive` ends where the server is so from the start.
async fn ends(change: impl FnOnce(&mut State)) -> ChannelError {
    let fake = FakeBlueBubbles::start().await;
    fake.with(change);
    let mut bench = Bench::open(&channel_bluebubbles::PLUGIN, fake).await;
    bench.listen().await.expect_err("it ends")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_wrong_stops_the_account_and_a_server_that_is_away_does_not() {
    let wrong = ends(State::revoke).await;
    let ChannelError::Unauthorized(text) = &wrong else { panic!("{wrong:?}") };
    assert!(text.contains("`password`") && !text.contains("mac-password"), "{text}");
    for (status, says) in [(404, "`server_url`"), (500, "answered 500"), (502, "502"), (504, "504")]
    {
        let away = ends(|state| state.refusal = Some((status, "", String::new()))).await;
        let ChannelError::Disconnected(text) = &away else { panic!("{status}: {away:?}") };
        assert!(text.contains(says), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_107_a_server_that_says_its_secrets_is_not_repeated() {
    let encoded = "GET /api/v1/server/info?password=mac-password-0001%2F%2520 failed";
    for said in [encoded.to_owned(), format!("no: {PASSWORD}")] {
        let error = ends(|state| state.refusal = Some((500, "Server Error", said))).await;
        let text = format!("{error} {error:?}");
        assert!(text.contains('…') && !text.contains("0001"), "{text}");
    }
    let mut bench = bench().await;
    let ann = bench.meet(Person::Ann, "hello").await;
    let proof = bench.platform.proof();
    let secret = proof.trim_start_matches("?secret=").to_owned();
    assert_eq!(secret.len(), 43, "{proof}");
    for said in [format!("{CALLBACK}{proof} is full"), format!("?password={PASSWORD}")] {
        let failing = Failing::Status(400, "Validation Error", said.clone());
        bench.platform.with(|state| state.failing.push_back(failing));
        let error = bench.send(&to("ann", "x")).await.expect_err("refused");
        let text = format!("{error} {error:?}");
        assert!(text.contains('…') && !text.contains(&secret) && !text.contains("0001"), "{text}");
        bench.platform.with(|state| state.no_webhooks = Some(said));
        bench.stop().await;
        bench.listen().await.expect("it connects");
        let shown = bench.inbox().limitation().expect("a limitation");
        assert!(shown.contains('…') && shown.contains("`callback_url`"), "{shown}");
        assert!(!shown.contains(&secret) && !shown.contains("0001"), "{shown}");
    }
    bench.say(&ann, Text::plain("it goes on")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_webhook_of_ours_is_left_and_those_of_others_stay() {
    let hook =
        |id, url: &str| fake::Webhook { id, url: url.to_owned(), events: vec!["*".to_owned()] };
    let others = ["http://127.0.0.1:9/other", "https://example.com/bluebubbles-webhook"];
    let before =
        [CALLBACK.to_owned(), format!("{CALLBACK}?password=abc"), format!("{CALLBACK}?secret=abc")];
    let mut bench = with(|state| {
        state.webhooks = before
            .iter()
            .chain(&others.map(str::to_owned))
            .zip(1..)
            .map(|(url, id)| hook(id, url))
            .collect();
    })
    .await;
    bench.meet(Person::Ann, "hello").await;
    let left = |bench: &Bench<FakeBlueBubbles>| bench.platform.with(|state| state.webhooks.clone());
    let once = left(&bench);
    assert_eq!(once[..2].iter().map(|it| it.url.as_str()).collect::<Vec<_>>(), others);
    assert_eq!(
        (once.len(), &once[2].events),
        (3, &vec!["new-message".to_owned(), "message-send-error".to_owned()])
    );
    assert!(once[2].url.starts_with(&format!("{CALLBACK}?secret=")), "ours");
    bench.stop().await;
    bench.listen().await.expect("it connects");
    assert_eq!(left(&bench).len(), 3, "and it is not registered twice");
    assert_eq!(bench.platform.with(|state| state.asked("POST", "webhook")), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_says_what_is_wrong_on_the_mac() {
    let mut bench = with(|state| state.account = None).await;
    bench.limited(Some("not signed in to iMessage")).await;
    bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| state.account = Some("ann@example.com".to_owned()));
    bench.stop().await;
    bench.listen().await.expect("it connects");
    bench.meet(Person::Ann, "hello again").await;
    bench.limited(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missed_comes_later_in_pages_each_once_and_a_bad_message_spoils_no_other() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "before").await;
    settled(&bench, 1).await;
    bench.stop().await;
    bench.platform.with(|state| {
        for number in 0..450 {
            // Every tenth is broken in its own way.
            let more = match number {
                n if n % 10 != 3 => json!({ "text": format!("number {number}") }),
                n if n % 20 == 3 => json!({ "text": "x", "handle": { "address": 7 } }),
                _ => json!({ "text": ["x"], "guid": null, "chats": "none" }),
            };
            state.message("ann", direct("ann"), more);
        }
    });
    let asked = bench.platform.with(|state| state.asked("POST", "message/query"));
    bench.listen().await.expect("it connects");
    for number in (0..450).filter(|number| number % 10 != 3) {
        assert_eq!(bench.message().await.text, format!("number {number}"));
    }
    bench.meet(Person::Ann, "after").await;
    assert_eq!(bench.platform.with(|state| state.asked("POST", "message/query")), asked + 46);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_wrong_leads_past_nothing() {
    let mut bench = bench().await;
    let future = json!({ "text": "from 2100", "dateCreated": 4_102_444_800_000_u64 });
    bench.platform.message("ann", direct("ann"), future);
    assert_eq!(bench.message().await.text, "from 2100");
    settled(&bench, 1).await;
    for (calls, text) in [(2, "one"), (3, "two")] {
        bench.stop().await;
        bench.platform.with(|state| state.message("ann", direct("ann"), json!({ "text": text })));
        bench.listen().await.expect("it connects");
        assert_eq!(bench.message().await.text, text);
        bench.meet(Person::Ann, "by a call").await;
        settled(&bench, calls).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_no_event_is_refused_or_ignored_and_the_next_one_arrives() {
    let mut bench = bench().await;
    let proof = bench.platform.proof();
    let good = bench.platform.with(|state| event(state, json!({ "text": "x", "error": 1 })));
    for (query, body, status) in [
        (proof.as_str(), "", 400),
        (&proof, &good[..good.len() / 2], 400),
        (&proof, "null", 200),
        (&proof, "[]", 200),
        (&proof, "{\"type\":7,\"data\":[]}", 200),
        (&proof, "{\"type\":\"new-message\"}", 200),
        (&proof, "{\"type\":\"new-message\",\"data\":{\"guid\":{},\"chats\":7}}", 200),
        (&proof, "{\"type\":\"message-send-error\",\"data\":{\"guid\":\"x\"}}", 200),
        (&proof, &format!("[{good},{{}}]"), 200),
        (&format!("{proof}x"), &good, 401),
        ("", &good, 401),
    ] {
        assert_eq!(bench.platform.request(query, body).await, status, "{query} {body}");
    }
    bench.meet(Person::Ann, "after").await;
    assert!(bench.platform.seen().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_that_is_too_long_is_passed_over_and_those_behind_it_come() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    settled(&bench, 1).await;
    bench.stop().await;
    bench.platform.with(|state| {
        for text in ["before", &"x".repeat(9 << 20), "behind it"] {
            state.message("ann", direct("ann"), json!({ "text": text }));
        }
    });
    bench.listen().await.expect("it connects again");
    for text in ["before", "behind it"] {
        assert_eq!(bench.message().await.text, text);
    }
    bench.meet(Person::Ann, "and on").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_104_what_is_too_long_is_not_looked_at_and_a_flood_takes_no_turn_of_the_server() {
    let mut bench = bench().await;
    let long = "x".repeat((512 << 10) + 1);
    assert_eq!(bench.platform.request(&bench.platform.proof(), &long).await, 413);
    let mut statuses = Vec::new();
    for _ in 0..300 {
        statuses.push(bench.platform.request("?secret=abc", "{}").await);
    }
    assert_eq!((statuses[0], statuses.contains(&429)), (401, true));
    bench.meet(Person::Ann, "by the same address").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_094_a_message_makes_no_call_whatever_it_carries() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "before").await;
    let calls = |bench: &Bench<FakeBlueBubbles>| bench.platform.with(|state| state.calls.len());
    let before = calls(&bench);
    let file = json!({ "guid": "at_0", "mimeType": "audio/amr", "totalBytes": 20_000_000 });
    bench.platform.message("eve", direct("eve"), json!({ "text": "", "attachments": [file] }));
    assert!(bench.message().await.attachment.is_some());
    bench.platform.message(
        "eve",
        group(),
        json!({ "text": "look", "balloonBundleId": "com.apple.x" }),
    );
    assert_eq!(bench.message().await.conversation.kind, ChatKind::Group);
    assert_eq!(calls(&bench), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn senders_that_apple_does_not_vouch_for_are_dropped_or_exposed() {
    let sms = || {
        let from = json!({ "address": handle("ann"), "service": "SMS" });
        json!({ "text": "by sms", "handle": from, "chats": [chat(&format!("SMS;-;{}", handle("ann")), 45, "")] })
    };
    let mut strict = bench().await;
    strict.platform.message("ann", direct("ann"), sms());
    strict.meet(Person::Ann, "by iMessage").await;
    let fake = Auto(FakeBlueBubbles::start().await);
    let mut all = Bench::start(&channel_bluebubbles::PLUGIN, fake).await;
    all.platform.0.message("ann", direct("ann"), sms());
    let it = all.message().await;
    assert_eq!((it.text.as_str(), it.link), ("by sms", Link::Exposed));
    let sent = all.say(&it, Text::plain("answer")).await;
    assert_eq!(sent.chat.as_str(), handle("ann"));
    let chat = all.platform.0.with(|state| state.sent[0].chat.clone());
    assert_eq!(chat, format!("iMessage;-;{}", handle("ann")), "nothing goes by SMS");
    let private = all.meet(Person::Ann, "by iMessage").await;
    assert_eq!(private.link, Link::Private);
    // A forged SMS draws nothing of theirs into plain text.
    all.platform.0.message("ann", direct("ann"), sms());
    assert_eq!(all.message().await.link, Link::Exposed);
    all.say(&private, Text::plain("a code")).await;
    let last = all.platform.0.with(|state| state.sent.last().map(|sent| sent.chat.clone()));
    assert_eq!(last.as_deref(), Some(&*format!("iMessage;-;{}", handle("ann"))));
}

/// A server whose senders are all heard.
struct Auto(FakeBlueBubbles);

#[openclaw_plugin_sdk::async_trait]
impl FakePlatform for Auto {
    fn settings(&self) -> openclaw_plugin_sdk::toml::Table {
        let mut table = self.0.settings();
        table.insert("service".to_owned(), "auto".into());
        table
    }

    async fn serve(&self, exchanges: tokio::sync::mpsc::Sender<openclaw_plugin_sdk::Exchange>) {
        self.0.serve(exchanges).await;
    }

    async fn happen(
        &self,
        event: openclaw_plugin_sdk::contract::Event,
    ) -> openclaw_plugin_sdk::contract::Happened {
        self.0.happen(event).await
    }

    async fn seen(&self) -> Vec<openclaw_plugin_sdk::contract::Seen> {
        self.0.seen().await
    }

    fn fetched(&self) -> usize {
        self.0.fetched()
    }

    fn keeps(&self) -> bool {
        self.0.keeps()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_111_a_text_with_markup_is_a_text_in_both_directions() {
    let mut bench = bench().await;
    let text = "<users/all> @everyone <at user_id=\"all\"></at> *b* [x](javascript:1)";
    let place = chat(&format!("iMessage;-;{}", handle("ann")), 45, text);
    bench.platform.message("ann", place, json!({ "text": text }));
    let ann = bench.message().await;
    assert_eq!((ann.text.as_str(), &ann.sender.name), (text, &None));
    bench.say(&ann, Text::plain(text).and(" code ").code("AB3D7X9K")).await;
    let seen = bench.platform.seen().await.pop().expect("a message");
    assert_eq!(seen.text, format!("{text} code AB3D7X9K"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_is_sent_one_after_the_other_each_with_a_mark_of_its_own() {
    let bench = bench().await;
    let [one, two] = ["one", "two"].map(|text| to("ann", text));
    let (one, two) = tokio::join!(bench.send(&one), bench.send(&two));
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    let marks = bench.platform.with(|state| {
        assert_eq!(state.most_sending, 1);
        let sent = state.calls.iter().filter(|(_, path, _)| path == "message/text");
        sent.map(|(.., body)| body["tempGuid"].clone()).collect::<Vec<_>>()
    });
    assert!(marks.len() == 2 && marks[0] != marks[1], "{marks:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_may_have_gone_is_not_sent_again_and_one_on_its_way_is_found() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| state.failing.push_back(Failing::Half));
    let lost = bench.send(&to("ann", "half")).await;
    let Err(ChannelError::Undeliverable(text)) = &lost else { panic!("{lost:?}") };
    assert!(text.contains("not known"), "{text}");
    bench.platform.with(|state| state.failing.push_back(Failing::Queued));
    let message = OutboundMessage { key: Some("key/0".to_owned()), ..to("ann", "queued") };
    let sent = bench.send(&message).await.expect("it went");
    let seen = bench.platform.seen().await;
    assert_eq!(seen.len(), 2, "each once");
    assert_eq!(seen[1].id.as_ref(), Some(&sent.id), "what the server calls it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_has_its_own_word_and_makes_no_busy_loop() {
    let bench = bench().await;
    let words = || "Failed to send message! See attached message error code.".to_owned();
    for (failing, lost) in [
        (Failing::Status(400, "Validation Error", words()), false),
        (Failing::Status(500, "iMessage Error", words()), false),
        (Failing::Status(500, "Server Error", words()), true),
        (Failing::Status(502, "", words()), true),
        (Failing::Status(404, "", words()), true),
    ] {
        bench.platform.with(|state| state.failing.push_back(failing.clone()));
        let texts = |state: &mut State| state.asked("POST", "message/text");
        let before = bench.platform.with(texts);
        let sent = bench.send(&to("ann", "x")).await;
        match sent {
            Err(ChannelError::Disconnected(_)) => assert!(lost, "{failing:?}"),
            Err(ChannelError::Undeliverable(_)) => assert!(!lost, "{failing:?}"),
            other => panic!("{failing:?}: {other:?}"),
        }
        assert_eq!(bench.platform.with(texts), before + 1, "one call");
    }
    bench.platform.with(|state| state.failing.push_back(Failing::Slow(37)));
    let sent = bench.send(&to("ann", "x")).await;
    assert_eq!(sent, Err(ChannelError::RateLimited(Duration::from_secs(37))));
    assert!(bench.platform.seen().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_shown_as_one_where_the_helper_is_there_and_goes_without_it_too() {
    let mut bench = bench().await;
    let ann = bench.meet(Person::Ann, "question").await;
    let mut answer = to("ann", "answer");
    answer.answers = Some(InboundRef::Message(ann.id.clone()));
    bench.send(&answer).await.expect("it goes");
    bench.platform.with(|state| state.helper = false);
    for _ in 0..2 {
        bench.send(&answer).await.expect("it goes");
    }
    let seen = bench.platform.seen().await;
    let answers: Vec<_> = seen.iter().map(|it| it.answers.clone()).collect();
    assert_eq!(answers, [Some(ann.id), None, None]);
    // It is found out once.
    let calls = bench.platform.with(|state| state.asked("POST", "message/text"));
    assert_eq!(calls, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_written_to_in_the_chat_that_the_mac_knows() {
    let mut bench = bench().await;
    bench.send(&to("owner", "at the very first")).await.expect("it goes");
    let place = |name: &str| format!("any;-;{}", handle(name));
    bench.platform.message("ann", chat(&place("ann"), 45, "ann"), json!({ "text": "hello" }));
    let ann = bench.message().await;
    bench.say(&ann, Text::plain("hello")).await;
    bench.platform.with(|state| state.chats.insert(place("owner")));
    bench.send(&to("owner", "as chats begin there")).await.expect("it goes");
    let chats = bench
        .platform
        .with(|state| state.sent.iter().map(|shown| shown.chat.clone()).collect::<Vec<_>>());
    assert_eq!(chats, [format!("iMessage;-;{}", handle("owner")), place("ann"), place("owner")]);
    let group = Conversation::new(ChatId::new("iMessage;+;chat0"), ChatKind::Group);
    bench
        .refuses(&OutboundMessage::new(group, Text::plain("x")), "a group that is not there")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_group_who_answers_us_means_us_however_we_wrote() {
    let mut bench = bench().await;
    let group_chat = Conversation::new(ChatId::new(GROUP), ChatKind::Group);
    bench.platform.message("ann", group(), json!({ "text": "among us" }));
    assert!(!bench.message().await.mentions_us);
    let sent =
        bench.send(&OutboundMessage::new(group_chat, Text::plain("here"))).await.expect("it goes");
    for (guid, means_us) in [(sent.id.as_str(), true), ("5C2E-OF-BOB", false)] {
        let more = json!({ "text": "well?", "threadOriginatorGuid": guid });
        bench.platform.message("ann", group(), more);
        let it = bench.message().await;
        assert_eq!(it.mentions_us, means_us, "{guid}");
        assert_eq!(it.reply_to.map(|on| on.id), Some(EventId::new(guid)));
    }
}

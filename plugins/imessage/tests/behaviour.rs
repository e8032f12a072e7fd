//! What the contract does not ask: programs that are too old, closed, wrong or dying, senders that nobody vouches for,
//! and messages that may have gone.
#![allow(clippy::expect_used, clippy::panic, reason = "a failed set-up fails the test")]

mod fake;

use std::time::Duration;

use fake::{Failing, FakeMessages, GROUP, State, by_sms, chat, group, handle};
use openclaw_plugin_sdk::{
    Body, Bytes, ChannelError, ChatId, ChatKind, Conversation, File, InboundRef, Link,
    OutboundMessage, Text,
    contract::{Bench, FakePlatform, LIMIT, Person},
};
use serde_json::{Value, json};

async fn bench() -> Bench<FakeMessages> {
    with(|_| {}).await
}

/// A channel on a Mac that was changed so before.
async fn with(change: impl FnOnce(&mut State)) -> Bench<FakeMessages> {
    let fake = FakeMessages::start().await;
    fake.with(change);
    let bench = Bench::start(&channel_imessage::PLUGIN, fake).await;
    bench.platform.until("it listens", |state| state.asked("watch.subscribe") > 0).await;
    bench
}

fn to(place: &str, text: &str) -> OutboundMessage {
    let kind = if place.contains(';') { ChatKind::Group } else { ChatKind::Direct };
    OutboundMessage::new(Conversation::new(ChatId::new(place), kind), Text::plain(text))
}

/// The parameters of the last message.
fn sent(bench: &Bench<FakeMessages>) -> Value {
    let calls = bench.platform.with(|state| state.calls.clone());
    let last = calls.into_iter().rev().find(|(method, _)| method == "send");
    last.expect("a message").1
}

/// How `receive` ends where the Mac is so from the start.
async fn ends(change: impl FnOnce(&mut State)) -> ChannelError {
    let fake = FakeMessages::start().await;
    fake.with(change);
    let mut bench = Bench::open(&channel_imessage::PLUGIN, fake).await;
    bench.listen().await.expect_err("it ends")
}

/// How the connection ends.
async fn lost(bench: &mut Bench<FakeMessages>) -> String {
    match bench.ended().await {
        Err(ChannelError::Disconnected(why)) => why,
        other => panic!("disconnected, not {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_is_started_with_what_it_needs_and_asked_nothing_that_it_does_not_know() {
    let mut bench = bench().await;
    let ann = bench.meet(Person::Ann, "hello").await;
    bench.say(&ann, Text::plain("hello, Ann")).await;
    assert_eq!(
        sent(&bench),
        json!({ "to": handle("ann"), "service": "imessage", "text": "hello, Ann", "allow_sms_fallback": false })
    );
    bench.send(&to(GROUP, "hello, all")).await.expect("it goes");
    assert_eq!(
        sent(&bench),
        json!({ "chat_guid": GROUP, "text": "hello, all", "allow_sms_fallback": false })
    );
    let (starts, calls) = bench.platform.with(|state| (state.starts.clone(), state.calls.clone()));
    assert_eq!(starts.iter().map(|(_, said)| said.as_str()).collect::<Vec<_>>(), ["rpc"]);
    let methods: Vec<_> = calls.iter().map(|(method, _)| method.as_str()).collect();
    assert_eq!(
        methods,
        [
            "status",
            "message.send_status",
            "messages.after",
            "messages.after",
            "messages.after",
            "watch.subscribe",
            "send",
            "send"
        ]
    );
    let names = "HOME LANG OLDPWD PATH PWD SHLVL SSH_AUTH_SOCK TMPDIR USER _";
    for line in bench.platform.environment().lines() {
        let name = line.split('=').next().unwrap_or_default();
        assert!(names.split(' ').any(|passed| passed == name), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_too_old_or_may_not_read_stops_the_account_and_says_what_to_do() {
    for (change, says) in [
        ((|state| state.version = "0.14.9") as fn(&mut State), "(0.14.9): `brew upgrade imsg`"),
        (|state| state.version = "", "too old: `brew upgrade imsg`"),
        (|state| state.old = true, "too old: `brew upgrade imsg`"),
        (|state| state.protocol = 2, "protocol 2, and this gateway protocol 1"),
        (|state| state.closed = true, "Full Disk Access"),
    ] {
        let error = ends(change).await;
        let ChannelError::Unauthorized(why) = &error else { panic!("{error:?}") };
        assert!(why.contains(says), "{why}");
    }
    assert!(with(|state| state.version = "1.0.0").await.inbox().limitation().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_stops_no_answer_to_what_is_sent() {
    let mut bench = bench().await;
    let ann = bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| {
        for number in 0..300 {
            let text = json!({ "text": format!("number {number}") });
            state.message("eve", chat(&format!("any;-;{}", handle("eve"))), text);
            let guid = state.rows.last().expect("a row")["guid"].clone();
            let guid = guid.as_str().expect("an id").to_owned();
            state.services.insert(guid, "iMessage");
        }
    });
    bench.say(&ann, Text::plain("an answer")).await;
    for number in 0..300 {
        assert_eq!(bench.message().await.text, format!("number {number}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_080_senders_that_apple_does_not_vouch_for_are_dropped_or_exposed() {
    let forged = |fake: &FakeMessages| {
        fake.message("ann", by_sms("ann"), json!({ "text": "by SMS" }));
        fake.message("ann", chat(&format!("RCS;-;{}", handle("ann"))), json!({ "text": "by RCS" }));
        for service in ["SMS", "imessage", ""] {
            fake.with(|state| {
                let place = chat(&format!("any;-;{}", handle("ann")));
                let text = if service.is_empty() { "unsaid" } else { service };
                let id = state.message("ann", place, json!({ "text": text }));
                if !service.is_empty() {
                    state.services.insert(id, service);
                }
            });
        }
    };
    let mut strict = bench().await;
    forged(&strict.platform);
    strict.meet(Person::Ann, "by iMessage").await;
    strict.limited(Some("does not say whether it was iMessage or SMS")).await;
    let mut all = Bench::start(&channel_imessage::PLUGIN, Auto(FakeMessages::start().await)).await;
    forged(&all.platform.0);
    for text in ["by SMS", "by RCS", "SMS", "imessage", "unsaid"] {
        let it = all.message().await;
        assert_eq!((it.text.as_str(), it.link), (text, Link::Exposed));
    }
    let it = all.meet(Person::Ann, "by iMessage").await;
    assert_eq!((it.link, it.conversation.kind), (Link::Private, ChatKind::Direct));
    all.platform.0.with(|state| {
        let id = state.message(
            "ann",
            chat(&format!("any;-;{}", handle("ann"))),
            json!({ "text": "vouched" }),
        );
        state.services.insert(id, "iMessage");
    });
    assert_eq!(all.message().await.link, Link::Private);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sms_is_answered_by_imessage_alone() {
    let mut all = Bench::start(&channel_imessage::PLUGIN, Auto(FakeMessages::start().await)).await;
    all.platform.0.message("ann", by_sms("ann"), json!({ "text": "by SMS" }));
    let it = all.message().await;
    all.say(&it, Text::plain("a code")).await;
    let chat = all.platform.0.with(|state| state.sent.last().expect("a message").chat.clone());
    assert_eq!(chat, format!("iMessage;-;{}", handle("ann")));
}

/// A Mac whose senders are all heard.
struct Auto(FakeMessages);

#[openclaw_plugin_sdk::async_trait]
impl FakePlatform for Auto {
    fn settings(&self) -> openclaw_plugin_sdk::toml::Table {
        let mut table = self.0.settings();
        table.insert("service".to_owned(), "auto".into());
        table.insert("db_path".to_owned(), "/srv/chat.db".into());
        table
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
async fn another_database_is_named_to_the_program() {
    let all = Bench::start(&channel_imessage::PLUGIN, Auto(FakeMessages::start().await)).await;
    let starts = all.platform.0.with(|state| state.starts.clone());
    assert_eq!(starts[0].1, "rpc --db /srv/chat.db");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_may_have_gone_is_not_sent_again_and_one_that_did_not_is() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    let delivery = |disposition: &str, retry_safe: bool| json!({ "disposition": disposition, "retry_safe": retry_safe, "detail": "no luck" });
    for (code, data, says) in [
        (-32001, delivery("may_have_completed", false), "not known"),
        (-32603, delivery("may_have_completed", false), "no luck"),
        (-32602, json!("invalid service"), "invalid service"),
        (-32003, Value::Null, "Internal error"),
    ] {
        bench.platform.with(|state| state.failing.push_back(Failing::Error(code, data)));
        let error = bench.send(&to(&handle("ann"), "x")).await;
        let Err(ChannelError::Undeliverable(why)) = &error else { panic!("{code}: {error:?}") };
        assert!(why.contains(says), "{why}");
    }
    for (code, data) in [(-32603, delivery("not_started", true)), (-32002, Value::Null)] {
        bench.platform.with(|state| state.failing.push_back(Failing::Error(code, data)));
        let error = bench.send(&to(&handle("ann"), "x")).await;
        assert!(matches!(error, Err(ChannelError::Disconnected(_))), "{code}: {error:?}");
    }
    bench.platform.with(|state| state.failing.push_back(Failing::Error(-32000, Value::Null)));
    let error = bench.send(&to(&handle("ann"), "x")).await;
    assert_eq!(error, Err(ChannelError::RateLimited(Duration::from_secs(1))));
    assert!(bench.platform.seen().await.is_empty());
    bench.meet(Person::Ann, "and it goes on").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_hangs_lets_a_new_program_send_the_next_one() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| state.failing.push_back(Failing::Hangs));
    let error = bench.send(&to(&handle("ann"), "hangs")).await;
    assert!(matches!(error, Err(ChannelError::Undeliverable(_))), "{error:?}");
    let error = bench.send(&to(&handle("ann"), "waits")).await;
    assert!(matches!(error, Err(ChannelError::Disconnected(_))), "{error:?}");
    let why = lost(&mut bench).await;
    assert!(why.contains("sends nothing until it is started again"), "{why}");
    bench.listen().await.expect("it starts again");
    bench.send(&to(&handle("ann"), "waits")).await.expect("it goes");
    assert_eq!(bench.platform.with(|state| state.starts.len()), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_never_answered_keeps_no_other_chat_waiting() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| state.failing.push_back(Failing::Silent));
    let (ann, bob) = (to(&handle("ann"), "hangs"), to(&handle("bob"), "goes on"));
    let others = async {
        bench.platform.until("it hangs", |state| state.failing.is_empty()).await;
        bench.send(&bob).await
    };
    tokio::select! {
        sent = bench.send(&ann) => panic!("nothing is said of it: {sent:?}"),
        sent = others => drop(sent.expect("it goes")),
    }
    let sent = bench.platform.with(|state| state.sent.last().cloned()).expect("a message");
    assert_eq!(sent.text, "goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_to_send_that_is_missing_stops_the_account_and_names_its_pane() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    let data =
        json!("AppleScript failed: Not authorized to send Apple events to Messages. (-1743)");
    bench.platform.with(|state| state.failing.push_back(Failing::Error(-32603, data)));
    let sent = bench.send(&to(&handle("ann"), "x")).await;
    let ended = bench.ended().await;
    for error in [sent.map(drop), ended] {
        let Err(ChannelError::Unauthorized(why)) = &error else { panic!("{error:?}") };
        assert!(why.contains("Automation, turn on Messages"), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_dies_ends_the_connection_and_says_how_and_the_next_one_is_heard() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    bench.platform.dies("cannot go on");
    let why = lost(&mut bench).await;
    assert_eq!(why, "iMessage: the program of `cli_path` ended with exit status: 3: cannot go on");
    bench.listen().await.expect("it starts again");
    bench.platform.with(|state| state.failing.push_back(Failing::Half));
    let error = bench.send(&to(&handle("ann"), "half")).await;
    let Err(ChannelError::Undeliverable(why)) = &error else { panic!("{error:?}") };
    assert!(why.contains("not known"), "{why}");
    lost(&mut bench).await;
    bench.listen().await.expect("it starts again");
    bench.meet(Person::Ann, "after").await;
    assert_eq!(bench.platform.seen().await.len(), 1, "once");
    let (id, _) = bench.platform.with(|state| state.starts[2].clone());
    bench.stop().await;
    let gone = async {
        // One that waits to be reaped has ended.
        while std::fs::read_to_string(format!("/proc/{id}/stat"))
            .is_ok_and(|it| !it.contains(") Z "))
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, gone).await.expect("it is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_takes_nothing_with_it() {
    let mut bench = bench().await;
    for noise in [
        "no JSON",
        "",
        "[]",
        "{\"jsonrpc\":\"2.0\",\"id\":\"unknown\",\"result\":{}}",
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700}}",
        "{\"method\":\"message\"}",
        "{\"method\":\"message\",\"params\":{\"message\":7}}",
        "{\"method\":\"message\",\"params\":{\"message\":{\"id\":-1,\"guid\":{}}}}",
    ] {
        bench.platform.with(|state| state.noise = Some(noise));
        bench.meet(Person::Ann, &format!("after {noise:?}")).await;
    }
    assert_eq!(bench.platform.with(|state| state.starts.len()), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_there_only_while_it_is_sent() {
    let mut bench = bench().await;
    let ann = bench.meet(Person::Ann, "hello").await;
    let file = File::new(Some("plan.pdf"), Bytes::from_static(b"%PDF-1.7"));
    bench.say(&ann, Body::File(file.clone())).await;
    let shown = bench.platform.with(|state| state.sent.last().expect("a file").clone());
    assert_eq!(shown.file, Some(("plan.pdf".to_owned(), b"%PDF-1.7".to_vec())));
    let path = sent(&bench)["file"].as_str().expect("a path").to_owned();
    let folder = bench.inbox().run_folder().expect("a folder").to_owned();
    assert!(path.starts_with(folder.to_str().expect("a path")), "{path}");
    // On another Mac it is not there.
    let gone = Failing::Error(-32602, json!("file not found"));
    bench.platform.with(|state| state.failing.push_back(gone));
    let message = OutboundMessage::new(ann.conversation, Body::File(file));
    bench.refuses(&message, "a file that is not there").await;
    assert_eq!(std::fs::read_dir(folder).expect("a folder").count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_shown_as_one_only_where_the_bridge_does_that() {
    for (ready, then) in [(true, true), (false, false), (true, false)] {
        let mut bench = with(|state| state.bridge = ready).await;
        bench.platform.with(|state| state.bridge = then);
        let ann = bench.meet(Person::Ann, "hello").await;
        let mut answer = OutboundMessage::new(ann.conversation.clone(), Text::plain("answer"));
        answer.answers = Some(InboundRef::Message(ann.id.clone()));
        bench.send(&answer).await.expect("it goes");
        let shown = bench.platform.with(|state| state.sent.clone());
        let expected = then.then(|| ann.id.to_string());
        assert_eq!((shown.len(), &shown[0].answers), (1, &expected), "{ready} {then}");
        let tried = bench.platform.with(|state| state.asked("send"));
        assert_eq!(tried, if ready && !then { 2 } else { 1 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_without_an_id_has_one_that_nothing_answers() {
    let mut bench = bench().await;
    let ann = bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| state.receipt = fake::Receipt::Row);
    let row = bench.say(&ann, Text::plain("one")).await;
    assert!(row.id.as_str().starts_with("row:"), "{row:?}");
    bench.platform.with(|state| state.receipt = fake::Receipt::Nothing);
    let [one, two] =
        [bench.say(&ann, Text::plain("x")).await, bench.say(&ann, Text::plain("y")).await];
    assert!(one.id.as_str().starts_with("unknown:") && one != two, "{one:?} {two:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_094_case_111_a_message_makes_no_call_and_its_marks_are_text() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "before").await;
    let before = bench.platform.with(|state| state.calls.len());
    let text = "<users/all> @everyone *b* [x](javascript:1)";
    let file = json!({ "mime_type": "image/png", "transfer_name": text, "original_path": "/x" });
    bench.platform.message(
        "eve",
        group(),
        json!({ "text": text, "attachments": [file], "sender_name": text }),
    );
    let eve = bench.message().await;
    assert_eq!((eve.text.as_str(), eve.sender.name.as_deref()), (text, None));
    assert_eq!(bench.platform.with(|state| state.calls.len()), before);
    bench.say(&eve, Text::plain(text).and(" code ").code("AB3D7X9K")).await;
    let seen = bench.platform.seen().await.pop().expect("a message");
    assert_eq!(seen.text, format!("{text} code AB3D7X9K"));
}

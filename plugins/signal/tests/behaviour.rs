//! What the contract does not ask of every channel: Signal's own ways, on the wire of signal-cli's daemon.
#![expect(clippy::expect_used, reason = "a failed set-up fails the test")]

mod fake;

use std::time::Duration;

use fake::{Failing, FakeSignal, GROUP, NUMBER, Shown, State, US, aci, group, number};
use openclaw_plugin_sdk::{
    AccountId, Attachment, Body, Bytes, ChannelError, ChatId, ChatKind, Conversation, File, Image,
    InboundEvent, InboundRef, Inbox, OutboundMessage, SenderId, Settings, Text,
    contract::{Bench, Event, FakePlatform, Mention, Person},
};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

async fn bench() -> Bench<FakeSignal> {
    Bench::start(&channel_signal::PLUGIN, FakeSignal::start().await).await
}

fn to(id: &str, kind: ChatKind, body: impl Into<Body>) -> OutboundMessage {
    OutboundMessage::new(Conversation::new(ChatId::new(id), kind), body)
}

fn to_ann(text: &str) -> OutboundMessage {
    to(&aci("ann"), ChatKind::Direct, Text::plain(text))
}

fn last(bench: &Bench<FakeSignal>) -> Shown {
    bench.platform.with(|state| state.messages.last().cloned()).expect("a message")
}

fn calls(state: &State, method: &str) -> usize {
    state.calls.iter().filter(|(called, _)| called == method).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn case_080_a_person_is_an_aci_and_their_number_stands_beside_it() {
    let mut bench = bench().await;
    let ann = bench.meet(Person::Ann, "hello").await;
    assert_eq!(ann.sender.id.as_str(), aci("ann"));
    assert_eq!(ann.sender.also, [SenderId::new(&number("ann")).expect("a number")]);
    bench.platform.envelope(
        "ann",
        json!({ "sourceNumber": null, "dataMessage": { "message": "no number" } }),
    );
    assert_eq!(bench.message().await.sender.also, []);
    bench
        .platform
        .envelope("ann", json!({ "sourceUuid": null, "dataMessage": { "message": "no ACI" } }));
    assert_eq!(bench.message().await.sender.id.as_str(), number("ann"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_takes_nothing_that_waits() {
    let fake = FakeSignal::start().await;
    fake.envelope("ann", json!({ "dataMessage": { "message": "hello" } }));
    let (account, commands) = (AccountId::default_account(), Vec::new());
    let settings =
        Settings { account: account.clone(), table: fake.settings(), key: [0; 32], commands };
    let channel = (channel_signal::PLUGIN.open)(settings).expect("it opens");
    let (connected, mut seen) = watch::channel(false);
    let inbox = Inbox::new(account, mpsc::channel(1).0, mpsc::channel(1).1, connected).for_trial();
    tokio::select! {
        ended = channel.receive(&inbox) => panic!("it ended: {ended:?}"),
        answered = seen.wait_for(|connected| *connected) => drop(answered.expect("it answers")),
    }
    assert_eq!(fake.with(|state| (state.waiting.len(), state.listener)), (1, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_signal_cli_has_handed_over_is_kept_until_it_is_durable() {
    let mut bench = bench().await;
    bench.platform.with(|state| state.lossy = true);
    bench.happen(Event::Direct(Person::Ann, "hold this".to_owned())).await;
    drop(bench.delivery().await);
    assert_eq!(bench.ended().await, Err(ChannelError::Held));
    bench.listen().await.expect("it connects again");
    bench.platform.direct("other", "and this");
    assert_eq!(bench.message().await.text, "hold this");
    assert_eq!(bench.message().await.text, "and this");
    bench.meet(Person::Ann, "and once is enough").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_105_an_event_that_comes_twice_is_one_and_two_senders_can_share_its_time() {
    let mut bench = bench().await;
    let ann = bench.meet(Person::Ann, "hello").await;
    let at: u64 =
        ann.id.as_str().rsplit_once(':').and_then(|(_, at)| at.parse().ok()).expect("a time");
    let same = |text: &str| json!({ "timestamp": at, "dataMessage": { "timestamp": at, "message": text } });
    bench.platform.envelope("ann", same("hello"));
    bench.platform.envelope("eve", same("at the same time"));
    let eve = bench.message().await;
    assert_eq!(eve.text, "at the same time");
    assert_ne!(eve.id, ann.id);
    bench.meet(Person::Ann, "after").await;
}

const REFUSED: &str =
    "Failed to send message: [403] Authorization failed! (AuthorizationFailedException)";

fn refuse_once(state: &mut State) {
    state.failing.push_back(Failing::Error(-32603, REFUSED, Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_one_person_does_not_stop_the_account() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    for words in [REFUSED, "NotRegisteredException: not registered"] {
        let failing = Failing::Error(-32603, words, Value::Null);
        bench.platform.with(|state| state.failing.push_back(failing));
        bench.refuses(&to_ann("hello"), "a refusal of one person").await;
        assert_eq!(
            bench.platform.with(|state| calls(state, "listDevices")),
            1,
            "the account is asked"
        );
        bench.platform.with(|state| state.calls.clear());
        let bob = to(&aci("bob"), ChatKind::Direct, Text::plain("x"));
        bench.send(&bob).await.expect("others are reached");
        bench.meet(Person::Ann, words).await;
    }
    assert_eq!(bench.inbox().limitation(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_unlinked_stops_the_account_and_names_its_key() {
    let mut bench = bench().await;
    let unauthorized = |ended: Result<(), ChannelError>| {
        let Err(ChannelError::Unauthorized(why)) = ended else { panic!("{ended:?}") };
        assert!(why.contains("`account`") && why.contains("channels login signal"), "{why}");
    };
    bench.platform.with(|state| {
        refuse_once(state);
        state.expelled = true;
    });
    bench.refuses(&to_ann("hello"), "it may be this person alone").await;
    unauthorized(bench.ended().await);
    unauthorized(bench.listen().await);
    bench.platform.with(|state| (state.unlinked, state.expelled) = (true, false));
    unauthorized(bench.listen().await);
    bench.platform.with(|state| state.single = true);
    bench.platform.with(|state| state.calls.clear());
    unauthorized(bench.listen().await);
    bench.platform.with(|state| (state.unlinked, state.single) = (false, false));
    bench.listen().await.expect("it is linked again");
    bench.meet(Person::Ann, "hello").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_of_one_account_has_no_list_and_needs_none() {
    let fake = FakeSignal::start().await;
    fake.with(|state| state.single = true);
    let mut bench = Bench::start(&channel_signal::PLUGIN, fake).await;
    let ann = bench.meet(Person::Ann, "hello").await;
    bench.say(&ann, Text::plain("hello")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_safety_number_that_has_changed_is_told_until_it_is_trusted() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    let untrusted =
        Failing::Error(-4, "Failed to send message due to untrusted identities", Value::Null);
    bench.platform.with(|state| state.failing.push_back(untrusted));
    bench.refuses(&to_ann("hello"), "a safety number that has changed").await;
    bench.limited(Some(&format!("the safety number of {}", aci("ann")))).await;
    bench
        .send(&to(&aci("bob"), ChatKind::Direct, Text::plain("x")))
        .await
        .expect("others are reached");
    bench.limited(Some("safety number")).await;
    let results = json!([{ "type": "IDENTITY_FAILURE" }]);
    bench.platform.with(|state| state.failing.push_back(Failing::Results(results)));
    bench.refuses(&to_ann("hello"), "the same, as a result").await;
    bench.send(&to_ann("hello")).await.expect("it is trusted");
    bench.limited(None).await;
    bench.meet(Person::Ann, "and the connection stood").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_captcha_is_told_and_nothing_is_sent_in_a_loop() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    let one = json!({ "type": "RATE_LIMIT_FAILURE", "token": "t", "retryAfterSeconds": 9 });
    let data = json!({ "response": { "results": [one] } });
    for failing in [
        Failing::Error(-5, "rate limit", data),
        Failing::Error(-6, "captcha rejected", Value::Null),
    ] {
        bench.platform.with(|state| state.storm = Some(failing));
        let before = bench.platform.with(|state| calls(state, "send"));
        bench.refuses(&to_ann("hello"), "a captcha").await;
        bench.limited(Some("captcha")).await;
        assert_eq!(bench.platform.with(|state| calls(state, "send")), before + 1);
    }
    bench.platform.with(|state| state.storm = None);
    bench.send(&to_ann("hello")).await.expect("it goes");
    bench.limited(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_has_heard_nothing_says_so_until_something_comes() {
    let mut bench = bench().await;
    bench.limited(Some("nothing heard since the start")).await;
    bench.platform.envelope("eve", json!({ "receiptMessage": { "isDelivery": true } }));
    bench.limited(None).await;
    bench.meet(Person::Ann, "hello").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_limits_is_passed_on_call_by_call() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| state.storm = Some(fake::slow_down(Duration::from_secs(9))));
    for _ in 0..3 {
        let sent = bench.send(&to_ann("hello")).await;
        assert_eq!(sent, Err(ChannelError::RateLimited(Duration::from_secs(9))));
    }
    assert_eq!(bench.platform.with(|state| calls(state, "send")), 3, "one call each");
    assert_eq!(bench.inbox().limitation(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_gone_is_not_sent_again() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| state.failing.push_back(Failing::Half));
    let sent = bench.send(&to_ann("once")).await;
    let Err(ChannelError::Undeliverable(why)) = &sent else { panic!("{sent:?}") };
    assert!(why.contains("whether the message was sent is not known"), "{why}");
    assert_eq!(bench.platform.with(|state| state.messages.len()), 1);
    for results in
        [json!([{ "type": "NETWORK_FAILURE" }]), json!([{ "type": "UNREGISTERED_FAILURE" }])]
    {
        let away = results[0]["type"] == "NETWORK_FAILURE";
        bench.platform.with(|state| state.failing.push_back(Failing::Results(results)));
        match bench.send(&to_ann("again")).await {
            Err(ChannelError::Disconnected(_)) if away => {}
            Err(ChannelError::Undeliverable(_)) if !away => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_at_the_address_is_named() {
    for (status, says) in
        [(404, "signal-cli-rest-api"), (421, "host and port"), (401, "lets nobody in")]
    {
        let fake = FakeSignal::start().await;
        fake.with(|state| state.status = Some(status));
        let mut bench = Bench::open(&channel_signal::PLUGIN, fake).await;
        let Err(ChannelError::Unauthorized(why)) = bench.listen().await else { panic!("{status}") };
        assert!(why.contains("`url`") && why.contains(says), "{why}");
    }
    let fake = FakeSignal::start().await;
    fake.with(|state| state.status = Some(503));
    let mut bench = Bench::open(&channel_signal::PLUGIN, fake).await;
    assert!(matches!(bench.listen().await, Err(ChannelError::Disconnected(_))));
}

/// In one thread, so that its time can be moved.
#[tokio::test]
async fn a_daemon_that_goes_silent_is_given_up() {
    let fake = FakeSignal::start().await;
    let (account, commands) = (AccountId::default_account(), Vec::new());
    let settings =
        Settings { account: account.clone(), table: fake.settings(), key: [0; 32], commands };
    let channel = (channel_signal::PLUGIN.open)(settings).expect("it opens");
    let (connected, mut seen) = watch::channel(false);
    let inbox = Inbox::new(account, mpsc::channel(1).0, mpsc::channel(1).1, connected);
    let waits = async {
        seen.wait_for(|connected| *connected).await.expect("it connects");
        while !inbox.is_caught_up() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(46)).await;
        tokio::time::resume();
    };
    let (ended, ()) = tokio::join!(channel.receive(&inbox), waits);
    let Err(ChannelError::Disconnected(why)) = &ended else { panic!("{ended:?}") };
    assert!(why.contains("went silent"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_too_long_is_left_out_and_takes_nothing_with_it() {
    let mut bench = bench().await;
    bench.platform.direct("eve", &"x".repeat(1 << 20));
    bench.platform.direct("ann", "beside it");
    assert_eq!(bench.message().await.text, "beside it");
    bench.platform.direct("eve", &"\u{1}".repeat(64 * 1024));
    assert_eq!(bench.message().await.text.len(), 64 * 1024, "the longest text of Signal arrives");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_115_an_event_of_another_account_is_nothing_and_is_told() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    let other = json!({ "account": "+15550009999", "dataMessage": { "message": "psst" } });
    bench.platform.envelope("ann", other);
    bench.limited(Some("is not linked")).await;
    bench.meet(Person::Ann, "and this").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_or_decrypted_takes_nothing_with_it() {
    let mut bench = bench().await;
    for noise in ["{\"account\":", "[]", "null", "{\"envelope\":{\"dataMessage\":7}}"] {
        bench.platform.with(|state| state.noise = Some(noise));
        bench.meet(Person::Ann, noise).await;
    }
    let exception = json!({ "message": "invalid", "type": "ProtocolInvalidMessageException" });
    let half = json!({ "exception": exception, "dataMessage": { "message": "half" } });
    bench.platform.envelope("ann", half);
    bench.meet(Person::Ann, "after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_115_what_is_old_is_told_by_the_clock_of_signal() {
    let fake = FakeSignal::start().await;
    fake.with(|state| state.behind = 7_200_000);
    let mut bench = Bench::start(&channel_signal::PLUGIN, fake).await;
    let sent = bench.meet(Person::Ann, "hello").await.sent_at;
    let ahead = bench.inbox().ahead_by().expect("a clock");
    assert!((7_199_000..7_260_000).contains(&ahead), "{ahead}");
    assert!(bench.inbox().now().0.abs_diff(sent.0) < 60_000, "by one clock");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_clock_of_signals_what_waited_is_told_by_its_order() {
    let fake = FakeSignal::start().await;
    fake.with(|state| state.timeless = true);
    let mut bench = Bench::start(&channel_signal::PLUGIN, fake).await;
    bench.meet(Person::Ann, "hello").await;
    assert_eq!(bench.inbox().ahead_by(), None);
    assert!(bench.inbox().is_caught_up());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_094_whatever_a_stranger_sends_nothing_is_asked_for() {
    let mut bench = bench().await;
    let before = bench.platform.with(|state| state.calls.len());
    for kind in [Attachment::Picture, Attachment::Voice, Attachment::Sticker, Attachment::File] {
        bench.happen(Event::Attachment(kind, "look".to_owned())).await;
        assert!(bench.message().await.files.is_empty());
    }
    bench.platform.message("eve", fake::reaction("👍", US, 1, false));
    assert!(matches!(bench.event().await, InboundEvent::Reaction(_)));
    bench.meet(Person::Ann, "see https://once.example/secret").await;
    assert_eq!(bench.platform.with(|state| state.calls.len()), before, "no call at all");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_111_markup_in_names_and_texts_arrives_as_it_is_and_mentions_nobody() {
    let mut bench = bench().await;
    let name = "<users/all> @everyone **x** \u{fffc}";
    bench
        .platform
        .envelope("eve", json!({ "sourceName": name, "dataMessage": { "message": name } }));
    let eve = bench.message().await;
    assert_eq!((eve.sender.name.as_deref(), eve.text.as_str()), (Some(name), name));
    assert!(!eve.mentions_us);
    bench.say(&eve, Text::plain(name)).await;
    let shown = last(&bench);
    assert_eq!((shown.text.as_str(), shown.styles.len()), (name, 0));
    let sent = bench.platform.with(|state| state.calls.last().cloned()).expect("a call").1;
    assert!(sent.get("mention").is_none() && sent.get("previewUrl").is_none(), "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_formatted_answer_has_its_styles_beside_it() {
    let mut bench = bench().await;
    let ann = bench.meet(Person::Ann, "hello").await;
    bench.say(&ann, Text::markdown("😀 **bold** ~~gone~~ *so* `code`")).await;
    let shown = last(&bench);
    assert_eq!(shown.text, "😀 bold gone so code");
    let styles = ["3:4:BOLD", "8:4:STRIKETHROUGH", "13:2:ITALIC", "16:4:MONOSPACE"];
    assert_eq!(shown.styles, styles);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_shows_our_copy_of_what_it_answers_and_nothing_without_one() {
    let mut bench = bench().await;
    let ann = bench.meet(Person::Ann, &"long ".repeat(100)).await;
    let mut answer = to_ann("yes");
    answer.answers = Some(InboundRef::Message(ann.id));
    bench.send(&answer).await.expect("it goes");
    let (author, _, text) = last(&bench).quote.expect("a quote");
    assert_eq!((author, text), (aci("ann"), "long ".repeat(40)));
    bench.stop().await;
    bench.platform.with(|state| state.lossy = true);
    let bench = Bench::start(&channel_signal::PLUGIN, bench.platform).await;
    bench.send(&answer).await.expect("it goes after a restart, too");
    assert_eq!(last(&bench).quote, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_answered_there_with_text_sign_picture_and_file() {
    let mut bench = bench().await;
    bench.happen(Event::Group(Mention::Us, "hello".to_owned())).await;
    let message = bench.message().await;
    assert_eq!(message.conversation.id.as_str(), GROUP);
    assert_eq!((message.text.as_str(), message.mentions_us), ("hello", true));
    let sent = bench.say(&message, Text::plain("hello, all")).await;
    assert_eq!(last(&bench).chat, GROUP);
    let reply = json!({ "message": "thanks", "groupInfo": group(), "quote": fake::quote(fake::sent_at(&sent), US, "x") });
    bench.platform.message("ann", reply);
    let reply = bench.message().await;
    assert_eq!((reply.reply_to, reply.mentions_us), (Some(sent.clone()), true));
    bench.send(&to(GROUP, ChatKind::Group, Body::Typing)).await.expect("it is shown");
    let image = Image { png: b"\x89PNG...".to_vec(), caption: Text::plain("scan") };
    bench.say(&message, Body::Image(image)).await;
    assert_eq!(last(&bench).file.expect("a file").0, "image/png;filename=image.png");
    let file = File::new(Some("my report.pdf"), Bytes::from_static(b"%PDF-1"));
    bench.say(&message, Body::File(file)).await;
    let (head, bytes) = last(&bench).file.expect("a file");
    assert_eq!(
        (head.as_str(), bytes.as_slice()),
        ("application/pdf;filename=my_report.pdf", &b"%PDF-1"[..])
    );
    bench.send(&OutboundMessage::removal(message.conversation, sent)).await.expect("it goes away");
    assert_eq!(bench.platform.with(|state| state.messages.len()), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_names_the_account() {
    let mut bench = bench().await;
    let ann = bench.meet(Person::Ann, "hello").await;
    bench.say(&ann, Text::plain("hello")).await;
    let calls = bench.platform.with(|state| state.calls.clone());
    assert!(calls.iter().all(|(_, params)| params["account"] == NUMBER), "{calls:?}");
    let lists = calls.iter().filter(|(method, _)| method == "listContacts").count();
    assert_eq!(lists, 1, "and we ask once who we are");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_on_signal_any_more_gets_nothing_and_the_account_goes_on() {
    let mut bench = bench().await;
    bench.platform.with(|state| state.gone.insert("bob".to_owned()));
    let bob = to(&aci("bob"), ChatKind::Direct, Text::plain("hello?"));
    bench.refuses(&bob, "a person who is not registered").await;
    bench
        .refuses(
            &to("AAAAAAAAAAAAAAAAAAAAAA==", ChatKind::Group, Text::plain("x")),
            "a group that we are not in",
        )
        .await;
    bench.meet(Person::Namesake, "still here").await;
}

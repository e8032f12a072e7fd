//! What Messages keeps: what comes late, twice or back, is too long, was taken away, or is of another database.
#![allow(clippy::expect_used, reason = "a failed set-up fails the test")]

mod fake;

use fake::{Failing, FakeMessages, State, US, chat, direct, handle, time};
use openclaw_plugin_sdk::{
    ChatId, ChatKind, Conversation, OutboundMessage, Text,
    contract::{Bench, Person},
    now,
};
use serde_json::json;

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

fn to(person: &str, text: &str) -> OutboundMessage {
    let chat = Conversation::new(ChatId::new(person), ChatKind::Direct);
    OutboundMessage::new(chat, Text::plain(text))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missed_comes_later_in_pages_each_once_and_a_bad_message_spoils_no_other() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "before").await;
    bench.stop().await;
    bench.platform.with(|state| {
        for number in 0..250 {
            // Every tenth is broken in its own way.
            let more = match number {
                n if n % 10 != 3 => json!({ "text": format!("number {number}") }),
                n if n % 20 == 3 => json!({ "text": "x", "sender": 7 }),
                _ => json!({ "text": ["x"], "guid": null, "chat_guid": {} }),
            };
            state.message("ann", direct("ann"), more);
        }
    });
    let asked = bench.platform.with(|state| state.asked("messages.after"));
    bench.listen().await.expect("it connects");
    for number in (0..250).filter(|number| number % 10 != 3) {
        assert_eq!(bench.message().await.text, format!("number {number}"));
    }
    bench.meet(Person::Ann, "after").await;
    // The mark is looked at, and then there are 25 pages, or one more where the last message before comes again.
    let asked = bench.platform.with(|state| state.asked("messages.after")) - asked;
    assert!((26..=27).contains(&asked), "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_137_neither_what_is_too_long_nor_what_was_taken_away_hides_what_comes_after() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "first").await;
    bench.platform.direct("eve", "last");
    assert_eq!(bench.message().await.text, "last");
    bench.stop().await;
    bench.platform.with(|state| {
        state.rows.pop();
        state.message("ann", direct("ann"), json!({ "text": "meanwhile" }));
        state.message("eve", direct("eve"), json!({ "text": "x".repeat(17 << 20) }));
        state.message("ann", direct("ann"), json!({ "text": "behind it" }));
    });
    bench.listen().await.expect("it connects");
    let mut heard = Vec::new();
    while heard.last().is_none_or(|text| text != "behind it") {
        heard.push(bench.message().await.text);
    }
    assert!(heard.ends_with(&["meanwhile".to_owned(), "behind it".to_owned()]), "{heard:?}");
    bench.platform.message("eve", direct("eve"), json!({ "text": "x".repeat(17 << 20) }));
    bench.meet(Person::Ann, "after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_before_the_first_start_or_in_another_database_is_left() {
    let mut bench = with(|state| {
        for number in 0..777 {
            state.message("eve", direct("eve"), json!({ "text": format!("old {number}") }));
            // Rows have gaps.
            state.skip(number % 5);
        }
        // One that is too long hides no end.
        state.message("eve", direct("eve"), json!({ "text": "x".repeat(17 << 20) }));
        state.message("eve", direct("eve"), json!({ "text": "old" }));
    })
    .await;
    bench.meet(Person::Ann, "first").await;
    bench.meet(Person::Ann, "second").await;
    bench.stop().await;
    bench.platform.with(State::restored);
    bench.platform.direct("ann", "meanwhile");
    bench.listen().await.expect("it connects");
    bench.limited(Some("not the one that was read before")).await;
    bench.meet(Person::Ann, "after").await;
    bench.meet(Person::Ann, "and after").await;
    bench.stop().await;
    bench.platform.direct("ann", "kept again");
    bench.listen().await.expect("it connects");
    bench.limited(None).await;
    assert_eq!(bench.message().await.text, "kept again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overflow_and_what_is_told_twice_lose_nothing_and_repeat_nothing() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "before").await;
    bench.platform.with(|state| {
        state.overflows = true;
        for text in ["one", "two", "three"] {
            state.message("ann", direct("ann"), json!({ "text": text }));
        }
    });
    for text in ["one", "two", "three"] {
        assert_eq!(bench.message().await.text, text);
    }
    let subscribed = bench.platform.with(|state| state.asked("watch.subscribe"));
    assert_eq!((subscribed, bench.platform.with(|state| state.starts.len())), (2, 1));
    bench.platform.with(|state| {
        let again = state.rows.last().expect("a row").clone();
        state.message("ann", direct("ann"), json!({ "text": "three", "guid": again["guid"] }));
    });
    bench.meet(Person::Ann, "after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_account_writes_to_itself_comes_back_and_is_no_message() {
    let mut bench = bench().await;
    let place = chat(&format!("iMessage;-;{US}"));
    for text in ["one", "two"] {
        bench.send(&to(US, text)).await.expect("it goes");
    }
    // The owner at the same account is heard.
    bench.platform.message("us", place, json!({ "text": "approve", "sender": US }));
    let own = bench.message().await;
    assert_eq!((own.text.as_str(), own.sender.id.as_str()), ("approve", US));
    // Late, twice, and without an answer that says that it went, it comes back all the same.
    let unsure = Failing::Error(-32001, json!({ "disposition": "may_have_completed" }));
    bench.platform.with(|state| {
        state.failing.push_back(unsure);
        for _ in 0..2 {
            state.own(&format!("iMessage;-;{US}"), "late");
        }
        state.message(
            "us",
            chat(&format!("iMessage;-;{US}")),
            json!({ "text": "late", "sender": US }),
        );
        state.message(
            "us",
            chat(&format!("iMessage;-;{US}")),
            json!({ "text": "late", "sender": US }),
        );
    });
    bench.refuses(&to(US, "told late"), "not known").await;
    let later = json!({
        "text": "told late", "sender": US, "destination_caller_id": US,
        "created_at": time(now().0 + 60_000),
    });
    bench.platform.message("us", chat(&format!("iMessage;-;{US}")), later);
    // What a person repeats is theirs.
    bench.send(&to(&handle("ann"), "yes")).await.expect("it goes");
    let again = json!({ "text": "yes", "created_at": time(now().0 + 5_000) });
    bench.platform.message("ann", direct("ann"), again);
    assert_eq!(bench.message().await.sender.id.as_str(), handle("ann"));
    bench.platform.direct("bob", "yes");
    assert_eq!(bench.message().await.sender.id.as_str(), handle("bob"));
}

//! Clauses about what leaves: once, whole, unchanged, to where it belongs, or refused.

use std::time::Duration;

use tokio::time::timeout;

use super::{Bench, FakePlatform, LIMIT, Person};
use crate::{
    Body, Card, ChannelPlugin, ChatId, ChatKind, Conversation, Image, InboundRef, OutboundMessage,
    Text, TextLimit, TextUnit,
};

pub(super) async fn check<P: FakePlatform>(
    plugin: &'static ChannelPlugin,
    start: &impl AsyncFn() -> P,
) {
    a_text_is_sent_once_and_unchanged(&mut Bench::start(plugin, start().await).await, plugin).await;
    a_formatted_answer_keeps_its_words(&mut Bench::start(plugin, start().await).await, plugin)
        .await;
    a_sign_that_we_write_is_no_message(&mut Bench::start(plugin, start().await).await, plugin)
        .await;
    a_person_is_written_to_by_their_id(&mut Bench::start(plugin, start().await).await, plugin)
        .await;
    an_answer_stands_below_its_question(&mut Bench::start(plugin, start().await).await, plugin)
        .await;
    a_text_over_the_limit_is_refused(&mut Bench::start(plugin, start().await).await, plugin).await;
    what_is_sent_again_with_its_key_is_shown_once(
        &mut Bench::start(plugin, start().await).await,
        plugin,
    )
    .await;
    a_card_shows_all_its_parts(&mut Bench::start(plugin, start().await).await, plugin).await;
    a_picture_arrives_byte_for_byte(&mut Bench::start(plugin, start().await).await, plugin).await;
    an_edit_takes_the_place_of_the_message(&mut Bench::start(plugin, start().await).await, plugin)
        .await;
    a_message_that_is_taken_away_is_gone(&mut Bench::start(plugin, start().await).await, plugin)
        .await;
    a_conversation_that_is_not_there_is_undeliverable(
        &mut Bench::start(plugin, start().await).await,
        plugin,
    )
    .await;
}

async fn a_text_is_sent_once_and_unchanged<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    let ann = bench.meet(Person::Ann, "hello").await;
    let text = Text::plain("1 < 2 & 3 > 2; *a* _b_ [c](d) `e` <b>f</b> &amp;\nsecond line 😀 ")
        .code("A&B<C>")
        .and(".");
    let sent = bench.say(&ann, text.clone()).await;
    assert_eq!(sent.chat, ann.conversation.id, "{}: into the same conversation", plugin.id);
    let seen = bench.platform.seen().await;
    let [seen] = seen.as_slice() else { panic!("{}: one message, not {seen:?}", plugin.id) };
    assert_eq!(seen.text, text.to_plain(), "{}", plugin.id);
    assert_eq!(seen.chat.as_ref(), Some(&sent.chat), "{}: where `send` says", plugin.id);
    assert_eq!(seen.id.as_ref(), Some(&sent.id), "{}: as `send` says", plugin.id);
    assert!(
        !seen.toast && seen.buttons.is_empty() && seen.image.is_none(),
        "{}: a text alone",
        plugin.id
    );
}

/// What an answer says is read in its order, whatever marks the platform has for it.
async fn a_formatted_answer_keeps_its_words<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    let ann = bench.meet(Person::Ann, "hello").await;
    bench.say(&ann, Text::markdown(ANSWER)).await;
    let seen = bench.platform.seen().await;
    let [seen] = seen.as_slice() else { panic!("{}: one message, not {seen:?}", plugin.id) };
    let mut rest = seen.text.as_str();
    for word in [
        "Plan",
        "bold",
        "italic",
        "gone",
        "code",
        "one",
        "two",
        "quoted",
        "fn main()",
        "tea",
        "12",
        "label",
        "press",
    ] {
        let Some((_, after)) = rest.split_once(word) else {
            panic!("{}: {word:?} stands in its place in {:?}", plugin.id, seen.text)
        };
        rest = after;
    }
    assert!(!seen.text.contains("javascript:"), "{}: nobody is led there", plugin.id);
}

async fn a_sign_that_we_write_is_no_message<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    let ann = bench.meet(Person::Ann, "hello").await;
    let typing = OutboundMessage::new(ann.conversation.clone(), Body::Typing);
    let Some(shown_for) = plugin.abilities.typing else {
        bench.refuses(&typing, "a sign where the facts say that there is none").await;
        return;
    };
    assert!(shown_for >= Duration::from_secs(1), "{}: nobody sees it", plugin.id);
    let sent = bench.send(&typing).await;
    assert!(sent.is_ok(), "{}: {sent:?}", plugin.id);
    let shown = timeout(LIMIT, async {
        while bench.platform.typed() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(shown.await.is_ok(), "{}: it is shown", plugin.id);
    assert_eq!(bench.platform.typed(), 1, "{}: once", plugin.id);
    assert_eq!(bench.platform.seen().await, [], "{}: no message", plugin.id);
    if !plugin.abilities.console {
        let nowhere = Conversation::new(ChatId::new("999999999"), ann.conversation.kind);
        let lost = bench.send(&OutboundMessage::new(nowhere, Body::Typing)).await;
        assert!(lost.is_err(), "{}: nobody is there", plugin.id);
    }
}

/// An owner who has not written since the start is known by the id alone.
async fn a_person_is_written_to_by_their_id<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    let ann = bench.meet(Person::Ann, "hello").await;
    let said = bench.say(&ann, Text::plain("one")).await;
    let chat = Conversation::new(ChatId::new(ann.sender.id.as_str()), ChatKind::Direct);
    let sent = bench.send(&OutboundMessage::new(chat, Text::plain("two"))).await;
    assert!(sent.is_ok(), "{}: a person's id is enough to write to them: {sent:?}", plugin.id);
    let seen = bench.platform.seen().await;
    let places: Vec<_> = seen.iter().map(|seen| seen.chat.clone()).collect();
    assert_eq!(places, [Some(said.chat.clone()), Some(said.chat)], "{}: the same chat", plugin.id);
}

async fn an_answer_stands_below_its_question<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    let ann = bench.meet(Person::Ann, "question").await;
    let mut answer = OutboundMessage::new(ann.conversation.clone(), Text::plain("answer"));
    answer.answers = Some(InboundRef::Message(ann.id.clone()));
    bench.send(&answer).await.unwrap_or_else(|error| panic!("{} answers: {error:?}", plugin.id));
    let seen = bench.platform.seen().await;
    let [seen] = seen.as_slice() else { panic!("{}: one message, not {seen:?}", plugin.id) };
    assert_eq!(seen.text, "answer", "{}", plugin.id);
    let expected = plugin.abilities.replies.then_some(ann.id);
    assert_eq!(
        seen.answers, expected,
        "{}: shown as an answer where the facts say that it can be",
        plugin.id
    );
}

async fn a_text_over_the_limit_is_refused<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    let ann = bench.meet(Person::Ann, "hello").await;
    let full = full(plugin.text_limit);
    bench.say(&ann, Text::plain(full.clone())).await;
    let seen: Vec<_> = bench.platform.seen().await.into_iter().map(|seen| seen.text).collect();
    assert_eq!(
        seen,
        std::slice::from_ref(&full),
        "{}: a text of exactly the limit goes whole",
        plugin.id
    );
    let over = OutboundMessage::new(ann.conversation, Text::plain(full + "x"));
    bench.refuses(&over, "a text over the limit").await;
}

/// A text of exactly the limit, of characters that bytes, scalar values and UTF-16 units count differently.
fn full(limit: TextLimit) -> String {
    let wide = match limit.unit {
        TextUnit::Bytes => 4,
        TextUnit::Chars => 1,
        TextUnit::Utf16 => 2,
    };
    "x".repeat(limit.max % wide) + &"😀".repeat(limit.max / wide)
}

async fn what_is_sent_again_with_its_key_is_shown_once<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    let ann = bench.meet(Person::Ann, "hello").await;
    let keyed = |text: &str, key: &str| {
        let message = OutboundMessage::new(ann.conversation.clone(), Text::plain(text));
        OutboundMessage { key: Some(key.to_owned()), ..message }
    };
    let mut sent = Vec::new();
    for (text, key) in [("once", "first-key"), ("once", "first-key"), ("other", "second-key")] {
        let one = bench.send(&keyed(text, key)).await;
        sent.push(one.unwrap_or_else(|error| panic!("{} sends: {error:?}", plugin.id)));
    }
    let texts: Vec<_> = bench.platform.seen().await.into_iter().map(|seen| seen.text).collect();
    let idempotent = plugin.abilities.idempotent;
    let expected: &[&str] =
        if idempotent { &["once", "other"] } else { &["once", "once", "other"] };
    assert_eq!(texts, expected, "{}: as the facts say", plugin.id);
    assert_eq!(sent[0] == sent[1], idempotent, "{}: the same message", plugin.id);
    assert_ne!(sent[1], sent[2], "{}: another key, another message", plugin.id);
}

async fn a_card_shows_all_its_parts<P: FakePlatform>(bench: &mut Bench<P>, plugin: &ChannelPlugin) {
    let ann = bench.meet(Person::Ann, "hello").await;
    let fields = vec![
        ("Name".to_owned(), Text::plain("<Ann> & co")),
        ("Code".to_owned(), Text::default().code("AB3D7X9K")),
    ];
    let footer = Some(Text::plain("Reply yes or no."));
    bench
        .say(
            &ann,
            Card { title: "A stranger asks".to_owned(), fields, footer, buttons: Vec::new() },
        )
        .await;
    let seen = bench.platform.seen().await;
    let [seen] = seen.as_slice() else { panic!("{}: one message, not {seen:?}", plugin.id) };
    let mut rest = seen.text.as_str();
    for part in ["A stranger asks", "Name", "<Ann> & co", "Code", "AB3D7X9K", "Reply yes or no."] {
        let Some((_, after)) = rest.split_once(part) else {
            panic!("{}: {part:?} stands in its place in {:?}", plugin.id, seen.text)
        };
        rest = after;
    }
    assert!(seen.buttons.is_empty(), "{}: a card without buttons has none", plugin.id);
}

async fn a_picture_arrives_byte_for_byte<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    let ann = bench.meet(Person::Ann, "hello").await;
    let image = Image { png: PNG.to_vec(), caption: Text::plain("scan <this> & ").code("ab12") };
    let message = OutboundMessage::new(ann.conversation, Body::Image(image));
    if !plugin.abilities.images {
        bench.refuses(&message, "a picture where the facts say that there are none").await;
        return;
    }
    bench
        .send(&message)
        .await
        .unwrap_or_else(|error| panic!("{} sends pictures: {error:?}", plugin.id));
    let seen = bench.platform.seen().await;
    let [seen] = seen.as_slice() else { panic!("{}: one message, not {seen:?}", plugin.id) };
    assert!(seen.image.as_deref() == Some(PNG), "{}: the picture is what was sent", plugin.id);
    assert_eq!(seen.text, "scan <this> & ab12", "{}: with its caption", plugin.id);
}

async fn an_edit_takes_the_place_of_the_message<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    let ann = bench.meet(Person::Ann, "hello").await;
    let first = bench.say(&ann, Text::plain("first")).await;
    bench.say(&ann, Text::plain("second")).await;
    let mut edit = OutboundMessage::new(ann.conversation, Text::plain("first, better"));
    edit.replaces = Some(first.clone());
    let sent =
        bench.send(&edit).await.unwrap_or_else(|error| panic!("{} replaces: {error:?}", plugin.id));
    let texts: Vec<_> = bench.platform.seen().await.into_iter().map(|seen| seen.text).collect();
    if !plugin.abilities.edits {
        assert_eq!(
            texts,
            ["first", "second", "first, better"],
            "{}: without edits, a new message",
            plugin.id
        );
        return;
    }
    assert_eq!(texts, ["first, better", "second"], "{}", plugin.id);
    assert_eq!(sent, first, "{}: an edited message keeps its reference", plugin.id);
    // The same words again: nothing to do, and no error.
    let again = bench.send(&edit).await;
    assert_eq!(again, Ok(first), "{}: an edit that changes nothing is done", plugin.id);
}

/// `case_049` rests on this.
async fn a_message_that_is_taken_away_is_gone<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    let ann = bench.meet(Person::Ann, "hello").await;
    let code = bench.say(&ann, Text::default().code("AB3D7X9K")).await;
    bench.say(&ann, Text::plain("second")).await;
    let removal = OutboundMessage::removal(ann.conversation.clone(), code.clone());
    let nothing = OutboundMessage { replaces: None, ..removal.clone() };
    bench.refuses(&nothing, "nothing in the place of nothing").await;
    if !plugin.abilities.deletes {
        bench.refuses(&removal, "a removal where the facts say that there is none").await;
        return;
    }
    for again in ["taken away", "gone already"] {
        assert_eq!(bench.send(&removal).await, Ok(code.clone()), "{}: {again}", plugin.id);
        let seen = bench.platform.seen().await.into_iter().map(|seen| seen.text);
        assert_eq!(seen.collect::<Vec<_>>(), ["second"], "{}: {again}", plugin.id);
    }
}

async fn a_conversation_that_is_not_there_is_undeliverable<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    if plugin.abilities.console {
        return;
    }
    let ann = bench.meet(Person::Ann, "hello").await;
    let nowhere = Conversation::new(ChatId::new("999999999"), ann.conversation.kind);
    bench
        .refuses(
            &OutboundMessage::new(nowhere, Text::plain("hello?")),
            "a conversation that is not there",
        )
        .await;
}

const ANSWER: &str = "# Plan\n\n**bold** *italic* ~~gone~~ `code`\n\n- one\n- two\n\n> quoted\n\n\
    ```rust\nfn main() {}\n```\n\n| name | cost |\n|---|--:|\n| tea | 12 |\n\n\
    [label](https://a.example/) [press](javascript:x)";

/// One black pixel.
const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0,
    1, 0, 0, 0, 1, 8, 0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0, 0x0a, b'I', b'D', b'A', b'T',
    0x78, 0x9c, 0x63, 0x60, 0, 0, 0, 2, 0, 1, 0x48, 0xaf, 0xa4, 0x71, 0, 0, 0, 0, b'I', b'E', b'N',
    b'D', 0xae, 0x42, 0x60, 0x82,
];

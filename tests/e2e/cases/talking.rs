//! A conversation on each channel, as its person sees it: a sign of life, an answer that grows, its marks, and an
//! assistant that breaks off.

use std::fmt::Write as _;

use expect_test::expect_file;

use super::streaming::{Bed, PIECES, SIGNS, until};

/// What stands in the chat, the newest message last, without what owners are told beside it.
fn newest(bed: &Bed, channel: &str) -> String {
    let mut shown = bed.shown(channel);
    shown.retain(|text| !text.contains("assistant.unreachable"));
    shown.pop().unwrap_or_default()
}

fn told(story: &mut String, channel: &str, text: &str) {
    let text = text.replace('\n', "\n    ");
    writeln!(story, "{channel}<\n    {text}").unwrap();
}

async fn on_a_platform(channel: &str) -> String {
    let (mut bed, mut story) = (Bed::start("").await, String::new());
    bed.asks(channel).await;
    writeln!(story, "{channel}> hello").unwrap();
    match channel {
        "telegram" => until("typing", || !bed.calls("sendchataction").is_empty()).await,
        "discord" => until("typing", || bed.world.talks[channel].chats.typed() > 0).await,
        _ => {}
    }
    // Slack has no sign of a bot that writes.
    if channel != "slack" {
        writeln!(story, "{channel}< (typing)").unwrap();
    }
    for (piece, sign) in PIECES.iter().zip(SIGNS) {
        bed.assistant.writes(piece);
        bed.shows(channel, sign).await;
        told(&mut story, channel, &newest(&bed, channel));
    }
    bed.assistant.ends();
    bed.settled().await;
    writeln!(story, "{channel}< (the answer is whole)").unwrap();
    told(&mut story, channel, &newest(&bed, channel));
    bed.assistant.thinks_again();
    bed.asks(channel).await;
    writeln!(story, "{channel}> hello").unwrap();
    bed.assistant.writes("The first half");
    bed.shows(channel, "The first half").await;
    told(&mut story, channel, &newest(&bed, channel));
    bed.assistant.breaks_off();
    bed.shows(channel, "could not answer").await;
    bed.settled().await;
    told(&mut story, channel, &newest(&bed, channel));
    bed.world.stop();
    story
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_on_telegram() {
    expect_file!["./talking/telegram.txt"].assert_eq(&on_a_platform("telegram").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_on_discord() {
    expect_file!["./talking/discord.txt"].assert_eq(&on_a_platform("discord").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_on_slack() {
    expect_file!["./talking/slack.txt"].assert_eq(&on_a_platform("slack").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_on_the_page() {
    let (mut bed, mut story) = (Bed::start("").await, String::from("webchat> hello\n"));
    bed.asks("webchat").await;
    bed.world.visitor("ann").await.typing().await;
    story += "webchat< (typing)\n";
    bed.assistant.writes(PIECES[0]);
    let first = bed.world.visitor("ann").await.next().await;
    told(&mut story, "webchat", &first);
    for (piece, sign) in PIECES.iter().zip(SIGNS).skip(1) {
        bed.assistant.writes(piece);
        let grown = bed.world.visitor("ann").await.sees(sign).await;
        told(&mut story, "webchat", &grown);
    }
    bed.assistant.ends();
    bed.settled().await;
    bed.assistant.thinks_again();
    bed.asks("webchat").await;
    story += "webchat> hello\n";
    bed.assistant.writes("The first half");
    let first = bed.world.visitor("ann").await.next().await;
    told(&mut story, "webchat", &first);
    bed.assistant.breaks_off();
    let last = bed.world.visitor("ann").await.sees("could not answer").await;
    told(&mut story, "webchat", &last);
    bed.world.stop();
    expect_file!["./talking/page.txt"].assert_eq(&story);
}

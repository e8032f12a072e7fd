//! One answer after the other in a device's conversation, beside those of the channels.

use std::{sync::Arc, time::Duration};

use openclaw_plugin_sdk::{Access, Answer, Prompt};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};
use tracing::warn;

use super::{
    Told, What,
    book::{End, Place, Run, Said, Speaker, Writer},
    tell,
};
use crate::{
    Gateway, blocking,
    inbound::{secrets, words},
    registry,
    rules::device::role::{Role, Scope},
    store::devices::Known,
    world,
};

/// What is written is told so often, for each telling repeats the whole.
const EVERY: Duration = Duration::from_millis(150);
/// An answer has at most so many bytes.
const ANSWER: usize = 128 * 1024;
/// What stands where an answer was cut.
const CUT: &str = "\n(cut after 128 KiB)";

const UNREADABLE: &str =
    "The gateway cannot read its store now; your message was not passed on. Try again later.";
const NO_LONGER: &str = "This device may no longer write to the assistant.";
const FAILED: &str = "The assistant could not answer just now. Please try again in a while.";
const TOO_LATE: &str = "The assistant did not answer in the time that was given to it.";
const OWNERS_ONLY: &str =
    "That is a command of the owner's. It works in the owner's chat with this gateway, not here.";
const CODE: &str = "That looks like a code. The owner uses it in the owner's chat with this gateway: it was not \
                    passed on to the assistant.";
const UNKNOWN: &str =
    "There is no such command here. /reset lets the assistant forget this conversation.";
const FORGOTTEN: &str = "Forgotten. We start afresh.";
const NOTHING: &str = "(The assistant had nothing to say.)";

/// Works a conversation off.
pub(super) async fn work(gateway: Arc<Gateway>, place: Place) {
    loop {
        let Some(run) = gateway.chats.book.lock().next(&place) else { return };
        let done = tokio::select! {
            done = turn(&gateway, &place, &run) => done,
            // The device that stopped it has said so.
            () = run.stop.cancelled() => continue,
            () = gateway.stop.cancelled() => return,
        };
        finish(&gateway, &place, &run, done);
    }
}

/// What came of a message.
enum Done {
    /// An answer, which is kept.
    Answered(String),
    Failed(&'static str),
    /// The gateway's own word, which is not.
    Said(&'static str),
}

fn finish(gateway: &Gateway, place: &Place, run: &Run, done: Done) {
    let at = world::now();
    let said = |text: String| Said { by: Writer::Assistant, text, at };
    let mut book = gateway.chats.book.lock();
    let end = if matches!(done, Done::Failed(_)) { End::Failed } else { End::Answered };
    let Some(seq) = book.end(place, &run.id, end) else { return };
    let told = |what: What<'_>| tell(gateway, &place.speaker, &Told { run: &run.id, seq, what });
    match done {
        Done::Answered(text) => {
            let said = said(text);
            told(What::Final(&said));
            book.say(place, said);
        }
        Done::Failed(why) => told(What::Failed(why)),
        Done::Said(text) => told(What::Final(&said(text.to_owned()))),
    }
}

async fn turn(gateway: &Arc<Gateway>, place: &Place, run: &Run) -> Done {
    let Some(_slot) = gateway.turns.slot().await else { return Done::Failed(FAILED) };
    // A device that lost its rights while its message waited is answered no more.
    match may_write(gateway, &place.speaker) {
        Some(true) => {}
        Some(false) => return Done::Failed(NO_LONGER),
        None => return Done::Failed(UNREADABLE),
    }
    let (it, text, who) = (Arc::clone(gateway), run.text.clone(), place.speaker.conversation());
    let shown = blocking(move || secrets::spend_claim(&it, &text, ("socket", &who, None))).await;
    match shown {
        Ok(false) => {}
        Ok(true) => return Done::Said(secrets::SPENT),
        Err(error) => {
            warn!(%error, "a device's message was not passed on");
            return Done::Failed(UNREADABLE);
        }
    }
    if let Some(said) = command(&run.text) {
        if said == FORGOTTEN {
            gateway.chats.book.lock().clear(place);
            gateway.responder().forget(&place.speaker.conversation()).await;
        }
        return Done::Said(said);
    }
    let (it, text) = (Arc::clone(gateway), run.text.clone());
    match blocking(move || secrets::code_in(&it, &text)).await {
        Ok(None) => {}
        Ok(Some(_)) => return Done::Said(CODE),
        Err(error) => {
            warn!(%error, "a device's message was not passed on");
            return Done::Failed(UNREADABLE);
        }
    }
    let said = Said { by: Writer::User, text: run.text.clone(), at: world::now() };
    gateway.chats.book.lock().say(place, said);
    let asked = ask(gateway, place, run);
    match run.limit {
        Some(limit) => timeout(limit, asked).await.unwrap_or(Done::Failed(TOO_LATE)),
        None => asked.await,
    }
}

/// `None` where the store does not say.
fn may_write(gateway: &Gateway, speaker: &Speaker) -> Option<bool> {
    let Speaker::Device(id) = speaker else { return Some(true) };
    match gateway.store.device(id) {
        Ok(Known::Device(device)) => {
            Some(device.scopes_as(Role::Operator).is_some_and(|scopes| scopes.allow(Scope::Write)))
        }
        Ok(Known::Removed | Known::Stranger) => Some(false),
        Err(_) => None,
    }
}

/// What is said to a command, which never reaches the assistant; `None` for a text that is none.
fn command(text: &str) -> Option<&'static str> {
    let start = text.trim_start().strip_prefix(['/', '!'])?;
    let end = start.find(|c: char| !c.is_alphanumeric()).unwrap_or(start.len());
    let word = start[..end].to_lowercase();
    let of_owner = |name: &str| {
        let commands = registry::COMMANDS.iter().flat_map(|plugin| plugin.commands);
        commands.into_iter().any(|command| command.name == name && command.access == Access::Owner)
    };
    // However it is written, and whatever follows it.
    if of_owner(&word) || word.starts_with("pair") || word.starts_with("claim") {
        return Some(OWNERS_ONLY);
    }
    Some(match words::command("/", text)?.name {
        "new" | "reset" => FORGOTTEN,
        _ => UNKNOWN,
    })
}

async fn ask(gateway: &Gateway, place: &Place, run: &Run) -> Done {
    let speaker = &place.speaker;
    let prompt = Prompt {
        shared: false,
        conversation: speaker.conversation(),
        channel: "device".to_owned(),
        sender: speaker.id().to_owned(),
        name: run.name.clone(),
        text: run.text.clone(),
    };
    let (pieces, heard) = mpsc::channel(16);
    let answer = Answer::new(pieces);
    // The listener hears the end when the only answer is dropped.
    let speak = async move { gateway.responder().respond(&prompt, &answer).await };
    let (result, whole) = tokio::join!(speak, listen(gateway, place, run, heard));
    match result {
        Ok(()) if whole.trim().is_empty() => Done::Answered(NOTHING.to_owned()),
        Ok(()) => Done::Answered(whole),
        Err(error) => {
            warn!(sender = speaker.id(), %error, "responder failed");
            Done::Failed(FAILED)
        }
    }
}

/// Gathers the answer, and tells of it as it grows.
async fn listen(
    gateway: &Gateway,
    place: &Place,
    run: &Run,
    mut heard: mpsc::Receiver<String>,
) -> String {
    let (mut whole, mut told, mut next) = (String::new(), 0, Instant::now());
    loop {
        let piece = if told == whole.len() {
            heard.recv().await
        } else if let Ok(piece) = timeout_at(next, heard.recv()).await {
            piece
        } else {
            delta(gateway, place, run, &whole, told);
            (told, next) = (whole.len(), Instant::now() + EVERY);
            continue;
        };
        let Some(piece) = piece else { return whole };
        let fits = piece.floor_char_boundary(ANSWER.saturating_sub(whole.len()));
        whole.push_str(&piece[..fits]);
        if fits < piece.len() {
            whole.push_str(CUT);
            return whole;
        }
        if Instant::now() >= next {
            delta(gateway, place, run, &whole, told);
            (told, next) = (whole.len(), Instant::now() + EVERY);
        }
    }
}

fn delta(gateway: &Gateway, place: &Place, run: &Run, whole: &str, told: usize) {
    let mut book = gateway.chats.book.lock();
    let Some(seq) = book.number(place, &run.id) else { return };
    let said = Said { by: Writer::Assistant, text: whole.to_owned(), at: world::now() };
    let what = What::Delta(&said, &whole[told..]);
    tell(gateway, &place.speaker, &Told { run: &run.id, seq, what });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_116_no_command_of_the_owner_is_left_to_the_assistant() {
        for text in [
            "/pair",
            "/pair qr",
            "/Pair approve x",
            "  /pairing approve ABCD2345",
            "/pairing@gate_bot list",
            "/claim ABCD-2345",
            "!pair status",
            "/PAIRING\napprove",
            "/pair:approve",
        ] {
            assert_eq!(command(text), Some(OWNERS_ONLY), "{text}");
        }
        assert_eq!(command("/reset"), Some(FORGOTTEN));
        assert_eq!(command("/think hard"), Some(UNKNOWN));
        for text in ["hello", "what does /pair do?", "/usr/bin/env is a file", "3/4", "!"] {
            assert_eq!(command(text), None, "{text}");
        }
    }
}

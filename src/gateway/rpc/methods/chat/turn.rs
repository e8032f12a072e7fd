//! The answer to a device's message, in the turn of its chat.

use std::{sync::Arc, time::Duration};

use openclaw_plugin_sdk::{Access, InboundMessage};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    Gateway,
    approvals::notice,
    blocking,
    delivery::{
        answer::{self, Question},
        asker::Asker,
        queue::{self, DeviceAnswer},
    },
    gate::{self, Admitted, secrets, words},
    registry,
    rpc::methods::chat::{
        Told, What, tell,
        transcripts::{ChatRef, End, Said, Speaker, Words},
    },
    rules::device::identity::DeviceId,
    store::StoreError,
    text, world,
};

/// What is written is told so often, for each telling repeats the whole.
const EVERY: Duration = Duration::from_millis(150);
/// A client that waits for the answer to its call first, such as the terminal of 2026.2, would miss events that come
/// with it, and wait for ever.
const AFTER_THE_CALL: Duration = Duration::from_millis(50);
/// An answer has at most so many bytes.
const ANSWER: usize = 128 * 1024;
/// What stands where an answer was cut.
const CUT: &str = "\n(cut after 128 KiB)";

const UNREADABLE: &str =
    "The gateway cannot read its store now; your message was not passed on. Try again later.";
const NO_LONGER: &str = "This device may no longer write to the assistant.";
const TOO_LATE: &str = "The assistant did not answer in the time that was given to it.";
const OWNERS_ONLY: &str =
    "That is a command of the owner's. It works in the owner's chat with this gateway, not here.";
const CODE: &str = "That looks like a code. The owner uses it in the owner's chat with this gateway: it was not \
                    passed on to the assistant.";
const UNKNOWN: &str =
    "There is no such command here. /reset lets the assistant forget this conversation.";
const FORGOTTEN: &str = "Forgotten. We start afresh.";
const NOTHING: &str = "(The assistant had nothing to say.)";

/// A message that is to be answered.
pub(super) struct Run {
    /// As the client named it.
    pub(super) id: String,
    pub(super) place: ChatRef,
    pub(super) message: Arc<InboundMessage>,
    /// The client waits no longer.
    pub(super) limit: Option<Duration>,
}

/// Puts it into the turn of its chat, once its call is answered.
pub(super) fn put(gateway: &Arc<Gateway>, run: Run, stop: CancellationToken) {
    let (here, to) = (Arc::clone(gateway), run.message.conversation.clone());
    let first = Instant::now() + AFTER_THE_CALL;
    let answer = Box::pin(async move {
        let done = turn(&here, &run, first).await;
        sleep_until(first).await;
        finish(&here, &run, done);
    });
    queue::join_device(gateway, DeviceAnswer { to, answer, stop });
}

/// What came of a message.
enum Done {
    /// An answer, which is kept.
    Answered(String),
    Failed(&'static str),
    /// The gateway's own word, which is not.
    Said(&'static str),
}

fn finish(gateway: &Gateway, run: &Run, done: Done) {
    let said = |text: String| Said { what: Words::Answer(text.into()), at: world::now() };
    let mut transcripts = gateway.chats.transcripts.lock();
    let end = if matches!(done, Done::Failed(_)) { End::Failed } else { End::Answered };
    let Some(seq) = transcripts.end(&run.place, &run.id, end) else { return };
    let told = |what| tell(gateway, &run.place.speaker, &Told { run: &run.id, seq, what });
    match done {
        Done::Answered(text) => {
            let said = said(text);
            told(What::Final(&said));
            transcripts.say(&run.place, said);
        }
        Done::Failed(why) => told(What::Failed(why)),
        Done::Said(text) => told(What::Final(&said(text.to_owned()))),
    }
}

/// Answers; nothing is told before `first`.
async fn turn(gateway: &Arc<Gateway>, run: &Run, first: Instant) -> Done {
    let Some(_slot) = gateway.turns.slot().await else {
        return Done::Failed(text::assistant::TRY_LATER);
    };
    match admitted(gateway, run).await {
        Ok(Ok(admitted)) => {
            let said = Said { what: Words::Message(Arc::clone(&run.message)), at: world::now() };
            gateway.chats.transcripts.lock().say(&run.place, said);
            let asked = ask(gateway, run, (&admitted, first));
            match run.limit {
                Some(limit) => timeout(limit, asked).await.unwrap_or(Done::Failed(TOO_LATE)),
                None => asked.await,
            }
        }
        Ok(Err(instead)) => instead,
        Err(error) => {
            warn!(%error, "a device's message was not passed on");
            Done::Failed(UNREADABLE)
        }
    }
}

/// What the gate admits and the assistant may read, or what is said instead.
async fn admitted(gateway: &Arc<Gateway>, run: &Run) -> Result<Result<Admitted, Done>, StoreError> {
    let Run { place, message, .. } = run;
    // A device that lost its rights while its message waited is answered no more.
    let device = device(&place.speaker);
    let Some(admitted) = gate::admit_device(&gateway.store, device, message)? else {
        return Ok(Err(Done::Failed(NO_LONGER)));
    };
    let (here, lent) = (Arc::clone(gateway), Arc::clone(message));
    let spend = move || {
        let who = lent.conversation.id.as_str();
        notice::spend_claim(&here, &lent.text, ("socket", who, None))
    };
    if blocking(spend).await? {
        return Ok(Err(Done::Said(notice::SPENT)));
    }
    if let Some(said) = command(&message.text) {
        if said == FORGOTTEN {
            gateway.chats.transcripts.lock().clear(place);
            gateway.responder().forget(&place.speaker.conversation()).await;
        }
        return Ok(Err(Done::Said(said)));
    }
    let (here, lent) = (Arc::clone(gateway), Arc::clone(message));
    let code = blocking(move || secrets::code_in(&here, &lent.text)).await?;
    Ok(code.map_or(Ok(admitted), |_| Err(Done::Said(CODE))))
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

async fn ask(gateway: &Gateway, run: &Run, (admitted, first): (&Admitted, Instant)) -> Done {
    let device = device(&run.place.speaker);
    let asker = match Asker::on_device(&gateway.store, device) {
        Ok(asker) => asker,
        Err(error) => {
            warn!(%error, "a device's message was not passed on");
            return Done::Failed(UNREADABLE);
        }
    };
    let conversation = run.place.speaker.conversation();
    let question = Question { asker, conversation, files: Vec::new() };
    match answer::ask(gateway, admitted, question, |heard| listen(gateway, run, (heard, first)))
        .await
    {
        // An app gets the text alone.
        Ok((whole, _)) if whole.trim().is_empty() => Done::Answered(NOTHING.to_owned()),
        Ok((whole, _)) => Done::Answered(whole),
        Err(error) => {
            warn!(sender = run.place.speaker.id(), %error, "responder failed");
            Done::Failed(text::assistant::failed(&error))
        }
    }
}

fn device(speaker: &Speaker) -> Option<&DeviceId> {
    match speaker {
        Speaker::Device(device) => Some(device),
        Speaker::Client(_) | Speaker::Connection(_) => None,
    }
}

/// Gathers the answer, and tells of it as it grows, from `first` on.
async fn listen(
    gateway: &Gateway,
    run: &Run,
    (mut heard, first): (mpsc::Receiver<String>, Instant),
) -> String {
    let (mut whole, mut told, mut next) = (String::new(), 0, Instant::now());
    loop {
        let piece = if told == whole.len() {
            heard.recv().await
        } else if let Ok(piece) = timeout_at(next, heard.recv()).await {
            piece
        } else {
            delta(gateway, run, &whole, told);
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
            sleep_until(first).await;
            delta(gateway, run, &whole, told);
            (told, next) = (whole.len(), Instant::now() + EVERY);
        }
    }
}

fn delta(gateway: &Gateway, run: &Run, whole: &str, told: usize) {
    let mut transcripts = gateway.chats.transcripts.lock();
    let Some(seq) = transcripts.number(&run.place, &run.id) else { return };
    let said = Said { what: Words::Answer(whole.into()), at: world::now() };
    let what = What::Delta(&said, &whole[told..]);
    tell(gateway, &run.place.speaker, &Told { run: &run.id, seq, what });
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

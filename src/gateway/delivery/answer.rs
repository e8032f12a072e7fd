//! Answers to messages whose turn it is: the gate is asked again, then the responder.

use std::{sync::Arc, time::Duration};

use openclaw_plugin_sdk::{
    Answer, Body, ChannelError, ChatKind, Conversation, File, InboundMessage, OutboundMessage,
    Prompt, ResponderError, Takes, Text,
};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, warn};

use crate::{
    Gateway,
    accounts::account::AccountRuntime,
    control::facts::Rules,
    delivery::{
        self, Fresh,
        asker::Asker,
        assistant, files, owed_files,
        queue::{self, Task},
        stream::{Moved, Stream},
    },
    gate::{
        self, Admission, Admitted, Incoming,
        secrets::{self, Kind},
    },
    journal::{
        EventKey, Journal,
        mail::{Mail, Part, Stands},
    },
    store::StoreError,
    text::{self, files as said},
};

/// A responder is given so much of a message.
const PROMPT_LIMIT: usize = 16 * 1024;

/// Where the store cannot be read, what waits for an answer is tried again after so long.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Who asks whether a message was taken waits so long.
const AT_FIRST: Duration = Duration::from_secs(10);

/// An answer that comes within this needs no sign that it is being written.
const TYPING_AFTER: Duration = Duration::from_millis(150);

/// While an answer is awaited, whether its reader is still let in is asked this often: an access that ends by its time
/// is no change of access.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// What becomes of a message in its turn.
enum Turn {
    /// This answers it.
    Answer(Box<Mail>, Fresh),
    /// Its sender is not let in any more.
    Drop,
    /// The gateway stops: the next start answers it.
    Stop,
}

/// Takes a message on that is to be sent, and puts it into its conversation's turn.
pub(crate) async fn send(gateway: &Arc<Gateway>, account: &Arc<AccountRuntime>, mail: Mail) {
    let key = mail.key.clone();
    send_for(gateway, account, key, (mail, Fresh::default())).await;
}

/// As [`send`], and says whether the platform has taken it at once; it is tried again where not.
pub(crate) async fn sent(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    mail: Mail,
) -> Result<(), String> {
    let (first, heard) = oneshot::channel();
    let (key, fresh) = (mail.key.clone(), Fresh { first: Some(first), ..Fresh::default() });
    send_for(gateway, account, key, (mail, fresh)).await;
    match tokio::time::timeout(AT_FIRST, heard).await {
        Ok(Ok(first)) => first,
        Ok(Err(_)) | Err(_) => Err("the platform has not taken it yet".to_owned()),
    }
}

/// Takes a message on in the place of what is owed under a key.
pub(crate) async fn send_for(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    key: EventKey,
    (mail, fresh): (Mail, Fresh),
) {
    let mail = take_on(account, &key, mail).await;
    queue::put(gateway, account, Task::Send { key, mail, fresh }).await;
}

/// From here on it is sent even if the machine stops. Where the disk does not take it, it is sent by this run.
pub(crate) async fn take_on(
    account: &Arc<AccountRuntime>,
    key: &EventKey,
    mail: Mail,
) -> Box<Mail> {
    let (kept, of) = (mail.clone(), key.clone());
    let send = move |journal: &Journal| journal.send(&of, kept);
    account.note("a message is lost if the gateway stops now", send).await;
    Box::new(mail)
}

/// Does a task whose turn it is.
pub(crate) async fn run(gateway: &Arc<Gateway>, account: &Arc<AccountRuntime>, task: Task) {
    let (key, message, shown) = match task {
        Task::Forget(to) => return gateway.responder().forget(&conversation(account, &to)).await,
        Task::Send { key, mail, fresh } => {
            return delivery::deliver(gateway, account, &key, (*mail, fresh)).await;
        }
        Task::Respond { key, message, shown } => (key, message, shown),
    };
    let turn = loop {
        match answer(gateway, account, (&key, &message, &shown)).await {
            Ok(turn) => break turn,
            Err(error) => {
                warn!(channel = account.config.plugin.id, %error, "not answered yet");
            }
        }
        tokio::time::sleep(TRY_AGAIN).await;
    };
    match turn {
        Turn::Answer(mail, fresh) => {
            owed_files::keep(gateway, account, &mail, &fresh.files).await;
            let mail = take_on(account, &key, *mail).await;
            delivery::deliver(gateway, account, &key, (*mail, fresh)).await;
        }
        Turn::Drop => {
            debug!(channel = account.config.plugin.id, "no longer admitted: dropped");
            finish(account, &key).await;
        }
        Turn::Stop => {}
    }
}

/// A message in its turn: it shows at once that an answer is being written.
async fn answer(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    (key, message, shown): (&EventKey, &Arc<InboundMessage>, &Option<Stands>),
) -> Result<Turn, StoreError> {
    let moved = Moved::default();
    let stream = Stream::new(gateway, account, (key, message), (shown.clone(), &moved));
    tokio::select! {
        turn = judged(gateway, account, (key, message), stream) => turn,
        () = shows_typing_while_admitted(gateway, account, (message, &moved)) => {
            debug!(channel = account.config.plugin.id, "no longer admitted: not answered");
            Ok(Turn::Drop)
        }
    }
}

/// Asks the gate again, and has it answered: a sender who was revoked while their message waited is a stranger again. Where
/// the store cannot be read, nobody is answered.
async fn judged(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    (key, message): (&EventKey, &Arc<InboundMessage>),
    stream: Stream<'_>,
) -> Result<Turn, StoreError> {
    let _slot = tokio::select! {
        slot = gateway.turns.slot() => slot,
        () = gateway.stop.cancelled() => return Ok(Turn::Stop),
    };
    let Admission::Admitted(admitted) = admit(gateway, account, message)? else {
        return Ok(Turn::Drop);
    };
    respond(gateway, account, (key, &admitted), stream).await
}

/// Asks the gate, by the rules of this moment.
fn admit(
    gateway: &Gateway,
    account: &AccountRuntime,
    message: &Arc<InboundMessage>,
) -> Result<Admission, StoreError> {
    let (config, account) = (gateway.config(), account.rules());
    let rules = Rules { account: &account, owners: &config.owners, store: &gateway.store };
    let message = Incoming::Message(Arc::clone(message));
    gate::admit(rules, &message, crate::moment_of_answer())
}

/// Answers a sender that the gate has admitted. Nothing else reaches a responder.
async fn respond(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    (key, admitted): (&EventKey, &Admitted),
    mut stream: Stream<'_>,
) -> Result<Turn, StoreError> {
    let (who, Incoming::Message(message)) = (admitted.who(), admitted.what()) else {
        return Ok(Turn::Drop);
    };
    if let Some(text) = instead(gateway, account, admitted, message)? {
        return Ok(ended(stream, vec![Part::text(&text)], Vec::new()));
    }
    let fetched = tokio::select! {
        fetched = files::fetch(gateway, account, admitted) => fetched,
        () = gateway.stop.cancelled() => return Ok(Turn::Stop),
    };
    let mut parts = Vec::new();
    if !fetched.left_out.is_empty() {
        parts.push(Part::text(&fetched.left_out.join("\n").into()));
        if fetched.files.is_empty() && message.text.trim().is_empty() {
            return Ok(ended(stream, parts, Vec::new()));
        }
        stream.stop();
    }
    if message.text.len() > PROMPT_LIMIT {
        let text = "That message is longer than 16 KiB; only its beginning is read.";
        parts.push(Part::text(&text.into()));
        // One message grows, and that is another.
        stream.stop();
    }
    let of = key.clone();
    let begin = move |journal: &Journal| journal.begin(&of);
    account.note("a responder may begin once too often", begin).await;
    let asker = Asker::on_account(&gateway.store, &account.config.key, admitted)?;
    let conversation = conversation(account, &who.conversation);
    let question = Question { asker, conversation, files: fetched.files };
    let answer = tokio::select! {
        answer = ask(gateway, admitted, question, |heard| stream.listen(heard)) => answer,
        () = gateway.stop.cancelled() => {
            let cut = key.clone();
            account.note("a stop counts as a try", move |journal| journal.cut(&cut)).await;
            stream.settle().await;
            return Ok(Turn::Stop);
        }
    };
    let files = match answer {
        Ok((answer, files)) => answered(gateway, account, &mut parts, (answer, files)),
        Err(error) => {
            warn!(channel = account.config.plugin.id, sender = %who.sender, %error, "responder failed");
            parts.push(plain(text::assistant::failed(&error)));
            Vec::new()
        }
    };
    Ok(ended(stream, parts, files))
}

/// Adds what an answer says, and gives the files that go with it.
fn answered(
    gateway: &Gateway,
    account: &AccountRuntime,
    parts: &mut Vec<Part>,
    (answer, mut files): (String, Vec<File>),
) -> Vec<File> {
    if !answer.trim().is_empty() {
        let is_markdown = gateway.responder().markdown();
        parts.push(if is_markdown { Part::Markdown(answer) } else { plain(&answer) });
    } else if files.is_empty() {
        parts.push(plain("(The assistant had nothing to say.)"));
    }
    if !files.is_empty() && !account.config.plugin.abilities.files {
        parts.push(plain(said::REFUSED));
        files.clear();
    }
    parts.extend((0..files.len()).map(Part::File));
    files
}

fn plain(text: &str) -> Part {
    Part::text(&Text::plain(text.to_owned()))
}

/// The answer is whole.
fn ended(stream: Stream<'_>, parts: Vec<Part>, files: Vec<File>) -> Turn {
    let (mail, not_before) = stream.whole(parts);
    Turn::Answer(Box::new(mail), Fresh { files, not_before, ..Fresh::default() })
}

/// Shows that an answer is being written. Ends when the sender of the message is not let in any more.
async fn shows_typing_while_admitted(
    gateway: &Gateway,
    account: &AccountRuntime,
    (message, moved): (&Arc<InboundMessage>, &Moved),
) {
    tokio::select! {
        () = shows_typing(gateway, account, (message, moved)) => {}
        () = not_admitted_any_more(gateway, account, message) => {}
    }
}

async fn shows_typing(
    gateway: &Gateway,
    account: &AccountRuntime,
    (message, moved): (&Arc<InboundMessage>, &Moved),
) {
    if let Some(shown_for) = account.config.plugin.abilities.typing {
        let typing = OutboundMessage::new(message.conversation.clone(), Body::Typing);
        let mut wait = TYPING_AFTER;
        loop {
            tokio::time::sleep(wait).await;
            // An answer that grows is sign enough.
            let quiet = moved.lock().map_or(shown_for, |at| at.elapsed());
            if quiet < shown_for {
                wait = shown_for.saturating_sub(quiet);
                continue;
            }
            if is_shut_out(gateway, account, message) {
                return;
            }
            wait = match account.channel().send(&typing).await {
                Ok(_) => shown_for * 4 / 5,
                Err(ChannelError::RateLimited(asked)) => asked.max(shown_for),
                Err(error) => {
                    let error = account.without_secrets(error);
                    debug!(channel = account.config.plugin.id, %error, "typing is not shown");
                    break;
                }
            };
        }
    }
    std::future::pending::<()>().await;
}

async fn not_admitted_any_more(
    gateway: &Gateway,
    account: &AccountRuntime,
    message: &Arc<InboundMessage>,
) {
    let mut changes = gateway.access_changes.subscribe();
    while !is_shut_out(gateway, account, message) {
        // The sender of changes is the gateway itself: it is there as long as this waits.
        let _ = tokio::time::timeout(LOOK_AGAIN, changes.changed()).await;
    }
}

/// True where the sender of a message is not let in any more.
fn is_shut_out(gateway: &Gateway, account: &AccountRuntime, message: &Arc<InboundMessage>) -> bool {
    let passage = admit(gateway, account, message);
    passage.is_ok_and(|passage| !matches!(passage, Admission::Admitted(_)))
}

/// What is said in place of an assistant's answer: to what it cannot read, and to codes, which it must not.
fn instead(
    gateway: &Gateway,
    account: &AccountRuntime,
    admitted: &Admitted,
    message: &InboundMessage,
) -> Result<Option<Text>, StoreError> {
    let takes = files::taken(gateway, account);
    if files::is_empty(takes, message) {
        let reads_text_only = takes == Takes::Nothing;
        let text = if reads_text_only { said::TEXT_ONLY } else { said::UNREADABLE };
        return Ok(Some(Text::plain(text)));
    }
    let prefix = account.config.plugin.abilities.command_prefix;
    let command = |hint: &str, words: &str| Text::plain(hint).code(format!("{prefix}{words}"));
    let pairing = "pairing approve <code>";
    Ok(secrets::code_in(gateway, &message.text)?.map(|kind| match (kind, admitted.owner_proof()) {
        (Kind::Pairing, Some(_)) => {
            command("That is a pairing code. To let its sender in, send: ", pairing)
        }
        (Kind::Pairing, None) => {
            command("That is a pairing code. Only the owner can use it, with: ", pairing)
        }
        (Kind::Setup, Some(_)) => command(
            "That is a setup code. It belongs into the app, not here. If others have seen it: ",
            "pair cleanup",
        ),
        (Kind::Setup, None) => {
            Text::plain("That is a setup code, or was one. It belongs into the app, not here.")
        }
        (Kind::Ticket, _) => Text::plain(
            "That is an invitation or a link, or was one. It is for a person who has no access yet.",
        ),
    }))
}

/// What a responder is asked, beside the text.
pub(crate) struct Question {
    pub(crate) asker: Asker,
    /// Stable and unique.
    pub(crate) conversation: String,
    pub(crate) files: Vec<File>,
}

/// Asks the responder for an answer to what the gate has admitted; nothing else reaches one. `listen` hears the answer
/// grow, and gives what it comes to; its files come with it.
pub(crate) async fn ask<L: Future<Output = String>>(
    gateway: &Gateway,
    admitted: &Admitted,
    Question { asker, conversation, files }: Question,
    listen: impl FnOnce(mpsc::Receiver<String>) -> L,
) -> Result<(String, Vec<File>), ResponderError> {
    let (who, text) = (admitted.who(), admitted.text());
    let prompt = Prompt {
        conversation,
        channel: asker.channel,
        sender: who.sender.to_string(),
        name: who.name.clone(),
        note: asker.note,
        role: asker.role,
        access_ends: asker.access_ends,
        shared: who.conversation.kind == ChatKind::Group,
        text: text[..text.floor_char_boundary(PROMPT_LIMIT)].to_owned(),
        files,
        folder: files::folder(gateway),
    };
    let (pieces, heard) = mpsc::channel(16);
    let answer = Answer::new(pieces);
    let files = answer.files();
    let _timed = gateway.metrics.responder.time();
    let responder = gateway.responder();
    // The listener hears the end when the only answer is dropped.
    let speaker = Arc::clone(&responder);
    let speak = async move { speaker.respond(&prompt, &answer).await };
    let (result, whole) = tokio::join!(speak, listen(heard));
    assistant::note(gateway, &responder, result.as_ref().copied());
    let files = std::mem::take(&mut *files.lock());
    result.map(|()| (whole, files))
}

/// What history is kept by: each topic and thread has its own.
fn conversation(account: &AccountRuntime, to: &Conversation) -> String {
    let place = format!("{}:{}:{}", account.config.plugin.id, account.config.key.account, to.id);
    match &to.thread {
        Some(thread) => format!("{place}/{thread}"),
        None => place,
    }
}

/// Nothing is owed any more.
pub(crate) async fn finish(account: &Arc<AccountRuntime>, key: &EventKey) {
    let key = key.clone();
    let finish = move |journal: &Journal| journal.finish(&key);
    account.note("a message may be sent twice after a restart", finish).await;
}

//! The way out of what the journal does not keep, cards above all: split what is too long, wait when asked, try again
//! when the connection broke.

use std::time::Duration;

use openclaw_plugin_sdk::{
    Body, ChannelError, InboundRef, OutboundMessage, SentRef, TextLimit, kit::backoff::Backoff,
};

use crate::{accounts::account::AccountRuntime, world};

/// So often a message is tried again after the connection broke or the platform asked to wait.
const TRIES: u32 = 5;
/// A platform that asks to wait longer than this is not waited for.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), LONGEST_WAIT);

/// Sends one message, in as many pieces as the platform needs. The reference is that of the last piece. Before each
/// piece and each retry it asks whether it still `may`.
pub(crate) async fn send(
    account: &AccountRuntime,
    message: OutboundMessage,
    may: impl Fn() -> bool + Sync,
) -> Result<SentRef, ChannelError> {
    let mut last = None;
    for piece in pieces(message, account.config.plugin.text_limit) {
        last = Some(send_piece(account, &piece, &may).await?);
    }
    last.ok_or_else(|| ChannelError::Undeliverable("there is nothing to send".to_owned()))
}

/// Sends one message that fits, and tries it once: the caller tries again.
pub(crate) async fn once(
    account: &AccountRuntime,
    message: &OutboundMessage,
) -> Result<SentRef, ChannelError> {
    let sent = account.channel().send(message).await;
    let sent = sent.map_err(|error| account.without_secrets(error))?;
    account.status.update(|status| status.last_outbound = Some(world::now()));
    Ok(sent)
}

async fn send_piece(
    account: &AccountRuntime,
    message: &OutboundMessage,
    may: &(impl Fn() -> bool + Sync),
) -> Result<SentRef, ChannelError> {
    let mut tried = 0;
    loop {
        if !may() {
            let why = "this person may not read it any more".to_owned();
            return Err(ChannelError::Undeliverable(why));
        }
        let error = match once(account, message).await {
            Ok(sent) => return Ok(sent),
            Err(error) => error,
        };
        tried += 1;
        let wait = match &error {
            ChannelError::RateLimited(wait) if *wait <= LONGEST_WAIT => *wait,
            ChannelError::Disconnected(_) => BACKOFF.after(tried),
            _ => return Err(error),
        };
        if tried >= TRIES {
            return Err(error);
        }
        tokio::time::sleep(wait).await;
    }
}

/// Splits a message that is too long.
pub(crate) fn pieces(message: OutboundMessage, limit: TextLimit) -> Vec<OutboundMessage> {
    match &message.body {
        Body::Text(text) if !limit.takes(text) => {
            let OutboundMessage { to, answers, replaces, key, is_kept, .. } = message.clone();
            let texts = text.pieces(limit).into_iter().enumerate();
            let piece = |(n, text)| {
                let (answers, replaces) = match (n, &answers) {
                    (0, _) => (answers.clone(), replaces.clone()),
                    (_, Some(InboundRef::Message(id) | InboundRef::Further(id))) => {
                        (Some(InboundRef::Further(id.clone())), None)
                    }
                    (_, Some(InboundRef::Press(_)) | None) => (None, None),
                };
                let key = key.as_ref().map(|key| format!("{key}/{n}"));
                let (to, body) = (to.clone(), Body::Text(text));
                OutboundMessage { to, body, replaces, answers, key, is_kept }
            };
            texts.map(piece).collect()
        }
        _ => vec![message],
    }
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::{ChatId, ChatKind, Conversation, EventId, Text, TextUnit, ThreadId};

    use super::*;

    #[test]
    fn every_piece_knows_the_thread_and_the_question() {
        let to = Conversation::new(ChatId::new("-1"), ChatKind::Group);
        let to = to.in_thread(Some(ThreadId::new("7")));
        let mut message = OutboundMessage::new(to.clone(), Text::plain("one two three four"));
        message.answers = Some(InboundRef::Message(EventId::new("5")));
        let pieces = pieces(message, TextLimit { max: 10, unit: TextUnit::Chars });
        let further = InboundRef::Further(EventId::new("5"));
        let answers: Vec<_> = pieces.iter().map(|piece| piece.answers.clone()).collect();
        assert_eq!(answers, [Some(InboundRef::Message(EventId::new("5"))), Some(further)]);
        assert!(pieces.iter().all(|piece| piece.to == to));
    }
}

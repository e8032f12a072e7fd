//! What owners are told, where they are; and their replies to it.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use openclaw_plugin_sdk::{Card, InboundMessage, OutboundMessage, SentRef, Text, neutral};
use tracing::{debug, warn};

use super::{
    Gateway,
    account::Running,
    answer, blocking, decide,
    gate::{Admitted, NAME_LIMIT},
    inbound::Halt,
    notice_book::Noticed,
    outbound,
    status::State,
    words,
};
use crate::access::{
    approver::Approver,
    owner::Owner,
    pairing::{PairingRequest, RequestId},
};

/// A notice has become a message within this, or a reply to it is an ordinary message.
const SENT_WITHIN: Duration = Duration::from_secs(5);

/// Tells every owner that can be reached of a new request.
pub(crate) fn request_opened(
    gateway: &Arc<Gateway>,
    account: &Arc<Running>,
    request: &PairingRequest,
) {
    let (here, account, request) = (Arc::clone(gateway), Arc::clone(account), request.clone());
    gateway.beside(async move {
        for (owner_account, owner) in seats(&here, Some(&account)) {
            let card = card(&account, &owner_account, &request);
            let message = OutboundMessage::new(owner_account.chat_of(&owner.sender), card);
            // Until it is known which message it has become.
            let _underway = here.notices_underway.read().await;
            match outbound::send(&owner_account, message).await {
                Ok(sent) => remember(&here, &owner_account, &sent, &request).await,
                Err(error) => {
                    warn!(channel = owner.channel, %error, "an owner was not told of a request");
                }
            }
        }
    });
}

fn card(account: &Running, shown_on: &Running, request: &PairingRequest) -> Card {
    let (abilities, plugin) = (shown_on.config.plugin.abilities, account.config.plugin);
    let code = request.code.spell();
    let mut fields = vec![
        ("Channel".to_owned(), Text::plain(format!("{} ({})", plugin.label, request.key.account))),
        ("Id".to_owned(), Text::default().code(request.sender.as_str())),
    ];
    if let Some(name) = request.name() {
        fields.push(("Name, as he gives it".to_owned(), Text::plain(neutral(&name, NAME_LIMIT))));
    }
    fields.push(("Code".to_owned(), Text::default().code(code.clone())));
    let prefix = abilities.command_prefix;
    let command = format!("{prefix}pairing approve {} {code}", plugin.id);
    let footer = if abilities.replies {
        Text::plain("Reply to this message with approve or deny, or send: ").code(command)
    } else {
        let deny = format!("{prefix}pairing deny {} {code}", plugin.id);
        Text::plain("To let him in, send: ").code(command).and("\nTo refuse: ").code(deny)
    };
    Card {
        title: "Somebody asks to be let in.".to_owned(),
        fields,
        footer: Some(footer),
        buttons: Vec::new(),
    }
}

async fn remember(gateway: &Gateway, account: &Running, sent: &SentRef, request: &PairingRequest) {
    let noticed =
        Noticed { channel: request.key.channel.clone(), request: request.id.as_str().to_owned() };
    let book = || gateway.notices.lock().unwrap_or_else(PoisonError::into_inner);
    book().add(&account.config.key, sent, noticed);
    // Whoever comes while another writes, is written with the others who came.
    let _turn = gateway.notices_turn.lock().await;
    let Some(page) = book().page() else { return };
    if let Err(error) = blocking(move || page.write()).await {
        warn!(%error, "a reply to this notice will not be understood after a restart");
    }
}

/// Tells every owner that can be reached one sentence, beside whatever goes on.
pub(crate) fn tell_owners(gateway: &Arc<Gateway>, text: &str) {
    let (here, text) = (Arc::clone(gateway), text.to_owned());
    gateway.beside(async move {
        for (account, owner) in seats(&here, None) {
            outbound::say(&account, &account.chat_of(&owner.sender), text.clone()).await;
        }
    });
}

/// An owner's reply to a notice of ours decides its request. True where the message was such a reply.
pub(crate) async fn reply_decides(
    gateway: &Arc<Gateway>,
    account: &Arc<Running>,
    admitted: &Admitted,
    message: &InboundMessage,
) -> Result<bool, Halt> {
    let (Some(replied), Some(decision)) = (&message.reply_to, words::decision(&message.text))
    else {
        return Ok(false);
    };
    let Some(approver) = admitted.seat().and_then(Approver::in_chat) else { return Ok(false) };
    let noticed = noticed(gateway, account, replied).await;
    let Some(noticed) = noticed else { return Ok(false) };
    let request = RequestId::from_text(&noticed.request);
    let text = match decide::decide(gateway, &approver, &noticed.channel, &request, decision).await
    {
        Ok(Some(decided)) => decide::sentence(decision, &decided),
        Ok(None) => {
            "That request is no longer open: it has expired, or somebody has decided it.".to_owned()
        }
        Err(error) => format!("Nothing was changed: {error}"),
    };
    let reply = OutboundMessage::new(message.conversation.clone(), Text::plain(text));
    answer::send(gateway, account, vec![reply]).await;
    Ok(true)
}

/// What a message of ours is the notice of. An owner may be faster than the platform's answer to our sending.
async fn noticed(gateway: &Gateway, account: &Running, replied: &SentRef) -> Option<Noticed> {
    let find = || {
        let book = gateway.notices.lock().unwrap_or_else(PoisonError::into_inner);
        book.find(&account.config.key, replied).cloned()
    };
    if let Some(noticed) = find() {
        return Some(noticed);
    }
    drop(tokio::time::timeout(SENT_WITHIN, gateway.notices_underway.write()).await);
    find()
}

/// Tells the new owner, and every owner there was.
pub(crate) async fn claimed(
    gateway: &Arc<Gateway>,
    account: &Arc<Running>,
    owner: &Owner,
    message: &InboundMessage,
) {
    let prefix = account.config.plugin.abilities.command_prefix;
    let text = format!("You are an owner of this gateway now. {prefix}help shows what you can do.");
    answer::send(
        gateway,
        account,
        vec![OutboundMessage::new(message.conversation.clone(), Text::plain(text))],
    )
    .await;
    let (here, newcomer) = (Arc::clone(gateway), owner.clone());
    let name =
        message.sender.name.as_deref().map(|name| format!(" ({})", neutral(name, NAME_LIMIT)));
    let text = format!(
        "{}:{}{} has claimed the owner's seat. If that was not you: openclaw owner remove {0}:{1}",
        newcomer.channel,
        newcomer.sender,
        name.unwrap_or_default()
    );
    gateway.beside(async move {
        for (account, owner) in
            seats(&here, None).into_iter().filter(|(_, owner)| *owner != newcomer)
        {
            outbound::say(&account, &account.chat_of(&owner.sender), text.clone()).await;
        }
    });
}

/// Every owner with the account he is told on: the account concerned where it is of his channel, else the first.
fn seats(gateway: &Gateway, concerned: Option<&Arc<Running>>) -> Vec<(Arc<Running>, Owner)> {
    let claimed = gateway.store.owners().unwrap_or_else(|error| {
        debug!(%error, "only the configured owners are told");
        Arc::default()
    });
    let mut owners = gateway.config.owners.0.clone();
    owners.extend(claimed.0.iter().cloned());
    let console = gateway.accounts.iter().filter(|account| account.config.plugin.abilities.console);
    owners.extend(console.filter_map(|account| console_owner(account)));
    let reaches = |account: &&Arc<Running>, owner: &Owner| {
        account.config.plugin.id == owner.channel
            && account.status.get().state != State::Unauthorized
    };
    let seat = |owner: Owner| {
        let near = concerned.into_iter().find(|account| reaches(account, &owner));
        let account =
            near.or_else(|| gateway.accounts.iter().find(|account| reaches(account, &owner)))?;
        Some((Arc::clone(account), owner))
    };
    owners.into_iter().filter_map(seat).collect()
}

fn console_owner(account: &Running) -> Option<Owner> {
    let sender =
        (account.config.plugin.parse_sender)(&format!("local:{}", crate::world::user())).ok()?;
    Some(Owner { channel: account.config.plugin.id.to_owned(), sender })
}

//! What a command answers: its codes filled in, sent in its conversation's turn, and what then stands in the chat
//! remembered.

use std::sync::{Arc, PoisonError};

use openclaw_plugin_sdk::{
    Abilities, Body, ChatId, Image, Opaque, OutboundMessage, Reply, Span, Text,
};
use tracing::warn;

use super::{
    Gateway,
    account::Running,
    outbound,
    port::Secret,
    setup_message,
    shown::{Display, Person},
};
use crate::{
    device::{approver::DeviceApprover, setup_code::SetupId},
    offer::{Minted, drawing::Drawing},
};

/// A drawing in letters may be so wide in a chat without pictures.
const COLUMNS: usize = 80;

/// The messages of one answer.
pub(crate) struct Replies {
    pub(crate) messages: Vec<Outgoing>,
    /// The devices that the chat has before it once all have arrived.
    pub(crate) shown: Vec<Display>,
    /// The people, likewise.
    pub(crate) people: Vec<Person>,
    /// In whose name a code is taken back that did not arrive.
    pub(crate) by: Option<DeviceApprover>,
}

/// One message, and the setup code it shows.
pub(crate) struct Outgoing {
    pub(crate) message: OutboundMessage,
    pub(crate) code: Option<SetupId>,
}

/// Puts the codes where the plugin placed them.
pub(crate) fn fill(
    reply: Reply,
    secrets: &[Secret],
    abilities: Abilities,
) -> (Body, Option<SetupId>) {
    match reply {
        Reply::Body(body) => {
            let code = opaques(&body).into_iter().find_map(|opaque| setup(secrets, opaque));
            (filled(body, secrets), code.map(|minted| minted.setup.id.clone()))
        }
        Reply::Qr { code, caption } => match setup(secrets, code) {
            Some(minted) => (drawn(minted, caption, abilities), Some(minted.setup.id.clone())),
            None => (Body::Text(caption), None),
        },
    }
}

/// Sends them in order. Nothing counts as shown of which a part is missing.
pub(crate) async fn deliver(
    gateway: &Arc<Gateway>,
    account: &Running,
    chat: &ChatId,
    replies: Replies,
) {
    // An owner may be faster than the platform's answer to our sending.
    let _underway = gateway.notices_underway.read().await;
    let mut whole = true;
    for Outgoing { message, code } in replies.messages {
        let to = message.to.clone();
        match (outbound::send(account, message).await, code) {
            (Ok(sent), Some(code)) => setup_message::stands(gateway, &code, &sent).await,
            (Ok(_), None) => {}
            (Err(error), code) => {
                whole = false;
                warn!(channel = account.config.plugin.id, account = %account.config.key.account, %error, "message not sent");
                if let (Some(code), Some(by)) = (code, &replies.by) {
                    setup_message::lost(gateway, &code, by).await;
                    let sorry = "The code could not be sent here, so it is taken back.";
                    outbound::say(account, &to, sorry).await;
                }
            }
        }
    }
    if whole {
        let place = (account.config.key.clone(), chat.clone());
        let mut shown = gateway.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.add(&place, replies.shown);
        shown.add_people(&place, replies.people);
    }
}

fn drawn(minted: &Minted, caption: Text, abilities: Abilities) -> Body {
    let drawing = Drawing::of(&minted.drawn);
    if abilities.images
        && let Ok(png) = drawing
            .as_ref()
            .map_err(ToString::to_string)
            .and_then(|drawing| drawing.png().map_err(|error| error.to_string()))
    {
        return Body::Image(Image { png, caption });
    }
    match drawing {
        Ok(drawing) if drawing.columns() <= COLUMNS => {
            let text = Text::plain(drawing.letters());
            Body::Text(caption.spans().iter().cloned().fold(text, Text::with))
        }
        _ => Body::Text(
            Text::plain("It is too wide to be drawn here; this is the code, to be pasted:\n")
                .code(minted.code.clone()),
        ),
    }
}

fn setup(secrets: &[Secret], code: Opaque) -> Option<&Minted> {
    match secrets.get(code.0) {
        Some(Secret::Setup(minted)) => Some(minted),
        Some(Secret::Pairing(_) | Secret::Ticket(_)) | None => None,
    }
}

fn opaques(body: &Body) -> Vec<Opaque> {
    let of = |text: &Text| -> Vec<Opaque> {
        let opaque = |span: &Span| match span {
            Span::Opaque(code) => Some(*code),
            Span::Code(_) | Span::Plain(_) => None,
        };
        text.spans().iter().filter_map(opaque).collect()
    };
    match body {
        Body::Card(card) => {
            card.fields.iter().map(|(_, value)| value).chain(&card.footer).flat_map(of).collect()
        }
        Body::Gone => Vec::new(),
        Body::Image(image) => of(&image.caption),
        Body::Text(text) => of(text),
    }
}

fn filled(body: Body, secrets: &[Secret]) -> Body {
    let spell = |code: Opaque| secrets.get(code.0).map(Secret::spell).unwrap_or_default();
    let fill = |text: &Text| text.filled(spell);
    match body {
        Body::Gone => Body::Gone,
        Body::Text(text) => Body::Text(fill(&text)),
        Body::Image(mut image) => {
            image.caption = fill(&image.caption);
            Body::Image(image)
        }
        Body::Card(mut card) => {
            for (_, value) in &mut card.fields {
                *value = fill(value);
            }
            card.footer = card.footer.as_ref().map(fill);
            Body::Card(card)
        }
    }
}

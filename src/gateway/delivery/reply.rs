//! What is sent, written anew: the codes of this moment stand where the message says.

use std::sync::Arc;

use openclaw_plugin_sdk::{Abilities, Body, Image, Text};

use crate::{
    Gateway,
    accounts::account::AccountRuntime,
    config::pairing::Blanks,
    control::pairing,
    delivery::{Fresh, owed_files},
    journal::mail::{self, CodeOf, Mail, Only, Part, Run, Secret},
    network::setup_code::drawing::Drawing,
    rules::{device::setup_code::SetupId, pairing::RequestId},
    store::{Store, StoreError},
    text::files as said,
    world,
};

/// A drawing in letters may be so wide in a chat without pictures.
const COLUMNS: usize = 80;
/// What stands in the place of one code among others that is good for nothing any more.
const OVER: &str = "(over)";

/// A part, ready to be sent.
pub(crate) enum Written {
    /// With the setup code that it shows.
    Body(Body, Option<SetupId>),
    /// It shows a code that nobody knows any more.
    Lost(Option<SetupId>),
    /// It only shows codes that are over.
    Over,
}

/// A code, now.
enum Code {
    Good(Good),
    Lost(Option<SetupId>),
    Over,
}

struct Good {
    text: String,
    drawn: String,
    setup: Option<SetupId>,
}

/// Writes one part of a message.
pub(crate) async fn write(
    gateway: &Arc<Gateway>,
    account: &AccountRuntime,
    mail: &Mail,
    (n, Fresh { secrets, files, .. }): (usize, &Fresh),
) -> Result<Written, StoreError> {
    let part = &mail.parts[n];
    let used: Vec<usize> = match part {
        Part::Challenge => return challenge(gateway, account, mail).await,
        Part::Qr { code, caption } => mail::opaques(caption).chain([*code]).collect(),
        Part::File(at) => {
            let file = match files.get(*at) {
                Some(file) => Some(file.clone()),
                None => owed_files::read(gateway, account, (mail, *at)).await,
            };
            let body = file.map_or_else(|| Body::Text(said::LOST.into()), Body::File);
            return Ok(Written::Body(body, None));
        }
        Part::Markdown(source) => {
            return Ok(Written::Body(Body::Text(Text::markdown(source)), None));
        }
        Part::Text(runs) => mail::opaques(runs).collect(),
    };
    let mut codes = Vec::new();
    for (at, code) in mail.codes.iter().enumerate() {
        let known = used.contains(&at).then_some((code, secrets.get(at)));
        codes.push(match known {
            Some((code, secret)) => look_up(gateway, code, secret).await?,
            None => Code::Over,
        });
    }
    let mine = || used.iter().filter_map(|at| codes.get(*at));
    if let Some(lost) = mine().find_map(|code| match code {
        Code::Lost(setup) => Some(setup.clone()),
        Code::Good(_) | Code::Over => None,
    }) {
        return Ok(Written::Lost(lost));
    }
    if !used.is_empty() && mine().all(|code| matches!(code, Code::Over)) {
        return Ok(Written::Over);
    }
    let setup = mine().find_map(|code| match code {
        Code::Good(good) => good.setup.clone(),
        Code::Lost(_) | Code::Over => None,
    });
    let body = match part {
        Part::Qr { code, caption } => match codes.get(*code) {
            Some(Code::Good(good)) => {
                drawn(good, filled(caption, &codes), account.config.plugin.abilities)
            }
            _ => Body::Text(filled(caption, &codes)),
        },
        Part::Text(runs) => Body::Text(filled(runs, &codes)),
        Part::Challenge | Part::File(_) | Part::Markdown(_) => Body::Gone,
    };
    Ok(Written::Body(body, setup))
}

async fn challenge(
    gateway: &Arc<Gateway>,
    account: &AccountRuntime,
    mail: &Mail,
) -> Result<Written, StoreError> {
    let Only::Waiting(id) = &mail.only else { return Ok(Written::Over) };
    let request = waiting(gateway, &account.config.key.channel, id).await?;
    Ok(request.map_or(Written::Over, |request| {
        let plugin = account.config.plugin;
        let text = gateway.config().pairing.message.fill(Blanks {
            channel: plugin.id,
            id_label: plugin.id_line,
            id: request.sender.as_str(),
            code: &request.code.spell(),
        });
        Written::Body(Body::Text(text), None)
    }))
}

async fn waiting(
    gateway: &Arc<Gateway>,
    channel: &str,
    id: &str,
) -> Result<Option<crate::rules::pairing::PairingRequest>, StoreError> {
    let (id, channel) = (RequestId::from_text(id), channel.to_owned());
    gateway.read(move |store| pairing::by_id(store, &channel, &id, world::now())).await
}

async fn look_up(
    gateway: &Arc<Gateway>,
    code: &CodeOf,
    secret: Option<&Secret>,
) -> Result<Code, StoreError> {
    let good = |text: String| Code::Good(Good { text, drawn: String::new(), setup: None });
    match (code, secret) {
        (CodeOf::Request { channel, id }, _) => {
            let request = waiting(gateway, channel, id).await?;
            Ok(request.map_or(Code::Over, |request| good(request.code.spell())))
        }
        (CodeOf::Setup(id), secret) => {
            let setup = SetupId::from_text(id);
            let codes = gateway.read(Store::setup_codes).await?;
            let known = codes.iter().find(|code| code.id == setup);
            if known.is_none_or(|code| code.spent(world::now()).is_some()) {
                return Ok(Code::Over);
            }
            Ok(match secret {
                Some(Secret::Setup(minted)) => Code::Good(Good {
                    text: minted.code.clone(),
                    drawn: minted.drawn.clone(),
                    setup: Some(setup),
                }),
                _ => Code::Lost(Some(setup)),
            })
        }
        (CodeOf::Ticket, Some(Secret::Ticket(text))) => Ok(good(text.clone())),
        (CodeOf::Ticket, _) => Ok(Code::Lost(None)),
    }
}

fn filled(runs: &[Run], codes: &[Code]) -> Text {
    mail::text(runs).filled(|code| match codes.get(code.0) {
        Some(Code::Good(good)) => good.text.clone(),
        Some(Code::Lost(_) | Code::Over) | None => OVER.to_owned(),
    })
}

fn drawn(code: &Good, caption: Text, abilities: Abilities) -> Body {
    let drawing = Drawing::of(&code.drawn);
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
                .code(code.text.clone()),
        ),
    }
}

//! The methods that the command line calls. One file a family as they grow.

use std::sync::Arc;

use openclaw_plugin_sdk::AccountId;
use serde::Serialize;
use serde_json::json;

use crate::{
    Gateway,
    accounts::overview,
    delivery::{answer, pages},
    findings,
    local_client::{self, InviteLink, Notify},
    protocol::frame::{Refused, Request, Response, UNAVAILABLE},
    rules::AccountKey,
};

/// Answers one request.
pub(crate) async fn answer(gateway: &Arc<Gateway>, request: &Request) -> Response {
    match request.method.as_str() {
        local_client::HEALTH => done(request, &findings::health(gateway)),
        local_client::CHANNELS_STATUS => done(request, &overview::all(gateway)),
        local_client::INVITE_LINKS => done(request, &invite_links(gateway)),
        local_client::OUTBOX => done(request, &findings::outbox(gateway)),
        local_client::PAIRING_NOTIFY => notify(gateway, request).await,
        _ => Response::unknown_method(request),
    }
}

fn done(request: &Request, payload: &impl Serialize) -> Response {
    match serde_json::to_value(payload) {
        Ok(payload) => Response::done(&request.id, payload),
        Err(error) => Response::refused(&request.id, Refused::new(UNAVAILABLE, error.to_string())),
    }
}

fn invite_links(gateway: &Gateway) -> Vec<InviteLink> {
    let links = gateway.accounts.on().into_iter().filter_map(|account| {
        let AccountKey { channel, account: id } = &account.config.key;
        let (channel, id) = (channel.clone(), id.to_string());
        Some(InviteLink { channel, account: id, head: account.deep_link()? })
    });
    links.collect()
}

async fn notify(gateway: &Arc<Gateway>, request: &Request) -> Response {
    let params = request.params.clone().unwrap_or_default();
    let notify: Notify = match serde_json::from_value(params) {
        Ok(notify) => notify,
        Err(error) => return Response::invalid_params(request, error),
    };
    let unavailable = |why: String| Response::refused(&request.id, Refused::new(UNAVAILABLE, why));
    let key = AccountId::parse(&notify.account)
        .map(|account| AccountKey { channel: notify.channel, account });
    let Some(account) = key.and_then(|key| gateway.account(&key)) else {
        return unavailable("this channel account does not run".to_owned());
    };
    let sender = match (account.config.plugin.parse_sender)(&notify.sender) {
        Ok(sender) => sender,
        Err(error) => return Response::invalid_params(request, error),
    };
    if !account.pages.lock().welcomes_sender(&sender) {
        return Response::done(&request.id, json!({}));
    }
    match answer::sent(gateway, &account, pages::greeting(&account, &sender)).await {
        Ok(()) => Response::done(&request.id, json!({})),
        Err(why) => unavailable(format!("{why}; the gateway tries again for a day")),
    }
}

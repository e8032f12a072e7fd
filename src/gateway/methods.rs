//! The methods that the command line calls. One file a family as they grow.

use std::sync::Arc;

use openclaw_plugin_sdk::{AccountId, OutboundMessage, Text, UnixMs};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Gateway, account::Running, decide::WELCOME, outbound, status::State};
use crate::{
    access::{AccountKey, DmPolicy},
    config::Account,
    protocol::frame::{Refused, Request, Response, UNAVAILABLE},
    world,
};

/// Answers one request.
pub(crate) async fn answer(gateway: &Arc<Gateway>, request: &Request) -> Response {
    match request.method.as_str() {
        "health" => Response::done(&request.id, health(gateway)),
        "channels.status" => Response::done(&request.id, channels_status(gateway)),
        "pairing.notify" => notify(gateway, request).await,
        _ => Response::unknown_method(request),
    }
}

fn health(gateway: &Gateway) -> Value {
    json!({ "ok": true, "pid": std::process::id(), "port": gateway.port, "version": env!("CARGO_PKG_VERSION") })
}

#[derive(Deserialize)]
struct Notify {
    channel: String,
    account: String,
    sender: String,
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
    let message = OutboundMessage::new(account.chat_of(&sender), Text::plain(WELCOME));
    match outbound::send(&account, message).await {
        Ok(_) => Response::done(&request.id, json!({})),
        Err(error) => unavailable(error.to_string()),
    }
}

fn channels_status(gateway: &Gateway) -> Value {
    let (mut order, mut labels, mut accounts) = (Vec::new(), Map::new(), Map::new());
    for account in &gateway.config.accounts {
        let id = account.plugin.id;
        if !order.contains(&id) {
            order.push(id);
            labels.insert(id.to_owned(), json!(account.plugin.label));
        }
        let rows = accounts.entry(id).or_insert_with(|| json!([]));
        if let Some(rows) = rows.as_array_mut() {
            rows.push(row(account, gateway.account(&account.key).as_deref()));
        }
    }
    let summary = |id: &&str| ((*id).to_owned(), json!({ "configured": true }));
    json!({
        "ts": world::now().0,
        "channelOrder": order,
        "channelLabels": labels,
        "channels": order.iter().map(summary).collect::<Map<_, _>>(),
        "channelAccounts": accounts,
        "channelDefaultAccountId": order.iter().map(|id| ((*id).to_owned(), json!("default"))).collect::<Map<_, _>>(),
    })
}

fn row(account: &Account, running: Option<&Running>) -> Value {
    let status = running.map(|running| running.status.get()).unwrap_or_default();
    let at = |at: Option<UnixMs>| at.map(|at| at.0);
    let gone = matches!(status.state, State::Disabled | State::Stopped | State::Unauthorized);
    json!({
        "accountId": account.key.account.as_str(),
        "enabled": account.enabled,
        "configured": true,
        "running": !gone,
        "connected": status.state == State::Connected,
        "state": status.state.word(),
        "lastError": status.last_error,
        "lastInboundAt": at(status.last_inbound),
        "lastOutboundAt": at(status.last_outbound),
        "dmPolicy": policy(account.dm_policy),
        "allowFrom": allowed(account),
    })
}

fn policy(policy: DmPolicy) -> &'static str {
    match policy {
        DmPolicy::Allowlist => "allowlist",
        DmPolicy::Disabled => "disabled",
        DmPolicy::Open => "open",
        DmPolicy::Pairing => "pairing",
    }
}

fn allowed(account: &Account) -> Vec<&str> {
    account
        .listed
        .iter()
        .map(|entry| entry.sender.as_ref().map_or("*", |sender| sender.as_str()))
        .collect()
}

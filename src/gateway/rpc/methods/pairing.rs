//! `channels.pairing.*`: who waits on a channel, and the decisions about them, over the socket. Requests go by
//! their opaque names; no code is shown or taken.

use std::{collections::BTreeMap, sync::Arc};

use openclaw_plugin_sdk::{AccountId, Decision, neutral};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Gateway,
    approvals::decide,
    config::Account,
    control::{
        pairing::{self, Choice},
        text,
    },
    delivery::{answer, pages},
    gate::NAME_LIMIT,
    protocol::{frame::Refused, refusal},
    registry,
    rpc::methods::{Answer, Call, invalid, store_failed, unknown},
    rules::{
        AccountKey, DmPolicy,
        approver::Approver,
        device::role::Scope,
        pairing::{LIFETIME_MS, PairingRequest, RequestId},
    },
    store::{Outcome, Store},
    world,
};

const GONE: &str = "pending DM access request no longer exists";

/// Answers a method of this family.
pub(super) async fn answer(call: &Call) -> Answer {
    match call.method.as_str() {
        "channels.pairing.approve" => approve(call).await,
        "channels.pairing.dismiss" => dismiss(call).await,
        "channels.pairing.list" => list(call).await,
        method => unknown(method),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    channel: Option<String>,
    account_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Which {
    channel: String,
    account_id: String,
    request_id: String,
    /// The revision that was shown. Calls of the field carry none.
    revision: Option<String>,
    notify: Option<bool>,
    #[serde(default)]
    bootstrap_command_owner: bool,
}

/// The channel that is meant; strangers exist on it.
fn channel(text: &str) -> Result<&'static str, Box<Refused>> {
    let id = text.trim().to_lowercase();
    let found = registry::pairing_channels().find(|plugin| plugin.id == id);
    let shown = neutral(text, NAME_LIMIT);
    found
        .map(|plugin| plugin.id)
        .ok_or_else(|| invalid(format!("unknown pairing channel: {shown}")))
}

fn pairs(account: &Account) -> bool {
    let console = account.plugin.abilities.console;
    account.enabled && account.dm_policy == DmPolicy::Pairing && !console
}

async fn list(call: &Call) -> Answer {
    let filter: Filter = call.params()?;
    let only = filter.channel.as_deref().map(channel).transpose()?;
    let gateway = &call.gateway;
    let meant = |account: &&Account| {
        let id = account.key.account.as_str();
        only.is_none_or(|only| only == account.plugin.id)
            && filter.account_id.as_deref().is_none_or(|only| only.trim() == id)
    };
    let config = gateway.config();
    let accounts: Vec<&Account> =
        config.accounts.iter().filter(|account| pairs(account)).filter(meant).collect();
    let mut requests = Vec::new();
    let mut read = BTreeMap::new();
    for account in &accounts {
        let id = account.plugin.id;
        if let std::collections::btree_map::Entry::Vacant(entry) = read.entry(id) {
            entry.insert(
                gateway
                    .read(move |store| store.waiting(id, world::now()))
                    .await
                    .map_err(store_failed)?,
            );
        }
        let of_account = read.get(id).into_iter().flatten().filter(|r| r.key == account.key);
        requests.extend(of_account.map(|request| row(gateway, account, request)));
    }
    let added = gateway.read(Store::owners).await.map_err(store_failed)?;
    Ok(json!({
        "accounts": accounts.iter().map(|account| shown(gateway, account)).collect::<Vec<_>>(),
        "requests": requests,
        "commandOwnerConfigured": !gateway.config().owners.0.is_empty() || !added.0.is_empty(),
        "limits": {
            "pendingPerAccount": gateway.config().pairing.places.max_pending,
            "ttlMs": LIFETIME_MS,
        },
    }))
}

fn shown(gateway: &Gateway, account: &Account) -> Value {
    json!({
        "channel": account.plugin.id,
        "channelLabel": account.plugin.label,
        "accountId": account.key.account.as_str(),
        "notifySupported": gateway.account(&account.key).is_some(),
    })
}

/// A request without its code.
fn row(gateway: &Gateway, account: &Account, request: &PairingRequest) -> Value {
    let mut metadata: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in request.meta.iter().take(8) {
        metadata.insert(neutral(key, NAME_LIMIT), neutral(value, NAME_LIMIT));
    }
    if let Some(later) = &request.later_name {
        metadata.insert("laterName".to_owned(), neutral(later, NAME_LIMIT));
    }
    // The published shape has no other place for what we show beyond the field.
    let displayed = request.displayed();
    let more = [
        ("claimsToBe", displayed.claims.clone()),
        ("firstMessage", displayed.first_message()),
        ("revision", Some(displayed.revision.clone())),
    ];
    for (key, value) in more {
        match value {
            Some(value) => metadata.insert(key.to_owned(), value),
            None => metadata.remove(key),
        };
    }
    let mut row = shown(gateway, account);
    let more = json!({
        "requestId": displayed.id.as_str(),
        "senderId": request.sender.as_str(),
        "senderLabel": account.plugin.id_label,
        "metadata": metadata,
        "createdAt": world::iso(request.created_at),
        "lastSeenAt": world::iso(request.last_seen_at),
        "expiresAt": world::iso(displayed.ends),
    });
    if let (Value::Object(row), Value::Object(more)) = (&mut row, more) {
        row.extend(more);
    }
    row
}

/// The caller, as one who decides. The table has asked for the scope already.
fn approver(call: &Call) -> Result<Approver, Box<Refused>> {
    let by = Approver::over_socket(&call.session.rights(), &call.session.actor());
    by.ok_or_else(|| Box::new(refusal::missing_scope(Scope::Pairing, &[Scope::Pairing])))
}

/// The request by the opaque name of what was shown of it, on the very account that the caller names; and the
/// revision that was shown.
async fn find(
    call: &Call,
    which: &Which,
) -> Result<(PairingRequest, Option<String>), Box<Refused>> {
    let channel = channel(&which.channel)?;
    let gateway = &call.gateway;
    let account = AccountId::parse(which.account_id.trim());
    let key = account.map(|account| AccountKey { channel: channel.to_owned(), account });
    let config = gateway.config();
    let configured = key.as_ref().and_then(|key| config.account(key));
    let configured = configured.filter(|account| pairs(account));
    let Some(configured) = configured else {
        let account = neutral(&which.account_id, NAME_LIMIT);
        let why = format!("channel account does not use DM pairing: {channel}:{account}");
        return Err(invalid(why));
    };
    let id = RequestId::from_text(which.request_id.trim());
    let wanted = id.clone();
    let find = move |store: &Store| pairing::by_id(store, channel, &wanted, world::now());
    let found =
        gateway.read(find).await.map_err(store_failed)?.filter(|row| row.key == configured.key);
    let row = found.ok_or_else(|| invalid(GONE))?;
    let shown = row.displayed();
    // The name stands for one displayed value, but never for a claim.
    let revision = which.revision.clone();
    let named = || (shown.id == id && shown.claims.is_none()).then(|| shown.revision.clone());
    Ok((row, revision.or_else(named)))
}

async fn decided(
    call: &Call,
    which: &Which,
    decision: Decision,
) -> Result<PairingRequest, Box<Refused>> {
    let (request, shown) = find(call, which).await?;
    let (by, choice) = (approver(call)?, Choice { shown, ..decision.into() });
    let channel = &request.key.channel;
    match decide::decide(&call.gateway, &by, channel, &request.id, choice)
        .await
        .map_err(store_failed)?
    {
        Outcome::Done(request) => Ok(request),
        Outcome::Gone => Err(invalid(GONE)),
        refused => {
            let why = text::refused(&refused).unwrap_or_default();
            Err(invalid(format!("{why} `channels.pairing.list` shows what waits now.")))
        }
    }
}

async fn approve(call: &Call) -> Answer {
    let which: Which = call.params()?;
    let request = decided(call, &which, Decision::Approve).await?;
    let notify = which.notify.unwrap_or(call.gateway.config().pairing.notify_on_approval);
    let notification = if notify {
        welcome(&call.gateway, &request).await
    } else {
        // Nobody else does either.
        let account = call.gateway.account(&request.key);
        account.map(|account| account.pages.lock().welcomes(&request.id));
        "not-requested"
    };
    // An approval makes nobody an owner: `openclaw owner add` does (case_021).
    let owner = if which.bootstrap_command_owner { "unavailable" } else { "not-requested" };
    Ok(json!({
        "requestId": which.request_id.trim(),
        "senderId": request.sender.as_str(),
        "notification": notification,
        "commandOwnerBootstrap": owner,
    }))
}

async fn welcome(gateway: &Arc<Gateway>, request: &PairingRequest) -> &'static str {
    let Some(account) = gateway.account(&request.key) else { return "unsupported" };
    if !account.pages.lock().welcomes(&request.id) {
        return "sent";
    }
    let greeting = pages::greeting(&account, &request.sender);
    if answer::sent(gateway, &account, greeting).await.is_ok() { "sent" } else { "failed" }
}

async fn dismiss(call: &Call) -> Answer {
    let which: Which = call.params()?;
    let request = decided(call, &which, Decision::Deny).await?;
    Ok(json!({ "requestId": which.request_id.trim(), "senderId": request.sender.as_str() }))
}

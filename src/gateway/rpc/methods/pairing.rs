//! `channels.pairing.*`: who waits on a channel, and the decisions about them, over the socket. Requests go by
//! their opaque names; no code is shown or taken.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use openclaw_plugin_sdk::{AccountId, Decision, neutral};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Gateway,
    accounts::Accounts,
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
    rpc::methods::{Answer, Call, invalid, store_failed},
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

/// `channels.pairing.list`.
pub(super) async fn list(call: &Call) -> Answer {
    let filter: Filter = call.params()?;
    let only = filter.channel.as_deref().map(channel).transpose()?;
    let is_meant = |account: &&Account| {
        let id = account.key.account.as_str();
        pairs(account)
            && only.is_none_or(|only| only == account.plugin.id)
            && filter.account_id.as_deref().is_none_or(|only| only.trim() == id)
    };
    let (config, accounts) = (call.gateway.config(), &call.gateway.accounts);
    let meant: Vec<&Account> = config.accounts.iter().filter(is_meant).collect();
    let channels: BTreeSet<_> = meant.iter().map(|account| account.plugin.id).collect();
    let read = move |store: &Store| {
        let waiting = |id| pairing::waiting(store, Some(id), world::now());
        let waiting: Result<Vec<_>, _> = channels.into_iter().map(waiting).collect();
        Ok((waiting?.concat(), store.owners()?))
    };
    let (waiting, added) = call.read(read).await?;
    let of_account = |account: &&Account| {
        let its = waiting.iter().filter(|request| request.key == account.key);
        its.map(|request| row(accounts, account, request)).collect::<Vec<_>>()
    };
    Ok(json!({
        "accounts": meant.iter().map(|account| shown(accounts, account)).collect::<Vec<_>>(),
        "requests": meant.iter().flat_map(of_account).collect::<Vec<_>>(),
        "commandOwnerConfigured": !config.owners.0.is_empty() || !added.0.is_empty(),
        "limits": {
            "pendingPerAccount": config.pairing.places.max_pending,
            "ttlMs": LIFETIME_MS,
        },
    }))
}

fn shown(accounts: &Accounts, account: &Account) -> Value {
    json!({
        "channel": account.plugin.id,
        "channelLabel": account.plugin.label,
        "accountId": account.key.account.as_str(),
        "notifySupported": accounts.of(&account.key).is_some(),
    })
}

/// A request without its code.
fn row(accounts: &Accounts, account: &Account, request: &PairingRequest) -> Value {
    let short = |text: &String| neutral(text, NAME_LIMIT);
    let mut metadata: BTreeMap<String, String> =
        request.meta.iter().take(8).map(|(key, value)| (short(key), short(value))).collect();
    // The published shape has no other place for what we show beyond the field.
    let displayed = request.displayed();
    let later = request.later_name.as_ref().map(short);
    metadata.extend(later.map(|later| ("laterName".to_owned(), later)));
    let ours = [
        ("claimsToBe", displayed.claims.clone()),
        ("firstMessage", displayed.first_message()),
        ("revision", Some(displayed.revision.clone())),
    ];
    for (key, value) in ours {
        // The sender's own metadata never stands in for ours.
        metadata.remove(key);
        metadata.extend(value.map(|value| (key.to_owned(), value)));
    }
    let mut row = shown(accounts, account);
    row["requestId"] = displayed.id.as_str().into();
    row["senderId"] = request.sender.as_str().into();
    row["senderLabel"] = account.plugin.id_label.into();
    row["metadata"] = json!(metadata);
    row["createdAt"] = world::iso(request.created_at).into();
    row["lastSeenAt"] = world::iso(request.last_seen_at).into();
    row["expiresAt"] = world::iso(displayed.ends).into();
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
    let account = AccountId::parse(which.account_id.trim());
    let key = account.map(|account| AccountKey { channel: channel.to_owned(), account });
    let config = call.gateway.config();
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
    let found = call.read(find).await?.filter(|row| row.key == configured.key);
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

/// `channels.pairing.approve`.
pub(super) async fn approve(call: &Call) -> Answer {
    let which: Which = call.params()?;
    let request = decided(call, &which, Decision::Approve).await?;
    let notify = which.notify.unwrap_or(call.gateway.config().pairing.notify_on_approval);
    let notification = if notify {
        welcome(&call.gateway, &request).await
    } else {
        // Nobody else does either.
        let account = call.gateway.accounts.of(&request.key);
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
    let Some(account) = gateway.accounts.of(&request.key) else { return "unsupported" };
    if !account.pages.lock().welcomes(&request.id) {
        return "sent";
    }
    let greeting = pages::greeting(&account, &request.sender);
    if answer::sent(gateway, &account, greeting).await.is_ok() { "sent" } else { "failed" }
}

/// `channels.pairing.dismiss`.
pub(super) async fn dismiss(call: &Call) -> Answer {
    let which: Which = call.params()?;
    let request = decided(call, &which, Decision::Deny).await?;
    Ok(json!({ "requestId": which.request_id.trim(), "senderId": request.sender.as_str() }))
}

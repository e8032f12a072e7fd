//! Requests and denials on disk, both one file a channel.

use std::collections::BTreeMap;

use openclaw_plugin_sdk::{AccountId, SenderId, UnixMs};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::{Map, Value, json};

use super::{
    ParseSender, StoreError,
    doc::Doc,
    file::{Found, damaged},
    paths::StateDir,
    private,
};
use crate::{
    rules::{
        AccountKey, Contact,
        pairing::{
            AccessRequest, AskOutcome, Denial, LIFETIME_MS, PairingCode, PairingRequest,
            PairingRequests, RequestId, age_ms,
        },
    },
    world,
};

const REQUESTS: &str = "requests";
const DENIALS: &str = "denied";
const ACCOUNT: &str = "accountId";
const LATER_NAME: &str = "laterName";
const CLAIMS: &str = "claims";
const HELD: &str = "heldCharacters";
const OPENED: &str = "opened";

/// The requests of one file: what we understand of them, and how they stand there.
pub(super) struct Requests {
    pub(super) doc: Doc<Row>,
    /// The request of each row; `None` where we cannot read a row. Such a row stays for its hour.
    requests: Vec<Option<PairingRequest>>,
}

/// A request as it stands in the file. Its code is a string there, and so are its times.
#[derive(Serialize)]
pub(super) struct Row(Map<String, Value>);

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let row = Self(Map::deserialize(deserializer)?);
        let whole = ["id", "code", "createdAt"].iter().all(|key| row.text(key).is_some());
        let meta = row.0.get("meta").is_none_or(|meta| meta.is_object() || meta.is_null());
        if whole && meta { Ok(row) } else { Err(D::Error::custom("no request")) }
    }
}

impl Row {
    fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str()
    }

    fn time(&self, key: &str) -> Option<UnixMs> {
        self.text(key).and_then(world::from_iso)
    }

    fn request(&self, channel: &str, parse: ParseSender) -> Option<PairingRequest> {
        let mut meta: BTreeMap<String, String> = BTreeMap::new();
        for (key, value) in self.0.get("meta").and_then(Value::as_object).into_iter().flatten() {
            meta.extend(value.as_str().map(|value| (key.clone(), value.to_owned())));
        }
        let account = meta.remove(ACCOUNT).filter(|account| !account.trim().is_empty());
        let account = account.map_or(Some(AccountId::default_account()), |a| AccountId::parse(&a));
        let key = AccountKey { channel: channel.to_owned(), account: account? };
        let sender = parse(channel, self.text("id")?).ok()?;
        let created_at = self.time("createdAt")?;
        let claims = meta.remove(CLAIMS).and_then(|text| Contact::parse(&text)).map(Box::new);
        Some(PairingRequest {
            id: RequestId::derive(&key, &sender, self.text("createdAt")?).saying(claims.as_deref()),
            key,
            sender,
            code: PairingCode::parse(self.text("code")?)?,
            created_at,
            last_seen_at: self.time("lastSeenAt").unwrap_or(created_at),
            later_name: meta.remove(LATER_NAME),
            claims,
            held: self.0.get(HELD).and_then(Value::as_u64).and_then(|many| many.try_into().ok()),
            opened: self.text(OPENED).map(str::to_owned),
            meta,
        })
    }

    fn new(request: &PairingRequest) -> Self {
        let mut meta: Map<String, Value> =
            request.meta.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
        // No sender can name another account.
        meta.remove(LATER_NAME);
        meta.remove(CLAIMS);
        meta.extend(request.claims.as_ref().map(|who| (CLAIMS.to_owned(), who.to_string().into())));
        meta.insert(ACCOUNT.to_owned(), request.key.account.as_str().into());
        let created_at = world::iso(request.created_at);
        let mut row = Map::new();
        row.insert("id".to_owned(), request.sender.as_str().into());
        row.insert("code".to_owned(), request.code.spell().into());
        row.insert("createdAt".to_owned(), created_at.into());
        row.insert("lastSeenAt".to_owned(), world::iso(request.last_seen_at).into());
        row.insert("meta".to_owned(), meta.into());
        row.extend(request.held.map(|many| (HELD.to_owned(), many.into())));
        row.extend(request.opened.as_ref().map(|of| (OPENED.to_owned(), of.as_str().into())));
        Self(row)
    }

    fn update(&mut self, request: &PairingRequest) {
        let last_seen_at = world::iso(request.last_seen_at);
        self.0.insert("lastSeenAt".to_owned(), last_seen_at.into());
        self.0.extend(request.held.map(|many| (HELD.to_owned(), many.into())));
        let meta = self.0.entry("meta").or_insert_with(|| json!({}));
        if !meta.is_object() {
            *meta = json!({});
        }
        if let Some(meta) = meta.as_object_mut() {
            meta.insert(ACCOUNT.to_owned(), request.key.account.as_str().into());
            if let Some(name) = &request.later_name {
                meta.insert(LATER_NAME.to_owned(), name.as_str().into());
            }
        }
    }
}

impl Requests {
    /// Reads a channel's file.
    pub(super) fn parse(
        found: &Found,
        channel: &str,
        parse: ParseSender,
    ) -> Result<Self, StoreError> {
        let doc: Doc<Row> = Doc::parse(REQUESTS, found)?;
        let requests = doc.rows.iter().map(|row| row.request(channel, parse)).collect();
        Ok(Self { doc, requests })
    }

    /// What the rules work on.
    pub(super) fn known(&self) -> Vec<PairingRequest> {
        let mut known: Vec<_> = self.requests.iter().flatten().cloned().collect();
        known.sort_by_key(|request| request.created_at);
        known
    }

    /// Makes the file what the rules have made of its requests. Rows that stay keep what we do not know of them.
    pub(super) fn follow(&mut self, requests: &[PairingRequest], now: UnixMs) {
        let rows = std::mem::take(&mut self.doc.rows);
        let before = std::mem::take(&mut self.requests);
        for (mut row, request) in rows.into_iter().zip(before) {
            let Some(request) = request else {
                let created_at = row.time("createdAt");
                let age = created_at.and_then(|created_at| age_ms(created_at, now));
                if age.is_some_and(|age| age < LIFETIME_MS) {
                    self.push(row, None);
                }
                continue;
            };
            if let Some(new) = requests.iter().find(|new| new.id == request.id) {
                row.update(new);
                self.push(row, Some(new.clone()));
            }
        }
        for new in requests {
            if !self.requests.iter().flatten().any(|old| old.id == new.id) {
                self.push(Row::new(new), Some(new.clone()));
            }
        }
    }

    fn push(&mut self, row: Row, request: Option<PairingRequest>) {
        self.doc.rows.push(row);
        self.requests.push(request);
    }
}

/// One row of another program; `None` where it is no request.
pub(super) fn read_row(
    channel: &str,
    row: &Map<String, Value>,
    parse: ParseSender,
) -> Option<PairingRequest> {
    let row: Row = serde_json::from_value(row.clone().into()).ok()?;
    row.request(channel, parse)
}

/// The denials of one file.
pub(super) type Denials = Doc<DenialRow>;

/// A denial as it stands in the file.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DenialRow {
    account_id: String,
    id: String,
    until: String,
}

/// Reads a channel's denials.
pub(super) fn denials(found: &Found) -> Result<Denials, StoreError> {
    let denials: Denials = Doc::parse(DENIALS, found)?;
    if denials.rows.iter().any(|row| row.denial().is_none()) {
        return Err(damaged(&found.path, None, "a denial is no denial"));
    }
    Ok(denials)
}

impl DenialRow {
    fn denial(&self) -> Option<Denial> {
        Some(Denial {
            account: AccountId::parse(&self.account_id)?,
            sender: SenderId::new(&self.id).ok()?,
            until: world::from_iso(&self.until)?,
        })
    }
}

impl Denials {
    /// What the rules work on.
    pub(super) fn known(&self) -> Vec<Denial> {
        self.rows.iter().filter_map(DenialRow::denial).collect()
    }

    /// Makes the file what the rules have made of its denials.
    pub(super) fn follow(&mut self, denials: &[Denial]) {
        let row = |denial: &Denial| DenialRow {
            account_id: denial.account.as_str().to_owned(),
            id: denial.sender.as_str().to_owned(),
            until: world::iso(denial.until),
        };
        self.rows = denials.iter().map(row).collect();
    }
}

/// Holds the first message of a sender, durably, under the name of its request.
pub(super) fn hold_message(
    state: &StateDir,
    knock: &AccessRequest,
    asked: &AskOutcome,
    before: &[PairingRequest],
) -> Result<(), StoreError> {
    let (AskOutcome::Opened { request, .. } | AskOutcome::Waiting { request, .. }) = asked else {
        return Ok(());
    };
    let path = |request: &RequestId| state.held().join(format!("{}.json", request.as_str()));
    let same = |old: &&PairingRequest| old.key == request.key && old.sender == request.sender;
    let page = match before.iter().find(same).filter(|old| old.held.is_some()) {
        Some(old) if old.id == request.id => return Ok(()),
        Some(old) => private::read(&path(&old.id))?,
        None => knock.first.as_ref().map(|first| first.page.clone()),
    };
    let Some(page) = page else { return Ok(()) };
    private::replace(&path(&request.id), &page)?;
    private::sync(&state.held())
}

/// Both files of a channel, as the rules see them.
pub(super) fn waiting(requests: &Requests, denials: &Denials) -> PairingRequests {
    PairingRequests { requests: requests.known(), denials: denials.known() }
}

//! `devices/bootstrap.json`: setup codes by their opaque names. The plain tokens of other programs mean nothing here.

use std::{borrow::Cow, collections::HashMap};

use openclaw_plugin_sdk::UnixMs;

use super::{
    row::{self, Row},
    table::{self, Edits, Table},
};
use crate::{
    StoreError,
    rules::device::{
        identity::{DeviceId, DeviceKey},
        role::Profile,
        setup_code::{SetupCode, SetupId, State},
        token::TokenDigest,
    },
};

/// For so long an owner can be told what became of a code.
const REMEMBERED_MS: u64 = 86_400_000;
/// So many are kept beside those of paired devices.
const MOST: usize = 256;

/// The file, and its codes.
#[derive(Debug, Default)]
pub(super) struct Codes {
    table: Table,
    pub(super) all: Vec<SetupCode>,
    /// By the beginning of the digest, which is no secret, and which no client can choose.
    places: HashMap<String, Vec<usize>>,
    /// Those that no device has shown yet.
    unused: Vec<usize>,
}

impl Codes {
    /// The codes of a table.
    pub(super) fn of(table: Table) -> Self {
        let codes = table.objects().filter_map(|(key, row)| code(key, &row));
        let codes: Vec<SetupCode> = codes.collect();
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, code) in codes.iter().enumerate() {
            places.entry(start(&code.digest)).or_default().push(at);
        }
        let is_unused =
            |(at, code): (usize, &SetupCode)| (code.state == State::Unused).then_some(at);
        let unused = codes.iter().enumerate().filter_map(is_unused).collect();
        Self { table, all: codes, places, unused }
    }

    /// The code with this token.
    pub(super) fn with(&self, token: &TokenDigest) -> Option<&SetupCode> {
        let places = self.places.get(&start(token))?;
        places.iter().map(|at| &self.all[*at]).find(|code| code.digest.matches(token))
    }

    /// The codes that no device has shown, expired ones too.
    pub(super) fn unused(&self) -> impl Iterator<Item = &SetupCode> {
        self.unused.iter().map(|at| &self.all[*at])
    }

    /// The file after these codes were changed or added, without those that are long over.
    pub(super) fn edited(
        &self,
        changed: &[SetupCode],
        is_paired: impl Fn(&DeviceId) -> bool,
        now: UnixMs,
    ) -> Result<Self, StoreError> {
        let mut edits = Edits::new();
        let known: HashMap<&str, &SetupCode> =
            self.all.iter().chain(changed).map(|code| (code.id.as_str(), code)).collect();
        for (key, _) in self.table.rows().filter(|(key, _)| !known.contains_key(key)) {
            edits.insert(key.to_owned(), None);
        }
        let mut loose: Vec<&SetupCode> = Vec::new();
        for code in known.values() {
            let approved = matches!(code.state, State::Approved { .. });
            if !(approved && code.key().is_some_and(|key| is_paired(&key.id()))) {
                loose.push(code);
            }
        }
        loose.sort_by_key(|code| std::cmp::Reverse(last(code)));
        let old = |code: &SetupCode| now.0.saturating_sub(last(code).0) > REMEMBERED_MS;
        let over = loose.iter().enumerate().filter(|(at, code)| *at >= MOST || old(code));
        for (_, code) in over {
            edits.insert(code.id.as_str().to_owned(), None);
        }
        for code in changed {
            let row = || Some(render(self.table.object(code.id.as_str()), code));
            edits.entry(code.id.as_str().to_owned()).or_insert_with(row);
        }
        Ok(Self::of(self.table.edited(&edits, Cow::Borrowed)?))
    }
}

impl AsRef<str> for Codes {
    fn as_ref(&self) -> &str {
        self.table.as_ref()
    }
}

fn start(digest: &TokenDigest) -> String {
    digest.spell()[..16].to_owned()
}

/// When it last changed.
fn last(code: &SetupCode) -> UnixMs {
    match code.state {
        State::Unused | State::Cancelled => code.minted_at,
        State::Bound { seen_at, .. } => seen_at.max(code.minted_at),
        State::Approved { at, .. } => at.max(code.minted_at),
    }
}

fn code(id: &str, row: &Row) -> Option<SetupCode> {
    let key = || DeviceKey::parse(row::text(row, "publicKey")?);
    let minted_at = row::time(row, "mintedAtMs")?;
    let state = match row::text(row, "state")? {
        "unused" => State::Unused,
        "bound" => State::Bound { key: key()?, seen_at: row::time(row, "seenAtMs")? },
        "approved" => State::Approved {
            key: key()?,
            at: row::time(row, "approvedAtMs")?,
            fetched_at: row::time(row, "fetchedAtMs"),
        },
        _ => State::Cancelled,
    };
    Some(SetupCode {
        id: SetupId::from_text(id),
        digest: TokenDigest::parse(row::text(row, "tokenSha256")?)?,
        profile: Profile::parse(row::text(row, "access")?)?,
        minted_at,
        state,
    })
}

fn render(before: Option<Row>, code: &SetupCode) -> String {
    let mut row = before.unwrap_or_default();
    row.shift_remove("token");
    row::put(&mut row, "setupId", Some(code.id.as_str()));
    row::put(&mut row, "tokenSha256", Some(code.digest.spell()));
    row::put(&mut row, "access", Some(code.profile.word()));
    row::put_time(&mut row, "mintedAtMs", Some(code.minted_at));
    let (word, seen_at, approved_at, fetched) = match code.state {
        State::Unused => ("unused", None, None, None),
        State::Bound { seen_at, .. } => ("bound", Some(seen_at), None, None),
        State::Approved { at, fetched_at, .. } => ("approved", None, Some(at), fetched_at),
        State::Cancelled => ("cancelled", None, None, None),
    };
    row::put(&mut row, "state", Some(word));
    row::put(&mut row, "publicKey", code.key().map(DeviceKey::spell));
    row::put_time(&mut row, "seenAtMs", seen_at);
    row::put_time(&mut row, "approvedAtMs", approved_at);
    row::put_time(&mut row, "fetchedAtMs", fetched);
    table::render(&row)
}

//! `access/grants.json`: a file of our own, and strict: a block that cannot be read is an error, never left out.

use data_encoding::HEXLOWER;
use openclaw_plugin_sdk::{AccountId, SenderId};
use serde::{Deserialize, Serialize};

use crate::{
    StoreError,
    audit::unhex,
    doc::{to_text, unparsable},
    file::{Found, damaged},
    rules::{
        AccountKey, Contact,
        records::{Block, Grant, Index, Invitation, Note, OpenLink, Person, Records},
        ticket::TicketDigest,
    },
    world,
};

const VERSION: u64 = 1;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    version: u64,
    #[serde(default)]
    grants: Vec<GrantRow>,
    #[serde(default)]
    blocks: Vec<BlockRow>,
    #[serde(default)]
    people: Vec<Vec<ContactRow>>,
    #[serde(default)]
    notes: Vec<NoteRow>,
    #[serde(default)]
    invitations: Vec<InvitationRow>,
    #[serde(default)]
    links: Vec<LinkRow>,
}

#[derive(Deserialize, Serialize)]
struct ContactRow {
    channel: String,
    account: String,
    id: String,
}

#[derive(Deserialize, Serialize)]
struct GrantRow {
    #[serde(flatten)]
    contact: ContactRow,
    since: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    by: String,
}

#[derive(Deserialize, Serialize)]
struct BlockRow {
    channel: String,
    id: String,
    since: String,
    by: String,
}

#[derive(Deserialize, Serialize)]
struct NoteRow {
    channel: String,
    id: String,
    note: String,
}

#[derive(Deserialize, Serialize)]
struct InvitationRow {
    name: String,
    digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    since: String,
    until: String,
    by: String,
}

#[derive(Deserialize, Serialize)]
struct LinkRow {
    #[serde(flatten)]
    contact: ContactRow,
    digest: String,
    since: String,
}

/// Reads the records; a missing file has none.
fn records(Found { path, text, .. }: &Found) -> Result<Records, StoreError> {
    if text.is_empty() {
        return Ok(Records::default());
    }
    let file: File = serde_json::from_str(text).map_err(|error| unparsable(path, &error))?;
    if file.version != VERSION {
        return Err(damaged(path, None, "it is of another version"));
    }
    file.records().ok_or_else(|| damaged(path, None, "an id, a time or a digest in it is none"))
}

/// Reads the records as the gate asks them.
pub(crate) fn index(found: &Found) -> Result<Index, StoreError> {
    records(found).map(Index::of)
}

/// The file's new text.
pub(crate) fn render(records: &Records, path: &std::path::Path) -> Result<String, StoreError> {
    to_text(&File::of(records), path)
}

impl File {
    fn records(self) -> Option<Records> {
        let grant = |row: GrantRow| {
            let until = match row.until {
                None => None,
                Some(text) => Some(world::from_iso(&text)?),
            };
            let (contact, since) = (row.contact.contact()?, world::from_iso(&row.since)?);
            Some(Grant { contact, since, until, by: row.by })
        };
        let block = |row: BlockRow| {
            Some(Block {
                sender: SenderId::new(&row.id).ok()?,
                channel: row.channel,
                since: world::from_iso(&row.since)?,
                by: row.by,
            })
        };
        let person = |rows: Vec<ContactRow>| {
            let contacts = rows.iter().map(ContactRow::contact).collect::<Option<_>>()?;
            Some(Person { contacts })
        };
        let note = |row: NoteRow| {
            let sender = SenderId::new(&row.id).ok()?;
            Some(Note { channel: row.channel, sender, text: row.note })
        };
        let invitation = |row: InvitationRow| {
            Some(Invitation {
                id: row.name,
                digest: TicketDigest(unhex(&row.digest)?),
                note: row.note,
                since: world::from_iso(&row.since)?,
                until: world::from_iso(&row.until)?,
                by: row.by,
            })
        };
        let link = |row: LinkRow| {
            Some(OpenLink {
                digest: TicketDigest(unhex(&row.digest)?),
                contact: row.contact.contact()?,
                since: world::from_iso(&row.since)?,
            })
        };
        Some(Records {
            grants: self.grants.into_iter().map(grant).collect::<Option<_>>()?,
            blocks: self.blocks.into_iter().map(block).collect::<Option<_>>()?,
            people: self.people.into_iter().map(person).collect::<Option<_>>()?,
            notes: self.notes.into_iter().map(note).collect::<Option<_>>()?,
            invitations: self.invitations.into_iter().map(invitation).collect::<Option<_>>()?,
            links: self.links.into_iter().map(link).collect::<Option<_>>()?,
        })
    }

    fn of(records: &Records) -> Self {
        let grant = |grant: &Grant| GrantRow {
            contact: ContactRow::of(&grant.contact),
            since: world::iso(grant.since),
            until: grant.until.map(world::iso),
            by: grant.by.clone(),
        };
        let block = |block: &Block| BlockRow {
            channel: block.channel.clone(),
            id: block.sender.to_string(),
            since: world::iso(block.since),
            by: block.by.clone(),
        };
        let note = |note: &Note| NoteRow {
            channel: note.channel.clone(),
            id: note.sender.to_string(),
            note: note.text.clone(),
        };
        let invitation = |one: &Invitation| InvitationRow {
            name: one.id.clone(),
            digest: HEXLOWER.encode(&one.digest.0),
            note: one.note.clone(),
            since: world::iso(one.since),
            until: world::iso(one.until),
            by: one.by.clone(),
        };
        let link = |link: &OpenLink| LinkRow {
            contact: ContactRow::of(&link.contact),
            digest: HEXLOWER.encode(&link.digest.0),
            since: world::iso(link.since),
        };
        let person = |person: &Person| person.contacts.iter().map(ContactRow::of).collect();
        Self {
            version: VERSION,
            grants: records.grants.iter().map(grant).collect(),
            blocks: records.blocks.iter().map(block).collect(),
            people: records.people.iter().map(person).collect(),
            notes: records.notes.iter().map(note).collect(),
            invitations: records.invitations.iter().map(invitation).collect(),
            links: records.links.iter().map(link).collect(),
        }
    }
}

impl ContactRow {
    fn of(contact: &Contact) -> Self {
        Self {
            channel: contact.key.channel.clone(),
            account: contact.key.account.as_str().to_owned(),
            id: contact.sender.to_string(),
        }
    }

    fn contact(&self) -> Option<Contact> {
        let account = AccountId::parse(&self.account)?;
        let key = AccountKey { channel: self.channel.clone(), account };
        Some(Contact { key, sender: SenderId::new(&self.id).ok()? })
    }
}

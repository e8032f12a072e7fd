//! `openclaw invite`: access in advance, by a one-time code that its bearer sends to the bot.

use std::time::Duration;

use clap::{Args, Subcommand};
use openclaw_plugin_sdk::{UnixMs, lasting, neutral, spell_span};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    Ended, Exit, Failure, Host, Output, Text, Whole,
    control::{self, access, invitations},
    local_client::{InviteLink, LocalError},
    rules::{records::Invitation, ticket::LONGEST_INVITATION_MS},
    text, whole, world,
};

/// What can be done about invitations.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  openclaw invite create Ann             Print a code; send it to Ann
  openclaw invite create Ann --for 2h
  openclaw invite list
  openclaw invite cancel 3f9a0c1b

They work with and without a running gateway, which needs no restart.")]
pub(super) enum Invite {
    /// Print a one-time code; the first person who sends it to the bot has access
    Create(Create),
    /// Show the invitations that nobody has used
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Cancel an invitation
    Cancel {
        /// The id of the invitation, from `openclaw invite list`
        #[arg(value_name = "INVITATION")]
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Makes one.
#[derive(Debug, Args)]
pub(super) struct Create {
    /// Your note about the person
    #[arg(num_args = 0..)]
    note: Vec<String>,
    /// How long it can be used, at most a day
    #[arg(long = "for", value_name = "SPAN", default_value = "24h", value_parser = span)]
    lasting: Duration,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Reads a span of a day at most.
fn span(text: &str) -> Result<Duration, String> {
    let longest = Duration::from_millis(LONGEST_INVITATION_MS);
    let span = lasting(text).filter(|span| *span <= longest);
    span.ok_or_else(|| text::NO_INVITATION_SPAN.to_owned())
}

impl Invite {
    /// Does it.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        match self {
            Self::Create(create) => create.run(host, output),
            Self::List { json } => list(json, host, output),
            Self::Cancel { id, json } => cancel(&id, json, host, output),
        }
    }
}

impl Create {
    /// The code goes to standard output and nowhere else.
    fn run(self, host: &Host, output: &mut Output) -> Ended {
        if self.note.last().is_some_and(|last| lasting(last).is_some()) {
            return Err(text::invitation_without_for());
        }
        let (note, now) = (self.note.join(" "), Host::now());
        let note = Some(neutral(&note, access::NOTE)).filter(|note| !note.is_empty());
        let (store, by) = (host.store()?, Host::approver());
        let (id, code) = invitations::invite(&store, &by, note.as_deref(), self.lasting, now)?;
        let lasting = u64::try_from(self.lasting.as_millis()).unwrap_or(u64::MAX);
        let until = world::iso(UnixMs(now.0.saturating_add(lasting)));
        let code = code.spell();
        let links = links(&code, host, output)?;
        let said = json!({ "id": id, "code": code, "links": links, "note": note, "until": until });
        output.answer(self.json, &said, text::invited(&code, &links, &id, self.lasting))
    }
}

/// A link with the code to each account that knows its name: the running gateway says which. The invitation is made
/// already, so that an answer which is none costs the links alone.
fn links(code: &str, host: &Host, output: &mut Output) -> Result<Vec<Link>, Failure> {
    let known = match host.gateway()?.and_then(|mut gateway| gateway.invite_links()) {
        Ok(known) => known,
        Err(LocalError::Unreachable { .. }) => Vec::new(),
        Err(error) => {
            output.note(text::no_links(&error));
            Vec::new()
        }
    };
    let link = |one: InviteLink| Link {
        url: format!("{}{code}", one.head),
        channel: one.channel,
        account: one.account,
    };
    Ok(known.into_iter().map(link).collect())
}

/// A link that sends the code.
#[derive(Serialize)]
pub(super) struct Link {
    pub(super) channel: String,
    pub(super) account: String,
    pub(super) url: String,
}

fn list(json: bool, host: &Host, output: &mut Output) -> Ended {
    let now = Host::now();
    let open = invitations::open(&host.store()?, now)?;
    if json {
        let encoded = |one: &Invitation| -> Value {
            json!({
                "id": one.id,
                "note": one.note,
                "by": one.by,
                "since": world::iso(one.since),
                "until": world::iso(one.until),
            })
        };
        return output
            .json(&json!({ "invitations": open.iter().map(encoded).collect::<Vec<_>>() }));
    }
    if open.is_empty() {
        output.line(text::NO_INVITATIONS);
        return Ok(Exit::Done);
    }
    let reader = Host::approver();
    let row = |one: Invitation| {
        let left = Duration::from_millis(one.until.0.saturating_sub(now.0));
        vec![
            Whole("Invitation", one.id),
            Text("Note", one.note.unwrap_or_default()),
            Whole("Left", spell_span(left)),
            Text("By", control::text::decider(&one.by, reader.actor())),
        ]
    };
    output.table(open.into_iter().map(row));
    Ok(Exit::Done)
}

fn cancel(typed: &str, json: bool, host: &Host, output: &mut Output) -> Ended {
    let cancelled = invitations::cancel(&host.store()?, &Host::approver(), typed, Host::now())?;
    if !cancelled {
        return Err(text::no_invitation(typed));
    }
    let said = json!({ "cancelled": true, "id": whole(typed.trim()) });
    output.answer(json, &said, text::INVITATION_CANCELLED)
}

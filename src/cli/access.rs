//! `openclaw access`: who has access, since when, until when and who gave it; and the end of it.

mod simulate;

use std::{collections::BTreeSet, num::NonZeroUsize, time::Duration};

use clap::{Args, Subcommand};
use openclaw_plugin_sdk::{AccessChange, AccessChanged, AccessEntry, AccessState, lasting};
use serde_json::{Value, json};

use self::simulate::Simulate;
use crate::{
    Ended, Exit, Failure, Host, Output, Text, Whole,
    config::Config,
    control::{self, access, explain::Explanation},
    host::pairing_channel,
    rules::Contact,
    store::{Store, audit},
    text, whole,
};

/// What can be done about permissions.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  openclaw access list telegram
  openclaw access explain telegram 123456789
  openclaw access block telegram:123456789
  openclaw access extend telegram:123456789 24h

A change takes effect at the next message. In the owner's chat the
same words follow /access.")]
pub(super) enum Access {
    /// Show who has access and who is blocked, since when, until when and who decided
    List {
        /// Only this channel
        channel: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke the access of a person, for all their ids
    Revoke(PersonArgs),
    /// Block a person, even if the configuration gives access
    Block(PersonArgs),
    /// Remove a block; the person is then a stranger again
    Unblock(PersonArgs),
    /// Set a new end of temporary access
    Extend {
        #[command(flatten)]
        who: PersonArgs,
        /// How long from now, such as `24h`; `always` for permanent access
        #[arg(value_name = "SPAN", value_parser = end)]
        end: End,
    },
    /// Set your note about a person; without a note, remove it
    Rename {
        #[command(flatten)]
        who: PersonArgs,
        /// Your note about the person
        #[arg(num_args = 0..)]
        note: Vec<String>,
    },
    /// Explain why a sender or a group has access or not: rule, file and entry
    Explain(Explain),
    /// Show the newest decisions
    Log {
        /// How many lines
        #[arg(value_name = "N", default_value = "20")]
        count: NonZeroUsize,
        /// Print JSON, a line each
        #[arg(long)]
        json: bool,
    },
    /// Show what another configuration would change for recent messages
    Simulate(Simulate),
}

/// Names a person.
#[derive(Debug, Args)]
pub(super) struct PersonArgs {
    /// The id as the list shows it, such as telegram:123456789 (on every account
    /// when access is revoked or blocked) or telegram/work:123456789
    who: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Explains.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The channel
    channel: String,
    /// The sender's id, or the id of a group
    #[arg(allow_hyphen_values = true)]
    id: String,
    /// The id of a sender in that group
    sender: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// When a grant ends: so long from now, or never.
type End = Option<Duration>;

fn end(text: &str) -> Result<End, String> {
    if text.eq_ignore_ascii_case("always") {
        return Ok(None);
    }
    lasting(text).map(Some).ok_or_else(|| text::NO_END.to_owned())
}

impl Access {
    /// Does it.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        match self {
            Self::List { channel, json } => list(channel.as_deref(), json, host, output),
            Self::Revoke(who) => who.change(&AccessChange::Revoke, host, output),
            Self::Block(who) => who.change(&AccessChange::Block, host, output),
            Self::Unblock(who) => who.change(&AccessChange::Unblock, host, output),
            Self::Extend { who, end } => who.change(&AccessChange::Extend(end), host, output),
            Self::Rename { who, note } => who.change(&access::note(&note.join(" ")), host, output),
            Self::Explain(explain) => explain.run(host, output),
            Self::Log { count, json } => log(count.get(), json, host, output),
            Self::Simulate(simulate) => simulate.run(host, output),
        }
    }
}

fn list(channel: Option<&str>, json: bool, host: &Host, output: &mut Output) -> Ended {
    let channel = channel.map(pairing_channel).transpose()?;
    let all = access::all(&host.store()?, channel.map(|channel| channel.id), Host::now())?;
    if json {
        return output.json(&json!({ "access": all.iter().map(encoded).collect::<Vec<_>>() }));
    }
    if all.is_empty() {
        output.line(text::NO_ACCESS);
        output.note(text::NO_ACCESS_NOTE);
        return Ok(Exit::Done);
    }
    if let Ok(config) = host.config() {
        unheard(&all, &config, output);
    }
    let reader = Host::approver();
    let row = |mut one: AccessEntry| {
        one.by = one.by.map(|actor| control::text::decider(&actor, reader.actor()));
        let (decision, also) = (one.decision(), one.joined.join(", "));
        vec![
            Whole("Who", one.who),
            Whole("State", text::permit_state(one.state)),
            Text("Decision", decision),
            Text("Note", one.note.unwrap_or_default()),
            Text("Other ids", also),
        ]
    };
    output.table(all.into_iter().map(row));
    Ok(Exit::Done)
}

/// Names the accounts on which the access of the list counts for nothing now.
fn unheard(all: &[AccessEntry], config: &Config, output: &mut Output) {
    let has_access =
        all.iter().filter(|one| matches!(one.state, AccessState::Lasting | AccessState::Until(_)));
    let keys: BTreeSet<_> =
        has_access.filter_map(|one| Contact::parse(&one.who)).map(|who| who.key).collect();
    for key in keys {
        if let Some(why) = text::counts_for_nothing(config, &key) {
            output.note(text::account_note(&key, why));
        }
    }
}

fn encoded(one: &AccessEntry) -> Value {
    let seconds = |span: Duration| span.as_secs();
    let (state, left, ended) = match one.state {
        AccessState::Blocked => ("blocked", None, None),
        AccessState::Ended(ago) => ("ended", None, Some(seconds(ago))),
        AccessState::Lasting => ("lasting", None, None),
        AccessState::Until(left) => ("until", Some(seconds(left)), None),
    };
    json!({
        "who": one.who,
        "state": state,
        "secondsLeft": left,
        "secondsSinceEnd": ended,
        "secondsSince": one.age.map(seconds),
        "by": one.by,
        "how": one.how,
        "note": one.note,
        "joined": one.joined,
    })
}

impl PersonArgs {
    /// The person with this id. A narrow terminal's table leaves the middle of a long id out.
    fn contact(&self, store: &Store) -> Result<Contact, Failure> {
        let Some((begin, end)) = self.who.trim().split_once('…') else {
            return access::contact(&self.who).map_err(Failure::usage);
        };
        let all = access::all(store, None, Host::now())?.into_iter().map(|one| one.who);
        // A table leaves something on both sides.
        let has_both = !begin.ends_with(':') && !begin.is_empty() && !end.is_empty();
        let fits = all.filter(|who| has_both && who.starts_with(begin) && who.ends_with(end));
        let fits: Vec<String> = fits.collect::<BTreeSet<_>>().into_iter().collect();
        match &*fits {
            [one] => access::contact(one).map_err(Failure::usage),
            several => Err(text::shortened_id(&self.who, several.len())),
        }
    }

    /// Changes the permission. It is a failure if something else still gives access; the error names it.
    fn change(&self, change: &AccessChange, host: &Host, output: &mut Output) -> Ended {
        let (store, config) = (host.store()?, host.config()?);
        let who = self.contact(&store)?;
        let change_by = (&Host::approver(), &who, change);
        let changed = access::change(&store, &config, change_by, Host::now())?;
        let shown = whole(&who.to_string());
        if self.json {
            output.json(&told(&changed))?;
        }
        let still = match changed {
            AccessChanged::Done { ids, still } => {
                if !self.json {
                    output.line(text::permit_changed(change, &whole(&ids.join(", "))));
                }
                still
            }
            AccessChanged::Nothing { still: None } => {
                return Err(text::permit_not_changed(change, &shown));
            }
            AccessChanged::Nothing { still } => still,
            AccessChanged::Owner => return Err(text::owner_not_blocked(&shown)),
            AccessChanged::Unknown(why) => return Err(Failure::usage(why)),
        };
        still.map_or(Ok(Exit::Done), |place| Err(text::still_has_access(&shown, &place)))
    }
}

fn told(changed: &AccessChanged) -> Value {
    match changed {
        AccessChanged::Done { ids, still } => {
            json!({ "changed": true, "whom": ids, "stillAdmittedBy": still })
        }
        AccessChanged::Nothing { still } => json!({ "changed": false, "stillAdmittedBy": still }),
        AccessChanged::Owner => json!({ "changed": false, "owner": true }),
        AccessChanged::Unknown(_) => json!({ "changed": false }),
    }
}

impl Explain {
    fn run(self, host: &Host, output: &mut Output) -> Ended {
        let channel = pairing_channel(&self.channel)?;
        let (store, config, state) = (host.store()?, host.config()?, host.state()?);
        let ids = (&*self.id, self.sender.as_deref());
        let found = access::explained(&store, (&config, &state), channel.id, ids, Host::now())?;
        let found = found.map_err(Failure::usage)?;
        if self.json {
            let encoded = |one: &Explanation| {
                json!({
                    "who": one.who,
                    "joined": one.joined,
                    "verdict": one.verdict,
                    "rule": one.rule,
                    "place": one.place,
                    "policy": one.policy,
                })
            };
            let found: Vec<Value> = found.iter().map(encoded).collect();
            return output.json(&json!({ "explained": found }));
        }
        for (label, value) in found.iter().flat_map(Explanation::lines) {
            output.line(format!("{label}: {}", whole(&value)));
        }
        Ok(Exit::Done)
    }
}

fn log(count: usize, json: bool, host: &Host, output: &mut Output) -> Ended {
    for line in audit::show(&host.state()?, count)? {
        if json {
            output.json_line(&line)?;
        } else {
            output.line(control::text::spoken(&line));
        }
    }
    Ok(Exit::Done)
}

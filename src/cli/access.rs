//! `openclaw access`: who has access, since when, until when and who gave it; and the end of it.

mod simulate;

use std::{num::NonZeroUsize, time::Duration};

use clap::{Args, Subcommand};
use openclaw_plugin_sdk::{Permit, PermitChanged, PermitState, lasting, neutral, spell_span};
use serde_json::{Value, json};

use self::simulate::Simulate;
use super::{
    failure::{Exit, Failure},
    host::Host,
    output::{
        Cell::{Text, Whole},
        Output, whole,
    },
};
use crate::{
    control::{
        access::{self, GrantChange},
        explain::Explanation,
    },
    store::audit,
};

/// What can be done about permissions.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  openclaw access list telegram
  openclaw access explain telegram 123456789
  openclaw access block telegram:123456789
  openclaw access extend telegram:123456789 24h

A running gateway honours a change at the next message. In the owner's chat the
same words follow /access.")]
pub(super) enum Access {
    /// Show who has access and who is blocked, since when, until when and who decided
    List(List),
    /// Remove the access of all ids of a person
    Revoke(Who),
    /// Ignore a person, even if the configuration gives access
    Block(Who),
    /// Remove a block; the person is a stranger then
    Unblock(Who),
    /// Set a new end of temporary access
    Extend(Extend),
    /// Set your note about a person; without a note, remove it
    Rename(Rename),
    /// Show what decides about a sender or group now: rule, file and entry
    Explain(Explain),
    /// Show the newest decisions
    Log(Log),
    /// Show what another configuration would change for recent messages
    Simulate(Simulate),
}

/// Shows access and blocks.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only this channel
    #[arg(value_name = "CHANNEL")]
    channel: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Names a person.
#[derive(Debug, Args)]
pub(super) struct Who {
    /// The id as the list shows it, such as telegram:123456789 or telegram/work:123456789
    #[arg(value_name = "WHO")]
    who: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Gives another end.
#[derive(Debug, Args)]
pub(super) struct Extend {
    #[command(flatten)]
    who: Who,
    /// How long from now, such as `24h`; `always` for permanent access
    #[arg(value_name = "SPAN", value_parser = end)]
    end: End,
}

/// When a grant ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Never,
    In(Duration),
}

/// Sets a note about a person.
#[derive(Debug, Args)]
pub(super) struct Rename {
    #[command(flatten)]
    who: Who,
    /// Your note about the person
    #[arg(value_name = "NOTE", num_args = 0..)]
    note: Vec<String>,
}

/// Explains.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The channel
    #[arg(value_name = "CHANNEL")]
    channel: String,
    /// The sender's id, or the id of a group
    #[arg(value_name = "ID", allow_hyphen_values = true)]
    id: String,
    /// The id of a sender in that group
    #[arg(value_name = "SENDER")]
    sender: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Shows decisions.
#[derive(Debug, Args)]
pub(super) struct Log {
    /// How many
    #[arg(value_name = "N", default_value = "20")]
    count: NonZeroUsize,
    /// Print JSON, a line each
    #[arg(long)]
    json: bool,
}

fn end(text: &str) -> Result<End, String> {
    if text.eq_ignore_ascii_case("always") {
        return Ok(End::Never);
    }
    lasting(text).map(End::In).ok_or_else(|| "write an end such as 24h, 30d or always".to_owned())
}

impl Access {
    /// Does it.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        match self {
            Self::List(list) => list.run(host, output),
            Self::Revoke(who) => who.change(&GrantChange::Revoke, host, output),
            Self::Block(who) => who.change(&GrantChange::Block, host, output),
            Self::Unblock(who) => who.change(&GrantChange::Unblock, host, output),
            Self::Extend(Extend { who, end }) => {
                let lasting = match end {
                    End::Never => None,
                    End::In(span) => Some(span),
                };
                who.change(&GrantChange::Extend(lasting), host, output)
            }
            Self::Rename(Rename { who, note }) => {
                let note = neutral(&note.join(" "), access::NOTE);
                let note = (!note.is_empty()).then_some(note);
                who.change(&GrantChange::Rename(note), host, output)
            }
            Self::Explain(explain) => explain.run(host, output),
            Self::Log(log) => log.run(host, output),
            Self::Simulate(simulate) => simulate.run(host, output),
        }
    }
}

impl List {
    fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let channel = self.channel.as_deref().map(super::host::pairing_channel).transpose()?;
        let store = host.store()?;
        let all = access::all(&store, channel.map(|channel| channel.id), Host::now())?;
        if self.json {
            return output.json(&json!({ "access": all.iter().map(spell).collect::<Vec<_>>() }));
        }
        if all.is_empty() {
            output.line("No stored access and no blocks.");
            output.note(
                "`openclaw pairing allowed <channel>` also shows the senders in the configuration",
            );
            return Ok(Exit::Done);
        }
        let reader = Host::approver();
        let row = |mut one: Permit| {
            one.by = one.by.map(|actor| access::decider(&actor, reader.actor()));
            let (decision, also) = (one.decision(), one.joined.join(", "));
            vec![
                Whole("Who", one.who),
                Whole("State", state(one.state)),
                Whole("Decision", decision),
                Text("Note", one.note.unwrap_or_default()),
                Text("Other ids", also),
            ]
        };
        output.table(all.into_iter().map(row));
        Ok(Exit::Done)
    }
}

fn state(state: PermitState) -> String {
    match state {
        PermitState::Blocked => "blocked".to_owned(),
        PermitState::Ended(ago) => format!("ended {} ago", spell_span(ago)),
        PermitState::Lasting => "permanent".to_owned(),
        PermitState::Until(left) => format!("{} left", spell_span(left)),
    }
}

fn spell(one: &Permit) -> Value {
    let seconds = |span: Duration| span.as_secs();
    let (state, left, ended) = match one.state {
        PermitState::Blocked => ("blocked", None, None),
        PermitState::Ended(ago) => ("ended", None, Some(seconds(ago))),
        PermitState::Lasting => ("lasting", None, None),
        PermitState::Until(left) => ("until", Some(seconds(left)), None),
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

impl Who {
    /// Changes the permission. It is a failure if something else still gives access; the error names it.
    fn change(
        &self,
        wish: &GrantChange,
        host: &Host,
        output: &mut Output,
    ) -> Result<Exit, Failure> {
        let who = access::contact(&self.who).map_err(Failure::usage)?;
        let (store, config) = (host.store()?, host.config()?);
        let approver = Host::approver();
        let changed = access::change(&store, &config, (&approver, &who, wish), Host::now())?;
        let shown = whole(&who.to_string());
        if self.json {
            output.json(&told(&changed))?;
        }
        let still = match changed {
            PermitChanged::Done { ids, still } => {
                if !self.json {
                    output.line(format!("{} {}", done(wish), whole(&ids.join(", "))));
                }
                still
            }
            PermitChanged::Nothing { still: None } => {
                let text = format!("{}: {shown}", nothing(wish));
                return Err(Failure::line(Exit::NoMatch, text)
                    .hint("`openclaw access list` shows who has access and who is blocked"));
            }
            PermitChanged::Nothing { still } => still,
            PermitChanged::Owner => {
                let text = format!("{shown} is an owner, and an owner cannot be blocked");
                return Err(Failure::new(Exit::Failed, text).hint(
                    "`openclaw owner show` shows the owners, `openclaw owner remove` removes one",
                ));
            }
            PermitChanged::Unknown(why) => return Err(Failure::usage(why)),
        };
        match still {
            None => Ok(Exit::Done),
            Some(place) => {
                let text = format!("{shown} still has access: {place}");
                let hint = "remove it there, or `openclaw access block <WHO>`";
                Err(Failure::new(Exit::Failed, text).hint(hint))
            }
        }
    }
}

fn told(changed: &PermitChanged) -> Value {
    match changed {
        PermitChanged::Done { ids, still } => {
            json!({ "changed": true, "whom": ids, "stillAdmittedBy": still })
        }
        PermitChanged::Nothing { still } => json!({ "changed": false, "stillAdmittedBy": still }),
        PermitChanged::Owner => json!({ "changed": false, "owner": true }),
        PermitChanged::Unknown(_) => json!({ "changed": false }),
    }
}

fn done(wish: &GrantChange) -> &'static str {
    match wish {
        GrantChange::Block => "⛔ Blocked",
        GrantChange::Extend(_) => "✅ New end of access for",
        GrantChange::Rename(Some(_)) => "Note saved for",
        GrantChange::Rename(None) => "Note removed for",
        GrantChange::Revoke => "✅ Revoked",
        GrantChange::Unblock => "✅ Block removed for",
    }
}

fn nothing(wish: &GrantChange) -> &'static str {
    match wish {
        GrantChange::Block => "Already blocked",
        GrantChange::Extend(_) => "No grant with an end",
        GrantChange::Rename(_) => "The note says that already",
        GrantChange::Revoke => "No stored grant",
        GrantChange::Unblock => "Not blocked",
    }
}

impl Explain {
    fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let channel = super::host::pairing_channel(&self.channel)?;
        let (store, config, state) = (host.store()?, host.config()?, host.state()?);
        let ids = (&*self.id, self.sender.as_deref());
        let found = access::explained(&store, (&config, &state), channel.id, ids, Host::now())?;
        let found = found.map_err(Failure::usage)?;
        if self.json {
            let spell = |one: &Explanation| {
                json!({
                    "who": one.who,
                    "verdict": one.verdict,
                    "rule": one.rule,
                    "place": one.place,
                    "policy": one.policy,
                })
            };
            return output
                .json(&json!({ "explained": found.iter().map(spell).collect::<Vec<_>>() }));
        }
        for (label, value) in found.iter().flat_map(Explanation::lines) {
            output.line(format!("{label}: {}", whole(&value)));
        }
        Ok(Exit::Done)
    }
}

impl Log {
    fn run(&self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        for line in audit::show(&host.state()?, self.count.get())? {
            if self.json {
                output.line(serde_json::to_string(&line).map_err(anyhow::Error::from)?);
            } else {
                output.line(access::spoken(&line));
            }
        }
        Ok(Exit::Done)
    }
}

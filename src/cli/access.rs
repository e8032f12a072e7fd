//! `openclaw access`: who may talk, since when, by whose leave and until when; and the end of it.

mod simulate;

use std::{num::NonZeroUsize, time::Duration};

use clap::{Args, Subcommand};
use openclaw_plugin_sdk::{Permit, PermitChanged, PermitState, lasting, neutral, spell_span};
use serde_json::{Value, json};

use self::simulate::Simulate;
use super::{
    failure::{Exit, Failure},
    host::Host,
    output::{Column, Output, whole},
};
use crate::{
    explain::Explanation,
    permits::{self, Wish},
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
    /// Show whom the store lets in or keeps out, since when, by whom, until when
    List(List),
    /// Take somebody's grants back, under each of his ids
    Revoke(Who),
    /// Never hear somebody again, whatever lets him in
    Block(Who),
    /// Take a block away; he is a stranger then
    Unblock(Who),
    /// Give a grant that ends another end
    Extend(Extend),
    /// Note who somebody is; without a note, forget it
    Rename(Rename),
    /// Say what decides about somebody now: rule, file and entry
    Explain(Explain),
    /// Show the newest decisions
    Log(Log),
    /// Say what another configuration would change for those who wrote lately
    Simulate(Simulate),
}

/// Shows everybody.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only this channel
    #[arg(value_name = "CHANNEL")]
    channel: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Names somebody.
#[derive(Debug, Args)]
pub(super) struct Who {
    /// As the list shows him, such as telegram:123456789 or telegram/work:123456789
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
    /// How long from now, such as `24h`; `always` for good
    #[arg(value_name = "SPAN", value_parser = end)]
    end: End,
}

/// When a grant ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Never,
    In(Duration),
}

/// Notes who somebody is.
#[derive(Debug, Args)]
pub(super) struct Rename {
    #[command(flatten)]
    who: Who,
    /// What you call him
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
    lasting(text).map(End::In).ok_or_else(|| "an end is like 24h, 30d or always".to_owned())
}

impl Access {
    /// Does it.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        match self {
            Self::List(list) => list.run(host, output),
            Self::Revoke(who) => who.change(&Wish::Revoke, host, output),
            Self::Block(who) => who.change(&Wish::Block, host, output),
            Self::Unblock(who) => who.change(&Wish::Unblock, host, output),
            Self::Extend(Extend { who, end }) => {
                let lasting = match end {
                    End::Never => None,
                    End::In(span) => Some(span),
                };
                who.change(&Wish::Extend(lasting), host, output)
            }
            Self::Rename(Rename { who, note }) => {
                let note = neutral(&note.join(" "), permits::NOTE);
                let note = (!note.is_empty()).then_some(note);
                who.change(&Wish::Rename(note), host, output)
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
        let all = permits::all(&store, channel.map(|channel| channel.id), Host::now())?;
        if self.json {
            output.json(&json!({ "access": all.iter().map(spell).collect::<Vec<_>>() }))?;
            return Ok(Exit::Done);
        }
        if all.is_empty() {
            output.line("The store lets nobody in and keeps nobody out.");
            output.note(
                "`openclaw pairing allowed <channel>` shows also whom the configuration lists",
            );
            return Ok(Exit::Done);
        }
        let columns = ["Who", "State", "Since", "By"].map(Column::Whole);
        let columns = [columns.as_slice(), &["Note", "Also"].map(Column::Text)].concat();
        let row = |one: &Permit| {
            let since = one.age.map(|age| format!("{} ago", spell_span(age))).unwrap_or_default();
            let by = match (&one.how, &one.by) {
                (Some(how), Some(by)) => format!("{how} by {by}"),
                (_, by) => by.clone().unwrap_or_default(),
            };
            let (note, also) = (one.note.clone().unwrap_or_default(), one.joined.join(", "));
            vec![one.who.clone(), state(one.state), since, by, note, also]
        };
        output.table(&columns, all.iter().map(row).collect());
        Ok(Exit::Done)
    }
}

fn state(state: PermitState) -> String {
    match state {
        PermitState::Blocked => "blocked".to_owned(),
        PermitState::Ended(ago) => format!("ended {} ago", spell_span(ago)),
        PermitState::Lasting => "for good".to_owned(),
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
    /// Changes his permission; what still lets him in is a failure that names it.
    fn change(&self, wish: &Wish, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let who = permits::contact(&self.who).map_err(Failure::usage)?;
        let (store, config) = (host.store()?, host.config()?);
        let approver = Host::approver();
        let changed = permits::change(&store, &config, (&approver, &who, wish), Host::now())?;
        let shown = whole(&who.to_string());
        if self.json {
            output.json(&told(&changed))?;
        }
        let still = match changed {
            PermitChanged::Done { whom, still } => {
                if !self.json {
                    output.line(format!("{} {}", done(wish), whole(&whom.join(", "))));
                }
                still
            }
            PermitChanged::Nothing { still: None } => {
                let text = format!("{}: {shown}", nothing(wish));
                return Err(Failure::line(Exit::NoMatch, text)
                    .hint("`openclaw access list` shows who is let in or kept out"));
            }
            PermitChanged::Nothing { still } => still,
            PermitChanged::Owner => {
                let text = format!("{shown} is an owner, and an owner cannot be blocked");
                return Err(Failure::new(Exit::Failed, text)
                    .hint("`openclaw owner show` says how he became one"));
            }
            PermitChanged::Unknown(why) => return Err(Failure::usage(why)),
        };
        match still {
            None => Ok(Exit::Done),
            Some(place) => {
                let text = format!("{shown} is still let in: {place}");
                Err(Failure::new(Exit::Failed, text).hint("change it there, or block him"))
            }
        }
    }
}

fn told(changed: &PermitChanged) -> Value {
    match changed {
        PermitChanged::Done { whom, still } => {
            json!({ "changed": true, "whom": whom, "stillAdmittedBy": still })
        }
        PermitChanged::Nothing { still } => json!({ "changed": false, "stillAdmittedBy": still }),
        PermitChanged::Owner => json!({ "changed": false, "owner": true }),
        PermitChanged::Unknown(_) => json!({ "changed": false }),
    }
}

fn done(wish: &Wish) -> &'static str {
    match wish {
        Wish::Block => "⛔ Blocked",
        Wish::Extend(_) => "✅ Another end for",
        Wish::Rename(Some(_)) => "Noted for",
        Wish::Rename(None) => "Note taken away for",
        Wish::Revoke => "✅ Revoked",
        Wish::Unblock => "✅ No longer blocked:",
    }
}

fn nothing(wish: &Wish) -> &'static str {
    match wish {
        Wish::Block => "Already blocked",
        Wish::Extend(_) => "No grant that ends",
        Wish::Rename(_) => "That is the note already",
        Wish::Revoke => "No stored grant",
        Wish::Unblock => "Not blocked",
    }
}

impl Explain {
    fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        let channel = super::host::pairing_channel(&self.channel)?;
        let (store, config, state) = (host.store()?, host.config()?, host.state()?);
        let ids = (&*self.id, self.sender.as_deref());
        let found = permits::explained(&store, (&config, &state), channel.id, ids, Host::now())?;
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
            output.json(&json!({ "explained": found.iter().map(spell).collect::<Vec<_>>() }))?;
            return Ok(Exit::Done);
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
                output.line(permits::spoken(&line));
            }
        }
        Ok(Exit::Done)
    }
}

//! `openclaw pairing list`: the one place that prints codes, beside what a shell completes.

use clap::Args;
use openclaw_plugin_sdk::{AccountId, ChannelPlugin, UnixMs};
use serde_json::{Value, json};

use super::meta;
use crate::{
    Cell, Ended, Exit, Failure, Host, Output, Text, Whole,
    control::pairing,
    devices::age,
    host, registry,
    rules::pairing::{Displayed, PairingRequest},
    text,
    watch::Watch,
    world,
};

/// Shows who waits.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  openclaw pairing list                          Every channel
  openclaw pairing list telegram --account work  One account of one channel
  openclaw pairing list --watch                  Again every two seconds
  openclaw pairing list telegram --json          For a script")]
pub(crate) struct List {
    /// Only this channel
    channel: Option<String>,
    /// The same, as an option
    #[arg(long = "channel", value_name = "CHANNEL", conflicts_with = "channel")]
    named: Option<String>,
    /// Only this account
    #[arg(long, value_parser = host::account)]
    account: Option<AccountId>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    watch: Watch,
}

impl List {
    /// Lists one channel, or all: one that cannot be read hides no other, and fails the command.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        self.watch.run(self.json, output, |output| self.show(host, output))
    }

    fn show(&self, host: &Host, output: &mut Output) -> Ended {
        let typed = self.channel.as_ref().or(self.named.as_ref());
        let one = typed.map(|typed| host::pairing_channel(typed)).transpose()?;
        let (store, now) = (host.store()?, Host::now());
        let channels = one.map_or_else(|| registry::pairing_channels().collect(), |one| vec![one]);
        let (mut waiting, mut failures) = (Vec::new(), Vec::new());
        for channel in channels {
            match pairing::waiting(&store, Some(channel.id), now) {
                Ok(found) => waiting.extend(found),
                Err(error) => failures.push(Failure::from(error)),
            }
        }
        let wanted = |account: &AccountId| self.account.as_ref().is_none_or(|one| one == account);
        waiting.retain(|request| wanted(&request.key.account));
        waiting.sort_by_key(|request| request.created_at);
        let last = failures.pop();
        if last.is_none() || !waiting.is_empty() {
            self.print(one, &waiting, now, output)?;
        }
        for failure in &failures {
            output.failure(failure);
        }
        last.map_or(Ok(Exit::Done), Err)
    }

    fn print(
        &self,
        one: Option<&ChannelPlugin>,
        waiting: &[PairingRequest],
        now: UnixMs,
        output: &mut Output,
    ) -> Result<(), Failure> {
        if self.json {
            return output.json(&spell(one, waiting)).map(drop);
        }
        if waiting.is_empty() {
            output.line(text::nobody_waits(one.map(|channel| channel.id)));
            return Ok(());
        }
        output.line(text::requests(waiting.len()));
        output.table(table(one, waiting, now));
        if waiting.iter().any(|request| !request.displayed().by_code) {
            output.line(text::NEEDS_REVISION);
        }
        Ok(())
    }
}

fn table(one: Option<&ChannelPlugin>, waiting: &[PairingRequest], now: UnixMs) -> Vec<Vec<Cell>> {
    let accounts = waiting.iter().any(|request| !request.key.account.is_default());
    let shown: Vec<Displayed> = waiting.iter().map(PairingRequest::displayed).collect();
    // A code alone stands for what was there when it was sent; for anything else the revision is needed.
    let [claims, first, revision] = [
        shown.iter().any(|shown| shown.claims.is_some()),
        shown.iter().any(|shown| shown.held.is_some()),
        shown.iter().any(|shown| !shown.by_code),
    ];
    let row = |(request, shown): (&PairingRequest, &Displayed)| {
        let cells = [
            (one.is_none(), Whole("Channel", request.key.channel.clone())),
            (accounts, Whole("Account", request.key.account.to_string())),
            (true, Whole("Code", request.code.spell())),
            (true, Whole("ID", request.sender.to_string())),
            (true, Text("Meta", meta(request))),
            (true, Whole("Requested", format!("{} ago", age(request.created_at.0, now)))),
            (claims, Whole("Claims to be", shown.claims.clone().unwrap_or_default())),
            (first, Text("First message", shown.first_message().unwrap_or_default())),
            (revision, Whole("Revision", shown.revision.clone())),
        ];
        cells.into_iter().filter(|(any, _)| *any).map(|(_, cell)| cell).collect()
    };
    waiting.iter().zip(&shown).map(row).collect()
}

/// The field's shape; with all channels in it, each request names its own.
fn spell(one: Option<&ChannelPlugin>, waiting: &[PairingRequest]) -> Value {
    let spell = |request: &PairingRequest| {
        let mut meta = request.meta.clone();
        meta.insert("accountId".to_owned(), request.key.account.to_string());
        meta.extend(request.later_name.clone().map(|name| ("laterName".to_owned(), name)));
        let mut encoded = json!({
            "id": request.sender.as_str(),
            "code": request.code.spell(),
            "createdAt": world::iso(request.created_at),
            "lastSeenAt": world::iso(request.last_seen_at),
            "meta": meta,
        });
        let shown = request.displayed();
        encoded["expiresAt"] = world::iso(shown.ends).into();
        encoded["revision"] = shown.revision.into();
        if let Some(claims) = shown.claims {
            encoded["claims"] = claims.into();
        }
        if let Some(held) = shown.held {
            encoded["heldCharacters"] = held.into();
        }
        if one.is_none() {
            encoded["channel"] = request.key.channel.clone().into();
        }
        encoded
    };
    let requests: Vec<Value> = waiting.iter().map(spell).collect();
    match one {
        Some(channel) => json!({ "channel": channel.id, "requests": requests }),
        None => json!({ "requests": requests }),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::{
        output::{self, Look},
        pairing::tests::request,
    };

    #[test]
    fn the_table_of_one_channel_is_the_tutorials() {
        let waiting = [request(&[], None)];
        let mut rows = table(None, &waiting, UnixMs(waiting[0].created_at.0 + 90_000));
        assert_eq!(rows[0].remove(0), Whole("Channel", "telegram".to_owned()));
        expect![[r"
            ┌──────────┬───────────┬──────┬───────────┐
            │ Code     │ ID        │ Meta │ Requested │
            ├──────────┼───────────┼──────┼───────────┤
            │ AB3D7X9K │ 123456789 │      │ 1m ago    │
            └──────────┴───────────┴──────┴───────────┘"]]
        .assert_eq(&output::table(rows, Look { width: Some(80), ..Look::default() }));
    }

    #[test]
    fn json_has_the_shape_of_the_field_and_the_values_as_they_are() {
        let waiting = [request(&[("firstName", "\u{1b}Ann")], Some("Owner"))];
        expect![[r#"
            {
              "requests": [
                {
                  "id": "123456789",
                  "code": "AB3D7X9K",
                  "createdAt": "2026-01-27T10:30:00.000Z",
                  "lastSeenAt": "2026-01-27T10:31:00.000Z",
                  "meta": {
                    "accountId": "default",
                    "firstName": "\u001bAnn",
                    "laterName": "Owner"
                  },
                  "expiresAt": "2026-01-27T11:30:00.000Z",
                  "revision": "REVISION",
                  "channel": "telegram"
                }
              ]
            }"#]]
        .assert_eq(
            &serde_json::to_string_pretty(&spell(None, &waiting))
                .unwrap()
                .replace(&waiting[0].displayed().revision, "REVISION"),
        );
    }
}

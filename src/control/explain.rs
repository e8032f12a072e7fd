//! What decides about a sender's direct messages now: the rule, and where it stands.

use openclaw_plugin_sdk::{ChatId, SenderId, UnixMs, neutral};

use crate::{
    config::Config,
    rules::{
        AccountKey, Contact, Ground, Lists, Verdict, group::GroupPolicy, judge, records::Standing,
    },
    store::{Store, StoreError, moved::Moved, paths::StateDir},
    world,
};

/// The sender in question, and what the explanation is based on.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The folder of the store's files.
    pub state: &'a StateDir,
    /// The sender.
    pub contact: &'a Contact,
}

/// What decides, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The sender or group: `telegram:4711`.
    pub who: String,
    /// `admitted`, `asks for a code`, `ignored`.
    pub verdict: &'static str,
    /// The rule, in words.
    pub rule: String,
    /// The file and the entry in it that decide; nothing where the lack of one does.
    pub place: Option<String>,
    /// The account's policy.
    pub policy: &'static str,
}

impl Explanation {
    /// Label and value, a line each.
    pub fn lines(&self) -> Vec<(String, String)> {
        let mut lines = vec![
            ("Who", self.who.clone()),
            ("Now", self.verdict.to_owned()),
            ("Because", self.rule.clone()),
        ];
        lines.extend(self.place.clone().map(|place| ("Where", place)));
        lines.push(("Policy", self.policy.to_owned()));
        lines.into_iter().map(|(label, value)| (label.to_owned(), value)).collect()
    }
}

/// Explains the verdict about a direct message of a sender, as the gate would give it now.
pub fn explain(store: &Store, asked: Asked<'_>, now: UnixMs) -> Result<Explanation, StoreError> {
    let Asked { config, contact, .. } = asked;
    let Contact { key, sender } = contact;
    let said = |verdict, rule: String, place, policy| Explanation {
        who: contact.to_string(),
        verdict,
        rule,
        place,
        policy,
    };
    let Some(account) = config.account(key) else {
        let rule = "no account of that name is configured".to_owned();
        return Ok(said("ignored", rule, None, "none"));
    };
    let policy = account.dm_policy.word();
    if !account.enabled {
        let place = Some(format!("channels.{}: enabled = false", key.channel));
        return Ok(said("ignored", "the account is switched off".to_owned(), place, policy));
    }
    let configured = config.owners.names(&key.channel, sender);
    let claimed = store.owners()?.names(&key.channel, sender);
    let approved = store.approved(key)?;
    let standing = store.standing(key, sender, now)?;
    let lists = Lists { listed: &account.allow_from, approved: &approved, standing };
    let verdict = judge(account.dm_policy, configured || claimed, lists, sender);
    let (rule, place) = because(store, asked, (verdict, standing, configured), now)?;
    let verdict = match verdict {
        Verdict::Admit(_) => "admitted",
        Verdict::Ignore => "ignored",
        Verdict::Pair => "asks for a code",
    };
    Ok(said(verdict, rule, place, policy))
}

/// Explains who is heard in a group, or whether this sender is: only the configuration and blocks decide there.
pub fn explain_group(
    store: &Store,
    (config, state): (&Config, &StateDir),
    (key, chat, sender): (&AccountKey, &ChatId, Option<&SenderId>),
    now: UnixMs,
) -> Result<Explanation, StoreError> {
    let by = sender
        .map(|sender| format!("{} in ", Contact { key: key.clone(), sender: sender.clone() }));
    let (by, group) = (by.unwrap_or_default(), neutral(chat.as_str(), 64));
    let who = format!("{by}{} group {group}", key.channel);
    let table = format!("channels.{}", key.channel);
    let Some(account) = config.account(key) else {
        let rule = "no account of that name is configured".to_owned();
        return Ok(Explanation { who, verdict: "ignored", rule, place: None, policy: "none" });
    };
    let (groups, chat) = Moved::of(state, key)?.judged(&account.groups, chat);
    let policy = groups.policy.word();
    let said = |verdict, rule: &str, key: &str| {
        let place = Some(format!("{table}: {key}")).filter(|_| !key.is_empty());
        Explanation { who: who.clone(), verdict, rule: rule.to_owned(), place, policy }
    };
    if !account.enabled {
        return Ok(said("ignored", "the account is switched off", "enabled = false"));
    }
    if groups.policy == GroupPolicy::Disabled {
        return Ok(said("ignored", "nobody is heard in groups", "group_policy"));
    }
    if groups.groups.as_ref().is_some_and(|listed| !listed.contains(&chat)) {
        return Ok(said("ignored", "this group is not listed", "groups"));
    }
    let open = groups.policy == GroupPolicy::Open;
    let heard =
        if groups.require_mention { "admitted when the bot is mentioned" } else { "admitted" };
    let Some(sender) = sender else {
        let rule = if open { "everyone in it is heard" } else { "the listed senders are heard" };
        return Ok(said(heard, rule, if open { "group_policy" } else { "group_allow_from" }));
    };
    let owner =
        config.owners.names(&key.channel, sender) || store.owners()?.names(&key.channel, sender);
    if !owner && store.standing(key, sender, now)? == Standing::Blocked {
        return Ok(said("ignored", "the sender is blocked", ""));
    }
    Ok(if open {
        said(heard, "everyone in it is heard", "group_policy")
    } else if groups.senders.admits(sender) {
        said(heard, "the configuration lists the sender", "group_allow_from")
    } else {
        said(
            "ignored",
            "the sender is not listed; an approval counts in direct chats only",
            "group_allow_from",
        )
    })
}

/// The rule, and where it stands.
fn because(
    store: &Store,
    Asked { config, state, contact }: Asked<'_>,
    (verdict, standing, configured): (Verdict, Standing, bool),
    now: UnixMs,
) -> Result<(String, Option<String>), StoreError> {
    let Contact { key, sender } = contact;
    let policy = config.account(key).map_or("none", |account| account.dm_policy.word());
    let records = store.records()?;
    let records_at = state.access_records().display().to_string();
    Ok(match verdict {
        Verdict::Admit(Ground::Owner) => {
            let place = if configured {
                config.file.as_ref().map(|file| format!("{}: owner.allow_from", file.display()))
            } else {
                Some(state.owners().display().to_string())
            };
            ("the sender is an owner".to_owned(), place)
        }
        Verdict::Admit(Ground::Listed | Ground::Everyone) => {
            let place = config.admits(key, sender);
            let place = place.map(|place| format!("{}:{}", place.file.display(), place.line));
            let everyone = verdict == Verdict::Admit(Ground::Everyone);
            let rule = if everyone {
                "`*` gives everyone access"
            } else {
                "the configuration lists the sender"
            };
            (rule.to_owned(), place)
        }
        Verdict::Admit(Ground::Approved) => match records.grant(key, sender) {
            Some(grant) if standing == Standing::Granted => {
                let end = grant.ends(now).map_or("permanently".to_owned(), |until| {
                    format!("until {}", world::iso(until))
                });
                let since = world::iso(grant.since);
                (format!("{} approved the sender {end}, on {since}", grant.by), Some(records_at))
            }
            _ => {
                let files = state.allowlists(key);
                let place = files.first().map(|file| format!("{}: {sender}", file.display()));
                ("an owner approved the sender".to_owned(), place)
            }
        },
        Verdict::Ignore if standing == Standing::Blocked => {
            let blocks = &records.records().blocks;
            let block = blocks.iter().find(|b| b.channel == key.channel && b.sender == *sender);
            let by = block.map(|block| {
                format!("{} blocked the sender on {}", block.by, world::iso(block.since))
            });
            (by.unwrap_or_else(|| "the sender is blocked".to_owned()), Some(records_at))
        }
        Verdict::Ignore => {
            let rule =
                format!("the sender is not listed, and with the policy `{policy}` nobody can ask");
            (rule, None)
        }
        Verdict::Pair => ("nobody has approved the sender".to_owned(), None),
    })
}

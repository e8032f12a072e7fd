//! Who has access, and who is owner, as the file says it.

use openclaw_plugin_sdk::{ChannelPlugin, SenderId};

use super::{Home, example::try_load, load, stand_ins, wrong};
use crate::{
    Config,
    rules::{
        AccountKey, DmPolicy,
        admission::{self, Age, Chat, Direct, Event, Facts, Ground, Reason, Verdict},
    },
};

/// Every channel on which strangers exist.
fn channels() -> impl Iterator<Item = &'static ChannelPlugin> {
    stand_ins().channels.iter().copied().filter(|plugin| !plugin.abilities.console)
}

fn table(plugin: &ChannelPlugin, keys: &str) -> String {
    let token = if plugin.keys.contains(&"bot_token") { "bot_token = '1:a'\n" } else { "" };
    format!("[channels.{}]\n{token}{keys}", plugin.id)
}

/// The verdicts for the listed `4711` and for the stranger `4712`.
fn verdicts(config: &Config, plugin: &ChannelPlugin) -> (Verdict, Verdict) {
    let account = config.account(&AccountKey::default_of(plugin.id)).unwrap();
    let judge = |id: &str| {
        let id = SenderId::new(id).unwrap();
        let chat = Chat::Direct(Direct {
            policy: account.dm_policy,
            listed: account.allow_from.names(&id),
            everyone: account.allow_from.everyone(),
            approved: false,
        });
        let facts = Facts { enabled: true, owner: false, blocked: false, chat };
        admission::judge(&Event::Message { age: Age::New, mentions_us: false }, &facts)
    };
    (judge("4711"), judge("4712"))
}

enum Expected {
    /// All have access, with a warning.
    Everyone,
    Verdicts(Verdict, Verdict),
    Warned,
    Wrong(&'static str),
}

#[test]
fn case_087_each_policy_with_each_list_means_one_thing_on_every_channel() {
    use Expected::{Everyone, Verdicts, Warned, Wrong};
    use Verdict::Pair;
    const NO: Verdict = Verdict::Ignore(Reason::SenderNotListed);
    const ALL: Verdict = Verdict::Admit(Ground::Everyone);
    const ONE: Verdict = Verdict::Admit(Ground::Listed);
    const BLANK: Expected = Wrong("has a blank entry");
    const OPEN: Expected = Wrong("admits everyone only where `allow_from` has `\"*\"`");
    let lists = ["", "allow_from = []", "allow_from = ['']", "allow_from = ['*']"];
    let lists = lists.into_iter().chain(["allow_from = [4711]"]);
    let rows = [
        (
            "pairing",
            [Verdicts(Pair, Pair), Verdicts(Pair, Pair), BLANK, Everyone, Verdicts(ONE, Pair)],
        ),
        ("allowlist", [Warned, Warned, BLANK, Everyone, Verdicts(ONE, NO)]),
        ("open", [OPEN, OPEN, BLANK, Verdicts(ALL, ALL), OPEN]),
        (
            "disabled",
            [Verdicts(NO, NO), Verdicts(NO, NO), BLANK, Verdicts(NO, NO), Verdicts(NO, NO)],
        ),
    ];
    for plugin in channels() {
        for (policy, cells) in &rows {
            for (list, expected) in lists.clone().zip(cells) {
                let text = table(plugin, &format!("dm_policy = '{policy}'\n{list}\n"));
                match expected {
                    Wrong(said) => assert!(wrong(&text).contains(said), "{text}"),
                    Verdicts(listed, stranger) => {
                        let config = load(&text);
                        assert_eq!(verdicts(&config, plugin), (*listed, *stranger), "{text}");
                        assert_eq!(config.warnings, [""; 0], "{text}");
                    }
                    Everyone => {
                        let config = load(&text);
                        assert_eq!(verdicts(&config, plugin), (ALL, ALL), "{text}");
                        let [warning] = config.warnings.as_slice() else { panic!("{text}") };
                        let said = format!("although `dm_policy` is `{policy}`");
                        assert!(warning.contains(&said), "{warning}");
                    }
                    Warned => {
                        let config = load(&text);
                        assert_eq!(verdicts(&config, plugin), (NO, NO), "{text}");
                        let [warning] = config.warnings.as_slice() else { panic!("{text}") };
                        assert!(warning.contains("lists nobody"), "{warning}");
                    }
                }
            }
        }
        let default = load(&table(plugin, ""));
        assert_eq!(verdicts(&default, plugin), (Pair, Pair), "{}", plugin.id);
        // The policy that is not written is meant too.
        let everyone = load(&table(plugin, "allow_from = ['*']\n"));
        assert_eq!(verdicts(&everyone, plugin), (ALL, ALL), "{}", plugin.id);
        let [warning] = everyone.warnings.as_slice() else { panic!("{}", plugin.id) };
        assert!(warning.contains("everyone has access"), "{warning}");
    }
}

#[test]
fn everyone_in_a_group_is_a_warning_unless_the_policy_says_so() {
    let warnings = |more: &str| {
        load(&format!("[channels.telegram]\nbot_token = '1:a'\ngroup_allow_from = ['*']\n{more}"))
            .warnings
    };
    let listed = warnings("");
    assert!(
        matches!(listed.as_slice(), [one] if one.contains("everyone in a group")),
        "{listed:?}"
    );
    assert_eq!(warnings("group_policy = 'open'\n"), [""; 0]);
    assert_eq!(warnings("group_policy = 'disabled'\n"), [""; 0]);
}

#[test]
fn a_blank_is_an_error_beside_anything_else_and_under_every_key() {
    for key in ["allow_from", "group_allow_from", "groups"] {
        for list in ["['4711', ' ']", "['*', \"\\t\"]"] {
            let text = wrong(&format!("[channels.telegram]\nbot_token='1:a'\n{key} = {list}\n"));
            let said = format!("config.toml:3: `channels.telegram.{key}` has a blank entry");
            assert!(text.contains(&said), "{text}");
        }
    }
}

#[test]
fn case_078_a_group_id_in_a_list_of_senders_is_refused() {
    for entry in ["-1001234567890", "'-1001234567890'", "'tg:-42'", "'@ann'", "'Ann'"] {
        for key in ["allow_from", "group_allow_from"] {
            let text = wrong(&format!(
                "[channels.telegram]\nbot_token = '1:a'\n{key} = [\n  4711,\n  {entry},\n]\n"
            ));
            let said = format!("config.toml:5: `channels.telegram.{key}` has ");
            let bare = entry.trim_matches('\'');
            assert!(text.starts_with(&said) && text.contains(&format!("`{bare}`")), "{text}");
        }
    }
    let config = load("[channels.telegram]\nbot_token = '1:a'\ngroups = [-42, '-43']\n");
    let account = config.account(&AccountKey::default_of("telegram")).unwrap();
    assert_eq!(account.groups.groups.as_ref().unwrap().len(), 2);
    assert!(account.allow_from.is_empty() && account.groups.senders.is_empty());
}

#[test]
fn each_entry_is_kept_with_its_line() {
    let text = "[channels.telegram]\nbot_token = '1:a'\nallow_from = [ 'tg:4711',\n '*' ]\n";
    let home = Home::with(text);
    let config = home.load().unwrap();
    let key = AccountKey::default_of("telegram");
    let lines: Vec<_> = config.account(&key).unwrap().listed.iter().map(|e| e.line).collect();
    assert_eq!(lines, [3, 4]);
    let place = |id: &str| config.admits(&key, &SenderId::new(id).unwrap()).unwrap().line;
    assert_eq!((place("4711"), place("4712")), (3, 4));
}

#[test]
fn groups_hear_the_configured_list_unless_told_otherwise() {
    let rules = |keys: &str| {
        let text = format!("[channels.telegram]\nbot_token = '1:a'\nallow_from = [4711]\n{keys}");
        let config = load(&text);
        config.account(&AccountKey::default_of("telegram")).unwrap().groups.clone()
    };
    let id = SenderId::new("4711").unwrap();
    assert!(rules("").senders.names(&id) && rules("").require_mention);
    assert!(rules("group_allow_from = []\n").senders.is_empty());
    assert!(!rules("require_mention = false\n").require_mention);
    assert!(rules("").groups.is_none());
}

#[test]
fn case_010_nobody_is_owner_where_none_is_named() {
    let config = load(
        "[channels.telegram]\nbot_token = '1:a'\ndm_policy = 'open'\nallow_from = ['*']\n[owner]\n",
    );
    assert!(config.owners.is_empty());
}

#[test]
fn case_011_everyone_is_no_owner() {
    for entry in ["*", " * ", "telegram:*", "webchat: *"] {
        let text = wrong(&format!("[owner]\nallow_from = [\n\"telegram:1\",\n\"{entry}\"]\n"));
        assert!(text.starts_with("config.toml:4: `owner.allow_from` has `"), "{text}");
        assert!(text.ends_with("an owner is a person, never everyone"), "{text}");
    }
}

#[test]
fn an_owner_is_a_whole_id_on_a_channel_that_exists() {
    for (entry, said) in [
        ("''", "has a blank entry"),
        ("'telegram:'", "is not a sender id"),
        ("'telegram:-1001'", "`telegram:-1001`, which is not a sender id"),
        ("'telegram:@ann'", "is not a sender id"),
        ("'telgram:1'", "did you mean `telegram`?"),
        ("'4711'", "write `\"<channel>:<id>\"`"),
        ("4711", "names owners as `\"<channel>:<id>\"`"),
    ] {
        let text = wrong(&format!("[owner]\nallow_from = [{entry}]\n"));
        assert!(text.starts_with("config.toml:2: `owner.allow_from` "), "{text}");
        assert!(text.contains(said), "{text}");
    }
    let config = load("owner.allow_from = ['telegram:tg:4711', 'Telegram: 4711 ', 'webchat:v1']");
    let owners: Vec<String> =
        config.owners.0.iter().map(|owner| format!("{}:{}", owner.channel, owner.sender)).collect();
    assert_eq!(owners, ["telegram:4711", "webchat:v1"]);
    assert_eq!(config.account(&AccountKey::default_of("telegram")).map(|a| a.enabled), None);
}

#[test]
fn an_unset_policy_is_pairing() {
    let config = Home::new().load().unwrap();
    assert!(config.accounts.iter().all(|account| account.dm_policy == DmPolicy::Pairing));
}

#[test]
fn an_owner_says_where_when_and_how_often_cards_come() {
    let config = load(
        "[owner]\nnotify = ['telegram:2', 'telegram:1']\nquiet = '22:00-07:00'\n\
         time_zone = 'Europe/Berlin'\ncards = { burst = 3, per_minute = 2 }\n",
    );
    let telling = &config.telling;
    let named: Vec<&str> = telling.notify.iter().map(|owner| owner.sender.as_str()).collect();
    assert_eq!(named, ["2", "1"], "in order");
    assert_eq!((telling.cards.burst, telling.cards.per_minute), (3, 2));
    let at = |iso| crate::world::from_iso(iso).unwrap();
    assert!(telling.is_quiet(at("2026-07-15T20:30:00.000Z")), "22:30 in summer");
    assert!(!telling.is_quiet(at("2026-01-15T20:30:00.000Z")), "21:30 in winter");
    assert!(!load("").telling.is_quiet(at("2026-01-15T23:30:00.000Z")), "nobody asked for it");
    for (line, why) in [
        ("quiet = '22:00-07:00'", "`owner.quiet` needs `owner.time_zone`"),
        ("quiet = 'at night'\ntime_zone = 'UTC'", "`owner.quiet` has `at night`; write two times"),
        ("time_zone = 'Berlin'", "`owner.time_zone` has `Berlin`, which is not a time zone"),
        ("notify = ['telegram:*']", "`owner.notify` has `telegram:*`: an owner is a person"),
        ("cards = { burst = 0 }", "`owner.cards.burst` is a whole number from 1 to 60"),
        ("cards = { brust = 1 }", "unknown key `brust` in `owner.cards`; did you mean `burst`?"),
    ] {
        let said = wrong(&format!("[owner]\n{line}\n"));
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn an_id_by_which_a_platform_knows_nobody_matches_nobody_and_is_warned_of() {
    let (number, aci) = ("+15557654321", "0f1e2d3c-4b5a-4968-8776-655443322110");
    let text = format!(
        "[owner]\nallow_from = ['signal:{number}', 'signal:{aci}']\n[channels.signal]\naccount = '+15551234567'\n\
         url = 'http://127.0.0.1:8080'\nallow_from = ['{number}', '{aci}']\n"
    );
    let config = try_load(&text).unwrap();
    let mut warnings = config.warnings.clone();
    // The environment of a test beside this one may configure a channel that is called.
    warnings.retain(|warning| !warning.contains("its platform calls"));
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    for (warning, says) in warnings.iter().zip([
        "`owner.allow_from` has `signal:+15557654321`, which matches nobody: Signal knows people",
        "`channels.signal.allow_from` has `+15557654321`, which matches nobody: Signal knows people",
    ]) {
        assert!(warning.contains(says), "{warning}");
    }
    let account = config.accounts.iter().find(|account| account.plugin.id == "signal").unwrap();
    for (id, is_known) in [(number, false), (aci, true)] {
        let id = SenderId::new(id).unwrap();
        assert_eq!(config.owners.names("signal", &id), is_known, "{id}");
        assert_eq!(account.allow_from.names(&id), is_known, "{id}");
        assert_eq!(account.groups.senders.names(&id), is_known, "{id}");
    }
    assert_eq!(account.listed.len(), 1, "and it is not shown as access");
}

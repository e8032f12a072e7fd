//! Which accounts there are, and what each has of its channel's table.

use openclaw_plugin_sdk::{AccountId, SenderId};

use super::{Home, load, wrong};
use crate::{
    Account, Config,
    rules::{AccountKey, DmPolicy},
};

fn account<'a>(config: &'a Config, id: &str) -> &'a Account {
    let account = AccountId::parse(id).unwrap();
    config.account(&AccountKey { channel: "telegram".to_owned(), account }).unwrap()
}

fn ids(config: &Config) -> Vec<&str> {
    let telegram = config.accounts.iter().filter(|account| account.plugin.id == "telegram");
    telegram.map(|account| account.key.account.as_str()).collect()
}

#[test]
fn an_account_inherits_the_policy_of_its_channel_and_not_its_token() {
    let config = load(
        "[channels.telegram]\nbot_token = '1:a'\ndm_policy = 'allowlist'\nallow_from = [1]\n\
         require_mention = false\n\
         [channels.telegram.accounts.work]\nbot_token = '2:b'\nallow_from = [2]\n\
         [channels.telegram.accounts.Home]\ntoken_file = '/t'\ndm_policy = 'pairing'\n",
    );
    assert_eq!(ids(&config), ["default", "home", "work"]);
    let (home, work) = (account(&config, "home"), account(&config, "work"));
    assert_eq!((home.dm_policy, work.dm_policy), (DmPolicy::Pairing, DmPolicy::Allowlist));
    let (one, two) = (SenderId::new("1").unwrap(), SenderId::new("2").unwrap());
    assert!(home.allow_from.names(&one) && !work.allow_from.names(&one));
    assert!(work.allow_from.names(&two) && !work.groups.require_mention);
    assert_eq!(home.settings.keys().collect::<Vec<_>>(), ["token_file"]);
    assert_eq!(home.listed[0].line, 4);
}

#[test]
fn a_table_of_common_keys_alone_is_no_account_beside_others() {
    let config = load(
        "[channels.telegram]\ndm_policy = 'disabled'\n\
         [channels.telegram.accounts.a]\nbot_token = '1:a'\n",
    );
    assert_eq!(ids(&config), ["a"]);
    let config = load(
        "[channels.telegram]\napi_root = 'http://127.0.0.1:1'\n\
         [channels.telegram.accounts.default]\nbot_token = '1:a'\n",
    );
    assert_eq!(ids(&config), ["default"]);
    assert_eq!(account(&config, "default").settings.len(), 2);
}

#[test]
fn case_079_a_disabled_account_is_disabled_and_needs_no_token() {
    let config = load(
        "[channels.telegram.accounts.a]\nenabled = false\n\
         [channels.telegram.accounts.b]\nbot_token = '1:a'\n",
    );
    assert!(!account(&config, "a").enabled && account(&config, "b").enabled);
    let config = load(
        "[channels.telegram]\nenabled = false\n\
         [channels.telegram.accounts.a]\nenabled = true\nbot_token = '1:a'\n",
    );
    assert!(!account(&config, "a").enabled, "its channel is disabled");
}

#[test]
fn the_environment_gives_the_default_account_what_it_lacks() {
    let home = Home::new().set("TELEGRAM_BOT_TOKEN", "1:env");
    let config = home.load().unwrap();
    assert_eq!(account(&config, "default").settings["bot_token"].as_str(), Some("1:env"));
    for (text, key, value) in [
        ("bot_token = '1:file'", "bot_token", "1:file"),
        ("token_file = '/t'", "token_file", "/t"),
        ("dm_policy = 'disabled'", "bot_token", "1:env"),
    ] {
        home.write("config.toml", &format!("[channels.telegram]\n{text}\n"));
        let config = home.load().unwrap();
        let settings = &account(&config, "default").settings;
        assert_eq!((settings.len(), settings[key].as_str()), (1, Some(value)), "{text}");
    }
    home.write("config.toml", "[channels.telegram.accounts.a]\nbot_token = '2:b'\n");
    assert_eq!(ids(&home.load().unwrap()), ["a"]);
}

#[test]
fn a_bad_value_of_the_environment_names_it() {
    let home = Home::new().set("TELEGRAM_BOT_TOKEN", "s3cret");
    let said = "`channels.telegram.bot_token` (from `TELEGRAM_BOT_TOKEN`): `***` is no token";
    assert_eq!(home.wrong(), said);
    assert!(Home::new().set("TELEGRAM_BOT_TOKEN", " ").load().is_ok());
    let home = Home::with("[channels.telegram]\napi_root = 7\n");
    let text = home.set("TELEGRAM_BOT_TOKEN", "1:a").wrong();
    assert!(text.starts_with("config.toml:2: `channels.telegram.api_root`: "), "{text}");
}

#[test]
fn two_accounts_with_one_token_are_refused() {
    let text = "[channels.telegram]\nbot_token = '1:s3cret'\n\
                [channels.telegram.accounts.b]\nbot_token = '${T}'\n";
    let said = Home::with(text).set("T", "1:s3cret").wrong();
    assert_eq!(
        said,
        "config.toml:3: accounts `default` and `b` of `channels.telegram` have the same \
         `bot_token`: each would take the other's messages"
    );
    let one_is_off = format!("{text}enabled = false\n");
    assert!(Home::with(&one_is_off).set("T", "1:s3cret").load().is_ok());
}

#[test]
fn what_the_plugin_says_has_the_line_of_its_key() {
    let text = wrong("[channels.telegram]\ndm_policy = 'disabled'\n");
    assert_eq!(
        text,
        "config.toml:1: `channels.telegram.bot_token`: give either `bot_token` or `token_file`"
    );
    let text = wrong("[channels.webchat]\ntitle = 'a'\nallowed_hosts = 'b'\n");
    assert!(text.starts_with("config.toml:3: `channels.webchat.allowed_hosts`: "), "{text}");
}

#[test]
fn an_account_id_is_fit_for_a_file_name_and_unique() {
    let text = wrong(
        "[channels.telegram.accounts.'a/b']\nbot_token = '1:a'\n\
         [channels.telegram.accounts.a]\nbot_token = '2:b'\n\
         [channels.telegram.accounts.A]\nbot_token = '3:c'\n",
    );
    assert!(text.contains("config.toml:1: `channels.telegram.accounts.a/b` is not an account id"));
    assert!(text.contains(
        "config.toml:5: `channels.telegram.accounts.A` names the account `a` a second time"
    ));
}

#[test]
fn case_077_two_accounts_cannot_be_served_at_one_path() {
    let two = |one: &str, other: &str| {
        format!(
            "[channels.telegram.accounts.a]\nbot_token = '1:a'\napi_root = '{one}'\n\
             [channels.telegram.accounts.b]\nbot_token = '2:b'\napi_root = '{other}'\n"
        )
    };
    for (one, other) in [("/hook", "/hook"), ("/hook", "/hook/b"), ("/hook/a", "/hook")] {
        let text = wrong(&two(one, other));
        assert!(text.starts_with("config.toml:4: account `b` of `channels.telegram` is"), "{text}");
        assert!(text.contains("where `a` of `channels.telegram` is"), "{text}");
    }
    let text = wrong(&two("/metrics", "/hook"));
    assert!(text.contains("the gateway's own"), "{text}");
    let text = wrong(&two("/chat", "/hook"));
    assert!(text.contains("`default` of `channels.webchat`"), "{text}");
    assert!(Home::with(&two("/hook", "/hooks")).load().is_ok());
    assert!(Home::with(&two("https://bots.example", "https://bots.example")).load().is_ok());
    let one_is_off = format!("{}enabled = false\n", two("/hook", "/hook"));
    assert!(Home::with(&one_is_off).load().is_ok());
}

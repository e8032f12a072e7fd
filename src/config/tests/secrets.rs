//! Secrets come in, and are in nothing that goes out.

use super::{Home, load};
use crate::show::show;

const TEXT: &str = "\
[channels.telegram]
bot_token = '1:s3cret-a'
api_root = '${ROOT}'
dm_policy = 'allowlist'
allow_from = [4711, '${ME}']
[channels.telegram.accounts.work]
bot_token = '${WORK}'
[channels.webchat]
title = 'Ann'
[assistant]
responder = 'openai'
[assistant.openai]
base_url = 'https://ann:s3cret-b@example.com/v1?key=s3cret-c'
model = 'm'
api_key = 's3cret-d'
";

fn home(text: &str) -> Home {
    Home::with(text)
        .set("ROOT", "http://127.0.0.1/s3cret-e")
        .set("WORK", "2:s3cret-f")
        .set("ME", "4712")
}

#[test]
fn case_114_config_show_masks_secrets_and_what_the_environment_gave() {
    let shown = show(&home(TEXT).load().unwrap());
    assert!(!shown.contains("s3cret"), "{shown}");
    for line in ["bot_token = \"***\"", "api_root = \"***\"", "title = \"Ann\"", "model = \"m\""] {
        assert!(shown.lines().any(|shown| shown == line), "{line} in {shown}");
    }
    assert!(shown.contains("base_url = \"https://***@example.com/v1?***\""), "{shown}");
    assert!(shown.contains("allow_from = [\"4711\", \"4712\"]"), "{shown}");
}

#[test]
fn case_107_a_debug_print_has_no_secret() {
    let config = home(TEXT).load().unwrap();
    let printed = format!("{config:?} {config:#?}");
    assert!(!printed.contains("s3cret"), "{printed}");
    assert!(printed.contains("bot_token") && printed.contains("api_key"), "the names are there");
}

#[test]
fn case_107_no_error_has_a_secret() {
    for line in [
        "bot_tokn = 's3cret'",
        "bot_token = 's3cret'",
        "bot_token = 's3cret",
        "bot_token = '1:s3cret' s3cret",
        "bot_token = ['s3cret']",
        "bot_token = s3cret",
        "bot_token = \"\\s3cret\"",
        "bot_token = 1:s3cret",
        "bot_token: 's3cret'",
        "bot_token 's3cret'",
        "bot_token = '1:a' 's3cret'",
        "bot_token = { s3cret }",
        "bot_token = 2026-01-01Ts3cret",
        "bot_token = '''${SECRET}'''",
        "dm_policy = '${SECRET}'",
        "allow_from = ['${SECRET}']",
        "enabled = '${SECRET}'",
        "groups = '${SECRET}'",
        "botToken = 's3cret'",
        "token = { value = 's3cret' }",
    ] {
        let home = Home::with(&format!("[channels.telegram]\n{line}\n")).set("SECRET", "s3cret");
        let error = home.load().unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("s3cret"), "{line}: {text}");
        assert!(text.contains("config.toml:2: "), "{line}: {text}");
    }
    for line in [
        "owner.allow_from = ['${SECRET}', 'telegram:${SECRET}', '${SECRET}:1']",
        "assistant.responder = '${SECRET}'",
        "gateway.bind = '${SECRET}'",
        "gateway.auth.mode = '${SECRET}'",
        "gateway.auth.token = ['s3cret']",
        "gateway.auth.password = { s3cret = 1 }",
        "gateway.trusted_proxies = ['${SECRET}']",
        "gateway = { bind = 'custom', custom_bind_host = '${SECRET}' }",
        "plugins.device-pair.public_url = 'https://gw.example.com/?token=s3cret'",
        "plugins.device-pair.public_url = 'https://ann:${SECRET}@gw.example.com'",
        "pairing.message = '${SECRET}'",
        "pairing.reply = '${SECRET}'",
    ] {
        let error = Home::with(line).set("SECRET", "s3cret").load().unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("s3cret") && text.contains(":1: "), "{line}: {text}");
    }
}

#[test]
fn case_142_a_secret_that_stands_as_a_key_is_not_repeated() {
    const SECRET: &str = "hunterhunter";
    for line in [
        "hunterhunter = 1",
        "gateway.hunterhunter = 1",
        "gateway.auth.hunterhunter = 'token'",
        "gateway.auth = { token = 'hunterhunter', hunterhunter = 1 }",
        "channels.hunterhunter = {}",
        "channels.telegram.accounts.hunterhunter = { bot_token = '1:a', bot_tokn = 2 }",
        "channels.telegram = { bot_token = 'hunterhunter', hunterhunter = 1 }",
        "channels.telegram = { hunterhunter = '${NO_SUCH}' }",
        "hunterhunter.hunterhunter = '${NO_SUCH}'",
        "commands.hunterhunter = 1",
        "assistant.hunterhunter = {}",
        "owner.hunterhunter = 1",
        "'hunterhunter' = 1\n'hunterhunter' = 2",
    ] {
        let configured = "gateway.auth.password = 'hunterhunter'\n";
        let text = if line.contains("gateway.auth") {
            line.to_owned()
        } else {
            format!("{configured}{line}")
        };
        for home in [
            Home::with(&text).set("OPENCLAW_GATEWAY_PASSWORD", SECRET),
            Home::with(&text).set("OPENCLAW_GATEWAY_TOKEN", SECRET),
        ] {
            let error = home.load().unwrap_err();
            let said = format!("{error} {error:?}");
            assert!(!said.contains(SECRET), "{line}: {said}");
        }
    }
    // Neither is one that is configured nowhere, but does not read as a name.
    for key in ["123456:AAHs3cret-of-a-bot", "sk-proj-s3cret1234567890abcdef", "xoxb-12345-s3cret"]
    {
        let said = Home::with(&format!("[channels.telegram]\n'{key}' = 1\n")).wrong();
        assert!(!said.contains("s3cret") && said.contains("config.toml:2: unknown key"), "{said}");
    }
}

#[test]
fn an_unset_name_is_an_error_that_names_the_key_and_its_line() {
    let home = Home::with("[channels.telegram]\n\nbot_token = '${NO_SUCH}'\n");
    assert_eq!(
        home.wrong(),
        "config.toml:3: `channels.telegram.bot_token`: the environment variable `NO_SUCH` is not set"
    );
    let home = Home::with("[owner]\nallow_from = ['telegram:1',\n'telegram:${NO_SUCH}']\n");
    assert!(home.wrong().starts_with("config.toml:3: `owner.allow_from`: "));
}

#[test]
fn a_name_is_filled_in_whole_and_within_and_can_be_escaped() {
    let home = Home::with(
        "[owner]\nallow_from = ['telegram:${ME}']\n\
         [channels.webchat]\ntitle = '$${ME}'\nallowed_hosts = ['${HOST}:1', 'b']\n",
    );
    let config = home.set("ME", "4711").set("HOST", "a").load().unwrap();
    assert_eq!(config.owners.0.first().unwrap().sender.as_str(), "4711");
    let settings = &config.accounts.iter().find(|a| a.plugin.id == "webchat").unwrap().settings;
    assert_eq!(settings["title"].as_str(), Some("${ME}"));
    assert_eq!(settings["allowed_hosts"].to_string(), "[\"a:1\", \"b\"]");
}

#[test]
fn what_is_shown_can_be_loaded_and_means_the_same() {
    for text in [
        "",
        "[channels.telegram]\ntoken_file = '/t'\nallow_from = ['*', 7]\ngroups = [-1]\n\
         [channels.telegram.accounts.b]\ntoken_file = '/u'\nenabled = false\nallow_from = []\n\
         dm_policy = 'disabled'\ngroup_allow_from = ['*', 8]\n\
         [pairing]\nmessage = \"a\\n{code}\"\nreply = 'silent'\nwhen_full = 'evict-oldest'\n\
         max_pending = 9\nhold_first_message = true\nnotify_on_approval = false\n\
         [owner]\nallow_from = ['telegram:5']\n[gateway]\nport = 7\n",
        "channels.telegram.accounts.only.token_file = '/t'",
    ] {
        let config = load(text);
        let shown = show(&config);
        assert_eq!(show(&load(&shown)), shown, "{text}");
        assert_eq!(load(&shown).accounts.len(), config.accounts.len(), "{shown}");
    }
}

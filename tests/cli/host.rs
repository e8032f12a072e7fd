//! The configuration, the channels and the plugins, as this machine has them.

use serde_json::{Value, json};

use crate::support::{CODE, Folder, keep_private, request, write};

const CONFIG: &str = "\
[channels.telegram]
bot_token = \"123:do-not-show\"
allow_from = [\"1\", \"2\", \"3\"]
";

#[test]
fn case_118_nothing_is_read_from_the_working_directory() {
    let folder = Folder::empty();
    for name in ["config.toml", "openclaw.toml", "openclaw.json", ".env"] {
        write(&folder.cwd().join(name), "nonsense");
    }
    let shown = |folder: &Folder| {
        folder.done("config show").replace(&format!("port = {}\n", folder.port()), "")
    };
    assert_eq!(shown(&folder), shown(&Folder::empty()));
    let path = format!("{}\n", folder.path("config.toml").display());
    assert_eq!(folder.run("config path").out, path);
    folder.done("config check");
}

#[test]
fn the_file_is_the_named_one() {
    let folder = Folder::empty();
    folder.put("config.toml", "nonsense");
    let other = folder.cwd().join("other.toml");
    write(&other, CONFIG);
    keep_private(&other);
    for line in ["config check --config other.toml", "--config other.toml config check"] {
        assert!(folder.done(line).ends_with("other.toml is fine.\n"), "{line}");
    }
    let output =
        folder.command("config check").env("OPENCLAW_CONFIG_PATH", &other).output().unwrap();
    assert!(output.status.success());
    let said = folder.fails(1, "config check --config missing.toml");
    assert!(said.contains("missing.toml"), "{said}");
}

#[test]
fn a_bad_configuration_is_told_with_file_and_line() {
    let folder = Folder::empty();
    folder.put("config.toml", "[channels.telegram]\nbot_token = \"1:x\"\ndm_polic = \"open\"\n");
    let place = format!("error: {}:3: ", folder.path("config.toml").display());
    for line in ["config check", "config show", "gateway run", "gateway", "channels list"] {
        let code = if line.starts_with("gateway") { 78 } else { 1 };
        let said = folder.fails(code, line);
        assert!(said.starts_with(&place) && said.contains("dm_policy"), "{line}: {said}");
    }
}

#[test]
fn a_folder_that_holds_only_a_configuration_is_a_fresh_one_for_every_command() {
    let lines = [
        "access list",
        "access explain telegram 1",
        "audit show",
        "audit verify",
        "config check",
        "devices list",
        "pairing list",
        "pairing allowed telegram",
        "plugins list",
    ];
    for line in lines {
        let folder = Folder::empty();
        folder.put("config.toml", CONFIG);
        let (ran, none) = (folder.run(line), Folder::empty().run(line));
        assert_ne!(ran.code, Some(1), "{line}: {ran:?}");
        assert_eq!(ran.code, none.code, "{line}: {ran:?} {none:?}");
    }
}

#[test]
fn a_mistyped_level_of_the_log_is_wrong_usage() {
    let folder = Folder::empty();
    for wish in ["debg", "info,debg"] {
        let said = folder.fails(2, &format!("gateway run --port 0 --log {wish}"));
        assert!(said.contains("`debg` is none of") && said.contains("--log"), "{said}");
    }
}

/// A channel with what it needs, three groups that it cannot have, and one that it can.
const GROUPS: [(&str, &str, &str, &str); 10] = [
    ("telegram", "bot_token = '1:x'", "'mygroup', '@mygroup', 111", "-1001234567890"),
    ("discord", "token = 'x'", "'general', '#general', -1", "234567890123456789"),
    (
        "slack",
        "bot_token = 'xoxb-1'\napp_token = 'xapp-1'",
        "'general', '#general', 'U024BE7LH'",
        "C024BE7LR",
    ),
    (
        "bluebubbles",
        "server_url = 'http://127.0.0.1:9'\npassword = 'x'\n\
             callback_url = 'http://127.0.0.1:8/bluebubbles-webhook'",
        "'family', '+15551234567', 'iMessage;-;+15551234567'",
        "iMessage;+;chat831551415676550949",
    ),
    (
        "feishu",
        "app_id = 'cli_a1'\napp_secret = 'abcdefgh'",
        "'family', 'ou_84aad35d084aa403', 'oc_x'",
        "oc_84aad35d084aa403a838cf73ee18467a",
    ),
    (
        "googlechat",
        "service_account_file = '/x.json'\naudience_type = 'project-number'\naudience = '1'",
        "'family', 'users/1', 'AAAA'",
        "spaces/AAAAB3NzaC1",
    ),
    (
        "imessage",
        "",
        "'family', '+15551234567', 'any;-;+15551234567'",
        "iMessage;+;chat831551415676550949",
    ),
    (
        "msteams",
        "app_id = '6a7e0000-1111-4222-8333-444444444444'\ntenant_id = '7e4a0000-1111-4222-8333-444444444444'\n\
             app_password = 'a-secret-of-32-characters'",
        "'general', 'a:1x', '19:x'",
        "19:8f2a11c04d@thread.tacv2",
    ),
    (
        "signal",
        "account = '+15551234567'\nurl = 'http://127.0.0.1:9'",
        "'family', '+15551234567', 'AAAA'",
        "WW3jZ+M/oC5LZJ3mvtZy0zgF2dZ5lFJ3vQxSxkVPSXo=",
    ),
    (
        "whatsapp",
        "phone_number_id = '1'\naccess_token = 'a-secret-of-32-characters'\n\
             app_secret = 'a-secret-of-32-characters'\nverify_token = 'a-secret-of-32-characters'",
        "'the family', '+15551234567', '120363040469423382@g.us'",
        "Y2FwaV9ncm91cA==",
    ),
];

#[test]
fn a_group_that_can_match_nothing_is_told_with_its_line_and_the_right_form() {
    let folder = Folder::empty();
    for (channel, token, groups, form) in GROUPS {
        folder.put("config.toml", &format!("[channels.{channel}]\ngroups = [{groups}]\n{token}\n"));
        let said = folder.fails(1, "config check");
        let place =
            format!("{}:2: `channels.{channel}.groups` has ", folder.path("config.toml").display());
        assert_eq!(said.matches(&place).count(), 3, "{said}");
        assert_eq!(said.matches(form).count(), 3, "{said}");
    }
}

#[test]
fn case_107_what_is_shown_holds_no_token() {
    let folder = Folder::empty();
    folder.put("config.toml", CONFIG);
    for line in ["config show", "channels list", "channels list --json", "plugins list"] {
        let said = folder.done(line);
        assert!(said.contains("telegram") && !said.contains("do-not-show"), "{line}: {said}");
    }
    assert!(folder.done("config show").contains("bot_token"));
}

#[test]
fn without_a_gateway_the_status_is_the_configurations() {
    let folder = Folder::empty();
    folder.put("config.toml", CONFIG);
    let ran = folder.run("channels status");
    assert_eq!((ran.code, ran.err.as_str()), (Some(4), ""));
    let expected = "\
Gateway not reachable; showing config-only status.
- Telegram default: enabled, configured, dm:pairing, allow:1,2
";
    assert!(ran.out.starts_with(expected), "{ran:?}");
    let ran = folder.run("channels status --json");
    let said = "Gateway not reachable; showing config-only status.\n";
    assert_eq!((ran.code, ran.err.as_str()), (Some(4), said));
    let status: Value = serde_json::from_str(&ran.out).unwrap();
    let account = json!({
        "accountId": "default",
        "enabled": true,
        "configured": true,
        "dmPolicy": "pairing",
        "allowFrom": ["1", "2", "3"],
    });
    assert_eq!(status["channelAccounts"]["telegram"], json!([account]));
    assert_eq!(status["channelDefaultAccountId"]["telegram"], "default");
}

#[test]
fn the_plugins_are_listed_with_what_each_can_do() {
    let folder = Folder::empty();
    let plugins: Value = serde_json::from_str(&folder.done("plugins list --json")).unwrap();
    let channels = plugins["channels"].as_array().unwrap();
    let telegram = channels.iter().find(|channel| channel["id"] == "telegram").unwrap();
    assert_eq!(telegram["idLabel"], "telegramUserId");
    assert_eq!(telegram["abilities"]["pairing"], true);
    assert_eq!(plugins["commands"][0]["commands"][0]["access"], "owner");
    assert!(plugins["responders"].as_array().unwrap().iter().any(|it| it["id"] == "echo"));
    assert!(folder.done("plugins list").contains("/pairing (owner)"));
}

#[test]
fn a_manifest_is_for_a_platform_that_takes_one() {
    let folder = Folder::empty();
    let ran = folder.fails(2, "channels manifest pigeons");
    assert!(ran.contains("there is no channel `pigeons`"), "{ran}");
    assert!(ran.contains("telegram"), "{ran}");
    let ran = folder.fails(2, "channels manifest telegram");
    assert!(ran.contains("Telegram takes no manifest"), "{ran}");
    assert!(ran.contains("hint: these do: msteams, slack"), "{ran}");
    let ran = folder.fails(2, "channels manifest slack --zip app.zip");
    assert!(ran.contains("Slack takes its manifest alone"), "{ran}");
    assert!(!folder.cwd().join("app.zip").exists());
    let plain = folder.done("channels manifest Slack --name Gate --account work");
    assert_eq!(folder.done("channels manifest slack --name Gate --json"), plain);
    // What is wrong in the configuration holds nothing up that needs nothing of it.
    folder.put("config.toml", "[channels.slack]\nbot_token = 7\n");
    assert_eq!(folder.done("channels manifest slack --name Gate"), plain);
}

#[test]
fn the_app_for_teams_is_a_package_with_its_icons() {
    let folder = Folder::empty();
    let ran = folder.fails(1, "channels manifest msteams --zip app.zip");
    assert!(ran.contains("`app_id`"), "{ran}");
    let keys = "app_id = '6a7e0000-1111-4222-8333-444444444444'\napp_password = 'a-secret-of-32-characters'\n\
                tenant_id = '7e4a0000-1111-4222-8333-444444444444'\n";
    folder.put("config.toml", &format!("[channels.msteams]\n{keys}"));
    folder.done("channels manifest msteams --zip app.zip");
    let zip = std::fs::read(folder.cwd().join("app.zip")).unwrap();
    let has = |part: &[u8]| zip.windows(part.len()).any(|it| it == part);
    assert!(zip.starts_with(b"PK"), "a package");
    for part in
        ["manifest.json", "color.png", "outline.png", "6a7e0000-1111-4222-8333-444444444444"]
    {
        assert!(has(part.as_bytes()), "{part}");
    }
    assert!(!has(b"a-secret"), "no secret is in it");
}

#[test]
fn a_login_is_for_a_platform_whose_app_scans_something() {
    let folder = Folder::empty();
    let ran = folder.fails(2, "channels login pigeons");
    assert!(ran.contains("there is no channel `pigeons`"), "{ran}");
    let ran = folder.fails(2, "channels login telegram");
    assert!(
        ran.contains(
            "Telegram is not linked by a code to scan: its keys stand in the configuration\nhint: "
        ),
        "{ran}"
    );
    folder.fails(2, "channels login telegram --account *");
}

#[test]
fn help_and_version_are_no_errors() {
    let folder = Folder::empty();
    assert_eq!(folder.done("--version"), format!("openclaw {}\n", env!("CARGO_PKG_VERSION")));
    for line in ["--help", "help", "gateway run --help", "pairing approve --help", "audit --help"] {
        assert!(folder.done(line).contains("Usage: openclaw"), "{line}");
    }
    for line in ["", "nonsense", "pairing approve", "pairing allowed"] {
        folder.fails(2, line);
    }
    let help = folder.done("pairing approve --help");
    for line in ["help pairing approve", "pairing help approve", "Help Pairing Approve"] {
        assert_eq!(folder.done(line), help, "{line}");
    }
    folder.fails(2, "help nonsense");
}

#[test]
fn every_command_has_a_man_page() {
    let folder = Folder::empty();
    let page = folder.done("help --man");
    assert!(page.contains(".TH openclaw 1") && page.contains("\n\\fBpairing\\fR\n"), "{page}");
    let page = folder.done("help --man pairing approve");
    assert!(page.contains(".TH openclaw-pairing-approve 1"), "{page}");
    assert!(page.contains("\\-\\-notify"), "{page}");
    assert!(folder.fails(2, "help --man pairing nonsense").contains("no command `nonsense`"));
}

#[test]
fn a_word_that_is_no_command_leads_to_what_is_meant() {
    let folder = Folder::empty();
    for (line, said) in [
        ("onboard", "openclaw setup"),
        ("gateway stop", "Ctrl-C"),
        ("serve", "openclaw gateway run"),
        ("TAIL", "openclaw logs"),
    ] {
        let told = folder.fails(2, line);
        assert!(told.starts_with("error: there is no command `"), "{told}");
        assert!(told.contains("\nhint: ") && told.contains(said), "{told}");
    }
    assert!(folder.fails(2, "pairng list").contains("a similar subcommand exists: 'pairing'"));
}

#[test]
fn without_a_home_the_way_out_is_named() {
    let folder = Folder::waiting(&[request("7", CODE)]);
    let mut command = folder.command("pairing list");
    let output = command.env_remove("HOME").env_remove("OPENCLAW_STATE_DIR").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("OPENCLAW_STATE_DIR") && said.contains("\nhint: "), "{said}");
}

#[test]
fn an_older_folder_is_used_where_there_is_no_newer_one() {
    let folder = Folder::empty();
    let requests = crate::support::file(&[request("7", CODE)]);
    let home = folder.cwd();
    write(&home.join(".clawdbot/credentials/telegram-pairing.json"), &requests);
    let mut command = folder.command("pairing list telegram");
    let output = command.env("HOME", &home).env_remove("OPENCLAW_STATE_DIR").output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains(CODE));
}

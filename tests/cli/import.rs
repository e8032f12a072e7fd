//! `import`: the settings of another OpenClaw, as its own users have them.

use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::support::{Folder, Ran, mode};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Everything on one page: small, with Telegram and a local model, by 2026.2.
const SMALL: &str = r#"{ // my bot
  gateway: { mode: "local", port: 18789, bind: "loopback", auth: { mode: "token", token: "${OPENCLAW_GATEWAY_TOKEN}" } },
  agents: { defaults: { model: { primary: "ollama/llama3.2" } } },
  models: { providers: { ollama: { baseUrl: "http://127.0.0.1:11434/v1", apiKey: "ollama", api: "openai-completions", models: [] } } },
  channels: { telegram: { enabled: true, botToken: "${TELEGRAM_BOT_TOKEN}", dmPolicy: "pairing", streamMode: "partial" } },
  commands: { ownerAllowFrom: ["telegram:123456789"] },
}"#;

/// Open to everyone, as guides for rented servers write it.
const OPEN: &str = r#"{ gateway: { mode: "local", bind: "lan", auth: { token: "hunter2" }, controlUi: { allowedOrigins: ["*"], allowInsecureAuth: true } },
  channels: { telegram: { botToken: "111:AAA", dmPolicy: "open", allowFrom: ["*"], groupPolicy: "open" } } }"#;

/// A family: two channels, groups with lists of their own, by 2026.9.
const FAMILY: &str = r#"{ meta: { lastTouchedVersion: "2026.9.6" },
  gateway: { mode: "local", port: 18789, bind: "loopback", tailscale: { mode: "serve" }, auth: { mode: "token", token: { source: "env", provider: "default", id: "GW_TOKEN" }, allowTailscale: true } },
  accessGroups: { family: { type: "message.senders", members: { telegram: ["1001", "1002"], discord: ["discord:300000000000000001"], "*": [] } },
                  room: { type: "discord.channelAudience", guildId: "400000000000000001", channelId: "500000000000000001" } },
  channels: {
    telegram: { botToken: { source: "env", provider: "default", id: "TG" }, allowFrom: ["accessGroup:family", "@ann"], groupAllowFrom: ["accessGroup:family"],
      groups: { "*": { requireMention: true }, "-100777": { requireMention: false, allowFrom: ["1001"] } },
      direct: { "1009": { enabled: false } } },
    discord: { token: "${DC}", dmPolicy: "allowlist", allowFrom: ["accessGroup:family", "accessGroup:room"],
      guilds: { "400000000000000001": { channels: { "500000000000000001": { enabled: true }, "500000000000000002": { enabled: false } } } } } },
  commands: { ownerAllowFrom: ["telegram:1001"] }, session: { dmScope: "main" } }"#;

/// At work: includes, two apps of Slack, Teams, hooks.
const WORK: &str = r#"{ $include: ["./gateway.json5"], env: { vars: { LOG: "x-secret" } },
  channels: { $include: "./channels.json5",
    slack: { mode: "socket", botToken: "${SLACK_BOT}", appToken: "${SLACK_APP}", defaultAccount: "work", groupPolicy: "allowlist",
      channels: { C0AAAAAAA: { users: ["U01AAAAAA"] }, C0BBBBBBB: { enabled: false } },
      accounts: { work: { mode: "http", botToken: "xoxb-1", signingSecret: "s3cr3t", webhookPath: "/slack/work" } } } },
  hooks: { enabled: true, token: "same-as-gateway", path: "/hooks" } }"#;

/// Of the first name of the program, torn at its end.
const TORN: &str = r#"{ routing: { allowFrom: ["+15550000001"] }, gateway: { mode: "local", nodes: { allowCommands: ["camera.snap"], denyCommands: ["system.run"] } },
  channels: { telegram: { requireMention: true, dm: { policy: "allowlist" }, tokenFile: "~/tg.token" }, webchat: {}, bluebubbles: { serverUrl: "http://127.0.0.1:1234", password: "p", dmPolicy: "open" } },
  plugins: { entries: { telegram: { enabled: false } } }, web: { enabled: true },
"#;

pub(crate) fn with(text: &str) -> Folder {
    let folder = Folder::empty();
    folder.put("openclaw.json", text);
    folder
}

fn said(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).map_err(|error| format!("{error}: {ran:?}")).unwrap()
}

fn paths(said: &Value, list: &str) -> Vec<String> {
    let list = said["config"][list].as_array().unwrap();
    list.iter().map(|item| item["path"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn note(said: &Value, list: &str, path: &str) -> String {
    let list = said["config"][list].as_array().unwrap();
    let found = list
        .iter()
        .filter(|item| item["path"] == path)
        .map(|item| item["message"].as_str().unwrap());
    found.collect::<Vec<_>>().join(" | ")
}

pub(crate) fn dry(folder: &Folder, more: &str) -> Value {
    said(&folder.run(&format!("import --dry-run --json {more}")))
}

/// What was written, without its first line, which names the source.
fn written(folder: &Folder) -> String {
    let text = folder.text("config.toml");
    text.split_once('\n').unwrap().1.trim().to_owned()
}

#[test]
fn a_small_set_up_is_taken_over_whole() {
    let folder = with(SMALL);
    let mut command = folder.command("import --json");
    command.env("OPENCLAW_GATEWAY_TOKEN", TOKEN).env("TELEGRAM_BOT_TOKEN", "1:AAF");
    let ran = Ran::from(command.output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    let report = said(&ran);
    assert_eq!(paths(&report, "warnings"), [""; 0], "{report:#}");
    assert_eq!(paths(&report, "refused"), [""; 0]);
    assert_eq!(report["source"]["generation"], "2026.2");
    for key in [
        "gateway.port",
        "gateway.bind",
        "gateway.auth.token",
        "channels.telegram.botToken",
        "agents.defaults.model.primary",
    ] {
        assert!(paths(&report, "mapped").contains(&key.to_owned()), "{key}: {report:#}");
    }
    assert!(paths(&report, "dropped").contains(&"channels.telegram.streamMode".to_owned()));
    assert!(note(&report, "dropped", "commands.ownerAllowFrom").contains("--owners"));
    let text = written(&folder);
    for line in [
        "port = 18789",
        "bind = \"loopback\"",
        "token = \"${OPENCLAW_GATEWAY_TOKEN}\"",
        "bot_token = \"${TELEGRAM_BOT_TOKEN}\"",
        "responder = \"openai\"",
        "base_url = \"http://127.0.0.1:11434/v1\"",
        "model = \"llama3.2\"",
        "api_key = \"ollama\"",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("[owner]") && !text.contains(TOKEN), "{text}");
    assert_eq!(mode(&folder.path("config.toml")), 0o600);
    let mut command = folder.command("config check");
    command.env("OPENCLAW_GATEWAY_TOKEN", TOKEN).env("TELEGRAM_BOT_TOKEN", "1:AAF");
    assert_eq!(Ran::from(command.output().unwrap()).code, Some(0));
}

#[test]
fn names_that_are_not_set_are_told_and_the_owners_are_taken_when_asked_for() {
    let folder = with(SMALL);
    let ran = folder.run("import --owners");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    assert!(ran.out.contains("${TELEGRAM_BOT_TOKEN}: is not set now"), "{}", ran.out);
    let error = folder.fails(1, "status");
    assert!(error.contains("hint: type `export OPENCLAW_GATEWAY_TOKEN=…`"), "{error}");
    assert!(written(&folder).contains("allow_from = [\"telegram:123456789\"]"));
    assert!(ran.out.contains("Wrote "));
}

#[test]
fn what_lets_everyone_in_is_refused_until_it_is_accepted() {
    let folder = with(OPEN);
    let before = folder.files();
    let ran = folder.run("import");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for path in ["`channels.telegram.dmPolicy`", "`gateway.controlUi.allowedOrigins`"] {
        assert!(ran.err.contains(path), "{}", ran.err);
    }
    assert_eq!(folder.files(), before, "nothing was written");
    let report = dry(&folder, "--accept-open");
    assert_eq!(paths(&report, "refused"), [""; 0], "{report:#}");
    let warnings = report["config"]["warnings"].as_array().unwrap();
    let critical =
        |path: &str| warnings.iter().any(|it| it["path"] == path && it["critical"] == true);
    assert!(critical("channels.telegram.dmPolicy") && critical("gateway.auth.token"), "{report:#}");
    assert!(note(&report, "warnings", "gateway.bind").contains("TLS"));
    folder.run("import --accept-open");
    let text = written(&folder);
    for line in ["dm_policy = \"open\"", "allow_from = [\"*\"]", "group_policy = \"open\""] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("allowed_origins"), "{text}");
}

#[test]
fn lists_that_one_account_cannot_have_are_refused_and_a_closed_person_is_blocked() {
    let folder = with(FAMILY);
    let report = dry(&folder, "");
    assert_eq!(
        paths(&report, "refused"),
        ["channels.telegram.groups.-100777.allowFrom", "accessGroups.room"],
        "{report:#}"
    );
    assert_eq!(report["source"]["version"], "2026.9.6");
    let warnings = paths(&report, "warnings");
    for path in [
        "gateway.auth.allowTailscale",
        "channels.telegram.allowFrom",
        "channels.discord.guilds",
        "channels.telegram.requireMention",
    ] {
        assert!(warnings.contains(&path.to_owned()), "{path}: {report:#}");
    }
    assert!(note(&report, "warnings", "channels.telegram.allowFrom").contains("ann"), "{report:#}");
    assert!(
        note(&report, "warnings", "channels.discord.guilds")
            .contains("channels.discord.group_policy open")
    );
    let ran = folder.run(
        "import --accept channels.telegram.groups.-100777.allowFrom --accept accessGroups.room",
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let text = written(&folder);
    for line in [
        "allow_from = [\"1001\", \"1002\"]",
        "group_allow_from = [\"1001\", \"1002\"]",
        "require_mention = true",
        "allow_from = [\"300000000000000001\"]",
        "[channels.discord.guilds.400000000000000001]",
        "channels = [\"500000000000000001\"]",
        "token = \"${GW_TOKEN}\"",
        "mode = \"serve\"",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("groups = ") && !text.contains("@ann"), "{text}");
    assert!(folder.text("access/grants.json").contains("1009"));
    assert!(folder.text("audit/access.jsonl").contains("\"import\""));
    let mut undo = folder.command("import --undo --json");
    undo.env("TG", "1:A").env("DC", "a.b.c").env("GW_TOKEN", TOKEN);
    let undone = said(&Ran::from(undo.output().unwrap()));
    assert_eq!(
        (&undone["files"][0]["removed"], &undone["unblocked"][0]),
        (&true.into(), &"telegram:1009".into())
    );
    assert!(!folder.text("access/grants.json").contains("1009"));
}

#[test]
fn includes_accounts_and_hooks_of_a_set_up_at_work() {
    let folder = with(WORK);
    folder.put(
        "gateway.json5",
        r#"{ gateway: { mode: "local", auth: { token: "same-as-gateway" } } }"#,
    );
    folder.put("channels.json5", r#"{ msteams: { appId: "a0000000-0000-4000-8000-000000000001", appPassword: "b", tenantId: "c0000000-0000-4000-8000-000000000002", webhook: { port: 3978, path: "/api/messages" } } }"#);
    let ran = folder.run("import --json");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = said(&ran);
    let hooks =
        report["config"]["warnings"].as_array().unwrap().iter().filter(|it| it["path"] == "hooks");
    assert!(hooks.clone().any(|it| it["critical"] == true), "{report:#}");
    assert!(note(&report, "warnings", "env.vars").contains("LOG"));
    assert!(!ran.out.contains("x-secret") && !ran.out.contains("s3cr3t"), "{}", ran.out);
    let text = written(&folder);
    for line in [
        "[channels.slack]",
        "[channels.slack.accounts.work]",
        "groups = [\"C0AAAAAAA\"]",
        "group_allow_from = [\"U01AAAAAA\"]",
        "signing_secret = \"s3cr3t\"",
        "webhook_path = \"/slack/work\"",
        "[channels.msteams]",
        "webhook_path = \"/api/messages\"",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn a_torn_file_is_named_with_its_place_and_the_last_good_one() {
    let folder = with(TORN);
    folder.put("openclaw.json.last-good", &format!("{TORN} }}"));
    let said = folder.fails(1, "import");
    let file = folder.path("openclaw.json").canonicalize().unwrap();
    assert!(
        said.contains(&format!("{}:", file.display())) && said.contains("openclaw.json.last-good"),
        "{said}"
    );
    let before = folder.files();
    let report = dry(&folder, &format!("--from {}.last-good", file.display()));
    assert_eq!((folder.files(), paths(&report, "refused")), (before, vec![]), "{report:#}");
    let ran = folder.run(&format!("import --from {}.last-good", file.display()));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let text = written(&folder);
    for line in [
        "allow = [\"camera.snap\"]",
        "deny = [\"system.run\"]",
        "dm_policy = \"allowlist\"",
        "/tg.token\"",
        "server_url = \"http://127.0.0.1:1234\"",
        "[channels.whatsapp]",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let off = text.matches("enabled = false").count();
    assert_eq!(off, 3, "telegram's plugin is off, whatsapp and bluebubbles lack keys: {text}");
}

#[test]
fn a_second_import_does_nothing_and_a_configuration_that_is_there_stays() {
    let folder = with(SMALL);
    folder.done("import");
    let before = folder.files();
    let again = folder.done("import");
    assert!(again.starts_with("Already imported on 20"), "{again}");
    assert_eq!(folder.files(), before);
    let checked = folder.run("config check");
    assert!(!checked.err.contains("openclaw import"), "it is done: {checked:?}");
    let other = with(SMALL);
    other.put("config.toml", "[gateway]\nport = 18790\n");
    let ran = other.done("import");
    assert!(ran.contains("is there already and stays as it is"), "{ran}");
    assert_eq!(other.text("config.toml"), "[gateway]\nport = 18790\n");
    assert!(other.text("config.toml.imported").contains("bot_token"));
    other.put("config.toml.imported", "mine");
    other.put("openclaw.json", "{ gateway: { port: 18791 } }");
    let refused = other.run("import");
    assert_eq!(
        (refused.code, other.text("config.toml.imported")),
        (Some(1), "mine".to_owned()),
        "{refused:?}"
    );
}

#[test]
fn an_undo_takes_back_what_nothing_has_changed_since() {
    let folder = with(SMALL);
    assert_eq!(folder.run("import --undo").code, Some(3));
    folder.done("import");
    let said = folder.done("import --undo");
    assert!(said.contains("Removed "), "{said}");
    assert!(!folder.path("config.toml").exists());
    folder.done("import");
    folder.put("config.toml", &format!("{}# mine\n", folder.text("config.toml")));
    let said = folder.done("import --undo");
    assert!(said.contains("it stays as it is"), "{said}");
    assert!(folder.text("config.toml").ends_with("# mine\n"));
}

#[test]
fn nothing_to_import_and_a_dry_run_have_their_exit_codes() {
    let folder = Folder::empty();
    assert_eq!(folder.run("import").code, Some(3));
    assert_eq!(folder.run("import --undo --dry-run").code, Some(2));
    let folder = with(SMALL);
    let before = folder.files();
    let shown = folder.done("import --dry-run");
    assert!(shown.contains("Taken over (") && shown.contains("Nothing was written."), "{shown}");
    assert_eq!(folder.files(), before);
    let old = Folder::empty();
    old.put("../.clawdbot/clawdbot.json", SMALL);
    assert!(old.done("import --dry-run").contains("clawdbot.json"));
}

#[test]
fn nothing_outside_the_folder_is_included() {
    let folder = Folder::empty();
    folder.put("../secret.json5", "{ gateway: { port: 1 } }");
    for name in ["../secret.json5", "./link.json5", "/etc/hostname"] {
        folder.put("openclaw.json", &format!("{{ $include: \"{name}\" }}"));
        if name.contains("link") {
            symlink(folder.path("../secret.json5"), folder.path("link.json5")).unwrap();
        }
        let said = folder.fails(1, "import");
        assert!(said.contains("outside the folder"), "{name}: {said}");
    }
    folder.put("openclaw.json", "{ $include: './a.json5' }");
    folder.put("a.json5", "{ $include: './openclaw.json' }");
    assert!(folder.fails(1, "import").contains("includes itself"));
    folder.put("openclaw.json", "{ $include: './none.json5' }");
    assert!(folder.fails(1, "import").contains("does not exist"));
}

#[test]
fn hostile_keys_and_values_stay_what_they_are() {
    let folder = with(&format!("{{ a: {} }}", "[".repeat(100_000)));
    assert!(folder.fails(1, "import").contains("nested too deeply"));
    let folder = with(&format!("{{ a: '{}' }}", "x".repeat(3_000_000)));
    assert!(folder.fails(1, "import").contains("longer than"));
    let folder = with(
        r#"{ channels: { __proto__: { allowFrom: ["*"] }, "tele\ngram\"]": {},
          telegram: { botToken: "1:A\"\n[owner]\nallow_from = [\"telegram:6\"]\n#", allowFrom: ["7\"]\n[owner]", 7],
            accounts: { "work]\n[owner": { botToken: "1:B" }, "__proto__": { botToken: "1:C" } } } },
          gateway: { auth: { password: "${lower} and $${NOT} and ${GW}" } } }"#,
    );
    let ran = folder.run("import");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        !ran.out.contains("gram\"]\n") && ran.out.contains("no such channel here"),
        "{}",
        ran.out
    );
    let text = folder.text("config.toml");
    let parsed: Value =
        serde_json::from_str(&folder.with_env("config show --json", &[("GW", "gw")])).unwrap();
    assert!(parsed["owner"]["allow_from"].as_array().is_none_or(Vec::is_empty), "{text}");
    assert_eq!(
        parsed["channels"]["telegram"]["accounts"]["default"]["allow_from"][0], "7",
        "{text}"
    );
    assert!(text.contains("$${lower} and $${NOT} and ${GW}"), "{text}");
}

#[test]
fn a_rule_that_only_one_place_has_is_refused_by_name() {
    for (key, path) in [
        ("gateway: { mode: 'remote' }", "gateway.mode"),
        ("gateway: { auth: { mode: 'trusted-proxy' } }", "gateway.auth.mode"),
        ("gateway: { bind: 'lan', auth: { mode: 'none' } }", "gateway.auth.mode"),
        ("gateway: { roles: { default: { scopes: [] } } }", "gateway.roles"),
        (
            "channels: { telegram: { direct: { '7': { allowFrom: [8] } } } }",
            "channels.telegram.direct.7",
        ),
        (
            "channels: { telegram: { groups: { '*': {}, '-1007': { enabled: false } } } }",
            "channels.telegram.groups.-1007.enabled",
        ),
        (
            "channels: { telegram: { groups: { '-1007': { topics: { '3': { enabled: false } } } } } }",
            "channels.telegram.groups.-1007.topics.3",
        ),
        (
            "channels: { slack: { channels: { C01AAAAAA: { users: ['U01AAAAAA'] }, C02AAAAAA: { users: ['U02AAAAAA'] } } } }",
            "channels.slack.channels.C02AAAAAA.users",
        ),
        (
            "channels: { discord: { guilds: { '41': { roles: ['5'] } } } }",
            "channels.discord.guilds.41.roles",
        ),
        ("channels: { slack: { mode: 'relay' } }", "channels.slack.mode"),
        ("channels: { telegram: { allowFrom: ['*'] } }", "channels.telegram.dmPolicy"),
    ] {
        let folder = with(&format!("{{ {key} }}"));
        assert_eq!(paths(&dry(&folder, ""), "refused"), [path], "{key}");
        let ran = folder.run("import");
        assert_eq!((ran.code, folder.path("config.toml").exists()), (Some(1), false), "{key}");
    }
}

#[test]
fn a_channel_whose_plugin_is_off_stays_off() {
    for off in [
        "enabled: false",
        "deny: ['telegram']",
        "allow: ['discord']",
        "entries: { telegram: { enabled: false } }",
    ] {
        let folder = with(&format!(
            "{{ plugins: {{ {off} }}, channels: {{ telegram: {{ enabled: true, botToken: '1:A' }} }} }}"
        ));
        folder.done("import");
        assert!(written(&folder).contains("enabled = false"), "{off}");
    }
}

#[test]
fn a_list_that_loses_all_its_entries_stays_a_list() {
    let folder = with(
        "{ channels: { telegram: { botToken: '1:A', allowFrom: [7], groupAllowFrom: ['@ann'] }, \
         discord: { token: 'a.b.c', allowFrom: ['300000000000000001'] } } }",
    );
    folder.done("import");
    let text = written(&folder);
    assert!(text.contains("group_allow_from = []"), "{text}");
    assert!(text.contains("group_policy = \"disabled\""), "no server was heard there: {text}");
}

#[test]
fn people_that_an_older_meaning_let_in_are_named() {
    const SET_UP: &str =
        "{ channels: { telegram: { botToken: '1:A', dmPolicy: 'allowlist', allowFrom: [7] } } }";
    let folder = with(SET_UP);
    folder
        .put("credentials/telegram-allowFrom.json", r#"{"version":1,"allowFrom":["7","777001"]}"#);
    let report = dry(&folder, "");
    let note = note(&report, "warnings", "channels.telegram.dmPolicy");
    assert!(
        note.contains("777001 lose access")
            && note.contains("config set channels.telegram.allow_from '[\"7\", \"777001\"]'"),
        "{report:#}"
    );
    let newer = "meta: { lastTouchedVersion: '2026.9.6' },";
    folder.put("openclaw.json", &SET_UP.replacen('{', &format!("{{ {newer}"), 1));
    assert!(
        !paths(&dry(&folder, ""), "warnings").contains(&"channels.telegram.dmPolicy".to_owned())
    );
}

//! What is refused, and in which words.

use super::{Home, load, wrong};

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(wrong(text), expected, "{text}");
}

const BOT: &str = "[channels.telegram]\nbot_token = '1:a'\n";

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_key() {
    check(
        &format!("\n{BOT}dm_polcy = \"open\"\n"),
        "config.toml:4: unknown key `dm_polcy` in `channels.telegram`; did you mean `dm_policy`?",
    );
    check(
        "[gatewy]\nport = 1\n",
        "config.toml:1: unknown key `gatewy` at the top level; did you mean `gateway`?",
    );
    check(
        "[channels.telegrm]\nbot_token = '1:a'\n",
        "config.toml:1: unknown key `telegrm` in `channels`; did you mean `telegram`?",
    );
    check(
        "[assistant.opnai]\n",
        "config.toml:1: unknown key `opnai` in `assistant`; did you mean `openai`?",
    );
    check(
        "gateway.xyz = 1",
        "config.toml:1: unknown key `xyz` in `gateway`; there are `auth`, `bind`, `control_ui`, \
         `custom_bind_host`, `limits`, `nodes`, `port`, `tailscale`, `tls`, `trusted_proxies`",
    );
}

#[test]
fn a_key_of_openclaws_is_refused_with_our_name() {
    for (theirs, ours) in [
        ("dmPolicy = 'open'", "dm_policy"),
        ("allowFrom = ['*']", "allow_from"),
        ("botToken = '1:a'", "bot_token"),
        ("groupPolicy = 'open'", "group_policy"),
        ("groupAllowFrom = ['*']", "group_allow_from"),
        ("requireMention = true", "require_mention"),
        ("apiRoot = 'x'", "api_root"),
        ("tokenFile = 'x'", "token_file"),
    ] {
        let key = theirs.split(' ').next().unwrap();
        let said = format!(
            "config.toml:3: unknown key `{key}` in `channels.telegram`; it is `{ours}` here"
        );
        check(&format!("{BOT}{theirs}\n"), &said);
    }
}

#[test]
fn a_moved_key_is_refused_with_its_new_place() {
    check(
        &format!("{BOT}[channels.telegram.dm]\npolicy = 'open'\nallowFrom = ['*']\n"),
        "config.toml:4: `channels.telegram.dm.policy` is `channels.telegram.dm_policy` here\n\
         config.toml:5: `channels.telegram.dm.allowFrom` is `channels.telegram.allow_from` here",
    );
    check(
        "commands.ownerAllowFrom = ['1']",
        "config.toml:1: `commands.ownerAllowFrom` is `owner.allow_from` here",
    );
    check(
        "[session]\ndmScope = 'main'\n",
        "config.toml:1: `session` has no counterpart here: \
         each person's conversation on each account is always kept apart",
    );
    check(
        "[gateway]\nport = 1\ncustomBindHost = '0.0.0.0'\n",
        "config.toml:3: unknown key `customBindHost` in `gateway`; it is `custom_bind_host` here",
    );
    check(
        "[telegram]\nbotToken = '1:a'\n",
        "config.toml:1: unknown key `telegram` at the top level; it is `channels.telegram` here",
    );
}

#[test]
fn a_value_of_another_kind_is_refused() {
    check(
        "gateway.port = '1'",
        "config.toml:1: `gateway.port` is a whole number from 0 to 65535, not a text",
    );
    check(
        "gateway.port = 65536",
        "config.toml:1: `gateway.port` is a whole number from 0 to 65535",
    );
    check("gateway = 1", "config.toml:1: `gateway` is a table, not a number");
    check(
        &format!("{BOT}allow_from = '1'\n"),
        "config.toml:3: `channels.telegram.allow_from` is a list, such as `[\"...\"]`, not a text",
    );
    check(
        &format!("{BOT}enabled = 'yes'\n"),
        "config.toml:3: `channels.telegram.enabled` is `true` or `false`, not a text",
    );
    check(
        &format!("{BOT}dm_policy = 'pairng'\n"),
        "config.toml:3: `channels.telegram.dm_policy` is one of `allowlist`, `disabled`, `open`, \
         `pairing`; did you mean `pairing`?",
    );
}

#[test]
fn what_a_channel_cannot_do_has_no_key_there() {
    check(
        "channels.webchat.group_policy = 'open'",
        "config.toml:1: unknown key `group_policy` in `channels.webchat`: it has no groups",
    );
    check(
        "channels.webchat.accounts.a.title = 'x'",
        "config.toml:1: unknown key `accounts` in `channels.webchat`: it has one account only",
    );
    check(
        "channels.terminal.dm_policy = 'open'",
        "config.toml:1: unknown key `dm_policy` in `channels.terminal`: \
         everyone who writes there sits at this machine and is its owner",
    );
}

#[test]
fn everything_that_is_wrong_is_told_at_once_in_the_order_of_the_file() {
    let text = wrong("[pairing]\nmax_pending = 0\nmessage = 'hi'\nwhen_full = 'drop'\nx = 1\n");
    let lines: Vec<&str> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(lines, ["config.toml:2:", "config.toml:3:", "config.toml:4:", "config.toml:5:"]);
    assert!(text.contains("`pairing.max_pending` is a whole number from 1 to 1000"), "{text}");
    assert!(text.contains("`pairing.message` lacks `{code}`"), "{text}");
}

#[test]
fn what_is_no_toml_says_where() {
    let text = wrong("[gateway]\nport = \n");
    assert!(text.starts_with("config.toml:2: this is not valid TOML: "), "{text}");
    let text = wrong("[gateway]\nport = 1\nport = 2\n");
    assert!(text.starts_with("config.toml:3: this is not valid TOML: duplicate key"), "{text}");
    let shown = Home::with("[gateway]\nport = 18x\n").load().unwrap_err().at_length();
    let (_, excerpt) = shown.split_once('\n').unwrap();
    assert_eq!(excerpt, "  2 | port = 18x\n    |        ^^^");
    let home = super::Home::new();
    let path = home.write("config.toml", "");
    std::fs::OpenOptions::new()
        .append(true)
        .open(path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"a = 1\n\xff\n"))
        .unwrap();
    assert_eq!(home.wrong(), "config.toml:2: this is not UTF-8");
}

#[test]
fn a_usual_mistake_has_a_sentence_of_its_own() {
    let toml = "and the configuration is TOML: `[gateway]` on a line of its own, then `port = 18789`; \
                `config.example.toml` has every key";
    for text in ["{\n  \"gateway\": { \"port\": 1 }\n}\n", "// mine\n{ gateway: { port: 1 } }"] {
        check(text, &format!("config.toml:1: this is JSON, {toml}"));
    }
    check("[gateway]\n\"port\": 1,\n", &format!("config.toml:2: this is JSON, {toml}"));
    for text in ["gateway:\n  port: 1\n", "---\ngateway:\n", "- a\n"] {
        check(text, &format!("config.toml:1: this is YAML, {toml}"));
    }
    check(
        &format!("{BOT}dm_policy = “open”\n"),
        "config.toml:3: this line has typographic quotes; in TOML a text stands in `\"` or `'`",
    );
    check(
        "[channels.telegram]\nbot_token = ${TELEGRAM_BOT_TOKEN}\n",
        "config.toml:2: the name of an environment variable stands in quotes: `\"${NAME}\"`",
    );
    check(
        "[channels.telegram]\nbot_token = \"$TELEGRAM_BOT_TOKEN\"\n",
        "config.toml:2: `channels.telegram.bot_token`: a name behind `$` alone is not filled in; \
         write `\"${NAME}\"`",
    );
}

#[test]
fn what_will_hardly_be_meant_is_a_warning() {
    let warned = |text: &str| {
        let home = Home::with(text);
        let folder = format!("{}/", home.folder.path().display());
        let warnings = home.load().unwrap().warnings.into_iter();
        warnings.map(|warning| warning.replace(&folder, "")).collect::<Vec<_>>()
    };
    let [owner] = &*warned("[owner]\nallow_from = ['telegram:7']\n") else { panic!() };
    assert!(owner.starts_with("config.toml:2: `owner.allow_from` has `telegram:7`"), "{owner}");
    assert_eq!(warned(&format!("[owner]\nallow_from = ['telegram:7']\n{BOT}")), [""; 0]);
    let off = format!("[owner]\nallow_from = ['telegram:7']\n{BOT}enabled = false\n");
    assert_eq!(warned(&off).len(), 1);
    for bind in ["'lan'", "'custom'\ncustom_bind_host = '192.168.1.1'"] {
        let [plain] = &*warned(&format!("[gateway]\nbind = {bind}\n")) else { panic!("{bind}") };
        assert!(plain.starts_with("config.toml:2: `gateway.bind` is "), "{plain}");
        for safe in ["tls.enabled = true", "trusted_proxies = ['10.0.0.1']"] {
            assert_eq!(warned(&format!("[gateway]\nbind = {bind}\n{safe}\n")), [""; 0], "{bind}");
        }
    }
    assert_eq!(warned("gateway.bind = 'tailnet'"), [""; 0]);
    let home = Home::with("");
    let file = home.folder.path().join("config.toml");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let warnings = home.load().unwrap().warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("everybody may read it"), "{warnings:?}");
}

#[test]
fn a_file_that_an_account_names_and_nobody_can_read_is_lacking() {
    let lacking = |enabled: bool| {
        let text = format!("[channels.telegram]\ntoken_file = '/no/such'\nenabled = {enabled}\n");
        Home::with(&text).load().unwrap().lacking
    };
    let [said] = &*lacking(true) else { panic!() };
    assert!(said.starts_with("channels.telegram: `token_file` /no/such: No such file"), "{said}");
    assert_eq!(lacking(false), [""; 0]);
}

#[test]
fn a_responder_is_checked_where_it_is_chosen() {
    check(
        "assistant.responder = 'opnai'",
        "config.toml:1: `assistant.responder` is one of `command`, `echo`, `openai`; \
         did you mean `openai`?",
    );
    let text = wrong("[assistant]\nresponder = 'openai'\n[assistant.openai]\nmodel = 'm'\n");
    assert!(text.starts_with("config.toml:3: `assistant.openai.base_url`: is missing"), "{text}");
    let config = load("[assistant.openai]\nmodel = 'm'\n");
    assert_eq!(config.assistant.responder, "echo");
    let text = wrong("[assistant.openai]\nmodle = 'm'\n");
    assert!(text.contains("did you mean `model`?"), "{text}");
}

/// Whatever stands in the file, reading it ends, and a refusal has a line of its own for each problem.
fn any_text_is_answered(text: &str) {
    if let Err(error) = Home::with(text).load() {
        let said = error.to_string();
        assert!(
            !said.is_empty() && said.lines().all(|line| line.contains("config.toml:")),
            "{said}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn odd_texts_are_answered(text in "[\\[\\]{}a-c.=\"'#$\n é,0-9]{0,40}") {
        any_text_is_answered(&text);
        any_text_is_answered(&format!("[channels.telegram]\n{text}"));
    }

    #[test]
    fn odd_tables_are_answered(
        path in "(gateway|owner|pairing|assistant|channels|commands|session|plugins|discovery)(\\.(auth|tls|nodes|device-pair|mdns|telegram|webchat|echo|openai|accounts|dm|allow_from|a)){0,3}",
        value in "(1|-1|true|'x'|'\\*'|\\[\\]|\\['', 1, \\[\\]\\]|\\{a = 1, accounts = 2\\}|'\\$\\{X\\}')",
    ) {
        any_text_is_answered(&format!("{path} = {value}"));
        any_text_is_answered(&format!("[[{path}]]\nx = {value}"));
    }
}

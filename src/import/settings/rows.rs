//! Which key is which key here, as data; and what is done with a row of it.

use serde_json::Value;

use super::{
    job::{Job, at, below},
    scan::Path,
};
use crate::text::settings as text;

/// What becomes of a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    /// No counterpart, and why.
    Drop(&'static str),
    /// A path of a file; `~` is the home folder.
    File(&'static str),
    /// True or false.
    Flag(&'static str),
    /// Texts.
    List(&'static str),
    /// A whole number.
    Number(&'static str),
    /// A text that may be a reference to a secret.
    Secret(&'static str),
    /// A text.
    Text(&'static str),
    /// No counterpart, and what the reader should know.
    Warn(&'static str),
    /// One of some words: theirs, ours.
    Words(&'static str, &'static [(&'static str, &'static str)]),
}

use How::{Drop, File, Flag, List, Number, Secret, Text, Warn, Words};

/// A key of theirs, below its table, and what becomes of it.
pub(super) type Row = (&'static str, How);

const NOT_NEEDED: &str = "not needed here";

/// Of the whole file.
pub(super) const ROOT: &[Row] = &[
    ("gateway.port", Number("gateway.port")),
    ("gateway.customBindHost", Text("gateway.custom_bind_host")),
    (
        "gateway.bind",
        Words(
            "gateway.bind",
            &[
                ("auto", "auto"),
                ("custom", "custom"),
                ("lan", "lan"),
                ("loopback", "loopback"),
                ("tailnet", "tailnet"),
            ],
        ),
    ),
    ("gateway.auth.token", Secret("gateway.auth.token")),
    ("gateway.auth.password", Secret("gateway.auth.password")),
    (
        "gateway.auth.allowTailscale",
        Warn("a tailnet is no proof of who connects; each device is paired"),
    ),
    ("gateway.auth.identityScopes", Warn("rights belong to paired devices here")),
    ("gateway.auth.rateLimit", Drop("failures are always limited")),
    ("gateway.trustedProxies", List("gateway.trusted_proxies")),
    ("gateway.allowRealIpFallback", Drop("`X-Real-IP` is never trusted")),
    ("gateway.controlUi.allowInsecureAuth", Drop("no page asks for less here")),
    ("gateway.controlUi.dangerouslyDisableDeviceAuth", Warn("browsers must pair here")),
    (
        "gateway.controlUi.dangerouslyAllowHostHeaderOriginFallback",
        Warn("no header allows an origin here"),
    ),
    (
        "gateway.tailscale.mode",
        Words(
            "gateway.tailscale.mode",
            &[("funnel", "funnel"), ("off", "off"), ("serve", "serve")],
        ),
    ),
    ("gateway.tls.enabled", Flag("gateway.tls.enabled")),
    ("gateway.tls.autoGenerate", Flag("gateway.tls.auto_generate")),
    ("gateway.tls.certPath", File("gateway.tls.cert_path")),
    ("gateway.tls.keyPath", File("gateway.tls.key_path")),
    ("gateway.tls.caPath", Drop("clients need no certificate")),
    ("gateway.nodes.allowCommands", List("gateway.nodes.commands.allow")),
    ("gateway.nodes.denyCommands", List("gateway.nodes.commands.deny")),
    ("gateway.nodes.commands.allow", List("gateway.nodes.commands.allow")),
    ("gateway.nodes.commands.deny", List("gateway.nodes.commands.deny")),
    ("gateway.nodes.pairing.autoApproveLocal", Flag("gateway.nodes.pairing.auto_approve_local")),
    ("gateway.nodes.pairing.autoApproveCidrs", List("gateway.nodes.pairing.auto_approve_cidrs")),
    ("gateway.nodes.pairing.sshVerify", Drop("a device proves itself by its key")),
    ("gateway.reload", Drop("a changed configuration is always taken")),
    ("gateway.remote", Drop("`--url` names another gateway")),
    ("gateway.webchat", Drop("the page is always there")),
    ("plugins.entries.device-pair.config.publicUrl", Text("plugins.device-pair.public_url")),
    (
        "discovery.mdns.mode",
        Words(
            "discovery.mdns.mode",
            &[("full", "minimal"), ("minimal", "minimal"), ("off", "off")],
        ),
    ),
    ("discovery.wideArea", Drop("the gateway is announced on its own network only")),
    ("commands.allowFrom", Warn("guests have no commands here that a list could narrow")),
    ("session.dmScope", Drop("each person's conversation on each account is always kept apart")),
    (
        "session.identityLinks",
        Warn("`openclaw access` joins the ids of one person when they prove them"),
    ),
    ("bindings", Warn("the one assistant answers every account")),
    ("channels.modelByChannel", Drop("the one assistant answers every account")),
    ("channels.webchat", Drop("the page is always there")),
];

/// Why a table has no counterpart, by its first key. Of the others there is nothing to know.
pub(super) const NOTES: &[(&str, &str)] = &[
    ("$schema", "kept by the program itself"),
    ("agent", "`[assistant]` says who answers"),
    ("agents", "`[assistant]` says who answers"),
    ("auth", "keys of models are not read; write `assistant.openai.api_key`"),
    ("commands", "owner commands are for owners, the others for everyone with access"),
    ("cron", "there are no scheduled jobs"),
    ("logging", "set the log level with `--log` or `OPENCLAW_LOG`"),
    ("meta", "kept by the program itself"),
    ("models", "`[assistant]` says who answers"),
    ("plugins", "every plugin is built in"),
    ("session", "each person's conversation on each account is always kept apart"),
    ("telemetry", "kept by the program itself"),
    ("update", "kept by the program itself"),
    ("wizard", "kept by the program itself"),
];

/// Of each channel, beside who may talk.
pub(super) const CHANNELS: &[(&str, &[Row])] = &[
    (
        "bluebubbles",
        &[
            ("serverUrl", Text("server_url")),
            ("password", Secret("password")),
            ("webhookPath", Text("webhook_path")),
        ],
    ),
    (
        "discord",
        &[
            ("token", Secret("token")),
            ("applicationId", Drop(NOT_NEEDED)),
            ("proxy", Warn("no proxy is used for this channel")),
        ],
    ),
    (
        "feishu",
        &[
            ("appId", Text("app_id")),
            ("appSecret", Secret("app_secret")),
            ("encryptKey", Secret("encrypt_key")),
            ("verificationToken", Secret("verification_token")),
            ("domain", Text("domain")),
            (
                "connectionMode",
                Words("connection_mode", &[("webhook", "webhook"), ("websocket", "websocket")]),
            ),
            ("webhookPath", Text("webhook_path")),
            ("webhookHost", Warn(SERVED)),
            ("webhookPort", Warn(SERVED)),
        ],
    ),
    (
        "googlechat",
        &[
            ("serviceAccount", Secret("service_account")),
            ("serviceAccountFile", File("service_account_file")),
            (
                "audienceType",
                Words(
                    "audience_type",
                    &[("app-url", "app-url"), ("project-number", "project-number")],
                ),
            ),
            ("audience", Text("audience")),
            ("appPrincipal", Warn("for an add-on, write `project_number`")),
            ("webhookPath", Text("webhook_path")),
            ("webhookUrl", Drop(NOT_NEEDED)),
            ("botUser", Drop(NOT_NEEDED)),
        ],
    ),
    (
        "imessage",
        &[
            ("cliPath", File("cli_path")),
            ("dbPath", File("db_path")),
            ("service", Words("service", &[("auto", "auto"), ("imessage", "imessage")])),
            (
                "remoteHost",
                Warn("write a script that runs `imsg` there, and name it in `cli_path`"),
            ),
        ],
    ),
    (
        "msteams",
        &[
            ("appId", Text("app_id")),
            ("appPassword", Secret("app_password")),
            ("tenantId", Text("tenant_id")),
            ("webhook.path", Text("webhook_path")),
            ("webhook.port", Warn(SERVED)),
            (
                "cloud",
                Words(
                    "cloud",
                    &[
                        ("China", "china"),
                        ("Public", "public"),
                        ("USGov", "usgov"),
                        ("USGovDoD", "usgovdod"),
                    ],
                ),
            ),
            ("serviceUrl", Text("service_url")),
            ("authType", Drop("the app shows its secret")),
        ],
    ),
    (
        "signal",
        &[
            ("account", Text("account")),
            ("httpUrl", Text("url")),
            ("transport.url", Text("url")),
            ("cliPath", File("cli_path")),
            ("transport.cliPath", File("cli_path")),
            ("transport.configPath", File("config_path")),
            ("httpHost", Warn("write it as `url`")),
            ("httpPort", Warn("write it as `url`")),
            ("transport.httpHost", Warn("write it as `url`")),
            ("transport.httpPort", Warn("write it as `url`")),
            ("accountUuid", Drop(NOT_NEEDED)),
        ],
    ),
    (
        "slack",
        &[
            ("mode", Words("mode", &[("http", "http"), ("socket", "socket")])),
            ("botToken", Secret("bot_token")),
            ("appToken", Secret("app_token")),
            ("signingSecret", Secret("signing_secret")),
            ("webhookPath", Text("webhook_path")),
        ],
    ),
    (
        "telegram",
        &[
            ("botToken", Secret("bot_token")),
            ("tokenFile", File("token_file")),
            ("apiRoot", Text("api_root")),
            ("proxy", Warn("no proxy is used for this channel")),
            ("webhookUrl", Warn("messages are fetched here; remove the webhook at Telegram")),
            ("webhookSecret", Drop(NOT_NEEDED)),
            ("webhookPath", Drop(NOT_NEEDED)),
            ("webhookHost", Drop(NOT_NEEDED)),
            ("webhookPort", Drop(NOT_NEEDED)),
            ("webhookCertPath", Drop(NOT_NEEDED)),
        ],
    ),
    ("whatsapp", &[]),
];

const SERVED: &str = "the gateway's own port serves it: the platform has to reach `gateway.port`";

/// Of every channel.
pub(super) const ANY_CHANNEL: &[Row] = &[
    ("allowBots", Drop("bots are never admitted")),
    ("configWrites", Drop("no channel writes the configuration")),
    ("dangerouslyAllowNameMatching", Warn("names never match; write ids")),
    ("defaultAccount", Drop("the account keeps its name")),
    ("contextVisibility", Drop("an assistant sees only what it is asked")),
];

/// What an account of a channel cannot do without: one key of each list.
pub(super) const REQUIRED: &[(&str, &[&[&str]])] = &[
    ("bluebubbles", &[&["server_url"], &["password"], &["callback_url"]]),
    ("discord", &[&["token"]]),
    ("feishu", &[&["app_id"], &["app_secret"]]),
    (
        "googlechat",
        &[&["service_account", "service_account_file"], &["audience_type"], &["audience"]],
    ),
    ("msteams", &[&["app_id"], &["app_password"], &["tenant_id"]]),
    ("signal", &[&["account"], &["url", "cli_path"]]),
    ("slack", &[&["bot_token"]]),
    ("telegram", &[&["bot_token", "token_file"]]),
    ("whatsapp", &[&["phone_number_id"], &["access_token"], &["app_secret"], &["verify_token"]]),
];

/// Two tables of one account: its own, and behind it the channel's.
pub(super) struct Layer<'v> {
    pub(super) value: &'v Value,
    pub(super) path: Path,
}

/// Does what a row says for the first of these tables that has its key. `ours` is the table here.
pub(super) fn row(job: &mut Job<'_>, layers: &[Layer<'_>], ours: &[String], (key, how): Row) {
    let found = layers.iter().find_map(|layer| {
        at(layer.value, &below(&[], key)).map(|value| (value, below(&layer.path, key)))
    });
    let Some((value, theirs)) = found else { return };
    match how {
        Drop(why) => job.ignore(&theirs, why),
        Warn(why) => job.warn(&theirs, why),
        Flag(key) => match value.as_bool() {
            Some(flag) => put(job, &theirs, &below(ours, key), flag),
            None => job.warn(&theirs, text::WRONG_KIND),
        },
        Number(key) => match number(value) {
            Some(number) => put(job, &theirs, &below(ours, key), number),
            None => job.warn(&theirs, text::WRONG_KIND),
        },
        Words(key, words) => {
            let word = words.iter().find(|(word, _)| value.as_str() == Some(word));
            match word {
                Some((_, word)) => put(job, &theirs, &below(ours, key), *word),
                None => job.warn(&theirs, text::no_word(key)),
            }
        }
        List(key) => {
            let list = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            let list: Vec<&str> = list.collect();
            let list: toml_edit::Array = list.into_iter().map(|one| job.text(one, key)).collect();
            put(job, &theirs, &below(ours, key), list);
        }
        Text(key) | File(key) | Secret(key) => {
            if matches!(how, Secret(_)) && value.is_object() {
                return super::secrets::reference(job, (value, &theirs), ours, key);
            }
            let Some(written) = value
                .as_str()
                .map(str::to_owned)
                .or_else(|| number(value).map(|it| it.to_string()))
            else {
                return job.warn(&theirs, text::WRONG_KIND);
            };
            let is_file = matches!(how, File(_));
            let written = if is_file { home(job, &written) } else { written };
            let written = job.text(&written, &full(ours, key));
            put(job, &theirs, &below(ours, key), written);
        }
    }
}

fn put(job: &mut Job<'_>, theirs: &[String], ours: &[String], value: impl Into<toml_edit::Value>) {
    // Two names of one key: the first row speaks.
    if job.wrote(ours) {
        return job.ignore(theirs, text::said_above(ours));
    }
    job.put(ours, value);
    job.took(theirs, text::path(ours));
}

/// The name of a key for a stand-in: a channel's with its channel.
pub(super) fn full(ours: &[String], key: &str) -> String {
    match ours {
        [first, channel, ..] if first == "channels" => format!("{channel}.{key}"),
        _ => key.to_owned(),
    }
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let number =
            value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 9e15)?;
        format!("{number:.0}").parse().ok()
    })
}

/// A path with the home folder in place of `~`.
pub(super) fn home(job: &Job<'_>, written: &str) -> String {
    let home = || (job.env)("HOME").filter(|home| !home.is_empty());
    match (written.strip_prefix('~'), home()) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
            format!("{home}{rest}")
        }
        _ => written.to_owned(),
    }
}

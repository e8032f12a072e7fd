//! Plugins that have facts and keys, and do nothing else.

use async_trait::async_trait;
use openclaw_plugin_sdk::{
    Abilities, Answer, Channel, ChannelError, ChannelPlugin, ChatId, Inbox, Ingress,
    InvalidSenderId, OutboundMessage, Prompt, Responder, ResponderError, ResponderPlugin, Secret,
    SenderId, SentRef, Settings, SettingsError, TextLimit, TextUnit, no_groups, toml,
};

pub(super) static CHANNELS: &[&ChannelPlugin] = &[&TERMINAL, &TELEGRAM, &WEBCHAT];
pub(super) static RESPONDERS: &[&ResponderPlugin] = &[&COMMAND, &ECHO, &OPENAI];

static TERMINAL: ChannelPlugin = ChannelPlugin {
    id: "terminal",
    ingress: Ingress::Connect,
    abilities: Abilities { console: true, ..Abilities::NONE },
    keys: &[],
    secret_keys: &[],
    env_keys: &[],
    parse_sender: SenderId::new,
    parse_group: no_groups,
    open: |settings| settings.parse::<toml::Table>().map(|_| channel()),
    ..BLANK
};

static TELEGRAM: ChannelPlugin = ChannelPlugin {
    id: "telegram",
    // A root that is a path is where this one is served.
    ingress: Ingress::Chosen {
        path: |settings| {
            let root = settings.get("api_root")?.as_str()?;
            root.starts_with('/').then(|| root.to_owned())
        },
    },
    abilities: Abilities { accounts: true, groups: true, ..Abilities::NONE },
    keys: &["bot_token", "token_file", "api_root"],
    secret_keys: &["bot_token"],
    env_keys: &[("bot_token", "TELEGRAM_BOT_TOKEN")],
    parse_sender: number,
    parse_group: |text| Ok(ChatId::new(text)),
    open: open_telegram,
    ..BLANK
};

static WEBCHAT: ChannelPlugin = ChannelPlugin {
    id: "webchat",
    ingress: Ingress::Serve { path: "/chat" },
    abilities: Abilities::NONE,
    keys: &["allowed_hosts", "title"],
    secret_keys: &[],
    env_keys: &[],
    parse_sender: SenderId::new,
    parse_group: no_groups,
    open: |settings| settings.parse::<Page>().map(|_| channel()),
    ..BLANK
};

static COMMAND: ResponderPlugin = ResponderPlugin {
    id: "command",
    summary: "",
    keys: &["program", "args", "timeout_seconds", "pass_env"],
    open: |settings| settings.parse::<Program>().map(|_| responder()),
};

static ECHO: ResponderPlugin = ResponderPlugin {
    id: "echo",
    summary: "",
    keys: &[],
    open: |settings| settings.parse::<toml::Table>().map(|_| responder()),
};

static OPENAI: ResponderPlugin = ResponderPlugin {
    id: "openai",
    summary: "",
    keys: &["base_url", "model", "api_key", "timeout_seconds", "history_turns", "system_prompt"],
    open: |settings| settings.parse::<Model>().map(|_| responder()),
};

const BLANK: ChannelPlugin = ChannelPlugin {
    id: "",
    label: "",
    id_label: "",
    id_line: "",
    ingress: Ingress::Connect,
    text_limit: TextLimit { max: 4096, unit: TextUnit::Utf16 },
    abilities: Abilities::NONE,
    keys: &[],
    secret_keys: &[],
    env_keys: &[],
    login: None,
    manifest: None,
    parse_sender: SenderId::new,
    parse_group: no_groups,
    open: |_| Ok(channel()),
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, clippy::struct_field_names, reason = "only the form counts")]
struct Bot {
    bot_token: Option<Secret>,
    token_file: Option<String>,
    api_root: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only the form counts")]
struct Page {
    allowed_hosts: Option<Vec<String>>,
    title: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, clippy::struct_field_names, reason = "only the form counts")]
struct Program {
    program: String,
    args: Option<Vec<String>>,
    timeout_seconds: Option<u64>,
    pass_env: Option<Vec<String>>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, clippy::struct_field_names, reason = "only the form counts")]
struct Model {
    base_url: String,
    model: String,
    api_key: Option<Secret>,
    timeout_seconds: Option<u64>,
    history_turns: Option<u64>,
    system_prompt: Option<String>,
}

#[expect(clippy::needless_pass_by_value, reason = "the registry's signature")]
fn open_telegram(settings: Settings) -> Result<Box<dyn Channel>, SettingsError> {
    let bot: Bot = settings.parse()?;
    match (bot.bot_token, bot.token_file) {
        (Some(token), None) if !token.expose().contains(':') => {
            // A plugin that blurts the value out: the loader must not pass it on.
            let why = format!("`{}` is no token", token.expose());
            Err(SettingsError::new("bot_token", why))
        }
        (Some(_), None) | (None, Some(_)) => Ok(channel()),
        _ => Err(SettingsError::new("bot_token", "give either `bot_token` or `token_file`")),
    }
}

fn number(text: &str) -> Result<SenderId, InvalidSenderId> {
    let text = text.trim();
    let text = text.strip_prefix("telegram:").or(text.strip_prefix("tg:")).unwrap_or(text);
    let id = SenderId::new(text)?;
    if !id.as_str().chars().all(|c| c.is_ascii_digit()) {
        return Err(InvalidSenderId("a person's id is a positive number"));
    }
    Ok(id)
}

fn channel() -> Box<dyn Channel> {
    Box::new(Nothing)
}

fn responder() -> Box<dyn Responder> {
    Box::new(Nothing)
}

struct Nothing;

#[async_trait]
impl Channel for Nothing {
    async fn receive(&self, _inbox: &Inbox) -> Result<(), ChannelError> {
        Ok(())
    }

    async fn send(&self, _message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        Err(ChannelError::Disconnected("a stand-in".to_owned()))
    }
}

#[async_trait]
impl Responder for Nothing {
    async fn respond(&self, _prompt: &Prompt, _answer: &Answer) -> Result<(), ResponderError> {
        Ok(())
    }

    async fn forget(&self, _conversation: &str) {}
}

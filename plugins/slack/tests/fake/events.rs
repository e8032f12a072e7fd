//! The payloads in the form in which Slack announces them.

use serde_json::{Value, json};

use super::{BOT_ID, Shown, TEAM};

/// The direct chat with a person bears their id.
pub(crate) fn direct_chat(user: &str) -> String {
    format!("D{}", &user[1..])
}

/// A chat as the app's channel spells it: the direct one with a person bears their id.
pub(crate) fn chat_with(channel: &str) -> String {
    channel.strip_prefix('D').map_or_else(|| channel.to_owned(), |rest| format!("U{rest}"))
}

/// A person of a story.
pub(crate) fn person(name: &str) -> String {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("U0{:0>8}", name.to_ascii_uppercase())
}

/// What a person calls themselves: every person can be Ann.
pub(crate) fn name(user: &str) -> String {
    if [super::ANN, super::NAMESAKE].contains(&user) {
        return "Ann".to_owned();
    }
    user.trim_start_matches(['U', '0']).to_ascii_lowercase()
}

/// A person of another workspace, as messages name them.
pub(crate) fn foreign_person(user: &str, team: &str) -> Value {
    json!({ "user": user, "user_team": team, "source_team": team, "team": team, "shared": true })
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

pub(crate) fn press(user: &str, shown: &Shown, data: &str, ts: &str, url: &str) -> Value {
    json!({
        "type": "block_actions",
        "user": { "id": user, "username": "ann", "name": "ann", "team_id": TEAM },
        "api_app_id": "A0GATE0000", "token": "legacy", "trigger_id": format!("trigger.{ts}"),
        "container": {
            "type": "message", "message_ts": shown.ts, "channel_id": shown.chat, "is_ephemeral": false,
        },
        "team": { "id": TEAM, "domain": "home" },
        "channel": { "id": shown.chat, "name": "directmessage" },
        "message": { "bot_id": BOT_ID, "type": "message", "text": shown.text, "ts": shown.ts },
        "state": { "values": {} }, "response_url": url,
        "actions": [{
            "type": "button", "action_id": "b1", "block_id": "x1", "value": data, "action_ts": ts,
            "text": { "type": "plain_text", "text": "Button" },
        }],
    })
}

pub(crate) fn slash(user: &str, channel: &str, words: &str, trigger: &str) -> Value {
    json!({
        "token": "legacy", "team_id": TEAM, "team_domain": "home", "channel_id": channel,
        "channel_name": if channel.starts_with('D') { "directmessage" } else { "family" },
        "user_id": user, "user_name": "ann", "command": "/openclaw", "text": words,
        "api_app_id": "A0GATE0000", "is_enterprise_install": "false",
        "response_url": "https://hooks.slack.com/commands/not/ours", "trigger_id": trigger,
    })
}

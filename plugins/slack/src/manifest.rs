//! The app as Slack's own site wants to be given it: made from a manifest, an app has all it needs.

use serde_json::json;

use crate::app::SCOPES;

/// Slack shows no longer hint.
const HINT_LIMIT: usize = 1000;

/// A manifest for Socket Mode.
pub(crate) fn manifest(name: &str, commands: &[(String, String)]) -> String {
    let mut hint = String::new();
    for (command, _) in commands {
        let more = if hint.is_empty() { command.clone() } else { format!(" | {command}") };
        if hint.len() + more.len() > HINT_LIMIT {
            break;
        }
        hint += &more;
    }
    let manifest = json!({
        "display_information": {
            "name": name,
            "description": "A gateway for people that its owner has approved",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": false,
                "messages_tab_enabled": true,
                "messages_tab_read_only_enabled": false,
            },
            "bot_user": { "display_name": name, "always_online": true },
            "slash_commands": [{
                "command": "/openclaw",
                "description": "Speak to the gateway",
                "usage_hint": hint,
                "should_escape": false,
            }],
        },
        "oauth_config": { "scopes": { "bot": SCOPES } },
        "settings": {
            "event_subscriptions": { "bot_events": [
                "app_mention", "app_uninstalled", "message.channels", "message.groups",
                "message.im", "message.mpim", "tokens_revoked",
            ] },
            "interactivity": { "is_enabled": true },
            "org_deploy_enabled": false,
            "socket_mode_enabled": true,
            "token_rotation_enabled": false,
        },
    });
    // A value that was just made can be written.
    serde_json::to_string_pretty(&manifest).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_manifest_has_what_the_channel_uses() {
        let commands =
            [("help".to_owned(), "x".to_owned()), ("pairing".to_owned(), "y".to_owned())];
        let manifest: Value = serde_json::from_str(&manifest("Gate \"1\"", &commands)).unwrap();
        assert_eq!(manifest["display_information"]["name"], "Gate \"1\"");
        assert_eq!(manifest["features"]["slash_commands"][0]["usage_hint"], "help | pairing");
        assert_eq!(
            manifest["oauth_config"]["scopes"]["bot"].as_array().unwrap().len(),
            SCOPES.len()
        );
        assert_eq!(manifest["settings"]["socket_mode_enabled"], true);
    }
}

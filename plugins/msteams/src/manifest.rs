//! The app as Teams wants to be given it: a package with a manifest and two icons.

use openclaw_plugin_sdk::{Manifest, Settings, SettingsError, kit::listed};
use serde_json::json;

use crate::{is_guid, text};

/// A list of commands has no more.
const MOST_COMMANDS: usize = 10;

/// The manifest of an app with this name, for the bot of the account.
pub(crate) fn manifest(settings: &Settings, name: &str) -> Result<Manifest, SettingsError> {
    let app = settings.table.get("app_id").and_then(|id| id.as_str()).unwrap_or_default();
    let app = app.trim().to_ascii_lowercase();
    if !is_guid(&app) {
        return Err(SettingsError::new("app_id", text::NO_GUID));
    }
    let short: String = name.chars().take(30).collect();
    let commands: Vec<_> = listed(&settings.commands, "-", 128)
        .map(|(name, summary)| json!({ "title": format!("/{name}"), "description": summary }))
        .take(MOST_COMMANDS)
        .collect();
    let scopes = json!(["personal", "team", "groupChat"]);
    let manifest = json!({
        "$schema": "https://developer.microsoft.com/en-us/json-schemas/teams/v1.17/MicrosoftTeams.schema.json",
        "manifestVersion": "1.17",
        "version": "1.0.0",
        "id": app,
        "developer": {
            "name": short,
            "websiteUrl": "https://www.example.com",
            "privacyUrl": "https://www.example.com/privacy",
            "termsOfUseUrl": "https://www.example.com/terms",
        },
        "name": { "short": short, "full": name.chars().take(100).collect::<String>() },
        "description": { "short": text::DESCRIPTION, "full": text::DESCRIPTION },
        "icons": { "color": "color.png", "outline": "outline.png" },
        "accentColor": "#2C5C80",
        "bots": [{
            "botId": app,
            "scopes": scopes,
            "isNotificationOnly": false,
            "supportsFiles": false,
            "commandLists": [{ "scopes": scopes, "commands": commands }],
        }],
        "permissions": ["identity", "messageTeamMembers"],
        "validDomains": [],
    });
    // A value that was just made can be written.
    let json = serde_json::to_string_pretty(&manifest).unwrap_or_default();
    let others = vec![
        ("color.png", include_bytes!("color.png").to_vec()),
        ("outline.png", include_bytes!("outline.png").to_vec()),
    ];
    Ok(Manifest { file: "manifest.json", json, others })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use openclaw_plugin_sdk::testing;
    use serde_json::Value;

    use super::*;

    fn settings(table: &str) -> Settings {
        let commands =
            (0..20).map(|n| (format!("command{n}"), "What it does".to_owned())).collect();
        Settings { commands, ..testing::settings(table) }
    }

    #[test]
    fn the_manifest_names_the_bot_and_keeps_the_limits_of_teams() {
        let settings = settings("app_id = '6A7E0000-1111-4222-8333-444444444444'");
        let made = manifest(&settings, &"x".repeat(200)).unwrap();
        let json: Value = serde_json::from_str(&made.json).unwrap();
        let bot = &json["bots"][0];
        assert_eq!(
            (&bot["botId"], &bot["scopes"]),
            (&json["id"], &json!(["personal", "team", "groupChat"]))
        );
        assert_eq!(json["id"], "6a7e0000-1111-4222-8333-444444444444");
        assert_eq!(bot["commandLists"][0]["commands"].as_array().unwrap().len(), MOST_COMMANDS);
        assert_eq!(json["name"]["short"].as_str().unwrap().len(), 30);
        assert!(json["description"]["short"].as_str().unwrap().len() <= 80);
    }

    #[test]
    fn the_icons_have_the_sizes_that_teams_wants() {
        let made = manifest(&settings("app_id = '6a7e0000-1111-4222-8333-444444444444'"), "Gate");
        for ((name, bytes), size) in made.unwrap().others.into_iter().zip([192, 32]) {
            let info = png::Decoder::new(Cursor::new(bytes)).read_info().unwrap().info().size();
            assert_eq!(info, (size, size), "{name}");
        }
    }

    #[test]
    fn a_manifest_without_a_bot_names_the_key() {
        for table in ["", "app_id = 'gate'"] {
            assert_eq!(manifest(&settings(table), "Gate").unwrap_err().key, "app_id");
        }
    }
}

//! Things as Discord writes them.

use serde_json::{Value, json};

use super::{BOT, GUILD, ROOM, THREAD};

/// The kind of channel in which something happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChannelKind {
    /// A person and the bot.
    Direct,
    /// Several people without a server.
    GroupDirect,
    /// A kind of channel that does not exist yet.
    Hologram,
    /// A channel of the server.
    Room,
    /// A thread in the server's channel.
    Thread,
}

impl ChannelKind {
    /// The server that it is in.
    pub(crate) fn guild(&self) -> Option<&'static str> {
        matches!(self, Self::Room | Self::Thread).then_some(GUILD)
    }

    /// The channel, as this person sees it.
    pub(crate) fn channel(&self, person: &Value) -> Value {
        let id = person["id"].as_str().unwrap_or_default();
        let bot = bot();
        match self {
            Self::Direct => {
                json!({ "id": direct(id), "type": 1, "recipients": [person], "last_message_id": null, "flags": 0 })
            }
            Self::GroupDirect => {
                json!({ "id": format!("94{}", &id[2..]), "type": 3, "recipients": [person, bot], "name": "Us" })
            }
            Self::Hologram => {
                json!({ "id": format!("95{}", &id[2..]), "type": 99, "recipients": [person] })
            }
            Self::Room => json!({
                "id": ROOM, "type": 0, "guild_id": GUILD, "name": "general", "position": 0, "flags": 0,
                "parent_id": null, "permission_overwrites": [], "nsfw": false, "topic": null, "rate_limit_per_user": 0,
            }),
            Self::Thread => json!({
                "id": THREAD, "type": 11, "guild_id": GUILD, "name": "aside", "parent_id": ROOM, "owner_id": id, "flags": 0,
                "message_count": 1, "member_count": 1, "rate_limit_per_user": 0, "thread_metadata": {
                    "archived": false, "auto_archive_duration": 60, "archive_timestamp": TIME, "locked": false,
                },
            }),
        }
    }
}

/// The channel of the bot's conversation with a person.
pub(crate) fn direct(person: &str) -> String {
    format!("93{}", &person[2..])
}

/// When everything happens.
pub(crate) const TIME: &str = "2026-11-20T12:00:00.000000+00:00";

/// A person.
pub(crate) fn person(id: &str, name: &str) -> Value {
    json!({
        "id": id, "username": "ann_lee", "global_name": name, "discriminator": "0", "avatar": null,
        "public_flags": 0,
    })
}

/// The bot.
pub(crate) fn bot() -> Value {
    json!({
        "id": BOT, "username": "Gate", "global_name": null, "discriminator": "0007", "avatar": null, "bot": true,
        "public_flags": 0,
    })
}

/// Another bot.
pub(crate) fn other_bot() -> Value {
    json!({
        "id": "700000000000000002", "username": "Other", "global_name": null, "discriminator": "0008", "avatar": null,
        "bot": true, "public_flags": 0,
    })
}

/// The server, as it is told when a session begins.
pub(crate) fn guild() -> Value {
    let role = json!({
        "id": GUILD, "name": "@everyone", "color": 0, "hoist": false, "position": 0, "permissions": "1071698660929",
        "managed": false, "mentionable": false, "flags": 0,
    });
    json!({
        "id": GUILD, "name": "Family", "icon": null, "splash": null, "owner_id": "1001", "unavailable": false,
        "roles": [role], "emojis": [], "features": [], "stickers": [], "channels": [ChannelKind::Room.channel(&Value::Null)],
        "threads": [], "members": [], "presences": [], "voice_states": [], "stage_instances": [],
        "guild_scheduled_events": [], "soundboard_sounds": [], "member_count": 3, "large": false,
        "joined_at": TIME, "afk_channel_id": null, "afk_timeout": 300, "verification_level": 0,
        "default_message_notifications": 0, "explicit_content_filter": 0, "mfa_level": 0, "application_id": null,
        "system_channel_id": null, "system_channel_flags": 0, "rules_channel_id": null, "vanity_url_code": null,
        "description": null, "banner": null, "premium_tier": 0, "preferred_locale": "en-US", "nsfw_level": 0,
        "public_updates_channel_id": null, "premium_progress_bar_enabled": false, "safety_alerts_channel_id": null,
    })
}

/// How a session begins.
pub(crate) fn ready(session: &str, gateway: &str) -> Value {
    json!({
        "v": 10, "user": bot(), "session_id": session, "resume_gateway_url": format!("{gateway}/resumed"),
        "guilds": [{ "id": GUILD, "unavailable": true }], "application": { "id": BOT, "flags": 0 },
        "private_channels": [], "relationships": [], "session_type": "normal",
    })
}

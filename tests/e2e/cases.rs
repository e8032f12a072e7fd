//! Security cases that need the whole program, and what the README promises of a running gateway.

mod assistant;
mod attachments;
mod authority;
mod backlog;
mod bad_input;
mod bluebubbles;
mod card_crash;
mod card_rate;
mod cards;
mod challenge;
mod channel_trouble;
mod claims;
mod damage;
mod delivery;
mod device_notice;
mod discord;
mod disk;
mod dispatch;
mod displayed;
mod displayed_devices;
mod edges;
mod endless;
mod feishu;
mod files;
mod findings;
mod flood;
mod formatted;
mod googlechat;
mod half_written;
mod held;
mod identity;
mod imessage;
mod join_url;
mod limited_devices;
mod locality;
mod metrics;
mod msteams;
mod node_calls;
mod node_pairing;
mod own_code;
mod owner;
mod pair;
mod phone_chat;
mod platforms;
mod proxy;
mod queue_full;
mod reach;
mod reload;
mod reload_channels;
mod setup_code;
mod side_doors;
mod signal;
mod slack;
mod slow_disk;
pub(crate) mod sockets;
mod streaming;
mod surfaces;
mod talking;
mod ten_channels;
mod topics;
mod whatsapp;
mod wire_bad_input;
mod wire_flood;
mod wire_limits;
mod wire_race;

/// An owner on Telegram, and a bot.
pub(crate) const OWNED: &str = r#"
[owner]
allow_from = ["telegram:1001"]
[channels.telegram]
bot_token = "{token}"
api_root = "{root}"
"#;

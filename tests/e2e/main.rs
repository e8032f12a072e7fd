//! The real program over real sockets and files: stories, and what stories cannot tell.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed set-up fails the test"
)]

mod assistant;
mod bluebubbles;
mod cases;
mod chats;
mod client;
mod console;
#[path = "../../plugins/telegram/tests/crabline/mod.rs"]
mod crabline;
mod discord;
mod doctor;
mod emulator;
#[path = "../../plugins/bluebubbles/tests/fake/mod.rs"]
mod fake_bluebubbles;
#[path = "../../plugins/discord/tests/fake/mod.rs"]
mod fake_discord;
#[path = "../../plugins/feishu/tests/fake/mod.rs"]
mod fake_feishu;
#[path = "../../plugins/googlechat/tests/fake/mod.rs"]
mod fake_googlechat;
#[path = "../../plugins/imessage/tests/fake/mod.rs"]
mod fake_imessage;
#[path = "../../plugins/msteams/tests/fake/mod.rs"]
mod fake_msteams;
#[path = "../../plugins/signal/tests/fake/mod.rs"]
mod fake_signal;
#[path = "../../plugins/slack/tests/fake/mod.rs"]
mod fake_slack;
#[path = "../../plugins/telegram/tests/fake/mod.rs"]
mod fake_telegram;
#[path = "../../plugins/whatsapp/tests/fake/mod.rs"]
mod fake_whatsapp;
mod feishu;
mod frames;
mod googlechat;
mod imessage;
mod interop;
mod loops;
mod msteams;
mod network;
mod page;
mod pattern;
mod phone;
#[path = "../preload/mod.rs"]
#[allow(dead_code, reason = "the command line's tests use the rest")]
mod preload;
mod process;
mod setup;
mod signal;
mod slack;
mod slack_emulator;
mod transcript;
mod visitor;
mod whatsapp;
mod wire;
mod world;

mod stories;

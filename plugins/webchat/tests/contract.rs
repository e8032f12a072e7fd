//! Web chat keeps the contract, seen from browsers on the other side of a real socket.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed set-up fails the test")]

mod web;

use openclaw_plugin_sdk::contract;
use web::fake::Browsers;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn web_chat_keeps_the_contract() {
    contract::check(&channel_webchat::PLUGIN, Browsers::start).await;
}

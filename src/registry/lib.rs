//! Every plugin this gateway is built with. A plugin not listed here does not exist.

use openclaw_plugin_sdk::{ChannelPlugin, CommandPlugin, ResponderPlugin};

/// The channels, in alphabetical order.
pub static CHANNELS: &[&ChannelPlugin] = &[
    &channel_bluebubbles::PLUGIN,
    &channel_discord::PLUGIN,
    &channel_feishu::PLUGIN,
    &channel_googlechat::PLUGIN,
    &channel_imessage::PLUGIN,
    &channel_msteams::PLUGIN,
    &channel_signal::PLUGIN,
    &channel_slack::PLUGIN,
    &channel_telegram::PLUGIN,
    &channel_terminal::PLUGIN,
    &channel_webchat::PLUGIN,
    &channel_whatsapp::PLUGIN,
];

/// The command plugins, in alphabetical order.
pub static COMMANDS: &[&CommandPlugin] = &[&command_access::PLUGIN, &command_device_pair::PLUGIN];

/// The gateway's own commands, with what `/help` says of them.
pub const OWN_COMMANDS: &[(&str, &str)] = &[
    ("help", "what you can do here"),
    ("reset", "let the assistant forget this conversation"),
    ("start", "the same as help"),
    ("whoami", "who you are to this gateway"),
];

/// The responders, in alphabetical order.
pub static RESPONDERS: &[&ResponderPlugin] =
    &[&responder_command::PLUGIN, &responder_echo::PLUGIN, &responder_openai::PLUGIN];

/// The channel with this id.
pub fn channel(id: &str) -> Option<&'static ChannelPlugin> {
    CHANNELS.iter().copied().find(|plugin| plugin.id == id)
}

/// Every command that a chat may list, for platforms that want to know: name and summary.
pub fn listed_commands() -> Vec<(String, String)> {
    let own = OWN_COMMANDS.iter().map(|(name, summary)| (*name, *summary));
    let plugins = COMMANDS.iter().flat_map(|plugin| plugin.commands);
    let all = own.chain(plugins.map(|command| (command.name, command.summary)));
    all.map(|(name, summary)| (name.to_owned(), summary.to_owned())).collect()
}

/// The channels on which strangers exist, so that pairing does.
pub fn pairing_channels() -> impl Iterator<Item = &'static ChannelPlugin> {
    CHANNELS.iter().copied().filter(|plugin| !plugin.abilities.console)
}

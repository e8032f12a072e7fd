//! Every plugin this gateway is built with. A plugin not listed here does not exist.

use openclaw_plugin_sdk::{ChannelPlugin, CommandPlugin, ResponderPlugin};

/// The channels, in alphabetical order.
pub static CHANNELS: &[&ChannelPlugin] =
    &[&channel_telegram::PLUGIN, &channel_terminal::PLUGIN, &channel_webchat::PLUGIN];

/// The command plugins, in alphabetical order.
pub static COMMANDS: &[&CommandPlugin] = &[&command_access::PLUGIN, &command_device_pair::PLUGIN];

/// The responders, in alphabetical order.
pub static RESPONDERS: &[&ResponderPlugin] =
    &[&responder_command::PLUGIN, &responder_echo::PLUGIN, &responder_openai::PLUGIN];

/// The channel with this id.
pub fn channel(id: &str) -> Option<&'static ChannelPlugin> {
    CHANNELS.iter().copied().find(|plugin| plugin.id == id)
}

/// The channels on which strangers exist, so that pairing does.
pub fn pairing_channels() -> impl Iterator<Item = &'static ChannelPlugin> {
    CHANNELS.iter().copied().filter(|plugin| !plugin.abilities.console)
}

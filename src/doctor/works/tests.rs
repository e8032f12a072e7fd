//! What the checks see in a folder of a test.

use std::path::Path;

use openclaw_plugin_sdk::SenderId;

use crate::{
    Context, Found, Standing,
    config::{self, Plugins, Source},
    registry,
    store::{Store, paths::StateDir},
};

fn no_env(_name: &str) -> Option<String> {
    None
}

/// Everything that checks look at, of this state folder.
pub(crate) fn context(folder: &Path) -> Context {
    let state = StateDir::at(folder);
    let plugins = Plugins { channels: registry::CHANNELS, responders: registry::RESPONDERS };
    let source = Source { flag: None, env: &no_env, state: &state };
    let found = Found {
        store: Store::new(state.clone(), |_, entry| SenderId::new(entry)),
        config: config::load(&source, plugins),
        file: config::path(&source),
        env: no_env,
        assistant: None,
        state,
    };
    // What else runs on the machine of a test is not looked at.
    let machine = folder.join("machine");
    Context { machine, ..Context::with_gateway(found, Standing::Off) }
}

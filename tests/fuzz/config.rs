//! Any bytes as `config.toml`: they are taken or refused with a reason, and what is taken can be shown.

#![no_main]

use std::{fs, path::PathBuf, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use openclaw::{
    config::{self, Plugins, Source},
    registry::{CHANNELS, RESPONDERS},
    store::paths::StateDir,
};

/// In memory, because a disk would be the slowest part.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    folder.expect("a folder").keep()
});

fuzz_target!(|bytes: &[u8]| {
    let file = FOLDER.join("config.toml");
    fs::write(&file, bytes).expect("the file is written");
    let state = StateDir::at(FOLDER.as_path());
    let env = |_: &str| None;
    let source = Source { flag: Some(&file), env: &env, state: &state };
    match config::load(&source, Plugins { channels: CHANNELS, responders: RESPONDERS }) {
        Ok(config) => assert!(!format!("{config:?}").is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

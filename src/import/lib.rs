//! Moving in: reads what another OpenClaw has left, its settings and its state, and says what becomes of each.

pub mod report;
pub mod settings;
pub mod state;
mod text;

use openclaw_config as config;
use openclaw_registry as registry;
use openclaw_rules as rules;
use openclaw_store as store;
use openclaw_world as world;

/// This program was built with what reads a database.
pub const READS_SQLITE: bool = cfg!(feature = "sqlite");

//! What an owner can do, once for every surface: list, find, decide and change. Card, chat command, command line and
//! RPC method call it; none of them works out a decision of its own.

pub mod access;
pub mod admissions;
pub mod decided;
pub mod devices;
pub mod explain;
pub mod facts;
pub mod invitations;
pub mod owners;
pub mod pairing;
pub mod simulate;
pub mod text;

use openclaw_config as config;
use openclaw_decision_history as decision_history;
use openclaw_protocol as protocol;
use openclaw_registry as registry;
use openclaw_rules as rules;
use openclaw_store as store;
use openclaw_world as world;

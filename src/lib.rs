#![doc = include_str!("ARCHITECTURE.md")]

pub use openclaw_backup as backup;
pub use openclaw_cli as cli;
pub use openclaw_client as client;
pub use openclaw_config as config;
pub use openclaw_control as control;
pub use openclaw_decision_history as decision_history;
pub use openclaw_doctor as doctor;
pub use openclaw_gateway as gateway;
pub use openclaw_import as import;
pub use openclaw_local_client as local_client;
pub use openclaw_network as network;
pub use openclaw_protocol as protocol;
pub use openclaw_registry as registry;
pub use openclaw_rules as rules;
pub use openclaw_service as service;
pub use openclaw_store as store;
pub use openclaw_world as world;

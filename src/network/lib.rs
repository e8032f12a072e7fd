//! Where this gateway can be reached, by what it is recognised, and how phones find it.

pub mod bind;
pub mod identity;
pub mod mdns;
pub mod peer;
mod probe;
pub mod secret;
pub mod setup_code;
pub mod tailscale;
mod text;
pub mod tls;
pub mod url;

use openclaw_config as config;
use openclaw_protocol as protocol;
use openclaw_rules as rules;
use openclaw_store as store;
use openclaw_world as world;

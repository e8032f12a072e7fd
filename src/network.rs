//! Where this gateway can be reached, by what it is recognised, and how phones find it.

pub mod bind;
pub mod identity;
pub mod mdns;
pub mod peer;
mod probe;
pub mod secret;
pub mod setup_code;
pub mod tailscale;
pub mod tls;
pub mod url;

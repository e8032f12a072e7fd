//! The gateway protocol: what phones, pages and command lines say to a gateway. Text to type and back;
//! no socket, no clock, and no decision.

use openclaw_rules as rules;

pub mod connect;
pub mod device;
pub mod frame;
pub mod hello;
pub mod method;
pub mod node;
pub mod refusal;
pub mod setup_code;

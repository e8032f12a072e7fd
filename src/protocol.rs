//! The gateway protocol: what phones, pages and command lines say to a gateway. Text to type and back;
//! no socket, no clock, and no decision.

pub mod frame;
pub mod setup_code;

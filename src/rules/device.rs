//! Devices: whose key it is, what it may do, and who says so. A connection never has more than its approval.
//! No socket, no clock, no randomness, no file; how frames and files spell these things is not known here.

pub mod approver;
pub mod attempts;
pub mod endpoint;
pub mod handshake;
pub mod identity;
pub mod locality;
pub mod record;
pub mod request;
pub mod role;
pub mod setup_code;
pub mod surface;
pub mod token;

#[cfg(test)]
mod tests;

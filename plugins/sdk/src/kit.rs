//! What channels share: each piece is a plain function or a small value, and a channel takes what fits.

pub mod api;
pub mod backoff;
pub mod bounded;
pub mod child;
pub mod inbox;
pub mod socket;
pub mod sse;
pub mod webhook;

//! Where this gateway can be reached, and by what it is recognised.

pub mod secret;

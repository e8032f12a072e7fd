//! What is known of a connection and bounded before its client says anything: its peer, how many there are, and what of a
//! message has come so far.

pub(crate) mod intake;
pub(crate) mod limits;
pub(crate) mod peer;
pub(crate) mod unfinished;
pub(crate) mod unnamed;

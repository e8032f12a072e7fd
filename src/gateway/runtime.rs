//! Start, reload, stop, and what goes on by the clock: the one room that knows every other.

mod console_words;
pub(crate) mod decisions;
pub(crate) mod listen;
mod manager;
pub(crate) mod open;
pub(crate) mod readiness;
pub(crate) mod reload;
mod restored;
pub(crate) mod start;
mod supervise;
pub(crate) mod ticker;

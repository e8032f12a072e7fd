//! What an owner can do, once for every surface: list, find, decide and change. Card, chat command, command line and
//! RPC method call it; none of them works out a decision of its own.

pub mod access;
pub mod decided;
pub mod devices;
pub mod explain;
pub mod facts;
pub mod invitations;
pub mod owners;
pub mod pairing;
pub mod simulate;
pub mod text;

//! The unix socket for the command line, and the lock that keeps a second gateway out of a state folder.

pub(crate) mod api;
pub(crate) mod instance_lock;
pub(crate) mod server;

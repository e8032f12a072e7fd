//! The far side of the page: a browser, and the gateway's server between it and the channel.

mod browser;
mod desk;
mod door;
pub(crate) mod fake;
mod gateway;
mod history;
mod quiet;
mod says;

//! The far side of the page: a browser, and the gateway's server between it and the channel.

mod bench;
mod browser;
pub(crate) mod fake;
mod files;
mod gateway;
mod history;
mod kept;
mod quiet;
mod request;
mod says;

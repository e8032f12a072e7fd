//! Checks of a set-up: does it work ([`works`]), and is it safe ([`audit`]). They read what is there and change nothing;
//! [`repair`] alone changes something, and only what its finding calls automatic.

pub mod audit;
mod certificate;
mod check;
mod context;
mod finding;
mod gateway;
mod machine;
mod modes;
pub mod repair;
pub mod report;

mod text;
mod unit;
pub mod works;

use openclaw_config as config;
use openclaw_control as control;
use openclaw_local_client as local_client;
use openclaw_network as network;
use openclaw_registry as registry;
use openclaw_rules as rules;
use openclaw_store as store;
use openclaw_world as world;

pub use self::{
    check::{Check, Needs, run, run_all},
    context::{Context, Found},
    finding::{Finding, Fix, Place, Severity},
    gateway::{Seen, Standing},
    report::{Report, ids},
};

//! The way that a setup code carries: what `reach` finds for this gateway.

use super::Gateway;
use crate::offer::{self, Way};

/// What is asked for beside what the configuration says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) public_url: Option<String>,
    pub(crate) local: bool,
}

/// The way, or why there is none.
pub(crate) async fn find(gateway: &Gateway, wish: Wish) -> Result<Way, String> {
    if wish.local {
        return Ok(offer::on_this_machine(gateway.port));
    }
    Err("only this machine reaches this gateway.".to_owned())
}

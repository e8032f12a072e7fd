//! The way that a setup code carries: what `network` finds for this gateway.

use crate::{
    Gateway,
    network::{setup_code::Way, url},
};

/// What is asked for beside what the configuration says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) public_url: Option<String>,
    pub(crate) local: bool,
}

/// The way, or why there is none.
pub(crate) async fn find(gateway: &Gateway, wish: Wish) -> Result<Way, String> {
    let wish = url::Wish { public_url: wish.public_url, local: wish.local, probe: true };
    let pin = gateway.tls_fingerprint.as_deref();
    let found = url::offer(&gateway.config(), gateway.port, pin, &gateway.identity, &wish).await;
    found.map_err(|none| none.why())
}

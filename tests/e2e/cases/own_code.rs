//! `plugins.device-pair.approve = "code"`: the owner's own fresh code is approval enough, for the limited rights.

use crate::{
    phone::{App, Phone},
    process::texts,
};

use super::sockets::gateway;

#[tokio::test]
async fn a_phone_with_the_owners_own_code_is_in_at_once_where_the_configuration_says_so() {
    let (home, gateway) = gateway("[plugins.device-pair]\napprove = \"code\"\n");
    let code = texts(&home.cli(&["qr", "--local", "--setup-code-only"])).0;
    let mut phone = Phone::new("ann's phone", App::NewestByToken);
    phone.paste(code.trim());
    phone.moved(gateway.port);
    let hello = phone.connect_node().await.unwrap();
    assert_eq!(hello["auth"]["method"], "bootstrap-token");
    let hello = phone.connect_operator().await.unwrap();
    let scopes = hello["auth"]["scopes"].to_string();
    assert!(scopes.contains("operator.write") && !scopes.contains("admin"), "case_054: {scopes}");
    let kept = home.read("devices/paired.json");
    assert!(kept.contains("\"bootstrap\""), "approvedVia: {kept}");

    let mut thief = Phone::new("another phone", App::NewestByToken);
    thief.paste(code.trim());
    thief.moved(gateway.port);
    let refused = thief.connect_node().await.unwrap_err();
    assert_eq!(refused.detail("code"), "AUTH_BOOTSTRAP_TOKEN_INVALID");
}

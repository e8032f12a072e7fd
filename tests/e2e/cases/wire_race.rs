//! Many at once: one code and many keys, and a device that asks for more while it is approved.

use std::time::Duration;

use futures_util::future::join_all;
use openclaw::{
    rules::{
        approver::Approver,
        device::{
            approver::{DeviceApprover, Listed},
            role::Profile,
            token::Token,
        },
    },
    store::{Store, paths::StateDir},
};
use serde_json::{Value, json};

use super::sockets::{TOKEN, admin, gateway};
use crate::{
    process::Home,
    wire::{Key, Wire},
};

/// Makes a setup code as the command line does; its token.
fn mint(home: &Home) -> String {
    let store =
        Store::new(StateDir::at(home.state()), |_, id| openclaw_plugin_sdk::SenderId::new(id));
    let by = DeviceApprover::of(&Approver::on_host(0), Listed::Commands);
    let token = Token::from_random(openclaw::world::random().unwrap());
    store.mint_code(&by, Profile::Limited, &token, openclaw::world::now()).unwrap();
    token.spell()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_039_case_042_of_sixty_four_who_redeem_a_code_at_once_one_wins() {
    let (home, gateway) = gateway("[gateway.limits]\nper_address = 128\n");
    let token = mint(&home);
    let mut wires = join_all((0..64).map(|_| Wire::open(gateway.port))).await;
    let redeem = wires.iter_mut().zip(0_u8..).map(async |(wire, seed)| {
        let auth = json!({ "bootstrapToken": token });
        let params = wire.signed(&Key::new(seed), Wire::params("node", &[], auth));
        wire.connect(params).await.unwrap_err()
    });
    let told = join_all(redeem).await;
    let code = |refused: &Value| refused["details"]["code"].as_str().unwrap().to_owned();
    let won = told.iter().filter(|refused| code(refused) == "PAIRING_REQUIRED").count();
    let lost = told.iter().filter(|refused| code(refused) == "AUTH_BOOTSTRAP_TOKEN_INVALID");
    assert_eq!((won, lost.count()), (1, 63), "{told:?}");
    let winner = told.iter().position(|refused| code(refused) == "PAIRING_REQUIRED").unwrap();
    let winner = Key::new(u8::try_from(winner).unwrap());
    let mut admin = admin(&gateway).await;
    let shown = admin.call("device.pair.list", json!({})).await.unwrap();
    let waiting = shown["pending"].as_array().unwrap();
    assert_eq!((waiting.len(), &waiting[0]["deviceId"]), (1, &json!(winner.id())));

    let request = &waiting[0]["requestId"];
    admin.call("device.pair.approve", json!({ "requestId": request })).await.unwrap();
    let enter = async |key: &Key| {
        let mut wire = Wire::open(gateway.port).await;
        let auth = json!({ "bootstrapToken": token });
        let params = wire.signed(key, Wire::params("node", &[], auth));
        wire.connect(params).await
    };
    assert!(enter(&winner).await.unwrap()["auth"]["deviceToken"].is_string());
    let other = Key::new(200);
    assert_eq!(code(&enter(&other).await.unwrap_err()), "AUTH_BOOTSTRAP_TOKEN_INVALID");
}

const READ: [&str; 1] = ["operator.read"];
const MORE: [&str; 2] = ["operator.read", "operator.admin"];

/// A device is displayed with `operator.read`, and approved while it asks for `operator.admin` too.
async fn interleave(rounds: u32) {
    let (_home, gateway) = gateway("[gateway.nodes.pairing]\nauto_approve_local = false\n");
    let mut admin = admin(&gateway).await;
    let (mut as_displayed, mut superseded) = (0, 0);
    for round in 0..rounds {
        let mut seed = [7; 32];
        seed[..4].copy_from_slice(&round.to_be_bytes());
        let key = Key::of(seed);
        let ask = async |scopes: &[&str]| {
            let mut wire = Wire::open(gateway.port).await;
            let params = Wire::params("operator", scopes, json!({ "token": TOKEN }));
            wire.connect(wire.signed(&key, params)).await
        };
        let displayed = ask(&READ).await.unwrap_err()["details"]["requestId"].clone();
        // Who is first changes from round to round: an approval is one call, and a connect takes some milliseconds.
        let delay = async |ahead: bool| {
            if !ahead {
                tokio::time::sleep(Duration::from_micros(500) * (round % 40)).await;
            }
        };
        let approve = async {
            delay(round % 2 == 0).await;
            admin.call("device.pair.approve", json!({ "requestId": displayed })).await
        };
        let widen = async {
            delay(round % 2 == 1).await;
            ask(&MORE).await
        };
        let (approved, widened) = tokio::join!(approve, widen);
        assert!(widened.is_err(), "round {round}: nobody has approved that: {widened:?}");

        let list = admin.call("device.pair.list", json!({})).await.unwrap();
        let row = |name: &str| {
            let rows = list[name].as_array().unwrap();
            rows.iter().find(|row| row["deviceId"] == key.id().as_str()).cloned()
        };
        match &approved {
            Ok(_) => {
                let device = row("paired").expect("an approved device");
                assert_eq!(device["scopes"], json!(READ), "round {round}");
                assert_eq!(ask(&READ).await.unwrap()["auth"]["scopes"], json!(READ));
                as_displayed += 1;
            }
            Err(error) => {
                assert_eq!(error["message"], "unknown requestId", "round {round}");
                assert!(row("paired").is_none(), "round {round}: nothing was approved");
                superseded += 1;
            }
        }
        assert!(ask(&MORE).await.is_err(), "round {round}");
        let list = admin.call("device.pair.list", json!({})).await.unwrap();
        for waiting in list["pending"].as_array().unwrap() {
            let params = json!({ "requestId": waiting["requestId"] });
            admin.call("device.pair.reject", params).await.unwrap();
        }
    }
    assert!(as_displayed > 0 && superseded > 0, "{as_displayed} as displayed, {superseded} not");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_030_a_device_that_asks_for_more_meanwhile_has_what_was_displayed() {
    interleave(100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: 1000 rounds"]
async fn long_case_030_a_thousand_times() {
    interleave(1_000).await;
}

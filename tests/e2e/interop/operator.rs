//! `openclaw devices …` of both versions: at this machine and from elsewhere, paired, not paired, and with a wrong
//! secret.

use serde_json::{Value, json};

use super::{Bed, Cli, TOKEN};
use crate::{
    client::{Client, Refusal},
    phone::Device,
    process::texts,
};

pub(super) const FEBRUARY: &str = "2026.2.12";
pub(super) const APRIL: &str = "2026.4.29";
const MISMATCH: &str = "unauthorized: gateway token mismatch";

/// At this machine, with the secret: let in at once, unless the configuration says otherwise.
async fn at_this_machine(version: &str) {
    let bed = Bed::start("").await;
    let cli = Cli::new(version);
    let list = cli.json(bed.direct.port, TOKEN, &["devices", "list", "--json"]).await;
    assert_eq!(list["pending"].as_array().map(Vec::len), Some(0), "{list}");
    let paired = list["paired"].as_array().unwrap();
    assert!(paired.iter().any(|device| device["deviceId"] == cli.device()), "{list}");
    let (done, said) = cli.run(bed.direct.port, "wrong", &["devices", "list"]).await;
    // February's shows its own token before the secret it is given; April's does not.
    let known = version == FEBRUARY;
    assert_eq!(done, known, "{said}");
    assert!(said.contains(if known { "Paired" } else { MISMATCH }), "{said}");

    let stranger = Cli::new(version);
    let (done, said) = stranger.run(bed.direct.port, "wrong", &["devices", "list"]).await;
    assert!(!done && said.contains(MISMATCH), "{said}");
    assert_eq!(bed.paired().await.len(), 1, "nobody else is paired");
    bed.end();
}

/// Also at this machine, where nobody is let in unasked.
async fn unasked(version: &str) {
    let bed = Bed::start("[gateway.nodes.pairing]\nauto_approve_local = false\n").await;
    let cli = Cli::new(version);
    let (done, said) = cli.run(bed.direct.port, TOKEN, &["devices", "list"]).await;
    assert!(!done && said.contains("pairing required"), "{said}");
    let pending = bed.pending().await;
    let [waiting] = &pending[..] else { panic!("one waits: {pending:?}") };
    assert_eq!(waiting["deviceId"], cli.device());
    bed.approve(waiting["requestId"].as_str().unwrap()).await;
    let list = cli.json(bed.direct.port, TOKEN, &["devices", "list", "--json"]).await;
    assert_eq!(list["paired"][0]["deviceId"], cli.device(), "{list}");
    bed.end();
}

/// One at this machine decides about two from elsewhere.
async fn from_elsewhere(version: &str) {
    let bed = Bed::start("").await;
    let (here, first, second) = (Cli::new(version), Cli::new(version), Cli::new(version));
    here.json(bed.direct.port, TOKEN, &["devices", "list", "--json"]).await;
    for cli in [&first, &second] {
        let (done, said) = cli.run(bed.remote.port, TOKEN, &["devices", "list"]).await;
        assert!(!done && said.contains("pairing required"), "{said}");
    }
    let list = here.json(bed.direct.port, TOKEN, &["devices", "list", "--json"]).await;
    let pending = list["pending"].as_array().unwrap();
    let request = |cli: &Cli| {
        let of = pending.iter().find(|request| request["deviceId"] == cli.device());
        let of = of.unwrap_or_else(|| panic!("it waits: {list}"));
        assert_eq!(of["remoteIp"], super::ELSEWHERE);
        of["requestId"].as_str().unwrap().to_owned()
    };
    let (one, two) = (request(&first), request(&second));
    let (done, said) = here.run(bed.direct.port, TOKEN, &["devices", "list"]).await;
    assert!(done && said.contains("Pending (2)"), "{said}");
    let (done, said) = here.run(bed.direct.port, TOKEN, &["devices", "approve", &one]).await;
    assert!(done && said.contains("Approved"), "{said}");
    let (done, said) = here.run(bed.direct.port, TOKEN, &["devices", "reject", &two]).await;
    assert!(done && said.contains("Rejected"), "{said}");
    let (done, said) = here.run(bed.direct.port, TOKEN, &["devices", "reject", &two]).await;
    assert!(!done && said.contains("unknown requestId"), "{said}");

    let list = first.json(bed.remote.port, TOKEN, &["devices", "list", "--json"]).await;
    assert_eq!(list["paired"].as_array().map(Vec::len), Some(2), "{list}");
    let (done, said) = second.run(bed.remote.port, TOKEN, &["devices", "list"]).await;
    assert!(!done && said.contains("pairing required"), "{said}");

    let rotate = ["devices", "rotate", "--device", &first.device(), "--role", "operator"];
    let rotated = here.json(bed.direct.port, TOKEN, &rotate).await;
    assert!(rotated["rotatedAtMs"].is_u64() && rotated["token"].is_null(), "{rotated}");
    let revoke = ["devices", "revoke", "--device", &first.device(), "--role", "operator"];
    let revoked = here.json(bed.direct.port, TOKEN, &revoke).await;
    assert!(revoked["revokedAtMs"].is_u64(), "{revoked}");
    bed.remove(&first.device()).await;
    let (done, said) = first.run(bed.remote.port, TOKEN, &["devices", "list"]).await;
    assert!(!done, "{said}");
    bed.end();
}

macro_rules! of_both {
    ($($story:ident: $february:ident, $april:ident;)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        #[ignore = "needs the clients that .ci/run installs"]
        async fn $february() {
            $story(crate::interop::operator::FEBRUARY).await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        #[ignore = "needs the clients that .ci/run installs"]
        async fn $april() {
            $story(crate::interop::operator::APRIL).await;
        }
    )* };
}
pub(super) use of_both;

of_both! {
    at_this_machine: the_cli_of_february_at_this_machine, the_cli_of_april_at_this_machine;
    unasked: the_cli_of_february_waits_where_nobody_is_let_in_unasked, the_cli_of_april_waits_where_nobody_is_let_in_unasked;
    from_elsewhere: the_cli_of_february_decides_about_others, the_cli_of_april_decides_about_others;
}

/// What it removes is cut off at once, and shown nothing any more; `clear` does so with all, and asks first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the clients that .ci/run installs"]
async fn the_cli_of_april_removes_one_device_and_then_all() {
    let bed = Bed::start("").await;
    let here = Cli::new(APRIL);
    here.json(bed.direct.port, TOKEN, &["devices", "list", "--json"]).await;
    let mut phones = Vec::new();
    for _ in 0..3 {
        phones.push(Paired::come(&bed).await);
    }
    let first = phones.remove(0);
    let remove = ["devices", "remove", &first.device.id];
    let (done, said) = here.run(bed.direct.port, TOKEN, &remove).await;
    assert!(done && said.contains("Removed"), "{said}");
    first.cut_off(&bed).await;
    assert_eq!(bed.paired().await.len(), 3, "the others and the command line itself stay");

    let (done, said) = here.run(bed.direct.port, TOKEN, &["devices", "clear"]).await;
    assert!(!done && said.contains("--yes"), "{said}");
    assert_eq!(bed.paired().await.len(), 3, "it was not confirmed");
    // It removes itself too.
    let (done, said) = here.run(bed.direct.port, TOKEN, &["devices", "clear", "--yes"]).await;
    assert!(done && said.contains("Cleared 3 paired devices"), "{said}");
    for phone in phones {
        phone.cut_off(&bed).await;
    }
    bed.end();
}

/// A device that is connected, with its own token.
struct Paired {
    device: Device,
    token: String,
    socket: Client,
}

impl Paired {
    async fn come(bed: &Bed) -> Self {
        let device = Device::new();
        let request = Self::asks(bed, &device).await;
        bed.approve(&request).await;
        let hello = Self::connect(bed, &device, &json!({ "token": TOKEN })).await.1.unwrap();
        let token = hello["auth"]["deviceToken"].as_str().unwrap().to_owned();
        let (socket, hello) = Self::connect(bed, &device, &json!({ "token": token })).await;
        assert_eq!(hello.unwrap()["auth"]["method"], "device-token");
        Self { device, token, socket }
    }

    /// The id of its request.
    async fn asks(bed: &Bed, device: &Device) -> String {
        let refused = Self::connect(bed, device, &json!({ "token": TOKEN })).await.1.unwrap_err();
        refused.detail("requestId").to_owned()
    }

    async fn connect(bed: &Bed, device: &Device, auth: &Value) -> (Client, Result<Value, Refusal>) {
        let mut client = Client::open(&format!("ws://127.0.0.1:{}", bed.remote.port)).await;
        let mut params = json!({
            "minProtocol": 4, "maxProtocol": 4,
            "client": { "id": "gateway-client", "version": "1", "platform": "linux", "mode": "ui" },
            "role": "operator", "scopes": ["operator.read"],
        });
        device.sign(&mut params, auth, &client.nonce, client.ts);
        params["auth"] = auth.clone();
        let answer = client.ask("connect", params).await;
        (client, answer)
    }

    async fn cut_off(mut self, bed: &Bed) {
        let (code, reason) = self.socket.closed().await;
        assert!(code == 4001 && reason.starts_with("client invalidated"), "{code} {reason}");
        let auth = json!({ "token": self.token });
        let refused = Self::connect(bed, &self.device, &auth).await.1.unwrap_err();
        assert!(refused.says().1.starts_with("unauthorized"), "{refused:?}");
    }
}

/// Where the owner decides by our own command line: beside the gateway, and on its files where it does not run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the clients that .ci/run installs"]
async fn our_command_line_lets_theirs_in_with_and_without_a_gateway() {
    for runs in [true, false] {
        let mut bed = Bed::start("").await;
        let cli = Cli::new(APRIL);
        let (done, said) = cli.run(bed.remote.port, TOKEN, &["devices", "list"]).await;
        assert!(!done && said.contains("pairing required"), "{said}");
        if !runs {
            assert!(bed.gateway.take().unwrap().stop().success());
        }
        let listed = texts(&bed.home.cli(&["devices", "list", "--json"])).0;
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let waiting = &listed["pending"][0];
        assert_eq!(waiting["deviceId"], cli.device(), "{listed}");
        let request = waiting["requestId"].as_str().unwrap();
        let approved = bed.home.cli(&["devices", "approve", request]);
        assert!(approved.status.success(), "{approved:?}");
        if !runs {
            bed.run();
        }
        let list = cli.json(bed.remote.port, TOKEN, &["devices", "list", "--json"]).await;
        assert_eq!(list["paired"][0]["deviceId"], cli.device(), "{list}");
        bed.end();
    }
}

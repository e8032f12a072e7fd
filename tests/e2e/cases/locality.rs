//! Where a connection comes from: a proxy on this machine that adds no header of its own makes nobody local, and
//! limits count the client behind it.

use std::{
    io::{Read, Write},
    net::{IpAddr, TcpListener, TcpStream},
    thread,
};

use nix::unistd::{Uid, setfsuid};
use serde_json::{Value, json};

use super::sockets::{ALL, TOKEN, admin, gateway};
use crate::{
    process::{Gateway, Home},
    wire::{Key, PROXY, Wire, connect},
};

/// Nobody who runs tests.
const OTHER: Uid = Uid::from_raw(33);

/// A proxy of another user, which passes everything on as it comes, but for `Host`. Gives its port.
fn proxy(to: u16, host: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for near in listener.incoming() {
            let (near, host) = (near.unwrap(), host.clone());
            thread::spawn(move || pass(near, to, &host));
        }
    });
    port
}

fn pass(mut near: TcpStream, to: u16, host: &str) {
    // The kernel asks the thread, not the process, whose socket it is.
    setfsuid(OTHER);
    assert_eq!(setfsuid(OTHER), OTHER, "the tests run as root");
    let Ok(mut far) = TcpStream::connect(("127.0.0.1", to)) else { return };
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if near.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let is_host = |line: &str| line.to_ascii_lowercase().starts_with("host:");
    let lines = head
        .split("\r\n")
        .map(|line| if is_host(line) { format!("Host: {host}") } else { line.to_owned() });
    let _gone = far.write_all(lines.collect::<Vec<_>>().join("\r\n").as_bytes());
    let (mut from, mut back) = (near.try_clone().unwrap(), far.try_clone().unwrap());
    let answers = thread::spawn(move || std::io::copy(&mut back, &mut near).is_ok());
    let _gone = std::io::copy(&mut from, &mut far);
    let _gone = far.shutdown(std::net::Shutdown::Write);
    let _gone = answers.join();
}

/// `error.details.code` of a connect, or "let in" with its scopes.
async fn connects(port: u16, key: Option<&Key>, auth: Value) -> String {
    let mut wire = Wire::open(port).await;
    let params = Wire::params("operator", &ALL, auth);
    let params = match key {
        Some(key) => wire.signed(key, params),
        None => params,
    };
    match wire.connect(params).await {
        Ok(hello) => format!("let in with {}", hello["auth"]["scopes"]),
        Err(error) => error["details"]["code"].as_str().unwrap_or_default().to_owned(),
    }
}

/// A client that comes through that port is far away: with nothing but the token nobody has rights, no device is paired in
/// silence, the numbers are not shown, and wrong tokens are counted.
async fn is_far(port: u16) {
    let right = || json!({ "token": TOKEN });
    assert_eq!(connects(port, None, right()).await, "let in with []");
    assert_eq!(connects(port, Some(&Key::new(9)), right()).await, "PAIRING_REQUIRED");
    let metrics = reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await.unwrap();
    assert_eq!(metrics.status(), 401);
    for round in 0..12 {
        let code = connects(port, None, json!({ "token": "wrong" })).await;
        let expected = if round < 10 { "AUTH_TOKEN_MISMATCH" } else { "AUTH_RATE_LIMITED" };
        assert_eq!(code, expected, "{round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs root: the proxy's sockets are another user's"]
async fn case_128_a_proxy_of_another_user_that_says_localhost_makes_nobody_local() {
    let (_home, gateway) = gateway("");
    is_far(proxy(gateway.port, "localhost".to_owned())).await;
    admin(&gateway).await.call("health", json!({})).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs root: the proxy's sockets are another user's"]
async fn case_128_a_proxy_of_another_user_that_says_127_0_0_1_makes_nobody_local() {
    let (_home, gateway) = gateway("");
    is_far(proxy(gateway.port, format!("127.0.0.1:{}", gateway.port))).await;
    admin(&gateway).await.call("health", json!({})).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_128_a_named_proxy_of_this_user_that_sends_no_header_makes_nobody_local() {
    let (_home, gateway) = behind_a_proxy("");
    is_far(gateway.port).await;
}

/// A gateway that asks for no secret.
fn open() -> (Home, Gateway) {
    let home = Home::new();
    home.configure("gateway.auth.mode = \"none\"\n");
    let gateway = home.gateway("trace");
    (home, gateway)
}

#[tokio::test]
async fn case_128_where_no_secret_is_asked_for_only_the_command_line_s_socket_gives_rights() {
    let (home, gateway) = open();
    assert_eq!(connects(gateway.port, None, json!({})).await, "let in with []");
    assert_eq!(connects(gateway.port, Some(&Key::new(9)), json!({})).await, "PAIRING_REQUIRED");
    let said = home.cli(&["channels", "status", "--json"]);
    assert!(said.status.success(), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs root: the proxy's sockets are another user's"]
async fn case_128_where_no_secret_is_asked_for_a_proxy_of_another_user_gives_no_rights() {
    let (_home, gateway) = open();
    let port = proxy(gateway.port, "localhost".to_owned());
    assert_eq!(connects(port, None, json!({})).await, "let in with []");
    assert_eq!(connects(port, Some(&Key::new(9)), json!({})).await, "PAIRING_REQUIRED");
}

#[tokio::test]
async fn case_128_a_local_client_says_a_loopback_name_and_no_header_of_any_proxy() {
    let (_home, gateway) = gateway("");
    let metrics = async |headers: &[(&str, &str)]| {
        let asked =
            reqwest::Client::new().get(format!("http://127.0.0.1:{}/metrics", gateway.port));
        let asked = headers.iter().fold(asked, |asked, (name, value)| asked.header(*name, *value));
        asked.send().await.unwrap().status().as_u16()
    };
    assert_eq!(metrics(&[]).await, 200);
    assert_eq!(metrics(&[("host", "localhost:1")]).await, 200);
    assert_eq!(metrics(&[("host", "gw.example")]).await, 401);
    for name in
        ["via", "forwarded", "x-real-ip", "cf-ray", "true-client-ip", "tailscale-user-login"]
    {
        assert_eq!(metrics(&[(name, "1")]).await, 401, "{name}");
        let mut wire = Wire::open_with(gateway.port, &[(name, "1")]).await;
        let params = Wire::params("operator", &ALL, json!({ "token": TOKEN }));
        assert_eq!(wire.connect(params).await.unwrap()["auth"]["scopes"], json!([]), "{name}");
    }
}

#[tokio::test]
async fn this_machine_is_served_at_its_address_of_ipv6_too() {
    let (_home, gateway) = gateway("");
    for host in ["[::1]", "127.0.0.1", "localhost"] {
        let at = |path: &str| reqwest::get(format!("http://{host}:{}{path}", gateway.port));
        assert_eq!(at("/chat").await.unwrap().status(), 200, "{host}");
        assert_eq!(at("/metrics").await.unwrap().status(), 200, "{host}: local");
    }
}

/// Behind a proxy that the configuration names as an IPv6 socket sees it.
fn behind_a_proxy(more: &str) -> (Home, Gateway) {
    let home = Home::new();
    home.configure(&format!(
        "[gateway]\ntrusted_proxies = [\"::ffff:127.0.0.0/104\"]\nauth = {{ token = \"{TOKEN}\" }}\n{more}"
    ));
    let gateway = home.gateway("trace");
    (home, gateway)
}

#[tokio::test]
async fn case_129_a_whole_network_of_ipv6_guesses_no_more_than_one_address() {
    let (_home, gateway) = behind_a_proxy("");
    for round in 0..12 {
        let from = format!("2001:db8:1:2:{round}::{round}");
        let mut wire = Wire::open_with(gateway.port, &[("x-forwarded-for", &from)]).await;
        let wrong = Wire::params("operator", &ALL, json!({ "token": "wrong" }));
        let code = wire.connect(wrong).await.unwrap_err()["details"]["code"].take();
        let expected = if round < 10 { "AUTH_TOKEN_MISMATCH" } else { "AUTH_RATE_LIMITED" };
        assert_eq!(code, expected, "{from}");
    }
    let from = [("x-forwarded-for", "2001:db8:1:3::1")];
    let mut wire = Wire::open_with(gateway.port, &from).await;
    wire.connect(Wire::params("operator", &ALL, json!({ "token": TOKEN }))).await.unwrap();
}

#[tokio::test]
async fn a_proxy_that_is_not_named_is_named_once_in_the_log_and_counted_in_the_status() {
    let (home, gateway) = gateway("");
    for name in ["forwarded", "via", "cf-connecting-ip"] {
        drop(Wire::open_with(gateway.port, &[(name, "203.0.113.9")]).await);
    }
    let said = home.cli(&["status"]);
    let said = String::from_utf8(said.stdout).unwrap();
    let line = "Proxies    3 requests with forwarding headers from 127.0.0.1, which `gateway.trusted_proxies`";
    assert!(said.contains(line), "{said}");
    let said: Value = serde_json::from_slice(&home.cli(&["status", "--json"]).stdout).unwrap();
    let told = json!({ "requests": 3, "addresses": ["127.0.0.1"] });
    assert_eq!(said["gateway"]["unnamedProxies"], told, "{said}");
    let named = home.logged().matches("not in `gateway.trusted_proxies`").count();
    assert_eq!(named, 1, "{}", home.logged());
    let (home, gateway) = behind_a_proxy("");
    drop(Wire::open_with(gateway.port, &[("x-forwarded-for", "203.0.113.9")]).await);
    let said = home.cli(&["status"]);
    assert!(!String::from_utf8(said.stdout).unwrap().contains("Proxies"));
}

/// A page's socket, opened by the client that the proxy names, and what the gateway says to it first.
pub(super) async fn page(port: u16, from: &str) -> (Socket, String) {
    use futures_util::StreamExt;
    use tokio_tungstenite::{client_async, tungstenite::client::IntoClientRequest};
    let own = format!("127.0.0.1:{port}");
    let proxy: IpAddr = PROXY.parse().unwrap();
    let fresh = reqwest::Client::builder()
        .local_address(proxy)
        .build()
        .unwrap()
        .get(format!("http://{own}/chat"));
    let fresh = fresh.header("x-forwarded-for", from).send().await.unwrap();
    let cookie = fresh.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    let mut request = format!("ws://{own}/chat/ws").into_client_request().unwrap();
    for (name, value) in
        [("cookie", cookie), ("origin", &format!("http://{own}")), ("x-forwarded-for", from)]
    {
        request.headers_mut().insert(name_of(name), value.parse().unwrap());
    }
    let stream = connect(Some(PROXY), port).await;
    let (mut socket, _) = client_async(request, stream).await.unwrap();
    let first = socket.next().await.unwrap().unwrap();
    (socket, first.into_text().map(|text| text.as_str().to_owned()).unwrap_or_default())
}

pub(super) type Socket = tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>;

fn name_of(name: &str) -> http::HeaderName {
    name.parse().unwrap()
}

#[tokio::test]
async fn case_130_a_visitor_behind_a_trusted_proxy_uses_nobody_elses_places_on_the_page() {
    let (_home, gateway) = behind_a_proxy("limits = { per_address = 256 }\n[channels.webchat]\n");
    let mut crowd = Vec::new();
    for _ in 0..64 {
        crowd.push(page(gateway.port, "203.0.113.1").await);
    }
    let told = page(gateway.port, "203.0.113.1").await.1;
    assert!(!told.contains("ready"), "{told}");
    let told = page(gateway.port, "203.0.113.2").await.1;
    assert!(told.contains("ready"), "{told}");
}

/// A gateway behind a proxy that it believes, with a door for Slack.
async fn slack_s_door() -> (crate::fake_slack::FakeSlack, Home, Gateway) {
    let slack = crate::fake_slack::FakeSlack::start().await;
    let home = Home::new();
    let table = format!(
        "[gateway]\ntrusted_proxies = [\"127.0.0.1\"]\nauth = {{ token = \"{TOKEN}\" }}\n[channels.slack]\n\
         mode = \"http\"\nbot_token = \"{{slack.bot_token}}\"\nsigning_secret = \"{}\"\napi_url = \"{{slack.api}}\"\n",
        crate::fake_slack::SIGNING_SECRET
    );
    home.configure(&crate::chats::Chats::fill(&slack, &table));
    let gateway = home.gateway("info");
    (slack, home, gateway)
}

/// Knocks at Slack's door without its signature.
async fn knocks((client, gateway): (&reqwest::Client, &Gateway), from: &str) -> u16 {
    let asked = client
        .post(format!("http://127.0.0.1:{}/slack/events", gateway.port))
        .header("x-forwarded-for", from)
        .body("{}");
    asked.send().await.unwrap().status().as_u16()
}

/// Until it is heard no more. The door takes requests once the account has greeted.
async fn spends(door: (&reqwest::Client, &Gateway), from: &str) {
    let mut said = Vec::new();
    while !said.contains(&429) {
        said.push(knocks(door, from).await);
        assert!(said.len() < 2_000, "{said:?}");
    }
    assert!(said.contains(&401), "{said:?}");
}

/// Whether an address has no budget of its own left. Each 20 ms bring one request back, so one alone shows nothing.
async fn is_out(door: (&reqwest::Client, &Gateway), from: &str) -> bool {
    for _ in 0..50 {
        if knocks(door, from).await == 429 {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn case_130_a_stranger_behind_a_trusted_proxy_uses_nobody_elses_budget_at_slack_s_door() {
    let (_slack, _home, gateway) = slack_s_door().await;
    let client = reqwest::Client::new();
    let door = (&client, &gateway);
    spends(door, "203.0.113.1").await;
    assert_eq!(knocks(door, "203.0.113.2").await, 401, "another client has a budget of its own");
}

#[tokio::test]
async fn case_103_bodies_that_trickle_at_slack_s_door_keep_nobody_out_and_a_long_one_is_refused() {
    let (_slack, _home, gateway) = slack_s_door().await;
    let client = reqwest::Client::new();
    let door = (&client, &gateway);
    // The door takes requests once the account has greeted.
    while knocks(door, "203.0.113.1").await != 401 {}
    let begins = |from: &str, length: usize| {
        let mut stream = TcpStream::connect(("127.0.0.1", gateway.port)).unwrap();
        let head = format!(
            "POST /slack/events HTTP/1.1\r\nhost: 127.0.0.1\r\nx-forwarded-for: {from}\r\n\
             content-length: {length}\r\n\r\nx"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let slow: Vec<TcpStream> = (0..100).map(|_| begins("198.51.100.1", 1_000)).collect();
    assert_eq!(knocks(door, "203.0.113.2").await, 401, "nobody is kept out");
    let mut long = begins("203.0.113.3", 2 << 20);
    // It is refused before its end; the rest may find nobody.
    let _ = long.write_all(&vec![b'x'; 2 << 20]);
    let mut answer = [0; 12];
    long.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    drop(slow);
    assert_eq!(knocks(door, "203.0.113.2").await, 401);
}

#[tokio::test]
async fn case_129_a_whole_network_of_ipv6_knocks_at_slack_s_door_as_one_client() {
    let (_slack, _home, gateway) = slack_s_door().await;
    let client = reqwest::Client::new();
    let door = (&client, &gateway);
    spends(door, "2001:db8:1:2::1").await;
    assert!(is_out(door, "2001:db8:1:2:ffff::9").await);
    for from in ["2001:db8:1:3::1", "203.0.113.9", "::ffff:203.0.113.9"] {
        assert_eq!(knocks(door, from).await, 401, "{from}");
    }
    spends(door, "203.0.113.9").await;
    assert!(is_out(door, "::ffff:203.0.113.9").await, "it is the same address");
}

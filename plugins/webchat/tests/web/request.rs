//! Who gets the page, and who its socket.

use openclaw_plugin_sdk::{
    Link,
    http::StatusCode,
    reqwest::{self, Method},
    toml,
};
use serde_json::json;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::{bench::Bench, browser::Browser};

#[tokio::test]
async fn a_visitor_keeps_one_identity_and_each_browser_has_its_own() {
    let bench = Bench::open().await;
    let mut ann = bench.visitor().await;
    let (_page, ready) = ann.connect().await;
    assert_eq!(ready["you"], ann.id());
    let before = ann.cookie.clone();
    ann.open().await;
    assert_eq!(ann.cookie, before, "the same person again");
    assert_ne!(bench.visitor().await.id(), ann.id());
}

#[tokio::test]
async fn case_080_a_forged_cookie_gets_a_fresh_identity_and_no_socket() {
    let bench = Bench::open().await;
    let (ann, bob) = (bench.visitor().await, bench.visitor().await);
    let mut thief = ann.clone();
    thief.cookie = Some(ann.cookie.as_deref().unwrap().replace(&ann.id()[4..], &bob.id()[4..]));
    assert_eq!(thief.open_socket().await.err(), Some(StatusCode::FORBIDDEN));
    thief.open().await;
    assert!(![ann.id(), bob.id()].contains(&thief.id()));
    let (_page, ready) = thief.connect().await;
    assert_eq!(ready["you"], thief.id());
}

#[tokio::test]
async fn a_socket_needs_the_cookie_of_the_page() {
    let bench = Bench::open().await;
    assert_eq!(Browser::new(bench.address).open_socket().await.err(), Some(StatusCode::FORBIDDEN));
    let ann = bench.visitor().await;
    // Without an upgrade there is nothing to see, and the answer says what is spoken.
    let mut plain = ann.clone();
    plain.origin = None;
    assert_eq!(plain.get("/chat/ws").await.status(), StatusCode::FORBIDDEN);
    assert!(ann.open_socket().await.is_ok());
}

#[tokio::test]
async fn case_066_a_page_of_another_site_opens_no_socket() {
    let mut bench = Bench::open().await;
    let ann = bench.visitor().await;
    let port = bench.address.port();
    let origins =
        ["http://evil.example", "null", "http://127.0.0.1", "", "file://"].map(str::to_owned);
    let near = [
        format!("https://127.0.0.1:{port}"),
        format!("http://localhost:{port}"),
        format!("http://127.0.0.1:{}", port ^ 1),
    ];
    for origin in origins.into_iter().chain(near).map(Some).chain([None]) {
        let other = Browser { origin: origin.clone(), ..ann.clone() };
        assert_eq!(other.open_socket().await.err(), Some(StatusCode::FORBIDDEN), "{origin:?}");
    }
    assert!(bench.is_quiet());
}

#[tokio::test]
async fn case_066_a_name_made_to_point_here_gets_nothing() {
    let allowed: toml::Table = toml::from_str(r#"allowed_hosts = ["chat.example"]"#).unwrap();
    let bench = Bench::with(allowed).await;
    let ann = bench.visitor().await;
    for path in ["/chat", "/chat/", "/chat/script.js", "/chat/ws"] {
        let rebound = Browser { host: "evil.example".to_owned(), ..ann.clone() };
        let response = rebound.get(path).await;
        assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST, "{path}");
        assert!(response.headers().get("set-cookie").is_none());
        assert!(!response.text().await.unwrap().contains("evil"), "nothing is repeated");
    }
    let rebound = Browser {
        host: "evil.example".to_owned(),
        origin: Some("http://evil.example".to_owned()),
        ..ann.clone()
    };
    assert_eq!(rebound.open_socket().await.err(), Some(StatusCode::MISDIRECTED_REQUEST));
    let allowed = Browser {
        host: "chat.example".to_owned(),
        origin: Some("http://chat.example".to_owned()),
        ..ann
    };
    assert!(allowed.open_socket().await.is_ok());
}

#[tokio::test]
async fn the_page_comes_with_its_headers_and_files() {
    let bench = Bench::open().await;
    let mut browser = Browser::new(bench.address);
    let response = browser.open().await;
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    let policy = response.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("; HttpOnly; SameSite=Strict") && !cookie.contains("Secure"));
    assert!(response.text().await.unwrap().contains(r#"src="/chat/script.js""#));
    for (path, kind) in [("/chat/script.js", "text/javascript"), ("/chat/style.css", "text/css")] {
        let response = browser.get(path).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with(kind));
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert!(response.headers().get("set-cookie").is_none());
    }
    for path in
        ["/chat/index.html", "/chat/../secret", "/chat/ws/x", "/chatter", "/chat/script.js/"]
    {
        assert_eq!(browser.get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    for method in [Method::POST, Method::PUT, Method::OPTIONS] {
        let response = browser.fetch(method, "/chat").await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
    let response = browser.fetch(Method::HEAD, "/chat").await;
    assert!(response.headers().contains_key("set-cookie"), "how the page renews its cookie");
}

#[tokio::test]
async fn a_link_from_elsewhere_costs_no_visitor_the_identity() {
    let bench = Bench::open().await;
    let from = async |site: &str| {
        let request = reqwest::Client::new().get(format!("http://{}/chat", bench.address));
        request.header("sec-fetch-site", site).send().await.unwrap()
    };
    assert!(from("cross-site").await.headers().get("set-cookie").is_none());
    for site in ["none", "same-origin"] {
        assert!(from(site).await.headers().get("set-cookie").is_some(), "{site}");
    }
}

#[tokio::test]
async fn over_tls_the_cookie_is_secure() {
    let bench = Bench::open().await;
    bench.from("192.168.1.5", Link::Private, true);
    let response = Browser::new(bench.address).open().await;
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-") && cookie.contains("; Path=/; Secure"), "{cookie}");
}

#[tokio::test]
async fn case_134_a_second_cookie_of_the_name_opens_nothing() {
    let bench = Bench::open().await;
    let (ann, eve) = (bench.visitor().await, bench.visitor().await);
    let both = format!("{}; {}", eve.cookie.unwrap(), ann.cookie.clone().unwrap());
    let planted = Browser { cookie: Some(both), ..ann.clone() };
    assert_eq!(planted.open_socket().await.err(), Some(StatusCode::BAD_REQUEST));
    let page = planted.get("/chat").await;
    assert_eq!(page.status(), StatusCode::BAD_REQUEST);
    assert!(page.headers().get("set-cookie").is_none());
    assert!(page.text().await.unwrap().contains("Delete this site's cookies"));
    assert!(ann.open_socket().await.is_ok());
}

#[tokio::test]
async fn case_103_the_sixty_fifth_socket_of_an_address_is_told_so() {
    let bench = Bench::open().await;
    bench.from("192.168.1.5", Link::Exposed, false);
    let ann = bench.visitor().await;
    let mut pages = Vec::new();
    for _ in 0..64 {
        pages.push(ann.connect().await.0);
    }
    let mut more = ann.open_socket().await.unwrap();
    let (code, why) = more.closed().await;
    assert_eq!(
        (code, why.as_str()),
        (CloseCode::Again, "too many pages are open from this address")
    );
    bench.from("192.168.1.6", Link::Exposed, false);
    let (mut other, _) = ann.connect().await;
    // The others are untouched: they still say and hear.
    assert!(other.put_json(&json!("?")).await);
    assert_eq!(other.hear().await["type"], "refused");
    assert!(pages[0].put_json(&json!("?")).await);
    assert_eq!(pages[0].hear().await["type"], "refused");
}

//! One HTTP request: the page, one of its files, its socket, or a refusal.

use openclaw_plugin_sdk::{
    Bytes, ClientAddress, Exchange, Link, Upgrade,
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header},
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::{
    WebChat,
    address::Place,
    page::{self, refusal},
    site::Allowed,
    visitor::{Twice, Visitor},
};

/// Where the page is; its files and its socket are below.
pub(crate) const PATH: &str = "/chat";

/// A socket about to open.
pub(crate) struct Opened<'a> {
    pub(crate) visitor: Visitor,
    pub(crate) place: Place<'a>,
    pub(crate) link: Link,
    pub(crate) upgrade: Upgrade,
}

enum Asked {
    File(&'static page::File),
    Page,
    Socket,
}

/// Why not, and what would be right.
struct Refused(StatusCode, &'static str);

const STRANGE_HOST: Refused = Refused(
    StatusCode::MISDIRECTED_REQUEST,
    "The chat is not served under this name. Its owner can allow the name: `allowed_hosts` of `webchat`.\n",
);
const STRANGE_PAGE: Refused =
    Refused(StatusCode::FORBIDDEN, "Only the chat's own page may open this.\n");
const NO_COOKIE: Refused =
    Refused(StatusCode::FORBIDDEN, "Open the page first: it knows its visitors by a cookie.\n");
const TWO_COOKIES: Refused = Refused(
    StatusCode::BAD_REQUEST,
    "The browser sends two cookies of this page, and one of them may be planted. Delete this site's cookies, then reload.\n",
);
const NO_SOCKET: Refused =
    Refused(StatusCode::UPGRADE_REQUIRED, "This is a WebSocket, version 13.\n");
const CROWDED: Refused =
    Refused(StatusCode::TOO_MANY_REQUESTS, "Too many pages are open from this address.\n");
const NOTHING: Refused = Refused(StatusCode::NOT_FOUND, "There is nothing here.\n");
const NOT_SO: Refused = Refused(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD work here.\n");
const NO_DICE: Refused =
    Refused(StatusCode::INTERNAL_SERVER_ERROR, "The system's random generator failed.\n");

/// Answers a request; a socket stays open afterwards.
pub(crate) fn answer(chat: &WebChat, exchange: Exchange) -> Option<Opened<'_>> {
    let headers = exchange.request.headers();
    let response = match (chat.sites.check(&exchange), asked(&exchange)) {
        (None, _) => STRANGE_HOST.response(),
        (_, Err(refused)) => refused.response(),
        (_, Ok(Asked::File(file))) => file.response(),
        (Some(allowed), Ok(Asked::Page)) => welcome(chat, headers, &allowed),
        (Some(allowed), Ok(Asked::Socket)) => {
            match knock(chat, headers, exchange.client.address, &allowed) {
                Err(refused) => refused.response(),
                Ok((visitor, place)) => {
                    let response = switch(headers);
                    let upgrade = exchange.upgrade(response)?;
                    return Some(Opened { visitor, place, link: allowed.link, upgrade });
                }
            }
        }
    };
    exchange.reply(response);
    None
}

impl Refused {
    fn response(&self) -> Response<Bytes> {
        let mut response = refusal(self.0, self.1);
        let hint = match self.0 {
            StatusCode::METHOD_NOT_ALLOWED => Some((header::ALLOW, "GET, HEAD")),
            StatusCode::UPGRADE_REQUIRED => Some((header::SEC_WEBSOCKET_VERSION, "13")),
            _ => None,
        };
        response
            .headers_mut()
            .extend(hint.map(|(name, text)| (name, HeaderValue::from_static(text))));
        response
    }
}

fn asked(exchange: &Exchange) -> Result<Asked, Refused> {
    let asked = match exchange.request.uri().path().strip_prefix(PATH) {
        Some("" | "/") => Asked::Page,
        Some("/script.js") => Asked::File(&page::SCRIPT),
        Some("/style.css") => Asked::File(&page::STYLE),
        Some("/ws") => Asked::Socket,
        _ => return Err(NOTHING),
    };
    match (exchange.request.method(), &asked) {
        (&Method::GET, _) | (&Method::HEAD, Asked::File(_) | Asked::Page) => Ok(asked),
        _ => Err(NOT_SO),
    }
}

/// The page, and the cookie by which its visitor is known from then on.
fn welcome(chat: &WebChat, headers: &HeaderMap, allowed: &Allowed) -> Response<Bytes> {
    let mut response = page::INDEX.response();
    let Ok(known) = chat.visitors.known(headers, allowed.tls) else {
        return TWO_COOKIES.response();
    };
    // A visitor who follows a link from elsewhere sends no cookie, and must not lose it: the page asks
    // again before it opens its socket.
    if known.is_none() && headers.get("sec-fetch-site").is_some_and(|from| from == "cross-site") {
        return response;
    }
    let visitor = known.or_else(Visitor::fresh);
    let cookie = visitor.map(|visitor| chat.visitors.set_cookie(&visitor, allowed.tls));
    let Some(Ok(cookie)) = cookie.map(HeaderValue::try_from) else {
        return NO_DICE.response();
    };
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}

fn knock<'a>(
    chat: &'a WebChat,
    headers: &HeaderMap,
    client: ClientAddress,
    allowed: &Allowed,
) -> Result<(Visitor, Place<'a>), Refused> {
    if !allowed.is_origin_of(headers) {
        return Err(STRANGE_PAGE);
    }
    let known = chat.visitors.known(headers, allowed.tls).map_err(|Twice| TWO_COOKIES)?;
    let visitor = known.ok_or(NO_COOKIE)?;
    if !is_handshake(headers) {
        return Err(NO_SOCKET);
    }
    let place = chat.addresses.enter(client).ok_or(CROWDED)?;
    Ok((visitor, place))
}

fn is_handshake(headers: &HeaderMap) -> bool {
    let holds = |name, word: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values
            .flat_map(|value| value.split(','))
            .any(|value| value.trim().eq_ignore_ascii_case(word))
    };
    holds(header::UPGRADE, "websocket")
        && holds(header::CONNECTION, "upgrade")
        && holds(header::SEC_WEBSOCKET_VERSION, "13")
        && headers.get(header::SEC_WEBSOCKET_KEY).is_some_and(|key| key.len() == 24)
}

fn switch(headers: &HeaderMap) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let key = headers.get(header::SEC_WEBSOCKET_KEY).map_or(&[][..], HeaderValue::as_bytes);
    let to = response.headers_mut();
    to.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    to.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::try_from(derive_accept_key(key)) {
        to.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

//! One HTTP request: the page, one of its files, its socket, a file of the conversation, or a refusal.

use openclaw_plugin_sdk::{
    Bytes, Exchange, Link, Upgrade,
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header},
};
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use crate::{
    WebChat,
    files::Transfer,
    limiter::Permit,
    page::{self, refusal},
    site::Allowed,
    text,
    visitor::{TwoCookies, Visitor},
};

/// Where the page is; its files and its socket are below.
pub(crate) const PATH: &str = "/chat";

/// A socket about to open.
pub(crate) struct OpenedSocket<'a> {
    pub(crate) visitor: Visitor,
    pub(crate) permit: Permit<'a>,
    pub(crate) link: Link,
    pub(crate) upgrade: Upgrade,
}

/// What goes on after the head of a request was read.
pub(crate) enum Begun<'a> {
    Socket(OpenedSocket<'a>),
    Transfer(Box<Transfer>),
}

enum Target {
    File(&'static page::File),
    Manifest,
    Page,
    Socket,
    /// Of a file with this id, or of a new one.
    Transfer(Option<String>),
}

/// Why not, and what would be right.
struct Refused(StatusCode, &'static str);

const OTHER_HOST: Refused = Refused(StatusCode::MISDIRECTED_REQUEST, text::OTHER_HOST);
const OTHER_PAGE: Refused = Refused(StatusCode::FORBIDDEN, text::OTHER_PAGE);
const NO_COOKIE: Refused = Refused(StatusCode::FORBIDDEN, text::NO_COOKIE);
const TWO_COOKIES: Refused = Refused(StatusCode::BAD_REQUEST, text::TWO_COOKIES);
const NO_HANDSHAKE: Refused = Refused(StatusCode::UPGRADE_REQUIRED, text::NO_HANDSHAKE);
const TOO_MANY: Refused = Refused(StatusCode::TOO_MANY_REQUESTS, text::TOO_MANY);
const NOT_FOUND: Refused = Refused(StatusCode::NOT_FOUND, text::NOT_FOUND);
const WRONG_METHOD: Refused = Refused(StatusCode::METHOD_NOT_ALLOWED, text::WRONG_METHOD);
const NO_COOKIE_MADE: Refused = Refused(StatusCode::INTERNAL_SERVER_ERROR, text::NO_COOKIE_MADE);

/// Answers a request, but for one that goes on.
pub(crate) fn answer(chat: &WebChat, exchange: Exchange) -> Option<Begun<'_>> {
    let response = match (chat.sites.check(&exchange), target(&exchange)) {
        (None, _) => OTHER_HOST.response(),
        (_, Err(refused)) => refused.response(),
        (_, Ok(Target::File(file))) => file.response(),
        (_, Ok(Target::Manifest)) => page::manifest(&chat.title),
        (Some(allowed), Ok(Target::Page)) => {
            page_with_cookie(chat, exchange.request.headers(), &allowed)
        }
        (Some(allowed), Ok(Target::Socket)) => match check_socket(chat, &exchange, &allowed) {
            Err(refused) => refused.response(),
            Ok((visitor, permit, switch)) => {
                let upgrade = exchange.upgrade(switch)?;
                let link = allowed.link;
                return Some(Begun::Socket(OpenedSocket { visitor, permit, link, upgrade }));
            }
        },
        (Some(allowed), Ok(Target::Transfer(id))) => match transfer(chat, &exchange, &allowed) {
            Err(refused) => refused.response(),
            Ok(visitor) => {
                return Some(Begun::Transfer(Box::new(Transfer { visitor, exchange, id })));
            }
        },
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

fn target(exchange: &Exchange) -> Result<Target, Refused> {
    let target = match exchange.request.uri().path().strip_prefix(PATH) {
        Some("" | "/") => Target::Page,
        Some("/manifest.webmanifest") => Target::Manifest,
        Some("/ws") => Target::Socket,
        Some("/files") => Target::Transfer(None),
        Some(name) if name.starts_with("/files/") => {
            Target::Transfer(Some(name["/files/".len()..].to_owned()))
        }
        Some(name) => {
            let file = page::FILES.iter().find(|(known, _)| *known == name);
            Target::File(file.map(|(_, file)| file).ok_or(NOT_FOUND)?)
        }
        None => return Err(NOT_FOUND),
    };
    match (exchange.request.method(), &target) {
        (&Method::POST, Target::Transfer(None)) => Ok(target),
        (_, Target::Transfer(None)) => Err(WRONG_METHOD),
        (&Method::GET, _) | (&Method::HEAD, Target::File(_) | Target::Manifest | Target::Page) => {
            Ok(target)
        }
        _ => Err(WRONG_METHOD),
    }
}

/// The page, and the cookie by which its visitor is known from then on.
fn page_with_cookie(chat: &WebChat, headers: &HeaderMap, allowed: &Allowed) -> Response<Bytes> {
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
        return NO_COOKIE_MADE.response();
    };
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}

/// Who sends a file, or asks for one. Only a page of ours sends any.
fn transfer(chat: &WebChat, exchange: &Exchange, allowed: &Allowed) -> Result<Visitor, Refused> {
    let headers = exchange.request.headers();
    if exchange.request.method() == Method::POST && !allowed.is_origin_of(headers) {
        return Err(OTHER_PAGE);
    }
    let known = chat.visitors.known(headers, allowed.tls).map_err(|TwoCookies| TWO_COOKIES)?;
    known.ok_or(NO_COOKIE)
}

/// Who opens a socket, with their permit and the answer that switches to it.
fn check_socket<'a>(
    chat: &'a WebChat,
    exchange: &Exchange,
    allowed: &Allowed,
) -> Result<(Visitor, Permit<'a>, Response<Bytes>), Refused> {
    let headers = exchange.request.headers();
    if !allowed.is_origin_of(headers) {
        return Err(OTHER_PAGE);
    }
    let known = chat.visitors.known(headers, allowed.tls).map_err(|TwoCookies| TWO_COOKIES)?;
    let visitor = known.ok_or(NO_COOKIE)?;
    let switch = create_response_with_body(&exchange.request, Bytes::new);
    let switch = switch.map_err(|_| NO_HANDSHAKE)?;
    let permit = chat.limiter.permit(exchange.client.address).ok_or(TOO_MANY)?;
    Ok((visitor, permit, switch))
}

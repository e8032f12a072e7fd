//! Who a visitor is: a random id in a cookie that only this gateway can sign. Nothing the visitor sends changes it.

use data_encoding::HEXLOWER;
use openclaw_plugin_sdk::{
    ChatId, InvalidSenderId, SenderId,
    http::{HeaderMap, header},
};
use ring::hmac;

use crate::{is_hex, random_hex, text};

/// As long as browsers keep any cookie.
const MAX_AGE: u32 = 400 * 24 * 60 * 60;

/// A visitor's stable id: `web:` and 128 random bits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Visitor(String);

impl Visitor {
    /// Exactly the form that a cookie gave.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("web:")?;
        is_hex(digits, 32).then(|| Self(text.to_owned()))
    }

    /// A new visitor. `None` when the system's random generator failed.
    pub(crate) fn fresh() -> Option<Self> {
        random_hex().map(|digits| Self(format!("web:{digits}")))
    }

    /// The id's random part.
    pub(crate) fn digits(&self) -> &str {
        &self.0["web:".len()..]
    }

    /// The id by which the gate knows the visitor.
    pub(crate) fn sender(&self) -> Result<SenderId, InvalidSenderId> {
        SenderId::new(&self.0)
    }

    /// The visitor's conversation: one, however many pages are open.
    pub(crate) fn chat(&self) -> ChatId {
        ChatId::new(&self.0)
    }

    /// The id as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads an id as a list in the configuration may spell it.
pub(crate) fn parse_sender(text: &str) -> Result<SenderId, InvalidSenderId> {
    let text = text.trim();
    let bare = match text.get(.."webchat:".len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case("webchat:") => text[prefix.len()..].trim(),
        _ => text,
    };
    let visitor = Visitor::parse(bare);
    visitor.ok_or(text::NO_SENDER)?.sender()
}

/// More than one cookie of the name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TwoCookies;

/// Signs cookies and knows its own again.
pub(crate) struct Visitors {
    key: hmac::Key,
    /// Browsers share cookies between the ports of a host: another gateway's has another name.
    cookie: String,
}

impl Visitors {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let name = hmac::sign(&key, b"webchat: the cookie's name");
        let cookie = format!("openclaw-visitor-{}", HEXLOWER.encode(&name.as_ref()[..4]));
        Self { key, cookie }
    }

    /// The visitor of the cookie, if its signature holds. Another path, another port or a subdomain can plant a second
    /// cookie of that name, and nothing tells which one is real: then nobody is known.
    pub(crate) fn known(
        &self,
        headers: &HeaderMap,
        tls: bool,
    ) -> Result<Option<Visitor>, TwoCookies> {
        let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let own = self.name(tls);
        let mut ours = values
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter_map(|(name, value)| (name == own).then_some(value));
        let first = ours.next();
        if ours.next().is_some() {
            return Err(TwoCookies);
        }
        Ok(first.and_then(|value| self.verified(value)))
    }

    /// What makes the browser come back as this visitor.
    pub(crate) fn set_cookie(&self, visitor: &Visitor, tls: bool) -> String {
        let (name, digits) = (self.name(tls), visitor.digits());
        let signature = hmac::sign(&self.key, signed(digits).as_bytes());
        let signature = HEXLOWER.encode(signature.as_ref());
        // The browser gives a name with the prefix to nobody who is not this very host, over TLS.
        let place = if tls { "/; Secure" } else { "/chat" };
        format!(
            "{name}={digits}.{signature}; Path={place}; Max-Age={MAX_AGE}; HttpOnly; SameSite=Strict"
        )
    }

    fn name(&self, tls: bool) -> String {
        let prefix = if tls { "__Host-" } else { "" };
        format!("{prefix}{}", self.cookie)
    }

    fn verified(&self, value: &str) -> Option<Visitor> {
        let (digits, signature) = value.split_once('.')?;
        let visitor = Visitor::parse(&format!("web:{digits}"))?;
        // `verify` takes the same time wherever the first wrong byte is.
        hmac::verify(
            &self.key,
            signed(digits).as_bytes(),
            &HEXLOWER.decode(signature.as_bytes()).ok()?,
        )
        .ok()?;
        Some(visitor)
    }
}

fn signed(digits: &str) -> String {
    format!("webchat: visitor {digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, cookie.parse().unwrap());
        headers
    }

    fn pair(cookie: &str) -> &str {
        cookie.split_once(';').unwrap().0
    }

    #[test]
    fn a_cookie_brings_the_same_visitor_back() {
        let visitors = Visitors::new(&[7; 32]);
        let ann = Visitor::fresh().unwrap();
        let cookie = visitors.set_cookie(&ann, false);
        let known = visitors.known(&headers(&format!("theme=dark; {}; x=y", pair(&cookie))), false);
        assert!(known == Ok(Some(ann.clone())));
        assert!(Visitor::fresh() != Some(ann));
        for word in ["Path=/chat", "HttpOnly", "SameSite=Strict", "Max-Age=34560000"] {
            assert!(cookie.split("; ").any(|part| part == word), "{word}");
        }
        assert!(!cookie.contains("Secure"));
    }

    #[test]
    fn case_134_over_tls_the_cookie_is_one_that_nobody_else_can_plant() {
        let visitors = Visitors::new(&[7; 32]);
        let ann = Visitor::fresh().unwrap();
        let (plain, safe) = (visitors.set_cookie(&ann, false), visitors.set_cookie(&ann, true));
        assert!(safe.starts_with("__Host-openclaw-visitor-"), "{safe}");
        let parts: Vec<&str> = safe.split("; ").collect();
        assert!(parts.contains(&"Secure") && parts.contains(&"Path=/"), "{safe}");
        assert!(!safe.contains("Domain"), "{safe}");
        assert!(visitors.known(&headers(pair(&safe)), true) == Ok(Some(ann.clone())));
        // One without the prefix counts over plain text alone, and one with it over TLS alone.
        assert!(visitors.known(&headers(pair(&plain)), true) == Ok(None));
        assert!(visitors.known(&headers(pair(&safe)), false) == Ok(None));
        let both = format!("{}; {}", pair(&plain), pair(&safe));
        assert!(visitors.known(&headers(&both), true) == Ok(Some(ann)));
    }

    #[test]
    fn case_080_an_edited_or_forged_cookie_names_nobody() {
        let visitors = Visitors::new(&[7; 32]);
        let (ann, bob) = (Visitor::fresh().unwrap(), Visitor::fresh().unwrap());
        let cookie = visitors.set_cookie(&ann, false);
        let bobs = visitors.set_cookie(&bob, false);
        let (pair, other) = (pair(&cookie), pair(&bobs));
        let (name, value) = pair.split_once('=').unwrap();
        let (digits, signature) = value.split_once('.').unwrap();
        let mut last = signature.to_owned();
        let flipped = if last.pop() == Some('0') { '1' } else { '0' };
        last.push(flipped);
        let forged = [
            format!("{name}={}.{signature}", bob.digits()),
            format!("{name}={digits}.{last}"),
            format!("{name}={digits}.{}", &signature[..62]),
            format!("{name}={digits}.{}", signature.to_uppercase()),
            format!("{name}={digits}."),
            format!("{name}={digits}"),
            format!("{name}="),
            format!("{name}={}.{signature}", digits.to_uppercase()),
            format!("{name}={digits}.{}", "é".repeat(32)),
            format!("other={value}"),
        ];
        assert!(visitors.known(&headers(pair), false) == Ok(Some(ann)));
        for cookie in forged.iter().filter(|cookie| cookie.is_ascii()) {
            assert!(visitors.known(&headers(cookie), false) == Ok(None), "{cookie}");
        }
        // case_134: of two nothing says which is the visitor's own.
        for second in [&forged[1], other, pair] {
            for both in [format!("{second}; {pair}"), format!("{pair}; x=1; {second}")] {
                assert!(visitors.known(&headers(&both), false) == Err(TwoCookies), "{both}");
            }
            let mut two = headers(pair);
            two.append(header::COOKIE, second.parse().unwrap());
            assert!(visitors.known(&two, false) == Err(TwoCookies), "{second}");
        }
    }

    #[test]
    fn case_109_another_key_signs_another_cookie() {
        let (ours, theirs) = (Visitors::new(&[7; 32]), Visitors::new(&[8; 32]));
        let ann = Visitor::fresh().unwrap();
        let (cookie, other) = (ours.set_cookie(&ann, false), theirs.set_cookie(&ann, false));
        let (ours_name, theirs_name) =
            (cookie.split_once('=').unwrap().0, other.split_once('=').unwrap().0);
        assert_ne!(ours_name, theirs_name);
        // Under our name, their signature is still theirs.
        let stolen = pair(&other).replace(theirs_name, ours_name);
        assert!(ours.known(&headers(&stolen), false) == Ok(None));
        assert!(!cookie.contains(&HEXLOWER.encode(&[7; 32])), "the key itself leaves in no cookie");
    }

    #[test]
    fn case_085_an_id_is_read_whole_or_not_at_all() {
        let id = format!("web:{}", "0a".repeat(16));
        for text in [id.clone(), format!("webchat:{id}"), format!(" WebChat: {id} ")] {
            assert_eq!(
                parse_sender(&text).map(|sender| sender.as_str().to_owned()),
                Ok(id.clone()),
                "{text}"
            );
        }
        let bad = [
            &id[..35],
            &id.to_uppercase(),
            &format!("{id}0"),
            &id[4..],
            "web:*",
            "web:",
            "webchat:",
            "Ann",
        ];
        for text in bad {
            assert!(parse_sender(text).is_err(), "{text}");
        }
        assert!(parse_sender(&format!("web:{}", "é".repeat(16))).is_err());
    }
}

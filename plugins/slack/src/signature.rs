//! Whether a request is Slack's: bounded first, then its time, then its signature, in constant time.

use std::{collections::BTreeMap, time::Duration};

use openclaw_plugin_sdk::{
    ClientAddress, Secret, UnixMs,
    http::{HeaderMap, StatusCode},
};
use ring::hmac;
use tokio::time::Instant;

/// Slack's payloads are smaller.
const LONGEST_BODY: usize = 512 << 10;

/// Slack's own bound for the age of a request.
const SKEW_MS: u64 = 300_000;

/// An address has so many requests at once, and so many more each second. Slack sends a few.
const BURST: f64 = 100.0;
const RATE: f64 = 50.0;

/// So many addresses are told apart.
const MOST_CLIENTS: usize = 1024;

/// Verifies requests.
pub(crate) struct Verifier {
    key: hmac::Key,
    clients: BTreeMap<ClientAddress, (f64, Instant)>,
}

impl Verifier {
    pub(crate) fn new(secret: &Secret) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        Self { key, clients: BTreeMap::new() }
    }

    /// The status to refuse a request with, if it is to be refused.
    pub(crate) fn verify(
        &mut self,
        client: ClientAddress,
        headers: &HeaderMap,
        body: &[u8],
        now: UnixMs,
    ) -> Result<(), StatusCode> {
        if body.len() > LONGEST_BODY {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        if !self.may_ask(client) {
            return Err(StatusCode::TOO_MANY_REQUESTS);
        }
        let signed = signed_by(&self.key, headers, body, now);
        signed.ok_or(StatusCode::UNAUTHORIZED)
    }

    /// `case_104`: counted before anything is compared.
    fn may_ask(&mut self, client: ClientAddress) -> bool {
        let now = Instant::now();
        if self.clients.len() >= MOST_CLIENTS && !self.clients.contains_key(&client) {
            self.clients.retain(|_, (_, since)| now - *since < Duration::from_secs(2));
            if self.clients.len() >= MOST_CLIENTS {
                return false;
            }
        }
        let (left, since) = self.clients.entry(client).or_insert((BURST, now));
        *left = (*left + (now - *since).as_secs_f64() * RATE).min(BURST);
        *since = now;
        if *left < 1.0 {
            return false;
        }
        *left -= 1.0;
        true
    }
}

fn signed_by(key: &hmac::Key, headers: &HeaderMap, body: &[u8], now: UnixMs) -> Option<()> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let stamp = text("x-slack-request-timestamp")?;
    let age = stamp.parse::<u64>().ok()?.checked_mul(1000)?.abs_diff(now.0);
    let signature = unhex(text("x-slack-signature")?.strip_prefix("v0=")?)?;
    let signed = [b"v0:", stamp.as_bytes(), b":", body].concat();
    hmac::verify(key, &signed, &signature).ok()?;
    (age <= SKEW_MS).then_some(())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: [u8; 4]) -> ClientAddress {
        ClientAddress::of(address.into())
    }

    const BODY: &[u8] = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const STAMP: u64 = 1_531_420_618;
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    fn verifier() -> Verifier {
        Verifier::new(&Secret::new("8f742231b10e8888abcd99yyyzzz85a5"))
    }

    fn verify(
        verifier: &mut Verifier,
        stamp: &str,
        signature: &str,
        body: &[u8],
        now: u64,
    ) -> Result<(), u16> {
        let mut headers = HeaderMap::new();
        headers.insert("x-slack-request-timestamp", stamp.parse().unwrap());
        headers.insert("x-slack-signature", signature.parse().unwrap());
        let outcome = verifier.verify(at([127, 0, 0, 1]), &headers, body, UnixMs(now * 1000));
        outcome.map_err(|status| status.as_u16())
    }

    #[test]
    fn the_example_of_slacks_own_documentation_is_verified() {
        let stamp = STAMP.to_string();
        for now in [STAMP, STAMP + 300, STAMP - 300] {
            assert_eq!(verify(&mut verifier(), &stamp, SIGNATURE, BODY, now), Ok(()));
        }
    }

    #[test]
    fn case_090_whatever_is_not_exactly_so_is_refused() {
        let stamp = STAMP.to_string();
        let refused = |stamp: &str, signature: &str, body: &[u8], now: u64| {
            assert_eq!(verify(&mut verifier(), stamp, signature, body, now), Err(401));
        };
        refused(&stamp, SIGNATURE, &BODY[1..], STAMP);
        refused(&stamp, SIGNATURE, BODY, STAMP + 301);
        refused(&stamp, SIGNATURE, BODY, STAMP - 301);
        refused(&(STAMP + 1).to_string(), SIGNATURE, BODY, STAMP);
        for stamp in ["", "x", "-1", "99999999999999999999", "1531420618.0"] {
            refused(stamp, SIGNATURE, BODY, STAMP);
        }
        for signature in
            ["", "v0=", &SIGNATURE[3..], &SIGNATURE[..66], &SIGNATURE.replace("v0", "v1"), "v0=zz"]
        {
            refused(&stamp, signature, BODY, STAMP);
        }
        let bare = verifier().verify(at([127, 0, 0, 1]), &HeaderMap::new(), BODY, UnixMs(STAMP));
        assert_eq!(bare, Err(StatusCode::UNAUTHORIZED));
    }

    #[test]
    fn case_104_a_flood_is_refused_before_anything_is_compared() {
        let (mut verifier, stamp) = (verifier(), STAMP.to_string());
        let wrong = |verifier: &mut Verifier| verify(verifier, &stamp, "v0=00", BODY, STAMP);
        let answers: Vec<_> = (0..300).map(|_| wrong(&mut verifier)).collect();
        assert_eq!(answers[0], Err(401));
        assert_eq!(answers[299], Err(429));
        assert_eq!(
            verify(&mut verifier, &stamp, SIGNATURE, BODY, STAMP),
            Err(429),
            "not even the right one"
        );
        let other = verifier.verify(at([10, 0, 0, 1]), &HeaderMap::new(), BODY, UnixMs(STAMP));
        assert_eq!(other, Err(StatusCode::UNAUTHORIZED), "another address has a count of its own");
        let long = vec![b'x'; LONGEST_BODY + 1];
        assert_eq!(verify(&mut verifier, &stamp, SIGNATURE, &long, STAMP), Err(413));
    }

    #[tokio::test(start_paused = true)]
    async fn case_104_a_flood_is_over_when_it_is_over() {
        let (mut verifier, stamp) = (verifier(), STAMP.to_string());
        while verify(&mut verifier, &stamp, "v0=00", BODY, STAMP) != Err(429) {}
        tokio::time::advance(Duration::from_millis(100)).await;
        assert_eq!(verify(&mut verifier, &stamp, SIGNATURE, BODY, STAMP), Ok(()));
    }

    #[test]
    fn case_103_addresses_are_counted_within_bounds() {
        let mut verifier = verifier();
        for number in 0..5000_u32 {
            verifier.may_ask(at(number.to_be_bytes()));
        }
        assert!(verifier.clients.len() <= MOST_CLIENTS);
    }
}

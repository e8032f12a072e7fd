//! Requests that a platform sends to us: bounded first, then their age, then their signature, in constant time.

use std::{pin::pin, time::Duration};

use data_encoding::HEXLOWER_PERMISSIVE;
use futures_util::stream::{self, Stream, StreamExt};
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use ring::hmac;
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    Bytes, ChannelError, ClientAddress, Exchange, InboundEvent, Inbox, Secret, UnixMs,
    kit::{
        bounded::Bounded,
        inbox::{AckQueue, Arrival, Received},
        standing::Standing,
    },
};

/// Platforms' payloads are smaller.
pub const LONGEST_BODY: usize = 512 << 10;

/// An address has so many requests at once, and so many more each second. A platform sends a few.
const BURST: f64 = 100.0;
const RATE: f64 = 50.0;

/// After so long an address has all its requests again.
const FULL_AFTER: Duration = Duration::from_secs(2);

/// So many addresses are told apart.
const MOST_CLIENTS: usize = 1024;

/// How many requests each address may still send.
#[derive(Debug)]
pub struct RateLimits(Option<Bounded<ClientAddress, Budget>>);

#[derive(Clone, Copy, Debug)]
struct Budget {
    left: f64,
    since: Instant,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self(Some(Bounded::expiring(MOST_CLIENTS, FULL_AFTER)))
    }
}

impl RateLimits {
    /// As many as they like, where the proof is a signed token: nobody guesses one, and most are refused before their
    /// signature. A flood would only take the platform's turns where both come by one address, such as a tunnel's.
    pub fn none() -> Self {
        Self(None)
    }

    /// The status to refuse a request with, before anything in it is read (`case_104`).
    fn check(&mut self, methods: &[Method], exchange: &Exchange) -> Result<(), StatusCode> {
        if !methods.contains(exchange.request.method()) {
            return Err(StatusCode::METHOD_NOT_ALLOWED);
        }
        if exchange.request.body().len() > LONGEST_BODY {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        if self.take(exchange.client.address) { Ok(()) } else { Err(StatusCode::TOO_MANY_REQUESTS) }
    }

    async fn next<T, F>(
        &mut self,
        methods: &[Method],
        inbox: &Inbox,
        proof: &impl Fn(&Request<Bytes>) -> F,
    ) -> Result<(Exchange, T), ChannelError>
    where
        F: Future<Output = Result<T, StatusCode>>,
    {
        loop {
            let exchange = inbox.exchange().await?;
            let proven = match self.check(methods, &exchange) {
                Ok(()) => proof(&exchange.request).await,
                Err(status) => Err(status),
            };
            match proven {
                Ok(proven) => return Ok((exchange, proven)),
                Err(status) => {
                    tracing::debug!(client = %exchange.client.address, %status, "a request that is not the platform's");
                    reply(exchange, status);
                }
            }
        }
    }

    /// Counts a request of an address; false where it has sent too many, or too many others send some.
    fn take(&mut self, client: ClientAddress) -> bool {
        let Some(budgets) = &mut self.0 else { return true };
        let now = Instant::now();
        let known = budgets.get(&client).copied();
        if known.is_none() && budgets.is_full() {
            return false;
        }
        let Budget { left, since } = known.unwrap_or(Budget { left: BURST, since: now });
        let left = (left + (now - since).as_secs_f64() * RATE).min(BURST);
        let allowed = left >= 1.0;
        let left = if allowed { left - 1.0 } else { left };
        budgets.insert(client, Budget { left, since: now });
        allowed
    }
}

/// Platforms post what they have to say.
const POST: &[Method] = &[Method::POST];

/// The requests that the platform has proven to be its own, each with what its proof says; all others are refused with
/// the status of the proof. One is judged at a time, and those behind it wait.
pub fn requests<'a, T, F>(
    inbox: &'a Inbox,
    proof: impl Fn(&Request<Bytes>) -> F + Send + Sync + 'a,
) -> impl Stream<Item = Result<(Exchange, T), ChannelError>> + Send + 'a
where
    T: Send + 'a,
    F: Future<Output = Result<T, StatusCode>> + Send + 'a,
{
    requests_by(POST, inbox, proof)
}

/// The same for a platform that also asks by another method.
pub fn requests_by<'a, T, F>(
    methods: &'static [Method],
    inbox: &'a Inbox,
    proof: impl Fn(&Request<Bytes>) -> F + Send + Sync + 'a,
) -> impl Stream<Item = Result<(Exchange, T), ChannelError>> + Send + 'a
where
    T: Send + 'a,
    F: Future<Output = Result<T, StatusCode>> + Send + 'a,
{
    limited(RateLimits::default(), methods, inbox, proof)
}

fn limited<'a, T, F>(
    limits: RateLimits,
    methods: &'static [Method],
    inbox: &'a Inbox,
    proof: impl Fn(&Request<Bytes>) -> F + Send + Sync + 'a,
) -> impl Stream<Item = Result<(Exchange, T), ChannelError>> + Send + 'a
where
    T: Send + 'a,
    F: Future<Output = Result<T, StatusCode>> + Send + 'a,
{
    let next = async move |(mut limits, proof): (RateLimits, _)| {
        let proven = limits.next(methods, inbox, &proof).await;
        Some((proven, (limits, proof)))
    };
    stream::unfold((limits, proof), next)
}

/// Serves an account that its platform calls, until something goes wrong. `judge` says of what a request has proven
/// what it brings, and how it is answered once that is durable; what brings nothing is answered at once. `translate` is
/// that of [`AckQueue::connect`].
pub async fn serve<'a, T, I, F, H>(
    inbox: &'a Inbox,
    (queue, standing, limits): (&'a AckQueue<I>, &'a Standing, RateLimits),
    proof: impl Fn(&Request<Bytes>) -> F + Send + Sync + 'a,
    judge: impl Fn(T) -> (Option<Arrival<I>>, Response<Bytes>) + Send + 'a,
    translate: impl Fn(I) -> H + Send + 'a,
) -> Result<(), ChannelError>
where
    T: Send + 'a,
    I: Clone + Send,
    F: Future<Output = Result<T, StatusCode>> + Send + 'a,
    H: Future<Output = Result<Option<InboundEvent>, ChannelError>> + Send + 'a,
{
    inbox.caught_up();
    standing.say(inbox)?;
    let row = inbox.row();
    let mut pending = queue.connect(&row, translate);
    let mut requests = pin!(limited(limits, POST, inbox, proof));
    loop {
        tokio::select! {
            settled = pending.settled() => {
                settled?.into_iter().for_each(|(exchange, answer): (Exchange, _)| exchange.reply(answer));
            }
            Some(proven) = requests.next() => {
                let (exchange, said) = proven?;
                let (arrival, answer) = judge(said);
                match pending.receive(arrival, (exchange, answer)) {
                    Received::Acknowledge((exchange, answer)) => exchange.reply(answer),
                    Received::Refuse((exchange, _)) => reply(exchange, StatusCode::SERVICE_UNAVAILABLE),
                    Received::Waits => {}
                }
            }
            () = standing.changed() => standing.say(inbox)?,
        }
    }
}

/// Checks signatures by HMAC-SHA256.
#[derive(Debug)]
pub struct Hmac(hmac::Key);

impl Hmac {
    /// Signatures with this secret.
    pub fn new(secret: &Secret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()))
    }

    /// True where these parts, one behind the other, are signed with this, in hex. In constant time.
    pub fn verify(&self, parts: &[&[u8]], signature: &str) -> bool {
        let signature = HEXLOWER_PERMISSIVE.decode(signature.as_bytes());
        signature.is_ok_and(|tag| hmac::verify(&self.0, &parts.concat(), &tag).is_ok())
    }
}

/// True for a moment, in seconds since 1970, that is at most so far from now.
pub fn is_recent(seconds: &str, now: UnixMs, most: Duration) -> bool {
    let at = seconds.parse::<u64>().ok().and_then(|seconds| seconds.checked_mul(1000));
    at.is_some_and(|at| u128::from(at.abs_diff(now.0)) <= most.as_millis())
}

/// Answers with a status and nothing else.
pub fn reply(exchange: Exchange, status: StatusCode) {
    exchange.reply(bare(status));
}

/// An answer that is a status and nothing else.
pub fn bare(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// An answer in JSON.
pub fn json(body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests {
    use http::Request;
    use tokio::sync::oneshot;

    use super::*;
    use crate::{Client, Link};

    fn at(address: [u8; 4]) -> ClientAddress {
        ClientAddress::of(address.into())
    }

    fn check(limits: &mut RateLimits, method: Method, length: usize) -> Result<(), u16> {
        let request = Request::builder().method(method).body(Bytes::from(vec![b'x'; length]));
        let address = at([127, 0, 0, 1]);
        let client = Client { address, local: true, hop: Link::Private, tls: false };
        let exchange = Exchange::new(request.unwrap(), client, oneshot::channel().0, None);
        limits.check(POST, &exchange).map_err(|status| status.as_u16())
    }

    #[test]
    fn case_104_a_flood_is_refused_before_anything_is_compared() {
        let mut limits = RateLimits::default();
        let answers: Vec<_> = (0..300).map(|_| check(&mut limits, Method::POST, 1)).collect();
        assert_eq!((answers[0], answers[299]), (Ok(()), Err(429)));
        assert!(limits.take(at([10, 0, 0, 1])), "another address has a count of its own");
        assert_eq!(check(&mut limits, Method::POST, LONGEST_BODY + 1), Err(413));
        assert_eq!(check(&mut limits, Method::GET, 1), Err(405));
    }

    #[tokio::test(start_paused = true)]
    async fn case_104_a_flood_is_over_when_it_is_over() {
        let mut limits = RateLimits::default();
        while limits.take(at([10, 0, 0, 1])) {}
        tokio::time::advance(Duration::from_millis(100)).await;
        assert!(limits.take(at([10, 0, 0, 1])));
    }

    #[test]
    fn case_103_addresses_are_counted_within_bounds() {
        let mut limits = RateLimits::default();
        let taken = (0..5000_u32).filter(|number| limits.take(at(number.to_be_bytes()))).count();
        assert_eq!((taken, limits.0.unwrap().len()), (MOST_CLIENTS, MOST_CLIENTS));
    }

    #[test]
    fn a_moment_is_recent_on_both_sides() {
        let now = UnixMs(1_000_000);
        for (seconds, recent) in [("1000", true), ("700", true), ("1300", true), ("1301", false)] {
            assert_eq!(is_recent(seconds, now, Duration::from_mins(5)), recent, "{seconds}");
        }
        for seconds in ["", "x", "-1", "1000.0", "99999999999999999999", "18446744073709551615"] {
            assert!(!is_recent(seconds, now, Duration::from_mins(5)), "{seconds}");
        }
    }
}

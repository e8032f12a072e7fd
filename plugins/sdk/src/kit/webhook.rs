//! Requests that a platform sends to us: their length, then their age, then their signature, in constant time. What has
//! no proof is counted by address; what has one gets through, however many others have none.

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
        inbox::{AckQueue, Arrival, Received, Weigh},
        standing::Standing,
    },
};

/// Platforms' payloads are smaller.
pub const LONGEST_BODY: usize = 512 << 10;

/// An address has so many requests without a proof at once, and so many more each second.
const BURST: f64 = 100.0;
const RATE: f64 = 50.0;

/// After so long an address has all its requests again.
const FULL_AFTER: Duration = Duration::from_secs(2);

/// So many addresses are told apart.
const MOST_CLIENTS: usize = 1024;

/// How many requests without a proof each address may still send.
#[derive(Debug)]
struct RateLimits(Bounded<ClientAddress, Budget>);

#[derive(Clone, Copy, Debug)]
struct Budget {
    left: f64,
    since: Instant,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self(Bounded::expiring(MOST_CLIENTS, FULL_AFTER))
    }
}

impl RateLimits {
    /// The status to refuse a request with, before anything in it is read. What a platform posts is signed, and nobody
    /// guesses that; what it shows otherwise is a word, which is compared so often and no more (`case_104`).
    fn check(&mut self, methods: &[Method], exchange: &Exchange) -> Result<(), StatusCode> {
        let method = exchange.request.method();
        if !methods.contains(method) {
            return Err(StatusCode::METHOD_NOT_ALLOWED);
        }
        if exchange.request.body().len() > LONGEST_BODY {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        if *method != Method::POST && !self.take(exchange.client.address) {
            return Err(StatusCode::TOO_MANY_REQUESTS);
        }
        Ok(())
    }

    /// What a request that has no proof is answered. Where the proof cannot be judged now, nothing is counted.
    fn refuse(&mut self, client: ClientAddress, status: StatusCode) -> StatusCode {
        let counts = status == StatusCode::UNAUTHORIZED;
        if counts && !self.take(client) { StatusCode::TOO_MANY_REQUESTS } else { status }
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
            let client = exchange.client.address;
            let status = match self.check(methods, &exchange) {
                Ok(()) => match proof(&exchange.request).await {
                    Ok(proven) => return Ok((exchange, proven)),
                    Err(status) => self.refuse(client, status),
                },
                Err(status) => status,
            };
            if status != StatusCode::TOO_MANY_REQUESTS {
                tracing::debug!(%client, %status, "a request that is not the platform's");
            }
            reply(exchange, status);
        }
    }

    /// Counts a request of an address; false where it has sent too many, or too many others send some.
    fn take(&mut self, client: ClientAddress) -> bool {
        let now = Instant::now();
        let known = self.0.get(&client).copied();
        if known.is_none() && self.0.is_full() {
            return false;
        }
        let Budget { left, since } = known.unwrap_or(Budget { left: BURST, since: now });
        let left = (left + (now - since).as_secs_f64() * RATE).min(BURST);
        let allowed = left >= 1.0;
        let left = if allowed { left - 1.0 } else { left };
        self.0.insert(client, Budget { left, since: now });
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
    let next = async move |(mut limits, proof): (RateLimits, _)| {
        let proven = limits.next(methods, inbox, &proof).await;
        Some((proven, (limits, proof)))
    };
    stream::unfold((RateLimits::default(), proof), next)
}

/// Serves an account that its platform calls, until something goes wrong. `judge` says of what a request has proven
/// what it brings, and how it is answered once that is durable; what brings nothing is answered at once. `translate` is
/// that of [`AckQueue::connect`].
pub async fn serve<'a, T, I, F, H>(
    inbox: &'a Inbox,
    (queue, standing): (&'a AckQueue<I>, &'a Standing),
    proof: impl Fn(&Request<Bytes>) -> F + Send + Sync + 'a,
    judge: impl Fn(T) -> (Option<Arrival<I>>, Response<Bytes>) + Send + 'a,
    translate: impl Fn(I) -> H + Send + 'a,
) -> Result<(), ChannelError>
where
    T: Send + 'a,
    I: Clone + Send + Weigh,
    F: Future<Output = Result<T, StatusCode>> + Send + 'a,
    H: Future<Output = Result<Option<InboundEvent>, ChannelError>> + Send + 'a,
{
    inbox.caught_up();
    standing.say(inbox)?;
    let row = inbox.row();
    let mut pending = queue.connect(&row, translate);
    let mut proven = pin!(requests(inbox, proof));
    loop {
        tokio::select! {
            settled = pending.settled() => {
                settled?.into_iter().for_each(|(exchange, answer): (Exchange, _)| exchange.reply(answer));
            }
            Some(next) = proven.next() => {
                let (exchange, said) = next?;
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
    use std::future::ready;

    use http::Request;
    use tokio::sync::{mpsc, oneshot, watch};

    use super::*;
    use crate::{AccountId, Client, Link};

    fn at(address: [u8; 4]) -> ClientAddress {
        ClientAddress::of(address.into())
    }

    fn exchange(method: Method, length: usize, address: ClientAddress) -> Exchange {
        let request = Request::builder().method(method).body(Bytes::from(vec![b'x'; length]));
        let client = Client { address, local: true, hop: Link::Private, tls: false };
        Exchange::new(request.unwrap(), client, oneshot::channel().0, None)
    }

    fn check(limits: &mut RateLimits, method: Method, length: usize) -> Result<(), u16> {
        let exchange = exchange(method, length, at([127, 0, 0, 1]));
        limits.check(&[Method::GET, Method::POST], &exchange).map_err(|status| status.as_u16())
    }

    #[test]
    fn case_104_a_word_is_compared_so_often_and_no_more() {
        let mut limits = RateLimits::default();
        let answers: Vec<_> = (0..300).map(|_| check(&mut limits, Method::GET, 1)).collect();
        assert_eq!((answers[0], answers[299]), (Ok(()), Err(429)));
        assert_eq!(check(&mut limits, Method::POST, 1), Ok(()), "what is posted is signed");
        assert!(limits.take(at([10, 0, 0, 1])), "another address has a count of its own");
        assert_eq!(check(&mut limits, Method::POST, LONGEST_BODY + 1), Err(413));
        assert_eq!(check(&mut limits, Method::PUT, 1), Err(405));
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
        assert_eq!((taken, limits.0.len()), (MOST_CLIENTS, MOST_CLIENTS));
    }

    #[test]
    fn case_103_what_cannot_be_judged_now_is_not_counted() {
        let mut limits = RateLimits::default();
        let answers: Vec<_> = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::UNAUTHORIZED]
            .into_iter()
            .map(|status| {
                let mut answers = (0..300).map(|_| limits.refuse(at([10, 0, 0, 1]), status));
                (answers.next().unwrap().as_u16(), answers.last().unwrap().as_u16())
            })
            .collect();
        assert_eq!(answers, [(503, 503), (401, 429)]);
    }

    #[tokio::test]
    async fn case_103_a_flood_without_proof_takes_no_turn_of_a_request_that_has_one() {
        let (exchanges, taken) = mpsc::channel(8000);
        let account = AccountId::default_account();
        let inbox = Inbox::new(account, mpsc::channel(1).0, taken, watch::channel(false).0);
        let proof = |request: &Request<Bytes>| {
            ready(if request.body().len() == 2 { Ok(()) } else { Err(StatusCode::UNAUTHORIZED) })
        };
        let mut proven = pin!(requests(&inbox, proof));
        // All by one address, such as a tunnel's; and then by more than are told apart.
        for address in
            (0..300).map(|_| at([127, 0, 0, 1])).chain((0..5000_u32).map(|n| at(n.to_be_bytes())))
        {
            exchanges.try_send(exchange(Method::POST, 1, address)).unwrap();
        }
        for address in [at([127, 0, 0, 1]), at([203, 0, 113, 7])] {
            exchanges.try_send(exchange(Method::POST, 2, address)).unwrap();
            let (found, ()) = proven.next().await.unwrap().unwrap();
            assert_eq!(found.client.address, address);
        }
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

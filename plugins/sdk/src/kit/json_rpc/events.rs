//! What comes unasked: over HTTP as server-sent events, or over a stream line by line.

use std::{collections::VecDeque, pin::pin, sync::Arc, time::Duration};

use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tokio::time::{Instant, error::Elapsed, sleep_until, timeout, timeout_at};

use super::{Failure, Peer, Unasked, opened};
use crate::kit::sse;

/// The events of a connection go on for as long as it lasts.
const FOR_EVER: Duration = Duration::from_hours(24 * 365);

/// The events of one connection.
#[derive(Debug)]
pub struct Events {
    source: Source,
    heard: Instant,
}

#[derive(Debug)]
enum Source {
    Lines { peer: Arc<Peer>, unasked: Kept, methods: Vec<&'static str>, ping: Ping },
    Stream { response: Response, read: sse::Events, ready: VecDeque<Value> },
}

/// What comes unasked, with what came first.
#[derive(Debug)]
struct Kept {
    first: VecDeque<Result<Value, Ended>>,
    rest: Unasked,
}

impl Kept {
    async fn next(&mut self) -> Option<Result<Value, Ended>> {
        match self.first.pop_front() {
            Some(said) => Some(said),
            None => self.rest.recv().await,
        }
    }
}

/// Why there are no more events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The connection has ended.
    Closed,
    /// An event does not end.
    Endless,
    /// Nothing came for too long.
    Silent,
}

/// A call that is made where nothing came for a while: an answer is a sign of life.
pub type Ping = (&'static str, Value);

impl Events {
    /// Those with this method of what a peer sends unasked.
    pub fn lines(peer: Arc<Peer>, unasked: Unasked, method: &'static str, ping: Ping) -> Self {
        Self::lines_of(peer, unasked, &[method], ping)
    }

    /// Those with one of these methods.
    pub fn lines_of(
        peer: Arc<Peer>,
        unasked: Unasked,
        methods: &[&'static str],
        ping: Ping,
    ) -> Self {
        let (methods, unasked) = (methods.to_vec(), Kept { first: VecDeque::new(), rest: unasked });
        Self { source: Source::Lines { peer, unasked, methods, ping }, heard: Instant::now() }
    }

    /// Those of an address, of so many bytes at most. It may be silent for so long before it begins.
    pub async fn stream(
        request: RequestBuilder,
        longest: usize,
        silence: Duration,
    ) -> Result<Self, Failure> {
        let request = request.header("accept", "text/event-stream").timeout(FOR_EVER);
        let response = timeout(silence, opened(request)).await;
        let response =
            response.unwrap_or_else(|_| Err(Failure::Lost("no answer in time".to_owned())))?;
        let (read, ready) = (sse::Events::within(longest), VecDeque::new());
        Ok(Self { source: Source::Stream { response, read, ready }, heard: Instant::now() })
    }

    /// Waits for calls to the same peer, and keeps what comes meanwhile: their answers wait behind it.
    pub async fn beside<T>(&mut self, calls: impl Future<Output = T>) -> T {
        let Source::Lines { unasked: Kept { first, rest }, .. } = &mut self.source else {
            return calls.await;
        };
        let mut calls = pin!(calls);
        loop {
            tokio::select! {
                biased;
                Some(said) = rest.recv() => first.push_back(said),
                done = &mut calls => return done,
            }
        }
    }

    /// The next event; nothing for a sign of life, which is to come within this time. May be dropped and called again.
    pub async fn next(&mut self, silence: Duration) -> Result<Option<Value>, Ended> {
        let silent = |_: Elapsed| Ended::Silent;
        loop {
            let until = self.heard + silence;
            match &mut self.source {
                Source::Lines { peer, unasked, methods, ping } => {
                    let pinged = async {
                        sleep_until(until).await;
                        timeout(silence, peer.call(ping.0, &ping.1)).await
                    };
                    // What comes meanwhile is taken: the answer waits behind it.
                    let said = tokio::select! {
                        biased;
                        said = unasked.next() => Some(said),
                        pinged = pinged => pinged.map_err(silent)?.map(|_| None).map_err(|_| Ended::Closed)?,
                    };
                    self.heard = Instant::now();
                    let Some(said) = said else { return Ok(None) };
                    let mut said = said.ok_or(Ended::Closed)??;
                    if methods.iter().any(|method| said["method"] == *method) {
                        return Ok(Some(said["params"].take()));
                    }
                }
                Source::Stream { response, read, ready } => {
                    if let Some(event) = ready.pop_front() {
                        return Ok(Some(event));
                    }
                    let chunk = timeout_at(until, response.chunk()).await.map_err(silent)?;
                    let Ok(Some(bytes)) = chunk else { return Err(Ended::Closed) };
                    self.heard = Instant::now();
                    let events = read.feed(&bytes).map_err(|_| Ended::Endless)?;
                    if events.is_empty() && bytes.starts_with(b":") {
                        return Ok(None);
                    }
                    ready.extend(events.iter().filter_map(|one| serde_json::from_str(one).ok()));
                }
            }
        }
    }
}

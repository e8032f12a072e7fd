//! A stream of lines: answers find their calls, and what comes unasked waits to be taken.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::{Ended, TOO_LONG, written};

/// So many calls, and so many messages that come unasked, wait at most.
const QUEUE: usize = 64;

/// The calls without an answer; `None` once the stream has ended.
type Calls = Arc<Mutex<Option<HashMap<String, oneshot::Sender<Value>>>>>;

/// What comes unasked, and at last why nothing more comes.
pub type Unasked = mpsc::Receiver<Result<Value, Ended>>;

/// One end of a stream; dropped, the stream is closed.
#[derive(Debug)]
pub struct Peer {
    lines: mpsc::Sender<Vec<u8>>,
    calls: Calls,
    last: AtomicU64,
    _tasks: JoinSet<()>,
}

/// Why a call has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// It was never made.
    Unsent,
    /// The stream ended after it was made.
    Lost,
}

impl Peer {
    /// Speaks over this stream. What comes unasked is to be taken from the receiver, whole: answers wait behind it. A
    /// line of more bytes than `longest` is left out; the call whose answer it is fails with [`TOO_LONG`].
    pub fn new<S>(stream: S, longest: u64) -> (Self, Unasked)
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (read, mut write) = tokio::io::split(stream);
        let (lines, mut queue) = mpsc::channel::<Vec<u8>>(QUEUE);
        let (unasked, taken) = mpsc::channel(QUEUE);
        let calls: Calls = Arc::new(Mutex::new(Some(HashMap::new())));
        let (answered, mut tasks) = (Arc::clone(&calls), JoinSet::new());
        tasks.spawn(async move {
            while let Some(line) = queue.recv().await {
                if write.write_all(&line).await.is_err() {
                    return;
                }
            }
        });
        tasks.spawn(async move {
            let mut read = BufReader::new(read);
            let ended = loop {
                let said = match next(&mut read, longest).await {
                    Ok(said) => said,
                    Err(ended) => break ended,
                };
                let Some(id) = said["id"].as_str().filter(|_| said.get("method").is_none()) else {
                    // It may be that nobody takes them any more.
                    drop(unasked.send(Ok(said)).await);
                    continue;
                };
                let call = answered.lock().as_mut().and_then(|calls| calls.remove(id));
                // A caller may have gone.
                drop(call.map(|call| call.send(said)));
            };
            answered.lock().take();
            drop(unasked.send(Err(ended)).await);
        });
        (Self { lines, calls, last: AtomicU64::new(0), _tasks: tasks }, taken)
    }

    /// Makes a call: the whole answer, with its result or its error. May be dropped, and then nobody waits for it.
    pub async fn call(&self, method: &str, params: &Value) -> Result<Value, Unanswered> {
        let id = self.last.fetch_add(1, Ordering::Relaxed).to_string();
        let mut line = written(&id, method, params).to_string().into_bytes();
        line.push(b'\n');
        let room = self.lines.reserve().await.map_err(|_| Unanswered::Unsent)?;
        let (told, answer) = oneshot::channel();
        if let Some(calls) = &mut *self.calls.lock() {
            calls.insert(id.clone(), told);
        } else {
            return Err(Unanswered::Unsent);
        }
        let waiting = Waiting { calls: &self.calls, id: &id };
        room.send(line);
        let said = answer.await.map_err(|_| Unanswered::Lost);
        drop(waiting);
        said
    }
}

/// A call whose answer is waited for.
struct Waiting<'a> {
    calls: &'a Calls,
    id: &'a str,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(calls) = &mut *self.calls.lock() {
            calls.remove(self.id);
        }
    }
}

/// The next line that is JSON.
async fn next(read: &mut (impl AsyncBufReadExt + Unpin), longest: u64) -> Result<Value, Ended> {
    loop {
        let mut line = Vec::new();
        let length = (&mut *read).take(longest).read_until(b'\n', &mut line).await;
        let length = length.map_err(|_| Ended::Closed)?;
        if line.pop() != Some(b'\n') {
            if (length as u64) < longest {
                // Half a line of a stream that has ended is none.
                return Err(Ended::Closed);
            }
            skip(read).await?;
            tracing::warn!("a line of more than {longest} bytes is left out");
            if let Some(id) = answered(&line) {
                let error = json!({ "code": TOO_LONG, "message": "the answer is too long" });
                return Ok(json!({ "id": id, "error": error }));
            }
            continue;
        }
        if let Ok(said) = serde_json::from_slice(&line) {
            return Ok(said);
        }
    }
}

/// Reads to the end of a line, and keeps nothing of it.
async fn skip(read: &mut (impl AsyncBufReadExt + Unpin)) -> Result<(), Ended> {
    loop {
        let piece = read.fill_buf().await.map_err(|_| Ended::Closed)?;
        let (length, end) = (piece.len(), piece.iter().position(|byte| *byte == b'\n'));
        read.consume(end.map_or(length, |end| end + 1));
        match end {
            Some(_) => return Ok(()),
            None if length == 0 => return Err(Ended::Closed),
            None => {}
        }
    }
}

/// The id of the call that a line answers, by how it begins.
fn answered(line: &[u8]) -> Option<String> {
    let begin = String::from_utf8_lossy(&line[..line.len().min(200)]).replace(' ', "");
    let (before, rest) = begin.split_once("\"id\":\"")?;
    let is_answer = !before.contains("\"method\"") && !before.contains("\"result\"");
    let (id, _) = rest.split_once('"').filter(|_| is_answer)?;
    Some(id.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::io::{DuplexStream, duplex};

    use super::*;

    fn pair(longest: u64) -> (Peer, Unasked, BufReader<DuplexStream>) {
        let (ours, theirs) = duplex(64 * 1024);
        let (peer, unasked) = Peer::new(ours, longest);
        (peer, unasked, BufReader::new(theirs))
    }

    async fn write(far: &mut BufReader<DuplexStream>, text: &str) {
        far.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    #[tokio::test]
    async fn answers_find_their_calls_in_any_order_and_the_rest_is_taken_beside_them() {
        let (peer, mut unasked, mut far) = pair(1 << 20);
        let params = json!({ "a": 1 });
        let calls = async { tokio::join!(peer.call("one", &params), peer.call("two", &params)) };
        let answers = async {
            let one = next(&mut far, 999).await.unwrap();
            let two = next(&mut far, 999).await.unwrap();
            assert_eq!((&one["method"], &one["params"]["a"]), (&json!("one"), &json!(1)));
            // Two in one piece, one in two pieces, and what is none.
            write(&mut far, "{\"method\":\"a\"}\n{\"method\":\"b\"}\n{\"meth").await;
            write(&mut far, "od\":\"c\"}\n\nno JSON\n{\"method\":\n[]\n").await;
            write(&mut far, "{\"id\":\"unknown\",\"result\":1}\n{\"id\":null,\"error\":1}\n").await;
            for call in [two, one] {
                let said = json!({ "jsonrpc": "2.0", "id": call["id"], "result": call["method"] });
                write(&mut far, &format!("{said}\n")).await;
            }
        };
        let ((one, two), ()) = tokio::join!(calls, answers);
        assert_eq!(
            (&one.unwrap()["result"], &two.unwrap()["result"]),
            (&json!("one"), &json!("two"))
        );
        for method in ["a", "b", "c"] {
            assert_eq!(unasked.recv().await.unwrap().unwrap()["method"], method);
        }
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_takes_nothing_with_it_and_fails_the_call_that_it_answers() {
        let (peer, mut unasked, mut far) = pair(64);
        let long = "x".repeat(200_000);
        let answers = async {
            let call = next(&mut far, 999).await.unwrap();
            write(&mut far, &format!("{{\"method\":\"a\",\"params\":\"{long}\"}}\n")).await;
            write(&mut far, "{\"method\":\"b\"}\n").await;
            let id = &call["id"];
            write(
                &mut far,
                &format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":\"{long}\"}}\n"),
            )
            .await;
            write(&mut far, "{\"method\":\"c\"}\n").await;
        };
        let (said, ()) = tokio::join!(peer.call("one", &Value::Null), answers);
        assert_eq!(said.unwrap()["error"]["code"], TOO_LONG);
        for method in ["b", "c"] {
            assert_eq!(unasked.recv().await.unwrap().unwrap()["method"], method);
        }
    }

    #[tokio::test]
    async fn a_stream_that_ends_leaves_no_call_waiting() {
        let long = "x".repeat(65);
        for (last, ended) in
            [("", Ended::Closed), ("{\"method\":", Ended::Closed), (&*long, Ended::Closed)]
        {
            let (peer, mut unasked, mut far) = pair(64);
            let params = Value::Null;
            let ends = async {
                next(&mut far, 999).await.unwrap();
                write(&mut far, last).await;
                drop(far);
            };
            let (said, ()) = tokio::join!(peer.call("one", &params), ends);
            assert_eq!(said, Err(Unanswered::Lost), "{last}");
            assert_eq!(unasked.recv().await, Some(Err(ended)), "{last}");
            assert_eq!(peer.call("two", &params).await, Err(Unanswered::Unsent));
        }
    }

    #[tokio::test]
    async fn what_nobody_takes_stops_no_answer_and_a_caller_that_has_gone_leaves_nothing() {
        let (peer, unasked, mut far) = pair(1 << 20);
        drop(unasked);
        for _ in 0..2 * QUEUE {
            write(&mut far, "{\"method\":\"a\"}\n").await;
        }
        let params = Value::Null;
        drop(tokio::time::timeout(std::time::Duration::ZERO, peer.call("gone", &params)).await);
        assert_eq!(peer.calls.lock().as_ref().unwrap().len(), 0);
        let answers = async {
            assert_eq!(next(&mut far, 999).await.unwrap()["method"], "gone");
            let call = next(&mut far, 999).await.unwrap();
            write(&mut far, &format!("{}\n", json!({ "id": call["id"], "result": 7 }))).await;
        };
        let (said, ()) = tokio::join!(peer.call("one", &params), answers);
        assert_eq!(said.unwrap()["result"], 7);
    }
}

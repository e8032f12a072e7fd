//! The running gateway, as a command on the same machine reaches it: `<state>/run/gateway.sock`.
//!
//! The frames are the protocol's, one JSON object a line. The types are those of both ends; the gateway's end serves them.

pub mod door;
pub mod ready;
pub mod status;

use openclaw_config as config;
use openclaw_protocol as protocol;
use openclaw_registry as registry;
use openclaw_store as store;
use openclaw_world as world;

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use self::status::{AssistantStatus, ChannelsStatus, Outbox};
use crate::{
    protocol::frame::{Refused, Request, Response},
    store::paths::StateDir,
};

/// Is the gateway there: gives [`Health`].
pub const HEALTH: &str = "health";
/// How each account fares: gives [`ChannelsStatus`].
pub const CHANNELS_STATUS: &str = "channels.status";
/// What stands before an invitation's code in a link to each account that knows its own name: gives [`InviteLink`]s.
/// The code itself is not asked with.
pub const INVITE_LINKS: &str = "invite.links";
/// What owners are still to be told: gives [`Outbox`].
pub const OUTBOX: &str = "outbox";
/// Tell an approved sender: takes [`Notify`], gives `{}`.
pub const PAIRING_NOTIFY: &str = "pairing.notify";

/// From its answer on, the connection carries what the gateway's port carries: HTTP, and the protocol's sockets.
pub const PROTOCOL: &str = "protocol";

/// The longest line that either end reads.
pub const LINE_LIMIT: usize = 1 << 20;

const PATIENCE: Duration = Duration::from_secs(5);

/// The answer to [`HEALTH`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Always true: who is not well does not answer.
    pub ok: bool,
    /// The gateway's process.
    pub pid: u32,
    /// Where its server listens.
    pub port: u16,
    /// What it was built as.
    pub version: String,
    /// Who has sent forwarding headers without being named in `gateway.trusted_proxies`, since the start.
    #[serde(rename = "unnamedProxies", default, skip_serializing_if = "Option::is_none")]
    pub unnamed_proxies: Option<UnnamedProxies>,
    /// How the assistant is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistant: Option<AssistantStatus>,
    /// The keys of the configuration whose change holds only from a restart on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restart: Vec<String>,
}

/// Proxies that are not believed, because the configuration does not name them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnnamedProxies {
    /// How many requests came through them.
    pub requests: u64,
    /// The first few of their addresses.
    pub addresses: Vec<String>,
}

/// A link to an account, without the code at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteLink {
    /// The channel's id.
    pub channel: String,
    /// The account's id.
    pub account: String,
    /// What stands before the code.
    pub head: String,
}

/// The parameters of [`PAIRING_NOTIFY`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// The channel's id.
    pub channel: String,
    /// The account's id.
    pub account: String,
    /// The person's stable id.
    pub sender: String,
}

/// Why the gateway did not do it.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// It was asked, and did not answer to the end. It may have done it.
    #[error("the gateway does not answer: {0}")]
    Broken(#[source] io::Error),
    /// It answered with a refusal.
    #[error("{}", .0.message)]
    Refused(Box<Refused>),
    /// The folder of the socket is not this user's own.
    #[error(transparent)]
    Place(#[from] door::Unsafe),
    /// Another user's program listens there.
    #[error("{socket} is served by uid {uid}, who is not this user; nothing was sent", socket = socket.display())]
    Stranger {
        /// Where.
        socket: PathBuf,
        /// Who.
        uid: u32,
    },
    /// It answered something that is no answer.
    #[error("the gateway's answer is unreadable: {0}")]
    Unreadable(String),
    /// Nobody listens.
    #[error("no gateway answers at {socket}: {source}", socket = socket.display())]
    Unreachable {
        /// Where.
        socket: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// A connection to the running gateway.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    patience: Duration,
    asked: u32,
    unread: Vec<u8>,
}

impl Client {
    /// Connects to the gateway of a state folder.
    pub fn of_folder(state: &StateDir) -> Result<Self, LocalError> {
        Self::connect(&door::find(state)?)
    }

    /// Connects. Waits for nothing: the kernel accepts for the listener.
    pub fn connect(socket: &Path) -> Result<Self, LocalError> {
        let unreachable = |source| LocalError::Unreachable { socket: socket.to_owned(), source };
        let stream = UnixStream::connect(socket).map_err(unreachable)?;
        let uid = door::peer(&stream).map_err(LocalError::Broken)?;
        if !door::is_ours(uid, socket) {
            return Err(LocalError::Stranger { socket: socket.to_owned(), uid });
        }
        Ok(Self { stream, patience: PATIENCE, asked: 0, unread: Vec::new() })
    }

    /// Asks whether it is well.
    pub fn health(&mut self) -> Result<Health, LocalError> {
        self.call(HEALTH, None)
    }

    /// Asks how each account fares.
    pub fn channels_status(&mut self) -> Result<ChannelsStatus, LocalError> {
        self.call(CHANNELS_STATUS, None)
    }

    /// Asks how a link with an invitation begins.
    pub fn invite_links(&mut self) -> Result<Vec<InviteLink>, LocalError> {
        self.call(INVITE_LINKS, None)
    }

    /// Asks what owners are still to be told.
    pub fn outbox(&mut self) -> Result<Outbox, LocalError> {
        self.call(OUTBOX, None)
    }

    /// Asks it to tell a sender of the approval.
    pub fn notify(&mut self, notify: &Notify) -> Result<(), LocalError> {
        let params = serde_json::to_value(notify).map_err(|error| unreadable(&error))?;
        self.call::<Value>(PAIRING_NOTIFY, Some(params)).map(drop)
    }

    /// The connection, for the protocol: see [`PROTOCOL`].
    pub fn into_protocol(mut self) -> Result<UnixStream, LocalError> {
        self.call::<Value>(PROTOCOL, None)?;
        let Self { stream, unread, .. } = self;
        if !unread.is_empty() {
            return Err(LocalError::Unreadable(
                "it sent more answers than it got requests".to_owned(),
            ));
        }
        let plain = stream.set_read_timeout(None).and_then(|()| stream.set_write_timeout(None));
        plain.map_err(LocalError::Broken)?;
        Ok(stream)
    }

    fn call<T: DeserializeOwned>(
        &mut self,
        method: &str,
        params: Option<Value>,
    ) -> Result<T, LocalError> {
        self.asked += 1;
        let request = Request::new(self.asked.to_string(), method, params);
        let mut line = serde_json::to_string(&request).map_err(|error| unreadable(&error))?;
        line.push('\n');
        let until = Instant::now() + self.patience;
        let answer =
            self.exchange(&line, until).map_err(|error| LocalError::Broken(spoken(error)))?;
        let response: Response =
            serde_json::from_slice(&answer).map_err(|error| unreadable(&error))?;
        if response.id != request.id {
            return Err(LocalError::Unreadable("it answered another request".to_owned()));
        }
        if let Some(refused) = response.error {
            return Err(LocalError::Refused(Box::new(refused)));
        }
        let payload = response.payload.unwrap_or_default();
        serde_json::from_value(payload).map_err(|error| unreadable(&error))
    }

    fn exchange(&mut self, line: &str, until: Instant) -> io::Result<Vec<u8>> {
        self.stream.set_write_timeout(Some(left(until)?))?;
        self.stream.write_all(line.as_bytes())?;
        loop {
            self.stream.set_read_timeout(Some(left(until)?))?;
            let mut piece = [0; 4096];
            let read = self.stream.read(&mut piece)?;
            let piece = &piece[..read];
            if let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
                let mut answer = std::mem::replace(&mut self.unread, piece[end + 1..].to_vec());
                answer.extend_from_slice(&piece[..end]);
                return Ok(answer);
            }
            self.unread.extend_from_slice(piece);
            if piece.is_empty() {
                return Err(io::Error::other("it closed the connection"));
            }
            if self.unread.len() > LINE_LIMIT {
                return Err(io::Error::other("the answer is too long"));
            }
        }
    }
}

/// The time that is left; a limit of zero would be none.
fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// The kernel says "would block" where it means that the time is over.
fn spoken(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            io::Error::other("no answer in time")
        }
        _ => error,
    }
}

fn unreadable(error: &serde_json::Error) -> LocalError {
    LocalError::Unreadable(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        os::unix::net::UnixListener,
        thread::{self, JoinHandle},
    };

    use serde_json::json;

    use super::*;

    /// Answers each line of one connection; an empty answer hangs up.
    fn serve(listener: UnixListener, answer: fn(&Request) -> String) -> JoinHandle<()> {
        thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut writer = stream.try_clone().unwrap();
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let answer = answer(&Request::parse(&line).unwrap());
                // A client that has gone needs no answer.
                drop(writer.write_all(answer.as_bytes()));
            }
        })
    }

    fn answered(answer: fn(&Request) -> String, patience: Duration) -> Result<Health, LocalError> {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s");
        let served = serve(UnixListener::bind(&socket).unwrap(), answer);
        let mut client = Client::connect(&socket).unwrap();
        client.patience = patience;
        let health = client.health();
        drop(client);
        served.join().unwrap();
        health
    }

    fn said(answer: fn(&Request) -> String) -> String {
        answered(answer, PATIENCE).unwrap_err().to_string()
    }

    #[test]
    fn a_gateway_answers() {
        let answer = |request: &Request| {
            assert_eq!((request.method.as_str(), &request.params), ("health", &None));
            let payload = json!({ "ok": true, "pid": 7, "port": 18789, "version": "1.2.3" });
            format!("{}\n", serde_json::to_string(&Response::done(&request.id, payload)).unwrap())
        };
        let health = answered(answer, PATIENCE);
        let version = "1.2.3".to_owned();
        let expected = Health {
            ok: true,
            pid: 7,
            port: 18789,
            version,
            unnamed_proxies: None,
            assistant: None,
            restart: Vec::new(),
        };
        assert_eq!(health.unwrap(), expected);
    }

    #[test]
    fn a_refusal_says_why() {
        let said = said(|request| {
            let refused = Response::unknown_method(request);
            format!("{}\n", serde_json::to_string(&refused).unwrap())
        });
        assert_eq!(said, "unknown method: health");
    }

    #[test]
    fn nobody_waits_longer_than_the_limit() {
        let error = answered(|_| String::from("{"), Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().ends_with("no answer in time"), "{error}");
    }

    #[test]
    fn what_is_no_answer_is_told_from_one() {
        assert!(said(|_| "{}\n".to_owned()).starts_with("the gateway's answer is unreadable"));
        let other = said(|_| {
            format!("{}\n", serde_json::to_string(&Response::done("x", json!({}))).unwrap())
        });
        assert_eq!(other, "the gateway's answer is unreadable: it answered another request");
        assert!(said(|_| "x".repeat(LINE_LIMIT + 4097)).ends_with("the answer is too long"));
    }

    #[test]
    fn where_nobody_listens_the_error_names_the_place() {
        let error = Client::connect(Path::new("/nonexistent/gateway.sock")).unwrap_err();
        assert!(error.to_string().starts_with("no gateway answers at /nonexistent/gateway.sock: "));
    }
}

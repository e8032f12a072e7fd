//! The gateway's socket, from hello to goodbye. What arrives is handed over in order, while heartbeats go on and
//! interactions get their first answer; what was not made durable, Discord sends again to the same session.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use openclaw_plugin_sdk::{
    Bytes, Channel, ChannelError, FetchError, FileRef, Inbox, OutboundMessage, SentRef, Settings,
    SettingsError, async_trait,
    http_client::ANSWER_LIMIT,
    kit::{self, api::Answer, bounded::Bounded, directory::DirectChats, fetch, socket::Socket},
    reqwest::Method,
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use serenity::{builder::CreateCommand, model::gateway::GatewayIntents};
use tokio::time::Instant;

use crate::{
    PLUGIN,
    api::{Api, Call, of_account, unauthorized},
    channels::ChannelInfo,
    commands,
    config::Config,
    inbound,
    interaction::LIFE,
    text,
};

mod hearing;

use hearing::Ending;

/// Where Discord keeps what people send. It needs no token.
const FILES: &[&str] = &["cdn.discordapp.com", "media.discordapp.net"];

/// Discord begins one session in this time, or as many as it says.
const PACE: Duration = Duration::from_secs(5);

/// So many interactions are remembered, the newest.
const MOST_INTERACTIONS: usize = 256;

/// One bot.
pub(crate) struct Discord {
    pub(crate) config: Config,
    pub(crate) commands: Vec<CreateCommand>,
    api: Result<Api, String>,
    /// The session, if there is one that can be resumed.
    session: Mutex<Option<Session>>,
    /// Discord does not let the bot read what does not mention it.
    limited: AtomicBool,
    begun: Mutex<Option<Instant>>,
    /// Those that were answered with nothing and can be followed up, by id.
    pub(crate) interactions: Mutex<Bounded<String, Arc<Value>>>,
    pub(crate) channels: Mutex<Bounded<String, ChannelInfo>>,
    pub(crate) direct: DirectChats,
}

/// One session.
#[derive(Clone)]
struct Session {
    id: String,
    /// Where it is resumed; `None` for where sessions begin.
    url: Option<String>,
    /// The last event whose consequences are durable: Discord sends again what came after it.
    acknowledged: u64,
    /// The bot's own id.
    me: String,
}

#[async_trait]
impl Channel for Discord {
    async fn receive(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        loop {
            let session = self.session();
            let (mut socket, heartbeat) = self.connect(session.as_ref(), inbox).await?;
            let frame = self.beginning(session.as_ref()).to_string();
            socket.send_secret(frame).await.map_err(|why| PLUGIN.lost(why))?;
            match self.hear(socket, heartbeat, inbox).await? {
                Ending::Reconnect => return Ok(()),
                Ending::Lost(why) => return Err(PLUGIN.lost(why)),
                // Only the missing intent is tried again at once, and only once.
                Ending::Closed(Some(4014)) if !self.limited.swap(true, Ordering::AcqRel) => {
                    self.forget();
                }
                Ending::Closed(code) => return Err(self.closed(code)),
            }
        }
    }

    async fn send(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        self.deliver(message).await
    }

    async fn fetch(&self, file: &FileRef, limit: usize) -> Result<Bytes, FetchError> {
        fetch::named(&file.id, (&self.config.root, FILES), None, limit).await
    }
}

impl Discord {
    pub(crate) fn open(settings: &Settings) -> Result<Self, SettingsError> {
        let listed = kit::listed(&settings.commands, "-", 100);
        let config = Config::read(settings)?;
        Ok(Self {
            api: Api::new(&config),
            config,
            commands: listed.map(|(name, summary)| commands::command(name, summary)).collect(),
            session: Mutex::default(),
            limited: AtomicBool::new(false),
            begun: Mutex::default(),
            interactions: Mutex::new(Bounded::expiring(MOST_INTERACTIONS, LIFE)),
            channels: Mutex::default(),
            direct: DirectChats::default(),
        })
    }

    pub(crate) fn api(&self) -> Result<&Api, ChannelError> {
        self.api.as_ref().map_err(|why| PLUGIN.lost(why))
    }

    /// Opens the socket, where the session was or where sessions begin, and hears how often to send heartbeats.
    async fn connect(
        &self,
        session: Option<&Session>,
        inbox: &Inbox,
    ) -> Result<(Socket, Duration), ChannelError> {
        let url = match session.and_then(|session| session.url.clone()) {
            Some(url) => url,
            None => self.locate(session.is_none(), inbox).await?,
        };
        let opened = self.open_socket(&url).await;
        if let (Err(_), Some(session)) = (&opened, self.session.lock().as_mut()) {
            session.url = None;
        }
        opened
    }

    async fn open_socket(&self, said: &str) -> Result<(Socket, Duration), ChannelError> {
        let misplaced = |why: &str| ChannelError::Disconnected(why.to_owned());
        let mut url = self.config.gateway(said).map_err(misplaced)?;
        url.set_query(Some("v=10&encoding=json"));
        let lost = |why| PLUGIN.lost(why);
        let mut socket = Socket::open(&url, ANSWER_LIMIT).await.map_err(lost)?;
        let every = socket.greeting(|text| Some(heartbeat(text))).await.map_err(lost)?;
        Ok((socket, every.ok_or_else(|| lost("begins with something unreadable"))?))
    }

    fn session(&self) -> Option<Session> {
        self.session.lock().clone()
    }

    /// There is nothing to resume.
    fn forget(&self) {
        *self.session.lock() = None;
    }

    /// Begins a session; `None` where what Discord says of it cannot be read.
    fn begin(&self, ready: &Value) -> Option<()> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let (id, me) = (text(&ready["session_id"])?, text(&ready["user"]["id"])?);
        let url = text(&ready["resume_gateway_url"]);
        *self.session.lock() = Some(Session { id, url, acknowledged: 0, me });
        Some(())
    }

    /// Where sessions begin. A new one waits until it may begin.
    async fn locate(&self, anew: bool, inbox: &Inbox) -> Result<String, ChannelError> {
        let call = Call::at(Method::GET, "/gateway/bot", "");
        let Answer { headers, body, .. } = self.api()?.read(call).await.map_err(of_account)?;
        inbox.learn_time(&headers);
        let limit = &body["session_start_limit"];
        if anew && limit["remaining"] == 0 {
            let wait = limit["reset_after"].as_u64().unwrap_or_default().max(1000);
            let wait = Duration::from_millis(wait);
            tracing::warn!(seconds = wait.as_secs(), "Discord begins no more sessions today");
            return Err(ChannelError::RateLimited(wait));
        }
        if anew {
            let together = limit["max_concurrency"].as_u64().unwrap_or(1).clamp(1, 100);
            let last = *self.begun.lock();
            if let Some(last) = last {
                let pace = PACE / u32::try_from(together).unwrap_or(1);
                tokio::time::sleep_until(last + pace).await;
            }
            *self.begun.lock() = Some(Instant::now());
        }
        Ok(inbound::text(&body, "url").to_owned())
    }

    /// The frame that goes on with a session, or begins one.
    fn beginning(&self, session: Option<&Session>) -> Value {
        let token = self.config.token.expose();
        if let Some(Session { id, acknowledged, .. }) = session {
            return json!({ "op": 6, "d": { "token": token, "session_id": id, "seq": acknowledged } });
        }
        let mut intents = GatewayIntents::GUILDS
            | GatewayIntents::GUILD_MESSAGES
            | GatewayIntents::DIRECT_MESSAGES;
        intents.set(GatewayIntents::MESSAGE_CONTENT, !self.limited.load(Ordering::Acquire));
        let (os, us) = (std::env::consts::OS, "openclaw");
        let properties = json!({ "os": os, "browser": us, "device": us });
        json!({ "op": 2, "d": {
            "token": token, "intents": intents.bits(), "properties": properties,
        } })
    }

    /// What it means that Discord has closed the connection.
    fn closed(&self, code: Option<u16>) -> ChannelError {
        match code {
            Some(4004) => unauthorized(),
            Some(code @ (4010..=4014)) => ChannelError::Unauthorized(text::refused(code)),
            _ => {
                // The session is not known, the number wrong, or too old.
                if matches!(code, Some(4003 | 4007 | 4009)) {
                    self.forget();
                }
                let code = code.map_or("no code".to_owned(), |code| code.to_string());
                PLUGIN.lost(&format!("closed the connection ({code})"))
            }
        }
    }
}

/// How often to send heartbeats, by the first frame.
fn heartbeat(text: &str) -> Option<Duration> {
    let hello: Value = serde_json::from_str(text).ok()?;
    let every = hello["d"]["heartbeat_interval"].as_u64().filter(|_| hello["op"] == 10)?;
    // Whatever is said, neither a busy loop nor silence follows from it.
    Some(Duration::from_millis(every.clamp(50, 120_000)))
}

//! The gateway's socket, from hello to goodbye. What arrives is handed over in order, while heartbeats go on and
//! interactions get their first answer; what was not made durable, Discord sends again to the same session.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use openclaw_plugin_sdk::{
    Channel, ChannelError, Inbox, OutboundMessage, SentRef, Settings, SettingsError, async_trait,
    http_client::{ANSWER_LIMIT, date},
    kit::{self, api::Answer, socket::Socket},
    reqwest::Method,
};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use serenity::{builder::CreateCommand, model::gateway::GatewayIntents};
use tokio::time::Instant;

use crate::{
    api::{Api, Call, lost, of_account, unauthorized},
    commands,
    config::Config,
    inbound,
    interaction::Interactions,
    places::Places,
    text,
};

mod hearing;

use hearing::Ending;

/// Discord begins one session in this time, or as many as it says.
const PACE: Duration = Duration::from_secs(5);

/// One bot.
pub(crate) struct Discord {
    config: Config,
    commands: Vec<CreateCommand>,
    api: Result<Api, String>,
    /// The session, if there is one that can be resumed.
    session: Mutex<Option<Session>>,
    /// Discord does not let the bot read what does not mention it.
    limited: AtomicBool,
    begun: Mutex<Option<Instant>>,
    pub(crate) interactions: Interactions,
    pub(crate) places: Places,
}

/// One session.
#[derive(Clone)]
struct Session {
    id: String,
    /// Where it is resumed; `None` for where sessions begin.
    url: Option<String>,
    /// The last event whose consequences are durable: Discord sends again what came after it.
    settled: u64,
    /// The bot's own id.
    me: String,
}

/// One frame.
#[derive(Deserialize)]
struct Frame<'a> {
    op: u8,
    #[serde(default)]
    s: Option<u64>,
    #[serde(default, borrow)]
    t: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    d: Option<&'a RawValue>,
}

impl Frame<'_> {
    fn data(&self) -> Option<Value> {
        let value = self.d.and_then(|data| serde_json::from_str(data.get()).ok());
        if value.is_none() {
            // Why is not said: the reason would quote the message.
            tracing::warn!(kind = self.t.as_deref(), "an event cannot be read");
        }
        value
    }
}

#[async_trait]
impl Channel for Discord {
    async fn receive(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        let api = self.api()?;
        let known = self.session();
        let (mut socket, mut beat) = self.connect(api, known.as_ref(), inbox).await?;
        loop {
            let begun = known.as_ref().filter(|_| self.session().is_some());
            let frame = self.beginning(begun).to_string();
            socket.send_secret(frame).await.map_err(lost)?;
            match self.hear(socket, beat, api, inbox).await? {
                Ending::Asked => return Ok(()),
                Ending::Lost(why) => return Err(lost(why)),
                // Only the missing intent is tried again at once, and only once.
                Ending::Closed(Some(4014)) if !self.limited.swap(true, Ordering::AcqRel) => {
                    self.forget();
                }
                Ending::Closed(code) => return Err(self.closed(code)),
            }
            (socket, beat) = self.connect(api, None, inbox).await?;
        }
    }

    async fn send(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        self.deliver(message).await
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
            interactions: Interactions::default(),
            places: Places::default(),
        })
    }

    pub(crate) fn api(&self) -> Result<&Api, ChannelError> {
        self.api.as_ref().map_err(|why| lost(why))
    }

    /// Opens the socket, where the session was or where sessions begin, and hears how often it is to beat.
    async fn connect(
        &self,
        api: &Api,
        session: Option<&Session>,
        inbox: &Inbox,
    ) -> Result<(Socket, Duration), ChannelError> {
        let url = match session.and_then(|session| session.url.clone()) {
            Some(url) => url,
            None => self.locate(api, session.is_none(), inbox).await?,
        };
        let opened = self.reach(&url).await;
        if let (Err(_), Some(session)) = (&opened, self.session.lock().as_mut()) {
            session.url = None;
        }
        opened
    }

    async fn reach(&self, said: &str) -> Result<(Socket, Duration), ChannelError> {
        let misplaced = |why: &str| ChannelError::Disconnected(why.to_owned());
        let mut url = self.config.gateway(said).map_err(misplaced)?;
        url.set_query(Some("v=10&encoding=json"));
        let mut socket = Socket::open(&url, ANSWER_LIMIT).await.map_err(lost)?;
        let beat = socket.greeting(|text| Some(heartbeat(text))).await.map_err(lost)?;
        Ok((socket, beat.ok_or_else(|| lost("begins with something unreadable"))?))
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
        *self.session.lock() = Some(Session { id, url, settled: 0, me });
        Some(())
    }

    /// The consequences of an event are durable.
    fn settle(&self, number: u64) {
        if let Some(session) = self.session.lock().as_mut() {
            session.settled = session.settled.max(number);
        }
    }

    /// Where sessions begin. A new one waits its turn.
    async fn locate(&self, api: &Api, anew: bool, inbox: &Inbox) -> Result<String, ChannelError> {
        let call = Call::at(Method::GET, "/gateway/bot", "");
        let Answer { headers, body: gateway, .. } = api.read(call).await.map_err(of_account)?;
        if let Some(now) = date(&headers) {
            inbox.platform_time(now);
        }
        if anew {
            self.turn(&gateway["session_start_limit"]).await?;
        }
        Ok(inbound::text(&gateway, "url").to_owned())
    }

    async fn turn(&self, limit: &Value) -> Result<(), ChannelError> {
        if limit["remaining"] == 0 {
            let wait = Duration::from_millis(limit["reset_after"].as_u64().unwrap_or_default());
            let wait = wait.max(Duration::from_secs(1));
            tracing::warn!(seconds = wait.as_secs(), "Discord begins no more sessions today");
            return Err(ChannelError::RateLimited(wait));
        }
        let together = limit["max_concurrency"].as_u64().unwrap_or(1).clamp(1, 100);
        let pace = PACE / u32::try_from(together).unwrap_or(1);
        let last = *self.begun.lock();
        if let Some(last) = last {
            tokio::time::sleep_until(last + pace).await;
        }
        *self.begun.lock() = Some(Instant::now());
        Ok(())
    }

    /// The frame that goes on with a session, or begins one.
    fn beginning(&self, session: Option<&Session>) -> Value {
        let token = self.config.token.expose();
        if let Some(Session { id, settled, .. }) = session {
            return json!({ "op": 6, "d": { "token": token, "session_id": id, "seq": settled } });
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
                lost(&format!("closed the connection ({code})"))
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

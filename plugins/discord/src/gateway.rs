//! The gateway's socket, from hello to goodbye. What arrives is handed over in order, while heartbeats go on and
//! interactions get their first answer; what was not made durable, Discord sends again to the same session.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use openclaw_plugin_sdk::{
    ChannelError, Inbox, Settings, SettingsError,
    http_client::ANSWER_LIMIT,
    kit::{self, socket::Socket},
    reqwest::Method,
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use serenity::{builder::CreateCommand, model::gateway::GatewayIntents};
use tokio::time::Instant;

use crate::{
    api::{Api, Call, lost, of_account, unauthorized},
    commands,
    config::Config,
    interaction::Interactions,
    places::Places,
    wire::{Frame, Gateway, Hello, Ready, StartLimit},
};

mod hearing;

use hearing::Ending;

/// Discord begins one session in this time, or as many as it says.
const PACE: Duration = Duration::from_secs(5);

/// What does not work without the intent, and how to change that.
const LIMITED: &str = "in servers only messages that mention the bot are heard: turn on Message Content Intent \
                       in the Developer Portal, under Bot, and restart the gateway";

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

    /// Connects and hears until something goes wrong.
    pub(crate) async fn listen(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        let api = self.api()?;
        let known = self.session();
        let (mut socket, mut beat) = self.connect(api, known.as_ref(), inbox).await?;
        loop {
            let frame = match &known {
                Some(session) if self.session().is_some() => self.resume(session),
                _ => self.identify(),
            };
            socket.send_secret(frame.to_string()).await.map_err(lost)?;
            let ending = self.hear(socket, beat, api, inbox).await?;
            // Only the missing intent is tried again at once, and only once.
            (socket, beat) = match self.after(ending)? {
                Next::Again => self.connect(api, None, inbox).await?,
                Next::Over => return Ok(()),
            };
        }
    }

    /// Opens the socket, where the session was or where sessions begin, and hears how often it is to beat.
    async fn connect(
        &self,
        api: &Api,
        session: Option<&Session>,
        inbox: &Inbox,
    ) -> Result<(Socket, Duration), ChannelError> {
        let said = session.and_then(|session| session.url.clone());
        let url = match &said {
            Some(url) => url.clone(),
            None => self.locate(api, session.is_none(), inbox).await?,
        };
        let opened = self.reach(&url).await;
        if opened.is_err()
            && said.is_some()
            && let Some(session) = self.session.lock().as_mut()
        {
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

    fn begin(&self, Ready { user, session_id, resume_gateway_url, .. }: Ready) {
        let (id, url, me) = (session_id, resume_gateway_url, user.id);
        *self.session.lock() = Some(Session { id, url, settled: 0, me });
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
        let gateway: Gateway = api.ask(call).await.map_err(of_account)?;
        if let Some(now) = api.date() {
            inbox.platform_time(now);
        }
        if anew {
            self.turn(gateway.session_start_limit).await?;
        }
        Ok(gateway.url)
    }

    async fn turn(&self, limit: Option<StartLimit>) -> Result<(), ChannelError> {
        if let Some(limit) = limit.filter(|limit| limit.remaining == 0) {
            let wait = Duration::from_millis(limit.reset_after).max(Duration::from_secs(1));
            tracing::warn!(seconds = wait.as_secs(), "Discord begins no more sessions today");
            return Err(ChannelError::RateLimited(wait));
        }
        let together = limit.and_then(|limit| limit.max_concurrency).unwrap_or(1).clamp(1, 100);
        let pace = PACE / u32::try_from(together).unwrap_or(1);
        let last = *self.begun.lock();
        if let Some(last) = last {
            tokio::time::sleep_until(last + pace).await;
        }
        *self.begun.lock() = Some(Instant::now());
        Ok(())
    }

    fn identify(&self) -> Value {
        let mut intents = GatewayIntents::GUILDS
            | GatewayIntents::GUILD_MESSAGES
            | GatewayIntents::DIRECT_MESSAGES;
        intents.set(GatewayIntents::MESSAGE_CONTENT, !self.limited.load(Ordering::Acquire));
        let (os, us) = (std::env::consts::OS, "openclaw");
        json!({ "op": 2, "d": {
            "token": self.config.token.expose(), "intents": intents.bits(),
            "properties": { "os": os, "browser": us, "device": us },
        } })
    }

    fn resume(&self, session: &Session) -> Value {
        json!({ "op": 6, "d": {
            "token": self.config.token.expose(), "session_id": session.id, "seq": session.settled,
        } })
    }

    /// What the end of a connection means.
    fn after(&self, ending: Ending) -> Result<Next, ChannelError> {
        let lost = |why: &str| Err(lost(why));
        match ending {
            Ending::Asked => Ok(Next::Over),
            Ending::Invalid(resumable) => {
                if !resumable {
                    *self.session.lock() = None;
                }
                lost("wants the session to begin anew")
            }
            Ending::Silent => lost("does not answer heartbeats"),
            Ending::Unbegun => {
                *self.session.lock() = None;
                lost("does not begin the session")
            }
            Ending::Broken => lost("the connection broke"),
            Ending::Closed(Some(4004)) => Err(unauthorized()),
            Ending::Closed(Some(4014)) if !self.limited.swap(true, Ordering::AcqRel) => {
                *self.session.lock() = None;
                Ok(Next::Again)
            }
            Ending::Closed(Some(code @ (4010..=4014))) => Err(refused(code)),
            Ending::Closed(code) => {
                // The session is not known, the number wrong, or too old: there is nothing to resume.
                if matches!(code, Some(4003 | 4007 | 4009)) {
                    *self.session.lock() = None;
                }
                let code = code.map_or("no code".to_owned(), |code| code.to_string());
                lost(&format!("closed the connection ({code})"))
            }
        }
    }
}

enum Next {
    Again,
    Over,
}

/// How often to send heartbeats, by the first frame.
fn heartbeat(text: &str) -> Option<Duration> {
    let frame: Frame<'_> =
        serde_json::from_str(text).ok().filter(|frame: &Frame<'_>| frame.op == 10)?;
    let hello: Hello = serde_json::from_str(frame.d?.get()).ok()?;
    // Whatever is said, neither a busy loop nor silence follows from it.
    Some(Duration::from_millis(hello.heartbeat_interval.clamp(50, 120_000)))
}

fn refused(code: u16) -> ChannelError {
    let why = match code {
        4010 | 4011 => {
            "wants this bot to be divided, which it cannot be: give `token` of a bot in fewer servers"
        }
        4012 => "no longer speaks this version: update the gateway; `token` is not at fault",
        _ => {
            "refuses the intents of this bot: look at it in the Developer Portal, or give `token` of another"
        }
    };
    ChannelError::Unauthorized(format!("Discord {why} ({code})"))
}

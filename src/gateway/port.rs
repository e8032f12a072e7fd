//! What a command may ask of the gateway, in the name of whoever runs it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use openclaw_plugin_sdk::{
    Body, Choice, CommandError, Decided, Decision, Gateway as CommandPort, Opaque, Text, UnixMs,
    Waiting, async_trait, neutral,
};

use super::{Gateway, blocking, decide, gate::NAME_LIMIT};
use crate::{
    access::{
        approver::Approver,
        pairing::{LIFETIME_MS, PairingCode, PairingRequest},
    },
    registry,
    store::StoreError,
    world,
};

/// So many wrong codes an owner may type before he has to wait.
const FREE_TRIES: u32 = 10;
/// The longest he has to wait.
const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// The port of one invocation. It keeps the codes that the plugin may place but not read.
pub(crate) struct Port {
    gateway: Arc<Gateway>,
    approver: Option<Approver>,
    codes: Mutex<Vec<PairingCode>>,
}

/// Wrong codes by owner. Bounded by the number of owners.
#[derive(Debug, Default)]
pub(crate) struct WrongCodes(HashMap<String, (u32, UnixMs)>);

impl WrongCodes {
    /// How long this owner still has to wait.
    fn wait(&self, actor: &str, now: UnixMs) -> Option<Duration> {
        let (tries, last) = self.0.get(actor)?;
        let over = tries.checked_sub(FREE_TRIES)?;
        let wait = Duration::from_secs(30 << over.min(6)).min(LONGEST_WAIT);
        let passed = Duration::from_millis(now.0.saturating_sub(last.0));
        wait.checked_sub(passed).filter(|left| !left.is_zero())
    }

    fn count(&mut self, actor: &str, now: UnixMs) {
        let (tries, last) = self.0.entry(actor.to_owned()).or_insert((0, now));
        (*tries, *last) = (*tries + 1, now);
    }

    fn forget(&mut self, actor: &str) {
        self.0.remove(actor);
    }
}

impl Port {
    /// A port for somebody; without an approver it decides nothing.
    pub(crate) fn new(gateway: Arc<Gateway>, approver: Option<Approver>) -> Self {
        Self { gateway, approver, codes: Mutex::default() }
    }

    fn row(&self, request: &PairingRequest, now: UnixMs) -> Waiting {
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.push(request.code.clone());
        let age = now.0.saturating_sub(request.created_at.0);
        let shown = |name: &String| neutral(name, NAME_LIMIT);
        Waiting {
            channel: request.key.channel.clone(),
            account: request.key.account.as_str().to_owned(),
            sender: request.sender.to_string(),
            name: request.name().as_ref().map(shown),
            later_name: request.later_name.as_ref().map(shown),
            code: Opaque(codes.len() - 1),
            age: Duration::from_millis(age),
            left: Duration::from_millis(LIFETIME_MS.saturating_sub(age)),
        }
    }

    async fn waiting(&self, channel: Option<&str>) -> Result<Vec<PairingRequest>, CommandError> {
        let channels: Vec<&'static str> = registry::pairing_channels()
            .map(|plugin| plugin.id)
            .filter(|id| channel.is_none_or(|c| c == *id))
            .collect();
        let store = Arc::clone(&self.gateway.store);
        let read = move || -> Result<Vec<PairingRequest>, StoreError> {
            let now = world::now();
            let mut all = Vec::new();
            for channel in channels {
                all.extend(store.waiting(channel, now)?);
            }
            Ok(all)
        };
        blocking(read).await.map_err(|error| CommandError::Failed(error.to_string()))
    }
}

#[async_trait]
impl CommandPort for Port {
    fn pairing_channels(&self) -> Vec<&'static str> {
        registry::pairing_channels().map(|plugin| plugin.id).collect()
    }

    async fn pairing_list(&self, channel: Option<&str>) -> Result<Vec<Waiting>, CommandError> {
        if self.approver.is_none() {
            return Err(CommandError::Failed("only an owner may see who waits".to_owned()));
        }
        let now = world::now();
        Ok(self.waiting(channel).await?.iter().map(|request| self.row(request, now)).collect())
    }

    async fn pairing_decide(
        &self,
        decision: Decision,
        choice: Choice<'_>,
    ) -> Result<Decided, CommandError> {
        let Some(approver) = &self.approver else {
            return Err(CommandError::Failed("only an owner decides".to_owned()));
        };
        if choice
            .channel
            .is_some_and(|channel| registry::pairing_channels().all(|plugin| plugin.id != channel))
        {
            return Ok(Decided::UnknownChannel);
        }
        let now = world::now();
        if let Some(wait) = self.gateway.wrong_codes().wait(approver.actor(), now) {
            return Ok(Decided::Slow(wait));
        }
        let found: Vec<PairingRequest> = match PairingCode::parse(choice.code) {
            Some(code) => {
                let waiting = self.waiting(choice.channel).await?;
                waiting.into_iter().filter(|request| request.code.matches(&code)).collect()
            }
            None => Vec::new(),
        };
        let [request] = &found[..] else {
            if found.is_empty() {
                self.gateway.wrong_codes().count(approver.actor(), now);
                return Ok(Decided::NoMatch);
            }
            return Ok(Decided::Several(
                found.iter().map(|request| self.row(request, now)).collect(),
            ));
        };
        self.gateway.wrong_codes().forget(approver.actor());
        let decided =
            decide::decide(&self.gateway, approver, &request.key.channel, &request.id, decision)
                .await;
        let decided = decided.map_err(|error| CommandError::Failed(error.to_string()))?;
        Ok(decided.map_or(Decided::NoMatch, |request| Decided::Done(self.row(&request, now))))
    }
}

/// Puts the codes where the plugin placed them.
pub(crate) fn fill(body: Body, port: &Port) -> Body {
    let codes = port.codes.lock().unwrap_or_else(PoisonError::into_inner);
    let spell = |code: Opaque| codes.get(code.0).map(PairingCode::spell).unwrap_or_default();
    let fill = |text: &Text| text.filled(spell);
    match body {
        Body::Gone => Body::Gone,
        Body::Text(text) => Body::Text(fill(&text)),
        Body::Image(mut image) => {
            image.caption = fill(&image.caption);
            Body::Image(image)
        }
        Body::Card(mut card) => {
            for (_, value) in &mut card.fields {
                *value = fill(value);
            }
            card.footer = card.footer.as_ref().map(fill);
            Body::Card(card)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_096_ten_wrong_codes_cost_one_owner_time_and_nobody_else() {
        let mut wrong = WrongCodes::default();
        for n in 0..FREE_TRIES {
            assert_eq!(wrong.wait("telegram:7", UnixMs(0)), None, "{n}");
            wrong.count("telegram:7", UnixMs(0));
        }
        assert_eq!(wrong.wait("telegram:7", UnixMs(0)), Some(Duration::from_secs(30)));
        assert_eq!(wrong.wait("telegram:8", UnixMs(0)), None);
        assert_eq!(wrong.wait("telegram:7", UnixMs(30_000)), None);
        wrong.count("telegram:7", UnixMs(30_000));
        assert_eq!(wrong.wait("telegram:7", UnixMs(30_000)), Some(Duration::from_mins(1)));
        wrong.forget("telegram:7");
        assert_eq!(wrong.wait("telegram:7", UnixMs(30_000)), None);
    }
}

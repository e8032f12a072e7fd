//! What a command may ask of the gateway, in the name of the person who runs it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use openclaw_plugin_sdk::{
    Choice, CommandError, Conversation, Decided, Decision, DeviceChoice, DeviceDecided,
    Gateway as CommandPort, Notify, Opaque, Permits, Reply, SenderId, Setup, SetupWish, UnixMs,
    Waiting, WaitingDevice, async_trait, neutral,
};
use parking_lot::Mutex;

use crate::{
    Gateway,
    accounts::account::AccountRuntime,
    approvals::decide,
    control::pairing,
    delivery::Fresh,
    gate::{NAME_LIMIT, Who},
    journal::mail::{Address, Mail, Only, Secret},
    registry,
    rules::{AccountKey, admission::Ground, approver::Approver, pairing::PairingRequest},
    store::{Outcome, Store},
    world,
};

/// So many wrong codes an owner may type before they have to wait.
const FREE_TRIES: u32 = 10;
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// The port of one invocation. It keeps the codes that the plugin may place but not read.
pub(crate) struct CommandContext {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) account: Arc<AccountRuntime>,
    pub(crate) chat: Conversation,
    pub(crate) sender: SenderId,
    pub(crate) approver: Option<Approver>,
    /// Why the person who runs the command has access.
    pub(crate) ground: Ground,
    /// What is kept until the command has answered.
    pub(super) kept: Mutex<Fresh>,
}

/// Wrong codes by account and owner; bounded by their number. A right code is never kept waiting: an owner may
/// list them all, so that the wait is there against noise, not against guessing.
#[derive(Debug, Default)]
pub(crate) struct WrongCodes(HashMap<(AccountKey, String), (u32, UnixMs)>);

impl WrongCodes {
    /// How long this owner still has to wait.
    fn wait(&self, key: &AccountKey, actor: &str, now: UnixMs) -> Option<Duration> {
        let (tries, last) = self.0.get(&(key.clone(), actor.to_owned()))?;
        let over = tries.checked_sub(FREE_TRIES)?;
        let wait = Duration::from_secs(30 << over.min(6)).min(LONGEST_WAIT);
        let passed = Duration::from_millis(now.0.saturating_sub(last.0));
        wait.checked_sub(passed).filter(|left| !left.is_zero())
    }

    fn count(&mut self, key: &AccountKey, actor: &str, now: UnixMs) {
        let (tries, last) = self.0.entry((key.clone(), actor.to_owned())).or_insert((0, now));
        (*tries, *last) = (*tries + 1, now);
    }

    fn forget(&mut self, key: &AccountKey, actor: &str) {
        self.0.remove(&(key.clone(), actor.to_owned()));
    }
}

impl CommandContext {
    /// Without an approver it decides nothing.
    pub(crate) fn new(
        gateway: Arc<Gateway>,
        account: Arc<AccountRuntime>,
        who: &Who,
        approver: Option<Approver>,
    ) -> Self {
        let (chat, sender) = (who.conversation.clone(), who.sender.clone());
        let (ground, kept) = (who.ground, Mutex::default());
        Self { gateway, account, chat, sender, approver, ground, kept }
    }

    /// Keeps a code, and gives what the plugin may know of it.
    pub(crate) fn keep(&self, secret: Secret) -> Opaque {
        let secrets = &mut self.kept.lock().secrets;
        secrets.push(secret);
        Opaque(secrets.len() - 1)
    }

    /// What the command has answered, as the journal keeps it, and what only this run knows of it.
    pub(crate) fn replies(&self, replies: &[Reply], to: Address) -> (Mail, Fresh) {
        let kept = std::mem::take(&mut *self.kept.lock());
        let only = if self.approver.is_some() { Only::Owner } else { Only::Admitted };
        let mail = Mail::replies(to, only, (replies, &kept.secrets));
        (mail, kept)
    }

    /// A request as the answer shows it: what a chat was shown is what is decided in it.
    fn row(&self, request: &PairingRequest, now: UnixMs) -> Waiting {
        let displayed = request.displayed();
        let age = now.0.saturating_sub(request.created_at.0);
        let shown = |name: &String| neutral(name, NAME_LIMIT);
        let code = self.keep(Secret::Pairing {
            channel: request.key.channel.clone(),
            request: request.id.clone(),
        });
        let first_message = displayed.first_message();
        self.kept.lock().people.push((request.id.clone(), displayed.revision));
        Waiting {
            channel: request.key.channel.clone(),
            account: request.key.account.as_str().to_owned(),
            sender: request.sender.to_string(),
            name: request.name().as_ref().map(shown),
            later_name: request.later_name.as_ref().map(shown),
            claims: displayed.claims,
            first_message,
            code,
            age: Duration::from_millis(age),
            left: Duration::from_millis(displayed.ends.0.saturating_sub(now.0)),
        }
    }
}

#[async_trait]
impl CommandPort for CommandContext {
    fn pairing_channels(&self) -> Vec<&'static str> {
        registry::pairing_channels().map(|plugin| plugin.id).collect()
    }

    async fn pairing_list(&self, channel: Option<&str>) -> Result<Vec<Waiting>, CommandError> {
        if self.approver.is_none() {
            return Err(CommandError::Failed("only an owner may see who waits".to_owned()));
        }
        let (channel, now) = (channel.map(str::to_owned), world::now());
        let list = move |store: &Store| pairing::waiting(store, channel.as_deref(), now);
        Ok(self.gateway.read(list).await?.iter().map(|request| self.row(request, now)).collect())
    }

    async fn pairing_decide(
        &self,
        decision: Decision,
        choice: Choice<'_>,
    ) -> Result<Decided, CommandError> {
        let Some(approver) = &self.approver else {
            return Err(CommandError::Failed("only an owner decides".to_owned()));
        };
        if pairing::channels(choice.channel).next().is_none() {
            return Ok(Decided::UnknownChannel);
        }
        let (now, here, actor) = (world::now(), &self.account.config.key, approver.actor());
        let (channel, code) = (choice.channel.map(str::to_owned), choice.code.to_owned());
        let find =
            move |store: &Store| pairing::by_code(store, channel.as_deref(), None, &code, now);
        let found = self.gateway.read(find).await?;
        let [request] = &found[..] else {
            if found.is_empty() {
                let mut wrong = self.gateway.wrong_codes.lock();
                if let Some(wait) = wrong.wait(here, actor, now) {
                    return Ok(Decided::Slow(wait));
                }
                wrong.count(here, actor, now);
                return Ok(Decided::NoMatch);
            }
            return Ok(Decided::Several(
                found.iter().map(|request| self.row(request, now)).collect(),
            ));
        };
        self.gateway.wrong_codes.lock().forget(here, actor);
        let shown = self.was_shown_person(request).await;
        let chosen = pairing::Choice { lasting: choice.lasting, shown, ..decision.into() };
        let channel = &request.key.channel;
        let decided = decide::decide(&self.gateway, approver, channel, &request.id, chosen).await;
        Ok(match decided? {
            Outcome::Changed => Decided::Changed,
            Outcome::ClaimIsOver => Decided::ClaimIsOver,
            Outcome::Done(request) => Decided::Done(self.row(&request, now)),
            Outcome::Gone => Decided::NoMatch,
        })
    }

    async fn device_list(&self) -> Result<Vec<WaitingDevice>, CommandError> {
        self.show_devices().await
    }

    async fn device_decide(
        &self,
        decision: Decision,
        choice: DeviceChoice<'_>,
    ) -> Result<DeviceDecided, CommandError> {
        self.decide_device(decision, choice).await
    }

    async fn setup_code(&self, wish: SetupWish) -> Result<Setup, CommandError> {
        self.mint(wish).await
    }

    async fn setup_cancel(&self) -> Result<usize, CommandError> {
        self.cancel_codes().await
    }

    async fn device_notify(&self, wish: Option<Notify>) -> Result<Notify, CommandError> {
        self.listen(wish).await
    }

    fn permits(&self) -> &dyn Permits {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_096_ten_wrong_codes_cost_one_owner_time_and_nobody_else() {
        let (here, there) = (AccountKey::default_of("telegram"), AccountKey::default_of("webchat"));
        let mut wrong = WrongCodes::default();
        for n in 0..FREE_TRIES {
            assert_eq!(wrong.wait(&here, "telegram:7", UnixMs(0)), None, "{n}");
            wrong.count(&here, "telegram:7", UnixMs(0));
        }
        let half = Duration::from_secs(30);
        assert_eq!(wrong.wait(&here, "telegram:7", UnixMs(0)), Some(half));
        assert_eq!(wrong.wait(&there, "telegram:7", UnixMs(0)), None);
        assert_eq!(wrong.wait(&here, "telegram:8", UnixMs(0)), None);
        assert_eq!(wrong.wait(&here, "telegram:7", UnixMs(30_000)), None);
        wrong.count(&here, "telegram:7", UnixMs(30_000));
        assert_eq!(wrong.wait(&here, "telegram:7", UnixMs(30_000)), Some(2 * half));
        wrong.forget(&here, "telegram:7");
        assert_eq!(wrong.wait(&here, "telegram:7", UnixMs(30_000)), None);
    }
}

//! What a command may ask of the gateway, in the name of the person who runs it: the codes that its answer may show, and
//! what the chat was shown.

use std::{sync::Arc, time::Duration};

use openclaw_plugin_sdk::{
    CommandError, Conversation, DeviceDecided, NotYet, Opaque, Reply, SenderId, UnixMs, Waiting,
    WaitingDevice, neutral,
};
use parking_lot::Mutex;

use crate::{
    Gateway,
    accounts::{account::AccountRuntime, owners_chat::OwnersChat},
    delivery::{
        Fresh,
        shown::{Display, displayed},
    },
    gate::{AdmittedSender, NAME_LIMIT},
    journal::mail::{Address, Mail, Only, Secret},
    rules::{
        admission::Ground, approver::Approver, device::request::DeviceRequest,
        pairing::PairingRequest,
    },
    world,
};

/// What is being sent stands in the chat within this, or counts as not shown.
const SENT_WITHIN: Duration = Duration::from_secs(5);

/// The port of one invocation. It keeps the codes that the plugin may place but not read.
pub(crate) struct CommandContext {
    pub(super) gateway: Arc<Gateway>,
    pub(super) account: Arc<AccountRuntime>,
    chat: Conversation,
    pub(super) sender: SenderId,
    pub(super) approver: Option<Approver>,
    /// Why the person who runs the command has access.
    pub(super) ground: Ground,
    /// What only this run knows of the answer.
    kept: Mutex<Fresh>,
}

impl CommandContext {
    /// Without an approver it decides nothing.
    pub(crate) fn new(
        gateway: Arc<Gateway>,
        account: Arc<AccountRuntime>,
        who: &AdmittedSender,
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
        (Mail::replies(to, only, (replies, &kept.secrets)), kept)
    }

    /// A request as the answer shows it: what a chat was shown is what is decided in it.
    pub(super) fn row(&self, request: &PairingRequest, now: UnixMs) -> Waiting {
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

    /// The person who runs the command, where they are an owner.
    pub(super) fn owner(&self, refusal: &str) -> Result<&Approver, CommandError> {
        self.approver.as_ref().ok_or_else(|| CommandError::Failed(refusal.to_owned()))
    }

    /// The chat, as files name it.
    pub(super) fn owners_chat(&self) -> OwnersChat {
        OwnersChat::new(&self.account.config.key, &self.chat.id, &self.sender)
    }

    /// Every waiting device.
    pub(super) async fn devices(&self) -> Result<Vec<DeviceRequest>, CommandError> {
        Ok(self.gateway.read(|store| store.device_requests(world::now())).await?)
    }

    /// Shows them in the answer.
    pub(super) fn show(&self, rows: &[DeviceRequest]) -> Vec<WaitingDevice> {
        let now = world::now();
        let (devices, displays): (Vec<_>, Vec<Display>) =
            rows.iter().map(|row| displayed(row, rows, now)).unzip();
        self.kept.lock().shown.extend(displays);
        devices
    }

    /// Why no device was decided about, and those that wait.
    pub(super) fn not_yet(&self, why: NotYet, rows: &[DeviceRequest]) -> DeviceDecided {
        DeviceDecided::NotYet(why, self.show(rows))
    }

    /// What this chat was shown of a request. An owner may be faster than the platform's answer to our sending.
    pub(super) async fn was_shown(&self, id: &str) -> Option<Display> {
        let place = (self.account.config.key.clone(), self.chat.id.clone());
        let find = || self.gateway.shown.lock().find(&place, id);
        if let Some(display) = find() {
            return Some(display);
        }
        self.all_has_arrived().await;
        find()
    }

    async fn all_has_arrived(&self) {
        drop(tokio::time::timeout(SENT_WITHIN, self.gateway.notices_underway.write()).await);
    }

    /// The revision of a person's request that this chat was shown; nothing where its code is all there is.
    pub(super) async fn was_shown_person(&self, request: &PairingRequest) -> Option<String> {
        let place = (self.account.config.key.clone(), self.chat.id.clone());
        let find = || self.gateway.shown.lock().person(&place, &request.id);
        let shown = find();
        if request.displayed().is_shown(shown.as_deref()) {
            return shown;
        }
        self.all_has_arrived().await;
        find()
    }
}

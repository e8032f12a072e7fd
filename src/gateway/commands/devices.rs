//! What a command may ask of the gateway about devices, in the name of the owner who runs it.

use std::{sync::Arc, time::Duration};

use openclaw_plugin_sdk::{
    CommandError, Decision, DeviceChoice, DeviceDecided, NotYet, Notify, Offered, Setup, SetupWish,
    WaitingDevice, neutral, pasted,
};

use crate::{
    accounts::owners_chat::OwnersChat,
    approvals::{self, decide},
    commands::context::CommandContext,
    control::devices,
    delivery::shown::{Display, Place, displayed},
    journal::mail::Secret,
    network::setup_code::{self, OfferError},
    rules::{
        approver::Approver,
        device::{
            approver::{Denied, DeviceApprover, Listed},
            request::{DeviceRequest, Undecided},
            role::Profile,
            setup_code::LIFETIME_MS,
        },
        pairing::PairingRequest,
    },
    setup_codes::{
        self,
        endpoint::{self, Wish},
    },
    store::Store,
    world,
};

/// What is being sent stands in the chat within this, or counts as not shown.
const SENT_WITHIN: Duration = Duration::from_secs(5);

fn failed(error: impl std::fmt::Display) -> CommandError {
    CommandError::Failed(error.to_string())
}

impl CommandContext {
    fn owner(&self) -> Result<&Approver, CommandError> {
        self.approver.as_ref().ok_or_else(|| failed("only an owner decides about devices"))
    }

    fn place(&self) -> Place {
        (self.account.config.key.clone(), self.chat.id.clone())
    }

    fn owners_chat(&self) -> OwnersChat {
        OwnersChat::new(&self.account.config.key, &self.chat.id, &self.sender)
    }

    async fn devices(&self) -> Result<Vec<DeviceRequest>, CommandError> {
        Ok(self.gateway.read(|store| store.device_requests(world::now())).await?)
    }

    /// Every waiting device, which the answer to this command shows.
    pub(crate) async fn show_devices(&self) -> Result<Vec<WaitingDevice>, CommandError> {
        self.owner()?;
        let rows = self.devices().await?;
        Ok(self.show(&rows))
    }

    fn show(&self, rows: &[DeviceRequest]) -> Vec<WaitingDevice> {
        let now = world::now();
        let (devices, displays): (Vec<_>, Vec<Display>) =
            rows.iter().map(|row| displayed(row, rows, now)).unzip();
        self.kept.lock().shown.extend(displays);
        devices
    }

    fn not_yet(&self, why: NotYet, rows: &[DeviceRequest]) -> DeviceDecided {
        DeviceDecided::NotYet(why, self.show(rows))
    }

    pub(crate) async fn decide_device(
        &self,
        decision: Decision,
        choice: DeviceChoice<'_>,
    ) -> Result<DeviceDecided, CommandError> {
        let owner = self.owner()?;
        if decision == Decision::Block {
            return Err(failed("a device is turned away or removed, not blocked"));
        }
        let rows = self.devices().await?;
        let row = match (choice, &rows[..]) {
            (DeviceChoice::Only, [row]) => row,
            (DeviceChoice::Only, []) => return Ok(self.not_yet(NotYet::None, &rows)),
            (DeviceChoice::Only, _) => return Ok(self.not_yet(NotYet::Several, &rows)),
            (DeviceChoice::Id(id), rows) => match devices::named(rows, id) {
                Some(row) => row,
                None if self.was_shown(&pasted(id)).await.is_some() && !rows.is_empty() => {
                    return Ok(self.not_yet(NotYet::Changed, rows));
                }
                None => return Ok(self.not_yet(NotYet::None, rows)),
            },
        };
        let display = match decision {
            Decision::Approve => match self.was_shown(row.id.as_str()).await {
                Some(display) if display.revision == row.revision() => display,
                Some(_) => return Ok(self.not_yet(NotYet::Changed, &rows)),
                None => return Ok(self.not_yet(NotYet::NotShown, &rows)),
            },
            // To reject a request, its name is enough.
            Decision::Block | Decision::Deny => displayed(row, &rows, world::now()).1,
        };
        let by = DeviceApprover::of(owner, display.listed);
        let shown = (display.id, display.revision);
        Ok(match decide::device(&self.gateway, by, decision, shown).await? {
            Ok(_) => DeviceDecided::Done(Box::new(displayed(row, &rows, world::now()).0)),
            Err(Undecided::Denied(Denied::Scope(scope))) => {
                DeviceDecided::Denied(Some(scope.word().to_owned()))
            }
            Err(Undecided::Denied(Denied::NotYours)) => DeviceDecided::Denied(None),
            Err(Undecided::Changed | Undecided::Superseded(_)) => {
                self.not_yet(NotYet::Changed, &self.devices().await?)
            }
            Err(Undecided::Unknown) => self.not_yet(NotYet::None, &self.devices().await?),
        })
    }

    /// What this chat was shown of a request. An owner may be faster than the platform's answer to our sending.
    async fn was_shown(&self, id: &str) -> Option<Display> {
        let place = self.place();
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
    pub(crate) async fn was_shown_person(&self, request: &PairingRequest) -> Option<String> {
        let place = self.place();
        let find = || self.gateway.shown.lock().person(&place, &request.id);
        let shown = find();
        if request.displayed().is_shown(shown.as_deref()) {
            return shown;
        }
        self.all_has_arrived().await;
        find()
    }

    pub(crate) async fn mint(&self, wish: SetupWish) -> Result<Setup, CommandError> {
        let by = DeviceApprover::of(self.owner()?, Listed::Nothing);
        let asked = Wish { local: wish.local, ..Wish::default() };
        let way = match endpoint::find(&self.gateway, asked).await {
            Ok(way) => way,
            Err(why) => return Ok(Setup::NoWayIn(why)),
        };
        let wished = if wish.full { Profile::Full } else { Profile::Limited };
        let (store, used) = (Arc::clone(&self.gateway.store), way.clone());
        let made = tokio::task::spawn_blocking(move || {
            setup_code::make(&store, &by, wished, &used, world::now())
        });
        let made: Result<_, OfferError> = made.await.map_err(failed)?;
        let minted = made.map_err(|error| match error {
            OfferError::Store(error) => error.into(),
            error => failed(error),
        })?;
        self.gateway.setup.book.lock().made(&minted.setup.id, self.owners_chat());
        setup_codes::save(&self.gateway).await;
        let (access, downgraded) = (minted.setup.profile.word().to_owned(), minted.downgraded);
        let code = self.keep(Secret::Setup(Box::new(minted)));
        Ok(Setup::Made(Offered {
            code,
            url: way.urls.first().map(|url| neutral(url, 200)).unwrap_or_default(),
            access,
            downgraded,
            lasts: Duration::from_millis(LIFETIME_MS),
            notes: way.notes,
        }))
    }

    pub(crate) async fn cancel_codes(&self) -> Result<usize, CommandError> {
        let by = DeviceApprover::of(self.owner()?, Listed::Nothing);
        let cancel = move |store: &Store| store.cancel_codes(&by, None, world::now());
        Ok(self.gateway.change(cancel).await?.len())
    }

    pub(crate) async fn listen(&self, wish: Option<Notify>) -> Result<Notify, CommandError> {
        self.owner()?;
        let chat = self.owners_chat();
        if let Some(wish) = wish {
            let once = match wish {
                Notify::Off => None,
                Notify::On => Some(false),
                Notify::Once => Some(true),
            };
            self.gateway.setup.book.lock().listen(chat.clone(), once);
            setup_codes::save(&self.gateway).await;
        }
        if approvals::tells(&self.gateway, &chat) {
            // An owner's chat always is, unless the configuration names others.
            return Ok(Notify::On);
        }
        Ok(match self.gateway.setup.book.lock().listens(&chat) {
            None => Notify::Off,
            Some(false) => Notify::On,
            Some(true) => Notify::Once,
        })
    }
}

//! What a command may do: people and devices that wait, setup codes, and what is told of them.

use std::time::Duration;

use openclaw_plugin_sdk::{
    AccessControl, Choice, CommandError, Decided, Decision, DeviceChoice, DeviceDecided,
    Gateway as CommandPort, NotYet, Notify, Offered, Setup, SetupWish, Waiting, WaitingDevice,
    async_trait, neutral, pasted,
};

use crate::{
    approvals::{self, decide},
    commands::context::CommandContext,
    control::{devices, pairing},
    delivery::shown::displayed,
    findings,
    journal::mail::Secret,
    network::{setup_code::OfferError, url::UrlOptions},
    registry,
    rules::device::{
        approver::{Denied, DeviceApprover, Listed},
        request::Undecided,
        role::Profile,
        setup_code::LIFETIME_MS,
    },
    setup_codes,
    store::{Outcome, Store},
    text::command as text,
    world,
};

#[async_trait]
impl CommandPort for CommandContext {
    fn pairing_channels(&self) -> Vec<&'static str> {
        registry::pairing_channels().map(|plugin| plugin.id).collect()
    }

    async fn pairing_list(&self, channel: Option<&str>) -> Result<Vec<Waiting>, CommandError> {
        self.owner(text::WAITING)?;
        let (channel, now) = (channel.map(str::to_owned), world::now());
        let list = move |store: &Store| pairing::waiting(store, channel.as_deref(), now);
        Ok(self.gateway.read(list).await?.iter().map(|request| self.row(request, now)).collect())
    }

    async fn pairing_decide(
        &self,
        decision: Decision,
        choice: Choice<'_>,
    ) -> Result<Decided, CommandError> {
        let approver = self.owner(text::PEOPLE)?;
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
                let mut wrong = self.gateway.commands.wrong_codes.lock();
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
        self.gateway.commands.wrong_codes.lock().forget(here, actor);
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
        self.owner(text::DEVICES)?;
        Ok(self.show(&self.devices().await?))
    }

    async fn device_decide(
        &self,
        decision: Decision,
        choice: DeviceChoice<'_>,
    ) -> Result<DeviceDecided, CommandError> {
        let owner = self.owner(text::DEVICES)?;
        if decision == Decision::Block {
            return Err(CommandError::Failed(text::NOT_BLOCKED.to_owned()));
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

    async fn setup_code(&self, wish: SetupWish) -> Result<Setup, CommandError> {
        let by = DeviceApprover::of(self.owner(text::DEVICES)?, Listed::Nothing);
        let asked = UrlOptions { local: wish.local, ..UrlOptions::default() };
        let way = match setup_codes::way(&self.gateway, &asked).await {
            Ok(way) => way,
            Err(why) => return Ok(Setup::NoWayIn(why)),
        };
        let wished = if wish.full { Profile::Full } else { Profile::Limited };
        let made = setup_codes::make(&self.gateway, by, wished, way.clone()).await;
        let minted = made.map_err(|error| match error {
            OfferError::Store(error) => error.into(),
            error => CommandError::Failed(error.to_string()),
        })?;
        self.gateway.setup.shown.lock().made(&minted.setup.id, self.owners_chat());
        self.gateway.setup.save().await;
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

    async fn setup_cancel(&self) -> Result<usize, CommandError> {
        let by = DeviceApprover::of(self.owner(text::DEVICES)?, Listed::Nothing);
        let cancel = move |store: &Store| store.cancel_codes(&by, None, world::now());
        Ok(self.gateway.change(cancel).await?.len())
    }

    async fn device_notify(&self, wish: Option<Notify>) -> Result<Notify, CommandError> {
        self.owner(text::DEVICES)?;
        let chat = self.owners_chat();
        if let Some(wish) = wish {
            let once = match wish {
                Notify::Off => None,
                Notify::On => Some(false),
                Notify::Once => Some(true),
            };
            self.gateway.setup.shown.lock().listen(chat.clone(), once);
            self.gateway.setup.save().await;
        }
        if approvals::tells(&self.gateway, &chat) {
            // An owner's chat always is, unless the configuration names others.
            return Ok(Notify::On);
        }
        Ok(match self.gateway.setup.shown.lock().listens(&chat) {
            None => Notify::Off,
            Some(false) => Notify::On,
            Some(true) => Notify::Once,
        })
    }

    async fn doctor(&self) -> Result<String, CommandError> {
        self.owner(text::CHECKS)?;
        let report = findings::look(&self.gateway).await;
        report.map(|report| report.for_chat()).map_err(|why| CommandError::Failed(why.to_string()))
    }

    fn access(&self) -> &dyn AccessControl {
        self
    }
}

//! What a command may ask of the gateway about permissions, in the name of whoever runs it.

use std::{sync::Arc, time::Duration};

use openclaw_plugin_sdk::{
    CommandError, Invited, Linked, OpenInvitation, Permit, PermitChange, PermitChanged, Permits,
    UnixMs, async_trait, pasted,
};

use crate::{
    control::{
        access::{self, NOTE},
        explain::Explanation,
    },
    gateway::{
        blocking,
        commands::context::{CommandContext, Secret},
    },
    rules::{
        Contact, Ground,
        approver::Approver,
        ticket::{LINK_MS, Ticket, TicketKind},
    },
    store::{StoreError, audit},
    world,
};

fn failed(error: impl std::fmt::Display) -> CommandError {
    CommandError::Failed(error.to_string())
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn ticket(kind: TicketKind) -> Result<Ticket, CommandError> {
    world::random().map(|bytes| Ticket::from_random(kind, bytes)).map_err(failed)
}

impl CommandContext {
    fn access_owner(&self) -> Result<Approver, CommandError> {
        self.approver.clone().ok_or_else(|| failed("only an owner may see or change who may talk"))
    }

    async fn in_store<T: Send + 'static>(
        &self,
        call: impl FnOnce(&crate::store::Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, CommandError> {
        let store = Arc::clone(&self.gateway.store);
        Ok(blocking(move || call(&store)).await?)
    }
}

#[async_trait]
impl Permits for CommandContext {
    async fn list(&self, channel: Option<&str>) -> Result<Vec<Permit>, CommandError> {
        let reader = self.access_owner()?;
        if let Some(name) = channel.filter(|id| crate::registry::channel(id).is_none()) {
            return Err(CommandError::Usage(access::unknown_channel(name)));
        }
        let channel = channel.map(str::to_owned);
        let all = self.in_store(move |store| access::all(store, channel.as_deref(), world::now()));
        let mut all = all.await?;
        for one in &mut all {
            one.by = one.by.take().map(|actor| access::decider(&actor, reader.actor()));
        }
        Ok(all)
    }

    async fn change(
        &self,
        change: PermitChange<'_>,
        who: &str,
    ) -> Result<PermitChanged, CommandError> {
        let by = self.access_owner()?;
        let who = match access::contact(who) {
            Ok(who) => who,
            Err(why) => return Ok(PermitChanged::Unknown(why)),
        };
        let note = match change {
            PermitChange::Rename(note) => note.map(|note| openclaw_plugin_sdk::neutral(note, NOTE)),
            _ => None,
        };
        let wish = access::GrantChange::of(change, note);
        let config = self.gateway.config();
        let changed = self
            .in_store(move |store| access::change(store, &config, (&by, &who, &wish), world::now()))
            .await?;
        Ok(changed)
    }

    async fn explain(
        &self,
        channel: &str,
        id: &str,
        sender: Option<&str>,
    ) -> Result<Vec<(String, String)>, CommandError> {
        self.access_owner()?;
        let (config, state) = (self.gateway.config(), self.gateway.state.clone());
        let (channel, id, sender) = (channel.to_owned(), id.to_owned(), sender.map(str::to_owned));
        let explained = self.in_store(move |store| {
            let ids = (&*id, sender.as_deref());
            access::explained(store, (&config, &state), &channel, ids, world::now())
        });
        let explained = explained.await?.map_err(CommandError::Usage)?;
        Ok(explained.iter().flat_map(Explanation::lines).collect())
    }

    async fn log(&self, count: usize) -> Result<Vec<String>, CommandError> {
        self.access_owner()?;
        let state = self.gateway.state.clone();
        let lines = blocking(move || audit::show(&state, count)).await.map_err(failed)?;
        Ok(lines.iter().map(access::spoken).collect())
    }

    async fn invite(&self, note: Option<&str>, lasting: Duration) -> Result<Invited, CommandError> {
        let by = self.access_owner()?;
        let (code, now) = (ticket(TicketKind::Invitation)?, world::now());
        let until = UnixMs(now.0.saturating_add(ms(lasting)));
        let note = note.map(|note| openclaw_plugin_sdk::neutral(note, NOTE));
        let kept = code.clone();
        let id = self
            .in_store(move |store| store.invite(&by, &kept, (note.as_deref(), until), now))
            .await?;
        let links = self.gateway.accounts.on().into_iter().filter_map(|account| {
            let head = account.deep_link()?;
            Some((account.config.plugin.label, format!("{head}{}", code.spell())))
        });
        let links: Vec<_> =
            links.map(|(label, link)| (label, self.keep(Secret::Ticket(link)))).collect();
        Ok(Invited { id, code: self.keep(Secret::Ticket(code.spell())), links, left: lasting })
    }

    async fn invitations(&self) -> Result<Vec<OpenInvitation>, CommandError> {
        self.access_owner()?;
        let now = world::now();
        let index = self.in_store(crate::store::Store::records).await?;
        let open = index.records().invitations.iter().filter(|one| one.is_open(now));
        let shown = |one: &crate::rules::records::Invitation| OpenInvitation {
            id: one.id.clone(),
            note: one.note.clone(),
            by: one.by.clone(),
            left: Duration::from_millis(one.until.0.saturating_sub(now.0)),
        };
        Ok(open.map(shown).collect())
    }

    async fn uninvite(&self, id: &str) -> Result<bool, CommandError> {
        let (by, id) = (self.access_owner()?, pasted(id));
        self.in_store(move |store| store.uninvite(&by, &id, world::now())).await
    }

    async fn link(&self) -> Result<Linked, CommandError> {
        if self.ground != Ground::Approved {
            return Ok(Linked::NotApproved);
        }
        let code = ticket(TicketKind::Link)?;
        let who = Contact { key: self.account.config.key.clone(), sender: self.sender.clone() };
        let kept = code.clone();
        self.in_store(move |store| store.open_link(&who, &kept, world::now())).await?;
        let left = Duration::from_millis(LINK_MS);
        Ok(Linked::Code(self.keep(Secret::Ticket(code.spell())), left))
    }
}

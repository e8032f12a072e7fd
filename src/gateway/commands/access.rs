//! What a command may ask of the gateway about permissions, in the name of the person who runs it.

use std::time::Duration;

use openclaw_plugin_sdk::{
    AccessChange, AccessChanged, AccessControl, AccessEntry, CommandError, Invited, Linked,
    OpenInvitation, async_trait,
};

use crate::{
    blocking,
    commands::context::CommandContext,
    control::{access, explain::Explanation, invitations, text},
    journal::mail::Secret,
    rules::{Contact, admission::Ground, records::Invitation, ticket::LINK_MS},
    store::{Store, audit},
    text::command::ACCESS,
    world,
};

#[async_trait]
impl AccessControl for CommandContext {
    async fn list(&self, channel: Option<&str>) -> Result<Vec<AccessEntry>, CommandError> {
        let reader = self.owner(ACCESS)?;
        if let Some(name) = channel.filter(|id| crate::registry::channel(id).is_none()) {
            return Err(CommandError::Usage(text::unknown_channel(name)));
        }
        let channel = channel.map(str::to_owned);
        let all =
            self.gateway.read(move |store| access::all(store, channel.as_deref(), world::now()));
        let mut all = all.await?;
        for one in &mut all {
            one.by = one.by.take().map(|actor| text::decider(&actor, reader.actor()));
        }
        Ok(all)
    }

    async fn change(
        &self,
        change: &AccessChange,
        who: &str,
    ) -> Result<AccessChanged, CommandError> {
        let by = self.owner(ACCESS)?.clone();
        let who = match access::contact(who) {
            Ok(who) => who,
            Err(why) => return Ok(AccessChanged::Unknown(why)),
        };
        let wish = match change {
            AccessChange::Rename(Some(note)) => access::note(note),
            change => change.clone(),
        };
        let config = self.gateway.config();
        let change =
            move |store: &Store| access::change(store, &config, (&by, &who, &wish), world::now());
        Ok(self.gateway.change(change).await?)
    }

    async fn explain(
        &self,
        channel: &str,
        id: &str,
        sender: Option<&str>,
    ) -> Result<Vec<(String, String)>, CommandError> {
        self.owner(ACCESS)?;
        let (config, state) = (self.gateway.config(), self.gateway.state.clone());
        let (channel, id, sender) = (channel.to_owned(), id.to_owned(), sender.map(str::to_owned));
        let explained = self.gateway.read(move |store| {
            let ids = (&*id, sender.as_deref());
            access::explained(store, (&config, &state), &channel, ids, world::now())
        });
        let explained = explained.await?.map_err(CommandError::Usage)?;
        Ok(explained.iter().flat_map(Explanation::lines).collect())
    }

    async fn log(&self, count: usize) -> Result<Vec<String>, CommandError> {
        self.owner(ACCESS)?;
        let state = self.gateway.state.clone();
        let lines = blocking(move || audit::show(&state, count)).await?;
        Ok(lines.iter().map(text::spoken).collect())
    }

    async fn invite(&self, note: Option<&str>, lasting: Duration) -> Result<Invited, CommandError> {
        let by = self.owner(ACCESS)?.clone();
        let note = note.map(str::to_owned);
        let invite = move |store: &Store| {
            invitations::invite(store, &by, note.as_deref(), lasting, world::now())
        };
        let (id, code) = self.gateway.change(invite).await?;
        let links = self.gateway.accounts.on().into_iter().filter_map(|account| {
            let head = account.deep_link()?;
            Some((account.config.plugin.label, format!("{head}{}", code.spell())))
        });
        let links: Vec<_> =
            links.map(|(label, link)| (label, self.keep(Secret::Ticket(link)))).collect();
        Ok(Invited { id, code: self.keep(Secret::Ticket(code.spell())), links, left: lasting })
    }

    async fn invitations(&self) -> Result<Vec<OpenInvitation>, CommandError> {
        let reader = self.owner(ACCESS)?.actor().to_owned();
        let now = world::now();
        let open = self.gateway.read(move |store| invitations::open(store, now)).await?;
        let shown = |one: Invitation| OpenInvitation {
            id: one.id,
            note: one.note,
            by: text::decider(&one.by, &reader),
            left: Duration::from_millis(one.until.0.saturating_sub(now.0)),
        };
        Ok(open.into_iter().map(shown).collect())
    }

    async fn uninvite(&self, id: &str) -> Result<bool, CommandError> {
        let (by, id) = (self.owner(ACCESS)?.clone(), id.to_owned());
        let cancel = move |store: &Store| invitations::cancel(store, &by, &id, world::now());
        Ok(self.gateway.change(cancel).await?)
    }

    async fn link(&self) -> Result<Linked, CommandError> {
        if self.ground != Ground::Approved {
            return Ok(Linked::NotApproved);
        }
        let who = Contact { key: self.account.config.key.clone(), sender: self.sender.clone() };
        let link = move |store: &Store| invitations::link(store, &who, world::now());
        let code = self.gateway.change(link).await?;
        let left = Duration::from_millis(LINK_MS);
        Ok(Linked::Code(self.keep(Secret::Ticket(code.spell())), left))
    }
}

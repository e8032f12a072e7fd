//! What arrives: seen before? through the gate, its consequences made durable, then acknowledged.

mod challenge;
mod lanes;
mod moved;

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use openclaw_plugin_sdk::{Delivery, InboundEvent, InboundMessage, Link, neutral};

use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use self::{
    challenge::Standing,
    lanes::{Lane, Lanes},
};
use crate::{
    Gateway,
    accounts::{account::AccountRuntime, status::State},
    approvals::{self, notice},
    blocking, commands,
    control::{
        facts::{Person, Rules},
        text,
    },
    decision_history::Record,
    delivery::{
        self, Fresh, answer, owed_files, pages,
        queue::{self, Task},
    },
    gate::{self, Admission, Admitted, Clock, Halt, Incoming},
    journal::{
        self, EventKey, Journal, Owed,
        mail::{Address, Mail, Only},
    },
    rules::{
        Contact,
        owner::Owner,
        pairing::{AccessRequest, RequestId},
        ticket::{Ticket, TicketKind},
    },
    store::{Store, StoreError},
    world,
};

/// Text that nobody needs any more stands on the disk so long at most.
const TIDY_EVERY: Duration = Duration::from_secs(10);

const CUT_OFF: &str = "The gateway stopped while it carried out your last command. It is not run again: look whether \
                       it was done, and repeat it if it was not.";
const GIVEN_UP: &str =
    "The assistant could not answer your message: it was cut off twice. Please write it again.";

/// Takes the events of one account until the gateway stops: in order in each conversation and of each sender, and
/// beside each other otherwise, so that nobody waits for what is written of others.
pub(crate) async fn listen(
    gateway: Arc<Gateway>,
    account: Arc<AccountRuntime>,
    mut queue: mpsc::Receiver<Delivery>,
) {
    pages::show_again(&gateway, &account).await;
    resume(&gateway, &account).await;
    let (mut lanes, mut underway) = (Lanes::default(), FuturesUnordered::new());
    loop {
        while let Some((number, delivery)) = lanes.next() {
            let settled = handle_delivery(&gateway, &account, delivery);
            underway.push(async move {
                settled.await;
                number
            });
        }
        tokio::select! {
            Some(number) = underway.next() => lanes.ended(number),
            delivery = queue.recv(), if lanes.have_room() => {
                let Some(delivery) = delivery else { break };
                lanes.join(lane(&gateway, &account, &delivery.event), delivery);
            }
            () = gateway.stop.cancelled() => break,
        }
    }
    // What has begun is brought to its end; nothing else is acknowledged.
    drop((queue, lanes));
    while underway.next().await.is_some() {}
}

/// The events that an event has to wait for.
fn lane(gateway: &Gateway, account: &AccountRuntime, event: &InboundEvent) -> Lane {
    let Some(person) = gate::person_of(event) else { return Lane::Alone };
    let (config, of_account) = (gateway.config(), account.rules());
    let rules = Rules { account: &of_account, owners: &config.owners, store: &gateway.store };
    // Ownership decides nothing here but the order.
    let owner = rules.owner_proof(person).is_ok_and(|proof| proof.is_some());
    Lane::of(&person.conversation.id, person.sender, owner)
}

async fn handle_delivery(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    delivery: Delivery,
) {
    let Delivery { event, done, over } = delivery;
    if over.is_said() {
        return;
    }
    account.status.update(|status| status.last_inbound = Some(world::now()));
    let id = match &event {
        InboundEvent::Message(message) => Some(&message.id),
        InboundEvent::Press(press) => Some(&press.id),
        InboundEvent::Reaction(reaction) => Some(&reaction.id),
        InboundEvent::Changed(_) | InboundEvent::Failed(_) | InboundEvent::Moved(_) => None,
    };
    let id = id.map(|id| neutral(id.as_str(), 64)).unwrap_or_default();
    let settled = match event {
        InboundEvent::Changed(changed) => notice::changed(gateway, account, changed).await,
        InboundEvent::Failed(failed) => {
            approvals::not_delivered(gateway, account, &failed).await;
            Ok(())
        }
        InboundEvent::Moved(moved) => moved::follow(gateway, account, moved).await,
        InboundEvent::Message(message) => {
            take(gateway, account, &Incoming::Message(Arc::new(message))).await
        }
        InboundEvent::Press(press) => {
            take(gateway, account, &Incoming::Press(Arc::new(press))).await
        }
        InboundEvent::Reaction(reaction) => {
            take(gateway, account, &Incoming::Reaction(Arc::new(reaction))).await
        }
    };
    match settled {
        // A channel that has gone learns it from the platform's next delivery.
        Ok(()) => {
            recovered(account);
            debug!(event = %id, channel = account.config.plugin.id, "settled");
            let _ = done.send(());
        }
        Err(halt) => {
            over.say();
            halted(gateway, account, &halt);
        }
    }
}

/// Takes text that nobody needs any more from the disk, until the gateway stops.
pub(crate) async fn tidy(gateway: Arc<Gateway>, account: Arc<AccountRuntime>) {
    let mut tidying = tokio::time::interval(TIDY_EVERY);
    loop {
        tokio::select! {
            _ = tidying.tick() => {}
            () = gateway.stop.cancelled() => return,
        }
        account.note("answered messages stay on the disk for now", Journal::tidy).await;
    }
}

/// What the last run has left is answered and sent, in the order in which it came.
async fn resume(gateway: &Arc<Gateway>, account: &Arc<AccountRuntime>) {
    let left_over = account.journal.left_over();
    owed_files::sweep(gateway, account, &left_over).await;
    for (key, left) in left_over {
        let mail = match left {
            Owed::Answer(task) if task.is_given_up() => {
                let channel = account.config.plugin.id;
                warn!(channel, "an answer is given up: it was cut off too often");
                let sorry = Mail::text(Address::of(&task.message.0), GIVEN_UP);
                answer::take_on(account, &key, sorry.in_place_of(task.shown)).await
            }
            Owed::Answer(task) => {
                let (message, shown) = (task.message.0, task.shown);
                queue::join(gateway, account, Task::Respond { key, message, shown });
                continue;
            }
            Owed::Outcome(to) => answer::take_on(account, &key, Mail::to_owner(to, CUT_OFF)).await,
            Owed::Send(mail) => Box::new(mail),
        };
        if let Only::Waiting(request) = &mail.only
            && !delivery::challenge::on_its_way(account, &RequestId::from_text(request))
        {
            // It is sent for another reason already.
            answer::finish(account, &key).await;
            continue;
        }
        queue::join(gateway, account, Task::Send { key, mail, fresh: Fresh::default() });
    }
}

async fn take(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    event: &Incoming,
) -> Result<(), Halt> {
    let person = event.person();
    account.spoke(&person.conversation.id);
    gateway.cards.spoken(&account.config.key, &person.conversation.id);
    let key = journal::key(account.mark(), &person.conversation.id, person.sender, event.id());
    if account.journal.knows(&key) {
        debug!(channel = account.config.plugin.id, "duplicate");
        return Ok(());
    }
    // Nothing further is done before it is written what was done.
    while let Some(done) = next_unwritten(account) {
        see(account, &done).await?;
    }
    if account.journal.knows(&key) {
        return Ok(());
    }
    gateway.store.readable(&account.config.key)?;
    join_vouched(gateway, account, person).await?;
    if let Incoming::Message(message) = event
        && (try_claim(gateway, account, message).await?
            || shows_claim(gateway, account, (&key, message)).await?)
    {
        return see(account, &key).await;
    }
    let moment = gateway.moment(account);
    let (config, of_account) = (gateway.config(), account.rules());
    let rules = Rules { account: &of_account, owners: &config.owners, store: &gateway.store };
    let seen = gate::seen(&of_account, event, moment);
    loop {
        return match judge(gateway, rules, event, (moment, seen.as_ref()))? {
            Admission::Admitted(admitted) => admitted_event(gateway, account, *admitted, key).await,
            Admission::Misplaced(message) => {
                let to = Address::of(&message);
                commands::write_directly(gateway, account, (&key, to)).await;
                see(account, &key).await
            }
            Admission::Refused(sender, why) => {
                approvals::refuse(gateway, account, &sender, why).await?;
                see(account, &key).await
            }
            Admission::Silence(why) => {
                debug!(channel = account.config.plugin.id, why = why.text(), "ignored");
                Ok(())
            }
            Admission::Stranger(mut knock, message) => {
                if let Some(ticket) = gate::ticket(&account.config, &message)
                    && shows(gateway, account, ticket, (&mut knock, &message)).await?
                {
                    return see(account, &key).await;
                }
                if challenge::knocked(gateway, account, knock, &message).await?
                    == Standing::Approved
                {
                    continue;
                }
                see(account, &key).await
            }
        };
    }
}

/// Joins the ids that the platform vouches for in this event, where one of them has been approved.
async fn join_vouched(
    gateway: &Arc<Gateway>,
    account: &AccountRuntime,
    person: Person<'_>,
) -> Result<(), Halt> {
    if person.also.is_empty() || person.link == Link::Exposed {
        return Ok(());
    }
    let who = Contact { key: account.config.key.clone(), sender: person.sender.clone() };
    let (also, now) = (person.also.to_vec(), world::now());
    if let Some(joined) = gateway.change(move |store| store.join_vouched(&who, &also, now)).await? {
        info!(channel = account.config.plugin.id, sender = %person.sender, also = %joined.sender, "two ids of one person are joined");
    }
    Ok(())
}

fn judge(
    gateway: &Gateway,
    rules: Rules<'_>,
    event: &Incoming,
    (moment, seen): (Clock, Option<&Record>),
) -> Result<Admission, StoreError> {
    let timed = gateway.metrics.verdict.time();
    let admission = gate::admit(rules, event, moment);
    drop(timed);
    let outcome = admission.as_ref().map_or("unreadable", Admission::outcome);
    gateway.metrics.verdicts.count([rules.account.plugin.id, outcome]);
    let admission = admission?;
    if let (Some(mut seen), Some(judged)) = (seen.cloned(), admission.judged()) {
        judged.word().clone_into(&mut seen.verdict);
        gateway.verdicts.lock().add(seen);
    }
    Ok(admission)
}

/// A stranger shows a ticket. True where it was an invitation, and gave them access; a link goes into their knock.
async fn shows(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    ticket: Ticket,
    (knock, message): (&mut AccessRequest, &InboundMessage),
) -> Result<bool, StoreError> {
    let now = world::now();
    if ticket.kind() == TicketKind::Link {
        knock.claims = gateway.read(move |store| store.linked(&ticket, now)).await?.map(Box::new);
        return Ok(false);
    }
    let who = Contact { key: knock.key.clone(), sender: knock.sender.clone() };
    let (bearer, waits) = (who.clone(), account.pages.lock().request_of(&who.sender));
    let accept = move |store: &Store| store.accept(&ticket, &bearer, now);
    let Some(accepted) = gateway.change(accept).await? else {
        return Ok(false);
    };
    info_unless_at_console!(channel = account.config.plugin.id, sender = %who.sender, invitation = accepted.id, "invitation accepted");
    account.remember(&who.sender, &message.conversation);
    // A person who waited before may have been welcomed by now.
    if waits.is_none_or(|request| account.pages.lock().welcomes(&request)) {
        answer::send(gateway, account, Mail::text(Address::of(message), text::WELCOME)).await;
    }
    notice::accepted(gateway, (&who, &accepted), message);
    Ok(true)
}

async fn admitted_event(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    admitted: Admitted,
    key: EventKey,
) -> Result<(), Halt> {
    let who = admitted.who();
    account.remember(&who.sender, &who.conversation);
    if admitted.owner_proof().is_some() {
        let channel = account.config.plugin.id.to_owned();
        let owner = Owner { channel, sender: who.sender.clone() };
        gateway.owners_seen.lock().saw(&owner, world::now());
    }
    let message = match admitted.what() {
        Incoming::Message(message) => message,
        Incoming::Press(press) => {
            approvals::pressed(gateway, account, &admitted, press).await?;
            return see(account, &key).await;
        }
        Incoming::Reaction(reaction) => {
            approvals::reaction_decides(gateway, account, &admitted, (&key, reaction)).await?;
            return see(account, &key).await;
        }
    };
    if approvals::reply_decides(gateway, account, &admitted, (&key, message)).await?
        || commands::run(gateway, account, &admitted, (&key, message)).await?
    {
        return see(account, &key).await;
    }
    let (of, kept) = (key.clone(), Arc::clone(message));
    account.written(move |journal| journal.take(&of, &kept)).await?;
    let message = Arc::clone(message);
    let task = Task::Respond { key, message, shown: None };
    queue::put(gateway, account, task).await;
    Ok(())
}

/// Tries `/claim`. True where its sender is an owner now; a wrong code is counted, and the message stays ordinary.
async fn try_claim(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    message: &InboundMessage,
) -> Result<bool, Halt> {
    let Some(code) = gate::claim_code(&account.rules(), message, gateway.moment(account)) else {
        return Ok(false);
    };
    let (sender, now) = (message.sender.id.clone(), world::now());
    if gateway.wrong_claims.lock().silenced(&account.config.key, sender.as_str(), now) {
        return Ok(false);
    }
    let owner = Owner { channel: account.config.plugin.id.to_owned(), sender };
    let claimant = owner.clone();
    if !gateway.read(move |store| store.redeem_claim(&code, &claimant, now)).await? {
        let silenced =
            gateway.wrong_claims.lock().count(&account.config.key, owner.sender.as_str(), now);
        if silenced {
            // Of wrong tries the access log has one line a sender and an hour.
            info!(channel = owner.channel, sender = %owner.sender, "too many wrong claims");
            let (key, sender) = (&account.config.key, owner.sender.as_str());
            gateway.note_in_chat("claim-refused", key, sender, "claim").await?;
        }
        return Ok(false);
    }
    info_unless_at_console!(channel = owner.channel, sender = %owner.sender, "ownership claimed");
    account.remember(&owner.sender, &message.conversation);
    // New owners read that they are one before they are shown who waits.
    notice::claimed(gateway, account, &owner, message).await;
    drop(gateway.follow_decisions());
    Ok(true)
}

/// Spends a claim code that is shown in any other way than it should. True where it was the open one: then
/// nobody else reads the message, and nobody becomes an owner by it.
async fn shows_claim(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    (event, message): (&EventKey, &Arc<InboundMessage>),
) -> Result<bool, Halt> {
    let rules = account.rules();
    if gate::claims(&rules, message).is_some() {
        return Ok(false);
    }
    let who = format!("{}:{}", account.config.plugin.id, message.sender.id);
    let (here, lent) = (Arc::clone(gateway), Arc::clone(message));
    let key = account.config.key.clone();
    let spend = move || notice::spend_claim(&here, &lent.text, ("chat", &who, Some(&key)));
    if !blocking(spend).await? {
        return Ok(false);
    }
    if gate::listens_to(&rules, message) {
        let told = Mail::to_everyone(Address::of(message), notice::spent());
        answer::send_for(gateway, account, event.clone(), (told, Fresh::default())).await;
    }
    Ok(true)
}

fn next_unwritten(account: &AccountRuntime) -> Option<EventKey> {
    account.unwritten.lock().iter().next().cloned()
}

/// Notes that an event is done; one that owes something is known already. What the journal cannot take is remembered
/// here, and never done again.
async fn see(account: &AccountRuntime, key: &EventKey) -> Result<(), Halt> {
    let seen = if account.journal.knows(key) {
        Ok(())
    } else {
        let seen = key.clone();
        account.written(move |journal| journal.see(&seen)).await
    };
    match seen {
        Ok(()) => {
            account.unwritten.lock().remove(key);
            Ok(())
        }
        Err(error) => {
            account.unwritten.lock().insert(key.clone());
            Err(error.into())
        }
    }
}

fn recovered(account: &AccountRuntime) {
    let limitation = account.limitation();
    account.status.update(|status| {
        if status.state == State::StoreUnreadable {
            (status.state, status.last_error) = (State::Connected, limitation);
        }
    });
}

/// Nobody is admitted, nothing is sent, nothing is acknowledged; the owner is told once.
fn halted(gateway: &Arc<Gateway>, account: &AccountRuntime, halt: &Halt) {
    let first = account.status.get().state != State::StoreUnreadable;
    account.status.enter(State::StoreUnreadable, Some(halt.to_string()));
    if first {
        let (channel, id) = (account.config.plugin.id, account.config.key.account.as_str());
        warn!(channel, account = id, error = %halt, "store unreadable: the account is paused");
        let text = format!("{channel} ({id}) is paused: its state cannot be read: {halt}");
        approvals::tell(gateway, &text, None);
    }
}

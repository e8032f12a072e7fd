//! Commands: looked up, their access checked, run. The plugin never checks, and never sees who it is that asks.

mod access;
mod context;
mod port;
mod wrong_codes;

use std::{collections::HashSet, sync::Arc};

use openclaw_plugin_sdk::{
    Access, ChatId, Command, CommandError, CommandPlugin, InboundMessage, Invocation, Reply, Text,
};
use parking_lot::Mutex;
use tracing::{info, warn};

use self::{context::CommandContext, wrong_codes::WrongCodes};
use crate::{
    Gateway,
    accounts::account::AccountRuntime,
    delivery::{
        Fresh, answer,
        queue::{self, Task},
    },
    gate::{
        Admitted, Halt,
        words::{self, Words},
    },
    journal::{
        EventKey, Journal,
        mail::{Address, Mail},
    },
    registry,
    rules::{AccountKey, approver::Approver},
    store::UNFINISHED,
    text::command as text,
    world,
};

/// What is remembered of commands.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    wrong_codes: Mutex<WrongCodes>,
    /// Groups in which an owner was told to write directly.
    told_groups: Mutex<HashSet<(AccountKey, ChatId)>>,
}

/// Runs the command in a message. False where the message is none; it is done and answered otherwise.
pub(crate) async fn run(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    admitted: &Admitted,
    (key, message): (&EventKey, &InboundMessage),
) -> Result<bool, Halt> {
    let prefix = account.config.plugin.abilities.command_prefix;
    let Some(words) = words::command(prefix, &message.text) else { return Ok(false) };
    let to = Address::of(message);
    if let Some(command) = commands(registry::COMMANDS).find(|command| words.is(command.name)) {
        let approver = admitted.owner_proof().and_then(Approver::in_chat);
        if command.access == Access::Owner && approver.is_none() {
            return refuse(gateway, account, admitted, (key, to, command)).await.map(|()| true);
        }
        let (begun, whose) = (key.clone(), to.clone());
        let run = move |journal: &Journal| journal.run(&begun, whose);
        account.note("a command is run again if the gateway stops now", run).await;
        let port =
            CommandContext::new(Arc::clone(gateway), Arc::clone(account), admitted.who(), approver);
        let replies = invoke(command, words, prefix, &port).await;
        let replies = port.replies(&replies, to);
        answer::send_for(gateway, account, key.clone(), replies).await;
        return Ok(true);
    }
    let text = match &*words.name.to_ascii_lowercase() {
        "help" | "start" => help(admitted, prefix),
        "whoami" => whoami(account, admitted),
        "reset" => {
            queue::join(gateway, account, Task::Forget(message.conversation.clone()));
            Text::plain(text::FORGOTTEN)
        }
        "claim" if silenced(gateway, account, admitted) => return Ok(true),
        "claim" => Text::plain(text::WRONG_CLAIM),
        _ => text::unknown(prefix),
    };
    reply(gateway, account, key, Mail::text(to, text)).await;
    Ok(true)
}

/// Tells an owner, once in each group, that commands are for direct chats.
pub(crate) async fn write_directly(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    (key, to): (&EventKey, Address),
) {
    let place = (account.config.key.clone(), to.conversation().id);
    if gateway.commands.told_groups.lock().insert(place) {
        reply(gateway, account, key, Mail::text(to, text::DIRECTLY)).await;
    }
}

async fn invoke(
    command: &Command,
    words: Words<'_>,
    prefix: &'static str,
    port: &CommandContext,
) -> Vec<Reply> {
    match (command.run)(Invocation { prefix, args: words.args, gateway: port }).await {
        Ok(mut replies) => {
            if command.access == Access::Owner && port.gateway.store.is_unfinished() {
                replies.push(Text::plain(UNFINISHED).into());
            }
            replies
        }
        Err(CommandError::InDoubt(why)) => {
            warn!(command = command.name, why, "command failed");
            vec![text::in_doubt(&why).into()]
        }
        Err(CommandError::Usage(text)) => vec![Text::plain(text).into()],
        Err(CommandError::Failed(why)) => {
            warn!(command = command.name, why, "command failed");
            vec![text::failed(&why).into()]
        }
    }
}

async fn refuse(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    admitted: &Admitted,
    (event, to, command): (&EventKey, Address, &'static Command),
) -> Result<(), Halt> {
    let who = admitted.who();
    info!(channel = account.config.plugin.id, sender = %who.sender, command = command.name, "owner command refused");
    gateway.note_in_chat("refused", &account.config.key, who.sender.as_str(), command.name).await?;
    if !admitted.is_old() {
        reply(gateway, account, event, Mail::text(to, text::OWNERS_ONLY)).await;
    }
    Ok(())
}

async fn reply(gateway: &Arc<Gateway>, account: &Arc<AccountRuntime>, key: &EventKey, mail: Mail) {
    answer::send_for(gateway, account, key.clone(), (mail, Fresh::default())).await;
}

fn help(admitted: &Admitted, prefix: &str) -> Text {
    let owner = admitted.owner_proof().is_some();
    let mut lines = vec![text::HELP.to_owned()];
    lines.extend(
        registry::OWN_COMMANDS
            .iter()
            .filter(|(name, _)| *name != "start")
            .map(|(name, what)| format!("{prefix}{name} – {what}")),
    );
    let plugins =
        commands(registry::COMMANDS).filter(|command| owner || command.access == Access::Admitted);
    lines.extend(plugins.map(|command| format!("{prefix}{} – {}", command.name, command.summary)));
    Text::plain(lines.join("\n"))
}

fn whoami(account: &AccountRuntime, admitted: &Admitted) -> Text {
    let (plugin, who) = (account.config.plugin, admitted.who());
    let channel = (plugin.label, account.config.key.account.as_str());
    text::whoami(channel, plugin.id_line, who.sender.as_str(), who.ground)
}

fn silenced(gateway: &Gateway, account: &AccountRuntime, admitted: &Admitted) -> bool {
    let sender = admitted.who().sender.as_str();
    gateway.wrong_claims.lock().silenced(&account.config.key, sender, world::now())
}

fn commands(plugins: &'static [&'static CommandPlugin]) -> impl Iterator<Item = &'static Command> {
    plugins.iter().flat_map(|plugin| plugin.commands)
}

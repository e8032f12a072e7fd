//! `/access`: who has access, since when and until when, and the end of it. `/invite` gives access in advance; `/doctor`
//! shows what is wrong with the gateway; `/link` proves on another channel who one is. The gateway has checked who runs
//! them, and alone can spell a code.

mod text;
mod words;

use std::time::Duration;

use openclaw_plugin_sdk::{
    Access, AccessChange, AccessChanged, Command, CommandError, CommandFuture, CommandPlugin,
    Gateway, Invocation, Linked, Reply, Text,
};
use words::{Invite, Words};

/// The commands about permissions, as the registry lists them.
pub const PLUGIN: CommandPlugin =
    CommandPlugin { id: "access", commands: &[ACCESS, DOCTOR, INVITE, LINK] };

const ACCESS: Command = Command {
    name: "access",
    summary: "shows and changes who has access",
    access: Access::Owner,
    run: |invocation| boxed(access(invocation)),
};

const DOCTOR: Command = Command {
    name: "doctor",
    summary: "shows what is wrong with this gateway",
    access: Access::Owner,
    run: |invocation| boxed(doctor(invocation)),
};

const INVITE: Command = Command {
    name: "invite",
    summary: "makes a code that gives one person access",
    access: Access::Owner,
    run: |invocation| boxed(invite(invocation)),
};

const LINK: Command = Command {
    name: "link",
    summary: "makes a code that identifies you on another channel",
    access: Access::Admitted,
    run: |invocation| boxed(link(invocation)),
};

fn boxed<'a>(
    future: impl Future<Output = Result<Text, CommandError>> + Send + 'a,
) -> CommandFuture<'a> {
    Box::pin(async move { Ok(vec![Reply::from(future.await?)]) })
}

async fn access(invocation: Invocation<'_>) -> Result<Text, CommandError> {
    let Invocation { prefix, args, gateway } = invocation;
    match words::parse(args) {
        Words::Change(change, who) => changed(gateway, &change, who).await,
        Words::Explain { channel, id, sender } => {
            let lines = gateway.access().explain(channel, id, sender).await?;
            Ok(text::explained(&lines))
        }
        Words::Help => Ok(text::help(prefix)),
        Words::List(channel) => Ok(text::entries(&gateway.access().list(channel).await?)),
        Words::Log(count) => Ok(text::log(&gateway.access().log(count).await?)),
        Words::Misused(usage) => Err(CommandError::Usage(format!("`{prefix}access {usage}`"))),
        Words::Unknown => Err(CommandError::Usage(format!("`{prefix}access` shows how"))),
    }
}

async fn changed(
    gateway: &dyn Gateway,
    change: &AccessChange,
    who: &str,
) -> Result<Text, CommandError> {
    Ok(Text::plain(match gateway.access().change(change, who).await? {
        AccessChanged::Done { ids, still } => {
            format!("{} {}{}", text::done(change), ids.join(", "), text::still(still.as_ref()))
        }
        AccessChanged::Owner => text::OWNER.to_owned(),
        AccessChanged::Nothing { still } => {
            text::nothing(change).to_owned() + &text::still(still.as_ref())
        }
        AccessChanged::Unknown(why) => return Err(CommandError::Usage(why)),
    }))
}

async fn doctor(invocation: Invocation<'_>) -> Result<Text, CommandError> {
    Ok(Text::plain(invocation.gateway.doctor().await?))
}

async fn invite(invocation: Invocation<'_>) -> Result<Text, CommandError> {
    let Invocation { prefix, args, gateway } = invocation;
    match words::invite(args) {
        Invite::Cancel(id) => {
            let cancelled = gateway.access().uninvite(id).await?;
            Ok(Text::plain(if cancelled { text::CANCELLED } else { text::NO_INVITATION }))
        }
        Invite::List => Ok(text::invitations(prefix, &gateway.access().invitations().await?)),
        Invite::Make { note, lasting } => {
            let made = gateway.access().invite(note, lasting).await?;
            Ok(text::invited(prefix, &made, note))
        }
        Invite::Misused => Err(CommandError::Usage(text::invite_usage(prefix))),
    }
}

async fn link(invocation: Invocation<'_>) -> Result<Text, CommandError> {
    let Invocation { args, gateway, .. } = invocation;
    if !args.is_empty() {
        return Ok(Text::plain(text::LINKED_HERE));
    }
    Ok(match gateway.access().link().await? {
        Linked::Code(code, left) => text::link(code, left),
        Linked::NotApproved => Text::plain(text::NOTHING_TO_JOIN),
    })
}

/// An invitation is open so long where nothing is said.
const INVITATION: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests;

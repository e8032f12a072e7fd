//! `/access`: who may talk, since when and until when, and the end of it. `/invite` lets somebody in beforehand;
//! `/link` says on another channel who one is. The gateway has checked who runs them, and alone can spell a code.

mod shown;
mod words;

use std::time::Duration;

use openclaw_plugin_sdk::{
    Access, Command, CommandError, CommandFuture, CommandPlugin, Gateway, Invocation, Linked,
    PermitChange, PermitChanged, Reply, Text, spell_span,
};
use words::{Invite, Words};

/// The commands about permissions, as the registry lists them.
pub const PLUGIN: CommandPlugin = CommandPlugin { id: "access", commands: &[ACCESS, INVITE, LINK] };

const ACCESS: Command = Command {
    name: "access",
    summary: "shows who may talk, and changes it",
    access: Access::Owner,
    run: |invocation| boxed(access(invocation)),
};

const INVITE: Command = Command {
    name: "invite",
    summary: "lets somebody in beforehand, by a code for one use",
    access: Access::Owner,
    run: |invocation| boxed(invite(invocation)),
};

const LINK: Command = Command {
    name: "link",
    summary: "gives you a code that says on another channel who you are",
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
        Words::Change(change, who) => changed(gateway, change, who).await,
        Words::Explain { channel, id, sender } => {
            let lines = gateway.permits().explain(channel, id, sender).await?;
            Ok(shown::explained(&lines))
        }
        Words::Help => Ok(help(prefix)),
        Words::List(channel) => Ok(shown::permits(&gateway.permits().list(channel).await?)),
        Words::Log(count) => Ok(shown::log(&gateway.permits().log(count).await?)),
        Words::Misused(usage) => Err(CommandError::Usage(format!("`{prefix}access {usage}`"))),
        Words::Unknown => Err(CommandError::Usage(format!("`{prefix}access` shows how"))),
    }
}

async fn changed(
    gateway: &dyn Gateway,
    change: PermitChange<'_>,
    who: &str,
) -> Result<Text, CommandError> {
    let still = |still: &Option<String>| {
        still.as_ref().map(|why| format!("\n⚠️ He is still let in: {why}")).unwrap_or_default()
    };
    Ok(match gateway.permits().change(change, who).await? {
        PermitChanged::Done { whom, still: why } => {
            Text::plain(format!("{} {}{}", done(change), whom.join(", "), still(&why)))
        }
        PermitChanged::Owner => {
            Text::plain("He is an owner: an owner cannot be blocked. Nothing was changed.")
        }
        PermitChanged::Nothing { still: why } => {
            Text::plain(format!("{}{}", nothing(change), still(&why)))
        }
        PermitChanged::Unknown(why) => return Err(CommandError::Usage(why)),
    })
}

fn done(change: PermitChange<'_>) -> String {
    match change {
        PermitChange::Block => "⛔ Blocked".to_owned(),
        PermitChange::Extend(None) => "✅ For good now:".to_owned(),
        PermitChange::Extend(Some(lasting)) => format!("✅ For {} more:", spell_span(lasting)),
        PermitChange::Rename(Some(_)) => "Noted for".to_owned(),
        PermitChange::Rename(None) => "Note taken away for".to_owned(),
        PermitChange::Revoke => "⛔ Revoked".to_owned(),
        PermitChange::Unblock => "No longer blocked, a stranger from now on:".to_owned(),
    }
}

fn nothing(change: PermitChange<'_>) -> &'static str {
    match change {
        PermitChange::Block => "He is blocked already.",
        PermitChange::Extend(_) => "He has no grant that ends. Nothing was changed.",
        PermitChange::Rename(_) => "That is his note already.",
        PermitChange::Revoke => "He has no stored grant. Nothing was changed.",
        PermitChange::Unblock => "He is not blocked.",
    }
}

async fn invite(invocation: Invocation<'_>) -> Result<Text, CommandError> {
    let Invocation { prefix, args, gateway } = invocation;
    match words::invite(args) {
        Invite::Cancel(id) => Ok(Text::plain(if gateway.permits().uninvite(id).await? {
            "Cancelled: that code lets nobody in."
        } else {
            "There is no open invitation of that name."
        })),
        Invite::List => Ok(shown::invitations(prefix, &gateway.permits().invitations().await?)),
        Invite::Make { note, lasting } => {
            let made = gateway.permits().invite(note, lasting).await?;
            Ok(shown::invited(prefix, &made, note))
        }
        Invite::Misused => Err(CommandError::Usage(format!(
            "`{prefix}invite [note] [24h]`, `{prefix}invite list`, `{prefix}invite cancel <name>`; \
             an invitation is open for a day at most"
        ))),
    }
}

async fn link(invocation: Invocation<'_>) -> Result<Text, CommandError> {
    let Invocation { args, gateway, .. } = invocation;
    if !args.is_empty() {
        return Ok(Text::plain(
            "You are let in here already. Send the code where you are not known yet.",
        ));
    }
    Ok(match gateway.permits().link().await? {
        Linked::Code(code, left) => {
            Text::plain("Send this to me on the other channel: ").opaque(code).and(format!(
                "\nIt works once, within {}. The owner is asked whether it is you.",
                spell_span(left)
            ))
        }
        Linked::NotApproved => Text::plain(
            "You are let in by the configuration or as an owner, so there is nothing to join.",
        ),
    })
}

fn help(prefix: &str) -> Text {
    let line = |text: Text, words: &str, what: &str| {
        text.and("\n").code(format!("{prefix}access {words}")).and(format!(" {what}"))
    };
    let lines = [
        ("list [channel]", "who may talk, who is blocked"),
        ("revoke <who>", "takes it back, under all his ids"),
        ("block <who>", "and never hears him again"),
        ("unblock <who>", "he may ask again then"),
        ("extend <who> <24h|always>", "another end for a grant that ends"),
        ("rename <who> <note>", "what you call him"),
        (
            "explain <channel> <id>",
            "what decides about them now; or about a group: its id, and a sender's",
        ),
        ("log [n]", "the newest decisions"),
    ];
    let head = Text::plain("Who may talk. <who> is as the list shows him, such as telegram:4711.");
    lines.into_iter().fold(head, |text, (words, what)| line(text, words, what))
}

/// An invitation is open so long where nothing is said.
const INVITATION: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests;

//! `/access`: who has access, since when and until when, and the end of it. `/invite` gives access in advance;
//! `/link` proves on another channel who one is. The gateway has checked who runs them, and alone can spell a code.

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
    summary: "shows and changes who has access",
    access: Access::Owner,
    run: |invocation| boxed(access(invocation)),
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
        still.as_ref().map(|why| format!("\n⚠️ Still has access: {why}")).unwrap_or_default()
    };
    Ok(match gateway.permits().change(change, who).await? {
        PermitChanged::Done { ids, still: why } => {
            Text::plain(format!("{} {}{}", done(change), ids.join(", "), still(&why)))
        }
        PermitChanged::Owner => {
            Text::plain("This person is an owner. Owners cannot be blocked. Nothing changed.")
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
        PermitChange::Extend(None) => "✅ Access is permanent now:".to_owned(),
        PermitChange::Extend(Some(lasting)) => {
            format!("✅ Access ends in {}:", spell_span(lasting))
        }
        PermitChange::Rename(Some(_)) => "Note saved for".to_owned(),
        PermitChange::Rename(None) => "Note removed for".to_owned(),
        PermitChange::Revoke => "⛔ Revoked".to_owned(),
        PermitChange::Unblock => "Block removed; a stranger again:".to_owned(),
    }
}

fn nothing(change: PermitChange<'_>) -> &'static str {
    match change {
        PermitChange::Block => "Already blocked. Nothing changed.",
        PermitChange::Extend(_) => "No grant with an end. Nothing changed.",
        PermitChange::Rename(_) => "The note says that already. Nothing changed.",
        PermitChange::Revoke => "No stored grant. Nothing changed.",
        PermitChange::Unblock => "Not blocked. Nothing changed.",
    }
}

async fn invite(invocation: Invocation<'_>) -> Result<Text, CommandError> {
    let Invocation { prefix, args, gateway } = invocation;
    match words::invite(args) {
        Invite::Cancel(id) => Ok(Text::plain(if gateway.permits().uninvite(id).await? {
            "Invitation cancelled. Its code gives no access."
        } else {
            "There is no open invitation with that name."
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
            "You already have access here. Send the code on the channel where you have none.",
        ));
    }
    Ok(match gateway.permits().link().await? {
        Linked::Code(code, left) => {
            Text::plain("Send this to me on the other channel: ").opaque(code).and(format!(
                "\nIt works once, within {}. The owner then confirms that it is you.",
                spell_span(left)
            ))
        }
        Linked::NotApproved => Text::plain(
            "Your access comes from the configuration or from ownership, so there is nothing to join.",
        ),
    })
}

fn help(prefix: &str) -> Text {
    let line = |text: Text, words: &str, what: &str| {
        text.and("\n").code(format!("{prefix}access {words}")).and(format!(" {what}"))
    };
    let lines = [
        ("list [channel]", "shows who has access and who is blocked"),
        ("revoke <who>", "removes the access of all ids of a person"),
        ("block <who>", "ignores a person until you unblock them"),
        ("unblock <who>", "removes the block; the person may ask again"),
        ("extend <who> <24h|always>", "sets a new end of temporary access"),
        ("rename <who> <note>", "sets your note about a person"),
        (
            "explain <channel> <id>",
            "shows the rule that decides about a sender, or about a group (and a sender in it)",
        ),
        ("log [n]", "shows the newest decisions"),
    ];
    let head = Text::plain("Access. <who> is an id as the list shows it, such as telegram:4711.");
    lines.into_iter().fold(head, |text, (words, what)| line(text, words, what))
}

/// An invitation is open so long where nothing is said.
const INVITATION: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests;

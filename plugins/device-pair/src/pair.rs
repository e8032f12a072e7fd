//! `/pair`: the owner gets a setup code for a device, sees which devices wait, and lets them in. The gateway has
//! checked that it is the owner, does what is asked, and alone can spell a code.

mod text;
mod words;

use openclaw_plugin_sdk::{
    Access, Command, CommandError, Decision, DeviceChoice, DeviceDecided, Gateway, Invocation,
    NotYet, Notify, Reply, Setup, SetupWish, Text,
};
use words::Words;

/// The command, as the registry lists it.
pub(crate) const PAIR: Command = Command {
    name: "pair",
    summary: "makes a setup code for a phone or another device",
    access: Access::Owner,
    run: |invocation| Box::pin(pair(invocation)),
};

async fn pair(invocation: Invocation<'_>) -> Result<Vec<Reply>, CommandError> {
    let Invocation { prefix, args, gateway } = invocation;
    let text = match words::parse(args) {
        Words::Mint { wish, qr } => return mint(prefix, gateway, wish, qr).await,
        Words::Approve(choice) => decide(prefix, gateway, Decision::Approve, choice).await?,
        Words::Reject(id) => decide(prefix, gateway, Decision::Deny, DeviceChoice::Id(id)).await?,
        Words::Cleanup => text::cleaned(prefix, gateway.setup_cancel().await?),
        Words::Help | Words::Unknown => text::help(prefix),
        Words::Latest => text::latest(prefix, &gateway.device_list().await?),
        Words::Notify(wish) => notify(prefix, gateway, wish).await?,
        Words::Status => text::status(prefix, &gateway.device_list().await?),
        Words::Misused(verb) => return Err(CommandError::Usage(text::usage(prefix, verb))),
    };
    Ok(vec![text.into()])
}

async fn mint(
    prefix: &str,
    gateway: &dyn Gateway,
    wish: SetupWish,
    qr: bool,
) -> Result<Vec<Reply>, CommandError> {
    let offered = match gateway.setup_code(wish).await? {
        Setup::Made(offered) => offered,
        Setup::NoWayIn(why) => return Ok(vec![text::no_way_in(prefix, &why).into()]),
    };
    let told = text::instructions(prefix, wish, qr, &offered);
    let shown = if qr {
        let caption = Text::plain(text::SCAN);
        Reply::Qr { code: offered.code, caption }
    } else {
        Text::default().opaque(offered.code).into()
    };
    Ok(vec![told.into(), shown])
}

async fn decide(
    prefix: &str,
    gateway: &dyn Gateway,
    decision: Decision,
    choice: DeviceChoice<'_>,
) -> Result<Text, CommandError> {
    Ok(match gateway.device_decide(decision, choice).await? {
        DeviceDecided::Denied(scope) => text::denied(prefix, scope.as_deref()),
        DeviceDecided::Done(device) => text::done(decision, &device),
        DeviceDecided::NotYet(NotYet::None, waiting) => match choice {
            DeviceChoice::Id(_) if !waiting.is_empty() => {
                text::listed(text::NO_SUCH_DEVICE, prefix, &waiting)
            }
            DeviceChoice::Id(_) | DeviceChoice::Only => text::nothing(prefix),
        },
        DeviceDecided::NotYet(why, waiting) => text::listed(text::not_yet(why), prefix, &waiting),
    })
}

async fn notify(
    prefix: &str,
    gateway: &dyn Gateway,
    wish: Option<Notify>,
) -> Result<Text, CommandError> {
    Ok(text::notify(prefix, gateway.device_notify(wish).await?, wish))
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, clippy::too_many_lines, reason = "snapshots of texts")]
mod tests;

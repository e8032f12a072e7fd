//! What `openclaw setup` says.

use super::*;
use crate::gateway::Connected;

#[test]
fn lines_of_the_setup() {
    let page = "http://127.0.0.1:18789/chat";
    let (telegram, signal) =
        (registry::channel("telegram").unwrap(), registry::channel("signal").unwrap());
    let (file, found) = (Path::new("/s/config.toml"), Path::new("/s/openclaw.json"));
    let but = Some("only mentions arrive".to_owned());
    let answers = [
        Ok(Some(Connected { limitation: None })),
        Ok(Some(Connected { limitation: but })),
        Ok(None),
        Err(ChannelError::Unauthorized("check `bot_token`".to_owned())),
    ];
    let steps = [Left::Import(found.to_owned()), Left::Channel, Left::Service, Left::Owner];
    assert_eq!(lacking("bot_token", "is missing"), None);
    let mut lines = vec![
        ask_take_over(found),
        needs_no_setup("Web chat"),
        lacking("bot_token", "is missing: a page shows it").unwrap(),
        lacking("bot_token", "is no token").unwrap(),
        ask_secret("channels.telegram.bot_token"),
        trying("Telegram"),
        left_out("Telegram"),
        channel_set_up(telegram, file),
        channel_set_up(signal, file),
        set_up_by_hand(telegram, "no such thing").spell(false),
        set_up(page, true, true),
        set_up(page, false, false),
        set_up(page, false, true),
    ];
    lines.extend(answers.iter().map(|one| tried("Telegram", one).unwrap_or_else(|why| why)));
    lines.extend(left(&steps, page));
    lines.extend(left(&[], page));
    expect![[r#"
        There is an OpenClaw: /s/openclaw.json. Take over its settings, people and devices?
        Web chat needs no setup
        `bot_token`: a page shows it
        `bot_token`: is no token
        channels.telegram.bot_token (it is not shown; Enter leaves the channel out)
        Connecting to Telegram …
        Telegram is left out; nothing was written
        ✅ Telegram is set up in /s/config.toml
        ✅ Signal is set up in /s/config.toml
        Link the account: `openclaw channels login signal`
        error: Telegram: no such thing
        hint: write `[channels.telegram]` into the configuration file

        The gateway runs. Its page: http://127.0.0.1:18789/chat
        Strangers who write to your bot get a code, and you decide about them.
        `openclaw status` shows how everything is, `openclaw doctor` what does not work.
        Start the gateway: `openclaw gateway run`. It prints a code that makes you the owner.
        Its page is then at http://127.0.0.1:18789/chat
        `openclaw doctor` shows what does not work.
        Start the gateway: `openclaw gateway run`.
        Its page is then at http://127.0.0.1:18789/chat
        `openclaw doctor` shows what does not work.
        ✅ Telegram answers
        ✅ Telegram answers, but: only mentions arrive
        Telegram has not answered in time
        Telegram: check `bot_token`
        This is left; `openclaw setup` in a terminal asks for it:
        1. Take over /s/openclaw.json
           openclaw import
        2. Connect a chat, such as Telegram
           openclaw config set channels.telegram.bot_token -
        3. Run the gateway in the background (`openclaw gateway run` runs it here)
           openclaw service install --now
        4. Become the owner: send the code to your bot
           openclaw owner claim
        Then the page is at http://127.0.0.1:18789/chat
        Everything is set up. The page is at http://127.0.0.1:18789/chat"#]]
    .assert_eq(&lines.join("\n"));
    let asked = [ASK_CHANNEL, ASK_KEEP, ASK_SERVICE, ASK_TYPE_AGAIN, SETUP_AGAIN, SETUP_OWNER];
    expect![[r#"
        Which channel? Its number or name; Enter goes on: 
        Write it into the configuration all the same?
        Run the gateway in the background, now and whenever you log in?
        Type it again?
        `openclaw setup` goes on after that; answer `no` there to set up without the import

        Nobody decides yet. Become the owner: send this code to your bot.
    "#]]
    .assert_eq(&asked.join("\n"));
}

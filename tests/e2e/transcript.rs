//! Replays a transcript: one story, told as its people would see it.
//!
//! `= toml` configures; `telegram ann> text` writes, `telegram ann< pattern` is what the bot answers,
//! `telegram ann< (silence)` that it does not; `ann presses> Approve` presses the newest button with that label,
//! `ann told<` is what stands on it then, `ann shows< text` waits until a message of the bot shows that; `ann reply>` answers the bot's last message, `ann reacts> 👍` reacts to it; `ann gone< text` waits
//! until no message of the bot shows that; `group ann>` writes in the group; `phone ann> connect with <setup>` and
//! what else `phone/told.rs` lists use a phone, `phone ann< …` is what it shows; `webchat bob>`, `bob<`, `bob presses>` and `bob shows<` do
//! so on the page; `$ openclaw …` runs a command line, the lines below it are its output, `! N` its exit code;
//! `~ stop`, `~ start`, `~ kill` and `~ restart` are the gateway's.

use std::path::Path;

use super::{
    chats::How,
    pattern::{Codes, fill, is_secret, matches},
    process::texts,
    world::World,
};

/// Plays one story from a file.
pub(crate) async fn play(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<(usize, &str)> =
        text.lines().enumerate().map(|(n, line)| (n + 1, line)).collect();
    let config: Vec<&str> = lines.iter().filter_map(|(_, line)| line.strip_prefix("= ")).collect();
    let config = config.join("\n");
    let mut world = World::prepare(&config).await;
    if lines.iter().any(|(_, line)| line.starts_with("console")) {
        world.sit_down();
    }
    world.run();
    let mut codes = Codes::new();
    let mut rest = &lines[..];
    while let Some(((number, line), after)) = rest.split_first() {
        rest = after;
        let place = format!("{}:{number}: {line}", path.file_name().unwrap().to_string_lossy());
        if line.is_empty() || line.starts_with('#') || line.starts_with('=') {
            continue;
        }
        if let Some(command) = line.strip_prefix("$ openclaw ") {
            let taken = rest.iter().take_while(|(_, line)| !is_step(line)).count();
            let expected: Vec<&str> = rest[..taken].iter().map(|(_, line)| *line).collect();
            rest = &rest[taken..];
            run(&world, &fill(command, &codes), &expected, &mut codes, &place);
        } else if let Some(word) = line.strip_prefix("~ ") {
            take_turn(&mut world, word, &place).await;
        } else {
            step(&mut world, line, &mut codes, &place).await;
        }
    }
    world.stop();
    for chat in world.chats() {
        let unread = world.unread(chat);
        assert!(
            unread.is_empty(),
            "{}: chat {chat} got more than the story tells: {unread:?}",
            path.display()
        );
    }
    for (channel, talk) in &world.talks {
        for name in talk.chats.written_to() {
            let unread = talk.unread(&name);
            let file = path.display();
            assert!(
                unread.is_empty(),
                "{file}: {channel} {name} got more than the story tells: {unread:?}"
            );
        }
    }
    let logged = world.home.logged();
    let others = world.talks.values().flat_map(|talk| talk.chats.secrets());
    for secret in others {
        assert!(!logged.contains(&secret), "case_107 case_108: `{secret}` stands in the log");
    }
    let secrets = codes.iter().filter(|(name, _)| is_secret(name)).map(|(_, code)| code.as_str());
    for secret in secrets.chain([super::fake_telegram::TOKEN]) {
        assert!(!logged.contains(secret), "case_107 case_108: `{secret}` stands in the log");
    }
}

fn is_step(line: &str) -> bool {
    let word = line.split(' ').next().unwrap_or_default();
    let channel = openclaw::registry::CHANNELS.iter().any(|plugin| plugin.id == word);
    channel || ["console", "phone", "$", "~", "#", "="].contains(&word) || line.is_empty()
}

fn run(world: &World, command: &str, expected: &[&str], codes: &mut Codes, place: &str) {
    let arguments: Vec<&str> = command.split_whitespace().collect();
    let output = world.home.cli(&arguments);
    let (out, err) = texts(&output);
    let (code, expected) = match expected.split_last() {
        Some((last, before)) if last.starts_with("! ") => (last[2..].parse().unwrap(), before),
        _ => (0, expected),
    };
    let said = format!("{out}{err}");
    assert_eq!(output.status.code(), Some(code), "{place}\n{said}");
    if !expected.is_empty() {
        assert!(
            matches(&expected.join("\n"), &said, codes),
            "{place}\nexpected:\n{}\ngot:\n{said}",
            expected.join("\n")
        );
    }
}

async fn take_turn(world: &mut World, what: &str, place: &str) {
    match what {
        "kill" => {
            world.knows_what_was_taken().await;
            world.kill();
        }
        "restart" => {
            world.stop();
            world.run();
        }
        "start" => world.run(),
        "stop" => world.stop(),
        _ => panic!("{place}: no such turn"),
    }
}

async fn step(world: &mut World, line: &str, codes: &mut Codes, place: &str) {
    let (place_and_person, rest) =
        line.split_once(['>', '<']).unwrap_or_else(|| panic!("{place}: no step"));
    let inbound = line.as_bytes()[place_and_person.len()] == b'>';
    let text = fill(rest.trim(), codes);
    let words: Vec<&str> = place_and_person.split_whitespace().collect();
    match (&words[..], inbound) {
        (["telegram", "group", name], true) => drop(world.say_in_group(name, &text).await),
        (["telegram", name, "reply"], true) => drop(world.reply(name, &text).await),
        (["telegram", name], true) => drop(world.say(name, &text).await),
        (["telegram", name, "presses"], true) => drop(world.press(name, &text).await),
        (["telegram", _, "told"], false) => {
            let got = world.toasts().pop().unwrap_or_default();
            assert!(matches(rest.trim(), &got, codes), "{place}\ngot: {got}");
        }
        (["telegram", name, "shows"], false) => drop(world.shows(name, &text).await),
        (["telegram", name, "gone"], false) => world.gone(World::chat(name), &text).await,
        (["telegram", name], false) if text == "(silence)" => {
            let unread = world.unread(World::chat(name));
            assert!(unread.is_empty(), "{place}: {unread:?}");
        }
        (["telegram", name], false) => {
            let got = world.next(World::chat(name)).await;
            assert!(matches(rest.trim(), &got, codes), "{place}\ngot: {got}");
        }
        (["console"], true) => world.console().types(&text),
        (["console"], false) => drop(world.console().sees(&text)),
        (["phone", name], true) => world.phone(name).told(&text).await,
        (["phone", name], false) => {
            let got = world.phone(name).shown().await;
            assert!(matches(rest.trim(), &got, codes), "{place}\ngot: {got}");
        }
        (["webchat", name, "reply"], true) => {
            world.visitor(name).await.reply(&text).await.expect(place);
        }
        (["webchat", name, "presses"], true) => world.visitor(name).await.press(&text).await,
        (["webchat", name, "shows"], false) => drop(world.visitor(name).await.sees(&text).await),
        (["webchat", name], true) => world.visitor(name).await.say(&text).await.expect(place),
        (["webchat", name], false) if text == "(silence)" => {
            let unread = world.visitor(name).await.unread();
            assert!(unread.is_empty(), "{place}: {unread:?}");
        }
        (["webchat", name], false) => {
            let got = world.visitor(name).await.next().await;
            assert!(matches(rest.trim(), &got, codes), "{place}\ngot: {got}");
        }
        ([channel, words @ ..], _) if world.talks.contains_key(*channel) => {
            talk(world, channel, words, inbound, (&text, rest.trim()), codes, place).await;
        }
        _ => panic!("{place}: no such step"),
    }
}

/// A step on another platform; the text is given with its codes filled in, and as it stands.
async fn talk(
    world: &mut World,
    channel: &str,
    words: &[&str],
    inbound: bool,
    (text, pattern): (&str, &str),
    codes: &mut Codes,
    place: &str,
) {
    let expect = |got: String, codes: &mut Codes| {
        assert!(matches(pattern, &got, codes), "{place}\ngot: {got}");
    };
    match (words, inbound) {
        (["group", name], true) => world.say_on(channel, name, How::InGroup, text).await,
        ([name, "reply"], true) => world.say_on(channel, name, How::Replying, text).await,
        ([name, "command"], true) => world.say_on(channel, name, How::ByCommand, text).await,
        ([name, "presses"], true) => world.press_on(channel, name, text).await,
        ([name, "reacts"], true) => world.react_on(channel, name, text).await,
        ([name], true) => world.say_on(channel, name, How::Directly, text).await,
        ([name, "told"], false) => expect(world.talks[channel].told(name).await, codes),
        ([name, "shows"], false) => world.talks[channel].shows(name, text).await,
        ([name, "gone"], false) => world.talks[channel].gone(name, text).await,
        ([name], false) if text == "(silence)" => {
            let unread = world.talks[channel].unread(name);
            assert!(unread.is_empty(), "{place}: {unread:?}");
        }
        ([name], false) => {
            let got = world.talks.get_mut(channel).expect(place).next(name).await;
            expect(got, codes);
        }
        _ => panic!("{place}: no such step"),
    }
}

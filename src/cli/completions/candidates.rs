//! What may stand at the end of a line: commands, options, words, and what is there now.

use clap::{Arg, Command, CommandFactory};
use openclaw_plugin_sdk::{AccessEntry, neutral};

use crate::{
    Cli, Failure, Host,
    config::{Account, schema::Kind},
    control::{self, access, pairing},
    registry,
    rules::{
        device::{record::Device, role::Role},
        owner::Owner,
        pairing::PairingRequest,
    },
    whole,
};

/// A word that may stand there, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) word: String,
    pub(super) about: String,
}

impl Candidate {
    fn new(word: impl Into<String>, about: &str) -> Self {
        Self { word: word.into(), about: neutral(about, 80) }
    }
}

/// Everything that begins like `last` and may stand behind the words before it.
pub(super) fn candidates(host: &Host, before: &[String], last: &str) -> Vec<Candidate> {
    let mut root = Cli::command();
    root.build();
    let line = Line::read(&root, before);
    let option = last.split_once('=').filter(|(option, _)| option.starts_with("--"));
    let (head, mut all) = match (&line.option, option) {
        (Some(arg), _) => (String::new(), line.values(arg, host)),
        (None, Some((option, _))) => {
            let arg = line.command.get_arguments().find(|arg| is_named(arg, option));
            let values = arg.map(|arg| line.values(arg, host)).unwrap_or_default();
            (format!("{option}="), values)
        }
        (None, None) if last.starts_with('-') => (String::new(), line.options()),
        (None, None) => (String::new(), line.words(host)),
    };
    for one in &mut all {
        one.word.insert_str(0, &head);
    }
    all.retain(|one| one.word.starts_with(last));
    all
}

/// The words before the cursor, as the command line reads them.
struct Line<'a> {
    root: &'a Command,
    command: &'a Command,
    /// The option whose value comes next.
    option: Option<&'a Arg>,
    /// What was typed that belongs to no option.
    typed: Vec<&'a str>,
}

fn is_named(arg: &Arg, word: &str) -> bool {
    word.strip_prefix("--").is_some_and(|long| arg.get_long() == Some(long))
}

impl<'a> Line<'a> {
    fn read(root: &'a Command, before: &'a [String]) -> Self {
        let mut line = Self { root, command: root, option: None, typed: Vec::new() };
        for word in before {
            if line.option.take().is_some() {
                continue;
            }
            if word.starts_with('-') {
                let found = line.command.get_arguments().find(|arg| is_named(arg, word));
                line.option = found.filter(|arg| arg.get_action().takes_values());
                continue;
            }
            match line.command.find_subcommand(word.to_ascii_lowercase()) {
                Some(command) if line.typed.is_empty() => line.command = command,
                _ => line.typed.push(word),
            }
        }
        line
    }

    fn options(&self) -> Vec<Candidate> {
        let shown = self.command.get_arguments().filter(|arg| !arg.is_hide_set());
        let option = |arg: &Arg| {
            let about = arg.get_help().map(ToString::to_string).unwrap_or_default();
            Some(Candidate::new(format!("--{}", arg.get_long()?), &about))
        };
        shown.filter_map(option).collect()
    }

    /// Commands, or the values of the argument that comes next.
    fn words(&self, host: &Host) -> Vec<Candidate> {
        let mut all = if self.typed.is_empty() { commands(self.command) } else { Vec::new() };
        let positionals: Vec<&Arg> = self.command.get_positionals().collect();
        let next = positionals.get(self.typed.len());
        let more = positionals
            .last()
            .filter(|arg| arg.get_num_args().is_some_and(|count| count.max_values() > 1));
        if let Some(arg) = next.or(more) {
            all.extend(self.values(arg, host));
        }
        // The channel may be left out.
        if next.is_some_and(|arg| !arg.is_required_set())
            && let Some(second) = positionals.get(self.typed.len() + 1)
            && second.is_required_set()
        {
            all.extend(self.values(second, host));
        }
        all
    }

    /// The commands below those that `help` names.
    fn below(&self) -> Vec<Candidate> {
        let mut typed = self.typed.iter();
        let found = typed.try_fold(self.root, |command, word| command.find_subcommand(word));
        found.map(commands).unwrap_or_default()
    }

    fn values(&self, arg: &Arg, host: &Host) -> Vec<Candidate> {
        let words = arg.get_possible_values();
        if !words.is_empty() {
            let word = |word: &clap::builder::PossibleValue| {
                let about = word.get_help().map(ToString::to_string).unwrap_or_default();
                Candidate::new(word.get_name(), &about)
            };
            return words.iter().map(word).collect();
        }
        // What cannot be read offers nothing.
        self.known(arg.get_id().as_str(), host).unwrap_or_default()
    }

    /// What is there now, by the name of the argument.
    fn known(&self, name: &str, host: &Host) -> Result<Vec<Candidate>, Failure> {
        let channel = self.typed.iter().find_map(|word| registry::channel(word));
        let channel = channel.map(|plugin| plugin.id);
        match name {
            "account" => accounts(host, channel),
            "channel" | "named" => Ok(channels(self.command.get_name())),
            "code" => codes(host, channel),
            "command" if self.command.get_name() == "help" => Ok(self.below()),
            "device" => devices(host, None),
            "id" if channel.is_none() => invitations(host),
            "id" | "sender" => people(host, channel),
            "key" => Ok(keys()),
            "node" => devices(host, Some(Role::Node)),
            "owner" => owners(host),
            "request"
                if self.command.get_bin_name().is_some_and(|name| name.contains(" nodes ")) =>
            {
                node_requests(host)
            }
            "request" => requests(host),
            "value" => Ok(values(self.typed.first().copied())),
            "who" => people(host, None),
            _ => Ok(Vec::new()),
        }
    }
}

fn commands(above: &Command) -> Vec<Candidate> {
    let shown = above.get_subcommands().filter(|one| !one.is_hide_set());
    let command = |one: &Command| {
        let about = one.get_about().map(ToString::to_string).unwrap_or_default();
        Candidate::new(one.get_name(), &about)
    };
    shown.map(command).collect()
}

fn accounts(host: &Host, channel: Option<&str>) -> Result<Vec<Candidate>, Failure> {
    let config = host.config()?;
    let here = config
        .accounts
        .iter()
        .filter(|account| channel.is_none_or(|channel| channel == account.key.channel));
    let one =
        |account: &Account| Candidate::new(account.key.account.as_str(), account.plugin.label);
    Ok(here.map(one).collect())
}

/// Those that the command can do something for.
fn channels(command: &str) -> Vec<Candidate> {
    let fits = registry::pairing_channels().filter(|plugin| match command {
        "login" => plugin.login.is_some(),
        "manifest" => plugin.manifest.is_some(),
        _ => true,
    });
    fits.map(|plugin| Candidate::new(plugin.id, plugin.label)).collect()
}

fn codes(host: &Host, channel: Option<&str>) -> Result<Vec<Candidate>, Failure> {
    let waiting = pairing::waiting(&host.store()?, channel, Host::now())?;
    let one = |request: &PairingRequest| {
        let who = request.name().unwrap_or_else(|| request.sender.to_string());
        Candidate::new(request.code.spell(), &format!("{} {who}", request.key.channel))
    };
    Ok(waiting.iter().map(one).collect())
}

fn devices(host: &Host, role: Option<Role>) -> Result<Vec<Candidate>, Failure> {
    let all = host.store()?.devices()?;
    let fits = all.iter().filter(|one| role.is_none_or(|role| one.approved.roles.contains(&role)));
    let name = |one: &Device| one.label.clone().unwrap_or_default();
    Ok(fits.map(|one| Candidate::new(one.id().as_str(), &name(one))).collect())
}

fn invitations(host: &Host) -> Result<Vec<Candidate>, Failure> {
    let open = control::invitations::open(&host.store()?, Host::now())?.into_iter();
    Ok(open.map(|one| Candidate::new(one.id, &one.note.unwrap_or_default())).collect())
}

fn keys() -> Vec<Candidate> {
    let root = Host::keys();
    let named = root.leaves().into_iter().filter(|(path, _)| !path.contains('*'));
    named.map(|(path, key)| Candidate::new(path, key.about())).collect()
}

fn owners(host: &Host) -> Result<Vec<Candidate>, Failure> {
    let all = control::owners::all(&host.store()?, &host.config()?)?.into_iter();
    let id = |owner: &Owner| format!("{}:{}", owner.channel, whole(owner.sender.as_str()));
    Ok(all.map(|(owner, from)| Candidate::new(id(&owner), from)).collect())
}

/// Everyone with access or a block: on one channel by their ids there.
fn people(host: &Host, channel: Option<&str>) -> Result<Vec<Candidate>, Failure> {
    let all = access::all(&host.store()?, channel, Host::now())?.into_iter();
    let one = |entry: AccessEntry| {
        let id = entry.who.split_once(':').filter(|_| channel.is_some()).map(|(_, id)| id);
        Candidate::new(id.unwrap_or(&entry.who), &entry.note.unwrap_or_default())
    };
    Ok(all.map(one).collect())
}

fn node_requests(host: &Host) -> Result<Vec<Candidate>, Failure> {
    let (waiting, _) = host.store()?.nodes(Host::now())?;
    Ok(waiting.iter().map(|one| Candidate::new(one.id.as_str(), &one.node)).collect())
}

/// The values that a key of the configuration may have, where they are words.
fn values(key: Option<&str>) -> Vec<Candidate> {
    let root = Host::keys();
    let words = match key.and_then(|key| root.find(key).ok()).map(|key| &key.kind) {
        Some(Kind::Flag) => vec!["true", "false"],
        Some(Kind::Words(words)) => words.clone(),
        _ => Vec::new(),
    };
    words.into_iter().map(|word| Candidate::new(word, "")).collect()
}

fn requests(host: &Host) -> Result<Vec<Candidate>, Failure> {
    let waiting = host.store()?.device_requests(Host::now())?;
    Ok(waiting.iter().map(|one| Candidate::new(one.id.as_str(), "")).collect())
}

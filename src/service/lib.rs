//! The gateway as a service of the operating system: the text of its unit, where that stands, and the programs of the
//! service manager. No secret ever stands in a unit.

pub mod file;
pub mod manager;
pub mod plist;
pub mod report;
pub mod text;
pub mod unit;

use std::path::{Path, PathBuf};

pub use text::ServiceError;

/// Which service manager keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// launchd, for the user.
    Launchd,
    /// systemd, for the whole machine.
    System,
    /// systemd, for the user.
    User,
}

/// What a service is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Who keeps it.
    pub kind: Kind,
    /// The name of a second gateway; `None` for the usual one.
    pub profile: Option<Profile>,
    /// The program, as it was called.
    pub program: PathBuf,
    /// The state folder. The system's service has its own, which systemd makes.
    pub state: PathBuf,
    /// The configuration file, where it is not that of the state folder.
    pub config: Option<PathBuf>,
    /// The configuration starts programs, such as signal-cli, that need more than the gateway itself.
    pub starts_programs: bool,
}

/// The name of a second gateway on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile(String);

impl Profile {
    /// A short word. `gateway` would make the name of a unit that OpenClaw's Node version has.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let taken = text == "gateway" || text.starts_with("gateway-");
        let fine = (1..=32).contains(&text.len()) && text.chars().all(fits);
        if fine && !taken && !text.starts_with('-') {
            return Ok(Self(text.to_owned()));
        }
        Err(text::NO_PROFILE)
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Service {
    /// The usual one of this kind, without what only its unit needs.
    pub fn usual(kind: Kind) -> Self {
        let (program, state) = (PathBuf::new(), PathBuf::new());
        Self { kind, profile: None, program, state, config: None, starts_programs: false }
    }

    /// `openclaw`, or with the profile behind it.
    pub fn stem(&self) -> String {
        match &self.profile {
            Some(profile) => format!("openclaw-{}", profile.0),
            None => "openclaw".to_owned(),
        }
    }

    /// What its manager calls it.
    pub fn name(&self) -> String {
        match self.kind {
            Kind::Launchd => plist::label(self),
            Kind::System | Kind::User => format!("{}.service", self.stem()),
        }
    }

    /// Where its unit stands.
    pub fn unit_path(&self, home: &Path) -> PathBuf {
        let folder = match self.kind {
            Kind::Launchd => home.join("Library/LaunchAgents"),
            Kind::System => PathBuf::from("/etc/systemd/system"),
            Kind::User => home.join(".config/systemd/user"),
        };
        match self.kind {
            Kind::Launchd => folder.join(format!("{}.plist", self.name())),
            Kind::System | Kind::User => folder.join(self.name()),
        }
    }

    /// The file with the environment of the unit.
    pub fn env_file(&self) -> PathBuf {
        self.state.join("env")
    }

    /// The text of the unit, with the mark by which it is known again.
    pub fn text(&self) -> Result<String, ServiceError> {
        Ok(match self.kind {
            Kind::Launchd => file::marked_xml(&plist::text(self)?),
            Kind::System => file::marked(&unit::system(self)?),
            Kind::User => file::marked(&unit::user(self)?),
        })
    }
}

/// The units of OpenClaw's Node version in a home folder: two gateways would take each other's messages.
pub fn of_node(home: &Path) -> Vec<String> {
    let folders = [home.join(".config/systemd/user"), home.join("Library/LaunchAgents")];
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_theirs = |name: &String| {
        let heads = match name.rsplit_once('.') {
            Some((_, "service")) => {
                &["openclaw-gateway", "clawdbot-gateway", "moltbot-gateway"][..]
            }
            Some((_, "plist")) => &["ai.openclaw.", "com.clawdbot."],
            _ => &[],
        };
        heads.iter().any(|head| name.starts_with(head))
    };
    let mut found: Vec<String> = names.filter(is_theirs).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests;

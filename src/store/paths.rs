//! Where each file lives.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;

use crate::{audit::Head, file::Identity, rules::AccountKey};

/// The variables that name the state folder; the first that is set counts.
const NAMED: [&str; 3] = ["OPENCLAW_STATE_DIR", "CLAWDBOT_STATE_DIR", "MOLTBOT_STATE_DIR"];

/// What stands in a state folder that was used.
const KEPT: [&str; 8] = [
    "openclaw.json",
    "clawdbot.json",
    "moltbot.json",
    "moldbot.json",
    "credentials",
    "devices",
    "identity",
    "state",
];

/// The state folder, and what this process has seen of its access log.
#[derive(Clone, Debug)]
pub struct StateDir(PathBuf, Arc<SeenLog>);

/// That there is a log, and its head as it was last read.
#[derive(Debug, Default)]
struct SeenLog(AtomicBool, Mutex<Option<(Identity, Arc<Head>)>>);

impl StateDir {
    /// `OPENCLAW_STATE_DIR` or an older name of it, else `~/.openclaw`, else an existing folder of an older name.
    /// `OPENCLAW_HOME` is the home folder, else `HOME` is. An error where none of them says where.
    pub fn find(env: impl Fn(&str) -> Option<String>) -> io::Result<Self> {
        if let Some(named) = NAMED.iter().find_map(|name| set(&env, name)) {
            return match named.strip_prefix('~') {
                Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                    std::path::absolute(home(&env)?.join(rest.trim_start_matches('/')))
                        .map(Self::at)
                }
                _ => std::path::absolute(named).map(Self::at),
            };
        }
        let known = in_home(&home(&env)?);
        let existing = known.iter().find(|path| path.is_dir());
        Ok(Self::at(existing.unwrap_or(&known[0])))
    }

    /// True where there is nothing in it but a configuration: no gateway has run on it.
    pub fn is_fresh(&self) -> bool {
        let Ok(entries) = std::fs::read_dir(&self.0) else { return !self.0.exists() };
        entries.flatten().all(|entry| entry.file_name() == "config.toml")
    }

    /// Other state folders in the home folder that something was kept in.
    pub fn others(&self, env: impl Fn(&str) -> Option<String>) -> Vec<PathBuf> {
        let here = self.0.canonicalize().ok();
        let is_used = |path: &PathBuf| {
            KEPT.iter().any(|name| path.join(name).exists())
                && (here.is_none() || path.canonicalize().ok() != here)
        };
        let known = home(&env).map(|home| in_home(&home).to_vec()).unwrap_or_default();
        known.into_iter().filter(is_used).collect()
    }

    /// A state folder at this path.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into(), Arc::default())
    }

    /// From here on this process knows that the folder has an access log.
    pub(super) fn saw_log(&self) {
        self.1.0.store(true, Ordering::Relaxed);
    }

    /// The head that was read from the file of this identity.
    pub(super) fn seen_head(&self, identity: Identity) -> Option<Arc<Head>> {
        let seen = self.1.1.lock();
        seen.as_ref().filter(|seen| seen.0 == identity).map(|seen| Arc::clone(&seen.1))
    }

    /// Remembers the head that was read from the file of this identity, or of a later one.
    pub(super) fn saw_head(&self, identity: Identity, head: &Arc<Head>) {
        *self.1.1.lock() = Some((identity, Arc::clone(head)));
    }

    /// True where this process has seen the head of its access log.
    pub(super) fn has_seen_log(&self) -> bool {
        self.1.0.load(Ordering::Relaxed)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// `config.toml`.
    pub fn config(&self) -> PathBuf {
        self.0.join("config.toml")
    }

    /// The folder of requests, grants and owners.
    pub fn credentials(&self) -> PathBuf {
        self.0.join("credentials")
    }

    /// Every folder that this gateway makes in it.
    pub fn folders(&self) -> Vec<PathBuf> {
        let names = [
            "access",
            "audit",
            "conversations",
            "credentials",
            "devices",
            "gateway",
            "gateway/tls",
            "held",
            "identity",
            "inbox",
            "keys",
            "nodes",
            "outbox",
            "run",
            "settings",
        ];
        names.iter().map(|name| self.0.join(name)).collect()
    }

    /// The files beside those folders that this program writes.
    pub fn loose_files(&self) -> Vec<PathBuf> {
        // launchd keeps the log of a service there.
        let names = ["config.toml.imported", "node.json", "gateway.log"];
        names.iter().map(|name| self.0.join(name)).collect()
    }

    /// The variables of a service, which a person writes.
    pub fn env(&self) -> PathBuf {
        self.0.join("env")
    }

    /// What the configuration was when it last held.
    pub fn config_memory(&self) -> PathBuf {
        self.0.join("settings").join("config-memory.json")
    }

    /// All requests of a channel, in the field's shape.
    pub fn pairing(&self, channel: &str) -> PathBuf {
        self.credentials().join(format!("{}-pairing.json", file_key(channel)))
    }

    /// The denials of a channel: our own file, which other programs of the field leave alone.
    pub fn denied(&self, channel: &str) -> PathBuf {
        self.credentials().join(format!("{}-denied.json", file_key(channel)))
    }

    /// The grants of an account: the file that is written, then those that are only read.
    pub fn allowlists(&self, key: &AccountKey) -> Vec<PathBuf> {
        let channel = file_key(&key.channel);
        let scoped = self
            .credentials()
            .join(format!("{channel}-{}-allowFrom.json", file_key(key.account.as_str())));
        if key.account.is_default() {
            return vec![self.channel_allowlist(&key.channel), scoped];
        }
        vec![scoped]
    }

    /// The grants that name no account: they are those of `default`. Before OpenClaw 2026.2.26 every account of the
    /// channel had them.
    pub fn channel_allowlist(&self, channel: &str) -> PathBuf {
        self.credentials().join(format!("{}-allowFrom.json", file_key(channel)))
    }

    /// The folder of devices, in the field's shapes.
    pub fn devices(&self) -> PathBuf {
        self.0.join("devices")
    }

    /// The folder of legacy nodes, in the field's shapes.
    pub fn nodes(&self) -> PathBuf {
        self.0.join("nodes")
    }

    /// The certificate of the port, where this gateway made it.
    pub fn certificate(&self) -> PathBuf {
        self.0.join("gateway").join("tls").join("gateway-cert.pem")
    }

    /// The key of that certificate.
    pub fn certificate_key(&self) -> PathBuf {
        self.0.join("gateway").join("tls").join("gateway-key.pem")
    }

    /// Timed grants, blocks, people with several ids, notes, invitations: our own file.
    pub fn access_records(&self) -> PathBuf {
        self.access().join("grants.json")
    }

    /// The last verdicts, without texts.
    pub fn verdicts(&self) -> PathBuf {
        self.access().join("verdicts.json")
    }

    /// When each owner last wrote.
    pub fn owners_seen(&self) -> PathBuf {
        self.access().join("owners-seen.json")
    }

    /// Says that this folder is a restored copy which nobody has confirmed yet.
    pub fn unconfirmed(&self) -> PathBuf {
        self.access().join("unconfirmed")
    }

    /// The folder of it.
    pub fn access(&self) -> PathBuf {
        self.0.join("access")
    }

    /// Added and claimed owners, and the open claim.
    pub fn owners(&self) -> PathBuf {
        self.credentials().join("owners.json")
    }

    /// The shared token that the gateway has made itself.
    pub fn gateway_token(&self) -> PathBuf {
        self.credentials().join("gateway-token")
    }

    /// The folder of the access log.
    pub fn audit(&self) -> PathBuf {
        self.0.join("audit")
    }

    /// The access log.
    pub fn access_log(&self) -> PathBuf {
        self.audit().join("access.jsonl")
    }

    /// Count and last hash of the access log.
    pub(super) fn access_head(&self) -> PathBuf {
        self.audit().join("head")
    }

    /// Says, beside what grants access, that this folder has had an access log.
    pub(super) fn log_mark(&self) -> PathBuf {
        self.credentials().join("access-log")
    }

    /// The file of this name in the head: where no folder stands before it, it lies among the grants.
    pub(super) fn named(&self, name: &str) -> PathBuf {
        if name.contains('/') { self.0.join(name) } else { self.credentials().join(name) }
    }

    /// The folder of random keys.
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// A random key for one purpose, such as `webchat-default`.
    pub fn key(&self, purpose: &str) -> PathBuf {
        self.keys().join(format!("{purpose}.key"))
    }

    /// The files of an account's answers that are not sent yet, a folder for each answer.
    pub fn owed_files(&self, key: &AccountKey) -> PathBuf {
        let (channel, account) = (file_key(&key.channel), file_key(key.account.as_str()));
        self.0.join("inbox").join(format!("{channel}-{account}-files"))
    }

    /// What an account has seen and not yet answered.
    pub fn inbox(&self, key: &AccountKey) -> PathBuf {
        self.0.join("inbox").join(format!(
            "{}-{}.jsonl",
            file_key(&key.channel),
            file_key(key.account.as_str())
        ))
    }

    /// Where the channel of an account may keep conversations.
    pub fn conversations(&self, key: &AccountKey) -> PathBuf {
        let (channel, account) = (file_key(&key.channel), file_key(key.account.as_str()));
        self.0.join("conversations").join(format!("{channel}-{account}"))
    }

    /// The folder of what is still to be told.
    pub fn outbox(&self) -> PathBuf {
        self.0.join("outbox")
    }

    /// What owners are to be told, and what stands in their chats.
    pub fn cards(&self) -> PathBuf {
        self.outbox().join("cards.json")
    }

    /// The folder of the first messages of those who wait.
    pub fn held(&self) -> PathBuf {
        self.0.join("held")
    }

    /// Which of our messages shows which setup code.
    pub fn setup_messages(&self) -> PathBuf {
        self.0.join("inbox").join("setup-messages.json")
    }

    /// The words that wake the apps of paired devices.
    pub fn voicewake(&self) -> PathBuf {
        self.0.join("settings").join("voicewake.json")
    }

    /// The folder of the running gateway.
    pub fn run(&self) -> PathBuf {
        self.0.join("run")
    }

    /// Files on their way to and from a responder, each in a folder of one answer.
    pub fn files(&self) -> PathBuf {
        self.run().join("files")
    }

    /// The running gateway's socket for the command line.
    pub fn socket(&self) -> PathBuf {
        self.run().join("gateway.sock")
    }

    /// Held by the running gateway; its text names pid and port.
    pub fn gateway_lock(&self) -> PathBuf {
        self.run().join("gateway.lock")
    }
}

/// What a variable says, without the blanks around it.
fn set(env: &impl Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    Some(env(name)?.trim().to_owned()).filter(|value| !value.is_empty())
}

fn home(env: &impl Fn(&str) -> Option<String>) -> io::Result<PathBuf> {
    let own = set(env, "HOME").map(PathBuf::from);
    let named = set(env, "OPENCLAW_HOME").map(|named| match (named.strip_prefix('~'), &own) {
        (Some(rest), Some(own)) if rest.is_empty() || rest.starts_with('/') => {
            own.join(rest.trim_start_matches('/'))
        }
        _ => PathBuf::from(named),
    });
    let unset = "none of `OPENCLAW_STATE_DIR`, `OPENCLAW_HOME` and `HOME` is set";
    named.or(own).ok_or_else(|| io::Error::other(unset))
}

fn in_home(home: &Path) -> [PathBuf; 4] {
    [".openclaw", ".clawdbot", ".moltbot", ".moldbot"].map(|name| home.join(name))
}

/// The field's rule for a channel or account id in a file name.
fn file_key(id: &str) -> String {
    let lower = id.trim().to_lowercase();
    let plain: String =
        lower.chars().map(|c| if r#"\/:*?"<>|"#.contains(c) { '_' } else { c }).collect();
    plain.replace("..", "_")
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::AccountId;

    use super::*;

    #[test]
    fn the_state_folder_is_the_one_the_user_has() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().to_str().unwrap().to_owned();
        let env = |name: &str| (name == "HOME").then(|| path.clone());
        assert_eq!(StateDir::find(env).unwrap().path(), home.path().join(".openclaw"));
        std::fs::create_dir(home.path().join(".moltbot")).unwrap();
        assert_eq!(StateDir::find(env).unwrap().path(), home.path().join(".moltbot"));
        std::fs::create_dir(home.path().join(".openclaw")).unwrap();
        assert_eq!(StateDir::find(env).unwrap().path(), home.path().join(".openclaw"));
        assert!(StateDir::find(|_| None).is_err());
    }

    #[test]
    fn the_state_folder_may_be_named_as_in_the_field_and_below_the_home_folder() {
        let find = |set: &[(&str, &str)]| {
            let env = |name: &str| {
                set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned())
            };
            StateDir::find(env).unwrap().0
        };
        let home = ("HOME", "/home/none");
        for (set, expected) in [
            (vec![("OPENCLAW_STATE_DIR", "~/oc"), home], "/home/none/oc"),
            (vec![("OPENCLAW_STATE_DIR", " ~ "), home], "/home/none"),
            (vec![("OPENCLAW_STATE_DIR", "/s/~/x"), home], "/s/~/x"),
            (vec![("CLAWDBOT_STATE_DIR", "/c"), ("MOLTBOT_STATE_DIR", "/m"), home], "/c"),
            (vec![("OPENCLAW_STATE_DIR", " "), ("MOLTBOT_STATE_DIR", "/m"), home], "/m"),
            (vec![("OPENCLAW_HOME", "/elsewhere"), home], "/elsewhere/.openclaw"),
            (vec![("OPENCLAW_HOME", "~/own"), home], "/home/none/own/.openclaw"),
            (vec![("OPENCLAW_HOME", "/e"), ("OPENCLAW_STATE_DIR", "~/oc"), home], "/e/oc"),
        ] {
            assert_eq!(find(&set), Path::new(expected), "{set:?}");
        }
    }

    #[test]
    fn a_folder_that_holds_only_a_configuration_is_fresh_and_others_are_named() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().to_str().unwrap().to_owned();
        let env = |name: &str| (name == "HOME").then(|| path.clone());
        let state = StateDir::at(home.path().join(".openclaw"));
        std::fs::create_dir_all(home.path().join(".clawdbot/credentials")).unwrap();
        std::fs::create_dir_all(home.path().join(".moltbot")).unwrap();
        assert!(state.is_fresh());
        std::fs::create_dir(state.path()).unwrap();
        std::fs::File::create(state.config()).unwrap();
        assert!(state.is_fresh());
        assert_eq!(state.others(env), [home.path().join(".clawdbot")]);
        std::fs::create_dir(state.credentials()).unwrap();
        assert!(!state.is_fresh());
    }

    #[test]
    fn case_074_each_account_has_its_own_file() {
        let state = StateDir::at("/s");
        let work = AccountKey {
            channel: "telegram".to_owned(),
            account: AccountId::parse("work").unwrap(),
        };
        assert_eq!(
            state.allowlists(&work),
            [Path::new("/s/credentials/telegram-work-allowFrom.json")]
        );
        let default = state.allowlists(&AccountKey::default_of("telegram"));
        assert_eq!(default[0], Path::new("/s/credentials/telegram-allowFrom.json"));
        assert_eq!(default[1], Path::new("/s/credentials/telegram-default-allowFrom.json"));
    }
}

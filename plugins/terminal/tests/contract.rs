//! The console keeps the contract that all channels keep: over sockets, of which the one that is written
//! to keeps messages apart. The editor is tested on a real terminal, in `console.rs`.
#![allow(clippy::unwrap_used, reason = "a failed set-up fails the test")]

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read as _, Write as _},
    os::fd::OwnedFd,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use openclaw_plugin_sdk::{
    Channel, ChannelPlugin, ChatId, EventId, Settings, SettingsError, async_trait,
    contract::{self, Event, FakePlatform, Happened, Person, Seen},
    toml::{Table, Value},
};

/// The console, at a pair of sockets that a number in its table names.
static OVER_SOCKETS: ChannelPlugin =
    ChannelPlugin { keys: &["number"], open, ..channel_terminal::PLUGIN };

static DESKS: LazyLock<Mutex<HashMap<i64, Arc<Mutex<Desk>>>>> = LazyLock::new(Mutex::default);

/// The other ends, while the channel is connected, and all that was read.
#[derive(Default)]
struct Desk {
    ends: Option<(File, File)>,
    read: Vec<String>,
}

struct FakeDesk(i64, Arc<Mutex<Desk>>);

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    number: i64,
}

#[expect(clippy::needless_pass_by_value, reason = "the registry's signature")]
fn open(settings: Settings) -> Result<Box<dyn Channel>, SettingsError> {
    let Keys { number } = settings.parse()?;
    Ok(channel_terminal::over(move || {
        let desks = DESKS.lock().unwrap();
        let desk = desks.get(&number).ok_or(io::ErrorKind::NotFound)?;
        let (input, typed) = pair(SockType::Stream)?;
        let (output, shown) = pair(SockType::SeqPacket)?;
        desk.lock().unwrap().ends = Some((typed, shown));
        Ok((input, output))
    }))
}

fn pair(kind: SockType) -> io::Result<(File, File)> {
    let (ours, theirs): (OwnedFd, OwnedFd) =
        socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC)?;
    Ok((ours.into(), theirs.into()))
}

impl FakeDesk {
    fn start() -> Self {
        static NUMBER: AtomicI64 = AtomicI64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let desk = Arc::<Mutex<Desk>>::default();
        DESKS.lock().unwrap().insert(number, Arc::clone(&desk));
        Self(number, desk)
    }
}

impl Drop for FakeDesk {
    fn drop(&mut self) {
        DESKS.lock().unwrap().remove(&self.0);
    }
}

#[async_trait]
impl FakePlatform for FakeDesk {
    fn settings(&self) -> Table {
        Table::from_iter([("number".to_owned(), Value::Integer(self.0))])
    }

    async fn happen(&self, event: Event) -> Happened {
        let mut desk = self.1.lock().unwrap();
        match event {
            Event::Break => desk.ends = None,
            Event::Direct(Person::Ann, text) => {
                let (typed, _) = desk.ends.as_mut().unwrap();
                typed.write_all(format!("{text}\n").as_bytes()).unwrap();
            }
            _ => return Happened::Impossible,
        }
        Happened::Announced
    }

    async fn seen(&self) -> Vec<Seen> {
        let mut desk = self.1.lock().unwrap();
        if let Some((_, mut shown)) = desk.ends.as_ref().map(|(typed, shown)| (typed, shown)) {
            // A sender has written before it is told that the text is sent.
            set_nonblocking(shown);
            let mut packet = vec![0; 1 << 20];
            let mut read = Vec::new();
            while let Ok(size @ 1..) = shown.read(&mut packet) {
                read.push(String::from_utf8(packet[..size].to_vec()).unwrap());
            }
            desk.read.extend(read);
        }
        let seen = |(index, text): (usize, &String)| Seen {
            chat: Some(ChatId::new(format!("local:{}", nix::unistd::Uid::effective()))),
            id: Some(EventId::new((index + 1).to_string())),
            text: text.strip_suffix('\n').unwrap().to_owned(),
            ..Seen::default()
        };
        desk.read.iter().enumerate().map(seen).collect()
    }

    fn fetched(&self) -> usize {
        0
    }

    fn keeps(&self) -> bool {
        false
    }
}

fn set_nonblocking(file: &File) {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    fcntl(file, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_keeps_the_contract() {
    contract::check(&OVER_SOCKETS, async || FakeDesk::start()).await;
}

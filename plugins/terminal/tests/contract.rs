//! The console keeps the contract that all channels keep: over sockets, of which the one that is written
//! to keeps messages apart. The editor is tested on a real terminal, in `console.rs`.
#![allow(clippy::unwrap_used, reason = "a failed set-up fails the test")]

mod files;

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

static ENDS: LazyLock<Mutex<HashMap<i64, Arc<Mutex<Ends>>>>> = LazyLock::new(Mutex::default);

/// The other ends, while the channel is connected, and all that was read.
#[derive(Default)]
struct Ends {
    open: Option<(File, File)>,
    read: Vec<String>,
}

struct FakeTerminal(i64, Arc<Mutex<Ends>>);

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    number: i64,
}

#[expect(clippy::needless_pass_by_value, reason = "the registry's signature")]
fn open(settings: Settings) -> Result<Box<dyn Channel>, SettingsError> {
    let Keys { number } = settings.parse()?;
    Ok(channel_terminal::over(Box::new(files::Files::new(Box::new(move || {
        let all = ENDS.lock().unwrap();
        let ends = all.get(&number).ok_or(io::ErrorKind::NotFound)?;
        let (input, typed) = pair(SockType::Stream)?;
        let (output, shown) = pair(SockType::SeqPacket)?;
        ends.lock().unwrap().open = Some((typed, shown));
        Ok((input, output))
    })))))
}

fn pair(kind: SockType) -> io::Result<(File, File)> {
    let (ours, theirs): (OwnedFd, OwnedFd) =
        socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC)?;
    Ok((ours.into(), theirs.into()))
}

impl FakeTerminal {
    fn start() -> Self {
        static NUMBER: AtomicI64 = AtomicI64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let ends = Arc::<Mutex<Ends>>::default();
        ENDS.lock().unwrap().insert(number, Arc::clone(&ends));
        Self(number, ends)
    }
}

impl Drop for FakeTerminal {
    fn drop(&mut self) {
        ENDS.lock().unwrap().remove(&self.0);
    }
}

#[async_trait]
impl FakePlatform for FakeTerminal {
    fn settings(&self) -> Table {
        Table::from_iter([("number".to_owned(), Value::Integer(self.0))])
    }

    async fn happen(&self, event: Event) -> Happened {
        let mut ends = self.1.lock().unwrap();
        match event {
            Event::Break => ends.open = None,
            Event::Direct(Person::Ann, text) => {
                let (typed, _) = ends.open.as_mut().unwrap();
                typed.write_all(format!("{text}\n").as_bytes()).unwrap();
            }
            _ => return Happened::Impossible,
        }
        Happened::Announced
    }

    async fn seen(&self) -> Vec<Seen> {
        let mut ends = self.1.lock().unwrap();
        if let Some((_, mut shown)) = ends.open.as_ref().map(|(typed, shown)| (typed, shown)) {
            // A sender has written before it is told that the text is sent.
            set_nonblocking(shown);
            let mut packet = vec![0; 1 << 20];
            let mut read = Vec::new();
            while let Ok(size @ 1..) = shown.read(&mut packet) {
                read.push(String::from_utf8(packet[..size].to_vec()).unwrap());
            }
            ends.read.extend(read);
        }
        let seen = |(index, text): (usize, &String)| Seen {
            chat: Some(ChatId::new(format!("local:{}", nix::unistd::Uid::effective()))),
            id: Some(EventId::new((index + 1).to_string())),
            text: text.strip_suffix('\n').unwrap().to_owned(),
            ..Seen::default()
        };
        ends.read.iter().enumerate().map(seen).collect()
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
    contract::check(&OVER_SOCKETS, async || FakeTerminal::start()).await;
}

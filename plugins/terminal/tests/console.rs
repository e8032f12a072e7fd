//! The editor on a real terminal: this test starts itself again as a gateway in small, on a pseudo terminal.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up fails the test")]

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
    process::{Child, Command, ExitStatus},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use nix::{
    pty::openpty,
    sys::{
        signal::{Signal, kill},
        termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use openclaw_plugin_sdk::{
    AccountId, Channel, Conversation, Delivery, InboundEvent, Inbox, OutboundMessage, Settings,
    Text, console, toml::Table,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
};

const CHILD: &str = "CONSOLE_TEST_CHILD";
const LIMIT: Duration = Duration::from_secs(30);

/// The gateway in small. It repeats what is typed, logs on `SIGUSR1`, listens anew on `again`,
/// and stops in order on `SIGINT` and `SIGTERM`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by the other tests, on a terminal of its own"]
async fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    assert!(console::attended(), "a terminal of its own");
    let account = AccountId::default_account();
    let settings = Settings {
        account: account.clone(),
        table: Table::new(),
        key: [0; 32],
        commands: Vec::new(),
    };
    let channel = (channel_terminal::PLUGIN.open)(settings).unwrap();
    console::set_words(Box::new(|before| {
        let words: &[&str] =
            if before == ["/pairing"] { &["approve", "apply", "deny"] } else { &["/pairing"] };
        words.iter().map(|word| (*word).to_owned()).collect()
    }));
    let (deliveries, mut delivered) = mpsc::channel(1);
    let (_exchanges, exchanged) = mpsc::channel(1);
    let inbox = Inbox::new(account, deliveries, exchanged, watch::channel(false).0);
    let mut interrupt = signal(SignalKind::interrupt()).unwrap();
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    let mut log = signal(SignalKind::user_defined1()).unwrap();
    loop {
        let again = tokio::select! {
            ended = channel.receive(&inbox) => panic!("{ended:?}"),
            () = answer(&*channel, &mut delivered, &mut log) => true,
            _ = interrupt.recv() => false,
            _ = terminate.recv() => false,
        };
        if !again {
            // What is logged now, nobody may write over.
            console::print("stopped\n");
            return;
        }
    }
}

/// Ends when it is told to listen anew.
async fn answer(
    channel: &dyn Channel,
    delivered: &mut mpsc::Receiver<Delivery>,
    log: &mut tokio::signal::unix::Signal,
) {
    loop {
        let delivery = tokio::select! {
            delivery = delivered.recv() => delivery.unwrap(),
            _ = log.recv() => {
                console::print("something happened\n");
                continue;
            }
        };
        delivery.done.send(()).unwrap();
        let InboundEvent::Message(message) = delivery.event else { panic!("a message") };
        let Conversation { id, kind, .. } = &message.conversation;
        let text = format!("{kind:?} {id} {}: <{}>\u{1b}[2J\u{7}", message.sender.id, message.text);
        channel
            .send(&OutboundMessage::new(message.conversation.clone(), Text::plain(text)))
            .await
            .unwrap();
        if message.text == "again" {
            return;
        }
    }
}

/// The person at the terminal.
struct Person {
    child: Child,
    keys: File,
    /// What shows on the terminal, as it comes.
    screen: Receiver<Vec<u8>>,
    /// What was not looked at yet.
    seen: String,
    /// The terminal itself, whose mode can be asked for.
    terminal: OwnedFd,
    found: Termios,
}

impl Person {
    fn sit_down(term: &str) -> Self {
        let ends = openpty(None, None).unwrap();
        let found = tcgetattr(&ends.slave).unwrap();
        let slave = || ends.slave.try_clone().unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--ignored", "--nocapture"])
            .env(CHILD, "1")
            .env("TERM", term)
            .stdin(slave())
            .stdout(slave())
            .stderr(slave())
            .spawn()
            .unwrap();
        let keys = File::from(ends.master.try_clone().unwrap());
        let mut master = File::from(ends.master);
        let (shown, screen) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(size @ 1..) = master.read(&mut bytes) {
                if shown.send(bytes[..size].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, keys, screen, seen: String::new(), terminal: ends.slave, found }
    }

    fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until this shows, and gives what came before it.
    fn sees(&mut self, text: &str) -> String {
        let until = Instant::now() + LIMIT;
        loop {
            if let Some((before, after)) = self.seen.split_once(text) {
                let (before, after) = (before.to_owned(), after.to_owned());
                self.seen = after;
                return before;
            }
            match self.screen.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8(bytes).unwrap()),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("{text:?} shows, but there is {:?}", self.seen)
                }
            }
        }
    }

    /// Waits for an answer, and for the prompt: between two lines the terminal is not the editor's.
    fn hears(&mut self, text: &str) -> String {
        let before = self.sees(text);
        self.sees("> ");
        before
    }

    fn signals(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    fn mode(&self) -> Termios {
        tcgetattr(&self.terminal).unwrap()
    }

    /// Waits for the end, which leaves the terminal as it was found.
    fn sees_the_end(&mut self) -> String {
        let before = self.sees("stopped\r\n");
        let status: ExitStatus = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
        assert!(self.mode() == self.found, "the terminal is as it was found");
        before
    }
}

fn sender() -> String {
    let id = nix::unistd::Uid::effective();
    format!("Direct local:{id} local:{id}")
}

#[test]
fn lines_are_edited_remembered_and_answered() {
    let mut person = Person::sit_down("xterm");
    person.sees("> ");
    assert!(!person.mode().local_flags.contains(LocalFlags::ICANON), "keys arrive one by one");
    person.types("helo\x1b[Dl\r");
    person.hears(&format!("{}: <hello>", sender()));
    // Blank lines are no messages; two lines pasted at once are two.
    person.types("\r  \rone\rtwo\r");
    person.sees("<one>");
    person.hears("<two>");
    person.types("\x1b[A\x1b[A\x1b[A\r");
    person.hears("<hello>");
    person.types("\x03");
    person.sees_the_end();
}

#[test]
fn tab_completes_a_word_and_lists_what_several_could_be() {
    let mut person = Person::sit_down("xterm");
    person.sees("> ");
    person.types("/p\t");
    person.sees("/pairing ");
    person.types("a\t");
    person.sees("/pairing app");
    // The line stands below the list, and nothing was chosen.
    let list = person.sees("/pairing app");
    assert!(list.contains("approve") && list.contains("apply"), "{list:?}");
    assert!(!list.contains("deny"), "{list:?}");
    person.types("r\t");
    person.sees("/pairing approve ");
    person.signals(Signal::SIGUSR1);
    person.sees("something happened\r\n> /pairing approve ");
    person.types("\r");
    person.hears("</pairing approve >");
    person.types("\x03");
    person.sees_the_end();
}

#[test]
fn case_111_what_is_answered_does_not_steer_the_terminal() {
    let mut person = Person::sit_down("xterm");
    person.sees("> ");
    person.types("hello\r");
    let before = person.hears("<hello>[2J\r\n");
    assert!(!before.contains("\u{1b}[2J") && !before.contains('\u{7}'), "{before:?}");
    person.types("\x04");
    person.sees_the_end();
}

#[test]
fn what_is_logged_shows_above_the_line_being_typed() {
    let mut person = Person::sit_down("xterm");
    person.sees("> ");
    person.types("half");
    person.sees("half");
    person.signals(Signal::SIGUSR1);
    person.sees("\r\u{1b}[Ksomething happened\r\n> half");
    person.types("way\r");
    person.hears("<halfway>");
    // An escape that was begun and not finished holds nothing back.
    person.types("\x1b");
    person.signals(Signal::SIGUSR1);
    person.hears("something happened\r\n");
    person.types("\x03");
    person.sees_the_end();
}

#[test]
fn many_lines_at_once_are_answered_in_order() {
    let mut person = Person::sit_down("xterm");
    person.sees("> ");
    let lines: Vec<_> = (0..100).map(|number| format!("line {number}")).collect();
    person.types(&(lines.join("\r") + "\r"));
    for line in lines {
        person.sees(&format!("<{line}>"));
    }
    person.sees("> ");
    person.types("\x03");
    person.sees_the_end();
}

#[test]
fn a_stop_from_outside_gives_the_terminal_back_in_the_middle_of_a_line() {
    let mut person = Person::sit_down("xterm");
    person.sees("> ");
    person.types("half");
    person.sees("half");
    person.signals(Signal::SIGTERM);
    person.sees("\r\u{1b}[J\u{1b}[?2004l");
    person.sees_the_end();
}

#[test]
fn a_stop_from_outside_with_sigint_is_the_gateways_to_handle() {
    let mut person = Person::sit_down("xterm");
    person.sees("> ");
    person.signals(Signal::SIGINT);
    person.sees_the_end();
}

#[test]
fn a_stopped_job_that_goes_on_shows_its_line_again() {
    let mut person = Person::sit_down("xterm");
    person.sees("> ");
    person.types("half");
    person.sees("half");
    let raw = person.mode();
    person.signals(Signal::SIGSTOP);
    let pid = Pid::from_raw(person.child.id().try_into().unwrap());
    let stopped = waitpid(pid, Some(WaitPidFlag::WUNTRACED)).unwrap();
    assert_eq!(stopped, WaitStatus::Stopped(pid, Signal::SIGSTOP));
    // As a shell does.
    tcsetattr(&person.terminal, SetArg::TCSANOW, &person.found).unwrap();
    person.signals(Signal::SIGCONT);
    person.sees("> half");
    assert!(person.mode() == raw);
    person.types("way\r");
    person.hears("<halfway>");
    person.types("\x03");
    person.sees_the_end();
}

#[test]
fn listening_anew_goes_on_with_editor_and_history() {
    let mut person = Person::sit_down("xterm");
    person.sees("> ");
    person.types("first\r");
    person.hears("<first>");
    for _ in 0..3 {
        person.types("again\r");
        person.hears("<again>");
    }
    person.types("\x1b[A\x1b[A\r");
    person.hears("<first>");
    person.types("\x03");
    person.sees_the_end();
}

#[test]
fn a_terminal_that_can_do_nothing_reads_lines() {
    let mut person = Person::sit_down("dumb");
    person.sees("> ");
    assert!(person.mode() == person.found);
    person.types("hello\n");
    person.sees(&format!("{}: <hello>[2J\r\n", sender()));
    person.signals(Signal::SIGUSR1);
    person.sees("something happened\r\n");
    person.types("\x04");
    person.sees_the_end();
}

#[test]
fn bytes_that_are_no_text_end_nothing() {
    let mut person = Person::sit_down("xterm");
    person.sees("> ");
    person.keys.write_all(b"caf\xe9\r").unwrap();
    person.sees("(dropped: not UTF-8)");
    person.sees("> ");
    person.types("café\r");
    person.hears("<café>");
    person.types("\x03");
    person.sees_the_end();
}

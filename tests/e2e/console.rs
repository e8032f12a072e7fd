//! The owner at the console of a foreground gateway: the real program on a pseudo terminal.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    process::{Child, Command},
    sync::mpsc::{Receiver, channel},
    time::Instant,
};

use nix::{
    pty::openpty,
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    phone::{App, Phone},
    process::{Home, PATIENCE},
    visitor::Visitor,
};

/// A gateway with a person at its console.
pub(crate) struct Console {
    child: Child,
    keys: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
    /// Everything that ever showed.
    all: String,
}

impl Console {
    pub(crate) fn start(home: &Home) -> Self {
        Self::of(home.program(&["gateway", "run", "--port", "0"]))
    }

    /// A person at the terminal of this program.
    pub(crate) fn of(mut command: Command) -> Self {
        let ends = openpty(None, None).unwrap();
        let slave = || ends.slave.try_clone().unwrap();
        let command = command.env("TERM", "xterm").stdin(slave()).stdout(slave()).stderr(slave());
        let keys = File::from(ends.master.try_clone().unwrap());
        let mut master = File::from(ends.master);
        let (shown, screen) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(size @ 1..) = master.read(&mut bytes) {
                if shown.send(bytes[..size].to_vec()).is_err() {
                    return;
                }
            }
        });
        let child = command.spawn().unwrap();
        Self { child, keys, screen, seen: String::new(), all: String::new() }
    }

    /// The owner types a line.
    pub(crate) fn types(&mut self, line: &str) {
        self.keys.write_all(format!("{line}\r").as_bytes()).unwrap();
    }

    /// Waits until this shows, and gives what came before it.
    pub(crate) fn sees(&mut self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some((before, after)) = self.seen.split_once(text) {
                let (before, after) = (before.to_owned(), after.to_owned());
                self.seen = after;
                return before;
            }
            let left = until.saturating_duration_since(Instant::now());
            let Ok(bytes) = self.screen.recv_timeout(left) else {
                panic!("no {text:?} in {:?}", self.all)
            };
            let text = String::from_utf8_lossy(&bytes).into_owned();
            self.all.push_str(&text);
            self.seen.push_str(&text);
        }
    }

    /// Where its page says that it is.
    pub(crate) fn port(&mut self) -> u16 {
        self.sees("Page:     http://127.0.0.1:");
        self.sees("/chat").parse().unwrap()
    }

    /// Everything that ever showed, once the program has ended well.
    pub(crate) fn ends(mut self) -> String {
        assert!(self.child.wait().unwrap().success(), "{}", self.all);
        while let Ok(bytes) = self.screen.recv_timeout(std::time::Duration::from_millis(200)) {
            self.all.push_str(&String::from_utf8_lossy(&bytes));
        }
        std::mem::take(&mut self.all)
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The owner interrupts it.
    pub(crate) fn stop(&mut self) {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        let asked = Instant::now();
        kill(pid, Signal::SIGINT).unwrap();
        assert!(self.child.wait().unwrap().success());
        assert!(asked.elapsed().as_secs() < 5, "it ends within five seconds");
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_at_the_console_lets_a_visitor_of_the_page_in() {
    let home = Home::new();
    let mut console = Console::start(&home);
    let port = console.port();
    console.sees("/pairing approve <code>, here");
    console.sees("send /claim ");
    console.sees("> ");
    let mut visitor = Visitor::come(port).await;
    visitor.connect(port).await;
    visitor.say("hello").await.unwrap();
    let challenge = visitor.next().await;
    let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    console.sees("A sender asks for access.");
    console.sees(&format!("/pairing approve webchat {code}"));
    visitor.say("hello?").await.unwrap();
    console.types(&format!("/pairing approve {code}"));
    console.sees(&format!("✅ Approved webchat sender {}", visitor.you));
    assert!(visitor.next().await.contains("access approved"), "and nothing between: silence");
    visitor.say("thank you").await.unwrap();
    assert!(visitor.next().await.contains("thank you"));
    // Where nothing can be edited, what others have decided is told.
    let mut other = Visitor::come(port).await;
    other.connect(port).await;
    other.say("hello").await.unwrap();
    let code = other.next().await.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    console.sees(&format!("/pairing deny webchat {code}"));
    assert!(home.cli(&["pairing", "deny", "webchat", &code]).status.success());
    console.sees("⛔ Denied");
    console.sees("Decided: by uid:");
    console.sees(" at the command line, ");
    // The card and the answers say it, and no line of the log repeats it.
    for line in ["a sender asks for access", "request decided"] {
        assert!(!console.all.contains(line), "{}", console.all);
    }
    console.types("/whoami");
    console.sees("you are an owner");
    console.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_at_the_console_lets_a_phone_in_and_it_stays() {
    let home = Home::new();
    let mut console = Console::start(&home);
    console.sees("send /claim ");
    console.sees("> ");
    console.types("/pair local");
    console.sees("A setup code for one device");
    console.sees("eyJ");
    let code = format!("eyJ{}", console.sees("\r"));
    let mut phone = Phone::new("ann's phone", App::NewestByToken);
    phone.paste(&code);
    phone.connect_node().await.unwrap_err();
    console.sees("A device came with your setup code");
    console.sees("Words: ");
    console.types("/pair approve");
    console.sees("✅ Paired ann's phone");
    phone.connect_node().await.unwrap();
    phone.connect_operator().await.unwrap();
    assert!(phone.chat("hello").await.ends_with("hello"));
    console.stop();

    let mut console = Console::start(&home);
    phone.moved(console.port());
    phone.connect_node().await.unwrap();
    phone.connect_operator().await.unwrap();
    assert!(phone.chat("still here").await.ends_with("still here"));
    phone.off().await;
    console.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_071_the_owner_at_the_console_gives_leave_for_an_hour_and_blocks() {
    let home = Home::new();
    let mut console = Console::start(&home);
    let port = console.port();
    console.sees("send /claim ");
    let mut visitor = Visitor::come(port).await;
    visitor.connect(port).await;
    visitor.say("hello").await.unwrap();
    let challenge = visitor.next().await;
    let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    console.sees(&format!("/pairing approve webchat {code}"));
    console.types(&format!("/pairing approve {code} 1h"));
    console.sees(", for 1 h 0 min");
    assert!(visitor.next().await.contains("access approved"));
    let who = format!("webchat:{}", visitor.you);
    console.types(&format!("/access rename {who} Ann"));
    console.sees("Note saved for");
    console.stop();

    let mut console = Console::start(&home);
    let port = console.port();
    console.sees("send /claim ");
    console.types("/access list");
    console.sees("“Ann”");
    console.sees("59 min left");
    visitor.connect(port).await;
    visitor.say("still here?").await.unwrap();
    assert!(visitor.next().await.contains("still here?"));
    console.types(&format!("/access block {who}"));
    console.sees("⛔ Blocked");
    visitor.say("hello?").await.unwrap();
    console.types(&format!("/access explain webchat {}", visitor.you));
    console.sees("Now: ignored");
    console.stop();
    assert_eq!(visitor.unread(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_whose_output_is_no_terminal_prints_no_claim_code() {
    let home = Home::new();
    let gateway = home.gateway("info");
    assert!(!home.read("credentials/owners.json").contains("digest"), "no claim is open");
    assert!(gateway.stop().success());
}

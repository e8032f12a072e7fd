//! A phone in a story: what its user does with it, and what it shows.

use super::{App, Phone};
use crate::process::PATIENCE;

impl Phone {
    /// `is of February`, `connect with CODE`, `connect`, `say TEXT`, `off`.
    pub(crate) async fn told(&mut self, what: &str) {
        if let Some(code) = what.strip_prefix("connect with ") {
            self.paste(code);
            self.connect().await;
        } else if let Some(text) = what.strip_prefix("say ") {
            let answer = self.chat(text).await;
            self.shows.push_back(answer);
        } else if let Some(app) = what.strip_prefix("is of ") {
            self.app = match app {
                "February" => App::February,
                "March" => App::March,
                "today" => App::Newest,
                "today, keeping its code" => App::NewestByToken,
                _ => panic!("no app is of {app}"),
            };
        } else if what == "connect" {
            self.connect().await;
        } else if what == "off" {
            self.off().await;
        } else {
            panic!("a phone cannot `{what}`");
        }
    }

    /// What it shows next: `waits for approval <request>`, `connected`, an answer, or why it is not let in. While it
    /// waits it tries again, as its app does; connected, it waits for the end of that.
    pub(crate) async fn shown(&mut self) -> String {
        let next = async {
            loop {
                if let Some(line) = self.shows.pop_front() {
                    return line;
                }
                if self.waits {
                    self.connect().await;
                } else if let Some(node) = &mut self.node {
                    let (code, reason) = node.closed().await;
                    (self.node, self.operator) = (None, None);
                    return format!("disconnected: {code} {reason}");
                } else {
                    panic!("{} is off, and shows nothing", self.name);
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("something on the phone")
    }

    async fn connect(&mut self) {
        let connected = match self.connect_node().await {
            Ok(_) => self.connect_operator().await.map(drop),
            Err(refusal) => Err(refusal),
        };
        let waited = self.waits;
        self.waits = connected.as_ref().is_err_and(|r| r.error["code"] == "NOT_PAIRED");
        match connected {
            Ok(()) => self.shows.push_back("connected".to_owned()),
            Err(_) if self.waits && waited => {}
            Err(refusal) if self.waits => {
                self.shows.push_back(format!("waits for approval {}", refusal.detail("requestId")));
            }
            Err(refusal) => {
                let close = refusal.close.as_ref().map_or(0, |(code, _)| *code);
                self.shows.push_back(format!("refused: {} ({close})", refusal.says().1));
            }
        }
    }
}

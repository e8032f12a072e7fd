//! The whole story against an emulator that others wrote. `OPENCLAW_CRABLINE` names the folder in which npm has
//! installed `node@22` and `@openclaw/crabline@0.1.27`.

use openclaw_plugin_sdk::contract::FakePlatform;
use serde_json::{Value, json};

use crate::{
    crabline::{Crabline, GROUP},
    phone::{App, Phone},
    process::{Gateway, Home, PATIENCE, look_again, texts},
};

const OWNER: i64 = 1001;
const ANN: i64 = 4_711_001;

/// The emulator, a state folder, and a gateway between them.
struct Bed {
    crabline: Crabline,
    home: Home,
    gateway: Option<Gateway>,
    /// How many of the bot's messages were read.
    read: usize,
}

impl Bed {
    async fn start() -> Self {
        let crabline = Crabline::start().await;
        let home = Home::new();
        home.configure(&format!(
            "[owner]\nallow_from = [\"telegram:{OWNER}\"]\n[channels.telegram]\n{}",
            crabline.settings()
        ));
        let mut bed = Self { crabline, home, gateway: None, read: 0 };
        bed.run().await;
        bed
    }

    /// Starts the gateway, and waits until it polls: at the first start, what is older is passed over.
    async fn run(&mut self) {
        self.gateway = Some(self.home.gateway("info"));
        let connected = async {
            while !texts(&self.home.cli(&["channels", "status"])).0.contains("connected") {
                look_again().await;
            }
        };
        tokio::time::timeout(PATIENCE, connected).await.expect("the account connects");
    }

    fn stop(&mut self) {
        assert!(self.gateway.take().unwrap().stop().success(), "{}", self.home.logged());
    }

    async fn say(&self, chat: i64, from: i64, text: &str) {
        let (chat, name) = (chat.to_string(), if from == ANN { "Ann" } else { "Owner" });
        let body = json!({ "chatId": chat, "fromId": from, "fromName": name, "text": text });
        self.crabline.inject(body).await;
    }

    /// The bot's messages: where to, and what.
    fn sent(&self) -> Vec<(i64, String)> {
        let chat = |body: &Value| {
            body["chat_id"].as_i64().or_else(|| body["chat_id"].as_str()?.parse().ok()).unwrap()
        };
        let all = self.crabline.accepted(&["sendmessage"]).into_iter();
        all.map(|(_, body)| (chat(&body), body["text"].as_str().unwrap().to_owned())).collect()
    }

    /// The next messages of the bot, which go to these chats, in the order of the chats.
    async fn next<const N: usize>(&mut self, chats: [i64; N]) -> [String; N] {
        let arrive = async {
            while self.sent().len() < self.read + N {
                look_again().await;
            }
        };
        tokio::time::timeout(PATIENCE, arrive).await.unwrap_or_else(|_| {
            panic!("{:?}\n{}", &self.sent()[self.read..], self.home.logged());
        });
        let mut new = self.sent().split_off(self.read);
        self.read += N;
        chats.map(|chat| {
            let at = new.iter().position(|(to, _)| *to == chat);
            new.swap_remove(at.unwrap_or_else(|| panic!("nothing for {chat}: {new:?}"))).1
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the emulator"]
async fn a_stranger_is_let_in_by_chat_and_is_still_in_after_a_restart() {
    let mut bed = Bed::start().await;
    bed.say(ANN, ANN, "hello").await;
    let [challenge, notice] = bed.next([ANN, OWNER]).await;
    let code = challenge.split_once("Pairing code: <code>").expect(&challenge).1[..8].to_owned();
    assert!(notice.contains(&code) && notice.contains(&ANN.to_string()), "{notice}");
    bed.say(ANN, ANN, "is it open?").await;
    bed.say(GROUP, ANN, "@gate_test_bot hello, all").await;

    bed.stop();
    bed.run().await;
    bed.say(OWNER, OWNER, &format!("/pairing approve {code}")).await;
    let [welcome, done] = bed.next([ANN, OWNER]).await;
    assert!(welcome.contains("access approved"), "{welcome}");
    assert!(done.contains(&format!("Approved telegram sender {ANN}")), "{done}");
    bed.say(ANN, ANN, "I am in").await;
    assert!(bed.next([ANN]).await[0].ends_with("I am in"));

    bed.stop();
    bed.say(ANN, ANN, "while you were away").await;
    bed.run().await;
    let [answer] = bed.next([ANN]).await;
    assert!(answer.ends_with("while you were away"), "{answer}");
    bed.say(GROUP, ANN, "@gate_test_bot and here?").await;
    bed.say(OWNER, OWNER, "/pairing list").await;
    assert_eq!(bed.next([OWNER]).await, ["No pending pairing requests."]);
    bed.stop();
    assert_eq!(
        bed.sent().len(),
        bed.read,
        "no word in the group, and none twice: {:?}",
        bed.sent()
    );
    assert!(bed.home.cli(&["audit", "verify"]).status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the emulator"]
async fn a_card_is_sent_with_its_buttons_and_edited_when_the_command_line_has_decided() {
    let mut bed = Bed::start().await;
    bed.say(ANN, ANN, "hello").await;
    let [challenge, card] = bed.next([ANN, OWNER]).await;
    let code = challenge.split_once("Pairing code: <code>").expect(&challenge).1[..8].to_owned();
    assert!(card.starts_with("A sender asks for access."), "{card}");
    let sent = bed.crabline.accepted(&["sendmessage"]);
    let keyboard = sent.iter().map(|(_, body)| body["reply_markup"].to_string());
    let keyboard = keyboard.filter(|keyboard| keyboard.contains("Approve")).collect::<Vec<_>>();
    assert_eq!(keyboard.len(), 1);
    for label in ["Deny", "Block", "Later"] {
        assert!(keyboard[0].contains(label), "{keyboard:?}");
    }
    assert!(bed.home.cli(&["pairing", "approve", "telegram", &code]).status.success());
    let edited = async {
        loop {
            let edits = bed.crabline.accepted(&["editmessagetext"]);
            if let Some((_, edit)) = edits.first() {
                return edit.clone();
            }
            look_again().await;
        }
    };
    let edit = tokio::time::timeout(PATIENCE, edited).await.expect("the card is edited");
    let text = edit["text"].as_str().unwrap();
    assert!(text.starts_with("✅ Approved") && text.contains("at the command line"), "{text}");
    assert!(!text.contains(&code), "{text}");
    assert!(!edit["reply_markup"].to_string().contains("Approve"), "nothing is left to press");
    bed.stop();
    assert_eq!(bed.sent().len(), bed.read, "and no new message: {:?}", bed.sent());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the emulator"]
async fn a_phone_comes_with_the_owners_code_chats_and_is_there_after_a_restart() {
    let mut bed = Bed::start().await;
    bed.say(OWNER, OWNER, "/pair local").await;
    let [what_to_do, code] = bed.next([OWNER, OWNER]).await;
    assert!(what_to_do.starts_with("A setup code for one device"), "{what_to_do}");
    let code = code.trim_start_matches("<code>").trim_end_matches("</code>").to_owned();
    let mut phone = Phone::new("ann's phone", App::Newest);
    phone.paste(&code);
    let refused = phone.connect_node().await.unwrap_err();
    assert_eq!(refused.error["details"]["recommendedNextStep"], "wait_then_retry");
    let told = bed.next([OWNER, OWNER]).await.join("\n");
    assert!(told.contains("Words: ") && told.contains("ann's phone"), "{told}");
    bed.say(OWNER, OWNER, "/pair approve").await;
    let [done] = bed.next([OWNER]).await;
    assert!(done.contains("Paired ann's phone"), "{done}");
    phone.connect_node().await.unwrap();
    phone.connect_operator().await.unwrap();
    assert!(phone.chat("hello from the phone").await.ends_with("hello from the phone"));

    bed.stop();
    bed.run().await;
    phone.moved(bed.gateway.as_ref().unwrap().port);
    phone.connect_node().await.unwrap();
    phone.connect_operator().await.unwrap();
    assert!(phone.chat("still here").await.ends_with("still here"));
    phone.off().await;
    bed.stop();
    assert_eq!(bed.sent().len(), bed.read, "no word more: {:?}", bed.sent());
    assert!(!bed.home.logged().contains(&code), "case_108");
}

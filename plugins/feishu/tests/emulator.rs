//! The channel against an emulator that others wrote. `OPENCLAW_CRABLINE` names the folder in which npm
//! has installed `node@22` and `@openclaw/crabline@0.1.27`.

use openclaw_plugin_sdk::{
    ChannelError, ChatKind, InboundRef, OutboundMessage, Text, async_trait,
    contract::{Bench, Event, FakePlatform, Happened, Mention, Person, Seen},
    testing::emulator::Emulator,
    toml,
};
use serde_json::{Value, json};

const ANN: &str = "ou_84aad35d084aa403a838cf73ee18467a";
const GROUP: &str = "oc_5ce6d572455d361153b7cb51da133945";

/// The emulator's Feishu, and the secret that the channel has. It keeps no `uuid`, edits nothing, and takes no pictures.
struct Crabline {
    emulator: Emulator,
    secret: String,
}

impl Crabline {
    async fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vendor/crabline.mjs");
        let emulator = Emulator::start_by(script).await;
        Self { secret: emulator.text(&["appSecret"]), emulator }
    }

    /// The messages that it has taken, in order.
    fn sent(&self) -> Vec<Value> {
        let all = self.emulator.recorded().into_iter().map(|mut it| it["body"].take());
        all.filter(|body| body["stage"] == "outbound.accepted").collect()
    }

    /// Waits until it has taken so many acknowledgements, of which each is one.
    async fn acknowledged(&self, number: usize) {
        let what = format!("{number} acknowledgements");
        let acks = |all: &[Value]| {
            let acks = all.iter().map(|it| &it["body"]).filter(|it| it["stage"] == "sdk.ack");
            acks.inspect(|ack| assert_eq!(ack["code"], 200, "{ack}")).count()
        };
        self.emulator.until(&what, |all| acks(all) == number).await;
    }
}

#[async_trait]
impl FakePlatform for Crabline {
    fn settings(&self) -> toml::Table {
        let mut table = toml::Table::new();
        table.insert("app_id".to_owned(), self.emulator.text(&["appId"]).into());
        table.insert("app_secret".to_owned(), self.secret.clone().into());
        table.insert("domain".to_owned(), self.emulator.text(&["baseUrl"]).into());
        table
    }

    async fn happen(&self, event: Event) -> Happened {
        let mut body = json!({ "senderId": ANN, "chatId": "oc_direct0direct0", "chatType": "p2p" });
        match event {
            Event::Direct(Person::Ann, text) => body["text"] = text.into(),
            Event::Group(Mention::Others, text) => {
                body["text"] = text.into();
                (body["chatId"], body["chatType"]) = (GROUP.into(), "group".into());
            }
            _ => return Happened::Impossible,
        }
        body["fragments"] = 3.into();
        body["fragmentOrder"] = json!([2, 0, 1]);
        self.emulator.inject(body).await;
        Happened::Announced
    }

    async fn seen(&self) -> Vec<Seen> {
        let text = |sent: Value| sent["message"]["body"]["content"].as_str().map(str::to_owned);
        let texts = self.sent().into_iter().filter_map(text);
        texts.map(|text| Seen { text, ..Seen::default() }).collect()
    }

    fn fetched(&self) -> usize {
        0
    }

    fn keeps(&self) -> bool {
        true
    }
}

#[tokio::test]
#[ignore = "needs the emulator"]
async fn a_text_in_pieces_comes_and_an_answer_goes() {
    let mut bench = Bench::start(&channel_feishu::PLUGIN, Crabline::start().await).await;
    let ann = bench.meet(Person::Ann, "hello 😀 <b>").await;
    assert_eq!((ann.sender.id.as_str(), ann.conversation.kind), (ANN, ChatKind::Direct));
    bench.say(&ann, Text::plain("1 < 2 & ").code("AB3D7X9K")).await;
    let mut answer = OutboundMessage::new(ann.conversation.clone(), Text::plain("below it"));
    answer.answers = Some(InboundRef::Message(ann.id.clone()));
    bench.send(&answer).await.expect("it goes");
    bench.happen(Event::Group(Mention::Others, "hello, all".to_owned())).await;
    let group = bench.message().await;
    assert_eq!((group.conversation.id.as_str(), group.conversation.kind), (GROUP, ChatKind::Group));
    bench.say(&group, Text::plain("hello, group")).await;
    let sent = bench.platform.sent();
    let to = |sent: &Value| (sent["receiveId"].clone(), sent["receiveIdType"].clone());
    assert_eq!(to(&sent[0]), (json!(ANN), json!("open_id")));
    assert_eq!(sent[0]["message"]["msg_type"], "post");
    assert!(sent[0]["message"]["body"]["content"].as_str().expect("JSON").contains("AB3D7X9K"));
    assert_eq!(sent[1]["message"]["parent_id"], ann.id.as_str());
    assert_eq!(to(&sent[2]), (json!(GROUP), json!("chat_id")));
    bench.platform.acknowledged(2).await;
}

#[tokio::test]
#[ignore = "needs the emulator"]
async fn what_comes_before_anyone_listens_arrives_when_the_socket_opens() {
    let mut bench = Bench::open(&channel_feishu::PLUGIN, Crabline::start().await).await;
    bench.happen(Event::Direct(Person::Ann, "are you there?".to_owned())).await;
    bench.listen().await.expect("it connects");
    assert_eq!(bench.message().await.text, "are you there?");
    bench.platform.acknowledged(1).await;
}

#[tokio::test]
#[ignore = "needs the emulator"]
async fn a_secret_that_is_refused_is_named() {
    let wrong = Crabline { secret: "another-secret".to_owned(), ..Crabline::start().await };
    let mut bench = Bench::open(&channel_feishu::PLUGIN, wrong).await;
    let Err(ChannelError::Unauthorized(why)) = bench.listen().await else { panic!("refused") };
    assert!(why.contains("`app_secret`"), "{why}");
}

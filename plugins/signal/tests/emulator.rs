//! The channel against an emulator that others wrote. `OPENCLAW_CRABLINE` names the folder in which npm
//! has installed `node@22` and `@openclaw/crabline@0.1.27`.

use openclaw_plugin_sdk::{
    Body, ChatKind, OutboundMessage, Text, async_trait,
    contract::{Bench, Event, FakePlatform, Happened, Mention, Person, Seen},
    testing::emulator::Emulator,
    toml,
};
use serde_json::{Value, json};

const ANN: &str = "0f1e2d3c-4b5a-4968-8776-655443322110";
const NAMESAKE: &str = "0f1e2d3c-4b5a-4968-8776-655443322111";
const GROUP: &str = "WW3jZ+M/oC5LZJ3mvtZy0zgF2dZ5lFJ3vQxSxkVPSXo=";

/// The emulator's Signal. It has ACIs without numbers too, no list of accounts, and no clock of Signal's.
struct Crabline(Emulator);

impl Crabline {
    /// The accepted calls of this method, in order.
    fn accepted(&self, method: &str) -> Vec<Value> {
        let calls = self.0.accepted().into_iter().map(|(_, _, body)| body);
        calls.filter(|body| body["method"] == method).map(|body| body["params"].clone()).collect()
    }
}

#[async_trait]
impl FakePlatform for Crabline {
    fn settings(&self) -> toml::Table {
        let mut table = toml::Table::new();
        table.insert("account".to_owned(), self.0.text(&["account"]).into());
        table.insert("url".to_owned(), self.0.text(&["baseUrl"]).into());
        table
    }

    async fn happen(&self, event: Event) -> Happened {
        let mut body = json!({ "sourceUuid": ANN, "sourceName": "Ann" });
        match event {
            Event::Direct(Person::Ann, text) => {
                body["text"] = text.into();
                body["sourceNumber"] = "+15557654321".into();
            }
            Event::Direct(Person::Namesake, text) => {
                (body["text"], body["sourceUuid"]) = (text.into(), NAMESAKE.into());
            }
            Event::Group(Mention::Others, text) => {
                (body["text"], body["groupId"]) = (text.into(), GROUP.into());
            }
            _ => return Happened::Impossible,
        }
        self.0.inject(body).await;
        Happened::Announced
    }

    async fn seen(&self) -> Vec<Seen> {
        let seen = |params: Value| Seen {
            text: params["message"].as_str().unwrap_or_default().to_owned(),
            ..Seen::default()
        };
        self.accepted("send").into_iter().map(seen).collect()
    }

    fn fetched(&self) -> usize {
        0
    }

    fn keeps(&self) -> bool {
        true
    }
}

async fn bench() -> Bench<Crabline> {
    let crabline = Crabline(Emulator::start(&["signal"]).await);
    Bench::start(&channel_signal::PLUGIN, crabline).await
}

#[tokio::test]
#[ignore = "needs the emulator"]
async fn a_text_comes_and_an_answer_goes() {
    let mut bench = bench().await;
    let ann = bench.meet(Person::Ann, "hello 😀 <b>").await;
    assert_eq!((ann.sender.id.as_str(), ann.conversation.kind), (ANN, ChatKind::Direct));
    assert_eq!(ann.sender.also.first().map(ToString::to_string).as_deref(), Some("+15557654321"));
    bench.say(&ann, Text::plain("1 < 2 & ").code("AB3D7X9K")).await;
    let typing = OutboundMessage::new(ann.conversation.clone(), Body::Typing);
    bench.send(&typing).await.expect("it is shown");
    assert_eq!(bench.platform.accepted("sendTyping").len(), 1);
    let sent = bench.platform.accepted("send");
    assert_eq!((sent.len(), &sent[0]["recipient"]), (1, &json!([ANN])));
    assert_eq!(sent[0]["message"], "1 < 2 & AB3D7X9K");
    assert_eq!(sent[0]["textStyle"], json!(["8:8:MONOSPACE"]));
    bench.happen(Event::Group(Mention::Others, "hello, all".to_owned())).await;
    let group = bench.message().await;
    assert_eq!((group.conversation.id.as_str(), group.conversation.kind), (GROUP, ChatKind::Group));
    bench.say(&group, Text::plain("hello, group")).await;
    assert_eq!(bench.platform.accepted("send")[1]["groupId"], GROUP);
    let namesake = bench.meet(Person::Namesake, "hello").await;
    assert_eq!((namesake.sender.id.as_str(), namesake.sender.also.len()), (NAMESAKE, 0));
}

#[tokio::test]
#[ignore = "needs the emulator"]
async fn what_comes_while_nobody_listens_arrives_later() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "before").await;
    bench.stop().await;
    bench.happen(Event::Direct(Person::Ann, "meanwhile".to_owned())).await;
    bench.listen().await.expect("it connects again");
    assert_eq!(bench.message().await.text, "meanwhile");
}

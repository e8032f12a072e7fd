//! The same on Discord and Slack, from their own hosts and nowhere else; and on the page.

use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{Model, PNG, PNG_DATA, shown};
use crate::{
    chats::Chats,
    discord::Discord,
    fake_discord::ChannelKind,
    fake_slack::{FakeSlack, direct_chat, person},
    process::{Home, PATIENCE},
    visitor::{Visitor, answered},
    world::World,
};

const GONE: &str = "A file could not be fetched and was left out. Please send it again.";

/// Waits until a person's chat has so many messages, and gives the newest.
async fn newest(chats: &dyn Chats, name: &str, count: usize) -> String {
    let mut changes = chats.changes();
    let found = async {
        loop {
            let shown = chats.shown(name);
            if shown.len() >= count {
                return shown.last().unwrap().text.clone();
            }
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("{count} messages"))
}

fn attachment(root: &str, path: &str) -> Value {
    let url = format!("{root}{path}");
    json!({ "id": "1", "filename": "cat.png", "size": PNG.len(), "content_type": "image/png", "url": url, "proxy_url": url })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_on_discord_is_fetched_from_its_own_hosts_without_the_token() {
    let (model, home, discord) = (Model::start().await, Home::new(), Discord::start().await);
    let config = format!(
        "[channels.discord]\ntoken = \"{{discord.token}}\"\napi_root = \"{{discord.root}}\"\nallow_from = [\"{{discord.ann}}\"]\n{}",
        model.table
    );
    home.configure(&discord.fill(&config));
    let gateway = home.gateway("trace");
    let root = discord.fake.root();
    discord.fake.with(|state| {
        state.files.insert("/attachments/1/cat.png".to_owned(), Ok(PNG.to_vec()));
        let elsewhere = "https://cdn.discordapp.com/x".to_owned();
        state.files.insert("/attachments/1/moved.png".to_owned(), Err(elsewhere));
    });
    let fetched = || discord.fake.with(|state| state.fetched);
    let ann = discord.heard("ann").await;
    let send = |files: Value| {
        let content = json!({ "content": "what is this?", "attachments": files });
        discord.fake.write(&ChannelKind::Direct, &ann, content)
    };
    send(json!([attachment(&root, "/attachments/1/cat.png")]));
    assert_eq!(newest(&discord, "ann", 1).await, "Seen.");
    assert_eq!(model.last(), shown("what is this?\n[cat.png, image/png]", &[PNG_DATA]));
    assert_eq!(fetched(), 1);

    send(json!([attachment(&root, "/attachments/1/moved.png")]));
    assert_eq!(newest(&discord, "ann", 3).await, "Seen.");
    assert_eq!((model.last(), fetched()), (json!("what is this?"), 2));
    let foreign = [
        "http://169.254.169.254/latest",
        "https://cdn.discordapp.com.evil.example/x",
        "https://cdn.discordapp.com@127.0.0.1/x",
        "http://cdn.discordapp.com/x",
        "file:///etc/passwd",
    ];
    for (n, host) in foreign.into_iter().enumerate() {
        send(json!([attachment(host, "")]));
        assert_eq!(newest(&discord, "ann", 5 + 2 * n).await, "Seen.");
        let shown = discord.shown("ann");
        assert_eq!(shown[shown.len() - 2].text, GONE, "{host}");
    }
    assert_eq!(fetched(), 2);

    // A stranger's: nothing is asked for.
    let eve = discord.heard("eve").await;
    let files = json!([attachment(&root, "/attachments/1/cat.png")]);
    let content = json!({ "content": "look", "attachments": files });
    discord.fake.write(&ChannelKind::Direct, &eve, content);
    assert!(newest(&discord, "eve", 1).await.contains("Pairing code: "), "case_094");
    assert_eq!(fetched(), 2, "case_094");
    assert!(gateway.stop().success(), "{}", home.logged());
    let logged = home.logged();
    assert!(!logged.contains("/attachments/1/"), "no address of a file is logged: {logged}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_on_slack_is_fetched_by_its_id_with_the_token_and_an_external_one_never() {
    let (model, home, slack) = (Model::start().await, Home::new(), FakeSlack::start().await);
    let ann = person("ann");
    let config = format!(
        "[channels.slack]\nbot_token = \"{{slack.bot_token}}\"\napp_token = \"{{slack.app_token}}\"\napi_url = \"{{slack.api}}\"\n\
         allow_from = [\"{ann}\"]\n{}",
        model.table
    );
    home.configure(&slack.fill(&config));
    let gateway = home.gateway("trace");
    slack.until("it listens", |state| !state.sockets.is_empty()).await;
    let info = |id: &str, more: Value| {
        let url = format!("http://{}/files-pri/{id}", slack.address);
        let mut file = json!({ "id": id, "name": "cat.png", "mimetype": "image/png", "size": PNG.len(), "url_private": url });
        for (key, value) in more.as_object().unwrap() {
            file[key] = value.clone();
        }
        slack.with(|state| state.sent.insert(id.to_owned(), (file.clone(), PNG.to_vec())));
        file
    };
    let send = |user: &str, file: Value| {
        let more = json!({ "subtype": "file_share", "text": "what is this?", "files": [file] });
        slack.message(&direct_chat(user), "im", user, more)
    };
    let fetched = || slack.with(|state| state.fetched);
    send(&ann, info("F0CAT00001", json!({})));
    assert_eq!(newest(&slack, "ann", 1).await, "Seen.");
    assert_eq!(model.last(), shown("what is this?\n[cat.png, image/png]", &[PNG_DATA]));
    assert_eq!(fetched(), 1);

    // What says so in the event is not asked about; what says so later is not fetched.
    let info_calls = || slack.with(|state| state.called("files.info"));
    send(&ann, info("F0CAT00002", json!({ "is_external": true, "mode": "external" })));
    assert_eq!(newest(&slack, "ann", 2).await, "Seen.");
    assert_eq!((model.last(), info_calls()), (json!("what is this?"), 1));
    let mut said = info("F0CAT00003", json!({ "mode": "remote" }));
    said["mode"] = "hosted".into();
    send(&ann, said);
    assert_eq!(newest(&slack, "ann", 4).await, "Seen.");
    for (n, url) in
        ["https://files.slack.com.evil.example/x", "http://169.254.169.254/x"].iter().enumerate()
    {
        send(&ann, info(&format!("F0CAT0001{n}"), json!({ "url_private": url })));
        assert_eq!(newest(&slack, "ann", 6 + 2 * n).await, "Seen.");
        let shown = slack.shown("ann");
        assert_eq!(shown[shown.len() - 2].text, GONE, "{url}");
    }
    assert_eq!(fetched(), 1);

    let before = info_calls();
    send(&person("eve"), info("F0CAT00004", json!({})));
    assert!(newest(&slack, "eve", 1).await.contains("Pairing code: "), "case_094");
    assert_eq!((fetched(), info_calls()), (1, before), "case_094");
    assert!(gateway.stop().success(), "{}", home.logged());
    let logged = home.logged();
    assert!(slack.secrets().iter().all(|secret| !logged.contains(secret)), "case_107");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_094_a_file_on_the_page_is_read_once_the_owner_has_let_its_sender_in() {
    let model = Model::start().await;
    let config = format!("{}[channels.webchat]\n{}", super::OWNED, model.table);
    let mut world = World::start(&config).await;
    let ann = world.visitor("ann").await;
    ann.say("hello").await.unwrap();
    assert!(ann.next().await.contains("Pairing code: "));
    let refused = ann.begin_to_bring(5_000_000).await;
    assert!(refused.starts_with("HTTP/1.1 403 "), "before its body is there: {refused}");
    world.next(1001).await;
    world.press("owner", "Approve").await;
    world.press("owner", "24 h").await;
    let ann = world.visitor("ann").await;
    ann.reads("approved").await;
    let too_long = ann.bring(vec![0; 10 * 1024 * 1024 + 1]).await;
    assert_eq!(too_long.status(), 413);
    let file: Value = ann.bring(PNG).await.json().await.unwrap();
    ann.say_with("what is this?", &file).await.unwrap();
    ann.reads("Seen.").await;
    assert_eq!(model.last(), shown("what is this?\n[cat.png, image/png]", &[PNG_DATA]));
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_offers_no_files_where_nothing_takes_them() {
    let mut world =
        World::start("[channels.webchat]\ndm_policy = \"open\"\nallow_from = [\"*\"]\n").await;
    let ann = world.visitor("ann").await;
    assert_eq!(ann.bring(PNG).await.status(), 403);
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_137_a_slow_file_of_one_visitor_stops_none_of_another_behind_the_same_address() {
    const MIB: usize = 1 << 20;
    let model = Model::start().await;
    let open = "[channels.webchat]\ndm_policy = \"open\"\nallow_from = [\"*\"]\n";
    let mut world = World::start(&format!("{open}{}", model.table)).await;
    let port = world.port();
    let mut ann = Visitor::come(port).await;
    let mut bob = Visitor::come(port).await;
    ann.connect(port).await;
    bob.connect(port).await;
    // Of these not all may be held, and none of them ends.
    let mut slow = Vec::new();
    for _ in 0..4 {
        slow.push(ann.brings(10 * MIB, &vec![b'x'; 10 * MIB - 1]).await);
    }
    let mut half = bob.brings(9 * MIB, &vec![b'x'; 8 * MIB]).await;
    // Who only connects shows out no file that is on its way.
    let mut idle = Vec::new();
    for _ in 0..80 {
        idle.push(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    }
    half.write_all(&vec![b'x'; MIB]).await.unwrap();
    assert!(answered(half).await.starts_with("HTTP/1.1 200 "));
    drop((slow, idle));
    world.stop();
}

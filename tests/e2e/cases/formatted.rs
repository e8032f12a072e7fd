//! What an assistant writes in Markdown, as each platform shows it; what people write is shown as written.

use serde_json::json;

use crate::{
    chats::How,
    fake_telegram::private,
    process::write,
    world::{World, number},
};

const CONFIG: &str = r#"
[owner]
allow_from = ["telegram:1001", "discord:{discord.owner}", "slack:{slack.owner}"]
[channels.telegram]
bot_token = "{token}"
api_root = "{root}"
[channels.discord]
token = "{discord.token}"
api_root = "{discord.root}"
[channels.slack]
bot_token = "{slack.bot_token}"
app_token = "{slack.app_token}"
api_url = "{slack.api}"
[channels.webchat]
dm_policy = "open"
allow_from = ["*"]
[assistant]
responder = "command"
[assistant.command]
program = "/bin/sh"
args = ["-c", "cat $HOME/answer.md"]
"#;

const ANSWER: &str = "<think>\nnobody reads this\n</think>\n# Plan\n\nSome **bold** & <b>.\n\n- one\n\n\
    ```rust\nlet a = 1;\n```\n\n| name | cost |\n|---|--:|\n| tea | 12 |\n\n\
    [label](https://a.example/) [press](javascript:x)\n";

/// What is read wherever it is shown.
const WORDS: [&str; 9] = [
    "Plan",
    "Some",
    "bold",
    "& <b>.",
    "• one",
    "let a = 1;",
    "name | cost",
    "tea  |   12",
    "press",
];

async fn world() -> World {
    let world = World::prepare(CONFIG).await;
    write(&world.home.state().parent().unwrap().join("answer.md"), ANSWER);
    world
}

#[track_caller]
fn is_read(shown: &str) {
    let mut rest = shown;
    for word in WORDS {
        rest = rest.split_once(word).unwrap_or_else(|| panic!("{word:?} in {shown:?}")).1;
    }
    for hidden in ["**", "```", "javascript", "nobody reads this", "think>"] {
        assert!(!shown.contains(hidden), "{hidden}: {shown:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_formatted_as_its_platform_can() {
    let mut world = world().await;
    world.run();
    world.say("owner", "hello").await;
    is_read(&world.next(1001).await);
    let sent = world.telegram.with(|state| {
        let last = state.calls.iter().rfind(|(method, _)| method == "sendmessage");
        last.map(|(_, sent)| sent["text"].as_str().unwrap_or_default().to_owned()).unwrap()
    });
    for html in [
        "<b>Plan</b>",
        "Some <b>bold</b> &amp; &lt;b&gt;.",
        "<pre><code class=\"language-rust\">let a = 1;</code></pre>",
        "<pre>name | cost",
        "<a href=\"https://a.example/\">label</a> press",
    ] {
        assert!(sent.contains(html), "{html}: {sent}");
    }
    world.say_on("discord", "owner", How::Directly, "hello").await;
    let shown = world.talks.get_mut("discord").unwrap().next("owner").await;
    is_read(&shown.replace("(mark)", ""));
    assert!(shown.contains("(mark)(mark)bold(mark)(mark)"), "{shown}");
    assert!(shown.contains("[label](<https://a.example/>)"), "{shown}");
    world.say_on("slack", "owner", How::Directly, "hello").await;
    is_read(&world.talks.get_mut("slack").unwrap().next("owner").await);
    let ann = world.visitor("ann").await;
    ann.say("hello").await.unwrap();
    is_read(&ann.next().await);
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_shows_an_answer_in_bold() {
    let mut world = world().await;
    world.sit_down();
    world.run();
    let console = world.console();
    console.types("hello");
    console.sees("\u{1b}[1mPlan\u{1b}[22m");
    console.sees("Some \u{1b}[1mbold\u{1b}[22m & <b>.");
    console.sees("label (https://a.example/) press");
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_111_only_an_answer_is_read_as_markdown() {
    let mut world = world().await;
    world.run();
    let name = "**Ann** [x](https://evil.example)";
    let from = json!({ "id": number("ann"), "is_bot": false, "first_name": name });
    world.tell(private(number("ann")), from, json!({ "text": "hello" })).await;
    let card = world.next(1001).await;
    assert!(card.contains(name), "{card}");
    world.telegram.with(|state| {
        let sent = state.calls.iter().filter(|(method, _)| method == "sendmessage");
        assert!(sent.clone().all(|(_, sent)| !sent["text"].to_string().contains("href")));
    });
    world.stop();
}

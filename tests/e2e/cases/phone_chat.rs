//! A paired device writes to the assistant, and asks what an app asks before it shows itself connected.

use openclaw::protocol::method::{METHODS, Need};
use serde_json::{Value, json};

use super::sockets::{TOKEN, gateway};
use crate::{
    process::{Gateway, Home},
    wire::{Key, Wire},
    world::{World, number},
};

/// Answers with what it was asked, and sleeps where it is told to.
const ASSISTANT: &str = r#"
[assistant]
responder = "command"
[assistant.command]
program = "/bin/sh"
args = ["-c", "read -r line; printf '%s\\n' \"$line\" >> heard; case \"$line\" in *sleep*) exec sleep 60;; *fail*) exit 3;; esac; printf '%s' \"$line\""]
"#;

const WRITER: [&str; 2] = ["operator.read", "operator.write"];

fn params(instance: &str, scopes: &[&str]) -> Value {
    let mut params = Wire::params("operator", scopes, json!({ "token": TOKEN }));
    params["client"]["instanceId"] = instance.into();
    params
}

/// An operator without a device, on this machine.
async fn client(port: u16, instance: &str, scopes: &[&str]) -> Wire {
    let mut wire = Wire::open(port).await;
    wire.connect(params(instance, scopes)).await.unwrap();
    wire
}

/// An operator of a device that this machine lets in by itself.
async fn phone(port: u16, key: &Key) -> Wire {
    let mut wire = Wire::open(port).await;
    let params = wire.signed(key, params("phone", &WRITER));
    wire.connect(params).await.unwrap();
    wire
}

fn message(run: &str, text: &str) -> Value {
    json!({ "sessionKey": "agent:main:main", "message": text, "idempotencyKey": run, "thinking": "off" })
}

async fn say(wire: &mut Wire, run: &str, text: &str) {
    let started = wire.call("chat.send", message(run, text)).await.unwrap();
    assert_eq!(started, json!({ "runId": run, "status": "started" }));
}

/// The next `chat` event that is no piece of an answer.
async fn last(wire: &mut Wire) -> Value {
    loop {
        let event = wire.event("chat").await["payload"].clone();
        assert_eq!(event["sessionKey"], "agent:main:main");
        if event["state"] != "delta" {
            return event;
        }
    }
}

fn text(event: &Value) -> &str {
    event["message"]["content"][0]["text"].as_str().unwrap_or_default()
}

async fn history(wire: &mut Wire) -> Vec<String> {
    let history = wire.call("chat.history", json!({ "sessionKey": "main" })).await.unwrap();
    let messages = history["messages"].as_array().unwrap();
    messages.iter().map(|said| said["content"][0]["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_assistant_is_told_what_a_device_may_do_and_how_its_owner_calls_it() {
    let (home, gateway) = gateway(ASSISTANT);
    for (seed, scopes, role) in [
        (1, &WRITER[..], "guest"),
        (2, &["operator.admin", "operator.read", "operator.write"], "owner"),
    ] {
        let key = Key::new(seed);
        let mut wire = Wire::open(gateway.port).await;
        let params = wire.signed(&key, params("phone", scopes));
        wire.connect(params).await.unwrap();
        let named = home.cli(&["devices", "rename", "--device", &key.id(), "--name", "Ann"]);
        assert!(named.status.success(), "{named:?}");
        say(&mut wire, "r1", "hello there").await;
        let asked: Value = serde_json::from_str(text(&last(&mut wire).await)).unwrap();
        assert_eq!((&asked["role"], &asked["group"]), (&json!(role), &json!(false)), "{asked}");
        assert_eq!((&asked["sender"], &asked["note"]), (&json!(key.id()), &json!("Ann")));
    }
}

#[tokio::test]
async fn a_message_is_answered_piece_by_piece_and_remembered_while_the_gateway_runs() {
    let (_home, gateway) = gateway(ASSISTANT);
    let mut wire = client(gateway.port, "one", &WRITER).await;
    assert_eq!(wire.call("sessions.list", json!({})).await.unwrap()["count"], 0);
    say(&mut wire, "r1", "hello there").await;
    let piece = wire.event("chat").await["payload"].clone();
    assert_eq!(
        (&piece["state"], &piece["runId"], &piece["seq"]),
        (&json!("delta"), &json!("r1"), &json!(1))
    );
    assert_eq!(piece["deltaText"].as_str(), Some(text(&piece)));
    let done = last(&mut wire).await;
    assert_eq!((&done["state"], &done["seq"]), (&json!("final"), &json!(2)));
    assert_eq!(done["message"]["role"], "assistant");
    let asked: Value = serde_json::from_str(text(&done)).unwrap();
    assert_eq!((&asked["channel"], &asked["text"]), (&json!("device"), &json!("hello there")));
    assert!(asked["conversation"].as_str().unwrap().starts_with("client/"), "{asked}");
    assert_eq!(history(&mut wire).await, ["hello there", text(&done)]);
    let again = wire.call("chat.send", message("r1", "hello there")).await.unwrap();
    assert_eq!(again, json!({ "runId": "r1", "status": "ok" }));
    let sessions = wire.call("sessions.list", json!({ "limit": 5 })).await.unwrap();
    assert_eq!(
        (&sessions["count"], &sessions["sessions"][0]["key"]),
        (&json!(1), &json!("agent:main:main"))
    );
    say(&mut wire, "r2", "/reset").await;
    assert_eq!(text(&last(&mut wire).await), "Forgotten. We start afresh.");
    assert_eq!(history(&mut wire).await, Vec::<String>::new());
    say(&mut wire, "r3", "fail").await;
    let failed = last(&mut wire).await;
    assert_eq!(failed["state"], "error");
    assert!(failed["errorMessage"].as_str().unwrap().contains("try again"), "{failed}");
}

#[tokio::test]
async fn each_device_has_its_own_conversation_and_hears_no_other() {
    let (_home, gateway) = gateway(ASSISTANT);
    let (ann, bob) = (Key::new(1), Key::new(2));
    let mut here = phone(gateway.port, &ann).await;
    let mut there = phone(gateway.port, &ann).await;
    let mut other = phone(gateway.port, &bob).await;
    let mut bare = client(gateway.port, "phone", &WRITER).await;
    say(&mut here, "r1", "from ann").await;
    let done = last(&mut here).await;
    assert!(text(&done).contains(&format!("device/{}", ann.id())), "{done}");
    assert_eq!(last(&mut there).await, done);
    say(&mut other, "r1", "from bob").await;
    say(&mut bare, "r1", "from nobody").await;
    // The first that each hears is its own.
    assert!(text(&last(&mut other).await).contains("from bob"));
    assert!(text(&last(&mut bare).await).contains("from nobody"));
    assert_eq!(history(&mut there).await[0], "from ann");
    assert_eq!(history(&mut other).await[0], "from bob");
    assert_eq!(history(&mut bare).await.len(), 2);
    for key in ["agent:main:telegram:1001", "global", "agent:other:main", ""] {
        let params = json!({ "sessionKey": key, "message": "x", "idempotencyKey": "x" });
        for method in ["chat.send", "chat.history", "chat.abort"] {
            let refused = other.call(method, params.clone()).await.unwrap_err();
            assert_eq!(refused["code"], "INVALID_REQUEST", "{method} {key}");
        }
    }
}

#[tokio::test]
async fn a_node_hears_its_own_devices_conversation_once_it_asks() {
    let (_home, gateway) = gateway(ASSISTANT);
    let key = Key::new(4);
    let mut operator = phone(gateway.port, &key).await;
    let mut admin = super::sockets::admin(&gateway).await;
    let asked =
        |wire: &Wire| wire.signed(&key, Wire::params("node", &[], json!({ "token": TOKEN })));
    let mut node = Wire::open(gateway.port).await;
    let first = asked(&node);
    let refused = node.connect(first).await.unwrap_err();
    let id = refused["details"]["requestId"].clone();
    admin.call("device.pair.approve", json!({ "requestId": id })).await.unwrap();
    let mut node = Wire::open(gateway.port).await;
    let again = asked(&node);
    node.connect(again).await.unwrap();
    let event = |event: &str, key: &str| json!({ "event": event, "payloadJSON": json!({ "sessionKey": key }).to_string() });
    say(&mut operator, "r1", "before").await;
    last(&mut operator).await;
    let other = node.call("node.event", event("chat.subscribe", "agent:main:x")).await.unwrap();
    assert_eq!(other["handled"], false);
    let done = node.call("node.event", event("chat.subscribe", "main")).await.unwrap();
    assert_eq!(done, json!({ "ok": true, "event": "chat.subscribe", "handled": true }));
    say(&mut operator, "r2", "after").await;
    assert_eq!(last(&mut node).await["runId"], "r2");
    last(&mut operator).await;
    node.call("node.event", event("chat.unsubscribe", "main")).await.unwrap();
    say(&mut operator, "r3", "silence").await;
    last(&mut operator).await;
    node.call("node.event", event("chat.subscribe", "main")).await.unwrap();
    say(&mut operator, "r4", "again").await;
    assert_eq!(last(&mut node).await["runId"], "r4");
    // Its word starts nothing: an operator's method is not a node's.
    let refused = node.call("chat.send", message("r5", "hello")).await.unwrap_err();
    assert_eq!(refused["message"], "unauthorized role: node");
}

#[tokio::test]
async fn a_removed_device_loses_its_answer_and_what_it_said() {
    let (_home, gateway) = gateway(ASSISTANT);
    let key = Key::new(3);
    let mut wire = phone(gateway.port, &key).await;
    say(&mut wire, "r1", "keep this").await;
    last(&mut wire).await;
    say(&mut wire, "r2", "sleep").await;
    let mut admin = super::sockets::admin(&gateway).await;
    admin.call("device.pair.remove", json!({ "deviceId": key.id() })).await.unwrap();
    assert_eq!(wire.closed().await.0, 4001);
    let mut again = phone_after_removal(gateway.port, &key, &mut admin).await;
    assert_eq!(history(&mut again).await, Vec::<String>::new());
    let stopped = again.call("chat.abort", json!({ "sessionKey": "main" })).await.unwrap();
    assert_eq!(stopped["aborted"], false);
}

/// A removed device is not let in by itself again: an owner approves it.
async fn phone_after_removal(port: u16, key: &Key, admin: &mut Wire) -> Wire {
    let mut wire = Wire::open(port).await;
    let asked = wire.signed(key, params("phone", &WRITER));
    if wire.connect(asked).await.is_ok() {
        return wire;
    }
    let waiting = admin.call("device.pair.list", json!({})).await.unwrap();
    let id = waiting["pending"][0]["requestId"].clone();
    admin.call("device.pair.approve", json!({ "requestId": id })).await.unwrap();
    phone(port, key).await
}

#[tokio::test]
async fn an_answer_is_stopped_and_what_waits_behind_it_goes_on() {
    let (_home, gateway) = gateway(ASSISTANT);
    let mut wire = client(gateway.port, "one", &WRITER).await;
    say(&mut wire, "r1", "sleep").await;
    say(&mut wire, "r2", "sleep too").await;
    say(&mut wire, "r3", "hello").await;
    let waits = wire.call("chat.send", message("r3", "hello")).await.unwrap();
    assert_eq!(waits["status"], "in_flight");
    for run in ["r2", "r1"] {
        let params = json!({ "sessionKey": "main", "runId": run });
        let stopped = wire.call("chat.abort", params).await.unwrap();
        assert_eq!(stopped, json!({ "ok": true, "aborted": true, "runIds": [run] }));
        let told = last(&mut wire).await;
        assert_eq!((&told["state"], &told["runId"]), (&json!("aborted"), &json!(run)));
    }
    let done = last(&mut wire).await;
    assert_eq!((&done["state"], &done["runId"]), (&json!("final"), &json!("r3")));
    let stopped = wire.call("chat.abort", json!({ "sessionKey": "main" })).await.unwrap();
    assert_eq!(stopped, json!({ "ok": true, "aborted": false, "runIds": [] }));
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_and_says_what_to_do() {
    let (_home, gateway) = gateway(ASSISTANT);
    let mut wire = client(gateway.port, "one", &WRITER).await;
    let long = message("r1", &"x".repeat(16 * 1024 + 1));
    for (params, says) in [
        (long, "longer than 16 KiB"),
        (message("r1", " \n"), "`message` is empty"),
        (message(" ", "hello"), "`idempotencyKey`"),
        (message(&"x".repeat(257), "hello"), "`idempotencyKey`"),
        (json!({ "sessionKey": "main", "message": "x" }), "idempotencyKey"),
        (
            json!({ "sessionKey": "main", "message": 5, "idempotencyKey": "x" }),
            "invalid chat.send params",
        ),
        (
            json!({ "sessionKey": "main", "message": "x", "idempotencyKey": "x", "attachments": [{ "type": "image" }] }),
            "send no attachments",
        ),
    ] {
        let refused = wire.call("chat.send", params).await.unwrap_err();
        assert_eq!(refused["code"], "INVALID_REQUEST");
        assert!(refused["message"].as_str().unwrap().contains(says), "{refused}");
    }
    let mut reader = client(gateway.port, "two", &["operator.read"]).await;
    let refused = reader.call("chat.send", message("r1", "hello")).await.unwrap_err();
    assert_eq!(refused["message"], "missing scope: operator.write");
    assert_eq!(history(&mut reader).await, Vec::<String>::new());
}

#[tokio::test]
async fn wake_words_are_one_for_all_and_survive_a_restart() {
    let (home, gateway) = gateway("");
    let mut wire = client(gateway.port, "one", &WRITER).await;
    let mut other = client(gateway.port, "two", &["operator.read"]).await;
    let first = wire.call("voicewake.get", json!({})).await.unwrap();
    assert_eq!(first, json!({ "triggers": ["openclaw", "claude", "computer"] }));
    let words = json!({ "triggers": ["hey\u{202e} you", "hey you", ""] });
    let kept = json!({ "triggers": ["hey you"] });
    assert_eq!(wire.call("voicewake.set", words).await.unwrap(), kept);
    assert_eq!(other.event("voicewake.changed").await["payload"], kept);
    for bad in [json!({ "triggers": "x" }), json!({ "triggers": vec!["x"; 33] }), json!({})] {
        assert_eq!(wire.call("voicewake.set", bad).await.unwrap_err()["code"], "INVALID_REQUEST");
    }
    gateway.stop();
    let path = home.state().join("settings/voicewake.json");
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let gateway = home.gateway("trace");
    let mut wire = client(gateway.port, "one", &WRITER).await;
    assert_eq!(wire.call("voicewake.get", json!({})).await.unwrap(), kept);
}

/// A Telegram with an owner, and the assistant above.
fn with_telegram() -> String {
    format!("[gateway.auth]\ntoken = \"{TOKEN}\"\n{}{ASSISTANT}", super::OWNED)
}

#[tokio::test(flavor = "multi_thread")]
async fn case_116_no_code_and_no_command_of_the_owner_reaches_the_assistant() {
    let mut world = World::start(&with_telegram()).await;
    world.say("ann", "hello").await;
    let challenge = world.next(number("ann")).await;
    let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    let port = world.gateway.as_ref().unwrap().port;
    let mut wire = client(port, "one", &WRITER).await;
    for (run, said) in [
        ("r1", format!("approve {code}")),
        ("r2", format!("please take {}!", code.to_lowercase())),
        ("r3", format!("/pairing approve {code}")),
        ("r4", "/pair approve".to_owned()),
        ("r5", "/claim ABCD2345EFGH".to_owned()),
    ] {
        say(&mut wire, run, &said).await;
        let answer = last(&mut wire).await;
        assert_eq!(answer["state"], "final", "{answer}");
        assert!(text(&answer).contains("in the owner's chat"), "{answer}");
    }
    assert_eq!(history(&mut wire).await, Vec::<String>::new());
    say(&mut wire, "r6", "hello").await;
    assert!(text(&last(&mut wire).await).contains("hello"));
    let heard =
        std::fs::read_to_string(world.home.state().parent().unwrap().join("heard")).unwrap();
    assert_eq!(heard.lines().count(), 1, "{heard}");
    assert!(!heard.contains(&code) && !heard.contains("/pair"), "{heard}");
    world.stop();
    assert!(!world.home.logged().contains(&code), "case_107");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_021_an_approval_over_the_socket_lets_in_and_makes_no_owner() {
    let unowned = with_telegram().replace("[owner]\nallow_from = [\"telegram:1001\"]\n", "");
    let mut world = World::start(&unowned).await;
    world.say("ann", "hello").await;
    let challenge = world.next(number("ann")).await;
    let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    let port = world.gateway.as_ref().unwrap().port;
    let mut wire = client(port, "one", &["operator.admin", "operator.pairing"]).await;
    let list = wire.call("channels.pairing.list", json!({})).await.unwrap();
    assert!(!list.to_string().contains(&code), "{list}");
    assert_eq!(list["commandOwnerConfigured"], false);
    assert_eq!(list["limits"]["ttlMs"], 3_600_000);
    let row = &list["requests"][0];
    assert_eq!((&row["channel"], &row["accountId"]), (&json!("telegram"), &json!("default")));
    assert_eq!(row["senderId"], number("ann").to_string());
    let which = |id: &Value| json!({ "channel": "telegram", "accountId": "default", "requestId": id, "notify": true, "bootstrapCommandOwner": true });
    // case_005: writing is not deciding.
    let mut writer = client(port, "two", &WRITER).await;
    for method in ["channels.pairing.approve", "channels.pairing.dismiss", "channels.pairing.list"]
    {
        let refused = writer.call(method, which(&row["requestId"])).await.unwrap_err();
        assert_eq!(refused["code"], "FORBIDDEN", "{method}");
    }
    for (params, says) in [
        (which(&json!("x")), "pending DM access request no longer exists"),
        (
            json!({ "channel": "nowhere", "accountId": "default", "requestId": "x" }),
            "unknown pairing channel: nowhere",
        ),
        (
            json!({ "channel": "telegram", "accountId": "work", "requestId": row["requestId"] }),
            "channel account does not use DM pairing: telegram:work",
        ),
    ] {
        let refused = wire.call("channels.pairing.approve", params).await.unwrap_err();
        assert_eq!(
            (&refused["code"], &refused["message"]),
            (&json!("INVALID_REQUEST"), &json!(says))
        );
    }
    let done = wire.call("channels.pairing.approve", which(&row["requestId"])).await.unwrap();
    assert_eq!(done["senderId"], number("ann").to_string());
    assert_eq!(
        (&done["notification"], &done["commandOwnerBootstrap"]),
        (&json!("sent"), &json!("unavailable"))
    );
    assert!(world.next(number("ann")).await.contains("access approved"));
    let list = wire.call("channels.pairing.list", json!({ "channel": "telegram" })).await.unwrap();
    assert_eq!((&list["requests"], &list["commandOwnerConfigured"]), (&json!([]), &json!(false)));
    assert!(world.home.read("audit/access.jsonl").contains("\"surface\":\"socket\""));
    world.stop();
    assert_eq!(world.home.read("credentials/owners.json"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dismissed_stranger_is_denied_for_an_hour() {
    let mut world = World::start(&with_telegram()).await;
    world.say("ann", "hello").await;
    world.next(number("ann")).await;
    let port = world.gateway.as_ref().unwrap().port;
    let mut wire = client(port, "one", &["operator.pairing"]).await;
    let list = wire.call("channels.pairing.list", json!({ "accountId": "default" })).await.unwrap();
    let id = &list["requests"][0]["requestId"];
    let params = json!({ "channel": "telegram", "accountId": "default", "requestId": id });
    let done = wire.call("channels.pairing.dismiss", params.clone()).await.unwrap();
    assert_eq!(done["senderId"], number("ann").to_string());
    let gone = wire.call("channels.pairing.dismiss", params).await.unwrap_err();
    assert_eq!(gone["message"], "pending DM access request no longer exists");
    world.say("ann", "hello?").await;
    world.stop();
    assert_eq!(world.unread(number("ann")), Vec::<String>::new());
}

/// Secrets of the file and of the environment.
const SECRETS: [&str; 4] = [
    "k-5ecret-of-the-file",
    "k-5ecret-of-the-environment",
    "7:bot-5ecret-of-the-file-aaaaaaaaaaaaaaaa",
    TOKEN,
];

fn with_secrets() -> (Home, Gateway) {
    let home = Home::new();
    home.configure(&format!(
        "[channels.telegram.accounts.a]\nbot_token = \"{}\"\napi_root = \"http://127.0.0.1:1\"\n\
         [channels.telegram.accounts.b]\nbot_token = \"8:${{NAMED}}-aaaaaaaaaaaaaaaaaaaaaa\"\napi_root = \"http://127.0.0.1:1\"\n\
         [assistant]\nresponder = \"openai\"\n[assistant.openai]\napi_key = \"{}\"\n\
         base_url = \"http://127.0.0.1:1/v1\"\nmodel = \"m-1\"\n",
        SECRETS[2], SECRETS[0]
    ));
    let mut program = home.program(&["gateway", "run", "--port", "0"]);
    program.env("NAMED", SECRETS[1]).env("OPENCLAW_GATEWAY_TOKEN", TOKEN);
    let gateway = home.started(program, "trace");
    (home, gateway)
}

#[tokio::test]
async fn case_114_no_answer_holds_a_secret_and_none_to_a_reader_a_path() {
    let (home, gateway) = with_secrets();
    // What went wrong last is told too, once something has.
    home.logs("reconnects").await;
    let folder = home.state().parent().unwrap().display().to_string();
    let all = ["operator.admin", "operator.approvals", "operator.talk.secrets"];
    for scopes in [&all[..], &["operator.read", "operator.write", "operator.pairing"]] {
        let admin = scopes.contains(&"operator.admin");
        let mut wire = Wire::open(gateway.port).await;
        let hello = wire.connect(params("one", scopes)).await.unwrap();
        let mut said = vec![("connect", hello.to_string())];
        for (method, _) in METHODS.iter().filter(|(_, need)| *need != Need::Node) {
            for params in [json!({}), json!({ "sessionKey": "main", "includeSecrets": admin })] {
                let answer = wire.call(method, params).await;
                said.push((method, answer.unwrap_or_else(|error| error).to_string()));
            }
        }
        for (method, text) in &said {
            assert!(SECRETS.iter().all(|secret| !text.contains(secret)), "{method}: {text}");
            assert!(admin || !text.contains(&folder) && !text.contains("\"/"), "{method}: {text}");
        }
        let of = |name: &str| said.iter().find(|(method, _)| *method == name).unwrap().1.clone();
        assert!(of("config.get").contains("m-1") == admin && of("models.list").contains("m-1"));
        assert!(of("config.get").contains("***") && of("channels.status").contains("lastError"));
    }
}

#[tokio::test]
async fn an_app_finds_what_it_asks_for_before_it_shows_itself_connected() {
    let (_home, gateway) = gateway("");
    let mut wire = client(gateway.port, "one", &["operator.admin"]).await;
    for (method, params, pointer, value) in [
        ("health", json!({}), "/agents/0/agentId", json!("main")),
        ("config.get", json!({}), "/config/session/mainKey", json!("main")),
        ("config.get", json!({}), "/valid", json!(true)),
        ("talk.config", json!({}), "/config/session/mainKey", json!("main")),
        ("agents.list", json!({}), "/agents/0/id", json!("main")),
        ("agent.identity.get", json!({ "sessionKey": "main" }), "/agentId", json!("main")),
        ("models.list", json!({}), "/models", json!([])),
        ("status", json!({}), "/heartbeat/defaultAgentId", json!("main")),
        ("system-presence", json!({}), "/0/mode", json!("gateway")),
        ("last-heartbeat", json!({}), "", Value::Null),
        ("set-heartbeats", json!({ "enabled": false }), "/enabled", json!(false)),
        ("cron.list", json!({}), "/jobs", json!([])),
        ("cron.status", json!({}), "/enabled", json!(false)),
        ("skills.status", json!({}), "/skills", json!([])),
        ("voicewake.routing.get", json!({}), "/config/routes", json!([])),
        ("exec.approval.list", json!({}), "/approvals", json!([])),
        ("channels.status", json!({}), "/channelOrder", json!(["terminal", "webchat"])),
    ] {
        let answer = wire.call(method, params).await.unwrap();
        assert_eq!(answer.pointer(pointer), Some(&value), "{method}: {answer}");
    }
    for method in [
        "system-event",
        "sessions.preview",
        "chat.inject",
        "logs.tail",
        "update.status",
        "config.set",
    ] {
        let refused = wire.call(method, json!({})).await.unwrap_err();
        assert_eq!(refused["message"], format!("unknown method: {method}"));
    }
}

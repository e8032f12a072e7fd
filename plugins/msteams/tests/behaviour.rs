//! What the contract does not ask of every channel: Teams' own ways, on its wire for bots.

mod fake;

use std::time::Duration;

use fake::{APP, CHANNEL, FakeTeams, GROUP, State, TENANT, invocation, mention, person, quoting};
use openclaw_plugin_sdk::{
    Body, Button, Card, ChannelError, ChatId, ChatKind, Conversation, InboundEvent, InboundRef,
    OutboundMessage, SenderId, Text, ThreadId,
    contract::{Bench, Event, FakePlatform, Person},
};
use serde_json::{Value, json};

async fn bench() -> Bench<FakeTeams> {
    Bench::start(&channel_msteams::PLUGIN, FakeTeams::start().await).await
}

fn to(id: &str, kind: ChatKind, body: impl Into<Body>) -> OutboundMessage {
    OutboundMessage::new(Conversation::new(ChatId::new(id), kind), body)
}

fn to_ann(text: &str) -> OutboundMessage {
    to(&person("ann"), ChatKind::Direct, Text::plain(text))
}

fn calls(state: &State, path: &str) -> usize {
    state.calls.iter().filter(|(_, called, _)| called.contains(path)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn case_080_a_person_is_an_object_id_and_teams_own_id_stands_beside_it() {
    let mut bench = bench().await;
    let ann = bench.meet(Person::Ann, "hello").await;
    assert_eq!(ann.sender.id.as_str(), person("ann"));
    assert_eq!(ann.sender.also, [SenderId::new("29:1annxxxxxxxxxxxxxxxxxxxxx").expect("an id")]);
    assert_eq!(ann.conversation.id.as_str(), person("ann"));
    // A guest without an object id.
    let from = json!({ "id": "29:1guest-of-a-meeting-00001", "name": "ann" });
    bench.platform.message("ann", json!({ "from": from, "text": "no id" }));
    let guest = bench.message().await;
    assert_eq!(guest.sender.id.as_str(), "29:1guest-of-a-meeting-00001");
    assert_eq!(guest.sender.also, []);
    // Neither a name nor an address is one.
    let from = json!({ "id": "ann@example.com", "name": "ann", "aadObjectId": "ann@example.com" });
    bench.platform.message("ann", json!({ "from": from, "text": "let me in" }));
    bench.meet(Person::Ann, "after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_101_another_tenant_of_the_bot_is_not_heard() {
    let mut bench = bench().await;
    let other = "0badc0de-1111-4222-8333-444444444444";
    let chat = json!({ "id": "a:1x", "conversationType": "personal", "tenantId": other });
    let without = json!({ "id": "a:1x", "conversationType": "personal" });
    for more in [
        json!({ "conversation": chat }),
        json!({ "channelData": { "tenant": { "id": other } } }),
        json!({ "conversation": without, "channelData": {} }),
        json!({ "channelData": { "tenant": { "id": 7 } } }),
    ] {
        bench.platform.message("ann", more.clone());
        let mut told = more;
        told["text"] = "from elsewhere".into();
        bench.platform.message("ann", told);
    }
    bench.meet(Person::Ann, "after").await;
    let chat =
        json!({ "id": "a:1x", "conversationType": "personal", "tenantId": TENANT.to_uppercase() });
    bench.platform.message("ann", json!({ "conversation": chat, "text": "capitals" }));
    assert_eq!(bench.message().await.text, "capitals");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_088_what_a_conversation_says_and_its_id_have_to_agree() {
    let mut bench = bench().await;
    for (id, kind, group) in [
        (GROUP, "personal", json!(null)),
        ("a:1x", "groupChat", json!(true)),
        ("a:1x", "personal", json!(true)),
        (GROUP, "groupChat", json!(false)),
        (GROUP, "meeting", json!(true)),
        ("", "personal", json!(null)),
        ("19:ABCDEFGH@THREAD.v2", "personal", json!(null)),
        ("19:abcdefgh12@other.place", "personal", json!(null)),
        ("48:notes", "personal", json!(null)),
        ("a:1x", "personal", json!("true")),
    ] {
        let place =
            json!({ "id": id, "conversationType": kind, "tenantId": TENANT, "isGroup": group });
        bench.platform.message("ann", json!({ "conversation": place, "text": "psst" }));
        assert_eq!(
            bench.message().await.conversation.kind,
            ChatKind::Unknown,
            "{id} {kind} {group}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_of_a_channel_is_answered_in_that_thread() {
    let mut bench = bench().await;
    let id = format!("{CHANNEL};messageid=1700000000001");
    let place =
        json!({ "id": id, "conversationType": "channel", "tenantId": TENANT, "isGroup": true });
    let mut activity = mention("hello");
    activity["conversation"] = place;
    bench.platform.message("ann", activity);
    let asked = bench.message().await;
    assert!(asked.mentions_us);
    assert_eq!(asked.text, "hello");
    assert_eq!(asked.conversation.id.as_str(), CHANNEL);
    assert_eq!(asked.conversation.thread, Some(ThreadId::new("1700000000001")));
    let mut answer = OutboundMessage::new(asked.conversation.clone(), Text::plain("here"));
    answer.answers = Some(InboundRef::Message(asked.id.clone()));
    let sent = bench.send(&answer).await.expect("it goes");
    assert_eq!(sent.chat.as_str(), CHANNEL);
    let shown = bench.platform.with(|state| state.messages[0].clone());
    assert_eq!((shown.chat, shown.activity["replyToId"].as_str()), (id, Some(asked.id.as_str())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_for_us_where_it_mentions_us_or_answers_us_and_by_no_name() {
    let mut bench = bench().await;
    let other = json!([{ "type": "mention", "text": "<at>Gate</at>", "mentioned": { "id": "28:other", "name": "Gate" } }]);
    let named = json!({ "text": "<at>Gate</at> hello", "entities": other });
    bench.platform.in_group("ann", named);
    let named = bench.message().await;
    assert!(!named.mentions_us, "a name is chosen");
    bench.platform.in_group("ann", quoting("yes", "17", &format!("28:{APP}"), "shall I?"));
    let answer = bench.message().await;
    assert!(answer.mentions_us);
    assert_eq!(
        (answer.text.as_str(), answer.reply_to.expect("a reference").id.as_str()),
        ("yes", "17")
    );
    bench.platform.in_group("ann", quoting("no", "18", "8:orgid:eve", "28:x itemprop=\"mri\""));
    assert!(!bench.message().await.mentions_us);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_095_a_quotation_without_an_end_leaves_nothing_of_the_message() {
    let mut bench = bench().await;
    let html =
        "<blockquote itemtype=\"http://schema.skype.com/Reply\" itemid=\"1\">STRANGER <p>mine</p>";
    let cut = json!({ "text": "STRANGER mine", "attachments": [{ "contentType": "text/html", "content": html }] });
    bench.platform.message("ann", cut);
    bench.meet(Person::Ann, "after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_by_invocation_is_answered_where_it_waits_and_others_are_not_done() {
    let mut bench = bench().await;
    let ann = bench.meet(Person::Ann, "hello").await;
    let buttons = vec![vec![Button { label: "Yes".to_owned(), data: "a:1".to_owned() }]];
    let sent = bench.say(&ann, Card { title: "Who?".to_owned(), buttons, ..Card::default() }).await;
    let id = bench.platform.message("ann", invocation(sent.id.as_str(), "a:1"));
    let press = bench.press().await;
    assert_eq!((press.data.as_str(), press.on), ("a:1", sent));
    let (status, body) = bench.platform.answered(&id).await;
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, &body["statusCode"]), (200, &json!(200)));
    assert_eq!(body["type"], "application/vnd.microsoft.activity.message");
    for name in ["task/fetch", "composeExtension/query", "signin/verifyState"] {
        let id =
            bench.platform.message("ann", json!({ "type": "invoke", "name": name, "value": {} }));
        assert_eq!(bench.platform.answered(&id).await.0, 501, "{name}");
    }
    let id = bench.platform.message("ann", json!({ "type": "typing" }));
    assert_eq!(bench.platform.answered(&id).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_089_case_090_only_a_token_of_teams_for_this_bot_and_this_answer_is_taken() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "before").await;
    let tokens: [(&str, fake::Token); 14] = [
        ("late", |it| it["claims"]["exp"] = json!(openclaw_plugin_sdk::now().0 / 1000 - 360)),
        ("early", |it| it["claims"]["nbf"] = json!(openclaw_plugin_sdk::now().0 / 1000 + 360)),
        ("without end", |it| drop(it["claims"].as_object_mut().unwrap().remove("exp"))),
        ("issuer", |it| it["claims"]["iss"] = "https://evil.example".into()),
        ("government", |it| it["claims"]["iss"] = "https://api.botframework.us".into()),
        ("audience", |it| it["claims"]["aud"] = "0badc0de-1111-4222-8333-444444444444".into()),
        ("api", |it| it["claims"]["aud"] = format!("api://{APP}").into()),
        ("botid", |it| it["claims"]["aud"] = format!("api://botid-{APP}").into()),
        ("key", |it| it["header"]["kid"] = "zz".into()),
        ("endorsed", |it| it["header"]["kid"] = "web".into()),
        ("algorithm", |it| it["header"]["alg"] = "RS512".into()),
        ("service", |it| it["claims"]["serviceurl"] = "https://evil.example/".into()),
        ("another path", |it| it["claims"]["serviceurl"] = "http://127.0.0.1/amer/".into()),
        ("no service", |it| drop(it["claims"].as_object_mut().unwrap().remove("serviceurl"))),
    ];
    for (what, token) in tokens {
        bench.platform.with(|state| state.token = Some(token));
        let id = bench.platform.direct("ann", what);
        assert_eq!(bench.platform.answered(&id).await.0, 401, "{what}");
    }
    bench.platform.with(|state| {
        state.token =
            Some(|it| it["claims"]["exp"] = json!(openclaw_plugin_sdk::now().0 / 1000 - 240));
    });
    bench.meet(Person::Ann, "late by four minutes").await;
    bench.platform.with(|state| {
        state.token = Some(|it| {
            let service =
                it["claims"]["serviceurl"].as_str().unwrap().trim_end_matches('/').to_owned();
            it["claims"]["serviceurl"] = service.into();
        });
    });
    bench.meet(Person::Ann, "without the last slash").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_old_a_token_is_is_told_by_the_clock_of_microsoft() {
    let fake = FakeTeams::start().await;
    fake.with(|state| state.ahead = 3600);
    let mut bench = Bench::start(&channel_msteams::PLUGIN, fake).await;
    let id = bench.platform.direct("ann", "by our own clock");
    assert_eq!(bench.platform.answered(&id).await.0, 401);
    bench.platform.with(|state| {
        state.token = Some(|it| {
            for claim in ["nbf", "exp"] {
                it["claims"][claim] = json!(it["claims"][claim].as_u64().unwrap() + 3600);
            }
        });
    });
    bench.meet(Person::Ann, "by theirs").await;
    assert!(bench.inbox().ahead_by().expect("a clock") < -3_590_000, "the state says so");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_sent_to_no_host_that_is_not_teams() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "before").await;
    let evil = "https://smba.trafficmanager.net.evil.example/emea/";
    bench.platform.with(|state| {
        state.token = Some(|it| {
            it["claims"]["serviceurl"] =
                "https://smba.trafficmanager.net.evil.example/emea/".into();
        });
    });
    let id = bench.platform.message("ann", json!({ "serviceUrl": evil, "text": "answer there" }));
    assert_eq!(bench.platform.answered(&id).await.0, 403);
    bench.limited(Some("`cloud`")).await;
    bench.platform.with(|state| state.token = None);
    bench.meet(Person::Ann, "after").await;
    bench.limited(None).await;
    assert_eq!(bench.send(&to_ann("here")).await.map(|_| ()), Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be_fetched_are_shown_and_the_call_is_not_refused_for_good() {
    let fake = FakeTeams::start().await;
    fake.with(|state| state.keys = Some(500));
    let bench = Bench::start(&channel_msteams::PLUGIN, fake).await;
    let id = bench.platform.direct("ann", "hello");
    assert_eq!(bench.platform.answered(&id).await.0, 503);
    bench.limited(Some("keys")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_activity_is_refused_and_the_next_is_heard() {
    let mut bench = bench().await;
    let token = fake::signed(&bench.platform.service());
    for (body, status) in
        [("", 400), ("{", 400), ("[]", 401), ("null", 401), ("{}", 401), ("\u{0}", 400)]
    {
        assert_eq!(bench.platform.call(&token, body.to_owned()).await, status, "{body:?}");
    }
    let two = json!([{ "type": "message" }, { "type": "message" }]);
    assert_eq!(bench.platform.call(&token, two.to_string()).await, 401);
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(600_000));
    assert_eq!(bench.platform.call(&token, large).await, 413);
    for broken in [
        json!({ "text": 7 }),
        json!({ "from": null, "text": "x" }),
        json!({ "from": { "id": {} }, "text": "x" }),
        json!({ "timestamp": "soon", "text": "x" }),
        json!({ "id": null, "text": "x" }),
    ] {
        bench.platform.message("ann", broken);
    }
    bench.meet(Person::Ann, "after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_105_a_call_that_comes_again_brings_nothing_again() {
    let mut bench = bench().await;
    let first = bench.meet(Person::Ann, "once").await;
    let id = first.id.as_str();
    bench.platform.message("ann", json!({ "id": id, "text": "once" }));
    // Another sender with that id is another message.
    bench.platform.with(|state| state.chat_with("eve"));
    bench.platform.message("eve", json!({ "id": id, "text": "mine" }));
    assert_eq!(bench.message().await.text, "mine");
    bench.meet(Person::Ann, "after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_has_not_written_is_written_to_where_they_have_the_app() {
    let bench = bench().await;
    assert_eq!(bench.send(&to_ann("hello")).await.map(|_| ()), Ok(()));
    assert_eq!(bench.send(&to_ann("again")).await.map(|_| ()), Ok(()));
    assert_eq!(bench.platform.with(|state| calls(state, "conversations")), 1, "it is remembered");
    let eve = person("eve");
    bench.platform.with(|state| state.without_app.insert(eve.clone()));
    let sent = bench.send(&to(&eve, ChatKind::Direct, Text::plain("hello"))).await;
    assert!(matches!(sent, Err(ChannelError::Undeliverable(_))), "{sent:?}");
    bench.platform.direct("ann", "hello");
    bench.limited(Some("add the app")).await;
    bench.platform.with(|state| state.without_app.clear());
    assert_eq!(
        bench.send(&to(&eve, ChatKind::Direct, Text::plain("hello"))).await.map(|_| ()),
        Ok(())
    );
    bench.limited(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_over_is_made_new_once() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    let tokens = bench.platform.with(|state| {
        state.stale = true;
        state.tokens
    });
    assert_eq!(bench.send(&to_ann("hello")).await.map(|_| ()), Ok(()));
    assert_eq!(bench.platform.with(|state| state.tokens), tokens + 1);
    assert_eq!(bench.send(&to_ann("again")).await.map(|_| ()), Ok(()));
    assert_eq!(bench.platform.with(|state| state.tokens), tokens + 1, "it is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_refused_names_the_key_and_one_that_is_away_is_asked_again() {
    for (login, key) in [
        ((401, "invalid_client", "AADSTS7000215: no"), Some("`app_password`")),
        ((400, "unauthorized_client", "AADSTS700016: no"), Some("`app_id`")),
        ((400, "invalid_request", "AADSTS90002: no"), Some("`tenant_id`")),
        ((503, "temporarily_unavailable", ""), None),
    ] {
        let fake = FakeTeams::start().await;
        fake.with(|state| state.login = Some(login));
        let ended = Bench::open(&channel_msteams::PLUGIN, fake).await.listen().await;
        match (ended, key) {
            (Err(ChannelError::Unauthorized(why)), Some(key)) => {
                assert!(why.contains(key), "{why}");
            }
            (Err(ChannelError::Disconnected(_)), None) => {}
            (other, _) => unreachable!("{login:?}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_teams_refuses_drops_the_message_and_a_storm_is_waited_for() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    for (status, code) in [(403, "ConversationBlockedByUser"), (400, "BadSyntax"), (413, "TooBig")]
    {
        bench.platform.with(|state| state.storm = Some((status, code)));
        let sent = bench.send(&to_ann("hello")).await;
        assert!(matches!(sent, Err(ChannelError::Undeliverable(_))), "{status}: {sent:?}");
    }
    bench.platform.with(|state| state.storm = Some((429, "TooManyRequests")));
    for _ in 0..3 {
        let sent = bench.send(&to_ann("hello")).await;
        assert_eq!(sent, Err(ChannelError::RateLimited(Duration::from_secs(2))));
    }
    bench.platform.with(|state| state.storm = Some((502, "")));
    let sent = bench.send(&to_ann("hello")).await;
    assert!(matches!(sent, Err(ChannelError::Disconnected(_))), "{sent:?}");
    bench.platform.with(|state| (state.storm, state.half) = (None, true));
    let sent = bench.send(&to_ann("hello")).await;
    assert!(matches!(sent, Err(ChannelError::Undeliverable(_))), "it may have gone: {sent:?}");
    assert_eq!(bench.platform.with(|state| state.messages.len()), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_switches_the_app_off_stops_the_account() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| state.storm = Some((403, "BotDisabledByAdmin")));
    assert!(matches!(bench.send(&to_ann("hello")).await, Err(ChannelError::Unauthorized(_))));
    let Err(ChannelError::Unauthorized(why)) = bench.ended().await else { unreachable!("it ends") };
    assert!(why.contains("`tenant_id`") && why.contains("admin center"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_heard_since_the_start_is_said_until_teams_calls() {
    let mut bench = bench().await;
    bench.limited(Some("nothing heard since the start")).await;
    bench.meet(Person::Ann, "hello").await;
    bench.limited(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_was_noted_is_found_after_a_restart_and_openclaws_too() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    let noted = bench.inbox().noted(&person("ann")).expect("a note");
    assert!(noted.contains("a:1ann") && noted.contains("/emea/"), "{noted}");
    let folder = tempfile::tempdir().expect("a folder");
    // Nobody answers at this port; one that was free a moment ago may be another test's by now.
    let nowhere = "http://127.0.0.1:1/emea/";
    let stored = json!({ "version": 1, "conversations": { "a:1bobxxxxxxxxxxxxxxxxxxxxx": {
        "serviceUrl": nowhere, "user": { "aadObjectId": person("bob") },
        "conversation": { "conversationType": "personal", "tenantId": TENANT },
    } } });
    let file = folder.path().join("msteams-conversations.json");
    let mut written = std::fs::File::create(&file).expect("a file");
    std::io::Write::write_all(&mut written, stored.to_string().as_bytes()).expect("written");
    let fake = FakeTeams::start().await;
    fake.with(|state| state.chat_with("bob"));
    let mut restarted = Bench::open(&channel_msteams::PLUGIN, fake).await;
    restarted.inbox().state_is_in(folder.path().to_owned());
    restarted
        .inbox()
        .note(person("ann"), noted.replace(&bench.platform.root(), &restarted.platform.root()))
        .await
        .expect("a note");
    restarted.platform.with(|state| state.chat_with("ann"));
    restarted.listen().await.expect("it connects");
    drop(bench);
    assert_eq!(restarted.send(&to_ann("hello")).await.map(|_| ()), Ok(()));
    assert_eq!(
        restarted.platform.with(|state| calls(state, "conversations")),
        0,
        "nobody is asked"
    );
    let bob = restarted.send(&to(&person("bob"), ChatKind::Direct, Text::plain("hello"))).await;
    assert!(matches!(bob, Err(ChannelError::Disconnected(_))), "by what OpenClaw noted: {bob:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_causes_no_call_and_no_fetch() {
    let mut bench = bench().await;
    let before = bench.platform.with(|state| (state.calls.len(), state.tokens));
    bench.happen(Event::Attachment(openclaw_plugin_sdk::Attachment::File, "look".to_owned())).await;
    bench.message().await;
    bench.meet(Person::Ann, "hello").await;
    assert_eq!(bench.platform.with(|state| (state.calls.len(), state.tokens)), before);
    assert_eq!(bench.platform.fetched(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_111_a_name_with_marks_of_teams_arrives_as_text() {
    let mut bench = bench().await;
    let from = json!({ "id": "29:1annxxxxxxxxxxxxxxxxxxxxx", "aadObjectId": person("ann"), "name": "<at>everyone</at> **Ann**" });
    bench.platform.with(|state| state.chat_with("ann"));
    bench.platform.message("ann", json!({ "from": from, "text": "hello" }));
    let ann = bench.message().await;
    let name = ann.sender.name.clone().expect("a name");
    bench.say(&ann, Text::plain(name.clone())).await;
    let fields = vec![("Name".to_owned(), Text::plain(name.clone()))];
    bench.say(&ann, Card { title: "A sender asks".to_owned(), fields, ..Card::default() }).await;
    let seen = bench.platform.seen().await;
    assert_eq!(seen[0].text, name);
    assert!(seen[1].text.contains(&name), "{}", seen[1].text);
    let sent = bench.platform.with(|state| state.messages[0].activity["text"].clone());
    assert!(!sent.as_str().expect("a text").contains("<at>"), "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_the_gateway_could_not_keep_is_not_acknowledged() {
    let mut bench = bench().await;
    let id = bench.platform.direct("ann", "hold this");
    let delivery = bench.delivery().await;
    drop(delivery);
    assert_eq!(bench.ended().await, Err(ChannelError::Held));
    let (status, _) = bench.platform.answered(&id).await;
    assert_ne!(status, 200, "the server makes it a 503");
    let InboundEvent::Message(_) = ({
        bench.listen().await.expect("it connects");
        bench.platform.direct("ann", "after");
        bench.event().await
    }) else {
        unreachable!("a message")
    };
}

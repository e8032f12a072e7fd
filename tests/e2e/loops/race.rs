//! Approvals by command lines, several at a time, while the gateway goes on asking for codes.

use std::{collections::BTreeSet, process::Output};

use futures_util::{StreamExt, stream};

use super::{
    CROWDED, allowed, assert_once, check_files, code_in, hear, rounds, said, sent, verify, waiting,
    write,
};
use crate::{
    process::{Home, texts},
    visitor::Visitor,
    world::World,
};

/// So many approvals are on their way at once.
const AT_ONCE: usize = 8;
/// Each so-manieth is approved by two command lines at once.
const TWICE: usize = 5;
/// With each so-manieth comes one more, who gets no approval.
const BYSTANDER: usize = 4;
/// Each so-manieth is a visitor of the page.
const VISITOR: usize = 20;
/// So many lines an hour are for strangers.
const SHARE: usize = 600;

const FIRST: i64 = 5_000_000;
const FIRST_BYSTANDER: i64 = 6_000_000;

async fn cli(home: &Home, arguments: &[&str]) -> Output {
    tokio::process::Command::from(home.program(arguments))
        .stdin(std::process::Stdio::null())
        .output()
        .await
        .unwrap()
}

/// Approves by one command line, or two of which exactly one may succeed.
async fn approve(home: &Home, channel: &str, code: &str, sender: &str, twice: bool) {
    let arguments = ["pairing", "approve", channel, code];
    let other = async { if twice { Some(cli(home, &arguments).await) } else { None } };
    let (one, other) = tokio::join!(cli(home, &arguments), other);
    let mut ends: Vec<(Option<i32>, String)> = [Some(one), other]
        .into_iter()
        .flatten()
        .map(|output| {
            let (out, err) = texts(&output);
            (output.status.code(), out + &err)
        })
        .collect();
    ends.sort();
    assert_eq!(ends[0].0, Some(0), "{ends:?}");
    assert!(ends[0].1.contains(&format!("✅ Approved {channel} sender {sender}")), "{ends:?}");
    assert!(ends.iter().skip(1).all(|end| end.0 == Some(3)), "one decision, one success: {ends:?}");
}

/// A stranger knocks, goes on writing during the approval, and is answered then.
async fn let_in(world: &World, number: usize) {
    let id = FIRST + i64::try_from(number).unwrap();
    let telegram = &world.telegram;
    let from = sent(telegram);
    write(telegram, id, "hello");
    if number.is_multiple_of(BYSTANDER) {
        write(telegram, FIRST_BYSTANDER + i64::try_from(number).unwrap(), "me too");
    }
    let code = hear(telegram, from, id, code_in).await;
    let home = &world.home;
    let writes = async {
        // While the command line begins, while it decides, and while it ends.
        for word in ["am I in?", "now?", "and now?"] {
            write(telegram, id, word);
            telegram.until("it is taken", |state| state.updates.is_empty()).await;
        }
    };
    let (sender, is_twice) = (id.to_string(), number.is_multiple_of(TWICE));
    tokio::join!(approve(home, "telegram", &code, &sender, is_twice), writes);
    write(telegram, id, "I am in");
    hear(telegram, from, id, |text| text.ends_with("\nI am in").then_some(())).await;
}

/// The same on the page.
async fn let_in_on_the_page(world: &World, number: usize) {
    let port = world.gateway.as_ref().unwrap().port;
    let mut visitor = Visitor::come(port).await;
    visitor.connect(port).await;
    visitor.say("hello").await.unwrap();
    let code = code_in(&visitor.next().await).unwrap();
    let you = visitor.you.clone();
    approve(&world.home, "webchat", &code, &you, number.is_multiple_of(TWICE)).await;
    visitor.say("I am in").await.unwrap();
    while !visitor.next().await.ends_with("\nI am in") {}
}

async fn race(approvals: usize) {
    let mut world = World::prepare(CROWDED).await;
    world.gateway = Some(world.home.gateway("info"));
    let shared = &world;
    stream::iter(0..approvals)
        .for_each_concurrent(AT_ONCE, |number| async move {
            if number % VISITOR == 1 {
                let_in_on_the_page(shared, number).await;
            } else {
                let_in(shared, number).await;
            }
        })
        .await;
    world.telegram.until("all is taken", |state| state.updates.is_empty()).await;
    world.stop();
    check(&world, approvals);
}

fn check(world: &World, approvals: usize) {
    let home = &world.home;
    verify(home);
    check_files(&home.state());
    let visitors = (0..approvals).filter(|number| number % VISITOR == 1).count();
    let of_telegram: Vec<String> = (0..approvals)
        .filter(|number| number % VISITOR != 1)
        .map(|number| (FIRST + i64::try_from(number).unwrap()).to_string())
        .collect();
    let (list, page) = (allowed(home, "telegram"), allowed(home, "webchat"));
    assert_once("case_047: telegram's list", &list);
    assert_once("case_047: the page's list", &page);
    let in_list: BTreeSet<_> = list.iter().collect();
    assert_eq!(in_list, of_telegram.iter().collect(), "case_047: none lost, none too many");
    assert_eq!(page.len(), visitors);
    let bystanders: Vec<String> = (0..approvals)
        .filter(|number| number.is_multiple_of(BYSTANDER) && number % VISITOR != 1)
        .map(|number| (FIRST_BYSTANDER + i64::try_from(number).unwrap()).to_string())
        .collect();
    let pending: BTreeSet<String> =
        waiting(home, "telegram").into_iter().map(|(id, _)| id).collect();
    assert_eq!(pending, bystanders.iter().cloned().collect(), "nobody is pending and granted");
    assert_eq!(waiting(home, "webchat").len(), 0);
    let decisions = said(home, "approve");
    assert_eq!(decisions.len(), approvals, "case_117: a line for each decision");
    assert_once("case_117", &decisions.into_iter().map(|(request, _)| request).collect::<Vec<_>>());
    let requests = approvals + bystanders.len();
    assert_eq!(
        said(home, "request").len(),
        requests.min(SHARE),
        "strangers have their share of the log"
    );
    for id in of_telegram.iter().chain(&bystanders) {
        let id: i64 = id.parse().unwrap();
        let challenges = world.telegram.with(|state| {
            let to_them = state.messages.iter().filter(|shown| shown.chat["id"] == id);
            to_them.filter(|shown| code_in(&shown.text).is_some()).count()
        });
        assert_eq!(challenges, 1, "{id} got one code");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_047_case_117_approvals_race_with_a_gateway_that_asks_for_codes() {
    race(24).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: OC_ROUNDS approvals, 1000 without it"]
async fn long_case_047_case_117_approvals_race_with_a_gateway_that_asks_for_codes() {
    race(rounds(1000)).await;
}

//! Clauses about stopping and starting: nothing is lost, nothing repeated, nothing left running.

use std::time::Instant;

use super::{Bench, Event, FakePlatform, LIMIT, Person};
use crate::{ChannelError, ChannelPlugin};

pub(super) async fn check<P: FakePlatform>(
    plugin: &'static ChannelPlugin,
    start: &impl AsyncFn() -> P,
) {
    receiving_again_repeats_nothing(&mut Bench::start(plugin, start().await).await, plugin).await;
    what_happens_meanwhile_arrives_later(&mut Bench::start(plugin, start().await).await).await;
    what_was_not_durable_arrives_again(&mut Bench::start(plugin, start().await).await, plugin)
        .await;
    what_the_gateway_cannot_hold_ends_in_held(
        &mut Bench::start(plugin, start().await).await,
        plugin,
    )
    .await;
    events_arrive_in_order(&mut Bench::start(plugin, start().await).await).await;
    nothing_keeps_running(plugin, start().await);
}

async fn receiving_again_repeats_nothing<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    bench.meet(Person::Ann, "one").await;
    bench.meet(Person::Ann, "two").await;
    for round in 0..2 {
        bench.stop().await;
        bench
            .listen()
            .await
            .unwrap_or_else(|error| panic!("{} connects again: {error:?}", plugin.id));
        bench.meet(Person::Ann, &format!("after {round}")).await;
    }
}

async fn what_happens_meanwhile_arrives_later<P: FakePlatform>(bench: &mut Bench<P>) {
    bench.meet(Person::Ann, "before").await;
    if !bench.platform.keeps() {
        return;
    }
    bench.stop().await;
    bench.happen(Event::Direct(Person::Ann, "meanwhile".to_owned())).await;
    bench.listen().await.unwrap_or_else(|error| panic!("connects again: {error:?}"));
    assert_eq!(bench.message().await.text, "meanwhile");
    bench.meet(Person::Ann, "after").await;
}

/// The future is dropped while the gateway still writes.
async fn what_was_not_durable_arrives_again<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    bench.happen(Event::Direct(Person::Ann, "hold this".to_owned())).await;
    let delivery = bench.delivery().await;
    bench.stop().await;
    drop(delivery);
    bench.listen().await.unwrap_or_else(|error| panic!("{} connects again: {error:?}", plugin.id));
    if bench.platform.keeps() {
        assert_eq!(
            bench.message().await.text,
            "hold this",
            "{}: acknowledged only when durable",
            plugin.id
        );
    }
    bench.meet(Person::Ann, "after").await;
}

async fn what_the_gateway_cannot_hold_ends_in_held<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    bench.meet(Person::Ann, "before").await;
    bench.happen(Event::Direct(Person::Ann, "too much".to_owned())).await;
    drop(bench.delivery().await);
    if !bench.platform.keeps() {
        // Such a channel may tell the sender instead, and go on.
        return;
    }
    let ended = bench.ended().await;
    assert_eq!(ended, Err(ChannelError::Held), "{}", plugin.id);
    bench.listen().await.unwrap_or_else(|error| panic!("{} connects again: {error:?}", plugin.id));
    assert_eq!(bench.message().await.text, "too much", "{}: it was not acknowledged", plugin.id);
}

async fn events_arrive_in_order<P: FakePlatform>(bench: &mut Bench<P>) {
    for number in 0..20 {
        bench.happen(Event::Direct(Person::Ann, format!("number {number}"))).await;
    }
    for number in 0..20 {
        assert_eq!(bench.message().await.text, format!("number {number}"));
    }
}

/// The channel runs in a runtime of its own, whose tasks are counted when it is gone.
fn nothing_keeps_running<P: FakePlatform>(plugin: &'static ChannelPlugin, platform: P) {
    let run = || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("a runtime starts: {error}"));
        // The bench gives the platform back: its own tasks stay in the runtime it was started in.
        let platform = runtime.block_on(async {
            let mut bench = Bench::start(plugin, platform).await;
            let ann = bench.meet(Person::Ann, "hello").await;
            bench.say(&ann, crate::Text::plain("hello")).await;
            bench.stop().await;
            bench.platform
        });
        let begun = Instant::now();
        while runtime.metrics().num_alive_tasks() > 0 {
            assert!(begun.elapsed() < LIMIT, "{}: nothing keeps running", plugin.id);
            runtime.block_on(tokio::task::yield_now());
        }
        drop(platform);
    };
    tokio::task::block_in_place(|| std::thread::scope(|scope| scope.spawn(run).join()))
        .unwrap_or_else(|_| panic!("{}: nothing keeps running", plugin.id));
}

//! The proxy that the environment names: what goes through it, and what never does.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};

use super::OWNED;
use crate::{
    process::{Home, PATIENCE},
    world::World,
};

const RUN: [&str; 4] = ["gateway", "run", "--port", "0"];

/// A gateway whose bot is on the platform's own address.
fn far(proxy: &str) -> (Home, crate::process::Gateway) {
    let home = Home::new();
    home.configure("[channels.telegram]\nbot_token = \"1:AAF\"\n");
    let mut command = home.program(&RUN);
    command.env("ALL_PROXY", proxy);
    let gateway = home.started(command, "info");
    (home, gateway)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_is_reached_through_the_socks_proxy_that_the_environment_names() {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_home, gateway) = far(&format!("socks5h://{}", proxy.local_addr().unwrap()));
    let asked = async {
        let (mut stream, _) = proxy.accept().await.unwrap();
        let mut hello = [0; 16];
        let read = stream.read(&mut hello).await.unwrap();
        assert_eq!(hello[..read], [5, 1, 0]);
        stream.write_all(&[5, 0]).await.unwrap();
        let mut target = [0; 64];
        let read = stream.read(&mut target).await.unwrap();
        String::from_utf8_lossy(&target[..read]).into_owned()
    };
    let asked = timeout(PATIENCE, asked).await.expect("the proxy is asked");
    assert!(asked.contains("api.telegram.org"), "{asked:?}");
    gateway.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_of_an_unknown_kind_is_refused_by_name() {
    let (home, gateway) = far("ftp://ann:secret@127.0.0.1:1");
    home.logs("`ALL_PROXY` names no proxy that can be used").await;
    assert!(!home.logged().contains("secret"));
    gateway.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_this_machine_is_never_reached_through_a_proxy() {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut world = World::prepare(OWNED).await;
    let mut command = world.home.program(&RUN);
    command.env("ALL_PROXY", format!("socks5h://{}", proxy.local_addr().unwrap()));
    world.gateway = Some(world.home.started(command, "trace"));
    world.say("owner", "/whoami").await;
    assert!(world.next(1001).await.contains("you are an owner"));
    let asked = timeout(std::time::Duration::from_millis(1), proxy.accept()).await;
    assert!(asked.is_err(), "nobody asked the proxy");
    world.stop();
}

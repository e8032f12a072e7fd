//! One channel behind a server, with the test in the gateway's place.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use openclaw_plugin_sdk::{
    AccountId, Body, Channel, ChannelError, ChatId, ChatKind, Client, ClientAddress, Conversation,
    Delivery, InboundEvent, InboundMessage, Inbox, Link, OutboundMessage, SentRef, Settings,
    contract::LIMIT, toml,
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};

use super::{browser::Browser, gateway::Server};

pub(crate) struct Bench {
    pub(crate) address: SocketAddr,
    channel: Arc<dyn Channel>,
    inbox: Arc<Inbox>,
    deliveries: mpsc::Receiver<Delivery>,
    client: Arc<Mutex<Client>>,
    running: JoinSet<Result<(), ChannelError>>,
    _server: Server,
}

impl Bench {
    pub(crate) async fn open() -> Self {
        Self::with(toml::Table::new()).await
    }

    pub(crate) async fn with(table: toml::Table) -> Self {
        let account = AccountId::default_account();
        let settings =
            Settings { account: account.clone(), table, key: [7; 32], commands: Vec::new() };
        let channel: Arc<dyn Channel> =
            Arc::from((channel_webchat::PLUGIN.open)(settings).unwrap());
        let (deliveries_in, deliveries) = mpsc::channel(64);
        let (exchanges, exchanges_out) = mpsc::channel(64);
        let inbox =
            Arc::new(Inbox::new(account, deliveries_in, exchanges_out, watch::channel(false).0));
        let (mut server, listener) = Server::bind().await;
        server.serve(listener, exchanges, &Handle::current());
        let (address, client) = (server.address, Arc::clone(&server.client));
        let mut bench = Self {
            address,
            channel,
            inbox,
            deliveries,
            client,
            running: JoinSet::new(),
            _server: server,
        };
        bench.receive();
        bench
    }

    pub(crate) fn receive(&mut self) {
        let (channel, inbox) = (Arc::clone(&self.channel), Arc::clone(&self.inbox));
        self.running.spawn(async move { channel.receive(&inbox).await });
    }

    /// Drops the future of `receive`.
    pub(crate) async fn stop(&mut self) {
        self.running.shutdown().await;
    }

    /// How connections look from now on.
    pub(crate) fn from(&self, address: &str, hop: Link, tls: bool) {
        let address = ClientAddress::of(address.parse().unwrap());
        *self.client.lock().unwrap() = Client { address, local: false, hop, tls };
    }

    pub(crate) async fn visitor(&self) -> Browser {
        Browser::visiting(self.address).await
    }

    /// The next event, not yet told that it is durable.
    pub(crate) async fn delivery(&mut self) -> Delivery {
        timeout(LIMIT, self.deliveries.recv()).await.unwrap().unwrap()
    }

    pub(crate) async fn event(&mut self) -> InboundEvent {
        let delivery = self.delivery().await;
        delivery.done.send(()).unwrap();
        delivery.event
    }

    pub(crate) async fn message(&mut self) -> InboundMessage {
        match self.event().await {
            InboundEvent::Message(message) => message,
            other => panic!("a message, not {other:?}"),
        }
    }

    /// True where nothing has been delivered.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.deliveries.try_recv().is_err()
    }

    pub(crate) async fn send(
        &self,
        to: &str,
        body: impl Into<Body>,
    ) -> Result<SentRef, ChannelError> {
        self.channel.send(&OutboundMessage::new(direct(to), body)).await
    }

    pub(crate) async fn edit(
        &self,
        old: &SentRef,
        body: impl Into<Body>,
    ) -> Result<SentRef, ChannelError> {
        let mut message = OutboundMessage::new(direct(old.chat.as_str()), body);
        message.replaces = Some(old.clone());
        self.channel.send(&message).await
    }
}

fn direct(to: &str) -> Conversation {
    Conversation::new(ChatId::new(to), ChatKind::Direct)
}

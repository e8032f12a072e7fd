//! A gateway that answers as it is told, and remembers what it was asked.

use std::{sync::Mutex, time::Duration};

use openclaw_plugin_sdk::{
    Choice, CommandError, Decided, Decision, DeviceChoice, DeviceDecided, Gateway, NotYet, Notify,
    Offered, Opaque, Setup, SetupWish, Waiting, WaitingDevice, async_trait,
};

/// What the gateway would answer, and what it was asked.
pub(super) struct Port {
    waiting: Vec<WaitingDevice>,
    decided: DeviceDecided,
    setup: Setup,
    pub(super) asked: Mutex<Vec<String>>,
}

impl Port {
    pub(super) fn new(waiting: Vec<WaitingDevice>) -> Self {
        let decided = DeviceDecided::NotYet(NotYet::None, Vec::new());
        Self { waiting, decided, setup: Setup::Made(offered()), asked: Mutex::default() }
    }

    pub(super) fn deciding(decided: DeviceDecided) -> Self {
        Self { decided, ..Self::new(Vec::new()) }
    }

    pub(super) fn making(setup: Setup) -> Self {
        Self { setup, ..Self::new(Vec::new()) }
    }

    fn note(&self, what: String) {
        self.asked.lock().unwrap().push(what);
    }
}

pub(super) fn offered() -> Offered {
    Offered {
        code: Opaque(7),
        url: "wss://gw.example.com".into(),
        access: "limited".into(),
        downgraded: false,
        lasts: Duration::from_mins(10),
        notes: Vec::new(),
    }
}

pub(super) fn phone() -> WaitingDevice {
    WaitingDevice {
        request: "req-1".into(),
        name: "Ann's phone".into(),
        platform: Some("iOS 26.1, iPhone".into()),
        address: Some("192.0.2.7".into()),
        profile: Some("limited".into()),
        words: Some("abandon ability able".into()),
        roles: vec!["node".into(), "operator".into()],
        scopes: vec!["operator.read".into(), "operator.write".into()],
        commands: vec!["camera.snap".into(), "location.get".into()],
        offers: vec!["camera".into()],
        age: Duration::from_secs(3),
        left: Duration::from_secs(297),
        ..WaitingDevice::default()
    }
}

pub(super) fn server() -> WaitingDevice {
    WaitingDevice {
        request: "req-2".into(),
        name: "build server".into(),
        roles: vec!["node".into()],
        commands: vec!["system.run".into()],
        commands_left_out: 3,
        runs_programs: true,
        conflicts: true,
        known: true,
        ..WaitingDevice::default()
    }
}

#[async_trait]
impl Gateway for Port {
    async fn doctor(&self) -> Result<String, CommandError> {
        panic!("nothing is checked")
    }

    fn access(&self) -> &dyn openclaw_plugin_sdk::AccessControl {
        panic!("no permission is asked for")
    }

    fn pairing_channels(&self) -> Vec<&'static str> {
        panic!("no person is asked for")
    }

    async fn pairing_list(&self, _: Option<&str>) -> Result<Vec<Waiting>, CommandError> {
        panic!("no person is asked for")
    }

    async fn pairing_decide(&self, _: Decision, _: Choice<'_>) -> Result<Decided, CommandError> {
        panic!("no person is asked for")
    }

    async fn device_list(&self) -> Result<Vec<WaitingDevice>, CommandError> {
        self.note("list".to_owned());
        Ok(self.waiting.clone())
    }

    async fn device_decide(
        &self,
        decision: Decision,
        choice: DeviceChoice<'_>,
    ) -> Result<DeviceDecided, CommandError> {
        self.note(format!("{decision:?} {choice:?}"));
        Ok(self.decided.clone())
    }

    async fn setup_code(&self, wish: SetupWish) -> Result<Setup, CommandError> {
        self.note(format!("{wish:?}"));
        Ok(self.setup.clone())
    }

    async fn setup_cancel(&self) -> Result<usize, CommandError> {
        self.note("cancel".to_owned());
        Ok(self.waiting.len())
    }

    async fn device_notify(&self, wish: Option<Notify>) -> Result<Notify, CommandError> {
        self.note(format!("notify {wish:?}"));
        Ok(wish.unwrap_or(Notify::Off))
    }
}

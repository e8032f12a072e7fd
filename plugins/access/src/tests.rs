//! What the commands say, to a gateway that answers what it is told to.

use openclaw_plugin_sdk::{AccessState, *};

use super::*;

/// Answers each call with what the test gives it.
#[derive(Default)]
struct Port {
    entries: Vec<AccessEntry>,
    changed: Option<AccessChanged>,
    linked: Option<Linked>,
}

fn unused<T>() -> Result<T, CommandError> {
    Err(CommandError::Failed("not asked for in this test".to_owned()))
}

#[async_trait]
impl Gateway for Port {
    fn pairing_channels(&self) -> Vec<&'static str> {
        Vec::new()
    }
    async fn pairing_list(&self, _: Option<&str>) -> Result<Vec<Waiting>, CommandError> {
        unused()
    }
    async fn pairing_decide(&self, _: Decision, _: Choice<'_>) -> Result<Decided, CommandError> {
        unused()
    }
    async fn device_list(&self) -> Result<Vec<WaitingDevice>, CommandError> {
        unused()
    }
    async fn device_decide(
        &self,
        _: Decision,
        _: DeviceChoice<'_>,
    ) -> Result<DeviceDecided, CommandError> {
        unused()
    }
    async fn setup_code(&self, _: SetupWish) -> Result<Setup, CommandError> {
        unused()
    }
    async fn setup_cancel(&self) -> Result<usize, CommandError> {
        unused()
    }
    async fn device_notify(&self, _: Option<Notify>) -> Result<Notify, CommandError> {
        unused()
    }
    async fn doctor(&self) -> Result<String, CommandError> {
        Ok("Nothing found: 7 checks.".to_owned())
    }
    fn access(&self) -> &dyn AccessControl {
        self
    }
}

#[async_trait]
impl AccessControl for Port {
    async fn list(&self, _: Option<&str>) -> Result<Vec<AccessEntry>, CommandError> {
        Ok(self.entries.clone())
    }
    async fn change(&self, _: &AccessChange, _: &str) -> Result<AccessChanged, CommandError> {
        self.changed.clone().map_or_else(unused, Ok)
    }
    async fn explain(
        &self,
        _: &str,
        _: &str,
        _: Option<&str>,
    ) -> Result<Vec<(String, String)>, CommandError> {
        unused()
    }
    async fn log(&self, _: usize) -> Result<Vec<String>, CommandError> {
        Ok(vec!["one".to_owned(), "two".to_owned()])
    }
    async fn invite(&self, _: Option<&str>, left: Duration) -> Result<Invited, CommandError> {
        let links = vec![("Telegram", Opaque(1))];
        Ok(Invited { id: "ab12".to_owned(), code: Opaque(0), links, left })
    }
    async fn invitations(&self) -> Result<Vec<OpenInvitation>, CommandError> {
        Ok(Vec::new())
    }
    async fn uninvite(&self, id: &str) -> Result<bool, CommandError> {
        Ok(id == "ab12")
    }
    async fn link(&self) -> Result<Linked, CommandError> {
        self.linked.map_or_else(unused, Ok)
    }
}

async fn say(port: &Port, command: &Command, args: &str) -> Result<String, CommandError> {
    let replies = (command.run)(Invocation { prefix: "/", args, gateway: port }).await?;
    let [Reply::Body(Body::Text(text))] = &replies[..] else { panic!("one text: {replies:?}") };
    Ok(text.to_plain())
}

#[tokio::test]
async fn the_list_says_who_has_access_since_when_until_when_and_who_gave_it() {
    let day = Duration::from_hours(24);
    let entries = vec![
        AccessEntry {
            who: "telegram:1".to_owned(),
            note: Some("Ann".to_owned()),
            age: Some(day * 3),
            by: Some("uid:0".to_owned()),
            how: Some("approve".to_owned()),
            joined: vec!["webchat:x".to_owned()],
            ..AccessEntry::default()
        },
        AccessEntry {
            who: "telegram:2".to_owned(),
            state: AccessState::Until(day / 2),
            ..AccessEntry::default()
        },
        AccessEntry {
            who: "telegram:3".to_owned(),
            state: AccessState::Blocked,
            ..AccessEntry::default()
        },
    ];
    let port = Port { entries, ..Port::default() };
    let said = say(&port, &ACCESS, "list").await.unwrap();
    assert_eq!(
        said,
        "Access and blocks (3)\n\n\
         telegram:1 “Ann”\n✅ permanent · approved 3 d 0 h ago by uid:0\nalso webchat:x\n\n\
         telegram:2\n⏳ 12 h 0 min left\n\n\
         telegram:3\n⛔ blocked"
    );
}

#[tokio::test]
async fn what_the_checks_find_is_shown_as_it_stands() {
    let said = say(&Port::default(), &DOCTOR, "").await.unwrap();
    assert_eq!(said, "Nothing found: 7 checks.");
    assert_eq!(DOCTOR.access, Access::Owner);
}

#[tokio::test]
async fn a_revoke_says_what_still_gives_access() {
    let changed = AccessChanged::Done {
        ids: vec!["telegram:1".to_owned()],
        still: Some("config.toml:7".to_owned()),
    };
    let port = Port { changed: Some(changed), ..Port::default() };
    let said = say(&port, &ACCESS, "revoke telegram:1").await.unwrap();
    assert_eq!(said, "⛔ Revoked telegram:1\n⚠️ Still has access: config.toml:7");
    let port = Port { changed: Some(AccessChanged::Owner), ..Port::default() };
    assert!(say(&port, &ACCESS, "block telegram:1").await.unwrap().contains("Owners cannot"));
    let wrong = AccessChanged::Unknown("7 is not an id".to_owned());
    let port = Port { changed: Some(wrong), ..Port::default() };
    let said = say(&port, &ACCESS, "block 7").await;
    assert_eq!(said, Err(CommandError::Usage("7 is not an id".to_owned())));
}

#[tokio::test]
async fn an_invitation_shows_no_code_that_the_plugin_knows() {
    let said = say(&Port::default(), &INVITE, "Ann 2h").await.unwrap();
    assert!(
        said.contains("(Ann)")
            && said.contains("direct chat: …")
            && said.contains("On Telegram: …"),
        "{said}"
    );
    assert!(said.contains("/invite cancel ab12") && said.contains("2 h 0 min"), "{said}");
    assert!(say(&Port::default(), &INVITE, "cancel nobody").await.unwrap().contains("No open"));
}

#[tokio::test]
async fn a_link_is_for_those_who_were_approved() {
    let code = Linked::Code(Opaque(0), Duration::from_mins(10));
    let port = Port { linked: Some(code), ..Port::default() };
    assert!(say(&port, &LINK, "").await.unwrap().contains("within 10 min"));
    let port = Port { linked: Some(Linked::NotApproved), ..Port::default() };
    assert!(say(&port, &LINK, "").await.unwrap().contains("nothing to join"));
}

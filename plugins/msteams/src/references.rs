//! How a conversation is reached: at which address of Teams, and under which id. Only an activity says it, so that it is
//! noted; and what another program of the field has noted is read.

use std::{collections::HashMap, path::Path, sync::Arc};

use openclaw_plugin_sdk::{
    ChannelError, Inbox, LONGEST_NOTE, Notes, kit::bounded::Bounded, own_file,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::Config;

/// The field's file, in the folder with its others. It holds at most a thousand of them.
const FILE: &str = "msteams-conversations.json";

/// Where a conversation is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reference {
    /// The address of Teams.
    #[serde(rename = "s")]
    pub(crate) service: String,
    /// The conversation's id there.
    #[serde(rename = "c")]
    pub(crate) conversation: String,
}

/// What is known, by the gateway's ids of conversations: a person's, or a group's.
#[derive(Default)]
pub(crate) struct References {
    notes: Mutex<Option<Arc<dyn Notes>>>,
    known: Mutex<Bounded<String, Reference>>,
    /// From that file.
    imported: Mutex<HashMap<String, Reference>>,
}

impl References {
    /// Takes what was noted before the start. The field has one account.
    pub(crate) async fn begin(&self, inbox: &Inbox, config: &Config) {
        *self.notes.lock() = inbox.notes();
        let Some(folder) = inbox.state_folder().filter(|_| inbox.account().is_default()) else {
            return;
        };
        let file = folder.join(FILE);
        let read = tokio::task::spawn_blocking(move || read(&file)).await;
        if let Ok(Some(stored)) = read {
            *self.imported.lock() = imported(&stored, config);
        }
    }

    /// Where a conversation is, as far as it is known.
    pub(crate) fn of(&self, chat: &str) -> Option<Reference> {
        if let Some(known) = self.known.lock().get(chat) {
            return Some(known.clone());
        }
        let noted = self.notes.lock().as_ref().and_then(|notes| notes.read(chat));
        let noted = noted.and_then(|noted| serde_json::from_str(&noted).ok());
        noted.or_else(|| self.imported.lock().get(chat).cloned())
    }

    /// Notes where a conversation is: durable when this returns.
    pub(crate) async fn learn(
        &self,
        inbox: &Inbox,
        chat: &str,
        reference: &Reference,
    ) -> Result<(), ChannelError> {
        if self.of(chat).as_ref() == Some(reference) {
            return Ok(());
        }
        let note = serde_json::to_string(reference).unwrap_or_default();
        if self.notes.lock().is_some() && chat.len() + note.len() <= LONGEST_NOTE {
            inbox.note(chat, note).await?;
        }
        self.remember(chat, reference.clone());
        Ok(())
    }

    /// The same until the gateway ends: Teams says it again when it is asked.
    pub(crate) fn remember(&self, chat: &str, reference: Reference) {
        self.known.lock().insert(chat.to_owned(), reference);
    }
}

fn read(file: &Path) -> Option<Value> {
    match own_file::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes).ok(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            tracing::warn!(?file, %error, "conversations of OpenClaw are not read");
            None
        }
    }
}

/// The conversations of the field that are of this tenant, at an address of Teams.
fn imported(stored: &Value, config: &Config) -> HashMap<String, Reference> {
    let conversations = stored["conversations"].as_object().into_iter().flatten();
    let reference = |(id, it): (&String, &Value)| {
        let service = it["serviceUrl"].as_str()?;
        config.services.trusted(service)?;
        let tenants = [&it["tenantId"], &it["conversation"]["tenantId"]];
        let mut tenants = tenants.into_iter().filter_map(Value::as_str);
        if tenants.any(|tenant| !tenant.eq_ignore_ascii_case(&config.tenant_id)) {
            return None;
        }
        let chat = match crate::parse_group(id) {
            Ok(group) => group.as_str().to_owned(),
            Err(_)
                if it["conversation"]["conversationType"] == "personal" || id.starts_with("a:") =>
            {
                let ids = [&it["user"]["aadObjectId"], &it["user"]["id"]];
                let mut ids = ids.into_iter().filter_map(Value::as_str);
                ids.find_map(|id| crate::parse_sender(id).ok())?.as_str().to_owned()
            }
            Err(_) => return None,
        };
        let (service, conversation) = (service.to_owned(), id.clone());
        Some((chat, Reference { service, conversation }))
    };
    conversations.filter_map(reference).collect()
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::testing::settings;
    use serde_json::json;

    use super::*;

    #[test]
    fn conversations_of_openclaw_are_taken_over_where_they_are_of_teams_and_of_this_tenant() {
        let table = "app_id = '11111111-2222-3333-4444-555555555555'\n\
                     tenant_id = '99999999-8888-7777-6666-555555555555'\n\
                     app_password = 'a-secret-of-32-characters'\n";
        let config = Config::read(&settings(table)).unwrap();
        let (tenant, service) = (config.tenant_id.clone(), "https://smba.trafficmanager.net/emea/");
        let ann = "0f1e2d3c-4b5a-4968-8776-655443322110";
        let personal = |id: &str, tenant: &str, service: &str| {
            json!({
                "serviceUrl": service, "user": { "id": "29:1x", "aadObjectId": id, "name": "Ann" },
                "conversation": { "conversationType": "personal", "tenantId": tenant },
            })
        };
        let group =
            json!({ "serviceUrl": service, "conversation": { "conversationType": "channel" } });
        let stored = json!({ "version": 1, "conversations": {
            "a:1ann": personal(&ann.to_uppercase(), &tenant, service),
            "a:1other": personal("1f1e2d3c-4b5a-4968-8776-655443322110", "another", service),
            "a:1evil": personal("2f1e2d3c-4b5a-4968-8776-655443322110", &tenant, "https://evil.example/"),
            "a:1name": personal("ann@example.com", &tenant, service),
            "19:8f2a11c04d@thread.tacv2": group,
            "a:1broken": 7,
        } });
        let read = imported(&stored, &config);
        assert_eq!(read.len(), 2, "{read:?}");
        let expected =
            |id: &str| Reference { service: service.to_owned(), conversation: id.to_owned() };
        assert_eq!(read[ann], expected("a:1ann"));
        assert_eq!(read["19:8f2a11c04d@thread.tacv2"], expected("19:8f2a11c04d@thread.tacv2"));
        for broken in [json!(null), json!([]), json!({ "conversations": [1] })] {
            assert!(imported(&broken, &config).is_empty());
        }
    }
}

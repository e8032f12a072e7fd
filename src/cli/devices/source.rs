//! Where devices are looked up and decided: a gateway, or the files of this machine where no gateway of it runs.
//! Either gives the same answers.

use std::sync::Arc;

use openclaw_plugin_sdk::Decision;
use serde_json::{Value, json};

use crate::{
    Failure, Host, Output,
    client::{Link, RemoteError, Target},
    control::devices::{self, Change},
    failure::is_unknown,
    protocol::{
        device::{TOO_LONG, all_pending, paired},
        frame::INVALID_REQUEST,
    },
    reach::Common,
    rules::device::{
        approver::{Act, DeviceApprover, Listed},
        identity::DeviceId,
        request::{DeviceRequest, Undecided},
    },
    store::{
        Store,
        devices::{Page, Untouched},
    },
    text,
};

/// So many devices are asked for at once.
pub(super) const PAGE: usize = 500;

/// Who answers.
#[derive(Debug)]
pub(super) enum Source {
    /// A gateway; and the files, where it is this machine's, for what it cannot answer.
    Gateway(Box<Link>, Option<Box<Files>>),
    /// The files.
    Files(Box<Files>),
}

/// The files, and what of them was shown.
#[derive(Debug)]
pub(super) struct Files {
    store: Store,
    shown: Vec<DeviceRequest>,
}

impl Source {
    /// Connects; falls back to the files where nobody named a gateway, and this machine's does not run or does
    /// not know this command line.
    pub(super) fn open(
        common: &Common,
        methods: &[&str],
        host: &Host,
        output: &mut Output,
    ) -> Result<Self, Failure> {
        let target = common.reach.target(host)?;
        let implied = target.implied;
        let error = match Link::open(target, methods) {
            Ok(link) => {
                let files = implied.then(|| Files::of(host)).transpose()?;
                return Ok(Self::Gateway(Box::new(link), files));
            }
            Err(error) => error,
        };
        let Some(why) = text::on_files(&error).filter(|_| implied) else {
            return Err(error.into());
        };
        if !common.json {
            output.note(text::working_on_files(&why, host.state()?.path()));
        }
        Ok(Self::Files(Files::of(host)?))
    }

    /// The gateway, for what a person copies.
    pub(super) fn target(&self) -> Option<&Target> {
        match self {
            Self::Gateway(link, _) => Some(&link.target),
            Self::Files(_) => None,
        }
    }

    /// Waiting and paired devices: all of them, page by page.
    pub(super) fn list(&mut self) -> Result<Value, Failure> {
        let mut all = self.page(None, PAGE)?;
        while let Some(next) = all["nextCursor"].as_str().map(str::to_owned) {
            let mut page = self.page(Some(&next), PAGE)?;
            all["nextCursor"] = page["nextCursor"].take();
            if let (Some(all), Some(more)) =
                (all["paired"].as_array_mut(), page["paired"].as_array_mut())
            {
                all.append(more);
            }
        }
        if let Some(all) = all.as_object_mut() {
            all.remove("nextCursor");
            all.remove("total");
        }
        Ok(all)
    }

    /// The waiting devices, and at most so many of the paired ones, after this device.
    pub(super) fn page(&mut self, after: Option<&str>, most: usize) -> Result<Value, Failure> {
        let (link, files) = match self {
            Self::Gateway(link, files) => (link, files),
            Self::Files(files) => return files.page(after, most),
        };
        let mut params = json!({ "limit": most });
        if let Some(after) = after {
            params["cursor"] = after.into();
        }
        let mut answer = link.call("device.pair.list", params);
        if let Err(RemoteError::Refused(refused)) = &answer
            && refused.code == INVALID_REQUEST
            && after.is_none()
        {
            // A gateway of the field has no pages.
            answer = link.call("device.pair.list", json!({}));
        }
        let error = match answer {
            Ok(listed) => return Ok(listed),
            Err(error) => error,
        };
        let files = files.take().filter(|_| error.detail("code") == Some(TOO_LONG));
        let Some(mut files) = files else { return Err(error.into()) };
        let listed = files.page(after, most)?;
        *self = Self::Files(files);
        Ok(listed)
    }

    /// Approves or rejects what [`Self::list`] showed under this name.
    pub(super) fn decide(&mut self, id: &str, decision: Decision) -> Result<Value, Failure> {
        let (link, method) = match (self, decision) {
            (Self::Files(files), _) => return files.decide(id, decision),
            (Self::Gateway(link, _), Decision::Approve) => (link, "device.pair.approve"),
            (Self::Gateway(link, _), _) => (link, "device.pair.reject"),
        };
        link.call(method, json!({ "requestId": id })).map_err(|error| match &error {
            RemoteError::Refused(refused) if is_unknown(&refused.message) => {
                let superseded = error.detail("code") == Some("SUPERSEDED");
                text::request_moved(id, error.detail("requestId").filter(|_| superseded))
            }
            _ => error.into(),
        })
    }

    /// Changes a paired device. Only the device itself ever learns a new token.
    pub(super) fn change(&mut self, device: &str, change: &Change) -> Result<Value, Failure> {
        match self {
            Self::Gateway(link, _) => {
                let answer = link.call(change.method(), change.params(device))?;
                if let Change::Rotate(role, ..) = change {
                    link.target.keep(device, *role, &answer)?;
                }
                Ok(answer)
            }
            Self::Files(files) => {
                let id = DeviceId::parse(device).ok_or_else(|| text::no_device(device))?;
                let changed = devices::change(&files.store, &approver(), &id, change, Host::now())?;
                changed.map_err(|why| match why {
                    Untouched::Denied(why) => text::device_denied(why, change.act()),
                    Untouched::Unknown => text::no_device_or_role(),
                })
            }
        }
    }

    /// Says goodbye.
    pub(super) fn close(self) {
        if let Self::Gateway(link, _) = self {
            link.close();
        }
    }
}

impl Files {
    fn of(host: &Host) -> Result<Box<Self>, Failure> {
        Ok(Box::new(Self { store: host.store()?, shown: Vec::new() }))
    }

    fn page(&mut self, after: Option<&str>, most: usize) -> Result<Value, Failure> {
        let after = after.map(|text| DeviceId::parse(text).ok_or_else(|| text::no_device_id(text)));
        self.shown = self.store.device_requests(Host::now())?;
        let waits = all_pending(&self.shown, &self.store.replaced_requests(Host::now())?);
        let Page { devices, next, total } =
            self.store.device_page(after.transpose()?.as_ref(), most)?;
        let known: Vec<Value> =
            devices.iter().map(|device| paired(Arc::as_ref(device), None)).collect();
        let mut listed = json!({ "pending": waits, "paired": known });
        if let Some(next) = next {
            (listed["nextCursor"], listed["total"]) = (next.as_str().into(), total.into());
        }
        Ok(listed)
    }

    fn decide(&self, id: &str, decision: Decision) -> Result<Value, Failure> {
        let shown = self.shown.iter().find(|row| row.id.as_str() == id);
        let shown = shown.ok_or_else(|| text::request_moved(id, None))?;
        let request = (&shown.id, shown.revision());
        let decided = devices::decide(&self.store, &approver(), decision, request, Host::now())?;
        let act = if decision == Decision::Approve { Act::Approve } else { Act::Reject };
        let verdict = decided.map_err(|why| match why {
            Undecided::Changed | Undecided::Unknown => text::request_moved(id, None),
            Undecided::Superseded(by) => text::request_moved(id, Some(by.as_str())),
            Undecided::Denied(why) => text::device_denied(why, act),
        })?;
        Ok(verdict.answer(&shown.id))
    }
}

fn approver() -> DeviceApprover {
    DeviceApprover::of(&Host::approver(), Listed::Commands)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use openclaw_plugin_sdk::SenderId;

    use super::*;
    use crate::{
        Exit,
        rules::device::{
            identity::DeviceKey,
            request::{Described, NewDeviceRequest, RequestedRights},
            role::{Role, Scopes},
        },
        store::paths::StateDir,
    };

    fn wish(scopes: &[&str]) -> NewDeviceRequest {
        NewDeviceRequest {
            key: DeviceKey::from_raw([7; 32]),
            asked: RequestedRights {
                roles: BTreeSet::from([Role::Operator]),
                scopes: Scopes::parse(scopes),
                ..RequestedRights::default()
            },
            described: Described::default(),
            profile: None,
            words: None,
            repair: false,
        }
    }

    #[test]
    fn case_028_what_was_replaced_after_it_was_shown_is_not_approved() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(StateDir::at(folder.path()), |_, text| SenderId::new(text));
        store.ask_device(&wish(&["operator.read"]), Host::now()).unwrap();
        let mut files = Files { store, shown: Vec::new() };
        let first = |listed: &Value| {
            listed["pending"][0]["requestId"].as_str().unwrap_or_default().to_owned()
        };
        let id = first(&files.page(None, PAGE).unwrap());
        files.store.ask_device(&wish(&["operator.admin"]), Host::now()).unwrap();
        for decision in [Decision::Approve, Decision::Deny] {
            let failure = files.decide(&id, decision).unwrap_err();
            let said = failure.spell(false);
            assert_eq!(failure.exit(), Exit::Failed);
            assert!(said.contains("was replaced by") && said.contains("nothing was decided"));
        }
        let listed = files.page(None, PAGE).unwrap();
        let waiting = listed["pending"].as_array().unwrap().len();
        assert_eq!((waiting, &listed["paired"]), (1, &json!([])));
        let id = first(&listed);
        files.decide(&id, Decision::Approve).unwrap();
        let again = files.decide(&id, Decision::Approve).unwrap_err().spell(false);
        assert!(again.contains("has changed or is over"), "{again}");
    }
}

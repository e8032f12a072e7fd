//! Every method that a socket may call, and what it needs. A method that is not in the table is refused.

use serde_json::Value;

use super::{
    frame::{INVALID_REQUEST, Refused},
    refusal,
};
use crate::rules::device::role::{Role, Scope, Scopes};

/// What a method needs of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A node's own word; no operator has it.
    Node,
    /// An operator with this scope.
    Operator(Scope),
}

use Need::{Node, Operator};
use Scope::{Admin, Pairing, Read, Talk, Write};

/// The methods, sorted.
pub const METHODS: &[(&str, Need)] = &[
    ("agent.identity.get", Operator(Read)),
    ("agents.list", Operator(Read)),
    ("channels.pairing.approve", Operator(Pairing)),
    ("channels.pairing.dismiss", Operator(Pairing)),
    ("channels.pairing.list", Operator(Pairing)),
    ("channels.status", Operator(Read)),
    ("chat.abort", Operator(Write)),
    ("chat.history", Operator(Read)),
    ("chat.send", Operator(Write)),
    ("config.get", Operator(Read)),
    ("cron.list", Operator(Read)),
    ("cron.status", Operator(Read)),
    ("device.pair.approve", Operator(Pairing)),
    ("device.pair.list", Operator(Pairing)),
    ("device.pair.reject", Operator(Pairing)),
    ("device.pair.remove", Operator(Pairing)),
    ("device.pair.rename", Operator(Pairing)),
    ("device.pair.setupCode", Operator(Admin)),
    ("device.pair.setupStatus", Operator(Admin)),
    ("device.token.revoke", Operator(Pairing)),
    ("device.token.rotate", Operator(Pairing)),
    ("exec.approval.list", Operator(Scope::Approvals)),
    ("health", Operator(Read)),
    ("last-heartbeat", Operator(Read)),
    ("models.list", Operator(Read)),
    ("node.describe", Operator(Read)),
    ("node.event", Node),
    ("node.invoke", Operator(Write)),
    ("node.invoke.progress", Node),
    ("node.invoke.result", Node),
    ("node.list", Operator(Read)),
    ("node.pair.approve", Operator(Pairing)),
    ("node.pair.list", Operator(Pairing)),
    ("node.pair.reject", Operator(Pairing)),
    ("node.pair.remove", Operator(Pairing)),
    ("node.pair.request", Operator(Pairing)),
    ("node.pair.verify", Operator(Pairing)),
    ("node.pending.ack", Node),
    ("node.pending.drain", Node),
    ("node.pending.pull", Node),
    ("node.pluginSurface.refresh", Node),
    ("node.pluginTools.update", Node),
    ("node.rename", Operator(Pairing)),
    ("node.skills.update", Node),
    ("sessions.list", Operator(Read)),
    ("set-heartbeats", Operator(Admin)),
    ("skills.bins", Node),
    ("skills.status", Operator(Read)),
    ("status", Operator(Read)),
    ("system-presence", Operator(Read)),
    ("talk.config", Operator(Read)),
    ("talk.mode", Operator(Talk)),
    ("voicewake.get", Operator(Read)),
    ("voicewake.routing.get", Operator(Read)),
    ("voicewake.set", Operator(Write)),
];

/// What a method needs; `None` for one that there is not.
pub fn need(method: &str) -> Option<Need> {
    let at = METHODS.binary_search_by(|(name, _)| (*name).cmp(method)).ok()?;
    METHODS.get(at).map(|(_, need)| *need)
}

/// What some parameters need beyond their method.
fn beyond(method: &str, params: &Value) -> Option<Scope> {
    let asks = |key: &str| params.get(key).is_some_and(|value| *value != Value::Bool(false));
    match method {
        "channels.pairing.approve" if asks("bootstrapCommandOwner") => Some(Admin),
        "talk.config" if asks("includeSecrets") => Some(Scope::TalkSecrets),
        _ => None,
    }
}

/// Whether a session may call a method with these parameters; the error is the answer.
pub fn allow(role: Role, scopes: Scopes, method: &str, params: &Value) -> Result<(), Box<Refused>> {
    let unknown = || Refused::new(INVALID_REQUEST, format!("unknown method: {method}"));
    let scope = match (need(method).ok_or_else(|| Box::new(unknown()))?, role) {
        (Node, Role::Node) => return Ok(()),
        (Node, Role::Operator) | (Operator(_), Role::Node) => {
            return Err(Box::new(refusal::unauthorized_role(role)));
        }
        (Operator(scope), Role::Operator) => scope,
    };
    let required: Vec<_> = std::iter::once(scope).chain(beyond(method, params)).collect();
    match required.iter().find(|scope| !scopes.allow(**scope)) {
        None => Ok(()),
        Some(missing) => Err(Box::new(refusal::missing_scope(*missing, &required))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::expect;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn answer(role: Role, scopes: &[Scope], method: &str, params: &Value) -> Option<Refused> {
        allow(role, Scopes::of(scopes), method, params).err().map(|error| *error)
    }

    #[test]
    fn case_005_every_method_has_its_scope_and_deciding_about_devices_is_pairing() {
        assert!(METHODS.is_sorted_by(|(a, _), (b, _)| a < b));
        let needs = METHODS.iter().map(|(_, need)| match need {
            Node => "node",
            Operator(scope) => scope.word(),
        });
        let mut table = BTreeMap::<_, Vec<_>>::new();
        for (need, (name, _)) in needs.zip(METHODS) {
            table.entry(need).or_default().push(*name);
        }
        let lines = table.iter().map(|(need, names)| format!("{need}: {}", names.join(" ")));
        expect![[r"
            node: node.event node.invoke.progress node.invoke.result node.pending.ack node.pending.drain node.pending.pull node.pluginSurface.refresh node.pluginTools.update node.skills.update skills.bins
            operator.admin: device.pair.setupCode device.pair.setupStatus set-heartbeats
            operator.approvals: exec.approval.list
            operator.pairing: channels.pairing.approve channels.pairing.dismiss channels.pairing.list device.pair.approve device.pair.list device.pair.reject device.pair.remove device.pair.rename device.token.revoke device.token.rotate node.pair.approve node.pair.list node.pair.reject node.pair.remove node.pair.request node.pair.verify node.rename
            operator.read: agent.identity.get agents.list channels.status chat.history config.get cron.list cron.status health last-heartbeat models.list node.describe node.list sessions.list skills.status status system-presence talk.config voicewake.get voicewake.routing.get
            operator.talk: talk.mode
            operator.write: chat.abort chat.send node.invoke voicewake.set"]]
        .assert_eq(&lines.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn case_005_what_is_not_in_the_table_is_refused_to_an_admin_too() {
        for method in ["", "connect", "config.set", "exec.approval.resolve", "health ", "Health"] {
            for role in [Role::Node, Role::Operator] {
                let error = answer(role, &Scope::ALL, method, &Value::Null).unwrap();
                let message = format!("unknown method: {method}");
                assert_eq!((error.code.as_str(), error.message), (INVALID_REQUEST, message));
            }
        }
    }

    #[test]
    fn case_064_a_node_has_its_own_methods_and_no_other() {
        for (method, need) in METHODS {
            let node = answer(Role::Node, &Scope::ALL, method, &Value::Null);
            let admin = answer(Role::Operator, &[Admin], method, &Value::Null);
            let denied = |error: Option<Refused>| error.map(|error| error.message);
            let (node, admin) = (denied(node), denied(admin));
            match need {
                Node => {
                    assert_eq!((node, admin), (None, Some("unauthorized role: operator".into())));
                }
                Operator(_) => {
                    assert_eq!((node, admin), (Some("unauthorized role: node".into()), None));
                }
            }
        }
    }

    #[test]
    fn a_missing_scope_is_named() {
        let error = answer(Role::Operator, &[], "health", &Value::Null).unwrap();
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("FORBIDDEN", "missing scope: operator.read")
        );
        let details = json!({
            "code": "MISSING_SCOPE",
            "missingScope": "operator.read",
            "requiredScopes": ["operator.read"],
        });
        assert_eq!(error.details, Some(details));
        assert_eq!(answer(Role::Operator, &[Write], "health", &Value::Null), None);
    }

    #[test]
    fn some_parameters_need_more() {
        let approve = |scopes: &[Scope], params: &Value| {
            answer(Role::Operator, scopes, "channels.pairing.approve", params).is_none()
        };
        let owner = json!({ "bootstrapCommandOwner": true });
        assert!(approve(&[Pairing], &json!({ "bootstrapCommandOwner": false })));
        assert!(
            !approve(&[Pairing], &owner)
                && !approve(&[Pairing], &json!({ "bootstrapCommandOwner": 1 }))
        );
        assert!(approve(&[Admin], &owner));
        let secrets = json!({ "includeSecrets": true });
        let talk = |scopes: &[Scope]| answer(Role::Operator, scopes, "talk.config", &secrets);
        assert!(talk(&[Read]).is_some() && talk(&[Read, Scope::TalkSecrets]).is_none());
    }

    proptest! {
        #[test]
        fn no_other_word_is_a_method(word: String) {
            prop_assume!(!METHODS.iter().any(|(name, _)| *name == word));
            prop_assert!(need(&word).is_none());
        }
    }
}

//! The shapes of protocol 3, from recordings of a gateway of 2026.2.12 with its own clients. `s`, `i`, `b`, `o` and `a`
//! are a text, a whole number, a boolean, a map and a list of anything; a key with `?` may be absent.

use std::sync::LazyLock;

use serde_json::Value;

const SHAPES: &[(&str, &str)] = &[
    ("event connect.challenge", r#"{"nonce":"s","ts":"i"}"#),
    (
        "event device.pair.requested",
        r#"{"requestId":"s","deviceId":"s","publicKey":"s","displayName?":"s","platform?":"s","clientId?":"s","clientMode?":"s","role?":"s","roles?":["s"],"scopes?":["s"],"remoteIp?":"s","silent?":"b","isRepair?":"b","ts":"i"}"#,
    ),
    ("event device.pair.resolved", r#"{"requestId":"s","deviceId":"s","decision":"s","ts":"i"}"#),
    ("event health", HEALTH),
    ("event tick", r#"{"ts":"i"}"#),
    ("event voicewake.changed", r#"{"triggers":["s"]}"#),
    (
        "error",
        r#"{"code":"s","message":"s","details?":{"requestId?":"s"},"retryable?":"b","retryAfterMs?":"i"}"#,
    ),
    (
        "res connect",
        r#"{"type":"s","protocol":"i","server":{"version":"s","host?":"s","connId":"s","commit?":"s"},"features":{"methods":["s"],"events":["s"]},"snapshot":{"presence":[{"host?":"s","ip?":"s","version?":"s","platform?":"s","deviceFamily?":"s","modelIdentifier?":"s","mode?":"s","lastInputSeconds?":"i","reason?":"s","tags?":["s"],"text?":"s","ts":"i","deviceId?":"s","roles?":["s"],"scopes?":["s"],"instanceId?":"s"}],"health":"o","stateVersion":{"presence":"i","health":"i"},"uptimeMs":"i","configPath?":"s","stateDir?":"s","sessionDefaults?":{"defaultAgentId":"s","mainKey":"s","mainSessionKey":"s","scope?":"s"}},"canvasHostUrl?":"s","auth?":{"deviceToken?":"s","role":"s","scopes":["s"],"issuedAtMs?":"i"},"policy":{"maxPayload":"i","maxBufferedBytes":"i","tickIntervalMs":"i"}}"#,
    ),
    ("res device.pair.approve", r#"{"requestId":"s","device":DEVICE}"#),
    (
        "res device.pair.list",
        r#"{"pending":[{"requestId":"s","deviceId":"s","publicKey":"s","displayName?":"s","platform?":"s","clientId?":"s","clientMode?":"s","role?":"s","roles?":["s"],"scopes?":["s"],"remoteIp?":"s","silent?":"b","isRepair?":"b","ts":"i"}],"paired":[DEVICE]}"#,
    ),
    ("res health", HEALTH),
];

const DEVICE: &str = r#"{"deviceId":"s","publicKey":"s","displayName?":"s","platform?":"s","clientId?":"s","clientMode?":"s","role?":"s","roles?":["s"],"scopes?":["s"],"remoteIp?":"s","createdAtMs":"i","approvedAtMs":"i","tokens?":[{"role":"s","scopes":["s"],"createdAtMs":"i","rotatedAtMs?":"i","revokedAtMs?":"i","lastUsedAtMs?":"i"}]}"#;

const HEALTH: &str = r#"{"ok":"b","ts":"i","durationMs":"i","channels":"o","channelOrder":["s"],"channelLabels":"o","heartbeatSeconds":"i","defaultAgentId":"s","agents":"?","sessions":{"path":"s","count":"i","recent":"a"}}"#;

const FRAMES: [&str; 2] = [
    r#"{"type":"s","event":"s","payload?":"?","seq?":"i","stateVersion?":{"presence":"i","health":"i"}}"#,
    r#"{"type":"s","id":"s","ok":"b","payload?":"?","error?":"o"}"#,
];

static TABLE: LazyLock<Vec<(&str, Value)>> = LazyLock::new(|| {
    let read = |(name, shape): &(&'static str, &str)| {
        let shape = shape.replace("DEVICE", DEVICE);
        (*name, serde_json::from_str(&shape).unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    SHAPES.iter().map(read).collect()
});

/// Of a frame that was not recorded only the frame itself is looked at.
pub(super) fn check(name: &str, frame: &Value, payload: &Value) -> Result<(), String> {
    let outer = FRAMES[usize::from(frame["type"] == "res")];
    fits("", &serde_json::from_str(outer).unwrap(), frame)?;
    match TABLE.iter().find(|(of, _)| *of == name) {
        Some((_, shape)) => fits("", shape, &super::known(3, name, payload)),
        None => Ok(()),
    }
}

fn fits(at: &str, shape: &Value, value: &Value) -> Result<(), String> {
    let fit = match shape {
        Value::Array(items) => {
            let Some(list) = value.as_array() else { return Err(format!("`{at}` is no list")) };
            return list.iter().try_for_each(|item| fits(&format!("{at}/*"), &items[0], item));
        }
        Value::Object(shape) => {
            let Some(map) = value.as_object() else { return Err(format!("`{at}` is no map")) };
            return fits_map(at, shape, map);
        }
        _ => match shape.as_str().unwrap_or_default() {
            "s" => value.is_string(),
            "i" => value.is_u64(),
            "b" => value.is_boolean(),
            "o" => value.is_object(),
            "a" => value.is_array(),
            _ => true,
        },
    };
    if fit { Ok(()) } else { Err(format!("`{at}` is not {shape}: {value}")) }
}

type Map = serde_json::Map<String, Value>;

fn fits_map(at: &str, shape: &Map, map: &Map) -> Result<(), String> {
    for (key, inner) in shape {
        let name = key.trim_end_matches('?');
        match map.get(name) {
            Some(value) => fits(&format!("{at}/{name}"), inner, value)?,
            None if key.ends_with('?') => {}
            None => return Err(format!("`{at}/{name}` is missing")),
        }
    }
    let unknown =
        |key: &&String| !shape.contains_key(*key) && !shape.contains_key(&format!("{key}?"));
    match map.keys().find(unknown) {
        Some(key) => {
            Err(format!("`{at}/{key}` was never recorded, and nobody is known to read it"))
        }
        None => Ok(()),
    }
}

#[test]
fn a_shape_tells_what_is_missing_and_what_is_too_much() {
    let frame = |payload: Value| serde_json::json!({ "type": "event", "event": "tick", "payload": payload });
    let checked = |payload: Value| check("event tick", &frame(payload.clone()), &payload);
    assert_eq!(checked(serde_json::json!({ "ts": 1 })), Ok(()));
    assert!(checked(serde_json::json!({})).unwrap_err().contains("missing"));
    assert!(checked(serde_json::json!({ "ts": "1" })).unwrap_err().contains("is not"));
    assert!(checked(serde_json::json!({ "ts": 1, "at": 1 })).unwrap_err().contains("recorded"));
}

#[test]
#[ignore = "needs the recordings in ../shared"]
fn the_shapes_are_those_of_the_recordings() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/spec/frames");
    let mut looked_at = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}")) {
        let path = entry.unwrap().path();
        if !path.file_name().unwrap().to_string_lossy().starts_with("v2-") {
            continue;
        }
        let mut watch = super::Watch { protocol: Some(3), ..super::Watch::default() };
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            match line["dir"].as_str() {
                Some("c2s") => watch.sent(&line["frame"]),
                Some("s2c") => {
                    watch.heard(&line["frame"]).unwrap_or_else(|why| panic!("{path:?}: {why}"));
                    looked_at.push(watch.name(&line["frame"]));
                }
                _ => {}
            }
        }
    }
    for (name, _) in SHAPES {
        let told = ["event device.pair.requested", "res health"].contains(name);
        assert!(told || looked_at.iter().any(|seen| seen == name), "{name} was not recorded");
    }
}

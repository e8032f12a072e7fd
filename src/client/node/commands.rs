//! What a node without a screen can do: say what it is and how it fares, and show its user a line.

use openclaw_plugin_sdk::UnixMs;
use serde_json::{Value, json};

use super::{Plan, Told};
use crate::text::{NO_COMMAND, NO_JSON, NO_NOTICE, NO_TEXT};

/// What it says it has.
pub(super) const CAPS: &[&str] = &["device", "system"];
/// What it says it can do.
pub(super) const COMMANDS: &[&str] = &["device.info", "device.status", "system.notify"];

/// Does what a `node.invoke.request` asks. The error says why not.
pub(super) fn answer(
    request: &Value,
    plan: &Plan,
    tell: &mut dyn FnMut(Told<'_>),
) -> Result<Value, &'static str> {
    let command = request.get("command").and_then(Value::as_str).unwrap_or_default();
    match command {
        "device.info" => Ok(info(plan.name.as_deref())),
        "device.status" => Ok(status()),
        "system.notify" => {
            let params = parameters(request)?;
            let text = |key: &str| params.get(key).and_then(Value::as_str).unwrap_or_default();
            let (title, body) = (text("title"), text("body"));
            if title.trim().is_empty() && body.trim().is_empty() {
                return Err(NO_NOTICE);
            }
            tell(Told::Notice { title, body });
            Ok(json!({ "ok": true }))
        }
        _ => Err(NO_COMMAND),
    }
}

fn parameters(request: &Value) -> Result<Value, &'static str> {
    match request.get("paramsJSON") {
        Some(Value::String(text)) => serde_json::from_str(text).map_err(|_| NO_JSON),
        None | Some(Value::Null) => Ok(request.get("params").cloned().unwrap_or_default()),
        Some(_) => Err(NO_TEXT),
    }
}

/// The host's name, as its kernel has it.
pub(super) fn host_name() -> Option<String> {
    line("/proc/sys/kernel/hostname").or_else(|| std::env::var("HOSTNAME").ok())
}

fn line(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn info(name: Option<&str>) -> Value {
    let name = name.map(str::to_owned).or_else(host_name).unwrap_or_else(|| "node".to_owned());
    json!({
        "deviceName": name,
        "modelIdentifier": std::env::consts::ARCH,
        "systemName": super::super::who::family(),
        "systemVersion": line("/proc/sys/kernel/osrelease").unwrap_or_default(),
        "appVersion": env!("CARGO_PKG_VERSION"),
        "appBuild": env!("CARGO_PKG_VERSION"),
        "locale": std::env::var("LANG").unwrap_or_else(|_| "C".to_owned()),
    })
}

/// What this system tells; nothing is made up for the rest.
fn status() -> Value {
    let UnixMs(now) = crate::world::now();
    let mut status = json!({ "ts": now });
    let uptime = line("/proc/uptime").and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    if let Some(uptime) = uptime {
        status["uptimeSeconds"] = json!(uptime);
    }
    if let Ok(disk) = nix::sys::statvfs::statvfs("/") {
        let size = disk.fragment_size();
        let (total, free) = (disk.blocks() * size, disk.blocks_available() * size);
        status["storage"] = json!({
            "totalBytes": total, "freeBytes": free, "usedBytes": total.saturating_sub(free),
        });
    }
    let memory = line("/proc/meminfo").unwrap_or_default();
    let kilobytes = |key: &str| {
        let row = memory.lines().find_map(|row| row.strip_prefix(key))?;
        row.split_whitespace().next()?.parse::<u64>().ok()
    };
    if let (Some(total), Some(free)) = (kilobytes("MemTotal:"), kilobytes("MemAvailable:")) {
        status["memory"] = json!({ "totalBytes": total * 1024, "availableBytes": free * 1024 });
    }
    status
}

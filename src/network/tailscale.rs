//! The name that Tailscale leads here by: what its own program says.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde::Deserialize;
use tokio::{io::AsyncReadExt, process::Command};

use crate::{rules::device::endpoint::Host, text};

const PATIENCE: Duration = Duration::from_secs(5);
/// What the program says is read so far; that of a large network has some hundred KiB.
const MOST: u64 = 8 * 1024 * 1024;
/// Where macOS has it beside `PATH`.
const BUNDLED: &str = "/Applications/Tailscale.app/Contents/MacOS/Tailscale";

#[derive(Deserialize)]
struct Status {
    #[serde(rename = "Self")]
    own: Option<Own>,
}

#[derive(Deserialize)]
struct Own {
    #[serde(rename = "DNSName", default)]
    name: String,
    #[serde(rename = "TailscaleIPs", default)]
    addresses: Option<Vec<String>>,
}

/// Asks `tailscale status --json` of this search path. An error says in one sentence why there is no name.
pub async fn host(path: Option<&OsStr>) -> Result<Host, String> {
    let program = find(path).ok_or(text::NO_TAILSCALE)?;
    let mut command = Command::new(&program);
    command.args(["status", "--json"]).stdin(Stdio::null()).stderr(Stdio::null());
    let said = match tokio::time::timeout(PATIENCE, output(&mut command)).await {
        Err(_) => return Err(text::TAILSCALE_SILENT.into()),
        Ok(Err(error)) => return Err(text::no_start(&error)),
        Ok(Ok(None)) => {
            return Err(text::TAILSCALE_FAILED.into());
        }
        Ok(Ok(Some(said))) if said.len() as u64 > MOST => {
            return Err(text::TAILSCALE_ENDLESS.into());
        }
        Ok(Ok(Some(said))) => said,
    };
    read(&said).ok_or_else(|| text::TAILSCALE_NAMELESS.to_owned())
}

/// What a program prints, and little more than is read of it; `None` where it fails.
async fn output(command: &mut Command) -> std::io::Result<Option<Vec<u8>>> {
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let mut said = Vec::new();
    if let Some(pipe) = child.stdout.take() {
        pipe.take(MOST + 1).read_to_end(&mut said).await?;
    }
    if said.len() as u64 > MOST {
        return Ok(Some(said));
    }
    Ok(child.wait().await?.success().then_some(said))
}

fn find(path: Option<&OsStr>) -> Option<PathBuf> {
    let folders = path.into_iter().flat_map(std::env::split_paths);
    // Nothing of the working directory, whatever the search path says.
    let named =
        folders.filter(|folder| folder.is_absolute()).map(|folder| folder.join("tailscale"));
    named.chain([Path::new(BUNDLED).to_owned()]).find(|program| program.is_file())
}

fn read(status: &[u8]) -> Option<Host> {
    let own = serde_json::from_slice::<Status>(status).ok()?.own?;
    let name = Some(own.name.trim()).filter(|name| !name.is_empty());
    let first = own.addresses.as_ref().and_then(|addresses| addresses.first());
    Host::parse(name.or(first.map(String::as_str))?).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A search path with one program on it.
    pub(crate) fn fake(script: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("tailscale");
        crate::store::private::replace(&program, format!("#!/bin/sh\n{script}\n").as_bytes())
            .unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        folder
    }

    #[test]
    fn the_name_goes_before_the_address() {
        let read = |text: &str| read(text.as_bytes()).map(|host| host.to_string());
        let both = r#"{"Self":{"DNSName":"Studio.tail1.ts.net.","TailscaleIPs":["100.64.0.7"]}}"#;
        assert_eq!(read(both).as_deref(), Some("studio.tail1.ts.net"));
        let address = r#"{"Self":{"DNSName":"","TailscaleIPs":["100.64.0.7","fd7a::1"]}}"#;
        assert_eq!(read(address).as_deref(), Some("100.64.0.7"));
        for none in [
            "",
            "{}",
            r#"{"Self":null}"#,
            r#"{"Self":{"TailscaleIPs":null}}"#,
            r#"{"Self":{"DNSName":"a/../b?token=x"}}"#,
        ] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[tokio::test]
    async fn the_program_is_asked_and_its_silence_is_told() {
        let says = r#"[ "$*" = "status --json" ] && echo '{"Self":{"DNSName":"a.ts.net."}}'"#;
        let folder = fake(says);
        let host_of = |folder: &tempfile::TempDir| folder.path().as_os_str().to_owned();
        assert_eq!(host(Some(&host_of(&folder))).await.unwrap().to_string(), "a.ts.net");
        let failing = fake("exit 1");
        let said = host(Some(&host_of(&failing))).await.unwrap_err();
        assert!(said.contains("is Tailscale up?"), "{said}");
        let endless = fake("exec yes");
        let said = host(Some(&host_of(&endless))).await.unwrap_err();
        assert!(said.contains("does not end"), "{said}");
        let empty = tempfile::tempdir().unwrap();
        let said = host(Some(&host_of(&empty))).await.unwrap_err();
        assert!(said.contains("not in `PATH`"), "{said}");
        assert!(host(None).await.is_err());
    }
}

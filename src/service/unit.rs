//! The text of a unit for systemd: values in, a text out. Whatever a path holds ends up as one value or is refused.

use std::{fmt::Write, path::Path};

use super::{Service, ServiceError};

/// What both units begin with.
const STARTING: &str = "\
Type=notify
NotifyAccess=main
WatchdogSec=60
TimeoutStartSec=30
TimeoutStopSec=20
ExecReload=/bin/sh -c 'kill -HUP ${MAINPID}'
Restart=on-failure
RestartSec=2
RestartPreventExitStatus=78
UMask=0077
LimitNOFILE=1048576
LimitCORE=0
TasksMax=256
MemoryMax=512M
";

/// What both units take away.
const HARDENED: &str = "\
NoNewPrivileges=yes
ProtectSystem=strict
PrivateTmp=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
";

/// What only the manager of the whole machine can take away.
const PRIVILEGED: &str = "\
CapabilityBoundingSet=
AmbientCapabilities=
ProtectHome=yes
PrivateDevices=yes
PrivateUsers=yes
ProtectProc=invisible
ProcSubset=pid
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RemoveIPC=yes
KeyringMode=private
";

/// The unit of one user. Its state folder is below the home folder, which is else read only.
pub fn user(service: &Service) -> Result<String, ServiceError> {
    let state = value(&service.state)?;
    let mut text = head(service, "default.target");
    let _infallible = write!(
        text,
        "\n[Service]\nExecStart={}\nEnvironment=\"OPENCLAW_STATE_DIR={state}\"\n\
         EnvironmentFile=-{}\n{STARTING}{HARDENED}ProtectHome=read-only\nReadWritePaths=\"{state}\" -%t\n",
        command(service)?,
        line(&service.env_file())?,
    );
    programs(service, &mut text);
    Ok(ending(&text, "default.target"))
}

/// The unit of the whole machine, for a user of its own. Its state folder is made by systemd.
pub fn system(service: &Service) -> Result<String, ServiceError> {
    let stem = service.stem();
    let mut text = head(service, "multi-user.target");
    let _infallible = write!(
        text,
        "\n[Service]\nUser=openclaw\nGroup=openclaw\nExecStart={}\nEnvironment=OPENCLAW_STATE_DIR=%S/{stem}\n\
         EnvironmentFile=-%S/{stem}/env\nStateDirectory={stem}\nStateDirectoryMode=0700\n\
         {STARTING}{HARDENED}{PRIVILEGED}",
        command(service)?,
    );
    programs(service, &mut text);
    Ok(ending(&text, "multi-user.target"))
}

fn head(service: &Service, target: &str) -> String {
    let about = match &service.profile {
        Some(profile) => format!("OpenClaw gateway ({})", profile.as_str()),
        None => "OpenClaw gateway".to_owned(),
    };
    // A user's manager knows no network target.
    let network = if target == "multi-user.target" {
        "After=network-online.target\nWants=network-online.target\n"
    } else {
        ""
    };
    format!("[Unit]\nDescription={about}\n{network}StartLimitIntervalSec=300\nStartLimitBurst=5\n")
}

/// A gateway that starts no programs needs neither memory that is written and run, nor another share of the machine.
fn programs(service: &Service, text: &mut String) {
    if service.starts_programs {
        text.push_str("SystemCallFilter=~@privileged\n");
    } else {
        text.push_str("SystemCallFilter=~@privileged @resources\nMemoryDenyWriteExecute=yes\n");
    }
}

fn ending(text: &str, target: &str) -> String {
    format!("{text}\n[Install]\nWantedBy={target}\n")
}

fn command(service: &Service) -> Result<String, ServiceError> {
    let program = value(&service.program)?;
    // systemd replaces variables in arguments, and not in the program's own path.
    if program.contains('$') {
        return Err(ServiceError::Path(service.program.clone()));
    }
    let mut text = format!("\"{program}\"");
    if let Some(config) = &service.config {
        let _infallible = write!(text, " --config \"{}\"", value(config)?.replace('$', "$$"));
    }
    text.push_str(" gateway run");
    Ok(text)
}

/// A path inside double quotes.
fn value(path: &Path) -> Result<String, ServiceError> {
    Ok(line(path)?.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A path that has the rest of its line for itself.
fn line(path: &Path) -> Result<String, ServiceError> {
    let refused = || ServiceError::Path(path.to_owned());
    let text = path.to_str().filter(|_| path.is_absolute()).ok_or_else(refused)?;
    if text.chars().any(char::is_control) || text.ends_with(['\\', ' ']) {
        return Err(refused());
    }
    Ok(text.replace('%', "%%"))
}

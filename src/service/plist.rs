//! The text of an agent for launchd.

use std::path::{Path, PathBuf};

use super::{Service, ServiceError};

/// What launchd calls it.
pub fn label(service: &Service) -> String {
    match &service.profile {
        Some(profile) => format!("openclaw.gateway.{}", profile.as_str()),
        None => "openclaw.gateway".to_owned(),
    }
}

/// Where it logs, since launchd keeps no log.
pub fn log(service: &Service) -> PathBuf {
    service.state.join("gateway.log")
}

/// The agent. It is started again unless it ends by itself without an error.
pub fn text(service: &Service) -> Result<String, ServiceError> {
    let mut arguments = vec![escaped(&service.program)?];
    if let Some(config) = &service.config {
        arguments.extend(["--config".to_owned(), escaped(config)?]);
    }
    arguments.extend(["gateway".to_owned(), "run".to_owned()]);
    let lines: Vec<String> =
        arguments.iter().map(|it| format!("    <string>{it}</string>\n")).collect();
    let arguments = lines.concat();
    let (label, state, log) = (label(service), escaped(&service.state)?, escaped(&log(service))?);
    Ok(format!(
        r#"<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>{label}</string>
  <key>ProgramArguments</key>
  <array>
{arguments}  </array>
  <key>EnvironmentVariables</key>
  <dict>
    <key>OPENCLAW_STATE_DIR</key>
    <string>{state}</string>
  </dict>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ThrottleInterval</key>
  <integer>5</integer>
  <key>ProcessType</key>
  <string>Background</string>
  <key>Umask</key>
  <integer>63</integer>
  <key>RunAtLoad</key>
  <true/>
  <key>StandardErrorPath</key>
  <string>{log}</string>
</dict>
</plist>
"#
    ))
}

fn escaped(path: &Path) -> Result<String, ServiceError> {
    let refused = || ServiceError::Path(path.to_owned());
    let text = path.to_str().filter(|_| path.is_absolute()).ok_or_else(refused)?;
    if text.chars().any(char::is_control) {
        return Err(refused());
    }
    Ok(text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"))
}

//! Which addresses are Slack's: only those are called, whatever an event or an answer says.

use openclaw_plugin_sdk::{
    SettingsError,
    http_client::{self, is_local},
    reqwest::Url,
};

const PUBLIC: &str = "https://slack.com/api";

/// Where the Web API answers.
pub(crate) struct Root(pub(crate) Url);

impl Root {
    /// The configured one, or Slack's own.
    pub(crate) fn read(text: Option<&str>) -> Result<Self, SettingsError> {
        http_client::root("api_url", text.unwrap_or(PUBLIC), "https://host/api").map(Self)
    }

    /// Where a method answers.
    pub(crate) fn method(&self, name: &str) -> String {
        format!("{}/{name}", self.0.as_str().trim_end_matches('/'))
    }

    /// An address that Slack named, if it is one to call: encrypted and Slack's own, or exactly as the Web API's.
    pub(crate) fn trusted(&self, text: &str) -> Option<Url> {
        let url = Url::parse(text).ok()?;
        if !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        let (host, secure) = (url.host_str()?, matches!(url.scheme(), "https" | "wss"));
        let below = |root: &str| {
            host.strip_suffix(root).is_some_and(|head| head.is_empty() || head.ends_with('.'))
        };
        let slacks = secure && url.port().is_none() && below("slack.com");
        let own_host = self.0.host_str().unwrap_or_default();
        let same_port = url.port_or_known_default() == self.0.port_or_known_default();
        let as_secure = secure || (is_local(&self.0) && matches!(url.scheme(), "http" | "ws"));
        let ours = as_secure && same_port && host == own_host;
        (slacks || ours).then_some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusts(api_url: Option<&str>, text: &str) -> bool {
        Root::read(api_url).unwrap().trusted(text).is_some()
    }

    #[test]
    fn only_slacks_own_addresses_are_called() {
        for text in [
            "https://hooks.slack.com/actions/T1/2/x",
            "https://files.slack.com/upload/v1/x",
            "wss://wss-primary.slack.com/link/?ticket=1",
            "https://slack.com/x",
        ] {
            assert!(trusts(None, text), "{text}");
        }
        for text in [
            "",
            "no url",
            "http://hooks.slack.com/x",
            "ws://wss-primary.slack.com/x",
            "https://slack.com.evil.example/x",
            "https://evilslack.com/x",
            "https://slack.com@evil.example/x",
            "https://user@slack.com/x",
            "https://slack.com:8443/x",
            "http://127.0.0.1/x",
            "http://169.254.169.254/latest",
            "file:///etc/passwd",
        ] {
            assert!(!trusts(None, text), "{text}");
        }
    }

    #[test]
    fn a_configured_address_adds_exactly_itself() {
        let own = Some("http://127.0.0.1:9999/api");
        for text in ["http://127.0.0.1:9999/x", "ws://127.0.0.1:9999/link"] {
            assert!(trusts(own, text), "{text}");
        }
        for text in ["http://127.0.0.1:22/x", "http://127.0.0.2:9999/x", "http://localhost:9999/"] {
            assert!(!trusts(own, text), "{text}");
        }
        assert!(trusts(Some("https://slack.corp.example/api"), "wss://slack.corp.example/x"));
        assert!(!trusts(Some("https://slack.corp.example/api"), "ws://slack.corp.example/x"));
    }

    #[test]
    fn the_web_api_is_encrypted_or_on_this_machine() {
        for text in ["http://slack.com/api", "ftp://127.0.0.1", "x", "https://a@b/", "https://b/?c"]
        {
            assert_eq!(
                Root::read(Some(text)).err().map(|error| error.key).as_deref(),
                Some("api_url")
            );
        }
        let root = Root::read(Some("http://127.0.0.1:1/api/")).unwrap();
        assert_eq!(root.method("auth.test"), "http://127.0.0.1:1/api/auth.test");
        assert!(is_local(&root.0) && !is_local(&Root::read(None).unwrap().0));
    }
}

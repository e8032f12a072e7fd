//! An account's own keys: who the bot is, in which cloud, and which hosts are the platform's.

use openclaw_plugin_sdk::{
    Secret, Settings, SettingsError, http_client,
    kit::config::{self, Form, secret},
    reqwest::Url,
    toml,
};
use serde::Deserialize;

use crate::{is_guid, text};

const WEBHOOK_PATH: &str = "/api/messages";

/// `case_089`: a bot without a secret cannot answer.
const PASSWORD: Form = Form {
    fits: |password| password.len() >= 16,
    missing: text::NO_PASSWORD,
    wrong: text::WRONG_PASSWORD,
};

/// What a cloud of Microsoft's has under names of its own.
struct Cloud {
    name: &'static str,
    issuer: &'static str,
    login: &'static str,
    keys: &'static str,
    scope: &'static str,
    /// The first one answers where nobody has written yet.
    services: &'static [&'static str],
}

const PUBLIC: Cloud = Cloud {
    name: "public",
    issuer: "https://api.botframework.com",
    login: "https://login.microsoftonline.com",
    keys: "https://login.botframework.com/v1/.well-known/openidconfiguration",
    scope: "https://api.botframework.com/.default",
    services: &["smba.trafficmanager.net"],
};

const GOVERNMENT: Cloud = Cloud {
    name: "usgov",
    issuer: "https://api.botframework.us",
    login: "https://login.microsoftonline.us",
    keys: "https://login.botframework.azure.us/v1/.well-known/openidconfiguration",
    scope: "https://api.botframework.us/.default",
    services: &["smba.infra.gov.teams.microsoft.us"],
};

const CLOUDS: &[Cloud] = &[
    PUBLIC,
    Cloud {
        name: "gcc",
        services: &["smba.infra.gcc.teams.microsoft.com", "smba.trafficmanager.net"],
        ..PUBLIC
    },
    GOVERNMENT,
    Cloud { name: "usgovdod", services: &["smba.infra.dod.teams.microsoft.us"], ..GOVERNMENT },
    Cloud {
        name: "china",
        issuer: "https://api.botframework.azure.cn",
        login: "https://login.partner.microsoftonline.cn",
        keys: "https://login.botframework.azure.cn/v1/.well-known/openidconfiguration",
        scope: "https://api.botframework.azure.cn/.default",
        services: &["botframework.azure.cn"],
    },
];

/// A checked configuration.
pub(crate) struct Config {
    /// The app's id and its tenant's, in small letters.
    pub(crate) app_id: String,
    pub(crate) tenant_id: String,
    pub(crate) password: Secret,
    pub(crate) issuer: &'static str,
    pub(crate) scope: &'static str,
    /// Where tokens are given, and where the keys of the platform's own are.
    pub(crate) login: Url,
    pub(crate) keys: Url,
    pub(crate) services: Services,
}

/// The hosts that the bot's credentials may go to.
pub(crate) struct Services {
    hosts: &'static [&'static str],
    /// Asked where nobody has written yet.
    pub(crate) default: Url,
    /// Only where tokens are given on this machine too.
    may_be_local: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    app_id: Option<String>,
    app_password: Option<Secret>,
    cloud: Option<String>,
    login_root: Option<String>,
    open_id_metadata_url: Option<String>,
    service_url: Option<String>,
    tenant_id: Option<String>,
    webhook_path: Option<String>,
}

impl Config {
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let keys: Keys = settings.parse()?;
        let guid = |key, value: Option<String>| {
            let value = value.unwrap_or_default().trim().to_ascii_lowercase();
            if is_guid(&value) { Ok(value) } else { Err(SettingsError::new(key, text::NO_GUID)) }
        };
        let (app_id, tenant_id) =
            (guid("app_id", keys.app_id)?, guid("tenant_id", keys.tenant_id)?);
        let password = secret("app_password", keys.app_password, &PASSWORD)?;
        config::path("webhook_path", keys.webhook_path.as_deref().unwrap_or(WEBHOOK_PATH))?;
        let name = keys.cloud.as_deref().unwrap_or("public");
        let cloud = CLOUDS.iter().find(|cloud| cloud.name.eq_ignore_ascii_case(name));
        let cloud = cloud.ok_or_else(|| SettingsError::new("cloud", text::NO_CLOUD))?;
        let login = keys.login_root.as_deref().unwrap_or(cloud.login);
        let login = http_client::root("login_root", login, cloud.login)?;
        let metadata = keys.open_id_metadata_url.as_deref().unwrap_or(cloud.keys);
        let metadata = http_client::root("open_id_metadata_url", metadata, cloud.keys)?;
        let host = cloud.services.first().copied().unwrap_or_default();
        let service = keys.service_url.unwrap_or_else(|| format!("https://{host}/teams"));
        let service =
            http_client::root("service_url", &service, "https://smba.trafficmanager.net/teams")?;
        let may_be_local = http_client::is_local(&login);
        let services = Services { hosts: cloud.services, default: service, may_be_local };
        if services.trusted(services.default.as_str()).is_none() {
            return Err(SettingsError::new("service_url", text::NO_SERVICE));
        }
        let (issuer, scope) = (cloud.issuer, cloud.scope);
        Ok(Self { app_id, tenant_id, password, issuer, scope, login, keys: metadata, services })
    }
}

impl Services {
    /// An address that Teams or a file has named, if it is one of Teams': the bot's token goes there.
    pub(crate) fn trusted(&self, text: &str) -> Option<Url> {
        let url = Url::parse(text).ok()?;
        let is_plain = url.query().is_none() && url.fragment().is_none();
        if !is_plain || !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        if self.may_be_local && http_client::is_local(&url) {
            return Some(url);
        }
        let host = url.host_str()?;
        let is_theirs = |known: &&str| {
            host.strip_suffix(*known).is_some_and(|head| head.is_empty() || head.ends_with('.'))
        };
        let is_open = url.scheme() == "https" && url.port().is_none();
        (is_open && self.hosts.iter().any(is_theirs)).then_some(url)
    }
}

/// Where an account with these settings is served.
#[expect(clippy::unnecessary_wraps, reason = "other channels are not always served")]
pub(crate) fn path(table: &toml::Table) -> Option<String> {
    let path = table.get("webhook_path").and_then(toml::Value::as_str);
    Some(path.unwrap_or(WEBHOOK_PATH).to_owned())
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::testing::settings;

    use super::*;

    const WHOLE: &str = "app_id = '11111111-2222-3333-4444-555555555555'\n\
                         tenant_id = '99999999-8888-7777-6666-555555555555'\n\
                         app_password = 'secret-part-of-32-characters'\n";

    fn read(table: &str) -> Result<Config, SettingsError> {
        Config::read(&settings(table))
    }

    #[track_caller]
    fn refused(table: &str, key: &str) {
        let error = read(table).err().unwrap_or_else(|| panic!("{table} is refused"));
        assert_eq!(error.key, key, "{table}: {error}");
        assert!(!error.problem.contains("secret-part"), "no secret in {error}");
    }

    #[test]
    fn case_089_a_bot_has_an_id_a_tenant_and_a_secret() {
        let config = read(WHOLE).unwrap();
        assert_eq!(config.issuer, "https://api.botframework.com");
        assert_eq!(config.services.default.as_str(), "https://smba.trafficmanager.net/teams");
        let without = |key: &str| {
            WHOLE.lines().filter(|line| !line.starts_with(key)).collect::<Vec<_>>().join("\n")
        };
        for key in ["app_id", "tenant_id", "app_password"] {
            refused(&without(key), key);
            refused(&format!("{}\n{key} = ' '", without(key)), key);
            refused(&format!("{}\n{key} = 'short'", without(key)), key);
        }
        let no_app = without("app_id");
        for id in ["ann@example.com", "my bot", "api://11111111-2222-3333-4444-555555555555"] {
            refused(&format!("{no_app}\napp_id = '{id}'"), "app_id");
        }
        for (key, value) in [
            ("cloud", "'mars'"),
            ("webhook_path", "'api/messages'"),
            ("login_root", "'http://login.microsoftonline.com'"),
            ("open_id_metadata_url", "'http://10.0.0.1/keys'"),
        ] {
            refused(&format!("{WHOLE}{key} = {value}"), key);
        }
    }

    #[test]
    fn the_credentials_go_to_the_hosts_of_the_cloud_and_nowhere_else() {
        let trusts = |more: &str, url: &str| {
            read(&format!("{WHOLE}{more}")).unwrap().services.trusted(url).is_some()
        };
        for url in ["https://smba.trafficmanager.net/emea/", "https://eu.smba.trafficmanager.net"] {
            assert!(trusts("", url), "{url}");
        }
        for url in [
            "",
            "http://smba.trafficmanager.net/emea/",
            "https://smba.trafficmanager.net:8443/",
            "https://smba.trafficmanager.net.evil.example/",
            "https://evilsmba.trafficmanager.net/",
            "https://evil.example/smba.trafficmanager.net",
            "https://smba.trafficmanager.net@evil.example/",
            "https://ann@smba.trafficmanager.net/",
            "https://smba.trafficmanager.net/?a=b",
            "https://webchat.botframework.com/",
            "https://smba.infra.gov.teams.microsoft.us/",
            "http://127.0.0.1:3978/",
            "https://169.254.169.254/",
        ] {
            assert!(!trusts("", url), "{url}");
        }
        assert!(trusts("cloud = 'USGov'", "https://smba.infra.gov.teams.microsoft.us/x"));
        assert!(!trusts("cloud = 'USGov'", "https://smba.trafficmanager.net/"));
        let local = "login_root = 'http://127.0.0.1:1'";
        assert!(trusts(local, "http://127.0.0.1:3978/") && !trusts(local, "http://10.0.0.1/"));
        refused(&format!("{WHOLE}service_url = 'https://evil.example/'"), "service_url");
        refused(&format!("{WHOLE}service_url = 'http://127.0.0.1:1/'"), "service_url");
    }

    #[test]
    fn every_account_is_served_at_its_own_path() {
        let path = |table: &str| path(&table.parse().unwrap());
        assert_eq!(path("").as_deref(), Some("/api/messages"));
        assert_eq!(path("webhook_path = '/teams/work'").as_deref(), Some("/teams/work"));
    }
}

//! The responder of a gateway that has no assistant yet: it says so, and repeats what was written.

use openclaw_plugin_sdk::{
    Answer, Prompt, Responder, ResponderError, ResponderPlugin, Settings, SettingsError,
    async_trait,
};
use serde::Deserialize;

/// The echo, as the registry lists it.
pub const PLUGIN: ResponderPlugin = ResponderPlugin {
    id: "echo",
    summary: "says that no assistant is configured, and repeats what was written",
    keys: &[],
    open,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {}

struct Echo;

#[expect(clippy::needless_pass_by_value, reason = "the registry's signature")]
fn open(settings: Settings) -> Result<Box<dyn Responder>, SettingsError> {
    let Keys {} = settings.parse()?;
    Ok(Box::new(Echo))
}

#[async_trait]
impl Responder for Echo {
    fn markdown(&self) -> bool {
        false
    }

    async fn respond(&self, prompt: &Prompt, answer: &Answer) -> Result<(), ResponderError> {
        let text = format!(
            "No assistant is configured. The owner chooses one with `responder` below `[assistant]` \
             in config.toml.\n\nYou wrote:\n{}",
            prompt.text
        );
        // The person who asked may be gone.
        let _heard = answer.push(text).await;
        Ok(())
    }

    async fn forget(&self, _conversation: &str) {
        // Nothing is kept.
    }
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::{AccountId, toml::Table};
    use tokio::sync::mpsc;

    use super::*;

    fn settings(table: Table) -> Settings {
        Settings {
            account: AccountId::default_account(),
            table,
            key: [0; 32],
            commands: Vec::new(),
        }
    }

    #[tokio::test]
    async fn says_what_to_configure_and_repeats_what_was_written() {
        let echo = (PLUGIN.open)(settings(Table::new())).unwrap();
        let (pieces, mut heard) = mpsc::channel(8);
        let prompt = Prompt {
            conversation: "c".into(),
            channel: "webchat".into(),
            sender: "4711".into(),
            text: "two\nlines".into(),
            ..Prompt::default()
        };
        echo.respond(&prompt, &Answer::new(pieces)).await.unwrap();
        let text = heard.recv().await.unwrap();
        assert!(text.contains("`responder` below `[assistant]`"), "{text}");
        assert!(text.ends_with("You wrote:\ntwo\nlines"), "{text}");
        assert_eq!(heard.recv().await, None);
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let table: Table = "loud = true".parse().unwrap();
        let error = (PLUGIN.open)(settings(table)).err().unwrap();
        assert!(error.problem.contains("loud"), "{error:?}");
    }
}

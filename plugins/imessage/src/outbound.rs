//! From messages to calls of the program, which brings them into an order. A call goes to a handle that we have checked, by
//! iMessage and never by SMS instead, or to a group.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::PathBuf,
    sync::atomic::Ordering,
};

use openclaw_plugin_sdk::{
    ChannelError, File, InboundRef, OutboundMessage, SentRef,
    kit::{
        daemon::private_folder,
        draft::{Draft, Limits, deleted, undeliverable},
        json_rpc::Failure,
    },
};
use serde_json::{Value, json};

use crate::{
    LONGEST, PLUGIN,
    account::IMessage,
    failure::{self, is_poisoned, lacks_replies},
    parse_group, parse_sender, text,
};

const LIMITS: Limits = Limits { caption: LONGEST, label: 0, data: 0 };

impl IMessage {
    pub(crate) async fn deliver(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        if deleted(message)?.is_some() {
            return Err(undeliverable(text::NO_REMOVAL));
        }
        let draft = Draft::new(&message.body, &PLUGIN, &LIMITS)?;
        let (mut params, text) = (Self::place(message)?, draft.text.to_plain());
        params["allow_sms_fallback"] = false.into();
        if !text.is_empty() {
            params["text"] = text.as_str().into();
        }
        // It is never closed.
        let _turn = self.turns.acquire().await;
        let held = match draft.file {
            Some(file) => Some(self.hold(file).await?),
            None => None,
        };
        if let Some(Held { file, .. }) = &held {
            params["file"] = file.display().to_string().into();
        }
        // Whatever becomes of it: it may come back, soon or late.
        let said = (message.to.id.as_str().to_owned(), text.trim().to_owned());
        self.remember(said);
        match self.write(message, params).await {
            Ok(sent) => Ok(message.to.sent(self.id(&sent))),
            Err(failure) => {
                if is_poisoned(&failure) {
                    self.poisoned.notify_one();
                }
                let error = failure::of_message(failure);
                self.standing.learn(&error);
                Err(error)
            }
        }
    }

    fn remember(&self, said: (String, String)) {
        let mut sent = self.sent.lock();
        let written = sent.get(&said).copied().flatten();
        sent.insert(said, written);
    }

    /// Sends it as an answer where that can be shown, else without.
    async fn write(&self, message: &OutboundMessage, params: Value) -> Result<Value, Failure> {
        if let Some(InboundRef::Message(answered)) = &message.answers
            && self.shows_answers.load(Ordering::Relaxed)
        {
            let mut reply = params.clone();
            reply["reply_to"] = answered.as_str().into();
            match self.program.call("send", &reply).await {
                Err(failure) if lacks_replies(&failure) => {}
                sent => return sent,
            }
        }
        self.program.call("send", &params).await
    }

    /// Where a message goes.
    fn place(message: &OutboundMessage) -> Result<Value, ChannelError> {
        let chat = message.to.id.as_str();
        if let Ok(group) = parse_group(chat) {
            return Ok(json!({ "chat_guid": group.as_str() }));
        }
        let person = parse_sender(chat).map_err(|_| undeliverable(text::NO_CONVERSATION))?;
        Ok(json!({ "to": person.as_str(), "service": "imessage" }))
    }

    /// The id of a message of ours. One without may be answered, and nobody knows that.
    fn id(&self, sent: &Value) -> String {
        if let Some(guid) = sent["guid"].as_str().filter(|guid| !guid.is_empty()) {
            self.ours.lock().insert(guid.to_owned(), ());
            return guid.to_owned();
        }
        match sent["id"].as_u64() {
            Some(row) => format!("row:{row}"),
            None => format!("unknown:{:016x}", rand::random::<u64>()),
        }
    }

    async fn hold(&self, file: File) -> Result<Held, ChannelError> {
        let folder = self.folder.lock().clone();
        let folder = folder.ok_or_else(|| undeliverable(text::NO_FOLDER))?;
        let held = tokio::task::spawn_blocking(move || Held::new(folder, &file)).await;
        let held = held.map_err(io::Error::other).flatten();
        held.map_err(|error| undeliverable(format!("{}: {error}", text::NO_FOLDER)))
    }
}

/// A file on its way to Messages, for this user alone; dropped, it is gone.
struct Held {
    folder: PathBuf,
    file: PathBuf,
}

impl Held {
    fn new(mut folder: PathBuf, File { name, bytes, .. }: &File) -> io::Result<Self> {
        private_folder(&folder)?;
        folder.push(format!("imessage-{:016x}", rand::random::<u64>()));
        DirBuilder::new().mode(0o700).create(&folder)?;
        let held = Self { file: folder.join(name), folder };
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&held.file)?;
        file.write_all(bytes)?;
        Ok(held)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::warn!("a file that was sent stays in {}: {error}", self.folder.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use openclaw_plugin_sdk::Bytes;

    use super::*;

    #[test]
    fn a_file_is_there_for_this_user_alone_and_only_while_it_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        let file = File::new(Some("../../plan.pdf"), Bytes::from_static(b"%PDF-1.7"));
        let held = Held::new(run.clone(), &file).unwrap();
        assert_eq!(held.file.file_name().unwrap(), "plan.pdf");
        for (path, mode) in [(&run, 0o700), (&held.folder, 0o700), (&held.file, 0o600)] {
            assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, mode, "{}", path.display());
        }
        assert_eq!(fs::read(&held.file).unwrap(), b"%PDF-1.7");
        let second = Held::new(run.clone(), &file).unwrap();
        assert_ne!(second.file, held.file);
        drop((held, second));
        assert_eq!(fs::read_dir(&run).unwrap().count(), 0);
    }
}

//! A message as a platform takes it. Nothing is cut: what is too long is not sent.

use crate::{
    Body, Button, ChannelError, ChannelPlugin, Conversation, File, FileKind, OutboundMessage,
    SentRef, Text,
};

/// The name of a picture that we made.
const PICTURE: &str = "image.png";

const NOTHING: &str = "there is no message to delete";
const NO_FILE: &str = "it takes no files here";
const NO_TYPING: &str = "it shows nobody who writes";

/// What a platform takes, beside the facts of its plugin.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest caption of a picture, in the units of the text limit.
    pub caption: usize,
    /// The longest label of a button, in characters.
    pub label: usize,
    /// The longest data of a button, in bytes.
    pub data: usize,
}

/// What a message shows, within the limits.
#[derive(Debug)]
pub struct Draft<'a> {
    /// The text, a card's as well, or the caption of the picture.
    pub text: Text,
    /// The picture, or the file.
    pub file: Option<File>,
    /// The buttons of a card, in rows as given.
    pub rows: &'a [Vec<Button>],
}

/// The sent message that is only to be deleted; `None` for a message that shows something.
pub fn deleted(message: &OutboundMessage) -> Result<Option<&SentRef>, ChannelError> {
    match (&message.body, &message.replaces) {
        (Body::Gone, None) => Err(undeliverable(NOTHING)),
        (Body::Gone, old) => Ok(old.as_ref()),
        _ => Ok(None),
    }
}

/// What stands in the place of the reference of a message for a sign that is none.
pub fn no_message(to: &Conversation) -> SentRef {
    to.sent("none")
}

/// This message cannot be sent.
pub fn undeliverable(why: impl Into<String>) -> ChannelError {
    ChannelError::Undeliverable(why.into())
}

impl<'a> Draft<'a> {
    /// Refuses what the platform would not take.
    pub fn new(
        body: &'a Body,
        plugin: &ChannelPlugin,
        limits: &Limits,
    ) -> Result<Self, ChannelError> {
        let limit = plugin.text_limit;
        let (text, file, rows, longest) = match body {
            Body::Card(card) => (card.to_text(), None, card.buttons.as_slice(), limit.max),
            Body::File(_) if !plugin.abilities.files => return Err(undeliverable(NO_FILE)),
            Body::File(file) => {
                (Text::default(), Some(file.clone()), [].as_slice(), limits.caption)
            }
            Body::Gone => return Err(undeliverable(NOTHING)),
            Body::Typing => return Err(undeliverable(NO_TYPING)),
            Body::Image(image) => {
                let bytes = image.png.clone().into();
                let file = File { name: PICTURE.to_owned(), kind: FileKind::Png, bytes };
                (image.caption.clone(), Some(file), [].as_slice(), limits.caption)
            }
            Body::Text(text) => (text.clone(), None, [].as_slice(), limit.max),
        };
        let length = limit.measure(&text.to_plain());
        if length > longest {
            let why = format!("the text has {length} characters; {} takes {longest}", plugin.label);
            return Err(undeliverable(why));
        }
        let most = usize::from(plugin.abilities.buttons.unwrap_or_default());
        if rows.iter().map(Vec::len).sum::<usize>() > most {
            let why =
                format!("a card has more buttons than the {most} that {} takes", plugin.label);
            return Err(undeliverable(why));
        }
        rows.iter().flatten().try_for_each(|button| fits(button, limits))?;
        Ok(Self { text, file, rows })
    }
}

fn fits(button: &Button, limits: &Limits) -> Result<(), ChannelError> {
    if !(1..=limits.label).contains(&button.label.chars().count()) {
        return Err(undeliverable("the label of a button is empty or too long"));
    }
    if !(1..=limits.data).contains(&button.data.len()) {
        return Err(undeliverable("the data of a button is empty or too long"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Abilities, Card, Image, Ingress, TextLimit, TextUnit, no_groups};

    const LIMITS: Limits = Limits { caption: 4, label: 3, data: 2 };

    const PLUGIN: ChannelPlugin = ChannelPlugin {
        id: "chat",
        label: "Chat",
        id_label: "chatUserId",
        id_line: "Your id",
        ingress: Ingress::Connect,
        text_limit: TextLimit { max: 10, unit: TextUnit::Utf16 },
        abilities: Abilities {
            accounts: true,
            buttons: Some(2),
            deletes: true,
            edits: true,
            groups: true,
            images: true,
            replies: true,
            ..Abilities::NONE
        },
        keys: &[],
        secret_keys: &[],
        env_keys: &[],
        login: None,
        manifest: None,
        parse_sender: crate::SenderId::new,
        parse_group: no_groups,
        open: |_| Err(crate::SettingsError::new("", "it is never opened")),
    };

    fn refused(body: impl Into<Body>) -> bool {
        let body = body.into();
        matches!(Draft::new(&body, &PLUGIN, &LIMITS), Err(ChannelError::Undeliverable(_)))
    }

    #[test]
    fn what_is_too_long_is_refused() {
        assert!(!refused(Text::plain("😀".repeat(5))));
        assert!(refused(Text::plain("😀".repeat(6))));
        let image = |caption: &str| Body::Image(Image { png: vec![1], caption: caption.into() });
        assert!(!refused(image("four")) && refused(image("fiver")));
        assert!(refused(Body::Gone) && refused(Body::Typing));
    }

    #[test]
    fn a_button_that_the_platform_does_not_take_is_refused() {
        let card = |buttons: &[(&str, &str)]| {
            let button = |(label, data): &(&str, &str)| Button {
                label: (*label).to_owned(),
                data: (*data).to_owned(),
            };
            let buttons = buttons.iter().map(|it| vec![button(it)]).collect();
            Card { buttons, ..Card::default() }
        };
        assert!(!refused(card(&[("äöü", "ab"), ("x", "y")])));
        for wrong in [("", "x"), ("long", "x"), ("x", ""), ("x", "äb")] {
            assert!(refused(card(&[wrong])), "{wrong:?}");
        }
        assert!(refused(card(&[("x", "y"); 3])), "too many");
    }
}

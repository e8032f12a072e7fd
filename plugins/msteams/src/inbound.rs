//! From activities to events. What is not a person's new message, or a press on a card of ours, becomes nothing; and so
//! does every kind of activity that is new.

use openclaw_plugin_sdk::{
    Attachment, ButtonPress, ChatId, ChatKind, Conversation, EventId, InboundEvent, InboundMessage,
    Link, Sender, ThreadId, UnixMs, kit::inbox::Weigh,
};
use serde_json::Value;

use crate::{config::Config, references::Reference};

/// How the HTML of a message marks the message that it answers.
const QUOTE: &str = "http://schema.skype.com/Reply";

/// Something for the gateway, and where its conversation is.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) event: InboundEvent,
    pub(crate) chat: ChatId,
    pub(crate) reference: Reference,
}

impl Weigh for Item {
    fn bytes(&self) -> usize {
        self.event.bytes()
    }
}

/// The event in an activity, if there is one.
pub(crate) fn translate(activity: &Value, config: &Config, now: UnixMs) -> Option<Item> {
    let text = |key: &str| activity[key].as_str();
    let (kind, from) = (text("type")?, &activity["from"]);
    let us = format!("28:{}", config.app_id);
    if text("channelId") != Some("msteams")
        || from["role"] == "bot"
        || from["id"].as_str().is_none_or(|id| id.starts_with("28:"))
        || !is_of_tenant(activity, &config.tenant_id)
    {
        return None;
    }
    let (sender, id) = (sender(from)?, EventId::new(text("id")?));
    let conversation = conversation(&activity["conversation"], &sender);
    let data = match (kind, text("name")) {
        ("message", _) => &activity["value"]["d"],
        ("invoke", Some("adaptiveCard/action")) => &activity["value"]["action"]["data"]["d"],
        _ => return None,
    };
    let answered = text("replyToId").map(|id| conversation.sent(id));
    let event = if let (Some(data), Some(on)) = (data.as_str(), &answered) {
        let (data, on, link) = (data.to_owned(), on.clone(), Link::Private);
        let conversation = conversation.clone();
        InboundEvent::Press(ButtonPress {
            id,
            conversation,
            sender,
            pressed_at: now,
            on,
            data,
            link,
        })
    } else if kind == "message" {
        let quote = Quote::of(activity);
        let (words, mentions_us) = words(activity, quote.as_ref(), &us);
        let attachment = attachment(activity);
        if words.trim().is_empty() && attachment.is_none() {
            return None;
        }
        let sent_at = text("timestamp")?.parse::<jiff::Timestamp>().ok()?.as_millisecond();
        let sent_at = UnixMs(u64::try_from(sent_at).ok()?);
        let quoted = quote.as_ref().and_then(Quote::id);
        InboundEvent::Message(InboundMessage {
            mentions_us: mentions_us || quote.as_ref().is_some_and(|quote| quote.is_of(&us)),
            attachment,
            reply_to: quoted.map(|id| conversation.sent(id)).or(answered),
            ..InboundMessage::new(id, conversation.clone(), sender, sent_at, words)
        })
    } else {
        return None;
    };
    let reference = Reference {
        service: text("serviceUrl")?.to_owned(),
        conversation: whole(&activity["conversation"]).0.to_owned(),
    };
    Some(Item { event, chat: conversation.id, reference })
}

/// A bot that several tenants have must not mix them up; silence is not taken for ours.
fn is_of_tenant(activity: &Value, tenant: &str) -> bool {
    let tenants = [&activity["conversation"]["tenantId"], &activity["channelData"]["tenant"]["id"]];
    let mut said = tenants.into_iter().filter(|said| !said.is_null()).peekable();
    said.peek().is_some()
        && said.all(|said| said.as_str().is_some_and(|said| said.eq_ignore_ascii_case(tenant)))
}

/// By the directory's id, and by Teams' own for people who have none there. A name is chosen, and can be changed.
fn sender(from: &Value) -> Option<Sender> {
    // What people write before an id in a list, no platform does.
    let read = |key: &str, is_own: bool| {
        let id = from[key].as_str().filter(|id| id.starts_with("29:") == is_own)?;
        let plain = !is_own && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        crate::parse_sender(id).ok().filter(|_| is_own || plain)
    };
    let (directory, own) = (read("aadObjectId", false), read("id", true));
    let id = directory.clone().or_else(|| own.clone())?;
    let also = own.filter(|own| *own != id).into_iter().collect();
    Some(Sender { also, ..Sender::new(id, from["name"].as_str(), &[]) })
}

/// A conversation's own id, and that of the message in it which a thread begins with.
fn whole(conversation: &Value) -> (&str, Option<&str>) {
    let id = conversation["id"].as_str().unwrap_or_default();
    match id.split_once(";messageid=") {
        Some((id, thread)) => (id, Some(thread)),
        None => (id, None),
    }
}

/// The direct chat with a person bears that person's id. What a conversation says of itself and the form of its id have
/// to agree.
fn conversation(place: &Value, sender: &Sender) -> Conversation {
    let (id, thread) = whole(place);
    let group = crate::parse_group(id).ok();
    let may_be = |group: bool| place["isGroup"].is_null() || place["isGroup"] == group;
    // Only the kind `a:` stands for one person; an id of no kind is one of the test tool.
    let one = !id.is_empty() && id.split_once(':').is_none_or(|(kind, _)| kind == "a");
    let kind = match (place["conversationType"].as_str(), &group) {
        (Some("personal"), None) if one && may_be(false) => ChatKind::Direct,
        (Some("groupChat" | "channel"), Some(_)) if may_be(true) => ChatKind::Group,
        _ => ChatKind::Unknown,
    };
    let chat = match kind {
        ChatKind::Direct => ChatId::new(sender.id.as_str()),
        ChatKind::Group | ChatKind::Unknown => group.unwrap_or_else(|| ChatId::new("")),
    };
    Conversation::new(chat, kind).in_thread(thread.map(ThreadId::new))
}

/// A message that shows another one, which it answers: HTML, in which that one stands first.
struct Quote {
    head: String,
    inside: String,
    after: String,
}

impl Quote {
    fn of(activity: &Value) -> Option<Self> {
        let html = attachments(activity).find(|it| it["contentType"] == "text/html")?;
        let html = html["content"].as_str().filter(|html| html.contains(QUOTE))?;
        let (_, rest) = html.split_once("<blockquote")?;
        let (head, rest) = rest.split_once('>')?;
        // The text ends where nobody can say how far the other one goes.
        let (inside, after) = rest.rsplit_once("</blockquote>").unwrap_or((rest, ""));
        Some(Self { head: head.to_owned(), inside: inside.to_owned(), after: after.to_owned() })
    }

    /// The message that is shown.
    fn id(&self) -> Option<&str> {
        itemid(&self.head)
    }

    /// True where the message that is shown is this bot's.
    fn is_of(&self, us: &str) -> bool {
        let author = self.inside.split_once("itemprop=\"mri\"").map(|(_, rest)| rest);
        let author = author.and_then(|rest| rest.split('>').next());
        author.and_then(itemid) == Some(us)
    }
}

fn itemid(tag: &str) -> Option<&str> {
    let (_, rest) = tag.split_once("itemid=\"")?;
    rest.split('"').next().filter(|value| !value.is_empty())
}

/// The text without a mention of us, and whether there is one. Of an answer only what is its own.
fn words(activity: &Value, quote: Option<&Quote>, us: &str) -> (String, bool) {
    let text = match quote {
        Some(quote) => without_tags(&quote.after),
        None => activity["text"].as_str().unwrap_or_default().to_owned(),
    };
    let entities = activity["entities"].as_array().into_iter().flatten();
    let mut ours = entities.filter(|it| {
        let mentioned = it["mentioned"]["id"].as_str();
        it["type"] == "mention" && mentioned.is_some_and(|id| id.eq_ignore_ascii_case(us))
    });
    let Some(mention) = ours.next() else { return (unescaped(&text), false) };
    let mark = mention["text"].as_str().unwrap_or_default();
    let name = without_tags(mark);
    let without = text.strip_prefix(&name).filter(|_| quote.is_some() && !name.is_empty());
    let without = without.map_or_else(|| text.replacen(mark, "", 1), str::to_owned);
    (unescaped(&without).trim_start_matches(['\u{a0}', ' ', ',', ':']).to_owned(), true)
}

/// What a person reads of HTML, its entities not yet spelled out.
fn without_tags(html: &str) -> String {
    let mut parts = html.split('<');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (tag, after) = part.split_once('>').unwrap_or((part, ""));
        if matches!(tag.trim_end_matches(['/', ' ']), "br" | "p" | "div") && !text.is_empty() {
            text.push('\n');
        }
        text.push_str(after);
    }
    text.trim().to_owned()
}

fn unescaped(text: &str) -> String {
    let all = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " ")];
    let text = all.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    text.replace("&amp;", "&")
}

fn attachments(activity: &Value) -> impl Iterator<Item = &Value> {
    activity["attachments"].as_array().into_iter().flatten()
}

/// The first file. The HTML that comes with every formatted message is none.
fn attachment(activity: &Value) -> Option<Attachment> {
    let mut kinds = attachments(activity).filter_map(|it| {
        let kind = it["contentType"].as_str()?;
        Some((kind, it["content"]["fileType"].as_str().unwrap_or_default()))
    });
    let (kind, ending) = kinds.find(|(kind, _)| {
        !kind.starts_with("text/html") && !kind.starts_with("application/vnd.microsoft.card")
    })?;
    let ending = ending.to_ascii_lowercase();
    Some(match ending.as_str() {
        "png" | "jpg" | "jpeg" | "gif" | "webp" | "bmp" | "heic" => Attachment::Picture,
        "mp3" | "m4a" | "ogg" | "wav" | "mp4" | "mov" | "webm" => Attachment::Voice,
        _ => Attachment::of(Some(kind)),
    })
}

#[cfg(test)]
mod tests;

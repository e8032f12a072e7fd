//! What is written is read again, in order, once, and without text that nobody needs.

use openclaw_plugin_sdk::{
    ChatId, ChatKind, Conversation, EventId, InboundMessage, Link, Sender, SenderId, SentRef,
    ThreadId, UnixMs,
};

use super::*;
use crate::journal::{index::REMEMBERED, mail::Part};

fn message(id: &str, text: &str) -> Arc<InboundMessage> {
    let sender = Sender::new(SenderId::new("7").unwrap(), None, &[]);
    Arc::new(InboundMessage {
        id: EventId::new(id),
        conversation: Conversation::new(ChatId::new("7"), ChatKind::Direct),
        sender,
        sent_at: UnixMs(1),
        text: text.to_owned(),
        attachment: None,
        files: Vec::new(),
        mentions_us: false,
        reply_to: None,
        link: Link::Private,
    })
}

fn key_of(message: &InboundMessage) -> EventKey {
    key([0; 16], &message.conversation.id, &message.sender.id, &message.id)
}

fn mail(message: &InboundMessage, text: &str) -> Mail {
    Mail::answer(message, vec![Part::text(&text.into())])
}

fn texts(journal: &Journal) -> Vec<String> {
    let said = |left| match left {
        Owed::Answer(task) if task.is_given_up() => "given up".to_owned(),
        Owed::Answer(task) => task.message.0.text.clone(),
        Owed::Outcome(_) => "cut off".to_owned(),
        Owed::Send(mail) => serde_json::to_string(&mail.parts).unwrap(),
    };
    journal.left_over().into_iter().map(|(_, left)| said(left)).collect()
}

#[test]
fn case_105_an_event_is_the_same_by_chat_sender_and_id() {
    let key = |chat: &str, sender: &str, id: &str| {
        super::key([0; 16], &ChatId::new(chat), &SenderId::new(sender).unwrap(), &EventId::new(id))
    };
    assert_eq!(key("1", "2", "3"), key("1", "2", "3"));
    let others = [key("9", "2", "3"), key("1", "9", "3"), key("1", "2", "9"), key("12", "3", "")];
    assert!(others.iter().all(|other| *other != key("1", "2", "3")));
    // Another bot numbers its messages anew.
    let of_another =
        super::key([1; 16], &ChatId::new("1"), &SenderId::new("2").unwrap(), &EventId::new("3"));
    assert_ne!(of_another, key("1", "2", "3"));
}

#[test]
fn a_try_counts_when_the_responder_begins_and_not_when_a_clean_stop_cuts_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("inbox/telegram-default.jsonl");
    let (one, two) = (message("1", "hello"), message("2", "again"));
    let journal = Journal::open(path.clone()).unwrap();
    assert!(journal.first_start());
    journal.take(&key_of(&one), &one).unwrap();
    journal.take(&key_of(&two), &two).unwrap();
    journal.finish(&key_of(&two)).unwrap();
    for _ in 0..5 {
        // Starts that do not come to it, and stops that cut it.
        let journal = Journal::open(path.clone()).unwrap();
        assert!(!journal.first_start() && journal.knows(&key_of(&two)));
        assert_eq!(texts(&journal), ["hello"]);
        journal.begin(&key_of(&one)).unwrap();
        journal.cut(&key_of(&one)).unwrap();
    }
    for expected in ["hello", "hello", "given up"] {
        let journal = Journal::open(path.clone()).unwrap();
        assert_eq!(texts(&journal), [expected]);
        journal.begin(&key_of(&one)).unwrap();
    }
}

#[test]
fn what_is_to_be_sent_takes_the_place_of_the_question_and_keeps_its_turn() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j.jsonl");
    let (one, two) = (message("1", "hello"), message("2", "again"));
    let journal = Journal::open(path.clone()).unwrap();
    journal.take(&key_of(&one), &one).unwrap();
    journal.take(&key_of(&two), &two).unwrap();
    journal.send(&key_of(&one), mail(&one, "good day")).unwrap();
    journal.sent(&key_of(&one), 1).unwrap();
    journal.tidy().unwrap();
    for _ in 0..2 {
        let journal = Journal::open(path.clone()).unwrap();
        let left = texts(&journal);
        assert!(left[0].contains("good day") && left[1] == "again", "{left:?}");
        let Owed::Send(mail) = journal.left_over().remove(0).1 else { panic!("it is sent") };
        assert_eq!(mail.taken, 1);
        assert_eq!(journal.unsent().0, 1);
    }
}

#[test]
fn a_command_that_began_is_known_and_its_sender_hears_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j.jsonl");
    let one = message("1", "/pairing approve ABCD2345");
    let journal = Journal::open(path.clone()).unwrap();
    journal.run(&key_of(&one), Address::of(&one)).unwrap();
    let journal = Journal::open(path.clone()).unwrap();
    assert!(journal.knows(&key_of(&one)));
    assert_eq!(texts(&journal), ["cut off"]);
    assert!(!fs::read_to_string(path).unwrap().contains("ABCD2345"));
}

#[test]
fn a_journal_of_an_older_version_is_read_and_finished() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j.jsonl");
    let kept = |id: &str| {
        format!(
            r#"{{"id":"{id}","chat":"7","direct":true,"sender":"7","name":null,"sent_at":1,"text":"hello {id}","no_text":false,"mentions_us":false,"private":true}}"#
        )
    };
    let job = |key: &str, tries: u32, id: &str| {
        format!(r#"{{"is":"job","key":"{key}","job":{{"tries":{tries},"message":{}}}}}"#, kept(id))
    };
    let lines = [
        r#"{"is":"seen","key":"a"}"#.to_owned(),
        r#"{"is":"told","request":"r"}"#.to_owned(),
        job("b", 1, "1"),
        job("c", 2, "2"),
        r#"{"is":"try","key":"b"}"#.to_owned(),
        job("d", 1, "3"),
        r#"{"is":"done","key":"d"}"#.to_owned(),
    ];
    File::create(&path).unwrap().write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
    let journal = Journal::open(path).unwrap();
    assert_eq!(texts(&journal), ["hello 1", "hello 2"]);
    assert!(["a", "b", "c", "d"].iter().all(|key| journal.knows(&(*key).to_owned())));
    assert!(journal.has_told(&RequestId::from_text("r")));
}

#[test]
fn a_message_is_lent_to_the_journal_and_not_copied() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path().join("j.jsonl")).unwrap();
    let one = message("1", "hello");
    journal.take(&key_of(&one), &one).unwrap();
    let Owed::Answer(left) = journal.left_over().remove(0).1 else { panic!("it is answered") };
    assert!(Arc::ptr_eq(&left.message.0, &one));
}

#[test]
fn an_unfinished_answer_remembers_its_topic() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j.jsonl");
    let mut one = message("1", "hello");
    Arc::get_mut(&mut one).unwrap().conversation.thread = Some(ThreadId::new("7"));
    Journal::open(path.clone()).unwrap().take(&key_of(&one), &one).unwrap();
    let journal = Journal::open(path.clone()).unwrap();
    let Owed::Answer(left) = journal.left_over().remove(0).1 else { panic!("it is answered") };
    assert_eq!(left.message.0.conversation, one.conversation);
    journal.send(&key_of(&one), mail(&one, "good day")).unwrap();
    let journal = Journal::open(path).unwrap();
    let Owed::Send(left) = journal.left_over().remove(0).1 else { panic!("it is sent") };
    assert_eq!(left.to.conversation(), one.conversation);
}

#[test]
fn the_message_that_shows_half_an_answer_stands_beside_the_question_and_then_with_the_answer() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j.jsonl");
    let one = message("1", "hello");
    let stands = Stands::at(&SentRef { chat: ChatId::new("7"), id: EventId::new("9") });
    let journal = Journal::open(path.clone()).unwrap();
    journal.take(&key_of(&one), &one).unwrap();
    journal.begin(&key_of(&one)).unwrap();
    journal.begins(&key_of(&one), stands.clone()).unwrap();
    // What nothing is owed for any more is no message that grows.
    journal.begins(&key_of(&message("2", "")), stands.clone()).unwrap();
    for _ in 0..2 {
        let journal = Journal::open(path.clone()).unwrap();
        let Owed::Answer(left) = journal.left_over().remove(0).1 else { panic!("it is answered") };
        assert_eq!((left.begun, left.shown), (1, Some(stands.clone())));
        assert_eq!(journal.left_over().len(), 1);
    }
    let whole = mail(&one, "good day").in_place_of(Some(stands.clone()));
    // A later start has written the file anew.
    Journal::open(path.clone()).unwrap().send(&key_of(&one), whole).unwrap();
    let Owed::Send(left) = Journal::open(path).unwrap().left_over().remove(0).1 else {
        panic!("it is sent")
    };
    assert_eq!(left.replaces, Some(stands));
}

#[test]
fn a_torn_line_was_never_taken() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j.jsonl");
    let one = message("1", "hello");
    Journal::open(path.clone()).unwrap().take(&key_of(&one), &one).unwrap();
    let bytes = fs::read(&path).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(bytes.len() as u64 - 9).unwrap();
    let journal = Journal::open(path).unwrap();
    assert!(journal.left_over().is_empty() && !journal.knows(&key_of(&one)));
}

#[test]
fn half_a_line_does_not_spoil_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j.jsonl");
    let (one, two) = (message("1", "hello"), message("2", "again"));
    let journal = Journal::open(path.clone()).unwrap();
    // The disk takes a part of the line, and then nothing.
    journal.tail.lock().file.as_ref().unwrap().write_all(b"{\"is\":\"jo").unwrap();
    journal.tail.lock().file = Some(File::open(&path).unwrap());
    assert!(journal.take(&key_of(&one), &one).is_err());
    assert!(!journal.knows(&key_of(&one)));
    journal.tail.lock().file = Some(appendable(&path).unwrap());
    journal.take(&key_of(&two), &two).unwrap();
    journal.finish(&key_of(&two)).unwrap();
    journal.tidy().unwrap();
    assert!(!fs::read_to_string(&path).unwrap().contains("again"), "it is found all the same");
    journal.take(&key_of(&one), &one).unwrap();
    assert_eq!(texts(&Journal::open(path).unwrap()), ["hello"]);
}

#[test]
fn a_delivered_challenge_is_remembered_across_starts_and_rewrites() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j.jsonl");
    let (one, two) = (RequestId::from_text("one"), RequestId::from_text("two"));
    Journal::open(path.clone()).unwrap().tell(&one).unwrap();
    for _ in 0..3 {
        let journal = Journal::open(path.clone()).unwrap();
        assert!(journal.has_told(&one) && !journal.has_told(&two));
    }
}

#[test]
fn what_is_remembered_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path().join("j.jsonl")).unwrap();
    for n in 0..REMEMBERED + 10 {
        journal.see(&n.to_string()).unwrap();
    }
    assert!(!journal.knows(&"0".to_owned()) && journal.knows(&(REMEMBERED + 9).to_string()));
    assert_eq!(journal.index.lock().order.len(), REMEMBERED);
}

#[test]
fn case_144_the_text_of_a_settled_message_is_overwritten_where_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j.jsonl");
    let (one, two) = (message("1", "a secret question"), message("2", "an open one"));
    let journal = Journal::open(path.clone()).unwrap();
    journal.take(&key_of(&one), &one).unwrap();
    journal.take(&key_of(&two), &two).unwrap();
    journal.send(&key_of(&one), mail(&one, "a secret answer")).unwrap();
    journal.tidy().unwrap();
    let text = || fs::read_to_string(&path).unwrap();
    assert!(!text().contains("secret question") && text().contains("secret answer"));
    journal.finish(&key_of(&one)).unwrap();
    let length = text().len();
    journal.tidy().unwrap();
    assert!(!text().contains("secret") && text().contains("an open one"));
    assert_eq!(text().len(), length, "in place");
    for line in text().lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    let journal = Journal::open(path).unwrap();
    assert!(journal.knows(&key_of(&one)));
    assert_eq!(texts(&journal), ["an open one"]);
}

#[test]
fn a_file_is_compacted_when_it_is_twice_what_was_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j.jsonl");
    let journal = Journal::open(path.clone()).unwrap();
    let long = "x".repeat(256 * 1024);
    let mut compacted = 0;
    let mut before = 0;
    // Sixteen megabytes are open at the end, and each is written a few times at most.
    for n in 0..64 {
        let one = message(&n.to_string(), &long);
        journal.take(&key_of(&one), &one).unwrap();
        let at = journal.tail.lock().compact_at;
        compacted += usize::from(at != before);
        before = at;
    }
    assert!(compacted <= 6, "{compacted} times");
    for n in 0..64 {
        journal.finish(&key_of(&message(&n.to_string(), ""))).unwrap();
    }
    for n in 0..200 {
        let one = message(&format!("again {n}"), &long);
        journal.take(&key_of(&one), &one).unwrap();
        journal.finish(&key_of(&one)).unwrap();
    }
    assert!(fs::metadata(&path).unwrap().len() < 64 << 20);
    assert_eq!(Journal::open(path.clone()).unwrap().left_over().len(), 0);
    assert!(fs::metadata(&path).unwrap().len() < 1 << 20);
}

#[test]
fn a_journal_that_rests_is_closed_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j.jsonl");
    let (one, two, three) = (message("1", "hello"), message("2", "again"), message("3", "more"));
    let journal = Journal::open(path.clone()).unwrap();
    let is_open = || journal.tail.lock().file.is_some();
    journal.take(&key_of(&one), &one).unwrap();
    assert!(is_open());
    journal.rest();
    assert!(!is_open());
    journal.take(&key_of(&two), &two).unwrap();
    journal.tidy().unwrap();
    assert!(!is_open(), "it was open for one line");
    assert_eq!(texts(&Journal::open(path.clone()).unwrap()), ["hello", "again"]);

    // What took its place meanwhile is written anew.
    for other in [None, Some("not a line\n")] {
        fs::remove_file(&path).unwrap();
        if let Some(other) = other {
            File::create(&path).unwrap().write_all(other.as_bytes()).unwrap();
        }
        journal.see(&"seen".to_owned()).unwrap();
        assert_eq!(texts(&Journal::open(path.clone()).unwrap()), ["hello", "again"]);
    }
    journal.wake();
    journal.take(&key_of(&three), &three).unwrap();
    assert!(is_open());
    journal.finish(&key_of(&one)).unwrap();
    assert_eq!(texts(&Journal::open(path).unwrap()), ["again", "more"]);
}

#[test]
fn lines_that_are_written_together_are_all_there_and_in_the_order_of_their_turns() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("inbox/telegram-default.jsonl");
    let journal = Journal::open(path.clone()).unwrap();
    let tail = journal.tail.lock();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (journal, message) = (&journal, message(&format!("{n}"), &format!("{n}")));
            scope.spawn(move || journal.take(&key_of(&message), &message).unwrap());
            while journal.queue.length() < n + 1 {
                std::thread::yield_now();
            }
        }
        drop(tail);
    });
    let expected: Vec<_> = (0..8).map(|n| n.to_string()).collect();
    assert_eq!(texts(&journal), expected);
    assert_eq!(texts(&Journal::open(path).unwrap()), expected);
}

//! One at a time, in order, bounded, and forgotten when it has to be.

use proptest::prelude::*;

use super::*;

fn speaker(n: u8) -> Speaker {
    Speaker::Client(n.to_string())
}

fn begin(transcripts: &mut Transcripts, speaker: &Speaker, id: &str) -> Begun {
    transcripts.begin(speaker, id, CancellationToken::new())
}

fn said(text: &str) -> Said {
    Said { what: Words::Answer(text.into()), at: UnixMs(1) }
}

fn start(
    transcripts: &mut Transcripts,
    speaker: &Speaker,
    id: &str,
) -> (ChatRef, CancellationToken) {
    let stop = CancellationToken::new();
    match transcripts.begin(speaker, id, stop.clone()) {
        Begun::Started(place) => (place, stop),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_repeated_message_is_the_same_message_and_not_too_many_wait() {
    let (mut transcripts, ann) = (Transcripts::default(), speaker(1));
    let (place, _) = start(&mut transcripts, &ann, "a");
    assert_eq!(begin(&mut transcripts, &ann, "b"), Begun::Started(place.clone()));
    assert_eq!(begin(&mut transcripts, &ann, "a"), Begun::InFlight);
    assert_eq!(transcripts.number(&place, "a"), Some(1));
    assert_eq!(transcripts.end(&place, "a", End::Answered), Some(2));
    assert_eq!(transcripts.end(&place, "a", End::Answered), None);
    assert_eq!(begin(&mut transcripts, &ann, "a"), Begun::Ended(End::Answered));
    assert_eq!(transcripts.end(&place, "b", End::Failed), Some(1));
    for n in 0..WAITING {
        assert!(matches!(begin(&mut transcripts, &ann, &n.to_string()), Begun::Started(_)));
    }
    assert_eq!(begin(&mut transcripts, &ann, "d"), Begun::Full);
    assert!(matches!(begin(&mut transcripts, &speaker(2), "d"), Begun::Started(_)));
}

#[test]
fn what_is_stopped_is_over_and_says_nothing_more() {
    let (mut transcripts, ann) = (Transcripts::default(), speaker(1));
    let (place, running) = start(&mut transcripts, &ann, "a");
    begin(&mut transcripts, &ann, "b");
    begin(&mut transcripts, &ann, "c");
    transcripts.number(&place, "a");
    assert_eq!(transcripts.stop(&ann, Some("b")), [("b".to_owned(), 1)]);
    assert!(!running.is_cancelled());
    assert_eq!(transcripts.stop(&ann, None), [("a".to_owned(), 2), ("c".to_owned(), 1)]);
    assert!(running.is_cancelled());
    assert_eq!(
        (transcripts.number(&place, "a"), transcripts.end(&place, "a", End::Answered)),
        (None, None)
    );
    assert_eq!(transcripts.stop(&ann, None), []);
    assert_eq!(transcripts.stop(&speaker(2), None), []);
    assert_eq!(transcripts.waiting, 0);
}

#[test]
fn a_forgotten_conversation_is_another_one_afterwards() {
    let (mut transcripts, ann) = (Transcripts::default(), speaker(1));
    let (place, running) = start(&mut transcripts, &ann, "a");
    transcripts.say(&place, said("secret"));
    assert!(transcripts.forget(&ann) && running.is_cancelled());
    assert!(transcripts.said(&ann, 9).is_empty() && !transcripts.forget(&ann));
    let (again, running) = start(&mut transcripts, &ann, "a");
    transcripts.say(&place, said("late"));
    assert!(transcripts.end(&place, "a", End::Answered).is_none() && !running.is_cancelled());
    assert!(transcripts.said(&ann, 9).is_empty());
    assert_eq!(transcripts.waiting, 1);
    assert_eq!(transcripts.end(&again, "a", End::Answered), Some(1));
}

#[test]
fn the_longest_silent_conversation_makes_room() {
    let mut transcripts = Transcripts::default();
    let text = "x".repeat(BYTES - OVERHEAD);
    let many = BYTES_IN_ALL / BYTES;
    for n in 0..=many {
        let speaker = Speaker::Client(n.to_string());
        let (place, _) = start(&mut transcripts, &speaker, "a");
        transcripts.say(&place, said(&text));
        transcripts.end(&place, "a", End::Answered);
    }
    assert!(transcripts.bytes <= BYTES_IN_ALL);
    let kept = |n: usize| !transcripts.said(&Speaker::Client(n.to_string()), 1).is_empty();
    assert!(!kept(0) && kept(1) && kept(many));
}

#[derive(Clone, Debug)]
enum Step {
    Begin(u8, u8),
    Clear(u8),
    End(u8, u8),
    Forget(u8),
    Say(u8, usize),
    Stop(u8, Option<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..3_u8;
    let id = 0..6_u8;
    prop_oneof![
        (who.clone(), id.clone()).prop_map(|(who, id)| Step::Begin(who, id)),
        who.clone().prop_map(Step::Clear),
        (who.clone(), id.clone()).prop_map(|(who, id)| Step::End(who, id)),
        who.clone().prop_map(Step::Forget),
        (who.clone(), 0..200_000_usize).prop_map(|(who, n)| Step::Say(who, n)),
        (who, proptest::option::of(id)).prop_map(|(who, id)| Step::Stop(who, id)),
    ]
}

proptest! {
    #[test]
    fn the_counts_are_always_those_of_what_is_there(steps in prop::collection::vec(step(), 0..60)) {
        let mut transcripts = Transcripts::default();
        let mut places: HashMap<u8, ChatRef> = HashMap::new();
        for step in steps {
            match step {
                Step::Begin(who, id) => {
                    if let Begun::Started(place) = begin(&mut transcripts, &speaker(who), &id.to_string()) {
                        places.insert(who, place);
                    }
                }
                Step::Clear(who) => { places.get(&who).into_iter().for_each(|place| transcripts.clear(place)); }
                Step::End(who, id) => {
                    places.get(&who).map(|place| transcripts.end(place, &id.to_string(), End::Answered));
                }
                Step::Forget(who) => { transcripts.forget(&speaker(who)); }
                Step::Say(who, n) => {
                    let text = "x".repeat(n);
                    places.get(&who).into_iter().for_each(|place| transcripts.say(place, said(&text)));
                }
                Step::Stop(who, id) => {
                    transcripts.stop(&speaker(who), id.map(|id| id.to_string()).as_deref());
                }
            }
            let cost = |talk: &Transcript| talk.said.iter().map(Said::cost).sum::<usize>();
            prop_assert!(transcripts.talks.values().all(|talk| talk.bytes == cost(talk) && talk.bytes <= BYTES));
            prop_assert!(transcripts.talks.values().all(|talk| talk.said.len() <= MESSAGES));
            prop_assert_eq!(transcripts.bytes, transcripts.talks.values().map(cost).sum::<usize>());
            let waiting = transcripts.talks.values().map(|talk| talk.runs.len()).sum::<usize>();
            prop_assert_eq!(transcripts.waiting, waiting);
        }
    }
}

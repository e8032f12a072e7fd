//! Several processes on one folder. They are this test binary again.

use std::{io::Read, process::Stdio};

use super::*;
use crate::tests::processes::{ROLE, again, rounds};

const CHILD: &str = "devices::tests::processes::child";

/// What a process beside the test does; alone it does nothing.
#[test]
#[ignore = "a process of the test beside it"]
fn child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let mut words = role.splitn(3, ' ');
    let (work, rounds) = (words.next().unwrap(), words.next().unwrap().parse::<u16>().unwrap());
    let store = open(Path::new(words.next().unwrap()));
    for round in 0..rounds {
        if work == "redeem" {
            let setup = store.redeem_code(&coded_token(b'r', round).digest(), &key(1), NOW);
            assert!(waits(setup.unwrap()), "{round}");
        } else {
            let token = coded_token(b'i', round);
            store.mint_code(&host(), Profile::Limited, &token, NOW).unwrap();
        }
    }
}

fn coded_token(kind: u8, round: u16) -> Token {
    let mut bytes = [kind; 32];
    bytes[..2].copy_from_slice(&round.to_be_bytes());
    Token::from_random(bytes)
}

#[test]
fn case_038_what_one_process_redeems_stays_redeemed_while_another_issues() {
    // Fewer than are kept, so that each can be looked at in the end.
    let rounds = u16::try_from(rounds(100)).unwrap();
    let bed = Bed::new();
    for round in 0..rounds {
        let token = coded_token(b'r', round);
        bed.store.mint_code(&host(), Profile::Limited, &token, NOW).unwrap();
    }
    let children = ["redeem", "issue"].map(|work| {
        let role = format!("{work} {rounds} {}", bed.dir.path().display());
        again(CHILD, &role).stdout(Stdio::piped()).spawn().unwrap()
    });
    for mut one in children {
        let mut said = String::new();
        one.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(one.wait().unwrap().success() && said.contains("1 passed"), "{said}");
    }
    for round in 0..rounds {
        let redeemed = coded_token(b'r', round).digest();
        let foreign = bed.store.redeem_code(&redeemed, &key(2), NOW).unwrap();
        assert!(matches!(foreign, Setup::Known(Err(_), _)), "{round}");
        let issued = coded_token(b'i', round).digest();
        assert!(waits(bed.store.code_shown(&issued, &key(2), NOW).unwrap()), "{round}");
    }
    assert!(bed.store.verify(NOW).unwrap().is_whole());
}

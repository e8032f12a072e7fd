//! Join URLs: `/j/<name>` gives a setup code for a node, once, to the client that has the name. A name rests as a
//! digest, in memory alone, and is over when its code is.

use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use parking_lot::{Mutex, MutexGuard};

use crate::{
    rules::device::{
        endpoint::{Endpoint, Nearness},
        setup_code::LIFETIME_MS,
        token::TokenDigest,
    },
    world,
};

/// So many are open at once; the oldest makes way.
const MOST: usize = 64;
/// 128 bits in base64url.
const NAME: usize = 22;

/// The open ones, the oldest first.
#[derive(Default)]
pub(crate) struct Joins(Mutex<Vec<Join>>);

struct Join {
    name: TokenDigest,
    /// The setup code's object.
    body: String,
    since: Instant,
}

/// No code and no name is printed.
impl std::fmt::Debug for Joins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Joins")
    }
}

impl Joins {
    /// Opens one, and gives its URL.
    pub(crate) fn open(&self, place: &str, body: String) -> std::io::Result<String> {
        let name = URL_SAFE_NO_PAD.encode(world::random::<16>()?);
        let since = Instant::now();
        let mut open = self.inside(since);
        if open.len() >= MOST {
            open.remove(0);
        }
        open.push(Join { name: TokenDigest::of(&name), body, since });
        Ok(format!("{place}/j/{name}"))
    }

    /// Takes what stands under a name: nobody gets it again.
    pub(crate) fn take(&self, name: &str, now: Instant) -> Option<String> {
        let (name, mut open) = (TokenDigest::of(name), self.inside(now));
        let at = open.iter().position(|join| join.name.matches(&name))?;
        Some(open.remove(at).body)
    }

    /// Those that are over are gone.
    fn inside(&self, now: Instant) -> MutexGuard<'_, Vec<Join>> {
        let mut open = self.0.lock();
        let lifetime = Duration::from_millis(LIFETIME_MS);
        open.retain(|join| now.saturating_duration_since(join.since) < lifetime);
        open
    }
}

/// The name in a path, below whatever path a proxy leaves before it.
pub(crate) fn named(path: &str) -> Option<&str> {
    let (_, name) = path.rsplit_once("/j/")?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (name.len() == NAME && name.chars().all(fits)).then_some(name)
}

/// Where a join URL may lead: the first address that is encrypted, or never leaves this machine.
pub(crate) fn place(urls: &[String]) -> Option<String> {
    let place = |url: &String| {
        let endpoint = Endpoint::parse(url, true).ok()?;
        let near = endpoint.host.nearness() == Nearness::Loopback;
        let scheme = if endpoint.tls { "https" } else { "http" };
        let (_, rest) = url.split_once("://")?;
        (endpoint.tls || near).then(|| format!("{scheme}://{}", rest.trim_end_matches('/')))
    };
    urls.iter().find_map(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_055_a_join_url_is_given_once_and_names_no_open_line() {
        let joins = Joins::default();
        let url = joins.open("https://gw.example", "{}".to_owned()).unwrap();
        let path = url.strip_prefix("https://gw.example").unwrap();
        let name = named(path).unwrap();
        assert_eq!(named(&format!("/claw{path}")), Some(name), "below a proxy's path");
        let take = || joins.take(name, Instant::now());
        assert_eq!((take(), take()), (Some("{}".to_owned()), None));
        assert!(!format!("{joins:?}").contains(name));
        for path in ["/j/", "/j/short", &format!("{path}x"), &format!("{path}/x"), "/chat/j"] {
            assert_eq!(named(path), None, "{path}");
        }
        let table = [
            (&["wss://gw.example:8443"][..], Some("https://gw.example:8443")),
            (&["ws://127.0.0.1:7"], Some("http://127.0.0.1:7")),
            (&["ws://192.168.1.4:7", "wss://gw.example/"], Some("https://gw.example")),
            (&["ws://192.168.1.4:7"], None),
            (&[], None),
        ];
        for (urls, found) in table {
            let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
            assert_eq!(place(&urls).as_deref(), found, "{urls:?}");
        }
    }

    #[test]
    fn case_055_so_many_join_urls_are_open_and_no_more() {
        let joins = Joins::default();
        let urls: Vec<_> = (0..=MOST).map(|n| joins.open("", n.to_string()).unwrap()).collect();
        let now = Instant::now();
        assert_eq!(joins.take(named(&urls[0]).unwrap(), now), None, "the oldest made way");
        let last = joins.take(named(&urls[MOST]).unwrap(), now);
        assert_eq!(last, Some(MOST.to_string()));
        assert_eq!(joins.inside(now).len(), MOST - 1);
    }

    #[test]
    fn case_055_a_join_url_is_over_after_ten_minutes_and_leaves_no_code_in_memory() {
        let joins = Joins::default();
        let urls: Vec<_> = (0..2).map(|n| joins.open("", n.to_string()).unwrap()).collect();
        let [first, second] = [0, 1].map(|n: usize| named(&urls[n]).unwrap());
        let made = joins.inside(Instant::now())[0].since;
        let almost = made + Duration::from_secs(10 * 60 - 1);
        assert_eq!(joins.take(first, almost), Some("0".to_owned()));
        let over = almost + Duration::from_secs(2);
        assert_eq!(joins.take(second, over), None);
        assert_eq!(joins.inside(Instant::now()).len(), 0);
    }
}

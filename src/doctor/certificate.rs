//! When a certificate ends: the one fact of it that matters here, read from its DER.

use base64::{Engine, engine::general_purpose::STANDARD};
use openclaw_plugin_sdk::UnixMs;

use crate::world;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;

/// The end of the first certificate in a PEM file.
pub(crate) fn ends(pem: &[u8]) -> Option<UnixMs> {
    let text = std::str::from_utf8(pem).ok()?;
    let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let body: String = body.split_whitespace().collect();
    let der = STANDARD.decode(body).ok()?;
    let (_, certificate, _) = part(&der)?;
    let (_, signed, _) = part(certificate)?;
    let (tag, _, rest) = part(signed)?;
    let rest = if tag == VERSION { rest } else { signed };
    // The serial number, the algorithm and the issuer stand before the validity; without a version the number was read.
    let rest = if tag == VERSION { skip(rest)? } else { skip(signed)? };
    let validity = skip(skip(rest)?)?;
    let (tag, validity, _) = part(validity)?;
    let (kind, end, _) = part(skip(validity)?)?;
    if tag != SEQUENCE {
        return None;
    }
    moment(kind, std::str::from_utf8(end).ok()?)
}

fn skip(bytes: &[u8]) -> Option<&[u8]> {
    part(bytes).map(|(_, _, rest)| rest)
}

/// The tag and the content of what stands first, and what follows it.
fn part(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let count = usize::from(first & 0x7f);
    let (length, rest) = if *first < 0x80 {
        (count, rest)
    } else {
        let (digits, rest) = (count <= 4).then(|| rest.split_at_checked(count))??;
        (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// `YYMMDDHHMMSSZ`, or the same with a year of four digits.
fn moment(kind: u8, text: &str) -> Option<UnixMs> {
    let text = if kind == UTC_TIME {
        let century = if text.get(..2)?.parse::<u8>().ok()? < 50 { "20" } else { "19" };
        format!("{century}{text}")
    } else {
        text.to_owned()
    };
    let at = |range| text.get(range);
    let (year, month, day) = (at(0..4)?, at(4..6)?, at(6..8)?);
    let (hour, minute, second) = (at(8..10)?, at(10..12)?, at(12..14)?);
    world::from_iso(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}.000Z"))
}

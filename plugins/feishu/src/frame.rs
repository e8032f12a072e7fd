//! Frames of the long connection: protobuf, by hand, for there are two messages; and events that come in pieces.

use std::time::Duration;

use openclaw_plugin_sdk::kit::bounded::Bounded;

/// No event comes in more pieces, or is longer.
const MOST_PIECES: usize = 64;
const LONGEST_EVENT: usize = 4 << 20;

/// So many events may be half there, each for so long.
const MOST_HALVES: usize = 32;
const HALF_FOR: Duration = Duration::from_secs(10);

/// The kinds of frames.
pub(crate) const CONTROL: u64 = 0;
pub(crate) const DATA: u64 = 1;

/// A frame. What it does not name is skipped when it is read.
#[derive(Clone, Default)]
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(crate) struct Frame {
    pub(crate) seq: u64,
    pub(crate) log: u64,
    pub(crate) service: u64,
    pub(crate) method: u64,
    pub(crate) headers: Vec<(String, String)>,
    /// Encoding, type and a second log id, by the numbers of their fields.
    pub(crate) texts: Vec<(u64, String)>,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The header of this name; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let header = self.headers.iter().find(|(key, _)| key == name);
        header.map_or("", |(_, value)| value)
    }

    /// Reads a frame, if it is a whole one.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (mut frame, mut rest) = (Self::default(), Reader(bytes));
        while !rest.0.is_empty() {
            match rest.field()? {
                (1, Field::Number(number)) => frame.seq = number,
                (2, Field::Number(number)) => frame.log = number,
                (3, Field::Number(number)) => frame.service = number,
                (4, Field::Number(number)) => frame.method = number,
                (5, Field::Bytes(bytes)) => frame.headers.push(header(bytes)?),
                (8, Field::Bytes(bytes)) => frame.payload = bytes.to_vec(),
                (number @ (6 | 7 | 9), Field::Bytes(bytes)) => {
                    frame.texts.push((number, text(bytes)?));
                }
                _ => {}
            }
        }
        Some(frame)
    }

    /// The frame as it goes over the socket.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (field, number) in [(1, self.seq), (2, self.log), (3, self.service), (4, self.method)] {
            varint(&mut bytes, field << 3);
            varint(&mut bytes, number);
        }
        for (key, value) in &self.headers {
            let mut header = Vec::new();
            put(&mut header, 1, key.as_bytes());
            put(&mut header, 2, value.as_bytes());
            put(&mut bytes, 5, &header);
        }
        for (field, text) in &self.texts {
            put(&mut bytes, *field, text.as_bytes());
        }
        put(&mut bytes, 8, &self.payload);
        bytes
    }
}

fn header(bytes: &[u8]) -> Option<(String, String)> {
    let (mut header, mut rest) = ((String::new(), String::new()), Reader(bytes));
    while !rest.0.is_empty() {
        match rest.field()? {
            (1, Field::Bytes(bytes)) => header.0 = text(bytes)?,
            (2, Field::Bytes(bytes)) => header.1 = text(bytes)?,
            _ => {}
        }
    }
    Some(header)
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

fn put(into: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    varint(into, (field << 3) | 2);
    varint(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
}

fn varint(into: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        into.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    into.push(number.to_le_bytes()[0]);
}

struct Reader<'a>(&'a [u8]);

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Other,
}

impl<'a> Reader<'a> {
    fn field(&mut self) -> Option<(u64, Field<'a>)> {
        let tag = self.varint()?;
        let field = match tag & 7 {
            0 => Field::Number(self.varint()?),
            1 => self.take(8).map(|_| Field::Other)?,
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Field::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Field::Other)?,
            _ => return None,
        };
        Some((tag >> 3, field))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

/// Events of which not all pieces are there.
pub(crate) struct Halves(Bounded<String, Vec<Option<Vec<u8>>>>);

impl Default for Halves {
    fn default() -> Self {
        Self(Bounded::expiring(MOST_HALVES, HALF_FOR))
    }
}

impl Halves {
    /// The bytes of an event, once its last piece is there.
    pub(crate) fn whole(&mut self, piece: &Frame) -> Option<Vec<u8>> {
        let number = |name: &str| piece.header(name).parse::<usize>().ok();
        let (sum, seq) = (number("sum")?, number("seq")?);
        if !(1..=MOST_PIECES).contains(&sum) || seq >= sum {
            return None;
        }
        if sum == 1 {
            return Some(piece.payload.clone());
        }
        let id = piece.header("message_id");
        if !self.0.contains(id) {
            self.0.insert(id.to_owned(), vec![None; sum]);
        }
        let pieces = self.0.get_mut(id).filter(|pieces| pieces.len() == sum)?;
        pieces[seq] = Some(piece.payload.clone());
        let length: usize = pieces.iter().flatten().map(Vec::len).sum();
        let is_whole = pieces.iter().all(Option::is_some);
        if !is_whole && length <= LONGEST_EVENT {
            return None;
        }
        let pieces = self.0.remove(id)?;
        (length <= LONGEST_EVENT).then(|| pieces.into_iter().flatten().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `pbbp2` of Feishu's own client writes it.
    const WRITTEN: [u8; 50] = [
        8, 172, 2, 16, 7, 24, 1, 32, 1, 42, 13, 10, 4, 116, 121, 112, 101, 18, 5, 101, 118, 101,
        110, 116, 50, 4, 106, 115, 111, 110, 58, 4, 106, 115, 111, 110, 66, 5, 123, 34, 195, 164,
        125, 74, 5, 108, 111, 103, 45, 50,
    ];

    fn piece(id: &str, seq: &str, sum: &str, payload: &[u8]) -> Frame {
        let header = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let headers = vec![header("message_id", id), header("seq", seq), header("sum", sum)];
        Frame { headers, payload: payload.to_vec(), ..Frame::default() }
    }

    #[test]
    fn a_frame_is_written_as_feishus_own_client_writes_it() {
        let frame = Frame::read(&WRITTEN).unwrap();
        assert_eq!((frame.seq, frame.log, frame.service, frame.method), (300, 7, 1, DATA));
        assert_eq!(frame.header("type"), "event");
        assert_eq!(frame.payload, "{\"ä}".as_bytes());
        assert_eq!(Frame::read(&frame.bytes()).unwrap(), frame);
        for end in 1..WRITTEN.len() {
            // Where a field ends, what is there is a frame of fewer fields.
            if let Some(less) = Frame::read(&WRITTEN[..end]) {
                assert_ne!(less, frame, "{end}");
            }
        }
    }

    #[test]
    fn numbers_of_any_size_come_back() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let frame = Frame { seq: number, log: number, ..Frame::default() };
            assert_eq!(Frame::read(&frame.bytes()).unwrap(), frame);
        }
    }

    #[test]
    fn a_field_that_is_new_is_skipped_and_what_is_no_frame_is_none() {
        let new = [0xa0, 0x06, 5, 0xa9, 0x06, 1, 2, 3, 4, 5, 6, 7, 8, 0xad, 0x06, 1, 2, 3, 4, 8, 9];
        assert_eq!(Frame::read(&new).unwrap().seq, 9);
        for wrong in [
            &[0x42, 5, 1][..],
            &[0xff; 11],
            &[8],
            &[0x0b],
            &[0x42, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
            &[0x2a, 3, 10, 1, 0xff],
        ] {
            assert!(Frame::read(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn pieces_are_joined_in_their_order_whatever_order_they_come_in() {
        let mut halves = Halves::default();
        let all = "{\"text\":\"ä\"}".as_bytes();
        // Cut in the middle of a letter.
        let parts = [&all[..10], &all[10..11], &all[11..]];
        for seq in [2, 0, 2] {
            let part = parts[seq];
            assert_eq!(halves.whole(&piece("m", &seq.to_string(), "3", part)), None);
        }
        assert_eq!(halves.whole(&piece("other", "0", "1", b"x")).as_deref(), Some(&b"x"[..]));
        assert_eq!(halves.whole(&piece("m", "1", "3", parts[1])).as_deref(), Some(all));
        assert_eq!(halves.whole(&piece("m", "1", "3", parts[1])), None, "it begins again");
    }

    #[test]
    fn what_does_not_fit_together_is_no_event() {
        let mut halves = Halves::default();
        for (seq, sum) in [("0", "0"), ("2", "2"), ("-1", "2"), ("x", "2"), ("0", "65"), ("0", "")]
        {
            assert_eq!(halves.whole(&piece("m", seq, sum, b"x")), None, "{seq} of {sum}");
        }
        halves.whole(&piece("m", "0", "2", b"x"));
        assert_eq!(halves.whole(&piece("m", "1", "3", b"y")), None, "another number of pieces");
        assert!(halves.whole(&piece("m", "1", "2", b"y")).is_some());
        halves.whole(&piece("long", "0", "2", &vec![0; LONGEST_EVENT]));
        assert_eq!(halves.whole(&piece("long", "1", "2", b"y")), None, "longer than any event");
    }

    #[tokio::test(start_paused = true)]
    async fn half_an_event_is_forgotten_after_a_while_and_when_there_are_too_many() {
        let mut halves = Halves::default();
        halves.whole(&piece("old", "0", "2", b"x"));
        tokio::time::advance(HALF_FOR).await;
        assert_eq!(halves.whole(&piece("old", "1", "2", b"y")), None);
        for number in 0..=MOST_HALVES {
            halves.whole(&piece(&number.to_string(), "0", "2", b"x"));
        }
        assert_eq!(halves.0.len(), MOST_HALVES);
        assert_eq!(halves.whole(&piece("0", "1", "2", b"y")), None);
    }
}

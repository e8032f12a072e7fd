//! Server-sent events out of bytes that come in pieces of any size. Only the data of an event matters here.

/// Longer than any event that is one: a stream without line ends must not fill the memory.
const EVENT_LIMIT: usize = 256 * 1024;

/// A stream whose event does not end.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLong;

/// Reads a stream; holds what has come of an event so far.
#[derive(Debug)]
pub struct Events {
    longest: usize,
    /// Whether an event that is too long is left out, and not an error.
    skips: bool,
    /// What comes is of an event that was too long.
    skipping: bool,
    line: Vec<u8>,
    data: Option<String>,
    after_cr: bool,
}

impl Default for Events {
    fn default() -> Self {
        let mut events = Self::within(EVENT_LIMIT);
        events.skips = false;
        events
    }
}

impl Events {
    /// Takes events of so many bytes at most, and leaves longer ones out: those beside them are not lost.
    pub fn within(longest: usize) -> Self {
        let (skips, skipping, after_cr) = (true, false, false);
        Self { longest, skips, skipping, line: Vec::new(), data: None, after_cr }
    }

    /// Takes bytes, and gives the data of each event that they complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<String>, TooLong> {
        let mut events = Vec::new();
        for &byte in bytes {
            let second_half = self.after_cr && byte == b'\n';
            self.after_cr = byte == b'\r';
            match byte {
                b'\n' if second_half => {}
                b'\n' | b'\r' if self.skipping => {
                    self.skipping = !self.line.is_empty();
                    self.line.clear();
                }
                // That the line has something is all that counts.
                _ if self.skipping => self.line.resize(1, byte),
                b'\n' | b'\r' => events.extend(self.end_of_line()),
                _ => self.line.push(byte),
            }
            if self.line.len() + self.data.as_ref().map_or(0, String::len) > self.longest {
                if !self.skips {
                    return Err(TooLong);
                }
                tracing::warn!("an event that is too long is left out");
                self.skipping = true;
                self.line.truncate(1);
                self.data = None;
            }
        }
        Ok(events)
    }

    /// The data of an event that the stream ended in; some servers leave the last empty line out.
    pub fn finish(mut self) -> Option<String> {
        self.end_of_line().or(self.data)
    }

    fn end_of_line(&mut self) -> Option<String> {
        // A line is whole here, so that no character is cut in two.
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        if line.is_empty() {
            return self.data.take();
        }
        let line = line.strip_prefix('\u{feff}').unwrap_or(&line);
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        if field == "data" {
            let value = value.strip_prefix(' ').unwrap_or(value);
            match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "\u{feff}: hello\r\n\r\ndata: {\"a\":\"Ä😀\"}\r\n\r\nevent: x\ndata:two\ndata:  lines\nid: 7\n\ndata\n\n\rdata: [DONE]\r\r";

    #[track_caller]
    fn check(pieces: &[&[u8]]) {
        let mut events = Events::default();
        let mut all = Vec::new();
        for piece in pieces {
            all.extend(events.feed(piece).unwrap());
        }
        assert_eq!(all, ["{\"a\":\"Ä😀\"}", "two\n lines", "", "[DONE]"]);
        assert_eq!(events.finish(), None);
    }

    #[test]
    fn a_stream_reads_the_same_however_it_is_cut() {
        let bytes = STREAM.as_bytes();
        check(&[bytes]);
        check(&bytes.chunks(1).collect::<Vec<_>>());
        for cut in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(cut);
            check(&[head, tail]);
        }
    }

    #[test]
    fn a_last_event_without_its_empty_line_counts() {
        for (stream, last) in [
            ("data: [DONE]", Some("[DONE]")),
            ("data: [DONE]\n", Some("[DONE]")),
            (": nothing", None),
            ("", None),
        ] {
            let mut events = Events::default();
            assert_eq!(events.feed(stream.as_bytes()), Ok(Vec::new()));
            assert_eq!(events.finish().as_deref(), last, "{stream:?}");
        }
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut events = Events::default();
        assert_eq!(events.feed(&vec![b'x'; EVENT_LIMIT]), Ok(Vec::new()));
        assert_eq!(events.feed(b"x"), Err(TooLong));
        let mut events = Events::default();
        let lines = b"data: xxxxxxxxxxxxxxxx\n".repeat(EVENT_LIMIT / 16);
        assert_eq!(events.feed(&lines), Err(TooLong));
    }

    #[test]
    fn an_event_that_is_too_long_is_left_out_and_those_beside_it_are_not() {
        let long = "x".repeat(40);
        let stream = format!(
            "data: a\n\ndata: {long}\n: x\ndata: y\r\n\r\ndata: b\n\n{long}\n\ndata: c\n\n"
        );
        for size in [1, 7, stream.len()] {
            let mut events = Events::within(30);
            let read = stream.as_bytes().chunks(size).flat_map(|piece| events.feed(piece).unwrap());
            assert_eq!(read.collect::<Vec<_>>(), ["a", "b", "c"], "{size}");
        }
    }
}

//! Frames as the platform reads and writes them: protobuf, written here for itself.

use serde_json::Value;

/// A frame, as far as the fake looks at it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Frame {
    pub(crate) seq: u64,
    pub(crate) service: u64,
    pub(crate) method: u64,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// The payload as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.payload).unwrap_or_default()
    }
}

pub(crate) fn written(frame: &Frame) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (tag, number) in
        [(0x08, frame.seq), (0x10, 77), (0x18, frame.service), (0x20, frame.method)]
    {
        bytes.push(tag);
        number_into(&mut bytes, number);
    }
    for (key, value) in &frame.headers {
        let mut header = Vec::new();
        part_into(&mut header, 0x0a, key.as_bytes());
        part_into(&mut header, 0x12, value.as_bytes());
        part_into(&mut bytes, 0x2a, &header);
    }
    part_into(&mut bytes, 0x32, b"json");
    part_into(&mut bytes, 0x3a, b"application/json");
    part_into(&mut bytes, 0x42, &frame.payload);
    part_into(&mut bytes, 0x4a, b"log-77");
    bytes
}

/// Panics at what is no frame: nothing else may be sent to Feishu.
pub(crate) fn read(mut bytes: &[u8]) -> Frame {
    let mut frame = Frame::default();
    while !bytes.is_empty() {
        let tag = number(&mut bytes);
        match tag {
            0x08 => frame.seq = number(&mut bytes),
            0x18 => frame.service = number(&mut bytes),
            0x20 => frame.method = number(&mut bytes),
            0x10 => drop(number(&mut bytes)),
            0x2a => {
                let mut header = part(&mut bytes);
                let (mut key, mut value) = (String::new(), String::new());
                while !header.is_empty() {
                    let tag = number(&mut header);
                    let text = String::from_utf8(part(&mut header).to_vec()).expect("a text");
                    *(if tag == 0x0a { &mut key } else { &mut value }) = text;
                }
                frame.headers.push((key, value));
            }
            0x42 => frame.payload = part(&mut bytes).to_vec(),
            0x32 | 0x3a | 0x4a => drop(part(&mut bytes)),
            other => panic!("a field that is none: {other}"),
        }
    }
    frame
}

fn number_into(bytes: &mut Vec<u8>, number: u64) {
    let mut rest = number;
    loop {
        let low = u8::try_from(rest & 0x7f).expect("seven bits");
        rest >>= 7;
        bytes.push(if rest == 0 { low } else { low | 0x80 });
        if rest == 0 {
            return;
        }
    }
}

fn part_into(bytes: &mut Vec<u8>, tag: u8, part: &[u8]) {
    bytes.push(tag);
    number_into(bytes, part.len() as u64);
    bytes.extend_from_slice(part);
}

fn number(bytes: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    loop {
        let (byte, rest) = bytes.split_first().expect("a whole number");
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return number;
        }
    }
}

fn part<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    let length = usize::try_from(number(bytes)).expect("a length");
    let (part, rest) = bytes.split_at(length);
    *bytes = rest;
    part
}

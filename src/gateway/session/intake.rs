//! What comes in over a socket before its client is known: a frame that announces more than 64 KiB is refused by
//! its head, before room is made for it, and so is more than that in all.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::protocol::hello::UNKNOWN_MAX_PAYLOAD;

/// Heads and control frames come on top.
const ALLOWANCE: usize = 1024;
/// A masked frame's head is no longer.
const LONGEST_HEAD: usize = 14;

/// A stream that is watched until [`Intake::open`].
#[derive(Debug)]
pub(crate) struct Intake<S> {
    stream: S,
    watch: Option<Watch>,
}

#[derive(Debug, Default)]
struct Watch {
    head: [u8; LONGEST_HEAD],
    have: usize,
    /// Of the frame that is being read.
    left: u64,
    total: usize,
}

/// The client has announced or sent too much.
#[derive(Debug, thiserror::Error)]
#[error("more than a client may send before it is known")]
pub(crate) struct TooLarge;

impl<S> Intake<S> {
    pub(crate) fn watched(stream: S) -> Self {
        Self { stream, watch: Some(Watch::default()) }
    }

    /// From here everything comes through.
    pub(crate) fn open(&mut self) {
        self.watch = None;
    }
}

impl Watch {
    fn see(&mut self, mut bytes: &[u8]) -> Result<(), TooLarge> {
        self.total += bytes.len();
        if self.total > UNKNOWN_MAX_PAYLOAD + ALLOWANCE {
            return Err(TooLarge);
        }
        while !bytes.is_empty() {
            let skipped = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
            self.left -= skipped as u64;
            bytes = &bytes[skipped..];
            let Some((byte, rest)) = bytes.split_first() else { return Ok(()) };
            self.head[self.have] = *byte;
            self.have += 1;
            bytes = rest;
            if let Some(length) = self.announced() {
                if length > UNKNOWN_MAX_PAYLOAD as u64 {
                    return Err(TooLarge);
                }
                (self.have, self.left) = (0, length);
            }
        }
        Ok(())
    }

    /// The payload's length, once the whole head is there.
    fn announced(&self) -> Option<u64> {
        let second = *self.head.get(1).filter(|_| self.have >= 2)?;
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let (extended, short) = match second & 0x7f {
            126 => (2, None),
            127 => (8, None),
            short => (0, Some(u64::from(short))),
        };
        let whole = 2 + extended + mask;
        if self.have < whole {
            return None;
        }
        let long =
            || self.head[2..2 + extended].iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
        Some(short.unwrap_or_else(long))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Intake<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let (Poll::Ready(Ok(())), Some(watch)) = (&read, &mut self.watch)
            && watch.see(&buf.filled()[before..]).is_err()
        {
            return Poll::Ready(Err(io::Error::other(TooLarge)));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Intake<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(length: usize) -> Vec<u8> {
        let mut bytes = vec![0x81];
        match length {
            0..126 => bytes.push(0x80 | u8::try_from(length).unwrap()),
            126..65_536 => {
                bytes.push(0xfe);
                bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                bytes.push(0xff);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend([0; 4]);
        bytes
    }

    #[test]
    fn case_103_a_frame_is_refused_by_its_head() {
        for (length, taken) in [(65_535, true), (65_536, true), (65_537, false), (1 << 40, false)] {
            assert_eq!(Watch::default().see(&frame(length)).is_ok(), taken, "{length}");
        }
        let mut many = Watch::default();
        let pings =
            (0..u32::MAX).take_while(|_| many.see(&[0x89, 0x80, 0, 0, 0, 0]).is_ok()).count();
        assert!(pings < 12_000, "{pings}");
    }

    proptest! {
        #[test]
        fn however_the_bytes_are_cut_the_answer_is_the_same(
            lengths in prop::collection::vec(prop_oneof![0..200usize, 65_000..66_000usize], 0..6),
            cuts in prop::collection::vec(1..4000usize, 1..40),
        ) {
            let mut bytes = Vec::new();
            for length in &lengths {
                bytes.extend(frame(*length));
                bytes.extend(std::iter::repeat_n(7, *length));
            }
            let fits = lengths.iter().all(|length| *length <= UNKNOWN_MAX_PAYLOAD)
                && bytes.len() <= UNKNOWN_MAX_PAYLOAD + ALLOWANCE;
            let (mut watch, mut rest, mut good) = (Watch::default(), &bytes[..], true);
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                good &= watch.see(now).is_ok();
                rest = later;
                if rest.is_empty() || !good {
                    break;
                }
            }
            prop_assert_eq!(good, fits);
        }
    }
}

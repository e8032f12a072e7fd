//! What comes in over a socket. Before its client is known, a frame that announces more than 64 KiB is refused by its
//! head, before room is made for it, and so is more than that in all. Afterwards a message has to end, and what is
//! unfinished is bounded.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::unfinished::Share;
use crate::protocol::hello::UNKNOWN_MAX_PAYLOAD;

/// Heads and control frames come on top.
const ALLOWANCE: usize = 1024;
/// A masked frame's head is no longer.
const LONGEST_HEAD: usize = 14;
/// From its first byte to its last, with all its fragments, a message takes no longer.
const MESSAGE_WITHIN: Duration = Duration::from_secs(30);

/// A stream of frames that is watched.
#[derive(Debug)]
pub(crate) struct Intake<S> {
    stream: S,
    limit: Limit,
    frames: Frames,
    /// When the unfinished message is too late, and how many had ended before it.
    due: Option<(Pin<Box<Sleep>>, u64)>,
}

#[derive(Debug)]
enum Limit {
    /// It is told to go: what it still says is thrown away.
    Going,
    /// It may have so much unfinished, and not for long.
    Known(Share),
    /// It has sent so many bytes. How long it takes is bounded by the handshake.
    Unknown(usize),
}

/// Where in the stream of frames its reader is.
#[derive(Debug, Default)]
struct Frames {
    head: [u8; LONGEST_HEAD],
    have: usize,
    /// Of the frame that is being read.
    left: u64,
    /// It stands between the frames of a message.
    is_control: bool,
    is_last: bool,
    in_message: bool,
    /// Bytes of the unfinished message.
    held: usize,
    /// How many have ended.
    ended: u64,
}

/// Why a client's frames are not read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unwanted {
    #[error("a message took too long to arrive")]
    Late,
    #[error("more unfinished messages than a client may have")]
    TooMany,
    #[error("more than a client may send before it is known")]
    TooLarge,
}

impl Unwanted {
    /// What a read has failed for, where it was this.
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<Self>().copied()
    }
}

impl From<Unwanted> for io::Error {
    fn from(why: Unwanted) -> Self {
        let kind = match why {
            Unwanted::Late => io::ErrorKind::TimedOut,
            Unwanted::TooMany | Unwanted::TooLarge => io::ErrorKind::Other,
        };
        Self::new(kind, why)
    }
}

impl<S> Intake<S> {
    /// Of a client that nobody knows yet.
    pub(crate) fn of_unknown(stream: S) -> Self {
        Self { stream, limit: Limit::Unknown(0), frames: Frames::default(), due: None }
    }

    /// Of one that may have this much held.
    pub(crate) fn of_known(stream: S, share: Share) -> Self {
        Self { stream, limit: Limit::Known(share), frames: Frames::default(), due: None }
    }

    /// The client is known from here on.
    pub(crate) fn is_known(&mut self, share: Share) {
        self.limit = Limit::Known(share);
    }

    /// The client is told to go.
    pub(crate) fn is_going(&mut self) {
        (self.limit, self.due) = (Limit::Going, None);
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Unwanted> {
        match &mut self.limit {
            Limit::Going => Ok(()),
            Limit::Unknown(seen) => {
                *seen += bytes.len();
                if *seen > UNKNOWN_MAX_PAYLOAD + ALLOWANCE {
                    return Err(Unwanted::TooLarge);
                }
                self.frames.see(bytes, UNKNOWN_MAX_PAYLOAD as u64)
            }
            Limit::Known(share) => {
                // What is too long for any client is refused where the frame is read.
                self.frames.see(bytes, u64::MAX)?;
                share.holds(self.frames.held).map_err(|_| Unwanted::TooMany)
            }
        }
    }

    fn is_in_time(&mut self, cx: &mut Context<'_>) -> Result<(), Unwanted> {
        if !matches!(self.limit, Limit::Known(_)) {
            return Ok(());
        }
        if !self.frames.is_unfinished() {
            self.due = None;
            return Ok(());
        }
        let ended = self.frames.ended;
        let due = self.due.take().filter(|(_, before)| *before == ended);
        let due = due.unwrap_or_else(|| (Box::pin(sleep(MESSAGE_WITHIN)), ended));
        let (timer, _) = self.due.insert(due);
        if timer.as_mut().poll(cx).is_ready() { Err(Unwanted::Late) } else { Ok(()) }
    }
}

impl Frames {
    fn see(&mut self, mut bytes: &[u8], longest: u64) -> Result<(), Unwanted> {
        while let Some((byte, rest)) = bytes.split_first() {
            if self.left > 0 {
                let skipped = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                self.left -= skipped as u64;
                self.held += if self.is_control { 0 } else { skipped };
                bytes = &bytes[skipped..];
            } else {
                self.head[self.have] = *byte;
                self.have += 1;
                bytes = rest;
                let Some(length) = self.announced() else { continue };
                if length > longest {
                    return Err(Unwanted::TooLarge);
                }
                (self.have, self.left) = (0, length);
                (self.is_control, self.is_last) = (self.head[0] & 8 != 0, self.head[0] & 128 != 0);
                self.in_message |= !self.is_control;
            }
            if self.left == 0 {
                self.end_frame();
            }
        }
        Ok(())
    }

    fn end_frame(&mut self) {
        if !self.is_control && self.is_last {
            (self.in_message, self.held) = (false, 0);
        }
        self.ended += u64::from(!self.in_message);
    }

    fn is_unfinished(&self) -> bool {
        self.have > 0 || self.left > 0 || self.in_message
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
        if let Poll::Ready(Ok(())) = &read {
            self.take(&buf.filled()[before..])?;
        }
        self.is_in_time(cx)?;
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

    fn unknown() -> Intake<tokio::io::Empty> {
        Intake::of_unknown(tokio::io::empty())
    }

    #[test]
    fn case_103_a_frame_is_refused_by_its_head() {
        for (length, taken) in [(65_535, true), (65_536, true), (65_537, false), (1 << 40, false)] {
            assert_eq!(unknown().take(&frame(length)).is_ok(), taken, "{length}");
        }
        let mut many = unknown();
        let pings =
            (0..u32::MAX).take_while(|_| many.take(&[0x89, 0x80, 0, 0, 0, 0]).is_ok()).count();
        assert!(pings < 12_000, "{pings}");
    }

    #[test]
    fn case_137_a_message_is_unfinished_until_its_last_fragment() {
        const PING: [u8; 6] = [0x89, 0x80, 0, 0, 0, 0];
        let mut frames = Frames::default();
        let mut first = frame(200);
        first[0] = 0x01;
        first.extend([7; 200]);
        frames.see(&first, u64::MAX).unwrap();
        assert_eq!((frames.is_unfinished(), frames.held, frames.ended), (true, 200, 0));
        frames.see(&PING, u64::MAX).unwrap();
        assert_eq!((frames.is_unfinished(), frames.held, frames.ended), (true, 200, 0));
        let mut last = frame(3);
        last[0] = 0x80;
        frames.see(&last, u64::MAX).unwrap();
        frames.see(&[7; 3], u64::MAX).unwrap();
        assert_eq!((frames.is_unfinished(), frames.held, frames.ended), (false, 0, 1));
        frames.see(&PING[..1], u64::MAX).unwrap();
        assert!(frames.is_unfinished(), "a head too");
        frames.see(&PING[1..], u64::MAX).unwrap();
        assert_eq!((frames.is_unfinished(), frames.ended), (false, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn case_137_a_message_that_does_not_end_is_given_up_after_half_a_minute() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut near, far) = tokio::io::duplex(1024);
        let all = std::sync::Arc::new(super::super::unfinished::Unfinished::default());
        let address = openclaw_plugin_sdk::ClientAddress::of([127, 0, 0, 1].into());
        let holder = super::super::unfinished::Holder::Client(address);
        let mut intake = Intake::of_known(far, all.share(holder));
        let mut read = vec![0; 1024];
        // Whole ones, for however long.
        for _ in 0..10 {
            near.write_all(&frame(0)).await.unwrap();
            tokio::time::advance(Duration::from_mins(1)).await;
            assert!(intake.read(&mut read).await.is_ok());
        }
        near.write_all(&frame(100)).await.unwrap();
        let begun = tokio::time::Instant::now();
        let why = loop {
            // Each byte comes in time, and all of them do not.
            near.write_all(&[7]).await.unwrap();
            let reading = tokio::time::timeout(Duration::from_secs(1), async {
                loop {
                    let _more = intake.read(&mut read).await?;
                }
            });
            if let Ok(Err::<(), io::Error>(error)) = reading.await {
                break Unwanted::of(&error);
            }
        };
        assert_eq!(why, Some(Unwanted::Late));
        assert!((29..32).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
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
            let (mut intake, mut rest, mut good) = (unknown(), &bytes[..], true);
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                good &= intake.take(now).is_ok();
                rest = later;
                if rest.is_empty() || !good {
                    break;
                }
            }
            prop_assert_eq!(good, fits);
        }
    }
}

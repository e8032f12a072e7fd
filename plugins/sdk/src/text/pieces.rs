//! A text in pieces that a platform takes. Marks belong to runs, so each piece opens and closes its own.

use std::collections::VecDeque;

use super::{Marks, Span, Text};
use crate::TextLimit;

/// What the marks of a run need at most on any platform, for the run and for each of its lines.
const RUN: usize = 16;
const LINE: usize = 12;

impl TextLimit {
    /// True where one message carries the text with its marks.
    pub fn takes(&self, text: &Text) -> bool {
        let marked = |span: &Span| match span {
            Span::Marked(text, Marks { block: Some(language), .. }) => {
                RUN + language.len() + text.matches("```").count()
            }
            // A platform may write the address for each line.
            Span::Marked(text, Marks { link, .. }) => {
                RUN + (LINE + link.as_ref().map_or(0, String::len)) * text.lines().count()
            }
            Span::Code(_) | Span::Opaque(_) | Span::Plain(_) => 0,
        };
        let marks: usize = text.spans.iter().map(marked).sum();
        self.measure(&text.to_plain()) + marks <= self.max
    }
}

impl Text {
    /// Cuts it into pieces that each fit: between paragraphs, else at a line, else at a blank, else between characters,
    /// and never within a code that fits whole. What is read in the pieces is what is read in the text.
    pub fn pieces(&self, limit: TextLimit) -> Vec<Self> {
        let (mut pieces, mut rest) = (Vec::new(), VecDeque::from(self.spans.clone()));
        loop {
            // No unit is longer than four bytes: what is behind that is not looked at.
            let (mut next, mut room) = (Self::default(), limit.max.saturating_mul(4));
            while let Some(span) = rest.pop_front() {
                let text = span.text();
                let end = text.ceil_char_boundary(room.saturating_add(1));
                if end < text.len() && !span.marks().code {
                    rest.push_front(span.with_text(&text[end..]));
                    next.spans.push(span.with_text(&text[..end]));
                    break;
                }
                let is_full = text.len() > room;
                room = room.saturating_sub(text.len());
                next.spans.push(span);
                if is_full {
                    break;
                }
            }
            if rest.is_empty() && limit.takes(&next) {
                pieces.push(next);
                break;
            }
            let (head, tail) = next.divided(next.cut(limit));
            pieces.push(head);
            tail.spans.into_iter().rev().for_each(|span| rest.push_front(span));
        }
        pieces.retain(|piece| !piece.spans.iter().all(|span| span.text().trim().is_empty()));
        pieces
    }

    fn cut(&self, limit: TextLimit) -> usize {
        let shown: String = self.spans.iter().map(Span::text).collect();
        let ends: Vec<usize> = shown.char_indices().map(|(at, c)| at + c.len_utf8()).collect();
        // Never less than one character, so that the text gets shorter.
        let most = ends.partition_point(|end| limit.takes(&self.divided(*end).0)).max(1);
        let end = ends.get(most - 1).copied().unwrap_or(shown.len());
        let head = &shown[..end];
        let after =
            |what: &str| head.rfind(what).map(|at| at + what.len()).filter(|at| *at > end / 2);
        let cut = after("\n\n").or_else(|| after("\n")).or_else(|| after(" ")).unwrap_or(end);
        self.code_around(cut).filter(|begin| *begin > 0).unwrap_or(cut)
    }

    /// Where the code begins that this place is within.
    fn code_around(&self, place: usize) -> Option<usize> {
        let mut begin = 0;
        for span in &self.spans {
            let end = begin + span.text().len();
            if place < end {
                return (begin < place && span.marks().code).then_some(begin);
            }
            begin = end;
        }
        None
    }

    /// The text before a place and the text from it on.
    fn divided(&self, place: usize) -> (Self, Self) {
        let (mut head, mut tail, mut left) = (Self::default(), Self::default(), place);
        for span in &self.spans {
            let text = span.text();
            match text.split_at_checked(left) {
                None => head.spans.push(span.clone()),
                Some(("", _)) => tail.spans.push(span.clone()),
                Some((text, "")) if !text.is_empty() => head.spans.push(span.clone()),
                Some((before, after)) => {
                    head.spans.push(span.with_text(before));
                    tail.spans.push(span.with_text(after));
                }
            }
            left = left.saturating_sub(text.len());
        }
        (head, tail)
    }
}

//! What a model thinks before it answers is no answer: `<think>…</think>`.

const BEGIN: &str = "<think>";
const END: &str = "</think>";

/// Takes an answer piece by piece, and gives what is said in it.
#[derive(Debug, Default)]
pub struct Thoughts {
    /// It may be the beginning of a mark.
    held: String,
    thinking: bool,
    /// Blanks behind a thought belong to it.
    ended: bool,
    last: Option<char>,
}

impl Thoughts {
    /// What this piece says, as far as that is known.
    pub fn said(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        let mut said = String::new();
        loop {
            let mark = if self.thinking { END } else { BEGIN };
            let Some(at) = self.held.find(mark) else { break };
            let before: String = self.held.drain(..at).collect();
            self.say(&before, &mut said);
            let mark: String = self.held.drain(..mark.len()).collect();
            // Code that shows a mark does not think.
            if !self.thinking && self.last == Some('`') {
                self.say(&mark, &mut said);
                continue;
            }
            self.ended = self.thinking;
            self.thinking = !self.thinking;
        }
        let mark = if self.thinking { END } else { BEGIN };
        let begins = |at: &usize| mark.starts_with(&self.held[*at..]);
        let at = self.held.char_indices().map(|(at, _)| at).find(begins);
        let rest: String = self.held.drain(..at.unwrap_or(self.held.len())).collect();
        self.say(&rest, &mut said);
        said
    }

    /// What is said at the end, where nothing more comes.
    pub fn rest(&mut self) -> String {
        let (held, mut said) = (std::mem::take(&mut self.held), String::new());
        self.say(&held, &mut said);
        said
    }

    fn say(&mut self, text: &str, said: &mut String) {
        let text = if self.ended { text.trim_start() } else { text };
        if self.thinking || text.is_empty() {
            return;
        }
        (self.ended, self.last) = (false, text.chars().last());
        said.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_thought_is_not_said() {
        for (answer, said) in [
            ("Hi", "Hi"),
            ("<think>\nhm\n</think>\n\nHi", "Hi"),
            ("<think></think>Hi", "Hi"),
            ("a <think>b</think> c<think>d</think>", "a c"),
            ("<think>it never ends", ""),
            ("1 < 2 <thin> </think>", "1 < 2 <thin> </think>"),
            ("use `<think>` so", "use `<think>` so"),
            ("a <thi", "a <thi"),
            ("ä<think>ö</think>ü", "äü"),
        ] {
            for length in [1, 2, 3, 100] {
                let chars: Vec<char> = answer.chars().collect();
                let mut thoughts = Thoughts::default();
                let pieces = chars.chunks(length).map(|piece| piece.iter().collect::<String>());
                let mut all: String = pieces.map(|piece| thoughts.said(&piece)).collect();
                all.push_str(&thoughts.rest());
                assert_eq!(all, said, "{answer:?} by {length}");
            }
        }
    }
}

//! What a text is found by: one tokeniser for both databases, so that both find the same.
//!
//! A word is a run of letters and digits, in one form: compatibility forms unfolded, lower case, Latin, Greek and
//! Cyrillic letters without their accents (`Größe`, `GROSSE` and `große` are one word). Scripts that write without
//! spaces are cut into pairs of letters, and a run's last letter stands alone beside them, so that a single letter can be
//! looked for as the beginning of a pair.

use std::ops::Range;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The longest word, in letters; what is longer is cut, in texts and queries alike.
const LONGEST: usize = 64;

/// A word and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The word in its one form: letters and digits alone, never empty.
    pub text: String,
    /// The octets of the text that it was made from.
    pub at: Range<usize>,
}

/// Returns a text's words in order.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut run = Run::default();
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        if is_combining_mark(c) && run.is_open() {
            run.mark(c, end);
        } else if is_packed(c) {
            run.packed(c, at..end, &mut out);
        } else if c.is_alphanumeric() {
            run.letter(c, at..end, &mut out);
        } else {
            run.close(&mut out);
        }
    }
    run.close(&mut out);
    out
}

/// Returns the words that a text is looked for by: as [`tokens`], but where it ends within a packed run, whose last
/// letter then has its pair in the text that is looked through.
pub fn wanted(text: &str) -> Vec<String> {
    let mut all = tokens(text);
    if let [.., pair, last] = all.as_slice()
        && pair.at.end == last.at.end
    {
        all.pop();
    }
    all.into_iter().map(|t| t.text).collect()
}

/// What is being read: a word, or letters of a script without spaces.
#[derive(Default)]
struct Run {
    word: String,
    letters: usize,
    at: Range<usize>,
    /// The last letter of a packed run, and where it stands.
    last: Option<(String, Range<usize>)>,
}

impl Run {
    fn is_open(&self) -> bool {
        !self.word.is_empty() || self.last.is_some()
    }

    fn letter(&mut self, c: char, at: Range<usize>, out: &mut Vec<Token>) {
        if self.last.is_some() {
            self.close(out);
        }
        if self.word.is_empty() {
            self.at = at.clone();
            self.letters = 0;
        }
        self.at.end = at.end;
        if self.letters < LONGEST {
            self.letters += 1;
            fold(c, &mut self.word);
        }
    }

    fn packed(&mut self, c: char, at: Range<usize>, out: &mut Vec<Token>) {
        if !self.word.is_empty() {
            self.close(out);
        }
        let mut letter = String::new();
        fold(c, &mut letter);
        if let Some((before, began)) = self.last.replace((letter.clone(), at.clone())) {
            out.push(Token { text: before + &letter, at: began.start..at.end });
        }
    }

    /// A mark belongs to the letter before it; accents are left out.
    fn mark(&mut self, c: char, end: usize) {
        match &mut self.last {
            Some((_, at)) => at.end = end,
            None => {
                self.at.end = end;
                if self.letters <= LONGEST {
                    fold(c, &mut self.word);
                }
            }
        }
    }

    fn close(&mut self, out: &mut Vec<Token>) {
        if let Some((text, at)) = self.last.take() {
            out.push(Token { text, at });
        }
        let text = std::mem::take(&mut self.word);
        if !text.is_empty() {
            out.push(Token { text, at: self.at.clone() });
        }
    }
}

/// Adds a letter in its one form.
fn fold(c: char, to: &mut String) {
    // Syllables would fall apart into their letters.
    if matches!(c, '\u{ac00}'..='\u{d7a3}') {
        to.push(c);
        return;
    }
    for c in std::iter::once(c).nfkd() {
        match c {
            // Accents of Latin, Greek and Cyrillic.
            '\u{300}'..='\u{36f}' => {}
            'ß' | 'ẞ' => to.push_str("ss"),
            'æ' | 'Æ' => to.push_str("ae"),
            'œ' | 'Œ' => to.push_str("oe"),
            'ø' | 'Ø' => to.push('o'),
            'đ' | 'Đ' | 'ð' | 'Ð' => to.push('d'),
            'ł' | 'Ł' => to.push('l'),
            'ı' => to.push('i'),
            'þ' | 'Þ' => to.push_str("th"),
            'ς' => to.push('σ'),
            c if c.is_alphanumeric() || is_combining_mark(c) => {
                to.extend(c.to_lowercase().filter(|c| !matches!(c, '\u{300}'..='\u{36f}')));
            }
            // What else a compatibility form falls apart into, such as the dot of a numbered list, is no letter.
            _ => {}
        }
    }
}

/// Letters of scripts that put no spaces between words, or glue endings to them.
pub(super) fn is_packed(c: char) -> bool {
    matches!(c,
        '\u{0e01}'..='\u{0e30}' | '\u{0e32}'..='\u{0e33}' | '\u{0e40}'..='\u{0e46}' // Thai
        | '\u{0e81}'..='\u{0eb0}' | '\u{0ec0}'..='\u{0ec6}' // Lao
        | '\u{1000}'..='\u{102a}' | '\u{1780}'..='\u{17b3}' // Burmese, Khmer
        | '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30fe}'
        | '\u{31f0}'..='\u{31ff}' | '\u{ff66}'..='\u{ff9d}' // Kana
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}' // Han
        | '\u{ac00}'..='\u{d7a3}') // Hangul
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text).into_iter().map(|t| t.text).collect()
    }

    #[test]
    fn words_have_one_form() {
        let cases = [
            ("Größe GROSSE große", "grosse grosse grosse"),
            ("Ærø, Łódź; İstanbul ılık", "aero lodz istanbul ilik"),
            ("naïve cafe\u{301} ﬁn №5 Ⅳ ²", "naive cafe fin 5 iv 2"),
            ("ΟΔΌΣ οδός Ёлка ёлка", "οδοσ οδοσ елка елка"),
            ("ann@example.org 202611-0001 foo_bar don't", "ann example org 202611 0001 foo bar don t"),
            ("１２３ ＡＢＣ", "123 abc"),
            ("हिन्दी भाषा", "हिन्दी भाषा"),
            ("", ""),
            ("… -- !?", ""),
        ];
        for (text, wanted) in cases {
            assert_eq!(words(text).join(" "), wanted, "{text}");
        }
    }

    #[test]
    fn packed_scripts_are_pairs() {
        assert_eq!(words("東京都 abc"), ["東京", "京都", "都", "abc"]);
        assert_eq!(words("주문을"), ["주문", "문을", "을"]);
        assert_eq!(words("v2東a"), ["v2", "東", "a"]);
        assert_eq!(wanted("東京都"), ["東京", "京都"]);
        assert_eq!(wanted("都"), ["都"]);
        assert_eq!(wanted("v2 東京 a"), ["v2", "東京", "京", "a"]);
    }

    #[test]
    fn long_words_are_cut_alike() {
        let long = "x".repeat(500);
        assert_eq!(words(&long), ["x".repeat(LONGEST)]);
        assert_eq!(wanted(&long), words(&long));
    }

    proptest! {
        #[test]
        fn tokens_are_letters_alone_and_lie_in_the_text_in_order(text in "\\PC{0,80}") {
            let mut before = 0;
            for token in tokens(&text) {
                prop_assert!(!token.text.is_empty());
                prop_assert!(token.text.chars().all(|c| c.is_alphanumeric() || is_combining_mark(c)), "{token:?}");
                prop_assert!(token.at.start >= before && text.get(token.at.clone()).is_some());
                before = token.at.start;
            }
        }

        #[test]
        fn a_word_of_a_text_is_found_in_it(text in "[a-zA-ZäöüßéłÆ東京都カ 0-9.,@-]{1,40}") {
            let all = words(&text);
            for part in text.split_whitespace() {
                let wanted = wanted(part);
                prop_assert!(wanted.is_empty() || all.windows(wanted.len()).any(|w| w == wanted), "{part}: {all:?}");
            }
        }
    }
}

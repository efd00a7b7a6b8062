//! Patterns of paths.
//!
//! Matched by hand, because tens of thousands of them are cheap that way, while each would cost a
//! compiled expression otherwise; the tests compare them with `globset`.

/// A pattern of paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Segment>);

/// What stands between two slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// Any number of parts, also none.
    Any,
    Literal(String),
    Glob(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Char(char),
    /// Any one character.
    One,
    /// Any number of characters, also none.
    Many,
    /// One character of these ranges, or of none of them.
    Class {
        is_negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// A part of a path.
#[derive(Debug)]
pub(super) struct Part<'p> {
    text: &'p str,
    chars: Vec<char>,
}

/// The parts of a path.
pub(super) fn parts(path: &str) -> Vec<Part<'_>> {
    let parts = path.split('/').filter(|part| !part.is_empty() && *part != ".");
    parts.map(|text| Part { text, chars: text.chars().collect() }).collect()
}

impl Pattern {
    /// As GitHub reads it: like `.gitignore`, but without `!` and `[ ]`.
    pub(super) fn github(text: &str) -> Result<Self, &'static str> {
        if text.starts_with('!') {
            return Err("GitHub does not know patterns that begin with `!`");
        }
        if has_bracket(text) {
            return Err("GitHub does not know `[ ]` in patterns, nor sections");
        }
        let mut segments = segments(text, false);
        if segments.is_empty() {
            return Err("this pattern matches nothing");
        }
        let is_anchored = text.trim_end_matches('/').contains('/');
        if !is_anchored {
            segments.insert(0, Segment::Any);
        }
        if text.ends_with('/') || segments.last() == Some(&Segment::Any) {
            segments.extend([Segment::Any, anything()]);
        } else if segments.last() != Some(&anything()) {
            // A name stands for a file, and for a folder with all that is in it. `docs/*` is the
            // exception: GitHub says that it stands for files in `docs` only.
            segments.push(Segment::Any);
        }
        Ok(Self(segments))
    }

    /// As GitLab reads it: like `File.fnmatch` of Ruby, at any depth without a leading `/`.
    pub(super) fn gitlab(text: &str) -> Self {
        let mut segments = segments(text, true);
        if !text.starts_with('/') {
            segments.insert(0, Segment::Any);
        }
        if text.ends_with('/') {
            segments.extend([Segment::Any, anything()]);
        } else if let Some(last @ Segment::Any) = segments.last_mut() {
            // Only before a slash do two stars stand for folders.
            *last = anything();
        }
        Self(segments)
    }

    /// Whether a path is meant.
    pub(super) fn matches(&self, path: &[Part<'_>]) -> bool {
        fits(&self.0, path, |segment| *segment == Segment::Any, Segment::matches)
    }
}

/// Any one part.
fn anything() -> Segment {
    Segment::Glob(vec![Token::Many])
}

fn has_bracket(text: &str) -> bool {
    let mut is_escaped = false;
    text.chars().any(|c| {
        let found = matches!(c, '[' | ']') && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        found
    })
}

fn segments(text: &str, with_classes: bool) -> Vec<Segment> {
    let parts = text.split('/').filter(|part| !part.is_empty());
    parts.map(|part| Segment::read(part, with_classes)).collect()
}

impl Segment {
    fn read(text: &str, with_classes: bool) -> Self {
        if text == "**" {
            return Self::Any;
        }
        let tokens = tokens(text, with_classes);
        let char_of = |token: &Token| match token {
            Token::Char(c) => Some(*c),
            _ => None,
        };
        let literal: Option<String> = tokens.iter().map(char_of).collect();
        literal.map_or(Self::Glob(tokens), Self::Literal)
    }

    fn matches(&self, part: &Part<'_>) -> bool {
        match self {
            Self::Any => true,
            Self::Literal(text) => text == part.text,
            Self::Glob(tokens) => {
                fits(tokens, &part.chars, |token| *token == Token::Many, Token::matches)
            }
        }
    }
}

fn tokens(text: &str, with_classes: bool) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let token = match c {
            // A backslash at the end escapes nothing.
            '\\' => match rest.next() {
                Some(c) => Token::Char(c),
                None => break,
            },
            '*' if tokens.last() == Some(&Token::Many) => continue,
            '*' => Token::Many,
            '?' => Token::One,
            '[' if with_classes => match class(rest.as_str()) {
                Some((class, after)) => {
                    rest = after.chars();
                    class
                }
                None => Token::Char('['),
            },
            c => Token::Char(c),
        };
        tokens.push(token);
    }
    tokens
}

/// The class behind a `[`, and what follows it; `None` when it does not end.
fn class(text: &str) -> Option<(Token, &str)> {
    let is_negated = text.starts_with(['!', '^']);
    let (inner, after) = if is_negated { text.get(1..)? } else { text }.split_once(']')?;
    let chars: Vec<char> = inner.chars().collect();
    let mut ranges = Vec::new();
    let mut rest = chars.as_slice();
    while let Some((first, others)) = rest.split_first() {
        let (range, others) = match others {
            ['-', last, others @ ..] => ((*first, *last), others),
            _ => ((*first, *first), others),
        };
        ranges.push(range);
        rest = others;
    }
    Some((Token::Class { is_negated, ranges }, after))
}

impl Token {
    fn matches(&self, c: &char) -> bool {
        match self {
            Self::Char(own) => own == c,
            Self::One | Self::Many => true,
            Self::Class { is_negated, ranges } => {
                ranges.iter().any(|(first, last)| (first..=last).contains(&c)) != *is_negated
            }
        }
    }
}

/// Whether a pattern fits all of a list. When it stops fitting, only the last element that stands
/// for many can help by taking one more, so the time is at most the product of both lengths.
fn fits<P, T>(
    pattern: &[P],
    list: &[T],
    is_many: impl Fn(&P) -> bool,
    fit: impl Fn(&P, &T) -> bool,
) -> bool {
    let (mut at, mut seen) = (0, 0);
    // Behind the last element for many, and how far it has come.
    let mut last: Option<(usize, usize)> = None;
    loop {
        match (pattern.get(at), list.get(seen)) {
            (None, None) => return true,
            (Some(element), _) if is_many(element) => {
                at += 1;
                last = Some((at, seen));
            }
            (Some(element), Some(item)) if fit(element, item) => {
                at += 1;
                seen += 1;
            }
            _ => match last {
                Some((behind, taken)) if taken < list.len() => {
                    last = Some((behind, taken + 1));
                    (at, seen) = (behind, taken + 1);
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Pattern, parts};
    use globset::GlobBuilder;

    /// All texts of up to `longest` of these tokens.
    fn all(tokens: &[&str], longest: usize) -> Vec<String> {
        let mut texts = vec![String::new()];
        let mut from = 0;
        for _ in 0..longest {
            let until = texts.len();
            for index in from..until {
                let start = texts[index].clone();
                texts.extend(tokens.iter().map(|token| format!("{start}{token}")));
            }
            from = until;
        }
        texts.split_off(1)
    }

    #[test]
    fn globs_mean_what_they_mean_to_globset() {
        let paths: Vec<String> = all(&["a", "b", "/"], 5)
            .into_iter()
            .filter(|path| !path.starts_with('/') && !path.ends_with('/') && !path.contains("//"))
            .collect();
        let patterns: Vec<String> = all(&["a", "*", "?", "/", "**/"], 4)
            .into_iter()
            .filter(|text| !text.starts_with('/') && !text.ends_with('/') && !text.contains("//"))
            // To globset, three stars and stars beside a name are errors or something else.
            .filter(|text| text.split('/').all(|part| !part.contains("**") || part == "**"))
            .collect();
        assert!(patterns.len() > 100 && paths.len() > 30);
        for pattern in &patterns {
            let glob = GlobBuilder::new(pattern).literal_separator(true).build().unwrap();
            let (glob, ours) = (glob.compile_matcher(), Pattern::gitlab(&format!("/{pattern}")));
            for path in &paths {
                // Two stars at the end are GitLab's own.
                let expected = glob.is_match(path);
                if !pattern.ends_with("**") {
                    assert_eq!(ours.matches(&parts(path)), expected, "{pattern} on {path}");
                }
            }
        }
    }

    #[test]
    fn classes_are_ruby_s() {
        let is = |pattern: &str, path: &str| Pattern::gitlab(pattern).matches(&parts(path));
        for (pattern, path) in
            [("[ab].c", "b.c"), ("[a-c]x", "bx"), ("[^a]x", "bx"), ("[!a-b]x", "cx"), ("[x", "[x")]
        {
            assert!(is(pattern, path), "{pattern} {path}");
        }
        assert!(!is("[ab].c", "c.c") && !is("[^a]x", "ax") && !is(r"\[ab]", "a"));
    }

    #[test]
    fn a_pattern_made_to_take_long_does_not() {
        let pattern = Pattern::github(&"*a".repeat(2_000)).unwrap();
        assert!(!pattern.matches(&parts(&"a".repeat(1_999))));
        let pattern = Pattern::github(&"**/a/".repeat(1_000)).unwrap();
        assert!(!pattern.matches(&parts(&"a/".repeat(999))));
    }
}

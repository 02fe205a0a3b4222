//! Which documents are alike, told by their tokens before anything is parsed.

use sha2::{Digest, Sha256};

/// What tells a document apart from others, and what does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Likeness {
    /// The same for documents that differ in their layout, their commas and comments, and in the alias of their only root field.
    pub digest: u128,
    /// That alias: the one key below `data`.
    pub alias: Option<String>,
}

/// Reads what a document is like from its tokens, in one pass.
pub fn likeness(text: &str) -> Likeness {
    let tokens: Vec<&[u8]> = Tokens::of(text.as_bytes()).collect();
    let place = alias_of_only_root(&tokens);
    let mut digest = Sha256::new();
    for (at, token) in tokens.iter().enumerate() {
        // No token is empty, so that nothing else looks like an alias that is left out.
        let token = if place == Some(at) { &[] } else { *token };
        digest.update((token.len() as u64).to_le_bytes());
        digest.update(token);
    }
    let digest = digest.finalize().iter().take(16).fold(0, |sum, byte| sum << 8 | u128::from(*byte));
    let alias = place.map(|place| String::from_utf8_lossy(tokens[place]).into_owned());
    Likeness { digest, alias }
}

/// Where the alias stands of the only field at the root of the only operation, a query; none where it is not as plain as that.
fn alias_of_only_root(tokens: &[&[u8]]) -> Option<usize> {
    let open = match *tokens.first()? {
        b"{" => 0,
        b"query" => skip_to(tokens, 1, b"{")?,
        _ => return None,
    };
    let [alias, colon, name] = [open + 1, open + 2, open + 3].map(|at| tokens.get(at).copied().unwrap_or_default());
    if !is_name(alias) || colon != b":" || !is_name(name) {
        return None;
    }
    let mut at = behind_group(tokens, open + 4, b"(", b")")?;
    while tokens.get(at) == Some(&&b"@"[..]) {
        at = behind_group(tokens, at + 2, b"(", b")")?;
    }
    at = behind_group(tokens, at, b"{", b"}")?;
    let is_last = tokens.get(at) == Some(&&b"}"[..]);
    // Fragments may follow; another operation would make it a matter of which one is meant.
    let only_fragments = tokens[(at + 1).min(tokens.len())..]
        .iter()
        .all(|token| !matches!(*token, b"query" | b"mutation" | b"subscription"));
    let follows = tokens.get(at + 1).is_none_or(|token| *token == b"fragment");
    (is_last && only_fragments && follows).then_some(open + 1)
}

/// The place of a token outside of parentheses.
fn skip_to(tokens: &[&[u8]], mut at: usize, wanted: &[u8]) -> Option<usize> {
    loop {
        at = behind_group(tokens, at, b"(", b")")?;
        if *tokens.get(at)? == wanted {
            return Some(at);
        }
        at += 1;
    }
}

/// The place behind a group that may begin here; the same place where none does, nothing where it does not end.
fn behind_group(tokens: &[&[u8]], at: usize, open: &[u8], close: &[u8]) -> Option<usize> {
    if tokens.get(at).copied() != Some(open) {
        return Some(at);
    }
    let mut depth = 0_usize;
    for (place, token) in tokens.iter().enumerate().skip(at) {
        if *token == open {
            depth += 1;
        } else if *token == close {
            depth -= 1;
            if depth == 0 {
                return Some(place + 1);
            }
        }
    }
    None
}

/// Whether a token is a name (GraphQL §2.1.9).
fn is_name(token: &[u8]) -> bool {
    token.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_')
        && token.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// The lexical tokens of a document (GraphQL §2.1.6).
pub struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    /// Those of a text.
    pub fn of(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.text;
        loop {
            let begin = self.at;
            let end = match *text.get(begin)? {
                b' ' | b'\t' | b'\r' | b'\n' | b',' => {
                    self.at += 1;
                    continue;
                }
                b'#' => {
                    self.at += text[begin..].iter().position(|byte| *byte == b'\n').unwrap_or(text.len() - begin);
                    continue;
                }
                b'"' => end_of_string(text, begin),
                b'.' if text[begin..].starts_with(b"...") => begin + 3,
                byte if is_wordy(byte) => {
                    begin + text[begin..].iter().position(|byte| !is_wordy(*byte)).unwrap_or(text.len() - begin)
                }
                _ => begin + 1,
            };
            self.at = end;
            return Some(&text[begin..end]);
        }
    }
}

fn is_wordy(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The place behind a string or block string that begins at `at`.
fn end_of_string(text: &[u8], at: usize) -> usize {
    if text[at..].starts_with(b"\"\"\"") {
        let body = at + 3;
        return text[body..]
            .windows(3)
            .position(|three| three == b"\"\"\"")
            .map_or(text.len(), |found| body + found + 3);
    }
    let mut place = at + 1;
    while place < text.len() {
        match text[place] {
            b'\\' => place += 2,
            b'"' | b'\n' => return place + 1,
            _ => place += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_alike_that_differ_in_the_alias_of_their_only_root_field() {
        let one = likeness("{ a: x(y: {z: \"}\"}) @skip(if: false) { b: c } }");
        assert_eq!(one.alias.as_deref(), Some("a"));
        let alike = likeness("{ b2 : x(y:{z:\"}\"}) @skip(if:false) { b: c } }");
        assert_eq!((one.digest, alike.alias.as_deref()), (alike.digest, Some("b2")));
        for other in [
            "{ x(y: {z: \"}\"}) @skip(if: false) { b: c } }",
            "{ a: x(y: {z: \"}\"}) @skip(if: false) { d: c } }",
            "{ a: w(y: {z: \"}\"}) @skip(if: false) { b: c } }",
            "query { a: x(y: {z: \"}\"}) @skip(if: false) { b: c } }",
        ] {
            assert_ne!(likeness(other).digest, one.digest, "{other}");
        }
        let named = likeness("query Q($v: I = {a: [1]}) @d(x: {}) { k: x { ...F } } fragment F on X { y }");
        assert_eq!(named.alias.as_deref(), Some("k"));
        for plain in [
            "{ a: x b: y }",
            "{ a: x ...F } fragment F on Q { y }",
            "{ ... on Q { a: x } }",
            "query A { a: x } query B { b: x }",
            "mutation { a: x }",
            "subscription { a: x }",
            "{ 1a: x }",
            "{ ä: x }",
            "{ a: x(",
            "{ a: x {",
            "{ a: x } }",
            "{ a: x } { b: y }",
            "{ a: ",
            "{",
            "",
        ] {
            assert_eq!(likeness(plain).alias, None, "{plain}");
        }
    }

    #[test]
    fn the_digest_of_a_document_does_not_change_with_its_layout() {
        let digest = |text| likeness(text).digest;
        let one = digest("{ a(x: \"b  c\") { ...F } }");
        assert_eq!(digest("{a (x:\"b  c\"),\n# told\n {...F}}"), one);
        assert_ne!(digest("{ a(x: \"b c\") { ...F } }"), one, "text in quotes");
        assert_ne!(digest("{ ab }"), digest("{ a b }"));
    }
}

//! Operation signatures: a hash that identifies equivalent documents before they are parsed.

use sha2::{Digest, Sha256};

/// Signature of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationSignature {
    /// Hash of the tokens: ignores whitespace, commas, comments, and the alias of a single root field.
    pub digest: u128,
    /// Alias of the single root field, which is the only key below `data`.
    pub alias: Option<String>,
}

/// Computes the signature of a document in one pass over its tokens.
pub fn signature_of(text: &str) -> OperationSignature {
    let tokens: Vec<&[u8]> = Tokens::of(text.as_bytes()).collect();
    let position = only_root_alias(&tokens);
    let mut digest = Sha256::new();
    for (at, token) in tokens.iter().enumerate() {
        // No token is empty, so an omitted alias cannot be confused with a token.
        let token = if position == Some(at) { &[] } else { *token };
        digest.update((token.len() as u64).to_le_bytes());
        digest.update(token);
    }
    let digest = digest.finalize().iter().take(16).fold(0, |sum, byte| sum << 8 | u128::from(*byte));
    let alias = position.map(|position| String::from_utf8_lossy(tokens[position]).into_owned());
    OperationSignature { digest, alias }
}

/// Finds the alias of the only root field of the only operation, if that is a query; `None` in all other cases.
fn only_root_alias(tokens: &[&[u8]]) -> Option<usize> {
    let open = match *tokens.first()? {
        b"{" => 0,
        b"query" => find_outside_parentheses(tokens, 1, b"{")?,
        _ => return None,
    };
    let [alias, colon, name] = [open + 1, open + 2, open + 3].map(|at| tokens.get(at).copied().unwrap_or_default());
    if !is_name(alias) || colon != b":" || !is_name(name) {
        return None;
    }
    let mut at = skip_group(tokens, open + 4, b"(", b")")?;
    while tokens.get(at) == Some(&&b"@"[..]) {
        at = skip_group(tokens, at + 2, b"(", b")")?;
    }
    at = skip_group(tokens, at, b"{", b"}")?;
    let is_last = tokens.get(at) == Some(&&b"}"[..]);
    // Fragments may follow. With a second operation, `operationName` would decide.
    let only_fragments = tokens[(at + 1).min(tokens.len())..]
        .iter()
        .all(|token| !matches!(*token, b"query" | b"mutation" | b"subscription"));
    let follows = tokens.get(at + 1).is_none_or(|token| *token == b"fragment");
    (is_last && only_fragments && follows).then_some(open + 1)
}

/// Finds a token outside of parentheses.
fn find_outside_parentheses(tokens: &[&[u8]], mut at: usize, expected: &[u8]) -> Option<usize> {
    loop {
        at = skip_group(tokens, at, b"(", b")")?;
        if *tokens.get(at)? == expected {
            return Some(at);
        }
        at += 1;
    }
}

/// Returns the position after a group that opens at `at`; `at` itself if none opens there, `None` if it is not closed.
fn skip_group(tokens: &[&[u8]], at: usize, open: &[u8], close: &[u8]) -> Option<usize> {
    if tokens.get(at).copied() != Some(open) {
        return Some(at);
    }
    let mut depth = 0_usize;
    for (position, token) in tokens.iter().enumerate().skip(at) {
        if *token == open {
            depth += 1;
        } else if *token == close {
            depth -= 1;
            if depth == 0 {
                return Some(position + 1);
            }
        }
    }
    None
}

/// Returns true for a name token (GraphQL §2.1.9).
fn is_name(token: &[u8]) -> bool {
    token.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_')
        && token.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// Iterator over the lexical tokens of a document (GraphQL §2.1.6).
pub struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    /// Starts at the beginning of a text.
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
                byte if is_word_byte(byte) => {
                    begin + text[begin..].iter().position(|byte| !is_word_byte(*byte)).unwrap_or(text.len() - begin)
                }
                _ => begin + 1,
            };
            self.at = end;
            return Some(&text[begin..end]);
        }
    }
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Returns the position after the string or block string that begins at `at`.
fn end_of_string(text: &[u8], at: usize) -> usize {
    if text[at..].starts_with(b"\"\"\"") {
        let body = at + 3;
        return text[body..]
            .windows(3)
            .position(|three| three == b"\"\"\"")
            .map_or(text.len(), |found| body + found + 3);
    }
    let mut position = at + 1;
    while position < text.len() {
        match text[position] {
            b'\\' => position += 2,
            b'"' | b'\n' => return position + 1,
            _ => position += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_that_differ_only_in_the_alias_of_a_single_root_field_have_the_same_signature() {
        let one = signature_of("{ a: x(y: {z: \"}\"}) @skip(if: false) { b: c } }");
        assert_eq!(one.alias.as_deref(), Some("a"));
        let equivalent = signature_of("{ b2 : x(y:{z:\"}\"}) @skip(if:false) { b: c } }");
        assert_eq!((one.digest, equivalent.alias.as_deref()), (equivalent.digest, Some("b2")));
        for other in [
            "{ x(y: {z: \"}\"}) @skip(if: false) { b: c } }",
            "{ a: x(y: {z: \"}\"}) @skip(if: false) { d: c } }",
            "{ a: w(y: {z: \"}\"}) @skip(if: false) { b: c } }",
            "query { a: x(y: {z: \"}\"}) @skip(if: false) { b: c } }",
        ] {
            assert_ne!(signature_of(other).digest, one.digest, "{other}");
        }
        let named = signature_of("query Q($v: I = {a: [1]}) @d(x: {}) { k: x { ...F } } fragment F on X { y }");
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
            assert_eq!(signature_of(plain).alias, None, "{plain}");
        }
    }

    #[test]
    fn the_signature_ignores_layout() {
        let digest = |text| signature_of(text).digest;
        let one = digest("{ a(x: \"b  c\") { ...F } }");
        assert_eq!(digest("{a (x:\"b  c\"),\n# comment\n {...F}}"), one);
        assert_ne!(digest("{ a(x: \"b c\") { ...F } }"), one, "text in quotes");
        assert_ne!(digest("{ ab }"), digest("{ a b }"));
    }
}

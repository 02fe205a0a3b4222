//! Pseudonyms: a keyed permutation of all texts of one shape.
//!
//! A hash would map two short ids to one pseudonym now and then, and a recording with two events of one id proves nothing. So
//! this is a Feistel network over the letters and digits of a text, with HMAC-SHA256 as its round function: different
//! texts have different pseudonyms.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::{self, SystemRandom};

/// Rounds of the network. Four are enough for a random permutation (Luby and Rackoff); short texts get some more.
const ROUNDS: u8 = 8;
/// Shortest text that is treated as hexadecimal if its letters allow it, so that an id remains a valid UUID or object id.
const MIN_HEX: usize = 8;

/// Error of drawing a key.
#[derive(Debug, thiserror::Error)]
#[error("the system has no random numbers")]
pub struct NoRandomness;

/// The permutation of one recording.
pub(crate) struct Pseudonyms {
    key: hmac::Key,
}

/// A letter or digit: its place, and its value within an alphabet.
struct Symbol {
    place: usize,
    first: u8,
    radix: u8,
    value: u8,
}

impl Pseudonyms {
    /// Draws a random key, which lives as long as this value and is never written.
    pub(crate) fn random() -> Result<Self, NoRandomness> {
        let mut bytes = [0; 32];
        rand::SecureRandom::fill(&SystemRandom::new(), &mut bytes).map_err(|_| NoRandomness)?;
        Ok(Self::with_key(&bytes))
    }

    pub(crate) fn with_key(bytes: &[u8]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, bytes) }
    }

    /// Returns the pseudonym of a text: letters become letters of the same case, digits become digits, ASCII punctuation and blanks
    /// stay. A number neither gains nor loses a leading zero.
    pub(crate) fn of(&self, text: &str) -> String {
        let mut chars: Vec<char> =
            text.chars().map(|c| if c.is_ascii() || c.is_alphanumeric() { c } else { '?' }).collect();
        let mut symbols = symbols(&chars);
        let shape = shape(&chars, &symbols);
        let middle = symbols.len() / 2;
        for round in 0..ROUNDS {
            let (left, right) = symbols.split_at_mut(middle);
            let (from, to) = if round % 2 == 0 { (left, right) } else { (right, left) };
            self.shift(round, &shape, from, to);
        }
        for symbol in &symbols {
            chars[symbol.place] = char::from(symbol.first + symbol.value);
        }
        chars.into_iter().collect()
    }

    /// Shifts each symbol of one half by an amount that depends on the other half.
    fn shift(&self, round: u8, shape: &[u8], from: &[Symbol], to: &mut [Symbol]) {
        let mut blocks = 0_u32;
        let mut stream: Vec<u8> = Vec::new();
        for (number, symbol) in to.iter_mut().enumerate() {
            if stream.len() < number * 2 + 2 {
                stream.extend_from_slice(&self.block(round, blocks, shape, from));
                blocks += 1;
            }
            let drawn = u16::from_be_bytes([stream[number * 2], stream[number * 2 + 1]]);
            let moved = (u32::from(symbol.value) + u32::from(drawn)) % u32::from(symbol.radix);
            symbol.value = u8::try_from(moved).unwrap_or_default();
        }
    }

    fn block(&self, round: u8, number: u32, shape: &[u8], from: &[Symbol]) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&[round]);
        context.update(&number.to_be_bytes());
        context.update(&(shape.len() as u64).to_be_bytes());
        context.update(shape);
        let values: Vec<u8> = from.iter().map(|symbol| symbol.value).collect();
        context.update(&values);
        context.sign().as_ref().to_vec()
    }
}

/// Returns the letters and digits of a text with their alphabets.
fn symbols(chars: &[char]) -> Vec<Symbol> {
    let is_number = chars.iter().all(char::is_ascii_digit);
    let is_hex = is_hex(chars);
    let letters = if is_hex { 6 } else { 26 };
    let symbol = |(place, c): (usize, &char)| {
        let (first, radix, value) = match *c {
            '0' if is_number && place == 0 => (b'0', 1, 0),
            // The longest numbers must stay within 64 bits.
            '9' if is_number && place == 0 && chars.len() > 18 => (b'9', 1, 0),
            c @ '1'..='9' if is_number && place == 0 => {
                (b'1', if chars.len() > 18 { 8 } else { 9 }, u32::from(c) - u32::from('1'))
            }
            c @ '0'..='9' => (b'0', 10, u32::from(c) - u32::from('0')),
            c @ 'a'..='z' => (b'a', letters, u32::from(c) - u32::from('a')),
            c @ 'A'..='Z' => (b'A', letters, u32::from(c) - u32::from('A')),
            c if c.is_ascii() => return None,
            c if c.is_numeric() => (b'0', 10, u32::from(c) % 10),
            c => (if c.is_uppercase() { b'A' } else { b'a' }, 26, u32::from(c) % 26),
        };
        Some(Symbol { place, first, radix, value: u8::try_from(value).unwrap_or_default() })
    };
    chars.iter().enumerate().filter_map(symbol).collect()
}

fn is_hex(chars: &[char]) -> bool {
    let mut letters = chars.iter().filter(|c| c.is_alphabetic());
    chars.len() >= MIN_HEX && chars.iter().any(char::is_ascii_digit) && letters.all(char::is_ascii_hexdigit)
}

/// Returns everything about a text that its pseudonym shares.
fn shape(chars: &[char], symbols: &[Symbol]) -> Vec<u8> {
    let mut shape: Vec<u8> = chars.iter().map(|c| u8::try_from(u32::from(*c)).unwrap_or(b'?')).collect();
    for symbol in symbols {
        shape[symbol.place] = symbol.first ^ (symbol.radix << 1) | 0x80;
    }
    shape
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_pseudonym_has_the_shape_of_its_text_and_depends_on_the_key() {
        let pseudonyms = Pseudonyms::with_key(&[7; 32]);
        for text in
            ["Anna Smith-1990", "K7P2M9QX", "+41 79 123 45 67", "anna@example.com", "4111111111111111", "Zoë Ñandú"]
        {
            let masked = pseudonyms.of(text);
            assert_ne!(masked, text);
            assert_eq!(masked.chars().count(), text.chars().count(), "{masked}");
            for (before, after) in text.chars().zip(masked.chars()) {
                assert_eq!((before.is_alphabetic(), before.is_numeric()), (after.is_alphabetic(), after.is_numeric()));
                assert_eq!(before.is_uppercase(), after.is_uppercase(), "{masked}");
            }
            assert_eq!(masked, pseudonyms.of(text), "the same text has the same pseudonym");
            assert_ne!(masked, Pseudonyms::with_key(&[8; 32]).of(text), "another key gives another pseudonym");
        }
    }

    #[test]
    fn different_texts_have_different_pseudonyms() {
        let pseudonyms = Pseudonyms::with_key(&[7; 32]);
        for texts in [(0..10).collect::<Vec<_>>(), (10..100).collect(), (1000..10_000).collect()] {
            let masked: BTreeSet<String> =
                texts.iter().map(|number: &u32| pseudonyms.of(&number.to_string())).collect();
            assert_eq!(masked.len(), texts.len());
        }
    }

    #[test]
    fn numbers_keep_their_digits_and_fit_into_64_bits_and_hexadecimal_ids_stay_hexadecimal() {
        let pseudonyms = Pseudonyms::with_key(&[7; 32]);
        for number in ["17201149984410", "9223372036854775807", "8999999999999999999", "1000000"] {
            let masked = pseudonyms.of(number);
            assert_eq!(masked.len(), number.len());
            assert!(!masked.starts_with('0'), "{masked}");
        }
        assert!(pseudonyms.of("8999999999999999999").parse::<i64>().is_ok());
        assert!(pseudonyms.of("0041791234567").starts_with('0'));
        for id in ["66f0aa10c3d2e4b5a6978001", "6F9619FF-8B86-D011-B42D-00CF4FC964FF"] {
            let masked = pseudonyms.of(id);
            assert!(masked.chars().all(|c| c.is_ascii_hexdigit() || c == '-'), "{masked}");
        }
    }
}

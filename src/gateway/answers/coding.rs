//! Content codings: which the client takes, and how a body is brought into it.

use std::io::Write;

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT_ENCODING;

/// How a body is coded (RFC 9110 §8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// As it is.
    Identity,
    /// `gzip`.
    Gzip,
    /// `br`.
    Brotli,
    /// `zstd`.
    Zstd,
}

/// The smallest first: what is kept is compressed once, and sent often.
const BEST_FIRST: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

impl Coding {
    /// The best that the client accepts, by its own weights, ours among equals.
    pub fn accepted(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        let mut best = (Self::Identity, 0);
        for (name, weight) in values.flat_map(|value| value.split(',')).map(weighed) {
            let offered = BEST_FIRST.into_iter().find(|coding| coding.name().is_some_and(|own| own == name));
            let rank = |coding: Self| BEST_FIRST.iter().position(|known| *known == coding).unwrap_or(BEST_FIRST.len());
            if let Some(coding) = offered
                && (weight > best.1 || (weight == best.1 && weight > 0 && rank(coding) < rank(best.0)))
            {
                best = (coding, weight);
            }
        }
        best.0
    }

    /// As `Content-Encoding` says it; none for a body as it is.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
            Self::Zstd => Some("zstd"),
        }
    }

    /// The body in this coding.
    pub fn press(self, body: &Bytes) -> Option<Bytes> {
        let pressed = match self {
            Self::Identity => return Some(body.clone()),
            Self::Gzip => {
                let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                out.write_all(body).and_then(|()| out.finish())
            }
            Self::Brotli => {
                let mut out = Vec::new();
                let parameters = brotli::enc::BrotliEncoderParams { quality: 5, ..Default::default() };
                brotli::BrotliCompress(&mut body.as_ref(), &mut out, &parameters).map(|_| out)
            }
            Self::Zstd => zstd::bulk::compress(body, zstd::DEFAULT_COMPRESSION_LEVEL),
        };
        pressed.ok().map(Bytes::from)
    }
}

/// A coding and its weight in thousandths; 1000 where none is given.
fn weighed(item: &str) -> (&str, u32) {
    let (name, rest) = item.split_once(';').unwrap_or((item, ""));
    let weight = rest.trim().strip_prefix("q=").map_or(1000, |weight| match weight.trim() {
        "1" | "1.0" | "1.00" | "1.000" => 1000,
        weight => {
            let digits: String =
                weight.strip_prefix("0.").unwrap_or("0").chars().chain("000".chars()).take(3).collect();
            digits.parse().unwrap_or(0)
        }
    });
    (name.trim(), weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(value: &'static str) -> Coding {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, axum::http::HeaderValue::from_static(value));
        Coding::accepted(&headers)
    }

    #[test]
    fn the_clients_weights_decide_and_ours_among_equals() {
        for (value, coding) in [
            ("gzip", Coding::Gzip),
            ("gzip, deflate, br, zstd", Coding::Brotli),
            ("gzip, zstd", Coding::Zstd),
            ("br;q=0.5, gzip;q=0.8", Coding::Gzip),
            ("br;q=0, gzip", Coding::Gzip),
            ("br; q=0.25, zstd;q=0.3", Coding::Zstd),
            ("deflate", Coding::Identity),
            ("identity", Coding::Identity),
            ("gzip;q=0", Coding::Identity),
            ("", Coding::Identity),
        ] {
            assert_eq!(accepted(value), coding, "{value}");
        }
        assert_eq!(Coding::accepted(&HeaderMap::new()), Coding::Identity);
    }

    #[test]
    fn what_is_pressed_is_smaller_and_opens_to_the_same() {
        let body = Bytes::from("{\"data\":[1,2,3]}".repeat(500));
        for coding in BEST_FIRST {
            let pressed = coding.press(&body).expect("a body");
            assert!(pressed.len() < body.len() / 4, "{coding:?}: {}", pressed.len());
            let mut opened = Vec::new();
            match coding {
                Coding::Gzip => {
                    std::io::copy(&mut flate2::read::GzDecoder::new(&*pressed), &mut opened).expect("gzip");
                }
                Coding::Brotli => brotli::BrotliDecompress(&mut &*pressed, &mut opened).expect("brotli"),
                _ => opened = zstd::bulk::decompress(&pressed, 1 << 20).expect("zstd"),
            }
            assert_eq!(opened, body, "{coding:?}");
        }
    }
}

//! Content codings: negotiation with the client, and compression.

use std::io::Write;

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT_ENCODING;

/// A content coding (RFC 9110 §8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentCoding {
    /// No compression.
    Identity,
    /// `gzip`.
    Gzip,
    /// `br`.
    Brotli,
    /// `zstd`.
    Zstd,
}

/// Smallest output first: a cached body is compressed once and sent often.
const BY_PREFERENCE: [ContentCoding; 3] = [ContentCoding::Brotli, ContentCoding::Zstd, ContentCoding::Gzip];

impl ContentCoding {
    /// Picks the coding with the highest client weight; ties are broken by `BY_PREFERENCE`.
    pub fn negotiate(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        let mut best = (Self::Identity, 0);
        for (name, weight) in values.flat_map(|value| value.split(',')).map(parse_weighted) {
            let offered = BY_PREFERENCE.into_iter().find(|coding| coding.name().is_some_and(|own| own == name));
            let rank = |coding: Self| {
                BY_PREFERENCE.iter().position(|candidate| *candidate == coding).unwrap_or(BY_PREFERENCE.len())
            };
            if let Some(coding) = offered
                && (weight > best.1 || (weight == best.1 && weight > 0 && rank(coding) < rank(best.0)))
            {
                best = (coding, weight);
            }
        }
        best.0
    }

    /// Returns the value of `Content-Encoding`, or `None` for an uncompressed body.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
            Self::Zstd => Some("zstd"),
        }
    }

    /// Compresses a body. Returns `None` if the encoder fails.
    pub fn compress(self, body: &Bytes) -> Option<Bytes> {
        let compressed = match self {
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
        compressed.ok().map(Bytes::from)
    }
}

/// Splits off the weight of a coding, in thousandths; 1000 if the client gave none.
fn parse_weighted(item: &str) -> (&str, u32) {
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

    fn negotiate(value: &'static str) -> ContentCoding {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, axum::http::HeaderValue::from_static(value));
        ContentCoding::negotiate(&headers)
    }

    #[test]
    fn client_weights_decide_and_preference_breaks_ties() {
        for (value, coding) in [
            ("gzip", ContentCoding::Gzip),
            ("gzip, deflate, br, zstd", ContentCoding::Brotli),
            ("gzip, zstd", ContentCoding::Zstd),
            ("br;q=0.5, gzip;q=0.8", ContentCoding::Gzip),
            ("br;q=0, gzip", ContentCoding::Gzip),
            ("br; q=0.25, zstd;q=0.3", ContentCoding::Zstd),
            ("deflate", ContentCoding::Identity),
            ("identity", ContentCoding::Identity),
            ("gzip;q=0", ContentCoding::Identity),
            ("", ContentCoding::Identity),
        ] {
            assert_eq!(negotiate(value), coding, "{value}");
        }
        assert_eq!(ContentCoding::negotiate(&HeaderMap::new()), ContentCoding::Identity);
    }

    #[test]
    fn compressed_bodies_are_smaller_and_decompress_to_the_original() {
        let body = Bytes::from("{\"data\":[1,2,3]}".repeat(500));
        for coding in BY_PREFERENCE {
            let compressed = coding.compress(&body).expect("a body");
            assert!(compressed.len() < body.len() / 4, "{coding:?}: {}", compressed.len());
            let mut decompressed = Vec::new();
            match coding {
                ContentCoding::Gzip => {
                    std::io::copy(&mut flate2::read::GzDecoder::new(&*compressed), &mut decompressed).expect("gzip");
                }
                ContentCoding::Brotli => {
                    brotli::BrotliDecompress(&mut &*compressed, &mut decompressed).expect("brotli")
                }
                _ => decompressed = zstd::bulk::decompress(&compressed, 1 << 20).expect("zstd"),
            }
            assert_eq!(decompressed, body, "{coding:?}");
        }
    }
}

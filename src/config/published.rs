//! Keys that are published with the source code. Everybody knows them, so only sandboxes may use them.

/// The text in place of a hash in `config/example.toml` and `deploy/kubernetes/ticketgraph.toml`.
const PLACEHOLDER: &str = "REPLACE WITH THE SHA-256 OF YOUR KEY";

/// SHA-256 of published API keys: those of `config/sandbox.toml`, and the examples of earlier versions.
const KEY_HASHES: [&str; 9] = [
    "1d5723759050af14f4b5f85199ddeb81b19ee136aeb094030141491287f3dec5",
    "9582564256471b7daa6b1584975877157959341bf9cc50d6a84e4f132c111dec",
    "bc037a7d44544c5b13f46c70ed56775a0cb34b544cb424cad214ac8bb946621c",
    "0cacea68a447b2513fa75882349aeab08b93e6f3998d7c7e03ce83fb2190978b",
    "abeab11453de86fa4f4037e0a12fc67245c8ad4c24bc3d6f73a2d945ebdb141a",
    "1bcbc0b781517aabcc964c1d3fbf2560a0bf9dc6b12dc8e74c2d39d71ed1b5e1",
    "f584ad838f8fc62724b3a9a1ad9bf1e2f9edd8eb3fb222ecf7a49e7fc6e0e2c3",
    "1192af5b7a99e1ab7eaed2ae90d567e0d7097165e71a46aeb937a2509dfbe0fd",
    "0616d218e814449024bf00fe9ca31f5412856b912859622b3c509459dd7f0b4a",
];

/// The encryption key of `config/sandbox.toml`.
const LEDGER_KEY: &[u8; 32] = b"sandbox only, never for real use";

/// Returns true for the placeholder of a key hash.
pub(super) fn is_placeholder(key_sha256: &str) -> bool {
    key_sha256.trim() == PLACEHOLDER
}

/// Returns true for the hash of a published API key.
pub(super) fn is_published_hash(key_sha256: &str) -> bool {
    KEY_HASHES.iter().any(|published| published.eq_ignore_ascii_case(key_sha256))
}

/// Returns true for the published encryption key.
pub(super) fn is_published_ledger_key(key: &[u8; 32]) -> bool {
    key == LEDGER_KEY
}

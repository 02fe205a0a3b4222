//! Types of settings and their syntax.

use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo};
use rust_decimal::Decimal;
use tracing_subscriber::EnvFilter;
use url::Url;

use crate::config::diagnostic::unknown_name;
use crate::config::tree::Node;
use domain::source::Quota;
use domain::{Currency, Environment};

/// A type of setting.
pub(super) trait Setting: Sized {
    /// Expected syntax, for diagnostics: follows "must be".
    const EXPECTED: &'static str;

    /// Parses a value. The error is the text of a diagnostic.
    fn read(node: &Node) -> Result<Self, String>;

    /// A value to continue with after a diagnostic.
    fn placeholder() -> Self;
}

/// Builds the message for a value of the wrong type.
fn wrong_kind<T: Setting>(node: &Node) -> String {
    format!("must be {}, is {}", T::EXPECTED, node.describe())
}

/// A setting with a closed list of names.
pub(super) trait Choice: Copy + 'static {
    /// Term for the names, for diagnostics.
    const KIND: &'static str;
    /// Expected syntax, for diagnostics: follows "must be".
    const EXPECTED: &'static str;
    /// Names and their values.
    const CHOICES: &'static [(&'static str, Self)];
}

impl<T: Choice> Setting for T {
    const EXPECTED: &'static str = <T as Choice>::EXPECTED;

    fn read(node: &Node) -> Result<Self, String> {
        let text = node.as_text().filter(|text| !text.is_empty()).ok_or_else(|| wrong_kind::<Self>(node))?;
        let chosen = T::CHOICES.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice);
        chosen.ok_or_else(|| unknown_name(T::KIND, text, T::CHOICES.iter().map(|(name, _)| *name)))
    }

    fn placeholder() -> Self {
        T::CHOICES[0].1
    }
}

impl Choice for Environment {
    const KIND: &'static str = "environment";
    const EXPECTED: &'static str = r#""sandbox" or "live""#;
    const CHOICES: &'static [(&'static str, Self)] = &[("sandbox", Self::Sandbox), ("live", Self::Live)];
}

impl Setting for bool {
    const EXPECTED: &'static str = "true or false";

    fn read(node: &Node) -> Result<Self, String> {
        node.as_bool().ok_or_else(|| wrong_kind::<Self>(node))
    }

    fn placeholder() -> Self {
        false
    }
}

impl Setting for u32 {
    const EXPECTED: &'static str = "a whole number, 0 or more";

    fn read(node: &Node) -> Result<Self, String> {
        node.as_integer().and_then(|number| number.try_into().ok()).ok_or_else(|| wrong_kind::<Self>(node))
    }

    fn placeholder() -> Self {
        0
    }
}

impl Setting for NonZeroU32 {
    const EXPECTED: &'static str = "a whole number, 1 or more";

    fn read(node: &Node) -> Result<Self, String> {
        u32::read(node).ok().and_then(Self::new).ok_or_else(|| wrong_kind::<Self>(node))
    }

    fn placeholder() -> Self {
        Self::MIN
    }
}

impl Setting for NonZeroUsize {
    const EXPECTED: &'static str = NonZeroU32::EXPECTED;

    fn read(node: &Node) -> Result<Self, String> {
        NonZeroU32::read(node)?.try_into().map_err(|_| wrong_kind::<Self>(node))
    }

    fn placeholder() -> Self {
        Self::MIN
    }
}

/// A percentage from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u8);

impl Percent {
    pub(super) const NONE: Self = Self(0);
    pub(super) const HALF: Self = Self(50);
    pub(super) const NEARLY_ALL: Self = Self(90);

    /// Returns the number.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Display for Percent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl Setting for Percent {
    const EXPECTED: &'static str = "a whole number from 0 to 100";

    fn read(node: &Node) -> Result<Self, String> {
        let number = node.as_integer().filter(|number| (0..=100).contains(number));
        number.and_then(|number| number.try_into().ok()).map(Self).ok_or_else(|| wrong_kind::<Self>(node))
    }

    fn placeholder() -> Self {
        Self(0)
    }
}

/// A commission in percent. It is exact, never a float.
impl Setting for Decimal {
    const EXPECTED: &'static str = "a percentage from 0 to 100 such as 8.5";

    fn read(node: &Node) -> Result<Self, String> {
        let hundred = Self::ONE_HUNDRED;
        node.as_decimal().filter(|rate| (Self::ZERO..=hundred).contains(rate)).ok_or_else(|| wrong_kind::<Self>(node))
    }

    fn placeholder() -> Self {
        Self::ZERO
    }
}

impl Setting for String {
    const EXPECTED: &'static str = "text in quotes";

    fn read(node: &Node) -> Result<Self, String> {
        let text = node.as_text().filter(|text| !text.trim().is_empty());
        text.map(str::to_owned).ok_or_else(|| wrong_kind::<Self>(node))
    }

    fn placeholder() -> Self {
        Self::new()
    }
}

/// Relative paths are relative to the folder of the file.
impl Setting for PathBuf {
    const EXPECTED: &'static str = "the path of a file";

    fn read(node: &Node) -> Result<Self, String> {
        let text = node.as_text().filter(|text| !text.is_empty());
        text.map(|text| node.location.resolve(text)).ok_or_else(|| wrong_kind::<Self>(node))
    }

    fn placeholder() -> Self {
        Self::new()
    }
}

/// Longer durations are typing errors, and would overflow sums of timestamps.
const MAX_DURATION: Duration = Duration::from_secs(366 * 24 * 3600);

impl Setting for Duration {
    const EXPECTED: &'static str = r#"a duration above zero such as "250ms", "30s", "5m" or "24h""#;

    fn read(node: &Node) -> Result<Self, String> {
        let length = node.as_text().and_then(|text| parse_duration(text.trim()));
        let length = length.and_then(|length| Self::try_from(length).ok());
        length.filter(|length| !length.is_zero() && *length <= MAX_DURATION).ok_or_else(|| wrong_kind::<Self>(node))
    }

    fn placeholder() -> Self {
        Self::from_secs(1)
    }
}

/// Parses a duration. A day has 24 hours.
fn parse_duration(text: &str) -> Option<SignedDuration> {
    let span = text.parse::<Span>().ok()?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()
}

/// Formats a duration in the syntax of settings.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(super) struct DisplayDuration(pub(super) Duration);

impl Display for DisplayDuration {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:#}", SignedDuration::try_from(self.0).unwrap_or(SignedDuration::MAX))
    }
}

/// An amount of memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub usize);

impl Setting for ByteSize {
    const EXPECTED: &'static str = r#"an amount of memory such as "64KiB", "1MiB" or "1GiB""#;

    fn read(node: &Node) -> Result<Self, String> {
        let amount = node.as_text().and_then(|text| {
            let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
            let (digits, shift) = units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)))?;
            let number: u32 = digits.trim().parse().ok()?;
            usize::try_from(u64::from(number) << shift).ok().filter(|bytes| *bytes > 0)
        });
        amount.map(Self).ok_or_else(|| wrong_kind::<Self>(node))
    }

    fn placeholder() -> Self {
        Self(1)
    }
}

impl Setting for SocketAddr {
    const EXPECTED: &'static str = r#"an address and a port such as "127.0.0.1:4000" or "[::]:4000""#;

    fn read(node: &Node) -> Result<Self, String> {
        node.as_text().and_then(|text| text.trim().parse().ok()).ok_or_else(|| wrong_kind::<Self>(node))
    }

    fn placeholder() -> Self {
        Self::from(([127, 0, 0, 1], 0))
    }
}

/// An HTTP URL. Diagnostics omit the value, because it may contain a key.
impl Setting for Url {
    const EXPECTED: &'static str = r#"a URL such as "https://api.example.com" without user, query or fragment"#;

    fn read(node: &Node) -> Result<Self, String> {
        let fine = |url: &Self| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        };
        let url = node.as_text().and_then(|text| Self::parse(text.trim()).ok()).filter(fine);
        url.ok_or_else(|| format!("must be {}", Self::EXPECTED))
    }

    #[expect(clippy::expect_used, reason = "the text is fixed")]
    fn placeholder() -> Self {
        Self::parse("http://127.0.0.1").expect("a fixed address parses")
    }
}

impl Setting for TimeZone {
    const EXPECTED: &'static str = r#"an IANA time zone such as "Europe/Zurich""#;

    fn read(node: &Node) -> Result<Self, String> {
        let text = node.as_text().ok_or_else(|| wrong_kind::<Self>(node))?;
        Self::get(text).map_err(|_| {
            let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
            let nearest =
                crate::config::diagnostic::nearest_name(text, known.iter().map(String::as_str)).unwrap_or("UTC");
            format!("{}; nearest is {nearest:?}", wrong_kind::<Self>(node))
        })
    }

    fn placeholder() -> Self {
        Self::UTC
    }
}

impl Setting for Currency {
    const EXPECTED: &'static str = r#"an ISO 4217 code such as "EUR""#;

    fn read(node: &Node) -> Result<Self, String> {
        node.as_text().and_then(|text| text.parse().ok()).ok_or_else(|| wrong_kind::<Self>(node))
    }

    #[expect(clippy::expect_used, reason = "the text is fixed")]
    fn placeholder() -> Self {
        "EUR".parse().expect("the euro exists")
    }
}

/// Requests per time, written `60/1m`.
impl Setting for Quota {
    const EXPECTED: &'static str = r#"requests per time such as "60/1m""#;

    fn read(node: &Node) -> Result<Self, String> {
        let quota = node.as_text().and_then(|text| {
            let (requests, per) = text.split_once('/')?;
            let per = per.trim().parse::<SignedDuration>().ok().and_then(|per| Duration::try_from(per).ok())?;
            let requests = requests.trim().parse().ok().filter(|requests| *requests > 0)?;
            (!per.is_zero() && per <= MAX_DURATION).then_some(Self { requests, per })
        });
        quota.ok_or_else(|| wrong_kind::<Self>(node))
    }

    fn placeholder() -> Self {
        Self { requests: 1, per: Duration::from_secs(1) }
    }
}

/// Log filter: a level, or levels by module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(pub(super) String);

impl LogFilter {
    /// Returns the text for `tracing_subscriber::EnvFilter`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Setting for LogFilter {
    const EXPECTED: &'static str = r#"a level such as "info", or levels by module such as "info,ticketgraph=debug""#;

    fn read(node: &Node) -> Result<Self, String> {
        let text = node.as_text().filter(|text| EnvFilter::builder().parse(text).is_ok() && !text.is_empty());
        text.map(|text| Self(text.to_owned())).ok_or_else(|| wrong_kind::<Self>(node))
    }

    fn placeholder() -> Self {
        Self("info".to_owned())
    }
}

/// A list; diagnostics name the number of each wrong item.
impl<T: Setting> Setting for Vec<T> {
    const EXPECTED: &'static str = "a list";

    fn read(node: &Node) -> Result<Self, String> {
        let items = node
            .as_list()
            .ok_or_else(|| format!("must be a list, each item {}, is {}", T::EXPECTED, node.describe()))?;
        let numbered_item =
            |(number, item): (usize, &Node)| T::read(item).map_err(|message| numbered(number + 1, message));
        let (fine, wrong): (Vec<_>, Vec<_>) = items.iter().enumerate().map(numbered_item).partition(Result::is_ok);
        match wrong.is_empty() {
            true => Ok(fine.into_iter().flatten().collect()),
            false => Err(wrong.into_iter().filter_map(Result::err).collect::<Vec<_>>().join("; ")),
        }
    }

    fn placeholder() -> Self {
        Self::new()
    }
}

fn numbered(number: usize, message: impl Display) -> String {
    format!("item {number} {message}")
}

//! The kinds of value that a setting may have, and how each is written.

use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use tracing_subscriber::EnvFilter;
use url::Url;

use crate::config::finding::unknown;
use crate::config::tree::Node;
use domain::source::Quota;
use domain::{Currency, Environment};

/// A kind of value.
pub(super) trait Setting: Sized {
    /// What to write, for findings: it follows "must be".
    const WANTED: &'static str;

    /// Understands what was written, or says what is wrong with it.
    fn read(node: &Node) -> Result<Self, String>;

    /// Any value, to go on reading with after a finding.
    fn stand_in() -> Self;
}

/// The sentence for a value of the wrong kind.
fn must_be<T: Setting>(node: &Node) -> String {
    format!("must be {}, is {}", T::WANTED, node.shown())
}

/// A kind of value of which only a few are known by name.
pub(super) trait Choice: Copy + 'static {
    /// What a name stands for, for findings.
    const WHAT: &'static str;
    /// What to write, for findings: it follows "must be".
    const WANTED: &'static str;
    /// The names, and what they mean.
    const CHOICES: &'static [(&'static str, Self)];
}

impl<T: Choice> Setting for T {
    const WANTED: &'static str = <T as Choice>::WANTED;

    fn read(node: &Node) -> Result<Self, String> {
        let text = node.text().filter(|text| !text.is_empty()).ok_or_else(|| must_be::<Self>(node))?;
        let chosen = T::CHOICES.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice);
        chosen.ok_or_else(|| unknown(T::WHAT, text, T::CHOICES.iter().map(|(name, _)| *name)))
    }

    fn stand_in() -> Self {
        T::CHOICES[0].1
    }
}

impl Choice for Environment {
    const WHAT: &'static str = "environment";
    const WANTED: &'static str = r#""sandbox" or "live""#;
    const CHOICES: &'static [(&'static str, Self)] = &[("sandbox", Self::Sandbox), ("live", Self::Live)];
}

impl Setting for bool {
    const WANTED: &'static str = "true or false";

    fn read(node: &Node) -> Result<Self, String> {
        node.switch().ok_or_else(|| must_be::<Self>(node))
    }

    fn stand_in() -> Self {
        false
    }
}

impl Setting for u32 {
    const WANTED: &'static str = "a whole number, 0 or more";

    fn read(node: &Node) -> Result<Self, String> {
        node.whole().and_then(|number| number.try_into().ok()).ok_or_else(|| must_be::<Self>(node))
    }

    fn stand_in() -> Self {
        0
    }
}

impl Setting for NonZeroU32 {
    const WANTED: &'static str = "a whole number, 1 or more";

    fn read(node: &Node) -> Result<Self, String> {
        u32::read(node).ok().and_then(Self::new).ok_or_else(|| must_be::<Self>(node))
    }

    fn stand_in() -> Self {
        Self::MIN
    }
}

impl Setting for NonZeroUsize {
    const WANTED: &'static str = NonZeroU32::WANTED;

    fn read(node: &Node) -> Result<Self, String> {
        NonZeroU32::read(node)?.try_into().map_err(|_| must_be::<Self>(node))
    }

    fn stand_in() -> Self {
        Self::MIN
    }
}

/// A share of a whole in percent, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u8);

impl Percent {
    pub(super) const NONE: Self = Self(0);
    pub(super) const HALF: Self = Self(50);
    pub(super) const NEARLY_ALL: Self = Self(90);

    /// How many of a hundred.
    pub fn of_hundred(self) -> u8 {
        self.0
    }
}

impl Display for Percent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl Setting for Percent {
    const WANTED: &'static str = "a whole number from 0 to 100";

    fn read(node: &Node) -> Result<Self, String> {
        let number = node.whole().filter(|number| (0..=100).contains(number));
        number.and_then(|number| number.try_into().ok()).map(Self).ok_or_else(|| must_be::<Self>(node))
    }

    fn stand_in() -> Self {
        Self(0)
    }
}

/// A commission in percent, exact: it is never a float.
impl Setting for Decimal {
    const WANTED: &'static str = "a percentage from 0 to 100 such as 8.5";

    fn read(node: &Node) -> Result<Self, String> {
        let hundred = Self::ONE_HUNDRED;
        node.decimal().filter(|rate| (Self::ZERO..=hundred).contains(rate)).ok_or_else(|| must_be::<Self>(node))
    }

    fn stand_in() -> Self {
        Self::ZERO
    }
}

impl Setting for String {
    const WANTED: &'static str = "text in quotes";

    fn read(node: &Node) -> Result<Self, String> {
        let text = node.text().filter(|text| !text.trim().is_empty());
        text.map(str::to_owned).ok_or_else(|| must_be::<Self>(node))
    }

    fn stand_in() -> Self {
        Self::new()
    }
}

/// Relative paths start from the folder of the file that names them.
impl Setting for PathBuf {
    const WANTED: &'static str = "the path of a file";

    fn read(node: &Node) -> Result<Self, String> {
        let text = node.text().filter(|text| !text.is_empty());
        text.map(|text| node.place.resolve(text)).ok_or_else(|| must_be::<Self>(node))
    }

    fn stand_in() -> Self {
        Self::new()
    }
}

/// More than a year is a slip of the pen, and would overflow sums of instants.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

impl Setting for Duration {
    const WANTED: &'static str = r#"a duration above zero such as "250ms", "30s", "5m" or "24h""#;

    fn read(node: &Node) -> Result<Self, String> {
        let length = node.text().and_then(|text| text.trim().parse::<SignedDuration>().ok());
        let length = length.and_then(|length| Self::try_from(length).ok());
        length.filter(|length| !length.is_zero() && *length <= LONGEST).ok_or_else(|| must_be::<Self>(node))
    }

    fn stand_in() -> Self {
        Self::from_secs(1)
    }
}

/// A duration, told as settings write it.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(super) struct Spoken(pub(super) Duration);

impl Display for Spoken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:#}", SignedDuration::try_from(self.0).unwrap_or(SignedDuration::MAX))
    }
}

/// An amount of memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub usize);

impl Setting for Bytes {
    const WANTED: &'static str = r#"an amount of memory such as "64KiB", "1MiB" or "1GiB""#;

    fn read(node: &Node) -> Result<Self, String> {
        let amount = node.text().and_then(|text| {
            let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
            let (digits, shift) = units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)))?;
            let number: u32 = digits.trim().parse().ok()?;
            usize::try_from(u64::from(number) << shift).ok().filter(|bytes| *bytes > 0)
        });
        amount.map(Self).ok_or_else(|| must_be::<Self>(node))
    }

    fn stand_in() -> Self {
        Self(1)
    }
}

impl Setting for SocketAddr {
    const WANTED: &'static str = r#"an address and a port such as "127.0.0.1:4000" or "[::]:4000""#;

    fn read(node: &Node) -> Result<Self, String> {
        node.text().and_then(|text| text.trim().parse().ok()).ok_or_else(|| must_be::<Self>(node))
    }

    fn stand_in() -> Self {
        Self::from(([127, 0, 0, 1], 0))
    }
}

/// An address over HTTP. Findings do not repeat it: people write keys into addresses.
impl Setting for Url {
    const WANTED: &'static str = r#"an address such as "https://api.example.com" without user, query or fragment"#;

    fn read(node: &Node) -> Result<Self, String> {
        let fine = |url: &Self| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        };
        let url = node.text().and_then(|text| Self::parse(text.trim()).ok()).filter(fine);
        url.ok_or_else(|| format!("must be {}", Self::WANTED))
    }

    #[expect(clippy::expect_used, reason = "the text is fixed")]
    fn stand_in() -> Self {
        Self::parse("http://127.0.0.1").expect("a fixed address parses")
    }
}

impl Setting for TimeZone {
    const WANTED: &'static str = r#"an IANA time zone such as "Europe/Zurich""#;

    fn read(node: &Node) -> Result<Self, String> {
        let text = node.text().ok_or_else(|| must_be::<Self>(node))?;
        Self::get(text).map_err(|_| {
            let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
            let near = crate::config::finding::nearest(text, known.iter().map(String::as_str)).unwrap_or("UTC");
            format!("{}; nearest is {near:?}", must_be::<Self>(node))
        })
    }

    fn stand_in() -> Self {
        Self::UTC
    }
}

impl Setting for Currency {
    const WANTED: &'static str = r#"an ISO 4217 code such as "EUR""#;

    fn read(node: &Node) -> Result<Self, String> {
        node.text().and_then(|text| text.parse().ok()).ok_or_else(|| must_be::<Self>(node))
    }

    #[expect(clippy::expect_used, reason = "the text is fixed")]
    fn stand_in() -> Self {
        "EUR".parse().expect("the euro exists")
    }
}

/// Requests in a window, written `60/1m`.
impl Setting for Quota {
    const WANTED: &'static str = r#"requests in a time such as "60/1m""#;

    fn read(node: &Node) -> Result<Self, String> {
        let quota = node.text().and_then(|text| {
            let (requests, per) = text.split_once('/')?;
            let per = per.trim().parse::<SignedDuration>().ok().and_then(|per| Duration::try_from(per).ok())?;
            let requests = requests.trim().parse().ok().filter(|requests| *requests > 0)?;
            (!per.is_zero() && per <= LONGEST).then_some(Self { requests, per })
        });
        quota.ok_or_else(|| must_be::<Self>(node))
    }

    fn stand_in() -> Self {
        Self { requests: 1, per: Duration::from_secs(1) }
    }
}

/// Which log lines are kept: a level, or levels by module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(pub(super) String);

impl LogFilter {
    /// The text that `tracing_subscriber::EnvFilter` reads.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Setting for LogFilter {
    const WANTED: &'static str = r#"a level such as "info", or levels by module such as "info,ticketgraph=debug""#;

    fn read(node: &Node) -> Result<Self, String> {
        let text = node.text().filter(|text| EnvFilter::builder().parse(text).is_ok() && !text.is_empty());
        text.map(|text| Self(text.to_owned())).ok_or_else(|| must_be::<Self>(node))
    }

    fn stand_in() -> Self {
        Self("info".to_owned())
    }
}

/// A list; the first wrong item is told with its number.
impl<T: Setting> Setting for Vec<T> {
    const WANTED: &'static str = "a list";

    fn read(node: &Node) -> Result<Self, String> {
        let items =
            node.list().ok_or_else(|| format!("must be a list, each item {}, is {}", T::WANTED, node.shown()))?;
        let told = |(number, item): (usize, &Node)| T::read(item).map_err(|message| numbered(number + 1, message));
        let (fine, wrong): (Vec<_>, Vec<_>) = items.iter().enumerate().map(told).partition(Result::is_ok);
        match wrong.is_empty() {
            true => Ok(fine.into_iter().flatten().collect()),
            false => Err(wrong.into_iter().filter_map(Result::err).collect::<Vec<_>>().join("; ")),
        }
    }

    fn stand_in() -> Self {
        Self::new()
    }
}

fn numbered(number: usize, message: impl Display) -> String {
    format!("item {number} {message}")
}

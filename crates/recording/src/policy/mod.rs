//! The rules by which a value is written as it is. Everything that no rule names is masked.

/// Whole numbers below this are kept: they count, and identify nobody.
const SMALL_NUMBER_DIGITS: usize = 6;
/// Digits of a number in XML that is kept under any key.
const UNTYPED_NUMBER_DIGITS: usize = 3;
/// Longest amount in digits before the decimal point: shorter than any card or account number.
const MAX_AMOUNT_DIGITS: usize = 9;
/// Longest fraction of a decimal: the precision of a coordinate.
const MAX_FRACTION_DIGITS: usize = 8;
/// Longest word of an enumeration.
const MAX_WORD: usize = 40;
/// Longest key or element name.
const MAX_KEY: usize = 48;

const DATE_WORDS: &[&str] = &[
    "begin",
    "beginning",
    "closing",
    "created",
    "creation",
    "date",
    "dates",
    "day",
    "days",
    "end",
    "ending",
    "ends",
    "expiration",
    "expires",
    "expiry",
    "hour",
    "modified",
    "opening",
    "start",
    "starting",
    "starts",
    "time",
    "times",
    "timestamp",
    "until",
    "update",
    "updated",
    "valid",
    "weekday",
    "weekdays",
];
/// Words of keys of dates, and of other things, too: a number under one of them may be a phone number.
const VAGUE_DATE_WORDS: &[&str] = &["at", "from", "on", "to"];
const AMOUNT_WORDS: &[&str] = &[
    "amount", "amounts", "balance", "charge", "charges", "cost", "discount", "fee", "fees", "price", "prices", "rate",
    "subtotal", "tax", "taxes", "total", "totals", "vat",
];
const ENUMERATION_WORDS: &[&str] = &[
    "access",
    "category",
    "channel",
    "granularity",
    "kind",
    "level",
    "method",
    "mode",
    "phase",
    "result",
    "role",
    "scope",
    "state",
    "stage",
    "status",
    "type",
    "unit",
    "visibility",
];
const CODE_KEYS: &[&str] = &["statuscode", "errorcode", "resultcode", "faultcode", "reasoncode"];
const COUNT_WORDS: &[&str] = &[
    "available",
    "capacity",
    "count",
    "duration",
    "height",
    "hours",
    "id",
    "ids",
    "index",
    "left",
    "length",
    "limit",
    "max",
    "min",
    "minutes",
    "offset",
    "order",
    "page",
    "pages",
    "position",
    "quantity",
    "quota",
    "rank",
    "records",
    "retry",
    "seconds",
    "size",
    "sold",
    "version",
    "width",
];
const LOCALE_WORDS: &[&str] = &["lang", "language", "languages", "locale", "locales"];
const ZONE_WORDS: &[&str] = &["timezone", "zone"];
/// Words of keys whose values are never kept, although another rule would.
const PRIVATE_WORDS: &[&str] = &[
    "barcode",
    "birth",
    "birthday",
    "birthdate",
    "born",
    "card",
    "cvc",
    "cvv",
    "dob",
    "email",
    "iban",
    "mobile",
    "otp",
    "password",
    "phone",
    "pin",
    "postal",
    "postcode",
    "secret",
    "token",
    "zip",
];
/// Words of objects that are about a place where a person lives: a "state" there is not one of a process.
const ADDRESS_WORDS: &[&str] = &["address", "addresses", "billing", "shipping"];
const WEEKDAYS: &[&str] = &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// First words of methods that stand in paths.
const METHOD_VERBS: &[&str] = &[
    "add", "cancel", "check", "close", "confirm", "create", "delete", "extend", "find", "get", "hold", "list", "open",
    "refund", "release", "remove", "search", "set", "update", "validate",
];
const SERVICE_ENDINGS: &[&str] = &["Service", "Facade"];

/// The rules that a key sets for its values.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct KeyRules {
    date: bool,
    epoch: bool,
    amount: bool,
    currency: bool,
    enumeration: bool,
    code: bool,
    error_code: bool,
    count: bool,
    locale: bool,
    zone: bool,
    private: bool,
    /// The key names an address, so the keys inside are about one.
    pub(crate) address: bool,
}

impl KeyRules {
    /// Returns the rules of a key. `in_address` is true inside of an address.
    pub(crate) fn of(key: &str, in_address: bool) -> Self {
        let words = words(key);
        let any = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
        let last = words.last().map(String::as_str).unwrap_or_default();
        let ends = |list: &[&str]| list.contains(&last) || list.contains(&singular(last));
        let joined = words.concat();
        let epoch = any(DATE_WORDS) || last.ends_with("time") || last.ends_with("date");
        let address = in_address || any(ADDRESS_WORDS);
        Self {
            date: epoch || any(VAGUE_DATE_WORDS),
            epoch,
            amount: any(AMOUNT_WORDS),
            currency: any(&["currency", "currencies"]),
            enumeration: ends(ENUMERATION_WORDS) && !address,
            error_code: joined == "code",
            code: CODE_KEYS.contains(&joined.as_str()),
            count: ends(COUNT_WORDS),
            locale: ends(LOCALE_WORDS),
            zone: ends(ZONE_WORDS),
            private: any(PRIVATE_WORDS),
            address,
        }
    }

    /// Returns true if a text may be written as it is.
    pub(crate) fn keeps_text(self, text: &str) -> bool {
        if matches!(text, "" | "true" | "false") {
            return true;
        }
        !self.private
            && ((self.epoch && is_epoch(text))
                || (self.date && (is_iso_time(text) || WEEKDAYS.contains(&text.to_lowercase().as_str())))
                || (self.amount && is_amount(text))
                || (self.currency && text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()))
                || (self.enumeration && is_word(text))
                || (self.code && (is_word(text) || is_code(text)))
                || (self.error_code && is_symbol(text))
                || (self.count && is_small_number(text))
                || (self.locale && is_locale(text))
                || (self.zone && is_zone(text)))
    }

    /// Returns true if a text of XML, which has no types, is a count that may be written as it is. Longer numbers are more likely
    /// codes, so they need a key of counts.
    pub(crate) fn keeps_untyped(self, text: &str) -> bool {
        !self.private && !self.address && text.len() <= UNTYPED_NUMBER_DIGITS && is_small_number(text)
    }

    /// Returns true if a JSON number may be written as it is.
    pub(crate) fn keeps_number(self, number: &str) -> bool {
        let unsigned = number.strip_prefix('-').unwrap_or(number);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        !self.private
            && are_digits(whole)
            && (fraction.is_empty() || are_digits(fraction))
            && fraction.len() <= MAX_FRACTION_DIGITS
            && (whole.len() <= SMALL_NUMBER_DIGITS
                || (self.epoch && is_epoch(unsigned))
                || (self.amount && is_amount(number)))
    }
}

/// Splits a key in camel case or snake case into words in lower case, without a prefix.
fn words(key: &str) -> Vec<String> {
    let local = key.rsplit(':').next().unwrap_or_default();
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in local.chars() {
        if (c.is_uppercase() && was_lower) || !c.is_alphabetic() {
            words.push(String::new());
        }
        was_lower = c.is_lowercase();
        if c.is_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn singular(word: &str) -> &str {
    word.strip_suffix("es").filter(|stem| stem.ends_with("us")).or_else(|| word.strip_suffix('s')).unwrap_or(word)
}

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns true for a whole number below a million, as a number is written.
pub(crate) fn is_small_number(text: &str) -> bool {
    are_digits(text) && text.len() <= SMALL_NUMBER_DIGITS && (text == "0" || !text.starts_with('0'))
}

fn is_amount(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    are_digits(whole)
        && whole.len() <= MAX_AMOUNT_DIGITS
        && are_digits(fraction)
        && fraction.len() <= MAX_FRACTION_DIGITS
}

fn is_word(text: &str) -> bool {
    text.len() <= MAX_WORD && text.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b' '))
}

/// Returns true for a code of a result: at most four digits, after words in capital letters or alone.
fn is_code(text: &str) -> bool {
    let words = text.trim_end_matches(|c: char| c.is_ascii_digit());
    text.len() - words.len() <= 4
        && words.len() <= MAX_WORD
        && words.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// Returns true for the name of an error: words in capital letters with underscores between them.
fn is_symbol(text: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_uppercase());
    text.len() <= MAX_WORD && text.contains('_') && text.split('_').all(is_part)
}

fn is_locale(text: &str) -> bool {
    let mut parts = text.split(['_', '-']);
    let is_part = |part: &str| (2..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    parts.clone().count() <= 3 && parts.all(is_part)
}

fn is_zone(text: &str) -> bool {
    text == "UTC" || (text.contains('/') && text.len() <= MAX_WORD && text.split('/').all(is_word))
}

/// Returns true for a count of seconds or milliseconds between 2001 and 2286.
fn is_epoch(text: &str) -> bool {
    are_digits(text) && matches!(text.len(), 10 | 13) && text.starts_with('1')
}

/// Returns true for a date, a time of day, or both with or without an offset (ISO 8601).
pub(crate) fn is_iso_time(text: &str) -> bool {
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (Some(date), Some(time)),
        None if text.contains(':') => (None, Some(text)),
        None => (Some(text), None),
    };
    date.is_none_or(is_date) && time.is_none_or(is_time)
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    year.len() == 4 && in_range(year, 1970, 2199) && in_range(month, 1, 12) && in_range(day, 1, 31)
}

fn is_time(text: &str) -> bool {
    let (time, offset) = match text.find(['Z', '+', '-']) {
        Some(place) => text.split_at(place),
        None => (text, ""),
    };
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let parts: Vec<&str> = time.split(':').collect();
    let [hour, minute, seconds @ ..] = parts.as_slice() else { return false };
    let is_offset = matches!(offset, "" | "Z")
        || offset.get(1..).is_some_and(|clock| {
            let digits = clock.replacen(':', "", 1);
            digits.len() == 4 && in_range(&digits[..2], 0, 14) && in_range(&digits[2..], 0, 59)
        });
    in_range(hour, 0, 24)
        && in_range(minute, 0, 59)
        && seconds.len() <= 1
        && seconds.iter().all(|part| in_range(part, 0, 60))
        && are_digits(fraction)
        && fraction.len() <= 9
        && is_offset
}

fn in_range(text: &str, min: u32, max: u32) -> bool {
    (2..=4).contains(&text.len())
        && are_digits(text)
        && text.parse().is_ok_and(|number: u32| (min..=max).contains(&number))
}

/// Returns true if a key of an object or the name of an element may be written as it is. A map whose keys are ids, addresses or
/// codes has other keys.
pub(crate) fn keeps_key(key: &str) -> bool {
    let name = key.strip_prefix(['@', '#', '$']).unwrap_or(key);
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let has_form = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let reads_as_name =
        digits == 0 || (digits <= 2 && !name.contains('-') && name.bytes().any(|byte| byte.is_ascii_lowercase()));
    (name.len() <= MAX_KEY && has_form && reads_as_name) || is_small_number(key) || is_iso_time(key)
}

/// Returns true if a setting of a source may be written as it is: a word in lower-case letters, or a version.
pub(crate) fn keeps_setting(key: &str, text: &str) -> bool {
    const NAMES: &[&str] = &["account", "contact", "institution", "login", "name", "user", "username"];
    let is_name =
        words(key).iter().any(|word| NAMES.contains(&word.as_str()) || PRIVATE_WORDS.contains(&word.as_str()));
    !is_name
        && text.len() <= MAX_WORD
        && (is_version(text) || text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
}

/// Returns true if a segment of a path may be written as it is.
pub(crate) fn keeps_segment(segment: &str) -> bool {
    let parts: Vec<&str> = segment.split('.').collect();
    // Only the address of a SOAP service has dots; a name such as "anna.smith" has none of its parts.
    let is_dotted_name = parts.len() == 1 || parts.iter().any(|part| is_method(part) || is_version(part));
    is_dotted_name && parts.iter().all(|part| is_path_word(part) || is_version(part) || is_method(part))
}

fn is_path_word(part: &str) -> bool {
    matches!(part, "b2b" | "b2c")
        || (part.len() <= MAX_WORD && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'))
}

/// Returns true for a version of an interface, such as `v2` and `v1_33`.
pub(crate) fn is_version(part: &str) -> bool {
    part.strip_prefix('v').is_some_and(|rest| rest.len() <= 6 && are_digits(&rest.replace('_', "")))
}

fn is_method(part: &str) -> bool {
    let verb = part.find(|c: char| c.is_ascii_uppercase()).map_or("", |end| &part[..end]);
    part.len() <= MAX_KEY
        && part.bytes().all(|byte| byte.is_ascii_alphabetic())
        && (METHOD_VERBS.contains(&verb) || SERVICE_ENDINGS.iter().any(|ending| part.ends_with(ending)))
}

#[cfg(test)]
mod tests;

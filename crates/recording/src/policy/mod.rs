//! The rules by which a value is written as it is. Everything that no rule names is masked.

/// Digits of a whole number that is kept under a key of counts, ids, amounts or times.
const SMALL_NUMBER_DIGITS: usize = 6;
/// Digits of a number that names a state or the kind of an error.
const STATUS_NUMBER_DIGITS: usize = 4;
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
    "amount", "amounts", "balance", "charge", "charges", "cost", "discount", "fee", "fees", "net", "price", "prices",
    "rate", "retail", "subtotal", "tax", "taxes", "total", "totals",
];
const ENUMERATION_WORDS: &[&str] = &[
    "access",
    "category",
    "channel",
    "format",
    "granularity",
    "kind",
    "level",
    "method",
    "mode",
    "per",
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
    "precision",
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
/// Words that make a key one of counts wherever they stand. An "id" does so only at the end: an "idNumber" is one of a passport.
const COUNT_WORDS_ANYWHERE: &[&str] =
    &["capacity", "count", "days", "digit", "digits", "hours", "limit", "max", "min", "minutes", "page", "quantity"];
/// Last words of keys of numbers that name something, such as a phone, an account or a tax payer.
const NUMBER_WORDS: &[&str] = &["nb", "no", "nr", "number", "numbers"];
const LOCALE_WORDS: &[&str] = &["lang", "language", "languages", "locale", "locales"];
const ZONE_WORDS: &[&str] = &["timezone", "zone"];
/// Words of keys whose values are never kept, neither directly nor inside, although another rule would.
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
    "fax",
    "iban",
    "mobile",
    "npa",
    "otp",
    "password",
    "phone",
    "pin",
    "plz",
    "postal",
    "postcode",
    "secret",
    "security",
    "tel",
    "telephone",
    "token",
    "zip",
];
/// Words of objects that are about a place where a person lives: a "state" there is not one of a process.
const ADDRESS_WORDS: &[&str] = &["address", "addresses", "billing", "shipping"];
/// Words of keys that stand in the objects of people and places: a "state" beside them is one of a country.
const PLACE_WORDS: &[&str] = &["city", "npa", "plz", "postal", "postcode", "street", "surname", "town", "zip"];
/// Names of people in keys, in lower case and without separators.
const NAME_KEYS: &[&str] = &["familyname", "firstname", "givenname", "lastname"];
const WEEKDAYS: &[&str] = &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// First words of methods that stand in paths.
const METHOD_VERBS: &[&str] = &[
    "add", "cancel", "check", "close", "confirm", "create", "delete", "extend", "find", "get", "hold", "list", "open",
    "refund", "release", "remove", "search", "set", "update", "validate",
];
const SERVICE_ENDINGS: &[&str] = &["Service", "Facade"];

/// Facts about the place of a key that change its rules.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct KeyContext {
    /// The key is inside of an address.
    pub(crate) in_address: bool,
    /// The key is inside of a value that is never kept, such as a card.
    pub(crate) in_private: bool,
    /// Other keys beside it are those of a person or an address.
    pub(crate) beside_place: bool,
}

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
    /// The key names an error, which may be a word.
    error: bool,
    count: bool,
    locale: bool,
    zone: bool,
    private: bool,
    /// The key names a state, which may be a number.
    status: bool,
    /// The key ends like one of a number that names something.
    names_number: bool,
    /// The key names an address, so the keys inside are about one.
    address: bool,
}

impl KeyRules {
    /// Returns the rules of a key.
    pub(crate) fn of(key: &str, place: KeyContext) -> Self {
        let words = words(key);
        let any = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
        let last = words.last().map(String::as_str).unwrap_or_default();
        let ends = |list: &[&str]| list.contains(&last) || list.contains(&singular(last));
        let joined = words.concat();
        let epoch = any(DATE_WORDS) || last.ends_with("time") || last.ends_with("date");
        let address = place.in_address || any(ADDRESS_WORDS);
        let currency = any(&["currency", "currencies"]);
        let code = CODE_KEYS.contains(&joined.as_str());
        let is_foreign_state = place.beside_place && last == "state";
        Self {
            date: epoch || any(VAGUE_DATE_WORDS),
            epoch,
            amount: ends(AMOUNT_WORDS),
            currency,
            enumeration: ends(ENUMERATION_WORDS) && !address && !is_foreign_state,
            error_code: joined == "code",
            error: joined == "error",
            code,
            count: ends(COUNT_WORDS) || any(COUNT_WORDS_ANYWHERE),
            locale: ends(LOCALE_WORDS),
            zone: ends(ZONE_WORDS),
            private: place.in_private
                || is_private(&words)
                || (joined != "code" && !code && !currency && words.iter().any(|word| is_code_word(word))),
            status: ends(&["status", "state"]),
            names_number: ends(NUMBER_WORDS) && !any(&["page"]),
            address,
        }
    }

    /// Returns the surroundings of the values inside, of which `beside` are the keys.
    pub(crate) fn inside<'a>(self, mut beside: impl Iterator<Item = &'a str>) -> KeyContext {
        KeyContext {
            in_address: self.address,
            // A plain "code" may be the name of an error, but an object under it is a code with its parts.
            in_private: self.private || self.error_code,
            beside_place: beside.any(is_place_key),
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
                || ((self.error_code || self.error) && is_symbol(text))
                || (self.count && is_small_number(text))
                || (self.locale && is_locale(text))
                || (self.zone && is_zone(text)))
    }

    /// Returns true if a text of XML, which has no types, is a count that may be written as it is. Longer numbers are more likely
    /// codes, so they need a key of counts.
    pub(crate) fn keeps_untyped(self, text: &str) -> bool {
        !self.private
            && !self.address
            && !self.error_code
            && text.len() <= UNTYPED_NUMBER_DIGITS
            && is_small_number(text)
    }

    /// Returns true if a JSON number may be written as it is. A whole one needs a key that says what it counts, because a code or the
    /// number of a phone may be as short.
    pub(crate) fn keeps_number(self, number: &str) -> bool {
        let unsigned = number.strip_prefix('-').unwrap_or(number);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let counts = (self.count || self.amount || self.epoch) && !self.names_number;
        let max_digits = match fraction {
            "" if counts => SMALL_NUMBER_DIGITS,
            "" if self.code || self.status => STATUS_NUMBER_DIGITS,
            "" if self.date => UNTYPED_NUMBER_DIGITS,
            "" => 0,
            _ => SMALL_NUMBER_DIGITS,
        };
        !self.private
            && are_digits(whole)
            && (fraction.is_empty() || are_digits(fraction))
            && fraction.len() <= MAX_FRACTION_DIGITS
            && (whole.len() <= max_digits || (self.epoch && is_epoch(unsigned)) || (self.amount && is_amount(number)))
    }
}

/// Returns true if the words of a key name something of a person or a secret.
fn is_private(words: &[String]) -> bool {
    let any = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let last = words.last().map(String::as_str).unwrap_or_default();
    let is_named = |word: &String| PRIVATE_WORDS.contains(&word.as_str()) || PRIVATE_WORDS.contains(&singular(word));
    words.iter().any(is_named)
        || (any(&["tax"]) && (NUMBER_WORDS.contains(&last) || last == "id"))
        // The number of a tax payer, unless the key names an amount.
        || (any(&["vat"]) && !AMOUNT_WORDS.contains(&last))
}

/// Returns true for "code", "codes" and words that end so, such as "barcode".
fn is_code_word(word: &str) -> bool {
    word.ends_with("code") || word.ends_with("codes")
}

/// Returns true for a key of a person or an address, such as a street.
pub(crate) fn is_place_key(key: &str) -> bool {
    let words = words(key);
    words.iter().any(|word| PLACE_WORDS.contains(&word.as_str())) || NAME_KEYS.contains(&words.concat().as_str())
}

/// Returns true if a whole number in a setting of a source may be written as it is. An operator wrote it, and a replay needs limits
/// and times as they are.
pub(crate) fn keeps_setting_number(key: &str, number: &str) -> bool {
    !KeyRules::of(key, KeyContext::default()).private && is_small_number(number.strip_prefix('-').unwrap_or(number))
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

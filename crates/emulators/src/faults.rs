//! Fault scripts: what shall go wrong, at which vendor, on which call, how often.

use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A script of faults, from a file or a control call.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The rules, tried in order; the first that matches and is not used up acts.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

impl Scenario {
    /// Reads a script written as TOML.
    pub fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

/// When a fault acts, and which.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The emulator: `acme`, `secutix`, `ticketing` or `tixngo`; absent: all of them.
    #[serde(default)]
    pub vendor: Option<String>,
    /// The HTTP method; absent: any.
    #[serde(default)]
    pub method: Option<String>,
    /// A part of the path and query; absent: any.
    #[serde(default)]
    pub path: Option<String>,
    /// A part of the request body; absent: any.
    #[serde(default)]
    pub body: Option<String>,
    /// How many matching calls pass unharmed first.
    #[serde(default)]
    pub skip: u32,
    /// How many calls are harmed; absent: all.
    #[serde(default)]
    pub times: Option<u32>,
    /// Harms only every n-th matching call; absent: each.
    #[serde(default)]
    pub every: Option<u32>,
    /// What goes wrong.
    pub fault: Fault,
}

/// What goes wrong.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The answer comes late.
    Delay {
        /// By this many milliseconds.
        ms: u64,
    },
    /// The vendor does nothing and answers with a status, as JSON or plain text.
    Status {
        /// The status.
        status: u16,
        /// `Retry-After`, in seconds.
        #[serde(default)]
        retry_after: Option<u64>,
        /// The body; absent: empty.
        #[serde(default)]
        body: Option<String>,
    },
    /// The connection is closed before the vendor does anything.
    DropBefore,
    /// The vendor acts; the connection is closed before it answers.
    CommitThenDrop,
    /// The vendor acts; the answer stops in the middle.
    Truncate,
    /// The vendor acts; the answer is no JSON and no XML.
    Malformed,
    /// A proxy in front answers with an HTML page.
    Html502,
    /// The request reaches the vendor twice; the second answer comes back.
    Repeat,
    /// No answer until the control says `go_on`; then the connection is closed.
    Hang {
        /// Whether the vendor acts first; absent: it never does.
        #[serde(default)]
        acts: bool,
    },
    /// The vendor's world changes first, then the call goes on: a price, what is left, a cancellation.
    Twist {
        /// What changes, in the emulator's words; see its README.
        twist: Twist,
    },
}

/// A change of the vendor's world, in the emulator's words.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Twist {
    /// What changes, e.g. `price`, `sold_out`, `cancel`, `use_ticket`.
    pub what: String,
    /// Which object, by the vendor's id.
    #[serde(default)]
    pub id: Option<String>,
    /// The new value, where one is needed.
    #[serde(default)]
    pub value: Value,
}

/// A call, as far as a rule looks at it.
pub struct Seen<'a> {
    /// The emulator.
    pub vendor: &'a str,
    /// The HTTP method.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// The request body.
    pub body: &'a [u8],
}

struct Entry {
    rule: Rule,
    matched: u32,
    harmed: u32,
}

/// Holds the rules of one emulator and counts how often they matched.
#[derive(Default)]
pub struct FaultDesk(Mutex<Vec<Entry>>);

impl FaultDesk {
    /// Adds rules behind those that are there.
    pub fn add(&self, scenario: Scenario) {
        let entries = scenario.rules.into_iter().map(|rule| Entry { rule, matched: 0, harmed: 0 });
        self.entries().extend(entries);
    }

    /// Removes all rules.
    pub fn clear(&self) {
        self.entries().clear();
    }

    /// The faults for a call. Delays and twists let later rules act as well; the first other fault ends the search.
    pub fn pick(&self, seen: &Seen<'_>) -> Vec<Fault> {
        let mut picked = Vec::new();
        for entry in self.entries().iter_mut().filter(|entry| entry.rule.matches(seen)) {
            entry.matched += 1;
            let due = entry.matched > entry.rule.skip
                && entry.rule.times.is_none_or(|times| entry.harmed < times)
                && entry.rule.every.is_none_or(|every| (entry.matched - entry.rule.skip).is_multiple_of(every.max(1)));
            if !due {
                continue;
            }
            entry.harmed += 1;
            picked.push(entry.rule.fault.clone());
            if !matches!(entry.rule.fault, Fault::Delay { .. } | Fault::Twist { .. }) {
                break;
            }
        }
        picked
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Rule {
    /// A rule that harms every call of an emulator whose target holds `path`.
    pub fn on(path: &str, fault: Fault) -> Self {
        Self {
            vendor: None,
            method: None,
            path: Some(path.to_owned()),
            body: None,
            skip: 0,
            times: None,
            every: None,
            fault,
        }
    }

    /// The same, so many times only.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    fn matches(&self, seen: &Seen<'_>) -> bool {
        let body_holds =
            |part: &String| part.is_empty() || seen.body.windows(part.len()).any(|window| window == part.as_bytes());
        self.vendor.as_ref().is_none_or(|vendor| vendor == seen.vendor)
            && self.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(seen.method))
            && self.path.as_ref().is_none_or(|path| seen.target.contains(path.as_str()))
            && self.body.as_ref().is_none_or(body_holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn harmed(desk: &FaultDesk, calls: usize) -> Vec<bool> {
        let seen = Seen { vendor: "acme", method: "GET", target: "/v2/x?y=1", body: b"" };
        (0..calls).map(|_| !desk.pick(&seen).is_empty()).collect()
    }

    #[test]
    fn a_rule_skips_harms_and_is_used_up() {
        let desk = FaultDesk::default();
        desk.add(Scenario { rules: vec![Rule { skip: 1, ..Rule::on("/v2/x", Fault::DropBefore).times(2) }] });
        assert_eq!(harmed(&desk, 5), [false, true, true, false, false]);
        desk.clear();
        desk.add(Scenario { rules: vec![Rule { every: Some(2), ..Rule::on("/v2", Fault::Html502) }] });
        assert_eq!(harmed(&desk, 4), [false, true, false, true]);
    }

    #[test]
    fn a_script_is_read_from_toml_and_names_an_unknown_key() {
        let scenario = Scenario::from_toml(
            "[[rules]]\nvendor = \"acme\"\npath = \"/v2\"\ntimes = 1\nfault = { kind = \"status\", status = 429, retry_after = 2 }",
        );
        assert_eq!(scenario.expect("a script").rules.len(), 1);
        let wrong = Scenario::from_toml("[[rules]]\nvendr = \"acme\"\nfault = { kind = \"truncate\" }");
        assert!(wrong.expect_err("a typo").to_string().contains("vendr"));
    }
}

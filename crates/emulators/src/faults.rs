//! Fault injection: rules that select the vendor, the call and the frequency of a fault.

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A list of fault rules, from a file or a control call.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Rules in the order of evaluation; the first one that matches and is not used up applies.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

impl Scenario {
    /// Parses a scenario in TOML.
    pub fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

/// A fault and the calls that it applies to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Emulator: `acme`, `secutix`, `ticketing`, `tixngo` or `octo`. Default: all.
    #[serde(default)]
    pub vendor: Option<String>,
    /// HTTP method. Default: any.
    #[serde(default)]
    pub method: Option<String>,
    /// Substring of the path and query. Default: any.
    #[serde(default)]
    pub path: Option<String>,
    /// Substring of the request body. Default: any.
    #[serde(default)]
    pub body: Option<String>,
    /// Number of matching calls to skip first.
    #[serde(default)]
    pub skip: u32,
    /// Number of calls that the fault applies to. Default: unlimited.
    #[serde(default)]
    pub times: Option<u32>,
    /// Applies the fault to every n-th matching call only. Default: each.
    #[serde(default)]
    pub every: Option<u32>,
    /// The fault.
    pub fault: Fault,
}

/// The fault.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Delays the response.
    Delay {
        /// Delay in milliseconds.
        ms: u64,
    },
    /// Returns a status without reaching the vendor.
    Status {
        /// HTTP status.
        status: u16,
        /// `Retry-After`, in seconds.
        #[serde(default)]
        retry_after: Option<u64>,
        /// Response body. Default: empty.
        #[serde(default)]
        body: Option<String>,
    },
    /// Closes the connection before the vendor acts.
    DropBefore,
    /// The vendor acts; the connection is closed without a response.
    CommitThenDrop,
    /// The vendor acts; the response body is cut off in the middle.
    Truncate,
    /// The vendor acts; the response body is neither JSON nor XML.
    Malformed,
    /// Returns an HTML page like that of a proxy, without reaching the vendor.
    Html502,
    /// Sends the request to the vendor twice and returns the second response.
    Repeat,
    /// Sends no response until hung calls are released; then the connection is closed.
    Hang {
        /// True if the vendor acts first. Default: it never acts.
        #[serde(default)]
        acts: bool,
    },
    /// Changes the vendor's data, then continues with the call.
    StateChange {
        /// The change; see the emulator's documentation.
        change: StateChange,
    },
}

/// A change of the emulated vendor's data.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateChange {
    /// Name of the change, such as `price`, `sold_out`, `cancel` or `use_ticket`.
    pub name: String,
    /// The vendor's id of the object.
    #[serde(default)]
    pub id: Option<String>,
    /// New value, if the change needs one.
    #[serde(default)]
    pub value: Value,
}

/// The properties of a call that rules match.
pub struct ObservedCall<'a> {
    /// The emulator.
    pub vendor: &'a str,
    /// The HTTP method.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// The request body.
    pub body: &'a [u8],
}

struct CountedRule {
    rule: Rule,
    matched: u32,
    applied: u32,
}

/// The fault rules of one emulator with their match counts.
#[derive(Default)]
pub struct FaultRules(Mutex<Vec<CountedRule>>);

impl FaultRules {
    /// Appends rules.
    pub fn add(&self, scenario: Scenario) {
        let entries = scenario.rules.into_iter().map(|rule| CountedRule { rule, matched: 0, applied: 0 });
        self.entries().extend(entries);
    }

    /// Removes all rules.
    pub fn clear(&self) {
        self.entries().clear();
    }

    /// Returns the faults for a call. Delays and state changes let later rules apply too; any other fault ends the search.
    pub fn pick(&self, seen: &ObservedCall<'_>) -> Vec<Fault> {
        let mut picked = Vec::new();
        for entry in self.entries().iter_mut().filter(|entry| entry.rule.matches(seen)) {
            entry.matched += 1;
            let due = entry.matched > entry.rule.skip
                && entry.rule.times.is_none_or(|times| entry.applied < times)
                && entry.rule.every.is_none_or(|every| (entry.matched - entry.rule.skip).is_multiple_of(every.max(1)));
            if !due {
                continue;
            }
            entry.applied += 1;
            picked.push(entry.rule.fault.clone());
            if !matches!(entry.rule.fault, Fault::Delay { .. } | Fault::StateChange { .. }) {
                break;
            }
        }
        picked
    }

    fn entries(&self) -> MutexGuard<'_, Vec<CountedRule>> {
        self.0.lock()
    }
}

impl Rule {
    /// Creates a rule for every call whose target contains `path`.
    pub fn for_path(path: &str, fault: Fault) -> Self {
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

    /// Limits the rule to a number of calls.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    fn matches(&self, seen: &ObservedCall<'_>) -> bool {
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

    fn applied(rules: &FaultRules, calls: usize) -> Vec<bool> {
        let seen = ObservedCall { vendor: "acme", method: "GET", target: "/v2/x?y=1", body: b"" };
        (0..calls).map(|_| !rules.pick(&seen).is_empty()).collect()
    }

    #[test]
    fn a_rule_skips_calls_applies_and_is_used_up() {
        let rules = FaultRules::default();
        rules.add(Scenario { rules: vec![Rule { skip: 1, ..Rule::for_path("/v2/x", Fault::DropBefore).times(2) }] });
        assert_eq!(applied(&rules, 5), [false, true, true, false, false]);
        rules.clear();
        rules.add(Scenario { rules: vec![Rule { every: Some(2), ..Rule::for_path("/v2", Fault::Html502) }] });
        assert_eq!(applied(&rules, 4), [false, true, false, true]);
    }

    #[test]
    fn a_scenario_is_parsed_from_toml_and_an_unknown_key_is_named() {
        let scenario = Scenario::from_toml(
            "[[rules]]\nvendor = \"acme\"\npath = \"/v2\"\ntimes = 1\nfault = { kind = \"status\", status = 429, retry_after = 2 }",
        );
        assert_eq!(scenario.expect("a valid scenario").rules.len(), 1);
        let wrong = Scenario::from_toml("[[rules]]\nvendr = \"acme\"\nfault = { kind = \"truncate\" }");
        assert!(wrong.expect_err("an unknown key").to_string().contains("vendr"));
    }
}

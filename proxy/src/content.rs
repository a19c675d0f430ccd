//! The operator's own content policy (BSE2006): an optional list of patterns, matched on the prompt. Off by default.
//!
//! Not a safety filter: providers have their own. Patterns are regular expressions of a kind that always ends in linear
//! time. What matched is never told, kept or logged.

use ledger_contract::{ErrorCode, PublicError};
use proxy_normalize::Canonical;
use regex::{RegexSet, RegexSetBuilder};

/// The field that is looked at.
const PROMPT: &str = "generation_prompt";
/// Most memory that all patterns may compile to.
const SIZE_LIMIT: usize = 16 * 1024 * 1024;

/// Patterns that no prompt may match.
#[derive(Clone, Debug, Default)]
pub struct ContentPolicy {
    patterns: Option<RegexSet>,
}

impl ContentPolicy {
    /// # Errors
    /// What is wrong with a pattern.
    pub fn new(patterns: &[String]) -> Result<Self, regex::Error> {
        if patterns.is_empty() {
            return Ok(Self::default());
        }
        Ok(Self { patterns: Some(RegexSetBuilder::new(patterns).size_limit(SIZE_LIMIT).build()?) })
    }

    /// Refuses a request whose prompt matches.
    pub fn check(&self, canonical: &Canonical) -> Result<(), PublicError> {
        let prompt = canonical.fields.get(PROMPT).and_then(serde_json::Value::as_str).unwrap_or_default();
        if self.refuses(prompt) {
            return Err(PublicError::new(
                ErrorCode::ContentPolicyViolation,
                "The prompt is refused by this service's content policy",
            ));
        }
        Ok(())
    }

    fn refuses(&self, prompt: &str) -> bool {
        self.patterns.as_ref().is_some_and(|patterns| patterns.is_match(prompt))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn policy(patterns: &[&str]) -> Result<ContentPolicy, regex::Error> {
        ContentPolicy::new(&patterns.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_prompt_is_refused_when_one_pattern_matches_it() {
        let policy = policy(&["(?i)forbidden", r"\bx{2,3}\b"]).unwrap();
        for (prompt, refused) in
            [("a Forbidden sea", true), ("xx", true), ("xxxx", false), ("a sea", false), ("", false)]
        {
            assert_eq!(policy.refuses(prompt), refused, "{prompt}");
        }
    }

    #[test]
    fn without_patterns_nothing_is_refused_and_a_broken_one_is_a_mistake() {
        assert!(!policy(&[]).unwrap().refuses("anything"));
        assert!(policy(&["("]).is_err());
    }
}

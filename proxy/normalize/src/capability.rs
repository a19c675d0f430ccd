//! Which providers can serve a request with its meaning unchanged (api contract §5.6).

use ledger_contract::Provider;
use serde_json::{Map, Value};

use crate::{
    Issue, Model,
    model::names::{OUTPUT_FORMAT, OUTPUT_NUMBER},
    offer::Offer,
};

/// When the first field has this value, the second has one of these.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Constraint {
    pub(crate) when: (String, Value),
    pub(crate) then: (String, Vec<Value>),
}

impl Constraint {
    fn is_met(&self, fields: &Map<String, Value>) -> bool {
        let (when, value) = &self.when;
        let (then, allowed) = &self.then;
        fields.get(when) != Some(value) || fields.get(then).is_none_or(|value| allowed.contains(value))
    }
}

/// Public names of what this provider cannot do of the request; empty: it is eligible. Output format and count are not
/// capabilities: we transcode and fan out. `is_sent` says which fields the request named itself: a field without any
/// counterpart at the provider matters only then.
pub(crate) fn unsupported(offer: &Offer, fields: &Map<String, Value>, is_sent: impl Fn(&str) -> bool) -> Vec<String> {
    let mut names: Vec<String> = fields
        .iter()
        .filter(|(name, _)| *name != OUTPUT_FORMAT && *name != OUTPUT_NUMBER)
        .filter(|(name, value)| match offer.counterpart(name) {
            Some(counterpart) => !counterpart.serves(name, value, fields),
            None => is_sent(name),
        })
        .map(|(name, _)| name.clone())
        .collect();
    for constraint in offer.constraints.iter().filter(|constraint| !constraint.is_met(fields)) {
        if !names.contains(&constraint.then.0) {
            names.push(constraint.then.0.clone());
        }
    }
    names
}

/// Who can serve these fields, in static order, or why nobody can.
pub(crate) fn eligible(
    model: &Model,
    fields: &Map<String, Value>,
    is_sent: impl Fn(&str) -> bool,
) -> Result<Vec<Provider>, Vec<Issue>> {
    let broken: Vec<_> = model.constraints.iter().filter(|constraint| !constraint.is_met(fields)).collect();
    if !broken.is_empty() {
        return Err(broken.into_iter().map(constraint_issue).collect());
    }
    let verdicts: Vec<_> =
        model.offers.iter().map(|offer| (offer.provider, unsupported(offer, fields, &is_sent))).collect();
    let able: Vec<_> = verdicts.iter().filter(|(_, names)| names.is_empty()).map(|(provider, _)| *provider).collect();
    if able.is_empty() { Err(conflict_issues(fields, &verdicts)) } else { Ok(able) }
}

fn constraint_issue(constraint: &Constraint) -> Issue {
    let (when, value) = &constraint.when;
    let (then, allowed) = &constraint.then;
    let allowed: Vec<_> = allowed.iter().map(Value::to_string).collect();
    Issue::not_offered(then, format!("must be one of {} when {when} is {value}", allowed.join(", ")))
}

/// One issue for every field that keeps some provider from serving the request.
fn conflict_issues(fields: &Map<String, Value>, verdicts: &[(Provider, Vec<String>)]) -> Vec<Issue> {
    let names = fields.keys().filter(|name| verdicts.iter().any(|(_, unsupported)| unsupported.contains(name)));
    names
        .map(|name| Issue::not_offered(name, "no provider of this model serves this together with the other values"))
        .collect()
}

//! Query parameters: unknown ones are ignored, wrong ones are named (api contract §5).

use std::ops::RangeInclusive;

use ledger_contract::{ErrorCode, PublicError};

use crate::problem::Problem;

/// The parameters of a request, in the order they came.
pub(crate) type Parameters = Vec<(String, String)>;

/// An integer in `range`; `default` when it isn't there. The first of several counts.
///
/// Not an integer is BSE2001, outside the range is BSE2008; `details {field}` names it.
pub(crate) fn integer(
    parameters: &Parameters,
    field: &'static str,
    range: RangeInclusive<u64>,
    default: u64,
) -> Result<u64, Problem> {
    let Some((_, text)) = parameters.iter().find(|(name, _)| name == field) else { return Ok(default) };
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refusal(ErrorCode::InvalidInput, field, format!("`{field}` must be an integer")));
    }
    // Digits that don't read are negative or beyond u64: out of any range.
    let value = text.parse().ok().filter(|value| range.contains(value));
    value.ok_or_else(|| refusal(ErrorCode::ParameterOutOfRange, field, describe(field, &range)))
}

fn describe(field: &str, range: &RangeInclusive<u64>) -> String {
    if *range.end() == MAX_OFFSET {
        format!("`{field}` must be at least {}", range.start())
    } else {
        format!("`{field}` must be between {} and {}", range.start(), range.end())
    }
}

/// The largest offset that a database takes.
pub(crate) const MAX_OFFSET: u64 = i64::MAX as u64;

fn refusal(code: ErrorCode, field: &'static str, message: String) -> Problem {
    PublicError::new(code, message).with_detail("field", field).into()
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    fn limit(text: &str) -> Result<u64, ErrorCode> {
        let parameters = vec![("other".to_owned(), "x".to_owned()), ("limit".to_owned(), text.to_owned())];
        integer(&parameters, "limit", 1..=100, 50).map_err(|problem| match problem {
            Problem::Public(error) => {
                assert_eq!(error.details.map(|details| details["field"].clone()), Some("limit".into()));
                error.code
            }
            other => panic!("{other}"),
        })
    }

    #[test]
    fn integers_in_range_are_read_and_absent_ones_have_a_default() {
        assert_eq!(limit("1"), Ok(1));
        assert_eq!(limit("100"), Ok(100));
        assert!(matches!(integer(&vec![], "limit", 1..=100, 50), Ok(50)));
    }

    #[test]
    fn what_is_no_integer_is_invalid() {
        for text in ["", "-", "abc", "1.5", "1e2", " 1", "+1", "0x1", "١"] {
            assert_eq!(limit(text), Err(ErrorCode::InvalidInput), "{text}");
        }
    }

    #[test]
    fn an_integer_outside_the_range_is_out_of_range() {
        for text in ["0", "101", "-1", "-0", "99999999999999999999999"] {
            assert_eq!(limit(text), Err(ErrorCode::ParameterOutOfRange), "{text}");
        }
    }
}

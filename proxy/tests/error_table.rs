//! Every row of the error table (api contract §6) is reached by a test, and the list of those tests is whole.
//!
//! A row's test must exist under its name and speak of the row; that it passes is its own business.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{collections::BTreeSet, path::Path};

use ledger_contract::ErrorCode;

/// Row, file from the workspace's root, test (or the part of a test that looks at it).
const REACHED: &[(ErrorCode, &str, &str)] = &[
    (ErrorCode::AuthenticationRequired, ACCESS, EVERY_ROUTE),
    (ErrorCode::AuthenticationFailed, ACCESS, EVERY_ROUTE),
    (ErrorCode::InsufficientPermissions, ACCESS, EVERY_ROUTE),
    (ErrorCode::InsufficientCredits, MONEY, "credits_that_do_not_suffice_start_nothing_and_a_grant_counts_once"),
    (ErrorCode::RateLimitExceeded, ACCESS, "the_rate_limit_counts_down_refuses_and_says_how_long"),
    (ErrorCode::AuthRateLimited, ACCESS, "an_address_that_guesses_keys_is_stopped_and_a_good_key_behind_it_is_not"),
    (ErrorCode::IpNotAllowed, ACCESS, "what_a_key_must_be_is_checked_on_every_request"),
    (ErrorCode::AccountNotFound, ACCESS, "what_a_key_must_be_is_checked_on_every_request"),
    (ErrorCode::ConcurrencyLimitExceeded, MONEY, "no_more_generations_run_at_once_than_the_plan_allows"),
    (
        ErrorCode::BudgetExceeded,
        MONEY,
        "a_budget_that_would_be_passed_starts_nothing_and_a_new_one_acts_on_the_next_request",
    ),
    (ErrorCode::InvalidInput, INTAKE, "media_type_then_size_then_json_then_key"),
    (ErrorCode::FileTooLarge, FILES, INPUT_FILES),
    (ErrorCode::FileTooSmall, FILES, INPUT_FILES),
    (ErrorCode::UnsupportedFileFormat, FILES, INPUT_FILES),
    (ErrorCode::FileLoadError, FILES, INPUT_FILES),
    (ErrorCode::ContentPolicyViolation, CREATE, "a_prompt_that_the_operator_refuses_starts_nothing"),
    (ErrorCode::FileSizeExceeded, FILES, INPUT_FILES),
    (ErrorCode::ParameterOutOfRange, WHOLE, WRONG_REQUEST),
    (ErrorCode::FileDownloadError, FILES, INPUT_FILES),
    (ErrorCode::PayloadTooLarge, INTAKE, "media_type_then_size_then_json_then_key"),
    (ErrorCode::ModelNotFound, WHOLE, WRONG_REQUEST),
    (ErrorCode::UnsupportedProviderOrder, WHOLE, WRONG_REQUEST),
    (ErrorCode::WrongMediaRoute, WHOLE, WRONG_REQUEST),
    (ErrorCode::UnsupportedMediaType, WHOLE, WRONG_REQUEST),
    (ErrorCode::IdempotencyConflict, MONEY, "the_same_idempotency_key_gives_the_same_answer_and_makes_one_generation"),
    (ErrorCode::IdempotencyInProgress, MONEY, "requests_with_one_new_key_at_once_make_one_generation"),
    (ErrorCode::RouteNotFound, ACCESS, PATHS),
    (ErrorCode::MethodNotAllowed, ACCESS, PATHS),
    (ErrorCode::GenerationNotFound, MONEY, "a_deleted_generation_is_gone_with_its_files_and_its_rows_stay"),
    (
        ErrorCode::GenerationNotCancelable,
        MONEY,
        "a_canceled_generation_is_refunded_stopped_upstream_and_stays_canceled",
    ),
    (ErrorCode::ProviderError, FOLLOW, "an_attempt_that_never_got_an_answer_fails_in_doubt"),
    (ErrorCode::ProviderTimeout, CREATE, "a_submission_in_doubt_moves_on_and_makes_the_error_final"),
    (ErrorCode::ProviderRateLimited, CREATE, "a_single_provider_is_asked_twice_after_a_transient_refusal"),
    (ErrorCode::ProviderUnavailable, CREATE, "when_all_refuse_the_record_is_refunded_before_the_answer"),
    (ErrorCode::ProviderCreditsExhausted, CREATE, "used_up_funds_at_a_provider_are_final_and_its_own_error"),
    (ErrorCode::ProviderContentRejected, FAILOVER, "assert_ended_as_promised"),
    (ErrorCode::ProviderRejectedInput, CREATE, "what_the_provider_says_about_the_input_ends_the_chain"),
    (ErrorCode::AllProvidersFailed, CREATE, "when_all_refuse_the_record_is_refunded_before_the_answer"),
    (ErrorCode::NoProviderAvailable, CREATE, "requests_that_can_never_run_say_why"),
    (ErrorCode::InternalError, CREATE, "a_reservation_in_doubt_until_the_end_is_final_and_settled_afterwards"),
    (ErrorCode::LedgerUnavailable, ACCESS, "without_the_ledger_a_known_key_still_opens_what_needs_no_ledger"),
    (
        ErrorCode::ShuttingDown,
        "proxy/tests/shell/stopping.rs",
        "a_running_request_ends_and_a_new_one_is_refused_while_draining",
    ),
];

const ACCESS: &str = "proxy/tests/shell/access.rs";
const INTAKE: &str = "proxy/tests/shell/create.rs";
const CREATE: &str = "proxy/tests/engine/create.rs";
const FILES: &str = "proxy/tests/engine/files.rs";
const FOLLOW: &str = "proxy/tests/engine/follow.rs";
const FAILOVER: &str = "babysea/tests/e2e/failover.rs";
const MONEY: &str = "babysea/tests/e2e/money.rs";
const WHOLE: &str = "babysea/tests/e2e/access.rs";
const EVERY_ROUTE: &str = "every_route_asks_who_is_there_and_what_they_may_do";
const INPUT_FILES: &str = "an_input_file_is_fetched_and_known_by_its_content";
const PATHS: &str = "paths_and_methods_are_checked_before_keys_and_every_answer_has_the_envelope";
const WRONG_REQUEST: &str = "a_request_that_is_wrong_is_refused_before_anything_is_reserved";

#[test]
fn every_row_is_on_the_list_once() {
    let listed: Vec<ErrorCode> = REACHED.iter().map(|(code, ..)| *code).collect();
    let distinct: BTreeSet<&str> = listed.iter().map(|code| code.code()).collect();
    let table: BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.code()).collect();
    assert_eq!(distinct, table);
    assert_eq!(listed.len(), table.len());
}

#[test]
fn every_test_on_the_list_exists_and_speaks_of_its_row() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (code, file, test) in REACHED {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        let (_, body) = text.split_once(&format!("fn {test}(")).unwrap_or_else(|| panic!("{file} has no test {test}"));
        let body = body.split("\n}\n").next().unwrap();
        let variant = format!("ErrorCode::{code:?}");
        assert!(body.contains(code.code()) || body.contains(&variant), "{test} does not speak of {code}");
    }
}

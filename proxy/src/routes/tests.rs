//! Path rules of the contract.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use proptest::prelude::*;

fn endpoint(method: &str, path: &str) -> String {
    match find(method, path) {
        Found::Route(route, value) => format!("{} = {value}", route.endpoint),
        other => format!("{other:?}"),
    }
}

#[test]
fn there_are_eighteen_operations_and_each_is_found_under_its_template() {
    assert_eq!(ROUTES.len(), 18);
    for route in ROUTES {
        let path = route.template.replace("{model_identifier}", "a/b").replace("{generation_id}", "x");
        assert!(matches!(find(route.method, &path), Found::Route(found, _) if found == route), "{path}");
    }
}

#[test]
fn a_model_is_the_whole_rest_of_the_path() {
    let want = "POST /v1/generate/image/{model_identifier} = bytedance/seedance-1.5-pro";
    assert_eq!(endpoint("POST", "/v1/generate/image/bytedance/seedance-1.5-pro"), want);
    assert_eq!(endpoint("POST", "/v1/generate/image/bytedance%2Fseedance-1.5-pro/"), want);
    assert!(endpoint("POST", "/v1/generate/image/onlyone").ends_with("= onlyone"));
    assert_eq!(endpoint("POST", "/v1/generate/image/"), "Nothing");
    assert_eq!(endpoint("POST", "/v1/generate/image"), "Nothing");
}

#[test]
fn one_trailing_slash_is_ignored_and_only_one() {
    assert!(endpoint("GET", "/v1/status/").starts_with("GET /v1/status"));
    assert_eq!(endpoint("GET", "/v1/status//"), "Nothing");
    assert_eq!(endpoint("GET", "/v1/content/"), "Nothing");
}

#[test]
fn paths_are_case_sensitive() {
    assert_eq!(endpoint("GET", "/V1/status"), "Nothing");
    assert_eq!(endpoint("GET", "/v1/Status"), "Nothing");
}

#[test]
fn the_list_is_not_a_generation() {
    assert!(endpoint("GET", "/v1/content/list").starts_with("GET /v1/content/list"));
    assert_eq!(find("DELETE", "/v1/content/list"), Found::WrongMethod(vec!["GET"]));
    assert!(endpoint("GET", "/v1/content/list2").ends_with("= list2"));
}

#[test]
fn a_wrong_method_names_the_right_ones_and_head_is_never_one() {
    assert_eq!(find("PUT", "/v1/content/x"), Found::WrongMethod(vec!["GET", "DELETE"]));
    for route in ROUTES {
        let path = route.template.replace(['{', '}'], "");
        assert!(matches!(find("HEAD", &path), Found::WrongMethod(_)), "{path}");
    }
}

#[test]
fn files_have_get_and_head() {
    assert_eq!(find("HEAD", "/files/ab/c.png"), Found::File("ab/c.png".into()));
    assert_eq!(find("POST", "/files/ab/c.png"), Found::WrongMethod(vec!["GET", "HEAD"]));
    assert_eq!(find("GET", "/files/"), Found::Nothing);
}

#[test]
fn events_stand_behind_the_generation_and_belong_to_no_other_path() {
    assert_eq!(endpoint("GET", "/v1/content/x/events/"), "GET /v1/content/{generation_id}/events = x");
    assert_eq!(find("POST", "/v1/content/x/events"), Found::WrongMethod(vec!["GET"]));
    assert_eq!(endpoint("GET", "/v1/content/x/y/events"), "Nothing");
    assert_eq!(endpoint("GET", "/v1/content//events"), "Nothing");
    assert!(endpoint("GET", "/v1/content/events").starts_with("GET /v1/content/{generation_id} ="));
}

#[test]
fn a_callback_names_its_provider_and_its_job() {
    assert_eq!(find("POST", "/callbacks/fal/abc"), Found::Callback("fal".into(), "abc".into()));
    assert_eq!(find("GET", "/callbacks/fal/abc"), Found::WrongMethod(vec!["POST"]));
    assert_eq!(find("POST", "/callbacks/fal"), Found::Nothing);
}

#[test]
fn a_parameter_is_decoded_once_and_broken_escapes_stay() {
    assert_eq!(decode("a%2Fb%2fc"), "a/b/c");
    assert_eq!(decode("%252F"), "%2F");
    assert_eq!(decode("100%"), "100%");
    assert_eq!(decode("%+1%zz%2"), "%+1%zz%2");
}

proptest! {
    #[test]
    fn no_path_makes_the_router_panic(method in "[A-Z]{0,7}", path in "(/|/v1/|/files/)?.{0,80}") {
        find(&method, &path);
    }

    #[test]
    fn escapes_decode_to_what_was_escaped(text in "[a-z0-9/. -]{0,40}") {
        let escaped = text.bytes().flat_map(|byte| format!("%{byte:02X}").into_bytes()).collect();
        let escaped = String::from_utf8(escaped).unwrap();
        prop_assert_eq!(decode(&escaped), text);
    }
}

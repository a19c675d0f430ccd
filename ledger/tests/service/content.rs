//! Generation records as customers see them: fields, order, presence, and never somebody else's.

use ledger_contract::{
    Credits, MediaKind,
    command::{Cancel, Command, Refund, in_doubt_error},
};
use serde_json::{Value, json};

use crate::stack::{Bed, PUBLIC_URL, Stack, accept, charge, names, now, reserve};

/// Always there, in this order, for an image without input files.
const FIELDS: [&str; 22] = [
    "account_id",
    "generation_id",
    "model_identifier",
    "generation_provider_order",
    "generation_provider_used",
    "generation_prediction_id",
    "generation_status",
    "generation_type",
    "generation_cost",
    "generation_cost_status",
    "generation_prompt",
    "generation_ratio",
    "generation_output_format",
    "generation_output_number",
    "generation_input_file",
    "generation_seed",
    "generation_output_file",
    "generation_created_at",
    "generation_started_at",
    "generation_completed_at",
    "generation_metrics_total_time",
    "generation_metrics_predict_time",
];

#[tokio::test]
async fn a_record_goes_from_pending_to_succeeded() {
    let stack = Stack::start().await;
    let tenant = stack.tenant(Credits(10_000)).await;
    let wish = reserve(tenant.caller, Credits(52));
    let id = wish.generation_id;
    let path = format!("/v1/content/{id}");
    stack.commit(vec![Command::Reserve(wish)]).await;
    let pending = stack.data(tenant.caller, &path).await;
    assert_eq!(names(&pending), FIELDS);
    assert_eq!(
        (&pending["generation_status"], &pending["generation_cost_status"]),
        (&json!("pending"), &json!("reserved"))
    );
    for field in ["provider_used", "prediction_id", "input_file", "output_file", "started_at", "completed_at"] {
        assert_eq!(pending[format!("generation_{field}")], Value::Null, "{field}");
    }
    assert_eq!(pending["generation_provider_order"], json!(["replicate", "fal"]));
    assert_eq!(pending["generation_cost"], 0.052);

    stack.commit(vec![accept(id)]).await;
    let processing = stack.data(tenant.caller, &path).await;
    assert_eq!(
        (&processing["generation_status"], &processing["generation_prediction_id"]),
        (&json!("processing"), &json!("p-1"))
    );
    assert_eq!(processing["generation_provider_used"], Value::Null);

    stack.commit(vec![charge(id, "ab/c.png")]).await;
    let done = stack.data(tenant.caller, &path).await;
    assert_eq!(names(&done), FIELDS);
    assert_eq!((&done["generation_status"], &done["generation_cost_status"]), (&json!("succeeded"), &json!("charged")));
    assert_eq!(done["generation_provider_used"], "replicate");
    assert_eq!(done["generation_output_file"], json!([format!("{PUBLIC_URL}/files/ab/c.png")]));
    assert_eq!(done["generation_metrics_predict_time"], 1.25);
    assert!(done["generation_metrics_total_time"].as_f64().unwrap() >= 0.0);
    stack.end().await;
}

#[tokio::test]
async fn a_failed_record_says_why_and_a_canceled_one_does_not() {
    let stack = Stack::start().await;
    let tenant = stack.tenant(Credits(10_000)).await;
    let (failed, canceled) = (reserve(tenant.caller, Credits(1)), reserve(tenant.caller, Credits(1)));
    let (failed_id, canceled_id) = (failed.generation_id, canceled.generation_id);
    stack
        .commit(vec![
            Command::Reserve(failed),
            Command::Reserve(canceled),
            Command::Refund(Refund { generation_id: failed_id, error: in_doubt_error(), attempt: None }),
            Command::Cancel(Cancel { account_id: tenant.caller.account_id, generation_id: canceled_id }),
        ])
        .await;
    let failed = stack.data(tenant.caller, &format!("/v1/content/{failed_id}")).await;
    assert_eq!(names(&failed)[22..], ["generation_error", "generation_error_code"]);
    assert_eq!(
        (&failed["generation_error_code"], &failed["generation_cost_status"]),
        (&json!("BSE4001"), &json!("refunded"))
    );
    let canceled = stack.data(tenant.caller, &format!("/v1/content/{canceled_id}")).await;
    assert_eq!(names(&canceled), FIELDS);
    assert_eq!(canceled["generation_status"], "canceled");
    assert!(canceled["generation_completed_at"].is_string());
    stack.end().await;
}

#[tokio::test]
async fn a_video_shows_its_own_fields_after_the_metrics() {
    let stack = Stack::start().await;
    let tenant = stack.tenant(Credits(10_000)).await;
    let mut wish = reserve(tenant.caller, Credits(1));
    let id = wish.generation_id;
    wish.kind = MediaKind::Video;
    let Value::Object(request) = json!({
        "generation_prompt": "a sea",
        "generation_duration": 5,
        "generation_resolution": "720p",
        "generation_generate_audio": true,
        "generation_output_format": "mp4",
        "generation_output_number": 1,
        "generation_input_file": ["https://example.com/a.png"],
        "generation_camera": "fixed",
    }) else {
        unreachable!()
    };
    wish.request = request;
    stack.commit(vec![Command::Reserve(wish)]).await;
    let video = stack.data(tenant.caller, &format!("/v1/content/{id}")).await;
    let expected = [
        &FIELDS[..10],
        &["generation_prompt", "generation_output_format", "generation_output_number", "generation_input_file"],
        &["generation_camera"],
        &FIELDS[16..],
        &["generation_duration", "generation_resolution", "generation_generate_audio", "generation_audio_mode"],
    ];
    assert_eq!(names(&video), expected.concat());
    assert_eq!((&video["generation_type"], &video["generation_audio_mode"]), (&json!("video"), &json!("audio")));
    assert_eq!(video["generation_input_file"], json!(["https://example.com/a.png"]));
    stack.end().await;
}

#[tokio::test]
async fn the_list_is_newest_first_and_pages_through() {
    let stack = Stack::start().await;
    let tenant = stack.tenant(Credits(10_000)).await;
    let (status, empty) = stack.read(tenant.caller, "/v1/content/list").await;
    assert_eq!(status, 200);
    assert_eq!(names(&empty), ["status", "request_id", "message", "timestamp", "data", "total", "limit", "offset"]);
    assert_eq!(
        (&empty["data"], &empty["total"], &empty["limit"]),
        (&json!({"generations": []}), &json!(0), &json!(50))
    );

    let wishes: Vec<_> = (0..5).map(|_| reserve(tenant.caller, Credits(1))).collect();
    let mut ids: Vec<_> = wishes.iter().map(|wish| wish.generation_id.to_string()).collect();
    stack.commit(wishes.into_iter().map(Command::Reserve).collect()).await;
    // Reserved in one batch, so at one moment: ties by id, descending.
    ids.sort();
    ids.reverse();
    let (_, page) = stack.read(tenant.caller, "/v1/content/list?limit=2&offset=1").await;
    assert_eq!((&page["total"], &page["limit"], &page["offset"]), (&json!(5), &json!(2), &json!(1)));
    let listed: Vec<_> = page["data"]["generations"].as_array().unwrap().iter().map(|g| &g["generation_id"]).collect();
    assert_eq!(listed, [&json!(ids[1]), &json!(ids[2])]);
    assert_eq!(names(&page["data"]["generations"][0]), FIELDS);
    let past = stack.data(tenant.caller, "/v1/content/list?offset=5").await;
    assert_eq!(past, json!({"generations": []}));
    stack.end().await;
}

#[tokio::test]
async fn unknown_deleted_malformed_and_foreign_ids_are_one_answer() {
    let stack = Stack::start().await;
    let (mine, theirs) = (stack.tenant(Credits(10_000)).await, stack.tenant(Credits(10_000)).await);
    let (kept, deleted) = (reserve(theirs.caller, Credits(1)), reserve(mine.caller, Credits(1)));
    let (kept_id, deleted_id) = (kept.generation_id, deleted.generation_id);
    let delete = ledger_contract::command::Delete { account_id: mine.caller.account_id, generation_id: deleted_id };
    stack.commit(vec![Command::Reserve(kept), Command::Reserve(deleted), Command::Delete(delete)]).await;
    let unknown = uuid::Uuid::now_v7().to_string();
    let (kept_id, deleted_id) = (kept_id.to_string(), deleted_id.to_string());
    for id in [&kept_id, &deleted_id, &unknown, "x", "%ff", "listing"] {
        let (status, body) = stack.read(mine.caller, &format!("/v1/content/{id}")).await;
        assert_eq!((status, &body["error"]["code"]), (404, &json!("BSE3001")), "{id}: {body}");
        assert_eq!(body["error"]["message"], "No such generation");
    }
    assert_eq!(stack.data(theirs.caller, &format!("/v1/content/{kept_id}")).await["generation_id"], json!(kept_id));
    assert_eq!(stack.data(mine.caller, "/v1/content/list").await, json!({"generations": []}));

    // A key's id of one tenant with the account of another shows nothing of the key.
    let mixed = ledger_contract::wire::Caller { apikey_id: theirs.caller.apikey_id, ..mine.caller };
    assert_eq!(stack.data(mixed, "/v1/status").await["apikey_prefix"], Value::Null);
    stack.end().await;
}

#[tokio::test]
async fn files_past_their_time_are_removed_from_the_record() {
    let bed = Bed::new();
    let store = bed.store().await;
    let stack = bed.start().await;
    let tenant = stack.tenant(Credits(10_000)).await;
    let wish = reserve(tenant.caller, Credits(1));
    let id = wish.generation_id;
    // A pro account's files live for 24 hours.
    let then = now().plus_ms(-24 * 3_600_000 - 1_000);
    store.apply(&[Command::Reserve(wish), accept(id), charge(id, "ab/c.png")], then).await.unwrap();
    let record = stack.data(tenant.caller, &format!("/v1/content/{id}")).await;
    assert_eq!(record["generation_status"], "succeeded");
    assert_eq!(record["generation_output_file"], Value::Null);
    assert_eq!(names(&record)[22..], ["generation_removed"]);
    assert_eq!(record["generation_removed"], true);
    stack.end().await;
}

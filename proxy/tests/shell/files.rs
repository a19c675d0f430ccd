//! Output files: whole, in part, expired, unknown.

use bytes::Bytes;
use ledger_artifacts::{Artifacts, Meta};
use ledger_contract::Timestamp;

use crate::harness::Running;

async fn put(proxy: &Running, expires_in_ms: i64, bytes: &[u8]) -> String {
    let url = format!("file://{}", proxy.folder.path().join("artifacts").display());
    let key = Artifacts::new_key(*uuid::Uuid::new_v4().as_bytes().repeat(2).first_chunk().unwrap(), "png");
    let expires_at = Timestamp(proxy::clock::now().0 + expires_in_ms);
    let meta = Meta { content_type: "image/png".to_owned(), expires_at };
    Artifacts::open(&url).unwrap().put(&key, &meta, Bytes::copy_from_slice(bytes)).await.unwrap();
    key
}

#[tokio::test]
async fn a_file_is_served_without_a_key_in_whole_and_in_part() {
    let proxy = Running::start();
    let bytes: Vec<u8> = (0..200_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let path = format!("/files/{}", put(&proxy, 60_000, &bytes).await);
    let whole = proxy.send("GET", &path, &[], "").await;
    assert_eq!((whole.status, whole.header("content-type"), whole.body == bytes), (200, Some("image/png"), true));
    assert_eq!(whole.header("x-content-type-options"), Some("nosniff"));
    assert!(whole.header("cache-control").unwrap().starts_with("private, max-age="));
    assert!(whole.header("x-request-id").is_some());

    let head = proxy.send("HEAD", &path, &[], "").await;
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, Some("200000"), 0));

    let part = proxy.send("GET", &path, &[("range", "bytes=1000-1999")], "").await;
    assert_eq!((part.status, part.header("content-range")), (206, Some("bytes 1000-1999/200000")));
    assert_eq!(part.body, bytes[1_000..2_000]);
    let several = proxy.send("GET", &path, &[("range", "bytes=0-1,5-6")], "").await;
    assert_eq!((several.status, several.body.len()), (200, bytes.len()));
    let beyond = proxy.send("GET", &path, &[("range", "bytes=200000-")], "").await;
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */200000")));
    let tag = whole.header("etag").unwrap();
    let same = proxy.send("GET", &path, &[("range", "bytes=0-0"), ("if-range", tag)], "").await;
    let other = proxy.send("GET", &path, &[("range", "bytes=0-0"), ("if-range", "\"other\"")], "").await;
    assert_eq!((same.status, other.status), (206, 200));
}

#[tokio::test]
async fn expired_unknown_and_impossible_names_are_all_alike() {
    let proxy = Running::start();
    let expired = put(&proxy, -1, b"x").await;
    for key in [expired.as_str(), "ab/unknown.png", "../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "a//b", "%00"] {
        let got = proxy.send("GET", &format!("/files/{key}"), &[], "").await;
        assert_eq!(got.status, 404, "{key}");
        assert!(["BSE3001", "BSE2017"].contains(&got.code().as_str()), "{key}: {}", got.code());
    }
}

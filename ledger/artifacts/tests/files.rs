//! Files on a folder: kept whole or not at all, read in ranges, deleted for good.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use ledger_artifacts::{ArtifactError, Artifacts, Meta, new_key};
use ledger_contract::Timestamp;

struct Folder {
    artifacts: Artifacts,
    folder: tempfile::TempDir,
}

fn folder() -> Folder {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(&format!("file://{}/made/here", folder.path().display())).unwrap();
    Folder { artifacts, folder }
}

fn png() -> Meta {
    Meta { content_type: "image/png".to_owned(), expires_at: Timestamp(1_000) }
}

fn pieces(count: usize, size: usize) -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> + Send + Unpin {
    stream::iter((0..count).map(move |index| Ok(Bytes::from(vec![u8::try_from(index % 251).unwrap(); size]))))
}

async fn read(artifacts: &Artifacts, key: &str, range: std::ops::Range<u64>) -> Vec<u8> {
    let stream = artifacts.get_range(key, range).await.unwrap();
    stream.map_ok(|piece| piece.to_vec()).try_concat().await.unwrap()
}

/// Every regular file below the folder.
fn files_below(path: &std::path::Path) -> usize {
    std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { files_below(&path) } else { 1 })
        .sum()
}

#[tokio::test]
async fn a_streamed_file_reads_back_whole_and_in_ranges() {
    let Folder { artifacts, folder: _folder } = folder();
    let key = new_key([1; 24], "png");
    // Three parts and a bit, in pieces that don't divide a part.
    let size = artifacts.put_stream(&key, &png(), pieces(170, 100_003), 20_000_000).await.unwrap();
    assert_eq!(size, 17_000_510);
    assert_eq!(artifacts.head(&key).await.unwrap(), Some((png(), size)));
    assert_eq!(read(&artifacts, &key, 0..3).await, [0, 0, 0]);
    assert_eq!(read(&artifacts, &key, 100_002..100_005).await, [0, 1, 1]);
    assert_eq!(read(&artifacts, &key, size - 2..size + 50).await, [169, 169], "an end past the file is cut");
    assert!(artifacts.get_range(&key, size + 1..size + 2).await.is_err());
}

#[tokio::test]
async fn a_body_that_is_too_long_or_breaks_off_leaves_nothing() {
    let Folder { artifacts, folder } = folder();
    let key = new_key([2; 24], "mp4");
    let error = artifacts.put_stream(&key, &png(), pieces(100, 100_000), 6_000_000).await.unwrap_err();
    assert!(matches!(error, ArtifactError::TooLarge(6_000_000)));
    let broken = pieces(60, 100_000).chain(stream::iter([Err(std::io::Error::other("gone"))]));
    let error = artifacts.put_stream(&key, &png(), broken, 20_000_000).await.unwrap_err();
    assert!(matches!(error, ArtifactError::Body(_)));
    assert_eq!(artifacts.head(&key).await.unwrap(), None);
    assert_eq!(files_below(folder.path()), 0);
}

#[tokio::test]
async fn a_deleted_file_is_gone_and_deleting_again_says_so() {
    let Folder { artifacts, folder } = folder();
    let key = new_key([3; 24], "webp");
    artifacts.put(&key, &png(), Bytes::from_static(b"RIFF")).await.unwrap();
    assert_eq!(read(&artifacts, &key, 0..100).await, b"RIFF");
    assert!(artifacts.set_expiry(&key, Timestamp(2_000)).await.unwrap());
    assert_eq!(artifacts.head(&key).await.unwrap().unwrap().0.expires_at, Timestamp(2_000));
    assert!(artifacts.delete(&key).await.unwrap());
    assert!(!artifacts.delete(&key).await.unwrap());
    assert_eq!(artifacts.head(&key).await.unwrap(), None);
    assert!(matches!(artifacts.get_range(&key, 0..1).await, Err(ArtifactError::Missing)));
    assert_eq!(files_below(folder.path()), 0);
}

#[tokio::test]
async fn only_old_files_whose_time_has_passed_are_orphans() {
    let Folder { artifacts, folder: _folder } = folder();
    let expired = new_key([4; 24], "png");
    let living = new_key([5; 24], "png");
    artifacts.put(&expired, &png(), Bytes::from_static(b"a")).await.unwrap();
    artifacts.put(&living, &Meta { expires_at: Timestamp(i64::MAX), ..png() }, Bytes::from_static(b"b")).await.unwrap();
    let (past, future) = (Timestamp(0), Timestamp(i64::MAX - 1));
    assert_eq!(artifacts.orphans(past, future, 10).await.unwrap(), Vec::<String>::new(), "all are young");
    assert_eq!(artifacts.orphans(future, future, 10).await.unwrap(), [expired]);
}

#[tokio::test]
async fn sidecars_and_foreign_names_are_no_files() {
    let Folder { artifacts, folder: _folder } = folder();
    let key = new_key([6; 24], "png");
    artifacts.put(&key, &png(), Bytes::from_static(b"a")).await.unwrap();
    for wrong in [format!("{key}.meta"), "../secret".to_owned(), "/etc/passwd".to_owned()] {
        assert!(matches!(artifacts.head(&wrong).await, Err(ArtifactError::BadKey)), "{wrong}");
        assert!(matches!(artifacts.get_range(&wrong, 0..1).await, Err(ArtifactError::BadKey)), "{wrong}");
        assert!(matches!(artifacts.delete(&wrong).await, Err(ArtifactError::BadKey)), "{wrong}");
    }
}

#[tokio::test]
async fn a_probe_tells_a_missing_folder() {
    let Folder { artifacts, folder } = folder();
    artifacts.probe().await.unwrap();
    // A file where the folder was: nothing can be written below it, whoever we run as.
    let root = folder.path().join("made");
    std::fs::remove_dir_all(&root).unwrap();
    std::fs::write(&root, "in the way").unwrap();
    assert!(artifacts.probe().await.is_err());
}

#[test]
fn only_folders_and_buckets_can_be_opened() {
    for wrong in ["", "file://", "s3://", "s3:///prefix", "s3://bucket?acl=public", "s3://bucket/a//b", "/tmp/x"] {
        assert!(matches!(Artifacts::open(wrong), Err(ArtifactError::BadUrl(_))), "{wrong}");
    }
}

//! The same promises on an S3 server: `moto_server` on a free port, found on the path or by `BABYSEA_TEST_MOTO`. Without it
//! nothing is tested here, and the test says so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use ledger_artifacts::{ArtifactError, Artifacts, Meta, new_key};
use ledger_contract::Timestamp;

/// A running server; ended when dropped.
struct Moto {
    child: Child,
    address: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Moto {
    fn start() -> Option<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let program = std::env::var("BABYSEA_TEST_MOTO").unwrap_or_else(|_| "moto_server".to_owned());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(program);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(child) = command.spawn() else {
            println!("no moto_server: buckets are not tested");
            return None;
        };
        let address = format!("127.0.0.1:{port}");
        let gives_up_at = Instant::now() + Duration::from_mins(1);
        while TcpStream::connect(&address).is_err() {
            assert!(Instant::now() < gives_up_at, "the server does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(Self { child, address })
    }

    /// Runs one of the ignored tests with the variables that every S3 tool reads. A process of its own: no test may change
    /// the variables of the others.
    fn run(&self, test: &str) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", test]);
        let endpoint = format!("http://{}", self.address);
        command.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_REGION", "us-east-1")]);
        let output = command.env("AWS_ENDPOINT", endpoint).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}{output:?}");
    }
}

async fn make_bucket(bucket: &str) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = format!("{}/{bucket}", std::env::var("AWS_ENDPOINT").unwrap());
    let made = reqwest::Client::builder().no_proxy().build().unwrap().put(url);
    let made = made.header("authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request");
    assert!(made.send().await.unwrap().status().is_success());
}

fn mp4() -> Meta {
    Meta { content_type: "video/mp4".to_owned(), expires_at: Timestamp(1_000) }
}

fn pieces(count: usize, size: usize) -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> + Send + Unpin {
    stream::iter((0..count).map(move |index| Ok(Bytes::from(vec![u8::try_from(index % 251).unwrap(); size]))))
}

async fn read(artifacts: &Artifacts, key: &str, range: std::ops::Range<u64>) -> Vec<u8> {
    let stream = artifacts.get_range(key, range).await.unwrap();
    stream.map_ok(|piece| piece.to_vec()).try_concat().await.unwrap()
}

#[test]
fn buckets_keep_the_same_promises_as_folders() {
    let Some(moto) = Moto::start() else { return };
    moto.run("a_file_is_kept_whole_or_not_at_all_and_says_itself_what_it_is");
    moto.run("a_probe_tells_a_missing_bucket");
}

#[tokio::test]
#[ignore = "wants a server; the test above runs it"]
async fn a_file_is_kept_whole_or_not_at_all_and_says_itself_what_it_is() {
    make_bucket("promises").await;
    let artifacts = Artifacts::open("s3://promises/outputs").unwrap();
    artifacts.probe().await.unwrap();

    // Streamed in parts, read back whole and in ranges; what it is stands in the object itself.
    let key = new_key([1; 24], "mp4");
    let size = artifacts.put_stream(&key, &mp4(), pieces(170, 100_003), 20_000_000).await.unwrap();
    assert_eq!(size, 17_000_510);
    assert_eq!(artifacts.head(&key).await.unwrap(), Some((mp4(), size)));
    assert_eq!(read(&artifacts, &key, 100_002..100_005).await, [0, 1, 1]);
    assert_eq!(read(&artifacts, &key, size - 2..size + 50).await, [169, 169], "an end past the file is cut");
    assert_eq!(u64::try_from(read(&artifacts, &key, 0..size).await.len()).unwrap(), size);

    // A moved expiry keeps the bytes and the type.
    assert!(artifacts.set_expiry(&key, Timestamp(2_000)).await.unwrap());
    assert_eq!(artifacts.head(&key).await.unwrap(), Some((Meta { expires_at: Timestamp(2_000), ..mp4() }, size)));
    assert_eq!(read(&artifacts, &key, 100_002..100_005).await, [0, 1, 1]);

    // Too long or broken off: nothing is there.
    let broken = new_key([2; 24], "mp4");
    let error = artifacts.put_stream(&broken, &mp4(), pieces(100, 100_000), 6_000_000).await.unwrap_err();
    assert!(matches!(error, ArtifactError::TooLarge(6_000_000)));
    let body = pieces(60, 100_000).chain(stream::iter([Err(std::io::Error::other("gone"))]));
    let error = artifacts.put_stream(&broken, &mp4(), body, 20_000_000).await.unwrap_err();
    assert!(matches!(error, ArtifactError::Body(_)));
    assert_eq!(artifacts.head(&broken).await.unwrap(), None);

    // In memory; expired ones are orphans, living ones are not, and the probe is none.
    let small = new_key([3; 24], "png");
    let living = Meta { content_type: "image/png".to_owned(), expires_at: Timestamp(i64::MAX) };
    artifacts.put(&small, &living, Bytes::from_static(b"png")).await.unwrap();
    let future = Timestamp(i64::MAX - 1);
    assert_eq!(artifacts.orphans(future, future, 10).await.unwrap(), std::slice::from_ref(&key));

    // Deleted for good.
    assert!(artifacts.delete(&key).await.unwrap());
    assert!(!artifacts.delete(&key).await.unwrap());
    assert!(!artifacts.set_expiry(&key, Timestamp(3_000)).await.unwrap());
    assert!(matches!(artifacts.get_range(&key, 0..1).await, Err(ArtifactError::Missing)));
    assert_eq!(read(&artifacts, &small, 0..3).await, b"png");
}

#[tokio::test]
#[ignore = "wants a server; the test above runs it"]
async fn a_probe_tells_a_missing_bucket() {
    assert!(Artifacts::open("s3://nowhere").unwrap().probe().await.is_err());
}

//! Two processes share their breakers through a Redis of this test's own. Without `redis-server` nothing is tested here, and
//! the test says so.

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use crate::world::eventually;
use ledger_contract::{ErrorCode, HolderId, MediaKind, Provider};
use proxy::{
    breaker::{Admitted, Breakers, shared::share},
    metrics::Metrics,
};
use proxy_normalize::lane;
use proxy_route::BreakerState;
use uuid::Uuid;

/// A running server; ended when dropped.
struct Redis {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn redis() -> Option<Redis> {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no", "--dir"]);
    let Ok(child) = command.arg(folder.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
        println!("no redis-server: sharing is not tested");
        return None;
    };
    let address = format!("127.0.0.1:{port}");
    eventually(|| TcpStream::connect(&address).is_ok(), || "redis does not listen".into()).await;
    Some(Redis { child, address, _folder: folder })
}

fn process(redis: &Redis) -> Breakers {
    let breakers = Breakers::new(Arc::new(Metrics::new(&prometheus::Registry::new()).unwrap()));
    let client = redis::Client::open(format!("redis://{}", redis.address)).unwrap();
    tokio::spawn(share(breakers.clone(), client, "us".into(), HolderId(Uuid::now_v7())));
    breakers
}

fn fail(breakers: &Breakers, times: usize) {
    for _ in 0..times {
        match breakers.admit(lane(Provider::Fal, "any", MediaKind::Image), 1) {
            Admitted::Yes(permit) => permit.fail(ErrorCode::ProviderError),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_provider_that_fails_for_two_processes_is_open_for_both_and_for_a_third() {
    let Some(redis) = redis().await else { return };
    let (one, other) = (process(&redis), process(&redis));
    fail(&one, 6);
    fail(&other, 6);
    let third = process(&redis);
    let are_open = || [&one, &other, &third].iter().all(|breakers| breakers.state(Provider::Fal) == BreakerState::Open);
    eventually(are_open, || "the breakers are not shared".into()).await;
    assert_eq!(one.state(Provider::Bfl), BreakerState::Closed);
}

#[tokio::test]
async fn without_redis_each_process_keeps_its_own() {
    let Some(redis) = redis().await else { return };
    let one = process(&redis);
    drop(redis);
    fail(&one, 10);
    assert_eq!(one.state(Provider::Fal), BreakerState::Open);
}

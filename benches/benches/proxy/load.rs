//! A closed loop over keep-alive connections: each sends its next request when it has its answer. Writes bytes and reads
//! just as much as it needs to know where an answer ends.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::upstream::{content_length, find};

/// What happened.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Answers with status 200.
    pub requests: u64,
    /// Everything else.
    pub errors: u64,
    /// Median time to an answer, microseconds.
    pub p50_us: u32,
    /// 99th percentile.
    pub p99_us: u32,
    /// Answers that took 35 to 45 ms: where delayed acknowledgements would show.
    pub around_40_ms: u64,
}

/// Runs for `millis` and counts.
pub fn run(target: &str, keys: &str, connections: usize, millis: u64) -> Outcome {
    let requests: Arc<Vec<Vec<u8>>> =
        Arc::new(std::fs::read_to_string(keys).unwrap().lines().map(|key| request(target, key)).collect());
    let address: SocketAddr = target.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async move {
        let (next, end) = (Arc::new(AtomicUsize::new(0)), Instant::now() + Duration::from_millis(millis));
        let workers: Vec<_> = (0..connections)
            .map(|_| tokio::spawn(worker(address, Arc::clone(&requests), Arc::clone(&next), end)))
            .collect();
        let (mut times, mut errors) = (Vec::new(), 0);
        for worker in workers {
            let (own, failed) = worker.await.unwrap();
            times.extend(own);
            errors += failed;
        }
        summarize(times, errors)
    })
}

fn request(target: &str, key: &str) -> Vec<u8> {
    format!(
        "GET /v1/status HTTP/1.1\r\nhost: {target}\r\nauthorization: Bearer {key}\r\naccept: application/json\r\n\
         user-agent: babysea-node/2.0.0 (node/22.0.0)\r\nx-babysea-sdk-name: babysea-node\r\n\
         x-babysea-sdk-version: 2.0.0\r\nx-babysea-sdk-runtime: node\r\n\r\n"
    )
    .into_bytes()
}

async fn worker(
    address: SocketAddr,
    requests: Arc<Vec<Vec<u8>>>,
    next: Arc<AtomicUsize>,
    end: Instant,
) -> (Vec<u32>, u64) {
    let (mut times, mut errors) = (Vec::new(), 0);
    let mut buffer = Vec::with_capacity(8_192);
    'connections: while Instant::now() < end {
        let Ok(mut stream) = TcpStream::connect(address).await else {
            errors += 1;
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        stream.set_nodelay(true).unwrap();
        buffer.clear();
        while Instant::now() < end {
            let request = &requests[next.fetch_add(1, Ordering::Relaxed) % requests.len()];
            let began = Instant::now();
            if stream.write_all(request).await.is_err() {
                errors += 1;
                continue 'connections;
            }
            match read_answer(&mut stream, &mut buffer).await {
                Some(200) => times.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX)),
                Some(_) => errors += 1,
                None => {
                    errors += 1;
                    continue 'connections;
                }
            }
        }
    }
    (times, errors)
}

async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<u16> {
    let head_end = loop {
        if let Some(end) = find(buffer, b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = std::str::from_utf8(&buffer[..head_end]).ok()?;
    let status = head.get(9..12)?.parse().ok()?;
    let end = head_end + 4 + content_length(head);
    while buffer.len() < end {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    buffer.drain(..end);
    Some(status)
}

fn summarize(mut times: Vec<u32>, errors: u64) -> Outcome {
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    let around_40_ms = times.iter().filter(|time| (35_000..45_000).contains(*time)).count() as u64;
    Outcome { requests: times.len() as u64, errors, p50_us: at(50), p99_us: at(99), around_40_ms }
}

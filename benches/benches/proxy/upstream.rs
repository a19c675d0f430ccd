//! What stands behind every proxy: answers reads with a fixed body, and plays the ledger's internal routes as far as the
//! proxy's way of a read needs them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use ledger_contract::{
    Plan, Scope, Timestamp,
    access::{ApiKey, KeyCandidate, KeyState},
    feed::{FeedPosition, HOLD_MS, KEYS_FEED, KeyNews},
    wire::{self, FindKeys, FoundKeys, TakenLeases},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

type Book = Arc<HashMap<String, Vec<KeyCandidate>>>;

/// Serves until it is killed. `keys`: the file with the secrets, one a line.
pub fn serve(listen: &str, keys: &str) {
    let book: Book = Arc::new(read_keys(keys));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await.unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(answer_all(stream, Arc::clone(&book)));
        }
    });
}

fn read_keys(path: &str) -> HashMap<String, Vec<KeyCandidate>> {
    let mut book: HashMap<String, Vec<KeyCandidate>> = HashMap::new();
    for secret in std::fs::read_to_string(path).unwrap().lines() {
        let prefix = secret[..9].to_owned();
        let key = ApiKey {
            apikey_id: uuid::Uuid::new_v4().into(),
            account_id: uuid::Uuid::new_v4().into(),
            name: "bench".to_owned(),
            prefix: prefix.clone(),
            scopes: Scope::ALL.to_vec(),
            allow_ips: Vec::new(),
            state: KeyState::Active,
            expires_at: None,
            created_at: Timestamp(0),
            last_used_at: None,
        };
        // The cheapest hash: what a verification costs is another measurement.
        let hash = bcrypt::hash(secret, 4).unwrap();
        book.entry(prefix).or_default().push(KeyCandidate { key, hash, plan: Some(Plan::Enterprise) });
    }
    book
}

async fn answer_all(mut stream: TcpStream, book: Book) {
    let mut buffer = Vec::with_capacity(16_384);
    loop {
        let Some(head_end) = find(&buffer, b"\r\n\r\n") else {
            match stream.read_buf(&mut buffer).await {
                Ok(read) if read > 0 => continue,
                _ => return,
            }
        };
        let head = String::from_utf8_lossy(&buffer[..head_end]).into_owned();
        let end = head_end + 4 + content_length(&head);
        while buffer.len() < end {
            if !matches!(stream.read_buf(&mut buffer).await, Ok(read) if read > 0) {
                return;
            }
        }
        let body = answer(&head, &buffer[head_end + 4..end], &book).await;
        buffer.drain(..end);
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        if stream.write_all(&[head.as_bytes(), &body].concat()).await.is_err() {
            return;
        }
    }
}

async fn answer(head: &str, body: &[u8], book: &Book) -> Vec<u8> {
    let path = head.split(' ').nth(1).unwrap_or_default();
    if path.starts_with("/v1/") {
        return format!("{{\"status\":\"success\",\"data\":\"{}\"}}", "x".repeat(400)).into_bytes();
    }
    match path {
        wire::KEYS_FIND => {
            let asked: FindKeys = serde_json::from_slice(body).unwrap();
            let candidates = book.get(&asked.prefix).cloned().unwrap_or_default();
            serde_json::to_vec(&FoundKeys { candidates }).unwrap()
        }
        KEYS_FEED => {
            tokio::time::sleep(Duration::from_millis(HOLD_MS)).await;
            let position = FeedPosition { epoch: uuid::Uuid::nil(), changes: 0 };
            serde_json::to_vec(&KeyNews { position, forget_all: false, changes: Vec::new() }).unwrap()
        }
        wire::LEASES_TAKE => serde_json::to_vec(&TakenLeases { generations: Vec::new() }).unwrap(),
        _ => b"{}".to_vec(),
    }
}

/// Of a request or an answer; zero without one.
pub fn content_length(head: &str) -> usize {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    lengths.next().and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(0)
}

/// Where `needle` begins.
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

//! What the pure rooms cost: deciding a batch of reservations, and reading and pricing a request. No I/O is measured here.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ledger_book::{Account, Book, apply};
use ledger_contract::{
    AccountId, ApiKeyId, Credits, GenerationId, HolderId, MediaKind, MicroUsd, Plan, Provider, Timestamp,
    command::{Command, Reserve},
    generation::AttemptStart,
};
use proxy_normalize::{Catalogue, Endpoint, canonical, price, submissions};
use uuid::Uuid;

/// As many as one busy transaction gathers. At least six accounts share it: a plan has a cap on what runs at once.
const BATCH: u128 = 1_024;
const NOW: Timestamp = Timestamp(1_779_874_860_123);

fn deciding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("book/reserve");
    group.throughput(Throughput::Elements(u64::try_from(BATCH).unwrap()));
    for accounts in [8, 128] {
        let commands: Vec<Command> = (0..BATCH).map(|index| reserve(index % accounts, index)).collect();
        group.bench_function(format!("{BATCH} over {accounts} accounts"), |bencher| {
            let book = || book(accounts);
            bencher.iter_batched(book, |mut book| apply(&mut book, black_box(&commands), NOW), BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn reading(criterion: &mut Criterion) {
    let catalogue = Catalogue::embedded().unwrap();
    let model = catalogue.model("bfl/flux-schnell").unwrap();
    let body =
        br#"{"generation_prompt":"a baby seal on an ice floe","generation_ratio":"1:1","generation_output_number":2}"#;
    criterion.bench_function("normalize/read and price a request", |bencher| {
        bencher.iter(|| {
            let request = canonical(model, black_box(body)).unwrap();
            price(model, &request).unwrap()
        });
    });
}

/// Normalising and mapping one request: from the customer's bytes to the provider's.
fn mapping(criterion: &mut Criterion) {
    let catalogue = Catalogue::embedded().unwrap();
    let mut group = criterion.benchmark_group("normalize/read, price and map a request");
    for (id, provider, body) in [
        (
            "bfl/flux-schnell",
            Provider::Fal,
            r#"{"generation_prompt":"a baby seal on an ice floe","generation_ratio":"16:9"}"#,
        ),
        (
            "bytedance/seedream-4",
            Provider::Byteplus,
            r#"{"generation_prompt":"a seal","generation_resolution":"4K","generation_input_file":["https://example.com/a.png"]}"#,
        ),
        (
            "google/veo-3.1",
            Provider::Runway,
            r#"{"generation_prompt":"a seal","generation_duration":8,"generation_generate_audio":true,"generation_seed":7}"#,
        ),
        ("wan/2.5-t2v", Provider::Alibabacloud, r#"{"generation_prompt":"a seal","generation_duration":5}"#),
    ] {
        let endpoint = Endpoint::official(provider, "key");
        group.bench_function(format!("{id} at {provider}"), |bencher| {
            bencher.iter(|| {
                let model = catalogue.model(black_box(id)).unwrap();
                let request = canonical(model, black_box(body.as_bytes())).unwrap();
                let amount = price(model, &request).unwrap();
                (amount, submissions(model, provider, &request, &endpoint, None).unwrap())
            });
        });
    }
    group.finish();
}

fn loading(criterion: &mut Criterion) {
    criterion.bench_function("normalize/load the catalogue", |bencher| bencher.iter(|| Catalogue::embedded().unwrap()));
}

fn book(accounts: u128) -> Book {
    let mut book = Book::default();
    for account in 0..accounts {
        let account_id = AccountId(Uuid::from_u128(account));
        book.load_account(Account { balance: Credits::MAX, ..Account::new(account_id, Plan::Enterprise) });
    }
    book
}

fn reserve(account: u128, index: u128) -> Command {
    Command::Reserve(Reserve {
        account_id: AccountId(Uuid::from_u128(account)),
        apikey_id: ApiKeyId(Uuid::from_u128(account)),
        generation_id: GenerationId(Uuid::from_u128(1_000_000 + index)),
        amount: Credits(3),
        model: "bfl/flux-schnell".to_owned(),
        kind: MediaKind::Image,
        request: serde_json::Map::new(),
        provider_order: vec![Provider::Replicate, Provider::Fal],
        deadline_at: NOW.plus_ms(300_000),
        claim: None,
        first_attempt: Some(AttemptStart {
            provider: Provider::Replicate,
            native_model: "black-forest-labs/flux-schnell".to_owned(),
            estimated_cost: MicroUsd(3_000),
            simulated: true,
        }),
        holder: HolderId(Uuid::from_u128(7)),
    })
}

criterion_group!(benches, deciding, reading, mapping, loading);
criterion_main!(benches);

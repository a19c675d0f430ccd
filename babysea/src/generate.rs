//! `babysea generate`: a customer's client over the public API. It uses no back door: what it can do, any client can.

pub mod client;
pub mod save;

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context, anyhow};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, Value, json};

use crate::{
    answer::{Answer, Failure, Outcome},
    config::{Customer, Places},
};
use client::Client;

/// How often a running generation is asked about.
const POLL: Duration = Duration::from_millis(500);
/// Longer than the longest video may take.
const PATIENCE: Duration = Duration::from_mins(25);

/// What to make.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// Such as bfl/flux-schnell.
    model: String,
    /// What to make, in words.
    prompt: String,
    /// Another request field, such as `generation_ratio=16:9`; a value that reads as JSON has its JSON type. Repeatable.
    #[arg(long = "set", value_name = "FIELD=VALUE", value_parser = field)]
    set: Vec<(String, Value)>,
    /// Waits for the end and saves the outputs.
    #[arg(long)]
    wait: bool,
    /// Where to save the first output; further ones get a number. Implies --wait. Default: the generation's id, here.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Makes a repeated call give the first call's answer.
    #[arg(long)]
    idempotency_key: Option<String>,
}

/// Runs it.
pub async fn run(places: &Places, args: GenerateArgs, quiet: bool) -> Outcome {
    let customer = Customer::find(places).map_err(|problem| Failure::Usage(problem.to_string()))?;
    let client = Client::new(&customer)?;
    let body = body(&args);
    let kind = client.kind_of(&args.model, &body).await;
    let created = client.create(kind, &args.model, &body, args.idempotency_key.as_deref()).await?;
    let id = created["generation_id"].as_str().context("the answer has no generation_id")?.to_owned();
    if !args.wait && args.out.is_none() {
        return Ok(Some(Answer::done(created, id)));
    }
    let record = follow(&client, &id, &progress(quiet)).await?;
    finish(&client, &id, record, &args).await
}

fn body(args: &GenerateArgs) -> Map<String, Value> {
    let mut body = Map::from_iter([("generation_prompt".to_owned(), json!(args.prompt))]);
    body.extend(args.set.iter().cloned());
    body
}

/// Asks until the generation has ended.
async fn follow(client: &Client, id: &str, progress: &ProgressBar) -> anyhow::Result<Value> {
    let ended = async {
        loop {
            let record = client.generation(id).await?;
            let status = record["generation_status"].as_str().context("the record has no status")?.to_owned();
            if matches!(status.as_str(), "succeeded" | "failed" | "canceled") {
                return Ok(record);
            }
            let provider = record["generation_provider_order"][0].as_str().unwrap_or_default();
            progress.set_message(format!("{status}, first asked: {provider}"));
            tokio::time::sleep(POLL).await;
        }
    };
    let record = tokio::time::timeout(PATIENCE, ended).await;
    progress.finish_and_clear();
    record.map_err(|_| anyhow!("{id} has not ended after {} minutes", PATIENCE.as_secs() / 60))?
}

async fn finish(client: &Client, id: &str, mut record: Value, args: &GenerateArgs) -> Outcome {
    if record["generation_status"] != "succeeded" {
        let why = record["generation_error"].as_str().unwrap_or("no reason given");
        let text = format!("{id} {}: {why}", record["generation_status"].as_str().unwrap_or_default());
        return Ok(Some(Answer::verdict(record, text, false)));
    }
    let urls: Vec<String> =
        serde_json::from_value(record["generation_output_file"].clone()).context("the record has no output files")?;
    let mut saved = Vec::new();
    for (index, url) in urls.iter().enumerate() {
        let file = client.download(url).await?;
        let path = save::path(args.out.as_deref(), id, index, file.extension());
        save::write(&path, &file.bytes)?;
        saved.push(path.display().to_string());
    }
    record["saved"] = json!(saved);
    Ok(Some(Answer::done(record, saved.join("\n"))))
}

fn progress(quiet: bool) -> ProgressBar {
    let target =
        if quiet || !io::stderr().is_terminal() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(None, target);
    if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {elapsed_precise} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn field(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("not FIELD=VALUE")?;
    // `16:9` and `png` are not JSON, so they are texts; `5`, `true` and `["…"]` keep their type.
    let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_value_has_its_json_type_and_is_text_otherwise() {
        assert_eq!(field("generation_duration=5"), Ok(("generation_duration".to_owned(), json!(5))));
        assert_eq!(field("generation_ratio=16:9"), Ok(("generation_ratio".to_owned(), json!("16:9"))));
        assert_eq!(field("generation_generate_audio=true"), Ok(("generation_generate_audio".to_owned(), json!(true))));
        assert_eq!(field("a=b=c"), Ok(("a".to_owned(), json!("b=c"))));
        assert!(field("generation_ratio").is_err());
    }
}

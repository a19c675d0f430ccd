//! `babysea routing`: takes a provider, a model or a pair out of routing, without a restart.

use clap::{Args, Subcommand};
use ledger_contract::{
    Provider,
    wire::{self, RoutingChanged, RoutingSwitch, RoutingSwitches, SetRouting},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Failure, Outcome},
    config::Places,
    operator::Operator,
};

/// What can be done with routing.
#[derive(Debug, Subcommand)]
pub enum RoutingCommand {
    /// Takes a provider, a model, or a provider for one model out of routing.
    Disable {
        #[command(flatten)]
        #[expect(missing_docs, reason = "the type says it")]
        what: What,
        /// Why; shown in the list.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Takes it in again.
    Enable {
        #[command(flatten)]
        #[expect(missing_docs, reason = "the type says it")]
        what: What,
    },
    /// Lists what is out.
    List,
}

/// What a switch names.
#[derive(Debug, Args)]
pub struct What {
    /// Such as fal.
    #[arg(long)]
    pub provider: Option<Provider>,
    /// Such as bfl/flux-schnell.
    #[arg(long)]
    pub model: Option<String>,
}

/// Runs one of them.
pub async fn run(places: &Places, command: RoutingCommand) -> Outcome {
    let (what, reason, is_disabled) = match command {
        RoutingCommand::List => {
            let found: RoutingSwitches = Operator::find(places)?.ask(Method::GET, wire::ROUTING).await?;
            return Ok(Some(Answer::done(shown(&found.switches), lines(&found.switches))));
        }
        RoutingCommand::Disable { what, reason } => (what, reason, true),
        RoutingCommand::Enable { what } => (what, String::new(), false),
    };
    let What { provider, model } = what;
    if provider.is_none() && model.is_none() {
        return Err(Failure::Usage("name --provider, --model, or both".to_owned()));
    }
    let set = SetRouting { provider, model, reason, is_disabled };
    let changed: RoutingChanged = Operator::find(places)?.tell(Method::PUT, wire::ROUTING, &set).await?;
    Ok(Some(answer(&changed)))
}

/// Holds when every proxy that lives applies it.
fn answer(changed: &RoutingChanged) -> Answer {
    let RoutingChanged { is_changed, proxies, applied, switches } = changed;
    let json = json!({
        "changed": is_changed, "proxies": proxies, "applied": applied, "switches": shown(switches),
    });
    let first = if *is_changed { "done" } else { "nothing to change" };
    let text = format!("{first}; applied by {applied} of {proxies} proxies\n{}", lines(switches));
    Answer::verdict(json, text.trim_end().to_owned(), applied == proxies)
}

fn shown(switches: &[RoutingSwitch]) -> Value {
    switches
        .iter()
        .map(|switch| {
            json!({
                "provider": switch.provider, "model": switch.model, "reason": switch.reason,
                "created_at": switch.created_at.to_string(),
            })
        })
        .collect()
}

fn lines(switches: &[RoutingSwitch]) -> String {
    let line = |switch: &RoutingSwitch| {
        let provider = switch.provider.map_or("every provider", Provider::as_str);
        let model = switch.model.as_deref().unwrap_or("every model");
        format!("{provider:14}  {model:32}  {}  {}", switch.created_at, switch.reason)
    };
    switches.iter().map(line).collect::<Vec<_>>().join("\n")
}

//! What `/v1/library` shows of providers and models (api contract §5.16, §5.17).

use ledger_contract::{MediaKind, Provider};
use serde_json::{Map, Value, json};

use crate::{Catalogue, Model};

/// The published description of a provider. Adapters may do more: they cancel wherever the provider can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProviderInfo {
    /// As people know it.
    pub name: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// Its website.
    pub website: &'static str,
    /// Its API documentation.
    pub docs: &'static str,
    /// How results reach us.
    pub delivery_method: &'static str,
    /// How a job is stopped, if it can be.
    pub cancel_method: Option<&'static str>,
    /// How its callbacks are signed, if it has any.
    pub webhook_verification: Option<&'static str>,
}

/// The description of each of the eight providers.
pub fn provider_info(provider: Provider) -> ProviderInfo {
    let [name, description, website, docs] = texts(provider);
    let (delivery_method, cancel_method, webhook_verification) = match provider {
        Provider::Replicate => ("webhook_with_polling", Some("prediction_cancel_api"), Some("hmac_sha256")),
        Provider::Fal => ("webhook_with_polling", Some("queue_cancel_api"), Some("ed25519")),
        Provider::Cloudflare | Provider::Openai => ("synchronous", None, None),
        Provider::Bfl | Provider::Byteplus | Provider::Alibabacloud | Provider::Runway => ("polling", None, None),
    };
    ProviderInfo { name, description, website, docs, delivery_method, cancel_method, webhook_verification }
}

/// Name, description, website, documentation.
fn texts(provider: Provider) -> [&'static str; 4] {
    match provider {
        Provider::Replicate => [
            "Replicate",
            "Runs open and proprietary models behind one prediction API.",
            "https://replicate.com",
            "https://replicate.com/docs",
        ],
        Provider::Fal => {
            ["fal", "Queue-based inference for image and video models.", "https://fal.ai", "https://docs.fal.ai"]
        }
        Provider::Bfl => {
            ["Black Forest Labs", "The makers of FLUX, on their own API.", "https://bfl.ai", "https://docs.bfl.ai"]
        }
        Provider::Openai => {
            ["OpenAI", "GPT Image models on the OpenAI API.", "https://openai.com", "https://platform.openai.com/docs"]
        }
        Provider::Runway => [
            "Runway",
            "Gen-4 image and video models on the Runway API.",
            "https://runwayml.com",
            "https://docs.dev.runwayml.com",
        ],
        Provider::Byteplus => [
            "BytePlus",
            "Seedream and Seedance models on ModelArk.",
            "https://www.byteplus.com",
            "https://docs.byteplus.com/en/docs/ModelArk",
        ],
        Provider::Alibabacloud => [
            "Alibaba Cloud",
            "Qwen and Wan models on Model Studio.",
            "https://www.alibabacloud.com",
            "https://www.alibabacloud.com/help/en/model-studio",
        ],
        Provider::Cloudflare => [
            "Cloudflare",
            "Workers AI: models on Cloudflare's network.",
            "https://www.cloudflare.com",
            "https://developers.cloudflare.com/workers-ai",
        ],
    }
}

/// `data` of `GET /v1/library/providers`: all eight, whether or not the catalogue uses them.
pub fn providers_json(catalogue: &Catalogue, is_active: impl Fn(Provider) -> bool) -> Value {
    let providers: Vec<_> = Provider::ALL.iter().map(|id| provider_json(catalogue, *id, is_active(*id))).collect();
    json!({ "providers_total": providers.len(), "providers": providers })
}

fn provider_json(catalogue: &Catalogue, id: Provider, is_active: bool) -> Value {
    let ProviderInfo { name, description, website, docs, delivery_method, cancel_method, webhook_verification } =
        provider_info(id);
    let models: Vec<_> = catalogue.models().filter(|model| model.offer(id).is_some()).collect();
    let makes = |kind: &&MediaKind| models.iter().any(|model| model.kind() == **kind);
    let media: Vec<_> = MediaKind::ALL.iter().filter(makes).map(|kind| kind.as_str()).collect();
    json!({
        "provider_id": id.as_str(),
        "provider_name": name,
        "provider_description": description,
        "provider_website": website,
        "provider_docs": docs,
        "provider_status": if is_active { "active" } else { "disabled" },
        "babysea_implementation": {
            "delivery_method": delivery_method,
            "cancel_method": cancel_method,
            "webhook_verification": webhook_verification,
            "error_mapping": "bse_error_codes",
            "cost_tracking": "per_generation_usd",
            "schema_conversion": "unified_to_native",
            "failover_strategy": "sequential_provider_chain",
            "health_monitoring": "circuit_breaker",
            "supported_media_types": media,
            "supported_models_total": models.len(),
        },
    })
}

/// `data` of `GET /v1/library/models`: images first, then by id.
pub fn models_json(catalogue: &Catalogue) -> Value {
    let models: Vec<_> = catalogue.models().map(model_json).collect();
    json!({ "models_total": models.len(), "models": models })
}

fn model_json(model: &Model) -> Value {
    let mut entry = Map::new();
    let mut put = |name: &str, value: Value| entry.insert(name.to_owned(), value);
    put("model_type", model.kind().as_str().into());
    put("model_identifier", model.id().into());
    if let Some(pricing) = model.pricing_json() {
        put("model_pricing", pricing);
    }
    put("model_pricing_dimensions", json!(model.pricing_dimensions()));
    let providers: Vec<_> = model.providers().iter().map(|provider| provider.as_str()).collect();
    put("model_supported_provider", json!(providers));
    put("schema", model.schema_json().into());
    put("specific_schema", json!(model.specific_schema()));
    entry.into()
}

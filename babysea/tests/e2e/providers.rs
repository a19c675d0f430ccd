//! Which providers are real, simulated or unavailable. A simulator that runs apart stands in for the real service: the
//! adapters cannot tell, only base URL and key differ.

use serde_json::{Value, json};

use crate::stack::{Stack, within};

#[tokio::test]
async fn a_provider_with_a_key_is_real_and_those_without_are_unavailable_or_simulated_by_name() {
    within(120, async {
        let service = Stack::prepared(&[]);
        let mut real = service.role(&["simulator"], &[]).await;
        let providers = service.http().get(format!("{}/_sim/providers", service.simulator)).send().await.unwrap();
        let providers: Value = providers.json().await.unwrap();
        let base_url = providers["replicate"]["base_url"].as_str().unwrap();
        let key = ("BABYSEA_PROVIDER_REPLICATE_API_KEY", "a key of the customer's");
        let at = ("BABYSEA_PROVIDER_REPLICATE_BASE_URL", base_url);

        let alone = Stack::with(&[key, at]).await;
        assert_eq!(order(&alone).await, json!(["replicate"]));
        let unavailable = alone.image("fal").await;
        assert_eq!((unavailable.status.as_u16(), unavailable.code()), (503, "BSE4009"), "{unavailable:?}");
        assert_eq!(service.submissions("replicate").await.len(), 1);
        assert!(doctor(&alone).contains("replicate: real"), "{}", doctor(&alone));
        drop(alone);

        let mixed = Stack::with(&[key, at, ("BABYSEA_SIMULATE", "fal")]).await;
        assert_eq!(order(&mixed).await, json!(["replicate", "fal"]));
        assert!(doctor(&mixed).contains("fal: simulated"), "{}", doctor(&mixed));
        drop(mixed);
        real.kill().unwrap();
        real.wait().unwrap();
    })
    .await;
}

async fn order(stack: &Stack) -> Value {
    let created = stack.create("image/bfl/flux-schnell", json!({ "generation_prompt": "a seal" })).await;
    let record = stack.ended(&created.generation_id()).await;
    assert_eq!(record["generation_status"], "succeeded", "{record}");
    created.data()["generation_provider_order"].clone()
}

fn doctor(stack: &Stack) -> String {
    String::from_utf8(stack.run(&["doctor"]).stdout).unwrap()
}

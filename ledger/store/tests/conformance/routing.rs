//! Routing switches: kept by provider and model, said twice they are one.

use ledger_contract::{Provider, wire::RoutingSwitch};

use crate::{commands::NOW, database::Database};

fn switch(provider: Option<Provider>, model: Option<&str>, reason: &str) -> RoutingSwitch {
    RoutingSwitch { provider, model: model.map(str::to_owned), reason: reason.into(), created_at: NOW }
}

#[tokio::test]
async fn a_provider_a_model_and_a_pair_are_three_switches() {
    let database = Database::new().await;
    let store = &database.store;
    let all = [
        switch(None, Some("a/b"), "model"),
        switch(Some(Provider::Fal), None, "provider"),
        switch(Some(Provider::Fal), Some("a/b"), "pair"),
    ];
    for switch in &all {
        store.disable_routing(switch).await.unwrap();
    }
    assert_eq!(store.routing_switches().await.unwrap(), all);
    assert!(store.enable_routing(Some(Provider::Fal), None).await.unwrap());
    assert!(!store.enable_routing(Some(Provider::Fal), None).await.unwrap());
    assert_eq!(store.routing_switches().await.unwrap(), [all[0].clone(), all[2].clone()]);
}

#[tokio::test]
async fn a_switch_that_is_set_again_keeps_its_time_and_has_the_new_reason() {
    let database = Database::new().await;
    let first = switch(Some(Provider::Bfl), None, "slow");
    database.store.disable_routing(&first).await.unwrap();
    let again = RoutingSwitch { created_at: NOW.plus_ms(5), reason: "gone".into(), ..first.clone() };
    database.store.disable_routing(&again).await.unwrap();
    let kept = database.store.routing_switches().await.unwrap();
    assert_eq!(kept, [RoutingSwitch { reason: "gone".into(), ..first }]);
}

#[tokio::test]
async fn a_switch_for_nothing_is_refused() {
    let database = Database::new().await;
    assert!(database.store.disable_routing(&switch(None, None, "")).await.is_err());
}

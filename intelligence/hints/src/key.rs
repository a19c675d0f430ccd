//! How a hint's key is spelled. The only place that spells one.

/// How long a ranking lives after it was written (product requirement H3).
pub const RANKING_TTL_S: i64 = 172_800;

/// How long a health hint lives after it was written (product requirement H3: at most 300 s).
pub const HEALTH_TTL_S: i64 = 300;

/// The label under which a region's rankings are kept: `us`, `eu` or `apac` (`jp` is read as `apac`). `None` for
/// anything else; case and surrounding spaces don't matter.
pub fn region_label(region: &str) -> Option<&'static str> {
    match region.trim().to_ascii_lowercase().as_str() {
        "us" => Some("us"),
        "eu" => Some("eu"),
        "apac" | "jp" => Some("apac"),
        _ => None,
    }
}

/// Key of one model's ranking. `region` is a label from [`region_label`]; the model contains a slash.
pub fn ranking_key(region: &str, model: &str) -> String {
    format!("predictive:ranking:{region}:{model}")
}

/// Key of a region's health hint.
pub fn health_key(region: &str) -> String {
    format!("predictive:health:{region}")
}

/// Key of the lease that lets one job at a time rank and publish in a region.
pub fn publishing_lease_key(region: &str) -> String {
    format!("predictive:lease:{region}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn japan_is_ranked_as_apac_and_strangers_are_refused() {
        assert_eq!(region_label("jp"), Some("apac"));
        assert_eq!(region_label(" EU "), Some("eu"));
        assert_eq!(region_label("mars"), None);
    }

    #[test]
    fn a_key_is_spelled_as_the_contract_says() {
        assert_eq!(ranking_key("us", "bfl/flux-schnell"), "predictive:ranking:us:bfl/flux-schnell");
    }
}

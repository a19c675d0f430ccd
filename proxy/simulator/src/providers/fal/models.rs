//! What fal's endpoints take (`providers.md` §2.7). An endpoint without a table here takes any input with a prompt.

mod images;
mod videos;

use crate::providers::check::{Field, PROMPT, Rule, SEED};

const EVERY: &[Field] = &[PROMPT, SEED, Field("sync_mode", Rule::Flag), Field("enable_safety_checker", Rule::Flag)];
const NEGATIVE: Field = Field("negative_prompt", Rule::Any);
const IMAGE_URL: Field = Field("image_url", Rule::Link);

/// Tables of fields, and required fields, of an endpoint.
pub fn schema(endpoint: &str) -> (Vec<&'static [Field]>, Vec<&'static str>) {
    let found = images::fields(endpoint).or_else(|| videos::fields(endpoint));
    let mut required = vec!["prompt"];
    if found.is_some() {
        match endpoint.rsplit('/').next() {
            Some("edit" | "edit-image") => required.push("image_urls"),
            Some("image-to-video") => required.push("image_url"),
            Some("first-last-frame-to-video") => required.extend(["first_frame_url", "last_frame_url"]),
            _ => {}
        }
    }
    let mut groups = found.unwrap_or_default();
    groups.push(EVERY);
    (groups, required)
}

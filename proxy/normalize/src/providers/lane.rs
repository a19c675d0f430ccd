//! What counts together when a provider limits open submissions (providers §3.7, §6.4): its own facts, as a table. Never the
//! limit that is in force: that falls and grows with what the provider says.

use ledger_contract::{MediaKind, Provider};

/// Submissions that a provider counts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane {
    /// Whose.
    pub provider: Provider,
    /// Which of its lanes.
    pub name: &'static str,
    /// How many jobs may be open; `None`: not documented, or the provider queues the excess.
    pub documented: Option<u32>,
}

/// The lane of a model, by the provider's own id of it.
pub fn lane(provider: Provider, native_model: &str, kind: MediaKind) -> Lane {
    let (name, documented) = match (provider, kind) {
        (Provider::Bfl, _) if native_model.contains("kontext-max") => ("kontext_max", Some(6)),
        (Provider::Bfl, _) => ("tasks", Some(24)),
        (Provider::Byteplus, MediaKind::Video) => ("video", Some(120)),
        (_, kind) => (kind.as_str(), None),
    };
    Lane { provider, name, documented }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_providers_that_refuse_the_excess_begin_with_a_limit() {
        let documented = |provider, model, kind| lane(provider, model, kind).documented;
        assert_eq!(documented(Provider::Bfl, "flux-2-pro", MediaKind::Image), Some(24));
        assert_eq!(documented(Provider::Bfl, "flux-kontext-max", MediaKind::Image), Some(6));
        assert_eq!(documented(Provider::Byteplus, "seedance-1-0-pro-250528", MediaKind::Video), Some(120));
        for queues in [Provider::Replicate, Provider::Fal, Provider::Runway, Provider::Alibabacloud] {
            assert_eq!(documented(queues, "any", MediaKind::Video), None);
        }
    }
}

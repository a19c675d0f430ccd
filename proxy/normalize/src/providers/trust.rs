//! Which URLs may be given a provider's credential. Providers answer with URLs to follow; one that points elsewhere
//! must not carry our key there.

use ledger_contract::Provider;
use url::{Host, Url};

/// The domain under which a provider hands out URLs to poll. A base URL outside it is the operator's own choice.
fn domain(provider: Provider) -> &'static str {
    match provider {
        Provider::Replicate => "replicate.com",
        Provider::Fal => "fal.run",
        Provider::Bfl => "bfl.ai",
        Provider::Cloudflare => "cloudflare.com",
        Provider::Openai => "openai.com",
        Provider::Runway => "runwayml.com",
        Provider::Byteplus => "bytepluses.com",
        Provider::Alibabacloud => "aliyuncs.com",
    }
}

/// Whether `url` is the endpoint's own host, another of the provider's hosts over https, or — where the endpoint is a
/// loopback one — a loopback host under another name.
pub(super) fn may_hold_credential(provider: Provider, url: &str, base_url: &str) -> bool {
    let (Ok(url), Ok(base)) = (Url::parse(url), Url::parse(base_url)) else { return false };
    if url.scheme() != base.scheme() || !url.username().is_empty() || url.password().is_some() {
        return false;
    }
    let same_host = url.host() == base.host() && url.port_or_known_default() == base.port_or_known_default();
    let within = |host: &Url| {
        let domain = domain(provider);
        host.host_str()
            .is_some_and(|host| host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')))
    };
    same_host || (url.scheme() == "https" && within(&url) && within(&base)) || (is_loopback(&url) && is_loopback(&base))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_goes_to_the_providers_hosts_and_nowhere_else() {
        let base = "https://api.bfl.ai";
        for url in ["https://api.bfl.ai/v1/get_result?id=1", "https://api.us1.bfl.ai/v1/get_result?id=1"] {
            assert!(may_hold_credential(Provider::Bfl, url, base), "{url}");
        }
        for url in [
            "http://api.bfl.ai/v1/get_result",
            "https://notbfl.ai/",
            "https://bfl.ai.evil.example/",
            "https://127.0.0.1/",
            "https://api.bfl.ai@evil.example/",
            "not a url",
        ] {
            assert!(!may_hold_credential(Provider::Bfl, url, base), "{url}");
        }
    }

    #[test]
    fn loopback_endpoints_trust_loopback_under_any_name() {
        let base = "http://127.0.0.1:4000";
        assert!(may_hold_credential(Provider::Bfl, "http://localhost:4000/v1/get_result?id=1", base));
        assert!(may_hold_credential(Provider::Bfl, "http://eu.localhost:4001/v1/get_result?id=1", base));
        assert!(!may_hold_credential(Provider::Bfl, "http://192.168.1.1:4000/", base));
        assert!(!may_hold_credential(Provider::Bfl, "https://api.bfl.ai/", base));
    }
}

//! Names of jobs that only we can make: the generation and the attempt, with a code over both. Nothing is stored, so a
//! callback that comes before the acceptance was recorded, or to another proxy, names its job all the same.

use ledger_contract::{GenerationId, Provider};
use ring::hmac;
use uuid::Uuid;

/// Hex digits of the generation's id.
const ID_DIGITS: usize = 32;
/// Hex digits of id and attempt.
const NAME_DIGITS: usize = ID_DIGITS + 8;
/// All of them.
const TOKEN_DIGITS: usize = NAME_DIGITS + 64;

/// Makes and reads tokens.
#[derive(Debug)]
pub(super) struct Tokens {
    key: hmac::Key,
}

impl Tokens {
    /// A key of its own is derived from `secret`.
    pub fn new(secret: &str) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let derived = hmac::sign(&root, b"babysea callbacks");
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()) }
    }

    pub fn make(&self, provider: Provider, generation_id: GenerationId, attempt_order: u32) -> String {
        let name = format!("{}{attempt_order:08x}", generation_id.0.simple());
        let code = hmac::sign(&self.key, said(provider, &name).as_bytes());
        format!("{name}{}", hex::encode(code))
    }

    /// `None`: not made by us for this provider.
    pub fn read(&self, provider: Provider, token: &str) -> Option<(GenerationId, u32)> {
        if token.len() != TOKEN_DIGITS || !token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let (name, code) = token.split_at_checked(NAME_DIGITS)?;
        hmac::verify(&self.key, said(provider, name).as_bytes(), &hex::decode(code).ok()?).ok()?;
        let (id, attempt) = name.split_at_checked(ID_DIGITS)?;
        Some((GenerationId(Uuid::try_parse(id).ok()?), u32::from_str_radix(attempt, 16).ok()?))
    }

    /// What the provider is to sign this job's callbacks with, where we choose that.
    pub fn secret(&self, token: &str) -> String {
        hex::encode(hmac::sign(&self.key, format!("secret\n{token}").as_bytes()))
    }
}

fn said(provider: Provider, name: &str) -> String {
    format!("token\n{provider}\n{name}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_names_its_job_to_everybody_who_knows_the_secret() {
        let id = GenerationId(Uuid::from_u128(7));
        let token = Tokens::new("s").make(Provider::Fal, id, 3);
        assert_eq!(Tokens::new("s").read(Provider::Fal, &token), Some((id, 3)));
        assert_eq!(Tokens::new("t").read(Provider::Fal, &token), None);
        assert_eq!(Tokens::new("s").read(Provider::Bfl, &token), None);
        assert_ne!(Tokens::new("s").secret(&token), Tokens::new("t").secret(&token));
    }

    proptest! {
        #[test]
        fn nothing_else_is_a_token(place in 0_usize..104, digit in "[0-9a-f]", other in ".{0,120}") {
            let tokens = Tokens::new("s");
            let token = tokens.make(Provider::Fal, GenerationId(Uuid::from_u128(7)), 3);
            let mut forged = token.clone();
            forged.replace_range(place..=place, &digit);
            prop_assert!(forged == token || tokens.read(Provider::Fal, &forged).is_none());
            prop_assert_eq!(tokens.read(Provider::Fal, &other), None);
        }
    }
}

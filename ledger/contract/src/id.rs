//! One newtype per id, so that an account can't be passed where a key is meant. Made at the edge, never here.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(value: Uuid) -> Self {
                Self(value)
            }
        }
    };
}

id!(
    /// A tenant: owns keys, generations and credits.
    AccountId
);
id!(
    /// An API key's public id; never the key itself.
    ApiKeyId
);
id!(
    /// A budget: the account's own id for an account's, the first key's for a key's.
    BudgetId
);
id!(
    /// A generation record; `UUIDv7`, so newest sorts last.
    GenerationId
);
id!(
    /// One proxy process, for as long as it lives: the holder of leases on open generations.
    HolderId
);

//! Names of files: made unguessable, and checked whenever one comes from outside. Never touches the store.

use crate::ArtifactError;

/// What a sidecar's name ends with; no file's key may.
pub(crate) const SIDECAR: &str = ".meta";

/// Longest key that is looked at; ours have about 60 characters.
const MAX_LENGTH: usize = 200;

/// An unguessable key, safe in a URL path as it is: `3f/a9…c4.png`. The two leading characters spread files over folders;
/// lower-case hex keeps keys distinct on file systems that ignore case.
///
/// `extension` is without a dot and comes from our own table of content types, never from a customer.
pub fn new_key(random: [u8; 24], extension: &str) -> String {
    let name = hex::encode(random);
    let (folder, rest) = name.split_at(2);
    format!("{folder}/{rest}.{extension}")
}

/// Accepts only what [`new_key`] could have made in shape: segments of `[A-Za-z0-9_.-]` that don't begin with a dot,
/// and not a sidecar. So no key leaves the folder, is absolute, or names a staging file.
pub fn check_key(key: &str) -> Result<(), ArtifactError> {
    let segment = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
    };
    if key.len() <= MAX_LENGTH && !key.ends_with(SIDECAR) && key.split('/').all(segment) {
        Ok(())
    } else {
        Err(ArtifactError::BadKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_passes_its_own_check() {
        let key = new_key([0xa7; 24], "png");
        assert_eq!(key.len(), 48 + 1 + 4);
        assert!(key.starts_with("a7/"));
        assert!(check_key(&key).is_ok());
    }

    #[test]
    fn a_key_never_leaves_the_folder() {
        let long = "a".repeat(MAX_LENGTH + 1);
        for wrong in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "a/",
            ".x",
            "a/.b",
            "a\\b",
            "a b",
            "a%2Fb",
            "a#1",
            "a.meta",
            &long,
        ] {
            assert!(check_key(wrong).is_err(), "{wrong}");
        }
    }
}

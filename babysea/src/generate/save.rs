//! Where outputs are saved: exactly where the user says, else under the generation's id with the extension of the content.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;

/// Place of the output with this index, from 0.
pub fn path(out: Option<&Path>, id: &str, index: usize, extension: &str) -> PathBuf {
    match out {
        Some(named) if index == 0 => named.to_owned(),
        Some(named) => {
            let stem = named.file_stem().unwrap_or_default().to_string_lossy();
            named.with_file_name(format!("{stem}-{}.{extension}", index + 1))
        }
        None if index == 0 => PathBuf::from(format!("{id}.{extension}")),
        None => PathBuf::from(format!("{id}-{}.{extension}", index + 1)),
    }
}

/// Writes a file, whole or not at all.
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".part");
    fs::write(&partial, bytes).with_context(|| format!("writing {}", path.display()))?;
    fs::rename(&partial, path).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_go_where_the_user_says_and_get_numbers_after_the_first() {
        let out = Some(Path::new("/tmp/seal.png"));
        assert_eq!(path(out, "id", 0, "webp"), Path::new("/tmp/seal.png"));
        assert_eq!(path(out, "id", 1, "png"), Path::new("/tmp/seal-2.png"));
        assert_eq!(path(None, "id", 0, "mp4"), Path::new("id.mp4"));
        assert_eq!(path(None, "id", 2, "mp4"), Path::new("id-3.mp4"));
    }
}

//! The `Range` header: one range or the whole file (RFC 9110 §14). Pure.

use std::ops::Range;

/// What to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// 200.
    Whole,
    /// 206, with the bytes from start to before end.
    Range(Range<u64>),
    /// 416.
    Unsatisfiable,
}

/// Reads the header for a file of `size` bytes. Several ranges, another unit or a malformed header: the whole file.
pub fn read_range(header: Option<&[u8]>, size: u64) -> Part {
    let text = header.and_then(|value| std::str::from_utf8(value).ok()).map(str::trim);
    let spec = text.and_then(|text| text.split_once('=')).filter(|(unit, _)| unit.eq_ignore_ascii_case("bytes"));
    let Some((first, last)) = spec.and_then(|(_, ranges)| ranges.trim().split_once('-')) else { return Part::Whole };
    let range = match (bound(first), bound(last)) {
        (Bound::At(first), Bound::At(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Bound::At(first), Bound::Open) => first..size,
        (Bound::Open, Bound::At(length)) => size.saturating_sub(length)..size,
        _ => return Part::Whole,
    };
    if range.start < range.end { Part::Range(range) } else { Part::Unsatisfiable }
}

enum Bound {
    At(u64),
    Open,
    Malformed,
}

fn bound(text: &str) -> Bound {
    let text = text.trim();
    if text.is_empty() {
        return Bound::Open;
    }
    let number = if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None };
    number.map_or(Bound::Malformed, Bound::At)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Part {
        read_range(Some(text.as_bytes()), 1_000)
    }

    #[test]
    fn one_range_in_each_of_its_three_forms() {
        assert_eq!(read("bytes=0-99"), Part::Range(0..100));
        assert_eq!(read("bytes=990-2000"), Part::Range(990..1_000));
        assert_eq!(read("bytes=500-"), Part::Range(500..1_000));
        assert_eq!(read("bytes=-10"), Part::Range(990..1_000));
        assert_eq!(read("Bytes=-5000"), Part::Range(0..1_000));
    }

    #[test]
    fn beyond_the_end_is_unsatisfiable() {
        assert_eq!(read("bytes=1000-"), Part::Unsatisfiable);
        assert_eq!(read("bytes=5000-6000"), Part::Unsatisfiable);
        assert_eq!(read("bytes=-0"), Part::Unsatisfiable);
    }

    #[test]
    fn everything_else_is_the_whole_file() {
        for text in
            ["", "bytes", "bytes=", "bytes=-", "bytes=5-1", "bytes=0-1,5-6", "items=0-1", "bytes=a-b", "bytes=+1-2"]
        {
            assert_eq!(read(text), Part::Whole, "{text}");
        }
        assert_eq!(read_range(None, 1_000), Part::Whole);
    }

    proptest! {
        #[test]
        fn a_range_is_never_empty_and_never_past_the_end(text in "(bytes=)?[0-9,-]{0,24}", size in any::<u64>()) {
            if let Part::Range(range) = read_range(Some(text.as_bytes()), size) {
                prop_assert!(range.start < range.end && range.end <= size);
            }
        }
    }
}

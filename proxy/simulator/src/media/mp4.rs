//! The smallest MP4 that every player opens (ISO/IEC 14496-12 and -15): one H.264 track, one key frame a second,
//! `moov` before `mdat`.

use super::h264::Stream;
use super::pattern::Pattern;
use super::{Artwork, MediaError};

/// Time units per second.
const TIMESCALE: u32 = 1_000;
/// The identity transformation of a track header, 16.16 and 2.30 fixed point.
const MATRIX: [u32; 9] = [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000];

/// One frame: how long it shows, in time units, and its bytes.
struct Sample {
    duration: u32,
    bytes: Vec<u8>,
}

/// A movie of the artwork's size and length.
pub fn movie(artwork: &Artwork) -> Result<Vec<u8>, MediaError> {
    let stream = Stream::new(artwork.width, artwork.height)?;
    let samples = samples(&stream, artwork);
    let ftyp = boxed(*b"ftyp", &[b"isom", &[0, 0, 2, 0], b"isomiso2avc1mp41"]);
    // The offset of the first frame stands inside `moov`, whose length does not depend on its value.
    let length = moov(artwork, &stream, &samples, 0).len();
    let offset = u32::try_from(ftyp.len() + length + 8).unwrap_or(u32::MAX);
    let frames: Vec<&[u8]> = samples.iter().map(|sample| sample.bytes.as_slice()).collect();
    Ok([ftyp, moov(artwork, &stream, &samples, offset), boxed(*b"mdat", &frames)].concat())
}

fn samples(stream: &Stream, artwork: &Artwork) -> Vec<Sample> {
    let pattern = Pattern::of(artwork.look);
    let total = artwork.duration_ms.max(1);
    (0..total.div_ceil(TIMESCALE))
        .map(|second| {
            let frame = stream.key_frame(&pattern, second as usize);
            let bytes = [&length(&frame).to_be_bytes()[..], &frame].concat();
            Sample { duration: TIMESCALE.min(total - second * TIMESCALE), bytes }
        })
        .collect()
}

fn moov(artwork: &Artwork, stream: &Stream, samples: &[Sample], offset: u32) -> Vec<u8> {
    let duration = artwork.duration_ms.max(1);
    let mut header = vec![0, 0, 0, TIMESCALE, duration, 0x0001_0000, 0x0100_0000, 0, 0];
    header.extend(MATRIX);
    header.extend([0, 0, 0, 0, 0, 0, 2]);
    let mvhd = boxed(*b"mvhd", &[&words(&header)]);
    boxed(*b"moov", &[&mvhd, &track(artwork, stream, samples, offset)])
}

fn track(artwork: &Artwork, stream: &Stream, samples: &[Sample], offset: u32) -> Vec<u8> {
    let duration = artwork.duration_ms.max(1);
    // Flags 7: enabled, in the movie, in the preview.
    let mut header = vec![7, 0, 0, 1, 0, duration, 0, 0, 0, 0];
    header.extend(MATRIX);
    header.extend([artwork.width << 16, artwork.height << 16]);
    let tkhd = boxed(*b"tkhd", &[&words(&header)]);
    // Language `und`, packed in five bits a letter.
    let mdhd = boxed(*b"mdhd", &[&words(&[0, 0, 0, TIMESCALE, duration, 0x55c4_0000])]);
    let hdlr = boxed(*b"hdlr", &[&[0; 8], b"vide", &[0; 12], b"video\0"]);
    let media = boxed(*b"mdia", &[&mdhd, &hdlr, &information(artwork, stream, samples, offset)]);
    boxed(*b"trak", &[&tkhd, &media])
}

fn information(artwork: &Artwork, stream: &Stream, samples: &[Sample], offset: u32) -> Vec<u8> {
    let vmhd = boxed(*b"vmhd", &[&words(&[1, 0, 0])]);
    let url = boxed(*b"url ", &[&words(&[1])]);
    let dinf = boxed(*b"dinf", &[&boxed(*b"dref", &[&words(&[0, 1]), &url])]);
    boxed(*b"minf", &[&vmhd, &dinf, &table(artwork, stream, samples, offset)])
}

/// The sample table: description, durations, chunks, sizes, offset. Without `stss` every sample is a key frame.
fn table(artwork: &Artwork, stream: &Stream, samples: &[Sample], offset: u32) -> Vec<u8> {
    let stsd = boxed(*b"stsd", &[&words(&[0, 1]), &description(artwork, stream)]);
    let mut times = vec![0, length(samples)];
    times.extend(samples.iter().flat_map(|sample| [1, sample.duration]));
    let mut sizes = vec![0, 0, length(samples)];
    sizes.extend(samples.iter().map(|sample| length(&sample.bytes)));
    boxed(
        *b"stbl",
        &[
            &stsd,
            &boxed(*b"stts", &[&words(&times)]),
            &boxed(*b"stsc", &[&words(&[0, 1, 1, length(samples), 1])]),
            &boxed(*b"stsz", &[&words(&sizes)]),
            &boxed(*b"stco", &[&words(&[0, 1, offset])]),
        ],
    )
}

/// `avc1` with its decoder configuration.
fn description(artwork: &Artwork, stream: &Stream) -> Vec<u8> {
    let (sps, pps) = (stream.sequence_parameters(), Stream::picture_parameters());
    let configuration =
        boxed(*b"avcC", &[&[1, 66, 0xc0, stream.level(), 0xff, 0xe1], &short(&sps), &sps, &[1], &short(&pps), &pps]);
    let size = words(&[(artwork.width << 16) | artwork.height, 0x0048_0000, 0x0048_0000, 0]);
    // Six reserved bytes, data reference 1, sixteen unused; then size, resolution, one frame per sample, no name,
    // depth 24, no colour table.
    boxed(
        *b"avc1",
        &[&[0, 0, 0, 0, 0, 0, 0, 1], &[0; 16], &size, &[0, 1], &[0; 32], &[0, 24, 0xff, 0xff], &configuration],
    )
}

fn boxed(kind: [u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let size = (length(&body) + 8).to_be_bytes();
    [&size[..], &kind, &body].concat()
}

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

fn length<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).unwrap_or(u32::MAX)
}

fn short(unit: &[u8]) -> [u8; 2] {
    u16::try_from(unit.len()).unwrap_or(u16::MAX).to_be_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::media::Format;

    fn artwork(width: u32, height: u32, duration_ms: u32, look: u64) -> Artwork {
        Artwork { format: Format::Mp4, width, height, duration_ms, look }
    }

    /// The body of the box at a path such as `moov/trak`.
    fn find<'a>(mut bytes: &'a [u8], path: &str) -> &'a [u8] {
        for kind in path.split('/') {
            bytes = boxes(bytes).into_iter().find(|(found, _)| *found == kind.as_bytes()).expect(path).1;
        }
        bytes
    }

    fn boxes(mut bytes: &[u8]) -> Vec<(&[u8], &[u8])> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let size = word(bytes, 0) as usize;
            found.push((&bytes[4..8], &bytes[8..size]));
            bytes = &bytes[size..];
        }
        found
    }

    fn word(bytes: &[u8], at: usize) -> u32 {
        u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    #[test]
    fn a_movie_has_one_video_track_of_the_asked_size_and_length() {
        let movie = movie(&artwork(1280, 720, 5_000, 1)).unwrap();
        assert_eq!(boxes(&movie).iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [b"ftyp", b"moov", b"mdat"]);
        let header = find(&movie, "moov/mvhd");
        assert_eq!((word(header, 12), word(header, 16)), (1_000, 5_000));
        let track = find(&movie, "moov/trak/tkhd");
        assert_eq!((word(track, 76) >> 16, word(track, 80) >> 16), (1280, 720));
        let entry = find(&movie, "moov/trak/mdia/minf/stbl/stsd");
        assert_eq!(&entry[12..16], b"avc1");
        assert_eq!(word(entry, 16 + 24), 0x0500_02d0);
    }

    #[test]
    fn every_second_is_one_whole_key_frame_where_the_table_says() {
        let movie = movie(&artwork(720, 1280, 2_500, 1)).unwrap();
        let table = |kind: &str| find(&movie, &format!("moov/trak/mdia/minf/stbl/{kind}"));
        let times = table("stts");
        assert_eq!((0..3).map(|n| word(times, 12 + 8 * n)).collect::<Vec<_>>(), [1_000, 1_000, 500]);
        let sizes = table("stsz");
        assert_eq!(word(sizes, 8), 3);
        let mut at = word(table("stco"), 8) as usize;
        for number in 0..3 {
            let size = word(sizes, 12 + 4 * number);
            assert_eq!((word(&movie, at), movie[at + 4]), (size - 4, 0x65), "length prefix and IDR header");
            at += size as usize;
        }
        assert_eq!(at, movie.len());
    }

    #[test]
    fn no_frame_contains_a_start_code() {
        let movie = movie(&artwork(854, 480, 1_000, 9)).unwrap();
        let frame = &find(&movie, "mdat")[4..];
        assert!(frame.windows(3).all(|bytes| bytes[0] != 0 || bytes[1] != 0 || bytes[2] > 3 || bytes[2] == 3));
    }

    #[test]
    fn movies_differ_by_look_and_repeat_for_the_same() {
        let movie = |look| movie(&artwork(640, 360, 1_000, look)).unwrap();
        assert_eq!(movie(1), movie(1));
        assert_ne!(movie(1), movie(2));
    }

    #[test]
    fn what_no_level_can_hold_is_refused() {
        assert!(movie(&artwork(8_192, 8_192, 1_000, 1)).is_err());
    }
}

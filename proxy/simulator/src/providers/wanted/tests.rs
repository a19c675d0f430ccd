//! Native inputs and the files they ask for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

fn wanted(provider: Provider, model: &str, input: &str) -> Wanted {
    Input::new(provider, model, &serde_json::from_str(input).unwrap()).wanted()
}

#[test]
fn replicate_inputs_decide_size_kind_and_number() {
    let schnell = r#"{"aspect_ratio": "16:9", "output_format": "png", "num_outputs": 3}"#;
    let wanted_schnell = wanted(Provider::Replicate, "black-forest-labs/flux-schnell", schnell);
    assert_eq!(wanted_schnell, Wanted { size: (1344, 768), format: Format::Png, count: 3, duration_ms: 0 });
    let seedream = r#"{"aspect_ratio": "4:3", "size": "4K", "max_images": 4}"#;
    let wanted_seedream = wanted(Provider::Replicate, "bytedance/seedream-4", seedream);
    assert_eq!(wanted_seedream, Wanted::image((4096, 3072), Format::Jpeg));
    let veo = wanted(Provider::Replicate, "google/veo-2", r#"{"aspect_ratio": "9:16", "duration": 6}"#);
    assert_eq!(veo, Wanted { size: (720, 1280), format: Format::Mp4, count: 1, duration_ms: 6_000 });
}

#[test]
fn fal_inputs_decide_size_kind_and_number() {
    let object = r#"{"image_size": {"width": 2304, "height": 1728}, "num_images": 2}"#;
    let seedream = wanted(Provider::Fal, "fal-ai/bytedance/seedream/v4/text-to-image", object);
    assert_eq!(seedream, Wanted { size: (2304, 1728), format: Format::Jpeg, count: 2, duration_ms: 0 });
    assert_eq!(wanted(Provider::Fal, "fal-ai/flux/schnell", "{}"), Wanted::image((1024, 768), Format::Jpeg));
    let banana = wanted(Provider::Fal, "fal-ai/nano-banana", r#"{"aspect_ratio": "3:2"}"#);
    assert_eq!(banana, Wanted::image((1216, 832), Format::Png));
    let veo = wanted(Provider::Fal, "fal-ai/veo2", r#"{"aspect_ratio": "16:9", "duration": "7s"}"#);
    assert_eq!(veo, Wanted { size: (1280, 720), format: Format::Mp4, count: 1, duration_ms: 7_000 });
}

#[test]
fn every_models_own_words_become_its_own_pixels() {
    let rows = [
        (Provider::Replicate, "openai/gpt-image-1", r#"{"aspect_ratio": "3:2"}"#, (1536, 1024)),
        (Provider::Replicate, "runwayml/gen4-image", r#"{"aspect_ratio": "21:9"}"#, (2112, 912)),
        (Provider::Replicate, "runwayml/gen4-image", r#"{"aspect_ratio": "4:3", "resolution": "720p"}"#, (960, 720)),
        (Provider::Replicate, "runwayml/gen4-turbo", r#"{"aspect_ratio": "4:3"}"#, (1104, 832)),
        (Provider::Replicate, "recraft-ai/recraft-v3", r#"{"size": "1820x1024"}"#, (1820, 1024)),
        (Provider::Replicate, "wan-video/wan-2.5-t2v", r#"{"size": "480*832"}"#, (480, 832)),
        (Provider::Replicate, "wan-video/wan-2.5-i2v", r#"{"resolution": "480p"}"#, (832, 480)),
        (Provider::Replicate, "lightricks/ltx-video", r#"{"aspect_ratio": "3:2", "target_size": 768}"#, (768, 512)),
        (Provider::Replicate, "tencent/hunyuan-video", r#"{"width": 480, "height": 864}"#, (480, 864)),
        (Provider::Replicate, "black-forest-labs/flux-2-pro", r#"{"resolution": "1 MP"}"#, (1024, 1024)),
        (Provider::Replicate, "google/nano-banana-pro", r#"{"resolution": "4K", "aspect_ratio": "1:1"}"#, (4096, 4096)),
        (Provider::Fal, "fal-ai/gpt-image-1/text-to-image", r#"{"image_size": "1024x1536"}"#, (1024, 1536)),
        (Provider::Fal, "fal-ai/hunyuan-video", r#"{"resolution": "480p"}"#, (864, 480)),
        (Provider::Fal, "fal-ai/minimax/hailuo-02/pro/text-to-video", "{}", (1920, 1080)),
        (Provider::Fal, "fal-ai/minimax/hailuo-02/standard/text-to-video", "{}", (1366, 768)),
        (Provider::Fal, "fal-ai/flux-2-max/edit", r#"{"image_size": "auto"}"#, (1024, 1024)),
        (Provider::Fal, "fal-ai/flux-pro/v1.1-ultra", r#"{"aspect_ratio": "1:1"}"#, (2048, 2048)),
    ];
    for (provider, model, input, size) in rows {
        assert_eq!(wanted(provider, model, input).size, size, "{model} {input}");
    }
}

#[test]
fn lengths_come_from_seconds_frames_or_the_models_default() {
    let length = |model, input| wanted(Provider::Replicate, model, input).duration_ms;
    assert_eq!(length("lightricks/ltx-video", r#"{"length": 97}"#), 4_041);
    assert_eq!(length("tencent/hunyuan-video", r#"{"video_length": 129, "fps": 24}"#), 5_375);
    assert_eq!(length("minimax/hailuo-02", "{}"), 6_000);
    assert_eq!(length("google/veo-3.1", "{}"), 8_000);
    assert_eq!(length("bytedance/seedance-1-pro", r#"{"duration": 12}"#), 12_000);
}

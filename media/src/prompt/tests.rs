use std::io::Cursor;

use hound::{SampleFormat, WavSpec, WavWriter};

use super::*;
use crate::codec::g711::{decode_alaw, decode_ulaw};

#[test]
fn any_rate_width_and_channel_count_becomes_the_same_tone() {
    let kinds = [
        (8_000, 1, 16, SampleFormat::Int),
        (16_000, 1, 16, SampleFormat::Int),
        (44_100, 2, 24, SampleFormat::Int),
        (48_000, 2, 32, SampleFormat::Float),
        (11_025, 1, 8, SampleFormat::Int),
        (22_050, 3, 32, SampleFormat::Int),
    ];
    for (sample_rate, channels, bits_per_sample, sample_format) in kinds {
        let spec = WavSpec {
            channels,
            sample_rate,
            bits_per_sample,
            sample_format,
        };
        let prompt = Prompt::from_wav(&wav(spec, 600.0, 0.25)).expect("a prompt");
        assert_eq!(prompt.duration(), Duration::from_secs(1), "{spec:?}");
        for heard in both(&prompt) {
            assert_eq!(crossings(&heard), 1_200, "{spec:?}");
            let rms = rms(&heard);
            // A quarter of full scale: 8,192, divided by the root of two.
            assert!((rms - 5_793.0).abs() < 120.0, "{rms} of {spec:?}");
        }
    }
}

#[test]
fn channels_are_averaged_and_cancel_each_other() {
    let spec = spec(8_000);
    let mut file = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(
        &mut file,
        WavSpec {
            channels: 2,
            ..spec
        },
    )
    .expect("a file");
    for n in 0..800i16 {
        writer.write_sample(n * 20).expect("written");
        writer.write_sample(-n * 20).expect("written");
    }
    writer.finalize().expect("written");
    let prompt = Prompt::from_wav(&file.into_inner()).expect("a prompt");
    let [alaw, ulaw] = both(&prompt);
    assert!(alaw.iter().all(|sample| sample.abs() <= 8), "{alaw:?}");
    assert!(ulaw.iter().all(|&sample| sample == 0));
}

#[test]
fn what_is_no_prompt_is_refused_with_its_reason() {
    let refusal = |bytes: &[u8]| Prompt::from_wav(bytes).expect_err("refused");
    assert!(matches!(refusal(b"junk"), PromptError::Malformed(_)));
    let file = wav(spec(8_000), 600.0, 0.1);
    assert!(matches!(refusal(&file[..999]), PromptError::Malformed(_)));
    let empty = {
        let mut file = Cursor::new(Vec::new());
        let writer = WavWriter::new(&mut file, spec(8_000)).expect("a file");
        writer.finalize().expect("written");
        file.into_inner()
    };
    assert_eq!(refusal(&empty), PromptError::Empty);
    let slow = wav(spec(1_000), 100.0, 0.1);
    assert!(matches!(refusal(&slow), PromptError::Unsupported(_)));
}

#[test]
fn a_loop_of_a_resampled_tone_has_no_seam() {
    let prompt = Prompt::from_wav(&wav(spec(44_100), 600.0, 0.25)).expect("a prompt");
    let steepest = |samples: &[i16]| {
        let steps = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs());
        steps.max().expect("samples")
    };
    let [once, _] = both(&prompt);
    let seam = played(
        &prompt,
        AudioCodec::Pcma,
        once.len() - 80,
        160,
        Repeat::Forever,
    );
    assert!(steepest(&seam) <= steepest(&once[400..7_600]));
}

#[test]
fn a_tone_without_pauses_is_whole_periods_and_one_with_pauses_has_soft_edges() {
    let dial = Prompt::tone(425.3, Duration::from_millis(500), Duration::ZERO);
    let round = played(&dial, AudioCodec::Pcma, 0, 8_000, Repeat::Forever);
    assert_eq!(crossings(&round), 852, "426 Hz");
    let second = Duration::from_secs(1);
    let ringback = Prompt::tone(425.0, second, 4 * second);
    assert_eq!(ringback.duration(), 5 * second);
    let [samples, _] = both(&ringback);
    assert!(samples[..8].iter().all(|sample| sample.abs() < 900));
    assert!(
        samples[7_995..8_000]
            .iter()
            .all(|sample| sample.abs() < 700)
    );
    assert!(samples[8_000..].iter().all(|sample| sample.abs() <= 8));
    let peak = samples.iter().map(|sample| sample.abs()).max();
    assert!(peak.is_some_and(|peak| (3_900..4_300).contains(&peak)));
}

#[test]
fn a_frame_beyond_the_end_is_silence_once_and_the_beginning_forever() {
    let prompt = Prompt::tone(1_000.0, Duration::from_millis(30), Duration::ZERO);
    assert_eq!(prompt.length(), 240);
    let whole = played(&prompt, AudioCodec::Pcma, 0, 240, Repeat::Once);
    let last = played(&prompt, AudioCodec::Pcma, 160, 160, Repeat::Once);
    assert_eq!(last[..80], whole[160..]);
    assert!(last[80..].iter().all(|sample| sample.abs() <= 8));
    let round = played(&prompt, AudioCodec::Pcma, 160, 160, Repeat::Forever);
    assert_eq!(round[80..], whole[..80]);
    let beyond = played(&prompt, AudioCodec::Pcmu, 1_000, 160, Repeat::Once);
    assert!(beyond.iter().all(|&sample| sample == 0));
}

#[test]
fn a_prompt_of_no_length_is_still_one() {
    assert_eq!(Prompt::silence(Duration::ZERO).length(), 1);
    assert_eq!(
        Prompt::tone(f32::NAN, Duration::ZERO, Duration::ZERO).length(),
        1
    );
}

fn wav(spec: WavSpec, frequency: f64, level: f64) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut file, spec).expect("a file");
    for n in 0..spec.sample_rate {
        // A quarter of a period off, so that no sample lies on zero.
        let phase = f64::from(n) * frequency / f64::from(spec.sample_rate) + 0.0123;
        let sample = level * (phase * TAU).sin();
        for _ in 0..spec.channels {
            match spec.sample_format {
                SampleFormat::Float => writer.write_sample(sample as f32),
                SampleFormat::Int => {
                    let full = f64::from(1u32 << (spec.bits_per_sample - 1));
                    writer.write_sample((sample * full).round() as i32)
                }
            }
            .expect("written");
        }
    }
    writer.finalize().expect("written");
    file.into_inner()
}

fn spec(sample_rate: u32) -> WavSpec {
    WavSpec {
        channels: 1,
        sample_rate,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    }
}

fn both(prompt: &Prompt) -> [Vec<i16>; 2] {
    [AudioCodec::Pcma, AudioCodec::Pcmu]
        .map(|codec| played(prompt, codec, 0, prompt.length(), Repeat::Once))
}

fn played(
    prompt: &Prompt,
    codec: AudioCodec,
    position: usize,
    length: usize,
    repeat: Repeat,
) -> Vec<i16> {
    let mut coded = vec![0; length];
    prompt.fill(&mut coded, codec, position, repeat);
    let decode = match codec {
        AudioCodec::Pcmu => decode_ulaw,
        AudioCodec::Pcma | AudioCodec::G722 | AudioCodec::Opus => decode_alaw,
    };
    coded.into_iter().map(decode).collect()
}

/// How often the sign changes, the last sample being followed by the first.
fn crossings(samples: &[i16]) -> usize {
    let next = samples.iter().cycle().skip(1);
    let pairs = samples.iter().zip(next);
    pairs
        .filter(|(one, next)| (**one < 0) != (**next < 0))
        .count()
}

fn rms(samples: &[i16]) -> f64 {
    let squares = samples.iter().map(|&sample| f64::from(sample).powi(2));
    (squares.sum::<f64>() / samples.len() as f64).sqrt()
}

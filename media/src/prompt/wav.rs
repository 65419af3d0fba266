//! WAV files: any channels, width and rate to mono samples at 8 kHz.

use std::io::Read;

use hound::{SampleFormat, WavReader};
use rubato::audioadapter_buffers::owned::InterleavedOwned;
use rubato::{Async, FixedAsync, Resampler, SincInterpolationParameters};

use super::{Prompt, PromptError, RATE};

/// The file's audio: mono, 8 kHz, as loud as it was.
///
/// # Errors
///
/// [`PromptError`]
pub fn decode(bytes: &[u8]) -> Result<Vec<i16>, PromptError> {
    let reader = WavReader::new(bytes).map_err(refused)?;
    let rate = reader.spec().sample_rate;
    if !RATES.contains(&rate) {
        return Err(PromptError::Unsupported(format!("{rate} samples a second")));
    }
    if u64::from(reader.duration()) > Prompt::LONGEST.as_secs() * u64::from(rate) {
        return Err(PromptError::TooLong);
    }
    let mono = mono(reader)?;
    if mono.is_empty() {
        return Err(PromptError::Empty);
    }
    let samples = match rate {
        RATE => mono,
        rate => resample(&mono, rate)?,
    };
    Ok(samples.into_iter().map(quantise).collect())
}

/// The mean of the channels, full scale being 1.
fn mono<R: Read>(mut reader: WavReader<R>) -> Result<Vec<f32>, PromptError> {
    let spec = reader.spec();
    let samples: Vec<f32> = match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>(),
        SampleFormat::Int => {
            let scale = 2f32.powi(1 - i32::from(spec.bits_per_sample));
            reader
                .samples::<i32>()
                .map(|sample| Ok(sample? as f32 * scale))
                .collect()
        }
    }
    .map_err(refused)?;
    let channels = usize::from(spec.channels.max(1));
    Ok(samples
        .chunks_exact(channels)
        .map(|frame| frame.iter().sum::<f32>() / channels as f32)
        .collect())
}

/// As if the audio went round: its end runs into its beginning, so that a loop has no seam.
fn resample(mono: &[f32], rate: u32) -> Result<Vec<f32>, PromptError> {
    // A tenth of a second at either side: more than the filter looks at.
    let margin = rate as usize / 10;
    let length = mono.len();
    let round: Vec<f32> = (0..length + 2 * margin)
        .map(|n| mono[(n + (length - margin % length)) % length])
        .collect();
    let ratio = f64::from(RATE) / f64::from(rate);
    let failed = |error: &dyn std::fmt::Display| PromptError::Unsupported(error.to_string());
    let parameters = SincInterpolationParameters::default();
    let mut resampler =
        Async::<f32>::new_sinc(ratio, 1.0, &parameters, CHUNK, 1, FixedAsync::Input)
            .map_err(|error| failed(&error))?;
    let frames = round.len();
    let input = InterleavedOwned::new_from(round, 1, frames).map_err(|error| failed(&error))?;
    let resampled = resampler
        .process_all(&input, frames, None)
        .map_err(|error| failed(&error))?
        .take_data();
    let wanted = ((length as f64 * ratio).round() as usize).max(1);
    let begin = (margin as f64 * ratio).round() as usize;
    Ok(resampled.into_iter().skip(begin).take(wanted).collect())
}

/// What is beyond full scale is cut off there.
fn quantise(sample: f32) -> i16 {
    (sample * 32_768.0).round() as i16
}

fn refused(error: hound::Error) -> PromptError {
    match error {
        hound::Error::Unsupported => PromptError::Unsupported("its sample format".into()),
        error => PromptError::Malformed(error.to_string()),
    }
}

/// From half of ours to the highest that studios use.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;
/// Samples that the resampler takes at a time.
const CHUNK: usize = 1_024;

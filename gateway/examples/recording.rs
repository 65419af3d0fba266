//! Many recordings without their calls: what they cost, and what the live path feels of them.
//!
//! ```text
//! recording --directory DIR [--calls 500] [--seconds 20] [--without] [--restless SEED]
//! ```
//!
//! One thread stands for a media worker: every 20 ms it has a packet of either side of each call, and taps copy them.
//! `--without` does all the same but the copying, so that the difference of two runs is what recording costs. Each
//! second prints a JSON line with the time that the copies took; the last line sums up. `--restless` puts calls on hold,
//! mutes and pauses them, ends them and begins others, by chance; a line names each recording that begins.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser;
use gateway::call::CallId;
use gateway::clock::Moment;
use gateway::config::Config;
use gateway::metrics::Metrics;
use gateway::recorder::manifest::About;
use gateway::recorder::{Mark, Outcome, Recorder, Recording};
use media::rtp::{Header, PayloadType, Ssrc};
use media::{AudioCodec, Tap};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

#[derive(Debug, Parser)]
struct Arguments {
    /// Where the recordings go; the spool is in here
    #[arg(long)]
    directory: PathBuf,
    #[arg(long, default_value_t = 500)]
    calls: usize,
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// The same packets, recorded by nobody
    #[arg(long)]
    without: bool,
    /// `wav`, `wav-g711` or `ogg-opus`
    #[arg(long, default_value = "wav")]
    format: String,
    /// Encrypted to this age recipient
    #[arg(long)]
    recipient: Option<String>,
    /// What happens to calls by chance follows from this number
    #[arg(long)]
    restless: Option<u64>,
}

/// A call's two sides, and the taps on them.
struct Sides {
    recording: Option<Recording>,
    taps: Option<[Tap; 2]>,
    phase: u16,
    /// Why nothing is heard of a channel; nothing is copied of it then.
    marked: Option<(u8, Mark)>,
}

fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    let recipients = match &arguments.recipient {
        Some(recipient) => format!("recipients = [\"{recipient}\"]"),
        None => String::new(),
    };
    let text = format!(
        "[recording]\nmode = \"always\"\nformat = \"{}\"\ndir = \"{}\"\n{recipients}",
        arguments.format,
        arguments.directory.display()
    );
    let config = Config::parse(&text, "arguments")?;
    let (outcomes, mut ended) = tokio::sync::mpsc::channel(OUTCOMES);
    let (mut recorder, threads) = Recorder::start(&config.recording, 1, Metrics::new(), outcomes)
        .context("the spool can't be made")?;
    let mut calls = Vec::new();
    for n in 0..arguments.calls {
        let phase = n as u16;
        calls.push(match arguments.without {
            true => Sides::unrecorded(phase),
            false => Sides::recorded(&mut recorder, phase)?,
        });
    }
    if arguments.restless.is_some() {
        calls.iter().for_each(Sides::tell);
    }
    let mut chance = arguments.restless.map(StdRng::seed_from_u64);
    let (cpu, began) = (processor_time()?, Instant::now());
    talk(&mut calls, arguments.seconds, |calls| match &mut chance {
        Some(chance) => disturb(calls, chance, &mut recorder),
        None => Ok(()),
    })?;
    let cpu = processor_time()? - cpu;
    let took = began.elapsed();
    let now = Instant::now();
    for recording in calls.iter().filter_map(|call| call.recording.as_ref()) {
        recorder.end(now, recording, About::default());
    }
    drop((recorder, calls));
    let closing = Instant::now();
    threads.join();
    let (mut finished, mut failed) = (0, 0);
    while let Ok(outcome) = ended.try_recv() {
        match outcome {
            Outcome::Finished { .. } => finished += 1,
            Outcome::Failed { recording, .. } => {
                println!(r#"{{"event":"failed","recording":"{recording}"}}"#);
                failed += 1;
            }
        }
    }
    println!(
        r#"{{"event":"ended","calls":{},"core":{:.4},"finished":{finished},"failed":{failed},"closing_s":{:.2}}}"#,
        arguments.calls,
        cpu.as_secs_f64() / took.as_secs_f64(),
        closing.elapsed().as_secs_f64()
    );
    Ok(())
}

impl Sides {
    fn unrecorded(phase: u16) -> Self {
        Self {
            recording: None,
            taps: None,
            phase,
            marked: None,
        }
    }

    fn recorded(recorder: &mut Recorder, phase: u16) -> anyhow::Result<Self> {
        let recording = recorder.begin(Moment::read(), &CallId::fresh(), About::default())?;
        let tap = |channel| recorder.tap(&recording, 0, channel);
        let taps = tap(0).zip(tap(1));
        Ok(Self {
            taps: taps.map(|(customer, agent)| [customer, agent]),
            recording: Some(recording),
            ..Self::unrecorded(phase)
        })
    }

    fn tell(&self) {
        if let Some(recording) = &self.recording {
            println!(r#"{{"event":"begun","recording":"{}"}}"#, recording.id);
        }
    }

    fn is_heard(&self, side: u8) -> bool {
        self.marked.is_none_or(|(marked, _)| marked != side)
    }
}

/// Something happens to one of the calls.
fn disturb(
    calls: &mut [Sides],
    chance: &mut StdRng,
    recorder: &mut Recorder,
) -> anyhow::Result<()> {
    let place = chance.random_range(0..calls.len());
    let call = &mut calls[place];
    let Some(recording) = &call.recording else {
        return Ok(());
    };
    let now = Instant::now();
    if let Some((side, mark)) = call.marked.take() {
        recorder.mark(now, recording, side, mark, false);
    } else if chance.random_ratio(1, 4) {
        recorder.end(now, recording, About::default());
        *call = Sides::recorded(recorder, call.phase)?;
        call.tell();
    } else {
        let side = chance.random_range(0..2);
        let mark = [Mark::Hold, Mark::Mute, Mark::Paused][chance.random_range(0..3)];
        recorder.mark(now, recording, side, mark, true);
        call.marked = Some((side, mark));
    }
    Ok(())
}

/// A packet of either side of each call every 20 ms, and something else five times a second.
fn talk(
    calls: &mut [Sides],
    seconds: u64,
    mut otherwise: impl FnMut(&mut [Sides]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let began = Instant::now();
    let payload: Vec<u8> = (0..=255).cycle().take(4_096).collect();
    let mut took: Vec<Duration> = Vec::with_capacity(calls.len() * 100);
    for tick in 0..seconds * 50 {
        let due = began + Duration::from_millis(20) * u32::try_from(tick).unwrap_or(u32::MAX);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        for call in calls.iter_mut() {
            let sequence = (tick as u16).wrapping_add(call.phase);
            let from = usize::from(sequence) * 7 % 3_000;
            for side in [0, 1] {
                let header = header(sequence, side);
                let now = Instant::now();
                let heard = call.is_heard(side);
                if let Some(taps) = call.taps.as_mut().filter(|_| heard) {
                    let content = &payload[from..from + 160];
                    taps[usize::from(side)].copy(&header, AudioCodec::Pcma, content, now);
                }
                took.push(now.elapsed());
            }
        }
        if tick % 10 == 9 {
            otherwise(calls)?;
        }
        if tick % 50 == 49 {
            tell(tick / 50, &mut took);
        }
    }
    Ok(())
}

fn header(sequence: u16, side: u8) -> Header {
    Header {
        marker: false,
        payload_type: PayloadType::new(8).expect("seven bits"),
        sequence,
        timestamp: u32::from(sequence) * 160,
        ssrc: Ssrc(side.into()),
        length: Header::FIXED,
    }
}

fn tell(second: u64, took: &mut Vec<Duration>) {
    took.sort_unstable();
    let at = |share: usize| took[took.len() * share / 1_000].as_nanos();
    println!(
        r#"{{"event":"second","second":{second},"p50_ns":{},"p99_ns":{},"p999_ns":{}}}"#,
        at(500),
        at(990),
        at(999)
    );
    took.clear();
}

/// The process's own and the kernel's for it.
fn processor_time() -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let behind = stat.rsplit_once(") ").context("a stat line has a name")?.1;
    let ticks: u64 = behind
        .split(' ')
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().unwrap_or(0))
        .sum();
    // The kernel's USER_HZ on every architecture that we run on.
    Ok(Duration::from_millis(ticks * 10))
}

/// More recordings than begin in any run: nobody looks at them before its end.
const OUTCOMES: usize = 65_536;

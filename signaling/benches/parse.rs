//! What reading a message costs, in processor time, since a machine is seldom a bench's alone: `cargo bench -p signaling`.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rustix::time::{ClockId, clock_gettime};
use signaling::message::{Message, Name};

fn parse(criterion: &mut Criterion<ProcessorTime>) {
    let mut group = criterion.benchmark_group("parse");
    for (name, text) in [
        ("invite of 900 bytes", INVITE),
        ("register", REGISTER),
        ("200 to a register", OK),
    ] {
        let buffer = Bytes::from_static(text.as_bytes());
        group.throughput(Throughput::Bytes(buffer.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| Message::parse(black_box(buffer.clone()), 16_384));
        });
    }
    group.finish();
}

fn read(criterion: &mut Criterion<ProcessorTime>) {
    let message = Message::parse(Bytes::from_static(INVITE.as_bytes()), 16_384).expect("a message");
    criterion.bench_function("read Via, From, To, Call-ID, CSeq", |bencher| {
        bencher.iter(|| {
            let message = black_box(&message);
            [Name::Via, Name::From, Name::To, Name::CallId, Name::CSeq]
                .map(|name| message.header(name).map(<[u8]>::len))
        });
    });
}

/// Of this thread.
struct ProcessorTime;

impl Measurement for ProcessorTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        let spent = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(spent.tv_sec as u64, spent.tv_nsec as u32)
    }

    fn end(&self, start: Duration) -> Duration {
        self.start() - start
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(ProcessorTime);
    targets = parse, read
}
criterion_main!(benches);

const INVITE: &str = include_str!("invite_900.sip");
const REGISTER: &str = include_str!("../tests/captured/jssip_register.sip");
const OK: &str = include_str!("../tests/captured/kamailio_register_200.sip");

//! What reading a message costs: `cargo bench -p signaling`.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use signaling::message::{Message, Name};

fn parse(criterion: &mut Criterion) {
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

fn read(criterion: &mut Criterion) {
    let message = Message::parse(Bytes::from_static(INVITE.as_bytes()), 16_384).expect("a message");
    criterion.bench_function("read Via, From, To, Call-ID, CSeq", |bencher| {
        bencher.iter(|| {
            let message = black_box(&message);
            [Name::Via, Name::From, Name::To, Name::CallId, Name::CSeq]
                .map(|name| message.header(name).map(<[u8]>::len))
        });
    });
}

criterion_group!(benches, parse, read);
criterion_main!(benches);

const INVITE: &str = include_str!("invite_900.sip");
const REGISTER: &str = include_str!("../tests/captured/jssip_register.sip");
const OK: &str = include_str!("../tests/captured/kamailio_register_200.sip");

// ops/bench media: our engine and rtpengine, each in user space on one processor, relay the same calls between RTP and SRTP; then ours alone.
import assert from 'node:assert/strict';
import { loadavg } from 'node:os';
import { Relay } from './peers/relay.mjs';
import { staged } from './stage.mjs';

const SECONDS = Number(process.env.BENCH_SECONDS ?? 10);
const BOTH = (process.env.BENCH_CALLS ?? '100,300').split(',').map(Number);
const ALONE = (process.env.BENCH_ALONE ?? '500,1000,1500').split(',').map(Number);

const COLUMNS = ['relay', 'calls', 'lost', "tester's drops", 'late ms', 'µs a packet', 'in the kernel', 'calls a core', 'p50 ms', 'p99 ms', 'load'];

function row(name, report, latency) {
  const share = report.relay_in_kernel / report.relay_processor;
  return [
    name, report.calls, report.lost, report.tester_dropped, report.tester_late_ms.toFixed(0), report.relay_us_per_packet.toFixed(2), `${Math.round(100 * share)} %`,
    Math.round(report.relay_calls_a_core), latency ? report.latency_ms.p50.toFixed(2) : '–', latency ? report.latency_ms.p99.toFixed(2) : '–', loadavg()[0].toFixed(1),
  ];
}

function print(rows) {
  const widths = COLUMNS.map((name, n) => Math.max(name.length, ...rows.map((row) => String(row[n]).length)));
  for (const line of [COLUMNS, ...rows]) console.log(line.map((cell, n) => String(cell).padStart(widths[n])).join('  '));
}

async function measure(relay, calls, latency = false) {
  const report = await relay.load({ calls, seconds: SECONDS, latency });
  assert.equal(report.wrong, 0, `${relay.name}: ${report.wrong} of ${report.checked} packets aren't what was sent`);
  return { report, row: row(relay.name, report, latency) };
}

// In one test, one after the other: what is compared was measured on the same machine in the same minute.
staged('RTP to SRTP (SDES, AES-CM) and back, beside rtpengine', async (stage) => {
  const rows = [];
  for (const calls of BOTH) {
    const reports = {};
    for (const start of [Relay.rtpengine, Relay.ours]) {
      const relay = await start(stage);
      const measured = await measure(relay, calls);
      rows.push(measured.row);
      reports[relay.name] = measured.report;
      await relay.process.stop();
    }
    const ratio = reports.rtpengine.relay_us_per_packet / reports.ours.relay_us_per_packet;
    rows.push([`rtpengine's time is ${ratio.toFixed(2)} × ours`, ...COLUMNS.slice(1).map(() => '')]);
  }
  print(rows);
});

staged('ours alone: latency at 500 calls, then as many as a core carries', async (stage) => {
  const rows = [];
  for (const [n, calls] of ALONE.entries()) {
    const relay = await Relay.ours(stage);
    rows.push((await measure(relay, calls, n === 0)).row);
    await relay.process.stop();
  }
  print(rows);
});

// Somebody on another address who wants to be heard in a call of others: a program that sends what it is told to, again and again, until it is
// ended. Its only argument is JSON: `{ from: { address, port }, to: [{ address, port }…], hz, ssrc }`.
import dgram from 'node:dgram';
import { tone, ulaw } from '../audio.mjs';

const FRAME_MS = 20;
const EVERY_FRAMES = 10; // what isn't audio, each 200 ms

const { from, to, hz, ssrc = 0x5eed5eed } = JSON.parse(process.argv[2]);
const voice = ulaw(tone(hz, { rate: 8000, seconds: 1 }));
const socket = dgram.createSocket('udp4');
socket.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});

socket.bind(from?.port ?? 0, from?.address, () => {
  console.log('sending');
  let frame = 0;
  setInterval(() => {
    const packets = [rtp(frame)];
    if (frame % EVERY_FRAMES === 0) packets.push(bye(), check(), clientHello(), closeNotify());
    for (const { address, port } of to) for (const packet of packets) socket.send(packet, port, address, () => {});
    frame += 1;
  }, FRAME_MS);
});

function rtp(frame) {
  const header = Buffer.alloc(12);
  header.writeUInt8(0x80, 0);
  header.writeUInt8(0, 1); // PCMU
  header.writeUInt16BE(frame & 0xffff, 2);
  header.writeUInt32BE((frame * 160) >>> 0, 4);
  header.writeUInt32BE(ssrc, 8);
  const start = (frame * 160) % voice.length;
  return Buffer.concat([header, voice.subarray(start, start + 160)]);
}

// RTCP: an empty receiver report, then BYE.
function bye() {
  const packet = Buffer.from('80c9000100000000' + '81cb000100000000', 'hex');
  packet.writeUInt32BE(ssrc, 4);
  packet.writeUInt32BE(ssrc, 12);
  return packet;
}

// STUN: a Binding request that nominates, in somebody's name, with a password that is none.
function check() {
  const attributes = Buffer.concat([
    attribute(0x0006, Buffer.from('0abcdefgh:forger00')), attribute(0x0024, Buffer.from('7effffff', 'hex')), attribute(0x8029, Buffer.alloc(8, 1)),
    attribute(0x0025, Buffer.alloc(0)), attribute(0x0008, Buffer.alloc(20, 7)),
  ]);
  const header = Buffer.concat([Buffer.from([0, 1, 0, attributes.length]), Buffer.from('2112a442', 'hex'), Buffer.from('forgedforged')]);
  return Buffer.concat([header, attributes]);
}

function attribute(type, value) {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
}

// DTLS 1.2: a record with a ClientHello that offers one suite.
function clientHello() {
  const body = Buffer.concat([Buffer.from('fefd', 'hex'), Buffer.alloc(32, 9), Buffer.from([0, 0]), Buffer.from('0002c02b0100', 'hex')]);
  const handshake = Buffer.concat([Buffer.from([1, 0, 0, body.length, 0, 0, 0, 0, 0, 0, 0, body.length]), body]);
  return record(22, handshake);
}

function closeNotify() {
  return record(21, Buffer.from([1, 0]));
}

function record(type, content) {
  return Buffer.concat([Buffer.from([type, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, content.length]), content]);
}

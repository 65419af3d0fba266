// The registrar alone: up, speaks WSS with a certificate of its authority, and wants a digest.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import WebSocket from 'ws';
import { staged } from './stage.mjs';
import { Kamailio } from './peers/kamailio.mjs';

staged('Kamailio challenges a REGISTER over WSS', async (stage) => {
  const kamailio = await Kamailio.start(stage);
  const socket = new WebSocket(kamailio.registrar, 'sip', { ca: await readFile(kamailio.authority) });
  stage.leaves(() => socket.terminate());
  await once(socket, 'open');
  socket.send([
    `REGISTER sip:${kamailio.domain} SIP/2.0`, 'Via: SIP/2.0/WSS stage.invalid;branch=z9hG4bK1', 'Max-Forwards: 69', `To: <sip:500607@${kamailio.domain}>`,
    `From: <sip:500607@${kamailio.domain}>;tag=1`, 'Call-ID: stage', 'CSeq: 1 REGISTER', 'Contact: <sip:x@stage.invalid;transport=ws>', 'Content-Length: 0', '', '',
  ].join('\r\n'));
  const [reply] = await once(socket, 'message');
  assert.match(String(reply), /^SIP\/2.0 401 /);
  assert.match(String(reply), /WWW-Authenticate: Digest realm="pbx.example.com"/);
});

// A thread of its own: writes SIP requests by TCP as fast as the other side takes them and reads nothing; again whenever it is cut off.
import net from 'node:net';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { request } from './sip.mjs';

const CHUNK = 200;

/** Resolves `stop()` to how many requests were written and how often it was cut off. */
export function deaf(port) {
  const worker = new Worker(new URL(import.meta.url), { workerData: { port } });
  return {
    async stop() {
      worker.postMessage('stop');
      const told = await new Promise((resolve) => worker.once('message', resolve));
      await worker.terminate();
      return told;
    },
  };
}

function flood(port) {
  const chunk = Array.from({ length: CHUNK }, () => request('OPTIONS', { transport: 'tcp' })).join('');
  const told = { sent: 0, cut: 0 };
  let socket;
  const connect = () => {
    socket = net.connect({ port, host: '127.0.0.1' });
    const write = () => {
      do told.sent += CHUNK;
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.pause().on('error', () => {}).on('connect', write).on('drain', write).on('close', () => {
      told.cut += 1;
      connect();
    });
  };
  connect();
  parentPort.once('message', () => {
    socket.removeAllListeners('close').destroy();
    parentPort.postMessage(told);
  });
}

if (workerData?.port) flood(workerData.port);

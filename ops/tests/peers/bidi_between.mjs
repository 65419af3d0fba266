// Started in Firefox's place, as a program of its own: runs it, and stands between it and Playwright. Debian's long-term Firefox is older than what
// Playwright speaks to; what it doesn't know yet and no test needs is answered for it.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { WebSocket, WebSocketServer } from 'ws';

const LISTENING = /WebDriver BiDi listening on (ws:\/\/\S+)/;
/** Emulated light, dark and reduced motion. */
const NEEDLESS = new Set(['emulation.setMediaFeaturesOverride']);

const [program, ...args] = process.argv.slice(2);
const firefox = spawn(program, args, { stdio: ['ignore', 'inherit', 'pipe'] });
firefox.on('exit', (code) => process.exit(code ?? 1));
createInterface({ input: firefox.stderr }).on('line', (line) => {
  const [, address] = LISTENING.exec(line) ?? [];
  if (address) stand(address);
  else console.error(line);
});

function stand(address) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  server.on('listening', () => console.error(`WebDriver BiDi listening on ws://127.0.0.1:${server.address().port}`));
  server.on('connection', (playwright, { url }) => {
    const browser = new WebSocket(address + url);
    const early = [];
    const ask = (text) => (browser.readyState === WebSocket.OPEN ? browser.send(text) : early.push(text));
    browser.on('open', () => early.forEach((text) => browser.send(text)));
    playwright.on('message', (data) => {
      const text = String(data);
      const { id, method } = JSON.parse(text);
      if (NEEDLESS.has(method)) playwright.send(JSON.stringify({ type: 'success', id, result: {} }));
      else ask(text);
    });
    browser.on('message', (data) => playwright.send(String(data)));
    browser.on('close', () => playwright.close());
    playwright.on('close', () => browser.close());
  });
}

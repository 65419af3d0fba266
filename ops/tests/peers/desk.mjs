// An agent's desk in a browser: Chromium with a WAV as the microphone, or Firefox. The page is worked by its roles and test ids and heard by its own AudioContext.
import { heardIn, launch } from './browser.mjs';
import { launchFirefox } from './firefox.mjs';

const EAR_SETTLES_MS = 600; // the browser's jitter buffer and the measurement's own window
const SILENCE_DB = -60;
const DEADLINE_MS = 15_000;

export class Desk {
  /** Opens the gateway's desk in an agent's name, the microphone saying `hz`, and waits until it is ready for calls. */
  static async open(stage, gateway, { agent, hz, spoken, ready, script }) {
    return Desk.at(stage, `${gateway.url}/desk#token=${await gateway.token(agent)}`, { hz, spoken, ready, script });
  }

  /** The desk of an agent whose browser is in another network. */
  static async within(stage, network, gateway, { agent, hz, ready }) {
    const browser = await launch(stage, hz, undefined, { network, trusts: gateway.url });
    return Desk.#in(stage, browser, `${gateway.url}/desk#token=${await gateway.token(agent)}`, ready);
  }

  /** The same in Firefox, whose microphone hums without a pause. */
  static async firefox(stage, gateway, { agent, hz }) {
    return Desk.#in(stage, await launchFirefox(stage, hz), `${gateway.url}/desk#token=${await gateway.token(agent)}`);
  }

  /** Several agents' desks in one browser, all with the same voice; each is a person of its own to the gateway. */
  static async floor(stage, gateway, { agents, hz }) {
    const browser = await launch(stage, hz);
    return Promise.all(agents.map(async (agent) => Desk.#in(stage, browser, `${gateway.url}/desk#token=${await gateway.token(agent)}`)));
  }

  /** One more desk in a browser that is there already. */
  static async beside(stage, browser, gateway, { agent }) {
    return Desk.#in(stage, browser, `${gateway.url}/desk#token=${await gateway.token(agent)}`);
  }

  /** The same for a desk's whole address. `spoken`: seconds of tone and of each period, the rest of which is a pause. `ready: false` doesn't wait for it.
   * `script` runs in the page before its own. */
  static async at(stage, address, { hz, spoken, ready, script }) {
    return Desk.#in(stage, await launch(stage, hz, spoken), address, ready, script);
  }

  /** The same agent's desk once more, in another tab of this browser. */
  another(stage, address) {
    return Desk.#in(stage, this.page.context(), address);
  }

  static async #in(stage, browser, address, ready = true, script = undefined) {
    const context = 'newContext' in browser ? await browser.newContext({ ignoreHTTPSErrors: address.startsWith('https:') }) : browser;
    const page = await context.newPage();
    if (script) await page.addInitScript(script);
    page.setDefaultTimeout(DEADLINE_MS);
    await page.addInitScript(() => {
      globalThis.stagePeers = [];
      const Native = RTCPeerConnection;
      globalThis.RTCPeerConnection = class extends Native {
        constructor(...args) {
          super(...args);
          globalThis.stagePeers.push(this);
        }
      };
    });
    const desk = new Desk(page, new URL(address).hash.replace('#token=', ''));
    stage.tells(() => desk.tell());
    page.on('console', (message) => desk.said.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => desk.said.push(`error: ${error.stack ?? error}`));
    await page.goto(address);
    if (ready) await desk.part('ready-light', '[data-ready="true"]').waitFor();
    return desk;
  }

  said = [];

  constructor(page, token) {
    this.page = page;
    this.token = token;
  }

  /** An element by its test id, with further conditions on the same element. */
  part(id, conditions = '') {
    return this.page.locator(`[data-testid="${id}"]${conditions}`);
  }

  /** Types the number and clicks Call; the id of the call on the card. */
  async dial(number) {
    await this.part('number').fill(number);
    await this.part('call').click();
    return this.part('card').getAttribute('data-call');
  }

  /** The browser is closed, as by its window's cross or a crash. */
  close() {
    return this.page.context().browser().close();
  }

  /** The microphone's packets stop, as when the network drops them, while socket and leg stay; `talks` brings them back. */
  falls() {
    return this.page.evaluate(async () => {
      const [sender] = globalThis.stagePeers.at(-1).getSenders();
      globalThis.stageTrack = sender.track;
      await sender.replaceTrack(null);
    });
  }

  /** Another microphone takes the place of the one that there is: one that works. */
  plugsIn({ hz }) {
    return this.page.evaluate(async (frequency) => {
      const context = new AudioContext();
      const [out, tone] = [context.createMediaStreamDestination(), new OscillatorNode(context, { frequency })];
      tone.connect(out);
      tone.start();
      await globalThis.stagePeers.at(-1).getSenders()[0].replaceTrack(out.stream.getAudioTracks()[0]);
    }, hz);
  }

  talks() {
    return this.page.evaluate(() => globalThis.stagePeers.at(-1).getSenders()[0].replaceTrack(globalThis.stageTrack));
  }

  reload() {
    return this.page.reload();
  }

  /** The browser's own controls for this page. */
  cdp() {
    return this.page.context().newCDPSession(this.page);
  }

  click(id) {
    return this.part(id).click();
  }

  /** Opens the call's keypad and presses keys, one after the other. */
  async keys(digits) {
    await this.click('keypad');
    for (const digit of digits) {
      const name = { '*': 'star', '#': 'hash' }[digit] ?? digit;
      await this.part('card').getByRole('button', { name, exact: true }).click();
    }
  }

  /** Waits until the card shows a call in that state; the call's id. */
  async card(state, { within = DEADLINE_MS } = {}) {
    return this.part('card', `[data-state="${state}"]`).getAttribute('data-call', { timeout: within });
  }

  /** Waits until no card is there any more. */
  cardGone({ within = DEADLINE_MS } = {}) {
    return this.part('card').waitFor({ state: 'detached', timeout: within });
  }

  /** Why the call ended, in the page's words. */
  endedDetail() {
    return this.part('ended-detail').innerText();
  }

  /** From now on notes each state that the card shows and whether Answer or Decline ever stands in the page. */
  async watch() {
    await this.page.evaluate(() => {
      const seen = { states: [], answerable: [] };
      const look = () => {
        const state = document.querySelector('[data-testid="card"]')?.dataset.state;
        if (state && seen.states.at(-1) !== state) seen.states.push(state);
        for (const id of ['answer', 'decline']) if (document.querySelector(`[data-testid="${id}"]`)) seen.answerable.push(`${id} in ${state}`);
      };
      new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
      look();
      globalThis.stageSeen = seen;
    });
  }

  seen() {
    return this.page.evaluate(() => globalThis.stageSeen);
  }

  /** Whether silence comes out of the loudspeaker for a while. */
  async hearsNothing({ during = 700 } = {}) {
    const end = Date.now() + during;
    await this.page.waitForTimeout(EAR_SETTLES_MS);
    do {
      const heard = await this.heard();
      if (heard && heard.level > SILENCE_DB) return false;
      await this.page.waitForTimeout(100);
    } while (Date.now() < end);
    return true;
  }

  /** Ends whatever call there still is. */
  async leave() {
    await this.page.evaluate(() => globalThis.warmline.agent.calls.forEach((call) => call.hangup().catch(() => undefined)));
  }

  /** Puts the card of a call that is over away, if there is one, so that the next call may come. */
  async clear() {
    if ((await this.part('card').count()) === 0) return;
    await this.click('done');
    await this.cardGone();
  }

  /** What comes out of the agent's loudspeaker right now. */
  heard() {
    return heardIn(this.page, 'globalThis.warmline.agent.audio.remoteStream');
  }

  /** How many RTP packets, and bytes of payload in them, have come to the page. */
  arrived() {
    return this.page.evaluate(async () => {
      const sum = { packets: 0, bytes: 0 };
      for (const peer of globalThis.stagePeers) {
        if (peer.connectionState === 'closed') continue;
        for (const report of (await peer.getStats()).values()) {
          if (report.type !== 'inbound-rtp') continue;
          sum.packets += report.packetsReceived;
          sum.bytes += report.bytesReceived;
        }
      }
      return sum;
    });
  }

  /** The pair of candidates that the page's audio uses: the transport, and the ports of the page and of the gateway. */
  path() {
    return this.page.evaluate(async () => {
      const peer = globalThis.stagePeers.findLast((each) => each.connectionState === 'connected');
      const reports = [...((await peer?.getStats()) ?? new Map()).values()];
      const transport = reports.find((report) => report.type === 'transport');
      const byId = (id) => reports.find((report) => report.id === id);
      const pair = byId(transport?.selectedCandidatePairId);
      if (!pair) return undefined;
      const [local, remote] = [byId(pair.localCandidateId), byId(pair.remoteCandidateId)];
      return { protocol: local.protocol, address: local.address, port: local.port, gateway: remote.port };
    });
  }

  async tell() {
    const text = await this.page.innerText('body', { timeout: 2000 }).catch(String);
    return [`--- the desk shows:`, text, `--- the desk's console:`, ...this.said.slice(-40)].join('\n');
  }
}

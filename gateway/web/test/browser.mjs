// A Chromium with a microphone that hums, and in another tab of it the far end of the media leg.

import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-ui-for-media-stream',
  '--use-fake-device-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
];

export function launch(flags = FLAGS) {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags });
}

/** The same browser, but nobody presses "Allow". */
export const WITHOUT_PERMISSION = FLAGS.filter((flag) => flag !== '--use-fake-ui-for-media-stream');

/** Answers the desk's offers from a tab of its own, where a tone of 440 Hz plays the customer. */
export class FarEnd {
  /** How often a new leg was made, and how often one was restarted. */
  legs = 0;
  restarts = 0;
  #page;

  static async in(browser, url, connected) {
    const end = new FarEnd();
    end.#page = await (await browser.newContext()).newPage();
    // A page of its own origin, for its policy is nobody's; the desk's would forbid nothing of this either.
    await end.#page.goto(`${url}/sdk/agent.js`);
    await end.#page.exposeFunction('connected', connected);
    return end;
  }

  async answer(sdp, restart) {
    if (restart) this.restarts += 1;
    else this.legs += 1;
    return this.#page.evaluate(
      async ({ sdp, restart }) => {
        if (!restart) {
          globalThis.pc?.close();
          const pc = (globalThis.pc = new RTCPeerConnection());
          pc.onconnectionstatechange = () => pc.connectionState === 'connected' && globalThis.connected();
          const context = new AudioContext();
          const tone = new OscillatorNode(context, { frequency: 440 });
          const voice = context.createMediaStreamDestination();
          tone.connect(voice);
          tone.start();
          pc.addTrack(voice.stream.getTracks()[0]);
        }
        const { pc } = globalThis;
        await pc.setRemoteDescription({ type: 'offer', sdp });
        await pc.setLocalDescription();
        while (pc.iceGatheringState !== 'complete') await new Promise((resolve) => setTimeout(resolve, 10));
        return pc.localDescription.sdp;
      },
      { sdp, restart },
    );
  }

  /** The customer's side goes away without a word. */
  close() {
    return this.#page.evaluate(() => globalThis.pc.close());
  }
}

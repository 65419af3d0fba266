class d {
  #e = /* @__PURE__ */ new Map();
  /** Listens, and returns the function that stops listening. */
  on(t, e) {
    const i = this.#e.get(t) ?? /* @__PURE__ */ new Set();
    return this.#e.set(t, i), i.add(e), () => {
      i.delete(e);
    };
  }
  emit(t, e) {
    for (const i of [...this.#e.get(t) ?? []])
      try {
        i(e);
      } catch (s) {
        reportError(s);
      }
  }
}
class k extends d {
  #e;
  #i = document.createElement("audio");
  #t = { is: "off" };
  #s;
  #o;
  #n = !1;
  #h = !1;
  #r;
  #d;
  constructor(t = {}) {
    super(), this.#e = t, this.#i.autoplay = !0;
  }
  get microphone() {
    return this.#t;
  }
  /** Whether the browser holds the sound back until the agent has clicked or pressed a key. */
  get locked() {
    return this.#n;
  }
  /** The customer's side of the present leg. */
  get remoteStream() {
    return this.#o;
  }
  /** The microphone's track, while there is one. */
  get track() {
    return this.#s;
  }
  /** Asks for the microphone, once however often it is called; the answer is in `microphone`, too. */
  openMicrophone() {
    return this.#s ? Promise.resolve(this.#s) : (this.#r ??= this.#g().finally(() => this.#r = void 0), this.#r);
  }
  /** Local silence, for mute. The gateway stops forwarding as well; this takes effect first. */
  silence(t) {
    this.#h = t, this.#s && (this.#s.enabled = !t);
  }
  /** Plays what the customer says. */
  play(t) {
    this.#o = t, this.#i.srcObject = t, this.emit("remote", t), this.#c();
  }
  /** To be called in a click or a key press: lets out the sound that the browser holds back. */
  unlock() {
    this.#d?.resume(), this.#n && this.#c();
  }
  startRinging() {
    this.#d ??= new T();
  }
  stopRinging() {
    this.#d?.stop(), this.#d = void 0;
  }
  /** Lets go of the microphone, so that the browser's recording sign goes out. */
  close() {
    this.stopRinging(), this.#s?.stop(), this.#s = void 0, this.#i.srcObject = null, this.#o = void 0, this.#a({ is: "off" });
  }
  #c() {
    this.#i.play().then(
      () => this.#u(!1),
      (t) => {
        t.name === "NotAllowedError" && this.#u(!0);
      }
    );
  }
  async #g() {
    this.#a({ is: "asking" });
    try {
      if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
      const e = (await navigator.mediaDevices.getUserMedia({ audio: this.#e })).getAudioTracks()[0];
      return this.#t.is === "off" ? void e.stop() : (e.enabled = !this.#h, e.onended = () => this.#m(e), this.#s = e, this.#a({ is: "on" }), e);
    } catch (t) {
      this.#a({ is: "refused", ...S(t) });
      return;
    }
  }
  #m(t) {
    if (this.#s !== t) return;
    this.#s = void 0, this.#a({ is: "refused", reason: "lost", detail: "The microphone was unplugged, or its permission was taken back." });
  }
  #a(t) {
    this.#t = t, this.emit("microphone", t);
  }
  #u(t) {
    this.#n !== t && (this.#n = t, this.emit("locked", t));
  }
}
class T {
  #e = new AudioContext();
  #i = setInterval(() => this.#t(), 3e3);
  constructor() {
    this.#t();
  }
  resume() {
    this.#e.resume();
  }
  stop() {
    clearInterval(this.#i), this.#e.close();
  }
  #t() {
    if (this.#e.state !== "running") return void this.#e.resume();
    for (const [t, e] of [[660, 0], [880, 0.18]]) {
      const i = this.#e.currentTime + e, s = new OscillatorNode(this.#e, { frequency: t }), o = new GainNode(this.#e, { gain: 0 });
      o.gain.linearRampToValueAtTime(0.15, i + 0.02), o.gain.exponentialRampToValueAtTime(1e-3, i + 0.9), s.connect(o).connect(this.#e.destination), s.start(i), s.stop(i + 1);
    }
  }
}
function S(n) {
  switch (n instanceof DOMException ? n.name : "") {
    case "NotAllowedError":
      return { reason: "denied", detail: "The browser may not use the microphone. Allow it in the address bar." };
    case "NotFoundError":
    case "OverconstrainedError":
      return { reason: "absent", detail: "No microphone was found. Plug a headset in." };
    case "SecurityError":
      return { reason: "insecure", detail: "Browsers give a microphone to secure pages only: open this page over https." };
    default:
      return { reason: "busy", detail: "The microphone could not be opened. Another program may be using it." };
  }
}
const b = { seq: 0, calls: /* @__PURE__ */ new Map() };
function E(n, t, e) {
  if (t.ev === "welcome") {
    const s = new Map(n.calls);
    for (const [o, { view: r, source: u }] of n.calls)
      u === "gateway" && r.state !== "closed" && !t.calls.some((v) => v.id === o) && s.set(o, { view: p(r, O, e), source: u });
    for (const o of t.calls) s.set(o.id, { view: o, source: "gateway" });
    return { seq: t.seq ?? (t.resumed ? n.seq : 0), agent: t.agent, calls: s };
  }
  if (t.seq !== void 0 && t.seq <= n.seq) return n;
  const i = t.seq ?? n.seq;
  switch (t.ev) {
    case "agent":
      return { ...n, seq: i, agent: t.agent };
    case "call":
      return l({ ...n, seq: i }, t.call, "gateway");
    case "quality":
    case "notice":
    case "bye":
      return { ...n, seq: i };
    default:
      return { ...n, seq: i };
  }
}
function M(n, t) {
  return l(n, t, "page");
}
function A(n, t, e, i) {
  const s = n.calls.get(t);
  return !s || s.view.state === "closed" ? n : l(n, p(s.view, e, i), s.source);
}
function w(n) {
  return n.state !== "closed" && n.state !== "wrap-up";
}
function l(n, t, e) {
  return { ...n, calls: new Map(n.calls).set(t.id, { view: t, source: e }) };
}
function p(n, t, e) {
  return { ...n, state: "closed", progress: void 0, ended_at: n.ended_at ?? e, ended: n.ended ?? t };
}
const O = {
  by: "gateway",
  reason: "lost",
  detail: "The gateway was restarted, and the call is no longer there."
}, D = "warmline.agent.v1";
class a extends Error {
  problem;
  constructor(t) {
    super(t.detail ?? t.title), this.name = "Refusal", this.problem = t;
  }
  /** The gateway could not be asked: the request may be repeated once the socket is back. */
  static offline() {
    return new a({
      type: f,
      title: "Not connected to the gateway",
      status: 0,
      detail: "The connection to the gateway is interrupted.",
      retryable: !0
    });
  }
  get isOffline() {
    return this.problem.type === f;
  }
}
const f = "about:offline";
class x extends d {
  #e;
  #i;
  #t = {};
  /** @internal Calls are made by `Agent.dial` and by the gateway. */
  constructor(t, e) {
    super(), this.#i = t, this.#e = e;
  }
  get id() {
    return this.#i.id;
  }
  get state() {
    return this.#i.state;
  }
  /** The gateway's latest snapshot. It is replaced, never changed. */
  get view() {
    return this.#i;
  }
  /** As the agent wants it, from the moment of the click. */
  get muted() {
    return this.#t.muted ?? this.#i.muted;
  }
  /** The agent has ended the call, and the gateway hasn't said so yet. */
  get isEnding() {
    return this.#t.end !== void 0;
  }
  /** Neither over nor waiting for its disposition. */
  get isLive() {
    return w(this.#i);
  }
  async answer() {
    await this.#e("answer", { call: this.id });
  }
  reject(t) {
    return this.#s("reject", t);
  }
  hangup(t) {
    return this.#s("hangup", t);
  }
  /** Silence towards the customer. Takes effect in the page before the gateway has heard of it. */
  async mute(t) {
    this.#o({ muted: t });
    try {
      await this.#e("mute", { call: this.id, on: t });
    } catch (e) {
      if (g(e)) return;
      throw this.#o({ muted: void 0 }), e;
    }
  }
  /** The customer hears music and the agent nothing; or both talk on. */
  async hold(t) {
    await this.#e("hold", { call: this.id, on: t });
  }
  /** Sends digits: `0`–`9`, `*`, `#`, `A`–`D`, and `,` for a pause. */
  async digits(t) {
    await this.#e("digits", { call: this.id, tones: t });
  }
  /** Gives the customer to a number, to `agent:<id>` or to a SIP address: at once, or after a word with whoever answers there. */
  async transfer(t, e) {
    await this.#e("transfer", { call: this.id, to: t, mode: e });
  }
  /** After a consultation: the two others talk on without the agent. */
  async complete() {
    await this.#e("complete", { call: this.id });
  }
  /** Pauses the recording, for a card's number, or goes on with it. */
  async record(t) {
    await this.#e("record", { call: this.id, on: t });
  }
  /** Ends wrap-up with a disposition. `callbackAt` is in epoch milliseconds. */
  async dispose(t, e, i) {
    await this.#e("dispose", { call: this.id, code: t, notes: e, callback_at: i });
  }
  /** @internal Takes the gateway's newer snapshot in. */
  take(t) {
    this.#i = t, this.isLive || (this.#t = {}), this.#t.muted === t.muted && (this.#t.muted = void 0), this.emit("change", this);
  }
  /** @internal After a break: what was asked for while the gateway couldn't hear it. */
  repeatWishes() {
    if (!this.isLive) return;
    const { end: t, muted: e } = this.#t;
    t ? this.#s(t).catch(reportError) : e !== void 0 && this.mute(e).catch(reportError);
  }
  async #s(t, e) {
    this.#o({ end: t });
    try {
      await this.#e(t, { call: this.id, reason: e });
    } catch (i) {
      if (g(i)) return;
      throw this.#o({ end: void 0 }), i;
    }
  }
  #o(t) {
    this.#t = { ...this.#t, ...t }, this.emit("change", this);
  }
}
function g(n) {
  return n instanceof a && n.isOffline;
}
function N(n, t) {
  const e = t.slice(0, 16);
  for (let s = 5, o = n; s >= 0; s--, o = Math.floor(o / 256)) e[s] = o % 256;
  return e[6] = 112 | e[6] & 15, e[8] = 128 | e[8] & 63, `c_${Array.from(e, (s) => s.toString(16).padStart(2, "0")).join("").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")}`;
}
const m = [0, 300, 1200, 2700, 4800, 7e3], R = 100;
function y(n, t) {
  const e = m[Math.min(n, m.length - 1)] ?? 0;
  return e + t * (e / 4 + R);
}
class _ {
  #e;
  #i = { is: "off" };
  #t;
  #s = null;
  #o = [];
  #n = 0;
  #h = !1;
  #r;
  constructor(t) {
    this.#e = t;
  }
  get state() {
    return this.#i;
  }
  /** Makes a new leg; the one before, if any, is closed. */
  open(t, e) {
    this.#s = t, this.#o = e, this.#n = 0, this.#d();
  }
  /** Takes another microphone, without a new negotiation. */
  async replace(t) {
    this.#s = t, await this.#t?.getTransceivers()[0]?.sender.replaceTrack(t);
  }
  /** The gateway says that the leg is down. Chromium may believe in a leg long after the other end has closed it. */
  reportedDown() {
    this.#i.is === "up" && this.#u("The gateway lost the audio connection.");
  }
  /** The network, or the way to the gateway, is another. A leg that still gets answers is left alone. */
  nudge() {
    (this.#i.is === "up" || this.#i.is === "restarting") && !this.#h && this.#t?.connectionState !== "connected" && this.#c();
  }
  close() {
    this.#p(), this.#f({ is: "off" });
  }
  #d() {
    this.#p();
    const t = new RTCPeerConnection({ iceServers: this.#o, bundlePolicy: "max-bundle" });
    this.#t = t, t.onconnectionstatechange = () => {
      this.#t === t && this.#m(t.connectionState);
    }, t.ontrack = ({ track: s }) => this.#e.heard(new MediaStream([s]));
    const e = this.#s ? [new MediaStream([this.#s])] : [];
    t.addTransceiver(this.#s ?? "audio", { direction: "sendrecv", streams: e }).setCodecPreferences?.(C()), this.#f({ is: "connecting" }), this.#a(I), this.#g(t, "new leg");
  }
  #c() {
    const t = this.#t;
    t && (this.#f({ is: "restarting" }), this.#a(L), t.restartIce(), this.#g(t, "ICE restart"));
  }
  async #g(t, e) {
    this.#h = !0;
    try {
      await t.setLocalDescription();
      const i = await this.#e.negotiate(t.localDescription.sdp, e === "ICE restart");
      if (this.#t !== t) return;
      await t.setRemoteDescription({ type: "answer", sdp: i }), this.#m(t.connectionState);
    } catch (i) {
      if (this.#t !== t) return;
      i instanceof a ? i.isOffline && e === "ICE restart" ? clearTimeout(this.#r) : i.isOffline || !i.problem.retryable ? this.#y(i.message) : this.#u(i.message) : this.#u(`The browser refused the audio connection: ${i}`);
    } finally {
      this.#t === t && (this.#h = !1);
    }
  }
  #m(t) {
    switch (t) {
      case "connected":
        clearTimeout(this.#r), this.#n = 0, this.#f({ is: "up" });
        return;
      case "disconnected":
        clearTimeout(this.#r), this.#r = setTimeout(() => this.#c(), q);
        return;
      case "failed":
        this.#u("No network path for audio to the gateway was found.");
        return;
      case "new":
      case "connecting":
      case "closed":
        return;
    }
  }
  #a(t) {
    clearTimeout(this.#r), this.#r = setTimeout(() => this.#u("The audio connection took too long."), t);
  }
  #u(t) {
    this.#y(t), this.#r = setTimeout(() => this.#d(), y(this.#n, Math.random())), this.#n += 1;
  }
  /** Down until somebody opens a new leg: after the next welcome, or when the microphone is tried again. */
  #y(t) {
    this.#p(), this.#f({ is: "down", detail: t });
  }
  #p() {
    clearTimeout(this.#r), this.#h = !1, this.#t?.close(), this.#t = void 0;
  }
  #f(t) {
    this.#i = t, this.#e.moved(t);
  }
}
function C() {
  const n = ["audio/PCMA", "audio/PCMU", "audio/telephone-event"];
  return (RTCRtpReceiver.getCapabilities("audio")?.codecs ?? []).filter((t) => t.clockRate === 8e3 && n.includes(t.mimeType)).sort((t, e) => n.indexOf(t.mimeType) - n.indexOf(e.mimeType));
}
const I = 1e4, L = 5e3, q = 1500;
function P({ connection: n, microphone: t, locked: e, media: i, agent: s }) {
  return n.is === "off" ? h("Not signed in.") : n.is === "ended" ? h(j[n.because]) : n.is === "waiting" ? h("The connection to the gateway is interrupted.") : t.is === "asking" ? h("Waiting for permission to use the microphone.") : t.is === "refused" ? h(t.detail) : n.is === "connecting" ? h("Connecting to the gateway.") : i.is === "down" ? h(i.detail) : i.is !== "up" ? h("Setting up audio.") : e ? h("The browser holds the sound back until this page is clicked.") : s?.ready ? { ready: !0 } : h(s?.not_ready_because ?? "The gateway is getting ready.");
}
function h(n) {
  return { ready: !1, because: n };
}
const j = {
  "signed-out": "Signed out.",
  replaced: "The desk is open in another tab or on another device.",
  "taken-over": "The desk is open in another tab or on another device.",
  expired: "The sign-in has expired.",
  forbidden: "The sign-in was refused."
};
class U {
  #e;
  #i = { is: "off" };
  #t;
  #s = 1;
  #o = /* @__PURE__ */ new Map();
  #n = 0;
  #h;
  #r = 0;
  #d = 0;
  #c;
  #g;
  #m;
  constructor(t) {
    this.#e = t;
  }
  get connection() {
    return this.#i;
  }
  /** Connects, unless that is under way already: two mounts of a component make one socket. */
  open() {
    this.#i.is !== "off" && this.#i.is !== "ended" || (this.#n = 0, this.#a());
  }
  /** Closes for good, and says so to nobody but the gateway. */
  close(t) {
    this.#k(), this.#l(t === "leaving" ? { is: "off" } : { is: "ended", because: t });
  }
  /** The network changed: don't wait for a pause to pass or for a silent socket to be noticed. */
  nudge() {
    this.#i.is === "waiting" && this.#a(), this.#i.is === "open" && this.#f(G);
  }
  ask = (t, e) => this.#i.is !== "open" ? Promise.reject(a.offline()) : this.#v(t, e);
  #a() {
    clearTimeout(this.#c), this.#h = void 0;
    const t = new WebSocket(this.#e.url, D);
    this.#t = t, this.#l({ is: "connecting", attempt: this.#n }), this.#g = setTimeout(() => this.#w(t), $), t.onopen = () => {
      this.#u(t);
    }, t.onmessage = (e) => {
      this.#t === t && this.#y(t, e.data);
    }, t.onclose = () => this.#w(t);
  }
  async #u(t) {
    try {
      const e = await this.#e.hello();
      if (this.#t !== t || t.readyState !== WebSocket.OPEN) return;
      await this.#v("hello", e);
    } catch (e) {
      if (this.#t !== t) return;
      const { status: i, detail: s } = e instanceof a ? e.problem : { status: 0, detail: void 0 };
      if (i === 401 || i === 403) {
        this.#k(), this.#l({ is: "ended", because: i === 401 ? "expired" : "forbidden", detail: s });
        return;
      }
      (i === 404 || i === 410) && this.#e.sessionUnknown(), this.#w(t);
    }
  }
  #y(t, e) {
    this.#r = Date.now();
    const i = B(e);
    if (i) {
      if ("re" in i) {
        const s = this.#o.get(i.re);
        this.#o.delete(i.re), i.err ? s?.reject(new a(i.err)) : s?.resolve(i.ok);
        return;
      }
      i.ev === "welcome" && this.#p(i.heartbeat_ms), i.ev === "bye" && (this.#h = i), this.#e.event(i), i.ev === "bye" && !i.reconnect && this.#w(t);
    }
  }
  #p(t) {
    clearTimeout(this.#g), this.#d = Date.now();
    const e = Math.max(t || 0, W);
    this.#m = setInterval(() => this.#f(e), e), this.#l({ is: "open" });
  }
  /** Asks for a sign of life, and gives the socket up when none comes within `patience`. */
  #f(t) {
    const e = this.#t, i = Date.now();
    this.#v("ping", {}).catch(() => {
    }), setTimeout(() => {
      e && this.#t === e && this.#r < i && this.#w(e);
    }, t);
  }
  #v(t, e) {
    const i = this.#t;
    if (i?.readyState !== WebSocket.OPEN) return Promise.reject(a.offline());
    const s = this.#s++;
    return new Promise((o, r) => {
      this.#o.set(s, { resolve: o, reject: r }), i.send(JSON.stringify({ id: s, op: t, ...e }));
    });
  }
  #w(t) {
    if (this.#t !== t) return;
    const e = this.#h, i = this.#i.is === "open" && Date.now() - this.#d > H;
    if (this.#k(), e && !e.reconnect && e.code !== "shutdown") {
      this.#l({ is: "ended", because: e.code });
      return;
    }
    i && (this.#n = 0);
    const s = y(this.#n, Math.random());
    this.#n += 1, this.#c = setTimeout(() => this.#a(), s), this.#l({ is: "waiting", attempt: this.#n, until: Date.now() + s });
  }
  /** Lets go of the socket and of everything that hung on it. */
  #k() {
    clearTimeout(this.#c), clearTimeout(this.#g), clearInterval(this.#m);
    const t = this.#t;
    this.#t = void 0, this.#s = 1;
    const e = this.#o;
    this.#o = /* @__PURE__ */ new Map(), t && (t.onopen = t.onmessage = t.onclose = null, t.close(1e3));
    for (const { reject: i } of e.values()) i(a.offline());
  }
  #l(t) {
    this.#i = t, this.#e.moved(t);
  }
}
function B(n) {
  try {
    const t = JSON.parse(String(n));
    return typeof t == "object" && t !== null && ("re" in t || "ev" in t) ? t : void 0;
  } catch {
    return;
  }
}
const $ = 1e4, W = 1e3, G = 3e3, H = 5e3;
class K extends d {
  audio;
  #e;
  #i;
  #t;
  #s = /* @__PURE__ */ new Map();
  #o;
  #n = b;
  #h = [];
  #r = { ready: !1, because: "Not signed in." };
  #d = [];
  constructor(t) {
    super(), this.#o = t.token, this.#e = t.storage ?? sessionStorage, this.audio = new k(t.microphone), this.audio.on("microphone", () => this.#l()), this.audio.on("locked", () => this.#l()), this.#t = new _({
      negotiate: async (e, i) => (await this.#c("media", i ? { sdp: e, restart: i } : { sdp: e })).sdp,
      heard: (e) => this.audio.play(e),
      moved: (e) => {
        this.emit("media", e), this.#l();
      }
    }), this.#i = new U({
      url: t.url ?? `${location.origin.replace(/^http/, "ws")}/v1/agent`,
      hello: () => this.#g(),
      sessionUnknown: () => this.#e.removeItem(c),
      event: (e) => this.#u(e),
      moved: (e) => this.#k(e)
    });
  }
  get connection() {
    return this.#i.connection;
  }
  /** The gateway's snapshot of the agent, once welcomed. */
  get view() {
    return this.#n.agent;
  }
  get media() {
    return this.#t.state;
  }
  /** Whether a call would be heard, and if not, why in words. */
  get readiness() {
    return this.#r;
  }
  /** All calls that this page knows, oldest first, with those that are over. */
  get calls() {
    return [...this.#s.values()];
  }
  /** Asks for the microphone and connects, both at once. Resolves when the browser has decided on the microphone. */
  async signIn() {
    this.#b(), this.#i.open(), await this.retryAudio();
  }
  /** Tries the microphone and the audio connection again, after the reason why they failed is out of the way. */
  async retryAudio() {
    this.audio.unlock();
    const t = await this.audio.openMicrophone();
    !t || this.connection.is !== "open" || (this.media.is === "off" || this.media.is === "down" ? this.#t.open(t, this.#h) : await this.#t.replace(t));
  }
  /** Ends the session in this page. Calls that are up stay with the gateway for as long as its grace lasts. */
  signOut() {
    this.#e.removeItem(c), this.#T("signed-out");
  }
  /** The page is going away, perhaps to come back: the session stays, and so do its calls. */
  leave() {
    this.#T("leaving");
  }
  /** Sends a fresh token on the living session, and uses it from now on. */
  async renewToken(t) {
    this.#o = t, await this.#c("auth", { token: t });
  }
  /** Says how the agent stands: `available`, `break`, `offline`, or whatever else the gateway knows. */
  async setStatus(t, e) {
    await this.#c("status", { name: t, reason: e });
  }
  /** Dials. The call is there at once, in `ringing-out`; why it failed, if it does, is in its `ended`. */
  dial(t, e = {}) {
    const i = Date.now(), s = N(i, crypto.getRandomValues(new Uint8Array(16)));
    return this.#f(
      M(this.#n, {
        id: s,
        direction: "outbound",
        state: "ringing-out",
        peer: { number: t },
        via: e.via,
        context: e.context,
        started_at: i,
        muted: !1,
        recording: "off"
      })
    ), this.#m({ call: s, to: t, ...e }), this.#s.get(s);
  }
  /** Takes a call that is over off the list. */
  forget(t) {
    if (t.state !== "closed") return;
    const e = new Map(this.#n.calls);
    e.delete(t.id), this.#s.delete(t.id), this.#n = { ...this.#n, calls: e }, this.emit("call", t);
  }
  #c = async (t, e) => {
    try {
      return await this.#i.ask(t, e);
    } catch (i) {
      const s = "call" in e ? e.call : void 0;
      throw s && t !== "dial" && i instanceof a && i.problem.status === 404 && this.#a(s, i), i;
    }
  };
  async #g() {
    return {
      token: typeof this.#o == "function" ? await this.#o() : this.#o,
      sdk: F,
      session: this.#e.getItem(c) ?? void 0,
      seq: this.#n.seq || void 0
    };
  }
  async #m(t) {
    try {
      await this.#c("dial", t);
    } catch (e) {
      if (!(e instanceof a)) throw e;
      if (e.isOffline && this.connection.is === "waiting") return;
      this.#a(t.call, e);
    }
  }
  #a(t, { message: e, problem: i }) {
    const s = i.type.split("/").pop() ?? "refused", o = i.status === 0 ? "The call was not placed: there is no connection to the gateway." : e;
    this.#f(A(this.#n, t, { by: "gateway", reason: s, detail: o }, Date.now()));
  }
  #u(t) {
    const e = this.view?.media;
    switch (this.#f(E(this.#n, t, Date.now())), t.ev) {
      case "welcome":
        this.#e.setItem(c, t.session), this.#h = t.ice ?? [], this.emit("agent", t.agent), this.#y(t.resumed && t.agent.media === "up" ? "kept" : "gone"), this.#p();
        return;
      case "agent":
        this.emit("agent", t.agent), e === "up" && t.agent.media === "down" && this.#t.reportedDown(), this.#l();
        return;
      case "quality":
        this.emit("quality", t);
        return;
      case "notice":
        this.emit("notice", t);
        return;
      case "call":
      case "bye":
        return;
    }
  }
  /** Makes sure that there is a leg. One that the gateway has kept goes on, and a call on it hears nothing of the break. */
  #y(t) {
    const e = this.media.is === "up" || this.media.is === "restarting";
    t === "kept" && e ? this.#t.nudge() : this.audio.track && this.#t.open(this.audio.track, this.#h), this.#l();
  }
  #p() {
    for (const t of this.#s.values())
      if (!(this.#n.calls.get(t.id)?.source === "page" && t.isLive)) t.repeatWishes();
      else if (t.isEnding || Date.now() - t.view.started_at > J) this.#a(t.id, a.offline());
      else {
        const { id: i, peer: s, via: o, context: r } = t.view;
        this.#m({ call: i, to: s.number, via: o, context: r });
      }
  }
  /** Adopts the next snapshot, and tells the calls that it changes. */
  #f(t) {
    const e = this.#n;
    this.#n = t;
    const i = [...t.calls.values()].filter(({ view: s }) => e.calls.get(s.id)?.view !== s);
    for (const { view: s } of i) {
      const o = this.#s.get(s.id);
      o ? o.take(s) : this.#v(s);
    }
    i.length && this.#w();
  }
  #v(t) {
    const e = new x(t, this.#c);
    this.#s.set(t.id, e), e.on("change", () => {
      this.#w(), this.emit("call", e);
    }), this.emit("call", e);
  }
  /** The microphone and the bell follow from the calls, whoever changed them. */
  #w() {
    const t = this.calls.filter(({ view: e }) => w(e));
    this.audio.silence(t.some((e) => e.muted)), t.some((e) => e.state === "ringing-in" && !e.isEnding) ? this.audio.startRinging() : this.audio.stopRinging();
  }
  #k(t) {
    t.is === "ended" && (t.because === "replaced" && this.#e.removeItem(c), this.#S()), this.emit("connection", t), this.#l();
  }
  #l() {
    const { connection: t, media: e, view: i } = this, { microphone: s, locked: o } = this.audio, r = P({ connection: t, microphone: s, locked: o, media: e, agent: i });
    JSON.stringify(r) !== JSON.stringify(this.#r) && (this.#r = r, this.emit("readiness", r));
  }
  #T(t) {
    this.#i.close(t), this.#S(), this.#l();
  }
  #S() {
    for (const t of this.#d.splice(0)) t();
    this.#t.close(), this.audio.close();
  }
  #b() {
    if (this.#d.length) return;
    const t = (s, o, r) => {
      s.addEventListener(o, r), this.#d.push(() => s.removeEventListener(o, r));
    }, e = () => {
      this.#i.nudge(), this.#t.nudge();
    }, i = () => this.audio.unlock();
    t(window, "online", e), t(document, "visibilitychange", () => document.visibilityState === "visible" && e()), t(window, "pointerdown", i), t(window, "keydown", i);
  }
}
const F = "warmline-js/0.1.0", c = "warmline.session", J = 15e3;
export {
  K as Agent,
  k as Audio,
  x as Call,
  a as Refusal
};

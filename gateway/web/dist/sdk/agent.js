async function w() {
  const n = await navigator.mediaDevices.enumerateDevices(), t = (e) => n.filter((i) => i.kind === e).map(({ deviceId: i, label: s }) => ({ id: i, label: s }));
  return { microphones: t("audioinput"), speakers: t("audiooutput") };
}
async function v() {
  return (await navigator.mediaDevices.enumerateDevices()).find(({ kind: t, deviceId: e }) => t === "audioinput" && e === "default")?.groupId;
}
class g {
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
class O {
  #e = new AudioContext();
  #i = setInterval(() => this.#t(), 3e3);
  /** `device` is a loudspeaker's id; empty, the system's choice. */
  constructor(t) {
    t && this.use(t), this.#t();
  }
  /** Rings on that loudspeaker, where the browser can choose. */
  async use(t) {
    await this.#e.setSinkId?.(t);
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
class A extends g {
  #e;
  #i = document.createElement("audio");
  #t = { is: "off" };
  #s;
  #o;
  #n = !1;
  #c = !1;
  #d;
  #r;
  #u = "";
  #a;
  #m;
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
  /** What there is to choose from. */
  devices() {
    return w();
  }
  /** Speaks into another microphone from now on, in a talk too; `undefined` is the system's choice. */
  async useMicrophone(t) {
    this.#e = { ...this.#e, deviceId: t === void 0 ? void 0 : { exact: t } }, await this.#y();
  }
  /** Hears the customer from another loudspeaker. */
  async useSpeaker(t) {
    await this.#i.setSinkId(t);
  }
  /** Rings on another loudspeaker than the customer's voice: one that is heard with the headset on the table. */
  async useRinger(t) {
    this.#u = t, await this.#r?.use(t);
  }
  /** The microphone and the loudspeaker, as the gateway is told of them. */
  report() {
    const t = this.#t, e = t.is === "refused" && t.reason === "denied", i = t.is === "refused" && t.reason !== "denied" ? t.reason : void 0;
    return {
      permission: e ? "denied" : t.is === "asking" && this.#a?.state === "prompt" ? "prompt" : void 0,
      microphone: t.is === "on" ? "on" : i,
      loudspeaker: this.#n ? "suspended" : "running"
    };
  }
  /** Asks for the microphone, once however often it is called; the answer is in `microphone`, too. */
  openMicrophone() {
    return this.#s ? Promise.resolve(this.#s) : (this.#d ??= this.#k().finally(() => this.#d = void 0), this.#d);
  }
  /** Local silence, for mute. The gateway stops forwarding as well; this takes effect first. */
  silence(t) {
    this.#c = t, this.#s && (this.#s.enabled = !t);
  }
  /** Plays what the customer says. */
  play(t) {
    this.#o = t, this.#i.srcObject = t, this.emit("remote", t), this.#g();
  }
  /** To be called in a click or a key press: lets out the sound that the browser holds back. */
  unlock() {
    this.#r?.resume(), this.#n && this.#g();
  }
  startRinging() {
    this.#r ??= new O(this.#u);
  }
  stopRinging() {
    this.#r?.stop(), this.#r = void 0;
  }
  /** Lets go of the microphone, so that the browser's recording sign goes out. */
  close() {
    this.stopRinging(), this.#h(), navigator.mediaDevices?.removeEventListener("devicechange", this.#v), this.#a && (this.#a.onchange = null), this.#a = void 0, this.#i.srcObject = null, this.#o = void 0, this.#l({ is: "off" });
  }
  #g() {
    this.#i.play().then(
      () => this.#b(!1),
      (t) => {
        t.name === "NotAllowedError" && this.#b(!0);
      }
    );
  }
  async #k() {
    this.#l({ is: "asking" });
    try {
      if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
      this.#f();
      const e = (await navigator.mediaDevices.getUserMedia({ audio: this.#e })).getAudioTracks()[0];
      return this.#t.is === "off" ? void e.stop() : (e.enabled = !this.#c, e.onended = () => {
        this.#p(e);
      }, this.#s = e, this.#m = await v(), this.#l({ is: "on" }), this.emit("track", e), e);
    } catch (t) {
      this.#l({ is: "refused", ...x(t) });
      return;
    }
  }
  /** Unplugged, or its permission taken back: another one takes its place, if there is one and we may. */
  async #p(t) {
    if (this.#s !== t) return;
    const e = t.label;
    this.#h(), this.#l({ is: "refused", reason: "lost", detail: _ }), this.#e = { ...this.#e, deviceId: void 0 };
    const i = await this.openMicrophone();
    i && this.emit("switched", { because: "unplugged", detail: `${e || "The microphone"} was unplugged; ${y(i)} is used now.` });
  }
  /** Lets go of the present microphone and takes the one that the constraints ask for. */
  async #y() {
    return await this.#d, this.#h(), this.openMicrophone();
  }
  #h() {
    this.#s && (this.#s.onended = null), this.#s?.stop(), this.#s = void 0;
  }
  /** A headset that comes, goes, or becomes the system's choice; a permission that is given or taken back. */
  async #f() {
    navigator.mediaDevices.addEventListener("devicechange", this.#v);
    const t = await navigator.permissions?.query({ name: "microphone" }).catch(() => {
    });
    !t || this.#a || this.#t.is === "off" || (this.#a = t, t.onchange = () => this.#w(t.state));
  }
  #w(t) {
    t === "denied" ? (this.#h(), this.#l({ is: "refused", ...M })) : t === "granted" && this.#t.is === "refused" && this.openMicrophone();
  }
  #v = async () => {
    const t = this.#t;
    if (t.is === "refused" && (t.reason === "absent" || t.reason === "lost")) {
      await this.openMicrophone();
      return;
    }
    const e = this.#s;
    if (!e) return;
    const { microphones: i } = await w(), s = e.getSettings().deviceId;
    if (this.#s !== e) return;
    if (s && i.every(({ id: h }) => h !== s)) return this.#p(e);
    const o = await v();
    if (this.#e.deviceId !== void 0 || o === this.#m || this.#s !== e) return;
    const r = await this.#y();
    r && this.emit("switched", { because: "default-changed", detail: `The system's microphone is ${y(r)} now, and so is yours.` });
  };
  #l(t) {
    this.#t = t, this.emit("microphone", t);
  }
  #b(t) {
    this.#n !== t && (this.#n = t, this.emit("locked", t));
  }
}
const _ = "The microphone was unplugged, or its permission was taken back.", M = { reason: "denied", detail: "The browser may not use the microphone. Allow it in the address bar." };
function y(n) {
  return n.label || "another one";
}
function x(n) {
  switch (n instanceof DOMException ? n.name : "") {
    case "NotAllowedError":
      return M;
    case "NotFoundError":
    case "OverconstrainedError":
      return { reason: "absent", detail: "No microphone was found. Plug a headset in." };
    case "SecurityError":
      return { reason: "insecure", detail: "Browsers give a microphone to secure pages only: open this page over https." };
    default:
      return { reason: "busy", detail: "The microphone could not be opened. Another program may be using it." };
  }
}
const N = { seq: 0, calls: /* @__PURE__ */ new Map() };
function L(n, t, e) {
  if (t.ev === "welcome") {
    const s = new Map(n.calls);
    for (const [o, { view: r, source: h }] of n.calls)
      h === "gateway" && r.state !== "closed" && !t.calls.some((l) => l.id === o) && s.set(o, { view: D(r, q, e), source: h });
    for (const o of t.calls)
      (o.state !== "closed" || n.calls.get(o.id)?.view.state !== "closed") && (o.state !== "closed" || n.calls.has(o.id)) && s.set(o.id, { view: o, source: "gateway" });
    return { seq: t.seq ?? (t.resumed ? n.seq : 0), agent: t.agent, calls: s };
  }
  if (t.seq !== void 0 && t.seq <= n.seq) return n;
  const i = t.seq ?? n.seq;
  switch (t.ev) {
    case "agent":
      return { ...n, seq: i, agent: t.agent };
    case "call":
      return p({ ...n, seq: i }, t.call, "gateway");
    case "quality":
    case "notice":
    case "bye":
      return { ...n, seq: i };
    default:
      return { ...n, seq: i };
  }
}
function R(n, t) {
  return p(n, t, "page");
}
function P(n, t, e, i) {
  const s = n.calls.get(t);
  return !s || s.view.state === "closed" ? n : p(n, D(s.view, e, i), s.source);
}
function E(n) {
  return n.state !== "closed" && n.state !== "wrap-up";
}
function p(n, t, e) {
  return { ...n, calls: new Map(n.calls).set(t.id, { view: t, source: e }) };
}
function D(n, t, e) {
  return { ...n, state: "closed", progress: void 0, ended_at: n.ended_at ?? e, ended: n.ended ?? t };
}
const q = {
  by: "gateway",
  reason: "lost",
  detail: "The gateway was restarted, and the call is no longer there."
}, j = "warmline.agent.v1";
class c extends Error {
  problem;
  constructor(t) {
    super(t.detail ?? t.title), this.name = "Refusal", this.problem = t;
  }
  /** The gateway could not be asked: the request may be repeated once the socket is back. */
  static offline() {
    return new c({
      type: k,
      title: "Not connected to the gateway",
      status: 0,
      detail: "The connection to the gateway is interrupted.",
      retryable: !0
    });
  }
  get isOffline() {
    return this.problem.type === k;
  }
}
const k = "about:offline";
class B extends g {
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
    return E(this.#i);
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
      if (S(e)) return;
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
      if (S(i)) return;
      throw this.#o({ end: void 0 }), i;
    }
  }
  #o(t) {
    this.#t = { ...this.#t, ...t }, this.emit("change", this);
  }
}
function S(n) {
  return n instanceof c && n.isOffline;
}
function $(n, t) {
  const e = t.slice(0, 16);
  for (let s = 5, o = n; s >= 0; s--, o = Math.floor(o / 256)) e[s] = o % 256;
  return e[6] = 112 | e[6] & 15, e[8] = 128 | e[8] & 63, `c_${Array.from(e, (s) => s.toString(16).padStart(2, "0")).join("").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")}`;
}
const b = [0, 300, 1200, 2700, 4800, 7e3], U = 100;
function I(n, t) {
  const e = b[Math.min(n, b.length - 1)] ?? 0;
  return e + t * (e / 4 + U);
}
class G {
  #e;
  #i = { is: "off" };
  #t;
  #s = null;
  #o = [];
  #n = 0;
  /** The newest packet's time as the browser tells it, and since when there was no newer one. */
  #c = { latest: 0, since: 0 };
  #d = !1;
  #r;
  constructor(t) {
    this.#e = t;
  }
  get state() {
    return this.#i;
  }
  /** Makes a new leg; the one before, if any, is closed. */
  open(t, e) {
    this.#s = t, this.#o = e, this.#n = 0, this.#u();
  }
  /** Takes another microphone, without a new negotiation. */
  async replace(t) {
    this.#s = t, await this.#t?.getTransceivers()[0]?.sender.replaceTrack(t);
  }
  /** The gateway says that the leg is down. Chromium may believe in a leg long after the other end has closed it. */
  reportedDown() {
    this.#i.is === "up" && this.#p("The gateway lost the audio connection.");
  }
  /** The way to the gateway may be another. A leg that still gets answers is left alone. */
  nudge() {
    (this.#i.is === "restarting" || this.#c.since === 1 / 0 || this.#t?.connectionState !== "connected") && this.networkChanged();
  }
  /** The network is another: ICE looks for the new way before the old one is missed. */
  networkChanged() {
    (this.#i.is === "up" || this.#i.is === "restarting") && !this.#d && this.#a();
  }
  /** Whether audio came until a second ago and doesn't any more; told once for each stop. No browser says so by itself for five seconds. */
  stops(t = performance.now()) {
    const e = this.#t?.getReceivers()[0]?.getSynchronizationSources() ?? [], i = Math.max(0, ...e.map((o) => o.timestamp));
    i !== this.#c.latest && (this.#c = { latest: i, since: t });
    const s = i > 0 && t - this.#c.since >= Y;
    return s && (this.#c.since = 1 / 0), s;
  }
  /** Whether the gateway answers on the leg, as the browser sees it; nothing without a leg. */
  get path() {
    switch (this.#t?.connectionState) {
      case "connected":
        return "up";
      case "disconnected":
      case "failed":
        return "broken";
      default:
        return;
    }
  }
  /** What the browser measures of the leg. */
  async stats() {
    return this.#t?.getStats();
  }
  close() {
    this.#h(), this.#f({ is: "off" });
  }
  #u() {
    this.#h();
    const t = new RTCPeerConnection({ iceServers: this.#o, bundlePolicy: "max-bundle" });
    this.#t = t, t.onconnectionstatechange = () => {
      this.#t === t && this.#g(t.connectionState);
    }, t.ontrack = ({ track: s }) => this.#e.heard(new MediaStream([s]));
    const e = this.#s ? [new MediaStream([this.#s])] : [];
    t.addTransceiver(this.#s ?? "audio", { direction: "sendrecv", streams: e }).setCodecPreferences?.(W()), this.#f({ is: "connecting" }), this.#k(H), this.#m(t, "new leg");
  }
  #a() {
    const t = this.#t;
    t && (this.#f({ is: "restarting" }), this.#k(z), t.restartIce(), this.#m(t, "ICE restart"));
  }
  async #m(t, e) {
    this.#d = !0;
    try {
      await t.setLocalDescription();
      const i = await this.#e.negotiate(t.localDescription.sdp, e === "ICE restart");
      if (this.#t !== t) return;
      await t.setRemoteDescription({ type: "answer", sdp: i }), this.#g(t.connectionState);
    } catch (i) {
      if (this.#t !== t) return;
      i instanceof c ? i.isOffline && e === "ICE restart" ? clearTimeout(this.#r) : i.isOffline || !i.problem.retryable ? this.#y(i.message) : this.#p(i.message) : this.#p(`The browser refused the audio connection: ${i}`);
    } finally {
      this.#t === t && (this.#d = !1);
    }
  }
  #g(t) {
    switch (t) {
      case "connected":
        clearTimeout(this.#r), this.#n = 0, this.#f({ is: "up" });
        return;
      case "disconnected":
        clearTimeout(this.#r), this.#r = setTimeout(() => this.#a(), J);
        return;
      case "failed":
        this.#p("No network path for audio to the gateway was found.");
        return;
      case "new":
      case "connecting":
      case "closed":
        return;
    }
  }
  #k(t) {
    clearTimeout(this.#r), this.#r = setTimeout(() => this.#p("The audio connection took too long."), t);
  }
  #p(t) {
    this.#y(t), this.#r = setTimeout(() => this.#u(), I(this.#n, Math.random())), this.#n += 1;
  }
  /** Down until somebody opens a new leg: after the next welcome, or when the microphone is tried again. */
  #y(t) {
    this.#h(), this.#f({ is: "down", detail: t });
  }
  #h() {
    clearTimeout(this.#r), this.#d = !1, this.#t?.close(), this.#t = void 0;
  }
  #f(t) {
    this.#i = t, this.#e.moved(t);
  }
}
function W() {
  const n = ["PCMA/8000", "PCMU/8000", "opus/48000", "G722/8000", "telephone-event/8000", "telephone-event/48000"], t = ({ mimeType: e, clockRate: i }) => n.indexOf(`${e.slice(6)}/${i}`);
  return (RTCRtpReceiver.getCapabilities("audio")?.codecs ?? []).filter((e) => t(e) >= 0).sort((e, i) => t(e) - t(i));
}
const H = 1e4, z = 5e3, J = 1500, Y = 1e3;
function F({ connection: n, microphone: t, locked: e, media: i, agent: s }) {
  return n.is === "off" ? d("Not signed in.") : n.is === "ended" ? d(V[n.because]) : n.is === "waiting" ? d("The connection to the gateway is interrupted.") : t.is === "asking" ? d("Waiting for permission to use the microphone.") : t.is === "refused" ? d(t.detail) : n.is === "connecting" ? d("Connecting to the gateway.") : i.is === "down" ? d(i.detail) : i.is !== "up" ? d("Setting up audio.") : e ? d("The browser holds the sound back until this page is clicked.") : s?.ready ? { ready: !0 } : d(s?.not_ready_because ?? "The gateway is getting ready.");
}
function d(n) {
  return { ready: !1, because: n };
}
const V = {
  "signed-out": "Signed out.",
  replaced: "The desk is open in another tab or on another device.",
  "taken-over": "The desk is open in another tab or on another device.",
  expired: "The sign-in has expired.",
  forbidden: "The sign-in was refused."
};
class K {
  #e;
  #i = { is: "off" };
  #t;
  #s = 1;
  #o = /* @__PURE__ */ new Map();
  #n = 0;
  #c;
  #d = 0;
  #r = 0;
  #u;
  #a;
  #m;
  constructor(t) {
    this.#e = t;
  }
  get connection() {
    return this.#i;
  }
  /** Connects, unless that is under way already: two mounts of a component make one socket. */
  open() {
    this.#i.is !== "off" && this.#i.is !== "ended" || (this.#n = 0, this.#g());
  }
  /** Closes for good, and says so to nobody but the gateway. */
  close(t) {
    this.#v(), this.#l(t === "leaving" ? { is: "off" } : { is: "ended", because: t });
  }
  /** Don't wait for a pause to pass or for a silent socket to be noticed. */
  nudge() {
    this.#i.is === "waiting" && this.#g(), this.#i.is === "open" && this.#h(tt);
  }
  /** The network is another: what was open is most likely dead, and a new connection costs less than waiting for the old one. */
  networkChanged() {
    this.nudge(), this.#i.is === "open" && this.#h(et);
  }
  /** Tells the gateway at once how things stand on this side. */
  tell() {
    this.#f("stats", { quality: this.#e.report() }).catch(() => {
    });
  }
  ask = (t, e) => this.#i.is !== "open" ? Promise.reject(c.offline()) : this.#f(t, e);
  #g() {
    clearTimeout(this.#u), this.#c = void 0;
    const t = new WebSocket(this.#e.url, j);
    this.#t = t, this.#l({ is: "connecting", attempt: this.#n }), this.#a = setTimeout(() => this.#w(t), X), t.onopen = () => {
      this.#k(t);
    }, t.onmessage = (e) => {
      this.#t === t && this.#p(t, e.data);
    }, t.onclose = () => this.#w(t);
  }
  async #k(t) {
    try {
      const e = await this.#e.hello();
      if (this.#t !== t || t.readyState !== WebSocket.OPEN) return;
      await this.#f("hello", e);
    } catch (e) {
      if (this.#t !== t) return;
      const { status: i, detail: s } = e instanceof c ? e.problem : { status: 0, detail: void 0 };
      if (i === 401 || i === 403) {
        this.#v(), this.#l({ is: "ended", because: i === 401 ? "expired" : "forbidden", detail: s });
        return;
      }
      (i === 404 || i === 410) && this.#e.sessionUnknown(), this.#w(t);
    }
  }
  #p(t, e) {
    this.#d = Date.now();
    const i = Q(e);
    if (i) {
      if ("re" in i) {
        const s = this.#o.get(i.re);
        this.#o.delete(i.re), i.err ? s?.reject(new c(i.err)) : s?.resolve(i.ok);
        return;
      }
      i.ev === "welcome" && this.#y(i.heartbeat_ms), i.ev === "bye" && (this.#c = i), this.#e.event(i), i.ev === "bye" && !i.reconnect && this.#w(t);
    }
  }
  #y(t) {
    clearTimeout(this.#a), this.#r = Date.now();
    const e = Math.max(t || 0, Z);
    this.#m = setInterval(() => this.#h(2 * e), e), this.#l({ is: "open" }), this.tell();
  }
  /** Asks for a sign of life, and gives the socket up when none comes within `patience`. */
  #h(t) {
    const e = this.#t, i = Date.now();
    this.tell(), setTimeout(() => {
      e && this.#t === e && this.#d < i && this.#w(e);
    }, t);
  }
  #f(t, e) {
    const i = this.#t;
    if (i?.readyState !== WebSocket.OPEN) return Promise.reject(c.offline());
    const s = this.#s++;
    return new Promise((o, r) => {
      this.#o.set(s, { resolve: o, reject: r }), i.send(JSON.stringify({ id: s, op: t, ...e }));
    });
  }
  #w(t) {
    if (this.#t !== t) return;
    const e = this.#c, i = this.#i.is === "open" && Date.now() - this.#r > it;
    if (this.#v(), e && !e.reconnect && e.code !== "shutdown") {
      this.#l({ is: "ended", because: e.code });
      return;
    }
    i && (this.#n = 0);
    const s = I(this.#n, Math.random());
    this.#n += 1, this.#u = setTimeout(() => this.#g(), s), this.#l({ is: "waiting", attempt: this.#n, until: Date.now() + s });
  }
  /** Lets go of the socket and of everything that hung on it. */
  #v() {
    clearTimeout(this.#u), clearTimeout(this.#a), clearInterval(this.#m);
    const t = this.#t;
    this.#t = void 0, this.#s = 1;
    const e = this.#o;
    this.#o = /* @__PURE__ */ new Map(), t && (t.onopen = t.onmessage = t.onclose = null, t.close(1e3));
    for (const { reject: i } of e.values()) i(c.offline());
  }
  #l(t) {
    this.#i = t, this.#e.moved(t);
  }
}
function Q(n) {
  try {
    const t = JSON.parse(String(n));
    return typeof t == "object" && t !== null && ("re" in t || "ev" in t) ? t : void 0;
  } catch {
    return;
  }
}
const X = 1e4, Z = 1e3, tt = 3e3, et = 600, it = 5e3;
function st(n, t, e) {
  const i = { at: e, received: 0, lost: 0, sent: 0 };
  for (const h of n) {
    const a = (l) => typeof h[l] == "number" ? h[l] : void 0;
    switch (h.type) {
      case "inbound-rtp":
        i.received += a("packetsReceived") ?? 0, i.lost += a("packetsLost") ?? 0, i.jitterMs = T(a("jitter"));
        break;
      case "outbound-rtp":
        i.sent += a("packetsSent") ?? 0;
        break;
      case "candidate-pair":
        h.nominated && (i.rttMs = T(a("currentRoundTripTime")) ?? i.rttMs);
        break;
      case "media-source":
        i.levelDb = nt(a("audioLevel"));
        break;
    }
  }
  const s = t && t.received <= i.received ? t : void 0, o = i.received - (s?.received ?? 0), r = Math.max(0, i.lost - (s?.lost ?? 0));
  return o + r > 0 && (i.lossPct = 100 * r / (o + r)), o === 0 && (i.silentSince = s?.silentSince ?? s?.at ?? e), i;
}
function T(n) {
  return n === void 0 ? void 0 : n * 1e3;
}
function nt(n) {
  return n === void 0 ? void 0 : Math.max(C, 20 * Math.log10(n || 1e-9));
}
const C = -127;
class ot {
  #e = /* @__PURE__ */ new Map();
  #i = /* @__PURE__ */ new Set();
  get raised() {
    return [...this.#i].map((t) => ({ trouble: t, detail: f[t].detail }));
  }
  /** Takes a second in; whether the warnings are others than before. */
  take(t) {
    const e = new Set(this.#i);
    for (const s of Object.keys(f)) {
      const o = f[s], r = o.isBad(t) === e.has(s) ? 0 : (this.#e.get(s) ?? 0) + 1;
      this.#e.set(s, r), !(r < (e.has(s) ? o.clear : o.raise)) && (this.#e.set(s, 0), e.delete(s) || e.add(s));
    }
    const i = e.size !== this.#i.size || [...e].some((s) => !this.#i.has(s));
    return this.#i = e, i;
  }
  /** The talk is over, or on hold. */
  reset() {
    const t = this.#i.size > 0;
    return this.#e.clear(), this.#i = /* @__PURE__ */ new Set(), t;
  }
}
const f = {
  jitter: {
    detail: "Your network delivers unevenly: the customer’s voice may stutter.",
    isBad: ({ sample: n }) => (n.jitterMs ?? 0) > 30,
    raise: 3,
    clear: 5
  },
  "round-trip": {
    detail: "Your network is slow: the customer hears you late.",
    isBad: ({ sample: n }) => (n.rttMs ?? 0) > 400,
    raise: 3,
    clear: 5
  },
  loss: {
    detail: "Your network loses sound.",
    isBad: ({ sample: n }) => (n.lossPct ?? 0) > 1,
    raise: 3,
    clear: 5
  },
  quality: {
    detail: "This call is hard to understand.",
    isBad: ({ mos: n }) => n !== void 0 && n < 3,
    raise: 1,
    clear: 5
  },
  "no-audio": {
    detail: "Nothing has come from the customer’s side for three seconds.",
    isBad: ({ sample: n }) => n.silentSince !== void 0 && n.at - n.silentSince >= 3e3,
    raise: 1,
    clear: 1
  },
  microphone: {
    detail: "Your microphone is silent: it may be muted at the headset.",
    isBad: ({ sample: n, muted: t }) => !t && n.levelDb !== void 0 && n.levelDb <= C,
    raise: 10,
    clear: 1
  }
};
class rt {
  #e;
  #i = new ot();
  #t;
  #s;
  #o;
  #n;
  constructor(t) {
    this.#e = t;
  }
  get warnings() {
    return this.#i.raised;
  }
  open() {
    this.#t ??= setInterval(() => {
      this.#c();
    }, at);
  }
  close() {
    clearInterval(this.#t), this.#t = void 0, this.#s = void 0, this.#i.reset() && this.#e.changed([]);
  }
  /** Takes what the gateway measures of the talk. */
  take(t) {
    this.#o = t;
  }
  report() {
    const t = this.#s;
    if (!t) return {};
    const { levelDb: e, rttMs: i, jitterMs: s, lossPct: o, received: r, sent: h } = t;
    return { level_db: e, rtt_ms: i, jitter_ms: s, loss_pct: o, packets_received: r, packets_sent: h };
  }
  async #c() {
    const t = await this.#e.stats();
    if (!t || this.#t === void 0) return;
    const e = this.#e.talk(), i = e?.id === this.#n ? this.#s : void 0;
    this.#n = e?.id;
    const s = st([...t.values()], i, Date.now());
    this.#s = s, this.#d(e, s) && this.#e.changed(this.warnings);
  }
  #d(t, e) {
    if (!t) return this.#i.reset();
    const i = this.#o?.call === t.id ? this.#o : void 0, s = i && Math.min(i.to_agent.mos, i.to_customer.mos);
    return this.#i.take({ sample: e, mos: s, muted: t.muted });
  }
}
const at = 1e3;
function ht(n, t) {
  const e = navigator.locks;
  if (!e) return () => {
  };
  let i = () => {
  };
  const s = new AbortController(), o = new Promise((r) => i = r);
  return e.request(n, { steal: !0 }, () => o).catch(() => e.request(n, { signal: s.signal }, t)).catch(() => {
  }), () => {
    i(), s.abort();
  };
}
class ut extends g {
  audio;
  #e;
  #i;
  #t;
  #s = /* @__PURE__ */ new Map();
  #o;
  #n = N;
  #c = [];
  #d = { ready: !1, because: "Not signed in." };
  #r = [];
  #u;
  #a;
  /** What the gateway was told of this side last. */
  #m = "";
  constructor(t) {
    super(), this.#o = t.token, this.#e = t.storage ?? sessionStorage, this.audio = new A(t.microphone), this.audio.on("microphone", () => this.#S()), this.audio.on("locked", () => this.#S()), this.audio.on("track", (e) => this.#g(e)), this.#t = new G({
      negotiate: async (e, i) => (await this.#h("media", i ? { sdp: e, restart: i } : { sdp: e })).sdp,
      heard: (e) => this.audio.play(e),
      moved: (e) => {
        this.emit("media", e), this.#S();
      }
    }), this.#i = new K({
      url: t.url ?? `${location.origin.replace(/^http/, "ws")}/v1/agent`,
      hello: () => this.#f(),
      report: () => this.#y(),
      sessionUnknown: () => this.#e.removeItem(u),
      event: (e) => this.#l(e),
      moved: (e) => this.#A(e)
    }), this.#a = new rt({
      stats: () => this.#t.stats(),
      talk: () => this.calls.find(({ state: e }) => e === "connected"),
      changed: (e) => this.emit("warnings", e)
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
    return this.#d;
  }
  /** All calls that this page knows, oldest first, with those that are over. */
  get calls() {
    return [...this.#s.values()];
  }
  /** What the agent should know of a talk's sound. */
  get warnings() {
    return this.#a.warnings;
  }
  /** Asks for the microphone and connects, both at once. Resolves when the browser has decided on the microphone. */
  async signIn() {
    this.#x(), this.#a.open(), this.#i.open(), await this.retryAudio();
  }
  /** Tries the microphone and the audio connection again, after the reason why they failed is out of the way. */
  async retryAudio() {
    this.audio.unlock();
    const t = await this.audio.openMicrophone();
    t && this.#g(t);
  }
  /** Without a connection yet, the leg follows the welcome. */
  #g(t) {
    this.connection.is === "open" && (this.media.is === "off" || this.media.is === "down" ? this.#t.open(t, this.#c) : this.#t.replace(t).catch(reportError));
  }
  /** Ends the session in this page. Calls that are up stay with the gateway for as long as its grace lasts. */
  signOut() {
    this.#e.removeItem(u), this.#D("signed-out");
  }
  /** The page is going away, perhaps to come back: the session stays, and so do its calls. */
  leave() {
    this.#D("leaving");
  }
  /** Sends a fresh token on the living session, and uses it from now on. */
  async renewToken(t) {
    this.#o = t, await this.#h("auth", { token: t });
  }
  /** Says how the agent stands: `available`, `break`, `offline`, or whatever else the gateway knows. */
  async setStatus(t, e) {
    await this.#h("status", { name: t, reason: e });
  }
  /** Dials. The call is there at once, in `ringing-out`; why it failed, if it does, is in its `ended`. */
  dial(t, e = {}) {
    const i = Date.now(), s = $(i, crypto.getRandomValues(new Uint8Array(16)));
    return this.#T(
      R(this.#n, {
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
    ), this.#w({ call: s, to: t, ...e }), this.#s.get(s);
  }
  /** Takes a call that is over off the list. */
  forget(t) {
    if (t.state !== "closed") return;
    const e = new Map(this.#n.calls);
    e.delete(t.id), this.#s.delete(t.id), this.#n = { ...this.#n, calls: e }, this.emit("call", t);
  }
  /** A page that knows where tokens come from needn't be told to fetch one. */
  async #k() {
    if (typeof this.#o == "function")
      try {
        await this.#h("auth", { token: await this.#o() });
      } catch (t) {
        reportError(t);
      }
  }
  #p(t) {
    this.#u || (this.#u = ht(`warmline.${t}`, () => this.emit("vacant", void 0)));
  }
  #y() {
    return { ...this.#a.report(), ...this.audio.report(), path: this.#t.path };
  }
  #h = async (t, e) => {
    try {
      return await this.#i.ask(t, e);
    } catch (i) {
      const { call: s } = e;
      throw s && t !== "dial" && i instanceof c && i.problem.status === 404 && this.#v(s, i), i;
    }
  };
  async #f() {
    return {
      token: typeof this.#o == "function" ? await this.#o() : this.#o,
      sdk: dt,
      session: this.#e.getItem(u) ?? void 0,
      seq: this.#n.seq || void 0
    };
  }
  async #w(t) {
    try {
      await this.#h("dial", t);
    } catch (e) {
      if (!(e instanceof c)) throw e;
      if (e.isOffline && this.connection.is === "waiting") return;
      this.#v(t.call, e);
    }
  }
  #v(t, { message: e, problem: i }) {
    const s = i.type.split("/").pop() ?? "refused", o = i.status === 0 ? "The call was not placed: there is no connection to the gateway." : e;
    this.#T(P(this.#n, t, { by: "gateway", reason: s, detail: o }, Date.now()));
  }
  #l(t) {
    const e = this.view?.media;
    switch (this.#T(L(this.#n, t, Date.now())), t.ev) {
      case "welcome":
        this.#e.setItem(u, t.session), this.#c = t.ice ?? [], this.#p(t.agent.id), this.emit("agent", t.agent), this.#b(t.resumed && t.agent.media === "up" ? "kept" : "gone"), this.#C();
        return;
      case "agent":
        this.emit("agent", t.agent), e === "up" && t.agent.media === "down" && this.#t.reportedDown(), this.#S();
        return;
      case "quality":
        this.#a.take(t), this.emit("quality", t);
        return;
      case "notice":
        t.kind === "token-expiring" && this.#k(), this.emit("notice", t);
        return;
      case "call":
      case "bye":
        return;
    }
  }
  /** Makes sure that there is a leg. One that the gateway has kept goes on, and a call on it hears nothing of the break. */
  #b(t) {
    const e = this.media.is === "up" || this.media.is === "restarting";
    t === "kept" && e ? this.#t.nudge() : this.audio.track && this.#t.open(this.audio.track, this.#c), this.#S();
  }
  #C() {
    for (const t of this.#s.values())
      if (!(this.#n.calls.get(t.id)?.source === "page" && t.isLive)) t.repeatWishes();
      else if (t.isEnding || Date.now() - t.view.started_at > lt) this.#v(t.id, c.offline());
      else {
        const { id: i, peer: s, via: o, context: r } = t.view;
        this.#w({ call: i, to: s.number, via: o, context: r });
      }
  }
  /** Adopts the next snapshot, and tells the calls that it changes. */
  #T(t) {
    const e = this.#n;
    this.#n = t;
    const i = [...t.calls.values()].filter(({ view: s }) => e.calls.get(s.id)?.view !== s);
    for (const { view: s } of i) {
      const o = this.#s.get(s.id);
      o ? o.take(s) : this.#O(s);
    }
    i.length && this.#M();
  }
  #O(t) {
    const e = new B(t, this.#h);
    this.#s.set(t.id, e), e.on("change", () => {
      this.#M(), this.emit("call", e);
    }), this.emit("call", e);
  }
  /** The microphone and the bell follow from the calls, whoever changed them. */
  #M() {
    const t = this.calls.filter(({ view: e }) => E(e));
    this.audio.silence(t.some((e) => e.muted)), t.some((e) => e.state === "ringing-in" && !e.isEnding) ? this.audio.startRinging() : this.audio.stopRinging();
  }
  #A(t) {
    t.is === "ended" && (t.because === "replaced" || t.because === "taken-over" ? this.#e.removeItem(u) : this.#E(), this.#I()), this.emit("connection", t), this.#S();
  }
  #S() {
    this.#_();
    const { connection: t, media: e, view: i } = this, { microphone: s, locked: o } = this.audio, r = F({ connection: t, microphone: s, locked: o, media: e, agent: i });
    JSON.stringify(r) !== JSON.stringify(this.#d) && (this.#d = r, this.emit("readiness", r));
  }
  /** The gateway hears of a lost microphone at once, not with the next heartbeat. */
  #_() {
    const t = JSON.stringify({ ...this.audio.report(), path: this.#t.path });
    t !== this.#m && (this.#m = t, this.connection.is === "open" && this.#i.tell());
  }
  #E() {
    this.#u?.(), this.#u = void 0;
  }
  #D(t) {
    this.#E(), this.#i.close(t), this.#I(), this.#S();
  }
  #I() {
    for (const t of this.#r.splice(0)) t();
    this.#a.close(), this.#t.close(), this.audio.close();
  }
  #x() {
    if (this.#r.length) return;
    const t = (a, l, m) => {
      a.addEventListener(l, m), this.#r.push(() => a.removeEventListener(l, m));
    }, e = () => {
      this.#i.nudge(), this.#t.nudge();
    }, i = () => {
      this.#i.networkChanged(), this.#t.networkChanged();
    }, s = () => this.audio.unlock();
    t(window, "online", i);
    const { connection: o } = navigator;
    o && t(o, "change", i);
    const r = () => this.calls.some((a) => a.state === "connected"), h = setInterval(() => this.#t.stops() && r() && this.#i.networkChanged(), ct);
    this.#r.push(() => clearInterval(h)), t(window, "pagehide", (a) => {
      this.leave(), a.persisted && addEventListener("pageshow", () => {
        this.signIn();
      }, { once: !0 });
    }), t(document, "visibilitychange", () => document.visibilityState === "visible" && e()), t(window, "pointerdown", s), t(window, "keydown", s);
  }
}
const ct = 250, dt = "warmline-js/0.1.0", u = "warmline.session", lt = 15e3;
export {
  ut as Agent,
  A as Audio,
  B as Call,
  c as Refusal
};

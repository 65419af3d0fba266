async function m() {
  const s = await navigator.mediaDevices.enumerateDevices(), t = (e) => s.filter((i) => i.kind === e).map(({ deviceId: i, label: n }) => ({ id: i, label: n }));
  return { microphones: t("audioinput"), speakers: t("audiooutput") };
}
async function w() {
  return (await navigator.mediaDevices.enumerateDevices()).find(({ kind: t, deviceId: e }) => t === "audioinput" && e === "default")?.groupId;
}
class g {
  #t = /* @__PURE__ */ new Map();
  /** Listens, and returns the function that stops listening. */
  on(t, e) {
    const i = this.#t.get(t) ?? /* @__PURE__ */ new Set();
    return this.#t.set(t, i), i.add(e), () => {
      i.delete(e);
    };
  }
  emit(t, e) {
    for (const i of [...this.#t.get(t) ?? []])
      try {
        i(e);
      } catch (n) {
        reportError(n);
      }
  }
}
class C {
  #t = new AudioContext();
  #i = setInterval(() => this.#e(), 3e3);
  /** `device` is a loudspeaker's id; empty, the system's choice. */
  constructor(t) {
    t && this.use(t), this.#e();
  }
  /** Rings on that loudspeaker, where the browser can choose. */
  async use(t) {
    await this.#t.setSinkId?.(t);
  }
  resume() {
    this.#t.resume();
  }
  stop() {
    clearInterval(this.#i), this.#t.close();
  }
  #e() {
    if (this.#t.state !== "running") return void this.#t.resume();
    for (const [t, e] of [[660, 0], [880, 0.18]]) {
      const i = this.#t.currentTime + e, n = new OscillatorNode(this.#t, { frequency: t }), o = new GainNode(this.#t, { gain: 0 });
      o.gain.linearRampToValueAtTime(0.15, i + 0.02), o.gain.exponentialRampToValueAtTime(1e-3, i + 0.9), n.connect(o).connect(this.#t.destination), n.start(i), n.stop(i + 1);
    }
  }
}
class I extends g {
  #t;
  #i = document.createElement("audio");
  #e = { is: "off" };
  #s;
  #o;
  #n = !1;
  #c = !1;
  #r;
  #d;
  #u = "";
  #h;
  #g;
  constructor(t = {}) {
    super(), this.#t = t, this.#i.autoplay = !0;
  }
  get microphone() {
    return this.#e;
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
    return m();
  }
  /** Speaks into another microphone from now on, in a talk too; `undefined` is the system's choice. */
  async useMicrophone(t) {
    this.#t = { ...this.#t, deviceId: t === void 0 ? void 0 : { exact: t } }, await this.#m();
  }
  /** Hears the customer from another loudspeaker. */
  async useSpeaker(t) {
    await this.#i.setSinkId(t);
  }
  /** Rings on another loudspeaker than the customer's voice: one that is heard with the headset on the table. */
  async useRinger(t) {
    this.#u = t, await this.#d?.use(t);
  }
  /** The microphone and the loudspeaker, as the gateway is told of them. */
  report() {
    const t = this.#e, e = t.is === "refused" && t.reason === "denied", i = t.is === "refused" && t.reason !== "denied" ? t.reason : void 0;
    return {
      permission: e ? "denied" : t.is === "asking" && this.#h?.state === "prompt" ? "prompt" : void 0,
      microphone: t.is === "on" ? "on" : i,
      loudspeaker: this.#n ? "suspended" : "running"
    };
  }
  /** Asks for the microphone, once however often it is called; the answer is in `microphone`, too. */
  openMicrophone() {
    return this.#s ? Promise.resolve(this.#s) : (this.#r ??= this.#p().finally(() => this.#r = void 0), this.#r);
  }
  /** Local silence, for mute. The gateway stops forwarding as well; this takes effect first. */
  silence(t) {
    this.#c = t, this.#s && (this.#s.enabled = !t);
  }
  /** Plays what the customer says. */
  play(t) {
    this.#o = t, this.#i.srcObject = t, this.emit("remote", t), this.#f();
  }
  /** To be called in a click or a key press: lets out the sound that the browser holds back. */
  unlock() {
    this.#d?.resume(), this.#n && this.#f();
  }
  startRinging() {
    this.#d ??= new C(this.#u);
  }
  stopRinging() {
    this.#d?.stop(), this.#d = void 0;
  }
  /** Lets go of the microphone, so that the browser's recording sign goes out. */
  close() {
    this.stopRinging(), this.#a(), navigator.mediaDevices?.removeEventListener("devicechange", this.#v), this.#h && (this.#h.onchange = null), this.#h = void 0, this.#i.srcObject = null, this.#o = void 0, this.#l({ is: "off" });
  }
  #f() {
    this.#i.play().then(
      () => this.#b(!1),
      (t) => {
        t.name === "NotAllowedError" && this.#b(!0);
      }
    );
  }
  async #p() {
    this.#l({ is: "asking" });
    try {
      if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
      this.#k();
      const e = (await navigator.mediaDevices.getUserMedia({ audio: this.#t })).getAudioTracks()[0];
      return this.#e.is === "off" ? void e.stop() : (e.enabled = !this.#c, e.onended = () => {
        this.#y(e);
      }, this.#s = e, this.#g = await w(), this.#l({ is: "on" }), this.emit("track", e), e);
    } catch (t) {
      this.#l({ is: "refused", ...x(t) });
      return;
    }
  }
  /** Unplugged, or its permission taken back: another one takes its place, if there is one and we may. */
  async #y(t) {
    if (this.#s !== t) return;
    const e = t.label;
    this.#a(), this.#l({ is: "refused", reason: "lost", detail: A }), this.#t = { ...this.#t, deviceId: void 0 };
    const i = await this.openMicrophone();
    i && this.emit("switched", { because: "unplugged", detail: `${e || "The microphone"} was unplugged; ${v(i)} is used now.` });
  }
  /** Lets go of the present microphone and takes the one that the constraints ask for. */
  async #m() {
    return await this.#r, this.#a(), this.openMicrophone();
  }
  #a() {
    this.#s && (this.#s.onended = null), this.#s?.stop(), this.#s = void 0;
  }
  /** A headset that comes, goes, or becomes the system's choice; a permission that is given or taken back. */
  async #k() {
    navigator.mediaDevices.addEventListener("devicechange", this.#v);
    const t = await navigator.permissions?.query({ name: "microphone" }).catch(() => {
    });
    !t || this.#h || this.#e.is === "off" || (this.#h = t, t.onchange = () => this.#w(t.state));
  }
  #w(t) {
    t === "denied" ? (this.#a(), this.#l({ is: "refused", ...T })) : t === "granted" && this.#e.is === "refused" && this.openMicrophone();
  }
  #v = async () => {
    const t = this.#e;
    if (t.is === "refused" && (t.reason === "absent" || t.reason === "lost")) {
      await this.openMicrophone();
      return;
    }
    const e = this.#s;
    if (!e) return;
    const { microphones: i } = await m(), n = e.getSettings().deviceId;
    if (this.#s !== e) return;
    if (n && i.every(({ id: a }) => a !== n)) return this.#y(e);
    const o = await w();
    if (this.#t.deviceId !== void 0 || o === this.#g || this.#s !== e) return;
    const r = await this.#m();
    r && this.emit("switched", { because: "default-changed", detail: `The system's microphone is ${v(r)} now, and so is yours.` });
  };
  #l(t) {
    this.#e = t, this.emit("microphone", t);
  }
  #b(t) {
    this.#n !== t && (this.#n = t, this.emit("locked", t));
  }
}
const A = "The microphone was unplugged, or its permission was taken back.", T = { reason: "denied", detail: "The browser may not use the microphone. Allow it in the address bar." };
function v(s) {
  return s.label || "another one";
}
function x(s) {
  switch (s instanceof DOMException ? s.name : "") {
    case "NotAllowedError":
      return T;
    case "NotFoundError":
    case "OverconstrainedError":
      return { reason: "absent", detail: "No microphone was found. Plug a headset in." };
    case "SecurityError":
      return { reason: "insecure", detail: "Browsers give a microphone to secure pages only: open this page over https." };
    default:
      return { reason: "busy", detail: "The microphone could not be opened. Another program may be using it." };
  }
}
const _ = { seq: 0, calls: /* @__PURE__ */ new Map() };
function N(s, t, e) {
  if (t.ev === "welcome") {
    const n = new Map(s.calls);
    for (const [o, { view: r, source: a }] of s.calls)
      a === "gateway" && r.state !== "closed" && !t.calls.some((u) => u.id === o) && n.set(o, { view: E(r, q, e), source: a });
    for (const o of t.calls)
      (o.state !== "closed" || s.calls.get(o.id)?.view.state !== "closed") && (o.state !== "closed" || s.calls.has(o.id)) && n.set(o.id, { view: o, source: "gateway" });
    return { seq: t.seq ?? (t.resumed ? s.seq : 0), agent: t.agent, calls: n };
  }
  if (t.seq !== void 0 && t.seq <= s.seq) return s;
  const i = t.seq ?? s.seq;
  switch (t.ev) {
    case "agent":
      return { ...s, seq: i, agent: t.agent };
    case "call":
      return p({ ...s, seq: i }, t.call, "gateway");
    case "quality":
    case "notice":
    case "bye":
      return { ...s, seq: i };
    default:
      return { ...s, seq: i };
  }
}
function L(s, t) {
  return p(s, t, "page");
}
function R(s, t, e, i) {
  const n = s.calls.get(t);
  return !n || n.view.state === "closed" ? s : p(s, E(n.view, e, i), n.source);
}
function M(s) {
  return s.state !== "closed" && s.state !== "wrap-up";
}
function p(s, t, e) {
  return { ...s, calls: new Map(s.calls).set(t.id, { view: t, source: e }) };
}
function E(s, t, e) {
  return { ...s, state: "closed", progress: void 0, ended_at: s.ended_at ?? e, ended: s.ended ?? t };
}
const q = {
  by: "gateway",
  reason: "lost",
  detail: "The gateway was restarted, and the call is no longer there."
}, P = "warmline.agent.v1";
class h extends Error {
  problem;
  constructor(t) {
    super(t.detail ?? t.title), this.name = "Refusal", this.problem = t;
  }
  /** The gateway could not be asked: the request may be repeated once the socket is back. */
  static offline() {
    return new h({
      type: y,
      title: "Not connected to the gateway",
      status: 0,
      detail: "The connection to the gateway is interrupted.",
      retryable: !0
    });
  }
  get isOffline() {
    return this.problem.type === y;
  }
}
const y = "about:offline";
class j extends g {
  #t;
  #i;
  #e = {};
  /** @internal Calls are made by `Agent.dial` and by the gateway. */
  constructor(t, e) {
    super(), this.#i = t, this.#t = e;
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
    return this.#e.muted ?? this.#i.muted;
  }
  /** The agent has ended the call, and the gateway hasn't said so yet. */
  get isEnding() {
    return this.#e.end !== void 0;
  }
  /** Neither over nor waiting for its disposition. */
  get isLive() {
    return M(this.#i);
  }
  async answer() {
    await this.#t("answer", { call: this.id });
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
      await this.#t("mute", { call: this.id, on: t });
    } catch (e) {
      if (k(e)) return;
      throw this.#o({ muted: void 0 }), e;
    }
  }
  /** The customer hears music and the agent nothing; or both talk on. */
  async hold(t) {
    await this.#t("hold", { call: this.id, on: t });
  }
  /** Sends digits: `0`–`9`, `*`, `#`, `A`–`D`, and `,` for a pause. */
  async digits(t) {
    await this.#t("digits", { call: this.id, tones: t });
  }
  /** Gives the customer to a number, to `agent:<id>` or to a SIP address: at once, or after a word with whoever answers there. */
  async transfer(t, e) {
    await this.#t("transfer", { call: this.id, to: t, mode: e });
  }
  /** After a consultation: the two others talk on without the agent. */
  async complete() {
    await this.#t("complete", { call: this.id });
  }
  /** Pauses the recording, for a card's number, or goes on with it. */
  async record(t) {
    await this.#t("record", { call: this.id, on: t });
  }
  /** Ends wrap-up with a disposition. `callbackAt` is in epoch milliseconds. */
  async dispose(t, e, i) {
    await this.#t("dispose", { call: this.id, code: t, notes: e, callback_at: i });
  }
  /** @internal Takes the gateway's newer snapshot in. */
  take(t) {
    this.#i = t, this.isLive || (this.#e = {}), this.#e.muted === t.muted && (this.#e.muted = void 0), this.emit("change", this);
  }
  /** @internal After a break: what was asked for while the gateway couldn't hear it. */
  repeatWishes() {
    if (!this.isLive) return;
    const { end: t, muted: e } = this.#e;
    t ? this.#s(t).catch(reportError) : e !== void 0 && this.mute(e).catch(reportError);
  }
  async #s(t, e) {
    this.#o({ end: t });
    try {
      await this.#t(t, { call: this.id, reason: e });
    } catch (i) {
      if (k(i)) return;
      throw this.#o({ end: void 0 }), i;
    }
  }
  #o(t) {
    this.#e = { ...this.#e, ...t }, this.emit("change", this);
  }
}
function k(s) {
  return s instanceof h && s.isOffline;
}
function B(s, t) {
  const e = t.slice(0, 16);
  for (let n = 5, o = s; n >= 0; n--, o = Math.floor(o / 256)) e[n] = o % 256;
  return e[6] = 112 | e[6] & 15, e[8] = 128 | e[8] & 63, `c_${Array.from(e, (n) => n.toString(16).padStart(2, "0")).join("").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")}`;
}
const S = [0, 300, 1200, 2700, 4800, 7e3], $ = 100;
function D(s, t) {
  const e = S[Math.min(s, S.length - 1)] ?? 0;
  return e + t * (e / 4 + $);
}
class U {
  #t;
  #i = { is: "off" };
  #e;
  #s = null;
  #o = [];
  #n = 0;
  #c = !1;
  #r;
  constructor(t) {
    this.#t = t;
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
    this.#s = t, await this.#e?.getTransceivers()[0]?.sender.replaceTrack(t);
  }
  /** The gateway says that the leg is down. Chromium may believe in a leg long after the other end has closed it. */
  reportedDown() {
    this.#i.is === "up" && this.#p("The gateway lost the audio connection.");
  }
  /** The way to the gateway may be another. A leg that still gets answers is left alone. */
  nudge() {
    (this.#i.is === "restarting" || this.#e?.connectionState !== "connected") && this.networkChanged();
  }
  /** The network is another: ICE looks for the new way before the old one is missed. */
  networkChanged() {
    (this.#i.is === "up" || this.#i.is === "restarting") && !this.#c && this.#u();
  }
  /** Whether the gateway answers on the leg, as the browser sees it; nothing without a leg. */
  get path() {
    switch (this.#e?.connectionState) {
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
    return this.#e?.getStats();
  }
  close() {
    this.#m(), this.#a({ is: "off" });
  }
  #d() {
    this.#m();
    const t = new RTCPeerConnection({ iceServers: this.#o, bundlePolicy: "max-bundle" });
    this.#e = t, t.onconnectionstatechange = () => {
      this.#e === t && this.#g(t.connectionState);
    }, t.ontrack = ({ track: n }) => this.#t.heard(new MediaStream([n]));
    const e = this.#s ? [new MediaStream([this.#s])] : [];
    t.addTransceiver(this.#s ?? "audio", { direction: "sendrecv", streams: e }).setCodecPreferences?.(W()), this.#a({ is: "connecting" }), this.#f(G), this.#h(t, "new leg");
  }
  #u() {
    const t = this.#e;
    t && (this.#a({ is: "restarting" }), this.#f(H), t.restartIce(), this.#h(t, "ICE restart"));
  }
  async #h(t, e) {
    this.#c = !0;
    try {
      await t.setLocalDescription();
      const i = await this.#t.negotiate(t.localDescription.sdp, e === "ICE restart");
      if (this.#e !== t) return;
      await t.setRemoteDescription({ type: "answer", sdp: i }), this.#g(t.connectionState);
    } catch (i) {
      if (this.#e !== t) return;
      i instanceof h ? i.isOffline && e === "ICE restart" ? clearTimeout(this.#r) : i.isOffline || !i.problem.retryable ? this.#y(i.message) : this.#p(i.message) : this.#p(`The browser refused the audio connection: ${i}`);
    } finally {
      this.#e === t && (this.#c = !1);
    }
  }
  #g(t) {
    switch (t) {
      case "connected":
        clearTimeout(this.#r), this.#n = 0, this.#a({ is: "up" });
        return;
      case "disconnected":
        clearTimeout(this.#r), this.#r = setTimeout(() => this.#u(), J);
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
  #f(t) {
    clearTimeout(this.#r), this.#r = setTimeout(() => this.#p("The audio connection took too long."), t);
  }
  #p(t) {
    this.#y(t), this.#r = setTimeout(() => this.#d(), D(this.#n, Math.random())), this.#n += 1;
  }
  /** Down until somebody opens a new leg: after the next welcome, or when the microphone is tried again. */
  #y(t) {
    this.#m(), this.#a({ is: "down", detail: t });
  }
  #m() {
    clearTimeout(this.#r), this.#c = !1, this.#e?.close(), this.#e = void 0;
  }
  #a(t) {
    this.#i = t, this.#t.moved(t);
  }
}
function W() {
  const s = ["audio/PCMA", "audio/PCMU", "audio/telephone-event"];
  return (RTCRtpReceiver.getCapabilities("audio")?.codecs ?? []).filter((t) => t.clockRate === 8e3 && s.includes(t.mimeType)).sort((t, e) => s.indexOf(t.mimeType) - s.indexOf(e.mimeType));
}
const G = 1e4, H = 5e3, J = 1500;
function Y({ connection: s, microphone: t, locked: e, media: i, agent: n }) {
  return s.is === "off" ? d("Not signed in.") : s.is === "ended" ? d(z[s.because]) : s.is === "waiting" ? d("The connection to the gateway is interrupted.") : t.is === "asking" ? d("Waiting for permission to use the microphone.") : t.is === "refused" ? d(t.detail) : s.is === "connecting" ? d("Connecting to the gateway.") : i.is === "down" ? d(i.detail) : i.is !== "up" ? d("Setting up audio.") : e ? d("The browser holds the sound back until this page is clicked.") : n?.ready ? { ready: !0 } : d(n?.not_ready_because ?? "The gateway is getting ready.");
}
function d(s) {
  return { ready: !1, because: s };
}
const z = {
  "signed-out": "Signed out.",
  replaced: "The desk is open in another tab or on another device.",
  "taken-over": "The desk is open in another tab or on another device.",
  expired: "The sign-in has expired.",
  forbidden: "The sign-in was refused."
};
class F {
  #t;
  #i = { is: "off" };
  #e;
  #s = 1;
  #o = /* @__PURE__ */ new Map();
  #n = 0;
  #c;
  #r = 0;
  #d = 0;
  #u;
  #h;
  #g;
  constructor(t) {
    this.#t = t;
  }
  get connection() {
    return this.#i;
  }
  /** Connects, unless that is under way already: two mounts of a component make one socket. */
  open() {
    this.#i.is !== "off" && this.#i.is !== "ended" || (this.#n = 0, this.#f());
  }
  /** Closes for good, and says so to nobody but the gateway. */
  close(t) {
    this.#v(), this.#l(t === "leaving" ? { is: "off" } : { is: "ended", because: t });
  }
  /** Don't wait for a pause to pass or for a silent socket to be noticed. */
  nudge() {
    this.#i.is === "waiting" && this.#f(), this.#i.is === "open" && this.#a(X);
  }
  /** The network is another: what was open is most likely dead, and a new connection costs less than waiting for the old one. */
  networkChanged() {
    this.nudge(), this.#i.is === "open" && this.#a(Z);
  }
  /** Tells the gateway at once how things stand on this side. */
  tell() {
    this.#k("stats", { quality: this.#t.report() }).catch(() => {
    });
  }
  ask = (t, e) => this.#i.is !== "open" ? Promise.reject(h.offline()) : this.#k(t, e);
  #f() {
    clearTimeout(this.#u), this.#c = void 0;
    const t = new WebSocket(this.#t.url, P);
    this.#e = t, this.#l({ is: "connecting", attempt: this.#n }), this.#h = setTimeout(() => this.#w(t), K), t.onopen = () => {
      this.#p(t);
    }, t.onmessage = (e) => {
      this.#e === t && this.#y(t, e.data);
    }, t.onclose = () => this.#w(t);
  }
  async #p(t) {
    try {
      const e = await this.#t.hello();
      if (this.#e !== t || t.readyState !== WebSocket.OPEN) return;
      await this.#k("hello", e);
    } catch (e) {
      if (this.#e !== t) return;
      const { status: i, detail: n } = e instanceof h ? e.problem : { status: 0, detail: void 0 };
      if (i === 401 || i === 403) {
        this.#v(), this.#l({ is: "ended", because: i === 401 ? "expired" : "forbidden", detail: n });
        return;
      }
      (i === 404 || i === 410) && this.#t.sessionUnknown(), this.#w(t);
    }
  }
  #y(t, e) {
    this.#r = Date.now();
    const i = V(e);
    if (i) {
      if ("re" in i) {
        const n = this.#o.get(i.re);
        this.#o.delete(i.re), i.err ? n?.reject(new h(i.err)) : n?.resolve(i.ok);
        return;
      }
      i.ev === "welcome" && this.#m(i.heartbeat_ms), i.ev === "bye" && (this.#c = i), this.#t.event(i), i.ev === "bye" && !i.reconnect && this.#w(t);
    }
  }
  #m(t) {
    clearTimeout(this.#h), this.#d = Date.now();
    const e = Math.max(t || 0, Q);
    this.#g = setInterval(() => this.#a(2 * e), e), this.#l({ is: "open" }), this.tell();
  }
  /** Asks for a sign of life, and gives the socket up when none comes within `patience`. */
  #a(t) {
    const e = this.#e, i = Date.now();
    this.tell(), setTimeout(() => {
      e && this.#e === e && this.#r < i && this.#w(e);
    }, t);
  }
  #k(t, e) {
    const i = this.#e;
    if (i?.readyState !== WebSocket.OPEN) return Promise.reject(h.offline());
    const n = this.#s++;
    return new Promise((o, r) => {
      this.#o.set(n, { resolve: o, reject: r }), i.send(JSON.stringify({ id: n, op: t, ...e }));
    });
  }
  #w(t) {
    if (this.#e !== t) return;
    const e = this.#c, i = this.#i.is === "open" && Date.now() - this.#d > tt;
    if (this.#v(), e && !e.reconnect && e.code !== "shutdown") {
      this.#l({ is: "ended", because: e.code });
      return;
    }
    i && (this.#n = 0);
    const n = D(this.#n, Math.random());
    this.#n += 1, this.#u = setTimeout(() => this.#f(), n), this.#l({ is: "waiting", attempt: this.#n, until: Date.now() + n });
  }
  /** Lets go of the socket and of everything that hung on it. */
  #v() {
    clearTimeout(this.#u), clearTimeout(this.#h), clearInterval(this.#g);
    const t = this.#e;
    this.#e = void 0, this.#s = 1;
    const e = this.#o;
    this.#o = /* @__PURE__ */ new Map(), t && (t.onopen = t.onmessage = t.onclose = null, t.close(1e3));
    for (const { reject: i } of e.values()) i(h.offline());
  }
  #l(t) {
    this.#i = t, this.#t.moved(t);
  }
}
function V(s) {
  try {
    const t = JSON.parse(String(s));
    return typeof t == "object" && t !== null && ("re" in t || "ev" in t) ? t : void 0;
  } catch {
    return;
  }
}
const K = 1e4, Q = 1e3, X = 3e3, Z = 600, tt = 5e3;
function et(s, t, e) {
  const i = { at: e, received: 0, lost: 0, sent: 0 };
  for (const a of s) {
    const c = (u) => typeof a[u] == "number" ? a[u] : void 0;
    switch (a.type) {
      case "inbound-rtp":
        i.received += c("packetsReceived") ?? 0, i.lost += c("packetsLost") ?? 0, i.jitterMs = b(c("jitter"));
        break;
      case "outbound-rtp":
        i.sent += c("packetsSent") ?? 0;
        break;
      case "candidate-pair":
        a.nominated && (i.rttMs = b(c("currentRoundTripTime")) ?? i.rttMs);
        break;
      case "media-source":
        i.levelDb = it(c("audioLevel"));
        break;
    }
  }
  const n = t && t.received <= i.received ? t : void 0, o = i.received - (n?.received ?? 0), r = Math.max(0, i.lost - (n?.lost ?? 0));
  return o + r > 0 && (i.lossPct = 100 * r / (o + r)), o === 0 && (i.silentSince = n?.silentSince ?? n?.at ?? e), i;
}
function b(s) {
  return s === void 0 ? void 0 : s * 1e3;
}
function it(s) {
  return s === void 0 ? void 0 : Math.max(O, 20 * Math.log10(s || 1e-9));
}
const O = -127;
class st {
  #t = /* @__PURE__ */ new Map();
  #i = /* @__PURE__ */ new Set();
  get raised() {
    return [...this.#i].map((t) => ({ trouble: t, detail: f[t].detail }));
  }
  /** Takes a second in; whether the warnings are others than before. */
  take(t) {
    const e = new Set(this.#i);
    for (const n of Object.keys(f)) {
      const o = f[n], r = o.isBad(t) === e.has(n) ? 0 : (this.#t.get(n) ?? 0) + 1;
      this.#t.set(n, r), !(r < (e.has(n) ? o.clear : o.raise)) && (this.#t.set(n, 0), e.delete(n) || e.add(n));
    }
    const i = e.size !== this.#i.size || [...e].some((n) => !this.#i.has(n));
    return this.#i = e, i;
  }
  /** The talk is over, or on hold. */
  reset() {
    const t = this.#i.size > 0;
    return this.#t.clear(), this.#i = /* @__PURE__ */ new Set(), t;
  }
}
const f = {
  jitter: {
    detail: "Your network delivers unevenly: the customer’s voice may stutter.",
    isBad: ({ sample: s }) => (s.jitterMs ?? 0) > 30,
    raise: 3,
    clear: 5
  },
  "round-trip": {
    detail: "Your network is slow: the customer hears you late.",
    isBad: ({ sample: s }) => (s.rttMs ?? 0) > 400,
    raise: 3,
    clear: 5
  },
  loss: {
    detail: "Your network loses sound.",
    isBad: ({ sample: s }) => (s.lossPct ?? 0) > 1,
    raise: 3,
    clear: 5
  },
  quality: {
    detail: "This call is hard to understand.",
    isBad: ({ mos: s }) => s !== void 0 && s < 3,
    raise: 1,
    clear: 5
  },
  "no-audio": {
    detail: "Nothing has come from the customer’s side for three seconds.",
    isBad: ({ sample: s }) => s.silentSince !== void 0 && s.at - s.silentSince >= 3e3,
    raise: 1,
    clear: 1
  },
  microphone: {
    detail: "Your microphone is silent: it may be muted at the headset.",
    isBad: ({ sample: s, muted: t }) => !t && s.levelDb !== void 0 && s.levelDb <= O,
    raise: 10,
    clear: 1
  }
};
class nt {
  #t;
  #i = new st();
  #e;
  #s;
  #o;
  #n;
  constructor(t) {
    this.#t = t;
  }
  get warnings() {
    return this.#i.raised;
  }
  open() {
    this.#e ??= setInterval(() => {
      this.#c();
    }, ot);
  }
  close() {
    clearInterval(this.#e), this.#e = void 0, this.#s = void 0, this.#i.reset() && this.#t.changed([]);
  }
  /** Takes what the gateway measures of the talk. */
  take(t) {
    this.#o = t;
  }
  report() {
    const t = this.#s;
    if (!t) return {};
    const { levelDb: e, rttMs: i, jitterMs: n, lossPct: o, received: r, sent: a } = t;
    return { level_db: e, rtt_ms: i, jitter_ms: n, loss_pct: o, packets_received: r, packets_sent: a };
  }
  async #c() {
    const t = await this.#t.stats();
    if (!t || this.#e === void 0) return;
    const e = this.#t.talk(), i = e?.id === this.#n ? this.#s : void 0;
    this.#n = e?.id;
    const n = et([...t.values()], i, Date.now());
    this.#s = n, this.#r(e, n) && this.#t.changed(this.warnings);
  }
  #r(t, e) {
    if (!t) return this.#i.reset();
    const i = this.#o?.call === t.id ? this.#o : void 0, n = i && Math.min(i.to_agent.mos, i.to_customer.mos);
    return this.#i.take({ sample: e, mos: n, muted: t.muted });
  }
}
const ot = 1e3;
function rt(s, t) {
  const e = navigator.locks;
  if (!e) return () => {
  };
  let i = () => {
  };
  const n = new AbortController(), o = new Promise((r) => i = r);
  return e.request(s, { steal: !0 }, () => o).catch(() => e.request(s, { signal: n.signal }, t)).catch(() => {
  }), () => {
    i(), n.abort();
  };
}
class ct extends g {
  audio;
  #t;
  #i;
  #e;
  #s = /* @__PURE__ */ new Map();
  #o;
  #n = _;
  #c = [];
  #r = { ready: !1, because: "Not signed in." };
  #d = [];
  #u;
  #h;
  /** What the gateway was told of this side last. */
  #g = "";
  constructor(t) {
    super(), this.#o = t.token, this.#t = t.storage ?? sessionStorage, this.audio = new I(t.microphone), this.audio.on("microphone", () => this.#S()), this.audio.on("locked", () => this.#S()), this.audio.on("track", (e) => this.#f(e)), this.#e = new U({
      negotiate: async (e, i) => (await this.#a("media", i ? { sdp: e, restart: i } : { sdp: e })).sdp,
      heard: (e) => this.audio.play(e),
      moved: (e) => {
        this.emit("media", e), this.#S();
      }
    }), this.#i = new F({
      url: t.url ?? `${location.origin.replace(/^http/, "ws")}/v1/agent`,
      hello: () => this.#k(),
      report: () => this.#m(),
      sessionUnknown: () => this.#t.removeItem(l),
      event: (e) => this.#l(e),
      moved: (e) => this.#A(e)
    }), this.#h = new nt({
      stats: () => this.#e.stats(),
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
    return this.#e.state;
  }
  /** Whether a call would be heard, and if not, why in words. */
  get readiness() {
    return this.#r;
  }
  /** All calls that this page knows, oldest first, with those that are over. */
  get calls() {
    return [...this.#s.values()];
  }
  /** What the agent should know of a talk's sound. */
  get warnings() {
    return this.#h.warnings;
  }
  /** Asks for the microphone and connects, both at once. Resolves when the browser has decided on the microphone. */
  async signIn() {
    this.#_(), this.#h.open(), this.#i.open(), await this.retryAudio();
  }
  /** Tries the microphone and the audio connection again, after the reason why they failed is out of the way. */
  async retryAudio() {
    this.audio.unlock();
    const t = await this.audio.openMicrophone();
    t && this.#f(t);
  }
  /** Without a connection yet, the leg follows the welcome. */
  #f(t) {
    this.connection.is === "open" && (this.media.is === "off" || this.media.is === "down" ? this.#e.open(t, this.#c) : this.#e.replace(t).catch(reportError));
  }
  /** Ends the session in this page. Calls that are up stay with the gateway for as long as its grace lasts. */
  signOut() {
    this.#t.removeItem(l), this.#D("signed-out");
  }
  /** The page is going away, perhaps to come back: the session stays, and so do its calls. */
  leave() {
    this.#D("leaving");
  }
  /** Sends a fresh token on the living session, and uses it from now on. */
  async renewToken(t) {
    this.#o = t, await this.#a("auth", { token: t });
  }
  /** Says how the agent stands: `available`, `break`, `offline`, or whatever else the gateway knows. */
  async setStatus(t, e) {
    await this.#a("status", { name: t, reason: e });
  }
  /** Dials. The call is there at once, in `ringing-out`; why it failed, if it does, is in its `ended`. */
  dial(t, e = {}) {
    const i = Date.now(), n = B(i, crypto.getRandomValues(new Uint8Array(16)));
    return this.#T(
      L(this.#n, {
        id: n,
        direction: "outbound",
        state: "ringing-out",
        peer: { number: t },
        via: e.via,
        context: e.context,
        started_at: i,
        muted: !1,
        recording: "off"
      })
    ), this.#w({ call: n, to: t, ...e }), this.#s.get(n);
  }
  /** Takes a call that is over off the list. */
  forget(t) {
    if (t.state !== "closed") return;
    const e = new Map(this.#n.calls);
    e.delete(t.id), this.#s.delete(t.id), this.#n = { ...this.#n, calls: e }, this.emit("call", t);
  }
  /** A page that knows where tokens come from needn't be told to fetch one. */
  async #p() {
    if (typeof this.#o == "function")
      try {
        await this.#a("auth", { token: await this.#o() });
      } catch (t) {
        reportError(t);
      }
  }
  #y(t) {
    this.#u || (this.#u = rt(`warmline.${t}`, () => this.emit("vacant", void 0)));
  }
  #m() {
    return { ...this.#h.report(), ...this.audio.report(), path: this.#e.path };
  }
  #a = async (t, e) => {
    try {
      return await this.#i.ask(t, e);
    } catch (i) {
      const { call: n } = e;
      throw n && t !== "dial" && i instanceof h && i.problem.status === 404 && this.#v(n, i), i;
    }
  };
  async #k() {
    return {
      token: typeof this.#o == "function" ? await this.#o() : this.#o,
      sdk: at,
      session: this.#t.getItem(l) ?? void 0,
      seq: this.#n.seq || void 0
    };
  }
  async #w(t) {
    try {
      await this.#a("dial", t);
    } catch (e) {
      if (!(e instanceof h)) throw e;
      if (e.isOffline && this.connection.is === "waiting") return;
      this.#v(t.call, e);
    }
  }
  #v(t, { message: e, problem: i }) {
    const n = i.type.split("/").pop() ?? "refused", o = i.status === 0 ? "The call was not placed: there is no connection to the gateway." : e;
    this.#T(R(this.#n, t, { by: "gateway", reason: n, detail: o }, Date.now()));
  }
  #l(t) {
    const e = this.view?.media;
    switch (this.#T(N(this.#n, t, Date.now())), t.ev) {
      case "welcome":
        this.#t.setItem(l, t.session), this.#c = t.ice ?? [], this.#y(t.agent.id), this.emit("agent", t.agent), this.#b(t.resumed && t.agent.media === "up" ? "kept" : "gone"), this.#C();
        return;
      case "agent":
        this.emit("agent", t.agent), e === "up" && t.agent.media === "down" && this.#e.reportedDown(), this.#S();
        return;
      case "quality":
        this.#h.take(t), this.emit("quality", t);
        return;
      case "notice":
        t.kind === "token-expiring" && this.#p(), this.emit("notice", t);
        return;
      case "call":
      case "bye":
        return;
    }
  }
  /** Makes sure that there is a leg. One that the gateway has kept goes on, and a call on it hears nothing of the break. */
  #b(t) {
    const e = this.media.is === "up" || this.media.is === "restarting";
    t === "kept" && e ? this.#e.nudge() : this.audio.track && this.#e.open(this.audio.track, this.#c), this.#S();
  }
  #C() {
    for (const t of this.#s.values())
      if (!(this.#n.calls.get(t.id)?.source === "page" && t.isLive)) t.repeatWishes();
      else if (t.isEnding || Date.now() - t.view.started_at > ht) this.#v(t.id, h.offline());
      else {
        const { id: i, peer: n, via: o, context: r } = t.view;
        this.#w({ call: i, to: n.number, via: o, context: r });
      }
  }
  /** Adopts the next snapshot, and tells the calls that it changes. */
  #T(t) {
    const e = this.#n;
    this.#n = t;
    const i = [...t.calls.values()].filter(({ view: n }) => e.calls.get(n.id)?.view !== n);
    for (const { view: n } of i) {
      const o = this.#s.get(n.id);
      o ? o.take(n) : this.#I(n);
    }
    i.length && this.#M();
  }
  #I(t) {
    const e = new j(t, this.#a);
    this.#s.set(t.id, e), e.on("change", () => {
      this.#M(), this.emit("call", e);
    }), this.emit("call", e);
  }
  /** The microphone and the bell follow from the calls, whoever changed them. */
  #M() {
    const t = this.calls.filter(({ view: e }) => M(e));
    this.audio.silence(t.some((e) => e.muted)), t.some((e) => e.state === "ringing-in" && !e.isEnding) ? this.audio.startRinging() : this.audio.stopRinging();
  }
  #A(t) {
    t.is === "ended" && (t.because === "replaced" || t.because === "taken-over" ? this.#t.removeItem(l) : this.#E(), this.#O()), this.emit("connection", t), this.#S();
  }
  #S() {
    this.#x();
    const { connection: t, media: e, view: i } = this, { microphone: n, locked: o } = this.audio, r = Y({ connection: t, microphone: n, locked: o, media: e, agent: i });
    JSON.stringify(r) !== JSON.stringify(this.#r) && (this.#r = r, this.emit("readiness", r));
  }
  /** The gateway hears of a lost microphone at once, not with the next heartbeat. */
  #x() {
    const t = JSON.stringify({ ...this.audio.report(), path: this.#e.path });
    t !== this.#g && (this.#g = t, this.connection.is === "open" && this.#i.tell());
  }
  #E() {
    this.#u?.(), this.#u = void 0;
  }
  #D(t) {
    this.#E(), this.#i.close(t), this.#O(), this.#S();
  }
  #O() {
    for (const t of this.#d.splice(0)) t();
    this.#h.close(), this.#e.close(), this.audio.close();
  }
  #_() {
    if (this.#d.length) return;
    const t = (r, a, c) => {
      r.addEventListener(a, c), this.#d.push(() => r.removeEventListener(a, c));
    }, e = () => {
      this.#i.nudge(), this.#e.nudge();
    }, i = () => {
      this.#i.networkChanged(), this.#e.networkChanged();
    }, n = () => this.audio.unlock();
    t(window, "online", i);
    const { connection: o } = navigator;
    o && t(o, "change", i), t(window, "pagehide", (r) => {
      this.leave(), r.persisted && addEventListener("pageshow", () => {
        this.signIn();
      }, { once: !0 });
    }), t(document, "visibilitychange", () => document.visibilityState === "visible" && e()), t(window, "pointerdown", n), t(window, "keydown", n);
  }
}
const at = "warmline-js/0.1.0", l = "warmline.session", ht = 15e3;
export {
  ct as Agent,
  I as Audio,
  j as Call,
  h as Refusal
};

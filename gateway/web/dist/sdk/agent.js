async function w() {
  const s = await navigator.mediaDevices.enumerateDevices(), t = (e) => s.filter((i) => i.kind === e).map(({ deviceId: i, label: n }) => ({ id: i, label: n }));
  return { microphones: t("audioinput"), speakers: t("audiooutput") };
}
async function v() {
  return (await navigator.mediaDevices.enumerateDevices()).find(({ kind: t, deviceId: e }) => t === "audioinput" && e === "default")?.groupId;
}
class p {
  #e = /* @__PURE__ */ new Map();
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
      } catch (n) {
        reportError(n);
      }
  }
}
class x {
  #e = new AudioContext();
  #i = setInterval(() => this.#n(), 3e3);
  #t;
  #s;
  constructor(t) {
    t && this.use(t).catch(() => {
    }), this.#n();
  }
  async use(t) {
    const e = this.#e;
    try {
      e.setSinkId ? await e.setSinkId(t) : this.#t = await this.#o(t);
    } catch (i) {
      throw this.#t = void 0, await e.setSinkId?.("").catch(() => {
      }), i;
    }
  }
  async #o(t) {
    const e = this.#s ??= document.createElement("audio");
    await e.setSinkId?.(t);
    const i = this.#t ?? this.#e.createMediaStreamDestination();
    return e.srcObject = i.stream, await e.play(), i;
  }
  resume() {
    this.#e.resume();
  }
  stop() {
    clearInterval(this.#i), this.#e.close();
  }
  #n() {
    if (this.#e.state !== "running") return void this.#e.resume();
    for (const [t, e] of [[660, 0], [880, 0.18]]) {
      const i = this.#e.currentTime + e, n = new OscillatorNode(this.#e, { frequency: t }), o = new GainNode(this.#e, { gain: 0 });
      o.gain.linearRampToValueAtTime(0.15, i + 0.02), o.gain.exponentialRampToValueAtTime(1e-3, i + 0.9), n.connect(o).connect(this.#t ?? this.#e.destination), n.start(i), n.stop(i + 1);
    }
  }
}
class N extends p {
  #e;
  #i = document.createElement("audio");
  #t = { is: "off" };
  #s;
  #o;
  #n = !1;
  #r = !1;
  #l;
  #u;
  #h = "";
  #c;
  #f;
  constructor(t = {}) {
    super(), this.#e = t, this.#i.autoplay = !0;
  }
  get microphone() {
    return this.#t;
  }
  get locked() {
    return this.#n;
  }
  get remoteStream() {
    return this.#o;
  }
  get track() {
    return this.#s;
  }
  devices() {
    return w();
  }
  async useMicrophone(t) {
    this.#e = { ...this.#e, deviceId: t === void 0 ? void 0 : { exact: t } }, await this.#S();
  }
  async useSpeaker(t) {
    await this.#i.setSinkId(t);
  }
  async useRinger(t) {
    this.#h = t, await this.#u?.use(t);
  }
  report() {
    const t = this.#t, e = t.is === "refused" && t.reason === "denied", i = t.is === "refused" && t.reason !== "denied" ? t.reason : void 0;
    return {
      permission: e ? "denied" : t.is === "asking" && this.#c?.state === "prompt" ? "prompt" : void 0,
      microphone: t.is === "on" ? "on" : i,
      loudspeaker: this.#n ? "suspended" : "running"
    };
  }
  openMicrophone() {
    return this.#s ? Promise.resolve(this.#s) : (this.#l ??= this.#m().finally(() => this.#l = void 0), this.#l);
  }
  silence(t) {
    this.#r = t, this.#s && (this.#s.enabled = !t);
  }
  play(t) {
    this.#o = t, this.#i.srcObject = t, this.emit("remote", t), this.#g();
  }
  unlock() {
    this.#u?.resume(), this.#n && this.#g();
  }
  startRinging() {
    this.#u ??= new x(this.#h);
  }
  stopRinging() {
    this.#u?.stop(), this.#u = void 0;
  }
  close() {
    this.stopRinging(), this.#w(), navigator.mediaDevices?.removeEventListener("devicechange", this.#p), this.#c && (this.#c.onchange = null), this.#c = void 0, this.#i.srcObject = null, this.#o = void 0, this.#a({ is: "off" });
  }
  #g() {
    this.#i.play().then(
      () => this.#v(!1),
      (t) => {
        t.name === "NotAllowedError" && this.#v(!0);
      }
    );
  }
  async #m() {
    this.#a({ is: "asking" });
    try {
      if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
      this.#d();
      const e = (await navigator.mediaDevices.getUserMedia({ audio: this.#e })).getAudioTracks()[0];
      return this.#t.is === "off" ? void e.stop() : (e.enabled = !this.#r, e.onended = () => {
        this.#k(e);
      }, this.#s = e, this.#f = await v(), this.#a({ is: "on" }), this.emit("track", e), e);
    } catch (t) {
      this.#a({ is: "refused", ...L(t) });
      return;
    }
  }
  async #k(t) {
    if (this.#s !== t) return;
    const e = t.label;
    this.#w(), this.#a({ is: "refused", reason: "lost", detail: P }), this.#e = { ...this.#e, deviceId: void 0 };
    const i = await this.openMicrophone();
    i && this.emit("switched", { because: "unplugged", detail: `${e || "The microphone"} was unplugged; ${y(i)} is used now.` });
  }
  async #S() {
    return await this.#l, this.#w(), this.openMicrophone();
  }
  #w() {
    this.#s && (this.#s.onended = null), this.#s?.stop(), this.#s = void 0;
  }
  async #d() {
    navigator.mediaDevices.addEventListener("devicechange", this.#p);
    const t = await navigator.permissions?.query({ name: "microphone" }).catch(() => {
    });
    !t || this.#c || this.#t.is === "off" || (this.#c = t, t.onchange = () => this.#y(t.state));
  }
  #y(t) {
    t === "denied" ? (this.#w(), this.#a({ is: "refused", ...I })) : t === "granted" && this.#t.is === "refused" && this.openMicrophone();
  }
  #p = async () => {
    const t = this.#t;
    if (t.is === "refused" && (t.reason === "absent" || t.reason === "lost")) {
      await this.openMicrophone();
      return;
    }
    const e = this.#s;
    if (!e) return;
    const { microphones: i } = await w(), n = e.getSettings().deviceId;
    if (this.#s !== e) return;
    if (n && i.every(({ id: h }) => h !== n)) return this.#k(e);
    const o = await v();
    if (this.#e.deviceId !== void 0 || o === this.#f || this.#s !== e) return;
    const r = await this.#S();
    r && this.emit("switched", { because: "default-changed", detail: `The system's microphone is ${y(r)} now, and so is yours.` });
  };
  #a(t) {
    this.#t = t, this.emit("microphone", t);
  }
  #v(t) {
    this.#n !== t && (this.#n = t, this.emit("locked", t));
  }
}
const P = "The microphone was unplugged, or its permission was taken back.", I = { reason: "denied", detail: "The browser may not use the microphone. Allow it in the address bar." };
function y(s) {
  return s.label || "another one";
}
function L(s) {
  switch (s instanceof DOMException ? s.name : "") {
    case "NotAllowedError":
      return I;
    case "NotFoundError":
    case "OverconstrainedError":
      return { reason: "absent", detail: "No microphone was found. Plug a headset in." };
    case "SecurityError":
      return { reason: "insecure", detail: "Browsers give a microphone to secure pages only: open this page over https." };
    default:
      return { reason: "busy", detail: "The microphone could not be opened. Another program may be using it." };
  }
}
const R = { seq: 0, calls: /* @__PURE__ */ new Map() };
function q(s, t, e) {
  if (t.ev === "welcome") {
    const n = new Map(s.calls);
    for (const [o, { view: r, source: h }] of s.calls)
      h === "gateway" && r.state !== "closed" && !t.calls.some((l) => l.id === o) && n.set(o, { view: C(r, B, e), source: h });
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
      return g({ ...s, seq: i }, t.call, "gateway");
    case "quality":
    case "notice":
    case "bye":
      return { ...s, seq: i };
    default:
      return { ...s, seq: i };
  }
}
function j(s, t) {
  return g(s, t, "page");
}
function U(s, t, e, i) {
  const n = s.calls.get(t);
  return !n || n.view.state === "closed" ? s : g(s, C(n.view, e, i), n.source);
}
function O(s) {
  return s.state !== "closed" && s.state !== "wrap-up";
}
function g(s, t, e) {
  return { ...s, calls: new Map(s.calls).set(t.id, { view: t, source: e }) };
}
function C(s, t, e) {
  return { ...s, state: "closed", progress: void 0, ended_at: s.ended_at ?? e, ended: s.ended ?? t };
}
const B = {
  by: "gateway",
  reason: "lost",
  detail: "The gateway was restarted, and the call is no longer there."
}, $ = "warmline.agent.v1";
class c extends Error {
  problem;
  constructor(t) {
    super(t.detail ?? t.title), this.name = "Refusal", this.problem = t;
  }
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
class W extends p {
  #e;
  #i;
  #t = {};
  constructor(t, e) {
    super(), this.#i = t, this.#e = e;
  }
  get id() {
    return this.#i.id;
  }
  get state() {
    return this.#i.state;
  }
  get view() {
    return this.#i;
  }
  get muted() {
    return this.#t.muted ?? this.#i.muted;
  }
  get isEnding() {
    return this.#t.end !== void 0;
  }
  get isLive() {
    return O(this.#i);
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
  async mute(t) {
    this.#o({ muted: t });
    try {
      await this.#e("mute", { call: this.id, on: t });
    } catch (e) {
      if (S(e)) return;
      throw this.#o({ muted: void 0 }), e;
    }
  }
  async hold(t) {
    await this.#e("hold", { call: this.id, on: t });
  }
  async digits(t) {
    await this.#e("digits", { call: this.id, tones: t });
  }
  async transfer(t, e) {
    await this.#e("transfer", { call: this.id, to: t, mode: e });
  }
  async complete() {
    await this.#e("complete", { call: this.id });
  }
  async record(t) {
    await this.#e("record", { call: this.id, on: t });
  }
  async dispose(t, e, i) {
    await this.#e("dispose", { call: this.id, code: t, notes: e, callback_at: i });
  }
  take(t) {
    this.#i = t, this.isLive || (this.#t = {}), this.#t.muted === t.muted && (this.#t.muted = void 0), this.emit("change", this);
  }
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
function S(s) {
  return s instanceof c && s.isOffline;
}
function G(s, t) {
  const e = t.slice(0, 16);
  for (let n = 5, o = s; n >= 0; n--, o = Math.floor(o / 256)) e[n] = o % 256;
  return e[6] = 112 | e[6] & 15, e[8] = 128 | e[8] & 63, `c_${Array.from(e, (n) => n.toString(16).padStart(2, "0")).join("").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")}`;
}
const b = [0, 300, 1200, 2700, 4800, 7e3], H = 100;
function A(s, t) {
  const e = b[Math.min(s, b.length - 1)] ?? 0;
  return e + t * (e / 4 + H);
}
function z(s, t, e) {
  const i = { at: e, received: 0, lost: 0, sent: 0 };
  for (const h of s) {
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
        i.levelDb = F(a("audioLevel"));
        break;
    }
  }
  const n = t && t.received <= i.received ? t : void 0, o = i.received - (n?.received ?? 0), r = Math.max(0, i.lost - (n?.lost ?? 0));
  return o + r > 0 && (i.lossPct = 100 * r / (o + r)), o === 0 && (i.silentSince = n?.silentSince ?? n?.at ?? e), i;
}
function J(s) {
  const t = [...s], e = t.find(({ type: r }) => r === "transport")?.selectedCandidatePairId, i = t.find(({ type: r, id: h, selected: a }) => r === "candidate-pair" && (e === void 0 ? a === !0 : h === e));
  if (!i) return;
  const { id: n, responsesReceived: o } = i;
  return { id: n, responses: typeof o == "number" ? o : void 0 };
}
function Y(s, t) {
  if (!s) return;
  const e = s.id === t?.id;
  return s.responses === void 0 ? e ? void 0 : !0 : s.responses > (e ? t?.responses ?? 0 : 0);
}
function T(s) {
  return s === void 0 ? void 0 : s * 1e3;
}
function F(s) {
  return s === void 0 ? void 0 : Math.max(_, 20 * Math.log10(s || 1e-9));
}
const _ = -127;
class V {
  #e;
  #i = { is: "off" };
  #t;
  #s = null;
  #o = [];
  #n = 0;
  #r = { latest: 0, since: 0 };
  #l = !1;
  #u = -1 / 0;
  #h;
  constructor(t) {
    this.#e = t;
  }
  get state() {
    return this.#i;
  }
  open(t, e) {
    this.#s = t, this.#o = e, this.#n = 0, this.#g();
  }
  async replace(t) {
    this.#s = t, await this.#t?.getTransceivers()[0]?.sender.replaceTrack(t);
  }
  reportedUnheard(t = performance.now()) {
    const e = this.#t;
    if (!e || !this.#c || t - this.#u < E) return;
    const [i, { latest: n }] = [M(e), this.#r];
    this.networkChanged(), setTimeout(() => {
      this.#f(e, i, n);
    }, X);
  }
  reportedDown() {
    this.#i.is === "up" && this.#d("The gateway lost the audio connection.");
  }
  nudge() {
    (this.#i.is === "restarting" || this.#r.since === 1 / 0 || this.#t?.connectionState !== "connected") && this.networkChanged();
  }
  networkChanged() {
    this.#c && !this.#l && this.#m();
  }
  stops(t = performance.now()) {
    const e = this.#t?.getReceivers()[0]?.getSynchronizationSources() ?? [], i = Math.max(0, ...e.map((o) => o.timestamp));
    i !== this.#r.latest && (this.#r = { latest: i, since: t });
    const n = i > 0 && t - this.#r.since >= tt;
    return n && (this.#r.since = 1 / 0), n;
  }
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
  async stats() {
    return this.#t?.getStats();
  }
  close() {
    this.#p(), this.#a({ is: "off" });
  }
  get #c() {
    return this.#i.is === "up" || this.#i.is === "restarting";
  }
  async #f(t, e, i) {
    if (this.#t !== t) return;
    const n = Y(await M(t), await e) ?? this.#r.latest !== i;
    this.#t === t && !n && this.#g();
  }
  #g() {
    this.#p();
    const t = new RTCPeerConnection({ iceServers: this.#o, bundlePolicy: "max-bundle" });
    this.#t = t, t.onconnectionstatechange = () => {
      this.#t === t && this.#S(t.connectionState);
    }, t.ontrack = ({ track: n }) => this.#e.heard(new MediaStream([n]));
    const e = this.#s ? [new MediaStream([this.#s])] : [];
    t.addTransceiver(this.#s ?? "audio", { direction: "sendrecv", streams: e }).setCodecPreferences?.(K()), this.#a({ is: "connecting" }), this.#w(Q), this.#k(t, "new leg");
  }
  #m() {
    const t = this.#t;
    t && (this.#a({ is: "restarting" }), this.#w(E), this.#u = performance.now(), t.restartIce(), this.#k(t, "ICE restart"));
  }
  async #k(t, e) {
    this.#l = !0;
    try {
      await t.setLocalDescription();
      const i = await this.#e.negotiate(t.localDescription.sdp, e === "ICE restart");
      if (this.#t !== t) return;
      await t.setRemoteDescription({ type: "answer", sdp: i }), this.#S(t.connectionState);
    } catch (i) {
      if (this.#t !== t) return;
      i instanceof c ? i.isOffline && e === "ICE restart" ? clearTimeout(this.#h) : i.isOffline || !i.problem.retryable ? this.#y(i.message) : this.#d(i.message) : this.#d(`The browser refused the audio connection: ${i}`);
    } finally {
      this.#t === t && (this.#l = !1);
    }
  }
  #S(t) {
    switch (t) {
      case "connected":
        clearTimeout(this.#h), this.#n = 0, this.#a({ is: "up" });
        return;
      case "disconnected":
        clearTimeout(this.#h), this.#h = setTimeout(() => this.#m(), Z);
        return;
      case "failed":
        this.#d("No network path for audio to the gateway was found.");
        return;
      case "new":
      case "connecting":
      case "closed":
        return;
    }
  }
  #w(t) {
    clearTimeout(this.#h), this.#h = setTimeout(() => this.#d("The audio connection took too long."), t);
  }
  #d(t) {
    this.#y(t), this.#h = setTimeout(() => this.#g(), A(this.#n, Math.random())), this.#n += 1;
  }
  #y(t) {
    this.#p(), this.#a({ is: "down", detail: t });
  }
  #p() {
    clearTimeout(this.#h), this.#l = !1, this.#t?.close(), this.#t = void 0;
  }
  #a(t) {
    this.#i = t, this.#e.moved(t);
  }
}
async function M(s) {
  const t = await s.getStats().catch(() => {
  });
  return t && J(t.values());
}
function K() {
  const s = ["PCMA/8000", "PCMU/8000", "opus/48000", "G722/8000", "telephone-event/8000", "telephone-event/48000"], t = ({ mimeType: e, clockRate: i }) => s.indexOf(`${e.slice(6)}/${i}`);
  return (RTCRtpReceiver.getCapabilities("audio")?.codecs ?? []).filter((e) => t(e) >= 0).sort((e, i) => t(e) - t(i));
}
const Q = 1e4, E = 5e3, X = 500, Z = 1500, tt = 500;
function et({ connection: s, microphone: t, locked: e, media: i, agent: n }) {
  return s.is === "off" ? d("Not signed in.") : s.is === "ended" ? d(it[s.because]) : s.is === "waiting" ? d("The connection to the gateway is interrupted.") : t.is === "asking" ? d("Waiting for permission to use the microphone.") : t.is === "refused" ? d(t.detail) : s.is === "connecting" ? d("Connecting to the gateway.") : i.is === "down" ? d(i.detail) : i.is !== "up" ? d("Setting up audio.") : e ? d("The browser holds the sound back until this page is clicked.") : n?.ready ? { ready: !0 } : d(n?.not_ready_because ?? "The gateway is getting ready.");
}
function d(s) {
  return { ready: !1, because: s };
}
const it = {
  "signed-out": "Signed out.",
  replaced: "The desk is open in another tab or on another device.",
  "taken-over": "The desk is open in another browser or on another device.",
  expired: "The sign-in has expired.",
  forbidden: "The sign-in was refused."
};
class st {
  #e;
  #i = { is: "off" };
  #t;
  #s = 1;
  #o = /* @__PURE__ */ new Map();
  #n = 0;
  #r;
  #l = 0;
  #u = 0;
  #h = 0;
  #c;
  #f;
  #g;
  constructor(t) {
    this.#e = t;
  }
  get connection() {
    return this.#i;
  }
  open() {
    this.#i.is !== "off" && this.#i.is !== "ended" || (this.#n = 0, this.#m());
  }
  close(t) {
    this.#a(), this.#v(t === "leaving" ? { is: "off" } : { is: "ended", because: t });
  }
  nudge() {
    this.#i.is === "waiting" && this.#m(), this.#i.is === "open" && this.#d(D);
  }
  networkChanged() {
    this.#i.is === "open" ? this.#d(Math.min(at + 2 * this.#h, D)) : this.nudge();
  }
  tell() {
    const t = Date.now();
    this.#y("stats", { quality: this.#e.report() }).then(
      () => this.#h = Date.now() - t,
      () => {
      }
    );
  }
  ask = (t, e) => this.#i.is !== "open" ? Promise.reject(c.offline()) : this.#y(t, e);
  #m() {
    clearTimeout(this.#c), this.#r = void 0;
    const t = new WebSocket(this.#e.url, $);
    this.#t = t, this.#v({ is: "connecting", attempt: this.#n }), this.#f = setTimeout(() => this.#p(t), ot), t.onopen = () => {
      this.#k(t);
    }, t.onmessage = (e) => {
      this.#t === t && this.#S(t, e.data);
    }, t.onclose = () => this.#p(t);
  }
  async #k(t) {
    try {
      const e = await this.#e.hello();
      if (this.#t !== t || t.readyState !== WebSocket.OPEN) return;
      await this.#y("hello", e);
    } catch (e) {
      if (this.#t !== t) return;
      const { status: i, detail: n } = e instanceof c ? e.problem : { status: 0, detail: void 0 };
      if (i === 401 || i === 403) {
        this.#a(), this.#v({ is: "ended", because: i === 401 ? "expired" : "forbidden", detail: n });
        return;
      }
      (i === 404 || i === 410) && this.#e.sessionUnknown(), this.#p(t);
    }
  }
  #S(t, e) {
    this.#l = Date.now();
    const i = nt(e);
    if (i) {
      if ("re" in i) {
        const n = this.#o.get(i.re);
        this.#o.delete(i.re), i.err ? n?.reject(new c(i.err)) : n?.resolve(i.ok);
        return;
      }
      i.ev === "welcome" && this.#w(i.heartbeat_ms), i.ev === "bye" && (this.#r = i), this.#e.event(i), i.ev === "bye" && !i.reconnect && this.#p(t);
    }
  }
  #w(t) {
    clearTimeout(this.#f), this.#u = Date.now();
    const e = Math.max(t || 0, rt);
    this.#g = setInterval(() => this.#d(2 * e), e), this.#v({ is: "open" }), this.tell();
  }
  #d(t) {
    const e = this.#t, i = Date.now();
    this.tell(), setTimeout(() => {
      e && this.#t === e && this.#l < i && this.#p(e);
    }, t);
  }
  #y(t, e) {
    const i = this.#t;
    if (i?.readyState !== WebSocket.OPEN) return Promise.reject(c.offline());
    const n = this.#s++;
    return new Promise((o, r) => {
      this.#o.set(n, { resolve: o, reject: r }), i.send(JSON.stringify({ id: n, op: t, ...e }));
    });
  }
  #p(t) {
    if (this.#t !== t) return;
    const e = this.#r, i = this.#i.is === "open" && Date.now() - this.#u > ht;
    if (this.#a(), e && !e.reconnect && e.code !== "shutdown") {
      this.#v({ is: "ended", because: e.code });
      return;
    }
    i && (this.#n = 0);
    const n = A(this.#n, Math.random());
    this.#n += 1, this.#c = setTimeout(() => this.#m(), n), this.#v({ is: "waiting", attempt: this.#n, until: Date.now() + n });
  }
  #a() {
    clearTimeout(this.#c), clearTimeout(this.#f), clearInterval(this.#g);
    const t = this.#t;
    this.#t = void 0, this.#s = 1;
    const e = this.#o;
    this.#o = /* @__PURE__ */ new Map(), t && (t.onopen = t.onmessage = t.onclose = null, t.close(1e3));
    for (const { reject: i } of e.values()) i(c.offline());
  }
  #v(t) {
    this.#i = t, this.#e.moved(t);
  }
}
function nt(s) {
  try {
    const t = JSON.parse(String(s));
    return typeof t == "object" && t !== null && ("re" in t || "ev" in t) ? t : void 0;
  } catch {
    return;
  }
}
const ot = 1e4, rt = 1e3, D = 3e3, at = 300, ht = 5e3;
class ct {
  #e = /* @__PURE__ */ new Map();
  #i = /* @__PURE__ */ new Set();
  get raised() {
    return [...this.#i].map((t) => ({ trouble: t, detail: f[t].detail }));
  }
  take(t) {
    const e = new Set(this.#i);
    for (const n of Object.keys(f)) {
      const o = f[n], r = o.isBad(t) === e.has(n) ? 0 : (this.#e.get(n) ?? 0) + 1;
      this.#e.set(n, r), !(r < (e.has(n) ? o.clear : o.raise)) && (this.#e.set(n, 0), e.delete(n) || e.add(n));
    }
    const i = e.size !== this.#i.size || [...e].some((n) => !this.#i.has(n));
    return this.#i = e, i;
  }
  reset() {
    const t = this.#i.size > 0;
    return this.#e.clear(), this.#i = /* @__PURE__ */ new Set(), t;
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
    isBad: ({ sample: s, muted: t }) => !t && s.levelDb !== void 0 && s.levelDb <= _,
    raise: 10,
    clear: 1
  }
};
class dt {
  #e;
  #i = new ct();
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
      this.#r();
    }, lt);
  }
  close() {
    clearInterval(this.#t), this.#t = void 0, this.#s = void 0, this.#i.reset() && this.#e.changed([]);
  }
  take(t) {
    this.#o = t;
  }
  report() {
    const t = this.#s;
    if (!t) return {};
    const { levelDb: e, rttMs: i, jitterMs: n, lossPct: o, received: r, sent: h } = t;
    return { level_db: e, rtt_ms: i, jitter_ms: n, loss_pct: o, packets_received: r, packets_sent: h };
  }
  async #r() {
    const t = await this.#e.stats();
    if (!t || this.#t === void 0) return;
    const e = this.#e.talk(), i = e?.id === this.#n ? this.#s : void 0;
    this.#n = e?.id;
    const n = z([...t.values()], i, Date.now());
    this.#s = n, this.#l(e, n) && this.#e.changed(this.warnings);
  }
  #l(t, e) {
    if (!t) return this.#i.reset();
    const i = this.#o?.call === t.id ? this.#o : void 0, n = i && Math.min(i.to_agent.mos, i.to_customer.mos);
    return this.#i.take({ sample: e, mos: n, muted: t.muted });
  }
}
const lt = 1e3;
function ut(s, t) {
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
class vt extends p {
  audio;
  #e;
  #i;
  #t;
  #s = /* @__PURE__ */ new Map();
  #o;
  #n = R;
  #r = [];
  #l = [];
  #u = { ready: !1, because: "Not signed in." };
  #h = [];
  #c;
  #f;
  #g = "";
  constructor(t) {
    super(), this.#o = t.token, this.#e = t.storage ?? sessionStorage, this.audio = new N(t.microphone), this.audio.on("microphone", () => this.#b()), this.audio.on("locked", () => this.#b()), this.audio.on("track", (e) => this.#m(e)), this.#t = new V({
      negotiate: async (e, i) => (await this.#d("media", i ? { sdp: e, restart: i } : { sdp: e })).sdp,
      heard: (e) => this.audio.play(e),
      moved: (e) => {
        this.emit("media", e), this.#b();
      }
    }), this.#i = new st({
      url: t.url ?? `${location.origin.replace(/^http/, "ws")}/v1/agent`,
      hello: () => this.#y(),
      report: () => this.#w(),
      sessionUnknown: () => this.#e.removeItem(u),
      event: (e) => this.#v(e),
      moved: (e) => this.#_(e)
    }), this.#f = new dt({
      stats: () => this.#t.stats(),
      talk: () => this.calls.find(({ state: e }) => e === "connected"),
      changed: (e) => this.emit("warnings", e)
    });
  }
  get connection() {
    return this.#i.connection;
  }
  get view() {
    return this.#n.agent;
  }
  get statuses() {
    return this.#l;
  }
  get media() {
    return this.#t.state;
  }
  get readiness() {
    return this.#u;
  }
  get calls() {
    return [...this.#s.values()];
  }
  get warnings() {
    return this.#f.warnings;
  }
  async signIn() {
    this.#N(), this.#f.open(), this.#i.open(), await this.retryAudio();
  }
  async retryAudio() {
    this.audio.unlock();
    const t = await this.audio.openMicrophone();
    t && this.#m(t);
  }
  #m(t) {
    this.connection.is === "open" && (this.media.is === "off" || this.media.is === "down" ? this.#t.open(t, this.#r) : this.#t.replace(t).catch(reportError));
  }
  signOut() {
    this.#e.removeItem(u), this.#D("signed-out");
  }
  leave() {
    this.#D("leaving");
  }
  async renewToken(t) {
    this.#o = t, await this.#d("auth", { token: t });
  }
  async setStatus(t, e) {
    await this.#d("status", { name: t, reason: e });
  }
  dial(t, e = {}) {
    const i = Date.now(), n = G(i, crypto.getRandomValues(new Uint8Array(16)));
    return this.#T(
      j(this.#n, {
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
    ), this.#p({ call: n, to: t, ...e }), this.#s.get(n);
  }
  forget(t) {
    if (t.state !== "closed") return;
    const e = new Map(this.#n.calls);
    e.delete(t.id), this.#s.delete(t.id), this.#n = { ...this.#n, calls: e }, this.emit("call", t);
  }
  async #k() {
    if (typeof this.#o == "function")
      try {
        await this.#d("auth", { token: await this.#o() });
      } catch (t) {
        reportError(t);
      }
  }
  #S(t) {
    this.#c || (this.#c = ut(`warmline.${t}`, () => this.emit("vacant", void 0)));
  }
  #w() {
    return { ...this.#f.report(), ...this.audio.report(), path: this.#t.path };
  }
  #d = async (t, e) => {
    try {
      return await this.#i.ask(t, e);
    } catch (i) {
      const { call: n } = e;
      throw n && t !== "dial" && i instanceof c && i.problem.status === 404 && this.#a(n, i), i;
    }
  };
  async #y() {
    return {
      token: typeof this.#o == "function" ? await this.#o() : this.#o,
      sdk: pt,
      session: this.#e.getItem(u) ?? void 0,
      seq: this.#n.seq || void 0,
      device: gt()
    };
  }
  async #p(t) {
    try {
      await this.#d("dial", t);
    } catch (e) {
      if (!(e instanceof c)) throw e;
      if (e.isOffline && this.connection.is === "waiting") return;
      this.#a(t.call, e);
    }
  }
  #a(t, { message: e, problem: i }) {
    const n = i.type.split("/").pop() ?? "refused", o = i.status === 0 ? "The call was not placed: there is no connection to the gateway." : e;
    this.#T(U(this.#n, t, { by: "gateway", reason: n, detail: o }, Date.now()));
  }
  #v(t) {
    const e = this.view?.media;
    switch (this.#T(q(this.#n, t, Date.now())), t.ev) {
      case "welcome":
        this.#e.setItem(u, t.session), this.#r = t.ice ?? [], this.#l = t.statuses ?? [], this.#S(t.agent.id), this.emit("agent", t.agent), this.#O(t.resumed && t.agent.media === "up" ? "kept" : "gone"), this.#C();
        return;
      case "agent":
        this.emit("agent", t.agent), e === "up" && t.agent.media === "down" && this.#t.reportedDown(), this.#b();
        return;
      case "quality":
        this.#f.take(t), this.emit("quality", t);
        return;
      case "notice":
        if (t.kind === "unheard") return this.#t.reportedUnheard();
        t.kind === "token-expiring" && this.#k(), this.emit("notice", t);
        return;
      case "call":
      case "bye":
        return;
    }
  }
  #O(t) {
    const e = this.media.is === "up" || this.media.is === "restarting";
    t === "kept" && e ? this.#t.nudge() : this.audio.track && this.#t.open(this.audio.track, this.#r), this.#b();
  }
  #C() {
    for (const t of this.#s.values())
      if (!(this.#n.calls.get(t.id)?.source === "page" && t.isLive)) t.repeatWishes();
      else if (t.isEnding || Date.now() - t.view.started_at > wt) this.#a(t.id, c.offline());
      else {
        const { id: i, peer: n, via: o, context: r } = t.view;
        this.#p({ call: i, to: n.number, via: o, context: r });
      }
  }
  #T(t) {
    const e = this.#n;
    this.#n = t;
    const i = [...t.calls.values()].filter(({ view: n }) => e.calls.get(n.id)?.view !== n);
    for (const { view: n } of i) {
      const o = this.#s.get(n.id);
      o ? o.take(n) : this.#A(n);
    }
    i.length && this.#M();
  }
  #A(t) {
    const e = new W(t, this.#d);
    this.#s.set(t.id, e), e.on("change", () => {
      this.#M(), this.emit("call", e);
    }), this.emit("call", e);
  }
  #M() {
    const t = this.calls.filter(({ view: e }) => O(e));
    this.audio.silence(t.some((e) => e.muted)), t.some((e) => e.state === "ringing-in" && !e.isEnding) ? this.audio.startRinging() : this.audio.stopRinging();
  }
  #_(t) {
    t.is === "ended" && (t.because === "replaced" || t.because === "taken-over" ? this.#e.removeItem(u) : this.#E(), this.#I()), this.emit("connection", t), this.#b();
  }
  #b() {
    this.#x();
    const { connection: t, media: e, view: i } = this, { microphone: n, locked: o } = this.audio, r = et({ connection: t, microphone: n, locked: o, media: e, agent: i });
    JSON.stringify(r) !== JSON.stringify(this.#u) && (this.#u = r, this.emit("readiness", r));
  }
  #x() {
    const t = JSON.stringify({ ...this.audio.report(), path: this.#t.path });
    t !== this.#g && (this.#g = t, this.connection.is === "open" && this.#i.tell());
  }
  #E() {
    this.#c?.(), this.#c = void 0;
  }
  #D(t) {
    this.#E(), this.#i.close(t), this.#I(), this.#b();
  }
  #I() {
    for (const t of this.#h.splice(0)) t();
    this.#f.close(), this.#t.close(), this.audio.close();
  }
  #N() {
    if (this.#h.length) return;
    const t = (a, l, m) => {
      a.addEventListener(l, m), this.#h.push(() => a.removeEventListener(l, m));
    }, e = () => {
      this.#i.nudge(), this.#t.nudge();
    }, i = () => {
      this.#i.networkChanged(), this.#t.networkChanged();
    }, n = () => this.audio.unlock();
    t(window, "online", i);
    const { connection: o } = navigator;
    o && t(o, "change", i);
    const r = () => this.calls.some((a) => a.state === "connected"), h = setInterval(() => this.#t.stops() && r() && this.#i.networkChanged(), ft);
    this.#h.push(() => clearInterval(h)), t(window, "pagehide", (a) => {
      this.leave(), a.persisted && addEventListener("pageshow", () => {
        this.signIn();
      }, { once: !0 });
    }), t(document, "visibilitychange", () => document.visibilityState === "visible" && e()), t(window, "pointerdown", n), t(window, "keydown", n);
  }
}
const ft = 100, pt = "warmline-js/0.1.0";
function gt() {
  try {
    return localStorage[mt] ??= crypto.randomUUID();
  } catch {
    return;
  }
}
const mt = "warmline.device", u = "warmline.session", wt = 15e3;
export {
  vt as Agent,
  N as Audio,
  W as Call,
  c as Refusal
};

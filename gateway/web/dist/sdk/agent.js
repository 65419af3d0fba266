async function w() {
  const n = await navigator.mediaDevices.enumerateDevices(), t = (e) => n.filter((i) => i.kind === e).map(({ deviceId: i, label: s }) => ({ id: i, label: s }));
  return { microphones: t("audioinput"), speakers: t("audiooutput") };
}
async function v() {
  return (await navigator.mediaDevices.enumerateDevices()).find(({ kind: t, deviceId: e }) => t === "audioinput" && e === "default")?.groupId;
}
class g {
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
      } catch (s) {
        reportError(s);
      }
  }
}
class _ {
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
      const i = this.#e.currentTime + e, s = new OscillatorNode(this.#e, { frequency: t }), o = new GainNode(this.#e, { gain: 0 });
      o.gain.linearRampToValueAtTime(0.15, i + 0.02), o.gain.exponentialRampToValueAtTime(1e-3, i + 0.9), s.connect(o).connect(this.#t ?? this.#e.destination), s.start(i), s.stop(i + 1);
    }
  }
}
class x extends g {
  #e;
  #i = document.createElement("audio");
  #t = { is: "off" };
  #s;
  #o;
  #n = !1;
  #r = !1;
  #c;
  #u;
  #a = "";
  #h;
  #d;
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
    this.#e = { ...this.#e, deviceId: t === void 0 ? void 0 : { exact: t } }, await this.#p();
  }
  async useSpeaker(t) {
    await this.#i.setSinkId(t);
  }
  async useRinger(t) {
    this.#a = t, await this.#u?.use(t);
  }
  report() {
    const t = this.#t, e = t.is === "refused" && t.reason === "denied", i = t.is === "refused" && t.reason !== "denied" ? t.reason : void 0;
    return {
      permission: e ? "denied" : t.is === "asking" && this.#h?.state === "prompt" ? "prompt" : void 0,
      microphone: t.is === "on" ? "on" : i,
      loudspeaker: this.#n ? "suspended" : "running"
    };
  }
  openMicrophone() {
    return this.#s ? Promise.resolve(this.#s) : (this.#c ??= this.#w().finally(() => this.#c = void 0), this.#c);
  }
  silence(t) {
    this.#r = t, this.#s && (this.#s.enabled = !t);
  }
  play(t) {
    this.#o = t, this.#i.srcObject = t, this.emit("remote", t), this.#m();
  }
  unlock() {
    this.#u?.resume(), this.#n && this.#m();
  }
  startRinging() {
    this.#u ??= new _(this.#a);
  }
  stopRinging() {
    this.#u?.stop(), this.#u = void 0;
  }
  close() {
    this.stopRinging(), this.#v(), navigator.mediaDevices?.removeEventListener("devicechange", this.#y), this.#h && (this.#h.onchange = null), this.#h = void 0, this.#i.srcObject = null, this.#o = void 0, this.#f({ is: "off" });
  }
  #m() {
    this.#i.play().then(
      () => this.#k(!1),
      (t) => {
        t.name === "NotAllowedError" && this.#k(!0);
      }
    );
  }
  async #w() {
    this.#f({ is: "asking" });
    try {
      if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
      this.#l();
      const e = (await navigator.mediaDevices.getUserMedia({ audio: this.#e })).getAudioTracks()[0];
      return this.#t.is === "off" ? void e.stop() : (e.enabled = !this.#r, e.onended = () => {
        this.#S(e);
      }, this.#s = e, this.#d = await v(), this.#f({ is: "on" }), this.emit("track", e), e);
    } catch (t) {
      this.#f({ is: "refused", ...L(t) });
      return;
    }
  }
  async #S(t) {
    if (this.#s !== t) return;
    const e = t.label;
    this.#v(), this.#f({ is: "refused", reason: "lost", detail: N }), this.#e = { ...this.#e, deviceId: void 0 };
    const i = await this.openMicrophone();
    i && this.emit("switched", { because: "unplugged", detail: `${e || "The microphone"} was unplugged; ${y(i)} is used now.` });
  }
  async #p() {
    return await this.#c, this.#v(), this.openMicrophone();
  }
  #v() {
    this.#s && (this.#s.onended = null), this.#s?.stop(), this.#s = void 0;
  }
  async #l() {
    navigator.mediaDevices.addEventListener("devicechange", this.#y);
    const t = await navigator.permissions?.query({ name: "microphone" }).catch(() => {
    });
    !t || this.#h || this.#t.is === "off" || (this.#h = t, t.onchange = () => this.#g(t.state));
  }
  #g(t) {
    t === "denied" ? (this.#v(), this.#f({ is: "refused", ...D })) : t === "granted" && this.#t.is === "refused" && this.openMicrophone();
  }
  #y = async () => {
    const t = this.#t;
    if (t.is === "refused" && (t.reason === "absent" || t.reason === "lost")) {
      await this.openMicrophone();
      return;
    }
    const e = this.#s;
    if (!e) return;
    const { microphones: i } = await w(), s = e.getSettings().deviceId;
    if (this.#s !== e) return;
    if (s && i.every(({ id: h }) => h !== s)) return this.#S(e);
    const o = await v();
    if (this.#e.deviceId !== void 0 || o === this.#d || this.#s !== e) return;
    const r = await this.#p();
    r && this.emit("switched", { because: "default-changed", detail: `The system's microphone is ${y(r)} now, and so is yours.` });
  };
  #f(t) {
    this.#t = t, this.emit("microphone", t);
  }
  #k(t) {
    this.#n !== t && (this.#n = t, this.emit("locked", t));
  }
}
const N = "The microphone was unplugged, or its permission was taken back.", D = { reason: "denied", detail: "The browser may not use the microphone. Allow it in the address bar." };
function y(n) {
  return n.label || "another one";
}
function L(n) {
  switch (n instanceof DOMException ? n.name : "") {
    case "NotAllowedError":
      return D;
    case "NotFoundError":
    case "OverconstrainedError":
      return { reason: "absent", detail: "No microphone was found. Plug a headset in." };
    case "SecurityError":
      return { reason: "insecure", detail: "Browsers give a microphone to secure pages only: open this page over https." };
    default:
      return { reason: "busy", detail: "The microphone could not be opened. Another program may be using it." };
  }
}
const P = { seq: 0, calls: /* @__PURE__ */ new Map() };
function R(n, t, e) {
  if (t.ev === "welcome") {
    const s = new Map(n.calls);
    for (const [o, { view: r, source: h }] of n.calls)
      h === "gateway" && r.state !== "closed" && !t.calls.some((l) => l.id === o) && s.set(o, { view: O(r, B, e), source: h });
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
function q(n, t) {
  return p(n, t, "page");
}
function j(n, t, e, i) {
  const s = n.calls.get(t);
  return !s || s.view.state === "closed" ? n : p(n, O(s.view, e, i), s.source);
}
function I(n) {
  return n.state !== "closed" && n.state !== "wrap-up";
}
function p(n, t, e) {
  return { ...n, calls: new Map(n.calls).set(t.id, { view: t, source: e }) };
}
function O(n, t, e) {
  return { ...n, state: "closed", progress: void 0, ended_at: n.ended_at ?? e, ended: n.ended ?? t };
}
const B = {
  by: "gateway",
  reason: "lost",
  detail: "The gateway was restarted, and the call is no longer there."
}, U = "warmline.agent.v1";
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
class $ extends g {
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
    return I(this.#i);
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
function S(n) {
  return n instanceof c && n.isOffline;
}
function W(n, t) {
  const e = t.slice(0, 16);
  for (let s = 5, o = n; s >= 0; s--, o = Math.floor(o / 256)) e[s] = o % 256;
  return e[6] = 112 | e[6] & 15, e[8] = 128 | e[8] & 63, `c_${Array.from(e, (s) => s.toString(16).padStart(2, "0")).join("").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")}`;
}
const b = [0, 300, 1200, 2700, 4800, 7e3], G = 100;
function C(n, t) {
  const e = b[Math.min(n, b.length - 1)] ?? 0;
  return e + t * (e / 4 + G);
}
class H {
  #e;
  #i = { is: "off" };
  #t;
  #s = null;
  #o = [];
  #n = 0;
  #r = { latest: 0, since: 0 };
  #c = !1;
  #u = -1 / 0;
  #a;
  constructor(t) {
    this.#e = t;
  }
  get state() {
    return this.#i;
  }
  open(t, e) {
    this.#s = t, this.#o = e, this.#n = 0, this.#h();
  }
  async replace(t) {
    this.#s = t, await this.#t?.getTransceivers()[0]?.sender.replaceTrack(t);
  }
  reportedUnheard(t = performance.now()) {
    const [e, { latest: i }] = [this.#t, this.#r];
    t - this.#u < T || (this.networkChanged(), setTimeout(() => e && this.#t === e && this.#r.latest === i && this.#h(), Y));
  }
  reportedDown() {
    this.#i.is === "up" && this.#p("The gateway lost the audio connection.");
  }
  nudge() {
    (this.#i.is === "restarting" || this.#r.since === 1 / 0 || this.#t?.connectionState !== "connected") && this.networkChanged();
  }
  networkChanged() {
    (this.#i.is === "up" || this.#i.is === "restarting") && !this.#c && this.#d();
  }
  stops(t = performance.now()) {
    const e = this.#t?.getReceivers()[0]?.getSynchronizationSources() ?? [], i = Math.max(0, ...e.map((o) => o.timestamp));
    i !== this.#r.latest && (this.#r = { latest: i, since: t });
    const s = i > 0 && t - this.#r.since >= V;
    return s && (this.#r.since = 1 / 0), s;
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
    this.#l(), this.#g({ is: "off" });
  }
  #h() {
    this.#l();
    const t = new RTCPeerConnection({ iceServers: this.#o, bundlePolicy: "max-bundle" });
    this.#t = t, t.onconnectionstatechange = () => {
      this.#t === t && this.#w(t.connectionState);
    }, t.ontrack = ({ track: s }) => this.#e.heard(new MediaStream([s]));
    const e = this.#s ? [new MediaStream([this.#s])] : [];
    t.addTransceiver(this.#s ?? "audio", { direction: "sendrecv", streams: e }).setCodecPreferences?.(z()), this.#g({ is: "connecting" }), this.#S(J), this.#m(t, "new leg");
  }
  #d() {
    const t = this.#t;
    t && (this.#g({ is: "restarting" }), this.#S(T), this.#u = performance.now(), t.restartIce(), this.#m(t, "ICE restart"));
  }
  async #m(t, e) {
    this.#c = !0;
    try {
      await t.setLocalDescription();
      const i = await this.#e.negotiate(t.localDescription.sdp, e === "ICE restart");
      if (this.#t !== t) return;
      await t.setRemoteDescription({ type: "answer", sdp: i }), this.#w(t.connectionState);
    } catch (i) {
      if (this.#t !== t) return;
      i instanceof c ? i.isOffline && e === "ICE restart" ? clearTimeout(this.#a) : i.isOffline || !i.problem.retryable ? this.#v(i.message) : this.#p(i.message) : this.#p(`The browser refused the audio connection: ${i}`);
    } finally {
      this.#t === t && (this.#c = !1);
    }
  }
  #w(t) {
    switch (t) {
      case "connected":
        clearTimeout(this.#a), this.#n = 0, this.#g({ is: "up" });
        return;
      case "disconnected":
        clearTimeout(this.#a), this.#a = setTimeout(() => this.#d(), F);
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
  #S(t) {
    clearTimeout(this.#a), this.#a = setTimeout(() => this.#p("The audio connection took too long."), t);
  }
  #p(t) {
    this.#v(t), this.#a = setTimeout(() => this.#h(), C(this.#n, Math.random())), this.#n += 1;
  }
  #v(t) {
    this.#l(), this.#g({ is: "down", detail: t });
  }
  #l() {
    clearTimeout(this.#a), this.#c = !1, this.#t?.close(), this.#t = void 0;
  }
  #g(t) {
    this.#i = t, this.#e.moved(t);
  }
}
function z() {
  const n = ["PCMA/8000", "PCMU/8000", "opus/48000", "G722/8000", "telephone-event/8000", "telephone-event/48000"], t = ({ mimeType: e, clockRate: i }) => n.indexOf(`${e.slice(6)}/${i}`);
  return (RTCRtpReceiver.getCapabilities("audio")?.codecs ?? []).filter((e) => t(e) >= 0).sort((e, i) => t(e) - t(i));
}
const J = 1e4, T = 5e3, Y = 500, F = 1500, V = 500;
function K({ connection: n, microphone: t, locked: e, media: i, agent: s }) {
  return n.is === "off" ? d("Not signed in.") : n.is === "ended" ? d(Q[n.because]) : n.is === "waiting" ? d("The connection to the gateway is interrupted.") : t.is === "asking" ? d("Waiting for permission to use the microphone.") : t.is === "refused" ? d(t.detail) : n.is === "connecting" ? d("Connecting to the gateway.") : i.is === "down" ? d(i.detail) : i.is !== "up" ? d("Setting up audio.") : e ? d("The browser holds the sound back until this page is clicked.") : s?.ready ? { ready: !0 } : d(s?.not_ready_because ?? "The gateway is getting ready.");
}
function d(n) {
  return { ready: !1, because: n };
}
const Q = {
  "signed-out": "Signed out.",
  replaced: "The desk is open in another tab.",
  "taken-over": "The desk is open in another browser or on another device.",
  expired: "The sign-in has expired.",
  forbidden: "The sign-in was refused."
};
class X {
  #e;
  #i = { is: "off" };
  #t;
  #s = 1;
  #o = /* @__PURE__ */ new Map();
  #n = 0;
  #r;
  #c = 0;
  #u = 0;
  #a = 0;
  #h;
  #d;
  #m;
  constructor(t) {
    this.#e = t;
  }
  get connection() {
    return this.#i;
  }
  open() {
    this.#i.is !== "off" && this.#i.is !== "ended" || (this.#n = 0, this.#w());
  }
  close(t) {
    this.#f(), this.#k(t === "leaving" ? { is: "off" } : { is: "ended", because: t });
  }
  nudge() {
    this.#i.is === "waiting" && this.#w(), this.#i.is === "open" && this.#l(M);
  }
  networkChanged() {
    this.#i.is === "open" ? this.#l(Math.min(it + 2 * this.#a, M)) : this.nudge();
  }
  tell() {
    const t = Date.now();
    this.#g("stats", { quality: this.#e.report() }).then(
      () => this.#a = Date.now() - t,
      () => {
      }
    );
  }
  ask = (t, e) => this.#i.is !== "open" ? Promise.reject(c.offline()) : this.#g(t, e);
  #w() {
    clearTimeout(this.#h), this.#r = void 0;
    const t = new WebSocket(this.#e.url, U);
    this.#t = t, this.#k({ is: "connecting", attempt: this.#n }), this.#d = setTimeout(() => this.#y(t), tt), t.onopen = () => {
      this.#S(t);
    }, t.onmessage = (e) => {
      this.#t === t && this.#p(t, e.data);
    }, t.onclose = () => this.#y(t);
  }
  async #S(t) {
    try {
      const e = await this.#e.hello();
      if (this.#t !== t || t.readyState !== WebSocket.OPEN) return;
      await this.#g("hello", e);
    } catch (e) {
      if (this.#t !== t) return;
      const { status: i, detail: s } = e instanceof c ? e.problem : { status: 0, detail: void 0 };
      if (i === 401 || i === 403) {
        this.#f(), this.#k({ is: "ended", because: i === 401 ? "expired" : "forbidden", detail: s });
        return;
      }
      (i === 404 || i === 410) && this.#e.sessionUnknown(), this.#y(t);
    }
  }
  #p(t, e) {
    this.#c = Date.now();
    const i = Z(e);
    if (i) {
      if ("re" in i) {
        const s = this.#o.get(i.re);
        this.#o.delete(i.re), i.err ? s?.reject(new c(i.err)) : s?.resolve(i.ok);
        return;
      }
      i.ev === "welcome" && this.#v(i.heartbeat_ms), i.ev === "bye" && (this.#r = i), this.#e.event(i), i.ev === "bye" && !i.reconnect && this.#y(t);
    }
  }
  #v(t) {
    clearTimeout(this.#d), this.#u = Date.now();
    const e = Math.max(t || 0, et);
    this.#m = setInterval(() => this.#l(2 * e), e), this.#k({ is: "open" }), this.tell();
  }
  #l(t) {
    const e = this.#t, i = Date.now();
    this.tell(), setTimeout(() => {
      e && this.#t === e && this.#c < i && this.#y(e);
    }, t);
  }
  #g(t, e) {
    const i = this.#t;
    if (i?.readyState !== WebSocket.OPEN) return Promise.reject(c.offline());
    const s = this.#s++;
    return new Promise((o, r) => {
      this.#o.set(s, { resolve: o, reject: r }), i.send(JSON.stringify({ id: s, op: t, ...e }));
    });
  }
  #y(t) {
    if (this.#t !== t) return;
    const e = this.#r, i = this.#i.is === "open" && Date.now() - this.#u > st;
    if (this.#f(), e && !e.reconnect && e.code !== "shutdown") {
      this.#k({ is: "ended", because: e.code });
      return;
    }
    i && (this.#n = 0);
    const s = C(this.#n, Math.random());
    this.#n += 1, this.#h = setTimeout(() => this.#w(), s), this.#k({ is: "waiting", attempt: this.#n, until: Date.now() + s });
  }
  #f() {
    clearTimeout(this.#h), clearTimeout(this.#d), clearInterval(this.#m);
    const t = this.#t;
    this.#t = void 0, this.#s = 1;
    const e = this.#o;
    this.#o = /* @__PURE__ */ new Map(), t && (t.onopen = t.onmessage = t.onclose = null, t.close(1e3));
    for (const { reject: i } of e.values()) i(c.offline());
  }
  #k(t) {
    this.#i = t, this.#e.moved(t);
  }
}
function Z(n) {
  try {
    const t = JSON.parse(String(n));
    return typeof t == "object" && t !== null && ("re" in t || "ev" in t) ? t : void 0;
  } catch {
    return;
  }
}
const tt = 1e4, et = 1e3, M = 3e3, it = 300, st = 5e3;
function nt(n, t, e) {
  const i = { at: e, received: 0, lost: 0, sent: 0 };
  for (const h of n) {
    const a = (l) => typeof h[l] == "number" ? h[l] : void 0;
    switch (h.type) {
      case "inbound-rtp":
        i.received += a("packetsReceived") ?? 0, i.lost += a("packetsLost") ?? 0, i.jitterMs = E(a("jitter"));
        break;
      case "outbound-rtp":
        i.sent += a("packetsSent") ?? 0;
        break;
      case "candidate-pair":
        h.nominated && (i.rttMs = E(a("currentRoundTripTime")) ?? i.rttMs);
        break;
      case "media-source":
        i.levelDb = ot(a("audioLevel"));
        break;
    }
  }
  const s = t && t.received <= i.received ? t : void 0, o = i.received - (s?.received ?? 0), r = Math.max(0, i.lost - (s?.lost ?? 0));
  return o + r > 0 && (i.lossPct = 100 * r / (o + r)), o === 0 && (i.silentSince = s?.silentSince ?? s?.at ?? e), i;
}
function E(n) {
  return n === void 0 ? void 0 : n * 1e3;
}
function ot(n) {
  return n === void 0 ? void 0 : Math.max(A, 20 * Math.log10(n || 1e-9));
}
const A = -127;
class rt {
  #e = /* @__PURE__ */ new Map();
  #i = /* @__PURE__ */ new Set();
  get raised() {
    return [...this.#i].map((t) => ({ trouble: t, detail: f[t].detail }));
  }
  take(t) {
    const e = new Set(this.#i);
    for (const s of Object.keys(f)) {
      const o = f[s], r = o.isBad(t) === e.has(s) ? 0 : (this.#e.get(s) ?? 0) + 1;
      this.#e.set(s, r), !(r < (e.has(s) ? o.clear : o.raise)) && (this.#e.set(s, 0), e.delete(s) || e.add(s));
    }
    const i = e.size !== this.#i.size || [...e].some((s) => !this.#i.has(s));
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
    isBad: ({ sample: n, muted: t }) => !t && n.levelDb !== void 0 && n.levelDb <= A,
    raise: 10,
    clear: 1
  }
};
class at {
  #e;
  #i = new rt();
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
    }, ht);
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
    const { levelDb: e, rttMs: i, jitterMs: s, lossPct: o, received: r, sent: h } = t;
    return { level_db: e, rtt_ms: i, jitter_ms: s, loss_pct: o, packets_received: r, packets_sent: h };
  }
  async #r() {
    const t = await this.#e.stats();
    if (!t || this.#t === void 0) return;
    const e = this.#e.talk(), i = e?.id === this.#n ? this.#s : void 0;
    this.#n = e?.id;
    const s = nt([...t.values()], i, Date.now());
    this.#s = s, this.#c(e, s) && this.#e.changed(this.warnings);
  }
  #c(t, e) {
    if (!t) return this.#i.reset();
    const i = this.#o?.call === t.id ? this.#o : void 0, s = i && Math.min(i.to_agent.mos, i.to_customer.mos);
    return this.#i.take({ sample: e, mos: s, muted: t.muted });
  }
}
const ht = 1e3;
function ct(n, t) {
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
class pt extends g {
  audio;
  #e;
  #i;
  #t;
  #s = /* @__PURE__ */ new Map();
  #o;
  #n = P;
  #r = [];
  #c = [];
  #u = { ready: !1, because: "Not signed in." };
  #a = [];
  #h;
  #d;
  #m = "";
  constructor(t) {
    super(), this.#o = t.token, this.#e = t.storage ?? sessionStorage, this.audio = new x(t.microphone), this.audio.on("microphone", () => this.#b()), this.audio.on("locked", () => this.#b()), this.audio.on("track", (e) => this.#w(e)), this.#t = new H({
      negotiate: async (e, i) => (await this.#l("media", i ? { sdp: e, restart: i } : { sdp: e })).sdp,
      heard: (e) => this.audio.play(e),
      moved: (e) => {
        this.emit("media", e), this.#b();
      }
    }), this.#i = new X({
      url: t.url ?? `${location.origin.replace(/^http/, "ws")}/v1/agent`,
      hello: () => this.#g(),
      report: () => this.#v(),
      sessionUnknown: () => this.#e.removeItem(u),
      event: (e) => this.#k(e),
      moved: (e) => this.#_(e)
    }), this.#d = new at({
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
    return this.#c;
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
    return this.#d.warnings;
  }
  async signIn() {
    this.#N(), this.#d.open(), this.#i.open(), await this.retryAudio();
  }
  async retryAudio() {
    this.audio.unlock();
    const t = await this.audio.openMicrophone();
    t && this.#w(t);
  }
  #w(t) {
    this.connection.is === "open" && (this.media.is === "off" || this.media.is === "down" ? this.#t.open(t, this.#r) : this.#t.replace(t).catch(reportError));
  }
  signOut() {
    this.#e.removeItem(u), this.#D("signed-out");
  }
  leave() {
    this.#D("leaving");
  }
  async renewToken(t) {
    this.#o = t, await this.#l("auth", { token: t });
  }
  async setStatus(t, e) {
    await this.#l("status", { name: t, reason: e });
  }
  dial(t, e = {}) {
    const i = Date.now(), s = W(i, crypto.getRandomValues(new Uint8Array(16)));
    return this.#T(
      q(this.#n, {
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
    ), this.#y({ call: s, to: t, ...e }), this.#s.get(s);
  }
  forget(t) {
    if (t.state !== "closed") return;
    const e = new Map(this.#n.calls);
    e.delete(t.id), this.#s.delete(t.id), this.#n = { ...this.#n, calls: e }, this.emit("call", t);
  }
  async #S() {
    if (typeof this.#o == "function")
      try {
        await this.#l("auth", { token: await this.#o() });
      } catch (t) {
        reportError(t);
      }
  }
  #p(t) {
    this.#h || (this.#h = ct(`warmline.${t}`, () => this.emit("vacant", void 0)));
  }
  #v() {
    return { ...this.#d.report(), ...this.audio.report(), path: this.#t.path };
  }
  #l = async (t, e) => {
    try {
      return await this.#i.ask(t, e);
    } catch (i) {
      const { call: s } = e;
      throw s && t !== "dial" && i instanceof c && i.problem.status === 404 && this.#f(s, i), i;
    }
  };
  async #g() {
    return {
      token: typeof this.#o == "function" ? await this.#o() : this.#o,
      sdk: lt,
      session: this.#e.getItem(u) ?? void 0,
      seq: this.#n.seq || void 0,
      device: ut()
    };
  }
  async #y(t) {
    try {
      await this.#l("dial", t);
    } catch (e) {
      if (!(e instanceof c)) throw e;
      if (e.isOffline && this.connection.is === "waiting") return;
      this.#f(t.call, e);
    }
  }
  #f(t, { message: e, problem: i }) {
    const s = i.type.split("/").pop() ?? "refused", o = i.status === 0 ? "The call was not placed: there is no connection to the gateway." : e;
    this.#T(j(this.#n, t, { by: "gateway", reason: s, detail: o }, Date.now()));
  }
  #k(t) {
    const e = this.view?.media;
    switch (this.#T(R(this.#n, t, Date.now())), t.ev) {
      case "welcome":
        this.#e.setItem(u, t.session), this.#r = t.ice ?? [], this.#c = t.statuses ?? [], this.#p(t.agent.id), this.emit("agent", t.agent), this.#O(t.resumed && t.agent.media === "up" ? "kept" : "gone"), this.#C();
        return;
      case "agent":
        this.emit("agent", t.agent), e === "up" && t.agent.media === "down" && this.#t.reportedDown(), this.#b();
        return;
      case "quality":
        this.#d.take(t), this.emit("quality", t);
        return;
      case "notice":
        if (t.kind === "unheard") return this.#t.reportedUnheard();
        t.kind === "token-expiring" && this.#S(), this.emit("notice", t);
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
      else if (t.isEnding || Date.now() - t.view.started_at > gt) this.#f(t.id, c.offline());
      else {
        const { id: i, peer: s, via: o, context: r } = t.view;
        this.#y({ call: i, to: s.number, via: o, context: r });
      }
  }
  #T(t) {
    const e = this.#n;
    this.#n = t;
    const i = [...t.calls.values()].filter(({ view: s }) => e.calls.get(s.id)?.view !== s);
    for (const { view: s } of i) {
      const o = this.#s.get(s.id);
      o ? o.take(s) : this.#A(s);
    }
    i.length && this.#M();
  }
  #A(t) {
    const e = new $(t, this.#l);
    this.#s.set(t.id, e), e.on("change", () => {
      this.#M(), this.emit("call", e);
    }), this.emit("call", e);
  }
  #M() {
    const t = this.calls.filter(({ view: e }) => I(e));
    this.audio.silence(t.some((e) => e.muted)), t.some((e) => e.state === "ringing-in" && !e.isEnding) ? this.audio.startRinging() : this.audio.stopRinging();
  }
  #_(t) {
    t.is === "ended" && (t.because === "replaced" || t.because === "taken-over" ? this.#e.removeItem(u) : this.#E(), this.#I()), this.emit("connection", t), this.#b();
  }
  #b() {
    this.#x();
    const { connection: t, media: e, view: i } = this, { microphone: s, locked: o } = this.audio, r = K({ connection: t, microphone: s, locked: o, media: e, agent: i });
    JSON.stringify(r) !== JSON.stringify(this.#u) && (this.#u = r, this.emit("readiness", r));
  }
  #x() {
    const t = JSON.stringify({ ...this.audio.report(), path: this.#t.path });
    t !== this.#m && (this.#m = t, this.connection.is === "open" && this.#i.tell());
  }
  #E() {
    this.#h?.(), this.#h = void 0;
  }
  #D(t) {
    this.#E(), this.#i.close(t), this.#I(), this.#b();
  }
  #I() {
    for (const t of this.#a.splice(0)) t();
    this.#d.close(), this.#t.close(), this.audio.close();
  }
  #N() {
    if (this.#a.length) return;
    const t = (a, l, m) => {
      a.addEventListener(l, m), this.#a.push(() => a.removeEventListener(l, m));
    }, e = () => {
      this.#i.nudge(), this.#t.nudge();
    }, i = () => {
      this.#i.networkChanged(), this.#t.networkChanged();
    }, s = () => this.audio.unlock();
    t(window, "online", i);
    const { connection: o } = navigator;
    o && t(o, "change", i);
    const r = () => this.calls.some((a) => a.state === "connected"), h = setInterval(() => this.#t.stops() && r() && this.#i.networkChanged(), dt);
    this.#a.push(() => clearInterval(h)), t(window, "pagehide", (a) => {
      this.leave(), a.persisted && addEventListener("pageshow", () => {
        this.signIn();
      }, { once: !0 });
    }), t(document, "visibilitychange", () => document.visibilityState === "visible" && e()), t(window, "pointerdown", s), t(window, "keydown", s);
  }
}
const dt = 100, lt = "warmline-js/0.1.0";
function ut() {
  try {
    return localStorage[ft] ??= crypto.randomUUID();
  } catch {
    return;
  }
}
const ft = "warmline.device", u = "warmline.session", gt = 15e3;
export {
  pt as Agent,
  x as Audio,
  $ as Call,
  c as Refusal
};

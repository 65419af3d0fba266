//! The program, put together: what is bound first, who knows whom, and how it stops.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use media::{Engine, EngineConfig};
use signaling::{Endpoint, EndpointConfig, LineConfig, Profile, SocketId, Transport};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::agent::{Agent, Connection, Token};
use crate::clock::Moment;
use crate::config::{self, Carrier, Certificate, Config, Listen, Pinning};
use crate::crm::Crm;
use crate::events::webhook;
use crate::http::auth::Auth;
use crate::http::certificate::Shown;
use crate::http::{self, HttpState, Mode};
use crate::metrics::Metrics;
use crate::ozonetel::{self, Standing, TokenAgent};
use crate::prompts::Prompts;
use crate::recorder::objects::Objects;
use crate::recorder::publish::Publisher;
use crate::recorder::{Outcome, Recorder, Threads};
use crate::store::{Keep, Store, StoredKey};
use crate::switchboard::codecs::{audio_codecs, usual};
use crate::switchboard::{
    Input, NOT_AT_THE_DESK, Parts, Queues, Switchboard, Task, TrunkSocket, TrunkWay, line_of,
};
use crate::transport::{LineTarget, Security, Transports, client_config, server_config};

/// Runs the gateway until a signal ends it.
///
/// # Errors
///
/// Something of the configuration can't be had: an address, a file, a port.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let auth = Auth::configured(&config.auth)?;
    let within = config.limits.drain_timeout;
    let mut signals = Signals::listen()?;
    let mut gateway = Gateway::start(config, auth, Mode::Serve).await?;
    match gateway.until(signals.next()).await? {
        Ending::Gently => gateway.drain(within, signals.next()).await?,
        Ending::AtOnce => {}
    }
    gateway.stop().await
}

/// How the operator wants it to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// SIGTERM: no new calls, and the present ones to their own end.
    Gently,
    /// SIGINT, from the keyboard.
    AtOnce,
}

/// The signals that end the program.
#[derive(Debug)]
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> anyhow::Result<Ending> {
        tokio::select! {
            _ = self.terminate.recv() => Ok(Ending::Gently),
            _ = self.interrupt.recv() => Ok(Ending::AtOnce),
        }
    }
}

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    pub public: SocketAddr,
    pub operations: SocketAddr,
    stop_http: oneshot::Sender<()>,
    http: tokio::task::JoinHandle<()>,
    stop_calls: oneshot::Sender<()>,
    calls: tokio::task::JoinHandle<()>,
    switchboard: Switchboard,
    store: Store,
    recording: Option<Threads>,
    publisher: Option<tokio::task::JoinHandle<()>>,
    webhooks: Vec<tokio::task::JoinHandle<()>>,
}

impl Gateway {
    /// Binds everything, then connects and serves.
    ///
    /// # Errors
    ///
    /// The first thing that can't be bound or started.
    pub async fn start(config: Config, auth: Auth, mode: Mode) -> anyhow::Result<Self> {
        let now = Moment::read();
        let certificate = config.http.certificate.clone();
        let certificate = certificate
            .map(|files| Shown::read(files, now.instant))
            .transpose()
            .context("http.tls_cert")?;
        let public = bind(config.http.listen, "http.listen").await?;
        let operations = bind(config.http.operations, "http.operations").await?;
        let (inputs, input_queue) = mpsc::channel(INPUTS);
        let (signals, signalling) = mpsc::channel(INPUTS);
        let (media_events, media_queue) = mpsc::channel(MEDIA_EVENTS);
        let config = Arc::new(config);
        let metrics = Metrics::new();
        let store = match mode {
            Mode::Dev => Store::temporary(),
            Mode::Serve => Store::open(
                &config.store.path,
                Keep {
                    calls: config.store.keep,
                    events: config.events.keep,
                },
            ),
        };
        let events = &config.events;
        let webhooks = webhook::start(&events.webhooks, &store, &metrics, events.keep);
        let objects = published_in(&config.recording)?;
        let (outcomes, publisher) = publisher(&config.recording, &objects, &store, &metrics);
        let keys = idempotency_keys(&store, now).await;
        let engine = engine(&config.media, media_events)?;
        let (prompts, route_prompts) = Prompts::configured(&config)?;
        let (recorder, recording) = recorder(&config.recording, &engine, &metrics, outcomes)?;
        let mut endpoint = Endpoint::new(EndpointConfig::default(), rand::random());
        let (arrivals, arrival_queue) = Transports::arrivals();
        let rate = config.limits.sip_rate_per_source;
        let transports = Transports::new(signals, arrivals, rate);
        let trunks = trunks(&config, &transports, &mut endpoint, now).await?;
        let agents = agents(&config, &transports, &mut endpoint, &inputs, now)?;
        let public_address = public.local_addr()?;
        let operations_address = operations.local_addr()?;
        let switchboard = Switchboard::new(inputs);
        let state = HttpState {
            switchboard: switchboard.clone(),
            auth,
            metrics: metrics.clone(),
            store: store.clone(),
            keys,
            allowed_origins: config.http.allowed_origins.clone(),
            dial_rate: config.http.dial_rate,
            mode,
            crm: Crm::configured(&config.crm)?,
            provider_secret: config
                .ozonetel
                .as_ref()
                .and_then(|o| o.events_secret.clone()),
            objects,
        };
        let parts = Parts {
            config,
            metrics,
            store: store.clone(),
            transports,
            endpoint,
            engine,
            agents,
            trunks,
            prompts,
            route_prompts,
            recorder,
        };
        let (stop_calls, calls_stopped) = oneshot::channel();
        let task = Task::new(parts, now);
        let queues = Queues {
            signalling,
            arrivals: arrival_queue,
            inputs: input_queue,
            ahead: 0,
        };
        let calls = tokio::spawn(task.run(queues, media_queue, calls_stopped));
        let (stop_http, http_stopped) = oneshot::channel::<()>();
        let until = async {
            // Dropped or sent: both mean stop.
            let _ = http_stopped.await;
        };
        let http = tokio::spawn(http::serve(public, certificate, operations, state, until));
        tracing::info!(address = %public_address, "desk and API are served");
        tracing::info!(address = %operations_address, "metrics and health are served");
        Ok(Self {
            public: public_address,
            operations: operations_address,
            stop_http,
            http,
            stop_calls,
            calls,
            switchboard,
            store,
            recording,
            publisher,
            webhooks,
        })
    }

    /// Waits for `stop`, or for a part that ends by itself.
    ///
    /// # Errors
    ///
    /// A part ended by itself, and why.
    pub async fn until<T>(
        &mut self,
        stop: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        tokio::select! {
            stopped = stop => stopped,
            ended = &mut self.calls => {
                ended.context("the switchboard broke")?;
                anyhow::bail!("the switchboard ended")
            }
            ended = &mut self.http => {
                ended.context("HTTP broke")?;
                anyhow::bail!("HTTP ended")
            }
        }
    }

    /// Takes no new calls, and waits until the present ones have ended: `within` a time, or until a second signal.
    ///
    /// # Errors
    ///
    /// A part ended by itself, and why.
    async fn drain(
        &mut self,
        within: Duration,
        sooner: impl Future<Output = anyhow::Result<Ending>>,
    ) -> anyhow::Result<()> {
        let switchboard = self.switchboard.clone();
        let drained = async move {
            let calls = switchboard.drain().await;
            tracing::info!(?calls, ?within, "the gateway drains");
            // A switchboard that can't answer has nothing to wait for: it is stopped.
            let _ = switchboard.drained().await;
        };
        self.until(async {
            tokio::select! {
                () = drained => tracing::info!("drained: every call has ended"),
                () = tokio::time::sleep(within) => {
                    tracing::warn!("not drained in time: the calls that are left are ended");
                }
                signal = sooner => {
                    signal?;
                    tracing::warn!("a second signal: the calls that are left are ended");
                }
            }
            Ok(())
        })
        .await
    }

    /// Ends the calls, then the listeners.
    ///
    /// # Errors
    ///
    /// A part ended by itself, and why.
    pub async fn stop(self) -> anyhow::Result<()> {
        // A part that is gone already needs no telling.
        let _ = self.stop_calls.send(());
        self.calls.await.context("the switchboard broke")?;
        if let Some(threads) = self.recording {
            // What isn't finished by then is finished at the next start.
            let join = tokio::task::spawn_blocking(|| threads.join());
            if timeout(LAST_RECORDINGS, join).await.is_err() {
                tracing::warn!("some recordings are finished at the next start");
            }
        }
        if let Some(mut publisher) = self.publisher {
            // What isn't out by then is found in the spool at the next start.
            if timeout(PUBLISHED_WITHIN, &mut publisher).await.is_err() {
                publisher.abort();
            }
        }
        self.store.end_streams();
        for webhook in self.webhooks {
            // What it hasn't told yet it tells at the next start.
            webhook.abort();
        }
        let _ = self.stop_http.send(());
        let stopped = self.http.await.context("HTTP broke");
        // Last: until here calls may end and be given dispositions.
        self.store.close().await;
        stopped
    }
}

/// Waits for SIGTERM or SIGINT.
///
/// # Errors
///
/// The system doesn't let us listen for signals.
pub async fn stopped() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Those that a repeated request may still name.
async fn idempotency_keys(store: &Store, now: Moment) -> Vec<StoredKey> {
    let since = now.epoch_ms.saturating_sub(A_DAY_MS);
    store.keys(since).await.unwrap_or_else(|error| {
        tracing::error!(%error, "requests from before the start can't be recognised when they are repeated");
        Vec::new()
    })
}

/// Where recordings are published, also when none are made any more; `None` where none ever were.
fn published_in(config: &config::Recording) -> anyhow::Result<Option<Objects>> {
    match (&config.store, config.mode) {
        (None, config::Mode::Off) if !config.dir.exists() => Ok(None),
        (None, _) => Ok(Some(Objects::directory(&config.dir)?)),
        (Some(store), _) => Ok(Some(Objects::open(store)?)),
    }
}

/// Where outcomes of recordings go, and who publishes them.
fn publisher(
    config: &config::Recording,
    objects: &Option<Objects>,
    store: &Store,
    metrics: &Metrics,
) -> (mpsc::Sender<Outcome>, Option<tokio::task::JoinHandle<()>>) {
    let (outcomes, queue) = mpsc::channel(OUTCOMES);
    let publisher = objects.as_ref().map(|objects| {
        let publisher = Publisher {
            directory: config.dir.clone(),
            objects: objects.clone(),
            store: store.clone(),
            metrics: metrics.clone(),
            keep: config.keep,
        };
        publisher.start(queue)
    });
    (outcomes, publisher)
}

async fn bind(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("{key}: {address} can't be bound"))
}

fn engine(config: &config::Media, events: mpsc::Sender<media::Event>) -> anyhow::Result<Engine> {
    let engine = EngineConfig {
        public_ip: config.public_ip,
        bind_ip: config.bind_ip.unwrap_or(config.public_ip),
        webrtc_port: config.webrtc_port,
        ice_tcp: config.ice_tcp,
        rtp_ports: config.rtp_ports.clone(),
        workers: config.workers,
        pinning: match config.pinning {
            Pinning::Cores => media::Pinning::Cores,
            Pinning::Off => media::Pinning::Off,
        },
        codecs: config.codecs.as_deref().map_or_else(usual, audio_codecs),
        seed: rand::random(),
    };
    let sink = move |event| {
        // The workers never wait; a queue this long is only full when the task is stuck.
        if events.try_send(event).is_err() {
            tracing::error!("an event of the media engine was lost");
        }
    };
    Engine::start(engine, Box::new(sink)).context("the media engine")
}

/// The recorder, where anything is to be recorded, and its threads.
fn recorder(
    config: &config::Recording,
    engine: &Engine,
    metrics: &Metrics,
    outcomes: mpsc::Sender<Outcome>,
) -> anyhow::Result<(Option<Recorder>, Option<Threads>)> {
    if config.mode == config::Mode::Off {
        return Ok((None, None));
    }
    let workers = engine.counters().len();
    let (recorder, threads) = Recorder::start(config, workers, metrics.clone(), outcomes)
        .with_context(|| format!("recording.dir: {}", config.dir.display()))?;
    Ok((Some(recorder), Some(threads)))
}

/// One socket for each place that trunks listen at; they may share it.
async fn trunks(
    config: &Config,
    transports: &Transports,
    endpoint: &mut Endpoint,
    now: Moment,
) -> anyhow::Result<Vec<TrunkWay>> {
    let mut bound: BTreeMap<Listen, TrunkSocket> = BTreeMap::new();
    let mut trunks = Vec::new();
    for trunk in &config.trunks {
        let mut sockets = Vec::new();
        for listen in &trunk.listen {
            let socket = match bound.get(listen) {
                Some(socket) => *socket,
                None => {
                    let id = SocketId(u32::try_from(bound.len()).unwrap_or(u32::MAX));
                    let opened = open(trunk, *listen, id, transports).await;
                    let address = opened.with_context(|| {
                        format!("trunk {}: {} can't be opened", trunk.name, listen.address)
                    })?;
                    let advertised = advertised(address, config.media.public_ip);
                    announce(endpoint, listen.carrier, id, advertised);
                    tracing::info!(trunk = trunk.name, carrier = listen.carrier.name(), %address, "the trunk listens");
                    let socket = TrunkSocket {
                        id,
                        carrier: listen.carrier,
                        address,
                    };
                    bound.insert(*listen, socket);
                    socket
                }
            };
            sockets.push(socket);
        }
        let of = |carrier| sockets.iter().find(|socket| socket.carrier == carrier);
        if let (Some(small), Some(large)) = (of(Carrier::Udp), of(Carrier::Tcp)) {
            endpoint.send_large_by(small.id, large.id);
        }
        trunks.push(TrunkWay::new(trunk.clone(), sockets, now));
    }
    Ok(trunks)
}

/// Reads the certificates that would be shown, and those that would be trusted.
///
/// # Errors
///
/// The first that can't be used, with its key.
pub fn try_certificates(config: &Config) -> anyhow::Result<()> {
    let shown = |certificate: &Certificate, key: String| {
        let read = server_config(&certificate.chain, &certificate.key);
        read.map(drop).context(key)
    };
    let trusted = |anchor: &Path, key: String| client_config(Some(anchor)).map(drop).context(key);
    if let Some(certificate) = &config.http.certificate {
        shown(certificate, "http.tls_cert".to_owned())?;
    }
    for trunk in &config.trunks {
        let key = |name| format!("trunk {:?}: {name}", trunk.name);
        if let Some(certificate) = &trunk.certificate {
            shown(certificate, key("tls_cert"))?;
        }
        if let Some(anchor) = &trunk.tls_ca {
            trusted(anchor, key("tls_ca"))?;
        }
    }
    let ozonetel = config.ozonetel.as_ref();
    if let Some(anchor) = ozonetel.and_then(|ozonetel| ozonetel.tls_ca.as_deref()) {
        trusted(anchor, "ozonetel.tls_ca".to_owned())?;
    }
    Ok(())
}

async fn open(
    trunk: &config::Trunk,
    listen: Listen,
    id: SocketId,
    transports: &Transports,
) -> anyhow::Result<SocketAddr> {
    let security = match listen.carrier {
        Carrier::Udp => return Ok(transports.bind_udp(id, listen.address).await?),
        Carrier::Tcp => Security::Plain,
        Carrier::Tls => {
            let certificate = trunk.certificate.as_ref();
            let server = certificate
                .map(|certificate| server_config(&certificate.chain, &certificate.key))
                .transpose()?;
            let client = client_config(trunk.tls_ca.as_deref())?;
            Security::Tls { server, client }
        }
    };
    Ok(transports.open_door(id, listen.address, security).await?)
}

fn announce(endpoint: &mut Endpoint, carrier: Carrier, id: SocketId, advertised: SocketAddr) {
    match carrier {
        Carrier::Udp => endpoint.open_socket(id, advertised),
        Carrier::Tcp => endpoint.open_listener(id, Transport::Tcp, advertised),
        Carrier::Tls => endpoint.open_listener(id, Transport::Tls, advertised),
    }
}

/// What peers see of a socket: an unspecified address is the public one.
fn advertised(bound: SocketAddr, public: IpAddr) -> SocketAddr {
    match bound.ip().is_unspecified() {
        true => SocketAddr::new(public, bound.port()),
        false => bound,
    }
}

/// The agents with their lines and token sockets, which start to connect.
fn agents(
    config: &Arc<Config>,
    transports: &Transports,
    endpoint: &mut Endpoint,
    inputs: &mpsc::Sender<Input>,
    now: Moment,
) -> anyhow::Result<Vec<Agent>> {
    let mut agents: Vec<Agent> = config
        .agents
        .iter()
        .map(|agent| Agent::new(agent.clone(), now))
        .collect();
    let Some(ozonetel) = &config.ozonetel else {
        return Ok(agents);
    };
    let tls = client_config(ozonetel.tls_ca.as_deref()).context("ozonetel.tls_ca")?;
    let shared = Arc::new(ozonetel.clone());
    for (index, agent) in agents.iter_mut().enumerate() {
        let Some(extension) = agent.config.extension.clone() else {
            continue;
        };
        let line = line_of(index);
        endpoint.add_line(
            line,
            LineConfig {
                domain: ozonetel.domain.clone(),
                user: extension.clone(),
                password: agent.config.password.expose().to_owned(),
                auth_user: None,
                display: None,
                profile: match ozonetel.profile {
                    config::Profile::Jssip => Profile::jssip(),
                    config::Profile::Sipjs => Profile::sipjs(),
                },
                expires: LineConfig::EXPIRES,
                instance: format!("urn:uuid:{}", uuid::Uuid::new_v4()),
            },
        );
        agent.sip = Some(Connection::connecting(now));
        transports.connect_line(
            line,
            LineTarget {
                url: ozonetel.registrar.clone(),
                origin: ozonetel.origin.clone(),
                user_agent: ozonetel.user_agent.clone(),
                tls: tls.clone(),
            },
        );
        if ozonetel.websocket.is_some() {
            let speaks_for = TokenAgent {
                agent: agent.config.id.clone(),
                agent_id: agent.config.agent_id.clone(),
                agent_unique_id: agent.config.agent_unique_id,
                campaign: agent.config.campaign.clone(),
                campaign_name: agent.config.campaign_name.clone(),
                login_password: agent.config.login_password.clone(),
                extension,
                mode: agent.config.mode.clone(),
            };
            let inputs = inputs.clone();
            let tell = move |event| {
                if inputs.try_send(Input::Ozonetel(event)).is_err() {
                    tracing::error!("an event of a token socket was lost");
                }
            };
            let starts = transports.starts();
            let socket = ozonetel::connect(shared.clone(), tls.clone(), starts, speaks_for, tell);
            // Until the agent is at a desk.
            socket.stand(Standing::Paused(NOT_AT_THE_DESK.to_owned()));
            agent.token = Some(Token {
                socket,
                connection: Connection::connecting(now),
            });
        }
    }
    Ok(agents)
}

/// The recordings of the calls that a stop has ended.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(5);

/// How long an `Idempotency-Key` is good for.
const A_DAY_MS: u64 = 24 * 3_600 * 1_000;

/// How long a stop waits for recordings to be finished.
const LAST_RECORDINGS: std::time::Duration = std::time::Duration::from_secs(10);

/// Outcomes of recordings that may wait: the threads that bring them can.
const OUTCOMES: usize = 1_024;

/// Inputs that may wait: a burst of pushes and INVITEs for a thousand agents.
const INPUTS: usize = 8_192;

/// Events of the media workers that may wait: one each for tens of thousands of legs.
const MEDIA_EVENTS: usize = 65_536;

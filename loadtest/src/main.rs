//! `warmline-loadtest`: the far side of the wire as a program.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, Subcommand};
use loadtest::agents::{Agents, AgentsConfig, VOICE_HZ};
use loadtest::provider::customer::voice::Voice;
use loadtest::provider::{
    Extensions, IdStyle, NewCallOrder, Provider, ProviderConfig, authority_key,
};
use loadtest::relay::{self, Attention, RelayConfig};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::error::RecvError;
use tracing_subscriber::EnvFilter;

#[derive(Debug, Parser)]
#[command(name = "warmline-loadtest", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the simulated provider; prints one JSON line with its URLs, then one a milestone.
    Provider(Box<ProviderArguments>),
    /// Signs in headless agents, each with a warm media leg; prints one JSON line once all are there, and fails when one is lost.
    Agents(AgentsArguments),
    /// Loads a media relay that speaks rtpengine's ng protocol with RTP-to-SRTP calls; prints a report as one JSON line.
    Relay(RelayArguments),
}

#[derive(Debug, clap::Args)]
struct RelayArguments {
    /// Where the relay takes its commands.
    #[arg(long)]
    ng: SocketAddr,
    /// The relay's process, whose processor time is measured.
    #[arg(long)]
    process: u32,
    /// The address of both sides' media.
    #[arg(long, default_value = "127.0.0.1")]
    media: IpAddr,
    #[arg(long)]
    calls: usize,
    /// Seconds.
    #[arg(long, default_value_t = 10)]
    talk: u64,
    /// Wake up for each packet, so that the latencies mean something.
    #[arg(long)]
    latency: bool,
}

#[derive(Debug, clap::Args)]
struct AgentsArguments {
    /// `http://HOST:PORT`, where the agents' pages are served.
    #[arg(long, value_parser = parse_gateway)]
    gateway: String,
    /// A file with an agent's token on each line.
    #[arg(long)]
    tokens: PathBuf,
    /// How many of them; all by default.
    #[arg(long)]
    count: Option<usize>,
    /// The address of the agents' media.
    #[arg(long, default_value = "127.0.0.1")]
    media: IpAddr,
    /// What the agents say.
    #[arg(long, value_enum, default_value_t = AgentVoice::Tone)]
    voice: AgentVoice,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum AgentVoice {
    /// 440 Hz.
    Tone,
    /// Words, over and over.
    Greeting,
}

#[derive(Debug, clap::Args)]
struct ProviderArguments {
    /// The token socket.
    #[arg(long, default_value = "127.0.0.1:0")]
    token: SocketAddr,
    /// SIP over WSS.
    #[arg(long, default_value = "127.0.0.1:0")]
    sip: SocketAddr,
    /// SIP over plain WebSocket.
    #[arg(long)]
    ws: Option<SocketAddr>,
    /// The control interface.
    #[arg(long, default_value = "127.0.0.1:0")]
    control: SocketAddr,
    /// The address of the customers' media.
    #[arg(long, default_value = "127.0.0.1")]
    media: IpAddr,
    /// SIP domain and digest realm.
    #[arg(long, default_value = "provider.example")]
    domain: String,
    /// `EXTENSION=PASSWORD`, repeatable; without any, every number may register with itself as password.
    #[arg(long, value_parser = parse_extension)]
    extension: Vec<(String, String)>,
    /// How the ids arrive: top-level, nested, on-probe.
    #[arg(long, default_value = "top-level", value_parser = parse_word::<IdStyle>)]
    ids: IdStyle,
    /// When `newCall` is pushed: alternating, before-reply, after-reply.
    #[arg(long, default_value = "alternating", value_parser = parse_word::<NewCallOrder>)]
    new_call: NewCallOrder,
    /// Put the ucid into this header of the INVITE.
    #[arg(long)]
    ucid_header: Option<String>,
    /// The registrar's authority has its key there: made on the first start, and the same on the next.
    #[arg(long)]
    authority_key: Option<PathBuf>,
    /// Seconds that the platform leaves agents after a talk.
    #[arg(long, default_value_t = 30)]
    wrap_up: u64,
    /// What the public API's header `apiKey` has to be.
    #[arg(long)]
    api_key: Option<String>,
    /// The password of the login page, whose cookie a token socket needs then.
    #[arg(long)]
    login_password: Option<String>,
    /// Write the registrar's trust anchor there.
    #[arg(long)]
    ca_out: Option<PathBuf>,
    /// End when standard input does, so that no provider outlives the test that started it.
    #[arg(long)]
    until_stdin_closes: bool,
}

fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn")),
        )
        .with_writer(std::io::stderr)
        .init();
    let Arguments { command } = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    match command {
        Command::Provider(arguments) => {
            let ended = runtime.block_on(run_provider(*arguments));
            // A read of standard input can't be cancelled and must not hold the program up.
            runtime.shutdown_background();
            ended
        }
        Command::Agents(arguments) => runtime.block_on(run_agents(arguments)),
        Command::Relay(arguments) => run_relay(&arguments),
    }
}

async fn run_agents(arguments: AgentsArguments) -> Result<()> {
    let file = std::fs::read_to_string(&arguments.tokens)
        .with_context(|| format!("reading {}", arguments.tokens.display()))?;
    let mut tokens: Vec<String> = file.split_whitespace().map(str::to_owned).collect();
    let count = arguments.count.unwrap_or(tokens.len());
    ensure!(
        tokens.len() >= count,
        "there are only {} tokens",
        tokens.len()
    );
    tokens.truncate(count);
    let config = AgentsConfig {
        gateway: arguments.gateway,
        tokens,
        media: arguments.media,
        voice: match arguments.voice {
            AgentVoice::Tone => Voice::Tone { hz: VOICE_HZ },
            AgentVoice::Greeting => Voice::Greeting,
        },
    };
    let agents = Agents::sign_in(&config).await?;
    print_line(&json!({ "event": "ready", "agents": agents.count() }))?;
    Err(agents.stay().await)
}

fn run_relay(arguments: &RelayArguments) -> Result<()> {
    let report = relay::run(&RelayConfig {
        ng: arguments.ng,
        process: arguments.process,
        address: arguments.media,
        calls: arguments.calls,
        talk: Duration::from_secs(arguments.talk),
        attention: match arguments.latency {
            true => Attention::EachPacket,
            false => Attention::Batches,
        },
    })?;
    Ok(print_line(&serde_json::to_value(report)?)?)
}

async fn run_provider(arguments: ProviderArguments) -> Result<()> {
    let ca_out = arguments.ca_out.clone();
    let until_stdin_closes = arguments.until_stdin_closes;
    let key_file = arguments.authority_key.clone();
    let mut config = ProviderConfig::from(arguments);
    config.authority_key = key_file.map(|file| kept_key(&file)).transpose()?;
    let provider = Provider::start(config).await?;
    if let Some(path) = &ca_out {
        std::fs::write(path, provider.ca_pem())
            .with_context(|| format!("writing {}", path.display()))?;
    }
    let mut milestones = provider.milestones();
    print_line(&json!({
        "event": "started",
        "token_url": provider.token_url(),
        "registrar_url": provider.registrar_url(),
        "ws_url": provider.ws_url(),
        "control_url": provider.control_url(),
        "domain": provider.domain(),
        "ca": ca_out,
    }))?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stdin_closed = async {
        match until_stdin_closes {
            true => drain_stdin().await,
            false => std::future::pending().await,
        }
    };
    tokio::pin!(stdin_closed);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            () = &mut stdin_closed => break,
            milestone = milestones.recv() => match milestone {
                Ok(milestone) => print_line(&serde_json::to_value(milestone)?)?,
                Err(RecvError::Lagged(missed)) => print_line(&json!({ "event": "lagged", "missed": missed }))?,
                Err(RecvError::Closed) => bail!("the provider is gone"),
            },
        }
    }
    provider.shutdown().await;
    Ok(())
}

fn kept_key(file: &Path) -> Result<String> {
    if file.exists() {
        return std::fs::read_to_string(file).with_context(|| file.display().to_string());
    }
    let key = authority_key()?;
    std::fs::write(file, &key).with_context(|| file.display().to_string())?;
    Ok(key)
}

impl From<ProviderArguments> for ProviderConfig {
    fn from(arguments: ProviderArguments) -> Self {
        Self {
            token: arguments.token,
            sip: arguments.sip,
            ws: arguments.ws,
            control: Some(arguments.control),
            media: arguments.media,
            domain: arguments.domain,
            extensions: match arguments.extension.is_empty() {
                true => Extensions::AnyDigits,
                false => Extensions::Listed(arguments.extension.into_iter().collect()),
            },
            ids: arguments.ids,
            new_call: arguments.new_call,
            ucid_header: arguments.ucid_header,
            wrap_up: Duration::from_secs(arguments.wrap_up),
            api_key: arguments.api_key,
            login_password: arguments.login_password,
            ..Self::default()
        }
    }
}

fn parse_extension(text: &str) -> Result<(String, String)> {
    let (extension, password) = text
        .split_once('=')
        .context("EXTENSION=PASSWORD is expected")?;
    Ok((extension.to_owned(), password.to_owned()))
}

/// The host and port of a URL without a path.
fn parse_gateway(url: &str) -> Result<String> {
    let authority = url
        .strip_prefix("http://")
        .map(|rest| rest.trim_end_matches('/'));
    let authority = authority.filter(|rest| !rest.is_empty() && !rest.contains('/'));
    Ok(authority
        .context("http://HOST:PORT is expected")?
        .to_owned())
}

/// One word of an enum, as serde names it.
fn parse_word<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_value(Value::String(text.to_owned()))
}

/// One line at once, and not kept back: a test waits for it.
fn print_line(value: &Value) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}")?;
    out.flush()
}

async fn drain_stdin() {
    let mut stdin = tokio::io::stdin();
    let mut buffer = [0; 1024];
    // An error is an end as well.
    while stdin.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

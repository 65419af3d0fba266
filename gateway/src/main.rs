//! The command line of `warmline`.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};
use gateway::config::{self, Config};
use gateway::consume::{self, CommandLine};
use gateway::http::auth::{Auth, Scope};
use gateway::prompts::Prompts;
use gateway::recorder::{self, manifest::Manifest};
use tracing_subscriber::EnvFilter;

/// A SIP-to-WebRTC gateway for contact-centre agents.
#[derive(Debug, Parser)]
#[command(name = "warmline", version)]
struct Warmline {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The real thing
    Serve {
        #[command(flatten)]
        file: InFile,
        #[arg(long, value_enum, default_value_t = LogFormat::Text)]
        log_format: LogFormat,
    },
    /// Everything on one machine: with a simulated provider, a demo agent, and the desk's address to open
    Dev {
        /// Where the desk and the API are served; loopback only
        #[arg(long, value_parser = loopback, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// Where metrics and health are served; loopback only
        #[arg(long, value_parser = loopback, default_value = "127.0.0.1:9090")]
        operations: SocketAddr,
        #[arg(long, value_enum, default_value_t = LogFormat::Text)]
        log_format: LogFormat,
    },
    /// Says whether a configuration can be used: exit 0 yes, 1 no, 2 it can't be read
    Check { file: PathBuf },
    /// Shows configurations
    #[command(subcommand)]
    Config(Shown),
    /// Checks recordings and makes encrypted ones playable
    #[command(subcommand)]
    Recording(Recording),
    /// Tokens for agents and back ends
    #[command(subcommand)]
    Token(Token),
    /// Runs a command on each recording that a gateway publishes
    Consume(Consuming),
    /// Asks a running gateway to take no new calls, and waits until the present ones have ended: exit 0 they have, 1 not
    Drain {
        #[command(flatten)]
        file: InFile,
        /// How long to wait; as long as "limits.drain_timeout" says when absent
        #[arg(long, value_parser = span)]
        within: Option<Duration>,
    },
}

#[derive(Debug, Subcommand)]
enum Shown {
    /// The default, with a comment at each key
    Default,
    /// What a file and the environment amount to; secrets are hidden
    Print(InFile),
}

#[derive(Debug, Subcommand)]
enum Recording {
    /// Says whether recordings are what was recorded: exit 0 all are, 1 one isn't
    Verify {
        /// Directories of recordings, or their manifests
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Writes the audio of an encrypted recording as a file that players open
    Decrypt {
        /// The recording's directory
        recording: PathBuf,
        /// A file with the secret key of one of the recipients, as age-keygen writes it
        #[arg(short, long, value_name = "FILE")]
        identity: PathBuf,
        /// Where to; "audio.wav" or "audio.ogg" beside the encrypted file when absent
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum Token {
    /// Prints a fresh token, signed with the configured secret
    Mint(Minting),
}

#[derive(Debug, Args)]
struct Minting {
    /// The agent's id; a back end's name if the scopes don't hold "agent"
    #[arg(long)]
    agent: String,
    /// May be given more than once
    #[arg(long = "scope", default_value = "agent")]
    scopes: Vec<Scope>,
    /// How long it is valid: "90s", "30m", "12h", "7d"
    #[arg(long, value_parser = span, default_value = DEFAULT_TTL)]
    ttl: Duration,
    #[command(flatten)]
    file: InFile,
}

#[derive(Debug, Args)]
struct Consuming {
    /// The gateway: "http://127.0.0.1:8080"
    #[arg(long, value_parser = followed)]
    from: reqwest::Url,
    /// Split into words and run without a shell: "./transcribe.sh {audio} {manifest}"
    #[arg(long)]
    exec: CommandLine,
    /// A file with a token of the scope recordings:read; else it is in WARMLINE_TOKEN
    #[arg(long)]
    token_file: Option<PathBuf>,
    /// Where it remembers how far it is; what can't be worked on is put in "dead" there
    #[arg(long, default_value = "warmline-consumer")]
    state: PathBuf,
    /// How often a recording is tried
    #[arg(long, default_value_t = 8)]
    attempts: u32,
    /// How long the command may take: "90s", "30m"
    #[arg(long, value_parser = span, default_value = "1h")]
    patience: Duration,
}

#[derive(Debug, Args)]
struct InFile {
    /// The configuration, TOML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

fn main() -> ExitCode {
    match Warmline::parse().command {
        Command::Serve { file, log_format } => {
            match log(log_format).and_then(|()| usable(&file.config)) {
                Ok(config) => run(gateway::app::run(config)),
                Err(error) => complain(&error, UNUSABLE),
            }
        }
        Command::Dev {
            listen,
            operations,
            log_format,
        } => match log(log_format) {
            Ok(()) => run(gateway::dev::run(gateway::dev::Options {
                listen,
                operations,
            })),
            Err(error) => complain(&error, UNUSABLE),
        },
        Command::Check { file } => check(&file),
        Command::Config(Shown::Default) => {
            print!("{}", config::DEFAULT);
            ExitCode::SUCCESS
        }
        Command::Config(Shown::Print(file)) => ended(file.read().map(|config| {
            println!("{config:#?}");
        })),
        Command::Token(Token::Mint(minting)) => ended(mint(&minting)),
        Command::Recording(Recording::Verify { paths }) => verify(&paths),
        Command::Recording(Recording::Decrypt {
            recording,
            identity,
            output,
        }) => ended(decrypt(&recording, &identity, output)),
        Command::Consume(consuming) => {
            match log(LogFormat::Text).and_then(|()| consuming.options()) {
                Ok(options) => run(consume(options)),
                Err(error) => complain(&error, UNUSABLE),
            }
        }
        Command::Drain { file, within } => match file.read() {
            Ok(config) => run(gateway::drain::run(config, within)),
            Err(error) => complain(&error, UNUSABLE),
        },
    }
}

/// Each recording's line goes to stdout, each doubt to stderr.
fn verify(paths: &[PathBuf]) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for path in paths {
        match recorder::verify(path) {
            Ok(checked) => println!(
                "{}: {} is whole, {} seconds",
                path.display(),
                checked.manifest.id,
                checked.seconds
            ),
            Err(doubts) => {
                for doubt in doubts {
                    eprintln!("{}: {doubt}", path.display());
                }
                code = WRONG.into();
            }
        }
    }
    code
}

fn decrypt(recording: &Path, identity: &Path, output: Option<PathBuf>) -> anyhow::Result<()> {
    let identities = recorder::identities(identity)
        .with_context(|| format!("{} can't be used", identity.display()))?;
    let manifest = Manifest::read(recording)
        .with_context(|| format!("{} holds no recording", recording.display()))?;
    // What a manifest says is somebody's word: a name, and never a way elsewhere.
    let name = Path::new(&manifest.audio.file)
        .file_name()
        .and_then(|name| name.to_str()?.strip_suffix(".sealed"))
        .context("the manifest names no sealed audio")?;
    let output = output.unwrap_or_else(|| recording.join(name));
    recorder::decrypt(recording, &identities, &output)?;
    println!("{}", output.display());
    Ok(())
}

/// Drives the whole program to its end.
fn run(program: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => ended(runtime.block_on(program)),
        Err(error) => complain(&error.into(), FAILED),
    }
}

fn check(file: &Path) -> ExitCode {
    // Whether it is wrong can't be said of a file that nobody can open.
    if let Err(error) = File::open(file) {
        eprintln!("{} can't be read: {error}", file.display());
        return UNREADABLE.into();
    }
    match usable(file) {
        Ok(config) => {
            println!(
                "{}: {} agents, {} trunks, {} routes; it can be used.",
                file.display(),
                config.agents.len(),
                config.trunks.len(),
                config.routes.len()
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            WRONG.into()
        }
    }
}

/// A configuration that `serve` would start with.
fn usable(file: &Path) -> anyhow::Result<Config> {
    let config = Config::load(file)?;
    Auth::configured(&config.auth)?;
    Prompts::configured(&config)?;
    gateway::app::try_certificates(&config)?;
    Ok(config)
}

fn mint(minting: &Minting) -> anyhow::Result<()> {
    let config = minting.file.read()?;
    let auth = Auth::configured(&config.auth)?;
    let known = config.agents.iter().any(|agent| agent.id == minting.agent);
    anyhow::ensure!(
        known || !minting.scopes.contains(&Scope::Agent),
        "{} names no agent {:?}",
        minting.file.config.display(),
        minting.agent
    );
    let minted = auth.mint(
        &minting.agent,
        &minting.scopes,
        minting.ttl,
        SystemTime::now(),
    );
    println!("{}", minted.token);
    Ok(())
}

async fn consume(options: consume::Options) -> anyhow::Result<()> {
    let stop = async {
        if let Err(error) = gateway::app::stopped().await {
            tracing::error!(%error, "signals can't be listened for");
        }
    };
    consume::run(options, stop).await
}

impl Consuming {
    fn options(self) -> anyhow::Result<consume::Options> {
        let token = match &self.token_file {
            Some(file) => std::fs::read_to_string(file)
                .with_context(|| format!("{} can't be read", file.display()))?,
            None => std::env::var("WARMLINE_TOKEN")
                .context("there is neither --token-file nor WARMLINE_TOKEN")?,
        };
        Ok(consume::Options {
            from: self.from,
            token: token.trim().to_owned(),
            command: self.exec,
            state: self.state,
            attempts: self.attempts.max(1),
            patience: self.patience,
        })
    }
}

impl InFile {
    fn read(&self) -> anyhow::Result<Config> {
        Ok(Config::load(&self.config)?)
    }
}

/// Logs go to stderr; `RUST_LOG` says which, as `info,gateway=debug`.
fn log(format: LogFormat) -> anyhow::Result<()> {
    let filter = match std::env::var_os(EnvFilter::DEFAULT_ENV) {
        Some(_) => EnvFilter::try_from_default_env()?,
        None => EnvFilter::new(LOG_FILTER),
    };
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let set = match format {
        LogFormat::Text => logs.try_init(),
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    };
    set.map_err(|error| anyhow::anyhow!("logging can't be set up: {error}"))
}

fn ended(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error, FAILED),
    }
}

fn complain(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("warmline: {error:#}");
    code.into()
}

/// A gateway's address.
fn followed(text: &str) -> Result<reqwest::Url, String> {
    let url: reqwest::Url = text
        .parse()
        .map_err(|_| "a URL such as \"http://127.0.0.1:8080\"".to_owned())?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        "nats" => Err("NATS isn't built; the gateway's events are followed by http".to_owned()),
        _ => Err("an http or https URL".to_owned()),
    }
}

/// An address that other machines can't reach.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text
        .parse()
        .map_err(|_| "an address and its port: \"127.0.0.1:8080\"".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("dev binds loopback only; use \"serve\" for the rest".to_owned())
    }
}

/// A number with its unit.
fn span(text: &str) -> Result<Duration, &'static str> {
    const SHAPE: &str = "a number and its unit: \"90s\", \"30m\", \"12h\", \"7d\"";
    let (number, seconds) = match text.char_indices().next_back() {
        Some((end, 's')) => (&text[..end], 1),
        Some((end, 'm')) => (&text[..end], 60),
        Some((end, 'h')) => (&text[..end], 3600),
        Some((end, 'd')) => (&text[..end], 24 * 3600),
        Some(_) | None => return Err(SHAPE),
    };
    let number: u64 = number.parse().map_err(|_| SHAPE)?;
    let seconds = number.checked_mul(seconds).ok_or(SHAPE)?;
    Ok(Duration::from_secs(seconds))
}

/// As for tokens minted over HTTP.
const DEFAULT_TTL: &str = "12h";

/// Milestones of calls, not their messages; of the simulated customers' own stack only what breaks.
const LOG_FILTER: &str =
    "info,webrtc=error,webrtc_ice=error,webrtc_mdns=error,webrtc_srtp=error,dtls=error";

/// Ended otherwise than asked.
const FAILED: u8 = 1;

/// Exit codes of `check`, and of `recording verify`.
const WRONG: u8 = 1;
const UNREADABLE: u8 = 2;

/// Logging or configuration can't be used: `EX_USAGE` of sysexits.
const UNUSABLE: u8 = 64;

#[cfg(test)]
mod tests {
    use gateway::http::agents::TOKEN_TTL;

    use super::*;

    #[test]
    fn the_command_line_makes_sense() {
        use clap::CommandFactory;
        Warmline::command().debug_assert();
    }

    #[test]
    fn dev_binds_loopback_only() {
        assert!(loopback("127.0.0.1:0").is_ok());
        assert!(loopback("[::1]:8080").is_ok());
        assert!(loopback("0.0.0.0:8080").is_err());
        assert!(loopback("8080").is_err());
    }

    #[test]
    fn a_gateway_is_followed_by_http_only() {
        assert!(followed("http://127.0.0.1:8080").is_ok());
        let refused = followed("nats://127.0.0.1:4222").expect_err("not built");
        assert!(refused.contains("isn't built"), "{refused}");
        assert!(followed("127.0.0.1:8080").is_err());
        assert!(followed("ftp://127.0.0.1").is_err());
    }

    #[test]
    fn a_span_is_a_number_with_its_unit() {
        assert_eq!(span("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(span(DEFAULT_TTL), Ok(TOKEN_TTL));
        for text in ["", "12", "h", "-1h", "1w", "12é", "99999999999999999999d"] {
            assert!(span(text).is_err(), "{text}");
        }
    }
}

//! `warmline dev`: everything on one machine, with a simulated provider, so that the first call
//! takes one command and one click.

mod contacts;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use loadtest::provider::{Provider, ProviderConfig};

use crate::app::{self, Gateway};
use crate::config::Config;
use crate::http::Mode;
use crate::http::auth::{Auth, Scope};

/// Where dev serves; both on loopback.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub listen: SocketAddr,
    pub operations: SocketAddr,
}

/// Starts the provider and the gateway, prints the desk's address, and runs until a signal.
///
/// # Errors
///
/// A port is taken, or no directory for the provider's certificate can be made.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let provider = Provider::start(ProviderConfig::default())
        .await
        .context("the simulated provider")?;
    let trust = TrustAnchor::write(provider.ca_pem())?;
    let book = contacts::serve().await.context("the demo contact book")?;
    let text = configuration(&options, &provider, &trust, book);
    let config = Config::parse(&text, "dev").context("the built-in configuration")?;
    let auth = Auth::generated();
    let minted = |subject: &str, scopes: &[Scope]| {
        auth.mint(subject, scopes, A_DAY, SystemTime::now()).token
    };
    let agent = minted(AGENT, &[Scope::Agent]);
    let back_end = minted("dev", &[Scope::CallsRead, Scope::CallsWrite]);
    let mut gateway = Gateway::start(config, auth, Mode::Dev).await?;
    drop(trust);
    let at = gateway.public;
    println!("Desk:      http://{at}/desk#token={agent}");
    println!("API:       http://{at}/v1/calls   Authorization: Bearer {back_end}");
    println!("Metrics:   http://{}/metrics", gateway.operations);
    println!("Customers: the number's last two digits say what they do. In the contact book:");
    for contact in contacts::BOOK {
        println!(
            "           {}  {} {}",
            contact.number, contact.name, contact.does
        );
    }
    gateway.until(app::stopped()).await?;
    gateway.stop().await?;
    provider.shutdown().await;
    Ok(())
}

/// One demo agent at the simulated provider.
fn configuration(
    options: &Options,
    provider: &Provider,
    trust: &TrustAnchor,
    book: SocketAddr,
) -> String {
    let Options { listen, operations } = options;
    let (token, registrar) = (provider.token_url(), provider.registrar_url());
    let (domain, ca) = (provider.domain(), trust.path.display());
    let ip = Ipv4Addr::LOCALHOST;
    format!(
        r#"
[http]
listen = "{listen}"
operations = "{operations}"

[media]
public_ip = "{ip}"
webrtc_port = 0
pinning = "off"

[ozonetel]
customer = "acme_clinic"
websocket = "{token}"
registrar = "{registrar}"
domain = "{domain}"
tls_ca = "{ca}"

[crm]
lookup_url = "http://{book}/contacts?number={{number}}"
frames = ["http://{book}"]
dispositions = ["Resolved", "Call back", "Sale", "No interest", "Wrong number"]

[[agent]]
id = "{AGENT}"
name = "Asha"
extension = "500607"
agent_id = "{AGENT}"
agent_unique_id = 100207
campaign = "300401"
auto_answer = "outbound"
"#
    )
}

/// The provider's certificate authority, in a file for as long as it is read.
#[derive(Debug)]
struct TrustAnchor {
    path: std::path::PathBuf,
}

impl TrustAnchor {
    fn write(pem: &str) -> anyhow::Result<Self> {
        let name = format!("warmline-dev-{}.pem", uuid::Uuid::new_v4());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, pem).with_context(|| path.display().to_string())?;
        Ok(Self { path })
    }
}

impl Drop for TrustAnchor {
    fn drop(&mut self) {
        // It holds nothing secret; a file left behind is only untidy.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The demo agent, as the contract's examples name it.
const AGENT: &str = "agent7";

/// Longer than anybody tries it out.
const A_DAY: Duration = Duration::from_secs(24 * 3600);

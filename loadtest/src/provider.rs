//! A simulated telephony provider: token socket, SIP registrar over WebSocket, and customers who answer.
//!
//! It runs inside the caller's tokio runtime, knows the gateway by the wire only, and ends when [`Provider`] is dropped.

mod binding;
mod call;
mod certificate;
mod command;
mod control;
pub mod customer;
mod dialog;
mod digest;
mod fault;
mod offer_fault;
mod platform;
mod public_api;
mod push;
mod record;
mod registrar;
mod seat;
mod sip;
mod socket;
#[cfg(test)]
mod tests;
mod token_socket;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_rustls::TlsAcceptor;

pub use certificate::authority_key;
pub use fault::Fault;
pub use platform::Milestone;
pub use record::{Ending, State};
pub use token_socket::{IdStyle, NewCallOrder};

use certificate::Identity;
use platform::Platform;
use record::Input;

/// Where the provider listens and how it behaves; port 0 lets the system choose.
#[derive(Debug, Clone)]
pub struct ProviderConfig {
    pub token: SocketAddr,
    /// SIP over WSS.
    pub sip: SocketAddr,
    /// SIP over plain WebSocket.
    pub ws: Option<SocketAddr>,
    pub control: Option<SocketAddr>,
    /// Where the customers' media is; they offer this address only (every address, if unspecified).
    pub media: IpAddr,
    /// SIP domain and digest realm.
    pub domain: String,
    pub extensions: Extensions,
    /// `id~name`, as `tbGetCampaigns` lists them; a dial has to name one.
    pub campaigns: Vec<String>,
    /// The account's own number, in `newCall`.
    pub did: String,
    pub ids: IdStyle,
    pub new_call: NewCallOrder,
    /// Names a header that carries the ucid in the INVITE; none by default, since the real platform may have none.
    pub ucid_header: Option<String>,
    pub patience: Patience,
    /// The key of the authority that signs the registrar's certificate, in PEM: clients trust the next provider, too.
    pub authority_key: Option<String>,
    /// The time that the platform leaves agents after a talk, told in whole seconds.
    pub wrap_up: Duration,
    /// What the public API's header `apiKey` has to be.
    pub api_key: Option<String>,
    /// The login page's one password; with it, a token socket needs a cookie of the page's.
    pub login_password: Option<String>,
}

/// Who may register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extensions {
    /// Any number of digits; the password is the extension itself.
    AnyDigits,
    /// These, with their passwords.
    Listed(BTreeMap<String, String>),
}

/// How long the platform waits for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For the extension to answer.
    pub agent: Duration,
    /// For ICE and DTLS after the answer.
    pub media: Duration,
    /// For a customer who doesn't answer.
    pub customer: Duration,
}

/// A running provider.
#[derive(Debug)]
pub struct Provider {
    platform: Arc<Platform>,
    token: SocketAddr,
    ws: Option<SocketAddr>,
    control: Option<SocketAddr>,
    ca_pem: String,
}

impl Provider {
    /// Binds every listener and begins to serve; call it inside a tokio runtime.
    ///
    /// The first call installs aws-lc-rs as the process's rustls provider if there is none: see [`customer::phone::Phone::new`].
    ///
    /// # Errors
    ///
    /// When an address can't be bound or the domain isn't a DNS name.
    pub async fn start(config: ProviderConfig) -> Result<Self> {
        let identity = Identity::new(
            &config.domain,
            config.sip.ip(),
            config.authority_key.as_deref(),
        )?;
        let tls = TlsAcceptor::from(Arc::new(identity.server));

        let token = bind("token socket", config.token).await?;
        let sip = bind("registrar (WSS)", config.sip).await?;
        let ws = match config.ws {
            Some(address) => Some(bind("registrar (WS)", address).await?),
            None => None,
        };
        let control = match config.control {
            Some(address) => Some(bind("control interface", address).await?),
            None => None,
        };
        let platform = Arc::new(Platform::new(config, sip.local_addr()?));
        let provider = Self {
            token: token.local_addr()?,
            ws: ws.as_ref().map(TcpListener::local_addr).transpose()?,
            control: control.as_ref().map(TcpListener::local_addr).transpose()?,
            ca_pem: identity.ca_pem,
            platform: platform.clone(),
        };
        platform.spawn(token_socket::serve(platform.clone(), token));
        platform.spawn(registrar::serve(platform.clone(), sip, Some(tls)));
        if let Some(ws) = ws {
            platform.spawn(registrar::serve(platform.clone(), ws, None));
        }
        if let Some(control) = control {
            platform.spawn(control::serve(platform.clone(), control));
        }
        Ok(provider)
    }

    /// The token socket's URL.
    pub fn token_url(&self) -> String {
        format!("ws://{}/mdlConnection.php", self.token)
    }

    /// The registrar's URL; its certificate is signed by [`Self::ca_pem`].
    pub fn registrar_url(&self) -> String {
        format!("wss://{}/", self.platform.sip)
    }

    /// The registrar's URL without TLS.
    pub fn ws_url(&self) -> Option<String> {
        self.ws.map(|address| format!("ws://{address}/"))
    }

    /// The control interface's URL, without a slash at the end.
    pub fn control_url(&self) -> Option<String> {
        self.control.map(|address| format!("http://{address}"))
    }

    /// The trust anchor for [`Self::registrar_url`], in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    pub fn domain(&self) -> &str {
        &self.platform.config.domain
    }

    /// What happens from now on; a reader that lags by many loses the oldest.
    pub fn milestones(&self) -> broadcast::Receiver<Milestone> {
        self.platform.milestones()
    }

    /// Lets every customer hang up, waits a moment for the farewells, and ends all tasks.
    pub async fn shutdown(self) {
        let in_progress = self.platform.calls.lock().in_progress();
        for ucid in &in_progress {
            self.platform
                .calls
                .lock()
                .tell(ucid, Input::CustomerHangsUp);
        }
        let mut milestones = self.platform.milestones();
        let farewells = async {
            while !self.platform.calls.lock().in_progress().is_empty() {
                if let Err(broadcast::error::RecvError::Closed) = milestones.recv().await {
                    return;
                }
            }
        };
        if tokio::time::timeout(FAREWELL, farewells).await.is_err() {
            tracing::warn!("calls were cut off");
        }
        let mut tasks = self.platform.abort_tasks();
        while tasks.join_next().await.is_some() {}
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.platform.abort_tasks();
    }
}

impl Default for ProviderConfig {
    /// Everything on loopback, on ports of the system's choice, with a control interface.
    fn default() -> Self {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            token: anywhere,
            sip: anywhere,
            ws: None,
            control: Some(anywhere),
            media: Ipv4Addr::LOCALHOST.into(),
            domain: "provider.example".to_owned(),
            extensions: Extensions::AnyDigits,
            campaigns: vec!["300401~Demo campaign".to_owned()],
            did: "919000000000".to_owned(),
            ids: IdStyle::default(),
            new_call: NewCallOrder::default(),
            ucid_header: None,
            patience: Patience::default(),
            authority_key: None,
            wrap_up: Duration::from_secs(30),
            api_key: None,
            login_password: None,
        }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            agent: Duration::from_secs(30),
            media: Duration::from_secs(10),
            customer: Duration::from_secs(20),
        }
    }
}

impl Extensions {
    /// The extension's password, if there is such an extension.
    fn password(&self, extension: &str) -> Option<String> {
        match self {
            Self::AnyDigits => {
                let digits = !extension.is_empty() && extension.bytes().all(|b| b.is_ascii_digit());
                digits.then(|| extension.to_owned())
            }
            Self::Listed(listed) => listed.get(extension).cloned(),
        }
    }
}

async fn bind(what: &str, address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("the {what} can't listen on {address}"))
}

/// BYEs over an open line take milliseconds.
const FAREWELL: Duration = Duration::from_secs(2);

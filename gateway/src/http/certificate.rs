//! The certificate that browsers are shown. It is read again when its files have changed, so that a renewal ends no call.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

use crate::config::Certificate;
use crate::transport::{TlsError, server_config};

/// A certificate as it was read last.
#[derive(Debug)]
pub struct Shown {
    files: Certificate,
    config: Arc<ServerConfig>,
    written: Written,
    looked: Instant,
}

/// When chain and key were written; `None` where that can't be told.
type Written = [Option<SystemTime>; 2];

impl Shown {
    /// # Errors
    ///
    /// A file can't be read, holds nothing, or the two don't belong together.
    pub fn read(files: Certificate, now: Instant) -> Result<Self, TlsError> {
        // In this order: what changes in between is seen at the next look.
        let written = written(&files);
        Ok(Self {
            config: load(&files)?,
            files,
            written,
            looked: now,
        })
    }

    /// For one connection. A new certificate that can't be used leaves the old one in its place.
    pub(super) fn acceptor(&mut self, now: Instant) -> TlsAcceptor {
        if now.saturating_duration_since(self.looked) >= LOOK_EVERY {
            self.looked = now;
            let written = written(&self.files);
            if written != self.written {
                self.renew(written);
            }
        }
        TlsAcceptor::from(self.config.clone())
    }

    fn renew(&mut self, written: Written) {
        match load(&self.files) {
            Ok(config) => {
                tracing::info!("the certificate of http.listen was renewed");
                (self.config, self.written) = (config, written);
            }
            // One of the two files may be written a moment later; it is tried again.
            Err(error) => {
                tracing::warn!(%error, "the certificate of http.listen has changed and can't be used; the one before is shown");
            }
        }
    }
}

fn load(files: &Certificate) -> Result<Arc<ServerConfig>, TlsError> {
    let config = server_config(&files.chain, &files.key)?;
    let mut config = Arc::unwrap_or_clone(config);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn written(files: &Certificate) -> Written {
    let of = |path: &Path| path.metadata().and_then(|file| file.modified()).ok();
    [of(&files.chain), of(&files.key)]
}

/// Often enough for whoever has just renewed it, seldom enough for a crowd of connections.
const LOOK_EVERY: Duration = Duration::from_secs(5);

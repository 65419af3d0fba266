//! The certificate that browsers are shown. It is read again when its files have changed, so that a renewal ends no call.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

use crate::config::Certificate;
use crate::transport::{TlsError, server_config};

/// A certificate as it was read last.
#[derive(Debug)]
pub struct Shown {
    files: Certificate,
    /// Locked for a look at the files only.
    last: Mutex<Last>,
}

#[derive(Debug)]
struct Last {
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
        let last = Last {
            config: load(&files)?,
            written,
            looked: now,
        };
        Ok(Self {
            files,
            last: Mutex::new(last),
        })
    }

    /// For one connection. A new certificate that can't be used leaves the old one in its place.
    pub(super) fn acceptor(&self, now: Instant) -> TlsAcceptor {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(last.looked) >= LOOK_EVERY {
            last.looked = now;
            let written = written(&self.files);
            if written != last.written {
                self.renew(&mut last, written);
            }
        }
        TlsAcceptor::from(last.config.clone())
    }

    fn renew(&self, last: &mut Last, written: Written) {
        match load(&self.files) {
            Ok(config) => {
                tracing::info!("the certificate of http.listen was renewed");
                (last.config, last.written) = (config, written);
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

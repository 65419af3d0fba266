//! What each leg is to speak: so that the two of a call mostly meet, and nothing has to be transcoded.

use media::{AudioCodec, CodecPolicy, ComfortNoise};

use super::placed::Route;
use super::task::Task;
use crate::config::Codec;

impl Task {
    /// Towards a customer: the trunk's list, or else everybody's. Where nobody chose, a peer that has
    /// nothing of G.711 is understood, too.
    pub(super) fn customer_codecs(&self, route: Route) -> CodecPolicy {
        let own = match route {
            Route::Line(_) | Route::Desk => None,
            Route::Trunk(trunk) => self.trunks[trunk].config.codecs.as_deref(),
        };
        let policy = match own.or(self.config.media.codecs.as_deref()) {
            Some(codecs) => CodecPolicy::only(audio_codecs(codecs)),
            None => CodecPolicy::preferring(usual()),
        };
        policy.with_comfort(self.comfort(route))
    }

    fn comfort(&self, route: Route) -> ComfortNoise {
        match route {
            Route::Trunk(trunk) if self.trunks[trunk].config.comfort_noise => ComfortNoise::Offered,
            Route::Trunk(_) | Route::Line(_) | Route::Desk => ComfortNoise::WhereAsked,
        }
    }

    /// Towards a browser, which has everything.
    pub(super) fn agent_codecs(&self, agent: usize) -> CodecPolicy {
        let own = self.agents[agent].config.codecs.as_deref();
        let codecs = own.or(self.config.media.codecs.as_deref());
        CodecPolicy::only(codecs.map_or_else(usual, audio_codecs))
    }
}

/// What every telephone speaks.
pub fn usual() -> Vec<AudioCodec> {
    vec![AudioCodec::Pcma, AudioCodec::Pcmu]
}

/// As the media engine names them.
pub fn audio_codecs(codecs: &[Codec]) -> Vec<AudioCodec> {
    let named = codecs.iter().map(|codec| match codec {
        Codec::Pcma => AudioCodec::Pcma,
        Codec::Pcmu => AudioCodec::Pcmu,
        Codec::G722 => AudioCodec::G722,
        Codec::Opus => AudioCodec::Opus,
    });
    named.collect()
}

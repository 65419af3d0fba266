//! What customers hear where no agent is: the configured WAV files, or the built-in ones.

use std::path::{Path, PathBuf};

use media::{Prompt, PromptError};

use crate::call::state::Announcement;
use crate::config::{self, Saying};

/// One of each, ready to be played. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Prompts {
    greeting: Prompt,
    hold: Prompt,
    fallback: Prompt,
    agent_lost: Prompt,
}

/// A prompt that can't be played.
#[derive(Debug, thiserror::Error)]
pub enum BadPrompt {
    #[error("the prompt {path} can't be read: {error}", path = path.display())]
    Unreadable {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("the prompt {path} can't be played: {error}", path = path.display())]
    Unplayable { path: PathBuf, error: PromptError },
}

impl Prompts {
    /// Reads and codes all of them.
    ///
    /// # Errors
    ///
    /// A file can't be read or isn't a WAV that can be played.
    pub fn load(config: &config::Prompts) -> Result<Self, BadPrompt> {
        let load = |file: &Option<PathBuf>, name: &str, built_in: &[u8]| match file {
            Some(path) => read(path),
            None => wav(Path::new(name), built_in),
        };
        Ok(Self {
            greeting: load(&config.greeting, "greeting (built in)", GREETING)?,
            hold: load(&config.hold, "hold (built in)", HOLD)?,
            fallback: load(&config.fallback, "fallback (built in)", FALLBACK)?,
            agent_lost: load(&config.agent_lost, "agent_lost (built in)", AGENT_LOST)?,
        })
    }

    /// The same with what a route has of its own.
    ///
    /// # Errors
    ///
    /// As [`Prompts::load`].
    fn of_route(&self, route: &config::Route) -> Result<Self, BadPrompt> {
        let or = |saying: &Saying, usual: &Prompt| match saying {
            Saying::File(path) => read(path),
            Saying::Usual | Saying::Nothing => Ok(usual.clone()),
        };
        Ok(Self {
            greeting: or(&route.greeting, &self.greeting)?,
            fallback: or(&route.fallback, &self.fallback)?,
            ..self.clone()
        })
    }

    /// What is usually said, and what each route says, in the order of the routes.
    ///
    /// # Errors
    ///
    /// As [`Prompts::load`].
    pub fn configured(config: &config::Config) -> Result<(Self, Vec<Self>), BadPrompt> {
        let usual = Self::load(&config.prompts)?;
        let of_route = |route| usual.of_route(route);
        let routes = config.routes.iter().map(of_route);
        let routes = routes.collect::<Result<_, _>>()?;
        Ok((usual, routes))
    }

    pub fn of(&self, announcement: Announcement) -> &Prompt {
        match announcement {
            Announcement::Greeting => &self.greeting,
            Announcement::Hold => &self.hold,
            Announcement::Fallback => &self.fallback,
            Announcement::AgentLost => &self.agent_lost,
        }
    }
}

fn read(path: &Path) -> Result<Prompt, BadPrompt> {
    let bytes = std::fs::read(path).map_err(|error| BadPrompt::Unreadable {
        path: path.to_owned(),
        error,
    })?;
    wav(path, &bytes)
}

fn wav(path: &Path, bytes: &[u8]) -> Result<Prompt, BadPrompt> {
    Prompt::from_wav(bytes).map_err(|error| BadPrompt::Unplayable {
        path: path.to_owned(),
        error,
    })
}

const GREETING: &[u8] = include_bytes!("../prompts/greeting.wav");
const HOLD: &[u8] = include_bytes!("../prompts/hold.wav");
const FALLBACK: &[u8] = include_bytes!("../prompts/fallback.wav");
const AGENT_LOST: &[u8] = include_bytes!("../prompts/agent-lost.wav");

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Announcement; 4] = [
        Announcement::Greeting,
        Announcement::Hold,
        Announcement::Fallback,
        Announcement::AgentLost,
    ];

    #[test]
    fn the_built_in_prompts_can_be_played_and_are_no_longer_than_last_words_may_be() {
        let prompts = Prompts::load(&config::Prompts::default()).expect("they are WAV files");
        for announcement in ALL {
            let seconds = prompts.of(announcement).duration().as_secs_f32();
            assert!(
                (1.0..60.0).contains(&seconds),
                "{announcement:?}: {seconds} s"
            );
        }
    }

    #[test]
    fn a_file_that_is_no_wav_is_named() {
        let config = config::Prompts {
            hold: Some("/nowhere/hold.wav".into()),
            ..config::Prompts::default()
        };
        let error = Prompts::load(&config).expect_err("there is no such file");
        assert!(error.to_string().contains("/nowhere/hold.wav"), "{error}");
    }
}

//! The command that is run on a recording: words, with places for the files.

use std::path::Path;
use std::str::FromStr;

use tokio::process::Command;

/// `./transcribe.sh {audio} {manifest}`, split into words as a shell would, but run without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine(Vec<String>);

/// Not a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotACommand {
    #[error("there is no command in it")]
    Empty,
    #[error("a quotation mark isn't closed")]
    Unclosed,
}

impl CommandLine {
    /// The process for these files.
    pub(super) fn process(&self, audio: &Path, manifest: &Path) -> Command {
        let mut words = self.0.iter().map(|word| {
            word.replace("{audio}", &audio.to_string_lossy())
                .replace("{manifest}", &manifest.to_string_lossy())
        });
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        command
    }
}

impl FromStr for CommandLine {
    type Err = NotACommand;

    fn from_str(text: &str) -> Result<Self, NotACommand> {
        let mut words = Vec::new();
        let mut word: Option<String> = None;
        let mut quote = None;
        for c in text.chars() {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (Some(_), c) => word.get_or_insert_default().push(c),
                (None, '\'' | '"') => {
                    word.get_or_insert_default();
                    quote = Some(c);
                }
                (None, c) if c.is_whitespace() => words.extend(word.take()),
                (None, c) => word.get_or_insert_default().push(c),
            }
        }
        words.extend(word);
        match (quote, words.is_empty()) {
            (Some(_), _) => Err(NotACommand::Unclosed),
            (None, true) => Err(NotACommand::Empty),
            (None, false) => Ok(Self(words)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.parse::<CommandLine>().expect(text).0
    }

    #[test]
    fn words_are_split_and_quotes_hold_them_together() {
        assert_eq!(words(" ./a  {audio} "), ["./a", "{audio}"]);
        assert_eq!(
            words(r#"sh -c 'cat "$1"' x"y z" ''"#),
            ["sh", "-c", r#"cat "$1""#, "xy z", ""]
        );
        assert_eq!("  ".parse::<CommandLine>(), Err(NotACommand::Empty));
        assert_eq!("a 'b".parse::<CommandLine>(), Err(NotACommand::Unclosed));
    }

    #[test]
    fn a_path_with_spaces_stays_one_word() {
        let line: CommandLine = "run --in={audio} {manifest}".parse().expect("a command");
        let command = line.process(Path::new("/a b.wav"), Path::new("/m.json"));
        let arguments: Vec<_> = command.as_std().get_args().collect();
        assert_eq!(arguments, ["--in=/a b.wav", "/m.json"]);
    }
}

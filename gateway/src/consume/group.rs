//! A command and all that it starts: they end together. A shell that is killed alone leaves its pipeline running, on
//! files that are gone.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::process::{Child, Command};

/// A process group of its own; whatever of it is left when this is dropped is killed.
#[derive(Debug)]
pub(super) struct Group {
    leader: Child,
    id: Pid,
    members: Members,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Members {
    Some,
    /// Its number may be another group's by now.
    None,
}

impl Group {
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        let leader = command.process_group(0).spawn()?;
        let id = leader.id().and_then(|id| i32::try_from(id).ok());
        let id = id.and_then(Pid::from_raw);
        Ok(Self {
            id: id.ok_or_else(|| io::Error::other("the process has no number"))?,
            leader,
            members: Members::Some,
        })
    }

    /// Until the command itself ends.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.leader.wait().await
    }

    /// Asks everybody to end, and kills who hasn't after a while.
    pub(super) async fn end(mut self) {
        if kill_process_group(self.id, Signal::TERM).is_ok() {
            let _ = tokio::time::timeout(GRACE, self.empty()).await;
        } else {
            self.members = Members::None;
        }
    }

    async fn empty(&mut self) {
        let _ = self.leader.wait().await;
        while test_kill_process_group(self.id).is_ok() {
            tokio::time::sleep(LOOK).await;
        }
        self.members = Members::None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.members == Members::Some {
            // One that is gone needs no killing.
            let _ = kill_process_group(self.id, Signal::KILL);
        }
    }
}

/// How long a command has to tidy up.
const GRACE: Duration = Duration::from_secs(5);

const LOOK: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use tokio::io::{AsyncBufReadExt as _, BufReader};

    use super::*;

    /// A shell that starts another process and waits for it; the number of that.
    async fn started(script: &str) -> (Group, String) {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped());
        let mut group = Group::start(&mut command).expect("started");
        let output = group.leader.stdout.take().expect("a pipe");
        let mut lines = BufReader::new(output).lines();
        let number = lines.next_line().await.expect("read").expect("a line");
        (group, number)
    }

    /// Whether the process runs; one that nobody has waited for doesn't.
    fn runs(number: &str) -> bool {
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{number}/stat")) else {
            return false;
        };
        let state = stat
            .rsplit_once(") ")
            .map(|(_, rest)| rest.starts_with('Z'));
        state == Some(false)
    }

    async fn is_over(number: &str) {
        let over = async {
            while runs(number) {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), over).await;
        waited.expect("it ends");
    }

    #[tokio::test]
    async fn what_a_command_started_ends_with_it() {
        let (group, number) = started("sleep 1000 & echo $!; wait").await;
        assert!(runs(&number));
        group.end().await;
        is_over(&number).await;
    }

    #[tokio::test]
    async fn what_a_command_left_behind_ends_after_it() {
        let (mut group, number) = started("sleep 1000 > /dev/null & echo $!").await;
        assert!(group.wait().await.expect("it ends").success());
        assert!(runs(&number));
        group.end().await;
        is_over(&number).await;
    }

    #[tokio::test]
    async fn who_forgets_a_group_kills_it_however_deaf_it_is() {
        let (group, number) = started("trap '' TERM; sleep 1000 & echo $!; wait").await;
        drop(group);
        is_over(&number).await;
    }
}

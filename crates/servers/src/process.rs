//! A server's process, which ends with the test that started it.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Starts the server and waits for the end of its input: that comes when it is closed, and also when the test is killed.
/// A server that ends by itself is seen within a second.
const WATCH: &str = r#"
signal=$1; shift
"$@" </dev/null & pid=$!
{ while kill -0 $pid; do sleep 1; done; kill $$; } 2>&- &
read -r end
kill -s "$signal" $pid
wait $pid"#;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A user that a server runs as.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    pub(crate) id: u32,
    pub(crate) group: u32,
}

/// A running server. Stopped when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts a program that a signal stops, its output in a file.
    pub(crate) fn start(command: &Command, signal: &str, user: Option<User>, log: &Path) -> io::Result<Self> {
        let log = std::fs::File::create(log)?;
        let mut watch = Command::new("sh");
        watch.args(["-c", WATCH, "watch", signal]).arg(command.get_program()).args(command.get_args());
        watch.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        // A Ctrl-C is for the test; the server then ends as in every other case.
        watch.process_group(0);
        run_as(&mut watch, user);
        Ok(Self { child: watch.spawn()? })
    }

    /// Waits until it answers.
    pub(crate) fn wait_until(&mut self, is_ready: impl Fn() -> bool) -> Result<(), String> {
        let since = Instant::now();
        while !is_ready() {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("it ended with {status}"));
            }
            if since.elapsed() > PATIENCE {
                return Err(format!("it does not answer within {} s", PATIENCE.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(30));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It may have ended already.
        drop(self.child.wait());
    }
}

/// Has a command run as a user.
pub(crate) fn run_as(command: &mut Command, user: Option<User>) {
    if let Some(User { id, group }) = user {
        command.uid(id).gid(group);
    }
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

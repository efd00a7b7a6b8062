//! Runs a program that is not ours: no shell, no input, a limit on its time and on what it says.

use rustix::process::{Pid, Signal, kill_process_group};
use std::io::Read;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How much of stderr is kept; its end tells most.
const MAX_STDERR: usize = 64 << 10;

/// How often a program is asked whether it has ended.
const POLL: Duration = Duration::from_millis(5);

/// How long the pipes of a program that ended may stay open: by what it left running.
const GRACE: Duration = Duration::from_secs(2);

/// How a program ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// By itself, with what it said.
    Done(Done),
    /// It took longer than it may and was killed.
    TimedOut,
    /// It said more than it may and was killed.
    TooMuch,
    /// It could not be started.
    NotStarted(String),
}

/// What a program that ended by itself leaves.
#[derive(Debug)]
pub(super) struct Done {
    /// None when a signal ended it.
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
    pub(super) stdout: Vec<u8>,
    /// The end of what it wrote.
    pub(super) stderr: String,
}

/// Runs a command to its end, or to the deadline. It gets a process group of its own, so that
/// what it starts ends with it.
pub(super) fn run(command: &mut Command, deadline: Instant, max_stdout: usize) -> Ended {
    let started = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return Ended::NotStarted(error.to_string()),
    };
    let stdout = child.stdout.take().map(|pipe| reader(pipe, max_stdout, false));
    let stderr = child.stderr.take().map(|pipe| reader(pipe, MAX_STDERR, true));
    let ended = wait(&mut child, stdout.as_ref(), deadline, max_stdout);
    let (status, mut out) = match ended {
        Ok((status, out)) => (status, out),
        Err(ended) => {
            kill(&mut child);
            return ended;
        }
    };
    let grace = Instant::now() + GRACE;
    if out.is_none() {
        out = stdout.and_then(|stdout| receive(&stdout, grace));
    }
    let err = stderr.and_then(|stderr| receive(&stderr, grace));
    if out.is_none() || err.is_none() {
        // Something that it left running holds the pipes; the group is still there then.
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    }
    let out = out.unwrap_or_default();
    if out.len() > max_stdout {
        return Ended::TooMuch;
    }
    Ended::Done(Done {
        code: status.code(),
        signal: status.signal(),
        stdout: out,
        stderr: String::from_utf8_lossy(&err.unwrap_or_default()).into_owned(),
    })
}

type Waited = (std::process::ExitStatus, Option<Vec<u8>>);

/// Waits for the end; what the program said may be complete before.
fn wait(
    child: &mut Child,
    stdout: Option<&Receiver<Vec<u8>>>,
    deadline: Instant,
    max_stdout: usize,
) -> Result<Waited, Ended> {
    let mut out = None;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok((status, out)),
            Ok(None) => {}
            Err(error) => return Err(Ended::NotStarted(error.to_string())),
        }
        if Instant::now() >= deadline {
            return Err(Ended::TimedOut);
        }
        if out.is_none()
            && let Some(stdout) = stdout
        {
            match stdout.recv_timeout(POLL) {
                Ok(bytes) if bytes.len() > max_stdout => return Err(Ended::TooMuch),
                Ok(bytes) => out = Some(bytes),
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => {}
            }
        }
        std::thread::sleep(POLL);
    }
}

fn receive(pipe: &Receiver<Vec<u8>>, until: Instant) -> Option<Vec<u8>> {
    pipe.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
}

/// Ends the program and all that it started.
fn kill(child: &mut Child) {
    // The child is not waited for yet, so its number, and the group's, is still its own.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.kill();
    let _ = child.wait();
}

/// Reads a pipe to its end on a thread of its own. Of what is beyond the limit, either the first
/// byte is kept, which says that there is more, or the start is given up.
fn reader(mut pipe: impl Read + Send + 'static, limit: usize, tail: bool) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut kept: Vec<u8> = Vec::new();
        let mut chunk = [0; 16 << 10];
        loop {
            match pipe.read(&mut chunk) {
                Ok(0) => break,
                Ok(length) => kept.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
            if kept.len() > limit {
                if !tail {
                    break;
                }
                kept.drain(..kept.len() - limit);
            }
        }
        // Nobody listens when the program was killed.
        let _ = sender.send(kept);
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn output_and_exit_code_come_back() {
        let Ended::Done(done) = run(&mut shell("echo out; echo err >&2; exit 3"), soon(), 100)
        else {
            panic!("must end by itself")
        };
        assert_eq!(
            (done.code, &done.stdout[..], done.stderr.trim()),
            (Some(3), &b"out\n"[..], "err")
        );
    }

    #[test]
    fn a_signal_is_told_from_a_code() {
        let Ended::Done(done) = run(&mut shell("kill -SEGV $$"), soon(), 100) else {
            panic!("must end by itself")
        };
        assert_eq!((done.code, done.signal), (None, Some(11)));
    }

    #[test]
    fn what_takes_too_long_is_killed_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("late");
        let script = format!("(sleep 2; touch '{}') & sleep 60", file.display());
        let start = Instant::now();
        let ended = run(&mut shell(&script), start + Duration::from_millis(300), 100);
        assert!(matches!(ended, Ended::TimedOut), "{ended:?}");
        assert!(start.elapsed() < Duration::from_secs(2));
        std::thread::sleep(Duration::from_millis(2500));
        assert!(!file.exists(), "the process that it started lives on");
    }

    #[test]
    fn more_than_the_limit_is_too_much() {
        let ended = run(&mut shell("yes"), soon(), 1_000);
        assert!(matches!(ended, Ended::TooMuch | Ended::TimedOut), "{ended:?}");
        let start = Instant::now();
        let ended = run(&mut shell("head -c 5000 /dev/zero; sleep 1"), soon(), 1_000);
        assert!(matches!(ended, Ended::TooMuch), "{ended:?}");
        assert!(start.elapsed() < Duration::from_secs(15));
    }

    #[test]
    fn a_missing_program_says_so() {
        let ended = run(&mut Command::new("/no/such/program"), soon(), 10);
        assert!(matches!(ended, Ended::NotStarted(_)), "{ended:?}");
    }

    #[test]
    fn what_a_program_leaves_running_does_not_hang_us() {
        let start = Instant::now();
        let ended = run(&mut shell("sleep 60 & echo done"), soon(), 100);
        assert!(matches!(ended, Ended::Done(_)), "{ended:?}");
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}

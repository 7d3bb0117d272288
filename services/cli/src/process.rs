//! Processes by id and start time, as the kernel tells them.

use crate::domain::{program::Program, run_state::ProcessRef};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{fs, path::Path, time::Duration};
use tokio::time::{Instant, sleep};

const POLL: Duration = Duration::from_millis(20);

/// The process that has the id now; nothing when there is none, or it only waits to be reaped.
#[must_use]
pub fn current(pid: u32) -> Option<ProcessRef> {
    if !Path::new("/proc/self/stat").exists() {
        return kill(as_pid(pid)?, None).is_ok().then_some(ProcessRef { pid, started: 0 });
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so fields are counted after the last one. The
    // first is the state; the twentieth the start time in ticks since boot.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let started = fields.nth(18)?.parse().ok()?;
    (state != "Z" && state != "X").then_some(ProcessRef { pid, started })
}

/// Whether it still runs.
#[must_use]
pub fn is_alive(process: ProcessRef) -> bool {
    current(process.pid) == Some(process)
}

/// Sends a signal to a process that still runs.
pub fn signal(process: ProcessRef, signal: Signal) {
    if let Some(pid) = as_pid(process.pid).filter(|_| is_alive(process)) {
        // It may have ended in between, which is what is wanted.
        kill(pid, signal).ok();
    }
}

/// Whether the process runs one of our binaries.
#[must_use]
pub fn is_ours(process: ProcessRef) -> bool {
    let binary = fs::read_link(format!("/proc/{}/exe", process.pid)).ok();
    let name = binary.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
    is_alive(process) && name.is_some_and(Program::is_ours)
}

/// Asks processes to end, waits up to `grace`, and kills those that are left.
pub async fn end(processes: &[ProcessRef], grace: Duration) {
    processes.iter().for_each(|process| signal(*process, Signal::SIGTERM));
    if !gone(processes, grace).await {
        processes.iter().for_each(|process| signal(*process, Signal::SIGKILL));
        gone(processes, Duration::from_secs(5)).await;
    }
}

/// Waits up to `patience` until none of them runs.
pub async fn gone(processes: &[ProcessRef], patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    while processes.iter().any(|process| is_alive(*process)) {
        if Instant::now() >= deadline {
            return false;
        }
        sleep(POLL).await;
    }
    true
}

fn as_pid(pid: u32) -> Option<Pid> {
    // 0 and below would mean whole process groups.
    i32::try_from(pid).ok().filter(|pid| *pid > 0).map(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_process_is_known_by_its_start_time() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let process = current(child.id()).unwrap();
        let recycled = ProcessRef { started: process.started + 1, ..process };
        assert!(is_alive(process) && !is_alive(recycled));
        assert!(!is_ours(process), "sleep is none of our binaries");
        signal(recycled, Signal::SIGKILL);
        assert!(is_alive(process), "a recycled id is not signalled");
        end(&[process], Duration::from_secs(10)).await;
        assert!(!is_alive(process));
        child.wait().unwrap();
    }

    #[test]
    fn group_ids_are_never_signalled() {
        assert_eq!((as_pid(0), as_pid(u32::MAX)), (None, None));
    }
}

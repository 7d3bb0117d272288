//! What processes use, as the kernel counts it.

use std::{collections::BTreeMap, fs};

/// Kernel ticks per second, fixed on Linux.
const TICKS_PER_SECOND: u64 = 100;

/// CPU time and memory of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// CPU time so far, in microseconds.
    pub cpu_us: u64,
    /// Resident memory in KiB.
    pub resident_kib: u64,
    /// The most that it ever was.
    pub peak_kib: u64,
}

/// What each process uses now.
#[must_use]
pub fn usage(pids: &BTreeMap<String, u32>) -> BTreeMap<String, Use> {
    pids.iter().map(|(name, pid)| (name.clone(), of(*pid).unwrap_or_default())).collect()
}

fn of(pid: u32) -> Option<Use> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold spaces; the fields after it are numbered from 3.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kib = |name: &str| {
        let found = status.lines().find_map(|line| line.strip_prefix(name))?;
        found.trim().trim_end_matches("kB").trim().parse().ok()
    };
    let (resident_kib, peak_kib) = (kib("VmRSS:")?, kib("VmHWM:")?);
    Some(Use { cpu_us: ticks * 1_000_000 / TICKS_PER_SECOND, resident_kib, peak_kib })
}

//! What the kernel knows of a process: processor time and memory.

use std::fs;

/// Returns user and system time of a process in seconds, without its children's; 0 once it is gone.
pub fn cpu(pid: u32) -> f64 {
    stat(pid).map_or(0.0, |fields| seconds(&fields[11..13]))
}

/// Returns the time of a process, of its children, and of those children that have ended.
pub fn cpu_of_family(pid: u32) -> f64 {
    let own = stat(pid).map_or(0.0, |fields| seconds(&fields[11..15]));
    own + children(pid).into_iter().map(cpu).sum::<f64>()
}

/// Returns a process's parent.
pub fn parent(pid: u32) -> Option<u32> {
    stat(pid)?.get(1)?.parse().ok()
}

/// Returns the memory that a process has in RAM, in bytes.
pub fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok()).unwrap_or_default() * 1024
}

fn children(pid: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|&child| parent(child) == Some(pid)).collect()
}

/// The fields of `/proc/PID/stat` from the third on: a name with spaces and brackets stands before them.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

/// Linux counts these in hundredths of a second, whatever its own tick is.
fn seconds(ticks: &[String]) -> f64 {
    ticks.iter().filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / 100.0
}

//! The allocator, and how it gives memory back.
//!
//! mimalloc keeps what a thread has freed for what the thread allocates next, and returns it to the system while it goes on
//! allocating. A thread with nothing to do goes on with nothing: after a burst, as much as the burst needed would stay with the
//! process until the next one.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

pub use mimalloc::MiMalloc as Heap;

/// How often threads were asked to give back.
static ASKED: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// How often that was when this thread last did.
    static DONE: Cell<u32> = const { Cell::new(0) };
}

/// Asks every thread to give back what it does not need, once, when it next has [nothing to do](at_rest).
pub fn ask_back() {
    ASKED.fetch_add(1, Ordering::Relaxed);
}

/// For a thread that is about to wait for work: gives back what it keeps, if it was asked to since it last did. Otherwise this
/// compares two numbers.
pub fn at_rest() {
    let asked = ASKED.load(Ordering::Relaxed);
    if DONE.replace(asked) != asked {
        give_back();
    }
}

/// Gives back to the system what this thread has freed, and what nobody owns any more.
#[expect(unsafe_code, reason = "the allocator is C")]
fn give_back() {
    // SAFETY: it may be called by any thread at any time, and touches no memory that is in use.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    #[global_allocator]
    static HEAP: Heap = Heap;

    /// What the process holds, in KiB.
    fn resident() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    #[test]
    #[cfg_attr(not(target_os = "linux"), ignore = "asks Linux what the process holds")]
    fn a_thread_that_is_asked_gives_back_what_it_no_longer_needs() {
        const BURST_KIB: u64 = 64 * 1024;
        // Waits for work as a worker does, and has freed much before.
        let (rest, resting) = channel();
        let (tell, told) = channel();
        let worker = thread::spawn(move || {
            let burst: Vec<Vec<u8>> = (0..BURST_KIB).map(|_| vec![1; 1024]).collect();
            tell.send(resident()).unwrap();
            drop(burst);
            resting.recv().unwrap();
            at_rest();
            tell.send(resident()).unwrap();
            // What it holds does not go with it.
            resting.recv().unwrap_err();
        });
        let full = told.recv().unwrap();
        ask_back();
        rest.send(()).unwrap();
        let left = told.recv().unwrap();
        assert!(left + BURST_KIB * 3 / 4 < full, "of {full} KiB {left} are left");
        drop(rest);
        worker.join().unwrap();
    }
}

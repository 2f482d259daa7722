//! A table of descriptors for each reader.
//!
//! Of what a reader does, nearly all is opening, reading and closing small files. Where threads share one table, each of
//! these calls takes the table's lock or counts a reference, which on two processors costs 3 to 5 % of a whole store.

/// Gives this thread a table of its own, which begins as a copy of the one that it shared; the threads that it starts
/// share the new one. What it opens is nothing to other threads. What is open now stays open until it ends: who holds a
/// lock by a descriptor has to give it back, not only close it.
///
/// False where the system has no such call (kernels before 5.9, some containers): the table stays shared, and all goes on a
/// little slower.
pub fn own_table() -> bool {
    #[cfg(target_os = "linux")]
    #[expect(unsafe_code, reason = "there is no safe form; no descriptor is closed by it")]
    // SAFETY: the range begins behind the last descriptor that there can be, so nothing is closed. Files that this thread
    // owns stay with it, those of others are never touched by it.
    unsafe {
        let behind_all = libc::c_uint::MAX;
        libc::syscall(libc::SYS_close_range, behind_all, behind_all, libc::CLOSE_RANGE_UNSHARE) == 0
    }
    #[cfg(not(target_os = "linux"))]
    false
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::os::fd::AsRawFd;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn what_a_reader_opens_is_in_no_other_table() {
        let (opened, tell) = mpsc::channel();
        let (done, wait) = mpsc::channel::<()>();
        let reader = thread::spawn(move || {
            let has_own = super::own_table();
            // A name of its own, so that no other test can have it open.
            let file = tempfile::tempfile().unwrap();
            let name = std::fs::read_link(format!("/proc/thread-self/fd/{}", file.as_raw_fd())).unwrap();
            opened.send(has_own.then_some(name)).unwrap();
            let _ = wait.recv(); // until the other has looked
        });
        let Some(name) = tell.recv().unwrap() else { return };
        let open = std::fs::read_dir("/proc/thread-self/fd").unwrap().flatten();
        let is_here = open.filter_map(|entry| std::fs::read_link(entry.path()).ok()).any(|path| path == name);
        drop(done);
        reader.join().unwrap();
        assert!(!is_here, "{} is open here too", name.display());
    }
}

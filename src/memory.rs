//! How memory is asked for: one arena; and how it is given back.
//!
//! glibc reserves 64 MiB of address space for every thread that allocates. On login nodes `ulimit -v` counts that, and
//! seven threads would not fit into 300 MiB although a tenth of it is used. One arena also has fewer holes: what a reader
//! allocates is given back by the store's thread.

/// Lets all threads share one arena. They allocate little, since readers use their buffers again. Called once, before there are other threads.
pub fn share_arena() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "mallopt has no safe form; it only sets a number")]
    // SAFETY: mallopt takes two integers and touches only the allocator's own settings.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Gives the pages that hold nothing any more back to the system. glibc does so only with what lies at the end of the arena,
/// so that what a busy moment took would stay for days. Others wait for the arena meanwhile: not while there is work.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "malloc_trim has no safe form; it takes only what is free")]
    // SAFETY: malloc_trim takes a number of bytes to keep and the allocator's own lock.
    unsafe {
        libc::malloc_trim(0);
    }
}

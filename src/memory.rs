//! How memory is asked for: one arena.
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

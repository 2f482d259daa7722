//! How memory is asked for: few arenas.
//!
//! glibc reserves 64 MiB of address space for every thread that allocates. On login nodes `ulimit -v` counts that, and
//! seven threads would not fit into 300 MiB although a tenth of it is used.

/// Lets all threads share two arenas. Called once, before there are other threads.
pub fn share_arenas() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "mallopt has no safe form; it only sets a number")]
    // SAFETY: mallopt takes two integers and touches only the allocator's own settings.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}

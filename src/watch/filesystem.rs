//! On which file systems events come: only where all that writes goes through this machine's kernel.
//!
//! On network file systems `inotify` takes every watch and tells nothing of what other machines write. The list is that of
//! local ones; whatever is not on it is polled, as `tail -F` does it.

use std::path::Path;

/// Magic numbers of `statfs(2)` and whether events can be trusted there; the names are for the header.
const KNOWN: &[(u64, &str, bool)] = &[
    (0xEF53, "ext", true),
    (0x5846_5342, "xfs", true),
    (0x9123_683E, "btrfs", true),
    (0x0102_1994, "tmpfs", true),
    (0x2FC1_2FC1, "zfs", true),
    (0xF2F5_2010, "f2fs", true),
    (0xCA45_1A4E, "bcachefs", true),
    (0x8584_58F6, "ramfs", true),
    (0x5265_4973, "reiserfs", true),
    (0x3153_464A, "jfs", true),
    (0x4D44, "fat", true),
    (0x2011_BAB0, "exfat", true),
    (0x6969, "nfs", false),
    (0xFF53_4D42, "cifs", false),
    (0xFE53_4D42, "smb", false),
    (0x517B, "smb", false),
    (0x6573_5546, "fuse", false),
    (0x0BD0_0BD0, "lustre", false),
    (0x4750_4653, "gpfs", false),
    (0x1983_0326, "beegfs", false),
    (0x00C3_6400, "ceph", false),
    (0xAAD7_AAEA, "panfs", false),
    (0x5346_414F, "afs", false),
    (0x0116_1970, "gfs2", false),
    (0x7461_636F, "ocfs2", false),
    (0x0102_1997, "9p", false),
    (0x786F_4256, "vboxsf", false),
    (0x794C_7630, "overlay", true),
    (0x6A65_6A63, "virtiofs", false),
    (0xBACB_ACBC, "vmhgfs", false),
];

/// The name of the file system that a folder lies on, where events do not come; none where they do.
pub fn without_events(folder: &Path) -> Option<&'static str> {
    // Who cannot be asked is watched: what no event tells is found by looking all the same.
    let magic = rustix::fs::statfs(folder).ok()?.f_type as u64 & 0xFFFF_FFFF;
    by_magic(magic)
}

fn by_magic(magic: u64) -> Option<&'static str> {
    match KNOWN.iter().find(|(known, ..)| *known == magic) {
        Some((_, _, true)) => None,
        Some((_, name, false)) => Some(name),
        None => Some("unknown file system"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_file_systems_are_watched_and_all_others_polled() {
        for local in [0xEF53, 0x5846_5342, 0x0102_1994] {
            assert_eq!(by_magic(local), None);
        }
        assert_eq!(by_magic(0x6969), Some("nfs"));
        assert_eq!(by_magic(0x0BD0_0BD0), Some("lustre"));
        assert_eq!(by_magic(0x1234_5678), Some("unknown file system"));
    }

    #[test]
    fn proc_is_no_file_system_for_stores() {
        assert_eq!(without_events(Path::new("/proc")), Some("unknown file system"));
        assert_eq!(without_events(Path::new("/nothing/there")), None);
    }
}

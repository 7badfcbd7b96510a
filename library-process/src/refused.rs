//! The system calls that a confined process has given up, by number.
//!
//! All others go on working, up to [`LAST`]: what a call that did not exist yet would do is not known here.

use libc::{c_long, *};

/// The last call of Linux 6.18. All later ones are unknown, and so are those of the x32 ABI, which have a higher bit set.
pub(crate) const LAST: u32 = 469;

// Missing in libc for one of the targets. From 424 on, all architectures have the same numbers.
const SYS_FCHMODAT2: c_long = 452;
const SYS_SETXATTRAT: c_long = 463;
const SYS_REMOVEXATTRAT: c_long = 466;
const SYS_OPEN_TREE_ATTR: c_long = 467;
const SYS_FILE_SETATTR: c_long = 469;
#[cfg(target_arch = "x86_64")]
const SYS_RENAMEAT: c_long = 264;
#[cfg(target_arch = "x86_64")]
const SYS_KEXEC_FILE_LOAD: c_long = 320;
#[cfg(target_arch = "aarch64")]
const SYS_RENAMEAT: c_long = 38;
#[cfg(target_arch = "aarch64")]
const SYS_KEXEC_FILE_LOAD: c_long = 294;

/// Open, create, change and remove what has a name in the file system; or learn when others do.
const FILES: &[c_long] = &[
    SYS_openat,
    SYS_openat2,
    SYS_open_by_handle_at,
    SYS_name_to_handle_at,
    SYS_mkdirat,
    SYS_mknodat,
    SYS_linkat,
    SYS_symlinkat,
    SYS_unlinkat,
    SYS_RENAMEAT,
    SYS_renameat2,
    SYS_truncate,
    SYS_fchmodat,
    SYS_FCHMODAT2,
    SYS_fchownat,
    SYS_utimensat,
    SYS_setxattr,
    SYS_lsetxattr,
    SYS_SETXATTRAT,
    SYS_removexattr,
    SYS_lremovexattr,
    SYS_REMOVEXATTRAT,
    SYS_FILE_SETATTR,
    SYS_inotify_init1,
    SYS_inotify_add_watch,
    SYS_fanotify_init,
    SYS_fanotify_mark,
    SYS_acct,
    SYS_swapon,
    SYS_swapoff,
    SYS_quotactl,
    SYS_quotactl_fd,
];

/// The tree of files itself, and the view of the system that a process has.
const MOUNTS: &[c_long] = &[
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_open_tree,
    SYS_OPEN_TREE_ATTR,
    SYS_move_mount,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_mount_setattr,
    SYS_unshare,
    SYS_setns,
];

/// New connections: sockets, and what System V and POSIX have for processes to meet at.
const CONNECTIONS: &[c_long] = &[
    SYS_socket,
    SYS_socketpair,
    SYS_connect,
    SYS_bind,
    SYS_listen,
    SYS_accept,
    SYS_accept4,
    SYS_shmget,
    SYS_shmat,
    SYS_shmctl,
    SYS_semget,
    SYS_semctl,
    SYS_semop,
    SYS_semtimedop,
    SYS_msgget,
    SYS_msgctl,
    SYS_msgsnd,
    SYS_msgrcv,
    SYS_mq_open,
    SYS_mq_unlink,
];

/// New programs, and other processes. `fork` is a `clone`, too, whose flags are looked at.
const PROCESSES: &[c_long] = &[
    SYS_execve,
    SYS_execveat,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_process_madvise,
    SYS_process_mrelease,
    SYS_kcmp,
    SYS_pidfd_open,
    SYS_pidfd_getfd,
    SYS_pidfd_send_signal,
    SYS_perf_event_open,
    // Names any thread of the system. Since glibc 2.3 it is `tgkill` that sends a signal to a thread.
    #[cfg(target_env = "gnu")]
    SYS_tkill,
];

/// The system as a whole; and what is often at fault when a process breaks out of where it is.
const SYSTEM: &[c_long] = &[
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_KEXEC_FILE_LOAD,
    SYS_reboot,
    SYS_syslog,
    SYS_bpf,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_userfaultfd,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_clock_adjtime,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_vhangup,
];

/// The older forms of some, which newer architectures lack.
#[cfg(target_arch = "x86_64")]
const OLDER: &[c_long] = &[
    SYS_open,
    SYS_creat,
    SYS_mkdir,
    SYS_rmdir,
    SYS_mknod,
    SYS_link,
    SYS_symlink,
    SYS_unlink,
    SYS_rename,
    SYS_chmod,
    SYS_chown,
    SYS_lchown,
    SYS_utime,
    SYS_utimes,
    SYS_futimesat,
    SYS_inotify_init,
    SYS_uselib,
    SYS_fork,
    SYS_vfork,
    SYS_iopl,
    SYS_ioperm,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[c_long] = &[];

/// All that are refused whatever their arguments are.
pub(crate) fn calls() -> impl Iterator<Item = c_long> {
    [FILES, MOUNTS, CONNECTIONS, PROCESSES, SYSTEM, OLDER]
        .into_iter()
        .flatten()
        .copied()
}

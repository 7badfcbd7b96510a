//! What a confined process has given up, and what it has not. Each row is tried without `confine` as well.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;
use std::ptr::NonNull;
use std::sync::Arc;
use std::thread;

use inplace_exchange_host::{Error, LentMemory, ProcessEnd, Remote, Request, Waiting};
use libc::{EBADF, ENOENT, ENOSYS, ENOTTY, EPERM, ESRCH};
use library_process::{Client, Options};
use seccompiler::{SeccompAction, SeccompFilter, apply_filter};

fn attempts(confine: bool) -> Client {
    client("attempts", confine)
}

fn client(library: &str, confine: bool) -> Client {
    let library = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../target/fixtures/{library}.so"));
    let options = Options {
        timeout: None,
        restarts: 3,
        isolate: false,
        confine,
        shared: false,
    };
    let program = PathBuf::from(env!("CARGO_BIN_EXE_inplace-exchange-library"));
    Client::new(program, library.canonicalize().unwrap(), options)
}

fn lend(client: &Client, bytes: &mut [u8]) -> Result<i64, Box<Error>> {
    let data = NonNull::new(bytes.as_mut_ptr()).unwrap();
    // SAFETY: the bytes are this function's for the time of the call.
    let memory = unsafe { LentMemory::new(data, bytes.len()) };
    client.call(&memory, &Request::default(), &Waiting::default())
}

/// The `errno` that an attempt has ended with, or 0.
fn attempt(client: &Client, name: &str) -> Result<i32, Box<Error>> {
    let mut bytes = [0; 64];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    let len = lend(client, &mut bytes)?;
    assert_eq!(len, 4, "an attempt of this name: {name}");
    Ok(i32::from_ne_bytes(bytes[..4].try_into().unwrap()))
}

/// The attempt; what comes of it otherwise, and in a confined process.
const GIVEN_UP: [(&str, i32, i32); 30] = [
    ("open", 0, EPERM),
    ("openat2", 0, EPERM),
    ("create", 0, EPERM),
    ("mkdir", 0, EPERM),
    ("unlink", ENOENT, EPERM),
    ("rename", ENOENT, EPERM),
    ("chmod", ENOENT, EPERM),
    ("socket inet", 0, EPERM),
    ("socket unix", 0, EPERM),
    ("socketpair", 0, EPERM),
    ("connect", 0, EPERM),
    ("shmget", 0, EPERM),
    ("fork", 0, EPERM),
    ("vfork", 0, EPERM),
    ("clone3", 0, ENOSYS),
    ("posix_spawn", 0, EPERM),
    ("execve", ENOENT, EPERM),
    ("unshare", 0, EPERM),
    ("io_uring", EBADF, EPERM),
    ("ptrace", ESRCH, EPERM),
    ("process_vm_readv", ESRCH, EPERM),
    ("kill app", 0, EPERM),
    ("tgkill app", 0, EPERM),
    ("F_SETOWN app", 0, EPERM),
    ("prlimit app", 0, EPERM),
    ("TIOCSTI", ENOTTY, EPERM),
    ("open in a thread", 0, EPERM),
    ("open in a thread from before", 0, EPERM),
    ("open in exchange_open", 0, EPERM),
    (
        "a call of 32 bits",
        0,
        if cfg!(target_arch = "x86_64") { ENOSYS } else { 0 },
    ),
];

const KEPT: [&str; 8] = [
    "kill itself",
    "getrlimit",
    "memfd",
    "read from before",
    "stat",
    "malloc",
    "clock",
    "thread",
];

#[test]
fn a_confined_process_has_given_up_files_connections_and_processes() {
    let (free, confined) = (attempts(false), attempts(true));
    for client in [&free, &confined] {
        assert_eq!(client.open().unwrap(), Ok(()));
    }
    let outcomes = GIVEN_UP.map(|(name, ..)| (name, attempt(&free, name).unwrap(), attempt(&confined, name).unwrap()));
    assert_eq!(outcomes, GIVEN_UP);
    assert_eq!(attempt(&confined, "an unknown call").unwrap(), ENOSYS);
    let kept = KEPT.map(|name| (name, attempt(&confined, name).unwrap()));
    assert_eq!(kept, KEPT.map(|name| (name, 0)));
    assert_eq!(confined.restarts(), 0, "none of them has ended the process");
}

#[test]
fn calls_from_new_threads_and_of_megabytes_work_in_a_confined_process() {
    let confined = Arc::new(client("address", true));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let confined = Arc::clone(&confined);
            thread::spawn(move || {
                let mut bytes = vec![0; 8 << 20];
                assert_eq!(lend(&confined, &mut bytes).unwrap(), 8 << 20);
                assert!(bytes[16..].iter().all(|byte| *byte == 0xA5));
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_crash_of_a_confined_process_is_as_any_other_and_the_next_one_is_confined_too() {
    let confined = attempts(true);
    for (name, signal) in [("abort", libc::SIGABRT), ("crash", libc::SIGSEGV)] {
        match *attempt(&confined, name).unwrap_err() {
            Error::LibraryCrashed { end, .. } => assert_eq!(end, ProcessEnd::Killed(signal)),
            other => panic!("{other:?}"),
        }
        assert_eq!(attempt(&confined, "open").unwrap(), EPERM);
        assert_eq!(attempt(&confined, "fork").unwrap(), EPERM);
    }
    assert_eq!(confined.restarts(), 2);
}

/// As on a system where the kernel, or what runs the app, allows no filter.
fn without_seccomp() {
    let rules = [(libc::SYS_seccomp, Vec::new())].into_iter().collect();
    let refuse = SeccompAction::Errno(libc::EINVAL.cast_unsigned());
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        refuse,
        std::env::consts::ARCH.try_into().unwrap(),
    );
    let program: seccompiler::BpfProgram = filter.unwrap().try_into().unwrap();
    apply_filter(&program).unwrap();
}

#[test]
fn a_process_that_cannot_be_confined_is_refused() {
    let refused = |library, reason: &str| {
        assert!(!client(library, false).start().unwrap().confined);
        let error = client(library, true).start().unwrap_err();
        assert_eq!(error.code(), "ERR_PROCESS_UNAVAILABLE");
        let message = error.to_string();
        assert!(
            message.contains("it cannot be confined") && message.contains(reason),
            "{message}"
        );
    };
    refused("attempts-filters", "synchronization failed");
    let system = thread::spawn(move || {
        without_seccomp(); // for this thread, and what it starts
        refused("attempts", "os error 22");
    });
    system.join().unwrap();
}

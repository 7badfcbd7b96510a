//! Programs that several windows have, and that are stuck, or end when a window is about to use them.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod windows;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use inplace_exchange_host::{Error, Remote};
use library_process::{Client, Options};
use windows::*;

const LIMITED: Options = Options {
    timeout: Some(Duration::from_secs(1)),
    ..OPTIONS
};

#[test]
#[ignore = "does what other tests ask for"]
fn is_started_again() {
    if env::var_os(TASK).is_some() {
        once(&PathBuf::from(env::var_os(LIBRARY).unwrap()));
    }
}

/// The programs that run a library.
fn programs_of(library: &Path) -> Vec<i32> {
    let pids = fs::read_dir("/proc").unwrap();
    let pids = pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let runs = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0);
        words.next() == Some(program().as_os_str().as_encoded_bytes())
            && words.next() == Some(library.as_os_str().as_encoded_bytes())
    };
    pids.filter(runs).collect()
}

fn starts(window: &Arc<Client>) -> thread::JoinHandle<Result<(), Box<Error>>> {
    let window = Arc::clone(window);
    thread::spawn(move || window.start().map(drop))
}

#[test]
fn a_window_that_has_joined_a_program_which_ends_before_it_can_be_used_has_the_next_one() {
    let naps = copy_of("nap-load", "stuck-joins");
    let (first, other) = (Arc::new(window(&naps, OPTIONS)), Arc::new(window(&naps, OPTIONS)));
    let first_starts = starts(&first);
    until(|| !programs_of(&naps).is_empty());
    let other_starts = starts(&other);
    let pid = programs_of(&naps)[0];
    until(|| threads_of(pid, "app") == 2); // both have joined, and it still loads the library
    kill(pid);
    let error = first_starts.join().unwrap().unwrap_err();
    assert_eq!(error.code(), "ERR_PROCESS_UNAVAILABLE", "it was started for this one");
    other_starts.join().unwrap().unwrap();
    assert!(other.pid().is_some_and(|next| next != pid));
    exchange(&first, &mut [0; 64]).unwrap();
    assert_eq!(first.pid(), other.pid());
}

#[test]
fn a_window_that_joins_while_another_one_ends_the_program_has_the_next_one() {
    let faults = copy_of("faults", "stuck-killed");
    let limited = Options {
        timeout: Some(Duration::from_millis(50)),
        restarts: usize::MAX,
        ..OPTIONS
    };
    let this = window(&faults, limited.clone());
    let stopping = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stopping.load(Ordering::Relaxed) {
                let other = window(&faults, limited.clone());
                other.start().unwrap();
            }
        });
        for _ in 0..40 {
            let mut request = [0; 64];
            request[0] = b'L';
            assert_eq!(exchange(&this, &mut request).unwrap_err().code(), "ERR_LIBRARY_TIMEOUT");
        }
        stopping.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_last_close_that_never_returns_is_not_waited_for() {
    let stuck = copy_of("life-stuck", "stuck-close");
    let this = window(&stuck, OPTIONS);
    assert_eq!(this.open().unwrap(), Ok(()));
    let pid = this.pid().unwrap();
    let begun = Instant::now();
    this.close();
    let next = window(&stuck, OPTIONS);
    assert_eq!(next.open().unwrap(), Ok(()));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(has_ended(pid) && next.pid() != Some(pid));
    assert_eq!(next.restarts(), 0, "it was ended as nobody used it");
}

#[test]
fn a_call_that_waits_in_a_program_which_was_stopped_is_limited() {
    let camera = copy_of("camera", "stuck-waits");
    let (other, this) = (Arc::new(window(&camera, OPTIONS)), Arc::new(window(&camera, LIMITED)));
    picture(&other, 0).unwrap();
    picture(&this, 0).unwrap();
    let pid = this.pid().unwrap();
    let pictures = |window: &Arc<Client>| {
        let window = Arc::clone(window);
        thread::spawn(move || picture(&window, u32::MAX))
    };
    let call = pictures(&other);
    thread::sleep(Duration::from_millis(300));
    let waits = pictures(&this);
    thread::sleep(Duration::from_millis(1500));
    assert!(!waits.is_finished(), "the other window's call may take longer");
    let begun = Instant::now();
    stop(pid);
    let error = waits.join().unwrap().unwrap_err();
    assert!(matches!(*error, Error::LibraryTimeout { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    call.join().unwrap().unwrap_err();
    assert_eq!(picture(&this, 0).unwrap(), 64);
}

#[test]
fn a_program_that_has_no_room_for_another_thread_goes_on_for_the_others() {
    let camera = copy_of("camera-concurrent", "stuck-threads");
    let (this, other) = (window(&camera, OPTIONS), window(&camera, OPTIONS));
    assert_eq!(picture(&this, 0).unwrap(), 64);
    other.start().unwrap();
    let pid = this.pid().unwrap();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let size: u64 = size.trim().trim_end_matches(" kB").parse().unwrap();
    limit(pid, libc::RLIMIT_AS, (size << 10) + (1 << 20)); // a thread's stack is larger
    let error = picture(&other, 0).unwrap_err();
    assert!(matches!(*error, Error::LibraryCrashed { .. }), "{error}");
    assert_eq!((picture(&this, 0).unwrap(), this.pid()), (64, Some(pid)));
    limit(pid, libc::RLIMIT_AS, libc::RLIM_INFINITY);
    assert_eq!((picture(&other, 0).unwrap(), other.pid()), (64, Some(pid)));
}

#[test]
fn one_that_crashes_when_it_is_opened_again_is_not_started_for_ever() {
    run_alone("once", &fixture("life-once"));
}

fn once(library: &Path) {
    for shared in [false, true] {
        let _ = fs::remove_file(env::var_os("CAMERA_LOG").unwrap());
        library_process::listen(&program()).unwrap();
        let this = window(library, Options { shared, ..OPTIONS });
        assert_eq!(this.open().unwrap(), Ok(()));
        kill(this.pid().unwrap());
        until(|| this.pid().is_none());
        for restarts in 1..=3 {
            let error = exchange(&this, &mut [0; 64]).unwrap_err();
            assert_eq!(error.code(), "ERR_LIBRARY_CRASHED");
            assert_eq!(this.restarts(), restarts);
        }
        let error = exchange(&this, &mut [0; 64]).unwrap_err();
        assert_eq!(error.code(), "ERR_LIBRARY_STOPPED", "shared: {shared}");
    }
}

//! Programs and libraries that lie: the app neither crashes nor hangs, and has left nothing behind afterwards.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use inplace_exchange_host::{Error, LentMemory, ProcessEnd, Remote, Request, Waiting};
use library_process::{Client, Options};

/// One test at a time: each compares what the process has before and after it.
static ALONE: Mutex<()> = Mutex::new(());

const UNLIMITED: usize = usize::MAX;

fn hostile(timeout: Option<Duration>) -> Client {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_inplace-exchange-library"));
    started_by(program, timeout)
}

fn started_by(program: PathBuf, timeout: Option<Duration>) -> Client {
    let library = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/fixtures/hostile.so");
    let options = Options {
        timeout,
        restarts: UNLIMITED,
        isolate: false,
        confine: false,
        shared: false,
    };
    Client::new(program, library.canonicalize().unwrap(), options)
}

/// A program that is a script of the shell, whose descriptor 0 is the socket.
fn script(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, format!("#!/bin/sh\nexec 2>/dev/null\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn exchange(client: &Client, bytes: &mut [u8]) -> Result<i64, Box<Error>> {
    let data = NonNull::new(bytes.as_mut_ptr()).unwrap();
    // SAFETY: the bytes are this function's for the time of the call.
    let memory = unsafe { LentMemory::new(data, bytes.len()) };
    client.call(&memory, &Request::default(), &Waiting::default())
}

/// What a call does with this first byte of its request. The memory is as it was if it fails.
fn ask(client: &Client, what: u8) -> Result<i64, Box<Error>> {
    let mut bytes = [what; 5000];
    let outcome = exchange(client, &mut bytes);
    let expected = if outcome.is_ok() { 0xA5 } else { what };
    assert!(bytes.iter().all(|byte| *byte == expected));
    outcome
}

fn code<T>(outcome: Result<T, Box<Error>>) -> Option<&'static str> {
    outcome.err().map(|error| error.code())
}

/// How many tasks of a folder have these words in a file of theirs.
fn count_if(folder: &str, file: &str, words: &str) -> usize {
    let texts = fs::read_dir(folder)
        .unwrap()
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join(file)).ok());
    texts.filter(|text| text.contains(words)).count()
}

/// What this process has: its descriptors, threads that wait for a program, mappings of shared memory, and children.
#[derive(Debug, PartialEq, Eq)]
struct Belongings {
    descriptors: usize,
    watchers: usize,
    memories: usize,
    children: usize,
}

impl Belongings {
    fn now() -> Self {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let parent = format!("\nPPid:\t{}\n", std::process::id());
        Self {
            descriptors: fs::read_dir("/proc/self/fd").unwrap().count(),
            watchers: count_if("/proc/self/task", "comm", "library-watcher\n"),
            memories: maps.matches("exchange-control").count() + maps.matches("exchange-buffers").count(),
            children: count_if("/proc", "status", &parent),
        }
    }
}

/// While it lives, no other test runs. At its end all is as it was at its start.
struct Watched {
    before: Belongings,
    _alone: MutexGuard<'static, ()>,
}

impl Watched {
    fn new() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            before: Belongings::now(),
            _alone: alone,
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let started = Instant::now();
        while Belongings::now() != self.before && !thread::panicking() {
            assert!(
                started.elapsed() < Duration::from_secs(5),
                "{:?} instead of {:?}",
                Belongings::now(),
                self.before
            );
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn a_program_that_answers_nonsense_is_refused() {
    let _watched = Watched::new();
    for (name, text) in [
        ("truncated", "printf '\\020\\000\\000\\000abc' >&0"),
        ("cut", "printf '\\001' >&0"),
        ("huge", "printf '\\377\\377\\377\\377' >&0; exec sleep 100"),
        ("endless", "exec cat /dev/zero >&0"),
        (
            "garbage",
            "exec 3<&0; head -c 100000 /dev/urandom | tr '\\000-\\010' x >&3",
        ),
        (
            "lengths",
            "printf '\\014\\000\\000\\000\\000\\001\\377\\377\\377\\377\\377\\377\\377\\377\\377\\001' >&0",
        ),
        ("exits", "exit 7"),
        ("killed", "kill -9 $$"),
        ("closes", "exec <&-; exec sleep 100"),
        ("child", "exec 3<&0; sleep 20 <&3 >/dev/null & exit 0"),
    ] {
        let program = script(name, text);
        for _ in 0..20 {
            let started = Instant::now();
            let client = started_by(program.clone(), None);
            match *client.start().unwrap_err() {
                Error::ProcessUnavailable { source, .. } if name == "exits" => assert_eq!(
                    source.to_string(),
                    "it has exited with 7 before it had loaded the library"
                ),
                Error::ProcessUnavailable { .. } => {}
                other => panic!("{name}: {other:?}"),
            }
            assert!(started.elapsed() < Duration::from_secs(5), "{name}");
        }
    }
}

#[test]
fn a_program_that_says_nothing_is_given_up_after_ten_seconds() {
    let _watched = Watched::new();
    let silent = Arc::new(started_by(
        script("silent", "exec sleep 100"),
        Some(Duration::from_millis(1)),
    ));
    let starting = Arc::clone(&silent);
    let started = Instant::now();
    let start = thread::spawn(move || code(starting.start()));
    while !start.is_finished() {
        // Nobody else is held up meanwhile.
        let asked = Instant::now();
        silent.cancel();
        silent.close();
        assert!(silent.pid().is_none() && silent.restarts() == 0 && silent.can_cancel());
        assert!(asked.elapsed() < Duration::from_secs(5));
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(start.join().unwrap(), Some("ERR_PROCESS_UNAVAILABLE"));
    let took = started.elapsed();
    assert!(
        took >= Duration::from_secs(10) && took < Duration::from_secs(20),
        "{took:?}"
    );
}

#[test]
fn lies_in_a_lane_end_the_process_and_its_calls() {
    let _watched = Watched::new();
    let client = hostile(Some(Duration::from_millis(600)));
    for _ in 0..5 {
        for what in [b'i', b'd', b'g'] {
            match *ask(&client, what).unwrap_err() {
                Error::LibraryCrashed { end, .. } => assert_eq!(end, ProcessEnd::Killed(libc::SIGKILL)),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(code(ask(&client, b'q')), Some("ERR_LIBRARY_TIMEOUT"));
        let mut bytes = [b'a'; 64];
        assert_eq!(
            exchange(&client, &mut bytes).unwrap(),
            i64::MAX,
            "for the host to refuse"
        );
        assert_eq!(
            code(ask(&client, b'.')),
            Some("ERR_LIBRARY_TIMEOUT"),
            "its thread is not back"
        );
        assert_eq!(ask(&client, b'.').unwrap(), 5000);
    }
}

#[test]
fn a_library_that_scribbles_all_the_time_hangs_nobody() {
    let _watched = Watched::new();
    for what in [b'f', b'm', b'c', b's'] {
        let client = Arc::new(hostile(Some(Duration::from_millis(200))));
        let _ = exchange(&client, &mut [what; 64]);
        let threads = [(); 4].map(|()| {
            let client = Arc::clone(&client);
            thread::spawn(move || {
                for _ in 0..20 {
                    let mut bytes = [b'.'; 5000];
                    if exchange(&client, &mut bytes).is_err() {
                        assert_eq!(bytes, [b'.'; 5000]);
                        let _ = exchange(&client, &mut [what; 64]);
                    }
                    client.cancel();
                    let words = client.error_message(-1).unwrap_or_default();
                    assert!(words.len() <= 3 * 512);
                }
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
    }
}

#[test]
fn a_child_that_outlives_its_program_holds_up_nobody() {
    let _watched = Watched::new();
    let client = Arc::new(hostile(None));
    for _ in 0..5 {
        client.start().unwrap();
        let started = Instant::now();
        let waiting = [(); 2].map(|()| {
            let client = Arc::clone(&client);
            thread::spawn(move || code(ask(&client, b'L')))
        });
        let tasks = format!("/proc/{}/task", client.pid().unwrap());
        while count_if(&tasks, "comm", "exchange\n") < 2 {
            assert!(started.elapsed() < Duration::from_secs(5));
            thread::sleep(Duration::from_millis(1)); // they are about to call, or call
        }
        thread::sleep(Duration::from_millis(50));
        assert_eq!(code(ask(&client, b'k')), Some("ERR_LIBRARY_CRASHED"));
        for thread in waiting {
            assert_eq!(thread.join().unwrap(), Some("ERR_LIBRARY_CRASHED"));
        }
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

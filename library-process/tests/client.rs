//! A library in a process of its own, with the real program and the libraries that the tests of the addon load.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::PathBuf;
use std::ptr::NonNull;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use inplace_exchange_host::{Error, LentMemory, ProcessEnd, Remote, Request, Waiting};
use library_process::{Client, Options};

fn fixture(name: &str) -> PathBuf {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/fixtures");
    fixtures.join(format!("{name}.so")).canonicalize().unwrap()
}

const OPTIONS: Options = Options {
    timeout: None,
    restarts: 3,
    isolate: false,
    confine: false,
    shared: false,
};

fn client(library: &str) -> Client {
    with_options(library, OPTIONS)
}

fn with_options(library: &str, options: Options) -> Client {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_inplace-exchange-library"));
    Client::new(program, fixture(library), options)
}

fn exchange(client: &Client, bytes: &mut [u8]) -> Result<i64, Box<Error>> {
    let data = NonNull::new(bytes.as_mut_ptr()).unwrap();
    // SAFETY: the bytes are this function's for the time of the call.
    let memory = unsafe { LentMemory::new(data, bytes.len()) };
    client.call(&memory, &Request::default(), &Waiting::default())
}

/// The descriptors of a process: the number of each, and what it is.
fn descriptors(pid: i32) -> Vec<(u32, String)> {
    let mut found: Vec<(u32, String)> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let number = entry.file_name().to_str().unwrap().parse().unwrap();
            (
                number,
                fs::read_link(entry.path()).unwrap().to_string_lossy().into_owned(),
            )
        })
        .collect();
    found.sort();
    found
}

fn has_ended(pid: i32) -> bool {
    !PathBuf::from(format!("/proc/{pid}")).exists()
}

fn until(condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(10), "in time");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_library_says_what_it_is() {
    let named = client("named");
    let description = named.start().unwrap();
    assert_eq!(description.name, "A name of its own");
    assert_eq!(description.abi_version, 1);
    assert_eq!(description.path, fixture("named").as_os_str().as_encoded_bytes());
    assert!(description.serial && !description.can_cancel);
    let camera = client("camera-concurrent").start().unwrap();
    assert!(!camera.serial && camera.can_cancel);
}

#[test]
fn an_exchange_fills_the_memory() {
    let address = client("address");
    for len in [16, 64, 4096, 4097, 8_294_400] {
        let mut bytes = vec![0; len];
        assert_eq!(exchange(&address, &mut bytes).unwrap(), i64::try_from(len).unwrap());
        assert_eq!(
            u64::from_le_bytes(bytes[8..16].try_into().unwrap()),
            len as u64,
            "the length that it was lent"
        );
        assert!(bytes[16..].iter().all(|byte| *byte == 0xA5));
    }
    let upper = client("uppercase-c");
    let mut text = b"the request is in the memory".to_vec();
    exchange(&upper, &mut text).unwrap();
    assert_eq!(text, b"THE REQUEST IS IN THE MEMORY");
    assert_eq!(exchange(&upper, &mut []).unwrap(), 0, "no bytes at all");
}

#[test]
fn return_values_and_messages_arrive_as_they_are() {
    for (library, value) in [
        ("negative", -9),
        ("int64-min", i64::MIN),
        ("int64-max", i64::MAX),
        ("too-small", 1064),
    ] {
        assert_eq!(exchange(&client(library), &mut [0; 64]).unwrap(), value);
    }
    let message = |library, status| {
        let client = client(library);
        client.start().unwrap();
        client.error_message(status)
    };
    assert_eq!(message("negative-message", -9).as_deref(), Some("the lens cap is on"));
    assert_eq!(
        message("negative-message-not-utf8", -9).as_deref(),
        Some("\u{fffd}\u{fffd} lens")
    );
    assert_eq!(message("negative", -9), None);
}

#[test]
fn the_program_has_no_descriptors_but_its_own() {
    let mut inherited = [0; 2];
    // SAFETY: there is room for two descriptors, which a child inherits.
    assert_eq!(unsafe { libc::pipe(inherited.as_mut_ptr()) }, 0);
    let zero = client("zero");
    exchange(&zero, &mut [0; 8]).unwrap();
    let found = descriptors(zero.pid().unwrap());
    let name = |number| {
        fs::read_link(format!("/proc/self/fd/{number}"))
            .unwrap()
            .to_string_lossy()
            .into_owned()
    };
    let stream = |number| (number, name(number));
    assert_eq!(found[..3], [(0, "/dev/null".to_owned()), stream(1), stream(2)]);
    let names: Vec<_> = found[3..]
        .iter()
        .map(|(number, name)| (*number, name.split(':').next().unwrap()))
        .collect();
    if cfg!(feature = "portable") {
        // And one for the lane. This library cannot be cancelled.
        assert!(
            names.len() == 2 && names.iter().all(|(_, name)| *name == "socket"),
            "{found:?}"
        );
    } else {
        assert_eq!(names, [(3, "socket")]);
    }
    // SAFETY: the two of above, which nothing else uses.
    unsafe { libc::close(inherited[0]) };
    // SAFETY: as above.
    unsafe { libc::close(inherited[1]) };
}

#[test]
fn a_library_that_cannot_be_loaded_is_refused_with_its_code() {
    for (library, expected) in [("nothing", "ERR_LIBRARY_SYMBOL"), ("abi-99", "ERR_LIBRARY_ABI")] {
        match client(library).start() {
            Err(error) => assert_eq!(error.code(), expected),
            Ok(description) => panic!("{description:?}"),
        }
    }
    let nowhere = Client::new(PathBuf::from("/nowhere"), fixture("zero"), OPTIONS);
    assert_eq!(nowhere.start().unwrap_err().code(), "ERR_PROCESS_UNAVAILABLE");
    let other_program = Client::new(PathBuf::from("/bin/true"), fixture("zero"), OPTIONS);
    assert_eq!(other_program.start().unwrap_err().code(), "ERR_PROCESS_UNAVAILABLE");
}

#[test]
fn a_crash_is_an_error_with_the_memory_intact_and_the_next_call_is_right() {
    for (library, end) in [
        ("crash-second", ProcessEnd::Killed(libc::SIGSEGV)),
        ("end-second", ProcessEnd::Exited(0)),
    ] {
        let client = client(library);
        let mut bytes = vec![0; 64];
        exchange(&client, &mut bytes).unwrap();
        let before = bytes.clone();
        let pid = client.pid().unwrap();
        match *exchange(&client, &mut bytes).unwrap_err() {
            Error::LibraryCrashed { end: found, .. } => assert_eq!(found, end, "{library}"),
            other => panic!("{library}: {other:?}"),
        }
        assert_eq!(bytes, before);
        assert!(has_ended(pid) && client.pid().is_none(), "and no zombie is left");
        exchange(&client, &mut bytes).unwrap();
        assert_ne!(client.pid().unwrap(), pid);
    }
}

#[test]
fn a_process_that_crashes_too_often_is_stopped() {
    let limited = |restarts| with_options("crash-second", Options { restarts, ..OPTIONS });
    let client = limited(2);
    for _ in 0..3 {
        exchange(&client, &mut [0; 64]).unwrap();
        assert_eq!(
            exchange(&client, &mut [0; 64]).unwrap_err().code(),
            "ERR_LIBRARY_CRASHED"
        );
    }
    match *exchange(&client, &mut [0; 64]).unwrap_err() {
        Error::LibraryStopped { rest: Some(rest), .. } => {
            assert!(rest <= Duration::from_secs(60) && rest > Duration::from_secs(50))
        }
        other => panic!("{other:?}"),
    }
    assert!(client.pid().is_none());

    let once = limited(0);
    exchange(&once, &mut [0; 64]).unwrap();
    assert_eq!(exchange(&once, &mut [0; 64]).unwrap_err().code(), "ERR_LIBRARY_CRASHED");
    let error = exchange(&once, &mut [0; 64]).unwrap_err();
    assert!(matches!(*error, Error::LibraryStopped { rest: None, .. }) && error.to_string().contains("restarts are 0"));
}

#[test]
fn a_call_that_takes_too_long_ends_its_process() {
    let timeout = Duration::from_secs(1);
    let client = with_options(
        "wait-second",
        Options {
            timeout: Some(timeout),
            restarts: 3,
            isolate: false,
            confine: false,
            shared: false,
        },
    );
    exchange(&client, &mut [0; 64]).unwrap();
    let started = Instant::now();
    let error = exchange(&client, &mut [0; 64]).unwrap_err();
    assert!(matches!(*error, Error::LibraryTimeout { limit, .. } if limit == timeout));
    let took = started.elapsed();
    assert!(
        took >= timeout && took < timeout + Duration::from_secs(2), // `npm run crashes` has the figures
        "{took:?}"
    );
    exchange(&client, &mut [0; 64]).unwrap();
}

#[test]
fn a_cancel_reaches_a_call_that_runs() {
    let camera = Arc::new(client("camera"));
    camera.start().unwrap();
    let calling = Arc::clone(&camera);
    let call = thread::spawn(move || picture(&calling, u32::MAX));
    while !call.is_finished() {
        camera.cancel();
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(call.join().unwrap(), -1);
}

/// The library's answer to a request that takes so many milliseconds (all bits: for ever).
fn picture(camera: &Client, milliseconds: u32) -> i64 {
    let mut request = [0; 64];
    request[..4].copy_from_slice(&milliseconds.to_le_bytes());
    exchange(camera, &mut request).unwrap()
}

#[test]
fn a_cancel_does_not_reach_a_call_that_begins_later() {
    let camera = Arc::new(client("camera-slow-cancel"));
    camera.start().unwrap();
    let calling = Arc::clone(&camera);
    let earlier = thread::spawn(move || picture(&calling, u32::MAX));
    // Each of these begins while the library is in `exchange_cancel` for the call before it.
    while !earlier.is_finished() {
        camera.cancel();
        thread::sleep(Duration::from_millis(10));
        assert_eq!(picture(&camera, 100), 64);
    }
    assert_eq!(earlier.join().unwrap(), -1);
}

#[test]
fn a_library_is_opened_again_in_its_next_process() {
    let life = client("life");
    assert_eq!(life.open().unwrap(), Ok(()));
    let counts = |client: &Client| {
        let mut counts = [0; 2];
        exchange(client, &mut counts).unwrap();
        counts
    };
    assert_eq!(counts(&life), [1, 0]);
    let pid = life.pid().unwrap();
    // SAFETY: has no precondition; the process is this test's.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
    until(|| life.pid().is_none());
    assert_eq!(counts(&life), [1, 0], "opened once in the new process");
    assert_eq!(life.open().unwrap(), Ok(()));
    life.close();
    assert_eq!(counts(&life), [2, 1]);
    let pid = life.pid().unwrap();
    life.close();
    until(|| has_ended(pid)); // with the last close
    let refuses = client("life-refused");
    assert_eq!(refuses.open().unwrap(), Err(-7));
}

#[test]
fn a_thread_keeps_its_thread_and_threads_call_at_a_time() {
    let which = Arc::new(client("which-thread"));
    let thread_of = |client: &Client| {
        let mut bytes = [0; 8];
        exchange(client, &mut bytes).unwrap();
        u64::from_ne_bytes(bytes)
    };
    let here = thread_of(&which);
    let other = Arc::clone(&which);
    let there = thread::spawn(move || [thread_of(&other), thread_of(&other)])
        .join()
        .unwrap();
    assert_eq!(there[0], there[1]);
    assert_ne!(here, there[0]);
    assert_eq!(thread_of(&which), here);

    let client = Arc::new(client("address"));
    let threads: Vec<_> = (0..16usize)
        .map(|number| {
            let client = Arc::clone(&client);
            thread::spawn(move || {
                for round in 0..50 {
                    let len = 16 + (number * 4099 + round * 17) % 100_000;
                    let mut bytes = vec![0; len];
                    assert_eq!(exchange(&client, &mut bytes).unwrap(), i64::try_from(len).unwrap());
                    assert!(bytes[16..].iter().all(|byte| *byte == 0xA5));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn threads_that_have_ended_leave_their_lanes_to_others() {
    let address = Arc::new(client("address"));
    for _ in 0..100 {
        let address = Arc::clone(&address);
        let calling = thread::spawn(move || exchange(&address, &mut [0; 64]).unwrap());
        assert_eq!(calling.join().unwrap(), 64);
    }
    let tasks = fs::read_dir(format!("/proc/{}/task", address.pid().unwrap())).unwrap();
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok()); // those that have not ended
    assert_eq!(names.filter(|name| name.trim_end() == "exchange").count(), 1);
}

#[test]
fn the_process_ends_with_its_client() {
    let zero = client("zero");
    exchange(&zero, &mut [0; 8]).unwrap();
    let pid = zero.pid().unwrap();
    drop(zero);
    until(|| has_ended(pid));
}

#[test]
fn a_new_build_that_takes_calls_otherwise_is_refused() {
    let file = std::env::temp_dir().join(format!("library-{}.so", std::process::id()));
    fs::copy(fixture("camera-concurrent"), &file).unwrap();
    let program = PathBuf::from(env!("CARGO_BIN_EXE_inplace-exchange-library"));
    let camera = Client::new(program, file.clone(), OPTIONS);
    let restart_with = |name| {
        fs::remove_file(&file).unwrap();
        fs::copy(fixture(name), &file).unwrap();
        // SAFETY: has no precondition; the process is this test's.
        assert_eq!(unsafe { libc::kill(camera.pid().unwrap(), libc::SIGKILL) }, 0);
        until(|| camera.pid().is_none());
        camera.start().map(|description| description.can_cancel)
    };
    camera.start().unwrap();
    assert!(
        !restart_with("camera-concurrent-deaf").unwrap(),
        "the new build is loaded"
    );
    assert_eq!(restart_with("camera").unwrap_err().code(), "ERR_LIBRARY_LOAD");
    fs::remove_file(&file).unwrap();
}

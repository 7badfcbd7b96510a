//! One process of a library for several processes of an app. This process has the broker; a client is as a window of the app,
//! and so is this program itself when a test starts it again.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod windows;

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, id};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use inplace_exchange_host::{Error, ProcessEnd, Remote};
use library_process::{Client, Options, listen};
use windows::*;

/// How often a library was opened and closed, as it says.
fn counts(life: &Client) -> [u8; 2] {
    let mut counts = [0; 2];
    exchange(life, &mut counts).unwrap();
    counts
}

#[test]
fn windows_have_one_process_which_opens_its_library_once() {
    let life = copy_of("life", "shared-life");
    let windows: Vec<_> = (0..4).map(|_| window(&life, OPTIONS)).collect();
    for window in &windows {
        assert_eq!(window.open().unwrap(), Ok(()));
        assert_eq!(window.open().unwrap(), Ok(()), "for a worker of it");
    }
    let pid = windows[0].pid().unwrap();
    for window in &windows {
        assert_eq!((window.pid(), counts(window)), (Some(pid), [1, 0]));
    }
    let mut windows = windows.into_iter();
    let last = windows.next().unwrap();
    for window in windows {
        window.close();
        window.close();
        drop(window);
        assert_eq!(counts(&last), [1, 0], "others have it open");
    }
    last.close();
    assert_eq!((last.pid(), counts(&last)), (Some(pid), [1, 0]));
    last.close();
    until(|| has_ended(pid)); // with the last close of all
    assert_eq!(last.open().unwrap(), Ok(()));
    assert!(last.pid() != Some(pid), "another process");
    assert_eq!(counts(&last), [1, 0]);
}

#[test]
fn a_library_that_refuses_is_asked_again() {
    let refuses = copy_of("life-refused", "shared-refused");
    let (one, other) = (window(&refuses, OPTIONS), window(&refuses, OPTIONS));
    assert_eq!(one.open().unwrap(), Err(-7));
    assert_eq!(other.open().unwrap(), Ok(()));
    assert_eq!(counts(&one), [2, 0]);
}

#[test]
fn a_crash_is_an_error_in_each_window_and_is_counted_once() {
    run_alone("crash", &fixture("camera-concurrent"));
}

fn crash(camera: &Path) {
    let windows: Vec<_> = (0..3).map(|_| Arc::new(window(camera, OPTIONS))).collect();
    for restarts in 0..=3 {
        let calls: Vec<_> = windows
            .iter()
            .map(|window| {
                let calling = Arc::clone(window);
                thread::spawn(move || picture(&calling, u32::MAX))
            })
            .collect();
        until(|| events().matches("begin").count() == 3 * (restarts + 1));
        let pid = windows[0].pid().unwrap();
        assert!(windows.iter().all(|window| window.pid() == Some(pid)));
        assert_eq!(windows.iter().map(|window| window.restarts()).max(), Some(restarts));
        kill(pid);
        for call in calls {
            let error = call.join().unwrap().unwrap_err();
            let Error::LibraryCrashed { end, .. } = *error else {
                panic!("{error}");
            };
            assert_eq!(end, ProcessEnd::Killed(libc::SIGKILL));
        }
        until(|| windows.iter().all(|window| window.pid().is_none()));
    }
    for window in windows {
        let error = picture(&window, 0).unwrap_err();
        let Error::LibraryStopped { rest, .. } = *error else {
            panic!("{error}");
        };
        assert!(rest.unwrap() <= Duration::from_secs(60), "{rest:?}");
    }
}

#[test]
fn a_library_that_takes_one_call_at_a_time_gets_one_from_all_windows_in_order() {
    let counter = copy_of("counter", "shared-serial");
    let calls = [const { AtomicU32::new(0) }; 4];
    let stopping = AtomicBool::new(false);
    thread::scope(|scope| {
        for calls in &calls {
            scope.spawn(|| {
                let window = window(&counter, OPTIONS);
                while !stopping.load(Ordering::Relaxed) {
                    let mut bytes = [0; 64];
                    bytes[..4].copy_from_slice(&500u32.to_le_bytes());
                    assert_eq!(perform(&window, &mut bytes, Some(8)).unwrap(), 64, "two at a time");
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // For the fairest of several times: the system may keep a window waiting as well.
        let now = || calls.each_ref().map(|calls| calls.load(Ordering::Relaxed));
        let is_fair = (0..10).any(|_| {
            let before = now();
            thread::sleep(Duration::from_millis(300));
            let calls: Vec<u32> = std::iter::zip(now(), before)
                .map(|(now, before)| now - before)
                .collect();
            let (least, most) = (calls.iter().min().unwrap(), calls.iter().max().unwrap());
            *least >= 10 && most - least <= most / 2 + 2
        });
        stopping.store(true, Ordering::Relaxed);
        assert!(is_fair, "{calls:?}");
    });
}

#[test]
fn the_time_in_which_a_call_waits_for_other_windows_is_not_its_own() {
    run_alone("waits", &fixture("camera"));
}

fn waits(camera: &Path) {
    let limited = Options {
        timeout: Some(Duration::from_secs(1)),
        ..OPTIONS
    };
    let (other, this) = (Arc::new(window(camera, OPTIONS)), Arc::new(window(camera, limited)));
    picture(&this, 0).unwrap();
    let pid = this.pid();
    let call = in_a_call(&other);
    let waiting = Arc::clone(&this);
    let waits = thread::spawn(move || picture(&waiting, 20));
    thread::sleep(Duration::from_millis(2500));
    assert!(!waits.is_finished() && !call.is_finished());
    cancel_until_finished(&other, &call);
    assert!(call.join().unwrap().unwrap() < 0);
    assert_eq!(waits.join().unwrap().unwrap(), 64);
    assert_eq!(this.pid(), pid, "the same process");
    let begun = Instant::now();
    let error = picture(&this, u32::MAX).unwrap_err();
    assert!(matches!(*error, Error::LibraryTimeout { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    until(|| other.pid().is_none()); // its process, too
}

#[test]
fn a_call_that_waits_for_other_windows_can_be_cancelled() {
    run_alone("cancels", &fixture("camera"));
}

fn cancels(camera: &Path) {
    let (other, this) = (Arc::new(window(camera, OPTIONS)), Arc::new(window(camera, OPTIONS)));
    let call = in_a_call(&other);
    let waiting = Arc::clone(&this);
    let waits = thread::spawn(move || picture(&waiting, u32::MAX));
    cancel_until_finished(&this, &waits);
    assert!(waits.join().unwrap().unwrap() < 0);
    assert!(!call.is_finished(), "the other window's call goes on");
    cancel_until_finished(&other, &call);
    assert!(call.join().unwrap().unwrap() < 0);
}

/// A call that takes for ever, and has begun: the first one after those that have ended.
fn in_a_call(window: &Arc<Client>) -> JoinHandle<Result<i64, Box<Error>>> {
    let begun = events().matches("begin").count();
    let calling = Arc::clone(window);
    let call = thread::spawn(move || picture(&calling, u32::MAX));
    until(|| events().matches("begin").count() > begun);
    call
}

fn cancel_until_finished<T>(window: &Client, call: &JoinHandle<T>) {
    until(|| {
        window.cancel();
        call.is_finished()
    });
}

#[test]
fn all_windows_agree_on_whether_it_is_confined() {
    let named = copy_of("named", "shared-confined");
    let (one, other) = (
        window(&named, OPTIONS),
        window(
            &named,
            Options {
                confine: true,
                ..OPTIONS
            },
        ),
    );
    one.start().unwrap();
    let error = other.start().unwrap_err();
    assert_eq!(error.code(), "ERR_PROCESS_UNAVAILABLE");
    assert!(
        error
            .to_string()
            .contains("another window has opened it without confine"),
        "{error}"
    );
}

#[test]
#[ignore = "does what other tests ask for"]
fn is_started_again() {
    let Ok(task) = env::var(TASK) else { return };
    let library = PathBuf::from(env::var_os(LIBRARY).unwrap());
    let is_main = |does: fn(&Path)| {
        listen(&program()).unwrap();
        does(&library);
    };
    match task.as_str() {
        "crash" => return is_main(crash),
        "killed" => return is_main(killed),
        "waits" => return is_main(waits),
        "cancels" => return is_main(cancels),
        _ => {}
    }
    be_a_window(&task, &library);
}

#[test]
fn a_window_that_is_killed_within_a_call_leaves_the_library_to_the_others() {
    run_alone("killed", &fixture("camera"));
}

fn killed(camera: &Path) {
    let this = window(camera, OPTIONS);
    assert_eq!(this.open().unwrap(), Ok(()));
    let pid = this.pid().unwrap();
    let mut other = process_that("calls", camera);
    assert_eq!(said_by(&mut other), pid.to_string(), "the same process");
    until(|| events().contains("begin"));
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(
        picture(&this, 0).unwrap(),
        64,
        "the call of the other one was cancelled"
    );
    let events = events();
    let mut events: Vec<_> = events.lines().collect();
    assert_eq!(events[2], "cancel");
    let second = events.iter().rposition(|event| *event == "begin").unwrap();
    assert!(!events[second..].contains(&"cancel"), "the call of this one was not");
    events.retain(|event| *event != "cancel"); // it is repeated until the call has returned, which is after its end is noted
    assert_eq!(
        events,
        ["on", "begin", "end", "begin", "end"],
        "opened once, and still open"
    );
    until(|| threads_of(pid, "exchange") == 1 && threads_of(pid, "cancel") == 1); // of the other one nothing is left
    this.close();
    until(|| has_ended(pid));
}

#[test]
fn a_process_that_does_not_belong_to_the_app_is_not_served() {
    let named = copy_of("named", "shared-stranger");
    let mut child = process_that("opens", &named);
    assert!(said_by(&mut child).parse::<i32>().is_ok(), "one below this one is");
    child.wait().unwrap();
    // Its parent ends at once, so it has another one by the time that it begins.
    let said = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shared-stranger.txt");
    let _ = fs::remove_file(&said);
    let orphan = again("opens", &named);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "(sleep 0.5; exec \"$@\") > \"$SAID\" 2>&1 &", "sh"])
        .arg(orphan.get_program())
        .args(orphan.get_args())
        .envs(orphan.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("SAID", &said);
    assert!(shell.status().unwrap().success());
    until(|| fs::read_to_string(&said).is_ok_and(|text| text.contains('>')));
    let text = fs::read_to_string(&said).unwrap();
    assert!(text.contains("no process above this one shares libraries"), "{text}");
}

#[test]
fn who_says_nonsense_to_the_broker_is_not_served_and_keeps_nobody_waiting() {
    let named = copy_of("named", "shared-nonsense");
    let name = SocketAddr::from_abstract_name(format!("inplace-exchange-{}", id())).unwrap();
    let connect = || UnixStream::connect_addr(&name).unwrap();
    let silent = connect();
    let floods: [&[u8]; 6] = [
        &[],
        &[0; 4],
        &[0xFF; 64],
        &[200, 0, 0, 0, 1],
        &[3, 0, 0, 0, 4, 0xFF, 0xFF],
        &[b'x'; 100_000],
    ];
    for flood in floods {
        let mut stranger = connect();
        let _ = stranger.write_all(flood); // it may hang up before
        let _ = stranger.shutdown(std::net::Shutdown::Write);
        stranger.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut answer = Vec::new();
        let read = stranger.read_to_end(&mut answer);
        assert!(read.is_err() || answer.is_empty(), "{answer:?}");
    }
    let this = window(&named, OPTIONS);
    assert_eq!(this.start().unwrap().name, "A name of its own");
    let pid = this.pid().unwrap();
    drop(silent);
    drop(this);
    until(|| has_ended(pid));
}

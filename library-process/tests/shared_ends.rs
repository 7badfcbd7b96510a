//! Windows of a library that several share come and go, by whatever end.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod windows;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use inplace_exchange_host::{Error, Remote};
use library_process::{Options, listen};
use windows::*;

#[test]
#[ignore = "does what other tests ask for"]
fn is_started_again() {
    let Ok(task) = env::var(TASK) else { return };
    let library = PathBuf::from(env::var_os(LIBRARY).unwrap());
    let does = match task.as_str() {
        "last" => last,
        "leaks" => leaks,
        _ => return be_a_window(&task, &library),
    };
    listen(&program()).unwrap();
    does(&library);
}

#[test]
fn the_library_is_closed_when_the_last_window_is_killed() {
    run_alone("last", &fixture("camera"));
}

fn last(camera: &Path) {
    for _ in 0..20 {
        fs::write(env::var_os("CAMERA_LOG").unwrap(), []).unwrap();
        let mut other = process_that("calls", camera);
        let pid = said_by(&mut other).parse().unwrap();
        until(|| events().contains("begin"));
        other.kill().unwrap();
        other.wait().unwrap();
        until(|| has_ended(pid));
        let events = events();
        let mut events: Vec<_> = events.lines().collect();
        events.dedup();
        assert_eq!(events, ["on", "begin", "cancel", "end", "off"]);
    }
}

#[test]
fn nothing_is_left_of_windows_that_have_gone() {
    run_alone("leaks", &fixture("camera-concurrent"));
}

/// Threads, descriptors and mappings.
fn kept_by(pid: u32) -> [usize; 3] {
    let entries = |name: &str| fs::read_dir(format!("/proc/{pid}/{name}")).unwrap().count();
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let ours = maps.lines().filter(|line| line.contains("inplace-exchange")).count();
    [entries("task"), entries("fd"), ours]
}

fn leaks(camera: &Path) {
    let stays = window(camera, OPTIONS);
    assert_eq!(stays.open().unwrap(), Ok(()));
    let pid = stays.pid().unwrap();
    let program = pid.cast_unsigned();
    let this = std::process::id();
    until(|| kept_by(this)[0] > 3); // its own threads have started
    let before = [kept_by(program), kept_by(this)];
    for number in 0..200 {
        if number % 10 == 0 {
            let task = if number % 20 == 0 { "calls" } else { "opens" };
            let mut other = process_that(task, camera);
            assert_eq!(said_by(&mut other), pid.to_string());
            other.kill().unwrap();
            other.wait().unwrap();
            continue;
        }
        let goes = window(camera, OPTIONS);
        assert_eq!(goes.open().unwrap(), Ok(()));
        assert_eq!(picture(&goes, 0).unwrap(), 64);
        if number % 2 == 0 {
            goes.close();
        }
    }
    let started = Instant::now();
    while [kept_by(program), kept_by(this)] != before {
        let now = [kept_by(program), kept_by(this)];
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "{before:?}, and then {now:?}"
        );
    }
    assert_eq!(picture(&stays, 0).unwrap(), 64);
    assert_eq!(stays.restarts(), 0);
}

#[test]
fn a_call_that_never_returns_after_its_window_was_killed_ends_by_the_limit_of_who_waits() {
    let camera = copy_of("camera-deaf", "shared-deaf");
    let limited = Options {
        timeout: Some(Duration::from_millis(200)),
        ..OPTIONS
    };
    let this = window(&camera, limited);
    assert_eq!(this.open().unwrap(), Ok(()));
    let pid = this.pid();
    let mut other = process_that("calls", &camera);
    assert_eq!(said_by(&mut other).parse().ok(), pid);
    std::thread::sleep(Duration::from_millis(100)); // its call begins
    let waits = Arc::new(this);
    let calling = Arc::clone(&waits);
    let call = std::thread::spawn(move || (picture(&calling, 0), Instant::now()));
    std::thread::sleep(Duration::from_millis(500));
    assert!(!call.is_finished(), "the other window's call may take longer");
    let killed = Instant::now();
    other.kill().unwrap();
    other.wait().unwrap();
    let (outcome, ended) = call.join().unwrap();
    let error = outcome.unwrap_err();
    assert!(matches!(*error, Error::LibraryTimeout { .. }), "{error}");
    assert!(ended - killed < Duration::from_secs(2), "{:?}", ended - killed);
    assert_eq!(picture(&waits, 0).unwrap(), 64);
    assert_eq!(waits.restarts(), 1);
}

#[test]
fn windows_agree_anew_on_whether_it_is_confined_when_none_is_left() {
    let named = copy_of("named", "shared-anew");
    let options = |confine| Options { confine, ..OPTIONS };
    for confine in [true, false, true] {
        let this = window(&named, options(confine));
        this.start().unwrap();
        let error = window(&named, options(!confine)).start().unwrap_err();
        assert_eq!(error.code(), "ERR_PROCESS_UNAVAILABLE");
    }
}

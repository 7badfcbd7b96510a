//! Windows of a library that several share come and go, by whatever end.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod windows;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use inplace_exchange_host::{Error, Remote};
use library_process::protocol::{CONTROL_LEN, Control};
use library_process::{Options, listen};
use windows::*;

#[test]
#[ignore = "does what other tests ask for"]
fn is_started_again() {
    let Ok(task) = env::var(TASK) else { return };
    let library = PathBuf::from(env::var_os(LIBRARY).unwrap());
    let does = match task.as_str() {
        "deaf" => deaf,
        "last" => last,
        "leaks" => leaks,
        "spoiled" => spoiled,
        "main" => main_process,
        "spoils" => return spoils(&library),
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
        let events: Vec<_> = events.lines().filter(|event| *event != "cancel").collect(); // which is repeated
        assert_eq!(events, ["on", "begin", "end", "off"]);
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
    // Fewer, if what they have at their start had not ended.
    let is_more =
        |now: [[usize; 3]; 2]| std::iter::zip(now.concat(), before.concat()).any(|(now, before)| now > before);
    loop {
        let now = [kept_by(program), kept_by(this)];
        if !is_more(now) {
            break;
        }
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
    run_alone("deaf", &fixture("camera-deaf"));
}

fn deaf(camera: &Path) {
    let limited = Options {
        timeout: Some(Duration::from_secs(1)),
        ..OPTIONS
    };
    let this = window(camera, limited);
    assert_eq!(this.open().unwrap(), Ok(()));
    let pid = this.pid();
    let mut other = process_that("calls", camera);
    assert_eq!(said_by(&mut other).parse().ok(), pid);
    until(|| events().contains("begin"));
    let waits = Arc::new(this);
    let calling = Arc::clone(&waits);
    let call = thread::spawn(move || (picture(&calling, 0), Instant::now()));
    thread::sleep(Duration::from_millis(2500));
    assert!(!call.is_finished(), "the other window's call may take longer");
    let killed = Instant::now();
    other.kill().unwrap();
    other.wait().unwrap();
    let (outcome, ended) = call.join().unwrap();
    let error = outcome.unwrap_err();
    assert!(matches!(*error, Error::LibraryTimeout { .. }), "{error}");
    assert!(ended - killed < Duration::from_secs(10), "{:?}", ended - killed);
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
        let pid = this.pid().unwrap();
        let error = window(&named, options(!confine)).start().unwrap_err();
        assert_eq!(error.code(), "ERR_PROCESS_UNAVAILABLE");
        drop(this);
        until(|| has_ended(pid));
    }
}

#[test]
fn windows_come_while_the_last_one_leaves() {
    let life = copy_of("life", "shared-come-and-go");
    thread::scope(|scope| {
        for number in 0..4 {
            let life = &life;
            scope.spawn(move || {
                for round in 0..100 {
                    let this = window(life, OPTIONS);
                    assert_eq!(this.open().unwrap(), Ok(()));
                    let mut counts = [0; 2];
                    exchange(&this, &mut counts).unwrap();
                    assert_eq!(counts[0], counts[1] + 1, "it is open");
                    assert_eq!(this.restarts(), 0, "none has ended by itself");
                    if (number + round) % 3 != 0 {
                        this.close();
                    }
                }
            });
        }
    });
}

#[test]
fn a_stopped_program_keeps_nobody_waiting_once_it_is_left() {
    let named = copy_of("named", "shared-stopped");
    let this = window(&named, OPTIONS);
    this.start().unwrap();
    let pid = this.pid().unwrap();
    stop(pid);
    drop(this);
    let next = window(&named, OPTIONS);
    let begun = Instant::now();
    next.start().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(next.pid() != Some(pid) && has_ended(pid));
}

#[test]
fn whatever_a_window_writes_to_its_own_memory_the_others_have_their_calls() {
    run_alone("spoiled", &fixture("camera-concurrent"));
}

fn spoiled(camera: &Path) {
    let this = window(camera, OPTIONS);
    assert_eq!(this.open().unwrap(), Ok(()));
    let pid = this.pid().unwrap();
    let mut other = process_that("spoils", camera);
    assert_eq!(said_by(&mut other), pid.to_string());
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        let mut bytes = [0; 4096];
        assert_eq!(exchange(&this, &mut bytes).unwrap(), 4096);
        assert!(bytes[..4] == [0; 4] && bytes[4..].iter().all(|byte| *byte == 0xA5));
    }
    assert!(other.try_wait().unwrap().is_none(), "it goes on");
    other.kill().unwrap();
    other.wait().unwrap();
    until(|| threads_of(pid, "exchange") == 1 && threads_of(pid, "stream") == 0);
    assert_eq!((picture(&this, 0).unwrap(), this.pid()), (64, Some(pid)));
    this.close();
    until(|| has_ended(pid) && events().ends_with("off\n"));
}

/// Asks for nonsense in eight lanes, until it is killed.
fn spoils(library: &Path) {
    let this = window(library, OPTIONS);
    assert_eq!(this.open().unwrap(), Ok(()));
    let barrier = Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                picture(&this, 20).unwrap();
            });
        }
    });
    println!("<{}>", this.pid().unwrap());
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let line = maps.lines().find(|line| line.contains("inplace-exchange-control"));
    let start = usize::from_str_radix(line.unwrap().split_once('-').unwrap().0, 16).unwrap();
    // SAFETY: the client's mapping of it, which is there as long as the client; all of it is atomics.
    let control = unsafe { &*std::ptr::with_exposed_provenance::<Control>(start) };
    assert!(size_of::<Control>() as u64 <= CONTROL_LEN);
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    // What is possible takes little memory.
    let mut place = move || match random(4) {
        0 => u64::MAX - random(1 << 20),
        1 => (64 << 30) - random(1 << 16),
        _ => random(1 << 20),
    };
    let word = |number: u64| (number & 0xFFFF_FFFF) as u32;
    loop {
        for lane in &control.lanes[..8] {
            lane.operation.store(word(place() % 7), Ordering::Relaxed);
            lane.offset.store(place(), Ordering::Relaxed);
            // The camera wants four bytes, and fills all that there are.
            lane.len.store(4 + place() % (1 << 20), Ordering::Relaxed);
            lane.input_len.store(place(), Ordering::Relaxed);
            lane.library_operation.store(word(place() % 3), Ordering::Relaxed);
            lane.slots.store(word(place() % 9), Ordering::Relaxed);
            lane.slot_len.store(word(place() >> 8), Ordering::Relaxed);
            lane.policy.store(word(place() % 4), Ordering::Relaxed);
            lane.input.store(place(), Ordering::Relaxed);
            lane.cancelled.store(word(place() % 2), Ordering::Relaxed);
            lane.cancels.store(word(place()), Ordering::Relaxed);
            lane.message_len.store(word(place()), Ordering::Relaxed);
            control.cancels.fetch_add(1, Ordering::Relaxed);
            let state = [1, 1, 1, 0, 2, 3, 77][word(place()) as usize % 7];
            lane.state.store(state, Ordering::Release);
            // SAFETY: wakes who waits for a word that is there.
            unsafe { libc::syscall(libc::SYS_futex, lane.state.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
        }
    }
}

#[test]
fn the_calls_of_windows_end_with_the_main_process() {
    let mut main = process_that("main", &fixture("camera-concurrent-deaf"));
    let said = said_by(&mut main);
    let pids: Vec<i32> = said.split(' ').map(|pid| pid.parse().unwrap()).collect();
    thread::sleep(Duration::from_millis(100)); // the call begins
    assert!(pids.iter().all(|pid| !has_ended(*pid)));
    main.kill().unwrap();
    main.wait().unwrap();
    until(|| pids.iter().all(|pid| has_ended(*pid)));
}

/// That has a window of its own, and another one in a call that never returns.
fn main_process(camera: &Path) {
    let this = window(camera, OPTIONS);
    assert_eq!(this.open().unwrap(), Ok(()));
    let mut other = process_that("calls", camera);
    let program = said_by(&mut other);
    println!("<{program} {}>", other.id());
    let _ = picture(&this, u32::MAX);
}

#[test]
fn the_calls_of_several_windows_that_were_killed_are_cancelled() {
    let camera = copy_of("camera-concurrent", "shared-killed");
    let this = window(&camera, OPTIONS);
    assert_eq!(this.open().unwrap(), Ok(()));
    let pid = this.pid().unwrap();
    let mut others = [(); 2].map(|()| process_that("calls", &camera));
    for other in &mut others {
        assert_eq!(said_by(other), pid.to_string());
    }
    thread::sleep(Duration::from_millis(100)); // their calls begin
    for other in &mut others {
        other.kill().unwrap();
        other.wait().unwrap();
    }
    until(|| threads_of(pid, "exchange") == 1);
}

#[test]
fn a_program_that_has_no_room_for_another_window_goes_on_for_the_others() {
    let camera = copy_of("camera", "ends-descriptors");
    let (one, other) = (window(&camera, OPTIONS), window(&camera, OPTIONS));
    assert_eq!(picture(&one, 0).unwrap(), 64);
    let pid = one.pid().unwrap();
    limit(pid, libc::RLIMIT_NOFILE, 1); // those that are open stay so
    let error = other.start().unwrap_err();
    assert_eq!(error.code(), "ERR_PROCESS_UNAVAILABLE");
    assert_eq!((picture(&one, 0).unwrap(), one.pid()), (64, Some(pid)));
    limit(pid, libc::RLIMIT_NOFILE, 4096);
    assert_eq!((picture(&other, 0).unwrap(), other.pid()), (64, Some(pid)));
}

//! Processes that end in the middle of calls, of several threads at a time; and the end of the app itself.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::env;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, exit};
use std::ptr::NonNull;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use inplace_exchange_host::{Error, LentMemory, ProcessEnd, Remote, Request, Waiting};
use library_process::{Client, Options};

const THREADS: usize = 4;
const CRASHES: usize = 25;

fn hostile(timeout: Option<Duration>) -> Client {
    let library = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/fixtures/hostile.so");
    let options = Options {
        timeout,
        restarts: usize::MAX,
        isolate: false,
        confine: false,
        shared: false,
    };
    let program = PathBuf::from(env!("CARGO_BIN_EXE_inplace-exchange-library"));
    Client::new(program, library.canonicalize().unwrap(), options)
}

/// What a call does with this first byte of its request.
fn ask(client: &Client, what: u8) -> Result<i64, Box<Error>> {
    let mut bytes = [what; 5000];
    let data = NonNull::new(bytes.as_mut_ptr()).unwrap();
    // SAFETY: the bytes are this function's for the time of the call.
    let memory = unsafe { LentMemory::new(data, bytes.len()) };
    let outcome = client.call(&memory, &Request::default(), &Waiting::default());
    let expected = if outcome.is_ok() { 0xA5 } else { what };
    assert!(bytes.iter().all(|byte| *byte == expected));
    outcome
}

fn kill(pid: i32) {
    // SAFETY: has no precondition; the process is one that this test has started.
    unsafe { libc::kill(pid, libc::SIGKILL) };
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[test]
fn crashes_of_several_threads_leave_the_memory_intact_and_the_next_call_right() {
    let client = Arc::new(hostile(Some(Duration::from_millis(20))));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let client = Arc::clone(&client);
            thread::spawn(move || {
                for round in 0..CRASHES {
                    let what = b"SAELK"[(thread + round) % 5];
                    if what == b'K' {
                        client.pid().into_iter().for_each(kill);
                    } else {
                        // Even exit(0) is none of the library's answers.
                        ask(&client, what).unwrap_err();
                    }
                    let right = (0..1000).any(|_| ask(&client, b'.').is_ok_and(|len| len == 5000));
                    assert!(right, "unless another thread's crash was faster");
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(client.restarts() >= CRASHES);
}

#[test]
fn a_crash_is_noticed_and_repaired_at_once() {
    let client = hostile(None);
    for (what, expected) in [
        (b'S', ProcessEnd::Killed(libc::SIGSEGV)),
        (b'A', ProcessEnd::Killed(libc::SIGABRT)),
        (b'E', ProcessEnd::Exited(0)),
    ] {
        let (mut errors, mut repairs) = (Vec::new(), Vec::new());
        for _ in 0..9 {
            ask(&client, b'.').unwrap();
            let started = Instant::now();
            match *ask(&client, what).unwrap_err() {
                Error::LibraryCrashed { end, .. } => assert_eq!(end, expected),
                other => panic!("{other:?}"),
            }
            errors.push(started.elapsed());
            let started = Instant::now();
            ask(&client, b'.').unwrap();
            repairs.push(started.elapsed());
        }
        let (error, repair) = (median(&mut errors), median(&mut repairs));
        println!("{expected:?}: the error after {error:?}, the next exchange {repair:?} later");
        assert!(error < Duration::from_millis(500) && repair < Duration::from_millis(500));
    }
}

/// The app of the next test, in a process of its own: a call that never ends, and then its own end.
#[test]
#[ignore = "is started by another test"]
fn an_app_that_ends() {
    let client = Arc::new(hostile(None));
    client.start().unwrap();
    let calling = Arc::clone(&client);
    thread::spawn(move || ask(&calling, b'L'));
    thread::sleep(Duration::from_millis(50));
    let end = env::var("APP_END").unwrap();
    if end == "forked" {
        // SAFETY: the child calls nothing but pause, and has the socket for as long as it lives.
        let child = unsafe { libc::fork() };
        if child == 0 {
            loop {
                // SAFETY: has no precondition.
                unsafe { libc::pause() };
            }
        }
        println!("child {child}");
    }
    println!("program {}", client.pid().unwrap());
    match &*end {
        "exit" => exit(0),
        "exec" => drop(Command::new("/bin/sleep").arg("100").exec()),
        _ => thread::sleep(Duration::from_secs(100)),
    }
}

#[test]
fn the_process_ends_with_the_app_however_that_ends() {
    for end in ["killed", "exit", "exec", "forked"] {
        let mut app = Command::new(env::current_exe().unwrap())
            .args(["--exact", "an_app_that_ends", "--ignored", "--nocapture"])
            .env("APP_END", end)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut program, mut child) = (None, None);
        for line in BufReader::new(app.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let number = |name: &str| line.split_once(name)?.1.trim().parse::<i32>().ok();
            child = child.or(number("child "));
            program = number("program ");
            if program.is_some() {
                break;
            }
        }
        let program = program.unwrap();
        let status = format!("/proc/{program}/status");
        if matches!(end, "killed" | "forked") {
            app.kill().unwrap();
        }
        let started = Instant::now();
        // As a zombie it may stay for as long as its new parent likes.
        while std::fs::read_to_string(&status).is_ok_and(|status| !status.contains("State:\tZ")) {
            assert!(started.elapsed() < Duration::from_secs(10), "{end}");
            thread::sleep(Duration::from_millis(1));
        }
        println!("{end}: ended within {:?}", started.elapsed());
        let _ = app.kill();
        app.wait().unwrap();
        child.into_iter().for_each(kill);
        assert!(!Path::new(&format!("/proc/{program}/exe")).is_file());
    }
}

#[test]
fn to_open_a_library_while_another_thread_closes_it_is_no_crash() {
    let client = Arc::new(hostile(None));
    let threads = [(); THREADS].map(|()| {
        let client = Arc::clone(&client);
        thread::spawn(move || {
            for _ in 0..50 {
                assert_eq!(client.open().unwrap(), Ok(()));
                assert_eq!(ask(&client, b'.').unwrap(), 5000);
                client.close();
            }
        })
    });
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(client.pid().is_none() && client.restarts() == 0);
}

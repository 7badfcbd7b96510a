//! Windows of an app, as clients in this process, and as other processes: this program, started again.
#![allow(dead_code, reason = "not each test needs all")]

use std::env;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::ptr::NonNull;
use std::thread;
use std::time::{Duration, Instant};

use inplace_exchange_host::{Error, LentMemory, Remote, Request, Waiting};
use library_process::{Client, Options, listen};

pub const OPTIONS: Options = Options {
    timeout: None,
    restarts: 3,
    isolate: false,
    confine: false,
    shared: true,
};

pub fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_inplace-exchange-library"))
}

pub fn fixture(name: &str) -> PathBuf {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/fixtures");
    fixtures.join(format!("{name}.so")).canonicalize().unwrap()
}

/// As a window has it.
pub fn window(library: &Path, options: Options) -> Client {
    Client::new(program(), library.to_owned(), options)
}

/// Each test has a file of its own, and so a process of its own.
pub fn copy_of(name: &str, test: &str) -> PathBuf {
    listen(&program()).unwrap();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.so"));
    fs::copy(fixture(name), &path).unwrap();
    path.canonicalize().unwrap()
}

pub fn exchange(window: &Client, bytes: &mut [u8]) -> Result<i64, Box<Error>> {
    perform(window, bytes, None)
}

pub fn perform(window: &Client, bytes: &mut [u8], input: Option<usize>) -> Result<i64, Box<Error>> {
    let data = NonNull::new(bytes.as_mut_ptr()).unwrap();
    // SAFETY: the bytes are this function's for the time of the call.
    let memory = unsafe { LentMemory::new(data, bytes.len()) };
    let request = Request {
        input,
        ..Request::default()
    };
    window.call(&memory, &request, &Waiting::default())
}

/// One of the camera, which takes so long.
pub fn picture(window: &Client, milliseconds: u32) -> Result<i64, Box<Error>> {
    let mut bytes = [0; 64];
    bytes[..4].copy_from_slice(&milliseconds.to_le_bytes());
    exchange(window, &mut bytes)
}

pub fn has_ended(pid: i32) -> bool {
    !PathBuf::from(format!("/proc/{pid}")).exists()
}

#[track_caller]
pub fn until(condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(10), "in time");
        thread::sleep(Duration::from_millis(1));
    }
}

pub fn kill(pid: i32) {
    // SAFETY: has no precondition; the process is this test's.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
}

pub fn stop(pid: i32) {
    // SAFETY: has no precondition; the process is this test's.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGSTOP) }, 0);
}

/// Limits what a process may have of a resource, which can be undone.
pub fn limit(pid: i32, resource: libc::__rlimit_resource_t, most: u64) {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: writes the limit that there is to a place for one.
    let read = unsafe { libc::prlimit(pid, resource, std::ptr::null(), &raw mut limit) };
    assert_eq!(read, 0);
    limit.rlim_cur = most.min(limit.rlim_max);
    // SAFETY: reads the limit that is given.
    let set = unsafe { libc::prlimit(pid, resource, &raw const limit, std::ptr::null_mut()) };
    assert_eq!(set, 0);
}

/// What a test has this program do, started again.
pub const TASK: &str = "SHARED_TASK";
pub const LIBRARY: &str = "SHARED_LIBRARY";

pub fn again(task: &str, library: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "is_started_again", "--ignored", "--nocapture", "--quiet"])
        .env(TASK, task)
        .env(LIBRARY, library);
    command
}

/// Another process with a window.
pub fn process_that(task: &str, library: &Path) -> Child {
    again(task, library).stdout(Stdio::piped()).spawn().unwrap()
}

/// What it says first.
pub fn said_by(process: &mut Child) -> String {
    let (mut text, mut byte) = (String::new(), [0]);
    let stdout = process.stdout.as_mut().unwrap();
    while !text.ends_with('>') && stdout.read(&mut byte).unwrap() == 1 {
        text.push(byte[0].into());
    }
    text.rsplit_once('<').unwrap().1.trim_end_matches('>').to_owned()
}

/// Runs one of the functions here as the main process of another app, whose cameras write what they do to a log.
pub fn run_alone(task: &str, library: &Path) {
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("shared-{task}.log"));
    let _ = fs::remove_file(&log);
    let status = again(task, library).env("CAMERA_LOG", &log).status().unwrap();
    assert!(status.success());
}

pub fn events() -> String {
    fs::read_to_string(env::var_os("CAMERA_LOG").unwrap()).unwrap_or_default()
}

pub fn threads_of(pid: i32, name: &str) -> usize {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|found| found.trim_end() == name).count()
}

/// What a window in another process does.
pub fn be_a_window(task: &str, library: &Path) {
    let window = window(library, OPTIONS);
    let opened = window.open().map(|opened| opened.unwrap());
    let said = opened.map_or_else(|error| error.to_string(), |()| window.pid().unwrap().to_string());
    println!("<{said}>");
    if task == "calls" {
        let _ = picture(&window, u32::MAX);
    }
}

//! What the program says, a line for each event: its kind, then fields, with tabs between them.
//!
//! Lines go to what was the standard output. The library prints to standard error instead, so that nothing of it gets
//! between them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Mutex, OnceLock, PoisonError};

use rustix::io::fcntl_dupfd_cloexec;
use rustix::stdio::{dup2_stdout, stderr, stdout};

use crate::fault;

/// Beyond what a library expects to be its own.
const FIRST: i32 = 100;

static OUT: OnceLock<File> = OnceLock::new();

/// Findings that were reported: the first of each kind says it all.
static REPORTED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Takes the standard output for events.
pub(crate) fn take_stdout() -> io::Result<()> {
    let out: OwnedFd = fcntl_dupfd_cloexec(stdout(), FIRST)?;
    dup2_stdout(stderr())?;
    fault::write_to(out.as_raw_fd());
    OUT.get_or_init(|| out.into());
    Ok(())
}

/// What is about to be done: if the process ends, it was this.
pub(crate) fn step(text: &str) {
    emit(&["step", text]);
}

/// A breach of the contract.
pub(crate) fn problem(id: &str, text: &str) {
    finding("problem", id, text);
}

/// What the contract allows, and callers suffer from.
pub(crate) fn warning(id: &str, text: &str) {
    finding("warning", id, text);
}

/// What is good to know.
pub(crate) fn note(id: &str, text: &str) {
    finding("note", id, text);
}

/// What the check has done, for its line in the report.
pub(crate) fn summary(text: &str) {
    emit(&["summary", text]);
}

/// A measurement, in nanoseconds: a call, and the system's own function that sets as many bytes.
pub(crate) fn speed(case: &str, bytes: usize, call: f64, memset: f64) {
    emit(&[
        "speed",
        case,
        &bytes.to_string(),
        &format!("{call:.1}"),
        &format!("{memset:.1}"),
    ]);
}

/// The check does not apply.
pub(crate) fn skip(why: &str) {
    emit(&["skip", why]);
}

/// The check has come to its end. Without this, the library has ended the process.
pub(crate) fn done() {
    emit(&["done"]);
}

fn finding(kind: &str, id: &str, text: &str) {
    let mut reported = REPORTED.lock().unwrap_or_else(PoisonError::into_inner);
    if reported.insert(id.to_owned()) {
        emit(&[kind, id, text]);
    }
}

fn emit(fields: &[&str]) {
    let fields: Vec<String> = fields
        .iter()
        .map(|field| field.replace(['\t', '\n', '\r'], " "))
        .collect();
    let line = format!("{}\n", fields.join("\t"));
    if let Some(mut out) = OUT.get() {
        // Who has started this has gone if it fails.
        let _ = out.write_all(line.as_bytes());
    }
}

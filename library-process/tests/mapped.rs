//! Memory that the library's process writes to without a copy. Anonymous mappings stand for V8's, which frees a buffer by
//! mapping other pages in its place.
#![cfg(all(target_os = "linux", not(feature = "portable")))]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::PathBuf;
use std::ptr::{self, NonNull};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use inplace_exchange_host::{Error, LentMemory, Pages, Remote, Request, Waiting};
use library_process::{Client, Options};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

const MIB: usize = 1 << 20;

/// One test at a time: each counts what this process has mapped.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    nothing_is_mapped();
    alone
}

/// Waits until it is noticed that the processes have ended.
fn nothing_is_mapped() {
    let begun = Instant::now();
    while !mappings().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{:#?}", mappings());
        thread::sleep(Duration::from_millis(1));
    }
}

fn client(library: &str, isolate: bool) -> Client {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/fixtures");
    let program = PathBuf::from(env!("CARGO_BIN_EXE_inplace-exchange-library"));
    let options = Options {
        timeout: None,
        restarts: 3,
        isolate,
        confine: false,
        shared: false,
    };
    let library = fixtures.join(format!("{library}.so")).canonicalize().unwrap();
    Client::new(program, library, options)
}

/// Pages as V8 has them for a buffer.
struct Memory {
    data: NonNull<u8>,
    len: usize,
}

impl Memory {
    fn new(len: usize) -> Self {
        Self::at(ptr::null_mut(), len, MapFlags::PRIVATE)
    }

    fn at(address: *mut u8, len: usize, flags: MapFlags) -> Self {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, or one in the place of the test's own.
        let data = unsafe { mmap_anonymous(address.cast(), len, access, flags) }.unwrap();
        let data = NonNull::new(data.cast()).unwrap();
        Self { data, len }
    }

    /// What V8 does when it frees a buffer and gives the address to a new one.
    fn renew(&mut self) {
        let flags = MapFlags::PRIVATE | MapFlags::FIXED;
        std::mem::forget(std::mem::replace(self, Self::at(self.data.as_ptr(), self.len, flags)));
    }

    fn exchange_at(&mut self, start: usize, len: usize, client: &Client, pages: Pages) -> Result<i64, Box<Error>> {
        assert!(start + len <= self.len);
        // SAFETY: within the mapping.
        let data = unsafe { self.data.add(start) };
        // SAFETY: the mapping is this test's own. Where that is false, the test is that it is noticed.
        let memory = unsafe { LentMemory::in_pages(data, len, pages) };
        client.call(&memory, &Request::default(), &Waiting::default())
    }

    fn exchange(&mut self, client: &Client) -> Result<i64, Box<Error>> {
        self.exchange_at(0, self.len, client, Pages::Replaceable)
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the mapping is this test's own, and no library has it now.
        unsafe { std::slice::from_raw_parts_mut(self.data.as_ptr(), self.len) }
    }

    /// Whether the library's memory is mapped here.
    fn is_mapped(&self) -> bool {
        let start = format!("{:x}-", self.data.addr());
        mappings().iter().any(|line| line.starts_with(&start))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the test's own mapping.
        unsafe { munmap(self.data.as_ptr().cast(), self.len) }.unwrap();
    }
}

/// Of buffers, in this process.
fn mappings() -> Vec<String> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let ours = maps.lines().filter(|line| line.contains("inplace-exchange-buffers"));
    ours.map(str::to_owned).collect()
}

#[test]
fn the_process_writes_to_the_memory_itself() {
    let _alone = alone();
    let client = client("hostile", false);
    let mut memory = Memory::new(8_294_400);
    memory.bytes()[..3].copy_from_slice(b"xyz");
    assert!(!memory.is_mapped());
    assert_eq!(memory.exchange(&client).unwrap(), 8_294_400);
    assert!(memory.is_mapped());
    assert!(memory.bytes().iter().all(|byte| *byte == 0xA5));
    memory.bytes().fill(1);
    assert_eq!(memory.exchange(&client).unwrap(), 8_294_400, "again");
    assert!(memory.bytes().iter().all(|byte| *byte == 0xA5));
    assert_eq!(mappings().len(), 2, "the memory as a whole, and the buffer");
}

#[test]
fn the_memory_is_left_out_of_core_dumps() {
    let _alone = alone();
    let client = client("zero", false);
    Memory::new(MIB).exchange(&client).unwrap();
    for process in ["self".to_owned(), client.pid().unwrap().to_string()] {
        let smaps = fs::read_to_string(format!("/proc/{process}/smaps")).unwrap();
        let (_, whole) = smaps.split_once(" rw-s 00000000 00:01").unwrap();
        let flags = whole.lines().find(|line| line.starts_with("VmFlags:")).unwrap();
        assert!(flags.split(' ').any(|flag| flag == "dd"), "{flags}");
        assert!(whole.lines().next().unwrap().contains("inplace-exchange-"));
    }
}

#[test]
fn bytes_move_with_the_pages() {
    let _alone = alone();
    let client = client("zero", false);
    for len in [MIB, MIB + 1, 3 * MIB - 1] {
        let mut memory = Memory::new(len);
        let (start, end) = (7, len - 3);
        memory.bytes()[start] = 1;
        memory.bytes()[end] = 2;
        memory.exchange(&client).unwrap();
        assert!(memory.is_mapped());
        let expected = |at| u8::from(at == start) + 2 * u8::from(at == end);
        assert!(
            memory
                .bytes()
                .iter()
                .enumerate()
                .all(|(at, byte)| *byte == expected(at))
        );
    }
}

#[test]
fn a_range_that_is_used_again_holds_nothing_of_what_was_there() {
    let _alone = alone();
    let (fills, nothing) = (client("hostile", false), client("zero", false));
    let mut memory = Memory::new(2 * MIB);
    for _ in 0..100 {
        memory.exchange(&fills).unwrap();
        memory.exchange(&nothing).unwrap();
        memory.renew();
        assert!(!memory.is_mapped());
        memory.exchange(&nothing).unwrap();
        assert!(memory.is_mapped());
        assert!(memory.bytes().iter().all(|byte| *byte == 0), "as new");
    }
}

#[test]
fn memory_that_was_freed_is_noticed() {
    let _alone = alone();
    let client = client("hostile", false);
    let mut memory = Memory::new(2 * MIB);
    for _ in 0..10 {
        memory.exchange(&client).unwrap();
        memory.renew();
        memory.bytes()[0] = 1;
        assert_eq!(memory.exchange(&client).unwrap(), 2 * MIB as i64);
        assert!(memory.bytes().iter().all(|byte| *byte == 0xA5));
    }
}

#[test]
fn a_buffer_goes_from_one_library_to_another_with_its_bytes() {
    let _alone = alone();
    let (fills, nothing) = (client("hostile", false), client("zero", false));
    let mut memory = Memory::new(2 * MIB);
    for round in 0..10 {
        memory.exchange(&fills).unwrap();
        memory.bytes()[MIB] = round;
        memory.exchange(&nothing).unwrap();
        assert!(memory.is_mapped());
        let expected = |at| if at == MIB { round } else { 0xA5 };
        assert!(
            memory
                .bytes()
                .iter()
                .enumerate()
                .all(|(at, byte)| *byte == expected(at))
        );
    }
    assert!(mappings().len() == 3, "two memories, and the buffer");
}

#[test]
fn what_cannot_be_mapped_is_copied() {
    let _alone = alone();
    let isolated = client("hostile", true);
    let mut memory = Memory::new(2 * MIB);
    memory.exchange(&isolated).unwrap();
    assert!(!memory.is_mapped(), "to who wants copies");
    assert!(memory.bytes().iter().all(|byte| *byte == 0xA5));

    let client = client("hostile", false);
    for pages in [Pages::Fixed, Pages::Shared] {
        memory.bytes().fill(0);
        memory.exchange_at(0, 2 * MIB, &client, pages).unwrap();
        assert!(!memory.is_mapped(), "{pages:?}");
        assert!(memory.bytes().iter().all(|byte| *byte == 0xA5));
    }
    memory.bytes().fill(0);
    memory.exchange_at(1, MIB, &client, Pages::Replaceable).unwrap();
    assert!(!memory.is_mapped(), "in the middle of a page");
    assert!(memory.bytes()[1..=MIB].iter().all(|byte| *byte == 0xA5));
    assert_eq!((memory.bytes()[0], memory.bytes()[MIB + 1]), (0, 0));

    let mut shared = Memory::at(ptr::null_mut(), MIB, MapFlags::SHARED);
    shared.exchange(&client).unwrap();
    assert!(!shared.is_mapped(), "somebody else's shared memory");
    assert!(shared.bytes().iter().all(|byte| *byte == 0xA5));
}

#[test]
fn shared_memory_that_was_mapped_in_time_is_not_copied() {
    let _alone = alone();
    let client = client("hostile", false);
    let mut memory = Memory::new(4 * MIB);
    // SAFETY: the mapping is this test's own.
    let new = unsafe { LentMemory::in_pages(memory.data, memory.len, Pages::Replaceable) };
    client.map(&new).unwrap();
    assert!(memory.is_mapped());
    memory.exchange_at(5, MIB, &client, Pages::Shared).unwrap();
    assert_eq!(memory.bytes()[4..6], [0, 0xA5]);
    assert_eq!(memory.bytes()[5 + MIB - 1..=5 + MIB], [0xA5, 0]);
    memory.renew();
    memory.exchange_at(5, MIB, &client, Pages::Shared).unwrap();
    assert!(!memory.is_mapped(), "it was freed, and is new memory now");
    assert_eq!(memory.bytes()[4..6], [0, 0xA5]);
}

#[test]
fn what_was_freed_is_used_again() {
    let _alone = alone();
    let client = client("hostile", false);
    for _ in 0..500 {
        Memory::new(2 * MIB).exchange(&client).unwrap();
    }
    let mut last = Memory::new(2 * MIB);
    last.exchange(&client).unwrap();
    let line = mappings()
        .into_iter()
        .find(|line| line.contains(&format!("{:x}-", last.data.addr())));
    let offset = u64::from_str_radix(line.unwrap().split(' ').nth(2).unwrap(), 16).unwrap();
    assert!(offset < 200 * MIB as u64, "a gigabyte was lent: {offset}");
}

#[test]
fn memory_outlives_the_process_and_the_library() {
    let _alone = alone();
    let client = client("hostile", false);
    let mut memory = Memory::new(2 * MIB);
    client.open().unwrap().unwrap();
    memory.exchange(&client).unwrap();
    let first = client.pid().unwrap();
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(first).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    while client.pid().is_some() {}
    assert!(memory.bytes().iter().all(|byte| *byte == 0xA5));
    memory.bytes().fill(1);
    memory.exchange(&client).unwrap();
    assert_ne!(client.pid().unwrap(), first);
    assert!(
        memory.bytes().iter().all(|byte| *byte == 0xA5),
        "by the next process, in the same memory"
    );
    client.close();
    assert!(memory.bytes().iter().all(|byte| *byte == 0xA5));
    // Who waits for the process holds the whole memory until it has seen the end.
    let begun = Instant::now();
    while mappings().len() > 1 {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "more than the buffer: {:#?}",
            mappings()
        );
    }
    assert_eq!(mappings().len(), 1, "the buffer");
    client.open().unwrap().unwrap();
    memory.bytes().fill(1);
    memory.exchange(&client).unwrap();
    assert!(
        memory.bytes().iter().all(|byte| *byte == 0xA5),
        "copied: the new memory is another one"
    );
    drop(memory);
    drop(client);
    nothing_is_mapped();
}

//! What the system knows of this process's own pages.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use std::sync::OnceLock;

use rustix::param::page_size;

/// Where a page is, as `/proc/self/pagemap` has it (`Documentation/admin-guide/mm/pagemap.rst` of Linux).
#[derive(Clone, Copy)]
pub(crate) struct Page(u64);

impl Page {
    /// It is in memory.
    fn is_present(self) -> bool {
        self.0 >> 63 & 1 == 1
    }

    /// Of private memory: whether it has bytes of its own, here or where the system has moved it to. One that has not is
    /// zero.
    pub(crate) fn has_bytes(self) -> bool {
        self.is_present() || self.0 >> 62 & 1 == 1
    }

    /// It belongs to a file, or to memory that can be shared with other processes.
    fn is_of_file(self) -> bool {
        self.0 >> 61 & 1 == 1
    }
}

/// `count` pages from the one at an address on. Fails where the system keeps that to itself.
pub(crate) fn pages_at(address: usize, count: usize) -> io::Result<Vec<Page>> {
    static PAGEMAP: OnceLock<Option<File>> = OnceLock::new();
    let pagemap = PAGEMAP
        .get_or_init(|| File::open("/proc/self/pagemap").ok())
        .as_ref()
        .ok_or(io::ErrorKind::PermissionDenied)?;
    let mut bytes = vec![0; count * size_of::<u64>()];
    pagemap.read_exact_at(&mut bytes, (address / page_size() * size_of::<u64>()) as u64)?;
    let entries = bytes.as_chunks().0;
    Ok(entries.iter().map(|entry| Page(u64::from_ne_bytes(*entry))).collect())
}

/// What the page of a byte belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// This process alone.
    Private,
    /// A file, or memory that can be shared with other processes.
    File,
}

/// What the page of a byte belongs to. `None` if the system does not say.
///
/// # Safety
/// The byte may be read.
pub(crate) unsafe fn kind_of_page(byte: NonNull<u8>) -> Option<Kind> {
    // SAFETY: it may be read (this function's contract). Afterwards the page is there, which one that nobody has touched is
    // not yet.
    unsafe { byte.read_volatile() };
    let [page] = pages_at(byte.addr().get(), 1).ok()?[..] else {
        return None;
    };
    match page {
        page if !page.is_present() => None,
        page if page.is_of_file() => Some(Kind::File),
        _ => Some(Kind::Private),
    }
}

/// A part of a file that is mapped.
pub(crate) struct Mapped {
    pub(crate) inode: u64,
    /// In the file, in bytes.
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// All mappings of memory by this name.
pub(crate) fn mappings_of(name: &str) -> io::Result<Vec<Mapped>> {
    let maps = fs::read("/proc/self/maps")?;
    Ok(String::from_utf8_lossy(&maps)
        .lines()
        .filter(|line| line.contains(name))
        .filter_map(parse)
        .collect())
}

/// Such as `7f0000000000-7f0000800000 rw-s 00200000 00:01 1234    /memfd:name (deleted)`.
fn parse(line: &str) -> Option<Mapped> {
    let mut columns = line.split_ascii_whitespace();
    let (from, to) = columns.next()?.split_once('-')?;
    let hex = |text| u64::from_str_radix(text, 16).ok();
    let (from, to) = (hex(from)?, hex(to)?);
    let start = hex(columns.nth(1)?)?;
    let inode = columns.nth(1)?.parse().ok()?;
    Some(Mapped {
        inode,
        start,
        end: start + (to - from),
    })
}

//! The app, as the program has it: its parent, and a socket to it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::net::UnixStream;

use rustix::io::fcntl_dupfd_cloexec;
#[cfg(not(native_linux))]
use rustix::process::{Pid, getppid};
use rustix::stdio::{dup2_stdin, stdin};

use super::socket;
use crate::system::{Bell, Given, Memory};

/// The first byte that the app sends. The memories come with it.
pub(super) const MEMORIES: u8 = 0xA0;

/// The byte with which another connection comes, of a program that several processes use.
#[cfg(native_linux)]
pub(super) const CONNECTION: u8 = 0xA1;

/// The first descriptor after those of the standard streams.
const FIRST: i32 = 3;

/// The app, which has started this program.
pub(crate) struct App {
    socket: UnixStream,
    #[cfg(not(native_linux))]
    pid: Option<Pid>,
}

impl App {
    /// Takes the socket, which the app has given in place of the standard input. Afterwards the descriptors are: 0,
    /// /dev/null; 1 and 2, the app's; 3, the socket; and no other, whatever the app's process has let its children inherit.
    ///
    /// Called first of all, by the only thread.
    pub(crate) fn take(_arguments: &[OsString]) -> io::Result<Self> {
        // For an app that has forked: its children have the socket too, and need not end with it.
        #[cfg(native_linux)]
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        close_inherited()?;
        let socket = UnixStream::from(fcntl_dupfd_cloexec(stdin(), FIRST)?);
        dup2_stdin(File::open("/dev/null")?)?;
        #[cfg(not(native_linux))]
        socket.set_read_timeout(Some(PARENT_EVERY))?;
        Ok(Self {
            socket,
            #[cfg(not(native_linux))]
            pid: getppid(),
        })
    }

    /// Waits for the next process of the app that uses this program. Fails when the one has ended that has started it.
    #[cfg(native_linux)]
    pub(crate) fn receive_connection(&self) -> io::Result<Self> {
        match self.receive()? {
            (CONNECTION, descriptors) => match descriptors.into_iter().next() {
                Some(socket) => Ok(Self { socket: socket.into() }),
                None => Err(io::ErrorKind::InvalidData.into()),
            },
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// What it gives first.
    pub(crate) fn receive_memories(&self) -> io::Result<Given> {
        let (byte, descriptors) = self.receive()?;
        let mut descriptors = descriptors.into_iter();
        match (byte, descriptors.next(), descriptors.next()) {
            (MEMORIES, Some(control), Some(buffers)) => Ok(Given {
                control: Memory::of(control)?,
                buffers: Memory::of(buffers)?,
                cancels: Bell::of(descriptors.next())?,
            }),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the memory was not sent")),
        }
    }

    /// Waits for the next lane to serve. Fails when the app has ended.
    pub(crate) fn receive_lane(&self) -> io::Result<(usize, Bell)> {
        let (byte, descriptors) = self.receive()?;
        Ok((byte.into(), Bell::of(descriptors.into_iter().next())?))
    }

    /// Sends the answer.
    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<()> {
        socket::send(&self.socket, bytes, &[])
    }

    #[cfg(native_linux)]
    fn receive(&self) -> io::Result<(u8, Vec<std::os::fd::OwnedFd>)> {
        socket::receive(&self.socket)
    }

    /// For an app that has forked, as above: where the system does not end this process, it looks for itself.
    #[cfg(not(native_linux))]
    fn receive(&self) -> io::Result<(u8, Vec<std::os::fd::OwnedFd>)> {
        loop {
            match socket::receive(&self.socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && getppid() == self.pid => {}
                received => return received,
            }
        }
    }
}

/// How often it is looked whether the parent is still the app.
#[cfg(not(native_linux))]
const PARENT_EVERY: std::time::Duration = std::time::Duration::from_millis(500);

fn close_inherited() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    // SAFETY: closes descriptors that nothing in this process knows of: it has opened none. An older kernel, which lacks
    // the call, answers with a failure.
    if unsafe { libc::syscall(libc::SYS_close_range, FIRST, u32::MAX, 0) } == 0 {
        return Ok(());
    }
    let listed = fs::read_dir("/dev/fd")?;
    let numbers: Vec<i32> = listed
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for number in numbers.into_iter().filter(|number| *number >= FIRST) {
        // SAFETY: as above. The folder's own descriptor is closed already, and a second close of it fails.
        unsafe { libc::close(number) };
    }
    Ok(())
}

/// Ends the process, without the functions that it would call at its exit: the library's threads may run.
pub(crate) fn end_now(code: i32) -> ! {
    // SAFETY: has no precondition.
    unsafe { libc::_exit(code) }
}

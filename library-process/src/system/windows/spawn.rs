//! How a program is started: with no handles but those that are named here, and without a window.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle, RawHandle};
use std::path::Path;
use std::ptr;

use windows_sys::Win32::System::Console::GetConsoleCP;
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK, JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectExtendedLimitInformation,
    SetInformationJobObject,
};
use windows_sys::Win32::System::Threading::{
    CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW, CreateProcessW, DeleteProcThreadAttributeList,
    EXTENDED_STARTUPINFO_PRESENT, InitializeProcThreadAttributeList, PROC_THREAD_ATTRIBUTE_HANDLE_LIST,
    PROCESS_INFORMATION, STARTF_USESTDHANDLES, STARTUPINFOEXW, UpdateProcThreadAttribute,
};

use super::handle::{check, inheritable, len_of, owned};

/// A process that was started.
pub(super) struct Started {
    pub(super) process: OwnedHandle,
    pub(super) pid: u32,
}

/// Starts a program with these arguments and the number of a handle that it inherits. Besides it has nothing as its standard
/// input, and this process's standard output and error.
pub(super) fn start(
    program: &Path,
    arguments: &[&OsStr],
    name: &str,
    inherited: BorrowedHandle<'_>,
) -> io::Result<Started> {
    let inherited = inheritable(inherited)?;
    let input = inheritable(File::open("NUL")?.as_handle())?;
    let streams = [stream(io::stdout().as_handle()), stream(io::stderr().as_handle())];
    let [output, error] = streams
        .each_ref()
        .map(|stream| stream.as_ref().map_or(ptr::null_mut(), raw));
    let number = format!("{name}{}", raw(&inherited).addr());
    let arguments = [&[program.as_os_str()], arguments, &[OsStr::new(&number)]].concat();
    let mut line: Vec<u16> = arguments
        .iter()
        .flat_map(|argument| quoted(argument))
        .chain([0])
        .collect();
    let file: Vec<u16> = program.as_os_str().encode_wide().chain([0]).collect();

    let mut handles = vec![raw(&inherited), raw(&input)];
    handles.extend(streams.iter().flatten().map(raw));
    let list = HandleList::new(&handles)?;
    let mut startup = STARTUPINFOEXW::default();
    startup.StartupInfo.cb = len_of::<STARTUPINFOEXW>();
    startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    startup.StartupInfo.hStdInput = raw(&input);
    startup.StartupInfo.hStdOutput = output;
    startup.StartupInfo.hStdError = error;
    startup.lpAttributeList = list.pointer();
    // SAFETY: has no precondition.
    let has_console = unsafe { GetConsoleCP() } != 0;
    // The console's Ctrl-C is for the app. Where there is no console, none is to appear.
    let window = if has_console { 0 } else { CREATE_NO_WINDOW };
    let mut started = PROCESS_INFORMATION::default();
    // SAFETY: two strings that end with 0, the second one writable; the list, whose handles are open and can be inherited;
    // room for the outcome. The rest is this process's own.
    check(unsafe {
        CreateProcessW(
            file.as_ptr(),
            line.as_mut_ptr(),
            ptr::null(),
            ptr::null(),
            1,
            EXTENDED_STARTUPINFO_PRESENT | CREATE_NEW_PROCESS_GROUP | window,
            ptr::null(),
            ptr::null(),
            &raw const startup.StartupInfo,
            &raw mut started,
        )
    })?;
    // SAFETY: made just now, for this. It is closed.
    drop(unsafe { owned(started.hThread) });
    Ok(Started {
        // SAFETY: made just now, for this.
        process: unsafe { owned(started.hProcess) }?,
        pid: started.dwProcessId,
    })
}

/// A job that the process is in, and is ended with when nobody has the job's handle any more: when this process has ended,
/// however that was. Programs that it starts are not in it.
pub(super) fn end_with_this_process(process: BorrowedHandle<'_>) -> io::Result<OwnedHandle> {
    // SAFETY: without attributes and a name there is nothing to point at.
    let job = unsafe { CreateJobObjectW(ptr::null(), ptr::null()) };
    // SAFETY: made just now, for this.
    let job = unsafe { owned(job) }?;
    let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK;
    let len = len_of::<JOBOBJECT_EXTENDED_LIMIT_INFORMATION>();
    let raw_job = job.as_raw_handle();
    // SAFETY: an open handle of a job, and limits of that kind and length.
    check(unsafe {
        SetInformationJobObject(
            raw_job,
            JobObjectExtendedLimitInformation,
            (&raw const limits).cast(),
            len,
        )
    })?;
    // SAFETY: open handles of a job and of a process.
    check(unsafe { AssignProcessToJobObject(raw_job, process.as_raw_handle()) })?;
    Ok(job)
}

/// One of this process's streams, for the program. An app without a console may have none.
fn stream(handle: BorrowedHandle<'_>) -> Option<OwnedHandle> {
    inheritable(handle).ok()
}

fn raw(handle: &OwnedHandle) -> RawHandle {
    handle.as_raw_handle()
}

/// An argument in quotation marks and a space, as the program takes them apart. Neither a path nor one of ours has a
/// quotation mark; a backslash before the closing one is doubled.
fn quoted(argument: &OsStr) -> Vec<u16> {
    const QUOTE: u16 = b'"' as u16;
    const BACKSLASH: u16 = b'\\' as u16;
    const SPACE: u16 = b' ' as u16;
    let wide: Vec<u16> = argument.encode_wide().collect();
    let backslashes = wide.iter().rev().take_while(|unit| **unit == BACKSLASH).count();
    let mut quoted = vec![QUOTE];
    quoted.extend(wide);
    quoted.extend(vec![BACKSLASH; backslashes]);
    quoted.extend([QUOTE, SPACE]);
    quoted
}

/// The handles that a program is to inherit, and no others.
struct HandleList<'a> {
    /// Aligned as a pointer.
    bytes: Vec<usize>,
    _handles: &'a [RawHandle],
}

impl<'a> HandleList<'a> {
    fn new(handles: &'a [RawHandle]) -> io::Result<Self> {
        let mut len = 0;
        // SAFETY: without a list, this only says how many bytes one takes.
        unsafe { InitializeProcThreadAttributeList(ptr::null_mut(), 1, 0, &raw mut len) };
        let mut bytes = vec![0usize; len.div_ceil(size_of::<usize>())];
        // SAFETY: so many bytes are there.
        check(unsafe { InitializeProcThreadAttributeList(bytes.as_mut_ptr().cast(), 1, 0, &raw mut len) })?;
        let list = Self {
            bytes,
            _handles: handles,
        };
        // SAFETY: a list with room for one attribute; the handles live as long as it does.
        check(unsafe {
            UpdateProcThreadAttribute(
                list.pointer(),
                0,
                PROC_THREAD_ATTRIBUTE_HANDLE_LIST as usize,
                handles.as_ptr().cast(),
                size_of_val(handles),
                ptr::null_mut(),
                ptr::null(),
            )
        })?;
        Ok(list)
    }

    fn pointer(&self) -> *mut std::ffi::c_void {
        self.bytes.as_ptr().cast_mut().cast()
    }
}

impl Drop for HandleList<'_> {
    fn drop(&mut self) {
        // SAFETY: the list of `new`.
        unsafe { DeleteProcThreadAttributeList(self.pointer()) };
    }
}

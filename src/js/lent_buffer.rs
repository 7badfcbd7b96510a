//! The memory of a buffer, taken out of JavaScript's reach and given back.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use inplace_exchange_host::{Call, LentMemory, OngoingCall, Pages};

use crate::error::Error;
use crate::js::byte_view::ByteView;
use crate::js::intrinsics::Intrinsics;
use crate::js::reference::Reference;
use crate::js::scope::Scope;
use crate::js::value::Value;

/// Who guarantees that no JavaScript touches memory while it is lent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Custody {
    /// The addon: it moves the memory to an ArrayBuffer of its own.
    Detached,
    /// The caller, who alone holds the ArrayBuffer: a preload that was given it over a port. It leaves the memory alone
    /// until the call has been settled with it.
    Retained,
}

/// Memory that is lent to a library: `len` bytes at `data`, which stay there until this is [released](Self::release).
///
/// No JavaScript touches them meanwhile, as far as [`take`](Self::take) says; or they are shared, and can be reached by
/// all who have them. Whoever uses the pointer on another thread keeps this until that thread has done with it.
pub(crate) struct LentBuffer {
    /// Its ArrayBuffer or SharedArrayBuffer: as long as it is referred to, the memory stays where it is.
    owner: Reference,
    /// The caller's own view, if the memory is shared.
    shared: Option<Reference>,
    offset: usize,
    data: NonNull<u8>,
    len: usize,
    pages: Pages,
}

impl LentBuffer {
    /// Takes a view's memory: detaches its ArrayBuffer, or refers to its SharedArrayBuffer, which can be neither
    /// detached nor freed nor made shorter.
    ///
    /// It is detached by a function of JavaScript's (there is none in Node-API that keeps the memory), the one that was
    /// in its place when the addon was loaded. Code that ran in the same world before, and put its own there, can keep
    /// a second handle on the memory, and with it free what a library is writing to. That is code with all of this
    /// process's rights: a preload's own, or what it loaded first; a page's scripts have a world of their own under
    /// context isolation. `expose()` loads the addon at the top of a preload.
    pub(crate) fn take(intrinsics: &Intrinsics, view: &ByteView<'_>, custody: Custody) -> Result<Self, Box<Error>> {
        if view.buffer.is_array_buffer() {
            let data = check_whole(intrinsics, view)?;
            return match custody {
                Custody::Detached => Self::detach(intrinsics, view),
                Custody::Retained => Self::whole(view.buffer, data, view.len),
            };
        }
        Ok(Self {
            pages: Pages::Fixed,
            owner: Reference::new(view.buffer).ok_or(Error::NotDetachable)?,
            shared: Some(Reference::new(view.value).ok_or(Error::NotDetachable)?),
            offset: view.offset,
            data: non_null(view.data),
            len: view.len,
        })
    }

    fn detach(intrinsics: &Intrinsics, view: &ByteView<'_>) -> Result<Self, Box<Error>> {
        let moved = intrinsics.transfer(view.buffer).ok_or(Error::NotDetachable)?;
        // Its memory is asked for after all JavaScript that may run here: structuredClone looks at Array.prototype.
        let detached = view.buffer.is_detached();
        match moved.array_buffer_bytes() {
            Some((data, len)) if detached && len == view.len => Self::whole(moved, data, len),
            _ => Err(Box::new(Error::NotDetachable)), // structuredClone copies what it cannot move
        }
    }

    /// The `len` bytes of an ArrayBuffer, which are at `data`.
    fn whole(buffer: Value<'_>, data: *mut u8, len: usize) -> Result<Self, Box<Error>> {
        Ok(Self {
            pages: Pages::Fixed,
            owner: Reference::new(buffer).ok_or(Error::NotDetachable)?,
            shared: None,
            offset: 0,
            data: non_null(data),
            len,
        })
    }

    /// Says what may be done with the pages of the memory.
    ///
    /// # Safety
    /// It may be done: [`LentMemory::in_pages`].
    pub(crate) unsafe fn in_pages(self, pages: Pages) -> Self {
        Self { pages, ..self }
    }

    /// A view of a message of `len` bytes, when no other thread writes to the memory any more. `None`, with an
    /// exception pending, if it cannot be made.
    pub(crate) fn result_view<'s>(&self, scope: Scope<'s>, intrinsics: &Intrinsics, len: u32) -> Option<Value<'s>> {
        let owner = self.owner.value(scope)?;
        match self.shared {
            Some(_) => intrinsics.view_shared(owner, self.offset, len as usize),
            None => scope.uint8_array(owner, self.offset, len as usize),
        }
    }

    /// As [`result_view`](Self::result_view), of all of the memory, for an error to carry.
    pub(crate) fn full_view<'s>(&self, scope: Scope<'s>) -> Option<Value<'s>> {
        match &self.shared {
            Some(given) => given.value(scope),
            None => scope.uint8_array(self.owner.value(scope)?, self.offset, self.len),
        }
    }

    /// Lets V8 free the memory when JavaScript has no use for it either. No thread uses `data` any more.
    pub(crate) fn release(self, scope: Scope<'_>) {
        self.owner.release(scope);
        if let Some(view) = self.shared {
            view.release(scope);
        }
    }
}

/// Where the bytes of an ArrayBuffer are, all of which the view covers, and whose length is fixed.
fn check_whole(intrinsics: &Intrinsics, view: &ByteView<'_>) -> Result<*mut u8, Box<Error>> {
    if intrinsics.is_resizable(view.buffer) {
        return Err(Box::new(Error::BufferResizable));
    }
    let (data, total) = view.buffer.array_buffer_bytes().ok_or(Error::NotDetachable)?;
    if view.offset == 0 && view.len == total {
        return Ok(data);
    }
    Err(Box::new(Error::PartialView {
        offset: view.offset,
        len: view.len,
        total,
    }))
}

/// The contract gives a library whose buffer is empty a pointer that is not null.
fn non_null(data: *mut u8) -> NonNull<u8> {
    NonNull::new(data).unwrap_or(empty_ptr())
}

/// Non-null pointer for empty buffers. It points at a byte that was written to: a masked store, with which memset
/// begins, stores nothing there, and takes 100 ns where the page is not mapped for writing.
pub(crate) fn empty_ptr() -> NonNull<u8> {
    static EMPTY: AtomicU8 = AtomicU8::new(0);
    EMPTY.store(0, Ordering::Relaxed);
    NonNull::from(&EMPTY).cast()
}

/// A buffer that a call has been lent, and the call. The memory stays where it is as long as the call uses it.
pub(crate) struct Loan {
    buffer: LentBuffer,
    call: Arc<dyn Call>,
    _ongoing: Option<OngoingCall>,
}

impl Loan {
    /// Lends the buffer to the call that `create` makes with its memory.
    pub(crate) fn new(buffer: LentBuffer, create: impl FnOnce(LentMemory<'static>) -> Arc<dyn Call>) -> Self {
        // SAFETY: the ArrayBuffer, which `owner` refers to, keeps `len` bytes at `data` until it is released, which `release`
        // does only after the call has ended. No JavaScript can move or free them meanwhile, under the assumptions that
        // `take` states, or they are shared, and can be neither moved nor freed. Rust forms no reference to them and relies
        // on none of them; only the library's code reads and writes them, and its contract warns it of other writers.
        // What may be done with its pages was promised to `in_pages`.
        let memory = unsafe { LentMemory::in_pages(buffer.data, buffer.len, buffer.pages) };
        let call = create(memory);
        Self {
            _ongoing: OngoingCall::of(call.library()),
            call,
            buffer,
        }
    }

    pub(crate) fn call(&self) -> &Arc<dyn Call> {
        &self.call
    }

    /// The buffer, once the call has ended.
    pub(crate) fn buffer(&self) -> Option<&LentBuffer> {
        self.call.has_ended().then_some(&self.buffer)
    }

    /// Lets V8 free the memory when JavaScript has no use for it either. If the call has not ended it stays, for good.
    pub(crate) fn release(self, scope: Scope<'_>) {
        if self.call.has_ended() {
            self.buffer.release(scope);
        }
    }
}

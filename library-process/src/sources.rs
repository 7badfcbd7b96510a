//! Streams of several connections that ask for the same: they have one source, which has a thread.

use std::io;
use std::sync::Arc;
use std::thread;

use inplace_exchange_host::{Broadcast, Filled, Library, Member};

use crate::running::IsLeft;
use crate::sync::{Mutex, lock};

/// Makes what it is given as a call in the library, of a source: with the lock of one that takes one call at a time.
pub(crate) type Inside = fn(IsLeft, &mut dyn FnMut());

/// The stack of a source's thread, in bytes: as others have that call the library.
const STACK_SIZE: usize = 8 << 20;

/// The sources that run.
pub(crate) struct Sources<M>(Mutex<Vec<Arc<Broadcast<M>>>>);

impl<M: Member> Sources<M> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Has a ring filled by the source of what it asks for, until it is to end or the source has ended. Begins one if there is
    /// none. `cancel` asks the library to return, when no ring wants the message that it is in.
    pub(crate) fn fill(
        &'static self,
        library: &'static Library,
        member: &Arc<M>,
        inside: Inside,
        cancel: impl Fn(),
    ) -> io::Result<Filled> {
        let mut sources = lock(&self.0);
        let source = match sources.iter().find(|source| source.add(member)) {
            Some(source) => Arc::clone(source),
            None => {
                let source = Arc::new(Broadcast::of(&**member));
                source.add(member);
                self.begin(library, &source, inside)?;
                sources.push(Arc::clone(&source));
                source
            }
        };
        drop(sources);
        Ok(source.wait_for(member, cancel))
    }

    fn begin(&'static self, library: &'static Library, source: &Arc<Broadcast<M>>, inside: Inside) -> io::Result<()> {
        let source = Arc::clone(source);
        let thread = thread::Builder::new().name("stream".to_owned()).stack_size(STACK_SIZE);
        let run = move || {
            let left = Arc::clone(&source);
            let is_left: IsLeft = Arc::new(move || left.is_left());
            source.run(library, |make| inside(Arc::clone(&is_left), make));
            lock(&self.0).retain(|other| !Arc::ptr_eq(other, &source));
        };
        thread.spawn(run).map(drop)
    }
}

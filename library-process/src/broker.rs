//! One process of the app that starts the programs of libraries for all of its processes: each library then runs once in the
//! app, whichever windows use it.
//!
//! The broker is in the main process, and waits for connections at a name with its number, which each process finds by
//! looking upwards. Both sides ask the system whom they are connected with: the broker serves processes below its own
//! only, and these accept no other broker than one above them. Where a process is to use a program, the broker makes a
//! pair of sockets, and gives each of the two one end; all else is between these two, and as [`protocol`](crate::protocol)
//! says. The program itself has no name at which anybody could reach it.

mod hosted;
mod join;
mod peer;

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use inplace_exchange_host::is_same_file;

use crate::message;
use crate::protocol::VERSION;
use crate::protocol::sharing::{KILL, MAX, REFUSED, Reply, Wish};
use crate::spawn::spawn;
use crate::system::socket;
use hosted::{Hosted, STACK_SIZE};
pub(crate) use join::join;

/// How long one who has connected may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most connections at a time, each of which has a thread.
const MAX_CONNECTIONS: usize = 512;

struct Broker {
    program: PathBuf,
    libraries: Mutex<Vec<Arc<Hosted>>>,
    connections: AtomicUsize,
}

/// Has this process start the programs of libraries for all processes of the app, from the first call until it ends.
pub fn listen(program: &Path) -> io::Result<()> {
    static LISTENS: Mutex<bool> = Mutex::new(false);
    let mut listens = LISTENS.lock().unwrap_or_else(PoisonError::into_inner);
    if *listens {
        return Ok(());
    }
    let listener = UnixListener::bind_addr(&peer::name_of(std::process::id())?)?;
    let broker = Arc::new(Broker {
        program: program.to_owned(),
        libraries: Mutex::default(),
        connections: AtomicUsize::new(0),
    });
    spawn("library-broker", STACK_SIZE, move || {
        for connection in listener.incoming() {
            match connection {
                Ok(connection) => broker.accept(connection),
                Err(_) => thread::sleep(Duration::from_millis(100)), // no descriptor is left, for now
            }
        }
    })?;
    *listens = true;
    Ok(())
}

impl Broker {
    fn accept(self: &Arc<Self>, connection: UnixStream) {
        if self.connections.fetch_add(1, Ordering::Relaxed) < MAX_CONNECTIONS {
            let broker = Arc::clone(self);
            let serving = spawn("library-window", STACK_SIZE, move || {
                let _ = broker.serve(&Arc::new(connection)); // whatever fails, the connection ends
                broker.connections.fetch_sub(1, Ordering::Relaxed);
            });
            if serving.is_ok() {
                return;
            }
        }
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// One connection, from its begin to its end.
    fn serve(&self, connection: &Arc<UnixStream>) -> io::Result<()> {
        // SECURITY: anyone in this network namespace can connect.
        if !peer::is_of_app(connection)? {
            return Ok(());
        }
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.set_write_timeout(Some(PATIENCE))?;
        let wish: Wish = message::receive(MAX, |bytes| (&**connection).read_exact(bytes))?;
        connection.set_read_timeout(None)?;
        let joined = self
            .hosted(&wish)
            .and_then(|hosted| hosted.join(&self.program, &wish, connection));
        let running = match joined {
            Ok(running) => running,
            Err(reply) => {
                let said = [&[REFUSED], &message::to_bytes(&reply)?[..]].concat();
                return socket::send(connection, &said, &[]);
            }
        };
        let mut byte = [0];
        while (&**connection).read_exact(&mut byte).is_ok() {
            if byte[0] == KILL {
                running.kill();
            }
        }
        running.leave(connection);
        Ok(())
    }

    fn hosted(&self, wish: &Wish) -> Result<Arc<Hosted>, Reply> {
        if wish.version != VERSION {
            let why = "the main process has another version of inplace-exchange";
            return Err(Reply::Unavailable(why.to_owned()));
        }
        let path = PathBuf::from(OsString::from_vec(wish.library.clone()));
        let mut libraries = self.libraries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hosted) = libraries.iter().find(|hosted| is_same_file(&hosted.library, &path)) {
            return Ok(Arc::clone(hosted));
        }
        let hosted = Arc::new(Hosted::new(path));
        libraries.push(Arc::clone(&hosted));
        Ok(hosted)
    }
}

//! A library in a process of its own. Started by the app, with the library's path and a socket as standard input; it is of
//! no use to anybody else.

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    let mut args = std::env::args_os().skip(1);
    let Some(library) = args.next() else {
        eprintln!("inplace-exchange-library is started by inplace-exchange.");
        return std::process::ExitCode::from(2);
    };
    match library_process::serve(library, args.any(|arg| arg == library_process::CONFINE)) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("inplace-exchange-library: {error}");
            std::process::ExitCode::from(3)
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    eprintln!("inplace-exchange-library runs on Linux only.");
    std::process::ExitCode::from(2)
}

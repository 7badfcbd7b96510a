//! A library in a process of its own. Started by the app, with the library's path and a connection to the app; it is of no
//! use to anybody else.

fn main() -> std::process::ExitCode {
    let mut args = std::env::args_os().skip(1);
    let Some(library) = args.next() else {
        eprintln!("inplace-exchange-library is started by inplace-exchange.");
        return std::process::ExitCode::from(2);
    };
    let options: Vec<_> = args.collect();
    match library_process::serve(library, &options) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("inplace-exchange-library: {error}");
            std::process::ExitCode::from(3)
        }
    }
}

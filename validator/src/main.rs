//! Makes one check of one library, and ends. Started by `npx inplace-exchange validate`, which says what the lines that
//! it prints mean.

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    match validator::run(std::env::args_os().skip(1)) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("inplace-exchange-validator: {error}");
            std::process::ExitCode::from(2)
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    eprintln!("inplace-exchange-validator runs on Linux only.");
    std::process::ExitCode::from(2)
}

use std::path::PathBuf;
use std::process::ExitCode;

use skeleton::supervisor::Supervisor;

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: skeleton MANIFEST.json");
        return ExitCode::from(2);
    };
    match Supervisor::new(path).and_then(|mut supervisor| supervisor.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("skeleton: {error}");
            ExitCode::FAILURE
        }
    }
}

//! usage: horust-lab FOLDER: Horust on the services of a folder, as `horust --services-path FOLDER` runs them.

use std::path::PathBuf;

fn main() {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let socket = PathBuf::from(format!("/run/horust-{}.sock", std::process::id()));
    match horust::Horust::from_services_dirs(&folders, socket) {
        Ok(mut horust) => drop(horust.run()),
        Err(error) => {
            eprintln!("{error:?}");
            std::process::exit(1);
        }
    }
}

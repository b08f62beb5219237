//! A supervisor in a hundred lines: reads services.toml, starts what is in it, starts again what has ended.
//! usage: listing [FILE]

use serde::Deserialize;
use std::collections::HashMap;
use std::error::Error;
use std::process::{Child, Command};
use tokio::time::{sleep, Duration};

#[derive(Debug, Deserialize)]
struct Service {
    name: String,
    command: Vec<String>,
    depends_on: Vec<String>,
    auto_restart: bool,
    restart_delay_secs: u64,
}

#[derive(Debug)]
struct State {
    service: Service,
    child: Option<Child>,
    restarts: u32,
}

#[derive(Debug, Default)]
struct Supervisor {
    states: HashMap<String, State>,
}

fn spawn(service: &Service) -> std::io::Result<Child> {
    Command::new(&service.command[0])
        .args(&service.command[1..])
        .spawn()
}

impl Supervisor {
    fn load(&mut self, path: &str) -> Result<(), Box<dyn Error>> {
        let services: Vec<Service> = toml::from_str(&std::fs::read_to_string(path)?)?;
        for service in services {
            let state = State { service, child: None, restarts: 0 };
            self.states.insert(state.service.name.clone(), state);
        }
        Ok(())
    }

    fn is_running(&mut self, name: &str) -> bool {
        match self.states.get(name).and_then(|state| state.child.as_ref()) {
            Some(child) => child.id() > 0,
            None => false,
        }
    }

    async fn start(&mut self, name: &str) -> Result<(), String> {
        let state = self.states.get(name).ok_or(format!("no service {name}"))?;
        for needed in state.service.depends_on.clone() {
            if !self.is_running(&needed) {
                self.start(&needed).await?;
            }
        }
        let state = self.states.get_mut(name).expect("looked up above");
        state.child = Some(spawn(&state.service).map_err(|e| format!("{name}: {e}"))?);
        println!("started {name}");
        Ok(())
    }

    async fn supervise(&mut self) {
        loop {
            for (name, state) in self.states.iter_mut() {
                let Some(child) = state.child.as_mut() else { continue };
                match child.try_wait() {
                    Ok(Some(status)) => {
                        println!("{name} ended: {status}");
                        if state.service.auto_restart {
                            sleep(Duration::from_secs(state.service.restart_delay_secs)).await;
                            state.restarts += 1;
                            state.child = spawn(&state.service).ok();
                            println!("started {name} again, restart {}", state.restarts);
                        }
                    }
                    Ok(None) => {} // it runs
                    Err(error) => eprintln!("{name}: {error}"),
                }
            }
            sleep(Duration::from_secs(1)).await;
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or("services.toml".to_string());
    let mut supervisor = Supervisor::default();
    supervisor.load(&path)?;
    let names: Vec<String> = supervisor.states.keys().cloned().collect();
    for name in names {
        supervisor.start(&name).await?;
    }
    supervisor.supervise().await;
    Ok(())
}

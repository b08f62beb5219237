//! Place 5, `src/health.rs`. Run these alone: `cargo test --test health`.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use skeleton::health::ask;
use skeleton::manifest::Readiness;

const SHORT: Duration = Duration::from_millis(400);

/// A server on a port of its own that answers every question with `answer`, or, without one, never.
fn server(answer: Option<&'static str>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            if let Some(answer) = answer {
                let _ = stream.read(&mut [0; 1024]);
                let _ = write!(stream, "HTTP/1.0 {answer}\r\n\r\n");
            } else {
                held.push(stream);
            }
        }
    });
    port
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn http(port: u16) -> Readiness {
    Readiness::Http { port, path: "/healthz".to_owned() }
}

fn exec(script: &str) -> Readiness {
    Readiness::Exec { command: ["/bin/sh", "-c", script].map(str::to_owned).to_vec() }
}

#[test]
fn tcp_is_a_connection_that_is_accepted() {
    assert!(ask(&Readiness::Tcp { port: server(None) }, SHORT));
    assert!(!ask(&Readiness::Tcp { port: free_port() }, SHORT), "nobody listens there");
}

#[test]
fn http_is_a_status_from_200_to_399() {
    assert!(ask(&http(server(Some("204 No Content"))), SHORT));
    assert!(ask(&http(server(Some("302 Found"))), SHORT));
    assert!(!ask(&http(server(Some("503 Service Unavailable"))), SHORT));
    assert!(!ask(&http(free_port()), SHORT), "nobody listens there");
}

#[test]
fn who_never_answers_is_not_waited_for() {
    let began = Instant::now();
    assert!(!ask(&http(server(None)), SHORT));
    assert!(began.elapsed() < SHORT * 10, "it took {:?}", began.elapsed());
}

// The tests are run as threads of one process: nobody else may wait for the children of this one.
#[test]
fn exec_is_a_command_that_exits_with_0_and_in_time() {
    let reaper = std::thread::spawn(|| {
        let end = Instant::now() + Duration::from_secs(20);
        while Instant::now() < end && !DONE.load(std::sync::atomic::Ordering::Relaxed) {
            skeleton::children::reap();
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    assert!(ask(&exec("exit 0"), SHORT * 5));
    assert!(!ask(&exec("exit 3"), SHORT * 5));
    let began = Instant::now();
    assert!(!ask(&exec("sleep 600"), SHORT));
    assert!(began.elapsed() < SHORT * 10, "it took {:?}", began.elapsed());
    DONE.store(true, std::sync::atomic::Ordering::Relaxed);
    reaper.join().unwrap();
}

static DONE: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

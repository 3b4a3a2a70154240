//! A response in time and in the documented form is used; anything else costs at most a second and is reported with
//! its reason.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::*;

/// An example from AWS's documentation, shortened.
const TASK: &str = r#"{"Cluster": "default", "Family": "media", "Limits": {"CPU": 0.25, "Memory": 512},
    "Containers": [{"Name": "tintype", "Limits": {"CPU": 2}}], "LaunchType": "FARGATE"}"#;
const CONTAINER: &str = r#"{"Name": "tintype", "Limits": {"CPU": 2}, "Type": "NORMAL"}"#;

/// Starts an agent for one test: `answer` gets the path and the connection. It ends with the process.
fn agent(answer: impl Fn(&str, &mut TcpStream) + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, answer) = (stream.unwrap(), answer.clone());
            thread::spawn(move || {
                let mut head = BufReader::new(stream.try_clone().unwrap()).lines();
                let first = head.next().unwrap().unwrap();
                while head.next().is_some_and(|line| !line.unwrap().is_empty()) {}
                answer(first.split(' ').nth(1).unwrap(), &mut stream);
            });
        }
    });
    format!("http://{address}/v4/0123")
}

/// Answers both paths with a status and a body.
fn telling(status: &'static str, task: &str, container: &str) -> String {
    let (task, container) = (task.to_owned(), container.to_owned());
    agent(move |path, stream| {
        let body = match path {
            "/v4/0123" => &container,
            "/v4/0123/task" => &task,
            _ => panic!("asked for {path}"),
        };
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
        // The client may have closed the connection already.
        let _ = stream.write_all((head + body).as_bytes());
    })
}

fn mebibytes(count: u64) -> Option<u64> {
    Some(count * 1024 * 1024)
}

/// Nothing is known, and the reason contains this text.
#[track_caller]
fn check_unread(address: &str, reason: &str) {
    let (limits, unread) = limits(address);
    assert_eq!(limits, TaskLimits::default());
    let unread = unread.unwrap();
    assert!(unread.contains(reason), "{unread}");
}

#[test]
fn the_size_of_the_task_is_its_limit() {
    let (limits, unread) = limits(&telling("200 OK", TASK, CONTAINER));
    assert_eq!(unread, None);
    assert_eq!(limits.memory_bytes, mebibytes(512));
    assert_eq!(limits.cpus, NonZeroUsize::new(1));
}

#[test]
fn the_tighter_of_task_and_container_holds() {
    let check = |task: &str, container: &str, cpus, memory| {
        let (limits, unread) = limits(&telling("200 OK", task, container));
        assert_eq!(unread, None);
        assert_eq!(
            (limits.cpus.map(NonZeroUsize::get), limits.memory_bytes),
            (cpus, memory)
        );
    };
    let task = r#"{"Limits": {"CPU": 4, "Memory": 8192}}"#;
    // A container's units are its share, not its limit.
    check(
        task,
        r#"{"Limits": {"CPU": 256, "Memory": 300}}"#,
        Some(4),
        mebibytes(300),
    );
    check(
        task,
        r#"{"Limits": {"CPU": 2, "Memory": 0}}"#,
        Some(4),
        mebibytes(8192),
    );
    check(task, "{}", Some(4), mebibytes(8192));
    check(
        "{}",
        r#"{"Limits": {"CPU": 2, "Memory": 128}}"#,
        None,
        mebibytes(128),
    );
    check("{}", "{}", None, None);
    check(r#"{"Limits": {"CPU": -1, "Memory": 0}}"#, "{}", None, None);
    check(
        r#"{"Limits": {"CPU": 1e300, "Memory": 18446744073709551615}}"#,
        "{}",
        Some(usize::MAX),
        None,
    );
}

#[test]
fn each_path_is_used_without_the_other() {
    let address = agent(|path, stream| {
        let (status, body) = match path.ends_with("/task") {
            true => ("200 OK", TASK),
            false => ("404 Not Found", ""),
        };
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n");
        let _ = stream.write_all((head + body).as_bytes());
    });
    let (limits, unread) = limits(&address);
    assert_eq!(limits.memory_bytes, mebibytes(512));
    assert!(unread.unwrap().contains("answered 404"));
}

#[test]
fn a_busy_agent_is_asked_again() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    let asked = Arc::new(AtomicU32::new(0));
    let address = agent(move |path, stream| {
        let head =
            "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let body = match asked.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => head.to_owned(),
            _ if path.ends_with("/task") => format!("HTTP/1.0 200 OK\r\n\r\n{TASK}"),
            _ => format!("HTTP/1.0 200 OK\r\n\r\n{CONTAINER}"),
        };
        let _ = stream.write_all(body.as_bytes());
    });
    let (limits, unread) = limits(&address);
    assert_eq!((limits.memory_bytes, unread), (mebibytes(512), None));
}

#[test]
fn no_response_sets_no_limit() {
    check_unread(&telling("404 Not Found", "", ""), "answered 404");
    check_unread(&telling("500 Oh", TASK, CONTAINER), "answered 500");
    check_unread(&telling("302 Found", TASK, CONTAINER), "answered 302");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/v4", listener.local_addr().unwrap());
    drop(listener);
    check_unread(&address, "refused");
}

#[test]
fn an_agent_that_hangs_costs_a_second() {
    let hanging = agent(|_, _| thread::park());
    check_unread(&hanging, "no response within 1 s");
    let dripping = agent(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{");
        while stream.write_all(b" ").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    check_unread(&dripping, "no response within 1 s");
}

#[test]
fn a_malformed_response_sets_no_limit() {
    for body in ["", "null", "[]", "404 page not found", r#"{"Limits": 3}"#] {
        check_unread(&telling("200 OK", body, body), "malformed");
    }
    let negative = r#"{"Limits": {"CPU": 1, "Memory": -1}}"#;
    check_unread(&telling("200 OK", negative, negative), "malformed");
    let huge = format!(
        "{{\"Limits\": {{}}, \"Junk\": \"{}\"}}",
        "x".repeat(MAX_BYTES)
    );
    check_unread(&telling("200 OK", &huge, &huge), "more than 1048576 bytes");
    let deep = "[".repeat(100_000);
    check_unread(&telling("200 OK", &deep, &deep), "malformed");
}

/// A variable cannot make the service call other hosts.
#[test]
fn only_this_machine_and_its_links_are_called() {
    for near in [
        "http://169.254.170.2/v4/0123-45",
        "http://127.0.0.1:51678/v4",
        "http://localhost:51678/v4",
        "http://[::1]:51678/v4",
        "http://[fe80::1]/v4",
        "http://[fd00:ec2::23]/v4/",
    ] {
        assert!(super::near(near).is_ok(), "{near}");
    }
    for far in [
        "",
        "169.254.170.2/v4",
        "https://169.254.170.2/v4",
        "file:///etc/passwd",
        "http://10.0.0.1/v4",
        "http://192.0.2.1/v4",
        "http://169.254.170.2.example.org/v4",
        "http://169.254.170.2@192.0.2.1/v4",
        "http://[fd00::1]/v4",
        "http://169.254.170.2/v4?x=1",
    ] {
        check_unread(far, "is not an http address");
    }
}

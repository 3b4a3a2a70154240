//! An operator sees problems before the service starts, what it does while it runs, and never a secret. A stop loses no
//! request.

use std::io::{Read, Write};

use crate::corpus;
use crate::harness::{App, Start, tintype};

/// Runs the binary to its end; returns exit code, standard output and standard error.
fn run(arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String, String) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut command = tintype(folder.path());
    let output = command
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn health_has_a_listener_of_its_own() {
    let app = App::dev();
    for path in ["/livez", "/readyz", "/startupz"] {
        app.admin(path).expect(200);
        app.get(path).expect(404);
    }
    app.get("/metrics").expect(404);
}

#[test]
fn metrics_have_fixed_names_and_few_labels() {
    let app = App::dev();
    app.upload("a.jpg", &corpus::tower());
    app.get("/t/a.jpg/w_100").expect(200);
    app.get("/t/a.jpg/w_100").expect(200);
    let text = app.admin("/metrics").expect(200).text();
    // OpenMetrics for clients that accept it; the older text format for the others.
    let openmetrics = [(
        "accept",
        "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
    )];
    let url = app.admin_url("/metrics");
    let asked = app.send_to("GET", &url, &openmetrics, b"").expect(200);
    assert!(
        asked
            .header("content-type")
            .starts_with("application/openmetrics-text")
    );
    assert!(asked.text().ends_with("\n# EOF\n"));
    assert!(!text.contains("# EOF"));
    for name in [
        "tintype_http_requests_total",
        "tintype_http_request_duration_seconds",
        "tintype_stage_duration_seconds",
        "tintype_cache_events_total",
        "tintype_queue_depth",
        "tintype_uploads_total",
        "tintype_upload_bytes_total",
        "tintype_storage_request_duration_seconds",
        "tintype_build_info",
    ] {
        assert!(text.contains(&format!("# TYPE {name} ")), "{name}");
        // There, `_total` is part of the samples only.
        let family = name.trim_end_matches("_total");
        let line = format!("# TYPE {family} ");
        assert!(asked.text().contains(&line), "{name}");
    }
    let series = |text: &str| text.lines().filter(|line| !line.starts_with('#')).count();
    let before = series(&text);
    for n in 0..200 {
        app.get(&format!("/t/none-{n}.jpg/w_{}", n + 1));
        app.get(&format!("/{n}"));
    }
    let after = series(&app.admin("/metrics").text());
    assert!(after < before + 60, "{before} series became {after}");
}

#[test]
fn every_request_is_one_line_without_secrets() {
    let app = App::production();
    app.upload("photos/a.jpg", &corpus::tower());
    app.get("/t/photos/a.jpg/w_100~sig_SECRETSIGNATURE0000000");
    app.get("/o/photos/a.jpg?token=SECRETQUERY");
    // More than a socket buffers.
    app.upload("large.bin", &vec![7; 20 << 20]);
    app.api("GET", "/files/large.bin", &[], b"").expect(200);
    let (status, stdout, stderr) = app.stop();
    assert!(status.success(), "{status}");
    let lines: Vec<serde_json::Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let requests: Vec<_> = lines
        .iter()
        .filter(|line| line["status"].is_number())
        .collect();
    assert!(requests.len() >= 3, "{stdout}");
    for request in requests {
        assert_eq!(request["event"], "request");
        for field in ["method", "route", "bytes", "duration_ms"] {
            assert!(!request[field].is_null(), "{field} in {request}");
        }
        assert!(request["aborted"].is_null(), "{request}");
    }
    for secret in ["SECRET", "secret-of-ops", "first-signing-key"] {
        assert!(
            !stdout.contains(secret) && !stderr.contains(secret),
            "{secret}: {stdout}{stderr}"
        );
    }
}

#[test]
fn a_stop_finishes_what_was_begun() {
    let mut app = App::dev();
    let body = corpus::tower();
    let (first, second) = body.split_at(body.len() / 2);
    let mut stream = app.connect();
    let head = format!(
        "PUT /api/v1/files/a.jpg HTTP/1.1\r\nhost: x\r\nauthorization: Bearer dev\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(first).unwrap();
    // The server has taken the request once its bytes wait in the spool.
    std::thread::sleep(std::time::Duration::from_millis(300));
    app.terminate();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(app.is_running());
    stream.write_all(second).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(app.wait().code(), Some(0));
    assert_eq!(std::fs::read(app.media().join("a.jpg")).unwrap(), body);
}

#[test]
fn an_idle_server_ends_at_once() {
    let app = App::dev();
    let _idle = app.connect();
    let (status, _, _) = app.stop();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_container_can_ask_for_health_without_a_shell() {
    let app = App::dev();
    let address = app.admin_url("").replace("http://", "");
    let environment = [
        ("TINTYPE_ADMIN_BIND", &*address),
        ("TINTYPE_BIND", "0.0.0.0:8080"),
    ];
    let (code, _, stderr) = run(&["healthcheck"], &environment);
    assert_eq!(code, 0, "{stderr}");
    drop(app);
    let (code, _, stderr) = run(&["healthcheck"], &[("TINTYPE_ADMIN_BIND", &address)]);
    assert_ne!(code, 0);
    assert!(!stderr.is_empty());
}

#[test]
fn every_mistake_in_the_configuration_is_told_at_once() {
    let (code, _, stderr) = run(
        &["serve"],
        &[
            ("TINTYPE_STORE", "ftp://nowhere"),
            ("TINTYPE_BIND", "everywhere"),
            ("TINTYPE_SIGNING_KEYS", "short"),
            ("TINTYPE_MAX_PIXELS", "many"),
            ("TINTYPE_HOT_CACHE_BYTES", "12 parsecs"),
            ("TINTYPE_NO_SUCH_THING", "1"),
        ],
    );
    assert_ne!(code, 0);
    for name in [
        "TINTYPE_STORE",
        "TINTYPE_BIND",
        "TINTYPE_SIGNING_KEYS",
        "TINTYPE_MAX_PIXELS",
        "TINTYPE_HOT_CACHE_BYTES",
        "TINTYPE_NO_SUCH_THING",
    ] {
        assert!(stderr.contains(name), "{name} in:\n{stderr}");
    }
}

/// A setting that works but is probably a mistake is reported wherever an operator looks: before the start, at the
/// start and while running.
#[test]
fn what_is_probably_not_meant_is_said_wherever_one_looks() {
    let mistakes = [
        ("TINTYPE_IDLE_TIMEOUT", "30s"),
        ("TINTYPE_SPOOL_BYTES", "1MiB"),
    ];
    let (code, stdout, stderr) = run(&["config", "--dev"], &mistakes);
    assert_eq!(code, 0, "{stderr}");
    let app = mistakes
        .into_iter()
        .fold(Start::dev(), |start, (name, value)| start.env(name, value))
        .run();
    let ready = app.admin("/readyz").expect(200).json();
    assert_eq!(ready["status"], "ok");
    let (_, log, _) = app.stop();
    for (name, _) in mistakes {
        assert!(stdout.contains(&format!("#   {name}: ")), "{stdout}");
        assert!(ready["warnings"].to_string().contains(name), "{ready}");
        let is_told = |line: &str| line.contains("\"level\":\"warn\"") && line.contains(name);
        assert!(log.lines().any(is_told), "{log}");
    }
}

#[test]
fn what_this_machine_cannot_do_keeps_it_from_starting() {
    let much = [("TINTYPE_MEMORY_BUDGET", "4096GiB")];
    for command in ["serve", "config"] {
        let (code, _, stderr) = run(&[command, "--dev"], &much);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains("TINTYPE_MEMORY_BUDGET"), "{stderr}");
    }
}

#[test]
fn ctrl_c_says_what_it_waits_for_and_how_not_to() {
    let app = Start::dev().env("TINTYPE_LAME_DUCK", "3s").run();
    let interrupt = || {
        let pid = rustix::process::Pid::from_raw(i32::try_from(app.pid()).unwrap());
        rustix::process::kill_process(pid.unwrap(), rustix::process::Signal::INT).unwrap();
    };
    interrupt();
    let began = std::time::Instant::now();
    while app.admin("/readyz").status == 200 {
        assert!(began.elapsed() < std::time::Duration::from_secs(60));
    }
    interrupt();
    let (status, _, stderr) = app.ended();
    assert_eq!(status.code(), Some(1));
    for words in ["3 s", "13 s at most", "Press Ctrl-C again to stop at once"] {
        assert!(stderr.contains(words), "{stderr}");
    }
}

/// A folder that was mounted into a container and belongs to another user.
#[test]
fn a_folder_without_rights_is_named_with_who_lacks_them() {
    let folder = std::sync::Arc::new(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
    std::fs::create_dir(folder.path().join("media")).unwrap();
    // Not even root may write there.
    let before = "mount --bind media media; mount -o remount,bind,ro media";
    let refused = Start::dev().before(before).spawn_in(folder.clone()).ended();
    let (status, _, stderr) = refused;
    assert_eq!(status.code(), Some(1), "{stderr}");
    let uid = format!("uid {}", rustix::process::geteuid().as_raw());
    let uids = [uid.as_str(), "uid 0"];
    assert!(stderr.contains("media"), "{stderr}");
    assert!(uids.iter().any(|uid| stderr.contains(uid)), "{stderr}");
    assert!(stderr.contains("Read-only"), "{stderr}");
}

#[test]
fn production_starts_only_with_keys_and_tokens() {
    let (code, _, stderr) = run(&["serve"], &[("TINTYPE_STORE", "file://./media")]);
    assert_ne!(code, 0);
    for name in ["TINTYPE_SIGNING_KEYS", "TINTYPE_TOKENS"] {
        assert!(stderr.contains(name), "{name} in:\n{stderr}");
    }
}

#[test]
fn what_is_in_force_is_shown_without_secrets() {
    let (code, stdout, stderr) = run(
        &["config"],
        &[
            ("TINTYPE_STORE", "file:///srv/media"),
            (
                "TINTYPE_SIGNING_KEYS",
                "first-signing-key-for-tests-only-0001",
            ),
            ("TINTYPE_TOKENS", &crate::harness::token("ops", "read").1),
        ],
    );
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("/srv/media"), "{stdout}");
    assert!(!stdout.contains("first-signing-key"), "{stdout}");
}

#[test]
fn secrets_may_come_from_files() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path().join("tokens");
    let (token, line) = crate::harness::token("filed", "read+write");
    std::fs::write(&path, format!("{line}\n")).unwrap();
    let app = Start::dev()
        .env("TINTYPE_TOKENS_FILE", path.to_str().unwrap())
        .run();
    let bearer = format!("Bearer {token}");
    app.call(
        "PUT",
        "/api/v1/files/a.txt",
        &[("authorization", &bearer)],
        b"x",
    )
    .expect(201);
}

#[test]
fn addresses_can_be_made_and_signed_on_the_command_line() {
    let app = App::production();
    app.upload("a%20b.jpg", &corpus::tower());
    let environment = [
        ("TINTYPE_STORE", "file://./media"),
        ("TINTYPE_SIGNING_KEYS", crate::harness::SIGNING_KEY),
    ];
    let (code, stdout, stderr) = run(&["url", "a b.jpg", "h_50~w_100"], &environment);
    assert_eq!(code, 0, "{stderr}");
    let url = stdout.trim();
    let path = &url[url.find("/t/").unwrap()..];
    assert!(path.starts_with("/t/a%20b.jpg/w_100~h_50~sig_"), "{url}");
    app.get(path).expect(200);
}

#[test]
fn a_file_can_be_rendered_without_a_server() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let wood = crate::corpus::folder().join("photos/Wood.jpg");
    let mut command = tintype(folder.path());
    let output = command
        .args([
            "render",
            wood.to_str().unwrap(),
            "out.webp",
            "--spec",
            "w_200~f_webp",
        ])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let bytes = std::fs::read(folder.path().join("out.webp")).unwrap();
    let kind = crate::picture::kind(&bytes);
    assert_eq!((kind.format, kind.width, kind.height), ("webp", 200, 150));
}

/// ECS limits the task's cgroup, which is not visible from the container's.
#[test]
fn the_size_of_a_task_is_found_and_said() {
    let agent = agent(r#"{"Limits": {"CPU": 0.5, "Memory": 512}}"#);
    let shown = |environment: &[(&str, &str)]| {
        let dev = [&[("ECS_CONTAINER_METADATA_URI_V4", &*agent)], environment].concat();
        let (code, stdout, stderr) = run(&["config", "--dev"], &dev);
        assert_eq!(code, 0, "{stderr}");
        stdout
    };
    let has = |text: &str, lines: &[&str]| {
        for line in lines {
            assert!(
                text.contains(&format!("#   {line}\n")),
                "{line} in:\n{text}"
            );
        }
    };
    has(
        &shown(&[]),
        &[
            "cpus = 1  # from task metadata",
            "memory = 536870912  # from task metadata",
            "workers = 1  # one per cpu",
            "memory_budget = 402653184  # three quarters of memory",
            "hot_cache_bytes = 100663296  # a quarter of memory_budget",
        ],
    );
    has(
        &shown(&[
            ("TINTYPE_WORKERS", "3"),
            ("TINTYPE_MEMORY_BUDGET", "100MiB"),
        ]),
        &[
            "memory = 536870912  # from task metadata",
            "workers = 3  # as set above",
            "memory_budget = 104857600  # as set above",
        ],
    );
}

#[test]
fn a_task_that_does_not_tell_its_size_runs_on_what_can_be_seen() {
    let garbled = agent("<html>");
    let metadata = [("ECS_CONTAINER_METADATA_URI_V4", &*garbled)];
    let (code, stdout, _) = run(&["config", "--dev"], &metadata);
    assert_eq!(code, 0);
    assert!(
        stdout.contains("the limits of the task are unknown: "),
        "{stdout}"
    );
    assert!(!stdout.contains("# from task metadata"), "{stdout}");

    let app = Start::dev()
        .env("ECS_CONTAINER_METADATA_URI_V4", &garbled)
        .run();
    app.upload("a.txt", b"x");
    let (status, stdout, _) = app.stop();
    assert!(status.success(), "{status}");
    assert!(
        stdout.contains("the limits of the task are unknown"),
        "{stdout}"
    );
}

/// The agent that ECS runs beside each task, as far as it is used here.
fn agent(answer: &'static str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let length = answer.len();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all((head + answer).as_bytes());
        }
    });
    format!("http://{address}/v4/0123")
}

//! The programs as an operator starts them.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn simulator(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_neptune-simulator"));
    command.env_clear().envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits for a file that a starting program writes.
fn wait_for(file: &Path, program: &mut Child) -> String {
    let started = Instant::now();
    loop {
        if let Ok(content) = std::fs::read_to_string(file) {
            return content;
        }
        assert!(program.try_wait().unwrap().is_none(), "it ended");
        assert!(started.elapsed() < Duration::from_secs(20), "it did not start");
        std::thread::yield_now();
    }
}

#[test]
fn help_lists_every_variable_with_its_default() {
    let output = simulator(&[]).arg("--help").output().unwrap();
    assert!(output.status.success());
    let help = text(&output.stdout);
    assert!(help.contains("NEPTUNE_SIMULATOR_LISTEN [default: 127.0.0.1:7090]"), "{help}");
    assert!(help.contains("NEPTUNE_OTLP_ENDPOINT [optional]"), "{help}");
}

#[test]
fn a_wrong_configuration_ends_with_64_and_one_line() {
    let check = |variables: &[(&str, &str)], expected: &str| {
        let output: Output = simulator(variables).output().unwrap();
        assert_eq!(output.status.code(), Some(64));
        assert_eq!(text(&output.stderr), format!("neptune-simulator: {expected}\n"));
    };
    check(&[("NEPTUNE_SIMULATOR_LISTN", "x")], "NEPTUNE_SIMULATOR_LISTN is no variable of this service; see --help");
    let listen = "NEPTUNE_SIMULATOR_LISTEN cannot be read (Address and port to listen on; port 0 takes a free one.)";
    check(&[("NEPTUNE_SIMULATOR_LISTEN", "hunter2")], listen);
    let missing =
        "NEPTUNE_SIMULATOR_CONFIG cannot be used: the file cannot be read: No such file or directory (os error 2)";
    check(&[("NEPTUNE_SIMULATOR_CONFIG", "/nowhere/models.yaml")], missing);
}

#[test]
fn a_port_that_is_taken_ends_with_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = simulator(&[("NEPTUNE_SIMULATOR_LISTEN", &address)]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("cannot listen on"), "{}", text(&output.stderr));
}

#[test]
fn it_says_where_it_listens_and_stops_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("address");
    let listen =
        [("NEPTUNE_SIMULATOR_LISTEN", "127.0.0.1:0"), ("NEPTUNE_SIMULATOR_ADDRESS_FILE", file.to_str().unwrap())];
    let mut program = simulator(&listen).spawn().unwrap();
    let address = wait_for(&file, &mut program);
    assert!(std::net::TcpStream::connect(address.trim()).is_ok());
    assert!(Command::new("kill").arg(program.id().to_string()).status().unwrap().success());
    let output = program.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let log = text(&output.stderr);
    assert!(log.contains(&format!("\"address\":\"{}\"", address.trim())) && log.contains("SIGTERM"), "{log}");
}

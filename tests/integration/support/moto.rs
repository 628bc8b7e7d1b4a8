//! The moto server of the test run: EC2 and S3 without AWS.

use super::root;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An image that moto knows in every region.
pub const IMAGE: &str = "ami-1e749f67";

/// The port of the one moto server of this test run.
#[expect(clippy::zombie_processes, reason = "it outlives every test, and ends with this process")]
pub(super) fn moto_port() -> u16 {
    static PORT: OnceLock<u16> = OnceLock::new();
    *PORT.get_or_init(|| {
        let python = std::env::var_os("MOTO_PYTHON").map_or_else(|| root().join(".venv/bin/python"), PathBuf::from);
        let mut child = Command::new(&python)
            .arg(root().join("tests/local_moto.py"))
            .envs([
                ("MOTO_ENABLE_KEYPAIR_VALIDATION", "true"),
                ("MOTO_ENABLE_AMI_VALIDATION", "true"),
                ("MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION", "true"),
                // faults.rs: the SDK has an allowance of retries for each region.
                ("MOTO_ALLOW_NONEXISTENT_REGION", "true"),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start ({error}): `make test` installs it", python.display()));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        // The server ends with this process: at the end of its standard input.
        std::mem::forget(child.stdin.take());
        line.trim().parse().unwrap_or_else(|_| panic!("moto printed {line:?} instead of its port"))
    })
}

/// Passes a request on to moto. Returns the whole response.
pub(super) async fn answer(head: &str, body: &[u8]) -> Option<Vec<u8>> {
    let mut moto = TcpStream::connect(("127.0.0.1", moto_port())).await.ok()?;
    let once = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    moto.write_all(once.as_bytes()).await.ok()?;
    moto.write_all(body).await.ok()?;
    let mut answer = Vec::new();
    moto.read_to_end(&mut answer).await.ok()?;
    Some(answer)
}

/// A region that no other test of this run uses in moto, and that has instances of the type
/// t3.micro there.
pub fn own_region() -> &'static str {
    const REGIONS: [&str; 28] = [
        "us-east-2",
        "us-west-1",
        "us-west-2",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "eu-central-1",
        "eu-north-1",
        "eu-south-1",
        "ap-east-1",
        "ap-south-1",
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-southeast-1",
        "ap-southeast-2",
        "sa-east-1",
        "ca-central-1",
        "ca-west-1",
        "af-south-1",
        "me-south-1",
        "ap-northeast-3",
        "ap-south-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "il-central-1",
        "eu-central-2",
        "eu-south-2",
    ];
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    REGIONS[NEXT.fetch_add(1, Ordering::Relaxed)]
}

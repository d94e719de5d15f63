//! Checks of everything that a server wrote, which end every test of a server: no faults in its
//! logs, no tokens in its files.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use super::postgres::{ENCODED_PASSWORD, PASSWORD, USER};

/// What a test's server may log although it is a fault elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    pub panics: bool,
    /// Parts of warnings that may repeat without limit.
    pub repeated: Vec<String>,
    /// Texts that look like secrets.
    pub shown: Vec<String>,
}

/// Secrets that the tests of this process have made.
static SECRETS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// From now on the lines of `text` may appear in no server's log.
pub fn register_secret(text: &str) {
    // Shorter ones could appear by chance.
    let is_secret = |line: &&str| line.len() >= 12 && !line.starts_with("-----") && !line.starts_with('#');
    let lines = text.lines().map(str::trim).filter(is_secret).map(str::to_owned);
    SECRETS.lock().expect("nobody panics with it").extend(lines);
}

/// Returns the faults in the logs in `dir`, as `scripts/check-log.pl` prints them.
#[track_caller]
pub fn faults_in_logs(dir: &Path, allowed: &Allowed) -> String {
    let mut command = Command::new("perl");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/check-log.pl"));
    if allowed.panics {
        command.arg("--may-panic");
    }
    allowed.repeated.iter().for_each(|text| _ = command.args(["--may-repeat", text]));
    allowed.shown.iter().for_each(|text| _ = command.args(["--may-show", text]));
    let mut child = command.arg(dir).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("perl runs");
    let mut secrets = SECRETS.lock().expect("nobody panics with it").clone();
    secrets.extend([USER, PASSWORD, ENCODED_PASSWORD].map(str::to_owned));
    let lines = Vec::from_iter(secrets).join("\n");
    child.stdin.take().expect("it is piped").write_all(lines.as_bytes()).expect("perl reads");
    let output = child.wait_with_output().expect("perl can be waited for");
    let faults = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.success(), faults.is_empty(), "the check itself failed: {faults}");
    faults
}

/// The prefixes of all access tokens and refresh tokens.
const TOKENS: [&[u8]; 2] = [b"eyJhbGciOi", b"lwr_A"];

/// Asserts that no log, RDB or AOF in `dir` contains a token.
#[track_caller]
pub fn assert_no_token(dir: &Path) {
    let aof = fs::read_dir(dir.join("appendonlydir")).into_iter().flatten();
    let own = fs::read_dir(dir).into_iter().flatten();
    for entry in own.chain(aof).filter_map(Result::ok) {
        let path = entry.path();
        // Only regular files: opening a FIFO that a test left there would block.
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let is_ours = path.extension().is_some_and(|extension| extension == "so");
        let Some(bytes) = Some(&path).filter(|_| is_file && !is_ours).and_then(|path| fs::read(path).ok())
        else {
            continue;
        };
        for token in TOKENS {
            let found = bytes.windows(token.len()).any(|window| window == token);
            assert!(!found, "{} contains a token", path.display());
        }
    }
}

//! Runs the binary in folders made for the test.

use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_k8s-auto-fix");

/// No command of these tests may take longer: a hang is a failure.
const TIME_LIMIT: Duration = Duration::from_secs(900);

/// A pod with findings, and with a safe fix: nothing drops in `duplicate-env-var`.
pub(crate) const POD: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: shop
spec:
  containers:
  - name: web
    image: nginx:1.29.3   # pinned
    env:
    - name: LOG_LEVEL
      value: info
    - name: LOG_LEVEL
      value: debug
    securityContext:
      privileged: true
";

/// An object that no rule objects to.
pub(crate) const CLEAN: &str = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: clean
  namespace: shop
data:
  key: value
";

/// [`POD`] under another name.
pub(crate) fn pod(name: &str) -> String {
    POD.replacen("name: web", &format!("name: {name}"), 1)
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Both outputs: where a report goes depends on its format.
    pub(crate) fn said(&self) -> String {
        format!("{}{}", self.out, self.err)
    }

    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.said().contains(text), "`{text}` is not in:\n{}\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn hides(self, text: &str) -> Self {
        assert!(!self.said().contains(text), "`{text}` is in:\n{}\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

/// A folder that goes away with the test.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self::new();
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        String::from_utf8(std::fs::read(self.at(name)).unwrap()).unwrap()
    }

    /// Every file below, with its bytes.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        files(self.path())
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.pipe(args, b"")
    }

    pub(crate) fn pipe(&self, args: &[&str], stdin: &[u8]) -> Ran {
        let mut command = Command::new(BINARY);
        command.args(args).current_dir(self.path());
        run(command, stdin)
    }

    /// A shell command in which `$TOOL` is the binary.
    pub(crate) fn shell(&self, script: &str) -> Ran {
        let mut command = Command::new("bash");
        command.args(["-c", script]).env("TOOL", BINARY).current_dir(self.path());
        run(command, b"")
    }

    pub(crate) fn records(&self, name: &str) -> Vec<Value> {
        let text = self.read(name);
        if text.trim_start().starts_with('[') {
            return serde_json::from_str(&text).unwrap();
        }
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Every file below a folder, with its bytes.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                let name = entry.path().strip_prefix(folder).unwrap().to_string_lossy().into();
                found.insert(name, std::fs::read(entry.path()).unwrap());
            }
        }
    }
    found
}

/// Runs to the end, or fails the test when it takes too long.
pub(crate) fn run(mut command: Command, stdin: &[u8]) -> Ran {
    let mut child = command
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let id = child.id().to_string();
    let mut pipe = child.stdin.take().unwrap();
    let input = stdin.to_vec();
    std::thread::spawn(move || {
        // Who does not read its input closes it; that is no fault.
        let _ = pipe.write_all(&input);
    });
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = receiver.recv_timeout(TIME_LIMIT) else {
        let _ = Command::new("kill").args(["-9", &id]).status();
        panic!("hangs: {command:?}");
    };
    let output = output.unwrap();
    Ran {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The folder of corpora, or a loud word that the test does not run.
pub(crate) fn data(test: &str) -> Option<PathBuf> {
    let data = std::env::var_os("K8S_AUTO_FIX_DATA").map(PathBuf::from);
    if data.is_none() {
        println!("SKIPPED: {test}: set K8S_AUTO_FIX_DATA to the folder of corpora");
    }
    data
}

/// The Python of the independent checks, or a loud word that they do not run.
pub(crate) fn python(test: &str) -> Option<PathBuf> {
    let python = std::env::var_os("K8S_AUTO_FIX_PYTHON").map(PathBuf::from);
    if python.is_none() {
        println!(
            "SKIPPED: {test}: set K8S_AUTO_FIX_PYTHON to a Python with the packages of \
             tools/requirements.txt"
        );
    }
    python
}

/// Whether an API server can be started, or a loud word that the test does not run.
pub(crate) fn has_server(test: &str) -> bool {
    let there = std::env::var_os("KUBEBUILDER_ASSETS").is_some();
    if !there {
        println!(
            "SKIPPED: {test}: set KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver"
        );
    }
    there
}

/// Unpacks an archive of the data folder.
pub(crate) fn unpack(data: &Path, name: &str, into: &Path) {
    let archive = data.join(name);
    let done = Command::new("tar")
        .args([OsStr::new("--zstd"), OsStr::new("-xf"), archive.as_os_str()])
        .args([OsStr::new("-C"), into.as_os_str()])
        .status()
        .unwrap();
    assert!(done.success(), "cannot unpack {}", archive.display());
}

/// The workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

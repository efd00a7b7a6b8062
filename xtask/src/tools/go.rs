//! Go programs that take minutes to build: built once and kept.

use super::run;
use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};
use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// The file that says from which pins the programs beside it were built.
const STAMP: &str = "stamp";

/// A program of a Go module whose `go.mod` and `go.sum` pin it.
pub(super) struct Program {
    /// The name of the file that is built.
    pub(super) name: String,
    /// The folder of the `go.mod`.
    pub(super) module: PathBuf,
    /// The package to build.
    pub(super) package: String,
    /// What the linker is told besides leaving out the symbols.
    pub(super) ldflags: String,
}

/// Builds the programs into a folder, unless they are there from the same pins.
pub(super) fn build_once(
    title: &str,
    folder: &Path,
    programs: &[Program],
    path: &OsStr,
) -> anyhow::Result<()> {
    let wanted = pins(programs)?;
    std::fs::create_dir_all(folder)?;
    let _lock = lock(title, folder)?;
    let stamp = folder.join(STAMP);
    let built = std::fs::read_to_string(&stamp).is_ok_and(|found| found == wanted);
    if built && programs.iter().all(|program| folder.join(&program.name).is_file()) {
        println!("there: {title}");
        return Ok(());
    }
    println!("building {title}, once: some minutes on two cores");
    let start = Instant::now();
    // An interrupted build leaves programs of two pins, and no stamp may vouch for them.
    if stamp.exists() {
        std::fs::remove_file(&stamp)?;
    }
    for program in programs {
        build(program, folder, path).with_context(|| format!("cannot build {}", program.name))?;
    }
    std::fs::write(stamp, wanted)?;
    println!("built {title}: {} s", start.elapsed().as_secs());
    Ok(())
}

/// Held while a folder is looked at and built into, so that a second process waits for the first
/// and then finds the programs.
fn lock(title: &str, folder: &Path) -> anyhow::Result<File> {
    let file = File::create(folder.join("lock"))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            println!("waiting for another process that builds {title}");
            file.lock()?;
        }
        Err(TryLockError::Error(error)) => bail!("cannot lock {}: {error}", folder.display()),
    }
    Ok(file)
}

/// A hash of everything that pins the programs.
fn pins(programs: &[Program]) -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    for program in programs {
        for name in ["go.mod", "go.sum"] {
            let file = program.module.join(name);
            let text = std::fs::read(&file).with_context(|| file.display().to_string())?;
            hash.update(text);
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn build(program: &Program, folder: &Path, path: &OsStr) -> anyhow::Result<()> {
    // An interrupted build must not leave half a program under the name that others run.
    let unfinished = folder.join(format!("unfinished-{}", program.name));
    run(Command::new("nice")
        .args(["go", "build", "-trimpath", "-ldflags", &format!("-s -w {}", program.ldflags)])
        .args([OsStr::new("-o"), unfinished.as_os_str(), OsStr::new(&program.package)])
        .env("PATH", path)
        .current_dir(&program.module))?;
    std::fs::rename(unfinished, folder.join(&program.name))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The programs of a tiny module without dependencies.
    fn programs(module: &Path, answer: u32) -> [Program; 1] {
        std::fs::write(module.join("go.mod"), "module tiny\n\ngo 1.21\n").unwrap();
        std::fs::write(module.join("go.sum"), format!("// {answer}")).unwrap();
        let main = format!("package main\n\nfunc main() {{ println({answer}) }}\n");
        std::fs::write(module.join("main.go"), main).unwrap();
        let (module, package) = (module.to_owned(), ".".to_owned());
        [Program { name: "tiny".to_owned(), module, package, ldflags: String::new() }]
    }

    fn answer(folder: &Path) -> String {
        let output = Command::new(folder.join("tiny")).output().unwrap();
        String::from_utf8(output.stderr).unwrap().trim().to_owned()
    }

    #[test]
    fn programs_are_built_again_only_when_their_pins_change() {
        let (module, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = std::env::var_os("PATH").unwrap_or_default();
        if Command::new("go").arg("version").output().is_err() {
            eprintln!("SKIPPED: no `go` in the PATH, so nothing can be built");
            return;
        }
        let build = |programs: &[Program]| build_once("tiny", folder.path(), programs, &path);
        build(&programs(module.path(), 1)).unwrap();
        assert_eq!(answer(folder.path()), "1");

        // The same pins: the program stays, whatever it is now.
        let kept = b"#!/bin/sh\necho kept >&2\n";
        std::fs::write(folder.path().join("tiny"), kept).unwrap();
        build(&programs(module.path(), 1)).unwrap();
        assert_eq!(answer(folder.path()), "kept");

        build(&programs(module.path(), 2)).unwrap();
        assert_eq!(answer(folder.path()), "2");

        // A build that fails leaves no stamp, and the next one starts again.
        let broken = programs(module.path(), 3);
        std::fs::write(module.path().join("main.go"), "package main\n").unwrap();
        assert!(build(&broken).is_err());
        build(&programs(module.path(), 2)).unwrap();
        assert_eq!(answer(folder.path()), "2");
        assert!(!folder.path().join("unfinished-tiny").exists());
    }
}

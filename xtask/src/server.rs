//! `cargo xtask server`: what a real API server says of every fix on real input, and how fast it
//! is asked, into `docs/server-measurements.md`.

mod bare;
mod effects;
mod funnel;
mod throughput;

use crate::bench::unpack;
use crate::page::Page;
use anyhow::{Context as _, bail};
use record::{Applicability, Patch, Verdict};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const HEAD: &str = "# Measurements with a real API server\n\nWritten by `cargo xtask server --full`: \
    `run --profile all --server ephemeral` over the dev corpus and the\nhand-written files, without \
    `values`. See [the gate](server.md) for what the words mean.\n";

const USAGE: &str = "usage: cargo xtask server [--full]";

/// Measures; `--full` asks for more objects and writes the page. Fails when a fix ends as none may.
pub(crate) fn run(root: &Path, arguments: &[String]) -> anyhow::Result<()> {
    let full = match arguments {
        [] => false,
        [flag] if flag == "--full" => true,
        _ => bail!(USAGE),
    };
    let data = std::env::var_os("K8S_AUTO_FIX_DATA")
        .context("set K8S_AUTO_FIX_DATA to the folder with the corpora")?;
    let scratch = tempfile::tempdir()?;
    let tool = Tool { binary: built(root)? };
    let mut page = Page::new(HEAD);
    let mut offenders = Vec::new();
    for name in ["corpus-dev", "wild-dev"] {
        let corpus = Corpus::unpack(name, Path::new(&data), scratch.path())?;
        offenders.extend(funnel::measure(&corpus, &tool.run(&corpus)?, &mut page));
        effects::measure(&corpus, &tool.safe_alone(&corpus)?, &mut page);
    }
    let measured = throughput::measure(&scratch.path().join("corpus-dev"), full, &mut page);
    println!("{}", page.text);
    measured?;
    if full {
        fs::write(root.join("docs/server-measurements.md"), &page.text)?;
    }
    none(&offenders)
}

/// The tool as the tests run it: built by the profile of this program.
pub(crate) fn built(root: &Path) -> anyhow::Result<PathBuf> {
    let mut build = Command::new(env!("CARGO"));
    build.current_dir(root).args(["build", "--profile", "fast", "--quiet"]);
    let status = build.args(["--package", "k8s-auto-fix"]).status()?;
    anyhow::ensure!(status.success(), "the build of k8s-auto-fix failed");
    Ok(std::env::current_exe()?.with_file_name("k8s-auto-fix"))
}

/// An error when there are patches that ended as none may.
fn none(offenders: &[String]) -> anyhow::Result<()> {
    anyhow::ensure!(
        offenders.is_empty(),
        "{} patches failed at the API server, were not answered or have no cause:\n{}",
        offenders.len(),
        offenders.join("\n")
    );
    Ok(())
}

/// Manifests on disk, and where their records go.
struct Corpus {
    name: String,
    files: PathBuf,
    out: PathBuf,
}

impl Corpus {
    fn unpack(name: &str, data: &Path, scratch: &Path) -> anyhow::Result<Self> {
        let files = scratch.join(name);
        unpack(&data.join(format!("{name}.tar.zst")), &files)?;
        Ok(Self { name: name.to_owned(), files, out: scratch.join(format!("{name}.out")) })
    }
}

/// The program that is measured.
struct Tool {
    binary: PathBuf,
}

impl Tool {
    /// The verdicts on all fixes, those of one object together.
    fn run(&self, corpus: &Corpus) -> anyhow::Result<Vec<Verdict>> {
        let mut run = Command::new(&self.binary);
        run.arg("run").arg("--out").arg(&corpus.out).arg(&corpus.files);
        judge(&mut run, &corpus.out.join("verified.jsonl"))
    }

    /// The verdicts on the safe fixes of that run, each alone. What is proposed does not depend on
    /// the server.
    fn safe_alone(&self, corpus: &Corpus) -> anyhow::Result<Vec<Verdict>> {
        let patches = fs::read_to_string(corpus.out.join("patches.jsonl"))?;
        let mut safe = String::new();
        for line in patches.lines() {
            let patch: Patch = serde_json::from_str(line)?;
            if patch.applicability == Some(Applicability::Safe) {
                safe.push_str(line);
                safe.push('\n');
            }
        }
        let [patches, verdicts] = ["safe.jsonl", "alone.jsonl"].map(|name| corpus.out.join(name));
        fs::write(&patches, safe)?;
        let mut verify = Command::new(&self.binary);
        verify.arg("verify").arg("--detections").arg(corpus.out.join("detections.jsonl"));
        verify.arg("--patches").arg(&patches).arg("--out").arg(&verdicts);
        judge(&mut verify, &verdicts)
    }
}

/// Runs a command of the tool with a server, and reads the verdicts that it writes.
fn judge(command: &mut Command, verdicts: &Path) -> anyhow::Result<Vec<Verdict>> {
    command.args(["--quiet", "--profile", "all", "--server", "ephemeral"]);
    let ended = command.stdin(Stdio::null()).output();
    let ended = ended.with_context(|| format!("cannot start {command:?}"))?;
    // 1: not all was accepted; 2: some files are not readable, which the corpora are to have.
    let text = fs::read_to_string(verdicts);
    let (Some(0..=2), Ok(text)) = (ended.status.code(), text) else {
        bail!("{command:?}: {}: {}", ended.status, String::from_utf8_lossy(&ended.stderr));
    };
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Corpus, HEAD, Tool, effects, funnel, none};
    use crate::page::Page;
    use std::path::Path;

    #[test]
    #[ignore = "minutes of work; `cargo xtask test` runs it as a step of its own"]
    fn no_fix_fails_at_the_server_and_every_ending_has_a_cause() {
        let Some(data) = std::env::var_os("K8S_AUTO_FIX_DATA") else {
            println!("SKIPPED: set K8S_AUTO_FIX_DATA to the folder with the corpora");
            return;
        };
        if std::env::var_os("KUBEBUILDER_ASSETS").is_none() {
            println!("SKIPPED: set KUBEBUILDER_ASSETS to the folder of etcd and kube-apiserver");
            return;
        }
        let scratch = tempfile::tempdir().unwrap();
        // Built with the other tests, beside the folder of this one.
        let this = std::env::current_exe().unwrap();
        let binary = this.parent().unwrap().with_file_name("k8s-auto-fix");
        let tool = Tool { binary };
        let mut page = Page::new(HEAD);
        let mut offenders = Vec::new();
        for name in ["corpus-dev", "wild-dev"] {
            let corpus = Corpus::unpack(name, Path::new(&data), scratch.path()).unwrap();
            offenders.extend(funnel::measure(&corpus, &tool.run(&corpus).unwrap(), &mut page));
            if name == "wild-dev" {
                effects::measure(&corpus, &tool.safe_alone(&corpus).unwrap(), &mut page);
            }
        }
        println!("{}", page.text);
        none(&offenders).unwrap();
    }
}

//! `cargo xtask test`: everything that must hold before a change lands.

use crate::tools::{self, Tools};
use anyhow::{Context as _, bail};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Runs every step and stops at the first that fails.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let start = Instant::now();
    let tools = tools::install(root)?;
    announce_data();
    step("format", cargo(root).args(["fmt", "--all", "--check"]))?;
    step(
        "lints",
        cargo(root)
            .args(["clippy", "--workspace", "--all-targets", "--all-features", "--"])
            .args(["--deny", "warnings"]),
    )?;
    step(
        "licences, bans and sources",
        Command::new(&tools.cargo_deny)
            .current_dir(root)
            .args(["--all-features", "--log-level", "error"])
            .args(["check", "licenses", "bans", "sources"]),
    )?;
    step("secrets", cargo(root).args(["xtask", "secrets"]))?;
    step("generated files", cargo(root).args(["xtask", "generate", "--check"]))?;
    let args = ["xtask", "schemas", "--check", tools::TESTED];
    step("schemas of a real server", cargo(root).args(args).env("PATH", &tools.path))?;
    // Optimised, because whole corpora go through the tests.
    let args = ["test", "--workspace", "--profile", "fast", "--no-fail-fast"];
    step("tests", tests(root, &tools).args(args))?;
    // Steps of their own, so that what they say is seen; of the same build as the other tests.
    let shown = [
        ("parity", "parity::tests"),
        ("API server", "server::tests"),
        ("evidence", "evidence::tests"),
        ("recorded answers", "recorded::tests"),
        ("orders, simulated", "schedule::tests"),
        ("queue", "queue::tests"),
    ];
    for (name, filter) in shown {
        let args = ["test", "--workspace", "--profile", "fast", "--bin", "xtask", "--"];
        let shown = ["--ignored", "--nocapture", filter];
        step(name, tests(root, &tools).args(args).args(shown))?;
    }
    println!("\nall steps passed in {} s", start.elapsed().as_secs());
    Ok(())
}

fn cargo(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root);
    command
}

fn tests(root: &Path, tools: &Tools) -> Command {
    let mut command = cargo(root);
    command
        .env("PATH", &tools.path)
        .env("K8S_AUTO_FIX_PYTHON", &tools.python)
        .env("K8S_AUTO_FIX_SCANNERS", &tools.scanners)
        .env("K8S_AUTO_FIX_REGISTRY", &tools.registry)
        .env("KUBEBUILDER_ASSETS", &tools.servers)
        // Snapshots are never written behind our back.
        .env("INSTA_UPDATE", "no");
    command
}

/// Tests on real input print a line when they skip; say so here too, where it is seen.
fn announce_data() {
    match std::env::var_os("K8S_AUTO_FIX_DATA") {
        Some(data) => println!("real input: {}", data.display()),
        None => println!(
            "SKIPPED: K8S_AUTO_FIX_DATA is not set, so tests on real input and oracles do not run"
        ),
    }
}

fn step(name: &str, command: &mut Command) -> anyhow::Result<()> {
    println!("\n==> {name}");
    let start = Instant::now();
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{name}: {status}");
    }
    println!("<== {name}: {} s", start.elapsed().as_secs());
    Ok(())
}

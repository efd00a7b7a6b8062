//! `cargo xtask bench`: how long the tool takes on real input, as ratios within one run.
//!
//! The yardstick is what `granit-parser` needs for the bare events of the same bytes, already in
//! memory, on as many threads.

use anyhow::{Context as _, bail};
use detector::{Corpus, Input, ObjectContext, Sifted};
use granit_parser::Parser;
use manifest::Limits;
use rayon::prelude::*;
use record::Applicability;
use rules::pod_security::Edition;
use rules::{Profile, Rule, Selection, Settings};
use schema::{Schemas, Version};
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use verifier::{GateSet, Judge};

const THREADS: usize = 2;

/// Measures and writes `docs/benchmarks.md`; `--full` repeats more often and goes up to 16 times
/// the corpus.
pub(crate) fn run(root: &Path, arguments: &[String]) -> anyhow::Result<()> {
    if !is_release()? {
        return again_in_release(root, arguments);
    }
    let full = match arguments {
        [] => false,
        [flag] if flag == "--full" => true,
        _ => bail!("usage: cargo xtask bench [--full]"),
    };
    let data = std::env::var_os("K8S_AUTO_FIX_DATA")
        .context("set K8S_AUTO_FIX_DATA to the folder with corpus-dev.tar.zst")?;
    rayon::ThreadPoolBuilder::new().num_threads(THREADS).build_global()?;
    let folder = tempfile::tempdir()?;
    unpack(&Path::new(&data).join("corpus-dev.tar.zst"), &folder.path().join("1"))?;
    // Built with this very program, by the same profile.
    let binary = std::env::current_exe()?.with_file_name("k8s-auto-fix");
    let runs = if full { 7 } else { 3 };
    let mut report = String::from(HEADER);
    stages(&folder.path().join("1"), runs, &mut report)?;
    processes(&binary, folder.path(), runs, &mut report)?;
    growth(&binary, folder.path(), if full { &[1, 4, 16] } else { &[1, 4] }, &mut report)?;
    println!("{report}");
    if full {
        fs::write(root.join("docs/benchmarks.md"), report)?;
    }
    Ok(())
}

const HEADER: &str = "# Benchmarks\n\nWritten by `cargo xtask bench --full` on two threads. Times \
    are the best of several runs and\nare to be read as ratios within one run: `events` is what \
    `granit-parser` needs for the bare\nevents of the same bytes, already in memory, on as many \
    threads.\n";

/// Whether this program was built as its users get it.
fn is_release() -> anyhow::Result<bool> {
    let this = std::env::current_exe()?;
    Ok(this.parent().is_some_and(|folder| folder.ends_with("release")))
}

fn again_in_release(root: &Path, arguments: &[String]) -> anyhow::Result<()> {
    for package in ["k8s-auto-fix", "xtask"] {
        let mut build = Command::new(env!("CARGO"));
        build.current_dir(root).args(["build", "--release", "--quiet", "--package", package]);
        anyhow::ensure!(build.status()?.success(), "the release build failed");
    }
    let mut bench = Command::new(root.join("target/release/xtask"));
    let status = bench.current_dir(root).arg("bench").args(arguments).status()?;
    anyhow::ensure!(status.success(), "bench failed");
    Ok(())
}

pub(crate) fn unpack(archive: &Path, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let mut tar = Command::new("tar");
    tar.arg("--zstd").arg("-xf").arg(archive).arg("-C").arg(folder);
    anyhow::ensure!(tar.status()?.success(), "cannot unpack {}", archive.display());
    Ok(())
}

pub(crate) fn manifests(folder: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut paths = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let read = |path: PathBuf| Ok((path.to_string_lossy().into_owned(), fs::read(&path)?));
    paths.into_iter().map(read).collect()
}

/// The shortest of several runs.
fn best<T>(runs: usize, mut work: impl FnMut() -> T) -> (Duration, T) {
    let mut once = || {
        let start = Instant::now();
        let result = work();
        (start.elapsed(), result)
    };
    let mut best = once();
    for _ in 1..runs {
        let next = once();
        if next.0 < best.0 {
            best = next;
        }
    }
    best
}

fn events(files: &[(String, Vec<u8>)]) -> usize {
    files
        .par_iter()
        .map(|(_, bytes)| {
            let text = String::from_utf8_lossy(bytes);
            Parser::new_from_str(&text).take_while(Result::is_ok).map(black_box).count()
        })
        .sum()
}

fn stages(folder: &Path, runs: usize, report: &mut String) -> anyhow::Result<()> {
    let files = manifests(folder)?;
    let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    let (yardstick, count) = best(runs, || events(&files));
    let parse = || -> Vec<Input> {
        let one = |(path, bytes): &(String, Vec<u8>)| {
            Input::parse(path.clone(), path.clone(), bytes.clone(), &Limits::default())
        };
        files.par_iter().map(one).collect()
    };
    let (parsing, inputs) = best(runs, parse);
    let (collecting, corpus) = best(runs, || Corpus::new(&inputs, ObjectContext::All));
    let settings = Settings {
        schemas: Some(Arc::new(policies::BySchemas::new(&[Version::LATEST]))),
        ..Settings::default()
    };
    let every: Vec<_> = rules::all().iter().map(|entry| entry.rule).collect();
    let mut rows = vec![
        ("events".to_owned(), yardstick),
        ("parse to trees".to_owned(), parsing),
        ("collect objects".to_owned(), collecting),
    ];
    let selections = [
        ("default", Selection::new(Profile::Default, Edition::default(), &[], &[])?.rules),
        ("thirty policies'", thirty_policies().collect()),
        ("all", every.clone()),
    ];
    for (name, rules) in selections {
        let detect = || -> Vec<Sifted> {
            (0..corpus.len())
                .into_par_iter()
                .map(|at| corpus.check(at, &rules, &settings).into())
                .collect()
        };
        let (detecting, found) = best(runs, detect);
        let findings: usize = found.iter().map(|sifted| sifted.found.len()).sum();
        let label = format!("check, {name} rules ({} rules, {findings} findings)", rules.len());
        rows.push((label, detecting));
        let schemas = Schemas::new(&[Version::LATEST]);
        let unselected: Vec<_> =
            every.iter().copied().filter(|rule| !rules.contains(rule)).collect();
        let judge = Judge {
            corpus: &corpus,
            schemas: &schemas,
            settings: &settings,
            rules: &every,
            unselected: &unselected,
            gates: &GateSet::default(),
            timings: false,
            server: None,
            rescan: None,
        };
        let (judging, accepted) = best(runs, || {
            let judged = found.par_iter().enumerate().map(|(at, found)| {
                let verdict = judge.object(at, found, Applicability::Unsafe);
                verdict.accepted.map_or(0, |accepted| accepted.included.len())
            });
            judged.sum::<usize>()
        });
        rows.push((format!("propose and verify, {name} rules ({accepted} accepted)"), judging));
    }
    writeln!(
        report,
        "\n## Stages\n\n{} files, {} objects, {:.1} MB, {count} events.\n\n\
         | stage | ms | of events |\n| --- | ---: | ---: |",
        files.len(),
        corpus.len(),
        bytes as f64 / 1e6,
    )?;
    for (name, time) in rows {
        let ratio = time.as_secs_f64() / yardstick.as_secs_f64();
        writeln!(report, "| {name} | {:.0} | {ratio:.2} |", time.as_secs_f64() * 1e3)?;
    }
    Ok(())
}

/// The rules of the reference system's thirty policies, with which all began.
fn thirty_policies() -> impl Iterator<Item = &'static Rule> {
    rules::all().iter().map(|entry| entry.rule).filter(|rule| rule.policy_id.is_some())
}

/// One run of a process.
struct Measured {
    time: Duration,
    /// Largest resident size that was seen, in MB.
    memory: f64,
}

/// Runs the tool and watches its memory. Exit code 1 means findings, which there are.
fn measure(binary: &Path, arguments: &[&str]) -> anyhow::Result<Measured> {
    let start = Instant::now();
    let mut child = Command::new(binary)
        .args(["--jobs", &THREADS.to_string()])
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", binary.display()))?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut memory: f64 = 0.0;
    let status = loop {
        if let Some(kilobytes) = high_water_mark(&status_file) {
            memory = memory.max(kilobytes / 1e3);
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    anyhow::ensure!(status.code().is_some_and(|code| code <= 2), "{arguments:?}: {status}");
    Ok(Measured { time: start.elapsed(), memory })
}

fn high_water_mark(status_file: &str) -> Option<f64> {
    let status = fs::read_to_string(status_file).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

fn processes(binary: &Path, folder: &Path, runs: usize, report: &mut String) -> anyhow::Result<()> {
    let corpus = folder.join("1");
    let corpus = corpus.to_string_lossy();
    let files = manifests(&folder.join("1"))?;
    let (yardstick, _) = best(runs, || events(&files));
    let out = folder.join("out");
    let out = out.to_string_lossy();
    let thirty: Vec<&str> = thirty_policies().map(|rule| rule.id).collect();
    let thirty = thirty.join(",");
    let lines = ["check", "--output-format", "concise"];
    let commands: [(&str, Vec<&str>); 8] = [
        ("check, one line a finding", [&lines[..], &[&corpus]].concat()),
        ("the same, thirty policies", [&lines[..], &["--select", &thirty, &corpus]].concat()),
        ("the same, all rules", [&lines[..], &["--profile", "all", &corpus]].concat()),
        ("check, with source excerpts", vec!["check", "--output-format", "full", &corpus]),
        ("check, JSON", vec!["check", "--output-format", "json", &corpus]),
        ("check, SARIF with fixes", vec!["check", "--output-format", "sarif", &corpus]),
        ("run (the whole loop)", vec!["run", "--out", &out, &corpus]),
        ("run, all rules", vec!["run", "--profile", "all", "--out", &out, &corpus]),
    ];
    writeln!(
        report,
        "\n## Whole processes\n\nReading the files and writing the results included; events take \
         {:.0} ms in this run.\n\n| command | ms | of events | peak MB |\n\
         | --- | ---: | ---: | ---: |",
        yardstick.as_secs_f64() * 1e3
    )?;
    for (name, arguments) in commands {
        let mut best: Option<Measured> = None;
        for _ in 0..runs {
            let _ = fs::remove_dir_all(folder.join("out"));
            let next = measure(binary, &arguments)?;
            if best.as_ref().is_none_or(|best| next.time < best.time) {
                best = Some(next);
            }
        }
        let Some(best) = best else { continue };
        let ratio = best.time.as_secs_f64() / yardstick.as_secs_f64();
        let ms = best.time.as_secs_f64() * 1e3;
        writeln!(report, "| {name} | {ms:.0} | {ratio:.2} | {:.0} |", best.memory)?;
    }
    Ok(())
}

/// No stage may be quadratic: the corpus, copied side by side.
fn growth(
    binary: &Path,
    folder: &Path,
    sizes: &[usize],
    report: &mut String,
) -> anyhow::Result<()> {
    writeln!(
        report,
        "\n## Growth\n\nThe corpus, copied side by side. A quadratic stage would show 16 times \
         the time for 4 times\nthe files.\n\n\
         | files | check, ms | × | run, ms | × | run, peak MB |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: |"
    )?;
    let mut first: Option<(f64, f64)> = None;
    for size in sizes {
        let many = folder.join(format!("times-{size}"));
        for copy in 0..*size {
            copy_tree(&folder.join("1"), &many.join(copy.to_string()))?;
        }
        let path = many.to_string_lossy();
        let out = folder.join("out");
        let _ = fs::remove_dir_all(&out);
        let out = out.to_string_lossy();
        let check = measure(binary, &["check", "--output-format", "concise", &path])?;
        let run = measure(binary, &["run", "--out", &out, &path])?;
        let (check_ms, run_ms) = (check.time.as_secs_f64() * 1e3, run.time.as_secs_f64() * 1e3);
        let (check_1, run_1) = *first.get_or_insert((check_ms, run_ms));
        let files = manifests(&many)?.len();
        writeln!(
            report,
            "| {files} | {check_ms:.0} | {:.1} | {run_ms:.0} | {:.1} | {:.0} |",
            check_ms / check_1,
            run_ms / run_1,
            run.memory
        )?;
        fs::remove_dir_all(&many)?;
    }
    Ok(())
}

fn copy_tree(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

//! `doctor`: what the tool needs, and what it finds here.

use super::feeds::state;
use crate::End;
use crate::args::{Common, Doctor, ScannerArgs};
use crate::config::Config;
use crate::scanners::Scanners;
use crate::scoring::folder_or_cache;
use ::feeds::Store;
use ::models::Backend;
use ::scanners::Format;
use cluster::{Choice, Options, Server};
use schema::{Outcome, Schemas, Version};
use serde::Serialize;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    /// False when something does not work that has to.
    ok: bool,
    /// `ok`, `none` for something that is not here and need not be, or `fail`.
    state: &'static str,
    detail: String,
}

impl Finding {
    fn ok(what: &'static str, detail: impl Into<String>) -> Self {
        Self { what, ok: true, state: "ok", detail: detail.into() }
    }

    fn none(what: &'static str, detail: impl Into<String>) -> Self {
        Self { what, ok: true, state: "none", detail: detail.into() }
    }

    fn fail(what: &'static str, detail: impl Into<String>) -> Self {
        Self { what, ok: false, state: "fail", detail: detail.into() }
    }
}

/// Runs the command.
pub(crate) fn run(common: &Common, args: &Doctor) -> anyhow::Result<End> {
    let mut findings =
        vec![version(), configuration(common), schemas(), rules(), temporary_files(), threads()];
    findings.extend([git(), feeds(), binaries(), kubeconfig()]);
    findings.extend(server(&args.server));
    findings.extend(models(common));
    findings.extend(scanners());
    let mut out = anstream::stdout().lock();
    if args.output_format == "json" {
        record::json::to_writer_pretty(&mut out, &findings)?;
    } else {
        for Finding { what, state, detail, .. } in &findings {
            let mark = if *state == "fail" { "FAIL" } else { state };
            writeln!(out, "{mark:4}  {what:14}  {}", review::escape(detail))?;
        }
    }
    let good = findings.iter().all(|finding| finding.ok);
    Ok(if good { End::Clean } else { End::InputError })
}

fn version() -> Finding {
    Finding::ok("version", env!("CARGO_PKG_VERSION"))
}

fn configuration(common: &Common) -> Finding {
    let named = Config::path(common.config.as_deref());
    match (Config::load(common.config.as_deref()), named) {
        (Err(error), _) => Finding::fail("configuration", format!("{error:#}")),
        (Ok(_), None) => Finding::none("configuration", "no file; the defaults hold"),
        (Ok(config), Some(path)) => {
            let values = config.values.0.len();
            let path = path.display();
            Finding::ok("configuration", format!("{path}, {values} entries in values"))
        }
    }
}

/// Unpacks every schema and judges an object by it.
fn schemas() -> Finding {
    let pod = serde_json::json!({"apiVersion": "v1", "kind": "Pod",
        "spec": {"containers": [{"name": "a", "image": "b"}]}});
    let bad: Vec<String> = Schemas::new(&Version::ALL)
        .validate(&pod)
        .into_iter()
        .filter(|(_, outcome)| *outcome != Outcome::Valid)
        .map(|(version, _)| version.to_string())
        .collect();
    let all = Version::ALL.map(|version| version.to_string()).join(", ");
    let detail = if bad.is_empty() {
        format!("Kubernetes {all}")
    } else {
        format!("unreadable: {}; this build is damaged", bad.join(", "))
    };
    match bad.is_empty() {
        true => Finding::ok("schemas", detail),
        false => Finding::fail("schemas", detail),
    }
}

fn rules() -> Finding {
    let all = rules::all();
    let default = all.iter().filter(|entry| entry.rule.default).count();
    let detail = format!("{} rules, {default} on by default", all.len());
    Finding::ok("rules", detail)
}

fn temporary_files() -> Finding {
    match tempfile::NamedTempFile::new_in(".") {
        Ok(_) => Finding::ok("writing", "the working directory can be written"),
        Err(error) => {
            Finding::none("writing", format!("the working directory cannot be written: {error}"))
        }
    }
}

fn threads() -> Finding {
    Finding::ok("threads", rayon::current_num_threads().to_string())
}

/// What `gitops` and `undo` need.
fn git() -> Finding {
    match Command::new("git").arg("--version").output() {
        Ok(output) if output.status.success() => {
            Finding::ok("git", String::from_utf8_lossy(&output.stdout).trim())
        }
        Ok(output) => Finding::none("git", format!("git --version ended with {}", output.status)),
        Err(error) => Finding::none("git", format!("{error}; gitops and undo need it")),
    }
}

fn feeds() -> Finding {
    let look = || -> anyhow::Result<Finding> {
        let store = Store::new(folder_or_cache(None)?);
        let known = store.known()?;
        let (mut told, mut broken) = (Vec::new(), false);
        for (kind, known) in &known {
            let (age, fault) = state(&store, *kind, known);
            broken |= fault.is_some();
            let age = age.map_or_else(|| "of unknown age".to_owned(), |age| format!("{age} days"));
            told.push(format!("{} {age}{}", kind.as_str(), fault.unwrap_or_default()));
        }
        Ok(match (known.is_empty(), broken) {
            (true, _) => Finding::none("feeds", "none; `k8s-auto-fix feeds fetch` gets them"),
            (false, false) => Finding::ok("feeds", told.join(", ")),
            (false, true) => Finding::fail("feeds", told.join(", ")),
        })
    };
    look().unwrap_or_else(|error| Finding::fail("feeds", format!("{error:#}")))
}

/// What `--server ephemeral` starts.
fn binaries() -> Finding {
    match cluster::binaries() {
        Ok(folder) => {
            Finding::ok("API server", format!("can be started from {}", folder.display()))
        }
        Err(error) => Finding::none("API server", error.to_string()),
    }
}

/// What `--server kubeconfig` reads. Nothing is asked.
fn kubeconfig() -> Finding {
    let from_home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".kube/config"));
    let named = std::env::var_os("KUBECONFIG").filter(|paths| !paths.is_empty());
    let paths = match &named {
        Some(paths) => std::env::split_paths(paths).collect(),
        None => Vec::from_iter(from_home()),
    };
    match paths.iter().find(|path| path.is_file()) {
        Some(path) => Finding::ok("kubeconfig", path.display().to_string()),
        None => Finding::none("kubeconfig", "none; --server kubeconfig needs one"),
    }
}

/// The server that was asked for, as it answers.
fn server(choice: &Choice) -> Option<Finding> {
    match Server::connect(choice, Options::default()) {
        Ok(server) => server.map(|server| Finding::ok("server", server.describe())),
        Err(error) => Some(Finding::fail("server", format!("{error:#}"))),
    }
}

/// The model backends of the configuration, and whether their keys are there; they are not asked.
fn models(common: &Common) -> Vec<Finding> {
    let Ok(config) = Config::load(common.config.as_deref()) else { return Vec::new() };
    let one = |(name, backend): (&str, &Backend)| {
        let key = match backend.api_key_env.as_deref() {
            None => "without a key".to_owned(),
            Some(variable) if std::env::var_os(variable).is_some() => format!("{variable} is set"),
            Some(variable) => format!("{variable} is not set"),
        };
        let endpoint = backend.endpoint.as_deref().unwrap_or("no endpoint");
        Finding::ok("model", format!("{name}: {endpoint}, {key}"))
    };
    config.backends().map(one).collect()
}

/// The scanners that `detect --with` runs.
fn scanners() -> Vec<Finding> {
    let args = ScannerArgs { scanner_timeout: 1, ..ScannerArgs::default() };
    let Ok(scanners) = Scanners::new(&args) else { return Vec::new() };
    let tools = Format::ALL.iter().filter(|tool| **tool != Format::Sarif);
    let one = |tool: &Format| match scanners.program(*tool) {
        Ok(path) => Finding::ok(tool.as_str(), path.display().to_string()),
        Err(_) => Finding::none(tool.as_str(), "not in the PATH; detect --with needs it"),
    };
    tools.map(one).collect()
}

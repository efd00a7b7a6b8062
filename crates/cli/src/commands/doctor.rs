//! `doctor`: what the tool needs, and what it finds here.

use crate::End;
use crate::args::{Common, Doctor};
use crate::config::Config;
use schema::{Outcome, Schemas, Version};
use serde::Serialize;
use std::io::Write as _;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    ok: bool,
    detail: String,
}

/// Runs the command.
pub(crate) fn run(common: &Common, args: &Doctor) -> anyhow::Result<End> {
    let findings =
        [version(), configuration(common), schemas(), rules(), temporary_files(), threads()];
    let mut out = anstream::stdout().lock();
    if args.output_format == "json" {
        serde_json::to_writer_pretty(&mut out, &findings)?;
        writeln!(out)?;
    } else {
        for finding in &findings {
            let mark = if finding.ok { "ok  " } else { "FAIL" };
            writeln!(out, "{mark}  {:14}  {}", finding.what, finding.detail)?;
        }
    }
    let good = findings.iter().all(|finding| finding.ok);
    Ok(if good { End::Clean } else { End::InputError })
}

fn version() -> Finding {
    Finding { what: "version", ok: true, detail: env!("CARGO_PKG_VERSION").to_owned() }
}

fn configuration(common: &Common) -> Finding {
    let (ok, detail) = match Config::load(common.config.as_deref()) {
        Ok(config) => (true, format!("readable, {} entries in values", config.values.0.len())),
        Err(error) => (false, format!("{error:#}")),
    };
    Finding { what: "configuration", ok, detail }
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
    Finding { what: "schemas", ok: bad.is_empty(), detail }
}

fn rules() -> Finding {
    let all = rules::all();
    let default = all.iter().filter(|entry| entry.rule.default).count();
    let detail = format!("{} rules, {default} on by default", all.len());
    Finding { what: "rules", ok: !all.is_empty(), detail }
}

fn temporary_files() -> Finding {
    let (ok, detail) = match tempfile::NamedTempFile::new_in(".") {
        Ok(_) => (true, "the working directory can be written".to_owned()),
        Err(error) => (true, format!("the working directory cannot be written: {error}")),
    };
    Finding { what: "writing", ok, detail }
}

fn threads() -> Finding {
    let threads = rayon::current_num_threads();
    Finding { what: "threads", ok: threads > 0, detail: threads.to_string() }
}

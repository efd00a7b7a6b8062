//! Developer commands: `cargo xtask <command>`.

// A command's output is its result.
#![allow(clippy::print_stdout)]

mod bench;
mod evidence;
mod generate;
mod measure;
mod page;
mod parity;
mod queue;
mod recorded;
mod schedule;
mod schemas;
mod secrets;
mod server;
mod test;
mod tools;
mod types;

use std::path::Path;

const USAGE: &str = "\
usage: cargo xtask <command>

  test                  everything that must hold before a change lands
  tools [VERSION…]      install what the tests need, and the API servers of more versions
  bench [--full]        time the tool on the dev corpus, write docs/benchmarks.md
  measure               the funnel of every rule on real input, into docs/measurements.md
  server [--full]       what a real API server says of every fix, and how fast it is asked, into
                        docs/server-measurements.md
  recorded              what the gates say of recorded answers of a model, into
                        docs/recorded-answers.md
  queue [--full]        workers of the queue that are killed, and how fast it is, into
                        docs/queue-measurements.md
  schedule [--full]     orders side by side on simulated worlds, into
                        docs/scheduling-measurements.md
  evidence [--full]     what evidence of images makes of the fixes, into
                        docs/evidence-measurements.md
  parity [DIR…] [--check]
                        compare with the oracles, write docs/parity.md
  generate [--check]    docs/rules and schemas, made from the code
  secrets [--accept]    texts in the tree that look like secrets; --accept notes them as made up
  types [--check]       the Go types that kube-linter decodes into, made from the modules
  schemas [--check [VERSION…]]
                        the packed Kubernetes schemas, made from what real servers serve";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    match arguments.split_first() {
        Some((command, [])) if command == "test" => test::run(root),
        Some((command, rest)) if command == "tools" => tools::run_command(root, rest),
        Some((command, rest)) if command == "bench" => bench::run(root, rest),
        Some((command, [])) if command == "measure" => measure::run(root),
        Some((command, rest)) if command == "server" => server::run(root, rest),
        Some((command, [])) if command == "recorded" => recorded::run(root),
        Some((command, rest)) if command == "queue" => queue::run(root, rest),
        Some((command, rest)) if command == "schedule" => schedule::run(root, rest),
        Some((command, rest)) if command == "evidence" => evidence::run(root, rest),
        Some((command, rest)) if command == "parity" => parity::run(root, rest),
        Some((command, rest)) if command == "generate" => generate::run(root, rest),
        Some((command, rest)) if command == "secrets" => {
            secrets::run(root, &tools::python(root)?, rest)
        }
        Some((command, rest)) if command == "types" => types::run(root, rest),
        Some((command, rest)) if command == "schemas" => schemas::run(root, rest),
        _ => anyhow::bail!("{USAGE}"),
    }
}

//! Developer commands: `cargo xtask <command>`.

// A command's output is its result.
#![allow(clippy::print_stdout)]

mod schemas;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((command, rest)) if command == "schemas" => schemas::run(rest),
        command => anyhow::bail!("unknown command {command:?}; known: schemas"),
    }
}

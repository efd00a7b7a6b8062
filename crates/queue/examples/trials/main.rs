//! Trials of the queue: workers that are killed, and how fast it is. `cargo xtask queue` builds and
//! runs this, and writes what it prints, a JSON object, into a page.

#![allow(clippy::print_stdout)]

mod crash;
mod load;

use anyhow::{Context as _, bail};
use queue::testing::Postgres;
use std::path::Path;

const USAGE: &str = "usage: trials crash-sqlite KILLS | crash-postgres KILLS SERVER_KILLS |
       throughput SECONDS | claims ITEMS CLASSES";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = match words.as_slice() {
        ["child", role, location, folder, seed] => {
            return crash::child(role, location, Path::new(folder), seed.parse()?);
        }
        ["crash-sqlite", kills] => {
            let folder = tempfile::tempdir()?;
            serde_json::to_string(&crash::sqlite(folder.path(), kills.parse()?, &this)?)?
        }
        ["crash-postgres", kills, server] => {
            let folder = tempfile::tempdir()?;
            let postgres = server_or_error()?;
            let (kills, server) = (kills.parse()?, server.parse()?);
            serde_json::to_string(&crash::postgres(folder.path(), postgres, kills, server, &this)?)?
        }
        ["throughput", seconds] => {
            serde_json::to_string(&load::throughput(&server_or_error()?, seconds.parse()?)?)?
        }
        ["claims", items, classes] => {
            let (items, classes) = (items.parse()?, classes.parse()?);
            serde_json::to_string(&load::claims(&server_or_error()?, items, classes)?)?
        }
        _ => bail!("{USAGE}"),
    };
    println!("{said}");
    Ok(())
}

/// A process that is one of the children.
fn this(role: &str, location: &str, folder: &Path, seed: u64) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap_or_default());
    command.args(["child", role, location]).arg(folder).arg(seed.to_string());
    command
}

fn server_or_error() -> anyhow::Result<Postgres> {
    Postgres::start()?.context("there is no PostgreSQL here; set K8S_AUTO_FIX_POSTGRES")
}

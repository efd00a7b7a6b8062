//! Developer commands: `cargo xtask <command>`.

fn main() -> anyhow::Result<()> {
    let command = std::env::args().nth(1);
    anyhow::bail!("unknown command {command:?}");
}

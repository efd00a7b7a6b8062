//! `cargo xtask measure`: the funnel of every rule on real input, into `docs/measurements.md`.

use crate::bench::unpack;
use anyhow::{Context as _, bail};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// What the reference system hard-codes, as `values`: so that the two compare on equal terms.
const REFERENCE_VALUES: &str = "\
values:
  - resources:
      requests: {cpu: 100m, memory: 128Mi}
      limits: {cpu: 500m, memory: 256Mi}
    runAsUser: 1000
    ttlSecondsAfterFinished: 3600
";

/// Runs the tool over both corpora, without values and with the reference's, and writes the page.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let data = std::env::var_os("K8S_AUTO_FIX_DATA")
        .context("set K8S_AUTO_FIX_DATA to the folder with the corpora")?;
    let mut build = Command::new(env!("CARGO"));
    build.current_dir(root).args(["build", "--profile", "fast", "--package", "k8s-auto-fix"]);
    anyhow::ensure!(build.status()?.success(), "the build failed");
    let binary = root.join("target/fast/k8s-auto-fix");
    let folder = tempfile::tempdir()?;
    let values = folder.path().join("values.yaml");
    fs::write(&values, REFERENCE_VALUES)?;
    let mut page = String::from(
        "# Measurements\n\nWritten by `cargo xtask measure`: `run --profile all` over the dev \
         corpus (4,788 files, one object\neach) and the hand-written files (658), without \
         `values` and with those that the reference system\nhard-codes. Counts, not times; see \
         [benchmarks](benchmarks.md) for those.\n",
    );
    write!(page, "\nThe values:\n\n```yaml\n{REFERENCE_VALUES}```\n")?;
    for corpus in ["corpus-dev", "wild-dev"] {
        let files = folder.path().join(corpus);
        unpack(&Path::new(&data).join(format!("{corpus}.tar.zst")), &files)?;
        for (title, config) in
            [("without values", None), ("with the reference's values", Some(&values))]
        {
            let out = folder.path().join(format!("{corpus}-{}", config.is_some()));
            let mut run = Command::new(&binary);
            run.args(["run", "--quiet", "--profile", "all", "--out"]).arg(&out).arg(&files);
            run.args(config.iter().flat_map(|path| [Path::new("--config"), path.as_path()]));
            let code = run.stdout(Stdio::null()).stderr(Stdio::null()).status()?.code();
            if code.is_none_or(|code| code > 2) {
                bail!("run over {corpus} ended with {code:?}");
            }
            let review = fs::read_to_string(out.join("review.md"))?;
            write!(page, "\n## {corpus}, {title}\n{}", below_the_title(&review))?;
        }
    }
    fs::write(root.join("docs/measurements.md"), page)?;
    println!("wrote docs/measurements.md");
    Ok(())
}

/// The review without its title, its headings one level down.
fn below_the_title(review: &str) -> String {
    let body = review.split_once('\n').map_or("", |(_, body)| body);
    let lower = |line: &str| match line.starts_with('#') {
        true => format!("#{line}\n"),
        false => format!("{line}\n"),
    };
    body.lines().map(lower).collect()
}

//! `--profile kube-linter`: kube-linter's checks with its own configuration file.

use crate::args::Selecting;
use crate::config;
use anyhow::Context as _;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use policies::kube_linter::{Config, FILE_NAMES, LEFT_OUT, Linter};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The profile's name on the command line and in the configuration.
pub(crate) const PROFILE: &str = "kube-linter";

/// kube-linter's checks, and the files that they do not look at.
pub(crate) struct Linting {
    pub(crate) linter: Linter,
    ignored: GlobSet,
}

/// kube-linter's configuration: the named one, or the one in the working directory.
pub(crate) fn configuration(selecting: &Selecting) -> Option<PathBuf> {
    let found = || FILE_NAMES.iter().map(PathBuf::from).find(|name| name.exists());
    selecting.kube_linter_config.clone().or_else(found)
}

impl Linting {
    /// Every built-in check, unless a `.kube-linter.yaml` or the selection says otherwise.
    pub(crate) fn new(selecting: &Selecting, quiet: bool) -> anyhow::Result<Self> {
        let path = configuration(selecting);
        let mut config = match &path {
            Some(path) => config::read::<Config>(path)?,
            None => Config::all_built_in(),
        };
        let names = |names: &[String]| -> Vec<String> {
            names.iter().map(|name| check_name(name).to_owned()).collect()
        };
        if !selecting.select.is_empty() {
            config.checks.add_all_built_in = false;
            config.checks.do_not_auto_add_defaults = true;
            config.checks.include = names(&selecting.select);
        }
        config.checks.exclude.extend(names(&selecting.ignore));
        if path.is_some() && config.asks_for_left_out() && !quiet {
            writeln!(
                std::io::stderr(),
                "warning: the profile does not run {LEFT_OUT}; the rule of the same name does, \
                 with schemas of its own: --select {LEFT_OUT} without the profile"
            )?;
        }
        let place = path.as_ref().map_or_else(|| PROFILE.to_owned(), |p| p.display().to_string());
        let linter = Linter::new(&config).with_context(|| place.clone())?;
        let ignored = ignored(&config.checks.ignore_paths).with_context(|| place)?;
        Ok(Self { linter, ignored })
    }

    /// Whether a file is left out by `ignorePaths`.
    pub(crate) fn ignores(&self, path: &Path) -> bool {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        self.ignored.is_match(path)
    }
}

/// kube-linter's own name of a check: `kube-linter:x` is `x`.
fn check_name(name: &str) -> &str {
    name.strip_prefix("kube-linter:").unwrap_or(name)
}

/// The patterns count from the working directory; `~` is the home directory.
fn ignored(patterns: &[String]) -> anyhow::Result<GlobSet> {
    let cwd = std::env::current_dir().unwrap_or_default();
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let path = match pattern.strip_prefix("~/") {
            Some(rest) => std::env::home_dir().unwrap_or_default().join(rest),
            None => cwd.join(pattern),
        };
        let path = std::path::absolute(&path).unwrap_or(path);
        let glob = GlobBuilder::new(&path.to_string_lossy()).literal_separator(true).build();
        set.add(glob.with_context(|| format!("ignorePaths: `{pattern}`"))?);
    }
    Ok(set.build()?)
}

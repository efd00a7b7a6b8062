//! The API servers that tests run against and that the packed schemas are read from.

use super::go::Program;
use super::{cache, go};
use anyhow::{Context as _, bail};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The minor whose server the tests start.
pub(crate) const TESTED: &str = "1.36";

/// The folder with `etcd`, `kube-apiserver` and, for the minor that the tests run against,
/// `kubectl`; built when they are missing.
pub(super) fn build(root: &Path, minor: &str, path: &OsStr) -> anyhow::Result<PathBuf> {
    let mut programs = kubernetes(root, minor)?;
    programs.push(Program {
        name: "etcd".to_owned(),
        module: root.join("tools/etcd"),
        package: "go.etcd.io/etcd/server/v3".to_owned(),
        ldflags: String::new(),
    });
    let folder = cache(root).join("servers").join(minor);
    go::build_once(&format!("the servers of Kubernetes {minor}"), &folder, &programs, path)?;
    Ok(folder)
}

/// The release that is pinned for a minor: `v1.36.3` for `1.36`.
pub(crate) fn release(root: &Path, minor: &str) -> anyhow::Result<String> {
    let text = go_mod(root, minor)?;
    let mut lines = text.lines().map(|line| line.trim().trim_start_matches("require "));
    let version = lines.find_map(|line| line.strip_prefix("k8s.io/kubernetes "));
    let version = version.and_then(|rest| rest.split_whitespace().next());
    let version = version.with_context(|| format!("{minor}: go.mod requires no k8s.io/kubernetes"));
    Ok(version?.to_owned())
}

/// Every minor that is pinned, oldest first.
pub(crate) fn pinned(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut minors = Vec::new();
    for entry in std::fs::read_dir(root.join("tools/kubernetes"))? {
        minors.push(entry?.file_name().to_string_lossy().into_owned());
    }
    minors.sort();
    Ok(minors)
}

fn go_mod(root: &Path, minor: &str) -> anyhow::Result<String> {
    let pinned = pinned(root)?;
    if !pinned.iter().any(|known| known == minor) {
        bail!("no server is pinned for Kubernetes {minor:?}; there are {}", pinned.join(", "));
    }
    let file = root.join("tools/kubernetes").join(minor).join("go.mod");
    std::fs::read_to_string(&file).with_context(|| file.display().to_string())
}

/// The programs of Kubernetes that a `go.mod` names as tools.
fn kubernetes(root: &Path, minor: &str) -> anyhow::Result<Vec<Program>> {
    let release = release(root, minor)?;
    let text = go_mod(root, minor)?;
    let lines = text.lines().map(|line| line.trim().trim_start_matches("tool "));
    let packages = lines.filter(|line| line.starts_with("k8s.io/kubernetes/cmd/"));
    let program = |package: &str| Program {
        name: package.rsplit('/').next().unwrap_or(package).to_owned(),
        module: root.join("tools/kubernetes").join(minor),
        package: package.to_owned(),
        ldflags: version_flags(&release),
    };
    Ok(packages.map(program).collect())
}

/// Kubernetes is told its own version by the linker; without it, it says `v0.0.0`.
fn version_flags(release: &str) -> String {
    let mut parts = release.trim_start_matches('v').split('.');
    let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    [("gitVersion", release), ("gitMajor", major), ("gitMinor", minor)]
        .map(|(name, value)| format!("-X k8s.io/component-base/version.{name}={value}"))
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
    }

    #[test]
    fn releases_and_programs_are_what_the_modules_pin() {
        let minors = pinned(root()).unwrap();
        assert!(minors.iter().any(|minor| minor == TESTED));
        for minor in &minors {
            assert!(release(root(), minor).unwrap().starts_with(&format!("v{minor}.")));
            let names = kubernetes(root(), minor).unwrap();
            let names: Vec<&str> = names.iter().map(|program| program.name.as_str()).collect();
            let tested: &[&str] = &["kube-apiserver", "kubectl"];
            assert_eq!(names, if minor == TESTED { tested } else { &tested[..1] }, "{minor}");
        }
        let error = release(root(), "1.12").unwrap_err().to_string();
        assert!(error.ends_with(&format!("there are {}", minors.join(", "))), "{error}");
    }

    #[test]
    fn the_linker_is_told_the_version() {
        assert_eq!(
            version_flags("v1.36.3"),
            "-X k8s.io/component-base/version.gitVersion=v1.36.3 \
             -X k8s.io/component-base/version.gitMajor=1 \
             -X k8s.io/component-base/version.gitMinor=36"
        );
    }
}

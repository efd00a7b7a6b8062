//! Writes files so that a crash or a full disk leaves either the old or the new bytes.

use anyhow::Context as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tempfile::NamedTempFile;

/// Replaces a file's content: a temporary file beside it, fsync, rename. A link keeps pointing
/// where it did, and permissions stay.
///
/// # Errors
/// When the file is read-only, or anything on the way fails; the file is then as it was.
pub(crate) fn replace(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    // Writing beside the link's target keeps the link and replaces what it points to.
    let target = path.canonicalize().with_context(|| format!("cannot find {}", path.display()))?;
    let metadata = fs::metadata(&target)?;
    anyhow::ensure!(
        !metadata.permissions().readonly(),
        "{} is read-only; nothing was written to it",
        path.display()
    );
    let folder = target.parent().unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".k8s-auto-fix-").tempfile_in(folder)?;
        file.write_all(content)?;
        file.as_file().set_permissions(metadata.permissions())?;
        file.as_file().sync_all()?;
        file.persist(&target).map_err(|error| error.error)?;
        fs::File::open(folder)?.sync_all()
    };
    write().with_context(|| format!("cannot write {}; it is unchanged", path.display()))
}

/// Creates or replaces an output file of ours.
///
/// # Errors
/// When the folder is missing or the file cannot be written.
pub(crate) fn output(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = temporary(folder).with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(content).with_context(|| format!("cannot write {}", path.display()))?;
    keep(file, path)
}

/// A file that is gone again unless it is kept.
///
/// # Errors
/// When the folder is missing or cannot be written to.
pub(crate) fn temporary(folder: &Path) -> anyhow::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(".k8s-auto-fix-")
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(folder)
        .with_context(|| format!("cannot create a file in {}", folder.display()))
}

/// Gives a temporary file its name.
///
/// # Errors
/// When it cannot be renamed.
pub(crate) fn keep(file: NamedTempFile, path: &Path) -> anyhow::Result<()> {
    file.persist(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

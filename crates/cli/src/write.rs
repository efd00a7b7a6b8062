//! Writes files so that a crash or a full disk leaves either the old or the new bytes.

use anyhow::Context as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tempfile::NamedTempFile;

/// What the names of our temporary files begin with.
const TEMPORARY: &str = ".k8s-auto-fix-";

/// Removes the temporary files of ours that a killed process left in a folder that is ours alone.
///
/// # Errors
/// When the folder cannot be read or a file not be removed.
pub(crate) fn clean(folder: &Path) -> anyhow::Result<()> {
    let clean = || -> std::io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    };
    clean().with_context(|| format!("cannot clean {}", folder.display()))
}

/// Replaces a file's content: a temporary file beside it, fsync, rename. A link keeps pointing
/// where it did, and permissions stay. `name` is what messages call it.
///
/// # Errors
/// When the file is read-only, does not hold `expected` any more, or anything on the way fails;
/// nothing is then written.
pub(crate) fn replace(
    path: &Path,
    name: &str,
    expected: &[u8],
    content: &[u8],
) -> anyhow::Result<()> {
    // Writing beside the link's target keeps the link and replaces what it points to.
    let target = path.canonicalize().with_context(|| format!("cannot find {name}"))?;
    let metadata = fs::metadata(&target)?;
    anyhow::ensure!(
        !metadata.permissions().readonly(),
        "{name} is read-only; nothing was written to it"
    );
    let now = fs::read(&target).with_context(|| format!("cannot read {name}"))?;
    anyhow::ensure!(
        now == expected,
        "{name} was changed by someone else meanwhile; nothing was written to it"
    );
    let folder = target.parent().unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
        file.write_all(content)?;
        keep_owner(file.as_file(), &metadata)?;
        file.as_file().set_permissions(metadata.permissions())?;
        file.as_file().sync_all()?;
        file.persist(&target).map_err(|error| error.error)?;
        // The new file is in its place; whether the folder can be flushed changes nothing of that.
        let _ = fs::File::open(folder).and_then(|folder| folder.sync_all());
        Ok(())
    };
    write().with_context(|| format!("cannot write {name}; it is unchanged"))
}

/// Gives a new file the owner and group of the old one, where they differ: who fixes the files of
/// others, such as root, must not take them away. Who may not give files away becomes their
/// owner, as with every editor that replaces files.
fn keep_owner(file: &fs::File, old: &fs::Metadata) -> std::io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let new = file.metadata()?;
    if (new.uid(), new.gid()) == (old.uid(), old.gid()) {
        return Ok(());
    }
    let _ = fchown(file, Some(old.uid()), Some(old.gid()));
    Ok(())
}

/// Creates or replaces an output file of ours. What is no file, such as `/dev/null`, is written to
/// and stays what it is.
///
/// # Errors
/// When the folder is missing or the file cannot be written.
pub(crate) fn output(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    // The target of a link is replaced, not the link.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let write = || -> anyhow::Result<()> {
        if fs::metadata(&target).is_ok_and(|metadata| !metadata.is_file()) {
            let mut device = fs::OpenOptions::new().write(true).open(&target)?;
            return Ok(device.write_all(content)?);
        }
        let named = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut file = temporary(named.unwrap_or(Path::new(".")))?;
        file.write_all(content)?;
        file.persist(&target)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Adds to the end of a file, which is made when there is none.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn append(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(content)
}

/// A file that is gone again unless it is kept. The umask says who may read it, as with any new
/// file.
///
/// # Errors
/// When the folder is missing or cannot be written to.
fn temporary(folder: &Path) -> anyhow::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(TEMPORARY)
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .with_context(|| format!("cannot create a file in {}", folder.display()))
}

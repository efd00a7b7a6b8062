//! The schemas of a server, kept on disk by their hash.

use crate::api::Api;
use crate::client::Ask;
use crate::refusal;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::JoinSet;
use verifier::{Refusal, Refused};

/// Where the index and the documents are.
const ROOT: &str = "/openapi/v3";

/// The schemas of all kinds that a server serves.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenApi {
    /// `N` of the server's version `1.N`.
    pub minor: u16,
    /// One document per group version, by its path such as `apis/apps/v1`, in order.
    pub documents: Vec<(String, Value)>,
}

/// Reads every document, from the folder when the server says that it has not changed.
pub(crate) async fn read(
    api: &Arc<Api>,
    folder: Option<&Path>,
) -> Result<Vec<(String, Value)>, Refusal> {
    let index = get(api, ROOT).await?;
    let mut tasks = JoinSet::new();
    for (path, entry) in index["paths"].as_object().into_iter().flatten() {
        let url = entry["serverRelativeURL"].as_str().unwrap_or_default().to_owned();
        if !url.starts_with(&format!("{ROOT}/")) {
            let message = format!("{ROOT}: {path} is at {url:?}, which is not below {ROOT}");
            return Err(refusal::plain(Refused::NoAnswer, message));
        }
        let (api, path) = (Arc::clone(api), path.clone());
        // Without a hash nobody can say whether it has changed.
        let file = folder.filter(|_| url.contains("hash=")).map(|folder| folder.join(digest(&url)));
        tasks.spawn(async move { (path, document(&api, &url, file).await) });
    }
    let documents: BTreeMap<_, _> = tasks.join_all().await.into_iter().collect();
    documents.into_iter().map(|(path, document)| Ok((path, document?))).collect()
}

async fn document(api: &Api, url: &str, file: Option<PathBuf>) -> Result<Value, Refusal> {
    if let Some(document) = file.as_deref().and_then(kept) {
        return Ok(document);
    }
    let document = get(api, url).await?;
    if let Some(file) = file {
        // What cannot be kept is fetched again the next time.
        let _ = keep(&file, &document);
    }
    Ok(document)
}

async fn get(api: &Api, url: &str) -> Result<Value, Refusal> {
    let reply =
        api.client.ask(&Ask::get(url)).await.map_err(|silence| refusal::silent(&silence))?;
    refusal::object(&reply)
}

/// A document in a file; none when it is not there or damaged. Its first line is the hash of the
/// rest.
fn kept(file: &Path) -> Option<Value> {
    let text = fs::read_to_string(file).ok()?;
    let (hash, document) = text.split_once('\n')?;
    (digest(document) == hash).then(|| serde_json::from_str(document).ok()).flatten()
}

fn keep(file: &Path, document: &Value) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let document = document.to_string();
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    write!(temporary, "{}\n{document}", digest(&document))?;
    temporary.persist(file)?;
    Ok(())
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn digest(text: &str) -> String {
    let mut hexadecimal = String::new();
    for byte in Sha256::digest(text) {
        // Writing into a string does not fail.
        let _ = write!(hexadecimal, "{byte:02x}");
    }
    hexadecimal
}

#[cfg(test)]
mod tests {
    use super::{keep, kept};
    use serde_json::json;
    use std::fs;

    #[test]
    fn a_damaged_file_is_no_document() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a/b");
        let document = json!({ "a": [1, "x"] });
        keep(&file, &document).unwrap();
        assert_eq!(kept(&file), Some(document));
        let text = fs::read_to_string(&file).unwrap();
        for damaged in [&text[..text.len() - 1], &text.replace('x', "y"), ""] {
            fs::write(&file, damaged).unwrap();
            assert_eq!(kept(&file), None, "{damaged}");
        }
    }
}

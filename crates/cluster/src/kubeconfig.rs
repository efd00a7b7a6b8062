//! Which server a kubeconfig means, found as kubectl finds it.

use crate::choice::Options;
use crate::error::Error;
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use std::path::{Path, PathBuf};

/// A configuration and what people call it.
pub(crate) struct Found {
    pub(crate) config: Config,
    pub(crate) name: String,
}

/// The server of a context, of the current one when none is named, or the cluster of this pod.
pub(crate) async fn find(context: Option<&str>, options: &Options) -> Result<Found, Error> {
    let files = match &options.kubeconfig {
        Some(file) => vec![file.clone()],
        None => files(),
    };
    let kubeconfig = read(&files)?;
    if kubeconfig.contexts.is_empty() && kubeconfig.clusters.is_empty() {
        if context.is_none()
            && options.kubeconfig.is_none()
            && let Ok(config) = Config::incluster()
        {
            return Ok(Found { config, name: "in-cluster".to_owned() });
        }
        return Err(Error::NoKubeconfig { looked: files });
    }
    let name = context_name(&kubeconfig, context)?;
    let options = KubeConfigOptions { context: Some(name.clone()), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(unusable)?;
    Ok(Found { config, name: format!("context {name}") })
}

/// `KUBECONFIG` is a list; without it there is one in the home folder.
fn files() -> Vec<PathBuf> {
    let listed = std::env::var_os("KUBECONFIG").unwrap_or_default();
    let listed: Vec<_> =
        std::env::split_paths(&listed).filter(|path| !path.as_os_str().is_empty()).collect();
    if !listed.is_empty() {
        return listed;
    }
    std::env::home_dir().map(|home| home.join(".kube/config")).into_iter().collect()
}

/// All that are there together; what an earlier one says holds.
fn read(files: &[PathBuf]) -> Result<Kubeconfig, Error> {
    let present = files.iter().filter(|file| Path::exists(file));
    present.into_iter().try_fold(Kubeconfig::default(), |merged, file| {
        Kubeconfig::read_from(file).and_then(|next| merged.merge(next)).map_err(unusable)
    })
}

fn context_name(kubeconfig: &Kubeconfig, context: Option<&str>) -> Result<String, Error> {
    let known = || kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
    let current = kubeconfig.current_context.as_deref().filter(|name| !name.is_empty());
    let Some(name) = context.or(current) else {
        return Err(Error::NoCurrentContext { known: known() });
    };
    if kubeconfig.contexts.iter().any(|context| context.name == name) {
        return Ok(name.to_owned());
    }
    Err(Error::NoContext { context: name.to_owned(), known: known() })
}

fn unusable(error: KubeconfigError) -> Error {
    Error::Kubeconfig(Box::new(error))
}

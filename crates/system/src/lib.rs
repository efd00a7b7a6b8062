//! What the rooms that call out share: the user's cache folder, the clock, the causes of errors.

mod time;

pub use time::now;

use std::error::Error;
use std::path::PathBuf;

/// The folder of this program in the user's cache folder: below `XDG_CACHE_HOME` where that is an
/// absolute path, else below `.cache` at home. It need not exist. `None` for users without a home.
pub fn cache_folder() -> Option<PathBuf> {
    let absolute = |path: &PathBuf| path.is_absolute();
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(absolute);
    let home = || Some(std::env::home_dir().filter(absolute)?.join(".cache"));
    Some(named.or_else(home)?.join("k8s-auto-fix"))
}

/// The cause at the bottom of an error: those above only say which layer passed it on.
pub fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::innermost;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn the_first_cause_is_told() {
        let cause = std::io::Error::other("no route");
        assert_eq!(innermost(&cause), "no route");
        assert_eq!(innermost(&Outer(cause)), "no route");
    }
}

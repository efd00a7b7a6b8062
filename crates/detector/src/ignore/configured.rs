use super::name::RuleName;
use crate::Found;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use record::Date;
use rules::Object;
use serde::Deserialize;

/// An entry of the configuration's `ignores`: rules, and where they do not count. Every part that
/// is given must match; all parts but the rules are globs.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct ConfiguredIgnore {
    pub(crate) rules: Names,
    /// Of files, from the working directory; a folder stands for everything in it.
    #[serde(default)]
    paths: Paths,
    /// `default` also covers objects without one.
    #[serde(default)]
    namespaces: Globs,
    #[serde(default)]
    kinds: Globs,
    #[serde(default)]
    names: Globs,
    #[serde(default)]
    containers: Globs,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    #[serde(default)]
    pub(crate) until: Option<Date>,
    /// The configuration file and the line of the entry; who reads the file fills them in.
    #[serde(skip)]
    pub place: (String, usize),
}

/// At least one name.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Vec<RuleName>")]
pub(crate) struct Names(pub(crate) Vec<RuleName>);

impl TryFrom<Vec<RuleName>> for Names {
    type Error = &'static str;

    fn try_from(names: Vec<RuleName>) -> Result<Self, Self::Error> {
        match names.is_empty() {
            true => Err("`rules` is empty; name the rules to ignore, `*` stands for all"),
            false => Ok(Self(names)),
        }
    }
}

/// Globs of names; none match everything.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "Vec<String>")]
struct Globs(Option<GlobSet>);

/// Globs of paths; none match everything.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "Vec<String>")]
struct Paths(Globs);

impl Globs {
    fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, globset::Error> {
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            set.add(GlobBuilder::new(pattern).literal_separator(true).build()?);
        }
        let set = set.build()?;
        Ok(Self((!set.is_empty()).then_some(set)))
    }

    fn matches(&self, text: &str) -> bool {
        self.0.as_ref().is_none_or(|set| set.is_match(text))
    }
}

impl TryFrom<Vec<String>> for Globs {
    type Error = globset::Error;

    fn try_from(patterns: Vec<String>) -> Result<Self, Self::Error> {
        Self::new(patterns.iter().map(String::as_str))
    }
}

impl TryFrom<Vec<String>> for Paths {
    type Error = globset::Error;

    fn try_from(patterns: Vec<String>) -> Result<Self, Self::Error> {
        let all: Vec<String> = patterns
            .iter()
            .map(|pattern| pattern.trim_start_matches("./").trim_end_matches('/'))
            .flat_map(|pattern| match pattern {
                "" | "." => ["**".to_owned(), "**".to_owned()],
                pattern => [pattern.to_owned(), format!("{pattern}/**")],
            })
            .collect();
        Globs::new(all.iter().map(String::as_str)).map(Self)
    }
}

impl ConfiguredIgnore {
    /// Whether findings of this object can be meant.
    pub(crate) fn covers_object(&self, file: &str, object: &Object<'_>) -> bool {
        self.paths.0.matches(file)
            && self.namespaces.matches(object.effective_namespace())
            && self.kinds.matches(object.kind)
            && self.names.matches(object.name)
    }

    /// Whether this finding of such an object is in one of the containers, where some are named.
    pub(crate) fn covers_place(&self, object: &Object<'_>, found: &Found) -> bool {
        self.containers.0.is_none()
            || object.pod.as_ref().is_some_and(|pod| {
                pod.containers.iter().any(|container| {
                    let path = &found.finding.path.0;
                    self.containers.matches(container.name)
                        && path.starts_with(&container.path(pod, &[]).0)
                })
            })
    }
}

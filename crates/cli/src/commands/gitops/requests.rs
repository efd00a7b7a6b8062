//! Pull and merge requests of the branches that were pushed, and the dashboard that lists them.

use super::report::reasons;
use super::{Plan, Planned, message};
use crate::args::carry::{Asking, ForgeKind, Write};
use anyhow::Context as _;
use forge::{Error, Forge, Kind, Opened, Request, Settings, Token};
use review::summary::cell;
use rollout::git::Repository;
use serde::Serialize;
use std::fmt::Write as _;

/// Title of the dashboard, by which it is found again.
const DASHBOARD: &str = "Kubernetes fixes: dashboard";

/// What became of the request of a branch.
#[derive(Debug, Serialize)]
pub(super) struct Asked {
    /// `created`, `updated`, `unchanged`, `closed` by a person, or `failed`.
    pub(super) state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
    /// What the forge did not take, or why there is no request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<String>,
}

impl Asked {
    fn failed(reason: String) -> Self {
        Self { state: "failed", url: None, warnings: vec![reason] }
    }

    fn done(opened: &Opened, warnings: Vec<String>) -> Self {
        Self { state: state(opened), url: Some(opened.link().url.clone()), warnings }
    }
}

fn state(opened: &Opened) -> &'static str {
    match opened {
        Opened::Created(_) => "created",
        Opened::Updated(_) => "updated",
        Opened::Unchanged(_) => "unchanged",
        Opened::Closed(_) => "closed",
    }
}

/// A forge that is ready to be asked.
pub(super) struct Asker {
    forge: Forge,
    kind: Kind,
    base: String,
}

impl Asker {
    /// Prepares what the arguments ask for, before anything is written.
    ///
    /// # Errors
    /// When the token, the project or the base are not known.
    pub(super) fn new(repository: &Repository, args: &Write) -> anyhow::Result<Option<Self>> {
        let Asking { forge, forge_url, project, token_env, base, .. } = &args.asking;
        let (Some(forge), Some(remote)) = (*forge, args.push.as_deref()) else { return Ok(None) };
        let kind = Kind::from(forge);
        let variable = token_env.as_deref().unwrap_or(match forge {
            ForgeKind::Github => "GITHUB_TOKEN",
            ForgeKind::Gitlab => "GITLAB_TOKEN",
        });
        let token = std::env::var(variable).with_context(|| {
            format!("{variable} holds no token; set it, or name another with --token-env")
        })?;
        let project = match project {
            Some(project) => project.clone(),
            None => {
                let url = repository.url(remote)?;
                project_of(&url).with_context(|| {
                    format!("the address of {remote} names no project; give --project")
                })?
            }
        };
        let base = match base {
            Some(base) => base.clone(),
            None => repository.head()?.context("no branch is checked out; give --base")?,
        };
        let mut settings = Settings::new(kind, &project, Token::new(&token));
        if let Some(url) = forge_url {
            settings.url.clone_from(url);
        }
        Ok(Some(Self { forge: Forge::new(settings)?, kind, base }))
    }

    /// Requests of our branches that are open.
    ///
    /// # Errors
    /// When the forge cannot be asked.
    pub(super) fn open(&self, prefix: &str) -> anyhow::Result<usize> {
        Ok(self.forge.open_count(prefix)?)
    }

    /// Opens the request of each branch. One that fails does not stop the others, unless the forge
    /// cannot be asked at all.
    pub(super) fn ask(&self, plan: &mut Plan, asking: &Asking) {
        let mut gone: Option<String> = None;
        for planned in &mut plan.batches {
            let asked = match &gone {
                Some(reason) => Asked::failed(format!("not tried: {reason}")),
                None => match self.forge.open(&self.request(planned, asking)) {
                    Ok(outcome) => Asked::done(&outcome.opened, outcome.warnings),
                    Err(error) => {
                        if stops(&error) {
                            gone = Some(error.to_string());
                        }
                        Asked::failed(error.to_string())
                    }
                },
            };
            planned.request = Some(asked);
        }
        if !asking.no_dashboard && gone.is_none() {
            plan.dashboard = Some(self.dashboard(plan, asking));
        }
    }

    fn request(&self, planned: &Planned, asking: &Asking) -> Request {
        let base = planned.stacked_on.as_ref().unwrap_or(&self.base);
        Request {
            branch: planned.branch.clone(),
            base: base.clone(),
            title: planned.title.clone(),
            body: bounded(&planned.body, self.kind.longest_body()),
            labels: asking.label.clone(),
            reviewers: match asking.no_reviewers {
                true => Vec::new(),
                false => planned.reviewers.clone(),
            },
        }
    }

    fn dashboard(&self, plan: &Plan, asking: &Asking) -> Asked {
        let body = bounded(&dashboard(plan), self.kind.longest_body());
        let label = asking.label.first().map_or("k8s-auto-fix", String::as_str);
        match self.forge.dashboard(DASHBOARD, label, &body) {
            Ok(opened) => Asked::done(&opened, Vec::new()),
            Err(error) => Asked::failed(error.to_string()),
        }
    }
}

/// Whether the next request would fail in the same way.
fn stops(error: &Error) -> bool {
    match error {
        Error::Refused { status, .. } => matches!(status, 401 | 404),
        Error::Unreachable { .. } | Error::Limited { .. } | Error::Moved { .. } => true,
        _ => false,
    }
}

/// The text up to a number of characters, cut between lines.
fn bounded(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    const REST: &str = "\nThe rest does not fit in here.\n";
    let mut left = limit.saturating_sub(REST.len());
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let length = line.chars().count();
        if length > left {
            break;
        }
        left -= length;
        out += line;
    }
    out + REST
}

/// Everything that is open, and what is not carried.
fn dashboard(plan: &Plan) -> String {
    let mut text = String::from(
        "Fixes that k8s-auto-fix carries into this repository. Each run rewrites this page.\n\n\
         | turn | request | fixes | may break | risk removed | restarts |\n\
         | ---: | --- | ---: | ---: | ---: | ---: |\n",
    );
    for planned in &plan.batches {
        let batch = &planned.batch;
        let link = planned.request.as_ref().and_then(|request| request.url.as_ref());
        let title = cell(&planned.title);
        let title = link.map_or_else(|| title.clone(), |url| format!("[{title}]({url})"));
        let closed = planned.request.as_ref().is_some_and(|request| request.state == "closed");
        let note = if closed { ", closed: reopen it to have it back" } else { "" };
        let _ = writeln!(
            text,
            "| {} | {title}{note} | {} | {} | {:.1} | {} |",
            batch.order, batch.size, batch.needs_approval, batch.risk, batch.blast_radius.restarts
        );
    }
    let reasons = reasons(&plan.skipped);
    if !reasons.is_empty() {
        text += "\nNot carried:\n\n";
    }
    for (reason, count) in reasons {
        let _ = writeln!(text, "- {count}: {}", cell(reason));
    }
    let _ = writeln!(text, "\nBased on {}. {}", plan.base, message::MADE_BY);
    text
}

/// `owner/name` in the address of a remote: `https://host/owner/name.git`, `ssh://git@host/…` or
/// `git@host:owner/name.git`.
fn project_of(url: &str) -> Option<String> {
    let path = match url.split_once("://") {
        Some(("http" | "https" | "ssh" | "git", rest)) => rest.split_once('/')?.1,
        Some(_) => return None,
        None => url.split_once(':').filter(|(host, _)| !host.contains('/'))?.1,
    };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    path.contains('/').then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{bounded, project_of};

    #[test]
    fn projects_are_read_from_addresses() {
        for (url, project) in [
            ("https://github.com/acme/shop.git", Some("acme/shop")),
            ("https://u:p@gitlab.example:8443/acme/web/shop/", Some("acme/web/shop")),
            ("ssh://git@github.com:22/acme/shop", Some("acme/shop")),
            ("git@github.com:acme/shop.git", Some("acme/shop")),
            ("../remote.git", None),
            ("/srv/acme/shop.git", None),
            ("file:///srv/acme/shop.git", None),
            ("https://github.com/shop", None),
        ] {
            assert_eq!(project_of(url).as_deref(), project, "{url}");
        }
    }

    #[test]
    fn long_texts_end_between_lines() {
        assert_eq!(bounded("a\nb\n", 4), "a\nb\n");
        let cut = bounded(&"line\n".repeat(100), 60);
        assert!(cut.starts_with("line\nline\n") && cut.chars().count() <= 60, "{cut}");
        assert!(cut.ends_with("\nThe rest does not fit in here.\n"));
    }
}

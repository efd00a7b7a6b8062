//! Pull requests and issues of GitHub.

use crate::client::{Client, Made, parts_of_project};
use crate::reviewer::{Reviewer, not_asked, wanted};
use crate::text::{Page, is_same, one_line};
use crate::{Error, Kind, Link, Opened, Outcome, Request};
use reqwest::{Method, Url};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

/// A repository.
pub(crate) struct Github {
    client: Client,
    owner: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct Pull {
    number: u64,
    html_url: Page,
    state: String,
    title: String,
    body: Option<String>,
    merged_at: Option<String>,
    user: Option<User>,
    #[serde(default)]
    labels: Vec<Label>,
    #[serde(default)]
    requested_reviewers: Vec<User>,
    #[serde(default)]
    requested_teams: Vec<Team>,
    head: End,
    base: End,
}

/// A branch of a repository.
#[derive(Debug, Deserialize)]
struct End {
    #[serde(rename = "ref")]
    branch: String,
    /// A fork that was deleted is none.
    repo: Option<Repository>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
struct Repository {
    id: u64,
}

#[derive(Debug, Deserialize)]
struct User {
    login: String,
}

#[derive(Debug, Deserialize)]
struct Team {
    slug: String,
}

/// Issues may have both forms of labels.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Label {
    Name(String),
    Whole { name: Option<String> },
}

#[derive(Debug, Deserialize)]
struct Issue {
    number: u64,
    html_url: Page,
    title: String,
    body: Option<String>,
    #[serde(default)]
    labels: Vec<Label>,
    /// GitHub lists pull requests among the issues.
    pull_request: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct Event {
    requested_reviewer: Option<User>,
    requested_team: Option<Team>,
}

#[derive(Debug, Deserialize)]
struct Review {
    user: Option<User>,
}

impl Label {
    fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Whole { name } => name.as_deref().unwrap_or_default(),
        }
    }
}

fn has(labels: &[Label], name: &str) -> bool {
    labels.iter().any(|label| label.name().eq_ignore_ascii_case(name))
}

impl Pull {
    fn is_open(&self) -> bool {
        self.state == "open"
    }

    /// Whether its branch is one of the repository, and not of a fork.
    fn is_own(&self) -> bool {
        self.head.repo.is_some() && self.head.repo == self.base.repo
    }

    fn link(&self) -> Link {
        Link { number: self.number, url: self.html_url.0.clone() }
    }
}

impl Issue {
    fn link(&self) -> Link {
        Link { number: self.number, url: self.html_url.0.clone() }
    }
}

/// Drops the reviewers who are among these.
fn drop_asked(wanted: &mut Vec<Reviewer>, users: &[User], teams: &[Team]) {
    wanted.retain(|reviewer| {
        let is_among = users.iter().any(|user| reviewer.is_user(&user.login));
        !is_among && !teams.iter().any(|team| reviewer.is_team(&team.slug))
    });
}

impl Github {
    pub(crate) fn new(client: Client, project: &str) -> Result<Self, Error> {
        let parts = parts_of_project(Kind::Github, project)?;
        let part = |index: usize| parts.get(index).copied().unwrap_or_default().to_owned();
        Ok(Self { client, owner: part(0), name: part(1) })
    }

    fn url(&self, rest: &[&str], query: &[(&str, &str)]) -> Url {
        let repository: [&str; 3] = ["repos", &self.owner, &self.name];
        self.client.url(&[&repository, rest].concat(), query)
    }

    pub(crate) async fn open(&self, request: &Request) -> Result<Outcome, Error> {
        let made = match self.last(request, "all").await? {
            Some(pull) if pull.is_open() => Made { thing: pull, is_new: false },
            Some(pull) if pull.merged_at.is_none() => {
                let opened = Opened::Closed(pull.link());
                return Ok(Outcome { opened, warnings: Vec::new() });
            }
            _ => self.create(request).await?,
        };
        self.amend(&made, request).await
    }

    /// The pull request of a branch that counts: an open one, best one for the same base, else the
    /// last.
    async fn last(&self, request: &Request, state: &str) -> Result<Option<Pull>, Error> {
        let head = format!("{}:{}", self.owner, request.branch);
        let url = self.url(&["pulls"], &[("state", state), ("head", &head)]);
        let rank = |pull: &Pull| {
            let fits = pull.is_open() && pull.base.branch == request.base;
            (pull.is_open(), fits, pull.number)
        };
        let mut last: Option<Pull> = None;
        // GitHub lists all of them when it does not understand the filter.
        let is_meant = |pull: &Pull| pull.is_own() && pull.head.branch == request.branch;
        let take = |pull: Pull| {
            if is_meant(&pull) && last.as_ref().is_none_or(|last| rank(last) < rank(&pull)) {
                last = Some(pull);
            }
        };
        self.client.each(url, take).await?;
        Ok(last)
    }

    async fn create(&self, request: &Request) -> Result<Made<Pull>, Error> {
        let body = json!({
            "title": request.title, "body": request.body,
            "head": request.branch, "base": request.base,
        });
        let look = async || self.last(request, "open").await;
        self.client.create(self.url(&["pulls"], &[]), body, look).await
    }

    /// Makes an open pull request what it should be.
    async fn amend(&self, made: &Made<Pull>, request: &Request) -> Result<Outcome, Error> {
        let pull = &made.thing;
        let mut warnings = Vec::new();
        if pull.base.branch != request.base {
            warnings.push(crate::other_base(pull.number, &pull.base.branch, &request.base));
        }
        let mut is_changed = self.amend_text(pull, request).await?;
        is_changed |= self.add_labels(pull, &request.labels, &mut warnings).await?;
        is_changed |= self.ask_reviewers(made, &request.reviewers, &mut warnings).await?;
        Ok(Outcome { opened: crate::opened(pull.link(), made.is_new, is_changed), warnings })
    }

    async fn amend_text(&self, pull: &Pull, request: &Request) -> Result<bool, Error> {
        let mut fields = Map::new();
        if !is_same(&pull.title, &request.title) {
            fields.insert("title".to_owned(), request.title.clone().into());
        }
        if !is_same(pull.body.as_deref().unwrap_or_default(), &request.body) {
            fields.insert("body".to_owned(), request.body.clone().into());
        }
        if fields.is_empty() {
            return Ok(false);
        }
        let url = self.url(&["pulls", &pull.number.to_string()], &[]);
        let IgnoredAny = self.client.write(Method::PATCH, url, fields.into()).await?;
        Ok(true)
    }

    async fn add_labels(
        &self,
        pull: &Pull,
        labels: &[String],
        warnings: &mut Vec<String>,
    ) -> Result<bool, Error> {
        let missing: Vec<&String> = labels.iter().filter(|name| !has(&pull.labels, name)).collect();
        if missing.is_empty() {
            return Ok(false);
        }
        let url = self.url(&["issues", &pull.number.to_string(), "labels"], &[]);
        let result = self.client.write(Method::POST, url, json!({ "labels": missing })).await;
        match result {
            Ok(IgnoredAny) => Ok(true),
            Err(error) if error.refusal().is_some() => {
                warnings.push(format!("labels are not set: {error}"));
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    async fn ask_reviewers(
        &self,
        made: &Made<Pull>,
        reviewers: &[String],
        warnings: &mut Vec<String>,
    ) -> Result<bool, Error> {
        let pull = &made.thing;
        let mut wanted = wanted(reviewers, warnings);
        wanted.retain(|reviewer| match self.obstacle(pull, reviewer) {
            Some(reason) => {
                warnings.push(not_asked(&reviewer.to_string(), &reason));
                false
            }
            None => true,
        });
        drop_asked(&mut wanted, &pull.requested_reviewers, &pull.requested_teams);
        if !made.is_new && !wanted.is_empty() {
            self.drop_known(pull.number, &mut wanted).await?;
        }
        self.ask(pull.number, &wanted, warnings).await
    }

    /// Why GitHub cannot take a reviewer, as far as that is known.
    fn obstacle(&self, pull: &Pull, reviewer: &Reviewer) -> Option<String> {
        match reviewer {
            Reviewer::User(_) => {
                let author = pull.user.as_ref()?;
                reviewer.is_user(&author.login).then(|| "the author cannot review".to_owned())
            }
            Reviewer::Group { parent, .. } => (!parent.eq_ignore_ascii_case(&self.owner))
                .then(|| format!("it is no team of {}", self.owner)),
        }
    }

    /// Drops who was asked before, also when somebody took that back or a member of the team
    /// reviewed, and who reviewed without being asked.
    async fn drop_known(&self, number: u64, wanted: &mut Vec<Reviewer>) -> Result<(), Error> {
        let number = number.to_string();
        let events = self.url(&["issues", &number, "events"], &[]);
        let take = |event: Event| {
            let (user, team) = (event.requested_reviewer, event.requested_team);
            drop_asked(wanted, user.as_slice(), team.as_slice());
        };
        self.client.each(events, take).await?;
        if wanted.iter().any(|reviewer| matches!(reviewer, Reviewer::User(_))) {
            let reviews = self.url(&["pulls", &number, "reviews"], &[]);
            let take = |review: Review| drop_asked(wanted, review.user.as_slice(), &[]);
            self.client.each(reviews, take).await?;
        }
        Ok(())
    }

    /// Asks reviewers; all in vain when GitHub does not take one of them, so then each alone.
    async fn ask(
        &self,
        number: u64,
        wanted: &[Reviewer],
        warnings: &mut Vec<String>,
    ) -> Result<bool, Error> {
        if wanted.is_empty() {
            return Ok(false);
        }
        let error = match self.request_review(number, wanted).await {
            Ok(()) => return Ok(true),
            Err(error) => error,
        };
        let Some((status, reason)) = error.refusal() else { return Err(error) };
        if let ([_, _, ..], 422) = (wanted, status) {
            let mut is_changed = false;
            for reviewer in wanted {
                let alone = std::slice::from_ref(reviewer);
                is_changed |= Box::pin(self.ask(number, alone, warnings)).await?;
            }
            return Ok(is_changed);
        }
        let names: Vec<String> = wanted.iter().map(Reviewer::to_string).collect();
        warnings.push(not_asked(&names.join(", "), &format!("{status} {reason}")));
        Ok(false)
    }

    async fn request_review(&self, number: u64, wanted: &[Reviewer]) -> Result<(), Error> {
        let (mut users, mut teams) = (Vec::new(), Vec::new());
        for reviewer in wanted {
            match reviewer {
                Reviewer::User(name) => users.push(name),
                Reviewer::Group { name, .. } => teams.push(name),
            }
        }
        let url = self.url(&["pulls", &number.to_string(), "requested_reviewers"], &[]);
        let body = json!({ "reviewers": users, "team_reviewers": teams });
        let IgnoredAny = self.client.write(Method::POST, url, body).await?;
        Ok(())
    }

    pub(crate) async fn dashboard(
        &self,
        title: &str,
        label: &str,
        body: &str,
    ) -> Result<Opened, Error> {
        let Made { thing: issue, is_new } = match self.issue(title, label).await? {
            Some(issue) => Made { thing: issue, is_new: false },
            None => {
                let fields = json!({ "title": title, "body": body, "labels": [label] });
                let look = async || self.issue(title, label).await;
                self.client.create(self.url(&["issues"], &[]), fields, look).await?
            }
        };
        let number = issue.number.to_string();
        let amend = async |fields: Value| {
            let url = self.url(&["issues", &number], &[]);
            self.client.write(Method::PATCH, url, fields).await.map(|IgnoredAny| ())
        };
        if is_new && !has(&issue.labels, label) {
            // Without the rights to label, GitHub drops labels and says nothing.
            amend(json!({ "state": "closed" })).await?;
            return Err(Error::Unlabelled { url: issue.html_url.0, label: one_line(label, 100) });
        }
        let is_changed = !is_same(issue.body.as_deref().unwrap_or_default(), body);
        if is_changed {
            amend(json!({ "body": body })).await?;
        }
        Ok(crate::opened(issue.link(), is_new, is_changed))
    }

    /// The oldest open issue with a title and a label.
    async fn issue(&self, title: &str, label: &str) -> Result<Option<Issue>, Error> {
        let url = self.url(&["issues"], &[("state", "open"), ("labels", label)]);
        let mut oldest: Option<Issue> = None;
        let take = |issue: Issue| {
            let is_meant = issue.pull_request.is_none()
                && is_same(&issue.title, title)
                && has(&issue.labels, label);
            if is_meant && oldest.as_ref().is_none_or(|oldest| issue.number < oldest.number) {
                oldest = Some(issue);
            }
        };
        self.client.each(url, take).await?;
        Ok(oldest)
    }

    pub(crate) async fn open_count(&self, prefix: &str) -> Result<usize, Error> {
        let mut count = 0;
        let take = |pull: Pull| {
            let is_meant = pull.is_open() && pull.is_own() && pull.head.branch.starts_with(prefix);
            count += usize::from(is_meant);
        };
        self.client.each(self.url(&["pulls"], &[("state", "open")]), take).await?;
        Ok(count)
    }
}

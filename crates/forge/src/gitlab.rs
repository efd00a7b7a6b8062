//! Merge requests and issues of GitLab.

use crate::client::{Client, Made, parts_of_project};
use crate::reviewer::{Reviewer, not_asked, wanted};
use crate::text::{Page, is_same, one_line};
use crate::{Error, Kind, Link, Opened, Outcome, Request};
use reqwest::{Method, Url};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

/// How the title of a draft begins, after which comes the title that it was given.
const DRAFT: &str = "draft:";

/// A project.
pub(crate) struct Gitlab {
    client: Client,
    project: String,
}

#[derive(Debug, Deserialize)]
struct Merge {
    iid: u64,
    web_url: Page,
    state: State,
    title: String,
    description: Option<String>,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    reviewers: Vec<Person>,
    source_branch: String,
    target_branch: String,
    /// A fork that was deleted is none.
    source_project_id: Option<u64>,
    target_project_id: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Opened,
    Closed,
    Merged,
    /// Being merged at this moment.
    Locked,
}

#[derive(Debug, Deserialize)]
struct Person {
    id: u64,
    username: String,
}

#[derive(Debug, Deserialize)]
struct Note {
    #[serde(default)]
    system: bool,
    body: String,
}

#[derive(Debug, Deserialize)]
struct Issue {
    iid: u64,
    web_url: Page,
    title: String,
    description: Option<String>,
    #[serde(default)]
    labels: Vec<String>,
}

impl Merge {
    /// Whether its branch is one of the project, and not of a fork.
    fn is_own(&self) -> bool {
        self.source_project_id == Some(self.target_project_id)
    }

    fn is_live(&self) -> bool {
        matches!(self.state, State::Opened | State::Locked)
    }

    fn link(&self) -> Link {
        Link { number: self.iid, url: self.web_url.0.clone() }
    }

    /// Its title without the mark of a draft, and that mark.
    fn title(&self) -> (&str, &str) {
        let is_draft = |start: &str| start.eq_ignore_ascii_case(DRAFT);
        let split = self.title.split_at_checked(DRAFT.len());
        split.filter(|(start, _)| is_draft(start)).unwrap_or(("", &self.title))
    }

    fn is_reviewed_by(&self, reviewer: &Reviewer) -> bool {
        self.reviewers.iter().any(|person| reviewer.is_user(&person.username))
    }
}

impl Issue {
    fn has(&self, label: &str) -> bool {
        self.labels.iter().any(|own| own == label)
    }

    fn link(&self) -> Link {
        Link { number: self.iid, url: self.web_url.0.clone() }
    }
}

impl Gitlab {
    pub(crate) fn new(client: Client, project: String) -> Result<Self, Error> {
        parts_of_project(Kind::Gitlab, &project)?;
        Ok(Self { client, project })
    }

    fn url(&self, rest: &[&str], query: &[(&str, &str)]) -> Url {
        // The name is one part of the path, its slashes are escaped.
        let project: [&str; 2] = ["projects", &self.project];
        self.client.url(&[&project, rest].concat(), query)
    }

    pub(crate) async fn open(&self, request: &Request) -> Result<Outcome, Error> {
        let made = match self.last(request, "all").await? {
            Some(merge) if merge.state == State::Opened => Made { thing: merge, is_new: false },
            Some(merge) if merge.state != State::Merged => {
                let link = merge.link();
                let opened = match merge.state {
                    State::Locked => Opened::Unchanged(link),
                    _ => Opened::Closed(link),
                };
                return Ok(Outcome { opened, warnings: Vec::new() });
            }
            _ => self.create(request).await?,
        };
        self.amend(&made, request).await
    }

    /// The merge request of a branch that counts: an open one, best one for the same base, else the
    /// last.
    async fn last(&self, request: &Request, state: &str) -> Result<Option<Merge>, Error> {
        let query = [("state", state), ("source_branch", &request.branch), ("scope", "all")];
        let rank = |merge: &Merge| {
            let fits = merge.is_live() && merge.target_branch == request.base;
            (merge.is_live(), fits, merge.iid)
        };
        let mut last: Option<Merge> = None;
        let is_meant = |merge: &Merge| merge.is_own() && merge.source_branch == request.branch;
        let take = |merge: Merge| {
            if is_meant(&merge) && last.as_ref().is_none_or(|last| rank(last) < rank(&merge)) {
                last = Some(merge);
            }
        };
        self.client.each(self.url(&["merge_requests"], &query), take).await?;
        Ok(last)
    }

    async fn create(&self, request: &Request) -> Result<Made<Merge>, Error> {
        let body = json!({
            "source_branch": request.branch, "target_branch": request.base,
            "title": request.title, "description": request.body,
            "labels": request.labels.join(","),
        });
        let look = async || self.last(request, "opened").await;
        self.client.create(self.url(&["merge_requests"], &[]), body, look).await
    }

    /// Makes an open merge request what it should be.
    async fn amend(&self, made: &Made<Merge>, request: &Request) -> Result<Outcome, Error> {
        let merge = &made.thing;
        let mut warnings = Vec::new();
        if merge.target_branch != request.base {
            warnings.push(crate::other_base(merge.iid, &merge.target_branch, &request.base));
        }
        let mut fields = text_fields(merge, request);
        let wanted = self.reviewers(made, &request.reviewers, &mut warnings).await?;
        if !wanted.is_empty() {
            let all = merge.reviewers.iter().chain(&wanted).map(|person| person.id);
            fields.insert("reviewer_ids".to_owned(), all.collect());
        }
        let mut is_changed = false;
        if !fields.is_empty() {
            let url = self.url(&["merge_requests", &merge.iid.to_string()], &[]);
            let after: Merge = self.client.write(Method::PUT, url, fields.clone().into()).await?;
            is_changed = fields.keys().any(|field| field != "reviewer_ids");
            for person in wanted {
                let reviewer = Reviewer::User(person.username);
                if after.is_reviewed_by(&reviewer) {
                    is_changed = true;
                } else {
                    // It says nothing of people whom it does not take.
                    let reason = "GitLab does not take them; the Free tier takes one reviewer, \
                                  and others need to see the project";
                    warnings.push(not_asked(&reviewer.to_string(), reason));
                }
            }
        }
        Ok(Outcome { opened: crate::opened(merge.link(), made.is_new, is_changed), warnings })
    }

    /// The people who are still to be asked.
    async fn reviewers(
        &self,
        made: &Made<Merge>,
        reviewers: &[String],
        warnings: &mut Vec<String>,
    ) -> Result<Vec<Person>, Error> {
        let merge = &made.thing;
        let mut wanted = wanted(reviewers, warnings);
        wanted.retain(|reviewer| !merge.is_reviewed_by(reviewer));
        if !made.is_new && !wanted.is_empty() {
            self.drop_known(merge.iid, &mut wanted).await?;
        }
        let mut people = Vec::new();
        for reviewer in &wanted {
            let found = match reviewer {
                Reviewer::User(name) => self.person(name).await?.ok_or("there is no such user"),
                Reviewer::Group { .. } => Err("GitLab takes users, and no groups"),
            };
            match found {
                Ok(person) => people.push(person),
                Err(reason) => warnings.push(not_asked(&reviewer.to_string(), reason)),
            }
        }
        Ok(people)
    }

    /// Drops whom somebody asked before or took back, as GitLab notes it down.
    async fn drop_known(&self, number: u64, wanted: &mut Vec<Reviewer>) -> Result<(), Error> {
        let url = self.url(&["merge_requests", &number.to_string(), "notes"], &[]);
        let take = |note: Note| {
            let of_reviews = ["requested review from ", "removed review request for "];
            if note.system && of_reviews.iter().any(|start| note.body.starts_with(start)) {
                let words = note.body.split([' ', ',']).filter_map(|word| word.strip_prefix('@'));
                let names: Vec<&str> = words.collect();
                wanted.retain(|reviewer| !names.iter().any(|name| reviewer.is_user(name)));
            }
        };
        self.client.each(url, take).await
    }

    /// The user of a name; groups have names, too, and are none.
    async fn person(&self, name: &str) -> Result<Option<Person>, Error> {
        let mut found = None;
        let reviewer = Reviewer::User(name.to_owned());
        let take = |person: Person| {
            if reviewer.is_user(&person.username) {
                found = Some(person);
            }
        };
        self.client.each(self.client.url(&["users"], &[("username", name)]), take).await?;
        Ok(found)
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
                let fields = json!({ "title": title, "description": body, "labels": label });
                let look = async || self.issue(title, label).await;
                self.client.create(self.url(&["issues"], &[]), fields, look).await?
            }
        };
        let number = issue.iid.to_string();
        let amend = async |fields: Value| {
            let url = self.url(&["issues", &number], &[]);
            self.client.write(Method::PUT, url, fields).await.map(|IgnoredAny| ())
        };
        if is_new && !issue.has(label) {
            // Without the rights to label, GitLab drops labels and says nothing.
            amend(json!({ "state_event": "close" })).await?;
            return Err(Error::Unlabelled { url: issue.web_url.0, label: one_line(label, 100) });
        }
        let is_changed = !is_same(issue.description.as_deref().unwrap_or_default(), body);
        if is_changed {
            amend(json!({ "description": body })).await?;
        }
        Ok(crate::opened(issue.link(), is_new, is_changed))
    }

    /// The oldest open issue with a title and a label.
    async fn issue(&self, title: &str, label: &str) -> Result<Option<Issue>, Error> {
        let query = [("state", "opened"), ("labels", label), ("scope", "all")];
        let mut oldest: Option<Issue> = None;
        let take = |issue: Issue| {
            let is_meant = is_same(&issue.title, title) && issue.has(label);
            if is_meant && oldest.as_ref().is_none_or(|oldest| issue.iid < oldest.iid) {
                oldest = Some(issue);
            }
        };
        self.client.each(self.url(&["issues"], &query), take).await?;
        Ok(oldest)
    }

    pub(crate) async fn open_count(&self, prefix: &str) -> Result<usize, Error> {
        let mut count = 0;
        let query = [("state", "opened"), ("scope", "all")];
        let take = |merge: Merge| {
            let is_meant = merge.is_own() && merge.source_branch.starts_with(prefix);
            count += usize::from(is_meant);
        };
        self.client.each(self.url(&["merge_requests"], &query), take).await?;
        Ok(count)
    }
}

/// The texts and labels of a merge request that are not as they should be.
fn text_fields(merge: &Merge, request: &Request) -> Map<String, Value> {
    let mut fields = Map::new();
    let (draft, title) = merge.title();
    if !is_same(title, &request.title) && !is_same(&merge.title, &request.title) {
        // Somebody made it a draft, and it stays one.
        let space = if draft.is_empty() { "" } else { " " };
        fields.insert("title".to_owned(), format!("{draft}{space}{}", request.title).into());
    }
    if !is_same(merge.description.as_deref().unwrap_or_default(), &request.body) {
        fields.insert("description".to_owned(), request.body.clone().into());
    }
    let missing = request.labels.iter().filter(|label| !merge.labels.contains(label));
    let missing: Vec<&str> = missing.map(String::as_str).collect();
    if !missing.is_empty() {
        fields.insert("add_labels".to_owned(), missing.join(",").into());
    }
    fields
}

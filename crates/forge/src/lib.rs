//! Pull requests of GitHub and merge requests of GitLab, here both called requests, and the owners
//! of the files that they change.
//!
//! [`Forge`] opens requests and keeps them as they should be, without undoing what people did:
//! labels that they added stay, a request that they closed stays closed, reviewers are asked once.
//! Whatever is as it should be is not written again, so that every call may be repeated.
//! [`CodeOwners`] tells from a text who is to review a file, and does no I/O.

mod client;
mod codeowners;
mod error;
mod github;
mod gitlab;
mod reviewer;
#[cfg(feature = "testing")]
pub mod testing;
mod text;

use client::Client;
pub use codeowners::{CodeOwners, Fault};
pub use error::Error;
use std::fmt;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Whose API is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// GitHub, GitHub Enterprise Cloud or Server.
    Github,
    /// GitLab, of any edition.
    Gitlab,
}

impl Kind {
    /// The root of the public instance's API.
    pub fn url(self) -> &'static str {
        match self {
            Self::Github => "https://api.github.com",
            Self::Gitlab => "https://gitlab.com/api/v4",
        }
    }

    /// Characters that the body of a request or of a dashboard may have; a longer one is refused.
    pub fn longest_body(self) -> usize {
        match self {
            Self::Github => 65_536,
            Self::Gitlab => 1_048_576,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Github => "GitHub",
            Self::Gitlab => "GitLab",
        })
    }
}

/// A secret that lets in; shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes a token as files and variables hold it: space around it is no part of it.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Which project of which forge, and how it is asked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whose API it is.
    pub kind: Kind,
    /// The root of the API, such as `https://github.example/api/v3`. Plain HTTP is only for this
    /// machine itself, because the token goes along.
    pub url: String,
    /// `owner/name`; on GitLab also `group/sub/project`.
    pub project: String,
    /// On GitHub it may write pull requests and issues, on GitLab it has the scope `api`.
    pub token: Token,
    /// Time that one answer may take.
    pub timeout: Duration,
}

impl Settings {
    /// A project of the public instance, with half a minute for an answer.
    pub fn new(kind: Kind, project: &str, token: Token) -> Self {
        let timeout = Duration::from_secs(30);
        Self { kind, url: kind.url().to_owned(), project: project.to_owned(), token, timeout }
    }
}

/// A request as it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The branch with the changes, which was pushed to the project itself before.
    pub branch: String,
    /// The branch that is to have them.
    pub base: String,
    /// The title, on one line of at most 255 characters.
    pub title: String,
    /// The description, in the forge's Markdown; see [`Kind::longest_body`].
    pub body: String,
    /// Labels that it must have, beside those that people give it; on GitLab without commas.
    pub labels: Vec<String>,
    /// Who is to review it, as CODEOWNERS writes them: `@user`, `@org/team` or an e-mail address.
    /// At most [`MAX_REVIEWERS`] of them are asked.
    pub reviewers: Vec<String>,
}

/// Reviewers of one request that are asked at most; more of them read nothing.
pub const MAX_REVIEWERS: usize = 15;

/// Where something is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its number in the project.
    pub number: u64,
    /// Its page for people, which begins with `https://` or `http://`.
    pub url: String,
}

/// What became of a request or dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// It is new.
    Created(Link),
    /// It was there, and something of it was changed.
    Updated(Link),
    /// It was there as it should be, or is being merged at this moment.
    Unchanged(Link),
    /// A person closed it without merging: it is left alone. Reopening it brings it back.
    Closed(Link),
}

impl Opened {
    /// Where it is to be found.
    pub fn link(&self) -> &Link {
        match self {
            Self::Created(link)
            | Self::Updated(link)
            | Self::Unchanged(link)
            | Self::Closed(link) => link,
        }
    }
}

/// What became of a request, and what of it the forge did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What became of it.
    pub opened: Opened,
    /// Reviewers that were not asked, labels that were not set, another base: why, each a sentence
    /// on one line.
    pub warnings: Vec<String>,
}

/// A project of a forge. It waits for answers itself, so it is not used inside of a runtime.
pub struct Forge {
    side: Side,
    runtime: Runtime,
}

enum Side {
    Github(github::Github),
    Gitlab(gitlab::Gitlab),
}

impl Forge {
    /// Prepares to ask; nothing is sent yet.
    ///
    /// # Errors
    /// When the address, the project or the token cannot be one, or HTTPS cannot be set up.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::Setup(error.to_string()))?;
        let (kind, project) = (settings.kind, settings.project.clone());
        let client = Client::new(settings)?;
        let side = match kind {
            Kind::Github => Side::Github(github::Github::new(client, &project)?),
            Kind::Gitlab => Side::Gitlab(gitlab::Gitlab::new(client, project)?),
        };
        Ok(Self { side, runtime })
    }

    /// Makes sure that there is a request of a branch, and that it is as it should be.
    ///
    /// The last request of the branch decides. An open one gets title, body and labels where they
    /// differ, and reviewers who were never asked. One that a person closed without merging is left
    /// alone. After a merged one, and where there is none, a new one is made.
    ///
    /// # Errors
    /// See [`Error`]. What was done before is kept, and the next call goes on from there.
    pub fn open(&self, request: &Request) -> Result<Outcome, Error> {
        match &self.side {
            Side::Github(github) => self.runtime.block_on(github.open(request)),
            Side::Gitlab(gitlab) => self.runtime.block_on(gitlab.open(request)),
        }
    }

    /// Makes sure that there is an open issue with this title and label, and that it has this body.
    /// The oldest of several is taken. It is never [`Opened::Closed`]: after a closed one a new one
    /// is made.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn dashboard(&self, title: &str, label: &str, body: &str) -> Result<Opened, Error> {
        match &self.side {
            Side::Github(github) => self.runtime.block_on(github.dashboard(title, label, body)),
            Side::Gitlab(gitlab) => self.runtime.block_on(gitlab.dashboard(title, label, body)),
        }
    }

    /// Counts open requests whose branches begin with `prefix`. Requests of forks do not count.
    ///
    /// # Errors
    /// See [`Error`]; more than 2,500 open requests are not looked through.
    pub fn open_count(&self, prefix: &str) -> Result<usize, Error> {
        match &self.side {
            Side::Github(github) => self.runtime.block_on(github.open_count(prefix)),
            Side::Gitlab(gitlab) => self.runtime.block_on(gitlab.open_count(prefix)),
        }
    }
}

/// What became of something that there is now.
fn opened(link: Link, is_new: bool, is_changed: bool) -> Opened {
    match (is_new, is_changed) {
        (true, _) => Opened::Created(link),
        (false, true) => Opened::Updated(link),
        (false, false) => Opened::Unchanged(link),
    }
}

/// What to say of a request that leads somewhere else.
fn other_base(number: u64, base: &str, wanted: &str) -> String {
    let (base, wanted) = (text::one_line(base, 100), text::one_line(wanted, 100));
    format!("request {number} goes into `{base}`, not into `{wanted}`, and stays so")
}

//! What goes wrong with a forge, and what to do about it.

use crate::Kind;
use std::time::Duration;

/// Why a forge could not be asked, or did not do what it was asked for.
///
/// `asked` is the method and the address without its query. No text holds the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The address of the API.
    #[error("the address of the API {0}")]
    Url(&'static str),
    /// The name of the project.
    #[error("`{project}` is no project of {kind}: expected {}", expected(.kind))]
    Project {
        /// Whose it should be.
        kind: Kind,
        /// What was given.
        project: String,
    },
    /// The token.
    #[error("the token is empty, or has characters that no token has")]
    Token,
    /// TLS, the HTTP client or the runtime.
    #[error("cannot set up connections: {0}; are the certificates of authorities installed?")]
    Setup(String),
    /// No connection, or no whole answer in time, several times.
    #[error("{asked}: {reason}")]
    Unreachable {
        /// What was asked.
        asked: String,
        /// What went wrong.
        reason: String,
    },
    /// The forge wants fewer requests.
    #[error("{asked}: {status}, too many requests; {}", again(.after))]
    Limited {
        /// What was asked.
        asked: String,
        /// The status.
        status: u16,
        /// When it may be asked again, from now on, if it says so.
        after: Option<Duration>,
    },
    /// The forge answers that it will not, or cannot.
    #[error("{asked}: {status}{}{}", said(.message), advice(*.status))]
    Refused {
        /// What was asked.
        asked: String,
        /// The status, 400 or higher.
        status: u16,
        /// Why, in the forge's words: one line, and empty when it does not say.
        message: String,
    },
    /// The forge is somewhere else, where the token is not sent.
    #[error(
        "{asked}: it has moved to {to}; if that is right, name its new address or project, because \
         the token is sent to no other host"
    )]
    Moved {
        /// What was asked.
        asked: String,
        /// The host and the path that the forge names, on one line.
        to: String,
    },
    /// A new dashboard did not get the label by which the next run would find it, and was closed.
    #[error(
        "{url} could not get the label `{label}`, by which it is found again, and was closed; the \
         token needs the right to label issues"
    )]
    Unlabelled {
        /// The page of the issue.
        url: String,
        /// The label, on one line.
        label: String,
    },
    /// More bytes than answers have.
    #[error("{asked}: the answer has more than {limit} bytes")]
    TooLarge {
        /// What was asked.
        asked: String,
        /// What is read.
        limit: usize,
    },
    /// More pages than are read.
    #[error("{asked}: the answer has more than {limit} pages")]
    TooManyPages {
        /// What was asked.
        asked: String,
        /// What is read.
        limit: usize,
    },
    /// An answer that is none of this API.
    #[error("{asked}: the answer is not that of the API: {reason}; is its address right?")]
    Unreadable {
        /// What was asked.
        asked: String,
        /// What is wrong.
        reason: String,
    },
}

impl Error {
    /// Whether another try may succeed soon.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { status, .. } => *status >= 500,
            _ => false,
        }
    }

    /// Whether the forge may have done what it was asked for all the same.
    pub(crate) fn is_unsure(&self) -> bool {
        self.is_passing() || matches!(self, Self::Unreadable { .. } | Self::TooLarge { .. })
    }

    /// The status and the reason of a refusal that is about what was asked for, and not about the
    /// forge or its limits.
    pub(crate) fn refusal(&self) -> Option<(u16, &str)> {
        match self {
            Self::Refused { status, message, .. } if matches!(status, 400 | 403..=422) => {
                Some((*status, message))
            }
            _ => None,
        }
    }
}

fn expected(kind: &Kind) -> &'static str {
    match kind {
        Kind::Github => "owner/name",
        Kind::Gitlab => "group/project or group/subgroup/project",
    }
}

fn again(after: &Option<Duration>) -> String {
    match after {
        Some(after) => format!("it may be asked again in {} s", after.as_secs()),
        None => "try again later".to_owned(),
    }
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(", {message}") }
}

fn advice(status: u16) -> &'static str {
    match status {
        401 => "; the token is wrong or has expired",
        403 => "; the token may not do this: look at its rights and scopes",
        404 => "; look at the project's name, and whether the token may see and write it",
        500.. => "; the forge has a fault of its own: try again later",
        _ => "",
    }
}

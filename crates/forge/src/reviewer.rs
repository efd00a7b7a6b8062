//! Reviewers, as CODEOWNERS writes them.

use crate::MAX_REVIEWERS;
use crate::text::one_line;
use std::fmt;

/// Who may be asked to review.
#[derive(Debug, Clone)]
pub(crate) enum Reviewer {
    /// `@user`; on GitLab it may be a group.
    User(String),
    /// `@org/team`, or a group below another.
    Group { parent: String, name: String },
}

impl Reviewer {
    /// Whether the forge means the same; it does not look at upper and lower case.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.to_string().eq_ignore_ascii_case(&other.to_string())
    }

    /// Whether this is the user of that name.
    pub(crate) fn is_user(&self, login: &str) -> bool {
        matches!(self, Self::User(name) if name.eq_ignore_ascii_case(login))
    }

    /// Whether this is the team of that name.
    pub(crate) fn is_team(&self, slug: &str) -> bool {
        matches!(self, Self::Group { name, .. } if name.eq_ignore_ascii_case(slug))
    }
}

impl fmt::Display for Reviewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "@{name}"),
            Self::Group { parent, name } => write!(f, "@{parent}/{name}"),
        }
    }
}

/// The reviewers that can be asked, none twice, and a warning for each other.
pub(crate) fn wanted(texts: &[String], warnings: &mut Vec<String>) -> Vec<Reviewer> {
    let mut wanted: Vec<Reviewer> = Vec::new();
    for text in texts {
        let reviewer = match read(text) {
            Ok(reviewer) => reviewer,
            Err(reason) => {
                warnings.push(not_asked(&one_line(text, 100), reason));
                continue;
            }
        };
        if wanted.iter().any(|other| other.is(&reviewer)) {
            continue;
        }
        if wanted.len() == MAX_REVIEWERS {
            warnings.push(format!("no more than {MAX_REVIEWERS} reviewers are asked"));
            break;
        }
        wanted.push(reviewer);
    }
    wanted
}

/// What to say of a reviewer that is not asked.
pub(crate) fn not_asked(reviewer: &str, reason: &str) -> String {
    format!("{reviewer} is not asked to review: {reason}")
}

fn read(text: &str) -> Result<Reviewer, &'static str> {
    let Some(name) = text.trim().strip_prefix('@') else {
        return Err(match text.contains('@') {
            true => "the forge takes names, and no e-mail addresses",
            false => "expected @user or @org/team",
        });
    };
    if name.starts_with('@') {
        return Err("the forge takes names, and no roles");
    }
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-_.[]".contains(c))
    };
    if !name.split('/').all(is_name) {
        return Err("expected @user or @org/team");
    }
    Ok(match name.rsplit_once('/') {
        Some((parent, name)) => {
            Reviewer::Group { parent: parent.to_owned(), name: name.to_owned() }
        }
        None => Reviewer::User(name.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::wanted;

    #[test]
    fn reviewers_are_read_once_each() {
        let texts =
            ["@Alice", "@org/team", "a@b.c", "@alice", "@@maintainer", "bob", "@a/", "@a\u{1b}[2J"];
        let mut warnings = Vec::new();
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let read: Vec<String> =
            wanted(&texts, &mut warnings).iter().map(ToString::to_string).collect();
        assert_eq!(read, ["@Alice", "@org/team"]);
        assert_eq!(warnings.len(), 5);
        assert!(warnings.iter().all(|warning| !warning.contains('\u{1b}')));
    }

    #[test]
    fn nobody_asks_a_crowd() {
        let crowd: Vec<String> = (0..100).map(|n| format!("@u{n}")).collect();
        let mut warnings = Vec::new();
        assert_eq!(wanted(&crowd, &mut warnings).len(), crate::MAX_REVIEWERS);
        assert_eq!(warnings.len(), 1);
    }
}

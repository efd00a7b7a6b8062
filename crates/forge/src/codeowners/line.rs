//! The words of a line.

use crate::text::one_line;

/// A heading of a section, as GitLab writes them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Heading<'t> {
    pub(super) name: &'t str,
    /// Who owns the lines of the section that name nobody, as words.
    pub(super) owners: &'t str,
    /// Whether it has the documented form.
    pub(super) is_clean: bool,
}

/// Whether a line begins as a heading does.
pub(super) fn opens_heading(line: &str) -> bool {
    line.strip_prefix('^').unwrap_or(line).starts_with('[')
}

/// The heading that a line is. GitLab takes what follows the name loosely.
pub(super) fn heading(line: &str) -> Option<Heading<'_>> {
    let line = line.trim_start();
    let inner = line.strip_prefix('^').unwrap_or(line).strip_prefix('[')?;
    let (name, rest) = inner.split_once(']')?;
    let (count, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((count, rest)) => (Some(count.trim()), rest),
        None => (None, rest),
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_apart = rest.is_empty() || rest.starts_with(char::is_whitespace);
    let is_owned = rest.split_whitespace().all(is_owner);
    let is_clean = !name.trim().is_empty() && count.is_none_or(is_number) && is_apart && is_owned;
    // Behind anything else than a space GitLab looks for owners only when they follow at once.
    let owners = if is_apart || rest.starts_with('@') { rest } else { "" };
    Some(Heading { name: name.trim(), owners, is_clean })
}

/// The pattern of a line, with its escapes, and what follows it.
pub(super) fn split(line: &str) -> (&str, &str) {
    let mut is_escaped = false;
    for (index, c) in line.char_indices() {
        if c.is_whitespace() && !is_escaped {
            return line.split_at(index);
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    (line, "")
}

/// Whether a word is `@user`, `@org/team`, `@@role` or an e-mail address.
pub(super) fn is_owner(word: &str) -> bool {
    let is_name = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "-_./+[]".contains(c))
    };
    match word.strip_prefix('@') {
        Some(name) => {
            let name = name.strip_prefix('@').unwrap_or(name);
            is_name(name) && name.split('/').all(|part| !part.is_empty())
        }
        None => word.split_once('@').is_some_and(|(user, host)| {
            !user.is_empty() && host.contains('.') && is_name(host) && !host.contains('/')
        }),
    }
}

/// What to say of a word that is none.
pub(super) fn no_owner(word: &str) -> String {
    format!("`{}` is no owner: expected @user, @org/team or an e-mail address", one_line(word, 60))
}

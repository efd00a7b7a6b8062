//! GitHub's API, as far as it is spoken.

use super::{Issue, Pull, Reply, Seen, Stage, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};
use std::net::SocketAddr;

pub(super) fn answer(
    state: &mut State,
    address: SocketAddr,
    headers: &HeaderMap,
    seen: &Seen,
) -> Reply {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if header("user-agent").is_none() {
        return Reply::refusal(403, "Request forbidden by administrative rules.");
    }
    if header("authorization") != Some(&format!("Bearer {}", state.token)) {
        return Reply::refusal(401, "Bad credentials");
    }
    let is_known = header("accept") == Some("application/vnd.github+json")
        && header("x-github-api-version") == Some("2022-11-28");
    if !is_known {
        return Reply::refusal(400, "the test expects the documented headers");
    }
    let rest = format!("/repos/{}/", state.project);
    let Some(rest) = seen.path.strip_prefix(&rest) else {
        return Reply::refusal(404, "Not Found");
    };
    let parts: Vec<&str> = rest.split('/').collect();
    match (seen.method.as_str(), parts.as_slice()) {
        ("GET", ["pulls"]) => {
            let pulls: Vec<Value> = listed(state, seen).map(|pull| shown(state, pull)).collect();
            list(state, address, seen, &pulls)
        }
        ("POST", ["pulls"]) => create(state, seen),
        ("PATCH", ["pulls", number]) => change(state, number, |_, pull| amend(pull, seen)),
        ("GET", ["pulls", number, "reviews"]) => {
            let user = |name: &String| json!({ "user": { "login": name }, "state": "APPROVED" });
            let pull = find(state, number);
            let reviews: Vec<Value> = pull.iter().flat_map(|it| &it.reviewed).map(user).collect();
            list(state, address, seen, &reviews)
        }
        ("POST", ["pulls", number, "requested_reviewers"]) => ask(state, number, seen),
        ("GET", ["issues", number, "events"]) => {
            let pull = find(state, number);
            let events: Vec<Value> =
                pull.iter().flat_map(|it| &it.asked).map(|name| event(name)).collect();
            list(state, address, seen, &events)
        }
        ("POST", ["issues", number, "labels"]) => change(state, number, |_, pull| {
            for label in seen.texts("labels") {
                if !pull.labels.iter().any(|own| own.eq_ignore_ascii_case(&label)) {
                    pull.labels.push(label);
                }
            }
            200
        }),
        ("GET", ["issues"]) => {
            let label = seen.parameter("labels");
            let has = |labels: &[String]| labels.iter().any(|own| own.eq_ignore_ascii_case(label));
            let open = state.issues.iter().filter(|issue| issue.is_open && has(&issue.labels));
            let open = open.map(|issue| shown_issue(state, issue));
            let pulls = state.pulls.iter().filter(|it| it.stage == Stage::Open && has(&it.labels));
            let pulls = pulls.map(|pull| shown(state, pull));
            let all: Vec<Value> = open.chain(pulls).collect();
            list(state, address, seen, &all)
        }
        ("POST", ["issues"]) => {
            let (title, body) = (seen.text("title"), seen.text("body"));
            let issue = state.push_issue(title, body, seen.texts("labels"));
            Reply::new(201, shown_issue(state, &issue))
        }
        ("PATCH", ["issues", number]) => amend_issue(state, number, seen),
        _ => Reply::refusal(404, "Not Found"),
    }
}

fn owner(state: &State) -> &str {
    state.project.split('/').next().unwrap_or_default()
}

/// The pull requests that a query asks for, the last one first.
fn listed<'s>(state: &'s State, seen: &'s Seen) -> impl Iterator<Item = &'s Pull> {
    let stage = match seen.parameter("state") {
        "all" => None,
        other => Some(other != "closed"),
    };
    // A head without an owner is no filter to GitHub.
    let head = seen.parameter("head").split_once(':');
    let is_meant = move |pull: &&Pull| {
        let of = if pull.is_fork { "stranger" } else { owner(state) };
        stage.is_none_or(|is_open| (pull.stage == Stage::Open) == is_open)
            && head.is_none_or(|(owner, branch)| owner == of && branch == pull.branch)
    };
    state.pulls.iter().rev().filter(is_meant)
}

fn list(state: &State, address: SocketAddr, seen: &Seen, entries: &[Value]) -> Reply {
    let (entries, page, has_more) = Reply::page(state, seen, entries);
    let mut reply = Reply::new(200, entries.into());
    if has_more {
        let mut query = String::new();
        for (name, value) in seen.query.iter().filter(|(name, _)| name != "page") {
            query += &format!("{name}={value}&");
        }
        let at = format!("http://{address}{}?{query}page=", seen.path);
        let (next, last) = (page + 1, page + 9);
        let links = format!("<{at}{next}>; rel=\"next\", <{at}{last}>; rel=\"last\"");
        reply.headers.push(("link", links));
    }
    reply
}

fn find<'s>(state: &'s State, number: &str) -> Option<&'s Pull> {
    state.pulls.iter().find(|pull| pull.number.to_string() == number)
}

/// Changes a pull request and answers with it, under the status that the change ends with.
fn change(state: &mut State, number: &str, change: impl FnOnce(&State, &mut Pull) -> u16) -> Reply {
    let Some(mut pull) = find(state, number).cloned() else {
        return Reply::refusal(404, "Not Found");
    };
    let status = change(state, &mut pull);
    let body = shown(state, &pull);
    state.pulls.iter_mut().filter(|it| it.number == pull.number).for_each(|it| *it = pull.clone());
    Reply::new(status, body)
}

fn amend(pull: &mut Pull, seen: &Seen) -> u16 {
    let text = |name: &str| seen.body.get(name).and_then(Value::as_str).map(str::to_owned);
    pull.title = text("title").unwrap_or_else(|| pull.title.clone());
    pull.body = text("body").unwrap_or_else(|| pull.body.clone());
    200
}

fn invalid(message: &str) -> Reply {
    let error = json!({ "resource": "PullRequest", "code": "custom", "message": message });
    Reply::new(422, json!({ "message": "Validation Failed", "errors": [error] }))
}

fn create(state: &mut State, seen: &Seen) -> Reply {
    let (head, base) = (seen.text("head"), seen.text("base"));
    if head == base {
        return invalid(&format!("No commits between {base} and {head}"));
    }
    let is_same = |pull: &Pull| {
        pull.stage == Stage::Open && !pull.is_fork && pull.branch == head && pull.base == base
    };
    if state.pulls.iter().any(is_same) {
        let owner = owner(state);
        return invalid(&format!("A pull request already exists for {owner}:{head}."));
    }
    let pull = state.push(&head, Stage::Open);
    pull.base = base;
    amend(pull, seen);
    let pull = pull.clone();
    Reply::new(201, shown(state, &pull))
}

fn ask(state: &mut State, number: &str, seen: &Seen) -> Reply {
    let (users, teams) = (seen.texts("reviewers"), seen.texts("team_reviewers"));
    if users.contains(&state.author) {
        return Reply::refusal(422, "Review cannot be requested from pull request author.");
    }
    let knows =
        |list: &[String], name: &String| list.iter().any(|own| own.eq_ignore_ascii_case(name));
    let are_known = users.iter().all(|name| knows(&state.users, name))
        && teams.iter().all(|name| knows(&state.teams, name));
    if !are_known {
        return Reply::refusal(
            422,
            &format!(
                "Reviews may only be requested from collaborators. One or more of the users or \
                 teams you specified is not a collaborator of the {} repository.",
                state.project
            ),
        );
    }
    change(state, number, |state, pull| {
        let teams = teams.iter().map(|team| format!("@{}/{team}", owner(state)));
        for name in users.iter().map(|user| format!("@{user}")).chain(teams) {
            if !pull.reviewers.contains(&name) {
                pull.reviewers.push(name.clone());
                pull.asked.push(name);
            }
        }
        201
    })
}

fn amend_issue(state: &mut State, number: &str, seen: &Seen) -> Reply {
    let Some(issue) = state.issues.iter_mut().find(|it| it.number.to_string() == number) else {
        return Reply::refusal(404, "Not Found");
    };
    if let Some(body) = seen.body.get("body").and_then(Value::as_str) {
        body.clone_into(&mut issue.body);
    }
    issue.is_open = seen.text("state") != "closed";
    let issue = issue.clone();
    Reply::new(200, shown_issue(state, &issue))
}

fn user(name: &str) -> Value {
    json!({ "login": name, "id": 1, "type": "User" })
}

/// A name without what CODEOWNERS puts before it.
fn bare(name: &str) -> &str {
    name.trim_start_matches('@')
}

fn event(reviewer: &str) -> Value {
    match reviewer.split_once('/') {
        Some((_, team)) => {
            json!({ "event": "review_requested", "requested_team": { "slug": team } })
        }
        None => json!({
            "event": "review_requested", "requested_reviewer": user(bare(reviewer)),
        }),
    }
}

fn labels(names: &[String]) -> Value {
    names.iter().map(|name| json!({ "id": 1, "name": name, "color": "f29513" })).collect()
}

/// A pull request as GitHub shows it, in a list of issues, too.
fn shown(state: &State, pull: &Pull) -> Value {
    let html = format!("https://github.example/{}/pull/{}", state.project, pull.number);
    let (teams, users): (Vec<&String>, Vec<&String>) =
        pull.reviewers.iter().partition(|name| name.contains('/'));
    let team = |name: &&String| json!({ "slug": name.rsplit('/').next() });
    let repository = |id: u64| json!({ "id": id, "full_name": state.project });
    json!({
        "id": 1000 + pull.number, "number": pull.number, "html_url": html,
        "state": if pull.stage == Stage::Open { "open" } else { "closed" },
        "title": pull.title,
        "body": if pull.body.is_empty() { Value::Null } else { pull.body.clone().into() },
        "merged_at": (pull.stage == Stage::Merged).then_some("2024-01-01T00:00:00Z"),
        "user": user(&state.author),
        "labels": labels(&pull.labels),
        "requested_reviewers": users.iter().map(|name| bare(name)).map(user).collect::<Value>(),
        "requested_teams": teams.iter().map(team).collect::<Value>(),
        "head": { "ref": pull.branch, "repo": repository(if pull.is_fork { 2 } else { 1 }) },
        "base": { "ref": pull.base, "repo": repository(1) },
        "pull_request": { "html_url": html },
    })
}

fn shown_issue(state: &State, issue: &Issue) -> Value {
    json!({
        "id": 1000 + issue.number, "number": issue.number,
        "html_url": format!("https://github.example/{}/issues/{}", state.project, issue.number),
        "state": if issue.is_open { "open" } else { "closed" },
        "title": issue.title, "body": issue.body, "user": user(&state.author),
        "labels": labels(&issue.labels),
    })
}

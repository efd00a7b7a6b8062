//! GitLab's API, as far as it is spoken.

use super::{Issue, Pull, Reply, Seen, Stage, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};

pub(super) fn answer(state: &mut State, headers: &HeaderMap, seen: &Seen) -> Reply {
    let token = headers.get("private-token").and_then(|value| value.to_str().ok());
    if token != Some(&state.token) {
        return Reply::refusal(401, "401 Unauthorized");
    }
    if (seen.method.as_str(), seen.path.as_str()) == ("GET", "/api/v4/users") {
        let name = seen.parameter("username");
        let is_meant = |(_, user): &(usize, &String)| user.eq_ignore_ascii_case(name);
        let found = state.users.iter().enumerate().filter(is_meant);
        let found: Vec<Value> = found.map(|(index, user)| person(index, user)).collect();
        return list(state, seen, &found);
    }
    let rest = format!("/api/v4/projects/{}/", state.project.replace('/', "%2F"));
    let Some(rest) = seen.path.strip_prefix(&rest) else {
        return Reply::refusal(404, "404 Project Not Found");
    };
    let parts: Vec<&str> = rest.split('/').collect();
    match (seen.method.as_str(), parts.as_slice()) {
        ("GET", ["merge_requests"]) => {
            let merges: Vec<Value> = listed(state, seen).map(|merge| shown(state, merge)).collect();
            list(state, seen, &merges)
        }
        ("POST", ["merge_requests"]) => create(state, seen),
        ("PUT", ["merge_requests", number]) => update(state, number, seen),
        ("GET", ["merge_requests", number, "notes"]) => {
            let merge = state.pulls.iter().find(|it| it.number.to_string() == *number);
            let asked = merge.into_iter().flat_map(|merge| &merge.asked);
            let note = |is_system: bool, name: &str| {
                let body = format!("requested review from {name}");
                json!({ "system": is_system, "body": body })
            };
            // Somebody may say the same, which is no note of the forge.
            let said = note(false, "@bob");
            let notes: Vec<Value> = asked.map(|name| note(true, name)).chain([said]).collect();
            list(state, seen, &notes)
        }
        ("GET", ["issues"]) => {
            let label = seen.parameter("labels").to_owned();
            let open = state.issues.iter().filter(|it| it.is_open && it.labels.contains(&label));
            let issues: Vec<Value> = open.map(|issue| shown_issue(state, issue)).collect();
            list(state, seen, &issues)
        }
        ("POST", ["issues"]) => {
            let (title, body) = (seen.text("title"), seen.text("description"));
            let issue = state.push_issue(title, body, split(&seen.text("labels")));
            Reply::new(201, shown_issue(state, &issue))
        }
        ("PUT", ["issues", number]) => update_issue(state, number, seen),
        _ => Reply::refusal(404, "404 Not Found"),
    }
}

fn split(labels: &str) -> Vec<String> {
    labels.split(',').filter(|label| !label.is_empty()).map(str::to_owned).collect()
}

/// The merge requests that a query asks for, the last one first.
fn listed<'s>(state: &'s State, seen: &'s Seen) -> impl Iterator<Item = &'s Pull> {
    let (stage, branch) = (seen.parameter("state"), seen.parameter("source_branch"));
    let is_meant =
        move |merge: &&Pull| matches!(stage, "" | "all") || stage == name_of(merge.stage);
    let is_of = move |merge: &&Pull| branch.is_empty() || branch == merge.branch;
    state.pulls.iter().rev().filter(is_meant).filter(is_of)
}

fn list(state: &State, seen: &Seen, entries: &[Value]) -> Reply {
    let (entries, page, has_more) = Reply::page(state, seen, entries);
    let next = if has_more { (page + 1).to_string() } else { String::new() };
    let headers = vec![("x-next-page", next), ("x-page", page.to_string())];
    Reply { headers, ..Reply::new(200, entries.into()) }
}

fn create(state: &mut State, seen: &Seen) -> Reply {
    let (branch, base) = (seen.text("source_branch"), seen.text("target_branch"));
    if branch == base {
        let message = "You can't use same project/branch for source and target";
        return Reply::new(422, json!({ "message": { "branch_conflict": [message] } }));
    }
    let is_same = |merge: &&Pull| {
        merge.stage == Stage::Open && !merge.is_fork && merge.branch == branch && merge.base == base
    };
    if let Some(merge) = state.pulls.iter().find(is_same) {
        let number = merge.number;
        let message =
            format!("Another open merge request already exists for this source branch: !{number}");
        return Reply::new(409, json!({ "message": [message] }));
    }
    let number = state.push(&branch, Stage::Open).number.to_string();
    if let Some(merge) = state.pulls.last_mut() {
        merge.base = base;
        merge.labels = split(&seen.text("labels"));
    }
    Reply { status: 201, ..update(state, &number, seen) }
}

fn update(state: &mut State, number: &str, seen: &Seen) -> Reply {
    let reviewers = seen.body.get("reviewer_ids").and_then(Value::as_array).map(|ids| {
        let index = |id: &Value| usize::try_from(id.as_u64()?).ok()?.checked_sub(1);
        let known = ids.iter().filter_map(|id| state.users.get(index(id)?));
        let known = known.take(state.most_reviewers);
        known.map(|name| format!("@{name}")).collect::<Vec<String>>()
    });
    let Some(merge) = state.pulls.iter_mut().find(|it| it.number.to_string() == number) else {
        return Reply::refusal(404, "404 Not Found");
    };
    let text = |name: &str| seen.body.get(name).and_then(Value::as_str).map(str::to_owned);
    merge.title = text("title").unwrap_or_else(|| merge.title.clone());
    merge.body = text("description").unwrap_or_else(|| merge.body.clone());
    merge.labels.extend(split(&seen.text("add_labels")));
    if let Some(reviewers) = reviewers {
        let fresh = reviewers.iter().filter(|name| !merge.reviewers.contains(name));
        merge.asked.extend(fresh.cloned());
        merge.reviewers = reviewers;
    }
    let merge = merge.clone();
    Reply::new(200, shown(state, &merge))
}

fn update_issue(state: &mut State, number: &str, seen: &Seen) -> Reply {
    let Some(issue) = state.issues.iter_mut().find(|it| it.number.to_string() == number) else {
        return Reply::refusal(404, "404 Not found");
    };
    if let Some(body) = seen.body.get("description").and_then(Value::as_str) {
        body.clone_into(&mut issue.body);
    }
    issue.is_open &= seen.text("state_event") != "close";
    let issue = issue.clone();
    Reply::new(200, shown_issue(state, &issue))
}

fn name_of(stage: Stage) -> &'static str {
    match stage {
        Stage::Open => "opened",
        Stage::Closed => "closed",
        Stage::Merged => "merged",
        Stage::Locked => "locked",
    }
}

fn person(index: usize, name: &str) -> Value {
    json!({ "id": index + 1, "username": name, "state": "active" })
}

fn shown(state: &State, merge: &Pull) -> Value {
    let of = |name: &String| {
        let index = state.users.iter().position(|user| format!("@{user}") == *name);
        person(index.unwrap_or(usize::MAX - 1), name.trim_matches('@'))
    };
    let page = format!("https://gitlab.example/{}/-/merge_requests", state.project);
    json!({
        "id": 1000 + merge.number, "iid": merge.number,
        "web_url": format!("{page}/{}", merge.number),
        "state": name_of(merge.stage), "title": merge.title,
        "description": merge.body, "labels": merge.labels,
        "author": person(0, &state.author),
        "reviewers": merge.reviewers.iter().map(of).collect::<Value>(),
        "source_branch": merge.branch, "target_branch": merge.base,
        "source_project_id": if merge.is_fork { 2 } else { 1 }, "target_project_id": 1,
    })
}

fn shown_issue(state: &State, issue: &Issue) -> Value {
    json!({
        "id": 1000 + issue.number, "iid": issue.number,
        "web_url": format!("https://gitlab.example/{}/-/issues/{}", state.project, issue.number),
        "state": if issue.is_open { "opened" } else { "closed" },
        "title": issue.title, "description": issue.body, "labels": issue.labels,
    })
}

//! Requests and dashboards, on both forges.

#![allow(clippy::unwrap_used, reason = "tests")]

use forge::testing::{Github, Gitlab, Server, Stage};
use forge::{Forge, Kind, Link, Opened, Outcome, Request};

/// Runs a test on both forges.
fn both(test: impl Fn(Kind, &Server, &Forge)) {
    let github = Github::start().unwrap();
    test(Kind::Github, &github, &Forge::new(github.settings()).unwrap());
    let gitlab = Gitlab::start().unwrap();
    test(Kind::Gitlab, &gitlab, &Forge::new(gitlab.settings()).unwrap());
}

fn request() -> Request {
    Request {
        branch: "fix/shop".to_owned(),
        base: "main".to_owned(),
        title: "Fix the shop".to_owned(),
        body: "It was broken.\n".to_owned(),
        labels: vec!["security".to_owned(), "k8s".to_owned()],
        reviewers: vec!["@alice".to_owned()],
    }
}

/// Calls once more, and makes sure that nothing is written.
fn unchanged(server: &Server, forge: &Forge, request: &Request) {
    let before = server.state().writes().len();
    let outcome = forge.open(request).unwrap();
    assert!(matches!(outcome.opened, Opened::Unchanged(_)), "{outcome:?}");
    assert_eq!(outcome.warnings, Vec::<String>::new());
    let state = server.state();
    assert_eq!(state.writes().len(), before, "{:?}", state.writes());
}

fn names(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_request_is_created_once() {
    both(|kind, server, forge| {
        let outcome = forge.open(&request()).unwrap();
        let url = match kind {
            Kind::Github => "https://github.example/acme/shop/pull/1",
            Kind::Gitlab => "https://gitlab.example/acme/web/shop/-/merge_requests/1",
        };
        let opened = Opened::Created(Link { number: 1, url: url.to_owned() });
        assert_eq!(outcome, Outcome { opened, warnings: Vec::new() });
        let pulls = server.state().pulls.clone();
        let [pull] = pulls.as_slice() else { panic!("{pulls:?}") };
        assert_eq!((pull.branch.as_str(), pull.base.as_str()), ("fix/shop", "main"));
        assert_eq!((pull.title.as_str(), pull.body.as_str()), ("Fix the shop", "It was broken.\n"));
        assert_eq!(pull.labels, ["security", "k8s"]);
        assert_eq!(pull.reviewers, ["@alice"]);
        unchanged(server, forge, &request());
    });
}

#[test]
fn what_differs_is_written_and_nothing_else() {
    both(|_, server, forge| {
        forge.open(&request()).unwrap();
        // Forges have their own line ends, and people their own labels.
        server.state().pulls[0].body = "It was broken.\r\n".to_owned();
        server.state().pulls[0].labels.push("urgent".to_owned());
        unchanged(server, forge, &request());
        let better = Request { body: "It was very broken.".to_owned(), ..request() };
        let before = server.state().writes().len();
        assert!(matches!(forge.open(&better).unwrap().opened, Opened::Updated(_)));
        {
            let state = server.state();
            let [write] = state.writes()[before..] else { panic!("{:?}", state.writes()) };
            assert_eq!(write.body.as_object().unwrap().len(), 1, "{write:?}");
            assert_eq!(state.pulls[0].body, "It was very broken.");
        }
        let more = Request {
            title: "Fix the whole shop".to_owned(),
            labels: names(&["k8s", "new"]),
            ..better
        };
        assert!(matches!(forge.open(&more).unwrap().opened, Opened::Updated(_)));
        let pull = server.state().pulls[0].clone();
        assert_eq!(pull.title, "Fix the whole shop");
        assert_eq!(pull.labels, ["security", "k8s", "urgent", "new"]);
        unchanged(server, forge, &more);
    });
}

#[test]
fn what_a_person_closed_stays_closed() {
    both(|_, server, forge| {
        forge.open(&request()).unwrap();
        server.state().pulls[0].stage = Stage::Closed;
        let before = server.state().writes().len();
        let other = Request { title: "Another".to_owned(), ..request() };
        let outcome = forge.open(&other).unwrap();
        assert!(matches!(&outcome.opened, Opened::Closed(link) if link.number == 1), "{outcome:?}");
        assert_eq!(server.state().writes().len(), before);
        // Reopening it brings it back.
        server.state().pulls[0].stage = Stage::Open;
        assert!(matches!(forge.open(&other).unwrap().opened, Opened::Updated(_)));
    });
}

#[test]
fn after_a_merge_comes_a_new_one() {
    both(|_, server, forge| {
        server.state().push("fix/shop", Stage::Closed);
        server.state().push("fix/shop", Stage::Merged);
        let outcome = forge.open(&request()).unwrap();
        assert!(matches!(&outcome.opened, Opened::Created(link) if link.number == 3));
        unchanged(server, forge, &request());
        // The last one decides.
        server.state().pulls[2].stage = Stage::Closed;
        assert!(matches!(forge.open(&request()).unwrap().opened, Opened::Closed(_)));
    });
}

#[test]
fn forks_and_other_branches_are_somebody_elses() {
    both(|_, server, forge| {
        server.state().push("fix/shop", Stage::Open).is_fork = true;
        server.state().push("fix/shop2", Stage::Open);
        let outcome = forge.open(&request()).unwrap();
        assert!(matches!(&outcome.opened, Opened::Created(link) if link.number == 3));
        assert_eq!(server.state().pulls[0].title, "Request 1");
    });
}

#[test]
fn requests_are_found_on_later_pages() {
    both(|_, server, forge| {
        server.state().page = 2;
        for _ in 0..5 {
            server.state().push("fix/shop", Stage::Merged);
        }
        // Found last, because the last ones come first.
        server.state().pulls[0].stage = Stage::Open;
        let outcome = forge.open(&request()).unwrap();
        assert!(
            matches!(&outcome.opened, Opened::Updated(link) if link.number == 1),
            "{outcome:?}"
        );
    });
}

#[test]
fn another_base_is_told_and_kept() {
    both(|_, server, forge| {
        forge.open(&request()).unwrap();
        server.state().pulls[0].base = "release".to_owned();
        let outcome = forge.open(&request()).unwrap();
        assert!(matches!(outcome.opened, Opened::Unchanged(_)));
        assert!(outcome.warnings[0].contains("goes into `release`, not into `main`"));
    });
}

#[test]
fn a_branch_without_changes_is_refused_with_the_reason() {
    both(|kind, _, forge| {
        let error = forge.open(&Request { branch: "main".to_owned(), ..request() }).unwrap_err();
        let expected = match kind {
            Kind::Github => "422, Validation Failed: No commits between main and main",
            Kind::Gitlab => "422, branch_conflict: You can't use same project/branch",
        };
        assert!(error.to_string().contains(expected), "{error}");
    });
}

#[test]
fn reviewers_are_asked_once() {
    both(|_, server, forge| {
        let asks = Request { reviewers: names(&["@alice", "@Alice", "@bob"]), ..request() };
        forge.open(&asks).unwrap();
        assert_eq!(server.state().pulls[0].reviewers, ["@alice", "@bob"]);
        unchanged(server, forge, &asks);
        // Somebody takes a request back.
        server.state().pulls[0].reviewers = names(&["@bob"]);
        unchanged(server, forge, &asks);
        assert_eq!(server.state().pulls[0].reviewers, ["@bob"]);
    });
}

#[test]
fn reviewers_that_come_later_are_added() {
    both(|_, server, forge| {
        forge.open(&Request { reviewers: Vec::new(), ..request() }).unwrap();
        server.state().pulls[0].reviewers = names(&["@bob"]);
        assert!(matches!(forge.open(&request()).unwrap().opened, Opened::Updated(_)));
        assert_eq!(server.state().pulls[0].reviewers, ["@bob", "@alice"]);
        unchanged(server, forge, &request());
    });
}

#[test]
fn addresses_and_roles_are_nobody_to_ask() {
    both(|_, server, forge| {
        let reviewers = names(&["dev@example.com", "@@maintainer", "@alice"]);
        let outcome = forge.open(&Request { reviewers, ..request() }).unwrap();
        assert_eq!(outcome.warnings.len(), 2, "{outcome:?}");
        assert!(outcome.warnings[0].starts_with("dev@example.com is not asked to review"));
        assert_eq!(server.state().pulls[0].reviewers, ["@alice"]);
    });
}

#[test]
fn github_asks_teams_and_nobody_who_reviewed() {
    let server = Github::start().unwrap();
    let forge = Forge::new(server.settings()).unwrap();
    let reviewers = names(&["@alice", "@acme/platform", "@other/team", "@fixer", "@bob"]);
    let asks = Request { reviewers, ..request() };
    server.state().push("fix/shop", Stage::Open).reviewed = names(&["bob"]);
    let outcome = forge.open(&asks).unwrap();
    assert_eq!(
        outcome.warnings,
        [
            "@other/team is not asked to review: it is no team of acme",
            "@fixer is not asked to review: the author cannot review",
        ]
    );
    assert_eq!(server.state().pulls[0].reviewers, ["@alice", "@acme/platform"]);
    // A member of the team reviewed, and so did Alice.
    server.state().pulls[0].reviewers.clear();
    assert!(matches!(forge.open(&asks).unwrap().opened, Opened::Unchanged(_)));
    assert!(server.state().pulls[0].reviewers.is_empty());
}

#[test]
fn github_refuses_one_reviewer_and_takes_the_others() {
    let server = Github::start().unwrap();
    let forge = Forge::new(server.settings()).unwrap();
    let reviewers = names(&["@alice", "@stranger", "@acme/none", "@acme/platform"]);
    let outcome = forge.open(&Request { reviewers, ..request() }).unwrap();
    assert!(matches!(outcome.opened, Opened::Created(_)));
    assert_eq!(outcome.warnings.len(), 2, "{outcome:?}");
    let expected = "@stranger is not asked to review: 422 Reviews may only be requested";
    assert!(outcome.warnings[0].starts_with(expected), "{outcome:?}");
    assert_eq!(server.state().pulls[0].reviewers, ["@alice", "@acme/platform"]);
}

#[test]
fn gitlab_asks_users_only_and_says_whom_it_does_not_take() {
    let server = Gitlab::start().unwrap();
    server.state().most_reviewers = 1;
    let forge = Forge::new(server.settings()).unwrap();
    let reviewers = names(&["@acme/web/team", "@stranger", "@alice", "@bob"]);
    let asks = Request { reviewers, ..request() };
    let outcome = forge.open(&asks).unwrap();
    assert_eq!(outcome.warnings.len(), 3, "{outcome:?}");
    assert!(outcome.warnings[0].ends_with("GitLab takes users, and no groups"));
    assert!(outcome.warnings[1].ends_with("there is no such user"));
    assert!(outcome.warnings[2].starts_with("@bob is not asked to review: GitLab does not take"));
    assert_eq!(server.state().pulls[0].reviewers, ["@alice"]);
    let outcome = forge.open(&asks).unwrap();
    assert!(matches!(outcome.opened, Opened::Unchanged(_)), "{outcome:?}");
}

#[test]
fn gitlabs_drafts_stay_drafts() {
    let server = Gitlab::start().unwrap();
    let forge = Forge::new(server.settings()).unwrap();
    forge.open(&request()).unwrap();
    server.state().pulls[0].title = "Draft: Fix the shop".to_owned();
    unchanged(&server, &forge, &request());
    forge.open(&Request { title: "Fix it".to_owned(), ..request() }).unwrap();
    assert_eq!(server.state().pulls[0].title, "Draft: Fix it");
    let draft = Request { title: "Draft: Fix it".to_owned(), ..request() };
    unchanged(&server, &forge, &draft);
    server.state().pulls[0].stage = Stage::Locked;
    unchanged(&server, &forge, &request());
}

#[test]
fn a_dashboard_is_created_then_updated_then_unchanged() {
    both(|_, server, forge| {
        let show = |body: &str| forge.dashboard("Fixes", "k8s-auto-fix", body).unwrap();
        assert!(matches!(show("one"), Opened::Created(_)));
        assert!(matches!(show("two"), Opened::Updated(_)));
        let before = server.state().writes().len();
        assert!(matches!(show("two\n"), Opened::Unchanged(_)));
        {
            let mut state = server.state();
            assert_eq!(state.writes().len(), before);
            let [issue] = state.issues.as_slice() else { panic!("{:?}", state.issues) };
            assert_eq!((issue.title.as_str(), issue.body.as_str()), ("Fixes", "two"));
            assert_eq!(issue.labels, ["k8s-auto-fix"]);
            state.issues[0].is_open = false;
        }
        let opened = show("two");
        assert!(matches!(&opened, Opened::Created(link) if link.number == 2), "{opened:?}");
    });
}

#[test]
fn a_dashboard_is_no_other_issue_and_no_request() {
    both(|_, server, forge| {
        {
            let mut state = server.state();
            state.page = 1;
            let pull = state.push("x", Stage::Open);
            pull.title = "Fixes".to_owned();
            pull.labels = names(&["k8s-auto-fix"]);
        }
        forge.dashboard("Fixes", "other-label", "x").unwrap();
        forge.dashboard("Other", "k8s-auto-fix", "x").unwrap();
        assert!(matches!(
            forge.dashboard("Fixes", "k8s-auto-fix", "x").unwrap(),
            Opened::Created(_)
        ));
        assert!(matches!(
            forge.dashboard("Fixes", "k8s-auto-fix", "x").unwrap(),
            Opened::Unchanged(_)
        ));
        assert_eq!(server.state().issues.len(), 3);
    });
}

#[test]
fn a_dashboard_that_cannot_be_found_again_is_closed() {
    both(|_, server, forge| {
        server.state().may_label = false;
        let error = forge.dashboard("Fixes", "k8s-auto-fix", "x").unwrap_err();
        assert!(error.to_string().contains("could not get the label `k8s-auto-fix`"), "{error}");
        let state = server.state();
        assert!(state.issues.iter().all(|issue| !issue.is_open) && state.issues.len() == 1);
    });
}

#[test]
fn open_requests_are_counted_over_all_pages() {
    both(|_, server, forge| {
        {
            let mut state = server.state();
            state.page = 3;
            for n in 0..20 {
                state.push(&format!("fix/{n}"), Stage::Open);
                state.push(&format!("other/fix/{n}"), Stage::Open);
            }
            state.push("fix/merged", Stage::Merged);
            state.push("fix/closed", Stage::Closed);
            state.push("fix/fork", Stage::Open).is_fork = true;
        }
        assert_eq!(forge.open_count("fix/").unwrap(), 20);
        assert_eq!(forge.open_count("").unwrap(), 40);
        assert_eq!(forge.open_count("none").unwrap(), 0);
        assert!(server.state().writes().is_empty());
    });
}

//! Forges that refuse, break off, answer slowly, too much or nonsense.

#![allow(clippy::unwrap_used, reason = "tests")]

use forge::testing::{Fault, Github, Gitlab, Server, Stage, Trouble};
use forge::{Error, Forge, Kind, Opened, Request, Settings, Token};
use std::time::{Duration, Instant};

/// Runs a test on both forges.
fn both(test: impl Fn(Kind, &Server, &Forge)) {
    let github = Github::start().unwrap();
    test(Kind::Github, &github, &Forge::new(github.settings()).unwrap());
    let gitlab = Gitlab::start().unwrap();
    test(Kind::Gitlab, &gitlab, &Forge::new(gitlab.settings()).unwrap());
}

/// What lists of requests, and their creation, end with.
fn path(kind: Kind) -> &'static str {
    match kind {
        Kind::Github => "/pulls",
        Kind::Gitlab => "/merge_requests",
    }
}

fn request() -> Request {
    Request {
        branch: "fix/shop".to_owned(),
        base: "main".to_owned(),
        title: "Fix the shop".to_owned(),
        body: "It was broken.".to_owned(),
        ..Request::default()
    }
}

fn fail(server: &Server, method: &'static str, path: &'static str, times: usize, what: &Trouble) {
    let fault = Fault { method, path, what: what.clone() };
    server.state().faults.extend(std::iter::repeat_n(fault, times));
}

fn refusal(status: u16) -> Trouble {
    Trouble::Answer(status, Vec::new(), r#"{"message":"Oh\n no"}"#.to_owned())
}

/// Requests and issues that there are, and how often one was to be created.
fn made(server: &Server) -> (usize, usize) {
    let state = server.state();
    let posts = state.seen.iter().filter(|seen| seen.method == "POST").count();
    (state.pulls.len() + state.issues.len(), posts)
}

#[test]
fn a_lost_answer_makes_no_second_request() {
    both(|kind, server, forge| {
        fail(server, "POST", path(kind), 1, &Trouble::Lost);
        let outcome = forge.open(&request()).unwrap();
        assert!(matches!(&outcome.opened, Opened::Created(link) if link.number == 1));
        assert_eq!(made(server), (1, 1));
    });
}

#[test]
fn a_lost_answer_makes_no_second_dashboard() {
    both(|_, server, forge| {
        fail(server, "POST", "/issues", 1, &Trouble::Lost);
        let opened = forge.dashboard("Fixes", "k8s", "x").unwrap();
        assert!(matches!(opened, Opened::Created(_)));
        assert_eq!(made(server), (1, 1));
    });
}

#[test]
fn what_was_not_created_is_created_at_another_try() {
    both(|kind, server, forge| {
        fail(server, "POST", path(kind), 1, &Trouble::Broken);
        fail(server, "POST", path(kind), 1, &refusal(502));
        assert!(matches!(forge.open(&request()).unwrap().opened, Opened::Created(_)));
        assert_eq!(made(server), (1, 3));
    });
}

#[test]
fn nobody_is_asked_for_ever() {
    both(|kind, server, forge| {
        fail(server, "POST", path(kind), 9, &refusal(503));
        let error = forge.open(&request()).unwrap_err();
        assert!(matches!(error, Error::Refused { status: 503, .. }), "{error}");
        assert!(error.to_string().contains("503, Oh no; the forge has a fault of its own"));
        assert_eq!(made(server), (0, 3));
        server.state().faults.clear();
        assert!(matches!(forge.open(&request()).unwrap().opened, Opened::Created(_)));
    });
}

#[test]
fn a_request_that_somebody_else_makes_meanwhile_is_taken() {
    both(|kind, server, forge| {
        // The first look sees nothing, though there is one.
        forge.open(&request()).unwrap();
        fail(server, "GET", path(kind), 1, &Trouble::Answer(200, Vec::new(), "[]".to_owned()));
        let outcome = forge.open(&request()).unwrap();
        assert!(matches!(outcome.opened, Opened::Unchanged(_)), "{outcome:?}");
        assert_eq!(server.state().pulls.len(), 1);
    });
}

#[test]
fn lookups_and_updates_are_tried_again() {
    both(|kind, server, forge| {
        fail(server, "GET", path(kind), 1, &refusal(500));
        fail(server, "GET", path(kind), 1, &Trouble::Broken);
        assert_eq!(forge.open_count("").unwrap(), 0);
        forge.open(&request()).unwrap();
        let method = if kind == Kind::Github { "PATCH" } else { "PUT" };
        fail(server, method, "/1", 1, &Trouble::Lost);
        let better = Request { body: "Better.".to_owned(), ..request() };
        assert!(matches!(forge.open(&better).unwrap().opened, Opened::Updated(_)));
        fail(server, "GET", path(kind), 3, &Trouble::Broken);
        let error = forge.open_count("").unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{error}");
        assert!(error.to_string().starts_with("GET http://127.0.0.1:"), "{error}");
        assert!(!error.to_string().contains('?'), "{error}");
    });
}

#[test]
fn limits_are_told_at_once_and_say_for_how_long() {
    both(|kind, server, forge| {
        let header = |name, value: &str| vec![(name, value.to_owned())];
        let answer = |status, headers| Trouble::Answer(status, headers, "{}".to_owned());
        let asks = || {
            let start = Instant::now();
            let error = forge.open_count("").unwrap_err();
            assert!(start.elapsed() < Duration::from_millis(450));
            error
        };
        fail(server, "GET", path(kind), 1, &answer(429, header("retry-after", "37")));
        let error = asks();
        assert!(
            matches!(error, Error::Limited { after: Some(after), .. } if after.as_secs() == 37)
        );
        assert!(error.to_string().ends_with("too many requests; it may be asked again in 37 s"));
        fail(server, "GET", path(kind), 1, &answer(403, header("retry-after", "60")));
        assert!(matches!(asks(), Error::Limited { status: 403, .. }));
        let reset = std::time::SystemTime::now() + Duration::from_secs(1_000);
        let reset = reset.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().to_string();
        let used_up = vec![("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", reset)];
        fail(server, "GET", path(kind), 1, &answer(403, used_up));
        let error = asks();
        let Error::Limited { after: Some(after), .. } = error else { panic!("{error}") };
        assert!((990..=1_000).contains(&after.as_secs()), "{after:?}");
        fail(server, "GET", path(kind), 1, &refusal(403));
        assert!(matches!(asks(), Error::Refused { status: 403, .. }));
    });
}

#[test]
fn a_limit_while_creating_is_not_tried_again() {
    both(|kind, server, forge| {
        fail(server, "POST", path(kind), 1, &refusal(429));
        assert!(matches!(forge.open(&request()).unwrap_err(), Error::Limited { .. }));
        assert_eq!(made(server), (0, 1));
    });
}

#[test]
fn refusals_say_what_to_do() {
    both(|_, server, _| {
        let with = |change: fn(&mut Settings)| {
            let mut settings = server.settings();
            change(&mut settings);
            Forge::new(settings).unwrap().open(&request()).unwrap_err().to_string()
        };
        let error = with(|settings| settings.token = Token::new("wrong-token"));
        assert!(error.contains("401, ") && error.ends_with("; the token is wrong or has expired"));
        assert!(!error.contains("wrong-token"), "{error}");
        let error = with(|settings| settings.project = "acme/nothing".to_owned());
        assert!(error.contains("404, ") && error.contains("look at the project's name"), "{error}");
        assert!(error.starts_with("GET http://127.0.0.1:"), "{error}");
    });
}

#[test]
fn tokens_are_in_no_error_even_when_the_forge_repeats_them() {
    both(|kind, server, forge| {
        let body = r#"{"message":"bad token test-token, sorry test-token"}"#.to_owned();
        fail(server, "GET", path(kind), 1, &Trouble::Answer(400, Vec::new(), body));
        let error = forge.open_count("").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("test-token"), "{error}");
        let location = vec![("location", "https://evil.example/test-token?x".to_owned())];
        fail(server, "GET", path(kind), 1, &Trouble::Answer(302, location, String::new()));
        let error = forge.open_count("").unwrap_err();
        assert!(matches!(error, Error::Moved { .. }) && !error.to_string().contains("test-token"));
    });
}

#[test]
fn redirects_are_followed_on_the_same_host_only() {
    let away = Github::start().unwrap();
    both(|kind, server, forge| {
        let to = |place: String| Trouble::Answer(307, vec![("location", place)], String::new());
        fail(server, "GET", path(kind), 1, &to(format!("{}{}", away.url(), path(kind))));
        let error = forge.open_count("").unwrap_err();
        assert!(matches!(error, Error::Moved { .. }), "{error}");
        assert!(away.state().seen.is_empty());
        // A project with another name, for writing, too.
        let new = match kind {
            Kind::Github => "/repos/acme/shop",
            Kind::Gitlab => "/api/v4/projects/acme%2Fweb%2Fshop",
        };
        let mut settings = server.settings();
        settings.project = "acme/old".to_owned();
        let old = Forge::new(settings).unwrap();
        fail(server, "GET", path(kind), 1, &to(format!("{new}{}", path(kind))));
        fail(server, "POST", path(kind), 1, &to(format!("{new}{}", path(kind))));
        let outcome = old.open(&request());
        assert!(matches!(outcome.unwrap().opened, Opened::Created(_)));
        let round = to(format!("{new}{}", path(kind)));
        fail(server, "GET", path(kind), 9, &round);
        let error = forge.open_count("").unwrap_err().to_string();
        assert!(error.contains("redirects too often"), "{error}");
    });
}

#[test]
fn answers_have_a_size() {
    both(|kind, server, forge| {
        fail(server, "GET", path(kind), 1, &Trouble::Huge(9 << 20));
        let error = forge.open_count("").unwrap_err();
        assert!(matches!(error, Error::TooLarge { limit, .. } if limit == 8 << 20), "{error}");
        // One that was created is found all the same.
        fail(server, "POST", path(kind), 1, &Trouble::Huge(9 << 20));
        assert!(matches!(forge.open(&request()).unwrap().opened, Opened::Created(_)));
        assert_eq!(server.state().pulls.len(), 1);
        let endless = "x".repeat(1 << 20);
        fail(server, "GET", path(kind), 1, &Trouble::Answer(400, Vec::new(), endless));
        let error = forge.open_count("").unwrap_err().to_string();
        assert!(error.len() < 500, "{error}");
    });
}

#[test]
fn lists_have_an_end() {
    both(|_, server, forge| {
        {
            let mut state = server.state();
            state.page = 1;
            for n in 0..51 {
                state.push(&format!("fix/{n}"), Stage::Open);
            }
        }
        let error = forge.open_count("").unwrap_err();
        assert!(matches!(error, Error::TooManyPages { limit: 50, .. }), "{error}");
    });
}

#[test]
fn slow_answers_are_given_up() {
    both(|kind, server, _| {
        let timeout = Duration::from_millis(200);
        let forge = Forge::new(Settings { timeout, ..server.settings() }).unwrap();
        let slow = Trouble::Slow(Duration::from_secs(60));
        fail(server, "GET", path(kind), 3, &slow);
        let error = forge.open_count("").unwrap_err().to_string();
        assert!(error.contains("no whole answer within 0.2 s"), "{error}");
        // It was made, only told too late.
        fail(server, "POST", path(kind), 1, &slow);
        assert!(matches!(forge.open(&request()).unwrap().opened, Opened::Created(_)));
        assert_eq!(server.state().pulls.len(), 1);
    });
}

#[test]
fn nonsense_is_no_answer() {
    both(|kind, server, forge| {
        for body in ["", "<html>", "{}", "[1]", r#"[{"number":"x"}]"#, &"[".repeat(1 << 20)] {
            let answer = Trouble::Answer(200, Vec::new(), body.to_owned());
            fail(server, "GET", path(kind), 1, &answer);
            let error = forge.open(&request()).unwrap_err();
            assert!(matches!(error, Error::Unreadable { .. }), "{error}");
        }
        assert!(server.state().writes().is_empty());
    });
}

#[test]
fn labels_that_are_refused_are_a_warning() {
    let server = Github::start().unwrap();
    let forge = Forge::new(server.settings()).unwrap();
    fail(&server, "POST", "/labels", 1, &refusal(403));
    let labels = vec!["security".to_owned()];
    let outcome = forge.open(&Request { labels, ..request() }).unwrap();
    assert!(matches!(outcome.opened, Opened::Created(_)));
    assert!(outcome.warnings[0].starts_with("labels are not set: POST http"), "{outcome:?}");
    assert!(outcome.warnings[0].contains("403, Oh no"), "{outcome:?}");
}

#[test]
fn nobody_listens() {
    let settings = Github::start().unwrap().settings();
    let error = Forge::new(settings).unwrap().open_count("").unwrap_err();
    assert!(error.to_string().contains("it cannot be reached"), "{error}");
    let wrong = |kind, url: &str, project| {
        let settings = Settings::new(kind, project, Token::new("t"));
        Forge::new(Settings { url: url.to_owned(), ..settings }).err().unwrap()
    };
    let http = "http://forge.example/api/v3";
    assert!(matches!(wrong(Kind::Github, http, "a/b"), Error::Url(_)));
    let error = wrong(Kind::Github, Kind::Github.url(), "a/b/c").to_string();
    assert_eq!(error, "`a/b/c` is no project of GitHub: expected owner/name");
}

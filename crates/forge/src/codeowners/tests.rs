use super::CodeOwners;
use crate::Kind;
use std::time::{Duration, Instant};

/// Whether GitHub takes a path to be meant by a pattern.
fn github(pattern: &str, path: &str) -> bool {
    let read = CodeOwners::parse_as(Kind::Github, &format!("{pattern} @x"));
    assert_eq!(read.faults(), [], "{pattern}");
    !read.owners(path).is_empty()
}

fn gitlab(pattern: &str, path: &str) -> bool {
    !CodeOwners::parse_as(Kind::Gitlab, &format!("{pattern} @x")).owners(path).is_empty()
}

#[test]
fn githubs_patterns_mean_what_gitignore_says() {
    for (pattern, yes, no) in [
        ("*", vec!["a", "a/b/c", ".x"], vec![]),
        ("**", vec!["a", "a/b/c"], vec![]),
        ("*.js", vec!["a.js", "x/y/a.js", ".js"], vec!["a.jsx", "a/js"]),
        ("/*.js", vec!["a.js"], vec!["x/a.js"]),
        ("apps", vec!["apps", "apps/a", "x/apps/y/z"], vec!["apps2", "x/myapps/a"]),
        ("apps/", vec!["apps/a", "x/apps/y/z"], vec!["apps", "x/apps"]),
        ("/apps/", vec!["apps/a", "apps/b/c"], vec!["x/apps/y", "apps"]),
        ("/apps", vec!["apps", "apps/b/c"], vec!["x/apps", "apps2"]),
        ("docs/*", vec!["docs/a.md"], vec!["docs/b/a.md", "x/docs/a.md"]),
        ("/*", vec!["a"], vec!["a/b"]),
        ("docs/*.md", vec!["docs/a.md"], vec!["docs/b/a.md", "x/docs/a.md"]),
        ("docs/**", vec!["docs/a", "docs/b/a"], vec!["docs", "x/docs/a"]),
        ("**/logs", vec!["logs", "build/logs", "a/b/logs/x"], vec!["logs2"]),
        ("a/**/b", vec!["a/b", "a/x/b", "a/x/y/b/c"], vec!["a/x", "x/a/b"]),
        ("a/b", vec!["a/b", "a/b/c"], vec!["x/a/b", "a"]),
        ("a/b/", vec!["a/b/c"], vec!["a/b", "x/a/b/c"]),
        ("a?c", vec!["abc", "x/abc"], vec!["ac", "abbc", "a/c"]),
        ("a**c", vec!["ac", "abbc"], vec!["a/c"]),
        ("*/x", vec!["a/x", "a/x/y"], vec!["x", "a/b/x"]),
        (r"my\ file", vec!["my file", "a/my file"], vec!["my"]),
        (r"\#notes", vec!["#notes"], vec!["notes"]),
        (r"a\*b", vec!["a*b"], vec!["axb", r"a\*b"]),
        ("ä/ö", vec!["ä/ö", "ä/ö/ü"], vec!["a/o"]),
    ] {
        yes.iter().for_each(|path| assert!(github(pattern, path), "{pattern} on {path}"));
        no.iter().for_each(|path| assert!(!github(pattern, path), "{pattern} not on {path}"));
    }
}

#[test]
fn gitlabs_patterns_mean_what_fnmatch_says() {
    for (pattern, yes, no) in [
        ("*", vec!["a", "a/b/c"], vec![]),
        ("*.rb", vec!["a.rb", "x/y/a.rb"], vec!["a.rbx"]),
        ("README.md", vec!["README.md", "a/b/README.md"], vec!["README.md/x"]),
        (
            "internal/README.md",
            vec!["internal/README.md", "a/internal/README.md"],
            vec!["README.md"],
        ),
        ("/docs/", vec!["docs/a", "docs/b/c"], vec!["docs", "x/docs/a"]),
        ("docs/", vec!["docs/a", "x/docs/b/c"], vec!["docs"]),
        ("/docs/*", vec!["docs/a"], vec!["docs/b/c"]),
        ("foo/*", vec!["foo/bar", "baz/foo/bar"], vec!["fufoo/bar", "foo/a/b"]),
        ("/docs/**", vec!["docs/a"], vec!["docs/b/c"]),
        ("/docs/**/*", vec!["docs/a", "docs/b/c"], vec!["docs"]),
        ("/docs/**/index.md", vec!["docs/index.md", "docs/a/b/index.md"], vec!["index.md"]),
        ("/config", vec!["config"], vec!["config/a", "x/config"]),
        ("x/[ab].c", vec!["x/b.c"], vec!["x/c.c"]),
        ("x/[!ab].c", vec!["x/c.c"], vec!["x/b.c"]),
        (r"\#file", vec!["#file", "x/#file"], vec!["file"]),
        (r"path\ with\ spaces/", vec!["path with spaces/a"], vec!["path"]),
        ("/", vec!["a", "a/b"], vec![]),
    ] {
        yes.iter().for_each(|path| assert!(gitlab(pattern, path), "{pattern} on {path}"));
        no.iter().for_each(|path| assert!(!gitlab(pattern, path), "{pattern} not on {path}"));
    }
}

#[test]
fn the_example_of_githubs_documentation() {
    let read = CodeOwners::parse(
        "\u{feff}# This is a comment.\r\n*       @global-owner1 @global-owner2\r\n\
         *.js    @js-owner #This is an inline comment.\n*.go docs@example.com\n\
         *.txt @octo-org/octocats\n/build/logs/ @doctocat\ndocs/* docs@example.com\n\
         apps/ @octocat\n/docs/ @doctocat\n/scripts/ @doctocat @octocat\n**/logs @octocat\n\
         /apps/ @octocat\n/apps/github\n/apps/github/x @doctocat\n",
    );
    assert_eq!(read.faults(), []);
    for (path, owners) in [
        ("README.md", vec!["@global-owner1", "@global-owner2"]),
        ("./README.md", vec!["@global-owner1", "@global-owner2"]),
        ("src/a.js", vec!["@js-owner"]),
        ("/src/a.go", vec!["docs@example.com"]),
        ("a.txt", vec!["@octo-org/octocats"]),
        ("build/logs/x/y", vec!["@octocat"]),
        ("docs/a/b", vec!["@doctocat"]),
        ("x/apps/y", vec!["@octocat"]),
        ("apps/github/a", vec![]),
        ("apps/github", vec![]),
        ("apps/github/x/y", vec!["@doctocat"]),
        ("scripts/a", vec!["@doctocat", "@octocat"]),
    ] {
        assert_eq!(read.owners(path), owners, "{path}");
    }
}

#[test]
fn what_github_does_not_understand_is_a_fault_and_has_no_effect() {
    let read = CodeOwners::parse_as(
        Kind::Github,
        "* @all\n!a @x\n[ab].c @x\n/ @x\nb @x oops @y\n\\#c @c\n^[S] @x\nd @x # e oops\n",
    );
    let lines: Vec<usize> = read.faults().iter().map(|fault| fault.line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 7]);
    assert!(read.faults()[3].message.contains("`oops` is no owner"), "{:?}", read.faults());
    for path in ["a", "a.c", "b"] {
        assert_eq!(read.owners(path), ["@all"], "{path}");
    }
    assert_eq!((read.owners("#c"), read.owners("d")), (vec!["@c"], vec!["@x"]));
}

#[test]
fn sections_are_looked_at_one_by_one() {
    let read = CodeOwners::parse(
        "* @admin\n\n[README Owners]\nREADME.md @user1 @user2\ninternal/README.md @user4\n\n\
         [README other owners]\nREADME.md @user3 @admin\n",
    );
    assert_eq!(read.faults(), []);
    assert_eq!(read.owners("README.md"), ["@admin", "@user1", "@user2", "@user3"]);
    assert_eq!(read.owners("internal/README.md"), ["@admin", "@user4", "@user3"]);
    assert_eq!(read.owners("main.go"), ["@admin"]);
}

#[test]
fn sections_have_default_owners() {
    let read = CodeOwners::parse(
        "[Documentation][2] @docs-team\ndocs/\nREADME.md\n\n^[Database] @db/team @agarcia\n\
         model/db/\nconfig/db/setup.md @docs-team\n\n[DOCUMENTATION] @others\n*.txt\n\
         [Empty]\nmodel/db/x\n",
    );
    assert_eq!(read.faults(), []);
    assert_eq!(read.owners("docs/a"), ["@docs-team"]);
    assert_eq!(read.owners("model/db/a"), ["@db/team", "@agarcia"]);
    assert_eq!(read.owners("config/db/setup.md"), ["@docs-team"]);
    // One section with two headings: its last line decides.
    assert_eq!(read.owners("docs/a.txt"), ["@others"]);
    assert_eq!(read.owners("model/db/x"), ["@db/team", "@agarcia"]);
}

#[test]
fn exclusions_hold_in_their_section_for_good() {
    let read = CodeOwners::parse_as(
        Kind::Gitlab,
        "* @default\n!*.rb\n/special/*.rb @ruby\n[Ruby]\n*.rb @devs\n!/config/**/*.rb\n",
    );
    assert_eq!(read.owners("a.txt"), ["@default"]);
    assert_eq!(read.owners("special/a.rb"), ["@devs"]);
    assert_eq!(read.owners("config/a/b.rb"), Vec::<&str>::new());
}

#[test]
fn what_gitlab_does_not_understand_it_passes_over() {
    let read = CodeOwners::parse_as(
        Kind::Gitlab,
        "LICENSE @legal this janedoe@gitlab.com # and @also me\n[Broken\ndocs/ @docs\n[] @x\na\n\
         [Q][q] @x\nb\n[R]] @y\nc\n^[S][2]@z\nd\n[T] nobody\ne @@maintainer\n",
    );
    let lines: Vec<usize> = read.faults().iter().map(|fault| fault.line).collect();
    assert_eq!(lines, [1, 2, 4, 6, 8, 10, 12, 12], "{:?}", read.faults());
    assert_eq!(read.owners("LICENSE"), ["@legal", "janedoe@gitlab.com", "@also"]);
    for (path, owners) in [
        ("docs/z", vec!["@docs"]),
        ("a", vec!["@x"]),
        ("b", vec!["@x"]),
        ("c", vec![]),
        ("d", vec!["@z"]),
        ("e", vec!["@@maintainer"]),
    ] {
        assert_eq!(read.owners(path), owners, "{path}");
    }
}

#[test]
fn a_file_tells_whose_it_is_by_its_headings() {
    // At any depth on GitLab, at the root on GitHub.
    let gitlab = CodeOwners::parse("[Docs]\na/b @x\n");
    let github = CodeOwners::parse("a/b @x\n[ab].c @y\n");
    assert!(!gitlab.owners("c/a/b").is_empty() && github.owners("c/a/b").is_empty());
    assert_eq!((gitlab.faults().len(), github.faults().len()), (0, 1));
}

#[test]
fn hostile_texts_are_read_quietly() {
    let read = CodeOwners::parse("a \u{1b}[2J\u{202e}\nb @a\u{7}b\n\\ @x\n\\\n*** @x\n?/// @y\n");
    for fault in read.faults() {
        assert!(!fault.message.chars().any(char::is_control), "{fault:?}");
    }
    assert_eq!(read.owners("z/z"), ["@y"]);
    assert_eq!(CodeOwners::parse("").owners("a"), Vec::<&str>::new());
    let large = CodeOwners::parse(&"* @x\n".repeat(1 << 20));
    assert_eq!((large.faults().len(), large.owners("a").len()), (1, 0));
    let many = CodeOwners::parse("* @x\n*\n");
    assert_eq!(many.owners(""), Vec::<&str>::new());
}

#[test]
fn damaged_files_are_read_all_the_same() {
    let text = "* @a # c\n!x/ y\\ z\n^[S][2] @b\n/a/**/[a-c]?*.go d@e.f\n";
    for (at, _) in text.char_indices() {
        for other in ["", "[", "]", "\\", "*", "/", "#", "@", "!", "^", " ", "\n", "ä"] {
            let damaged = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            for kind in [Kind::Github, Kind::Gitlab] {
                let read = CodeOwners::parse_as(kind, &damaged);
                let owners = read.owners("a/x/b.go");
                assert!(owners.iter().all(|owner| damaged.contains(owner)), "{damaged}");
            }
        }
    }
}

#[test]
fn a_large_file_takes_time_in_proportion() {
    let line = |n: usize| format!("/apps/team{n}/**/*.yaml @org/team{n}\n");
    let text: String = (0..10_000).map(line).collect();
    let start = Instant::now();
    let read = CodeOwners::parse(&text);
    for n in [0, 5_000, 9_999] {
        assert_eq!(read.owners(&format!("apps/team{n}/a/b/c.yaml")), [format!("@org/team{n}")]);
    }
    let headings: String = (0..10_000).map(|n| format!("[S{n}] @u{}\n*\n", n % 5_000)).collect();
    assert_eq!(CodeOwners::parse(&headings).owners("a/b").len(), 5_000);
    // Many lines without owners share those of a long heading, and many faults are a few.
    let crowd: String = (0..100_000).map(|n| format!(" @u{n}")).collect();
    let long = CodeOwners::parse(&format!("[S]{crowd}\n{}", "a\n".repeat(500_000)));
    assert_eq!(long.owners("a").len(), 100_000);
    assert_eq!(CodeOwners::parse(&"* x\n".repeat(100_000)).faults().len(), 1_000);
    // Seconds would be hours with time in proportion to the square.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

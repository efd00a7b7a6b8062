//! What an operator reads before fixes are carried on.

use crate::browser::Browser;
use crate::tool::{Folder, POD, root};
use serde_json::Value;

/// The records of a run over the examples, in `out`.
fn reviewed() -> Folder {
    let folder = Folder::new();
    for (name, bytes) in crate::tool::files(&root().join("examples")) {
        folder.write(&format!("examples/{name}"), bytes);
    }
    folder.run(&["run", "examples", "--out", "out"]).ended(1);
    folder
}

const PACKET: [&str; 3] = ["review", "packet", "out"];

fn packet(folder: &Folder, more: &[&str]) -> String {
    folder.run(&[&PACKET[..], more].concat()).ended(0).out
}

#[test]
fn a_packet_says_what_changes_why_and_what_proves_it() {
    let folder = reviewed();
    let text = packet(&folder, &[]);
    for part in [
        "## Fixes, the riskiest first",
        "```diff",
        "Proof: patch passed; edit passed; policy passed; regression passed; schema passed",
        "## Files, as they will be",
        "## Batches, in the order of roll-out",
        "## Gates",
        "## Not fixed, and why",
        "## What this was made from",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert_eq!(packet(&folder, &[]), text, "the same bytes");
    let json: Value = serde_json::from_str(&packet(&folder, &["--output-format", "json"])).unwrap();
    let risks: Vec<f64> = json["fixes"]["shown"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["risk"].as_f64().unwrap())
        .collect();
    assert!(risks.len() > 3 && risks.windows(2).all(|pair| pair[0] >= pair[1]), "{risks:?}");
    let origin = &json["origin"];
    assert_eq!(origin["records"][0]["bytes"], folder.read("out/detections.jsonl").len());
    assert_eq!(
        packet(&folder, &["--output-format", "json"]),
        packet(&folder, &["--output-format", "json"])
    );
    let queued = packet(&folder, &["--queue", "out/queue.db"]);
    assert!(queued.contains("## Queue"), "{queued}");
}

#[test]
fn a_packet_is_bounded_and_counts_what_it_leaves_out() {
    let folder = Folder::new();
    for file in 0..40 {
        let pods: Vec<String> = (0..20).map(|n| crate::tool::pod(&format!("p{n}"))).collect();
        folder.write(&format!("in/{file}.yaml"), pods.join("---\n"));
    }
    folder.run(&["run", "in", "--out", "out"]).ended(1);
    let concise = packet(&folder, &["--concise"]);
    assert!(concise.len() < 65_536, "{}", concise.len());
    assert!(concise.contains("more accepted fixes."), "{concise}");
    let page = packet(&folder, &["--output-format", "html"]);
    assert!(page.len() < 2_000_000, "{}", page.len());
    assert!(page.contains("more accepted fixes."));
}

#[test]
fn diffs_are_what_lands() {
    let folder = reviewed();
    let diff = folder.run(&["review", "diff", "out"]).ended(0).out;
    folder.write("all.diff", &diff);
    folder.shell("git apply all.diff").ended(0);
    let applied = crate::tool::files(&folder.at("examples"));
    let other = reviewed();
    let fix = ["check", "--fix", "--unsafe-fixes", "examples"];
    other.run(&fix);
    assert!(applied == crate::tool::files(&other.at("examples")), "{diff}");
}

#[test]
fn rejected_patches_are_told_by_gate_rule_and_cause() {
    let folder = Folder::with(&[(
        "crd.yaml",
        "apiVersion: apps.example.org/v1\nkind: Deployment\nmetadata: {name: a, namespace: b}\n\
         spec: {template: {spec: {containers: [{name: a, image: 'a:1', securityContext: \
         {privileged: true}}]}}}\n",
    )]);
    folder.run(&["run", "crd.yaml", "--out", "out"]).ended(1);
    let told = folder.run(&["review", "verifier", "out"]).ended(0).out;
    assert!(
        told.contains("schema") && told.contains("definition of the custom resource"),
        "{told}"
    );
    let args = ["review", "verifier", "out", "--output-format", "json"];
    let json = folder.run(&args).ended(0).json();
    let count: u64 = json.as_array().unwrap().iter().map(|g| g["count"].as_u64().unwrap()).sum();
    let rejected =
        folder.records("out/verified.jsonl").iter().filter(|v| v["accepted"] == false).count();
    assert_eq!(usize::try_from(count).unwrap(), rejected);
    assert!(rejected > 0, "{told}");
}

#[test]
fn evidence_names_every_artefact_and_is_checked_again() {
    let folder = reviewed();
    folder.run(&["review", "evidence", "out", "--out", "evidence.json"]).ended(0);
    let evidence: Value = serde_json::from_str(&folder.read("evidence.json")).unwrap();
    assert_eq!(evidence["coverage"]["covered"], evidence["coverage"]["of"], "{evidence}");
    let artifacts = evidence["artifacts"].as_array().unwrap();
    let of = |path: &str| artifacts.iter().find(|a| a["path"] == path).unwrap();
    assert_eq!(of("examples/shop/web.yaml")["role"], "input");
    let detections = of("out/detections.jsonl");
    assert_eq!(detections["bytes"], folder.read("out/detections.jsonl").len());
    assert_eq!(detections["producer"], "k8s-auto-fix run");
    assert_eq!(evidence["stages"]["verify"]["status"], "complete");
    let check = ["review", "evidence", "--check", "evidence.json"];
    folder.run(&check).ended(0).says("0 faults");

    let statement =
        folder.run(&["review", "evidence", "out", "--output-format", "in-toto"]).ended(0);
    let statement = statement.json();
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["subject"][0]["digest"]["sha256"].as_str().unwrap().len(), 64);
    folder.write("statement.json", statement.to_string());
    folder.run(&["review", "evidence", "--check", "statement.json"]).ended(0);

    let web = folder.read("examples/shop/web.yaml");
    folder.write("examples/shop/web.yaml", web + "# changed\n");
    folder.run(&check).ended(1).says("examples/shop/web.yaml: it has changed");
    let fails = ["review", "evidence", "out", "--fail-on-uncovered", "--output-format", "table"];
    folder.run(&fails).ended(1).says("inputs-unchanged is not covered: ");
}

#[test]
fn claims_are_what_the_artefacts_say() {
    let folder = reviewed();
    let found = folder.records("out/detections.jsonl").len();
    let claims = format!(
        "claims:\n\
         - {{id: found, claim: all are counted, file: out/review.json, pointer: /total/found, equals: {found}}}\n\
         - {{id: records, claim: and recorded, file: out/detections.jsonl, at_least: {found}}}\n"
    );
    folder.write("claims.yaml", &claims);
    let args = [
        "review",
        "evidence",
        "out",
        "--claims",
        "claims.yaml",
        "--fail-on-uncovered",
        "--output-format",
        "table",
    ];
    folder.run(&args).ended(0);
    for (wrong, reason) in [
        (
            "{id: less, claim: x, file: out/review.json, pointer: /total/found, at_most: 1}",
            "less is not covered",
        ),
        (
            "{id: gone, claim: x, file: none.json, equals: 1}",
            "gone is not covered: cannot read none.json",
        ),
        (
            "{id: nowhere, claim: x, file: out/review.json, pointer: /a/b, equals: 1}",
            "has nothing at /a/b",
        ),
        (
            "{id: empty, claim: x, file: out/review.json, pointer: /total/found}",
            "empty is not covered",
        ),
    ] {
        folder.write("claims.yaml", format!("{claims}- {wrong}\n"));
        folder.run(&args).ended(1).says(reason);
    }
    folder.write("claims.yaml", "claims:\n- {id: a, clam: b}\n");
    folder.run(&args).ended(2).says("claims.yaml:2").says("clam");
}

/// A manifest that tries everything.
fn hostile() -> String {
    let name = r#""<script>document.title='hacked'</script>\e[31m\u202eevil\u2066""#;
    POD.replacen("name: web", &format!("name: {name}"), 1)
        .replace("LOG_LEVEL", "\"</pre><img src=x onerror=\\\"document.title='hacked'\\\">\"")
        .replace("# pinned", "# ``` </code> [x](javascript:alert(1)) | ![y](http://example.org/z)")
}

#[test]
fn a_hostile_manifest_is_shown_harmlessly_everywhere() {
    let folder = Folder::with(&[("in/<b>.yaml", &hostile())]);
    folder.run(&["run", "in", "--out", "out"]).ended(1);
    for format in ["markdown", "html", "json"] {
        let text = packet(&folder, &["--output-format", format]);
        for control in ['\u{1b}', '\u{202e}', '\u{2066}'] {
            assert!(!text.contains(control), "{control:?} in {format}");
        }
        if format == "html" {
            assert!(!text.contains("<script") && !text.contains("<img") && !text.contains("<b>"));
        }
        if format == "markdown" {
            // Outside of blocks nothing is a tag; inside of them nothing ends the block.
            let mut fence = None;
            for line in text.lines() {
                let ticks = line.chars().take_while(|c| *c == '`').count();
                match fence {
                    Some(open) if line.len() == ticks && ticks >= open => fence = None,
                    Some(_) => {}
                    None if ticks >= 3 => fence = Some(ticks),
                    None => assert!(!line.contains("<script") && !line.contains("<b>"), "{line}"),
                }
            }
            assert!(fence.is_none(), "{text}");
        }
    }
    for args in [
        &["batches", "out"][..],
        &["batches", "out", "--output-format", "json"],
        &["review", "verifier", "out"],
        &["review", "schedule", "out"],
        &["review", "schedule", "out", "--output-format", "json"],
        &["review", "queue", "--queue", "out/queue.db"],
        &["review", "evidence", "out"],
        &["artifacts", "index", "out"],
        &["status", "out"],
    ] {
        let told = folder.run(args).ended(0).out;
        assert!(!told.contains('\u{1b}') && !told.contains('\u{202e}'), "{args:?}: {told:?}");
    }
    for format in ["full", "concise", "json", "sarif", "github", "junit", "gitlab"] {
        let told = folder.run(&["check", "in", "--output-format", format]).ended(1).said();
        assert!(!told.contains('\u{1b}') && !told.contains('\u{202e}'), "{format}: {told:?}");
    }
    for (name, bytes) in crate::tool::files(&folder.at("out")) {
        let text = String::from_utf8_lossy(&bytes);
        let is_text = !name.starts_with("queue.db");
        assert!(!is_text || !text.contains('\u{1b}') && !text.contains('\u{202e}'), "{name}");
    }
}

#[test]
fn the_schedule_is_explained() {
    let folder = reviewed();
    let json =
        folder.run(&["review", "schedule", "out", "--output-format", "json"]).ended(0).json();
    assert_eq!(json["as_recorded"], true);
    let recorded = folder.records("out/schedule.jsonl");
    for (entry, recorded) in json["entries"].as_array().unwrap().iter().zip(&recorded) {
        assert_eq!((&entry["id"], &entry["score"]), (&recorded["id"], &recorded["score"]));
        assert!(!entry["explained"]["reason"].as_str().unwrap().is_empty(), "{entry}");
        assert!(!entry["terms"].as_array().unwrap().is_empty(), "{entry}");
    }
    let shown = folder.run(&["review", "schedule", "out", "--top", "1"]).ended(0);
    shown.says(&format!("and {} more; --top 0 shows all", recorded.len() - 1));
    folder.write(
        "reversed.jsonl",
        folder
            .read("out/schedule.jsonl")
            .lines()
            .rev()
            .fold(String::new(), |all, line| all + line + "\n"),
    );
    let other = ["review", "schedule", "out", "--schedule", "reversed.jsonl"];
    folder.run(&other).ended(0).says("the recorded one differs");
}

#[test]
fn the_queue_is_shown() {
    let folder = reviewed();
    let before = folder.files();
    folder.run(&["review", "queue", "--queue", "out/queue.db"]).ended(0).says("queued");
    let report = ["review", "queue", "--queue", "out/queue.db", "--output-format", "json"];
    let json = folder.run(&report).ended(0).json();
    assert!(json.to_string().contains("\"queued\""), "{json}");
    let rows = |files: &std::collections::BTreeMap<String, Vec<u8>>| files["out/queue.db"].clone();
    assert!(rows(&folder.files()) == rows(&before), "looking changed the queue");
    folder.run(&["review", "queue", "--queue", "none.db"]).ended(2).says("none.db");
}

/// As a reviewer: find the riskiest fix, its change and its proof.
#[test]
fn a_reviewer_finds_the_riskiest_fix_its_change_and_its_proof() {
    for dark in [false, true] {
        let Some(browser) = Browser::open("the packet in Chromium", dark) else { return };
        let folder = reviewed();
        folder.write("examples/hostile.yaml", hostile());
        folder.run(&["run", "examples", "--out", "out"]).ended(1);
        let json: Value =
            serde_json::from_str(&packet(&folder, &["--output-format", "json"])).unwrap();
        let first = &json["fixes"]["shown"][0];
        folder.run(&[&PACKET[..], &["--out", "packet.html"]].concat()).ended(0);
        browser.visit(&folder.at("packet.html"));

        let text = |script: &str| browser.run(script).as_str().unwrap().to_owned();
        assert_eq!(text("return document.title"), "Review of Kubernetes fixes");
        let heading = text("return document.querySelector('#fixes article h3').innerText");
        assert!(heading.contains(first["rule"].as_str().unwrap()), "{heading}");
        assert!(heading.contains(&format!("{:.1}", first["risk"].as_f64().unwrap())), "{heading}");
        let change = text("return document.querySelector('#fixes article pre.diff').innerText");
        let wanted = first["diff"]["text"].as_str().unwrap();
        let lines = |text: &str| {
            text.lines().map(str::to_owned).filter(|l| !l.is_empty()).collect::<Vec<_>>()
        };
        assert_eq!(lines(&change), lines(wanted));
        let proof = text("return document.querySelector('#fixes article .gates').innerText");
        for gate in ["patch", "edit", "policy", "regression", "schema"] {
            assert!(proof.contains(&format!("{gate} passed")), "{proof}");
        }
        let open = "document.querySelector('#fixes article details').open = true; \
                    return document.querySelector('#fixes article details').innerText";
        assert!(text(open).contains("What the risk is made of"));

        // By keyboard: the first stop skips to the fixes, and every link leads somewhere.
        browser.press("\u{e004}");
        assert_eq!(text("return document.activeElement.className"), "skip");
        browser.press("\u{e007}");
        assert_eq!(text("return location.hash"), "#fixes");
        let dangling = "return [...document.querySelectorAll('a[href^=\"#\"]')]\
            .filter(a => !document.getElementById(a.hash.slice(1))).length";
        assert_eq!(browser.run(dangling), 0);
        // By ear: one first heading, landmarks, a language, and names for what scrolls.
        let named = "return document.querySelectorAll('h1').length === 1 \
            && document.documentElement.lang === 'en' \
            && !!document.querySelector('main') && !!document.querySelector('nav[aria-label]') \
            && [...document.querySelectorAll('pre')].every(e => e.getAttribute('aria-label')) \
            && new Set([...document.querySelectorAll('[id]')].map(e => e.id)).size \
               === document.querySelectorAll('[id]').length";
        assert_eq!(browser.run(named), true);
        // Enough contrast between text and its ground.
        let contrast = "const luminance = c => { const [r, g, b] = c.match(/\\d+/g).map(Number)\
            .map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); \
            return 0.2126 * r + 0.7152 * g + 0.0722 * b; }; \
            const ground = e => { while (e) { const c = getComputedStyle(e).backgroundColor; \
            if (!c.endsWith(', 0)')) return c; e = e.parentElement; } return 'rgb(255, 255, 255)'; }; \
            return Math.min(...[...document.querySelectorAll('p, span, td, th, a, dd, dt, li, h3')]\
            .filter(e => e.innerText && e.offsetParent).map(e => { \
            const [a, b] = [luminance(getComputedStyle(e).color), luminance(ground(e))]; \
            return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); }))";
        let least = browser.run(contrast).as_f64().unwrap();
        assert!(least >= 4.5, "contrast of {least} to 1");
        // Nothing ran and nothing was fetched.
        assert_eq!(browser.run("return document.scripts.length + document.images.length"), 0);
        assert_eq!(browser.complaints(), serde_json::json!([]));
    }
}

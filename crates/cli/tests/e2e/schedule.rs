//! `schedule` and `schedule simulate`, as scripts and people use them.

use crate::tool::{Folder, POD, Ran, pod};
use serde_json::Value;

const RECORDS: [&str; 6] = [
    "schedule",
    "--verified",
    "out/verified.jsonl",
    "--detections",
    "out/detections.jsonl",
    "--risk=risk.jsonl",
];

/// The records of a run, with the risk in a file that tests change.
fn ranked() -> Folder {
    let folder = Folder::with(&[("in/a.yaml", POD), ("in/b.yaml", &pod("other"))]);
    folder.run(&["run", "in", "--out", "out"]).code.filter(|code| *code < 2).unwrap();
    folder.write("risk.jsonl", folder.read("out/risk.jsonl"));
    folder
}

fn schedule(folder: &Folder, args: &[&str]) -> Ran {
    folder.run(&[&RECORDS[..], args].concat())
}

/// Changes the records of risk.
fn change(folder: &Folder, change: impl Fn(usize, &mut Value)) {
    let mut records = folder.records("risk.jsonl");
    records.iter_mut().enumerate().for_each(|(place, record)| change(place, record));
    let lines: Vec<String> = records.iter().map(Value::to_string).collect();
    folder.write("risk.jsonl", lines.join("\n"));
}

fn order(ran: &Ran) -> Vec<String> {
    let records: Vec<Value> = ran.json().as_array().unwrap().clone();
    records.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn known_exploited_ones_are_first_and_every_position_has_its_reason() {
    let folder = ranked();
    let usual = order(&schedule(&folder, &[]).ended(0));
    let last = usual.last().unwrap().clone();
    change(&folder, |_, record| {
        if record["id"] == last.as_str() {
            record["kev"] = true.into();
            record["risk"] = 0.5.into();
        }
    });
    assert_eq!(order(&schedule(&folder, &[]).ended(0))[0], last);
    let told = schedule(&folder, &["--explain"]).ended(0).out;
    assert_eq!(told.lines().count(), usual.len() + 1, "{told}");
    let first = told.lines().nth(1).unwrap();
    assert!(first.contains(&last) && first.contains("exploited"), "{first}");
    schedule(&folder, &["--explain", "--out", "s.jsonl"]).ended(0);
    let records = folder.records("s.jsonl");
    assert!(records.iter().all(|record| record["explained"]["reason"].is_string()), "{records:?}");
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let folder = ranked();
    let drawn = |seed| schedule(&folder, &["--explore", "thompson", "--seed", seed]).ended(0).out;
    assert_eq!(drawn("7"), drawn("7"));
    let fifo = order(&schedule(&folder, &["--order", "fifo"]).ended(0));
    let risk = order(&schedule(&folder, &["--order", "risk-only"]).ended(0));
    assert_eq!(fifo.len(), risk.len());
    assert_ne!(fifo, risk);
}

#[test]
fn a_closed_window_moves_an_item_back_and_says_so() {
    let folder = ranked();
    let windows = "scheduling: {windows: [{namespaces: [shop], from: '22:00', to: '02:00', \
                   zone: Europe/Berlin}]}\n";
    folder.write("windows.yaml", windows);
    let at = |now| {
        let args = ["--config", "windows.yaml", "--now", now, "--explain"];
        schedule(&folder, &args).ended(0).out
    };
    assert!(at("2026-07-01T09:00:00Z").contains("window"), "{}", at("2026-07-01T09:00:00Z"));
    assert!(!at("2026-07-01T21:00:00Z").contains("window"), "{}", at("2026-07-01T21:00:00Z"));
    for (wrong, message) in [
        ("{from: '25:00', to: '02:00'}", "25:00"),
        ("{from: '22:00', to: '02:00', zone: Europe/Nowhere}", "Europe/Nowhere"),
        ("{from: '22:00', to: '02:00', namespaces: ['a[']}", "a["),
    ] {
        folder.write("windows.yaml", format!("scheduling: {{windows: [{wrong}]}}\n"));
        let args = [&["--config", "windows.yaml"], &RECORDS[..]].concat();
        folder.run(&args).ended(2).says(message).says("window");
    }
}

#[test]
fn scores_that_are_none_are_refused() {
    let folder = ranked();
    let good = folder.read("risk.jsonl");
    for (value, message) in [
        ("-5", "risk is -5, expected a number from 0 to 100"),
        ("1e400", "number out of range"),
        ("NaN", "expected value"),
        ("\"high\"", "invalid type"),
        ("null", "invalid type"),
    ] {
        let (before, rest) = good.split_once("\"risk\":").unwrap();
        let rest = &rest[rest.find(',').unwrap()..];
        folder.write("risk.jsonl", format!("{before}\"risk\":{value}{rest}"));
        schedule(&folder, &[]).ended(2).says(message);
        folder.run(&["queue", "init", "--queue", "q.db"]).ended(0);
        let enqueue = ["queue", "enqueue", "--queue", "q.db", "--patches", "out/patches.jsonl"];
        let args = [&enqueue[..], &RECORDS[1..]].concat();
        folder.run(&args).ended(2);
        let report = ["queue", "list", "--queue", "q.db", "--output-format", "json"];
        assert_eq!(folder.run(&report).ended(0).out, "", "all or none");
    }
}

#[test]
fn what_cannot_be_simulated_is_named() {
    let folder =
        Folder::with(&[("m.json", "{\"source\": \"x\", \"classes\": []}"), ("n.json", "[")]);
    let simulate = |args: &[&str]| folder.run(&[&["schedule", "simulate"], args].concat());
    simulate(&[]).ended(2).says("give --runs, --attempts or --model");
    simulate(&["--model", "m.json"]).ended(2).says("m.json");
    simulate(&["--model", "n.json"]).ended(2).says("n.json");
    simulate(&["--model", "none.json"]).ended(2).says("none.json");
    folder.write(
        "a.jsonl",
        "{\"rule\":\"r\",\"kind\":\"Pod\",\"proposer\":\"rules\",\"risk\":1,\"seconds\":-1,\
         \"success\":true}",
    );
    simulate(&["--attempts", "a.jsonl"]).ended(2).says("seconds");
    folder.write(
        "a.jsonl",
        "{\"rule\":\"r\",\"kind\":\"Pod\",\"proposer\":\"rules\",\"risk\":1,\"seconds\":1,\
         \"success\":true}",
    );
    let with = |args: &[&str]| simulate(&[&["--attempts", "a.jsonl"], args].concat());
    with(&["--items", "50", "--learn", "5"]).ended(0).says("simulated");
    with(&["--sweep", "colour=1"]).ended(2).says("`colour` cannot be varied");
    with(&["--sweep", "tail=x"]).ended(2).says("`x` is not a number");
    with(&["--least-probability", "2"]).ended(2).says("least_probability is 2");
    with(&["--items", "0"]).ended(2).says("items is 0");
    with(&["--repeat", "0"]).ended(2).says("--repeat is 0");
}

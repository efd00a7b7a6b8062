//! Time of a whole parse beside the bare events: `speed DIR…`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Instant;

use granit_parser::Parser;
use manifest::{Limits, Source};

fn collect(dir: &std::path::Path, out: &mut Vec<Vec<u8>>) {
    let mut entries: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, out);
        } else {
            out.push(std::fs::read(path).unwrap());
        }
    }
}

fn best(mut work: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..7 {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}

fn main() {
    for dir in std::env::args().skip(1) {
        let mut files = Vec::new();
        collect(dir.as_ref(), &mut files);
        let bytes: usize = files.iter().map(Vec::len).sum();
        let events = best(|| {
            for file in &files {
                let Ok(text) = std::str::from_utf8(file) else { continue };
                for event in Parser::new_from_str(text) {
                    if black_box(event).is_err() {
                        break;
                    }
                }
            }
        });
        let limits = Limits::default();
        let copy = best(|| files.iter().for_each(|file| drop(black_box(file.clone()))));
        let tree = best(|| {
            for file in &files {
                drop(black_box(Source::parse(file.clone(), &limits)));
            }
        }) - copy;
        let megabytes = bytes as f64 / 1e6;
        println!(
            "{dir}: {megabytes:.1} MB, events {:.1} MB/s, tree {:.1} MB/s, ratio {:.2}",
            megabytes / events,
            megabytes / tree,
            tree / events
        );
    }
}

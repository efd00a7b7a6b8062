//! A real Chromium, driven as its users' tests drive it: by way of chromedriver, on loopback.

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// An open browser; it closes when the test ends.
pub(crate) struct Browser {
    driver: Child,
    session: String,
}

impl Browser {
    /// Opens a browser; `None` when there is none, which is said.
    pub(crate) fn open(test: &str, dark: bool) -> Option<Self> {
        let mut driver = match Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
        {
            Ok(driver) => driver,
            Err(error) => {
                println!("SKIPPED: {test}: chromedriver: {error}");
                return None;
            }
        };
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        // It says first that it begins on port 0, then on which it has begun.
        let port: u16 = lines
            .by_ref()
            .filter_map(|line| line.split("on port ").nth(1)?.trim_end_matches('.').parse().ok())
            .find(|port| *port != 0)
            .expect("chromedriver says its port");
        // Somebody must listen, or it ends.
        std::thread::spawn(move || lines.for_each(drop));
        let base = format!("http://127.0.0.1:{port}/session");
        let mut arguments = vec!["--headless=new", "--no-sandbox", "--disable-gpu"];
        if dark {
            arguments.push("--force-dark-mode");
        }
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        }}});
        let opened = ask(&base, Some(&wanted));
        let session = format!("{base}/{}", opened["sessionId"].as_str().unwrap());
        Some(Self { driver, session })
    }

    pub(crate) fn visit(&self, page: &Path) {
        let url = format!("file://{}", page.display());
        ask(&format!("{}/url", self.session), Some(&json!({ "url": url })));
    }

    /// What a function body returns in the page.
    pub(crate) fn run(&self, script: &str) -> Value {
        ask(
            &format!("{}/execute/sync", self.session),
            Some(&json!({ "script": script, "args": [] })),
        )
    }

    /// Presses keys where the focus is.
    pub(crate) fn press(&self, key: &str) {
        let actions = ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key }));
        let keys = json!({ "actions": [{ "type": "key", "id": "keys", "actions": actions }] });
        ask(&format!("{}/actions", self.session), Some(&keys));
    }

    /// What the browser complains of.
    pub(crate) fn complaints(&self) -> Value {
        ask(&format!("{}/se/log", self.session), Some(&json!({ "type": "browser" })))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = ureq::delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn ask(url: &str, body: Option<&Value>) -> Value {
    let text = body.map_or_else(String::new, ToString::to_string);
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent.post(url).content_type("application/json").send(text).unwrap();
    let said = answer.body_mut().read_to_string().unwrap();
    let mut said: Value = serde_json::from_str(&said).unwrap();
    assert!(answer.status().is_success(), "{url}: {said}");
    said["value"].take()
}

//! What an endpoint says: one JSON object, or a stream of them. Which of the two is told by the
//! body, because not every endpoint does what it was asked.

use crate::answer::MAX_TEXT;
use crate::budget::Tokens;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The text of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) text: String,
    /// As the endpoint counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tokens: Option<Tokens>,
}

/// Why a body is not an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Bad {
    /// Its end is missing.
    BrokenOff,
    /// It says something else.
    Unreadable(String),
}

fn bad(reason: &str) -> Bad {
    Bad::Unreadable(reason.to_owned())
}

/// Reads a body.
pub(crate) fn read(body: &[u8]) -> Result<Answer, Bad> {
    let text = std::str::from_utf8(body).map_err(|_| bad("the answer is not UTF-8"))?;
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let is_stream = ["data:", "event:", ":", "id:"].iter().any(|start| text.starts_with(start));
    let gathered = if is_stream { stream(text)? } else { whole(text)? };
    gathered.answer()
}

/// What is gathered from an answer or from the parts of a stream.
#[derive(Debug, Default)]
struct Gathered {
    text: String,
    finish: Option<String>,
    calls_tools: bool,
    refusal: Option<String>,
    tokens: Option<Tokens>,
}

impl Gathered {
    /// Adds a chat completion, or a part of one: `message` or `delta`.
    fn add(&mut self, value: &Value) -> Result<(), Bad> {
        if let Some(error) = value.get("error").filter(|error| !error.is_null()) {
            return Err(Bad::Unreadable(format!("the endpoint says: {}", shown(error))));
        }
        self.tokens = tokens(value).or(self.tokens);
        let Some(choice) = value.get("choices").and_then(|choices| choices.get(0)) else {
            return Ok(());
        };
        if let Some(finish) = choice.get("finish_reason").and_then(Value::as_str) {
            self.finish = Some(finish.to_owned());
        }
        let Some(message) = choice.get("message").or_else(|| choice.get("delta")) else {
            return Ok(());
        };
        let is_called = |key| message.get(key).is_some_and(|calls| !is_empty(calls));
        self.calls_tools |= is_called("tool_calls") || is_called("function_call");
        if let Some(refusal) = message.get("refusal").and_then(Value::as_str) {
            self.refusal.get_or_insert_default().push_str(refusal);
        }
        if let Some(content) = message.get("content") {
            push_content(content, &mut self.text);
        }
        match self.text.len() > MAX_TEXT {
            true => Err(Bad::Unreadable(format!("the answer has more than {MAX_TEXT} bytes"))),
            false => Ok(()),
        }
    }

    fn answer(self) -> Result<Answer, Bad> {
        if self.calls_tools {
            return Err(bad("the answer calls a tool, and there are none"));
        }
        match self.finish.as_deref() {
            Some("length") => return Err(bad("the answer was cut at the limit of its tokens")),
            Some("content_filter") => {
                return Err(bad("the endpoint's filter held the answer back"));
            }
            _ => {}
        }
        if self.text.trim().is_empty() {
            let refusal = self.refusal.filter(|text| !text.is_empty());
            let reason = refusal.map_or_else(
                || "the answer is empty".to_owned(),
                |text| format!("the model refused: {}", shown(&Value::from(text))),
            );
            return Err(Bad::Unreadable(reason));
        }
        Ok(Answer { text: self.text, tokens: self.tokens })
    }
}

fn whole(text: &str) -> Result<Gathered, Bad> {
    let value: Value = serde_json::from_str(text).map_err(|error| match error.is_eof() {
        true => Bad::Unreadable("the answer is not whole JSON".to_owned()),
        false => bad("the answer is not JSON"),
    })?;
    let mut gathered = Gathered::default();
    gathered.add(&value)?;
    let message = value.pointer("/choices/0/message").or_else(|| value.pointer("/choices/0/delta"));
    match message.is_some_and(Value::is_object) {
        true => Ok(gathered),
        false => Err(bad("the answer is JSON, but no chat completion")),
    }
}

/// Server-sent events, one JSON object each, up to `[DONE]`.
fn stream(text: &str) -> Result<Gathered, Bad> {
    let mut gathered = Gathered::default();
    let mut is_done = false;
    for line in text.lines() {
        let Some(data) = line.strip_prefix("data:").map(str::trim) else { continue };
        if data == "[DONE]" {
            is_done = true;
            break;
        }
        if data.is_empty() {
            continue;
        }
        let part = serde_json::from_str(data).map_err(|error| match error.is_eof() {
            true => Bad::BrokenOff,
            false => bad("a part of the stream is not JSON"),
        })?;
        gathered.add(&part)?;
    }
    match is_done || gathered.finish.is_some() {
        true => Ok(gathered),
        false => Err(Bad::BrokenOff),
    }
}

/// A text, or parts of which some are texts.
fn push_content(content: &Value, out: &mut String) {
    match content {
        Value::String(text) => out.push_str(text),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str));
            texts.for_each(|text| out.push_str(text));
        }
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

fn tokens(value: &Value) -> Option<Tokens> {
    let usage = value.get("usage")?;
    let count = |key| usage.get(key).and_then(Value::as_u64);
    Some(Tokens { prompt: count("prompt_tokens")?, completion: count("completion_tokens")? })
}

/// What an endpoint complains of, in one line.
pub(crate) fn complaint(text: &str) -> String {
    let value: Option<Value> = serde_json::from_str(text).ok();
    let complaint = value.as_ref().and_then(|value| value.get("error").or(value.get("message")));
    complaint.map_or_else(|| shown(&Value::from(text)), shown)
}

/// The message of an error, without line ends and control characters.
fn shown(error: &Value) -> String {
    let message = error.get("message").unwrap_or(error);
    let text = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    crate::prompt::shortened(line.trim(), 300).to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::{Bad, read};

    fn reason(body: &str) -> String {
        match read(body.as_bytes()).unwrap_err() {
            Bad::Unreadable(reason) => reason,
            Bad::BrokenOff => "broken off".to_owned(),
        }
    }

    #[test]
    fn a_body_that_is_no_answer_says_why() {
        for (body, part) in [
            ("", "not whole JSON"),
            ("<html>", "not JSON"),
            ("{}", "no chat completion"),
            ("[1]", "no chat completion"),
            (r#"{"choices":[]}"#, "no chat completion"),
            (r#"{"error":{"message":"over\u001b[2J loaded"}}"#, "over [2J loaded"),
            (r#"{"choices":[{"message":{"content":""}}]}"#, "empty"),
            (r#"{"choices":[{"message":{"content":null,"refusal":"no"}}]}"#, "refused: no"),
            (r#"{"choices":[{"message":{"content":"x","tool_calls":[{"id":"1"}]}}]}"#, "tool"),
            (r#"{"choices":[{"finish_reason":"length","message":{"content":"x"}}]}"#, "cut"),
            ("data: {\"choices\":[{\"delta\":{\"content\":\"[\"}}]}\n\n", "broken off"),
            ("data: {\"choices\":[{\"delta\"", "broken off"),
            ("data: nonsense\n\n", "not JSON"),
        ] {
            assert!(reason(body).contains(part), "{body}: {}", reason(body));
        }
        assert_eq!(read(b"\"\xff\""), Err(Bad::Unreadable("the answer is not UTF-8".to_owned())));
    }

    #[test]
    fn parts_of_a_stream_become_one_text() {
        let body = ": hello\r\n\r\ndata: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\r\n\
            \r\ndata: {\"choices\":[{\"delta\":{\"content\":\"[\"}}]}\n\ndata:{\"choices\":[{\"delta\":\
            {\"content\":\"]\"},\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":\
            {\"prompt_tokens\":5,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n";
        let answer = read(body.as_bytes()).unwrap();
        assert_eq!(answer.text, "[]");
        assert_eq!(answer.tokens.unwrap().prompt, 5);
    }
}

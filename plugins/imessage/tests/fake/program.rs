//! What the program does with its input and output: calls are answered, and what is written is announced, each line in two
//! pieces, with noise between.

use openclaw_plugin_sdk::testing::program::{Program, Started};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, task::yield_now};

use super::{
    Shared, State,
    methods::{self, Process},
};

pub(crate) async fn new(shared: &Shared) -> Program {
    let shared = shared.clone();
    Program::new("imsg", move |started| play(started, shared.clone())).await
}

async fn play(started: Started, shared: Shared) {
    let Started { id, arguments, mut lines, mut output } = started;
    let (mut process, mut changes) = (Process::of(&arguments), shared.changes());
    shared.change(|state| state.starts.push((id, arguments)));
    loop {
        changes.borrow_and_update();
        let next = next(&mut shared.lock(), &mut process);
        let line = match next {
            Next::End => return,
            Next::Line(line) => line,
            Next::Nothing => tokio::select! {
                line = lines.next_line() => match line {
                    Ok(Some(line)) => match answer(&shared, &mut process, &line) {
                        Some(answer) if answer.is_empty() => continue,
                        Some(answer) => answer,
                        None => return,
                    },
                    _ => return,
                },
                _ = changes.changed() => continue,
            },
        };
        let line = format!("{line}\n");
        let (one, two) = line.as_bytes().split_at(line.len() / 2);
        for piece in [one, two] {
            if output.write_all(piece).await.is_err() {
                return;
            }
            yield_now().await;
        }
    }
}

enum Next {
    Line(String),
    Nothing,
    End,
}

/// What is written unasked.
fn next(state: &mut State, process: &mut Process) -> Next {
    let Some((number, after)) = process.watch else { return Next::Nothing };
    if std::mem::take(&mut state.broken) {
        return Next::End;
    }
    if let Some(noise) = state.noise.take() {
        return Next::Line(noise.to_owned());
    }
    let Some(row) = state.rows.iter().find(|row| row["id"].as_u64() > Some(after)) else {
        return Next::Nothing;
    };
    if std::mem::take(&mut state.overflows) {
        process.watch = None;
        return notification(
            "watch.overflow",
            json!({
                "subscription": number, "resume_after_rowid": after, "terminal": true,
                "reason": "buffer_limit_exceeded",
            }),
        );
    }
    process.watch = Some((number, row["id"].as_u64().unwrap_or_default()));
    notification("message", json!({ "subscription": number, "message": row }))
}

fn notification(method: &str, params: Value) -> Next {
    Next::Line(json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string())
}

/// The answer to a call, empty where nothing is said; none where it ends instead.
fn answer(shared: &Shared, process: &mut Process, line: &str) -> Option<String> {
    let call: Value = serde_json::from_str(line).expect("JSON");
    assert!(call["jsonrpc"] == "2.0" && call["id"].is_string(), "{call}");
    let (method, params) = (call["method"].as_str().expect("a method"), &call["params"]);
    assert!(params.is_object(), "{call}");
    let mut said = json!({ "jsonrpc": "2.0", "id": call["id"] });
    let done = shared.change(|state| {
        state.calls.push((method.to_owned(), params.clone()));
        methods::call(state, process, method, params)
    });
    match done {
        Ok(Value::Null) => return None,
        Ok(result) => said["result"] = result,
        Err((methods::SILENT, _)) => return Some(String::new()),
        Err((code, data)) => {
            said["error"] = json!({ "code": code, "message": "Internal error", "data": data });
        }
    }
    Some(said.to_string())
}

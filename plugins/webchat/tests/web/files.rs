//! Pictures and files on the page: from a person with access, and for their page alone.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use openclaw_plugin_sdk::{Attachment, FetchError, FileRef, http::StatusCode};
use serde_json::{Value, json};

use super::{
    browser::{Browser, fresh_id},
    kept::{Gate, bench},
};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nnot much of a picture";

async fn brought(browser: &Browser, bytes: &'static [u8]) -> Value {
    let response = browser.bring(bytes).await;
    assert_eq!(response.status(), StatusCode::OK);
    response.json().await.unwrap()
}

fn say(text: &str, files: &[&Value]) -> Value {
    let file = |file: &&Value| json!({ "id": file["id"], "name": "../cat.png" });
    let files: Vec<Value> = files.iter().map(file).collect();
    json!({ "type": "say", "id": fresh_id(), "text": text, "files": files })
}

fn kept(folder: &Path) -> usize {
    fs::read_dir(folder).into_iter().flatten().count()
}

#[tokio::test]
async fn a_file_of_a_person_with_access_reaches_the_gateway_and_their_own_page() {
    let (folder, gate) = (tempfile::tempdir().unwrap(), Gate::new());
    let at = folder.path().join("webchat-default");
    let mut bench = bench(&at, &gate, None).await;
    let (ann, bob) = (bench.visitor().await, bench.visitor().await);
    gate.admit(&ann.id());
    gate.admit(&bob.id());
    let (mut page, ready) = ann.connect().await;
    assert_eq!(ready["files"], true);
    let file = brought(&ann, PNG).await;
    assert_eq!(file["type"], "image/png");
    let path = format!("/chat/files/{}", file["id"].as_str().unwrap());

    // A picture without a word is a message.
    assert!(page.put_json(&say("", &[&file])).await);
    let message = bench.message().await;
    assert_eq!((message.text.as_str(), message.attachment), ("", Some(Attachment::Picture)));
    let [sent] = &message.files[..] else { panic!("{:?}", message.files) };
    assert_eq!((sent.name.as_deref(), sent.size), (Some("cat.png"), Some(PNG.len() as u64)));
    assert_eq!(bench.fetch(sent, PNG.len()).await.as_deref(), Ok(PNG));
    assert_eq!(bench.fetch(sent, PNG.len() - 1).await, Err(FetchError::TooLarge));
    assert_eq!(page.hear().await["type"], "taken");

    let response = ann.get(&path).await;
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "image/png");
    assert_eq!(header("content-security-policy"), "default-src 'none'; sandbox");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("cross-origin-resource-policy"), "same-origin");
    assert_eq!(response.bytes().await.unwrap(), PNG);
    // The address alone opens nothing.
    for other in [&bob, &Browser::new(bench.address)] {
        assert!(other.get(&path).await.status().is_client_error());
    }
    let digits = bob.id()[4..].to_owned();
    let stolen =
        FileRef { id: format!("{digits}/{}", file["id"].as_str().unwrap()), ..sent.clone() };
    assert!(bench.fetch(&stolen, PNG.len()).await.is_err());

    // Another page of theirs shows it, also later.
    let (_page, ready) = ann.connect().await;
    let shown = &ready["history"][0]["body"]["files"][0];
    assert_eq!(shown, &json!({ "id": file["id"], "name": "cat.png", "type": "image/png" }));
    let own = at.join("files").join(&ann.id()[4..]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&own), mode(&own.join(file["id"].as_str().unwrap()))), (0o700, 0o600));

    gate.turn_away(&ann.id());
    assert_eq!(ann.get(&path).await.status(), StatusCode::NOT_FOUND);
    assert!(bench.fetch(sent, PNG.len()).await.is_err());
    while own.exists() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn case_112_a_file_that_is_no_picture_is_saved_and_not_shown() {
    let (folder, gate) = (tempfile::tempdir().unwrap(), Gate::new());
    let bench = bench(&folder.path().join("x"), &gate, None).await;
    let ann = bench.visitor().await;
    gate.admit(&ann.id());
    for bytes in [&b"<script>alert(1)</script>"[..], b"<svg xmlns='http://www.w3.org/2000/svg'/>"] {
        let file = brought(&ann, bytes).await;
        assert_eq!(file["type"], "application/octet-stream");
        let response = ann.get(&format!("/chat/files/{}", file["id"].as_str().unwrap())).await;
        assert_eq!(response.headers()["content-disposition"], "attachment");
        assert_eq!(response.headers()["content-type"], "application/octet-stream");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    }
}

#[tokio::test]
async fn case_094_a_file_of_a_stranger_or_from_another_page_is_not_taken() {
    let (folder, gate) = (tempfile::tempdir().unwrap(), Gate::new());
    let at = folder.path().join("x");
    let mut bench = bench(&at, &gate, None).await;
    let ann = bench.visitor().await;
    assert_eq!(ann.connect().await.1["files"], false, "a stranger is offered none");
    let refused = async |browser: &Browser| browser.bring(PNG).await.status();
    assert_eq!(refused(&ann).await, StatusCode::FORBIDDEN, "a stranger");
    gate.admit(&ann.id());
    let evil = Browser { origin: Some("http://evil.example".to_owned()), ..ann.clone() };
    assert_eq!(refused(&evil).await, StatusCode::FORBIDDEN, "case_066");
    assert_eq!(refused(&Browser { origin: None, ..ann.clone() }).await, StatusCode::FORBIDDEN);
    assert_eq!(refused(&Browser { cookie: None, ..ann.clone() }).await, StatusCode::FORBIDDEN);
    assert_eq!(kept(&at.join("files")), 0);
    // What is not there, or too much, is not sent.
    let (mut page, _) = ann.connect().await;
    let unknown = json!({ "id": "0".repeat(32) });
    let file = brought(&ann, PNG).await;
    for files in [&[&unknown][..], &[&json!({ "id": "../x" })], &[&file; 5]] {
        assert!(page.put_json(&say("look", files)).await);
        assert_eq!(page.hear().await["type"], "refused");
    }
    assert!(bench.is_quiet());
}

#[tokio::test]
async fn a_page_that_keeps_nothing_takes_no_files() {
    let (folder, gate) = (tempfile::tempdir().unwrap(), Gate::new());
    let at = folder.path().join("x");
    let bench = bench(&at, &gate, Some(0)).await;
    let ann = bench.visitor().await;
    gate.admit(&ann.id());
    assert_eq!(ann.connect().await.1["files"], false);
    assert_eq!(ann.bring(PNG).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_newest_files_of_a_person_are_kept() {
    let (folder, gate) = (tempfile::tempdir().unwrap(), Gate::new());
    let at = folder.path().join("x");
    let bench = bench(&at, &gate, None).await;
    let ann = bench.visitor().await;
    gate.admit(&ann.id());
    for _ in 0..55 {
        brought(&ann, PNG).await;
    }
    assert_eq!(kept(&at.join("files").join(&ann.id()[4..])), 50);
}

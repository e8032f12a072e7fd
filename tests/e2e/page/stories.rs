//! What people do on the page.

use serde_json::json;

use super::{browser::Chromium, owned};
use crate::{process::look_again, world::World};

fn histories(world: &World) -> String {
    let folder = world.home.state().join("conversations/webchat-default");
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    // One may be erased between the two.
    files.filter_map(|file| std::fs::read_to_string(file.path()).ok()).collect()
}

/// Ann asks, and the owner lets them in.
async fn let_in(owner: &Chromium, port: u16) -> Chromium {
    let ann = Chromium::open(port).await;
    ann.say("hello").await;
    ann.shows("Pairing code").await;
    owner.press("Approve").await;
    owner.press("For good").await;
    ann.shows("approved").await;
    ann
}

#[tokio::test]
#[ignore = "needs chromium and chromedriver"]
async fn a_conversation_is_there_after_a_restart_until_the_access_ends() {
    let (mut world, owner) = owned("Fine.").await;
    let ann = let_in(&owner, world.port()).await;
    for text in ["/whoami", "first", "second"] {
        ann.say(text).await;
    }
    ann.until("document.querySelectorAll('.message').length === 9").await;
    let before = ann.conversation().await;
    let asked = |text: &str| before.iter().position(|one| *one == format!("You wrote: {text}"));
    let said = ["/whoami", "first", "second"].map(|text| asked(text).unwrap());
    assert!(said.is_sorted() && before[said[0] + 1].starts_with("OpenClaw wrote:"), "{before:?}");
    world.stop();
    world.run();
    // Another port is another place for the browser's own memory: what is shown now is the gateway's.
    ann.go(world.port(), "/").await;
    ann.shows("second").await;
    let after = ann.conversation().await;
    assert_eq!(after, before[before.len() - after.len()..], "in the same order");
    assert!(after.iter().any(|one| one.contains("/whoami")), "{after:?}");
    assert!(!histories(&world).contains("hello"), "a stranger's words are not kept");
    assert!(histories(&world).contains("second"));
    owner.go(world.port(), "/chat").await;
    let you = ann.is("document.querySelector('#you code').textContent").await;
    owner.say(&format!("/access revoke webchat:{}", you.as_str().unwrap())).await;
    owner.shows("Revoked").await;
    while histories(&world).contains("second") {
        look_again().await;
    }
    ann.close().await;
    owner.close().await;
    world.stop();
}

/// Pastes the smallest picture into the message.
pub(super) const PASTES: &str = "const bytes = Uint8Array.from(atob('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=='), (c) => c.charCodeAt(0)); \
    const pasted = new DataTransfer(); pasted.items.add(new File([bytes], 'red dot.png', { type: 'image/png' })); \
    document.getElementById('text').dispatchEvent(new ClipboardEvent('paste', { clipboardData: pasted, bubbles: true, cancelable: true }));";

#[tokio::test]
#[ignore = "needs chromium and chromedriver"]
async fn a_picture_is_pasted_and_a_file_chosen_and_both_stand_in_the_conversation() {
    let (mut world, owner) = owned("Fine.").await;
    let ann = let_in(&owner, world.port()).await;
    assert_eq!(ann.is("document.getElementById('attach').hidden").await, false);
    ann.run(PASTES).await;
    ann.until("!!document.querySelector('#attached li:not(.on-its-way)')").await;
    assert_eq!(
        ann.is("document.querySelector('#attached button').ariaLabel").await,
        "Remove red dot.png"
    );
    let path = world.home.state().parent().unwrap().join("words.txt");
    crate::process::write(&path, "words");
    ann.types("//input[@id='file']", path.to_str().unwrap()).await;
    ann.until("document.querySelectorAll('#attached li:not(.on-its-way)').length === 2").await;
    ann.click("//button[@id='send']").await;
    ann.shows("Fine.").await;
    assert_eq!(ann.is("document.getElementById('attached').hidden").await, true);
    let picture = "document.querySelector('.own img.sent')";
    ann.until(&format!("{picture}.naturalWidth === 1")).await;
    assert_eq!(ann.is(&format!("{picture}.alt")).await, "red dot.png");
    let link = "(({ download, textContent }) => ({ download, textContent }))(document.querySelector('.own a.sent'))";
    assert_eq!(ann.is(link).await, json!({ "download": "words.txt", "textContent": "words.txt" }));
    // It is the gateway's: there after it comes again.
    ann.go(world.port(), "/chat").await;
    ann.until(&format!("{picture}?.naturalWidth === 1")).await;
    ann.close().await;
    owner.close().await;
    world.stop();
}

#[tokio::test]
#[ignore = "needs chromium and chromedriver"]
async fn a_block_asks_once_more_and_can_be_undone_for_ten_seconds() {
    let (mut world, owner) = owned("Fine.").await;
    let eve = Chromium::open(world.port()).await;
    eve.types("//input[@id='name']", "Eve").await;
    eve.say("hello").await;
    owner.shows("Name (not verified)").await;
    owner.shows("Eve").await;
    // The owner comes back: the card is still there, also after a restart.
    owner.go(world.port(), "/chat").await;
    owner.shows("A sender asks for access.").await;
    world.stop();
    world.run();
    owner.go(world.port(), "/chat").await;
    owner.shows("A sender asks for access.").await;
    owner.press("Block").await;
    assert_eq!(owner.is("document.activeElement.textContent").await, "Cancel");
    assert!(
        !world.home.read("audit/access.jsonl").contains(r#""action":"block""#),
        "asked once more"
    );
    owner.press("Block").await;
    owner.shows("⛔ Blocked").await;
    assert!(owner.toast().await.contains("Blocked"));
    let asks = "document.querySelectorAll('.card.asks').length";
    assert_eq!(owner.is(asks).await, 0, "a decided card asks for nothing");
    assert_eq!(
        owner.is("document.activeElement.textContent").await,
        "Undo",
        "the focus stays in the card"
    );
    owner.press("Undo").await;
    owner.shows("Block undone").await;
    let log = world.home.read("audit/access.jsonl");
    let at = |action: &str| log.find(&format!(r#""action":"{action}""#));
    assert!(at("block") < at("unblock") && at("unblock").is_some(), "{log}");
    assert_eq!(owner.is("document.querySelectorAll('.card button[data-choice]').length").await, 0);
    // What a press did is no message of the conversation.
    owner.go(world.port(), "/chat").await;
    assert!(!owner.conversation().await.iter().any(|one| one.contains("The block is undone")));
    eve.close().await;
    owner.close().await;
    world.stop();
}

#[tokio::test]
#[ignore = "needs chromium and chromedriver"]
async fn an_answer_has_links_and_code_that_can_be_copied_and_is_announced_alone() {
    let answer = "see https://example.org/x). `a` \\<b>no tag\\</b>\n\n```\nlet x = 1;\n```\n";
    let (mut world, owner) = owned(answer).await;
    let ann = let_in(&owner, world.port()).await;
    ann.go(world.port(), "/chat").await;
    let spoken = "document.getElementById('spoken').textContent";
    assert_eq!(ann.is(spoken).await, "", "what was there before is not announced");
    ann.say("where?").await;
    ann.until(&format!("{spoken}.includes('OpenClaw wrote: see https://example.org/x')")).await;
    let link = "(({ href, rel, target }) => ({ href, rel, target }))(document.querySelector('.message:not(.own) .bubble a'))";
    let expected = json!({ "href": "https://example.org/x", "rel": "noopener noreferrer nofollow", "target": "_blank" });
    assert_eq!(ann.is(link).await, expected);
    assert_eq!(ann.is("document.querySelectorAll('.bubble b').length").await, 0);
    ann.click("//button[text()='Copy'][contains(@class,'copy')]").await;
    ann.until(
        "['Copied', 'Selected'].includes(document.querySelector('.block .copy').textContent)",
    )
    .await;
    // Asked for by a button alone.
    assert_eq!(ann.is("Notification.permission").await, "default");
    assert_eq!(ann.is("document.getElementById('notify').hidden").await, false);
    let manifest =
        "document.querySelector('link[rel=manifest]').href.endsWith('/chat/manifest.webmanifest')";
    assert_eq!(ann.is(manifest).await, true);
    ann.close().await;
    owner.close().await;
    world.stop();
}

#[tokio::test]
#[ignore = "needs chromium and chromedriver"]
async fn the_paperclip_comes_with_the_access_and_goes_with_it() {
    let (mut world, owner) = owned("Fine.").await;
    let ann = Chromium::open(world.port()).await;
    let hidden = "document.getElementById('attach').hidden";
    assert_eq!(ann.is(hidden).await, true, "a stranger has none");
    ann.run("window.loaded = 'once'").await;
    ann.say("hello").await;
    ann.shows("Pairing code").await;
    assert_eq!(ann.is(hidden).await, true);
    owner.press("Approve").await;
    owner.press("For good").await;
    ann.until(&format!("!{hidden}")).await;
    ann.run(PASTES).await;
    ann.until("!!document.querySelector('#attached li:not(.on-its-way)')").await;
    let you = ann.is("document.querySelector('#you code').textContent").await;
    owner.say(&format!("/access revoke webchat:{}", you.as_str().unwrap())).await;
    ann.until(hidden).await;
    let kept = "document.querySelectorAll('#attached li').length";
    assert_eq!(ann.is(kept).await, 0, "nothing waits to be sent with a message");
    assert_eq!(ann.is("window.loaded").await, "once", "without a reload");
    ann.close().await;
    owner.close().await;
    world.stop();
}

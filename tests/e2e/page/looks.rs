//! How the page looks: no rule of axe-core is broken, on a desktop and on a phone, light and dark.

use std::io::Write;

use serde_json::json;

use super::{
    browser::{Chromium, Sight},
    owned,
    stories::PASTES,
};

const ANSWER: &str = r#"# A heading
Some **bold**, *italic* and `code`, and https://example.org/a?b=c.

```rust
fn main() { println!("a line that is so long that it does not fit on the screen of a phone at all"); }
```

> quoted

- one
- [a link](https://example.org)

| where | how far | by what |
| --- | ---: | --- |
| the harbour | 12 km | the tram, then a boat that goes every half hour |
| the hills | 7 km | on foot |

1. first
2. second
   - [x] done
   - [ ] to do
"#;
const PICTURE: &[u8] = include_bytes!("../../../plugins/webchat/page/icon.png");

async fn check(page: &Chromium, name: &str) {
    for (width, dark) in [(1280, false), (1280, true), (390, false), (390, true)] {
        page.look(Sight { width, dark }).await;
        let name = format!("{name}-{width}-{}", if dark { "dark" } else { "light" });
        page.picture(&name).await;
        assert_eq!(page.axe().await, [""; 0], "{name}");
        let fits = "document.documentElement.scrollWidth <= innerWidth && document.documentElement.scrollHeight <= innerHeight";
        assert_eq!(page.is(fits).await, true, "{name}: nothing is wider or higher than the screen");
        let jump = "document.getElementById('jump').hidden";
        assert_eq!(page.is(jump).await, true, "{name}: a page at the end stays there");
    }
    page.look(Sight { width: 1280, dark: false }).await;
}

/// A picture of the README.
async fn picture_for_readers(page: &Chromium, name: &str) {
    let size = json!({ "width": 900, "height": 560, "deviceScaleFactor": 1, "mobile": false });
    page.cdp("Emulation.setDeviceMetricsOverride", size).await;
    page.picture(name).await;
    page.look(Sight { width: 1280, dark: false }).await;
}

#[tokio::test]
#[ignore = "needs chromium, chromedriver, and the axe-core that .ci/run installs"]
async fn nothing_on_the_page_is_out_of_reach() {
    let (mut world, owner) = owned(ANSWER).await;
    let home = world.home.state().parent().unwrap().to_owned();
    let ann = Chromium::open(world.port()).await;
    check(&ann, "empty").await;
    ann.types("//input[@id='name']", "Ann").await;
    ann.say("hello").await;
    ann.shows("Pairing code").await;
    check(&ann, "stranger").await;
    owner.shows("A sender asks for access.").await;
    check(&owner, "card").await;
    picture_for_readers(&owner, "card").await;
    owner.press("Block").await;
    check(&owner, "sure").await;
    owner.press("Cancel").await;
    owner.press("Approve").await;
    owner.shows("Approve for how long?").await;
    check(&owner, "terms").await;
    picture_for_readers(&owner, "for-how-long").await;
    owner.press("For good").await;
    owner.shows("✅ Approved").await;
    owner.toast().await;
    check(&owner, "decided").await;
    ann.shows("approved").await;
    std::fs::File::create(home.join("map.png")).unwrap().write_all(PICTURE).unwrap();
    ann.say("how, see https://example.org").await;
    ann.until("document.querySelector('.message:not(.own) img.sent')?.naturalWidth > 1").await;
    check(&ann, "guest").await;
    ann.click("//summary").await;
    check(&ann, "answer").await;
    ann.click("//summary").await;
    ann.run(PASTES).await;
    ann.until("!!document.querySelector('#attached li:not(.on-its-way)')").await;
    check(&ann, "attached").await;
    ann.click("//button[@id='send']").await;
    ann.until("document.querySelector('.own img.sent')?.naturalWidth === 1").await;
    check(&ann, "picture").await;
    ann.close().await;
    owner.close().await;
    world.stop();
}

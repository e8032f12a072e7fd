//! The page in Chromium, at the gateway: what a person sees, presses and hears there, on a desktop and on a phone, light
//! and dark, and that axe-core finds nothing.

mod browser;
mod looks;
mod stories;

use self::browser::Chromium;
use crate::{
    process::{Home, write},
    world::World,
};

const CONFIG: &str = r#"
[channels.webchat]
[assistant]
responder = "command"
[assistant.command]
program = "/bin/sh"
args = ["-c", "cat $HOME/answer.md; cp $HOME/*.png \"$(sed -n 's/.*\"answer_folder\":\"\\([^\"]*\\)\".*/\\1/p')\" 2>&-; true"]
"#;

/// A gateway whose owner is on the page, and whose assistant always gives this answer.
async fn owned(answer: &str) -> (World, Chromium) {
    let mut world = World::prepare(CONFIG).await;
    write(&world.home.state().parent().unwrap().join("answer.md"), answer);
    world.run();
    let owner = Chromium::open(world.port()).await;
    let claim = claim(&world.home);
    owner.say(&format!("/claim {claim}")).await;
    owner.shows("You are an owner").await;
    (world, owner)
}

/// The source of axe-core.
fn axe() -> String {
    let folder = std::env::var("OPENCLAW_CLIENTS").expect("OPENCLAW_CLIENTS names the clients");
    let path = format!("{folder}/axe/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}; see .ci/run"))
}

/// The code that makes an owner.
fn claim(home: &Home) -> String {
    let output = home.cli(&["owner", "claim"]);
    let (out, _) = crate::process::texts(&output);
    let code = out.split_whitespace().find(|word| word.len() > 12 && word.contains('-'));
    code.unwrap_or_else(|| panic!("a code: {out}")).to_owned()
}

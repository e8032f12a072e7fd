//! `openclaw qr`: a code that can be pasted, drawn or read by a script; only its digest rests.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::support::{Folder, mode};

fn payload(code: &str) -> Value {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(code.trim()).unwrap()).unwrap()
}

#[test]
fn case_048_the_code_alone_can_be_pasted_and_rests_nowhere() {
    let folder = Folder::empty();
    let code = folder.done("qr --local --setup-code-only");
    let holds = payload(&code);
    assert_eq!(holds["url"], format!("ws://127.0.0.1:{}", folder.port()));
    assert_eq!((&holds["access"], &holds["token"]), (&"limited".into(), &holds["bootstrapToken"]));
    let token = holds["token"].as_str().unwrap();
    for (path, bytes) in folder.files() {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains(token) && !text.contains(code.trim()), "{}", path.display());
    }
    assert_eq!(mode(&folder.path("devices/bootstrap.json")), 0o600);
}

#[test]
fn a_script_reads_json_and_json_wins() {
    let folder = Folder::empty();
    let said: Value =
        serde_json::from_str(&folder.done("qr --local --json --full --setup-code-only")).unwrap();
    let holds = payload(said["setupCode"].as_str().unwrap());
    assert_eq!(said["expiresAtMs"], holds["expiresAtMs"]);
    let mut keys: Vec<&String> = said.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["access", "auth", "expiresAtMs", "gatewayUrl", "setupCode", "urlSource"]);
    assert_eq!(
        (&said["access"], &said["gatewayUrl"]),
        (&"full".into(), &format!("ws://127.0.0.1:{}", folder.port()).into())
    );
}

#[test]
fn it_is_drawn_for_people_and_into_files_of_their_own() {
    let folder = Folder::empty();
    let said = folder.done("qr --local --png code.png --svg code.svg");
    let lines: Vec<&str> = said.lines().collect();
    let drawn = lines.iter().filter(|line| line.starts_with('█')).count();
    assert!(drawn > 20, "{said}");
    let code = lines.iter().find_map(|line| line.strip_prefix("Setup code: ")).unwrap();
    assert_eq!(payload(code)["access"], "limited");
    assert!(
        said.contains("\nAccess: limited\n")
            && said.ends_with("openclaw devices approve <request>\n")
    );
    for (name, begins) in [("code.png", b"\x89PNG".as_slice()), ("code.svg", b"<svg")] {
        let file = folder.cwd().join(name);
        assert!(std::fs::read(&file).unwrap().starts_with(begins), "{name}");
        assert_eq!(mode(&file), 0o600, "a code is drawn in it");
    }
}

/// What a scanner reads in a picture of one byte a pixel.
fn scanned(width: usize, height: usize, luma: impl Fn(usize, usize) -> u8) -> String {
    let mut picture = rqrr::PreparedImage::prepare_from_greyscale(width, height, luma);
    let grids = picture.detect_grids();
    assert_eq!(grids.len(), 1, "one code in the picture");
    grids[0].decode().unwrap().1
}

#[test]
fn case_048_a_scanner_of_others_reads_every_drawing() {
    let folder = Folder::empty();
    let said = folder.done("qr --local --png code.png --svg code.svg");
    let code = said.lines().find_map(|line| line.strip_prefix("Setup code: ")).unwrap();

    let file = std::fs::File::open(folder.cwd().join("code.png")).unwrap();
    let mut png = png::Decoder::new(std::io::BufReader::new(file));
    png.set_transformations(png::Transformations::EXPAND);
    let mut png = png.read_info().unwrap();
    let mut pixels = vec![0; png.output_buffer_size().unwrap()];
    let frame = png.next_frame(&mut pixels).unwrap();
    let (width, height) = (frame.width as usize, frame.height as usize);
    assert_eq!(scanned(width, height, |x, y| pixels[y * frame.line_size + x]), code, "the PNG");

    // A letter is two modules, one above the other; light letters on a dark ground.
    let drawn: Vec<Vec<char>> = said
        .lines()
        .filter(|line| !line.is_empty() && line.chars().all(|c| " ▄▀█".contains(c)))
        .map(|line| line.chars().collect())
        .collect();
    let (scale, columns) = (4, drawn.iter().map(Vec::len).max().unwrap());
    let lit = |x: usize, y: usize| {
        let letter = drawn[y / 2].get(x).copied().unwrap_or(' ');
        letter == '█' || letter == if y.is_multiple_of(2) { '▀' } else { '▄' }
    };
    let luma = |x: usize, y: usize| if lit(x / scale, y / scale) { 255 } else { 0 };
    assert_eq!(scanned(columns * scale, drawn.len() * 2 * scale, luma), code, "the letters");
}

#[test]
fn what_makes_no_sense_makes_no_code() {
    let folder = Folder::empty();
    for line in ["qr --limited --full", "qr --local --url wss://gw.example.com", "qr nonsense"] {
        folder.fails(2, line);
    }
    let said = folder.fails(2, "qr --local --png nowhere/code.png");
    assert!(said.contains("there is no folder nowhere"), "{said}");
    let said = folder.fails(1, "qr");
    assert!(said.contains("--local"), "{said}");
    assert!(!folder.path("devices/bootstrap.json").exists());
}

#[test]
fn an_address_outside_is_named_and_must_be_encrypted() {
    let folder = Folder::empty();
    let line = "qr --url https://gw.example.com --no-probe --json";
    let said: Value = serde_json::from_str(&folder.done(line)).unwrap();
    assert_eq!(said["gatewayUrl"], "wss://gw.example.com");
    assert_eq!(payload(said["setupCode"].as_str().unwrap())["url"], "wss://gw.example.com");
    let before = folder.text("devices/bootstrap.json");
    let said = folder.fails(1, "qr --url ws://gw.example.com --no-probe");
    assert!(said.contains("wss"), "{said}");
    assert_eq!(folder.text("devices/bootstrap.json"), before, "and makes no code");
}

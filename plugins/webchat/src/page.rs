//! The page's files, and the headers under which nothing but them can run.

use openclaw_plugin_sdk::{
    Bytes,
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
};
use serde_json::json;

/// Nothing from elsewhere, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data: blob:; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 9] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::VARY, "Cookie"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// A file of the page.
pub(crate) struct File {
    kind: &'static str,
    bytes: &'static [u8],
}

impl File {
    const fn new(kind: &'static str, bytes: &'static [u8]) -> Self {
        Self { kind, bytes }
    }
}

const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

pub(crate) static INDEX: File = File::new(HTML, include_bytes!("../page/index.html"));

/// What the page loads, by its name below the page.
pub(crate) static FILES: [(&str, File); 7] = [
    ("/attach.js", File::new(JAVASCRIPT, include_bytes!("../page/attach.js"))),
    ("/draw.js", File::new(JAVASCRIPT, include_bytes!("../page/draw.js"))),
    ("/icon.png", File::new("image/png", include_bytes!("../page/icon.png"))),
    ("/icon.svg", File::new("image/svg+xml", include_bytes!("../page/icon.svg"))),
    ("/notice.js", File::new(JAVASCRIPT, include_bytes!("../page/notice.js"))),
    ("/script.js", File::new(JAVASCRIPT, include_bytes!("../page/script.js"))),
    ("/style.css", File::new("text/css; charset=utf-8", include_bytes!("../page/style.css"))),
];

impl File {
    pub(crate) fn response(&self) -> Response<Bytes> {
        respond(StatusCode::OK, self.kind, Bytes::from_static(self.bytes))
    }
}

/// What a browser needs to install the page under its title.
pub(crate) fn manifest(title: &str) -> Response<Bytes> {
    let icon = |kind, sizes, of| json!({ "src": of, "sizes": sizes, "type": kind });
    let manifest = json!({
        "name": title,
        "short_name": title,
        "start_url": "/chat",
        "scope": "/chat",
        "display": "standalone",
        "background_color": "#f7f4f0",
        "theme_color": "#b83a26",
        "icons": [
            icon("image/png", "192x192", "/chat/icon.png"),
            icon("image/svg+xml", "any", "/chat/icon.svg"),
        ],
    });
    respond(StatusCode::OK, "application/manifest+json", manifest.to_string().into())
}

/// An answer for a person who reads it without the page.
pub(crate) fn refusal(status: StatusCode, text: &'static str) -> Response<Bytes> {
    respond(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
}

/// An answer for the page itself.
pub(crate) fn json(said: &serde_json::Value) -> Response<Bytes> {
    respond(StatusCode::OK, "application/json", said.to_string().into())
}

pub(crate) fn respond(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(kind: &str) -> Vec<&'static str> {
        let texts = FILES.iter().map(|(_, file)| file).chain([&INDEX]);
        let texts = texts.filter(|file| file.kind.starts_with(kind));
        texts.map(|file| std::str::from_utf8(file.bytes).unwrap()).collect()
    }

    #[test]
    fn case_112_the_page_can_run_nothing_that_a_message_brings() {
        for way in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "Function(",
            "srcdoc",
            "createContextualFragment",
            "DOMParser",
            "setHTML",
            "javascript:",
            "setAttribute('on",
            "import(",
        ] {
            assert!(texts("text/javascript").iter().all(|script| !script.contains(way)), "{way}");
        }
        for timer in
            ["setTimeout('", "setTimeout(\"", "setTimeout(`", "setInterval('", "setInterval(\""]
        {
            let scripts = texts("text/javascript");
            assert!(
                scripts.len() == 4 && scripts.iter().all(|one| !one.contains(timer)),
                "{timer}"
            );
        }
    }

    #[test]
    fn the_page_brings_nothing_inline_and_nothing_from_elsewhere() {
        let html = texts(HTML)[0];
        assert!(!html.contains("<style") && !html.contains(" style="));
        let attributes =
            html.split_whitespace().filter_map(|word| word.split_once('=')).map(|(name, _)| name);
        assert_eq!(attributes.filter(|name| name.starts_with("on")).count(), 0);
        let scripts: Vec<_> = html.match_indices("<script").map(|(at, _)| &html[at..]).collect();
        assert!(scripts.len() == 1 && scripts[0].starts_with(r#"<script src="/chat/script.js""#));
        for text in [texts("text/"), texts("image/svg")].concat() {
            let text = text.replace("http://www.w3.org/2000/svg", "");
            assert!(
                !text.contains("http://")
                    && !text.contains("https://")
                    && !text.contains("@import")
            );
            let loaded = text.match_indices("from '").map(|(at, _)| &text[at..]);
            assert!(loaded.filter(|from| !from.starts_with("from './")).count() == 0);
        }
    }

    #[test]
    fn case_112_the_policy_is_this_and_no_other() {
        let response = INDEX.response();
        let header = |name: &str| response.headers().get(name).unwrap().to_str().unwrap();
        assert_eq!(
            header("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; \
             manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        );
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-frame-options"), "DENY");
    }
}

//! The page's files, and the headers under which nothing but them can run.

use openclaw_plugin_sdk::{
    Bytes,
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
};

/// Nothing from elsewhere, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

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
    text: &'static str,
}

pub(crate) const INDEX: File =
    File { kind: "text/html; charset=utf-8", text: include_str!("../page/index.html") };
pub(crate) const SCRIPT: File =
    File { kind: "text/javascript; charset=utf-8", text: include_str!("../page/script.js") };
pub(crate) const STYLE: File =
    File { kind: "text/css; charset=utf-8", text: include_str!("../page/style.css") };

impl File {
    pub(crate) fn response(&self) -> Response<Bytes> {
        respond(StatusCode::OK, self.kind, self.text)
    }
}

/// An answer for a person who reads it without the page.
pub(crate) fn refusal(status: StatusCode, text: &'static str) -> Response<Bytes> {
    respond(status, "text/plain; charset=utf-8", text)
}

fn respond(status: StatusCode, kind: &'static str, text: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
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
            assert!(!SCRIPT.text.contains(way), "{way}");
        }
        for timer in
            ["setTimeout('", "setTimeout(\"", "setTimeout(`", "setInterval('", "setInterval(\""]
        {
            assert!(!SCRIPT.text.contains(timer), "{timer}");
        }
    }

    #[test]
    fn the_page_brings_nothing_inline_and_nothing_from_elsewhere() {
        let html = INDEX.text;
        assert!(!html.contains("<style") && !html.contains(" style="));
        let attributes =
            html.split_whitespace().filter_map(|word| word.split_once('=')).map(|(name, _)| name);
        assert_eq!(attributes.filter(|name| name.starts_with("on")).count(), 0);
        let scripts: Vec<_> = html.match_indices("<script").map(|(at, _)| &html[at..]).collect();
        assert!(scripts.len() == 1 && scripts[0].starts_with(r#"<script src="/chat/script.js""#));
        for text in [html, SCRIPT.text, STYLE.text] {
            let text = text.replace("http://www.w3.org/2000/svg", "");
            assert!(
                !text.contains("http://")
                    && !text.contains("https://")
                    && !text.contains("@import")
            );
        }
    }

    #[test]
    fn case_112_the_policy_is_this_and_no_other() {
        let response = INDEX.response();
        let header = |name: &str| response.headers().get(name).unwrap().to_str().unwrap();
        assert_eq!(
            header("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        );
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-frame-options"), "DENY");
    }
}

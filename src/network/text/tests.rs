//! Every text of this crate, to be read in one go.

#![expect(clippy::too_many_lines, reason = "the test is a list")]

use expect_test::expect;

use super::*;

#[test]
fn texts() {
    let full = || io::Error::other("full");
    let path = |name: &str| PathBuf::from("/s").join(name);
    let store = || StoreError::Io { doing: "read", path: path("a"), source: full() };
    let at: SocketAddr = "127.0.0.1:7".parse().unwrap();
    let url = Endpoint::parse("ws://192.168.1.10:7", false).unwrap();
    let ways = [
        NoWayIn::Another(vec!["wss://a".to_owned(), "wss://b".to_owned()]),
        NoWayIn::Invalid(NoEndpoint::Path),
        NoWayIn::Loopback(Vec::new()),
        NoWayIn::Loopback(vec![NO_PRIVATE.to_owned(), no_name(NO_TAILSCALE)]),
    ];
    let json = serde_json::from_str::<u8>("x").unwrap_err();
    let mismatch = TlsError::Mismatch { cert: path("c"), key: path("k"), why: "no".to_owned() };
    let texts = [
        BindError::Taken(at).to_string(),
        BindError::NotOurs(at.ip()).to_string(),
        BindError::NoTailnet.to_string(),
        BindError::Io { doing: "listen".to_owned(), source: full() }.to_string(),
        SecretError::NoPassword.to_string(),
        SecretError::Store(store()).to_string(),
        TlsError::Missing(path("c"), NO_CERTIFICATE).to_string(),
        TlsError::Missing(path("k"), NO_KEY).to_string(),
        TlsError::Missing(path("c"), NONE_MADE).to_string(),
        TlsError::NoPem(path("c"), "certificate").to_string(),
        mismatch.to_string(),
        IdentityError::Damaged.to_string(),
        OfferError::Randomness(full()).to_string(),
        OfferError::Encoding(json).to_string(),
        OfferError::Nowhere.to_string(),
        no_start(&full()),
        unsafe_address("gateway.bind", NoEndpoint::Plaintext),
        answers_with(502),
        left_out("wss://a"),
        unreached(&url, NO_ANSWER),
        not_encrypted(&url),
    ];
    let fixed = [
        NO_PRIVATE_HERE,
        NO_TAILNET,
        TAILSCALE_SILENT,
        TAILSCALE_FAILED,
        TAILSCALE_ENDLESS,
        TAILSCALE_NAMELESS,
        NOT_ASKED,
        NO_TOKEN,
    ];
    let texts = texts.into_iter().chain(fixed.map(str::to_owned));
    let texts = texts.chain(ways.iter().map(NoWayIn::why));
    expect![[r#"
        port 7 is taken by another program; choose another with `--port` or `gateway.port`
        `gateway.custom_bind_host` is 127.0.0.1, which is not an address of this machine
        `gateway.bind` is `tailnet`, and this machine has no address of one (100.64.0.0/10); start Tailscale first, or choose another `gateway.bind`
        cannot listen: full
        `gateway.auth.mode` is `password`, and there is none; set `gateway.auth.password` or OPENCLAW_GATEWAY_PASSWORD, or `gateway.auth.mode = "token"` for a token that the gateway makes
        cannot read /s/a: full
        there is no /s/c; it is the gateway's certificate
        there is no /s/k; it is the key of the certificate beside it
        there is no /s/c; name one, or set `gateway.tls.auto_generate`
        /s/c holds no certificate in PEM
        /s/c and /s/k do not fit together: no
        the key of the gateway is damaged; move it away, and the next start makes another
        the system's random generator failed: full
        cannot write the setup code: expected value at line 1 column 1
        there is no address to put into it
        `tailscale` cannot be started: full
        `gateway.bind` leads beyond a private network, where only `wss://` or `https://` is safe; `gateway.tls.enabled` or `tailscale serve` encrypts
        it answers with 502
        wss://a leads to another gateway and was left out
        ws://192.168.1.10:7 could not be reached from here (it did not answer within 3 seconds)
        ws://192.168.1.10:7 is not encrypted: the network can read along, the device gets limited rights, and some versions of the app take `wss` only; `gateway.tls.enabled` encrypts
        this container has no private address
        this machine has no address of a tailnet
        `tailscale status --json` did not answer within 5 seconds
        `tailscale status --json` failed; is Tailscale up?
        the answer of `tailscale status --json` does not end
        `tailscale status --json` names no host
        it could not be asked
        it holds no token; remove it, and the gateway makes a new one
        another gateway answers at wss://a, wss://b.
        the address has a path: a phone is given host and port only.
        only this machine can reach this gateway.
        only this machine can reach this gateway: this machine has no private address; `gateway.tailscale.mode` led to no name: `tailscale` is not in `PATH`."#]].assert_eq(&texts.collect::<Vec<_>>().join("\n"));
}

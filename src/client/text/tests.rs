//! Every text of this crate, to be read in one go.

#![expect(clippy::needless_raw_string_hashes, reason = "`UPDATE_EXPECT=1` writes them so")]

use expect_test::expect;

use super::*;

const FILES: [&str; 8] =
    [NO_IDENTITY, NO_KEY, OTHER_ID, NO_KEYS, NO_TOKENS, NO_MEMORY, NO_ADDRESS, NO_PIN];

fn errors() -> Vec<RemoteError> {
    let at = || "ws://h:1".to_owned();
    let refused = || Box::new(Refused::new("CODE", NO_REASON));
    let closed = |code, reason: &str| RemoteError::Closed { code, reason: reason.to_owned() };
    let unreadable = |why: &str| RemoteError::Unreadable { at: at(), why: why.to_owned() };
    vec![
        AddressError::Shape.into(),
        AddressError::Secret.into(),
        closed(None, ""),
        closed(Some(1006), ""),
        closed(Some(4000), SILENT),
        RemoteError::Distrust { at: at(), pinned: true },
        RemoteError::Distrust { at: at(), pinned: false },
        RemoteError::Foreign(at()),
        RemoteError::NoSecret(at()),
        RemoteError::NotLetIn(refused()),
        RemoteError::OtherKey(at()),
        RemoteError::Plaintext(at()),
        RemoteError::Refused(refused()),
        RemoteError::Runtime(io::Error::other("no timer")),
        RemoteError::Silent(at()),
        RemoteError::TokenOver(at()),
        RemoteError::Unproven(at()),
        RemoteError::Unreachable { at: at(), why: "connection refused".to_owned() },
        unreadable(BAD_FRAME),
        unreadable(BINARY),
        unreadable(TOO_LONG),
    ]
}

#[test]
fn texts() {
    let errors = errors();
    let plans = [NoPlan::Code, NoPlan::Expired, NoPlan::Pin, NoPlan::Pins, NoPlan::Nowhere];
    let of_node = [NO_COMMAND, NO_NOTICE, NO_JSON, NO_TEXT].map(str::to_owned);
    let texts = errors.iter().map(ToString::to_string);
    let texts = texts.chain(FILES.map(|why| format!("FILE: {why}")));
    let texts = texts.chain(plans.map(|why| why.to_string())).chain(of_node);
    expect![[r#"
        the gateway URL is not of the form ws://host:port or wss://host:port
        the gateway URL must hold no user, password, query or fragment
        the gateway closed the connection
        the gateway closed the connection (1006)
        the gateway closed the connection: nothing was heard from it (4000)
        the certificate of ws://h:1 is not the one with the pinned fingerprint
        the certificate of ws://h:1 is not vouched for by a public authority
        another program listens at ws://h:1, and not this machine's gateway; no secret was sent
        no token or password was given for ws://h:1
        the gateway gave no reason
        ws://h:1 has not proven the key of the gateway that was there before; no secret was sent
        ws://h:1 is not encrypted, and neither this machine nor a private address
        the gateway gave no reason
        cannot start: no timer
        the gateway at ws://h:1 did not answer in time
        ws://h:1 no longer accepts the token that it gave this machine
        ws://h:1 is not encrypted and has never proven a key, so its token is not sent there
        no gateway answers at ws://h:1: connection refused
        ws://h:1 does not answer like a gateway: it sent a frame that is none of the protocol
        ws://h:1 does not answer like a gateway: it sent a binary message
        ws://h:1 does not answer like a gateway: it sent a message that is too long
        FILE: no device identity; move it aside to become a new device
        FILE: no Ed25519 key; move it aside to become a new device
        FILE: the device id is of another key; move it aside to become a new device
        FILE: no list of the keys of gateways
        FILE: no list of device tokens; move it aside
        FILE: no memory of a node
        FILE: the gateway in it is none
        FILE: the fingerprint in it is none
        this is not a setup code
        this setup code has expired
        the certificate fingerprint in this setup code is invalid
        the setup code and --tls-fingerprint name different certificates
        this setup code names no gateway that is safe for a secret
        this node has no such command
        `title` or `body` is missing
        the parameters are no JSON
        the parameters are no text"#]]
    .assert_eq(&texts.collect::<Vec<_>>().join("\n"));
}

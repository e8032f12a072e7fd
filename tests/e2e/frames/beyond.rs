//! What the gateway sends beyond what is published or was recorded, and who reads it. Anything else beyond fails.

/// The protocols, the frame, the field (`*` is every entry), and its reader.
pub(super) const BEYOND: &[(&[u32], &str, &str, &str)] = &[
    (&[4], "res connect", "server/host", "Android shows it; gateways before 2026.6 send it"),
    (&[4], "res connect", "auth/method", "the real gateway sends it; its own schema lacks it"),
    (&[4], "res connect", "canvasHostUrl", "iOS and Android of protocol 3"),
    (&[3], "res connect", "features/capabilities", "Android reads it on either protocol"),
    (&[3], "res connect", "auth/method", "apps of protocol 4 that say 3"),
    (&[3], "res connect", "auth/deviceTokens", "iOS since March, which still says 3"),
    // One answer for both protocols; the command line of 2026.9 shows these.
    (&[3], "res device.pair.approve", "device/approvedVia", "the CLI of 2026.9"),
    (&[3], "res device.pair.approve", "device/deviceFamily", "the CLI of 2026.9"),
    (&[3], "res device.pair.approve", "device/connected", "the CLI of 2026.9"),
    (&[3], "res device.pair.list", "paired/*/approvedVia", "the CLI of 2026.9"),
    (&[3], "res device.pair.list", "paired/*/connected", "the CLI of 2026.9"),
    (&[3], "res device.pair.list", "paired/*/deviceFamily", "the CLI of 2026.9"),
    (&[3], "res device.pair.list", "pending/*/deviceFamily", "the CLI of 2026.9"),
    (&[3], "error", "details/code", "clients since 2026.2.22"),
    (&[3], "error", "details/reason", "clients since 2026.2.22"),
    (&[3], "error", "details/authReason", "iOS since March"),
    (&[3], "error", "details/canRetryWithDeviceToken", "iOS since March"),
    (&[3], "error", "details/recommendedNextStep", "iOS since March"),
    (&[3], "error", "details/remediationHint", "iOS since March"),
    (&[3], "error", "details/retryable", "iOS since March"),
    (&[3], "error", "details/pauseReconnect", "iOS since March"),
    (&[3], "error", "details/deviceId", "iOS since March"),
    (&[3], "error", "details/requestedRole", "iOS since March"),
    (&[3], "error", "details/requestedScopes", "iOS since March"),
    (&[3], "error", "details/approvedRoles", "iOS since March"),
    (&[3], "error", "details/approvedScopes", "iOS since March"),
];

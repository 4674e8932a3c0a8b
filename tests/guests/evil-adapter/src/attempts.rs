//! Requests, sockets and messages that nobody may have.
//!
//! Comes in: which attempt is next. Goes out: it. Each has a path of its own, so that a test can look
//! for it by name. Deliberately absent: anything that is allowed.

use wickd_sdk::exchange::{Method, Pair, Request, Socket};

/// Paths that are none, or lead elsewhere.
const PATHS: [&str; 12] = [
    "/../up",
    "/a/./dot",
    "/a/%2e%2e/encoded-up",
    "/a%2fencoded-slash",
    "/a%5cencoded-backslash",
    "/back\\slash",
    "/line\r\nX-Injected: yes",
    "/null%00byte",
    "@userinfo.example/x",
    ":80@port.example/x",
    "no-slash",
    "/frag#ment",
];

/// Headers that would change what is sent beyond themselves, or log in.
const HEADERS: [(&str, &str); 9] = [
    ("Host", "evil.example"),
    ("Content-Length", "0"),
    ("Transfer-Encoding", "chunked"),
    ("Connection", "keep-alive, X-API-KEY"),
    ("Cookie", "a=b"),
    ("Authorization", "Bearer mine"),
    ("x-api-key", "mine"),
    ("X-A", "a\r\nX-Injected: yes"),
    ("X-A\r\nX-Injected", "yes"),
];

/// Ways for money to leave, and how they are spelled.
const MONEY: [&str; 8] = [
    "/sapi/v1/capital/withdraw/apply",
    "/v1/WithDraw",
    "/v1/with-draw",
    "/v1/w%69thdraw",
    "/v1/w%2569thdraw",
    "/v1/with/draw",
    "/v1/asset/transfer",
    "/v1/sub_account/move",
];

/// What a logged-in socket should carry past the gate.
pub(crate) const TEXTS: [&str; 7] = [
    r#"{"op":"withdraw","amount":"1"}"#,
    r#"{"op":"with\u0064raw","amount":"1"}"#,
    r#"{"method":"order.place","params":{"side":"BUY"}}"#,
    r#"{"op":"subscribe","op":"order"}"#,
    r#"{"op":"subscribe","args":["with\u0064raw"]}"#,
    r#"[{"op":"order"}]"#,
    "order please",
];

/// The attempt of this number; after the last the first again.
pub(crate) fn request(number: usize) -> Request {
    let mut all: Vec<Request> = PATHS.iter().map(|path| Request::get("rest", path)).collect();
    all.extend(
        (0..)
            .zip(HEADERS)
            .map(|(n, header)| with(Request::get("rest", &format!("/header-{n}")), header)),
    );
    all.extend(MONEY.iter().map(|path| Request::post("rest", path)));
    all.extend(
        MONEY.iter().map(|path| Request::post("rest", &format!("{path}/signed")).signed("sign")),
    );
    all.extend([
        Request::get("nowhere", "/v1/unknown-endpoint"),
        Request::get("far", "/v1/not-granted"),
        Request::get("other", "/v1/echo").signed("sign"),
        Request::get("rest", "/v1/unknown-recipe").signed("mine"),
        Request::get("rest", "/v1/unlisted").signed("sign"),
        Request::get("rest", "/v1/login-as-request").signed("login"),
        Request::post("rest", "/v1/order").signed("sign").query("side", "BUY"),
        Request::new(Method::Delete, "rest", "/v1/order").signed("sign"),
        with(Request::get("rest", "/v1/echo").signed("sign"), ("X-API-KEY", "mine")),
        Request::get("rest", "/v1/echo").signed("sign").query("timestamp", 1),
        Request::get("rest", "/v1/unknown-bucket").cost("mine", 1),
        Request::get("rest", "/v1/too-heavy").cost("requests", u32::MAX),
        Request::get("rest", "/v1/weightless").cost("requests", 0),
    ]);
    all.swap_remove(number % all.len())
}

fn with(mut request: Request, (name, value): (&str, &str)) -> Request {
    request.headers.push(Pair { name: name.to_owned(), value: value.to_owned() });
    request
}

/// Sockets to where nobody may go.
pub(crate) fn sockets(channels: &[u32]) -> Vec<Socket> {
    let plain = |endpoint: &str, path: &str| Socket {
        channels: channels.to_vec(),
        ..Socket::new(endpoint, path, 0)
    };
    let login = |endpoint: &str, path: &str, recipe: &str| Socket {
        login: recipe.to_owned(),
        ..plain(endpoint, path)
    };
    vec![
        plain("nowhere", "/unknown-endpoint"),
        plain("stream", "/../socket-up"),
        plain("stream", "/line\r\nX-Injected: yes"),
        plain("stream", "@userinfo.example/socket"),
        plain("far", "/not-granted"),
        plain("rest", "/no-socket"),
        login("stream", "/login-elsewhere", "login"),
        login("account", "/request-as-login", "sign"),
        login("account", "/unknown-login", "mine"),
        login("account", "/v1/withdraw", "login"),
    ]
}

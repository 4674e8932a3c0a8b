use core::net::IpAddr;

use proptest::prelude::*;
use wickd_model::PluginName;

use super::*;
use crate::yaml::{Problems, parse};

fn grants(yaml: &str) -> Grants {
    let mut problems = Problems::default();
    let grants = Grants::read(&parse(yaml, 1 << 16).unwrap(), Enforcement::Enforce, &mut problems);
    let told: Vec<_> = problems.into_sorted().iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{yaml}: {told:?}");
    grants
}

fn refused(yaml: &str) -> String {
    let mut problems = Problems::default();
    Grants::read(&parse(yaml, 1 << 16).unwrap(), Enforcement::Enforce, &mut problems);
    problems.into_sorted().first().map(ToString::to_string).unwrap_or_default()
}

fn plugin() -> PluginName {
    "alerts".parse().unwrap()
}

fn decide(grants: &Grants, url: &str) -> Result<Permit, String> {
    let target = Target::parse(url).map_err(|error| error.to_string())?;
    grants.decide(&plugin(), &target, "GET").map_err(|denial| denial.to_string())
}

/// Every one looks, to somebody, like `https://api.example.org/v1` or like no address at all.
const LOOK_ALIKES: [&str; 92] = [
    // Userinfo and delimiters.
    "https://api.example.org@evil.example/v1",
    "https://api.example.org:443@evil.example/v1",
    "https://user:password@api.example.org/v1",
    "https://@api.example.org/v1",
    "https://evil.example#api.example.org/v1",
    "https://evil.example?api.example.org/v1",
    "https://evil.example/api.example.org/v1",
    "https://evil.example\\@api.example.org/v1",
    "https://evil.example\\.api.example.org/v1",
    "https:\\\\api.example.org/v1",
    "https:/api.example.org/v1",
    "https:api.example.org/v1",
    "https:///api.example.org/v1",
    "//api.example.org/v1",
    "api.example.org/v1",
    "",
    "https://",
    "https:///",
    "https://:443/v1",
    // Another host, scheme or port.
    "http://api.example.org/v1",
    "wss://api.example.org/v1",
    "ftp://api.example.org/v1",
    "file:///etc/passwd",
    "javascript://api.example.org/%0aalert(1)",
    "https://api.example.org:8443/v1",
    "https://api.example.org:0/v1",
    "https://api.example.org:65536/v1",
    "https://api.example.org:/v1",
    "https://api.example.org:0443/v1",
    "https://api.example.org:+443/v1",
    "https://api.example.org:443:443/v1",
    "https://api.example.org.evil.example/v1",
    "https://api-example.org/v1",
    "https://apiexample.org/v1",
    "https://xapi.example.org/v1",
    "https://x.api.example.org/v1",
    "https://example.org/v1",
    "https://api.example.org./v1",
    "https://api..example.org/v1",
    "https://.api.example.org/v1",
    "https://api.exampIe.org/v1",
    "https://api_.example.org/v1",
    "https://-api.example.org/v1",
    "https://*.example.org/v1",
    // Letters that are not what they seem.
    "https://\u{430}pi.example.org/v1",
    "https://api.ex\u{430}mple.org/v1",
    "https://api.example.\u{3bf}rg/v1",
    "https://\u{ff41}\u{ff50}\u{ff49}.example.org/v1",
    "https://\u{24d0}pi.example.org/v1",
    "https://api\u{3002}example.org/v1",
    "https://api\u{ff0e}example.org/v1",
    "https://api.exam\u{ad}ple.org/v1",
    "https://api.exam\u{200b}ple.org/v1",
    "https://api.exam\u{200d}ple.org/v1",
    "https://\u{202e}api.example.org/v1",
    "https://api.example.org\u{2044}v1",
    "https://xn--pi-7kc.example.org/v1",
    "https://xn--a.example.org/v1",
    "https://%61pi.example.org/v1",
    "https://api%2eexample%2eorg/v1",
    "https://api.example.org%00.evil.example/v1",
    "https://api.example.org%2f@evil.example/v1",
    // Spaces, controls, line ends.
    " https://api.example.org/v1",
    "https://api.example.org/v1 ",
    "https://api.exam\tple.org/v1",
    "https://api.example.org\n/v1",
    "https://api.example.org/v1\r\nHost: evil.example",
    "https://api.example.org/v1\0",
    "ht\ntps://api.example.org/v1",
    // Paths that another reader would split elsewhere.
    "https://api.example.org/v1/../admin",
    "https://api.example.org/v1/./x",
    "https://api.example.org/v1//x",
    "https://api.example.org//v1",
    "https://api.example.org/v1/%2e%2e/admin",
    "https://api.example.org/v1/%2E%2e/admin",
    "https://api.example.org/v1%2fadmin",
    "https://api.example.org/v1%5cadmin",
    "https://api.example.org/v1\\admin",
    "https://api.example.org/v1%252fadmin",
    "https://api.example.org/v1%0d%0aX: y",
    "https://api.example.org/v1%00",
    "https://api.example.org/v1%zz",
    "https://api.example.org/v1%4",
    "https://api.example.org/v10",
    "https://api.example.org/V1",
    "https://api.example.org/",
    "https://api.example.org/v1#top",
    "https://api.example.org/v1#",
    // Brackets.
    "https://[api.example.org]/v1",
    "https://[::1%25eth0]/v1",
    "https://[::1]x/v1",
    "https://::1/v1",
];

#[test]
fn nothing_that_only_looks_granted_is_granted() {
    let grants = grants("- {to: 'https://api.example.org:443', methods: [GET], paths: [/v1]}");
    for good in [
        "https://api.example.org/v1",
        "https://api.example.org:443/v1/x?q=1",
        "HTTPS://API.example.ORG/v1",
        "https://api.example.org/v1?next=https://evil.example/../%2f",
    ] {
        assert!(decide(&grants, good).is_ok(), "{good}");
    }
    for bad in LOOK_ALIKES {
        let outcome = decide(&grants, bad);
        let told = outcome.map(|permit| permit.target().url()).expect_err(bad);
        assert!(!told.chars().any(char::is_control), "{bad:?}: {told:?}");
        assert!(!told.contains("password"), "{told}");
    }
}

#[test]
fn every_spelling_of_an_address_is_that_address() {
    let loopback: IpAddr = "127.0.0.1".parse().unwrap();
    let table = [
        "127.0.0.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "127.1",
        "127.0.1",
        "017700000001",
        "0x7f.1",
        "0x7f.0x0.0x0.0x1",
        "127.0.0.0x1",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "[0000:0000:0000:0000:0000:FFFF:7F00:0001]",
    ];
    for spelling in table {
        let target = Target::parse(&format!("http://{spelling}/")).unwrap();
        assert_eq!(target.origin().host, Host::Address(loopback), "{spelling}");
        assert_eq!(target.url(), "http://127.0.0.1:80/");
    }
    let all = grants("- https://api.example.org");
    for never in [
        "http://169.254.169.254/latest",
        "http://0xa9fea9fe/",
        "http://2852039166/",
        "http://0251.0376.0251.0376/",
        "http://[::ffff:169.254.169.254]/",
        "http://[::]/",
        "http://0/",
        "http://0.0.0.0/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[fd00:ec2::254]/",
        "http://[fe80::1]/",
        "http://224.0.0.1/",
    ] {
        let told = decide(&all, never).unwrap_err();
        assert!(told.contains("no grant opens such an address"), "{never}: {told}");
    }
    for odd in [
        "http://256.0.0.1/",
        "http://127.0.0.1.5/",
        "http://4294967296/",
        "http://0x100000000/",
        "http://127.0.0.1./",
        "http://08.0.0.1/",
        "http://\u{ff11}27.0.0.1/",
        "http://127\u{3002}1/",
        "http://1.2.3.4.example.0x1/",
    ] {
        assert!(Target::parse(odd).is_err(), "{odd}");
    }
}

#[test]
fn an_international_name_is_compared_in_punycode_only() {
    let grants = grants("- https://xn--bcher-kva.example");
    let permit = decide(&grants, "https://b\u{fc}cher.example/").unwrap();
    assert_eq!(permit.target().url(), "https://xn--bcher-kva.example:443/");
    assert!(refused("- https://b\u{fc}cher.example").contains("means `https://xn--bcher-kva"));
}

#[test]
fn a_wildcard_is_one_label_and_never_the_rest_itself() {
    let grants = grants("- https://*.example.org");
    assert!(decide(&grants, "https://a.example.org/").is_ok());
    for other in ["https://example.org/", "https://a.b.example.org/", "https://aexample.org/"] {
        assert!(decide(&grants, other).is_err(), "{other}");
    }
}

#[test]
fn a_grant_that_reads_unlike_what_it_grants_is_refused_with_place_and_fix() {
    let table = [
        ("- https://api.example.org/v1", "has a path; put it under `paths`"),
        ("- https://API.example.org", "means `https://api.example.org:443`"),
        ("- https://*.org", "too wide"),
        ("- https://*", "the whole first label"),
        ("- https://a.*.org", "the whole first label"),
        ("- https://*x.example.org", "the whole first label"),
        ("- http://127.1:80", "means `http://127.0.0.1:80`"),
        ("- http://127.0.0.1:80", "add `private: true`"),
        ("- http://10.0.0.1", "add `private: true`"),
        ("- {to: 'http://169.254.169.254', private: true}", "no grant opens such an address"),
        ("- {to: 'https://*.example.org', private: true}", "too wide"),
        ("- {to: 'https://a.example', methods: [get]}", "unknown value `get`"),
        ("- {to: 'https://a.example', paths: [v1]}", "start it with `/`"),
        ("- {to: 'https://a.example', paths: [/a/../b]}", "a dot segment"),
        ("- {to: 'https://a.example', private: yes}", "unknown value `yes`"),
        ("- {too: 'https://a.example'}", "did you mean `to`?"),
        ("- ftp://a.example", "another scheme"),
        ("- https://user@a.example", "userinfo"),
        ("- [a]", "a list where a single value"),
        ("x", "a list should stand"),
    ];
    for (yaml, want) in table {
        let told = refused(yaml);
        assert!(told.contains(want) && told.starts_with("line 1, column"), "{yaml}: {told}");
    }
}

#[test]
fn the_line_a_denial_names_grants_exactly_what_was_denied() {
    let nothing = grants("[]");
    for (url, method) in [
        ("https://api.example.org/v1/it's?key=1", "POST"),
        ("wss://stream.example.org:9443/ws", "GET"),
        ("http://127.0.0.1:8080/x", "DELETE"),
        ("http://[::1]:8080/", "GET"),
        ("https://api.example.org/a,b{c}", "GET"),
    ] {
        let target = Target::parse(url).unwrap();
        let denial = nothing.decide(&plugin(), &target, method).unwrap_err();
        let told = denial.to_string();
        assert!(told.starts_with(&format!("plugin `alerts` may not {method} ")), "{told}");
        assert!(!told.contains("key=1"), "{told}");
        let line = denial.fix.split('`').nth(1).unwrap();
        let granted = grants(line);
        assert!(granted.decide(&plugin(), &target, method).is_ok(), "{line}");
        let other = Target::parse("https://other.example.org/").unwrap();
        assert!(granted.decide(&plugin(), &other, method).is_err());
    }
}

#[test]
fn a_denied_method_points_at_the_grant_that_nearly_fits() {
    let grants = grants("- https://b.example\n- {to: 'https://a.example', methods: [GET]}");
    let target = Target::parse("https://a.example/x").unwrap();
    let told = grants.decide(&plugin(), &target, "POST").unwrap_err().to_string();
    assert_eq!(
        told,
        "plugin `alerts` may not POST https://a.example:443/x: the grant in line 2 is for other \
         methods or paths; add `- {to: 'https://a.example:443', methods: [POST], paths: ['/x']}` \
         under its `network`"
    );
}

#[test]
fn counting_lets_the_ungranted_pass_and_says_so_but_opens_no_private_address() {
    let grants = Grants { enforcement: Enforcement::Count, lines: Vec::new() };
    let permit = decide(&grants, "https://api.example.org/").unwrap();
    assert!(permit.counted().is_some_and(|denial| denial.reason.contains("not granted")));
    assert!(permit.check("8.8.8.8".parse().unwrap()).is_ok());
    assert!(permit.check("10.0.0.1".parse().unwrap()).is_err());
    for never in ["http://127.0.0.1/", "http://10.0.0.1/", "http://169.254.169.254/"] {
        assert!(decide(&grants, never).is_err(), "{never}");
    }
}

proptest! {
    #[test]
    fn a_target_reads_back_as_itself(text in "(https|wss)://[a-z0-9.:\\[\\]%@-]{1,24}(/[ -~]{0,20})?") {
        if let Ok(target) = Target::parse(&text) {
            prop_assert_eq!(Target::parse(&target.url()), Ok(target));
        }
    }

    #[test]
    fn no_text_panics(text in "(https://)?\\PC{0,40}") {
        if let Err(error) = Target::parse(&text) {
            prop_assert!(!error.to_string().chars().any(char::is_control));
        }
    }

    #[test]
    fn every_number_that_is_an_address_is_classed_like_the_address(number: u32) {
        let target = Target::parse(&format!("http://{number}/")).unwrap();
        prop_assert_eq!(&target.origin().host, &Host::Address(IpAddr::from(number.to_be_bytes())));
    }
}

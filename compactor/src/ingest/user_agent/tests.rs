use super::*;

/// The details in one line: each value after its key, nulls left out.
fn shown(user_agent: &str) -> String {
    let details = match parse(user_agent) {
        UserAgent::Ignored => return "ignored".to_owned(),
        UserAgent::Unknown => return "unknown".to_owned(),
        UserAgent::Known(details) => details,
    };
    let installer = details.installer.unwrap_or_default();
    let implementation = details.implementation.unwrap_or_default();
    let distro = details.distro.unwrap_or_default();
    let libc = distro.libc.unwrap_or_default();
    let system = details.system.unwrap_or_default();
    let fields = [
        ("installer", installer.name, installer.version),
        ("python", details.python, None),
        ("impl", implementation.name, implementation.version),
        ("distro", distro.name, distro.version),
        ("distro-id", distro.id, None),
        ("libc", libc.lib, libc.version),
        ("system", system.name, system.release),
        ("cpu", details.cpu, None),
        ("openssl", details.openssl_version, None),
        ("setuptools", details.setuptools_version, None),
        ("rustc", details.rustc_version, None),
        ("ci", details.ci.map(|ci| ci.to_string().into()), None),
        ("user-data", details.user_data, None),
    ];
    let shown = fields.into_iter().filter_map(|(key, name, version)| {
        let values = [name, version].into_iter().flatten();
        let values: Vec<_> = values.map(|value| format!("{value:?}")).collect();
        (!values.is_empty()).then(|| format!("{key} {}", values.join(" ")))
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// What is known of `user_agent`, as [`shown`] has it.
fn check(user_agent: &str, expect: &str) {
    assert_eq!(shown(user_agent), expect, "{user_agent:?}");
}

#[test]
fn pip_and_uv_send_json() {
    check(
        r#"pip/24.0 {"ci":true,"cpu":"x86_64","distro":{"id":"jammy","libc":{"lib":"glibc","version":"2.35"},"name":"Ubuntu","version":"22.04"},"implementation":{"name":"CPython","version":"3.12.2"},"installer":{"name":"pip","version":"24.0","subcommand":["install"]},"openssl_version":"OpenSSL 3","python":"3.12.2","rustc_version":"1.76.0","setuptools_version":"69","system":{"name":"Linux","release":"6.5"},"user_data":"team"}"#,
        r#"installer "pip" "24.0", python "3.12.2", impl "CPython" "3.12.2", distro "Ubuntu" "22.04", distro-id "jammy", libc "glibc" "2.35", system "Linux" "6.5", cpu "x86_64", openssl "OpenSSL 3", setuptools "69", rustc "1.76.0", ci "true", user-data "team""#,
    );
    check(
        r#"uv/0.1.22 {"installer":{"name":"uv","version":"0.1.22"},"python":null,"distro":null,"ci":null}"#,
        r#"installer "uv" "0.1.22""#,
    );
    // The name before the JSON decides nothing but the kind.
    check(
        r#"pip/22.0.3 {"installer":{"name":"uv","version":"AAA"}}"#,
        r#"installer "uv" "AAA""#,
    );
    check("pip/6 {}", "");
    check("pip/v6.0.post1+x \t {} ", "");
    check("pip/20 {}\n", "");

    check("pip/6.0.dev1 {}", "unknown");
    check("pip/5.9 {}", "unknown");
    check("pip/evil {}", "unknown");
    check("uv/0.1.21 {}", "unknown");
    check("pip/24.0", "unknown");
    check("pip/24.0 ", "unknown");
    check("pip/24.0 no JSON", "unknown");
    check("pip/24.0 {} x", "unknown");
    check("pip/24.0 {\"cpu\":\"x86\t64\"}", "unknown");
    check("PIP/24.0 {}", "unknown");
    check(r#"{"installer":{"name":"pip"}}"#, "unknown");
}

/// Nobody genuine sends these; the results are those of Python's `str()` and
/// `bool()`, and null where those would give a list or an object.
#[test]
fn json_of_the_wrong_types_keeps_the_rest() {
    fn check_json(json: &str, expect: &str) {
        check(&format!("pip/24.0 {json}"), expect);
    }

    check_json(r#"{"python":3.8}"#, r#"python "3.8""#);
    check_json(r#"{"python":3}"#, r#"python "3""#);
    check_json(r#"{"cpu":true}"#, r#"cpu "True""#);
    check_json(r#"{"ci":"false"}"#, r#"ci "true""#);
    check_json(r#"{"ci":0}"#, r#"ci "false""#);
    check_json(r#"{"ci":[]}"#, r#"ci "false""#);
    check_json(r#"{"cpu":"a","cpu":"b"}"#, r#"cpu "b""#);
    check_json(r#"{"cpu":{"a":1},"python":"3.8"}"#, r#"python "3.8""#);
    check_json(r#"{"installer":"pip","python":"3.8"}"#, r#"python "3.8""#);
    check_json(r#"{"distro":5,"python":"3.8"}"#, r#"python "3.8""#);
    check_json(r#"["python"]"#, "");
    check_json("null", "");
}

#[test]
fn old_pip_sends_words() {
    check(
        "pip/1.4.1 CPython/2.7.14 Darwin/17.7.0",
        r#"installer "pip" "1.4.1", python "2.7.14", impl "CPython" "2.7.14", system "Darwin" "17.7.0""#,
    );
    check(
        "pip/5.9 PyPy/2.0 Unknown/unknown",
        r#"installer "pip" "5.9", impl "PyPy" "2.0""#,
    );
    check(
        "pip/1.4 cpython/Unknown UNKNOWN/x",
        r#"installer "pip" "1.4", python "Unknown", impl "cpython", system "x""#,
    );
    check("pip/1.3 CPython/2.7.14 Darwin/17.7.0", "unknown");
    check("pip/1.4rc1 CPython/2.7.14 Darwin/17.7.0", "unknown");
    check("pip/6.0 CPython/2.7.14 Darwin/17.7.0", "unknown");
    check("pip/1.4.1 CPython/2.7.14", "unknown");
    check("pip/1.4.1  CPython/2.7.14 Darwin/17.7.0", "unknown");
}

#[test]
fn installers_send_words() {
    check(
        "poetry/1.1.11 CPython/3.9.2 Linux/5.10-WSL2",
        r#"installer "poetry" "1.1.11", impl "CPython" "3.9.2", system "Linux" "5.10-WSL2""#,
    );
    check(
        "poetry/1.1.11 CPython/3.9.2 Windows/",
        r#"installer "poetry" "1.1.11", impl "CPython" "3.9.2", system "Windows""#,
    );
    check("poetry/1.1.11 CPython/3.9.2", "unknown");
    check(
        "pdm/2.1 CPython/3.11.0",
        r#"installer "pdm" "2.1", impl "CPython" "3.11.0""#,
    );
    check("pdm/2.1 CPython/3.11.0 x", "unknown");
    check(
        "twine/4.0 CPython/3.9",
        r#"installer "twine" "4.0", impl "CPython" "3.9""#,
    );
    check(
        "twine/3.8 pkginfo/1.9 tqdm/4.6 CPython/3.9",
        r#"installer "twine" "3.8", impl "CPython" "3.9""#,
    );
    check("twine/3.8  CPython/3.9", "unknown");
    check("twine/3.8 CPython", "unknown");
    check("Python-urllib/2.7", r#"python "2.7""#);
    check("Python-urllib/3.10", "unknown");
    check(
        "Python-urllib/3.6 distribute/0.6",
        r#"installer "distribute" "0.6", python "3.6""#,
    );
    check(
        "Python-urllib/3.6 setuptools/1.0",
        r#"installer "setuptools" "1.0", python "3.6""#,
    );
    check(
        "setuptools/1.0 Python-urllib/3.6",
        r#"installer "setuptools" "1.0", python "3.6""#,
    );
    check("distribute/0.6 Python-urllib/3.6", "unknown");
    check("Python-urllib/3.6 pip/1.0", "unknown");
    check("conda/4.3.16", r#"installer "conda" "4.3.16""#);
    check("conda/4.3 requests/2", r#"installer "conda" "4.3""#);
    check("conda/4.3 ", "unknown");
    check("python-requests/2.7.0 x", r#"installer "requests" "2.7.0""#);
    check("python-requests/", "unknown");
    check(
        "maturin/0.8.0-alpha.2",
        r#"installer "maturin" "0.8.0-alpha.2""#,
    );
    check("maturin/0.8 x", "unknown");
    check("pex/1.4.5", r#"installer "pex" "1.4.5""#);
    check("apex/1 pex/2/3", r#"installer "pex" "2/3""#);
    check("pex/1.4.5 x", "unknown");
    check("pex/", "unknown");
    check("Bazel/1.0 dev", r#"installer "Bazel" "1.0 dev""#);
    check("Bazel/release 1.0", r#"installer "Bazel" "1.0""#);
    check("Bazel/release1.0", r#"installer "Bazel" "release1.0""#);
    check("Bazel/release", r#"installer "Bazel" "release""#);
    check("Bazel/release ", r#"installer "Bazel" "release ""#);
    check("Bazel/release  ", r#"installer "Bazel" " ""#);
    check("Bazel/", "unknown");
    check(
        "Homebrew/0.9.9 (Macintosh; Intel macOS 10.12.0) curl/7.43.0",
        r#"installer "Homebrew" "0.9.9", distro "OS X" "10.12.0""#,
    );
    check(
        "Homebrew/1 (Macintosh; Intel Mac OS X 10.8)",
        r#"installer "Homebrew" "1", distro "OS X" "10.8""#,
    );
    check("Homebrew/1 (Macintosh; arm64 macOS 15)", "unknown");
    check("Homebrew/1 (Macintosh; Intel macOS )", "unknown");
    check("Homebrew/1 (Macintosh; Intel macOS 15)x", "unknown");
}

#[test]
fn mirrors_are_told_by_name() {
    check(
        "bandersnatch/2.2.1 (cpython 3.7.0-final0, Darwin x86_64)",
        r#"installer "bandersnatch" "2.2.1""#,
    );
    check("bandersnatch/2.2.1", "unknown");
    check("bandersnatch/2.2.1 ()", "unknown");
    check("   bandersnatch/2.2.1 (x)", "unknown");
    check(
        "devpi-server/4.6.0 (py3.7.0; darwin)",
        r#"installer "devpi" "4.6.0""#,
    );
    check(
        "x devpi-server/ devpi-server/2 (y)",
        r#"installer "devpi" "2""#,
    );
    check("devpi-server/4.6.0", "unknown");
    check(
        "z3c.pypimirror/1.5.6",
        r#"installer "z3c.pypimirror" "1.5.6""#,
    );
    check("Artifactory/7.46", r#"installer "Artifactory" "7.46""#);
    check("Artifactory/7.46 74610900", "unknown");
    check("Nexus/3.1 (OSS)", r#"installer "Nexus" "3.1""#);
    check("Nexus/ 3.1", "unknown");
    check("pep381client/1.0.1", r#"installer "pep381client" "1.0.1""#);
    check(
        "pep381client-proxy/0.5",
        r#"installer "pep381client" "0.5""#,
    );
    check("pep381client-other/0.5", "unknown");
}

#[test]
fn browsers_and_systems_have_no_version() {
    for user_agent in [
        "Mozilla/5.0 (X11)",
        "mozilla",
        "Safari/1",
        "Wget/1.20.3 (linux-gnu)",
        "curl/7.43.0",
        "Opera/9",
        "aria2/1.3",
        "AndroidDownloadManager/5",
        "UCWEB/2",
        "Links",
        "okhttp/4",
        "com.apple.WebKit.Networking/",
        "com.apple.WebKit.Networking//1",
        "URL/Emacs",
        "URL/Emacs/2",
        "Firefox/",
        "FDM 3.x",
        "fdm 3/x y",
        "Apache-HttpClient/4",
    ] {
        check(user_agent, r#"installer "Browser""#);
    }
    for user_agent in [
        "fetch libfetch/2.0",
        "libfetch/2.0",
        "OpenBSD ftp",
        "MacPorts",
        "MacPorts/2",
        "MacPorts2",
        "NetBSD-ftp/2",
        "slapt-get",
        "slapt-get 1",
        "pypi-install/1",
        "slackrepo",
        "PTXdist 3",
        "GARstow/1",
        "xbps/1",
    ] {
        check(user_agent, r#"installer "OS""#);
    }
    for user_agent in [
        "Firefox/120",
        "com.apple.WebKit.Networking/8",
        "Links (2.8)",
        "FDM ",
        "FDM 3 x",
        "FDM /x y",
        "curly/1",
        " Mozilla/5.0",
        "fetch libfetch/",
        "libfetch/2 x",
        "OpenBSD ftp 1",
        "NetBSD-ftp",
        "slackrepo 1",
        "macports",
    ] {
        check(user_agent, "unknown");
    }
}

#[test]
fn the_rest_is_ignored_or_unknown() {
    for user_agent in [
        "Datadog Agent/7",
        "(null)",
        "WordPress/6",
        "Chef Client/1",
        "Chef Knife/1",
        "Ruby",
        "Slackbot-LinkExpanding 1.0",
        "TextualInlineMedia/1",
        "WeeChat/1",
        "Download Master",
        "Java/1.8",
        "Go 1.1 package http",
        "Go-http-client/2.0",
        "GNU Guile",
        "github-olee",
        "YisouSpider",
        "Apache Ant/1",
        "Salt/3000",
        "ansible-httpget",
        "ltx71 - (http://ltx71.com/)",
        "ltx71 - (http://ltx71_com/) x",
        "Scrapy/2",
        "spectool/1",
        "Apache-Nutch",
        "x Nutch-1",
        "AWSBrewLinkChecker/1",
        "Y!J-ASR/0.1",
        "NSIS_Inetc (Mozilla)",
        "Debian uscan 1",
        "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)",
        "Pingdom.com_bot_version_12.04_(https://www-pingdom.com/)",
        "MauiBot (crawler.feedback+dc@gmail.com)",
        "inspector.pypi.io",
        "Ruby\n",
    ] {
        check(user_agent, "ignored");
    }
    for user_agent in [
        "",
        "-",
        "*/*",
        "(null) ",
        "Chef/1",
        "Ruby/3",
        "Java",
        "Go 1.10 package http",
        "Go 1.1 package http/2",
        "salt/3000",
        "ltx71 - (http://ltx71\ncom/)",
        "nutch",
        "Pingdom.com_bot_version_1_(http://www.pingdom.com/)",
        "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/) ",
        "inspector.pypi.io ",
        "Mythic HTTP monitor check",
        "JFrog-Router/7.42.0-1",
        "Ruby\n\n",
    ] {
        check(user_agent, "unknown");
    }
}

/// Each row: the User-Agent, what is made of it, what upstream makes of it.
#[test]
fn differences_from_upstream_are_deliberate() {
    fn check_difference(user_agent: &str, expect: &str, _upstream: &str) {
        check(user_agent, expect);
    }

    const NEXUS: &str = r#"installer "Nexus" "3""#;
    check_difference("Nexus/3 pex/1", NEXUS, "Nexus or pex");
    check_difference("Nexus/3 devpi-server/1 (x)", NEXUS, "Nexus or devpi");
    check_difference(
        "devpi-server/1 (pex/2)",
        r#"installer "pex" "2)""#,
        "pex or devpi",
    );
    check_difference(r#"pip/24.0 {"system":5}"#, "", "line refused");
    check_difference("pip/24.0 null", "", "line refused");
    check_difference(r#"pip/24.0 {"cpu":{}}"#, "", r#"cpu "{}""#);
    check_difference(
        r#"pip/24.0 {"cpu":1e-7}"#,
        r#"cpu "1e-7""#,
        r#"cpu "1e-07""#,
    );
    check_difference(r#"pip/24.0 {"x":NaN}"#, "unknown", "known");
    check_difference(r#"pip/24.0 {"cpu":"\ud800"}"#, "unknown", "known");
    check_difference(
        "Python-urllib/\u{663}.\u{666}",
        "unknown",
        "python, in Arabic digits",
    );
    check_difference("Go \u{663}.\u{666} package http", "unknown", "ignored");
    check_difference("o\u{212a}http/4", "unknown", "Browser: the K is Kelvin's");
    check_difference("L\u{131}nks/1", "unknown", "Browser: the i has no dot");
    check_difference(
        r#"Hatch/1.15.0 {"cpu":"x"} HTTPX/1"#,
        "unknown",
        "known once merged (#283)",
    );
}

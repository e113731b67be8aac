use super::*;

const DATE: &str = "Fri, 20 Jul 2018 02:19:19 GMT";
const URL: &str = "/packages/ba/c8/a928/cfn_flip-1.0.3.tar.gz";

/// A download line with one field, or more, put otherwise.
fn download(put: &str, instead_of: &str) -> String {
    let line =
        format!("download|{DATE}|JP|{URL}|TLSv1.2|ECDHE-RSA|cfn-flip|1.0.3|sdist|pip/1 (x | y@z)");
    assert!(line.contains(instead_of), "{instead_of}");
    line.replacen(instead_of, put, 1)
}

const PLAIN: Line<'_> = Line::Download {
    seconds: 1_532_053_159,
    country: Some("JP"),
    url: URL,
    filename: "cfn_flip-1.0.3.tar.gz",
    project: "cfn-flip",
    version: "1.0.3",
    file_type: "sdist",
    user_agent: "pip/1 (x | y@z)",
};

#[test]
fn spaces_around_fields_and_null_tls_change_nothing() {
    fn check(put: &str, instead_of: &str) {
        let line = download(put, instead_of);
        assert_eq!(parse_line(&line), Ok(PLAIN), "{line}");
    }

    check("", "");
    check("   download", "download");
    check("download |", "download|");
    check("| JP", "|JP");
    check("|\t/pack", "|/pack");
    check("|  sdist \r\n|", "|sdist|");
    check("|(null)|(null)|", "|TLSv1.2|ECDHE-RSA|");
    check("|(null) |", "|TLSv1.2|");
    check("y@z)\n", "y@z)");
    check("y@z)\n \r\n", "y@z)");
}

/// [`PLAIN`] with another value of one field.
fn plain_with(name: &str, value: &'static str) -> Line<'static> {
    let mut line = PLAIN;
    let Line::Download {
        country,
        url,
        filename,
        project,
        version,
        file_type,
        user_agent,
        ..
    } = &mut line
    else {
        unreachable!("a download")
    };
    match name {
        "country" => *country = (!value.is_empty()).then_some(value),
        "url" => (*url, *filename) = (value, value.trim_start_matches('/')),
        "project" => *project = value,
        "version" => *version = value,
        "type" => *file_type = value,
        "user_agent" => *user_agent = value,
        _ => unreachable!("{name}"),
    }
    line
}

#[test]
fn fields_are_taken_as_sent() {
    fn check(put: &str, instead_of: &str, name: &str, value: &'static str) {
        let line = download(put, instead_of);
        assert_eq!(parse_line(&line), Ok(plain_with(name, value)), "{line}");
    }

    check("||", "|JP|", "country", "");
    check("|  |", "|JP|", "country", "");
    check("|JP |", "|JP|", "country", "JP ");
    check("|(null)|", "|JP|", "country", "(null)");
    check("/", URL, "url", "/");
    check("a.whl", URL, "url", "a.whl");
    check("/a b.whl", URL, "url", "/a b.whl");
    check("cfn flip", "cfn-flip", "project", "cfn flip");
    check("(nullx", "cfn-flip", "project", "(nullx");
    check("|  1.0 |", "|1.0.3|", "version", "1.0 ");
    check("|bdist_wheel|", "|sdist|", "type", "bdist_wheel");
    check("||", "|pip/1 (x |", "user_agent", "| y@z)");
    check("", "pip/1 (x | y@z)", "user_agent", "");
    check("  é\r\n", "pip/1 (x | y@z)", "user_agent", "  é\r");
}

#[test]
fn simple_lines_have_their_project_in_the_path() {
    fn check(url: &str, expect: Result<&str, LineError>) {
        let line = format!("simple|{DATE}||{url}|TLSv1.2|(null)||\t||pip/1 | x\n");
        let expect = expect.map(|project| Line::Simple {
            seconds: 1_532_053_159,
            country: None,
            url,
            project,
            user_agent: "pip/1 | x",
        });
        assert_eq!(parse_line(&line), expect, "{line}");
    }

    check("/simple/cfn-flip/", Ok("cfn-flip"));
    check("/simple/cfn-flip", Ok("cfn-flip"));
    check("/simple/", Ok(""));
    check("/simple", Err(LineError::MissingField("project")));
    check("/simple/a@b/", Err(LineError::Malformed));

    let filled = format!("simple|{DATE}|JP|/simple/x/|(null)|(null)|||x|pip/1");
    assert_eq!(parse_line(&filled), Err(LineError::Malformed));
}

#[test]
fn refused_lines_have_a_reason() {
    fn check(line: &str, expect: &str) {
        let error = parse_line(line).expect_err(line);
        assert_eq!(error.reason(), expect, "{line}: {error}");
    }
    fn check_download(put: &str, instead_of: &str, expect: &str) {
        check(&download(put, instead_of), expect);
    }

    check("", "malformed-line");
    check("\n", "malformed-line");
    check("download", "malformed-line");
    check("{\"timestamp\":1}", "malformed-line");
    check(
        "<134>2018-07-20T02:19:20Z host nginx: GET|x",
        "malformed-line",
    );
    check_download("Download|", "download|", "malformed-line");
    check_download("", "|pip/1 (x | y@z)", "malformed-line");
    check_download("", DATE, "malformed-line");
    check_download("J@", "JP", "malformed-line");
    check_download("é", "JP", "malformed-line");
    check_download("J\nP", "JP", "malformed-line");
    check_download("", URL, "malformed-line");
    check_download("", "TLSv1.2", "malformed-line");
    check_download("(null)x", "cfn-flip", "malformed-line");
    check_download("(null) x", "cfn-flip", "malformed-line");
    check_download("pip/1\nmore", "pip/1 (x | y@z)", "malformed-line");

    check_download("2@", "download|", "retired-format");
    check_download("1@", "download|", "retired-format");
    let syslog = "<134>2018-07-20T02:19:20Z cache-itm18828 linehaul[411617]: 2@";
    check_download(syslog, "download|", "retired-format");

    check_download("Fri, 31 Jun 2018 02:19:19 GMT", DATE, "bad-date");
    check_download(&format!(" {DATE} "), DATE, "bad-date");
    check_download("(null)", DATE, "bad-date");

    check_download("(null)", "cfn-flip", "missing-field");
    check_download("", "cfn-flip", "missing-field");
    check_download("|(null)|", "|1.0.3|", "missing-field");
    check_download("|(null)|", "|sdist|", "missing-field");
    check_download("| |", "|sdist|", "missing-field");

    check_download("|wheel|", "|sdist|", "bad-file-type");
    check_download("|sdistx|", "|sdist|", "bad-file-type");
    check_download("|SDIST|", "|sdist|", "bad-file-type");
}

#[test]
fn tabs_expand_to_columns_of_eight() {
    fn check(line: &str, expect: &str) {
        assert_eq!(expand_tabs(line), expect, "{line:?}");
    }

    check("no tab", "no tab");
    check("\t|", "        |");
    check("a\tb", "a       b");
    check("1234567\t|", "1234567 |");
    check("12345678\t|", "12345678        |");
    check(
        "é\t\tx\n\ty\r\tz",
        "é               x\n        y\r        z",
    );
    assert!(matches!(expand_tabs("no tab"), Cow::Borrowed(_)));
}

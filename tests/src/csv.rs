//! Reading CSV (RFC 4180) of other programs. Records end at line ends: none of
//! our texts holds one.

/// The fields of a line.
pub fn fields(line: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted),
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => {
                assert!(after.is_empty(), "odd quotes in {line:?}");
                return fields;
            }
        }
    }
}

/// What stands up to the closing quote, and the text after it.
fn quoted_field(text: &str) -> (String, &str) {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest
            .split_once('"')
            .unwrap_or_else(|| panic!("a quote does not close: {text:?}"));
        field.push_str(before);
        match after.strip_prefix('"') {
            Some(next) => {
                field.push('"');
                rest = next;
            }
            None => return (field, after),
        }
    }
}

/// The records behind a header that must be this one.
pub fn records<'a>(text: &'a str, header: &str) -> impl Iterator<Item = Vec<String>> + 'a {
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(header));
    lines.map(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_empty_fields() {
        for (line, expect) in [
            ("a,b", vec!["a", "b"]),
            ("", vec![""]),
            ("a,,", vec!["a", "", ""]),
            (r#""a,b",c"#, vec!["a,b", "c"]),
            (r#"x,"say ""hi""""#, vec!["x", r#"say "hi""#]),
        ] {
            assert_eq!(fields(line), expect, "{line}");
        }
    }
}

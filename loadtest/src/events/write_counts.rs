//! Pre-aggregated counts: CSV (RFC 4180) with the columns
//! `day,project,dimension,category,count`, sorted by the first four.

use std::io::Write;

/// The first line.
pub(crate) const HEADER: &str = "day,project,dimension,category,count";

/// One count; its day is known.
pub(crate) struct Row<'a> {
    pub(crate) project: &'a str,
    pub(crate) dimension: &'a str,
    pub(crate) category: &'a str,
    pub(crate) count: u64,
}

/// Appends the line, without its end.
pub(crate) fn write(day: &str, row: &Row<'_>, line: &mut Vec<u8>) {
    for field in [day, row.project, row.dimension, row.category] {
        write_field(field, line);
        line.push(b',');
    }
    write!(line, "{}", row.count).expect("a vector takes all");
}

/// Quotes a field that needs it (RFC 4180, section 2, rules 5 to 7).
fn write_field(field: &str, line: &mut Vec<u8>) {
    if !field.contains([',', '"', '\n', '\r']) {
        line.extend_from_slice(field.as_bytes());
        return;
    }
    line.push(b'"');
    for byte in field.bytes() {
        if byte == b'"' {
            line.push(b'"');
        }
        line.push(byte);
    }
    line.push(b'"');
}

#[cfg(test)]
mod tests {
    use csv_core::{ReadFieldResult, Reader};

    use super::*;

    fn fields(mut line: &[u8]) -> Vec<String> {
        let mut reader = Reader::new();
        let mut fields = Vec::new();
        let (mut field, mut field_len) = ([0; 256], 0);
        loop {
            let (result, read, written) = reader.read_field(line, &mut field[field_len..]);
            line = &line[read..];
            field_len += written;
            match result {
                ReadFieldResult::Field { .. } => {
                    fields.push(String::from_utf8(field[..field_len].to_vec()).unwrap());
                    field_len = 0;
                }
                ReadFieldResult::End => return fields,
                ReadFieldResult::InputEmpty => {}
                ReadFieldResult::OutputFull => panic!("a field of 256 bytes"),
            }
        }
    }

    #[test]
    fn another_parser_reads_what_is_written() {
        fn check(category: &str, expect_line: &str) {
            let row = Row {
                project: "p",
                dimension: "distro",
                category,
                count: 7,
            };
            let mut line = Vec::new();
            write("2026-11-20", &row, &mut line);
            assert_eq!(String::from_utf8(line.clone()).unwrap(), expect_line);
            assert_eq!(fields(&line), ["2026-11-20", "p", "distro", category, "7"]);
        }
        check("Ubuntu 22.04", "2026-11-20,p,distro,Ubuntu 22.04,7");
        check("a,b", "2026-11-20,p,distro,\"a,b\",7");
        check(
            "Acme \"Edge\" Linux, LTS 7\\1",
            "2026-11-20,p,distro,\"Acme \"\"Edge\"\" Linux, LTS 7\\1\",7",
        );
        check("two\nlines", "2026-11-20,p,distro,\"two\nlines\",7");
        check("Pingüino", "2026-11-20,p,distro,Pingüino,7");
        check("", "2026-11-20,p,distro,,7");
    }
}

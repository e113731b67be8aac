//! A path with places for names.

/// `/api/packages/{p}/recent`, cut at its `{p}`.
#[derive(Debug)]
pub(super) struct Template {
    first: String,
    /// Behind each name.
    rest: Vec<String>,
    pub(super) name_count: usize,
}

impl Template {
    pub(super) fn new(template: &str) -> Self {
        let mut parts = template.split("{p}").map(str::to_owned);
        let first = parts.next().unwrap_or_default();
        let rest: Vec<String> = parts.collect();
        Self {
            first,
            name_count: rest.len(),
            rest,
        }
    }

    /// Asks for a name at each place.
    pub(super) fn write<'a>(&self, path: &mut String, mut name: impl FnMut() -> &'a str) {
        path.push_str(&self.first);
        for part in &self.rest {
            path.push_str(name());
            path.push_str(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_to_their_places() {
        fn check(template: &str, expect: &str) {
            let mut names = ["one", "two"].into_iter();
            let mut path = String::new();
            Template::new(template).write(&mut path, || names.next().unwrap());
            assert_eq!(path, expect);
        }
        check("/", "/");
        check("/a/{p}/b", "/a/one/b");
        check("/a/{p},{p}?x=1", "/a/one,two?x=1");
    }
}

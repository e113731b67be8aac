//! Tables of installers: which are mirrors, and which traffic each makes.

use std::collections::{HashMap, HashSet};

/// Traffic classes a table of installers may name.
pub const TRAFFIC_CLASSES: [&str; 6] = ["tool", "mirror", "proxy", "ci", "browser", "unknown"];

/// Which installers are mirrors, and which class of traffic each makes.
#[derive(Clone, Debug)]
pub struct Tables {
    mirrors: HashSet<String>,
    classes: HashMap<String, &'static str>,
}

impl Tables {
    /// Whether `without_mirrors` leaves an installer out.
    pub fn is_mirror(&self, installer: &str) -> bool {
        self.mirrors.contains(installer)
    }

    /// The traffic class of an installer that the table names.
    pub fn class(&self, installer: &str) -> Option<&'static str> {
        self.classes.get(installer).copied()
    }

    /// Reads both tables: names, one a line; and `installer,class` lines. Lines
    /// that are empty or begin with `#` are skipped.
    ///
    /// # Errors
    ///
    /// A sentence that names the line.
    pub fn parse(mirrors: &str, installers: &str) -> Result<Self, String> {
        let lines = |text: &str| -> Vec<(usize, String)> {
            text.lines()
                .enumerate()
                .map(|(index, line)| (index + 1, line.trim().to_owned()))
                .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
                .collect()
        };
        let mut classes = HashMap::new();
        for (number, line) in lines(installers) {
            if line == "installer,class" {
                continue;
            }
            let (installer, class) = line
                .rsplit_once(',')
                .ok_or_else(|| format!("installers line {number}: expected `installer,class`"))?;
            let class = TRAFFIC_CLASSES
                .into_iter()
                .find(|known| *known == class)
                .ok_or_else(|| {
                    format!(
                        "installers line {number}: class {class:?} is none of {}",
                        TRAFFIC_CLASSES.join(", ")
                    )
                })?;
            if classes.insert(installer.to_owned(), class).is_some() {
                return Err(format!(
                    "installers line {number}: {installer} is listed twice"
                ));
            }
        }
        Ok(Self {
            mirrors: lines(mirrors).into_iter().map(|(_, line)| line).collect(),
            classes,
        })
    }
}

impl Default for Tables {
    /// The tables that come with the program.
    fn default() -> Self {
        Self::parse(include_str!("mirrors.txt"), include_str!("installers.csv"))
            .expect("a test reads the built-in tables")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_name_their_mistakes() {
        for (installers, expect) in [
            ("pip", "installers line 1: expected `installer,class`"),
            (
                "a,tool\n\n# c\nb,robot",
                "installers line 4: class \"robot\" is none of tool, mirror, proxy, ci, browser, unknown",
            ),
            ("a,tool\na,ci", "installers line 2: a is listed twice"),
        ] {
            assert_eq!(Tables::parse("", installers).unwrap_err(), expect);
        }
        assert!(Tables::default().mirrors.contains("devpi"));
    }
}

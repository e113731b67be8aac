//! What counts are split by.

use std::fmt;

/// The category of a row that does not say.
pub const NULL: &str = "null";
/// The category that holds what was bounded away, and systems without a name
/// of their own.
pub const OTHER: &str = "other";
/// `overall` of every counted event.
pub const WITH_MIRRORS: &str = "with_mirrors";
/// `overall` of events that are neither from a mirror nor of unknown origin.
pub const WITHOUT_MIRRORS: &str = "without_mirrors";

/// A dimension; its number is its column's place in a segment.
///
/// The order puts what is asked for most, and is smallest, first: SQLite
/// reads a record from its front, and stops there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
#[expect(
    missing_docs,
    reason = "the variants are the words of the table of dimensions"
)]
pub enum Dimension {
    Overall,
    PythonMajor,
    PythonMinor,
    System,
    SideFiles,
    Partial,
    Ci,
    Traffic,
    Installer,
    Implementation,
    Cpu,
    FileType,
    FileTypeWithoutMirrors,
    Libc,
    Distro,
    Country,
    UserData,
    Version,
    VersionWithoutMirrors,
    VersionPython,
}

impl Dimension {
    /// Every dimension, in the order of their columns.
    pub const ALL: [Dimension; 20] = [
        Dimension::Overall,
        Dimension::PythonMajor,
        Dimension::PythonMinor,
        Dimension::System,
        Dimension::SideFiles,
        Dimension::Partial,
        Dimension::Ci,
        Dimension::Traffic,
        Dimension::Installer,
        Dimension::Implementation,
        Dimension::Cpu,
        Dimension::FileType,
        Dimension::FileTypeWithoutMirrors,
        Dimension::Libc,
        Dimension::Distro,
        Dimension::Country,
        Dimension::UserData,
        Dimension::Version,
        Dimension::VersionWithoutMirrors,
        Dimension::VersionPython,
    ];
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The name in columns, inputs and routes.
    pub fn name(self) -> &'static str {
        match self {
            Dimension::Overall => "overall",
            Dimension::PythonMajor => "python_major",
            Dimension::PythonMinor => "python_minor",
            Dimension::System => "system",
            Dimension::SideFiles => "side_files",
            Dimension::Partial => "partial",
            Dimension::Ci => "ci",
            Dimension::Traffic => "traffic",
            Dimension::Installer => "installer",
            Dimension::Implementation => "implementation",
            Dimension::Cpu => "cpu",
            Dimension::FileType => "file_type",
            Dimension::FileTypeWithoutMirrors => "file_type_without_mirrors",
            Dimension::Libc => "libc",
            Dimension::Distro => "distro",
            Dimension::Country => "country",
            Dimension::UserData => "user_data",
            Dimension::Version => "version",
            Dimension::VersionWithoutMirrors => "version_without_mirrors",
            Dimension::VersionPython => "version_python",
        }
    }

    /// The dimension with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|dimension| dimension.name() == name)
    }

    /// The dimension with this number.
    pub fn from_number(number: u64) -> Option<Self> {
        usize::try_from(number)
            .ok()
            .and_then(|n| Self::ALL.get(n).copied())
    }

    /// Its place in [`Dimension::ALL`].
    pub fn number(self) -> usize {
        self as usize
    }

    /// Whether category names stand in the series itself instead of the
    /// segment's category table: names that few projects share.
    pub fn has_inline_names(self) -> bool {
        matches!(
            self,
            Dimension::Version | Dimension::VersionWithoutMirrors | Dimension::VersionPython
        )
    }

    /// Whether the categories come from a User-Agent, which can hold anything,
    /// and are therefore bounded in number.
    pub fn is_bounded(self) -> bool {
        matches!(
            self,
            Dimension::PythonMajor
                | Dimension::PythonMinor
                | Dimension::Installer
                | Dimension::Implementation
                | Dimension::Cpu
                | Dimension::Libc
                | Dimension::Distro
                | Dimension::Country
                | Dimension::UserData
        )
    }

    /// Whether the pseudo project `__all__` has it.
    pub fn is_summed_over_projects(self) -> bool {
        !self.has_inline_names()
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_come_back() {
        for (index, dimension) in Dimension::ALL.into_iter().enumerate() {
            assert_eq!(dimension.number(), index);
            assert_eq!(Dimension::from_name(dimension.name()), Some(dimension));
            assert_eq!(Dimension::from_number(index as u64), Some(dimension));
        }
        assert_eq!(Dimension::from_name("Overall"), None);
        assert_eq!(Dimension::from_number(20), None);
    }
}

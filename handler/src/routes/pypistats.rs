//! The routes of pypistats.org, byte for byte: keys sorted, no blanks, one
//! newline at the end. <https://pypistats.org/api/>

use std::borrow::Cow;

use bytes::Bytes;

use espy_shared::dimension::{Dimension, WITH_MIRRORS, WITHOUT_MIRRORS};

use super::{Package, RouteName};
use crate::error::RespondError;
use crate::generation::{CoreGeneration, DailyTable};
use crate::respond::{Json, Query, Reader, Reply, Row};

const JSON: &str = "application/json";
/// About the bytes of one row, to have room for all at once.
const ROW_BYTES: usize = 72;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Endpoint {
    Recent,
    Overall,
    PythonMajor,
    PythonMinor,
    System,
}

impl Endpoint {
    /// By the last part of the path.
    pub(super) fn of(name: &str) -> Option<Self> {
        match name {
            "recent" => Some(Self::Recent),
            "overall" => Some(Self::Overall),
            "python_major" => Some(Self::PythonMajor),
            "python_minor" => Some(Self::PythonMinor),
            "system" => Some(Self::System),
            _ => None,
        }
    }

    /// What it counts by; none for the windows of the head.
    fn dimension(self) -> Option<Dimension> {
        match self {
            Self::Recent => None,
            Self::Overall => Some(Dimension::Overall),
            Self::PythonMajor => Some(Dimension::PythonMajor),
            Self::PythonMinor => Some(Dimension::PythonMinor),
            Self::System => Some(Dimension::System),
        }
    }

    /// Its name in metrics.
    pub(super) fn route(self) -> RouteName {
        match self {
            Self::Recent => RouteName::Recent,
            Self::Overall => RouteName::Overall,
            Self::PythonMajor => RouteName::PythonMajor,
            Self::PythonMinor => RouteName::PythonMinor,
            Self::System => RouteName::System,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Recent => "recent",
            Self::Overall => "overall",
            Self::PythonMajor => "python_major",
            Self::PythonMinor => "python_minor",
            Self::System => "system",
        }
    }

    /// The category asked for; none means all.
    fn filter<'a>(self, query: Query<'a>) -> Option<Cow<'a, str>> {
        match self {
            Self::Recent => query.first("period"),
            Self::Overall => match &*query.first("mirrors")? {
                "true" => Some(WITH_MIRRORS.into()),
                "false" => Some(WITHOUT_MIRRORS.into()),
                _ => None,
            },
            Self::PythonMajor | Self::PythonMinor => query.first("version"),
            Self::System => query
                .first("os")
                .map(|system| system.to_ascii_lowercase().into()),
        }
    }
}

pub(super) fn answer(
    endpoint: Endpoint,
    package: &str,
    query: Query<'_>,
    reader: &Reader<'_>,
) -> Result<Reply, RespondError> {
    let generation = reader.generation()?;
    let package = Package::of(package);
    let filter = endpoint.filter(query);
    let seed = match endpoint {
        Endpoint::Recent => generation.facts().head_seed(),
        _ => generation.facts().daily_seed(),
    };
    // All and the empty filter are different questions.
    let tag = match &filter {
        Some(filter) => seed.tag(reader.coding, &[endpoint.name(), package.shown(), filter]),
        None => seed.tag(reader.coding, &[endpoint.name(), package.shown()]),
    };
    reader.data(tag, JSON, || match endpoint.dimension() {
        None => recent(generation, &package, filter.as_deref()),
        Some(dimension) => daily(generation, endpoint, dimension, &package, filter.as_deref()),
    })
}

/// The windows that end at `data_through`, without mirrors. Asked for alone, a
/// window without downloads is a 404.
fn recent(
    generation: &CoreGeneration,
    package: &Package<'_>,
    period: Option<&str>,
) -> Result<Bytes, RespondError> {
    let name = package.name().ok_or(RespondError::NoRows)?;
    let head = generation
        .head()
        .project(name)?
        .ok_or(RespondError::NoRows)?;
    let mut json = Json::with_capacity(128 + package.shown().len());
    let count = match period {
        None => head.last_month,
        Some("day") => head.last_day,
        Some("week") => head.last_week,
        Some("month") => head.last_month,
        Some(_) => 0,
    };
    if count == 0 {
        return Err(RespondError::NoRows);
    }
    json.raw(r#"{"data":{"last_"#);
    match period {
        None => json
            .raw(r#"day":"#)
            .number(head.last_day)
            .raw(r#","last_month":"#)
            .number(head.last_month)
            .raw(r#","last_week":"#)
            .number(head.last_week),
        Some(period) => json.raw(period).raw(r#"":"#).number(count),
    };
    json.raw(r#"},"package":"#)
        .text(package.shown())
        .raw(r#","type":"recent_downloads"}"#);
    Ok(json.finish())
}

/// Rows of (category, date), or of the one category by date. Without rows,
/// `overall` is a 404 and the others are an empty list.
fn daily(
    generation: &CoreGeneration,
    endpoint: Endpoint,
    dimension: Dimension,
    package: &Package<'_>,
    filter: Option<&str>,
) -> Result<Bytes, RespondError> {
    let table = match package.name() {
        Some(name) => generation.daily(name, dimension, |category| match filter {
            // Systems are written in any case; no two differ by it alone.
            Some(system) if endpoint == Endpoint::System => category.eq_ignore_ascii_case(system),
            Some(filter) => category == filter,
            None => true,
        })?,
        None => DailyTable::new(0),
    };
    if endpoint == Endpoint::Overall && table.row_count() == 0 {
        return Err(RespondError::NoRows);
    }
    let dates = generation.facts().dates();
    let mut json = Json::with_capacity(128 + package.shown().len() + ROW_BYTES * table.row_count());
    let mut front = Json::default();
    json.raw(r#"{"data":["#);
    for category in table.categories() {
        front.clear();
        front
            .raw(r#"{"category":"#)
            .text(&category.name)
            .raw(r#","date":""#);
        let row = Row::new(front.as_bytes(), br#"","downloads":"#);
        row.put_all(&mut json, dates, &category.counts);
    }
    json.trim_comma()
        .raw(r#"],"package":"#)
        .text(package.shown())
        .raw(r#","type":""#)
        .raw(endpoint.name())
        .raw(r#"_downloads"}"#);
    Ok(json.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        for (endpoint, query, filter) in [
            (Endpoint::Recent, "&period=day", Some("day")),
            (Endpoint::Recent, "mirrors=true", None),
            (Endpoint::Overall, "mirrors=true", Some("with_mirrors")),
            (Endpoint::Overall, "mirrors=false", Some("without_mirrors")),
            (Endpoint::Overall, "mirrors=True", None),
            (Endpoint::Overall, "mirrors=", None),
            (Endpoint::PythonMajor, "version=3", Some("3")),
            (Endpoint::PythonMinor, "version=", Some("")),
            (Endpoint::PythonMinor, "version=null", Some("null")),
            (Endpoint::System, "os=WinDows", Some("windows")),
            (Endpoint::System, "version=3", None),
        ] {
            assert_eq!(
                endpoint.filter(Query::new(query)).as_deref(),
                filter,
                "{query}"
            );
        }
    }
}

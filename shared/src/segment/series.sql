-- A span or history segment: the daily (monthly) counts of every project.
-- The header carries application_id 'ESPY' and the schema version as
-- user_version. Rows are written in the order of their keys.

-- What the file is: kind, first_day, last_day, slots, rows, event_sum, builder.
CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;

-- One row per project, one column per dimension, NULL when nothing was
-- counted. The columns hold the series codec of `espy_shared::series`.
-- `project` is the rank of the name in this file and means nothing elsewhere.
CREATE TABLE series (
    project INTEGER NOT NULL PRIMARY KEY,
    overall BLOB,
    python_major BLOB,
    python_minor BLOB,
    system BLOB,
    side_files BLOB,
    partial BLOB,
    ci BLOB,
    traffic BLOB,
    installer BLOB,
    implementation BLOB,
    cpu BLOB,
    file_type BLOB,
    file_type_without_mirrors BLOB,
    libc BLOB,
    distro BLOB,
    country BLOB,
    user_data BLOB,
    version BLOB,
    version_without_mirrors BLOB,
    version_python BLOB
) STRICT;

-- The names, sorted; `__all__` sums the others.
CREATE TABLE project (name TEXT NOT NULL PRIMARY KEY, id INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- Names of categories, numbered by first appearance in `series`.
CREATE TABLE category (id INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL) STRICT;

-- History only: when each version was last downloaded in the year. Pairs of
-- the series codec's inline name and a varint, the day of the year from 0.
CREATE TABLE last_download (project INTEGER NOT NULL PRIMARY KEY, versions BLOB NOT NULL) STRICT;

-- Sums over all projects but `__all__`, so that a copy can be checked and days
-- with data be known without reading every series. `slot` counts days
-- (months) from first_day; `dimension` is the number of the column in `series`.
CREATE TABLE slot_sum (
    slot INTEGER NOT NULL,
    dimension INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (slot, dimension)
) STRICT, WITHOUT ROWID;

-- The head segment: what is asked about projects as a whole, and what is
-- known about each day. Windows end at the manifest's data_through.

-- What the file is: kind, first_day, last_day, rows, event_sum, builder.
CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;

-- Every project ever counted, and `__all__`. Windows are without mirrors, as
-- pypistats.org's `recent`; totals are all that is kept, today's excepted.
CREATE TABLE project (
    name TEXT NOT NULL PRIMARY KEY,
    last_day INTEGER NOT NULL,
    last_week INTEGER NOT NULL,
    last_month INTEGER NOT NULL,
    total_with_mirrors INTEGER NOT NULL,
    total_without_mirrors INTEGER NOT NULL,
    -- Days since 1970-01-01 of the first and the newest count in `overall`;
    -- a month that has become history counts as its first day.
    first_seen INTEGER,
    last_seen INTEGER
) STRICT, WITHOUT ROWID;

-- Completeness: what arrived for each day, so that an outage can be told from
-- a dip. Times are seconds of the day, hours a mask (bit 0 is 00:00 to 01:00);
-- NULL where only pre-aggregated counts came in.
CREATE TABLE day (
    day INTEGER NOT NULL PRIMARY KEY,
    counted INTEGER NOT NULL,
    first_second INTEGER,
    last_second INTEGER,
    hours INTEGER
) STRICT;

-- Rows of the day that were no download, or unreadable, by reason.
CREATE TABLE day_reason (
    day INTEGER NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('ignored', 'rejected')),
    reason TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (day, outcome, reason)
) STRICT, WITHOUT ROWID;

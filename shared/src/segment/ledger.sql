-- The ledger: what has been counted, published with the snapshot and read by
-- compactors only.

-- What the file is: kind, rows, event_sum, builder.
CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;

-- Every batch that was ever counted, by the BLAKE3 hash of its decompressed
-- content. `parent` is the counted batch with which the content begins: only
-- the bytes after it were counted here.
CREATE TABLE batch (
    hash BLOB NOT NULL PRIMARY KEY,
    length INTEGER NOT NULL,
    parent BLOB,
    -- Whether the content ended without a newline.
    is_unterminated INTEGER NOT NULL,
    format TEXT NOT NULL,
    source TEXT NOT NULL,
    counted INTEGER NOT NULL,
    ignored INTEGER NOT NULL,
    rejected INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The exact counts of what a segment holds as `other` because its series is
-- bounded. `slot_day` is the first day of the slot, days since 1970-01-01.
CREATE TABLE overflow (
    project TEXT NOT NULL,
    dimension INTEGER NOT NULL,
    category TEXT NOT NULL,
    slot_day INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (project, dimension, category, slot_day)
) STRICT, WITHOUT ROWID;

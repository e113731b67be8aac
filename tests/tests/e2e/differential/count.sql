-- The rules of counting, stated a second time and by another engine: DESIGN.md
-- "Counting", and pypistats.org's queries (psf/pypistats.org, tasks/pypi.py)
-- for the dimensions that its API has. Nothing here comes from our programs.
--
-- Variables: `events` the NDJSON file, `counts` and `heads` the CSV files to be
-- written, `today` the run's day.

CREATE TABLE event AS
SELECT
    -- Every timestamp of file_downloads is UTC, `YYYY-MM-DD hh:mm:ss UTC`.
    CAST(substr(timestamp, 1, 10) AS DATE) AS day,
    -- PEP 503.
    lower(regexp_replace(file.project, '[-_.]+', '-', 'g')) AS project,
    file.version AS version,
    file.type AS file_type,
    -- What stands beside an installable file is counted apart.
    file.filename LIKE '%.metadata' OR file.filename LIKE '%.asc' AS is_side_file,
    nullif(country_code, '') AS country,
    nullif(details.installer.name, '') AS installer,
    nullif(details.python, '') AS python,
    nullif(details.implementation.name, '') AS implementation,
    nullif(details.cpu, '') AS cpu,
    nullif(details.system.name, '') AS system,
    nullif(details.distro.name, '') AS distro,
    nullif(details.distro.version, '') AS distro_version,
    nullif(details.distro.libc.lib, '') AS libc,
    nullif(details.distro.libc.version, '') AS libc_version,
    coalesce(details.ci, false) AS is_ci
FROM read_json(
    getvariable('events'),
    format = 'newline_delimited',
    columns = {
        timestamp: 'VARCHAR',
        country_code: 'VARCHAR',
        file: 'STRUCT(filename VARCHAR, project VARCHAR, version VARCHAR, "type" VARCHAR)',
        details: 'STRUCT(
            installer STRUCT(name VARCHAR),
            python VARCHAR,
            implementation STRUCT(name VARCHAR),
            distro STRUCT(name VARCHAR, version VARCHAR, libc STRUCT(lib VARCHAR, version VARCHAR)),
            system STRUCT(name VARCHAR),
            cpu VARCHAR,
            ci BOOLEAN)'
    }
)
-- Python must be absent or N.M.
WHERE details.python IS NULL OR details.python = ''
    OR regexp_matches(details.python, '^[0-9]\.[0-9]+');

-- Without mirrors: the installer is known, and none that copies for others.
ALTER TABLE event ADD COLUMN is_without_mirrors BOOLEAN;
UPDATE event SET is_without_mirrors = installer IS NOT NULL
    AND installer NOT IN ('bandersnatch', 'z3c.pypimirror', 'Artifactory', 'devpi');

-- A row per event and number that it adds to.
CREATE TABLE addend AS
WITH side_file AS (
    SELECT day, project, is_without_mirrors FROM event WHERE is_side_file
),
download AS (
    SELECT
        *,
        coalesce(regexp_extract(python, '^([0-9])\.', 1), 'null') AS python_major,
        coalesce(regexp_extract(python, '^([0-9]\.[0-9]+)', 1), 'null') AS python_minor
    FROM event WHERE NOT is_side_file
),
split AS (
    SELECT day, project, 'side_files' AS dimension, unnest(
        CASE WHEN is_without_mirrors THEN ['with_mirrors', 'without_mirrors']
        ELSE ['with_mirrors'] END) AS category
    FROM side_file
    UNION ALL
    SELECT day, project, part.dimension, part.category FROM (
        SELECT day, project, unnest([
            {dimension: 'overall', category: 'with_mirrors'},
            {dimension: 'version', category: version},
            {dimension: 'file_type', category: file_type},
            {dimension: 'installer', category: coalesce(installer, 'null')},
            {dimension: 'traffic', category: CASE
                WHEN installer IS NULL THEN 'unknown'
                WHEN installer IN ('bandersnatch', 'z3c.pypimirror', 'pep381client') THEN 'mirror'
                WHEN installer IN ('Artifactory', 'devpi', 'Nexus') THEN 'proxy'
                WHEN installer = 'Browser' THEN 'browser'
                WHEN is_ci THEN 'ci'
                ELSE 'tool' END}
        ]) AS part
        FROM download
    )
    UNION ALL
    SELECT day, project, part.dimension, part.category FROM (
        SELECT day, project, unnest([
            {dimension: 'overall', category: 'without_mirrors'},
            {dimension: 'version_without_mirrors', category: version},
            {dimension: 'file_type_without_mirrors', category: file_type},
            {dimension: 'python_major', category: python_major},
            {dimension: 'python_minor', category: python_minor},
            {dimension: 'version_python', category: version || ' ' || python_minor},
            {dimension: 'implementation', category: coalesce(implementation, 'null')},
            {dimension: 'cpu', category: coalesce(cpu, 'null')},
            {dimension: 'system', category: CASE
                WHEN system IS NULL THEN 'null'
                WHEN system IN ('Windows', 'Linux', 'Darwin') THEN system
                ELSE 'other' END},
            {dimension: 'distro', category: coalesce(concat_ws(' ', distro,
                CASE WHEN distro IS NOT NULL THEN distro_version END), '')},
            {dimension: 'libc', category: coalesce(concat_ws(' ', libc,
                CASE WHEN libc IS NOT NULL THEN libc_version END), '')},
            {dimension: 'country', category: CASE
                WHEN country IS NULL OR country = '(null)' THEN 'null'
                WHEN regexp_full_match(country, '[A-Za-z0-9]{2}') THEN upper(country)
                ELSE 'other' END},
            {dimension: 'ci', category: CASE WHEN is_ci THEN 'true' ELSE 'null' END}
        ]) AS part
        FROM download WHERE is_without_mirrors
    )
)
SELECT day, project, dimension, coalesce(nullif(category, ''), 'null') AS category FROM split;

CREATE TABLE counted AS
SELECT day, project, dimension, category, count(*) AS count FROM addend GROUP BY ALL;

-- `__all__` has every dimension whose categories are not the project's own.
INSERT INTO counted
SELECT day, '__all__', dimension, category, sum(count) FROM counted
WHERE dimension NOT IN ('version', 'version_without_mirrors', 'version_python')
GROUP BY ALL;

COPY (SELECT * FROM counted) TO (getvariable('counts')) (HEADER);

-- Windows end at the latest day with a counted event before today; none holds
-- events of today.
COPY (
    WITH newest AS (
        SELECT max(day) AS day FROM event WHERE day < CAST(getvariable('today') AS DATE)
    ),
    dated AS (
        SELECT counted.*, newest.day - counted.day AS age FROM counted, newest
        WHERE counted.day <= newest.day
    )
    SELECT
        project,
        coalesce(sum(count) FILTER (dimension = 'overall' AND category = 'without_mirrors' AND age = 0), 0) AS last_day,
        coalesce(sum(count) FILTER (dimension = 'overall' AND category = 'without_mirrors' AND age < 7), 0) AS last_week,
        coalesce(sum(count) FILTER (dimension = 'overall' AND category = 'without_mirrors' AND age < 30), 0) AS last_month,
        coalesce(sum(count) FILTER (dimension = 'overall' AND category = 'with_mirrors'), 0) AS total_with_mirrors,
        coalesce(sum(count) FILTER (dimension = 'overall' AND category = 'without_mirrors'), 0) AS total_without_mirrors
    FROM dated GROUP BY project
) TO (getvariable('heads')) (HEADER);

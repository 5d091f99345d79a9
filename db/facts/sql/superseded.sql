-- Does any row replace an earlier version of itself? Read from the row groups' statistics when none does.
SELECT count(*) > 0
FROM read_parquet($files)
WHERE supersedes

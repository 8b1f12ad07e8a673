"""Objects: files that are written once and never changed, and where the truth of them lies: a folder, or an object store."""

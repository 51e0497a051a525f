"""Files on disk: streams of bytes, atomic outputs, tables, STAR files, arrays, shards of a list."""

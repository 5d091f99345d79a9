"""Files that come in: fields, cells, rows, and what rejects them."""

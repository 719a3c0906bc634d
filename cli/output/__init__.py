"""What goes out: values as they may be shown, tables, JSON, changes, and the lines that do the same again."""

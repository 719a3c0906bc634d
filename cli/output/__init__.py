"""What goes out: values without secrets, tables, JSON, changes, and equivalent commands."""

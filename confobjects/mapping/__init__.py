"""The mapping room: managed objects as directory entries, and entries as text.

For: entries and the operations on them as LDAP knows them, LDIF text, the interface every storage has, and the
way from a managed object to its entry and back. May import: errors, diagnostics, paths, dn, syntaxes,
expressions, definitions, objects. Must never know: where entries are kept. It reads no file, opens no connection
and reads no clock; everything comes in as arguments.
"""

"""Reference material from definitions: pages, terminal help, lists, JSON Schemas, typed stubs.

For: describing the definitions in words, tables and schemas. May import: definitions, syntaxes and the floors below.
Must never know: stored objects, files. The functions return text; the caller decides where it goes.

Laws: nothing about a property is written here: every word comes from its definition or its syntax. The same registry
always gives the same text.
"""

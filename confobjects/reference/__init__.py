"""Reference material from definitions: pages, terminal help, lists, JSON Schemas, typed stubs.

For: saying in words, tables and schemas what the definitions say. May import: definitions, syntaxes and what is
below. Must never know: stored objects, files. Text comes out; whoever calls decides where it goes.

Laws: nothing about a property is written here; every word comes from its definition or its syntax. The same registry
gives the same text.
"""

"""The conversion room: definitions that another product wrote, as definitions of ours.

For: reading the XML of a server's definitions, and making JSON documents of the facts that this or another reader found.
May import: the floors below. Must never know: files, programs, storages.

Laws:

1. Foreign text is judged before it is believed. XML is read with bounds; no entity leads out of its file.
2. Every reader gives the same facts (:mod:`~confobjects.conversion.opendj`), and one converter makes documents of them.
   So two readers of one version of a product give equal definitions.
3. What is refused is refused with file, line, column and caret.
"""

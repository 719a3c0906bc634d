"""Data only: one JSON file per managed object definition, their meta-schema, and the LDAP schema made from them.

Law: no code here, and no sub-folders but ``output``: every JSON file beside this one is a definition.
"""

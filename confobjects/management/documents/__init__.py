"""Documents: a whole configuration as a text, and what is done with two of them.

``json`` and ``ldif`` read documents of their form; ``exporting`` makes one; ``comparing`` tells how two configurations
differ; ``applying`` makes a storage what a document says; ``copying`` takes a configuration to another storage.
"""

"""Documents: a whole configuration as text, and the operations on whole configurations.

``json`` and ``ldif`` read documents of their format; ``exporting`` writes them; ``comparing`` finds the differences of
two configurations; ``applying`` makes a storage match a document; ``copying`` copies a storage to another.
"""

"""The command line: words in, a call, words out.

Law: may import every room; holds no logic of its own. Inside this folder siblings are imported relatively, because the
folder is the package ``confobjects.cli`` through a link.
"""

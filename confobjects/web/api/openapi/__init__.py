"""The description of the API (OpenAPI 3.1), made from the definitions that count and from the table of endpoints.

For: generators of clients, and people who look for what there is. ``document`` puts it together, ``rows`` says what each endpoint takes
and gives, ``operations`` makes operations of these, ``kinds`` those on the objects of each kind. ``forms`` describes the objects, ``answers``
everything else that is answered, ``links`` says what an answer leads to.

Laws of this wing:

1. Every route is in it: each kind of objects with addresses of its own, every other endpoint as its row says.
2. It is made anew when other definitions count.
3. No two things have one name, whatever kinds are installed. The operations on a kind begin with ``list``, ``get``, ``put``, ``patch`` or
   ``delete``, and no others do; what describes a kind begins with its name, everything else with a capital letter.
4. It says only what generators understand: a choice among types is ``oneOf``, and what has properties has a name.
"""

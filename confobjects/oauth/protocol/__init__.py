"""OAuth 2.0 without IO: requests as forms, answers as tokens or as a cause of failure.

Laws: time, chance and the network come as arguments. An answer is judged whatever it contains; what is not a usable
token is a :class:`~confobjects.mail.diagnosis.Trouble` of stage ``token`` with the code of its cause.
"""

"""
HTTP exchange shared by every transport on blocking sockets, with a total deadline.

A transport plugin brings a stack (urllib3, requests, httpx). This package brings the sockets with a
total deadline, the TLS trust, the choice of a proxy and the response limits. It also maps failures,
so that every transport gives the same error codes.
"""

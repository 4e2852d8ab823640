"""
Requests on the wire, on time: what every transport on blocking sockets shares.

A transport plugin brings a stack (urllib3, requests, httpx); this package brings the sockets that
keep to one total deadline, the trust, the choice of a proxy, the limits of an answer, and the one
reading of failures that gives every transport the same error codes.
"""

"""
What an adapter promises, as tests that every adapter passes, ours and strangers'.

    class TestMyTransport(TransportContract):
        def build_transport(self, **options):
            return MyTransport(**options)
"""

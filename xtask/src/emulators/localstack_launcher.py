"""Starts LocalStack on loopback only, with the bodies of objects where the first argument says."""

import sys

from twisted.internet import endpoints

Endpoint = endpoints.TCP4ServerEndpoint


def on_loopback(reactor, port, **settings):
    # LocalStack drops the host it was told to listen on.
    return Endpoint(reactor, port, **{**settings, "interface": "127.0.0.1"})


endpoints.TCP4ServerEndpoint = on_loopback

from localstack.services.s3.storage import ephemeral  # noqa: E402

begin = ephemeral.EphemeralS3ObjectStore.__init__


def in_own_folder(self, root_directory=None):
    # Its own folder is hard-coded, so that two LocalStacks on one machine would share it.
    begin(self, sys.argv[1])


ephemeral.EphemeralS3ObjectStore.__init__ = in_own_folder

from localstack.runtime.main import main  # noqa: E402

main()

"""One transfer by boto3 with its defaults: `put` or `get`, endpoint, bucket, bytes. Prints its seconds."""

import sys
import time

import boto3

what, endpoint, bucket, size = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
PIECE = 1 << 20


class Source:
    """Bytes from memory, cut from a few MiB of noise; read once, as a stream is."""

    def __init__(self, size):
        import random

        self.noise = memoryview(random.Random(1).randbytes(8 * PIECE))
        self.left = size

    def read(self, length=-1):
        length = self.left if length is None or length < 0 else min(length, self.left)
        self.left -= length
        whole, rest = divmod(length, len(self.noise))
        return b"".join([self.noise] * whole + [self.noise[:rest]])


class Sink:
    """Counts what is written in order."""

    def __init__(self):
        self.seen = 0

    def write(self, data):
        self.seen += len(data)
        return len(data)


client = boto3.client("s3", endpoint_url=endpoint)
if what == "put":
    source = Source(size)
    began = time.perf_counter()
    client.upload_fileobj(source, bucket, "boto3.bin")
else:
    sink = Sink()
    began = time.perf_counter()
    client.download_fileobj(bucket, "boto3.bin", sink)
    assert sink.seen == size, f"{size} bytes were stored, {sink.seen} came back"
print(time.perf_counter() - began)

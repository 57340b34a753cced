"""Stores and loads assets with Dagster's own I/O managers, called or in runs.

Arguments: `store` or `load`, then `fs` or `run` with `<base directory>`, or `s3`, `gcs` or `adls2` with `<endpoint> <bucket> <prefix>`.
Standard input has the assets as JSON: a list of [key segments, partition or null, value as Python source]. A partition is a list of [dimension, value].
`load` prints what was loaded, as Python source, each on a line.
"""
import datetime
import json
import sys

from dagster import (
    AssetIn, AssetKey, AssetSpec, DagsterInstance, DagsterType, FilesystemIOManager, MultiPartitionKey, MultiPartitionsDefinition, PartitionKeyRange,
    StaticPartitionsDefinition, asset, build_input_context, build_output_context, materialize,
)
from dagster._core.storage.fs_io_manager import PickledObjectFilesystemIOManager

what, where, *place = sys.argv[1:]
entries = json.loads(sys.stdin.read())


def manager():
    if where == "fs":
        return PickledObjectFilesystemIOManager(base_dir=place[0])
    if where == "gcs":
        from dagster_gcp.gcs.io_manager import PickledObjectGCSIOManager
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage
        client = storage.Client(project="larder", credentials=AnonymousCredentials(),
                                client_options={"api_endpoint": place[0]})
        return PickledObjectGCSIOManager(place[1], client, prefix=place[2])
    if where == "adls2":
        from azure.storage.blob import BlobServiceClient
        from azure.storage.filedatalake import DataLakeLeaseClient, DataLakeServiceClient
        from dagster_azure.adls2.io_manager import PickledObjectADLS2IOManager
        # Nobody checks its signatures.
        names = {"account_url": place[0], "credential": "bm90aGluZw=="}
        return PickledObjectADLS2IOManager(place[1], DataLakeServiceClient(**names), BlobServiceClient(**names),
                                           DataLakeLeaseClient, prefix=place[2])
    import boto3
    from dagster_aws.s3.io_manager import PickledObjectS3IOManager
    client = boto3.client("s3", endpoint_url=place[0], aws_access_key_id="test", aws_secret_access_key="test",
                          region_name="us-east-1")
    return PickledObjectS3IOManager(place[1], client, s3_prefix=place[2])


def shown(value):
    """Source of a value, with sets in order."""
    if isinstance(value, (set, frozenset)):
        inner = ", ".join(sorted(map(shown, value)))
        return f"{type(value).__name__}([{inner}])"
    if isinstance(value, list):
        return "[" + ", ".join(map(shown, value)) + "]"
    if isinstance(value, tuple):
        return "(" + "".join(shown(item) + ", " for item in value) + ")"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{shown(key)}: {shown(item)}" for key, item in value.items()) + "}"
    return repr(value)


def value(entry):
    return eval(entry[2], {"datetime": datetime, "float": float})


def partitions(entry):
    """The definition and the key, as an asset of Dagster has them."""
    dimensions = entry[1]
    if dimensions is None:
        return None, None
    if len(dimensions) == 1:
        value = dimensions[0][1]
        return StaticPartitionsDefinition([value]), value
    definition = MultiPartitionsDefinition({name: StaticPartitionsDefinition([value]) for name, value in dimensions})
    return definition, MultiPartitionKey(dict(dimensions))


def called(entry):
    """Calls the manager itself."""
    definition, partition = partitions(entry)
    key = AssetKey(entry[0])
    if what == "store":
        with build_output_context(asset_key=key, partition_key=partition, asset_partitions_def=definition) as context:
            io.handle_output(context, value(entry))
        return
    with build_output_context(asset_key=key, partition_key=partition, asset_partitions_def=definition) as upstream, \
         build_input_context(asset_key=key, partition_key=partition, asset_partition_key_range=PartitionKeyRange(partition, partition) if partition else None,
                             asset_partitions_def=definition, upstream_output=upstream, instance=instance, dagster_type=anything) as context:
        print(shown(io.load_input(context)))


def ran(entry):
    """Runs an asset with the manager, or one that takes it."""
    definition, partition = partitions(entry)
    key = AssetKey(entry[0])
    run = {"partition_key": partition, "resources": {"io_manager": FilesystemIOManager(base_dir=place[0])}, "instance": instance}
    if what == "store":
        @asset(key=key, partitions_def=definition)
        def made():
            return value(entry)

        assert materialize([made], **run).success
        return
    found = []

    @asset(key=["takes", *entry[0]], ins={"it": AssetIn(key)}, partitions_def=definition)
    def takes(it):
        found.append(shown(it))

    assert materialize([AssetSpec(key, partitions_def=definition), takes], selection=[takes], **run).success
    print(*found)


instance = DagsterInstance.ephemeral()
# The manager of ADLS2 asks what an input is to be.
anything = DagsterType(lambda _, value: True, name="Anything")
io = None if where == "run" else manager()
for entry in entries:
    ran(entry) if where == "run" else called(entry)

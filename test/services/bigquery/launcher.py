"""Starts bqemulator 1.4.0 without internet, with what its Storage Write API lacks. Arguments are those of `bqemulator start`."""

import os
import sys

os.environ.setdefault("BQEMU_ENABLE_FORMAT_EXTENSIONS", "false")

from bqemulator import __version__
from bqemulator.api.routes import tabledata
from bqemulator.domain.events import TableDataChanged
from bqemulator.grpc_api import write_servicer
from bqemulator.storage import engine
from bqemulator.versioning import snapshots

assert __version__ == "1.4.0", f"written for 1.4.0, this is {__version__}"

# DuckDB's extension for GEOGRAPHY would be downloaded. We have no such columns.
engine.DuckDBEngine._load_spatial = lambda self: None

# On AppendRows the children of RECORD columns are dropped; insertAll builds the schema in full.
write_servicer._table_arrow_schema = lambda table: tabledata._build_arrow_schema(
    tabledata._fields_raw_from_schema(table.schema_.fields)
)


# Every write copies the whole table, for FOR SYSTEM_TIME AS OF: 3 GB at 50,000 rows.
def _no_copy(self, project, dataset, table):
    self._events.publish(TableDataChanged(project, dataset, table))


snapshots.SnapshotManager.record_change = _no_copy

from bqemulator.cli import main  # noqa: E402

sys.argv = ["bqemulator", "start", *sys.argv[1:]]
main()

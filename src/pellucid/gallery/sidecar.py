"""The JSON beside a result; see `pellucid.base.sidecar`."""

from ..base.sidecar import embedded as embedded
from ..base.sidecar import file_sha256 as file_sha256
from ..base.sidecar import made_by as made_by
from ..base.sidecar import of_descent as of_descent
from ..base.sidecar import sidecar_path as sidecar_path
from ..base.sidecar import versions as versions
from ..base.sidecar import write_sidecar as write_sidecar

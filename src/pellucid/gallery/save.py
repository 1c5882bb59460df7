"""A result on disk; see `pellucid.base.save`."""

from ..base.save import check_figure as check_figure
from ..base.save import check_file as check_file
from ..base.save import check_free as check_free
from ..base.save import check_writable as check_writable
from ..base.save import save as save

"""The studio: its settings, and what its requests share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..zoo.checksum import cache_folder
from .kept.folders import state_folder
from .kept.models import Models, Report
from .kept.names import Names
from .kept.sessions import Sessions
from .runs.job import Job
from .runs.jobs import Jobs
from .runs.threads import use_one_core

if TYPE_CHECKING:
    from .runs.units import Units
    from .schema import JobBody


@dataclass(frozen=True)
class Settings:
    """How a studio is started.

    Attributes:
        model: the classifier that is loaded at once.
        models: further ones to offer; paths are taken from here only.
        data: a data set in which to look for activating images, if any.
        device, precision: how networks run.
    """

    model: str = "natural20-l2-2.0"
    models: Sequence[str] = ()
    data: str | None = None
    device: str = "auto"
    precision: str = "auto"


class Studio:
    """Everything behind the page. Nothing heavy is imported until `open` does it in a thread of its own.

    Attributes:
        decoder: decodes the uploaded photos, one at a time. It is one thread because memory that a thread has freed can
            stay with that thread: twenty threads would keep the memory of twenty photos.
    """

    def __init__(self, settings: Settings | None = None):
        self.settings = settings or Settings()
        self.models = Models(self.settings.model, self.settings.models, self.settings.device)
        self.sessions = Sessions(state_folder() / "sessions")
        self.names = Names(state_folder() / "names")
        self.jobs = Jobs(self._idle)
        self.decoder = ThreadPoolExecutor(1, initializer=use_one_core)
        self._units: Units | None = None
        self._lock = threading.Lock()

    def open(self) -> None:
        """Begin to load, and to work."""
        self.jobs.start()
        threading.Thread(target=self.models.begin, args=[_preload], name="studio-loader", daemon=True).start()

    def close(self) -> None:
        """Stop what runs."""
        self.decoder.shutdown(wait=False, cancel_futures=True)
        self.jobs.close()

    @property
    def units(self) -> Units:
        """The units; call it once the library is imported."""
        from .runs.units import Units

        with self._lock:
            if self._units is None:
                self._units = Units(cache_folder() / "studio", self.settings.data)
            return self._units

    def submit(self, body: JobBody) -> Job:
        """Check what was posted, and queue it."""
        from .runs.order import Machine, order

        loaded = self.models.get(body.model)
        machine = Machine(self.settings.device, self.settings.precision)
        checked = order(body, loaded, machine)
        asked = {"label": checked.call.label, "unit": checked.call.unit, "seed": checked.call.seed}
        asked |= {"settings": body.settings, "factor": body.factor}
        job = Job(body.tab, body.action, body.model, checked.work, name=checked.name, asked=asked, about=checked)
        return self.jobs.submit(job)

    def _idle(self, busy: Callable[[], bool]) -> bool:
        return self._units is not None and self._units.work(busy)


def _preload(report: Report) -> None:
    """Import the library and all actions, and make their forms.

    No request makes a form: up to Python 3.11.7, `ast.parse` in two threads at once can raise a `SystemError`
    (github.com/python/cpython/issues/106905).
    """
    use_one_core()
    report("importing", 0.5)
    from .runs.actions import ACTIONS
    from .runs.form import form

    report("importing", 0.9)
    for action in ACTIONS.values():
        form(type(action.recipe))

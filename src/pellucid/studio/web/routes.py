"""The routes, which are the page's interface to the studio. A GET changes nothing: it loads no classifier."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi import Path as InPath
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException

from ... import __version__
from ..runs.job import Job
from ..schema import ID, JobBody, ModelBody, SeeBody, Session, StartBody, UnitNameBody, check_base64
from ..studio import Studio
from ..validation import Kind, parsed
from .stream import events, loading

router = APIRouter(prefix="/api")
LINES = "application/x-ndjson"


def posted(kind: type[Kind]) -> Callable[[Request], Any]:
    """A dependency that reads and checks a request's body, in a thread because a session is large."""

    async def read(request: Request):
        return await run_in_threadpool(parsed, kind, await request.body())

    return read


def the_studio(request: Request) -> Studio:
    """The studio of the application."""
    return request.app.state.studio


def the_job(request: Request, job: str) -> Job:
    """A job by its id."""
    found = the_studio(request).jobs.find(job)
    if found is None:
        raise HTTPException(404, "there is no such run, or no longer")
    return found


def the_finished_job(request: Request, job: str) -> Job:
    """A job that has an image."""
    found = the_job(request, job)
    if found.image is None:
        raise HTTPException(404, "this run has no result")
    return found


Here = Annotated[Studio, Depends(the_studio)]
Found = Annotated[Job, Depends(the_job)]
Finished = Annotated[Job, Depends(the_finished_job)]
Id = Annotated[str, InPath(pattern=ID)]
Number = Annotated[int, InPath(ge=0, lt=2**31)]
Name = Annotated[str, Query(max_length=200)]


@router.get("/state")
async def state(studio: Here) -> JSONResponse:
    """How far the studio has started."""
    return JSONResponse({**studio.models.state(), "version": __version__})


@router.get("/models")
def models(studio: Here) -> JSONResponse:
    """The classifiers to choose from."""
    studio.models.here(studio.settings.model)
    return JSONResponse({"models": studio.models.offered()})


@router.post("/models")
def load(studio: Here, body: Annotated[ModelBody, Depends(posted(ModelBody))]) -> Response:
    """Load a classifier; a stream of its progress."""
    studio.models.get(studio.settings.model)
    return StreamingResponse(loading(studio.models, body.name), media_type=LINES)


@router.get("/classifier")
def classifier(studio: Here, model: Name) -> JSONResponse:
    """One classifier."""
    return JSONResponse(studio.models.here(model).described())


@router.get("/actions")
def actions(studio: Here, model: Name) -> JSONResponse:
    """The actions of a classifier, with their forms."""
    loaded = studio.models.here(model)
    from ..runs.order import catalog

    return JSONResponse({"actions": catalog(loaded.classifier)})


@router.post("/start")
def start(studio: Here, body: Annotated[StartBody, Depends(posted(StartBody))]) -> JSONResponse:
    """A picture to begin with."""
    loaded = studio.models.get(body.model)
    from ..kept.pictures import message
    from ..runs.start import beginning

    return JSONResponse(message(beginning(loaded, body.kind, body.label, body.seed)))


@router.post("/photo")
async def photo(
    request: Request,
    studio: Here,
    model: Name,
    size: Literal["fit", "keep"] = "fit",
    at: Annotated[float, Query(ge=0, le=1)] = 0.5,
) -> JSONResponse:
    """An uploaded photo as a picture: whole, or a square `at` this share of the way along its longer side."""
    data = await request.body()
    side = (await run_in_threadpool(studio.models.get, model)).side

    def read() -> dict[str, object]:
        from ..kept.pictures import message, photo

        return message(photo(data, size, side, at))

    return JSONResponse(await asyncio.wrap_future(studio.decoder.submit(read)))


@router.post("/see")
async def see(studio: Here, body: Annotated[SeeBody, Depends(posted(SeeBody))]) -> JSONResponse:
    """What a classifier in memory sees in a picture: one pass, in the thread that decodes photos."""

    def look() -> list[tuple[str, float]]:
        from ..kept.pictures import decoded
        from ..runs.frames import likeliest, probabilities

        classifier = studio.models.here(body.model).classifier
        return likeliest(classifier, probabilities(classifier, decoded(check_base64(body.picture))))

    return JSONResponse({"top": await asyncio.wrap_future(studio.decoder.submit(look))})


@router.post("/jobs")
def submit(studio: Here, body: Annotated[JobBody, Depends(posted(JobBody))]) -> JSONResponse:
    """Queue a run."""
    job = studio.submit(body)
    return JSONResponse({"job": job.id, "place": job.place})


@router.get("/jobs")
def jobs(studio: Here, tab: Annotated[str, Query(pattern=ID)]) -> JSONResponse:
    """A tab's runs."""
    return JSONResponse({"jobs": [job.summary() for job in studio.jobs.of(tab)]})


@router.get("/jobs/{job}/events")
async def listen(found: Found, after: Annotated[int, Query(ge=-1)] = -1) -> Response:
    """A stream of what happens to a run."""
    return StreamingResponse(events(found, after), media_type=LINES)


@router.post("/jobs/{job}/stop")
def stop(studio: Here, found: Found) -> JSONResponse:
    """End a run."""
    studio.jobs.stop(found)
    return JSONResponse({})


@router.get("/jobs/{job}/result.png")
def result(found: Finished) -> Response:
    """The image of a run."""
    return _download(found.image, "image/png", f"{found.name}.png")


@router.get("/jobs/{job}/result.json")
def sidecar(found: Finished) -> Response:
    """The sidecar of a run, from which `pellucid rerun` repeats it."""
    text = json.dumps(found.about.sidecar(found), indent=1) + "\n"
    return _download(text.encode(), "application/json", f"{found.name}.json")


@router.get("/jobs/{job}/result.gif")
def animation(found: Finished) -> Response:
    """The frames of a run as a GIF."""
    from ..kept.pictures import gif

    return _download(gif([frame.png for frame in found.frames]), "image/gif", f"{found.name}.gif")


@router.get("/jobs/{job}/frames/{number}.png")
def frame(found: Found, number: Number) -> Response:
    """One of a run's frames."""
    for frame in found.frames:
        if frame.number == number:
            return Response(frame.png, media_type="image/png")
    raise HTTPException(404, "there is no such frame, or no longer")


@router.get("/units")
def units(studio: Here, model: Name) -> JSONResponse:
    """The units of a classifier."""
    loaded = studio.models.here(model)
    listed = studio.units.listed(loaded, studio.names.of(loaded.sha256))
    studio.jobs.nudge()
    return JSONResponse({"units": listed, "data": studio.settings.data})


@router.get("/units/{unit}/thumbnail.png")
def thumbnail(studio: Here, unit: Number, model: Name, small: bool = False) -> Response:
    """A unit's thumbnail; 202 while it is still to be made."""
    loaded = studio.models.here(model)
    loaded.check_unit(unit)
    png = studio.units.thumbnail(loaded, unit, small)
    if png is None:
        studio.jobs.nudge()
        return JSONResponse({}, 202)
    return Response(png, media_type="image/png")


@router.get("/units/{unit}/images")
def unit_images(studio: Here, unit: Number, model: Name) -> JSONResponse:
    """The images that activate a unit most."""
    loaded = studio.models.here(model)
    loaded.check_unit(unit)
    found = studio.units.images(loaded, unit)
    studio.jobs.nudge()
    return JSONResponse(found)


@router.put("/units/{unit}/name")
def name_unit(studio: Here, unit: Number, body: Annotated[UnitNameBody, Depends(posted(UnitNameBody))]) -> JSONResponse:
    """Name a unit."""
    loaded = studio.models.get(body.model)
    loaded.check_unit(unit)
    studio.names.give(loaded.sha256, unit, body.name)
    return JSONResponse({})


@router.get("/sessions")
def sessions(studio: Here, search: Name = "") -> JSONResponse:
    """The saved sessions whose titles hold the words, newest first."""
    return JSONResponse({"sessions": studio.sessions.found(search)})


@router.post("/sessions/check")
def check_session(body: Annotated[Session, Depends(posted(Session))]) -> Response:
    """A session file, checked."""
    return Response(body.model_dump_json(exclude_unset=True), media_type="application/json")


@router.put("/sessions/{id}")
def save_session(studio: Here, id: Id, body: Annotated[Session, Depends(posted(Session))]) -> JSONResponse:
    """Save a session."""
    studio.sessions.save(id, body)
    return JSONResponse({})


@router.get("/sessions/{id}")
def session(studio: Here, id: Id) -> JSONResponse:
    """A saved session."""
    found = studio.sessions.load(id)
    if found is None:
        raise HTTPException(404, "there is no such session")
    return JSONResponse(found)


@router.delete("/sessions/{id}")
def delete_session(studio: Here, id: Id) -> JSONResponse:
    """Delete a session."""
    if not studio.sessions.delete(id):
        raise HTTPException(404, "there is no such session")
    return JSONResponse({})


def _download(content: bytes | None, kind: str, name: str) -> Response:
    return Response(content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
